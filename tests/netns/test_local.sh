#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# At an end host: what this host itself answers is not the network's RTT and is left
# out, unless --include-local. Here the server's own interface is watched.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin

# sources: who answered, of the RTTs reported
sources() {
    grep '"rtt"' "$JSONL" | sed 's/.*"src_ip":"\([^"]*\)".*/\1/' | sort -u | tr '\n' ' '
}

http() { "$PYTHON" "$LAB_DIR/shorthttp.py" --count 10 "$LAB_NETNS-c" "$LAB_NETNS-s" "$1"; }

# watch PPING-OPTION... ; JSONL gets what it says
watch_server() {
    rm -f "$JSONL"
    pping_start s s0 "$LAB_TMP/pping" -TC -r 0 -F jsonl -w "$JSONL" "$@"
}

reported() {
    local want=$1 got
    sleep 0.2
    pping_stop
    got=$(sources)
    echo "answers of: $got"
    [ "$got" = "$want " ]
}

left_out() {
    watch_server "${@:2}"
    http "$(lab_server "$1")"
    lab_in c ping -q -c 5 -i 0.05 "$(lab_server "$1")"
    reported "$(lab_client "$1")"
}

others_stay() {
    watch_server "${@:2}"
    lab_in s ping -q -c 5 -i 0.05 "$(lab_client "$1")"
    reported "$(lab_client "$1")"
}

included() {
    watch_server -l "${@:2}"
    http "$(lab_server "$1")"
    lab_in c ping -q -c 5 -i 0.05 "$(lab_server "$1")"
    reported "$(printf '%s\n' "$(lab_client "$1")" "$(lab_server "$1")" | sort | xargs)"
}

# An address that comes while pping runs is known at once.
new_address() {
    local address=$2 prefix=$3
    case_cleanup() { lab_in s ip addr del "$address/$prefix" dev s0 || true; }
    watch_server
    lab_in s ip addr add "$address/$prefix" dev s0 nodad
    lab_until 5 "$PYTHON" "$LAB_DIR/maps.py" "$PPING_PID" all "$address" >/dev/null
    http "$address"
    reported "$(lab_client "$1")"
}

# ... and one that goes is another's from then on: here it moves to the client.
gone_address() {
    local address=$2 prefix=$3 router=$4
    case_cleanup() {
        lab_in s ip addr del "$address/$prefix" dev s0
        lab_in c ip addr del "$address/$prefix" dev lo
        lab_in r ip route del "$address/$prefix"
    } 2>/dev/null
    lab_in s ip addr add "$address/$prefix" dev s0 nodad
    watch_server
    sleep 0.2
    lab_in s ip addr del "$address/$prefix" dev s0
    lab_in c ip addr add "$address/$prefix" dev lo nodad
    lab_in r ip route add "$address/$prefix" via "$(lab_client "$1")"
    lab_in s ip route get "$address" | has "via $router"
    lab_until 5 "$PYTHON" "$LAB_DIR/maps.py" "$PPING_PID" none "$address" >/dev/null
    lab_in s ping -q -c 5 -i 0.05 "$address"
    reported "$address"
}

# The client's own interface: it asks, so nothing is left out but the answers it gives.
client_side() {
    rm -f "$JSONL"
    pping_start c c0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$JSONL"
    http "$(lab_server "$1")"
    reported "$(lab_server "$1")"
}

# What leaves by the loopback device is there again at once, and is one packet.
loopback_counts_once() {
    rm -f "$JSONL"
    pping_start c lo "$LAB_TMP/pping" -C -l -r 0 --counters -a 600 --events -4 32 -F jsonl -w "$JSONL" "$@"
    lab_in c ping -q -c 20 -i 0.02 127.0.0.1
    sleep 0.2
    pping_stop
    [ "$(grep -c '"rtt"' "$JSONL")" = 20 ]
    grep '"rtt"' "$JSONL" | tail -n 1 | has '"sent_packets":20,"sent_bytes":1680,"rec_packets":20,"rec_bytes":1680'
    grep '"ip_prefix":"127.0.0.1/32"' "$JSONL" | has '"tx_stats":[^]]*"packets":40,"bytes":3360'
}

# Up to the FIN that closes it, this one included: all but the last ACK.
loopback_closing() {
    local packets
    rm -f "$JSONL"
    pping_start c lo "$LAB_TMP/pping" -l -r 0 --counters -F jsonl -w "$JSONL" "$@"
    capture_start c lo "$LAB_TMP/lo.pcap" tcp
    lab_in c "$PYTHON" - <<'END'
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    client = socket.create_connection(server.getsockname())
    peer = server.accept()[0]
    for _ in range(10):
        client.sendall(b"question")
        peer.recv(100)
        peer.sendall(b"answer")
        client.recv(100)
    client.close()
    assert peer.recv(100) == b""
    peer.close()
END
    capture_stop
    pping_stop
    packets=$(tcpdump -r "$LAB_TMP/lo.pcap" 2>/dev/null | wc -l)
    grep '"closing"' "$JSONL" | tee "$LAB_TMP/closing"
    [ "$(awk -F '"(sent|rec)_packets":' '{ print $2 + $3 }' "$LAB_TMP/closing")" = $((packets - 1)) ] ||
        fail "$packets packets"
}

JSONL=$LAB_TMP/rtts.jsonl
lab_up || exit 1
for family in 4 6; do
    case_run local_answers_left_out_ipv$family left_out $family
    case_run local_answers_left_out_xdp_ipv$family left_out $family -I xdp
    case_run local_questions_stay_ipv$family others_stay $family
    case_run local_answers_included_ipv$family included $family
    case_run local_client_side_ipv$family client_side $family
done
case_run local_new_address_ipv4 new_address 4 10.11.2.77 32
case_run local_new_address_ipv6 new_address 6 fd00:11:2::77 128
case_run local_gone_address_ipv4 gone_address 4 10.11.9.77 32 10.11.2.1
case_run local_gone_address_ipv6 gone_address 6 fd00:11:9::77 128 fd00:11:2::1
case_run local_loopback_counts_once loopback_counts_once
case_run local_loopback_counts_once_xdp loopback_counts_once -I xdp -x generic
case_run local_loopback_closing loopback_closing
case_run local_loopback_closing_xdp loopback_closing -I xdp -x generic
lab_end
