#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong around pping: each a clear line and the right status, its programs
# detached, what was measured kept.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin capsh tcpdump iperf3 ss

JSONL=$LAB_TMP/rtts.jsonl
OUT=$LAB_TMP/pping

# refused STATUS REGEX ARG...: pping ends at once, with one line that says why.
refused() {
    local want=$1 says=$2 status=0
    shift 2
    lab_spawn r "$OUT" "$@"
    lab_wait "$LAB_PID" 5 || status=$?
    cat "$OUT.err"
    [ "$status" = "$want" ] || fail "status $status, not $want"
    [ "$(wc -l <"$OUT.err")" = 1 ] || fail "not one line"
    grep -Eq -- "$says" "$OUT.err" || fail "does not say $says"
    nothing_attached r r0
}

# pings N: so many RTT lines, on both families, when ICMP is tracked.
pings() {
    lab_in c ping -q -c "$1" -i 0.05 -W 1 "$SERVER4" >/dev/null
    lab_in c ping -q -c "$1" -i 0.05 -W 1 "$SERVER6" >/dev/null
}

rtt_lines() { grep -c '"rtt"' "$JSONL" || true; }
lines_at_least() { [ "$(rtt_lines)" -ge "$1" ]; }

# The output is whole: every line is one JSON object.
whole_lines() { "$PYTHON" -c 'import json, sys
for line in open(sys.argv[1]):
    json.loads(line)
    assert line.endswith("}\n"), line' "${1:-$JSONL}"; }

# said COUNT WHAT
said() { [ "$(grep -c -- "$2" "$OUT.err")" = "$1" ]; }

state_of() { sed 's/.*) \(.\).*/\1/' "/proc/$1/stat"; }
is_stopped() { [ "$(state_of "$1")" = T ]; }

watch_icmp() {
    rm -f "$JSONL"
    pping_start r r0 "$OUT" -TC -r 0 -F jsonl -w "$JSONL" "$@"
}

# --- starting ------------------------------------------------------------------

help_anywhere() {
    local word
    cp "$PPING" "$LAB_TMP/anybodys"
    chmod 755 "$LAB_TMP/anybodys"
    for word in --help -h --version -V; do
        (cd / && setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all \
            --inh-caps=-all "$LAB_TMP/anybodys" "$word" >"$OUT" 2>"$OUT.err")
        [ -s "$OUT" ] || fail "$word prints nothing"
        [ ! -s "$OUT.err" ] || fail "$word says: $(cat "$OUT.err")"
    done
    (cd / && "$LAB_TMP/anybodys" --help) | has -- --rate-limit
}

# without CAPABILITY...: to nobody with all capabilities but these
without() {
    local cap caps drop=()
    caps=$(capsh --print | sed -n 's/^Bounding set =//p' | tr , '\n' | sed 's/^cap_//')
    for cap in "$@"; do caps=$(grep -vx "$cap" <<<"$caps"); done
    while read -r cap; do drop+=("+$cap"); done <<<"$caps"
    caps=$(IFS=, && echo "${drop[*]}")
    cp "$PPING" "$LAB_TMP/anybodys"
    chmod 755 "$LAB_TMP/anybodys"
    UNPRIVILEGED=(setpriv --reuid 65534 --regid 65534 --clear-groups "--inh-caps=$caps"
        "--ambient-caps=$caps" "$LAB_TMP/anybodys" -i r0)
}

no_privileges() {
    local cap
    cp "$PPING" "$LAB_TMP/anybodys"
    chmod 755 "$LAB_TMP/anybodys"
    refused 1 CAP_ setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all \
        --inh-caps=-all "$LAB_TMP/anybodys" -i r0
    for cap in CAP_BPF CAP_NET_ADMIN CAP_PERFMON; do
        grep -q "$cap" "$OUT.err" || fail "does not name $cap"
    done
}

# Only the one that is missing is named.
one_privilege_missing() {
    without sys_admin "$1"
    refused 1 "CAP_${1^^}" "${UNPRIVILEGED[@]}"
    [ "$(grep -o CAP_ "$OUT.err" | wc -l)" = 1 ] || fail "names others too"
}

# Raising RLIMIT_MEMLOCK fails here, and nothing but these three is needed.
few_privileges() {
    case_cleanup() { lab_perf_back; }
    lab_let_perf
    cp "$PPING" "$LAB_TMP/anybodys"
    chmod 755 "$LAB_TMP/anybodys"
    PPING=$LAB_TMP/anybodys
    lab_spawn r "$OUT" setpriv --reuid 65534 --regid 65534 --clear-groups \
        --inh-caps=-all,+bpf,+perfmon,+net_admin --ambient-caps=-all,+bpf,+perfmon,+net_admin \
        --bounding-set=-all,+bpf,+perfmon,+net_admin "$PPING" -i r0 -C -F jsonl
    PPING_PID=$LAB_PID PPING_NS=r PPING_IF=r0 PPING_OUT=$OUT
    wait_attached r r0 || fail "$(cat "$OUT.err")"
    pings 2
    sleep 0.2
    pping_stop
    grep -q '"rtt"' "$OUT"
}

unknown_interface() { refused 1 'nosuch0.*no such interface' "$PPING" -i nosuch0; }

unwritable() {
    refused 1 '/nonexistent/file' "$PPING" -i r0 -w /nonexistent/file
    refused 1 "$LAB_TMP" "$PPING" -i r0 -w "$LAB_TMP" # a directory
    echo '[]' >"$LAB_TMP/there.json"
    refused 1 'there.json.*exists' "$PPING" -i r0 -F json -w "$LAB_TMP/there.json"
    [ "$(cat "$LAB_TMP/there.json")" = '[]' ]
}

down_at_start() {
    case_cleanup() { lab_link_anew; }
    lab_in r ip link set r0 down
    watch_icmp
    lab_until 5 grep -q 'is down' "$OUT.err" || fail "does not say that it is down"
    lab_in r ip link set r0 up
    lab_in r ip -6 addr add "$ROUTER6/64" dev r0 nodad || true
    lab_until 3 lab_in c ping -q -c 1 -W 0.2 "$SERVER6"
    pings 3
    lab_until 2 lines_at_least 6 || fail "$(rtt_lines) RTTs"
    grep -q 'is up' "$OUT.err"
    pping_stop
}

# --- the interface vanishes --------------------------------------------------------

lab_link_anew() {
    lab_in r ip link del r0 2>/dev/null
    lab_link_client
    lab_until 3 lab_in c ping -q -c 1 -W 0.2 "$SERVER4" &&
        lab_until 3 lab_in c ping -q -c 1 -W 0.2 "$SERVER6"
}

recreated() {
    case_cleanup() { lab_link_anew; }
    watch_icmp "$@"
    pings 3
    lab_until 2 lines_at_least 6 || fail "$(rtt_lines) RTTs"
    lab_in r ip link del r0
    lab_until 2 grep -q 'r0.*removed.*waiting' "$OUT.err" || fail "not announced: $(cat "$OUT.err")"
    lab_alive "$PPING_PID" || fail "did not wait"
    lab_link_client
    wait_attached r r0
    lab_until 5 said 2 'being monitored'
    lab_until 3 lab_in c ping -q -c 1 -W 0.2 "$SERVER6"
    rm "$JSONL"
    kill -HUP "$PPING_PID"
    lab_until 5 test -e "$JSONL"
    pings 3
    lab_until 2 lines_at_least 6 || fail "$(rtt_lines) RTTs after its return"
    pping_stop
}

# As fast as it can be done: removed while pping still attaches.
flapping() {
    local i
    case_cleanup() { lab_link_anew; }
    watch_icmp
    for ((i = 0; i < 30; i++)); do
        lab_in r ip link del r0
        lab_link_client
        case $((i % 3)) in
        1) sleep 0.02 ;;
        2) sleep 0.1 ;;
        esac
    done
    lab_alive "$PPING_PID" || fail "ended: $(cat "$OUT.err")"
    wait_attached r r0 || fail "not attached in the end: $(cat "$OUT.err")"
    lab_until 3 lab_in c ping -q -c 1 -W 0.2 "$SERVER6"
    pings 2
    lab_until 2 lines_at_least 2
    pping_stop
}

