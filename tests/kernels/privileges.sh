#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/kernels/privileges.sh [-a] [PPING]: the capabilities that pping needs on this
# kernel, hook by hook, by experiment.
#
# As nobody, with each set of CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (all, none, each one
# missing; -a: all eight), pping is started on a veth device of a network namespace of its
# own. Where it does not start, its one line must name what is missing, and nothing else.
# With all of them it must give up what the table says, be filtered, measure, attach again
# when the device has gone and come back, and leave nothing behind.
#
# Where kernel.perf_event_paranoid is above 2 (Debian's own level), the three must fail for
# that, and do with CAP_SYS_ADMIN, which is given up as well; the level is 2 meanwhile and
# put back at the end.
#
# Prints "ok HOOK" or "not ok HOOK" and, behind "# ", a table. Needs root, setpriv, ip, tc,
# nsenter, ping, sed, grep, awk, timeout.
set -u
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

all=
[ "${1:-}" != -a ] || { all=1 && shift; }
PPING=${1:-${PPING:-./pping}}
NS=ppingcaps$$
NOBODY=65534
TEMP=$(mktemp -d) || exit 1
OUT=$TEMP/out
PID=
rows=()
status=0

SETS=("bpf net_admin perfmon" "net_admin perfmon" "bpf perfmon" "bpf net_admin" "")
[ -z "$all" ] || SETS+=("bpf" "net_admin" "perfmon")

PARANOID=/proc/sys/kernel/perf_event_paranoid
level=$(cat $PARANOID 2>/dev/null || echo 0)

cleanup() {
    [ "$level" -le 2 ] || echo "$level" >$PARANOID
    [ -z "$PID" ] || kill -KILL "$PID"
    ip netns del "$NS"
    ip netns del "$NS-peer"
    rm -rf "$TEMP"
} 2>/dev/null
trap cleanup EXIT
trap 'exit 130' INT TERM

in_ns() { nsenter --net="/run/netns/$NS" "$@"; }

link_up() {
    ip link add v0 netns "$NS" type veth peer name v0 netns "$NS-peer" &&
        in_ns ip addr add 10.8.8.1/24 dev v0 && in_ns ip link set v0 up &&
        ip -n "$NS-peer" addr add 10.8.8.2/24 dev v0 && ip -n "$NS-peer" link set v0 up
}

# until CMD...: for ten seconds (60 in an emulator: PRIVILEGES_PATIENCE)
until_true() {
    local i
    for ((i = 0; i < ${PRIVILEGES_PATIENCE:-10} * 20; i++)); do
        "$@" && return
        sleep 0.05
    done
    return 1
}

# not a zombie either
alive() { [[ -n $PID && $(sed 's/.*) //' "/proc/$PID/stat" 2>/dev/null) == [^Z]* ]]; }
no_new_privileges() { [ "$(field NoNewPrivs)" = 1 ]; }
said() { [ "$(grep -c 'is being monitored' "$OUT.err")" -ge "$1" ]; }
decided() { said 1 || ! alive; }

# start CAPABILITIES ENV OPTION...: as nobody with these; PID
start() {
    local caps=-all cap env=$2
    for cap in $1; do caps+=,+$cap; done
    shift 2
    : >"$OUT"
    : >"$OUT.err"
    nsenter --net="/run/netns/$NS" env --default-signal=INT "$env" setpriv --reuid $NOBODY \
        --regid $NOBODY --clear-groups --inh-caps="$caps" --ambient-caps="$caps" \
        --bounding-set="$caps" "$TEMP/pping" -i v0 -C -r 0 -F jsonl "$@" \
        >"$OUT" 2>"$OUT.err" </dev/null &
    PID=$!
    until_true decided
}

# stop: its exit status
stop() {
    local i result
    kill -INT "$PID" 2>/dev/null
    for ((i = 0; i < 200; i++)); do
        alive || break
        sleep 0.05
    done
    kill -KILL "$PID" 2>/dev/null
    wait "$PID"
    result=$?
    PID=
    return $result
}

# names CAPABILITIES: the line names exactly the others of the three
names() {
    local cap
    [ "$(wc -l <"$OUT.err")" = 1 ] || return 1
    for cap in bpf net_admin perfmon; do
        case " $1 " in
        *" $cap "*) ! grep -q "CAP_${cap^^}" "$OUT.err" || return 1 ;;
        *) grep -q "CAP_${cap^^}" "$OUT.err" || return 1 ;;
        esac
    done
}

# field NAME: of the process's status
field() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$PID/status"; }

