#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Spoofed one-way flows at the rate that the machine can send, while real flows go
# on and new ones open: the best peer is blind after 200,000 of them.
# alone: it needs both cores for its rates
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump iperf3 ss

# Nobody answers there, and nothing is forwarded.
FLOOD_NET=10.11.66.0/24 FLOOD_DST=10.11.66.1

# flood COUNT [syn]: in the background, in a second; its pid in FLOOD_PID.
flood() {
    local mac
    mac=$(lab_in r ip -br link show dev r0 | awk '{ print $3 }')
    # shellcheck disable=SC2016 # for the inner shell
    lab_spawn c "$LAB_TMP/flood" sh -c 'sleep 1; exec "$@"' sh \
        "$LAB_BIN/flood" c0 "$mac" $FLOOD_DST "$@"
    FLOOD_PID=$LAB_PID
}

# under FLOWS COUNT [syn]: that many paced flows, and new short ones, under the flood.
under() {
    local flows=$1 jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/load.pcap
    shift
    rm -f "$jsonl"
    lab_in r ip route replace blackhole $FLOOD_NET
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl"
    capture_start r r0 "$pcap" tcp and not net $FLOOD_NET
    flood "$@"
    iperf_load 4 "$flows" 8
    lab_wait "$FLOOD_PID" 40
    cat "$LAB_TMP/flood"
    capture_stop
    pping_stop
    referee compare --pcap "$pcap" --jsonl "$jsonl" --min-matched 99 --max-invented 0
    # It says what it goes through: entries of one-way flows put off or given up.
    grep -E 'put off|evicted' "$LAB_TMP/pping.err"
}

lab_tool flood || { echo "not ok flood_tool"; exit 1; }
lab_up >/dev/null || { echo "not ok lab"; exit 1; }
case_run flood_200000_data under 20 200000
case_run flood_2000000_data under 20 2000000
case_run flood_1000000_syn under 20 1000000 syn
lab_end
