#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real TCP through the router, sample by sample against a referee that reads a
# simultaneous capture: see referee.py for what a sample is, lab.sh for the load.
# alone: both cores are busy, and its errors are measured
# timeout: 600
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump iperf3 ss

SECONDS_OF_LOAD=${SECONDS_OF_LOAD:-6}

jsonl=$LAB_TMP/rtts.jsonl
pcap=$LAB_TMP/load.pcap

# watch_start PPING-OPTION...: pping and a capture on r0, and captures at both sides of its
# programs, between whose times its own must be, see Bounds in referee.py. Without those a CPU
# that stops between a program and the tap (its hypervisor ran something else) would look
# like a wrong RTT.
watch_start() {
    local option
    rm -f "$jsonl"
    BOUNDS=(--inner "$LAB_TMP/r1.pcap")
    pping_start r r0 "$LAB_TMP/pping" -F jsonl -w "$jsonl" "$@"
    # All see the whole load: no sample is uncertain for lying at an edge.
    capture_start r r0 "$pcap" "$WATCHED"
    capture_start r r1 "$LAB_TMP/r1.pcap" "$WATCHED"
    for option in "$@"; do
        [ "$option" = xdp ] || continue
        capture_start c c0 "$LAB_TMP/c0.pcap" "$WATCHED"
        BOUNDS+=(--hook xdp --outer "$LAB_TMP/c0.pcap")
    done
}
WATCHED="tcp or icmp or icmp6"

watch_stop() {
    capture_stop
    pping_stop
}

# judge OPTION...
judge() { referee compare --pcap "$pcap" "${BOUNDS[@]}" --jsonl "$jsonl" "$@"; }

# once FAMILY FLOWS SECONDS PPING-OPTION...: 3 if the load did not come about.
once() {
    local family=$1 flows=$2 seconds=$3
    shift 3
    watch_start -r 0 "$@"
    iperf_load "$family" "$flows" "$seconds"
    watch_stop
    echo "$IPERF_BLOCKS blocks sent"
    # 300 blocks of 8333 bytes a second are 20 Mbit/s.
    [ "$IPERF_BLOCKS" -ge $((flows * seconds * 285)) ] || return 3
    judge --min-samples $((IPERF_BLOCKS * 9 / 10)) --min-matched 99.5 --max-invented 0 \
        --max-median-us 10
}

# A busy machine may not make the load: that says nothing about pping, so again.
accuracy() {
    local status try
    for try in 1 2 3; do
        status=0
        once "$@" || status=$?
        [ "$status" = 3 ] || return "$status"
        echo "try $try: the load did not come about"
    done
    fail "the machine is too busy for the load"
}

# At -r 100 every busy flow gives its ten samples a second, one of them may be missing.
sampled() {
    local flows=20 seconds=5
    watch_start -r 100
    iperf_load "$1" "$flows" "$seconds"
    watch_stop
    judge --sampled --max-median-us 10
    # A round has up to four stamps, 3.33 ms apart here, any of which may be the sample's.
    referee rate --jsonl "$jsonl" --seconds "$seconds" --busy 20 --min-flows "$flows" \
        --min-per-second 9 --interval-ms 100 --min-distance-ms 85
}

# A path of 20 ms each way: no RTT from beyond it may be less, most are no more.
delayed() {
    local family
    lab_up --delay 20000
    for family in 4 6; do
        watch_start -r 0 "$@"
        iperf_load "$family" 10 3
        watch_stop
        referee rtts --jsonl "$jsonl" --src "$(lab_server "$family")" --min-count 5000 \
            --least-ms 40 --median-ms 41
        judge --min-matched 99.5 --max-median-us 10
    done
}

# Packets lost and overtaken on the way: retransmissions, SACK, answers in disorder.
lossy() {
    lab_up --delay 5000 --loss 100 --reorder 50 --reorder-us 3000 --segment
    watch_start -r 0
    iperf_load "$1" 10 4
    watch_stop
    lab_stop "$LAB_DELAY_PID"
    cat "$LAB_TMP/delay"
    judge --min-samples 2000 --min-matched 99.5 --max-median-us 10
    referee rtts --jsonl "$jsonl" --src "$(lab_server "$1")" --least-ms 10
}

# stopping FAMILY PPING-OPTION...: the CPUs stop for 8 ms now and then, amid of packets. What
# the programs and the own tap have is apart by that much then, and within the bounds. An
# answer that came after one to something newer may be missing.
stopping() {
    local family=$1
    shift
    lab_tool pause -lbpf
    watch_start -r 0 -C -T "$@"
    lab_spawn - "$LAB_TMP/pause" "$LAB_BIN/pause" 20000 8000 2
    lab_until 10 grep -q . "$LAB_TMP/pause" "$LAB_TMP/pause.err"
    grep -q ready "$LAB_TMP/pause" || skip "the CPUs can't be stopped: $(cat "$LAB_TMP/pause.err")"
    lab_spawn c "$LAB_TMP/ping" ping -q -i 0.002 -w 3 "$(lab_server "$family")"
    iperf_load "$family" 20 3
    lab_stop "$LAB_PID" INT
    cat "$LAB_TMP/ping"
    watch_stop
    judge --min-samples 5000 --min-matched 99 --tolerance-us 50000
}

lab_up || exit 1
for family in 4 6; do
    case_run accuracy_100_flows_tc_ipv$family accuracy $family 100 "$SECONDS_OF_LOAD" -I tc
done
case_run stopping_cpus_tc stopping 4
case_run stopping_cpus_xdp_native stopping 6 -I xdp -x native
# XDP on a veth device turns segmentation offload off: at an MTU of 1500 two cores cannot
# carry 2 Gbit/s, a capture and anything else. A block is three packets this way.
lab_mtu 3000
for family in 4 6; do
    case_run accuracy_100_flows_xdp_native_ipv$family \
        accuracy $family 100 "$SECONDS_OF_LOAD" -I xdp -x native
done
lab_mtu 1500
case_run accuracy_xdp_generic accuracy 4 10 2 -I xdp -x generic
case_run accuracy_xdp_unspecified accuracy 6 10 2 -I xdp -x unspecified
case_run accuracy_with_counters accuracy 4 10 2 --counters
case_run sampled_busy_flows_ipv4 sampled 4
case_run sampled_busy_flows_ipv6 sampled 6
case_run delayed_path_is_the_rtt_tc delayed
case_run delayed_path_is_the_rtt_xdp delayed -I xdp
case_run lossy_and_reordering_path_ipv4 lossy 4
case_run lossy_and_reordering_path_ipv6 lossy 6
lab_end
