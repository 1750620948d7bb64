#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ICMP echo: each reply's RTT against what ping itself says, and the referee's.
# alone: its errors are measured
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump

# echoes FAMILY PPING-OPTION...: a path of 5 ms each way.
echoes() {
    local family=$1 jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/icmp.pcap
    shift
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -C -r 0 -F jsonl -w "$jsonl" "$@"
    capture_start r r0 "$pcap"
    lab_in c ping -c 40 -i 0.05 -W 1 "$(lab_server "$family")" >"$LAB_TMP/ping"
    capture_stop
    pping_stop
    # The tap's time is taken when a packet is queued, the program's when an idle CPU has
    # woken up for it.
    referee compare --pcap "$pcap" --jsonl "$jsonl" --min-samples 40 --min-matched 100 \
        --max-median-us 100
    "$PYTHON" - "$LAB_TMP/ping" "$jsonl" <<'END'
import json, re, sys
ping = [float(ms) for ms in re.findall(r"time=([0-9.]+) ms", open(sys.argv[1]).read())]
pping = [json.loads(line) for line in open(sys.argv[2])]
pping = [r["rtt"] / 1e6 for r in pping if "rtt" in r]
assert len(ping) == len(pping) == 40, (len(ping), len(pping))
for theirs, ours in zip(ping, pping):
    # the router sees less of the path than the client; ping prints three digits
    assert 10 <= ours <= theirs * 1.01, (ours, theirs)
differences = sorted(theirs - ours for theirs, ours in zip(ping, pping))
print(f"ping - pping: median {differences[20]:.3f} ms, most {differences[-1]:.3f} ms")
assert differences[20] < 0.5 and differences[35] < 2, differences
END
}

# Several pings of one host at a time, each with an identifier of its own.
many() {
    local jsonl=$LAB_TMP/rtts.jsonl i pids=()
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -C -r 0 -F jsonl -w "$jsonl"
    for ((i = 0; i < 10; i++)); do
        lab_spawn c "$LAB_TMP/ping$i" ping -q -c 10 -i 0.05 "$(lab_server "$1")"
        pids+=("$LAB_PID")
    done
    for i in "${pids[@]}"; do
        lab_wait "$i" 10
    done
    sleep 0.2
    pping_stop
    referee rate --jsonl "$jsonl" --seconds 1 --busy 10 --min-flows 10 --min-per-second 10
    [ "$(grep -c '"rtt"' "$jsonl")" = 100 ]
}

# selects FAMILY WANTED PPING-OPTION...: which protocols are reported.
selects() {
    local family=$1 want=$2 jsonl=$LAB_TMP/rtts.jsonl got
    shift 2
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl" "$@"
    lab_in c ping -q -c 5 -i 0.05 "$(lab_server "$family")"
    "$PYTHON" "$LAB_DIR/shorthttp.py" --count 5 "$LAB_NETNS-c" "$LAB_NETNS-s" "$(lab_server "$family")"
    sleep 0.2
    pping_stop
    got=$(grep '"rtt"' "$jsonl" | sed 's/.*"protocol":"\([^"]*\)".*/\1/' | sort -u | tr '\n' ' ')
    echo "reported: $got"
    [ "${got,,}" = "$want " ]
}

# Replies that come late or twice or that nobody asked for.
lossy() {
    local jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/icmp.pcap
    lab_up --delay 5000 --loss 7 --reorder 4 --reorder-us 120000 --segment
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -C -r 0 -F jsonl -w "$jsonl"
    capture_start r r0 "$pcap" "icmp or icmp6"
    lab_in c ping -q -c 60 -i 0.03 -W 1 "$(lab_server "$1")" || true
    capture_stop
    pping_stop
    # Four are outstanding in a flow's entry, more spill: none may be lost or mixed up.
    referee compare --pcap "$pcap" --jsonl "$jsonl" --min-samples 20 --min-matched 99.5
}

lab_up --delay 5000 || exit 1
for family in 4 6; do
    icmp=$([ $family = 4 ] && echo icmp || echo icmpv6)
    case_run icmp_rtt_is_ping_s_tc_ipv$family echoes $family
    case_run icmp_rtt_is_ping_s_xdp_ipv$family echoes $family -I xdp
    case_run icmp_many_pings_ipv$family many $family
    case_run icmp_and_tcp_ipv$family selects $family "$icmp tcp" -TC
    case_run icmp_only_ipv$family selects $family "$icmp" -C
    case_run tcp_only_by_default_ipv$family selects $family tcp
done
case_run icmp_lossy_path_ipv4 lossy 4
case_run icmp_lossy_path_ipv6 lossy 6
lab_end