renamed() {
    case_cleanup() { lab_link_anew; }
    watch_icmp
    lab_in r ip link set r0 down
    lab_in r ip link set r0 name other0
    lab_until 2 grep -q 'r0.*removed.*waiting' "$OUT.err" || fail "not announced: $(cat "$OUT.err")"
    nothing_attached r other0
    lab_in r ip link set other0 name r0
    lab_in r ip link set r0 up
    wait_attached r r0
    pping_stop
}

exit_on_removal() {
    local status=0
    case_cleanup() { lab_link_anew; }
    watch_icmp --exit-on-removal
    pings 2
    lab_in r ip link del r0
    lab_wait "$PPING_PID" 3 || status=$?
    cat "$OUT.err"
    [ "$status" = 0 ] || fail "status $status"
    grep -q 'r0 was removed' "$OUT.err"
    lines_at_least 4
    whole_lines
}

# Ended while the interface is away.
stopped_while_away() {
    case_cleanup() { lab_link_anew; }
    watch_icmp
    pings 2
    lab_in r ip link del r0
    lab_until 2 grep -q 'waiting' "$OUT.err"
    pping_stop
    lines_at_least 4
}

# --- output that fails ---------------------------------------------------------------

# ends_by_itself: with an error and nothing attached
ends_by_itself() {
    local status=0
    lab_wait "$PPING_PID" 5 || status=$?
    cat "$OUT.err"
    [ "$status" = 1 ] || fail "status $status, not 1"
    nothing_attached r r0
}

