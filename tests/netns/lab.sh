# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The network lab: sourced by tests/netns/test_*.sh and by quickstart.
#
#     c ------------- r ------------- s
#   client  c0   r0 router r1   s0  server
#        10.11.1.0/24    10.11.2.0/24
#        fd00:11:1::/64  fd00:11:2::/64
#
# Three namespaces; c0-r0 is a veth pair, r1-s0 another one or, with --delay,
# the two ends of a user-space delay line (delay.c). pping watches r0 as a rule:
# what the client asks of the server then takes the delay, there and back.
#
# Everything a test starts goes through lab_spawn and is ended by pid; names are
# made of the shell's pid; traps remove it all. All waiting is bounded.

LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_DIR=$LAB_TOP/tests/netns
LAB_BIN=${LAB_BIN:-$LAB_TOP/build/netns}
LAB_NETNS=ppinglab$$
LAB_PIDS=()
PPING=${PPING:-$LAB_TOP/pping}
PYTHON=${PYTHON:-/usr/bin/python3}
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PYTHONDONTWRITEBYTECODE=1 LC_ALL

CLIENT4=10.11.1.2 CLIENT6=fd00:11:1::2
SERVER4=10.11.2.2 SERVER6=fd00:11:2::2
ROUTER4=10.11.1.1 ROUTER6=fd00:11:1::1
export CLIENT4 CLIENT6 SERVER4 SERVER6 ROUTER4 ROUTER6

# --- processes ---------------------------------------------------------------

# lab_in NS CMD...: in the foreground, in a namespace (c, r or s). Not "ip netns
# exec", which mounts over /sys and so hides bpffs.
lab_in() {
    local ns=$1
    shift
    nsenter --net="/run/netns/$LAB_NETNS-$ns" "$@"
}

# lab_spawn NS OUT CMD...: in the background, stdout to OUT and stderr to OUT.err;
# its pid in LAB_PID. It dies with this shell. NS "-" is the namespace we are in.
lab_spawn() {
    local enter=() out=$2
    [ "$1" = - ] || enter=(nsenter --net="/run/netns/$LAB_NETNS-$1")
    shift 2
    # Nobody may take what an earlier one said for this one's.
    [ -p "$out" ] || : >"$out"
    : >"$out.err"
    # A background process of a script ignores SIGINT unless told otherwise.
    (exec setpriv --pdeathsig TERM env --default-signal=INT,QUIT "${enter[@]}" "$@") \
        >"$out" 2>"$out.err" </dev/null &
    LAB_PID=$!
    LAB_PIDS+=("$LAB_PID")
}

# Ours and not yet ended: a child of this shell that is no zombie.
lab_alive() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) }
    [ "${stat%% *}" != Z ] && [ "$(cut -d' ' -f2 <<<"$stat")" = "$BASHPID" ]
}

# lab_wait PID [SECONDS]: until it has ended; its exit status, 124 if it has not.
lab_wait() {
    local i
    for ((i = 0; i < ${2:-5} * 50; i++)); do
        lab_alive "$1" || {
            wait "$1"
            return
        }
        sleep 0.02
    done
    return 124
}

# lab_stop PID [SIGNAL [SECONDS]]: signal it and wait; its exit status, 124 if it
# had to be killed.
lab_stop() {
    local status=0
    lab_alive "$1" && kill -s "${2:-TERM}" "$1"
    lab_wait "$1" "${3:-5}" || status=$?
    if [ "$status" = 124 ] && lab_alive "$1"; then
        kill -s KILL "$1"
        wait "$1" 2>/dev/null
        return 124
    fi
    return "$status"
}

lab_kill_all() {
    local pid i
    for pid in "${LAB_PIDS[@]}"; do
        lab_alive "$pid" && kill -s TERM "$pid" && kill -s CONT "$pid"
    done 2>/dev/null
    for pid in "${LAB_PIDS[@]}"; do
        for ((i = 0; i < 100; i++)); do
            lab_alive "$pid" || continue 2
            sleep 0.02
        done
        kill -s KILL "$pid" 2>/dev/null
    done
    LAB_PIDS=()
}

