#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the virtual machine that tests/kernels/run boots: one line per check,
# "ok NAME", "not ok NAME" (what it printed stands before, behind "# ") or "skip NAME: why".
#
#     namespace c: c0 10.9.9.1, fd09:9::1 ----veth---- namespace s: s0 10.9.9.2, fd09:9::2
#
# pping watches a device of c; s0 delays what it sends by 20 ms, so all that c
# asks of s takes 20 ms and a little.

PPING=/bin/pping
OTHER=/lib/other_xdp.o
CHECKS=/lib/checks
RUN=/tmp/run
DELAY_MS=20
MOST_MS=21 # the emulator counts instructions: its load adds nothing
SKIP=77
CHECK_TIMEOUT=900 # nothing takes that long but what hangs
NS=/run/netns
LC_ALL=C
export LC_ALL

# --- the lab -----------------------------------------------------------------

# in_ns NS CMD...: not "ip netns exec", which hides bpffs.
in_ns() {
    local ns=$1
    shift
    nsenter --net="$NS/$ns" "$@"
}

need_module() {
    local module
    for module; do
        modprobe "$module" 2>/dev/null || skip "no $module"
    done
}

# skip WHY: it stands in the table.
skip() {
    echo "$*"
    exit $SKIP
}

# addresses C-DEV S-DEV SUBNET: 10.9.SUBNET.0/24 and fd09:SUBNET::/64, and up.
addresses() {
    in_ns c ip addr add "10.9.$3.1/24" dev "$1"
    in_ns s ip addr add "10.9.$3.2/24" dev "$2"
    in_ns c ip -6 addr add "fd09:$3::1/64" dev "$1" nodad
    in_ns s ip -6 addr add "fd09:$3::2/64" dev "$2" nodad
    in_ns c ip link set "$1" up
    in_ns s ip link set "$2" up
}

lab_up() {
    rm -rf "$RUN" && mkdir -p "$RUN"
    ip netns add c
    ip netns add s
    ip link add c0 netns c type veth peer name s0 netns s
    addresses c0 s0 9
    in_ns s tc qdisc add dev s0 root netem delay ${DELAY_MS}ms limit 10000
    in_ns c ip link set lo up
    in_ns s /bin/traffic serve 5001 >/dev/null 2>&1 &
    in_ns c timeout 20 ping -q -c 1 10.9.9.2 >/dev/null
    in_ns c timeout 20 ping -q -c 1 fd09:9::2 >/dev/null
}

lab_down() {
    local pid
    for pid in $(ip netns pids c) $(ip netns pids s) $(pidof traffic); do
        kill -9 "$pid"
    done
    in_ns c timeout 30 xdp-loader unload c0 --all
    in_ns c bpftool net detach xdp dev c0
    rm -f /sys/fs/bpf/other
    ip netns del c
    ip netns del s
    ip netns del d
}

# --- pping -------------------------------------------------------------------

AS=() # the command that pping is started by, if any

STARTED='is being monitored' # what it says then

# start NAME [VARIABLE=VALUE] ARG...: in the background, once it monitors.
start() {
    local name=$1 i
    shift
    : >"$RUN/$name.err" # what a run before said is not this one's
    # no in_ns here: it would be a shell that gets the signals
    nsenter --net=$NS/c env --default-signal=INT "${AS[@]}" "$PPING" -r 0 -F jsonl "$@" \
        >"$RUN/$name" 2>"$RUN/$name.err" &
    LAST=$!
    for ((i = 0; i < 600; i++)); do
        grep -q "$STARTED" "$RUN/$name.err" && return
        [ -d "/proc/$LAST" ] || break
        sleep 0.1
    done
    cat "$RUN/$name.err"
    return 1
}

# stop PID NAME: by SIGINT; it must end in good order, with a summary.
stop() {
    kill -INT "$1"
    wait "$1" || fail "status $?" "$(cat "$RUN/$2.err")"
    grep -q 'RTTs  *[1-9]' "$RUN/$2.err" || fail "no summary with RTTs" "$(cat "$RUN/$2.err")"
}

fail() {
    printf '%s\n' "$@"
    exit 1
}

attached_as() {
    grep "is being monitored ($2)" "$RUN/$1.err" || fail "attached otherwise" "$(cat "$RUN/$1.err")"
}