dev_full() {
    pping_start r r0 "$OUT" -C -w /dev/full
    pings 2
    ends_by_itself
    grep -q 'No space left' "$OUT.err"
}

full_disk() {
    local disk=$LAB_TMP/disk
    mkdir -p "$disk"
    mount -t tmpfs -o size=16k tmpfs "$disk"
    case_cleanup() { umount "$LAB_TMP/disk"; }
    pping_start r r0 "$OUT" -C -r 0 -F jsonl -w "$disk/rtts"
    lab_in c ping -q -c 300 -i 0.002 -W 1 "$SERVER4" >/dev/null
    ends_by_itself
    grep -q 'No space left' "$OUT.err"
    whole_lines "$disk/rtts"
    [ "$(wc -l <"$disk/rtts")" -gt 50 ]
}

# pping | head -1: the reader has gone, no signal may be fatal to the rest
closed_pipe() {
    mkfifo "$LAB_TMP/pipe"
    lab_spawn - "$LAB_TMP/head" head -n 1 "$LAB_TMP/pipe"
    # lab_spawn opens the pipe: stdout of pping
    ln -s pipe "$LAB_TMP/piped"
    pping_start r r0 "$LAB_TMP/piped" -C "$@"
    lab_in c ping -q -c 20 -i 0.05 -W 1 "$SERVER4" >/dev/null
    OUT=$LAB_TMP/piped
    ends_by_itself
    lab_until 5 test -s "$LAB_TMP/head"
    [ "$(wc -l <"$LAB_TMP/head")" = 1 ]
    grep -q 'Broken pipe\|reader' "$OUT.err" || fail "does not say why"
}

# --- signals -------------------------------------------------------------------------

ctrl_c_twice() {
    watch_icmp
    pings 2
    kill -INT "$PPING_PID"
    kill -INT "$PPING_PID"
    pping_stop
    lines_at_least 4
    whole_lines
    grep -q 'RTTs ' "$OUT.err" || fail "no summary"
}

terminated() {
    watch_icmp
    pings 2
    pping_stop 0 TERM
    lines_at_least 4
}

ctrl_z_and_fg() {
    watch_icmp
    pings 2
    kill -TSTP "$PPING_PID"
    # a process group that no shell watches is not stopped by it
    lab_until 1 is_stopped "$PPING_PID" || kill -STOP "$PPING_PID"
    lab_until 1 is_stopped "$PPING_PID"
    pings 2
    sleep 1
    kill -CONT "$PPING_PID"
    pings 2
    lab_until 2 lines_at_least 12 || fail "$(rtt_lines) RTTs"
    pping_stop
    [ "$(rtt_lines)" = 12 ]
    whole_lines
}

signal_storm() {
    local i
    watch_icmp
    lab_spawn c "$LAB_TMP/ping" ping -q -c 50 -i 0.01 -W 1 "$SERVER4"
    for ((i = 0; i < 1000; i++)); do
        kill -HUP "$PPING_PID"
        kill -USR1 "$PPING_PID"
        kill -WINCH "$PPING_PID"
    done
    lab_wait "$LAB_PID" 10
    lab_until 2 lines_at_least 50 || fail "$(rtt_lines) RTTs"
    pping_stop >/dev/null
    [ "$(rtt_lines)" = 50 ]
    whole_lines
}

