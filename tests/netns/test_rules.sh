#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --include and --exclude on real traffic: nothing of hosts that are left out is in a BPF map while
# pping runs, nor in what it writes; also when a list changes.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin curl tcpdump zstd

OUT4=10.11.2.51 OUT6=fd00:11:2::51 # of two more hosts, behind the server's interface
PORT=8080 # chat.py's

maps() { "$PYTHON" "$LAB_DIR/maps.py" "$PPING_PID" "$@"; }

privacy() { "$PYTHON" "$LAB_DIR/privacy.py" "$@"; }

# chat SECONDS: TCP with all four, in the background; its pid in CHAT_PID
chat() {
    lab_spawn - "$LAB_TMP/chat" "$PYTHON" "$LAB_DIR/chat.py" "$LAB_NETNS-c" "$LAB_NETNS-s" "$1" 0.05 \
        "$SERVER4" "$SERVER6" "$OUT4" "$OUT6"
    CHAT_PID=$LAB_PID
}

pings() {
    local address
    for address in "$SERVER4" "$SERVER6" "$OUT4" "$OUT6"; do
        lab_in c ping -q -c 4 -i 0.05 -W 1 "$address"
    done
}

# watch PPING-OPTION...; JSONL gets what it says
watch() {
    rm -f "$JSONL"
    pping_start r r0 "$LAB_TMP/pping" -TC -r 0 -F jsonl -w "$JSONL" "$@"
}

# rtts ADDRESS [FILE]: how many it answered
rtts() { grep -c "\"src_ip\":\"$1\".*\"rtt\"" "${2:-$JSONL}" || true; }

# lacks REGEX1 REGEX2 FILE: no line matches both
lacks() {
    if grep "$1" "$3" | has "$2"; then
        return 1
    fi
}

# many FILE: a list of thousands, with the two
many() {
    {
        echo "# who asked not to be measured"
        "$PYTHON" -c 'for i in range(4000): print(f"172.{16 + i // 250}.{i % 250}.0/24\n2001:db8:{i:x}::/48")'
        echo "$OUT4  # by telephone"
        echo "$OUT6/128"
    } >"$1"
}

# excluded PPING-OPTION...: while it runs, with its maps as they are, and after
excluded() {
    many "$LAB_TMP/list"
    watch --exclude-file "$LAB_TMP/list" "$@"
    chat 1.5
    pings
    sleep 0.3
    maps none "$OUT4" "$OUT6"
    maps all "$SERVER4" "$SERVER6"
    lab_wait "$CHAT_PID" 5
    pping_stop
    grep -q "there are 0 entries to include, 8002 to exclude" "$PPING_OUT.err"
    grep -q ", [0-9]* left out by --include or --exclude" "$PPING_OUT.err"
    privacy scan none "$OUT4,$OUT6" "$JSONL" "$PPING_OUT.err"
    privacy scan all "$SERVER4,$SERVER6" "$JSONL"
}

# Entries are of real addresses, whatever becomes of these.
excluded_anonymized() {
    watch --exclude "$OUT4" --exclude "$OUT6" --anonymize ipcrypt --fields +src_scope --run-records
    chat 1
    lab_wait "$CHAT_PID" 5
    maps none "$OUT4" "$OUT6"
    pping_stop
    [ "$(grep -c '"opening"' "$JSONL")" = 2 ]
    sed -n 1p "$JSONL" | has '"include_rules":0,"exclude_rules":2'
    privacy scan none "$OUT4,$OUT6,$SERVER4,$SERVER6" "$JSONL" "$PPING_OUT.err"
}

# What it leaves out is counted, to the packet.
counted() {
    watch --exclude "$OUT4" -C --no-flow-events
    lab_in c ping -q -c 7 -i 0.05 "$OUT4"
    lab_in c ping -q -c 5 -i 0.05 "$SERVER4"
    sleep 0.2
    pping_stop
    grep -q ", 14 left out by --include or --exclude" "$PPING_OUT.err"
    [ "$(rtts "$SERVER4")" = 5 ]
}