# Capabilities by name of the mask in hexadecimal digits that CapPrm is.
spell() {
    local mask=$((16#$1)) list=
    ((mask >> 12 & 1)) && list+=" NET_ADMIN"
    ((mask >> 38 & 1)) && list+=" PERFMON"
    ((mask >> 39 & 1)) && list+=" BPF"
    ((mask & ~(1 << 12 | 1 << 38 | 1 << 39))) && list+=" $1"
    echo "${list:- none}"
}

rtts() { grep -c '"rtt"' "$OUT"; }
measured() { [ "$(rtts)" -ge "$1" ]; }
ping_peer() { in_ns ping -q -c 3 -i 0.1 -W 1 10.8.8.2 >/dev/null; }

# works NAME: the process that start started does all it should
works() {
    local kept filter before
    until_true no_new_privileges || { echo "no_new_privs is not set"; return 1; }
    kept=$(field CapPrm)
    filter=$(field Seccomp)
    [ "$kept" = "$(field CapEff)" ] && [ $((16#$(field CapAmb))) = 0 ] && [ $((16#$(field CapInh))) = 0 ] ||
        { echo "other sets than the permitted one: $(grep ^Cap "/proc/$PID/status")"; return 1; }
    until_true ping_peer && until_true measured 3 || { echo "no RTTs"; return 1; }
    ip -n "$NS" link del v0
    until_true grep -q 'waiting for its return' "$OUT.err" || { echo "does not wait"; return 1; }
    link_up
    until_true said 2 || { echo "did not attach again"; return 1; }
    before=$(rtts)
    until_true ping_peer && until_true measured $((before + 3)) || { echo "no RTTs again"; return 1; }
    stop || { echo "status $?"; return 1; }
    ! grep -q 'sandbox refused' "$OUT.err" || { echo "a system call was refused"; return 1; }
    ! in_ns tc qdisc show dev v0 | grep -q clsact || { echo "clsact was left"; return 1; }
    ! in_ns ip link show dev v0 | grep -q xdp || { echo "XDP was left"; return 1; }
    KEPT=$(spell "$kept")
    FILTER=$filter
}

# hook NAME HOW ENV OPTION...: HOW is what pping says of it
hook() {
    local name=$1 how=$2 env=$3 set needs= bad= why
    shift 3
    for set in "${SETS[@]}"; do
        start "$set" "$env" "$@"
        if alive; then
            if ! said 1 || ! grep -q "being monitored ($how)" "$OUT.err"; then
                why=$(tail -n 1 "$OUT.err")
                stop
                if [ "$set" = "${SETS[0]}" ]; then
                    echo "skip $name: attached otherwise: $why"
                    return
                fi
            elif [ "$set" = "${SETS[0]}" ]; then
                works >"$TEMP/why" || bad+="${bad:+; }with all: $(cat "$TEMP/why" "$OUT.err" | tr '\n' ' ')"
                alive && stop
                needs=$set
            else
                bad+="${bad:+; }does with '$set'"
                stop
            fi
        else
            wait "$PID"
            why=$?
            PID=
            if [ "$set" = "${SETS[0]}" ]; then
                bad+="does not start with all three: $(cat "$OUT.err")"
            elif [ $why != 1 ] || ! names "$set"; then
                bad+="${bad:+; }with '$set', status $why: $(cat "$OUT.err")"
            fi
        fi
    done
    rows+=("$name|${needs:-?}|${KEPT:-?}|${FILTER:-?}")
    if [ -z "$bad" ]; then
        echo "ok $name"
    else
        echo "not ok $name"
        echo "# $bad"
        status=1
    fi
    KEPT='' FILTER=''
}

[ "$(id -u)" = 0 ] || { echo "skip privileges: needs root" && exit; }
chmod 755 "$TEMP" && cp "$PPING" "$TEMP/pping" && chmod 755 "$TEMP/pping" || exit 1
ip netns add "$NS" && ip netns add "$NS-peer" && link_up || exit 1

# paranoid: the three are not enough, and CAP_SYS_ADMIN beside them is
paranoid() {
    start "${SETS[0]}" A=B
    if alive || ! grep -q 'perf_event_paranoid is' "$OUT.err" || [ "$(wc -l <"$OUT.err")" != 1 ]; then
        cat "$OUT.err"
        alive && stop
        echo "the three should fail for it"
        return 1
    fi
    wait "$PID"
    PID=
    start "${SETS[0]} sys_admin" A=B
    alive && works
}

if [ "$level" -gt 2 ]; then
    if paranoid >"$TEMP/why"; then
        echo "ok privileges_paranoid"
        rows+=("privileges_paranoid|${SETS[0]} sys_admin|$KEPT|$FILTER")
    else
        echo "not ok privileges_paranoid"
        sed 's/^/# /' "$TEMP/why" "$OUT.err"
        status=1
        alive && stop
    fi
    echo 2 >$PARANOID
fi
hook privileges_tcx tcx A=B
hook privileges_clsact clsact PPING_NO_TCX=1
hook privileges_xdp_native 'xdp native, .*' A=B -I xdp
hook privileges_xdp_generic 'xdp generic, .*' A=B -I xdp -x generic

echo "# kernel $(uname -r), kernel.unprivileged_bpf_disabled" \
    "$(cat /proc/sys/kernel/unprivileged_bpf_disabled 2>/dev/null || echo -), perf_event_paranoid" \
    "$level, locked memory $(ulimit -l) KiB"
printf '%s\n' "hook|needs to attach|keeps|Seccomp" "${rows[@]}" |
    awk -F'|' '{ printf "# %-22s %-34s %-12s %s\n", $1, toupper($2), $3, $4 }'
exit $status
