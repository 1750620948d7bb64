# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Where the study runs; sourced by run_tests.sh.
#
#   generator g0 -------- r0 router r1 -------- s0 sink            (no delay, no rate)
#   generator g0 -------- r0 router r1 ---- w0 wire w1 ==== s0 sink
#              10.77.1.0/24           10.77.3.0/24    10.77.2.0/24
#
# On one machine these are network namespaces; w1-s0 are the two ends of delay.c, and a rate
# limit is a token bucket on w1: the monitored interface, r1, is never shaped. On three
# machines they are hosts that ssh reaches, and the path between them is what it is.
#
#   on ROLE CMD...       in the foreground, on gen, router or sink
#   agent ROLE VERB...   agent.sh there; DIR is put in
#   clock_of ROLE        how far that host's clock is ahead of ours, in seconds

NS_PREFIX=ppeval$$
GEN_ADDRESS=10.77.1.2
SINK_ADDRESS=10.77.2.2
ROUTER_IF=r1 GEN_IF=g0 SINK_IF=s0
declare -A HOST_DEST=() HOST_HOME=() HOST_STATE=() HOST_CLOCK=()

netns() { echo "/run/netns/$NS_PREFIX-$1"; }

# --- one machine ------------------------------------------------------------------------

local_on() {
    local role=$1
    shift
    nsenter --net="$(netns "$role")" "$@"
}

# What a killed run left: its shell is gone.
local_sweep() {
    local path pid dir
    for dir in /dev/shm/ppeval.* "${TMPDIR:-/tmp}"/ppeval.*; do
        [ -d "$dir" ] || continue
        pid=$(cat "$dir/owner" 2>/dev/null) || continue
        [ "$(cut -d' ' -f22 "/proc/${pid% *}/stat" 2>/dev/null)" = "${pid#* }" ] && continue
        say "cleaning up after a run that was killed: $dir"
        bash "$EVAL_DIR/agent.sh" bye "$dir"
    done
    for path in /run/netns/ppeval*-*; do
        [ -e "$path" ] || continue
        pid=${path##*/ppeval}
        [ -d "/proc/${pid%-*}" ] || ip netns del "${path##*/}"
    done
    return 0
}

local_netns() {
    ip netns add "$NS_PREFIX-$1" || return
    # shellcheck disable=SC2016 # for the inner shell
    local_on "$1" sh -c '
        for file in ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter; do
            echo 0 >/proc/sys/net/$file
        done
        # a namespace may always have this one, and it does not pace
        echo reno >/proc/sys/net/ipv4/tcp_congestion_control
        ip link set lo up' || return
    case $1 in
    router | wire) local_on "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' ;;
    esac
}

# local_addr NS DEVICE ADDRESS/BITS
local_addr() { local_on "$1" ip addr add "$3" dev "$2" && local_on "$1" ip link set "$2" up; }

# local_veth NS DEVICE NS DEVICE
local_veth() {
    ip link add "$2" netns "$NS_PREFIX-$1" type veth peer name "$4" netns "$NS_PREFIX-$3"
}

# The last link, with a wire of its own in between: $1 us of delay each way, $2 Mbit/s or 0.
local_wire() {
    local_netns wire && local_veth router r1 wire w0 || return
    [ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; } || return
    bash "$EVAL_DIR/agent.sh" build "$WORK" "$EVAL_DIR/delay.c" || return
    bash "$EVAL_DIR/agent.sh" start "$WORK" delay 7200 "$WORK/delay" "$1" \
        "$(netns wire):w1" "$(netns sink):s0" || return
    bash "$EVAL_DIR/agent.sh" until 5 grep -q ready "$WORK/delay.out" || return
    local_on wire ip link set w1 txqueuelen 10000 && local_on sink ip link set s0 txqueuelen 10000 &&
        local_addr router r1 10.77.3.1/24 && local_addr wire w0 10.77.3.2/24 &&
        local_addr wire w1 10.77.2.1/24 && local_addr sink s0 "$SINK_ADDRESS/24" &&
        local_on router ip route add 10.77.2.0/24 via 10.77.3.2 &&
        local_on wire ip route add 10.77.1.0/24 via 10.77.3.1 || return
    [ "$2" = 0 ] || local_on wire tc qdisc add dev w1 root tbf rate "$2mbit" burst 256k latency 50ms
}

# local_up DELAY_US RATE_MBIT
local_up() {
    local_down
    local_netns gen && local_netns router && local_netns sink && local_veth gen g0 router r0 &&
        local_addr gen g0 "$GEN_ADDRESS/24" && local_addr router r0 10.77.1.1/24 || return
    if [ "$1" = 0 ] && [ "$2" = 0 ]; then
        local_veth router r1 sink s0 && local_addr router r1 10.77.2.1/24 &&
            local_addr sink s0 "$SINK_ADDRESS/24" || return
    else
        local_wire "$1" "$2" || return
    fi
    # What is replayed goes to the sink, wherever it is for; the sink forwards nothing.
    local_on router ip route add default via "$([ -e "$(netns wire)" ] && echo 10.77.3.2 || echo "$SINK_ADDRESS")" &&
        local_on gen ip route add default via 10.77.1.1 && local_on sink ip route add default via 10.77.2.1 &&
        bash "$EVAL_DIR/agent.sh" until 5 nsenter --net="$(netns gen)" ping -q -c 1 -W 0.5 "$SINK_ADDRESS"
}

