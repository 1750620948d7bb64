#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A device whose frames begin with the IP header: the router's end of the delay line is
# a TUN device, and pping watches that.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump iperf3 ss

# tun FAMILY PPING-OPTION...
tun() {
    local family=$1 jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/tun.pcap
    shift
    rm -f "$jsonl"
    pping_start r r1 "$LAB_TMP/pping" -TC -r 0 -F jsonl -w "$jsonl" "$@"
    capture_start r r1 "$pcap" tcp or icmp or icmp6
    lab_in c ping -q -c 5 -i 0.1 "$(lab_server "$family")"
    iperf_load "$family" 10 3
    capture_stop
    pping_stop
    referee rtts --jsonl "$jsonl" --src "$(lab_server "$family")" --min-count 5000 \
        --least-ms 20 --median-ms 21
    referee rtts --jsonl "$jsonl" --protocol "$([ "$family" = 4 ] && echo ICMP || echo ICMPv6)" \
        --min-count 5 --least-ms 20 --median-ms 21
    referee compare --pcap "$pcap" --jsonl "$jsonl" --min-matched 99.5 --max-median-us 10
}

# What XDP is given there differs from driver to driver: refused, with a way out.
tun_xdp() {
    local status=0
    lab_spawn r "$LAB_TMP/pping" "$PPING" -i r1 -I xdp "$@"
    lab_wait "$LAB_PID" 5 || status=$?
    cat "$LAB_TMP/pping.err"
    [ "$status" = 1 ]
    grep -q 'r1.*-I tc' "$LAB_TMP/pping.err"
    nothing_attached r r1
}

lab_up --delay 10000 || exit 1
case_run tun_ipv4 tun 4
case_run tun_ipv6 tun 6
case_run tun_xdp_is_refused tun_xdp
case_run tun_xdp_generic_is_refused tun_xdp -x generic
lab_end
