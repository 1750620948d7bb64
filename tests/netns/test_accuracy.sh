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

# once FAMILY FLOWS SECONDS PPING-OPTION...: 3 if the load did not come about.
once() {
    local family=$1 flows=$2 seconds=$3
    shift 3
    local jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/load.pcap
    rm -f "$jsonl"
    # Both see the whole load: no sample is uncertain for lying at an edge.
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl" "$@"
    capture_start r r0 "$pcap" tcp
    iperf_load "$family" "$flows" "$seconds"
    capture_stop
    pping_stop
    echo "$IPERF_BLOCKS blocks sent"
    # 300 blocks of 8333 bytes a second are 20 Mbit/s.
    [ "$IPERF_BLOCKS" -ge $((flows * seconds * 285)) ] || return 3
    referee compare --pcap "$pcap" --jsonl "$jsonl" --min-samples $((IPERF_BLOCKS * 9 / 10)) \
        --min-matched 99.5 --max-invented 0 --max-median-us 10
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
    local jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/load.pcap flows=20 seconds=5
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -r 100 -F jsonl -w "$jsonl"
    capture_start r r0 "$pcap" tcp
    iperf_load "$1" "$flows" "$seconds"
    capture_stop
    pping_stop
    referee compare --pcap "$pcap" --jsonl "$jsonl" --sampled --max-median-us 10
    # A round has up to four stamps, 3.33 ms apart here, any of which may be the sample's.
    referee rate --jsonl "$jsonl" --seconds "$seconds" --busy 20 --min-flows "$flows" \
        --min-per-second 9 --interval-ms 100 --min-distance-ms 85
}

# A path of 20 ms each way: no RTT from beyond it may be less, most are no more.
delayed() {
    local family jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/load.pcap
    lab_up --delay 20000
    for family in 4 6; do
        rm -f "$jsonl"
        pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl" "$@"
        capture_start r r0 "$pcap" tcp
        iperf_load "$family" 10 3
        capture_stop
        pping_stop
        referee rtts --jsonl "$jsonl" --src "$(lab_server "$family")" --min-count 5000 \
            --least-ms 40 --median-ms 41
        referee compare --pcap "$pcap" --jsonl "$jsonl" --min-matched 99.5 --max-median-us 10
    done
}

# Packets lost and overtaken on the way: retransmissions, SACK, answers in disorder.
lossy() {
    local jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/load.pcap
    lab_up --delay 5000 --loss 100 --reorder 50 --reorder-us 3000 --segment
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl"
    capture_start r r0 "$pcap" tcp
    iperf_load "$1" 10 4
    capture_stop
    pping_stop
    lab_stop "$LAB_DELAY_PID"
    cat "$LAB_TMP/delay"
    referee compare --pcap "$pcap" --jsonl "$jsonl" --min-samples 2000 --min-matched 99.5 \
        --max-median-us 10
    referee rtts --jsonl "$jsonl" --src "$(lab_server "$1")" --least-ms 10
}

lab_up || exit 1
for family in 4 6; do
    case_run accuracy_100_flows_tc_ipv$family accuracy $family 100 "$SECONDS_OF_LOAD" -I tc
done
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