local_down() {
    local role
    bash "$EVAL_DIR/agent.sh" sweep "$WORK"
    for role in gen router sink wire; do
        [ ! -e "$(netns $role)" ] || ip netns del "$NS_PREFIX-$role"
    done
}

# --- three machines ---------------------------------------------------------------------

# Quoted for any shell that the other host may have.
remote_on() {
    local dest=${HOST_DEST[$1]} word words=''
    shift
    for word; do
        words+="'${word//\'/\'\\\'\'}' "
    done
    # shellcheck disable=SC2086 # an ssh command may have options
    $SSH "$dest" "$words"
}

# The host file: "ROLE SSH-DESTINATION INTERFACE ADDRESS" a line, the router's address "-"; the
# interface "-" where the kernel doesn't see it (DPDK).
remote_read() {
    local role dest iface address extra
    while read -r role dest iface address extra; do
        case $role in
        '' | '#'*) continue ;;
        generator) HOST_DEST[gen]=$dest GEN_IF=$iface GEN_ADDRESS=$address ;;
        router) HOST_DEST[router]=$dest ROUTER_IF=$iface ;;
        sink) HOST_DEST[sink]=$dest SINK_IF=$iface SINK_ADDRESS=$address ;;
        *) usage_error "$1: the role is generator, router or sink, not '$role'" ;;
        esac
        [ -n "${address:-}" ] && [ -z "${extra:-}" ] ||
            usage_error "$1: a line is ROLE SSH-DESTINATION INTERFACE ADDRESS, not '$role $dest ...'"
    done <"$1"
    for role in gen router sink; do
        [ -n "${HOST_DEST[$role]:-}" ] || usage_error "$1: names no ${role/gen/generator}"
    done
}

# The scripts go into a fresh directory of each host; what a killed run left there is ended.
remote_up() {
    local role dir
    for role in gen router sink; do
        # shellcheck disable=SC2016 # for the other host
        dir=$(remote_on "$role" bash -c '
            umask 077
            base=/dev/shm
            [ -w $base ] || base=/tmp
            for dir in $base/ppeval."$1".*; do
                [ ! -e "$dir/agent.sh" ] || bash "$dir/agent.sh" bye "$dir"
            done
            mktemp -d $base/ppeval."$1".XXXXXX' - "$role" </dev/null) && [ -n "$dir" ] ||
            die "cannot make a directory on ${HOST_DEST[$role]}"
        HOST_STATE[$role]=$dir HOST_HOME[$role]=$dir
        tar -C "$EVAL_DIR" -cf - agent.sh sample.py empty_hook.py requests.c |
            remote_on "$role" tar -C "$dir" -xf - || die "cannot copy to ${HOST_DEST[$role]}"
        HOST_CLOCK[$role]=$(clock_of "$role")
    done
    [ "$GEN_IF" = - ] || remote_on gen ping -q -c 2 -W 2 "$SINK_ADDRESS" >/dev/null </dev/null ||
        die "the generator cannot reach the sink at $SINK_ADDRESS: see README.md for the routes"
}

remote_down() {
    local role
    for role in "${!HOST_STATE[@]}"; do
        remote_on "$role" bash "${HOST_HOME[$role]}/agent.sh" bye "${HOST_STATE[$role]}" </dev/null 2>/dev/null
    done
    return 0
}

# --- both -------------------------------------------------------------------------------

if_remote() { [ -n "$HOSTS" ]; }

on() {
    if if_remote; then remote_on "$@"; else local_on "$@"; fi
}

agent() {
    local role=$1 verb=$2
    shift 2
    case $verb in
    until | listening) on "$role" bash "${HOST_HOME[$role]}/agent.sh" "$verb" "$@" ;;
    *) on "$role" bash "${HOST_HOME[$role]}/agent.sh" "$verb" "${HOST_STATE[$role]}" "$@" ;;
    esac </dev/null
}

# Of five tries the one with the shortest way there and back.
clock_of() {
    if ! if_remote; then
        echo 0
        return
    fi
    for _ in 1 2 3 4 5; do
        echo "$EPOCHREALTIME $(remote_on "$1" date +%s.%N </dev/null) $EPOCHREALTIME"
    done | awk '{ way = $3 - $1; if (NR == 1 || way < least) { least = way; ahead = $2 - ($1 + $3) / 2 } }
        END { printf "%.6f\n", ahead }'
}

# fetch ROLE DIR NAME...: a run's files of that host, as DIR/NAME
fetch() {
    local role=$1 dir=$2
    shift 2
    if if_remote; then
        remote_on "$role" tar -C "${HOST_STATE[$role]}" -cf - "$@" </dev/null | tar -C "$dir" -xf -
    else
        local name
        for name; do
            mv "${HOST_STATE[$role]}/$name" "$dir/"
        done
    fi
}

# hosts_up DELAY_US RATE_MBIT
hosts_up() {
    local role
    if if_remote; then
        [ ${#HOST_STATE[@]} -gt 0 ] || remote_up
        return
    fi
    for role in gen router sink; do
        HOST_HOME[$role]=$EVAL_DIR HOST_STATE[$role]=$WORK HOST_CLOCK[$role]=0
    done
    local_up "$@"
}

hosts_down() {
    if if_remote; then remote_down; else local_down; fi
}