# lab_until SECONDS CMD...: try it ten times a second until it succeeds.
lab_until() {
    local i limit=$1
    shift
    for ((i = 0; i < limit * 10; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}

# cmd | has REGEX: "grep -q" would leave before cmd is done, which then fails by SIGPIPE
# (pipefail).
has() { grep "$@" >/dev/null; }

# --- tools -------------------------------------------------------------------

# lab_tool NAME [LIBRARY...]: compile tests/netns/NAME.c where that has not been done.
lab_tool() {
    local src=$LAB_DIR/$1.c bin=$LAB_BIN/$1
    if [ ! "$bin" -nt "$src" ]; then
        mkdir -p "$LAB_BIN" &&
            ${CC:-cc} -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wno-unused-parameter "$src" \
                -o "$bin.$$" "${@:2}" &&
            mv "$bin.$$" "$bin"
    fi
}

# lab_library NAME: the same for a library that LD_PRELOAD takes: NAME.so
lab_library() {
    local src=$LAB_DIR/$1.c so=$LAB_BIN/$1.so
    if [ ! "$so" -nt "$src" ]; then
        mkdir -p "$LAB_BIN" &&
            ${CC:-cc} -D_GNU_SOURCE -O2 -g -Wall -Wextra -fPIC -shared "$src" -o "$so.$$" -ldl &&
            mv "$so.$$" "$so"
    fi
}

# lab_bpf NAME: the same for a BPF object.
lab_bpf() {
    local src=$LAB_DIR/$1.bpf.c obj=$LAB_BIN/$1.bpf.o clang
    if [ ! "$obj" -nt "$src" ]; then
        for clang in ${CLANG:-clang clang-14 clang-19 clang-18}; do
            command -v "$clang" >/dev/null && break
        done
        mkdir -p "$LAB_BIN" &&
            "$clang" -O2 -g -target bpf -I"/usr/include/$(uname -m)-linux-gnu" -c "$src" -o "$obj.$$" &&
            mv "$obj.$$" "$obj"
    fi
}

# --- namespaces --------------------------------------------------------------

lab_down() {
    local ns
    for ns in c r s; do
        [ -e "/run/netns/$LAB_NETNS-$ns" ] && ip netns del "$LAB_NETNS-$ns"
    done
    return 0
}

# Before whatever else runs on this machine: the loads must come about. The kernel weighs
# whole sessions against each other where it has autogroups, sched(7).
lab_hurry() {
    renice -n -10 -p $$ >/dev/null 2>&1
    LAB_AUTOGROUP=$(sed -n 's/.* nice //p' /proc/$$/autogroup 2>/dev/null)
    [ -z "$LAB_AUTOGROUP" ] || echo -10 >/proc/$$/autogroup
} 2>/dev/null

# What a killed lab left: its shell is gone.
lab_sweep() {
    local path pid
    for path in /run/netns/ppinglab*-[crs]; do
        [ -e "$path" ] || continue
        pid=${path##*/ppinglab}
        [ -d "/proc/${pid%-?}" ] || ip netns del "${path##*/}"
    done 2>/dev/null
    return 0
}

lab_netns() {
    ip netns add "$LAB_NETNS-$1" || return
    # shellcheck disable=SC2016 # for the inner shell
    lab_in "$1" sh -e -c '
        set_to() { if [ -e "/proc/sys/net/$1" ]; then echo "$2" >"/proc/sys/net/$1"; fi; }
        set_to ipv6/conf/all/disable_ipv6 0
        set_to ipv6/conf/default/disable_ipv6 0
        set_to ipv6/conf/all/accept_dad 0
        set_to ipv6/conf/default/accept_dad 0
        set_to ipv6/conf/default/router_solicitations 0
        set_to ipv4/tcp_timestamps 1
        set_to ipv4/tcp_congestion_control reno # the one that every namespace may use
        ip link set lo up'
}

lab_addr() {
    lab_in "$1" ip addr add "$3/24" dev "$2" &&
        lab_in "$1" ip addr add "$4/64" dev "$2" nodad &&
        lab_in "$1" ip link set "$2" up
}

# lab_mtu BYTES: of the whole path.
lab_mtu() {
    lab_in c ip link set c0 mtu "$1" && lab_in r ip link set r0 mtu "$1" &&
        lab_in r ip link set r1 mtu "$1" && lab_in s ip link set s0 mtu "$1"
}

# lab_up [--delay US [DELAY-OPTION...]]: build it; sets LAB_DELAY_PID.
lab_up() {
    local delay=()
    [ "${1:-}" = --delay ] && delay=(--delay-us "${@:2}")
    lab_down
    lab_netns c && lab_netns r && lab_netns s || return
    lab_link_client || return
    if [ ${#delay[@]} -gt 0 ]; then
        lab_tool delay || return
        [ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; } || return
        lab_spawn - "$LAB_TMP/delay" "$LAB_BIN/delay" "${delay[@]}" \
            "$LAB_NETNS-r:r1" "$LAB_NETNS-s:s0"
        # shellcheck disable=SC2034 # for callers
        LAB_DELAY_PID=$LAB_PID
        lab_until 5 grep -q ready "$LAB_TMP/delay" || {
            cat "$LAB_TMP/delay.err"
            return 1
        }
        lab_in r ip link set r1 txqueuelen 10000 && lab_in s ip link set s0 txqueuelen 10000
    else
        ip link add s0 netns "$LAB_NETNS-s" type veth peer name r1 netns "$LAB_NETNS-r" || return
    fi
    lab_addr r r1 10.11.2.1 fd00:11:2::1 && lab_addr s s0 "$SERVER4" "$SERVER6" &&
        lab_in s ip route add default via 10.11.2.1 &&
        lab_in s ip -6 route add default via fd00:11:2::1 &&
        lab_in r sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward &&
            echo 1 >/proc/sys/net/ipv6/conf/all/forwarding' &&
        lab_until 5 lab_in c ping -q -c 1 -W 0.2 "$SERVER4" &&
        lab_until 5 lab_in c ping -q -c 1 -W 0.2 "$SERVER6"
}

# The pair c0-r0, also anew after a test deleted it.
lab_link_client() {
    ip link add c0 netns "$LAB_NETNS-c" type veth peer name r0 netns "$LAB_NETNS-r" &&
        lab_addr c c0 "$CLIENT4" "$CLIENT6" && lab_addr r r0 "$ROUTER4" "$ROUTER6" &&
        lab_in c ip route add default via "$ROUTER4" &&
        lab_in c ip -6 route add default via "$ROUTER6"
}

# lab_server FAMILY / lab_client FAMILY: the address; FAMILY is 4 or 6.
lab_server() { [ "$1" = 4 ] && echo "$SERVER4" || echo "$SERVER6"; }
lab_client() { [ "$1" = 4 ] && echo "$CLIENT4" || echo "$CLIENT6"; }

# --- captures ----------------------------------------------------------------

# capture_start NS IF FILE [FILTER...]: nanosecond stamps, headers only; the pid in
# CAPTURE_PID. Into memory: a disk would lose packets. There may be several.
CAPTURES=()
capture_start() {
    local ns=$1 dev=$2 file=$3
    shift 3
    lab_spawn "$ns" "$file.log" tcpdump -i "$dev" -n -Z root -s 128 -B 131072 \
        --time-stamp-precision=nano -w "$file" "$@"
    CAPTURE_PID=$LAB_PID
    CAPTURE_LOG=$file.log.err
    CAPTURES+=("$CAPTURE_PID:$CAPTURE_LOG")
    lab_until 5 grep -q '^tcpdump: listening' "$CAPTURE_LOG" || fail "tcpdump did not start"
}

# caught_up PID LOG: has that tcpdump written all that the kernel has for it? (On lo tcpdump leaves out one of two copies: the numbers never meet.)
caught_up() {
    kill -USR1 "$1" && sleep 0.05 &&
        tail -n 1 "$2" | grep -Eq '^tcpdump: ([0-9]+) packets? captured, \1 packets? received by filter'
}

# capture_stop: all of them; the kernel hands packets over in blocks, up to a second
# late. Fails if a capture lost a packet.
capture_stop() {
    local capture log
    sleep 1.2
    for capture in "${CAPTURES[@]}"; do
        log=${capture#*:}
        lab_until 2 caught_up "${capture%%:*}" "$log" || true
        lab_stop "${capture%%:*}" INT 20 || fail "tcpdump: $(cat "$log")"
        cat "$log"
        grep -q '^0 packets dropped by kernel' "$log" || fail "the capture lost packets"
    done
    CAPTURES=()
}

# --- pping -------------------------------------------------------------------

# attached NS IF: the BPF programs on an interface, one a line: "tcx/ingress 12 name".
attached() { lab_in "$1" "$PYTHON" "$LAB_DIR/attached.py" "$2"; }

# wait_attached NS IF [COUNT]: until so many (2) programs of pping's are there, or the
# process started last is gone.
# many take their time: the kernel verifies each one's programs
wait_attached() {
    lab_in "$1" "$PYTHON" "$LAB_DIR/attached.py" --wait $((10 + ${3:-2})) --count "${3:-2}" --prefix pping_ \
        --pid "$LAB_PID" "$2"
}

# pping_start NS IF OUT ARG...: stdout to OUT, stderr to OUT.err; returns when it is
# attached. Its pid in PPING_PID.
pping_start() {
    PPING_NS=$1 PPING_IF=$2 PPING_OUT=$3
    lab_spawn "$1" "$3" "$PPING" -i "$2" "${@:4}"
    PPING_PID=$LAB_PID
    wait_attached "$1" "$2" || fail "pping did not attach: $(cat "$3.err")"
}

# pping_stop [STATUS [SIGNAL]]: it must end by itself, with this status (0) and nothing
# left attached. STATUS may be "not 0".
pping_stop() {
    local status=0
    lab_stop "$PPING_PID" "${2:-INT}" || status=$?
    cat "$PPING_OUT.err"
    case ${1:-0} in
    "not 0") [ "$status" != 0 ] && [ "$status" != 124 ] ;;
    *) [ "$status" = "${1:-0}" ] ;;
    esac || fail "pping ended with status $status, not ${1:-0}"
    nothing_attached "$PPING_NS" "$PPING_IF"
}

# nothing_attached NS IF: no program of pping's.
nothing_attached() {
    local left
    left=$(attached "$1" "$2" | grep ' pping_') || return 0
    fail "left attached: $left"
}

# --- load --------------------------------------------------------------------

# iperf_load FAMILY FLOWS SECONDS [OPTION...]: client to server, each flow 20 Mbit/s in
# blocks of 8333 bytes. At that rate a block is written each 3.33 ms, so each has a TSval
# of its own (they tick in ms); and each is longer than two segments, so each is
# acknowledged at once: the load must give one sample per block. IPERF_BLOCKS is how
# many blocks were sent.
IPERF_BLOCK=8333
iperf_load() {
    local family=$1 flows=$2 seconds=$3 server
    shift 3
    ulimit -n 4096
    lab_spawn s "$LAB_TMP/iperf.server" iperf3 -s -1
    server=$LAB_PID
    lab_until 5 lab_in s sh -c 'ss -Htln "sport = 5201" | grep -q LISTEN' || fail "no iperf3 server"
    lab_in c timeout $((seconds + 20)) iperf3 --json -c "$(lab_server "$family")" -P "$flows" \
        -b 20M -l $IPERF_BLOCK -t "$seconds" "$@" >"$LAB_TMP/iperf.json" ||
        fail "iperf3: $(head -c 1000 "$LAB_TMP/iperf.json")"
    lab_stop "$server" INT || true
    # shellcheck disable=SC2034 # for callers
    IPERF_BLOCKS=$("$PYTHON" -c 'import json, sys
sent = json.load(open(sys.argv[1]))["end"]["sum_sent"]["bytes"]
print(sent // int(sys.argv[2]))' "$LAB_TMP/iperf.json" $IPERF_BLOCK)
}

referee() { "$PYTHON" "$LAB_DIR/referee.py" "$@"; }

# lab_let_perf: with the level that Debian's kernels begin with, only CAP_SYS_ADMIN opens an
# event buffer. lab_perf_back: as it was.
LAB_PARANOID=/proc/sys/kernel/perf_event_paranoid
lab_let_perf() {
    LAB_PARANOID_WAS=$(cat "$LAB_PARANOID")
    [ "$LAB_PARANOID_WAS" -le 2 ] || echo 2 >"$LAB_PARANOID"
}
lab_perf_back() {
    [ "${LAB_PARANOID_WAS:-0}" -le 2 ] || echo "$LAB_PARANOID_WAS" >"$LAB_PARANOID"
}

# --- cases -------------------------------------------------------------------

fail() {
    echo "# $*"
    exit 1
}

skip() {
    echo "# skip: $*"
    exit 77
}

LAB_FAILED=0

# A case may define this anew, to undo what else it did.
case_cleanup() { :; }

# case_run NAME FUNCTION [ARG...]: in a subshell that ends what it started; stops
# at the first command that fails. Its output is shown only on failure.
case_run() {
    local name=$1 status why
    shift
    [[ $name =~ ${CASES:-} ]] || return 0
    (
        set -eE -o pipefail
        LAB_PIDS=()
        trap 'echo "# line $LINENO: $BASH_COMMAND"' ERR
        trap 'trap - ERR; set +e; lab_kill_all; case_cleanup' EXIT
        trap 'exit 143' TERM INT
        "$@"
    ) >"$LAB_TMP/case.log" 2>&1
    status=$?
    why=$(sed -n 's/^# skip: //p' "$LAB_TMP/case.log" | head -1)
    if [ $status = 77 ] && [ -z "${REQUIRE_BPF:-}" ]; then
        echo "skip $name: $why"
    elif [ $status = 0 ]; then
        echo "ok $name"
        [ -z "${LAB_VERBOSE:-}" ] || sed 's/^/    /' "$LAB_TMP/case.log"
    else
        echo "not ok $name"
        tail -n 40 "$LAB_TMP/case.log" | sed 's/^/    /'
        LAB_FAILED=1
    fi
}

lab_exit() {
    lab_perf_back
    [ -z "${LAB_AUTOGROUP:-}" ] || echo "$LAB_AUTOGROUP" >/proc/$$/autogroup
    lab_kill_all
    lab_down
    if [ -n "${LAB_KEEP:-}" ]; then
        echo "# kept $LAB_TMP"
    else
        rm -rf "$LAB_TMP"
    fi
}

# lab_begin TOOL...: first thing in a test; skips it all where the lab can't be.
lab_begin() {
    local tool why=
    LAB_NAME=$(basename "$0" .sh)
    LAB_TMP=$(mktemp -d /dev/shm/ppinglab.XXXXXX 2>/dev/null || mktemp -d) || exit 1
    chmod 755 "$LAB_TMP"
    trap lab_exit EXIT
    trap 'exit 143' TERM INT HUP
    if [ "$(id -u)" != 0 ]; then
        why="needs root"
    elif ! unshare --net true 2>/dev/null; then
        why="cannot create network namespaces"
    elif [ ! -r /sys/kernel/btf/vmlinux ]; then
        why="the kernel has no BTF"
    elif ! "$PYTHON" "$LAB_DIR/attached.py" --probe; then
        why="the kernel refuses BPF"
    fi
    for tool in nsenter setpriv ip tc ping "$PYTHON" "$@"; do
        [ -n "$why" ] || command -v "$tool" >/dev/null || why="needs $tool (quickstart test installs it)"
    done
    if [ -n "$why" ]; then
        [ -z "${REQUIRE_BPF:-}" ] || { echo "not ok $LAB_NAME: $why"; exit 1; }
        echo "skip $LAB_NAME: $why"
        exit 0
    fi
    if [ ! -x "$PPING" ] && [ -z "${LAB_WITHOUT_PPING:-}" ]; then
        echo "not ok $LAB_NAME: no $PPING (run make)"
        exit 1
    fi
    lab_sweep
    lab_hurry
}

# lab_end: last thing in a test.
lab_end() { exit "$LAB_FAILED"; }
