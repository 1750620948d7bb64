#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The unit under a real systemd, process 1 of namespaces of its own: all its restrictions hold,
# and pping measures, rotates, serves metrics and finds its interface again under them.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export LC_ALL
NAME=unit_under_systemd
SYSTEMD=$(ls /lib/systemd/systemd /usr/lib/systemd/systemd 2>/dev/null | head -n 1)

skip() {
    if [ -n "${REQUIRE_BPF:-}" ]; then echo "not ok $NAME: $*"; else echo "skip $NAME: $*"; fi
    # shellcheck disable=SC2086 # nothing is the status of echo
    exit ${REQUIRE_BPF:+1}
}
[ "$(id -u)" = 0 ] || skip "needs root"
[ -n "$SYSTEMD" ] || skip "needs systemd"
[ -r /sys/kernel/btf/vmlinux ] || skip "the kernel has no BTF"
grep -q 'nodev.cgroup2$' /proc/filesystems || skip "needs cgroup2"
unshare --net true 2>/dev/null || skip "cannot create namespaces"

work=$(mktemp -d) || exit 1
group=pping$$
outer='' outer_child='' init=''

# in_cgroups CMD...: at the root of cgroup2, wherever that is mounted otherwise
in_cgroups() {
    mkdir -p "$work/cgroup"
    # shellcheck disable=SC2016 # for the inner shell
    timeout 20 unshare --mount sh -c 'mount -t cgroup2 cgroup2 "$0" && cd "$0" && exec "$@"' \
        "$work/cgroup" "$@"
}

cleanup() {
    # process 1 goes with the one that waits for it
    [ -z "$outer_child" ] || kill -KILL "$outer_child"
    [ -z "$outer" ] || { kill -KILL "$outer"; wait "$outer"; }
    # what was in it takes a moment to end
    in_cgroups timeout 10 sh -c "while [ -d $group ]; do
        find $group -depth -type d -exec rmdir {} + ; sleep 0.1; done"
    rm -rf "$work"
} 2>/dev/null
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

# --- a systemd of our own ---------------------------------------------------------------

# Becomes process 1. Nothing of the machine's is written to: no /var/lib, no sysctl, no devices.
cat >"$work/init" <<'END'
set -e
mount --make-rprivate /
for place in /run /var/lib /var/log /etc/default; do mount -t tmpfs -o mode=755 tmpfs $place; done
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/lock /run/netns /run/tools /run/systemd/system
cp "$1/pping" /run/tools/
cp "$1/pping@.service" /run/systemd/system/
cp "$1/default" /etc/default/pping
if [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -gt 2 ]; then
    mkdir /run/systemd/system/pping@.service.d
    cp "$1/perf-paranoid.conf" /run/systemd/system/pping@.service.d/
fi
for other in $(cd /lib/systemd/system && ls -d *.service *.mount *.automount *.timer *.path); do
    case $other in
    pping@* | systemd-journald.service) ;;
    *) ln -sf /dev/null "/run/systemd/system/$other" ;;
    esac
done
export container=other
exec "$2" --system --unit=basic.target --log-target=null --show-status=no </dev/null >/dev/null 2>&1
END

# In systemd's namespaces.
inside() {
    timeout 20 nsenter --target "$init" --mount --pid --net --uts --ipc --cgroup "$@"
}