# ours_left COUNT: so many of our programs are loaded, after a moment.
ours_left() {
    local i count
    for ((i = 0; i < 50; i++)); do
        count=$(bpftool prog list | grep -c 'name pping_' || true)
        [ "$count" = "$1" ] && return
        sleep 0.1
    done
    fail "$count programs of ours, not $1" "$(bpftool prog list)"
}

# --- traffic and what pping makes of it --------------------------------------

# traffic SUBNET: TCP and ping of both families at a time, about a second.
traffic() {
    local pid pids=()
    in_ns c timeout 30 /bin/traffic ask "10.9.$1.2" 5001 20 10 &
    pids+=($!)
    in_ns c timeout 30 /bin/traffic ask "fd09:$1::2" 5001 20 10 &
    pids+=($!)
    in_ns c timeout 30 ping -q -c 10 -i 0.05 "10.9.$1.2" >/dev/null &
    pids+=($!)
    in_ns c timeout 30 ping -q -c 10 -i 0.05 "fd09:$1::2" >/dev/null &
    pids+=($!)
    for pid in "${pids[@]}"; do
        wait "$pid" || fail "no traffic"
    done
    sleep 0.3
}

# rtts FILE PROTOCOL ADDRESS LEAST-NUMBER: the median is the delay.
rtts() {
    grep '"rtt":' "$1" | grep "\"src_ip\":\"$3\"" | grep "\"protocol\":\"$2\"" |
        sed 's/.*"rtt":\([0-9]*\).*/\1/' | sort -n >"$RUN/sorted"
    awk -v what="$2 $3" -v least="$4" -v low=$DELAY_MS -v high=$MOST_MS '
        { ms[NR] = $1 / 1e6 }
        END {
            median = ms[int((NR + 1) / 2)]
            printf "%s: %d RTTs, least %.3f, median %.3f ms\n", what, NR, ms[1], median
            exit !(NR >= least && ms[1] > low - 1 && median < high)
        }' "$RUN/sorted"
}

# measured NAME SUBNET: all four kinds of traffic were.
measured() {
    rtts "$RUN/$1" TCP "10.9.$2.2" 10
    rtts "$RUN/$1" TCP "fd09:$2::2" 10
    rtts "$RUN/$1" ICMP "10.9.$2.2" 8
    rtts "$RUN/$1" ICMPv6 "fd09:$2::2" 8
}

# measure SUBNET ARG...: pping with ARG... sees the subnet's traffic.
measure() {
    local subnet=$1
    shift
    start pping -TC "$@"
    traffic "$subnet"
    stop "$LAST" pping
    cat "$RUN/pping.err"
    measured pping "$subnet"
    ours_left 0
}

# aggregates ARG...: each RTT is in one report, and an event.
aggregates() {
    local rtts rows
    start pping -TC -i c0 -a 1 --events "$@"
    traffic 9
    sleep 1 # the second half is in another report
    traffic 9
    stop "$LAST" pping
    cat "$RUN/pping.err"
    measured pping 9
    ours_left 0
    rtts=$(grep -c '"rtt":' "$RUN/pping")
    rows=$(grep '"ip_prefix":' "$RUN/pping" | sed 's/.*"count_rtt":\([0-9]*\).*/\1/' |
        awk '{ sum += $1 } END { print sum }')
    echo "$rtts RTTs, $rows in reports"
    [ "$rtts" = "$rows" ] || fail "not the same number"
    [ "$(grep -c '"ecn":' "$RUN/pping")" -ge 2 ] || fail "not two reports"
    grep '"ip_prefix":"10.9.9.0/24"' "$RUN/pping" | grep -q '"tcp_ts":{"packets":[1-9]' ||
        fail "no TCP in 10.9.9.0/24"
}

# The verifier takes each combination that removes other branches.
aggregates_load() {
    local options
    for options in "-C" "-T" "-TC -I xdp" "-C --events -I xdp" "-TC --events --counters -s -l -R 0.5" \
        "-TC --max-prefixes 1 --aggregate-reverse"; do
        # shellcheck disable=SC2086 # several words
        start pping -i c0 -a 1 $options
        kill -INT "$LAST"
        wait "$LAST" || fail "$options: status $?" "$(cat "$RUN/pping.err")"
    done
}

