#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A packet that passes several watched interfaces counts once in --counters and --aggregate, for each
# address that it has on the way: through NAT, with devices that lie on a watched one, and by
# ways that change. Counted anew from captures (once.py).
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump nft

JSONL=$LAB_TMP/once.jsonl
OUT=$LAB_TMP/pping

once() { "$PYTHON" "$LAB_DIR/once.py" "$@"; }

# watch IF... -- PPING-OPTION...: in the router; a capture of each in $LAB_TMP/IF.pcap
watch() {
    local dev args=()
    PCAPS=() DEVICES=()
    while [ "$1" != -- ]; do
        args+=(-i "$1") DEVICES+=("$1")
        shift
    done
    shift
    rm -f "$JSONL"
    lab_spawn r "$OUT" "$PPING" "${args[@]}" -TC -r 0 -F jsonl -w "$JSONL" --counters "$@"
    PPING_PID=$LAB_PID
    for dev in "${DEVICES[@]}"; do
        LAB_PID=$PPING_PID wait_attached r "$dev" || fail "not on $dev: $(cat "$OUT.err")"
    done
    for dev in "${DEVICES[@]}"; do
        capture_start r "$dev" "$LAB_TMP/$dev.pcap" ip or ip6
        PCAPS+=("$LAB_TMP/$dev.pcap")
    done
}

unwatch() {
    local dev status=0
    capture_stop
    lab_stop "$PPING_PID" INT || status=$?
    cat "$OUT.err"
    [ "$status" = 0 ] || fail "status $status"
    for dev in "${DEVICES[@]}"; do nothing_attached r "$dev"; done
}

# A ping's flow has no closing before 30 s: its last RTT has what it carried.
ping_counts() {
    "$PYTHON" - "$JSONL" "$1" <<'END'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
rows = [r for r in rows if "rtt" in r and r["protocol"] != "TCP"]
flows = {(r["src_ip"], r["dest_ip"], r["src_port"]): (r["sent_packets"], r["rec_packets"]) for r in rows}
print(flows)
assert flows and all(counts == (int(sys.argv[2]),) * 2 for counts in flows.values())
END
}

# through IF... -- PPING-OPTION...: TCP, UDP and ping through the router and to it
through() {
    local how=check
    [[ " $* " != *" -a "* ]] || how=check_aggregated
    watch "$@"
    once traffic "$LAB_NETNS-c" "$LAB_NETNS-s" "$SERVER4" "$SERVER6" -- "$ROUTER4" "$ROUTER6"
    lab_in c ping -q -c 20 -i 0.01 -W 1 "$SERVER4"
    lab_in c ping -q -c 20 -i 0.01 -W 1 "$SERVER6"
    unwatch
    once $how "$JSONL" "${PCAPS[@]}"
    ping_counts 20
    [ "$(grep -c '"closing"' "$JSONL")" = "$CLOSINGS" ] || fail "$(grep '"closing"' "$JSONL")"
}

# --- addresses that change on the way ----------------------------------------------------

# translate RULE: in the router, of both families
translate() {
    lab_in r nft -f - <<END || skip "no NAT in this kernel"
table inet nat {
    chain post { type nat hook postrouting priority 100; oifname { r1, r2 } masquerade; }
    chain pre { type nat hook prerouting priority -100; $1 }
}
END
}

nat() {
    case_cleanup() { lab_in r nft flush ruleset; }
    translate ""
    CLOSINGS=4 through r0 r1 -- -a 600 --events -4 32 -6 64 "$@"
    # the router's address sends all that the client asks of the server
    grep '"ip_prefix":"10.11.2.1/32"' "$JSONL" | has '"tx_stats":{"tcp_ts":{"packets":[1-9]'
}

nat_without_aggregates() {
    case_cleanup() { lab_in r nft flush ruleset; }
    translate ""
    CLOSINGS=4 through r0 r1 -- "$@"
}

# The client asks an address of the router, which asks the server for it, under the client's.
redirected() {
    case_cleanup() { lab_in r nft flush ruleset; }
    lab_in r nft -f - <<END || skip "no NAT in this kernel"
table ip nat {
    chain pre { type nat hook prerouting priority -100; ip daddr $ROUTER4 meta l4proto { tcp, udp } th dport 7777 dnat to $SERVER4; }
}
END
    watch r0 r1 -- -a 600 --events -4 32 -6 64
    once traffic "$LAB_NETNS-c" "$LAB_NETNS-s" "$SERVER4@$ROUTER4"
    unwatch
    once check_aggregated "$JSONL" "${PCAPS[@]}"
    [ "$(grep -c '"closing"' "$JSONL")" = 2 ]
}

# pings_through ADDRESS PPING-OPTION...: 20 there and back
pings_through() {
    local address=$1
    shift
    watch r0 r1 -- -a 600 --events -4 32 -6 64 "$@"
    lab_in c ping -q -c 20 -i 0.01 -W 1 "$address"
    unwatch
}