included() {
    watch --include "$OUT4" --include "${OUT6%51}/64" --exclude "$SERVER6"
    chat 3
    pings
    maps none "$SERVER4" "$SERVER6"
    maps all "$OUT4" "$OUT6"
    lab_wait "$CHAT_PID" 5
    pping_stop
    privacy scan none "$SERVER4,$SERVER6" "$JSONL"
    [ "$(rtts "$OUT4")" -gt 10 ]
    [ "$(rtts "$OUT6")" -gt 10 ]
}

# A port is one of TCP: pings of the same host stay.
ports() {
    watch --exclude "$OUT4:$PORT" --exclude "[$OUT6]:$PORT" --exclude ":1"
    chat 1
    pings
    lab_wait "$CHAT_PID" 5
    pping_stop
    [ "$(grep -c '"TCP"' "$JSONL")" -gt 20 ]
    lacks '"TCP"' "$OUT4\|$OUT6" "$JSONL"
    [ "$(rtts "$OUT4")" = 4 ]
    [ "$(rtts "$OUT6")" = 4 ]
}

aggregated() {
    watch --exclude "$OUT4" --exclude "$OUT6" -a 1 -4 32 -6 64
    chat 1.5
    pings
    maps none "$OUT4"
    lab_wait "$CHAT_PID" 5
    pping_stop
    [ "$(grep -c "\"ip_prefix\":\"$SERVER4/32\"" "$JSONL")" -ge 1 ]
    privacy scan none "$OUT4,$OUT6" "$JSONL"
}

# A host that is entered while it is being measured is gone from then on; a bad list changes nothing.
reread() {
    local list=$LAB_TMP/reread
    echo "# nobody yet" >"$list"
    watch --exclude-file "$list" --run-records
    chat 20
    lab_until 5 grep -q "\"src_ip\":\"$OUT4\"" "$JSONL"
    maps all "$OUT4" "$OUT6" "$SERVER4"

    echo "$OUT4/33" >"$list.new" && mv "$list.new" "$list"
    kill -HUP "$PPING_PID"
    lab_until 5 grep -q "stay as they were" "$PPING_OUT.err"
    grep -q "reread:1: what is there has no length" "$PPING_OUT.err"
    maps all "$OUT4" "$OUT6"

    printf '%s\n' "$OUT4" "$OUT6" >"$list.new" && mv "$list.new" "$list"
    mv "$JSONL" "$JSONL.before"
    kill -HUP "$PPING_PID"
    lab_until 5 grep -q "read again: 0 entries to include, 2 to exclude" "$PPING_OUT.err"
    maps none "$OUT4" "$OUT6"
    maps all "$SERVER4" "$SERVER6"
    lab_until 5 grep -q "\"src_ip\":\"$SERVER4\".*rtt" "$JSONL"

    # and back
    echo "$OUT6" >"$list.new" && mv "$list.new" "$list"
    mv "$JSONL" "$JSONL.without"
    kill -HUP "$PPING_PID"
    lab_until 5 grep -q "read again: 0 entries to include, 1 to exclude" "$PPING_OUT.err"
    lab_until 5 grep -q "\"src_ip\":\"$OUT4\".*rtt" "$JSONL"
    maps none "$OUT6"
    lab_stop "$CHAT_PID" TERM || true
    pping_stop
    privacy scan all "$OUT4,$OUT6,$SERVER4" "$JSONL.before"
    privacy scan none "$OUT4,$OUT6" "$JSONL.without"
    privacy scan none "$OUT6" "$JSONL"
    # they were open, and their end is nobody's business
    sed -n 1p "$JSONL.without" | has '"include_rules":0,"exclude_rules":2'
    lacks . "$OUT6" "$PPING_OUT.err"
}

# A flow that says nothing more when its host is entered goes as well.
silent() {
    local list=$LAB_TMP/silent
    : >"$list"
    watch --exclude-file "$list" "$@"
    pings
    lab_until 5 grep -q "\"src_ip\":\"$OUT6\"" "$JSONL"
    maps all "$OUT4" "$OUT6" "$SERVER4"
    printf '%s\n' "$OUT4" "$OUT6" >"$list.new" && mv "$list.new" "$list"
    kill -HUP "$PPING_PID"
    lab_until 5 grep -q "read again: 0 entries to include, 2 to exclude" "$PPING_OUT.err"
    maps none "$OUT4" "$OUT6"
    maps all "$SERVER4" "$SERVER6"
    pping_stop
    lacks closing "$OUT4\|$OUT6" "$JSONL"
}

