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
    echo 2 >/proc/sys/kernel/perf_event_paranoid # for all that follows
    journalctl -q -o cat -u pping@lo | grep 'kernel.perf_event_paranoid is above 2'
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
    [ "$before" -gt 1 ] || return # 0 would be ourselves
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

# --- the package, in the place of what "make install" put there -----------------

# What is installed or made, but for what dpkg, systemd and the journal keep about themselves.
files() {
    find / -xdev '(' -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /root \
        -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg ')' -prune \
        -o '(' ! -type d -o -name '*pping*' ')' -printf '%p %y %l\n' | sort
}

# What has come since package_installs.
new_files() {
    files | diff /tmp/files - | grep '^[<>]'
}

no_units() {
    ! systemctl list-units --all --plain --no-legend 'pping@*' | grep . &&
        ! systemctl list-unit-files --plain --no-legend 'pping@*' | grep .
}

# As Debian has it: it comes with what its kernels take.
package_installs() {
    (cd / && xargs rm -f) </root/made
    rm -rf /etc/default/pping* /var/lib/pping /var/lib/private/pping
    systemctl daemon-reload
    systemctl reset-failed
    no_units || return
    files >/tmp/files
    echo 3 >/proc/sys/kernel/perf_event_paranoid
    dpkg -i /root/pping.deb || return
    # nothing runs before an interface is named
    ! systemctl list-units --all --plain --no-legend 'pping@*' | grep . || return
    echo 'PPING_OPTIONS="-TC -r 0 -F jsonl -w %H%M%S.jsonl.gz"' >>/etc/default/pping
    SINCE=$(date +%s)
    systemctl enable --now "$UNIT" && until_true said_often 1 'is being monitored' || return
    pings
    sleep 1
    rtts $FILES/*.part 8
}

# The unit goes on with the new program, in a new file.
package_upgrades() {
    local before
    before=$(pid)
    sleep 1
    dpkg -i /root/later.deb && dpkg-query -W pping | grep '+later' || return
    until_true said_often 2 'is being monitored' || return
    [ "$(pid)" != "$before" ] && [ "$(readlink "/proc/$(pid)/exe")" = /usr/sbin/pping ] || return
    [ "$(systemctl is-enabled "$UNIT")" = enabled ] || return
    rtts $FILES/*.gz 8 || return
    pings
    sleep 1
    ls $FILES
    rtts $FILES/*.part 8
}

# Removed, it stops in good order; what was measured stays.
package_purges() {
    local process
    process=$(pid)
    dpkg --purge pping || return
    [ ! -e "/proc/$process" ] || return
    said_often 2 '^RTTs\|^  *RTTs' || return
    ! tc qdisc show dev veth0 | grep clsact || return
    new_files
    [ "$(new_files | grep -vc '^> /var/lib/\(private/\)\?pping')" = 0 ] && no_units || return
    [ "$(find $FILES/ -type f ! -name '*.gz')" = '' ] && rtts $FILES/*.gz 16
}

# Where nothing measured is there, nothing is left.
package_leaves_nothing() {
    dpkg -i /root/pping.deb && systemctl enable --now "$UNIT" && until_true said_often 3 'is being monitored' ||
        return
    systemctl stop "$UNIT" && rm $FILES/* && dpkg --purge pping || return
    new_files
    [ "$(new_files)" = '' ] && no_units
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
            journalctl -q -o cat -u 'pping@*' --since "@$SINCE" | tail -n 20
        } | sed 's/^/# /'
        echo "not ok systemd_$1"
    fi
}

echo "kernel $(uname -v | sed -n 's/.*Debian \([0-9.]*\).*/\1/p')"
depmod # kmod reads another index than the one that came with them
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
if [ -e /root/later.deb ]; then
    check package_installs
    check package_upgrades
    check package_purges
    check package_leaves_nothing
else
    echo "skip systemd_package: needs dpkg-dev and debhelper"
fi
echo "# $(systemctl --version | head -n 1)"
echo "end of checks"
systemctl --no-block poweroff --force --force