# What was counted of IPv4 in all, and of a prefix that it sent and that it received.
counted() {
    "$PYTHON" - "$JSONL" "$1" <<'END'
import json, sys
total, sent, received = 0, 0, 0
for r in map(json.loads, open(sys.argv[1])):
    packets = lambda of: sum(row["packets"] for row in r.get(of, {}).values())
    if "ecn" in r:
        total += packets("ipv4")
    elif r.get("ip_prefix") == sys.argv[2]:
        sent, received = sent + packets("tx_stats"), received + packets("rx_stats")
print(f"total {total} sent {sent} received {received}")
END
}

# Of what got two other addresses no note tells: it is taken for counted, also where somebody else is excluded.
hairpin_beside_a_list() {
    case_cleanup() { lab_in r nft flush ruleset; }
    translate "ip daddr $ROUTER4 icmp type echo-request dnat ip to $SERVER4;"
    pings_through "$ROUTER4" "$@"
    counted "$SERVER4/32" | has -x 'total 40 sent 20 received 0'
}

# Who is included has another address on the one side only: what leaves there is counted.
included_behind_nat() {
    case_cleanup() { lab_in r nft flush ruleset; }
    translate ""
    pings_through "$SERVER4" --include 10.11.2.1
    counted 10.11.2.1/32 | has -x 'total 40 sent 20 received 20'
}

# And who is excluded on the inner side is not counted as the router when it leaves; answers come to the router.
excluded_behind_nat() {
    case_cleanup() { lab_in r nft flush ruleset; }
    translate ""
    pings_through "$SERVER4" --exclude "$CLIENT4"
    counted 10.11.2.1/32 | has -x 'total 20 sent 0 received 20'
}

# --- devices that lie on a watched one -----------------------------------------------------

plain() { CLOSINGS=2 through r0 r1 -- -a 600 --events -4 32 -6 64 "$@"; }

# onto DEVICE KIND-WORDS...: r0's addresses go to another device
onto() {
    local dev=$1
    lab_in r ip addr flush dev r0
    lab_addr r "$dev" "$ROUTER4" "$ROUTER6"
    lab_in c ip neigh flush dev c0
    lab_until 5 lab_in c ping -q -c 1 -W 0.2 "$SERVER4"
    lab_until 5 lab_in c ping -q -c 1 -W 0.2 "$SERVER6"
}

back_to_r0() {
    lab_in r nft flush ruleset
    lab_in r ip link del upper
    lab_in r ip addr flush dev r0
    lab_addr r r0 "$ROUTER4" "$ROUTER6"
    lab_in c ip neigh flush dev c0
} >/dev/null 2>&1

below_bridge() {
    case_cleanup() { back_to_r0; }
    lab_in r ip link add upper type bridge || skip "no bridge devices"
    lab_in r ip link set r0 master upper
    onto upper
    "$@"
}

below_macvlan() {
    case_cleanup() { back_to_r0; }
    lab_in r ip link add upper link r0 type macvlan mode private || skip "no macvlan devices"
    onto upper
    "$@"
}

nat_too() {
    translate ""
    CLOSINGS=4 through r0 r1 -- -a 600 --events -4 32 -6 64 "$@"
}

# --- ways that change -----------------------------------------------------------------------

# Answers come by a watched interface, then by one that nobody watches: all leave by r0.
another_way() {
    local id
    case_cleanup() {
        lab_in s ip route replace default via 10.11.2.1
        lab_in r ip link del r2
    }
    ip link add s1 netns "$LAB_NETNS-s" type veth peer name r2 netns "$LAB_NETNS-r"
    lab_addr r r2 10.11.3.1 fd00:11:3::1
    lab_addr s s1 10.11.3.2 fd00:11:3::2
    for id in r s; do
        # shellcheck disable=SC2016 # for the inner shell
        lab_in "$id" sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$f"; done'
    done
    watch r0 r1 -- "$@"
    lab_spawn c "$LAB_TMP/ping" ping -c 40 -i 0.05 -W 1 "$SERVER4"
    sleep 0.9
    lab_in s ip route replace default via 10.11.3.1
    lab_wait "$LAB_PID" 10
    unwatch
    cat "$LAB_TMP/ping"
    ping_counts 40
}

lab_up || exit 1
case_run once_plain plain
case_run once_plain_xdp plain -I xdp
case_run once_nat nat
case_run once_nat_xdp nat -I xdp
case_run once_nat_counters_alone nat_without_aggregates
case_run once_nat_to_a_server redirected
case_run once_hairpin hairpin_beside_a_list
case_run once_hairpin_beside_a_list hairpin_beside_a_list --exclude 192.0.2.1
case_run once_included_behind_nat included_behind_nat
case_run once_excluded_behind_nat excluded_behind_nat
case_run once_below_a_bridge below_bridge plain
case_run once_below_a_bridge_nat below_bridge nat_too
case_run once_below_a_macvlan below_macvlan plain
case_run once_another_way another_way
lab_end