# killed PPING-OPTION...: a link dies with its process
killed() {
    pping_start r r0 "$OUT" -C "$@"
    kill -KILL "$PPING_PID"
    wait "$PPING_PID" || true
    sleep 0.2 # the kernel frees what a dead process held a moment later
    nothing_attached r r0
    pping_start r r0 "$OUT" -C "$@"
    pping_stop
}

# clsact filters outlive the process: the next start takes them for its own, and only them.
killed_clsact() {
    export PPING_NO_TCX=1
    lab_bpf foreign
    case_cleanup() { lab_in r tc qdisc del dev r0 clsact; } 2>/dev/null
    lab_in r tc qdisc add dev r0 clsact
    lab_in r tc filter add dev r0 ingress bpf da obj "$LAB_BIN/foreign.bpf.o" sec tc ||
        skip "tc can't load BPF objects"
    pping_start r r0 "$OUT" -C
    kill -KILL "$PPING_PID"
    wait "$PPING_PID" || true
    attached r r0 | tee "$LAB_TMP/left"
    [ "$(grep -c ' pping_' "$LAB_TMP/left")" = 2 ]
    pping_start r r0 "$OUT" -C
    lab_until 5 grep -q 'being monitored' "$OUT.err" # and not what the killed one left
    pings 2
    sleep 0.2
    pping_stop
    grep -q '10.11.2.2.*10.11.1.2' "$OUT"
    attached r r0 | has 'clsact/ingress .* foreign_tc' || fail "the other's filter is gone"
}

# What only this run made goes with it: no qdisc is left.
clsact_leaves_no_qdisc() {
    export PPING_NO_TCX=1
    pping_start r r0 "$OUT" -C "$@"
    attached r r0 | has clsact/egress
    pings 2
    sleep 0.2
    pping_stop
    grep -q 10.11 "$OUT"
    ! lab_in r tc qdisc show dev r0 | grep clsact || fail "a qdisc is left"
}

# libxdp attaches over netlink: what a killed run left there is replaced.
killed_xdp_netlink() {
    local id
    command -v bpftool >/dev/null || skip "needs bpftool"
    case_cleanup() { lab_in r ip link set dev r0 xdp off; }
    lab_spawn r "$LAB_TMP/other" "$PPING" -i r1 -I xdp -C
    PPING_PID=$LAB_PID
    wait_attached r r1
    id=$(attached r r1 | awk '/pping_xdp/ { print $2 }')
    lab_in r bpftool net attach xdp id "$id" dev r0
    kill -KILL "$PPING_PID"
    wait "$PPING_PID" || true
    attached r r0 | grep pping_xdp
    pping_start r r0 "$OUT" -I xdp -C
    lab_until 5 grep -q 'being monitored' "$OUT.err"
    ! attached r r0 | grep " $id " || fail "it is still there"
    pping_stop
}

# --- others --------------------------------------------------------------------------

others_tc() {
    lab_bpf foreign
    case_cleanup() { lab_in r tc qdisc del dev r0 clsact; }
    lab_in r tc qdisc add dev r0 clsact
    { lab_in r tc filter add dev r0 ingress bpf da obj "$LAB_BIN/foreign.bpf.o" sec tc &&
        lab_in r tc filter add dev r0 egress bpf da obj "$LAB_BIN/foreign.bpf.o" sec tc; } ||
        skip "tc can't load BPF objects"
    attached r r0 | tee "$LAB_TMP/before"
    watch_icmp "$@"
    pings 2
    lab_until 2 lines_at_least 4
    pping_stop
    attached r r0 | diff "$LAB_TMP/before" - || fail "others' programs changed"
}

# The one XDP place is taken: refused, with a name and a way out; tc works beside it.
others_xdp() {
    lab_bpf foreign
    case_cleanup() { lab_in r ip link set dev r0 xdp off; }
    lab_in r ip link set dev r0 xdp obj "$LAB_BIN/foreign.bpf.o" sec xdp ||
        skip "ip can't load BPF objects"
    attached r r0 | tee "$LAB_TMP/before"
    refused 1 'foreign_xdp.*-I tc' "$PPING" -i r0 -I xdp
    watch_icmp
    pings 2
    lab_until 2 lines_at_least 4
    pping_stop
    attached r r0 | diff "$LAB_TMP/before" - || fail "others' programs changed"
}