# Tens of thousands of flows leave at once: none stays, and none looks evicted.
many_leave() {
    local list=$LAB_TMP/leave mac
    case_cleanup() { lab_in r ip route del blackhole 10.11.66.0/24; }
    lab_tool flood
    lab_in r ip route add blackhole 10.11.66.0/24
    mac=$(lab_in r ip -br link show dev r0 | awk '{ print $3 }')
    : >"$list"
    watch --exclude-file "$list" --metrics 9100 -c 0
    # both directions of 30,000 forged flows, from 10.128.0.0/9
    lab_spawn c "$LAB_TMP/flood" "$LAB_BIN/flood" c0 "$mac" 10.11.66.1 60000 pair 20000
    lab_wait "$LAB_PID" 10 || fail "$(cat "$LAB_TMP/flood.err")"
    echo 10.128.0.0/9 >"$list.new" && mv "$list.new" "$list"
    kill -HUP "$PPING_PID"
    lab_until 5 grep -q "read again: 0 entries to include, 1 to exclude" "$PPING_OUT.err"
    lab_in r curl -fsS http://127.0.0.1:9100/metrics >"$LAB_TMP/metrics"
    metric pping_flows_seen_total 20000 31000
    metric pping_flows_evicted_total 0 0
    [ "$(sed -n 's/^pping_flows{.*"both"} //p' "$LAB_TMP/metrics")" -lt 100 ]
    pping_stop
    lacks . evicted "$PPING_OUT.err"
}

# metric NAME LEAST MOST
metric() {
    awk -v name="$1" -v least="$2" -v most="$3" 'index($1, name "{") == 1 { n++; value = $NF }
        END { print name, value; exit !(n == 1 && value >= least && value <= most) }' "$LAB_TMP/metrics"
}


judge() { "$PYTHON" "$LAB_DIR/judge.py" "$@"; }

# Each RTT of what lists let by is there, and no other one: against a capture that another judge
# has gone through. Lists change in the midst of it; and --read says the same of the capture.
judged() {
    local list=$LAB_TMP/judged talk when address
    printf '%s\n' 10.11.0.0/16 fd00:11:2::/64 "192.0.2.0/24:443" >"$list.include"
    printf '%s\n' "$OUT4:8080" "[fd00:11:2::52/127]:8443" "[$OUT6]:8443" 10.11.2.52/31 \
        "10.11.2.54/32:9" "$SERVER6" >"$list.exclude"
    printf '%s\n' "$OUT4" "10.11.2.52/31:8443" "[fd00:11:2::52/127]:8080" >"$list.exclude2"
    printf '%s\n' :8443 :8080 10.11.2.0/24 fd00:11:2::2 fd00:11:2::52 >"$list.include2"
    cp "$list.include" "$list.in" && cp "$list.exclude" "$list.out"
    watch --include-file "$list.in" --exclude-file "$list.out" "$@"
    capture_start r r0 "$LAB_TMP/judged.pcap" ip or ip6
    lab_spawn - "$LAB_TMP/talk" "$PYTHON" "$LAB_DIR/judge.py" talk "$LAB_NETNS-c" "$LAB_NETNS-s" 4 \
        "$SERVER4" "$SERVER6" "$OUT4" "$OUT6" 10.11.2.52 10.11.2.54 fd00:11:2::52 fd00:11:2::53
    talk=$LAB_PID
    sleep 1.5
    for address in "$SERVER4" "$OUT4" 10.11.2.52 "$SERVER6" "$OUT6"; do
        lab_in c ping -q -c 4 -i 0.02 -W 1 "$address"
    done
    # nothing is under way while lists change
    kill -STOP "$talk"
    sleep 0.4
    when=$(date +%s%N)
    cp "$list.include2" "$list.in" && cp "$list.exclude2" "$list.out"
    kill -HUP "$PPING_PID"
    lab_until 5 grep -q "read again: 5 entries to include, 3 to exclude" "$PPING_OUT.err"
    kill -CONT "$talk"
    for address in "$SERVER4" "$OUT4" 10.11.2.52 "$SERVER6" "$OUT6"; do
        lab_in c ping -q -c 4 -i 0.02 -W 1 "$address"
    done
    lab_wait "$talk" 10
    capture_stop
    pping_stop
    judge let-by "$LAB_TMP/judged.pcap" "$LAB_TMP/let_by.pcap" "$list.include" "$list.exclude" \
        "$when" "$list.include2" "$list.exclude2"
    compared "$LAB_TMP/let_by.pcap" "$JSONL" --max-median-us 10
    if [[ " $* " == *" -a "* ]]; then
        judge prefixes "$JSONL" "$LAB_TMP/let_by.pcap"
    fi
    judge let-by "$LAB_TMP/judged.pcap" "$LAB_TMP/let_by.pcap" "$list.include" "$list.exclude"
    "$PPING" --read "$LAB_TMP/judged.pcap" -TC -r 0 -F jsonl -q --include-file "$list.include" \
        --exclude-file "$list.exclude" >"$LAB_TMP/read.jsonl"
    compared "$LAB_TMP/let_by.pcap" "$LAB_TMP/read.jsonl" --max-median-us 0.1
}

