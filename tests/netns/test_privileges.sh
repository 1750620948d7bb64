#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What it takes to run pping, as whom, and what it gives up once it runs: by the systemd
# unit's own settings, from file capabilities, as root.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin curl setcap prlimit

OUT=$LAB_TMP/pping
UNIT=$LAB_TOP/systemd/pping@.service.in
SOMEBODY=61184 # as DynamicUser= would choose
FILTER=2 # Seccomp in /proc/PID/status
! "$PPING" --version | grep -q 'without libseccomp' || FILTER=0

# status NAME: a field of the process's
status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$PPING_PID/status"; }

# kept MASK: exactly these capabilities, in hexadecimal digits, and no way to more
kept() {
    grep -E '^(Cap|NoNew|Sec)' "/proc/$PPING_PID/status"
    [ "$(status CapPrm)" = "$1" ] || fail "other capabilities than $1"
    [ "$(status CapEff)" = "$1" ] || fail "other effective ones than $1"
    [ "$((16#$(status CapInh) | 16#$(status CapAmb)))" = 0 ] || fail "some can be inherited"
    [ "$(status NoNewPrivs)" = 1 ] || fail "new privileges are possible"
    [ "$(status Seccomp)" = $FILTER ] || fail "no filter"
}
NONE=0000000000000000
NET_ADMIN=0000000000001000
DAC_OVERRIDE=0000000000000002
DAC_READ_SEARCH=0000000000000004
IPC_LOCK=0000000000004000

anybodys() {
    cp "$PPING" "$LAB_TMP/anybodys"
    chmod 755 "$LAB_TMP/anybodys"
    PPING=$LAB_TMP/anybodys
}

# with_three PREFIX... -- ARG...: as somebody, with the unit's capabilities
with_three() {
    local caps
    caps=-all$(sed -n 's/^AmbientCapabilities=//p' "$UNIT" | tr '[:upper:]' '[:lower:]' | sed 's/ *cap_/,+/g')
    AS_UNIT=(setpriv --reuid $SOMEBODY --regid $SOMEBODY --clear-groups --no-new-privs
        "--inh-caps=$caps" "--ambient-caps=$caps" "--bounding-set=$caps" "$@")
}

monitored() { grep -q 'is being monitored' "$OUT.err"; }
# it is confined right behind that line
filtered() { [ "$(status NoNewPrivs)$(status Seccomp)" = 1$FILTER ]; }
confined() { lab_until 5 monitored && lab_until 5 filtered; }

pings() { lab_in c ping -q -c "$1" -i 0.05 -W 1 "$SERVER4" >/dev/null; }
not_refused() { ! grep 'sandbox refused' "$OUT.err" || fail "a system call was refused"; }
ended() {
    pping_stop "$@"
    not_refused
}

# --- by experiment -------------------------------------------------------------------

# The table of the docs.
minimum_of_each_hook() { "$LAB_TOP/tests/kernels/privileges.sh" -a "$PPING"; }

# More than the limit of locked memory: told, with what to do.
event_buffer_and_the_limit() {
    local result=0
    anybodys
    with_three prlimit --memlock=8388608 "$PPING" -i r0 -C --event-buffer 262144
    lab_spawn r "$OUT" "${AS_UNIT[@]}"
    lab_wait "$LAB_PID" 5 || result=$?
    cat "$OUT.err"
    [ "$result" = 1 ]
    [ "$(wc -l <"$OUT.err")" = 1 ]
    grep -q 'RLIMIT_MEMLOCK.*--event-buffer' "$OUT.err"
}

# root of a container's user namespace
user_namespace() {
    local result=0
    lab_spawn r "$OUT" unshare --user --map-root-user "$PPING" -i r0
    lab_wait "$LAB_PID" 5 || result=$?
    cat "$OUT.err"
    [ "$result" = 1 ]
    [ "$(wc -l <"$OUT.err")" = 1 ]
    grep -q 'user namespace' "$OUT.err"
}

# --- as the unit runs it ---------------------------------------------------------------