# rules_leave_out ARG...: entries that leave all out, read from a file in the place of others.
rules_leave_out() {
    echo 192.0.2.1 >"$RUN/list"
    start pping -TC -i c0 --exclude-file "$RUN/list" "$@"
    printf '%s\n' 0.0.0.0/0 ::/0 >"$RUN/list"
    kill -HUP "$LAST"
    for _ in {1..100}; do
        grep -q 'read again: 0 entries to include, 2 to exclude' "$RUN/pping.err" && break
        sleep 0.1
    done
    traffic 9
    kill -INT "$LAST"
    wait "$LAST" || fail "status $?" "$(cat "$RUN/pping.err")"
    cat "$RUN/pping.err"
    grep -q 'left out by --include or --exclude' "$RUN/pping.err" || fail "nothing was left out"
    ! grep ' tracked' "$RUN/pping.err" || fail "not all were left out"
    ! grep '"rtt":' "$RUN/pping" || fail "RTTs"
}

# --- checks: attaching -------------------------------------------------------

# is_older MAJOR MINOR: the kernel is.
is_older() {
    [ "$MAJOR" -lt "$1" ] || { [ "$MAJOR" = "$1" ] && [ "$MINOR" -lt "$2" ]; }
}

is_below_floor() {
    is_older 5 13
}

has_tcx() {
    ! is_older 6 6
}

tc_how() {
    if has_tcx; then echo tcx; else echo clsact; fi
}

# Where the programs can't load: says so, says why, and does nothing.
below_floor() {
    local status=0
    timeout 60 "$PPING" -i lo >"$RUN/out" 2>&1 || status=$?
    cat "$RUN/out"
    [ "$status" = 1 ] || fail "status $status"
    [ "$(wc -l <"$RUN/out")" = 1 ] || fail "not one line"
    grep 'lacks atomic compare-and-exchange in BPF programs, which came with Linux 5.12' "$RUN/out"
    ours_left 0
}

features_probed() {
    local want=
    ! is_older 5 12 || want+='every run: atomic compare-and-exchange '
    ! is_older 5 13 || want+='every run: global functions with pointers to memory '
    ! is_older 5 18 || want+='xdp: the helper bpf_xdp_load_bytes '
    /bin/test_features print >"$RUN/out"
    cat "$RUN/out"
    [ "$(sed 's/ in BPF programs.*//; s/, which came.*//' "$RUN/out" | tr '\n' ' ')" = "$want" ] ||
        fail "not: $want"
}

tc_measures() {
    measure 9 -i c0
    attached_as pping "$(tc_how)"
}

shortcoming_said_once() {
    start pping -i c0
    kill -INT "$LAST"
    wait "$LAST"
    cat "$RUN/pping.err"
    if has_tcx; then
        ! grep 'without TCX' "$RUN/pping.err"
    else
        [ "$(grep -c 'without TCX, which came with Linux 6.6' "$RUN/pping.err")" = 1 ]
    fi
}

tc_clsact_measures() {
    has_tcx || skip "no TCX"
    export PPING_NO_TCX=1
    measure 9 -i c0
    attached_as pping clsact
    ! in_ns c tc qdisc show dev c0 | grep clsact
}

xdp_measures() {
    measure 9 -i c0 -I xdp -x "$1"
    attached_as pping "xdp $1, $(tc_how)"
}

sampled_with_all_options() {
    measure 9 -i c0 --counters -s -l -R 0.5 -t smoothed --debug-cleanup
    grep -q '"sent_packets":' "$RUN/pping"
}

# --- checks: what comes out ---------------------------------------------------

# Prometheus' text has as many RTTs as there are events.
metrics_served() {
    local rtts counted
    start pping -TC -i c0 --metrics 9100
    traffic 9
    in_ns c timeout 30 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9100
        printf "GET /metrics HTTP/1.0\r\n\r\n" >&3
        cat <&3' >"$RUN/metrics"
    stop "$LAST" pping
    measured pping 9
    rtts=$(grep -c '"rtt":' "$RUN/pping")
    counted=$(grep '^pping_rtt_seconds_count' "$RUN/metrics" | awk '{ sum += $NF } END { print sum + 0 }')
    echo "$rtts RTTs, $counted in metrics"
    [ "$rtts" = "$counted" ] || fail "not the same number" "$(cat "$RUN/metrics")"
}

anonymised() {
    local method
    for method in cryptopan ipcrypt; do
        start pping -TC -i c0 --anonymize $method
        traffic 9
        stop "$LAST" pping
        ! grep -E '10\.9\.9\.|fd09:9:' "$RUN/pping" || fail "$method: an address"
        rtts "$RUN/pping" TCP '[^"]*' 20
        rtts "$RUN/pping" ICMP '[^"]*' 8
        rtts "$RUN/pping" ICMPv6 '[^"]*' 8
    done
}