# Two at once: each measures, and leaves the other's programs alone.
two_of_us() {
    local other
    lab_spawn r "$LAB_TMP/other" "$PPING" -i r0 -C -r 0 -F jsonl
    other=$LAB_PID
    wait_attached r r0
    rm -f "$JSONL"
    lab_spawn r "$OUT" "$PPING" -i r0 -C -r 0 -F jsonl -w "$JSONL"
    PPING_PID=$LAB_PID
    wait_attached r r0 4
    pings 2
    lab_until 2 lines_at_least 4
    lab_stop "$PPING_PID" INT
    wait_attached r r0 2
    pings 2
    sleep 0.2
    lab_stop "$other" INT
    nothing_attached r r0
    [ "$(grep -c '"rtt"' "$LAB_TMP/other")" = 8 ]
}

# --- lines ---------------------------------------------------------------------------

prompt_lines() {
    local watcher pinger try
    for try in 1 2 3; do
        ages "$@"
        echo "try $try: $(cat "$LAB_TMP/ages")"
        if "$PYTHON" -c 'import sys
ages = [float(age) for age in sys.stdin.read().split()]
assert len(ages) == 50 and ages[0] > 0 and ages[-2] < 100, ages' <"$LAB_TMP/ages"; then
            return
        fi
    done
    fail "in none of three runs are lines there in time: or the machine stops again and again"
}

# ages PPING-OPTION...: of the lines of 50 pings, in ms
ages() {
    rm -f "$LAB_TMP/prompt"
    mkfifo "$LAB_TMP/prompt"
    lab_spawn - "$LAB_TMP/ages" "$PYTHON" "$LAB_DIR/linewatch.py" "$LAB_TMP/prompt" 50
    watcher=$LAB_PID
    lab_spawn r "$LAB_TMP/prompt" "$PPING" -i r0 -C -r 0 -F jsonl "$@"
    PPING_PID=$LAB_PID
    wait_attached r r0
    # of a prime period, so that no timer's beat hides anything
    lab_spawn c "$LAB_TMP/ping" ping -q -c 60 -i 0.037 -W 1 "$SERVER4"
    pinger=$LAB_PID
    lab_wait "$watcher" 10
    lab_stop "$pinger" INT || true
    lab_stop "$PPING_PID" INT || true
    nothing_attached r r0
}

# SIGHUP under load, files moved away as logrotate does: no line is lost or cut.
reopened() {
    local i pcap=$LAB_TMP/reopen.pcap loader
    rm -f "$JSONL" "$JSONL".*
    pping_start r r0 "$OUT" -r 0 -F jsonl -w "$JSONL"
    capture_start r r0 "$pcap" tcp
    (iperf_load 4 20 3) &
    loader=$!
    for ((i = 10; i < 30; i++)); do
        sleep 0.15
        lab_until 5 test -e "$JSONL"
        mv "$JSONL" "$JSONL.$i"
        kill -HUP "$PPING_PID"
    done
    wait "$loader"
    capture_stop
    pping_stop
    for i in "$JSONL".* "$JSONL"; do
        whole_lines "$i"
    done
    wc -l "$JSONL".* "$JSONL"
    cat "$JSONL".* "$JSONL" >"$LAB_TMP/all"
    referee compare --pcap "$pcap" --jsonl "$LAB_TMP/all" --min-samples 5000 --min-matched 99.9
}

# Started and ended under full load: the buffer is open before the programs attach, and
# what they handed over is printed before it ends.
first_and_last_events() {
    local loader stopped
    rm -f "$JSONL"
    (iperf_load 4 20 8) &
    loader=$!
    # shellcheck disable=SC2016 # for the inner shell
    lab_until 5 lab_in c sh -c '[ "$(ss -Htn "dport = 5201" | grep -c ESTAB)" -ge 21 ]'
    sleep 0.5
    pping_start r r0 "$OUT" -r 0 -F jsonl -w "$JSONL"
    sleep 1
    stopped=$(date +%s%N)
    pping_stop
    kill "$loader" 2>/dev/null || true
    wait "$loader" || true
    "$PYTHON" - "$JSONL" "$OUT.err" "$stopped" <<'END'
import json, re, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
summary = open(sys.argv[2]).read()
handed = int(re.search(r"(\d+) handed over", summary)[1])
opened = sum(r.get("flow_event") == "opening" for r in rows)
rtts = sum("rtt" in r for r in rows)
late = (rows[-1]["timestamp"] - int(sys.argv[3])) / 1e6
print(f"{opened} openings, {rtts} RTTs, {len(rows)} lines of {handed}, the last at {late:+.1f} ms")
assert opened >= 20 and rtts > 1000 and len(rows) == handed and late > -200
assert int(re.search(r"RTTs +(\d+)", summary)[1]) == rtts
END
}