# The unit's user, capabilities and limits, its options and more: a real flow measured, the
# interface gone and back, files rotated, a command for each, metrics, signals.
as_the_unit() {
    local dir=$LAB_TMP/state options files limits=(--core=0)
    case_cleanup() { lab_link_anew; }
    anybodys
    install -d -o $SOMEBODY -m 750 "$dir" "$LAB_TMP/copies"
    options=$(sed -n 's/^Environment="PPING_OPTIONS=\(.*\)"/\1/p' "$UNIT" | sed 's/%%/%/g')
    grep -q -- '-F jsonl -w ' <<<"$options" || fail "the unit has other options"
    # it takes CAP_SYS_RESOURCE
    ! prlimit --memlock=unlimited true 2>/dev/null || limits+=(--memlock=unlimited)
    # shellcheck disable=SC2016,SC2086 # for the shell of pping; several words
    with_three env -C "$dir" "$PPING" -i r0 $options \
        --rotate-interval 1 -TC -r 0 --metrics 9100 --on-rotate \
        'grep -E "^(Cap(Prm|Eff|Amb)|Seccomp:)" /proc/self/status >'"$LAB_TMP"'/copies/status; cp "$1" '"$LAB_TMP/copies"
    lab_spawn r "$OUT" prlimit "${limits[@]}" "${AS_UNIT[@]}"
    PPING_PID=$LAB_PID PPING_NS=r PPING_IF=r0 PPING_OUT=$OUT
    confined || fail "$(cat "$OUT.err")"
    kept $NONE
    iperf_load 4 2 2
    lab_in r curl -fsS http://127.0.0.1:9100/metrics | has '^pping_rtt_seconds_count{.*} [1-9]'
    lab_in r ip link del r0
    lab_until 2 grep -q 'waiting for its return' "$OUT.err"
    lab_link_client
    LAB_PID=$PPING_PID wait_attached r r0
    lab_until 3 pings 3
    kill -HUP "$PPING_PID"
    kill -USR1 "$PPING_PID"
    lab_until 2 grep -q 'sandbox  capabilities: none; system calls: ' "$OUT.err"
    pings 3
    sleep 1.2
    kept $NONE
    ended
    files=("$dir"/*.jsonl.gz)
    [ ${#files[@]} -ge 4 ] || fail "files: ${files[*]}"
    [ "$(stat -c %u "${files[0]}")" = $SOMEBODY ]
    zcat "${files[@]}" | grep -c '"rtt"' | {
        read -r rtts
        echo "$rtts RTTs in ${#files[@]} files"
        [ "$rtts" -gt $((IPERF_BLOCKS / 2)) ]
    }
    zcat "${files[@]}" | has '"protocol":"ICMP".*"rtt"'
    for file in "${files[@]}"; do cmp "$file" "$LAB_TMP/copies/${file##*/}"; done
    # the commands measure nothing, and are not filtered
    [ "$(grep -c "^Cap.*$NONE" "$LAB_TMP/copies/status")" = 3 ] || cat "$LAB_TMP/copies/status"
    [ "$(grep -c "^Cap.*$NONE" "$LAB_TMP/copies/status")" = 3 ]
    grep -q '^Seccomp:.*0' "$LAB_TMP/copies/status"
    ! grep -- '--on-rotate' "$OUT.err" || fail "commands failed"
}

lab_link_anew() {
    lab_in r ip link del r0 2>/dev/null
    lab_link_client
    lab_until 3 lab_in c ping -q -c 1 -W 0.2 "$SERVER4"
}

# clsact filters that a killed run left are ours to remove without root, too.
leftovers_without_root() {
    export PPING_NO_TCX=1
    anybodys
    with_three "$PPING" -i r0 -C
    lab_spawn r "$OUT" "${AS_UNIT[@]}"
    PPING_PID=$LAB_PID PPING_NS=r PPING_IF=r0 PPING_OUT=$OUT
    confined
    kept $NET_ADMIN
    kill -KILL "$PPING_PID"
    wait "$PPING_PID" || true
    [ "$(attached r r0 | grep -c ' pping_')" = 2 ] || fail "nothing was left: nothing is tested"
    lab_spawn r "$OUT" "${AS_UNIT[@]}"
    PPING_PID=$LAB_PID
    confined
    [ "$(attached r r0 | grep -c ' pping_')" = 2 ] || fail "the leftovers are there"
    pings 2
    sleep 0.2
    ended
    grep -q 10.11 "$OUT"
    ! lab_in r tc qdisc show dev r0 | grep clsact || fail "a qdisc is left"
}

# setcap, as the docs say, and started by anybody
file_capabilities() {
    local copy
    copy=$(mktemp -d) # LAB_TMP may be mounted nosuid
    case_cleanup() { rm -rf "$copy"; }
    chmod 755 "$copy"
    cp "$PPING" "$copy/pping"
    PPING=$copy/pping
    # shellcheck disable=SC2046 # as it stands there
    setcap $(sed -n 's/^sudo setcap \([^ ]*\) .*/\1/p' "$LAB_TOP/README.md") "$PPING" ||
        skip "no file capabilities here"
    lab_spawn r "$OUT" setpriv --reuid $SOMEBODY --regid $SOMEBODY --clear-groups "$PPING" -i r0 -C
    PPING_PID=$LAB_PID PPING_NS=r PPING_IF=r0 PPING_OUT=$OUT
    lab_until 5 monitored || skip "file capabilities are not heeded here: $(cat "$OUT.err")"
    confined
    kept $NONE
    pings 2
    sleep 0.2
    ended
    grep -q 10.11 "$OUT"
}

# --- as root ---------------------------------------------------------------------------

# root_keeps MASK OPTION...
root_keeps() {
    local mask=$1
    shift
    pping_start r r0 "$OUT" -C -r 0 "$@"
    confined
    kept "$mask"
    [ "$((16#$(status CapBnd) & ~16#$mask))" = 0 ] || fail "the bounding set"
    pings 2
    sleep 0.2
    ended
    grep -q 'sandbox  ' "$OUT.err"
}

root_keeps_for_clsact() {
    export PPING_NO_TCX=1
    root_keeps $NET_ADMIN
}