rotated() {
    local files
    mkdir "$RUN/files"
    start pping -TC -i c0 -w "$RUN/files/%H%M%S.jsonl.zst" --rotate-interval 1
    traffic 9
    traffic 9
    stop "$LAST" pping
    files=("$RUN"/files/*)
    echo "${files[@]}"
    [ ${#files[@]} -ge 2 ] || fail "not rotated"
    [[ "${files[*]}" != *.part* ]] || fail "a file in progress is left"
    zstd -qdc "${files[@]}" >"$RUN/whole"
    measured whole 9
    # the summary's number
    [ "$(grep -c '"rtt":' "$RUN/whole")" = "$(sed -n 's/.*RTTs  *\([0-9]*\).*/\1/p' "$RUN/pping.err" | head -n 1)" ] ||
        fail "$(grep -c '"rtt":' "$RUN/whole") RTTs" "$(cat "$RUN/pping.err")"
}

killed_while_writing() {
    mkdir "$RUN/files"
    start first -TC -i c0 -w "$RUN/files/first-%H%M%S.jsonl.zst"
    traffic 9
    sleep 2
    kill -9 "$LAST"
    zstd -qdc "$RUN"/files/first-*.part >"$RUN/whole" || true # it ends too early
    measured whole 9
    sleep 1
    start pping -TC -i c0 -w "$RUN/files/first-%H%M%S.jsonl.zst"
    traffic 9
    stop "$LAST" pping
    grep 'was left unfinished' "$RUN/pping.err"
    zstd -qdc "$RUN"/files/first-*.zst >"$RUN/second"
    measured second 9
}

# --- checks: links -----------------------------------------------------------

# vlan INNER-DEV OUTER-OFFLOAD ARG...: measured with ARG..., tag in metadata or packet.
vlan_pair() {
    need_module 8021q
    in_ns c ip link add link c0 name c0.5 type vlan id 5
    in_ns s ip link add link s0 name s0.5 type vlan id 5
    addresses c0.5 s0.5 5
}

in_packet() {
    local feature
    for feature in tx-vlan-hw-insert rx-vlan-hw-parse tx-vlan-stag-hw-insert rx-vlan-stag-hw-parse; do
        in_ns c ethtool -K c0 "$feature" off
        in_ns s ethtool -K s0 "$feature" off
    done >/dev/null 2>&1
    in_ns s ethtool -k s0 | grep -q 'tx-vlan-offload: off' || skip "tag stays in metadata"
}

vlan_device() {
    vlan_pair
    measure 5 -i c0.5
}

vlan_parent() {
    vlan_pair
    measure 5 -i c0 "$@"
}

vlan_parent_in_packet() {
    in_packet
    vlan_parent "$@"
}

qinq() {
    need_module 8021q
    in_ns c ip link add link c0 name c0.5 type vlan proto 802.1ad id 5
    in_ns s ip link add link s0 name s0.5 type vlan proto 802.1ad id 5
    in_ns c ip link set c0.5 up
    in_ns s ip link set s0.5 up
    in_ns c ip link add link c0.5 name c0.5.6 type vlan id 6
    in_ns s ip link add link s0.5 name s0.5.6 type vlan id 6
    addresses c0.5.6 s0.5.6 6
    measure 6 -i c0 "$@"
}

qinq_in_packet() {
    in_packet
    qinq "$@"
}

mac() {
    in_ns "$1" ip -o link show "$2" | sed 's/.*link.ether \([^ ]*\).*/\1/'
}

pppoe_pair() {
    need_module pppoe ppp_generic
    /bin/traffic pppoe c0 "$(mac s s0)" $NS/c 2>"$RUN/ppp" &
    DIALLED=$!
    /bin/traffic pppoe s0 "$(mac c c0)" $NS/s 2>>"$RUN/ppp" &
    DIALLED+=" $!"
    wait_for in_ns c ip link show ppp0
    wait_for in_ns s ip link show ppp0
    in_ns c ip addr add 10.9.7.1 peer 10.9.7.2 dev ppp0
    in_ns s ip addr add 10.9.7.2 peer 10.9.7.1 dev ppp0
    in_ns c ip link set ppp0 up
    in_ns s ip link set ppp0 up
    in_ns c ip -6 addr add fd09:7::1 peer fd09:7::2 dev ppp0 nodad
    in_ns s ip -6 addr add fd09:7::2 peer fd09:7::1 dev ppp0 nodad
}

wait_for() {
    local i
    for ((i = 0; i < 50; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    fail "waited in vain: $*" "$(cat "$RUN"/ppp 2>/dev/null)"
}

pppoe_on() {
    pppoe_pair
    measure 7 "$@"
}

tun() {
    need_module tun
    /bin/traffic tun $NS/c $NS/s &
    wait_for in_ns c ip link show tun0
    wait_for in_ns s ip link show tun0
    addresses tun0 tun0 8
    in_ns s tc qdisc add dev tun0 root netem delay ${DELAY_MS}ms
    measure 8 -i tun0
}

# --- checks: several interfaces ------------------------------------------------

# c asks through c0 and is answered through c1. IPv6 answers neighbors for an interface's own address only.
other_way_back() {
    ip link add c1 netns c type veth peer name s1 netns s
    in_ns c ip link set c1 up
    in_ns s ip link set s1 up
    in_ns s tc qdisc add dev s1 root netem delay ${DELAY_MS}ms limit 10000
    in_ns s ip neigh add 10.9.9.1 lladdr "$(mac c c1)" dev s1
    in_ns s ip -6 neigh add fd09:9::1 lladdr "$(mac c c1)" dev s1
    in_ns s ip route add 10.9.9.1/32 dev s1
    in_ns s ip -6 route add fd09:9::1/128 dev s1
}

several() {
    other_way_back
    measure 9 -i c0 -i c1 "$@"
    ! grep '"rtt":' "$RUN/pping" | grep -v '"interface":"c1"' || fail "RTTs elsewhere than on c1"
}

# The interface comes when pping has given up what it needed to load programs, goes and comes again.
pattern_follows() {
    STARTED='waiting for one' start pping -TC -i 'ppp*'
    call_and_measure 1
    # shellcheck disable=SC2086 # two numbers
    kill $DIALLED
    wait_for eval '! in_ns c ip link show ppp0'
    call_and_measure 2
    stop "$LAST" pping
    cat "$RUN/pping.err"
    ! grep '"rtt":' "$RUN/pping" | grep -v '"interface":"ppp0"' || fail "RTTs elsewhere than on ppp0"
    rtts "$RUN/pping" TCP 10.9.7.2 20
    rtts "$RUN/pping" TCP fd09:7::2 20
    rtts "$RUN/pping" ICMP 10.9.7.2 16
    rtts "$RUN/pping" ICMPv6 fd09:7::2 16
    ours_left 0
}

# call_and_measure TIMES: which call it is.
call_and_measure() {
    pppoe_pair
    wait_for eval "[ \$(grep -c 'ppp0 is being monitored' $RUN/pping.err) = $1 ]"
    traffic 7
}

# counted_below SUBNET PAIR: what lies on c0, which is watched, carries what d, behind c1, asks of s.
counted_below() {
    local address subnet=$1
    $2
    ip netns add d
    ip link add d1 netns d type veth peer name c1 netns c
    in_ns d ip addr add 10.9.4.2/24 dev d1
    in_ns c ip addr add 10.9.4.1/24 dev c1
    in_ns d ip -6 addr add fd09:4::2/64 dev d1 nodad
    in_ns c ip -6 addr add fd09:4::1/64 dev c1 nodad
    in_ns d ip link set d1 up
    in_ns c ip link set c1 up
    in_ns d ip route add default via 10.9.4.1
    in_ns d ip -6 route add default via fd09:4::1
    in_ns s ip route add 10.9.4.0/24 via "10.9.$subnet.1"
    in_ns s ip -6 route add fd09:4::/64 via "fd09:$subnet::1"
    in_ns c bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    start pping -C -i c0 -i c1 -a 600 --events --counters -4 32
    for address in "10.9.$subnet.2" "fd09:$subnet::2"; do
        in_ns d timeout 30 ping -q -c 20 -i 0.05 "$address"
    done
    sleep 0.3
    stop "$LAST" pping
    cat "$RUN/pping.err"
    for address in "10.9.$subnet.2" "fd09:$subnet::2"; do
        grep '"rtt":' "$RUN/pping" | grep "\"src_ip\":\"$address\"" | tail -n 1 |
            grep '"sent_packets":20,"sent_bytes":[0-9]*,"rec_packets":20,' ||
            fail "not 20 each" "$(grep '"rtt":' "$RUN/pping" | tail -n 1)"
    done
    [ "$(grep "\"ip_prefix\":\"10.9.$subnet.2/32\"" "$RUN/pping" | grep -c '"other":{"packets":20,.*"other":{"packets":20,')" = 1 ] ||
        fail "not 20 each" "$(grep '"ip_prefix"' "$RUN/pping")"
}

# The verifier takes each combination, with lists, for every kind of link: a pattern loads them all.
several_load() {
    local attach options
    for attach in tc xdp; do
        for options in "--exclude 192.0.2.1" "--include 10.0.0.0/8:5001 --counters -r 10 -s -l" \
            "-a 1 --events --counters --include fd09::/16 --exclude :1"; do
            # shellcheck disable=SC2086 # several words
            start pping -TC -i 'c*' -I $attach $options
            kill -INT "$LAST"
            wait "$LAST" || fail "$attach $options: status $?" "$(cat "$RUN/pping.err")"
        done
    done
}

# --- checks: other programs and other runs -----------------------------------

other_runs() {
    local before after
    before=$(bpftool map dump name other_count)
    in_ns c ping -q -c 3 -i 0.1 10.9.9.2 >/dev/null
    after=$(bpftool map dump name other_count)
    [ "$before" != "$after" ] || fail "the other program runs no more" "$before"
}

dispatched() {
    in_ns c timeout 60 xdp-loader status c0
}

load_beside() {
    in_ns c timeout 60 xdp-loader load -m native c0 $OTHER || skip "no xdp-loader"
    bpftool prog list | grep -q xdp_dispatcher || skip "no dispatcher"
}

dispatcher_beside() {
    load_beside
    start pping -TC -i c0 -I xdp
    attached_as pping "xdp native (libxdp), $(tc_how)"
    dispatched
    traffic 9
    other_runs
    stop "$LAST" pping
    measured pping 9
    other_runs
    dispatched | grep -q other_xdp
    ours_left 0
}

dispatcher_leftover_replaced() {
    load_beside
    start first -TC -i c0 -I xdp
    kill -9 "$LAST"
    sleep 0.5
    dispatched | grep pping_xdp || fail "nothing stayed behind: the check checks nothing"
    start pping -TC -i c0 -I xdp
    [ "$(dispatched | grep -c pping_xdp)" = 1 ] || fail "not replaced" "$(dispatched)"
    traffic 9
    stop "$LAST" pping
    measured pping 9
    other_runs
    ours_left 0
}

# One of two runs that were killed, and the other's.
dispatcher_leftovers_replaced() {
    local first
    load_beside
    start first -TC -i c0 -I xdp
    first=$LAST
    start second -TC -i c0 -I xdp
    kill -9 "$first" "$LAST"
    sleep 0.5
    [ "$(dispatched | grep -c pping_xdp)" = 2 ] || fail "not two of them" "$(dispatched)"
    start pping -TC -i c0 -I xdp
    [ "$(dispatched | grep -c pping_xdp)" = 1 ] || fail "not replaced" "$(dispatched)"
    traffic 9
    stop "$LAST" pping
    measured pping 9
    other_runs
    ours_left 0
}

occupied_is_refused() {
    local status=0
    bpftool prog load $OTHER /sys/fs/bpf/other
    in_ns c bpftool net attach xdp pinned /sys/fs/bpf/other dev c0
    in_ns c timeout 60 "$PPING" -i c0 -I xdp >"$RUN/out" 2>&1 || status=$?
    cat "$RUN/out"
    [ "$status" = 1 ]
    grep -q 'taken by program other_xdp (id [0-9]*).*-I tc' "$RUN/out"
    other_runs
    ours_left 0
}

tcx_killed() {
    has_tcx || skip "no TCX"
    start pping -TC -i c0
    kill -9 "$LAST"
    ours_left 0
}

# Egress is tc here too: without TCX its filter stays.
xdp_killed() {
    start pping -TC -i c0 -I xdp
    kill -9 "$LAST"
    if has_tcx; then ours_left 0; else ours_left 1; fi
    ! in_ns c ip link show c0 | grep xdp || fail "it is there"
    measure 9 -i c0 -I xdp
    attached_as pping "xdp native, $(tc_how)"
}

clsact_leftover_replaced() {
    export PPING_NO_TCX=1
    start first -TC -i c0
    kill -9 "$LAST"
    sleep 0.5
    ours_left 2
    start pping -TC -i c0
    [ "$(in_ns c tc filter show dev c0 ingress | grep -c 'pping_ingress')" = 1 ]
    traffic 9
    stop "$LAST" pping
    measured pping 9
    ours_left 0
    ! in_ns c tc qdisc show dev c0 | grep clsact
}

two_at_once() {
    local first
    start first -TC -i c0 -I "$1"
    first=$LAST
    start second -TC -i c0
    traffic 9
    stop "$first" first
    traffic 9
    stop "$LAST" second
    measured first 9
    measured second 9
    ours_left 0
}

two_at_once_clsact() {
    export PPING_NO_TCX=1
    two_at_once tc
    ! in_ns c tc qdisc show dev c0 | grep clsact
}

# The first has left when the third comes: what the second has there is no leftover.
third_spares_second() {
    local first second
    export PPING_NO_TCX=1
    start first -TC -i c0
    first=$LAST
    start second -TC -i c0
    second=$LAST
    kill -INT "$first"
    wait "$first"
    start third -TC -i c0
    traffic 9
    stop "$LAST" third
    stop "$second" second
    measured second 9
    measured third 9
    ours_left 0
    ! in_ns c tc qdisc show dev c0 | grep clsact
}

clsact_empty_of_others_leftover() {
    export PPING_NO_TCX=1
    in_ns c tc qdisc add dev c0 clsact
    start first -TC -i c0
    kill -9 "$LAST"
    sleep 0.5
    start pping -TC -i c0
    traffic 9
    stop "$LAST" pping
    ours_left 0
    in_ns c tc qdisc show dev c0 | grep clsact
}

# --- checks: the clsact qdisc ------------------------------------------------

clsact_of_others_stays() {
    export PPING_NO_TCX=1
    in_ns c tc qdisc add dev c0 clsact
    start pping -TC -i c0
    traffic 9
    stop "$LAST" pping
    in_ns c tc qdisc show dev c0 | grep clsact
    ours_left 0
}

clsact_in_use_stays() {
    export PPING_NO_TCX=1
    need_module cls_matchall act_gact
    start pping -TC -i c0
    in_ns c tc filter add dev c0 ingress protocol all prio 99 matchall action ok
    traffic 9
    stop "$LAST" pping
    in_ns c tc filter show dev c0 ingress | grep matchall
    ours_left 0
}

# --- checks: cleaning and the end --------------------------------------------

closed_flows_are_cleaned() {
    start pping -TC -i c0 --debug-cleanup
    traffic 9
    sleep 8
    stop "$LAST" pping
    grep cleaning "$RUN/pping.err" | tail -n 2
    grep -q 'removed 0 idle, [1-9][0-9]* closed' "$RUN/pping.err"
}

idle_flows_are_cleaned() {
    start pping -TC -i c0 --debug-cleanup
    in_ns c ping -q -c 3 -i 0.1 10.9.9.2 >/dev/null
    sleep 33
    stop "$LAST" pping
    grep '"reason":"timeout"' "$RUN/pping"
    grep -q 'removed [1-9][0-9]* idle' "$RUN/pping.err"
}

# --- checks: privileges ---------------------------------------------------------

# with_capabilities NAME...: sets AS for a user who has these.
with_capabilities() {
    local name list=-all
    for name; do
        list+=,+$name
    done
    AS=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set "$list" --inh-caps "$list"
        --ambient-caps "$list")
}

# as_nobody CHECK...: a check as above, with the capabilities that the README names.
# Debian's default is 3, which Linux does not know: see perf_restricted.
as_nobody() {
    echo 2 >/proc/sys/kernel/perf_event_paranoid
    with_capabilities bpf net_admin perfmon
    "$@"
}

as_nobody_by_clsact() {
    export PPING_NO_TCX=1
    as_nobody measure 9 -i c0
    attached_as pping clsact
}

each_capability_is_needed() {
    local all="bpf net_admin perfmon" lacking status
    for lacking in $all; do
        # shellcheck disable=SC2046,SC2086 # words
        with_capabilities $(printf '%s\n' $all | grep -v "^$lacking$")
        status=0
        in_ns c timeout 60 "${AS[@]}" "$PPING" -i c0 >"$RUN/out" 2>&1 || status=$?
        cat "$RUN/out"
        [ "$status" = 1 ] || fail "without $lacking: status $status"
        grep -qi "missing privilege: CAP_$lacking;" "$RUN/out" || fail "without $lacking: another message"
    done
    ours_left 0
}

# Every set of the three on every hook, and what is kept then.
privileges_by_hook() {
    echo 2 >/proc/sys/kernel/perf_event_paranoid
    PRIVILEGES_PATIENCE=60 /bin/privileges.sh -a "$PPING" | tee "$RUN/out"
    [ "$(grep -c '^ok ' "$RUN/out")" -ge 3 ] || fail "not three hooks"
    ! grep '^not ok' "$RUN/out"
}

# As Debian has it, perf events take CAP_SYS_ADMIN: who lacks that is told.
perf_restricted() {
    local status=0
    echo 3 >/proc/sys/kernel/perf_event_paranoid
    with_capabilities bpf net_admin perfmon
    in_ns c timeout 60 "${AS[@]}" "$PPING" -i c0 --duration 1 >"$RUN/out" 2>&1 || status=$?
    cat "$RUN/out"
    [ "$status" = 1 ] || fail "status $status"
    grep 'kernel.perf_event_paranoid is above 2, which leaves perf events to CAP_SYS_ADMIN' "$RUN/out"
    with_capabilities bpf net_admin perfmon sys_admin
    measure 9 -i c0
}

# A kernel that was built without: the modules that there are can't be loaded any more.
modules_missing() {
    local status=0
    export PPING_NO_TCX=1
    echo /bin/false >/proc/sys/kernel/modprobe
    trap 'echo /bin/modprobe >/proc/sys/kernel/modprobe; modprobe sch_ingress; modprobe cls_bpf' EXIT
    rmmod cls_bpf sch_ingress || skip "built in"
    in_ns c timeout 60 "$PPING" -i c0 >"$RUN/out" 2>&1 || status=$?
    cat "$RUN/out"
    [ "$status" = 1 ] || fail "status $status"
    grep 'lacks TCX (Linux 6.6) and the clsact qdisc (CONFIG_NET_SCH_INGRESS)' "$RUN/out"
    modprobe sch_ingress
    status=0
    in_ns c timeout 60 "$PPING" -i c0 >"$RUN/out" 2>&1 || status=$?
    cat "$RUN/out"
    [ "$status" = 1 ] || fail "status $status"
    grep "lacks TCX (Linux 6.6) and tc's BPF filters (CONFIG_NET_CLS_BPF)" "$RUN/out"
}

# --- one after another -------------------------------------------------------

# check NAME CMD...: in a process of its own, which ends in time.
check() {
    local name=$1 status
    shift
    timeout -k 5 "$CHECK_TIMEOUT" bash "$0" --one "$@" >/tmp/log 2>&1 </dev/null
    status=$?
    lab_down >/dev/null 2>&1
    case $status in
    0) echo "ok $name" ;;
    "$SKIP") echo "skip $name: $(tail -n 1 /tmp/log)" ;;
    *)
        echo "# $name: status $status"
        sed 's/^/# /' /tmp/log | tail -n 40
        echo "not ok $name"
        ;;
    esac
    [ -z "$KERNELS_VERBOSE" ] || sed 's/^/# /' /tmp/log
}

selected() {
    [ -z "$KERNELS_ONLY" ] || [[ " $KERNELS_ONLY " == *" $1 "* ]]
}

# below the floor there is little to check
applies() {
    if is_below_floor; then
        [ "$1" = below_floor ] || [ "$1" = features ]
    else
        [ "$1" != below_floor ]
    fi
}

all_checks() {
    local name command
    while IFS='|' read -r name _ command; do
        [[ $name != '#'* ]] && selected "$name" && applies "$name" || continue
        # shellcheck disable=SC2086 # a command and its words
        check "$name" $command
    done <"$CHECKS"
}

IFS=. read -r MAJOR MINOR _ < <(uname -r)
if [ "${1:-}" = --one ]; then
    shift
    set -e
    lab_up
    "$@"
    exit
fi
for module in veth sch_netem sch_ingress cls_bpf act_bpf; do
    modprobe $module || echo "not ok module_$module"
done
ip link set lo up
echo "kernel $(uname -v | sed -n 's/.*Debian \([0-9.]*\).*/\1/p')"
echo "# kernel.perf_event_paranoid is $(cat /proc/sys/kernel/perf_event_paranoid)"
mkdir -p "$RUN"
all_checks
echo "end of checks"
