#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The unit under a systemd that is process 1: "tests/kernels/run --systemd" boots a small
# Debian whose check.service is this. Prints like guest.sh, in the order of the text.
# pping watches veth0; the other end delays what it sends by 20 ms.

LC_ALL=C
export LC_ALL
UNIT=pping@veth0
FILES=/var/lib/pping/veth0
SINCE=$(date +%s)

# until_true CMD...: for a minute.
until_true() {
    local i
    for ((i = 0; i < 300; i++)); do
        "$@" && return
        sleep 0.2
    done
    return 1
}

link_up() {
    ip link add veth0 type veth peer name s0 netns s
    ip addr add 10.9.9.1/24 dev veth0
    ip -n s addr add 10.9.9.2/24 dev s0
    ip link set veth0 up
    ip -n s link set s0 up
    ip netns exec s tc qdisc add dev s0 root netem delay 20ms
}

said() {
    journalctl -q -o cat -u "$UNIT" --since "@$SINCE" | grep -c "$1"
}

said_often() {
    [ "$(said "$2")" -ge "$1" ]
}

pid() {
    systemctl show -p MainPID --value "$UNIT"
}

# rtts FILE...: their median is the delay; how many there are at least is the last argument.
rtts() {
    local file files=("${@:1:$#-1}")
    for file in "${files[@]}"; do
        gzip -dc <"$file" 2>/dev/null # a file in progress has no end
    done | sed -n 's/.*"rtt":\([0-9]*\).*/\1/p' | sort -n | awk -v least="${!#}" '
        { ms[NR] = $1 / 1e6 }
        END {
            printf "%d RTTs, least %.3f, median %.3f ms\n", NR, ms[1], ms[int((NR + 1) / 2)]
            exit !(NR >= least && ms[1] > 19 && ms[int((NR + 1) / 2)] < 22)
        }'
}

pings() {
    ping -q -c 10 -i 0.1 10.9.9.2
}

# --- checks, each on what the ones before have left ----------------------------

# As Debian has it, perf events take CAP_SYS_ADMIN, which the unit does not have: it says so.
perf_restricted() {
    local level
    level=$(cat /proc/sys/kernel/perf_event_paranoid)
    echo "kernel.perf_event_paranoid is $level"
    [ "$level" -le 2 ] && return
    systemctl start pping@lo
    until_true eval "journalctl -q -o cat -u pping@lo | grep 'kernel.perf_event_paranoid is above 2'"
    systemctl stop pping@lo
    journalctl -q -o cat -u pping@lo | grep 'kernel.perf_event_paranoid is above 2' || return
    echo 2 >/proc/sys/kernel/perf_event_paranoid
}

# No interface yet: it is tried again until there is one.
waits_for_interface() {
    systemctl start "$UNIT" || true
    until_true said_often 2 'no such interface' || return
    link_up
    until_true said_often 1 'is being monitored'
    [ "$(systemctl is-active "$UNIT")" = active ]
}

is_nobody() {
    grep -E '^(Uid|Cap|NoNewPrivs|Seccomp)' "/proc/$(pid)/status"
    [ "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$(pid)/status")" != 0 ] &&
        grep -q '^NoNewPrivs:.1' "/proc/$(pid)/status"
}

measures() {
    pings
    sleep 1
    rtts $FILES/*.part 8
}

reload_begins_file() {
    systemctl reload "$UNIT"
    sleep 2
    ls $FILES
    ! rtts $FILES/*.part 1 || return
    rtts $FILES/*.gz 8
}

comes_back_after_kill() {
    local before
    before=$(pid)
    pings
    sleep 2
    kill -9 "$before"
    until_true said_often 2 'is being monitored'
    [ "$(pid)" != "$before" ] && said_often 1 'was left unfinished'
}

interface_comes_back() {
    local seen
    seen=$(said 'is being monitored')
    ip link del veth0
    sleep 1
    link_up
    until_true said_often $((seen + 1)) 'is being monitored'
    pings
}

stops_in_order() {
    systemctl stop "$UNIT"
    [ "$(systemctl show -p Result --value "$UNIT")" = success ] || return
    said_often 1 '^RTTs\|^  *RTTs' || return
    ls $FILES
    ! tc qdisc show dev veth0 | grep clsact || return
    # two runs: the killed one's .part stays
    [ "$(find $FILES/ -name '*.part' | wc -l)" = 1 ] || return
    rtts $FILES/*.gz 20
}

check() {
    local status
    "$@" >/tmp/log 2>&1
    status=$?
    if [ $status = 0 ]; then
        echo "ok systemd_$1"
    else
        {
            cat /tmp/log
            journalctl -q -o cat -u "$UNIT" --since "@$SINCE" | tail -n 20
        } | sed 's/^/# /'
        echo "not ok systemd_$1"
    fi
}

echo "kernel $(uname -v | sed -n 's/.*Debian \([0-9.]*\).*/\1/p')"
for module in veth sch_netem sch_ingress cls_bpf act_bpf; do
    modprobe $module || echo "not ok module_$module"
done
mkdir -p /run/netns
ip netns add s
ip -n s link set lo up
cat >/etc/default/pping-veth0 <<'END'
PPING_OPTIONS="-TC -r 0 -F jsonl -w %H%M%S.jsonl.gz"
END
check perf_restricted
check waits_for_interface
check is_nobody
check measures
check reload_begins_file
check comes_back_after_kill
check interface_comes_back
check stops_in_order
echo "# $(systemctl --version | head -n 1)"
echo "end of checks"
systemctl --no-block poweroff --force --force
