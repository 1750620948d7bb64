#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several interfaces at once: paths that leave by one and come back by another, against a
# referee that reads a capture of each; patterns whose interfaces come, go and change
# their names; what is counted on each, and once.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump iperf3 ss curl

JSONL=$LAB_TMP/rtts.jsonl
OUT=$LAB_TMP/pping
SIDE4=10.11.3 SIDE6=fd00:11:3:

accept_any_way() {
    # shellcheck disable=SC2016 # for the inner shell
    lab_in "$1" sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$f"; done'
}

# A second link between router and server, r2-s1, that the server's answers take.
side_link() {
    ip link add s1 netns "$LAB_NETNS-s" type veth peer name r2 netns "$LAB_NETNS-r" &&
        lab_addr r r2 $SIDE4.1 $SIDE6:1 && lab_addr s s1 $SIDE4.2 $SIDE6:2 &&
        lab_in s ip route replace default via $SIDE4.1 &&
        lab_in s ip -6 route replace default via $SIDE6:1 &&
        accept_any_way r && accept_any_way s &&
        lab_until 5 lab_in c ping -q -c 1 -W 0.2 "$SERVER4" &&
        lab_until 5 lab_in c ping -q -c 1 -W 0.2 "$SERVER6"
}

# devices NS: their names
devices() { lab_in "$1" ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/'; }

# watch IF... -- PPING-OPTION...: in the router, on all of them, written to JSONL
watch() {
    local dev devs=() args=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        devs+=("$1") args+=(-i "$1")
        shift
    done
    shift
    rm -f "$JSONL"
    lab_spawn r "$OUT" "$PPING" "${args[@]}" -F jsonl -w "$JSONL" "$@"
    PPING_PID=$LAB_PID PPING_NS=r PPING_OUT=$OUT
    for dev in "${devs[@]}"; do
        [[ $dev == *[*?[]* ]] || wait_attached r "$dev" || fail "not on $dev: $(cat "$OUT.err")"
    done
    lab_until 15 grep -q 'monitored\|waiting' "$OUT.err" || fail "$(cat "$OUT.err")"
}

# Ends it; nothing may be left on any interface.
unwatch() {
    local dev status=0
    lab_stop "$PPING_PID" INT || status=$?
    cat "$OUT.err"
    [ "$status" = 0 ] || fail "status $status"
    for dev in $(devices r); do
        nothing_attached r "$dev"
    done
}

# captures NS IF...: one of each, in $LAB_TMP/IF.pcap
captures() {
    local ns=$1 dev
    shift
    for dev in "$@"; do
        capture_start "$ns" "$dev" "$LAB_TMP/$dev.pcap" tcp
    done
}

# sums: the interfaces' lines of the last summary add up to its totals
sums() {
    "$PYTHON" - "$OUT.err" <<'END'
import re, sys
text = open(sys.argv[1]).read()
text = text[text.rindex("\n  packets "):]
total = int(re.search(r"packets +(\d+) seen", text)[1])
rtts = int(re.search(r"RTTs +(\d+) from", text)[1])
each = re.findall(r"^    (\S+) +(\d+) packets, (\d+) RTTs", text, re.M)
print(total, rtts, each)
assert len(each) > 1 and total > 0
assert sum(int(e[1]) for e in each) == total
assert sum(int(e[2]) for e in each) == rtts
END
}

# on WHAT: the interfaces of the records that have WHAT, each once
on() { "$PYTHON" -c 'import json, sys
print(*sorted({json.loads(l).get("interface", "-") for l in open(sys.argv[2]) if sys.argv[1] in l}))' \
    "$1" "$JSONL"; }

# those without a name: -
rtts_on() {
    if [ "$1" = - ]; then
        grep '"rtt"' "$JSONL" | grep -vc '"interface"' || true
    else
        grep '"rtt"' "$JSONL" | grep -c "\"interface\":\"$1\"" || true
    fi
}
rtts_on_at_least() { [ "$(rtts_on "$1")" -ge "$2" ]; }
rtt_lines() { grep -c '"rtt"' "$JSONL" || true; }

scrape() { lab_in r curl -sf --max-time 5 http://127.0.0.1:9100/metrics; }
metric() { scrape | awk -v "name=$1" '$1 == name { print $2 }'; }

# --- asymmetric paths --------------------------------------------------------------------

# asymmetric FAMILY PPING-OPTION...: requests leave by r1, answers come back by r2
asymmetric() {
    local family=$1
    shift
    watch r1 r2 -- -r 0 --metrics 9100 "$@"
    captures r r1 r2
    iperf_load "$family" 10 1
    capture_stop
    # neither of the two has all packets, and together they have each once
    [ "$(metric 'pping_interface_up{interface="r1"}')" = 1 ]
    scrape >"$LAB_TMP/metrics"
    unwatch
    sums
    referee compare --pcap "$LAB_TMP/r1.pcap" --pcap "$LAB_TMP/r2.pcap" --jsonl "$JSONL" --where \
        --min-samples 500 --min-matched 99.5 --max-median-us 10
    # the client's data is answered on r2, the server's on r1
    [ "$(on '"rtt"')" = "r1 r2" ] || fail "RTTs on $(on '"rtt"')"
    [ "$(rtts_on r2)" -gt 250 ]
    [ "$(on '"opening"')" = r2 ] || fail "openings on $(on '"opening"')"
    [ "$(awk '/^pping_rtts_total/ { n += $2 } END { print n }' "$LAB_TMP/metrics")" = "$(rtt_lines)" ]
    grep -q '^pping_rtts_total{interface="r2"} [1-9]' "$LAB_TMP/metrics"
    grep -q '^pping_packets_total{interface="r1",verdict="tracked"} [1-9]' "$LAB_TMP/metrics"
    grep -q '^pping_flows_opened_total{interface="r1,r2"} [1-9]' "$LAB_TMP/metrics"
}

# Answers of one flow come by both: by turns, while its data leaves by r1.
changing() {
    local i
    case_cleanup() { server_answers_by r2; }
    watch r1 r2 -- -r 0 "$@"
    captures r r1 r2
    lab_spawn - "$LAB_TMP/chat" "$PYTHON" "$LAB_DIR/chat.py" "$LAB_NETNS-c" "$LAB_NETNS-s" 4 0.005 \
        "$SERVER4" "$SERVER6"
    local chat=$LAB_PID
    for i in r1 r2 r1 r2 r1 r2; do
        server_answers_by "$i"
        sleep 0.6
    done
    lab_wait "$chat" 5
    capture_stop
    unwatch
    referee compare --pcap "$LAB_TMP/r1.pcap" --pcap "$LAB_TMP/r2.pcap" --jsonl "$JSONL" --where \
        --min-samples 500 --min-matched 100
    [ "$(grep "\"src_ip\":\"$SERVER4\"" "$JSONL" | grep -c '"interface":"r1"')" -gt 50 ]
    [ "$(grep "\"src_ip\":\"$SERVER4\"" "$JSONL" | grep -c '"interface":"r2"')" -gt 50 ]
    [ "$(grep "\"src_ip\":\"$SERVER6\"" "$JSONL" | grep -c '"interface":"r1"')" -gt 50 ]
}

server_answers_by() {
    local side4=$SIDE4.1 side6=$SIDE6:1
    [ "$1" = r2 ] || side4=10.11.2.1 side6=fd00:11:2::1
    lab_in s ip route replace default via "$side4"
    lab_in s ip -6 route replace default via "$side6"
}

# With one of the two there is nothing to measure, and that is said.
asymmetric_one() {
    rm -f "$JSONL"
    pping_start r r1 "$OUT" -r 0 -F jsonl -w "$JSONL"
    iperf_load 4 2 1
    pping_stop
    [ ! -s "$JSONL" ] || fail "$(head -3 "$JSONL")"
    grep -q 'one direction only' "$OUT.err"
}

# The client's side as well: each packet passes two of them, is timed where it is first
# seen, and counted once in flows and prefixes.
both_sides() {
    watch r0 r1 r2 -- -r 0 "$@"
    captures r r0 r1 r2
    iperf_load 4 10 1
    capture_stop
    unwatch
    sums
    referee compare --pcap "$LAB_TMP/r0.pcap" --pcap "$LAB_TMP/r1.pcap" --pcap "$LAB_TMP/r2.pcap" \
        --jsonl "$JSONL" --where --min-samples 500 --min-matched 99.5 --max-median-us 10
    # data is first seen on r0, its answer on r2, and the other way round
    [ "$(on '"rtt"')" = "r0 r2" ] || fail "RTTs on $(on '"rtt"')"
}

counted_once() {
    watch r0 r1 r2 -- -C -r 0 --counters -a 600 --events
    lab_in c ping -q -c 50 -i 0.01 "$SERVER4"
    lab_in c ping -q -c 50 -i 0.01 "$SERVER6"
    sleep 0.3
    unwatch
    sums
    grep '"rtt"' "$JSONL" | tail -1
    [ "$(grep -c '"sent_packets":50,"sent_bytes":4200,"rec_packets":50' "$JSONL")" = 1 ]
    [ "$(grep -c '"sent_packets":50,"sent_bytes":5200,"rec_packets":50' "$JSONL")" = 1 ]
    [ "$(rtt_lines)" = 100 ]
    "$PYTHON" - "$JSONL" <<'END'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
client = next(r for r in rows if r.get("ip_prefix") == "10.11.1.0/24")
totals = next(r for r in rows if "ecn" in r)
print(client["tx_stats"], client["rx_stats"], totals["ipv4"])
assert client["tx_stats"]["other"]["packets"] == 50 == client["rx_stats"]["other"]["packets"]
assert totals["ipv4"]["ICMP"]["packets"] == 100 and totals["count_rtt"] == 100
END
}

# --- mixed kinds ----------------------------------------------------------------------------

# An Ethernet device and one of bare IP packets, each with its programs.
mixed() {
    watch "$@" -- -r 0
    wait_attached r r0
    wait_attached r r1
    captures r r0 r1
    iperf_load 4 10 1
    capture_stop
    unwatch
    sums
    referee compare --pcap "$LAB_TMP/r0.pcap" --pcap "$LAB_TMP/r1.pcap" --jsonl "$JSONL" --where \
        --min-samples 500 --min-matched 99.5 --max-median-us 10
    referee rtts --jsonl "$JSONL" --src "$SERVER4" --min-count 500 --least-ms 20 --median-ms 21
}

# XDP can't be on all that a pattern fits: the others are measured.
mixed_xdp() {
    watch r0 'r1*' -- -C -I xdp
    says 'r1: XDP needs'
    lab_in c ping -q -c 5 -i 0.05 "$SERVER4"
    sleep 0.3
    unwatch
    [ "$(on '"rtt"')" = r0 ]
}

# --- patterns ---------------------------------------------------------------------------------

# pair NUMBER [NAME]: the router's v1 and its peer p1 in the client's namespace; PAIR_INDEX: its ifindex
pair() {
    local n=$1 name=${2:-v$1}
    # shellcheck disable=SC2086 # words, or none
    ip link add "$name" ${PAIR_INDEX:+index $PAIR_INDEX} netns "$LAB_NETNS-r" type veth peer name "p$n" netns "$LAB_NETNS-c" &&
        lab_in c ip addr add "10.20.$n.2/24" dev "p$n" && lab_in c ip link set "p$n" up &&
        lab_in r ip addr add "10.20.$n.1/24" dev "$name" && lab_in r ip link set "$name" up
}

# pings NUMBER COUNT: from the router, which the client answers
pings() { lab_in r ping -q -c "$2" -i 0.02 -W 1 "10.20.$1.2"; }

pairs_cleanup() {
    local dev
    for dev in $(devices c); do
        [[ $dev != p* ]] || lab_in c ip link del "$dev"
    done
}

says() { lab_until 3 grep -Eq -- "$1" "$OUT.err" || fail "does not say $1: $(cat "$OUT.err")"; }

# said COUNT WHAT
said() { [ "$(grep -c -- "$2" "$OUT.err")" = "$1" ]; }

pattern() {
    case_cleanup() { pairs_cleanup; }
    watch 'v*' -- -C -r 0 "$@"
    says 'no interface is called v\* yet; waiting'
    pair 1
    says '^pping: v1 is being monitored'
    pings 1 5
    pair 2
    says '^pping: v2 is being monitored'
    pings 2 6
    lab_until 2 rtts_on_at_least v2 6
    # another name that fits, and back from one that doesn't
    lab_in r ip link set v1 down
    lab_in r ip link set v1 name v9
    lab_in r ip link set v9 up
    says '^pping: v1 is called v9 now'
    pings 1 7
    lab_in r ip link set v2 down
    lab_in r ip link set v2 name w2
    says '^pping: v2 was removed'
    nothing_attached r w2
    lab_in r ip link set w2 name v2
    lab_in r ip link set v2 up
    lab_until 3 said 2 "v2 is being monitored"
    wait_attached r v2
    pings 2 8
    lab_in r ip link del v2
    lab_until 3 said 2 "v2 was removed"
    # a name that was v1's before is its own
    pair 3 v1
    lab_until 3 said 2 "v1 is being monitored"
    wait_attached r v1
    pings 3 9
    lab_until 2 rtts_on_at_least v1 14
    unwatch
    sums
    [ "$(rtts_on v1) $(rtts_on v2) $(rtts_on v9)" = "14 14 7" ] ||
        fail "$(rtts_on v1) $(rtts_on v2) $(rtts_on v9)"
    [ "$(on '"rtt"')" = "v1 v2 v9" ]
    [ "$(grep -c 'no interface' "$OUT.err")" = 1 ]
}

no_series() { ! scrape | has '^pping_interface_up{'; }

# twenty_series N: all are there, and v7 had so many RTTs
twenty_series() {
    [ "$(scrape | grep -c '^pping_interface_up{interface="v[0-9]*"} 1')" = 20 ] &&
        [ "$(metric 'pping_rtts_total{interface="v7"}')" = "$1" ]
}

# Twenty come with traffic, go in the middle of it, and come again.
twenty() {
    local i round pids
    case_cleanup() { pairs_cleanup; }
    watch 'v*' -- -C -r 0 --metrics 9100 --run-records "$@"
    for round in 1 2; do
        for ((i = 1; i <= 20; i++)); do pair "$i"; done
        for ((i = 1; i <= 20; i++)); do LAB_PID=$PPING_PID wait_attached r "v$i"; done
        pids=()
        for ((i = 1; i <= 20; i++)); do
            lab_spawn r "$LAB_TMP/ping$i" ping -q -c $((10 + i)) -i 0.02 -W 1 "10.20.$i.2"
            pids+=("$LAB_PID")
        done
        for i in "${pids[@]}"; do lab_wait "$i" 10; done
        lab_until 2 rtts_on_at_least v20 $((30 * round))
        # and some that nobody waits for
        for ((i = 1; i <= 20; i += 3)); do
            lab_spawn r "$LAB_TMP/ping$i" ping -q -c 50 -i 0.01 -W 1 "10.20.$i.9"
        done
        lab_until 3 twenty_series $((17 * round))
        pairs_cleanup
        lab_until 5 said $((20 * round)) "was removed"
        # the text is made once a second at most
        lab_until 3 no_series
    done
    unwatch
    sums
    for ((i = 1; i <= 20; i++)); do
        [ "$(rtts_on "v$i")" = $((2 * (10 + i))) ] || fail "v$i: $(rtts_on "v$i") RTTs"
    done
    tail -1 "$JSONL"
    tail -1 "$JSONL" | has '"interfaces":".*v7 [0-9]* packets 34 RTTs'
}

# Named ones come back to their places.
named_returns() {
    case_cleanup() { pairs_cleanup; }
    pair 1
    pair 2
    watch v1 v2 -- -C -r 0
    pings 1 3
    lab_in r ip link del v1
    says '^pping: v1 was removed; waiting for its return'
    pings 2 4
    pair 1
    wait_attached r v1
    pings 1 5
    lab_until 2 rtts_on_at_least v1 8
    unwatch
    sums
    [ "$(rtts_on v1) $(rtts_on v2)" = "8 4" ]
}

# One whose number can't be told from that of another is measured all the same, without a name.
number_collides() {
    local first
    case_cleanup() { pairs_cleanup; }
    pair 1
    pair 2
    first=$(lab_in r ip -o link show v1 | cut -d: -f1)
    watch "$@" -- -C -r 0 --metrics 9100
    wait_attached r v2
    [ "$(metric 'pping_interface_up{interface="v2"}')" = 1 ]
    lab_in r ip link del v2
    says '^pping: v2 was removed'
    PAIR_INDEX=$((first + 65536)) pair 2
    says '^pping: v2: it is measured without a name in its records'
    wait_attached r v2
    pings 1 3
    pings 2 4
    lab_until 2 rtts_on_at_least - 4
    kill -USR1 "$PPING_PID"
    says '^ *v2 .*\(without a number\)'
    sleep 1.1 # the text is made once a second at most
    scrape | grep 'interface="v' >"$LAB_TMP/metrics"
    ! grep 'interface="v2"' "$LAB_TMP/metrics" || fail "it has metrics of its own"
    grep -q '^pping_interface_up{interface="v1"} 1' "$LAB_TMP/metrics"
    lab_in r ip link del v2
    lab_until 3 said 2 'v2 was removed'
    pings 1 5
    pair 2
    wait_attached r v2
    pings 2 6
    lab_until 2 rtts_on_at_least v2 6
    unwatch
    sums
    [ "$(rtts_on v1) $(rtts_on v2) $(rtts_on -)" = "8 6 4" ] || fail "$(rtts_on v1) $(rtts_on v2) $(rtts_on -)"
}

# ... also where that happens while pping is stopped (Ctrl-Z), and at its end.
number_collides_meanwhile() {
    local first
    case_cleanup() { pairs_cleanup; }
    pair 1
    pair 2
    first=$(lab_in r ip -o link show v1 | cut -d: -f1)
    watch 'v*' -- -C -r 0
    wait_attached r v2
    kill -STOP "$PPING_PID"
    lab_in r ip link del v2
    PAIR_INDEX=$((first + 65536)) pair 2
    kill -CONT "$PPING_PID"
    says '^pping: v2: it is measured without a name in its records'
    wait_attached r v2
    pings 2 3
    lab_until 2 rtts_on_at_least - 3
    unwatch
    sums
    grep -Eq '^ *v2 .*\(without a number\)' "$OUT.err"
}

# ... also as another kind of device, where its programs can still be loaded.
returns_as_tun() {
    case_cleanup() {
        pairs_cleanup
        lab_in r ip tuntap del v1 mode tun || true
    }
    pair 1
    pair 2
    watch v1 -- -C -r 0 --no-sandbox
    lab_in r ip link del v1
    says '^pping: v1 was removed; waiting for its return'
    lab_in r ip tuntap add v1 mode tun
    wait_attached r v1
    lab_until 3 said 2 'v1 is being monitored'
    lab_in r ip tuntap del v1 mode tun
    pair 1
    wait_attached r v1
    pings 1 5
    sleep 0.3
    unwatch
    [ "$(rtt_lines)" = 5 ]
}

# without_frags MODE: an interface comes back when nothing can be loaded any more, and XDP's
# multi-buffer support is not there (any more): no_frags.c
without_frags() {
    case_cleanup() { pairs_cleanup; }
    lab_library no_frags || skip "no shared libraries here"
    pair 1
    lab_spawn r "$OUT" env "NO_FRAGS=$1" "LD_PRELOAD=$LAB_BIN/no_frags.so" "$PPING" -i v1 -C -r 0 -I xdp
    PPING_PID=$LAB_PID PPING_NS=r PPING_OUT=$OUT
    wait_attached r v1
    lab_until 3 grep -q '^NoNewPrivs:.*1' "/proc/$PPING_PID/status"
    lab_in r ip link del v1
    says '^pping: v1 was removed; waiting for its return'
    pair 1
    lab_until 3 said 2 'v1 is being monitored (xdp native' || fail "$(cat "$OUT.err")"
    wait_attached r v1
    pings 1 3
    sleep 0.2
    unwatch
    [ "$1" = load ] || grep -q 'no_frags: refused' "$OUT.err"
    ! grep 'sandbox refused' "$OUT.err" || fail "a system call was refused"
    grep -q 'ICMP 10.20.1.2' "$OUT"
}

# Frames that take several buffers need that support, and without it they are told of.
jumbo_frames() {
    case_cleanup() { pairs_cleanup; }
    lab_library no_frags || skip "no shared libraries here"
    pair 1
    lab_in r ip link set v1 mtu 9000
    lab_in c ip link set p1 mtu 9000
    watch v1 -- -C -r 0 -I xdp
    says 'v1 is being monitored .xdp native'
    lab_in r ping -q -c 3 -i 0.05 -s 8000 -W 1 10.20.1.2
    sleep 0.2
    unwatch
    [ "$(rtt_lines)" = 3 ]
    export NO_FRAGS=load LD_PRELOAD=$LAB_BIN/no_frags.so
    refused "v1: can't attach to the XDP hook.*out of range" -i v1 -C -I xdp
    unset LD_PRELOAD
}

# ... and where not, that is said.
returns_as_tun_confined() {
    local status=0
    case_cleanup() {
        pairs_cleanup
        lab_in r ip tuntap del v1 mode tun || true
    }
    pair 1
    watch v1 -- -C
    lab_until 3 grep -q '^Seccomp:.*2' "/proc/$PPING_PID/status" || skip "no filter in this build"
    lab_in r ip link del v1
    says '^pping: v1 was removed; waiting for its return'
    lab_in r ip tuntap add v1 mode tun
    lab_wait "$PPING_PID" 3 || status=$?
    [ "$status" = 1 ] || fail "status $status"
    says 'v1 came back as another kind of device: start pping anew'
    nothing_attached r v1
}

# gone_while_starting OPTION...: attached to v1, which goes before pping asks for what is there. It
# waits, because nobody reads what it says. Sets STARTING: the fd of its standard error.
gone_while_starting() {
    rm -f "$OUT.err"
    mkfifo "$OUT.err"
    exec {STARTING}<>"$OUT.err"
    head -c 65536 /dev/zero >&"$STARTING" # as much as a pipe holds
    lab_spawn r "$OUT" "$PPING" "$@" -C -r 0
    PPING_PID=$LAB_PID PPING_NS=r PPING_OUT=$OUT
    wait_attached r v1
    nothing_attached r v2 # it waits
    lab_in r ip link del v1
    rm "$OUT.err"
    head -c 65536 <&"$STARTING" >/dev/null
    lab_spawn - "$OUT.err" cat /proc/self/fd/3 3<&"$STARTING"
    LAB_PID=$PPING_PID
}

# gone_at_the_start STATE: of one that is down nothing is told but that it went
gone_at_the_start() {
    case_cleanup() { pairs_cleanup; }
    pair 1
    pair 2
    lab_in r ip link set v1 "$1"
    gone_while_starting -i v1 -i v2
    says '^pping: v2 is being monitored'
    says '^pping: v1 was removed; waiting for its return'
    pair 1
    lab_until 3 said 2 'v1 is being monitored'
    wait_attached r v1
    pings 1 3
    sleep 0.2
    unwatch
    grep -q ' on v1$' "$OUT"
    # what it reads of v1 after that it went is no mistake of anybody's
    ! grep "can't attach" "$OUT.err" || fail "told of what nobody can do"
}

# The last that it was told to watch went before it looked: then it ends.
all_gone_at_the_start() {
    local status=0
    case_cleanup() { pairs_cleanup; }
    pair 1
    lab_in r ip link set v1 down
    gone_while_starting -i v1 -i 'w*' --exit-on-removal
    says '^pping: v1 was removed$'
    lab_wait "$PPING_PID" 5 || status=$?
    cat "$OUT.err"
    [ "$status" = 0 ]
}

attached_are() { [ "$(grep -c 'v[0-9]* is being monitored' "$OUT.err")" = "$1" ]; }

# More than there is room for: the next takes the place of one that goes.
too_many() {
    local i gone waits
    case_cleanup() {
        for ((i = 1; i <= 258; i += 2)); do echo "link del v$i"; done | lab_in r ip -force -batch - 2>/dev/null
    }
    for ((i = 1; i <= 258; i += 2)); do
        echo "link add v$i type veth peer name v$((i + 1))"
        echo "link set v$i up"
    done | lab_in r ip -batch -
    ulimit -Sn 256 # more are opened than a shell allows
    watch 'v*' -- -C
    lab_until 30 attached_are 256
    says '^pping: v[0-9]+ is not monitored until one goes, nor are more that come: there are 256 others'
    # two wait, the first is told of
    [ "$(grep -c 'is not monitored until one goes' "$OUT.err")" = 1 ]
    waits=$(sed -n 's/^pping: \(v[0-9]*\) is not monitored until.*/\1/p' "$OUT.err" | head -1)
    nothing_attached r "$waits"
    gone=v1
    lab_in r ip link set "$gone" down
    lab_in r ip link set "$gone" name x1
    lab_until 3 attached_are 257
    LAB_PID=$PPING_PID wait_attached r "$waits"
    [ "$(grep -c 'was removed' "$OUT.err")" = 1 ]
    # who comes back finds no place
    lab_in r ip link set x1 name v1
    sleep 0.3
    nothing_attached r v1
    lab_in r ip link del v3 # and v4 with it: room for both that wait
    lab_until 3 attached_are 259
    wait_attached r v1
    # two programs on each of 256 come off one by one
    lab_stop "$PPING_PID" INT 30
    grep -q '^ *v1  ' "$OUT.err"
}

last_one_removed() {
    local status=0
    case_cleanup() { pairs_cleanup; }
    pair 1
    pair 2
    watch 'v?' -- -C --exit-on-removal
    lab_in r ip link del v1
    says '^pping: v1 was removed$'
    sleep 0.3
    lab_alive "$PPING_PID" || fail "ended with the first"
    lab_in r ip link del v2
    lab_wait "$PPING_PID" 3 || status=$?
    [ "$status" = 0 ]
}

# In lines for people the name stands at the end; of a single interface there is none.
lines() {
    case_cleanup() { pairs_cleanup; }
    pair 1
    pair 2
    lab_spawn r "$OUT" "$PPING" -i v1 -i v2 -C --status 0.5
    PPING_PID=$LAB_PID
    wait_attached r v2
    pings 2 3
    lab_until 5 grep -q '^# .* interface=v2 rtts_per_s=' "$OUT"
    unwatch
    grep -q 'ms ICMP 10.20.2.2:.* on v2$' "$OUT"
    grep -q 'opening due to first observed packet from src on v2$' "$OUT"
    grep -q '^# .* status_interval=.* interface=v2 rtts_per_s=.* rx_packets_per_s=' "$OUT"
    grep '^# ' "$OUT" | grep -v interface= | has rtts_per_s
    lab_spawn r "$OUT" "$PPING" -i v2 -C
    PPING_PID=$LAB_PID
    wait_attached r v2
    pings 2 3
    sleep 0.2
    unwatch
    grep -q 'ms ICMP 10.20.2.2:' "$OUT"
    ! grep ' on v2' "$OUT" || fail "names the one interface"
}

# What lies on another that is watched too is said: both see the same packets.
stacked() {
    case_cleanup() { pairs_cleanup; lab_in r ip link del vbr; } 2>/dev/null
    pair 1
    lab_in r ip link add vbr type bridge || skip "no bridge devices"
    lab_in r ip link set v1 master vbr
    watch v1 vbr -- -C
    says 'vbr carries the packets of v1|v1 carries the packets of vbr'
    unwatch
}

# --- what goes wrong ------------------------------------------------------------------------------

# refused REGEX ARG...: ends with status 1 and one line; nothing is left attached
refused() {
    local says=$1 status=0 dev
    shift
    lab_spawn r "$OUT" "$PPING" "$@"
    lab_wait "$LAB_PID" 5 || status=$?
    cat "$OUT.err"
    [ "$status" = 1 ] || fail "status $status"
    grep -Eq -- "$says" "$OUT.err" || fail "does not say $says"
    for dev in r0 r1 r2; do nothing_attached r "$dev"; done
}

one_is_missing() {
    refused 'nosuch0.*no such interface' -i r0 -i nosuch0 -i r1
    [ "$(wc -l <"$OUT.err")" = 1 ]
}

second_is_taken() {
    lab_bpf foreign
    case_cleanup() { lab_in r ip link set dev r1 xdp off; }
    lab_in r ip link set dev r1 xdp obj "$LAB_BIN/foreign.bpf.o" sec xdp ||
        skip "ip can't load BPF objects"
    refused 'r1.*foreign_xdp.*-I tc' -I xdp -i r0 -i r1
    # of a pattern's the others are measured
    watch 'r?' -- -I xdp -C
    says 'r1.*foreign_xdp'
    wait_attached r r0
    wait_attached r r2
    nothing_attached r r1
    unwatch
}

overlapping() {
    watch r0 'r0*' 'r[0]' r0 -- -C -r 0
    [ "$(attached r r0 | grep -c pping_)" = 2 ]
    lab_in c ping -q -c 3 -i 0.05 "$SERVER4"
    sleep 0.3
    unwatch
    [ "$(rtts_on r0)" = 3 ]
}

# lo is none that a pattern means; named it is
pattern_and_lo() {
    watch '*' -- -C -l -r 0
    wait_attached r r1
    nothing_attached r lo
    unwatch
    watch r0 lo -- -C -l -r 0
    lab_in r ping -q -c 3 -i 0.05 127.0.0.1
    lab_in c ping -q -c 3 -i 0.05 "$SERVER4"
    sleep 0.3
    unwatch
    [ "$(rtts_on lo) $(rtts_on r0)" = "3 3" ] || fail "$(rtts_on lo) $(rtts_on r0)"
}

lab_up || exit 1
side_link || exit 1
case_run interfaces_asymmetric_tc_ipv4 asymmetric 4
case_run interfaces_asymmetric_xdp_ipv4 asymmetric 4 -I xdp
case_run interfaces_asymmetric_clsact_ipv6 eval 'export PPING_NO_TCX=1; asymmetric 6'
case_run interfaces_changing_paths_tc changing
case_run interfaces_changing_paths_xdp changing -I xdp
case_run interfaces_asymmetric_one_of_two asymmetric_one
case_run interfaces_both_sides both_sides
case_run interfaces_packets_count_once counted_once
case_run interfaces_one_is_missing one_is_missing
case_run interfaces_second_is_taken second_is_taken
case_run interfaces_overlapping overlapping
case_run interfaces_pattern_without_lo pattern_and_lo
case_run interfaces_pattern_tc pattern
case_run interfaces_pattern_xdp pattern -I xdp
case_run interfaces_twenty twenty
case_run interfaces_named_return named_returns
case_run interfaces_number_collides number_collides v1 v2
case_run interfaces_number_of_a_pattern_collides number_collides 'v*'
case_run interfaces_number_collides_meanwhile number_collides_meanwhile
case_run interfaces_returns_as_tun returns_as_tun
case_run interfaces_returns_as_tun_confined returns_as_tun_confined
case_run interfaces_return_without_frags without_frags return
case_run interfaces_jumbo_frames jumbo_frames
case_run interfaces_return_to_a_kernel_without_frags without_frags load
case_run interfaces_gone_at_the_start gone_at_the_start up
case_run interfaces_gone_at_the_start_while_down gone_at_the_start down
case_run interfaces_all_gone_at_the_start all_gone_at_the_start
case_run interfaces_too_many too_many
case_run interfaces_last_one_removed last_one_removed
case_run interfaces_lines lines
case_run interfaces_stacked stacked
lab_up --delay 10000 || exit 1
case_run interfaces_ethernet_and_tun mixed 'r*'
case_run interfaces_xdp_where_it_can_be mixed_xdp
lab_end