# until SECONDS CMD...
until_true() {
    local i limit=$1
    shift
    for ((i = 0; i < limit * 10; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}

has() { grep "$@" >/dev/null; }
is_up() { [ "$(inside systemctl is-active basic.target)" = active ]; }

boot() {
    cp pping systemd/perf-paranoid.conf "$work/" && sed 's,@BINDIR@,/run/tools,' systemd/pping@.service.in >"$work/pping@.service" ||
        return
    # a name without a place: in the unit's directory
    cat >"$work/default" <<'END'
PPING_OPTIONS="-TC -r 0 -F jsonl -w %H%M%S.jsonl.gz --rotate-interval 1 --metrics 9100 --on-rotate 'mkdir -p copies; cp \"$1\" copies/'"
END
    # shellcheck disable=SC2016 # for the inner shell
    mkdir -p "$work/cgroup"
    unshare --mount --fork sh -c 'mount -t cgroup2 cgroup2 "$1/cgroup" && mkdir "$1/cgroup/$2" &&
        echo 0 >"$1/cgroup/$2/cgroup.procs"
        exec unshare --pid --mount --cgroup --net --uts --ipc --fork --kill-child \
            bash "$1/init" "$1" "$3"' sh "$work" "$group" "$SYSTEMD" >"$work/boot" 2>&1 </dev/null &
    outer=$!
    # its shell has become the other unshare, or will
    until_true 5 found_outer && until_true 5 found_init && until_true 20 is_up
}

# The first unshare's child is the second.
found_outer() {
    local child
    child=$(cat "/proc/$outer/task/$outer/children") && child=${child// /} &&
        [ "$(cat "/proc/$child/comm")" = unshare ] && outer_child=$child
}
found_init() { init=$(cat "/proc/$outer_child/task/$outer_child/children") && init=${init// /} && [ -n "$init" ]; }

# --- the unit -----------------------------------------------------------------------------

link_up() {
    inside ip link add p0 type veth peer name q0 netns peer &&
        inside ip addr add 10.7.7.1/24 dev p0 && inside ip link set p0 up &&
        inside ip -n peer addr add 10.7.7.2/24 dev q0 && inside ip -n peer link set q0 up
}

journal() { inside journalctl -u pping@p0 --no-pager -o cat; }
said() { journal | has "$@"; }
ping_peer() { inside ping -q -c 5 -i 0.1 -W 1 10.7.7.2; }
field() { inside sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
fail() {
    echo "$*"
    return 1
}

the_unit() {
    local pid
    inside ip netns add peer && inside ip link set lo up || return
    # no interface yet: it is tried again
    inside systemctl start pping@p0
    until_true 5 said 'no such interface' || fail "does not say what it lacks" || return
    link_up || return
    until_true 15 said 'is being monitored' || fail "not tried again" || return
    pid=$(inside systemctl show -p MainPID --value pping@p0)
    inside grep -E '^(Uid|Cap|NoNew|Secc)' "/proc/$pid/status"
    until_true 3 eval '[ "$(field CapPrm)" = 0000000000000000 ]' || fail "capabilities are left" || return
    until_true 3 eval '[ "$(field NoNewPrivs)$(field Seccomp)" = 12 ]' || fail "not confined" || return
    [ "$(field Uid | cut -f1)" != 0 ] || fail "is root" || return
    ping_peer || return
    inside curl -fsS http://127.0.0.1:9100/metrics | has '^pping_rtt_seconds_count{.*} [1-9]' ||
        fail "no metrics" || return
    inside ip link del p0 && until_true 5 said 'waiting for its return' && link_up || return
    until_true 5 eval '[ "$(journal | grep -c "is being monitored")" = 2 ]' || fail "not attached again" || return
    ping_peer && inside systemctl reload pping@p0 && sleep 1.2 && ping_peer || return
    inside systemctl stop pping@p0
    journal
    [ "$(inside systemctl show -p Result --value pping@p0)" = success ] || fail "did not end well" || return
    until_true 5 said 'sandbox  capabilities: none; ' || fail "no sandbox" || return
    ! said 'sandbox refused\|--on-rotate' || fail "refused" || return
    inside sh -c 'cd /var/lib/pping/p0 && ls -l . copies && ! ls *.part 2>/dev/null &&
        test $(zcat *.gz | grep -c "\"rtt\"") -ge 12 && test $(ls *.gz | wc -l) -ge 3 &&
        for file in *.gz; do cmp $file copies/$file || exit; done' || fail "the files" || return
}

if ! boot; then
    cat "$work/boot"
    skip "systemd can't be booted in namespaces here"
fi
if the_unit >"$work/log" 2>&1; then
    echo "ok $NAME"
    [ -z "${LAB_VERBOSE:-}" ] || sed 's/^/    /' "$work/log"
else
    echo "not ok $NAME"
    { cat "$work/log"; journal | tail -n 20; } 2>&1 | sed 's/^/    /'
    exit 1
fi