# The reader of our output stops, then goes on: what was lost is said, to the very event,
# and measuring goes on.
stopped_reader() {
    local reader pcap=$LAB_TMP/stopped.pcap loader
    mkfifo "$LAB_TMP/slow"
    rm -f "$JSONL"
    lab_spawn - "$JSONL" cat "$LAB_TMP/slow"
    reader=$LAB_PID
    lab_spawn r "$LAB_TMP/slow" "$PPING" -i r0 -r 0 -F jsonl --event-buffer 64
    PPING_PID=$LAB_PID PPING_OUT=$LAB_TMP/slow
    wait_attached r r0
    capture_start r r0 "$pcap" tcp
    (iperf_load 4 50 6) &
    loader=$!
    sleep 1.5
    kill -STOP "$reader"
    sleep 3 # 10 MB of lines, more than pping keeps
    kill -CONT "$reader"
    wait "$loader"
    capture_stop
    lab_stop "$PPING_PID" INT
    cat "$LAB_TMP/slow.err"
    lab_wait "$reader" 5
    nothing_attached r r0
    whole_lines
    grep -q '"lost_events"' "$JSONL" || fail "nothing was lost, or it was not reported"
    # 50 flows and iperf3's control connection open and close
    referee compare --pcap "$pcap" --jsonl "$JSONL" --allow-lost --flow-events 102 \
        --min-matched 99.99
    # after the gap too, until the end
    "$PYTHON" -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
last = max(i for i, row in enumerate(rows) if "lost_events" in row)
print(f"{len(rows) - last} lines after the last report of losses")
assert len(rows) - last > 1000' "$JSONL"
}

lab_up || exit 1
case_run fault_13_help_as_nobody_from_anywhere help_anywhere
case_run fault_11_unknown_interface_fails unknown_interface
case_run no_privileges_names_them no_privileges
case_run no_privilege_bpf one_privilege_missing bpf
case_run no_privilege_net_admin one_privilege_missing net_admin
case_run no_privilege_perfmon one_privilege_missing perfmon
case_run fault_13_three_privileges_are_enough few_privileges
case_run unwritable_file unwritable
case_run interface_down_at_start down_at_start
case_run interface_recreated_tc recreated
case_run interface_recreated_xdp recreated -I xdp
case_run interface_flapping flapping
case_run interface_renamed renamed
case_run interface_exit_on_removal exit_on_removal
case_run interface_away_at_the_end stopped_while_away
case_run output_dev_full dev_full
case_run output_full_disk full_disk
case_run fault_11_closed_pipe closed_pipe
case_run signal_ctrl_c_twice ctrl_c_twice
case_run signal_term terminated
case_run fault_11_ctrl_z_and_fg ctrl_z_and_fg
case_run signal_storm signal_storm
case_run killed_leaves_nothing_tc killed
case_run killed_leaves_nothing_xdp killed -I xdp
case_run killed_leaves_nothing_xdp_generic killed -I xdp -x generic
case_run killed_clsact_is_taken_over killed_clsact
case_run killed_xdp_netlink_is_taken_over killed_xdp_netlink
case_run clsact_leaves_no_qdisc_tc clsact_leaves_no_qdisc
case_run clsact_leaves_no_qdisc_xdp clsact_leaves_no_qdisc -I xdp
case_run others_tc_programs_stay others_tc
case_run others_tc_programs_stay_clsact eval 'export PPING_NO_TCX=1; others_tc'
case_run others_xdp_program_stays others_xdp
case_run two_of_us_at_once two_of_us
case_run fault_15_line_within_100_ms prompt_lines
case_run fault_12_first_and_last_events first_and_last_events
case_run reopen_loses_no_line reopened
case_run fault_14_losses_are_in_the_data stopped_reader
lab_end
