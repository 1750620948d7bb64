#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Most flows are short, and their first request is often all there is to measure.
# (A peer that waits for a second TSval in every flow reports a quarter of these.)
# alone: its errors are measured
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump

CONNECTIONS=300 # one after the other

# short FAMILY REFEREE-OPTIONS PPING-OPTION...
short() {
    local family=$1 judge=$2
    shift 2
    local jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/short.pcap
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -F jsonl -w "$jsonl" "$@"
    capture_start r r0 "$pcap" tcp
    "$PYTHON" "$LAB_DIR/shorthttp.py" --count "$CONNECTIONS" \
        "$LAB_NETNS-c" "$LAB_NETNS-s" "$(lab_server "$family")"
    capture_stop
    pping_stop
    # shellcheck disable=SC2086 # words
    referee compare --pcap "$pcap" --jsonl "$jsonl" $judge --min-samples $((2 * CONNECTIONS)) \
        --first 8080 --min-firsts "$CONNECTIONS" --max-median-us 10
}

lab_up || exit 1
for family in 4 6; do
    case_run short_http_unsampled_tc_ipv$family short $family "--min-matched 99" -r 0
    case_run short_http_unsampled_xdp_ipv$family short $family "--min-matched 99" -r 0 -I xdp
    # The first request of each at the default rate limit too.
    case_run short_http_default_ipv$family short $family "--sampled --min-matched 100"
done
case_run short_http_with_syn short 4 "--include-syn --min-matched 99" -r 0 --include-SYN
lab_end