# As root, into a directory of somebody else's, from one file to the next.
root_writes_anywhere() {
    local dir=$LAB_TMP/somebodys
    install -d -o $SOMEBODY -m 755 "$dir"
    pping_start r r0 "$OUT" -C -r 0 -F jsonl -w "$dir/%S.jsonl" --rotate-interval 1
    confined
    kept $DAC_OVERRIDE
    lab_in c ping -q -c 15 -i 0.2 -W 1 "$SERVER4" >/dev/null
    ended
    [ "$(ls "$dir" | wc -l)" -ge 3 ] || fail "$(ls "$dir")"
    ! ls "$dir" | grep part
}

# A list that root alone may read, for its rights only: read again when everything else is given up.
root_reads_lists_again() {
    local list=$LAB_TMP/list
    echo 192.0.2.1 >"$list"
    chown $SOMEBODY "$list"
    chmod 600 "$list"
    pping_start r r0 "$OUT" -C -r 0 --exclude-file "$list"
    confined
    kept $DAC_READ_SEARCH
    printf '%s\n' 192.0.2.1 "$SERVER4" >"$list"
    kill -HUP "$PPING_PID"
    lab_until 3 grep -q 'read again: 0 entries to include, 2 to exclude' "$OUT.err" ||
        fail "$(cat "$OUT.err")"
    pings 2
    sleep 0.2
    ended
    ! grep "$SERVER4" "$OUT" || fail "the new list does not hold"
}

# ... also with the other right that lets it, where that is the one there is.
lists_again_by_the_other_right() {
    local list=$LAB_TMP/list2
    echo 192.0.2.1 >"$list"
    chown $SOMEBODY "$list"
    chmod 600 "$list"
    lab_spawn r "$OUT" setpriv --bounding-set=-dac_read_search --inh-caps=-dac_read_search \
        "$PPING" -i r0 -C --exclude-file "$list"
    PPING_PID=$LAB_PID PPING_NS=r PPING_IF=r0 PPING_OUT=$OUT
    confined
    kept $DAC_OVERRIDE
    kill -HUP "$PPING_PID"
    lab_until 3 grep -q 'read again: 0 entries to include, 1 to exclude' "$OUT.err"
    ended
}

# ... and with the one that writing has kept.
root_writes_and_reads_lists_again() {
    local dir=$LAB_TMP/lists
    install -d -o $SOMEBODY -m 700 "$dir"
    echo 192.0.2.0/24 >"$dir/list"
    chmod 600 "$dir/list"
    chown $SOMEBODY "$dir/list"
    lab_spawn r "$OUT" "$PPING" -i r0 -C -r 0 --exclude-file "$dir/list" -w "$LAB_TMP/written"
    PPING_PID=$LAB_PID PPING_NS=r PPING_IF=r0 PPING_OUT=$OUT
    confined
    kept $DAC_OVERRIDE
    echo 198.51.100.0/24 >>"$dir/list"
    kill -HUP "$PPING_PID"
    lab_until 3 grep -q 'read again: 0 entries to include, 2 to exclude' "$OUT.err"
    ended
}

no_sandbox() {
    pping_start r r0 "$OUT" -C -r 0 --no-sandbox
    lab_until 5 monitored
    pings 2
    [ "$(status CapPrm)" = "$(sed -n 's/^CapPrm:[[:space:]]*//p' /proc/self/status)" ]
    [ "$(status NoNewPrivs)$(status Seccomp)" = 00 ]
    ended
    grep -q 'sandbox  none' "$OUT.err"
}

# A stranger's file is read without any rights.
captures_too() {
    local fd
    mkfifo "$LAB_TMP/capture"
    lab_spawn - "$OUT" "$PPING" --read "$LAB_TMP/capture"
    PPING_PID=$LAB_PID
    exec {fd}>"$LAB_TMP/capture"
    # a pcap header: no packet yet
    printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0' >&"$fd"
    lab_until 5 filtered
    kept $NONE
    exec {fd}>&-
    lab_wait "$PPING_PID" 5
    not_refused
}

lab_up || exit 1
case_run minimum_of_each_hook minimum_of_each_hook
lab_let_perf
case_run event_buffer_and_the_limit event_buffer_and_the_limit
case_run user_namespace_is_told user_namespace
case_run as_the_unit_runs_it as_the_unit
case_run leftovers_without_root leftovers_without_root
case_run file_capabilities file_capabilities
case_run root_gives_up_tcx root_keeps $NONE
case_run root_gives_up_xdp root_keeps $NONE -I xdp
case_run root_gives_up_clsact root_keeps_for_clsact
case_run root_gives_up_with_rules_but_no_list root_keeps $NONE --exclude 192.0.2.1
case_run root_gives_up_while_anonymizing root_keeps $IPC_LOCK --anonymize ipcrypt
case_run root_writes_anywhere root_writes_anywhere
case_run root_reads_lists_again root_reads_lists_again
case_run lists_again_by_the_other_right lists_again_by_the_other_right
case_run root_writes_and_reads_lists_again root_writes_and_reads_lists_again
case_run no_sandbox_keeps_all no_sandbox
case_run captures_are_read_without_rights captures_too
lab_end