# compared PCAP JSONL OPTION...
compared() {
    referee compare --pcap "$1" --jsonl "$2" --min-samples 500 --min-matched 100 "${@:3}"
}

JSONL=$LAB_TMP/rtts.jsonl
# A list read again when there is no room for the file that begins then: one line says what failed,
# none that all is well, and what was measured can be read.
reload_on_a_full_disk() {
    local status=0 dir=$LAB_TMP/full
    case_cleanup() { umount "$LAB_TMP/full"; }
    mkdir -p "$dir"
    mount -t tmpfs -o size=64k,nr_inodes=3 tmpfs "$dir" # room for two files
    touch "$dir/another"
    echo 192.0.2.1 >"$LAB_TMP/list"
    pping_start r r0 "$LAB_TMP/pping" -C -r 0 -F jsonl -w "$dir/x-%H%M%S.jsonl.zst" --exclude-file "$LAB_TMP/list"
    lab_in c ping -q -c 5 -i 0.05 -W 1 "$SERVER4"
    echo "$SERVER4" >>"$LAB_TMP/list"
    sleep 0.3
    kill -HUP "$PPING_PID"
    lab_wait "$PPING_PID" 5 || status=$?
    cat "$PPING_OUT.err"
    [ "$status" = 1 ]
    nothing_attached r r0
    [ "$(grep -c 'x-.*No space left on device' "$PPING_OUT.err")" = 1 ]
    ! grep 'read again' "$PPING_OUT.err" || return 1
    [ "$(zstdcat "$dir"/x-*.zst | grep -c '"rtt"')" = 5 ]
}

lab_up || exit 1
lab_in s ip addr add "$OUT4/24" dev s0 && lab_in s ip addr add "$OUT6/64" dev s0 nodad || exit 1
for address in 52 53 54; do
    lab_in s ip addr add "10.11.2.$address/24" dev s0 &&
        lab_in s ip addr add "fd00:11:2::$address/64" dev s0 nodad || exit 1
done
case_run rules_judged_tc judged
case_run rules_judged_xdp judged -I xdp
case_run rules_judged_aggregated judged -a 600 --events -4 32 -6 64
case_run rules_excluded excluded
case_run rules_excluded_xdp excluded -I xdp
case_run rules_excluded_anonymized excluded_anonymized
case_run rules_counted counted
case_run rules_included included
case_run rules_ports ports
case_run rules_aggregated aggregated
case_run rules_reread reread
case_run rules_silent silent
case_run rules_silent_uncleaned silent -c 0
case_run rules_many_leave many_leave
case_run rules_reload_on_a_full_disk reload_on_a_full_disk
lab_end
