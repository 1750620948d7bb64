#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The systemd unit as systemd reads it: no complaint, exposed little, its options understood.
# (tests/netns/test_privileges.sh runs pping under what it says.)
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
# Of 10; what is left are the three capabilities, addresses of strangers and bpf().
MOST_EXPOSED=2.0

result() {
    if [ "$1" = 0 ]; then
        echo "ok $2"
    else
        echo "not ok $2"
        sed 's/^/# /' "$work/log"
        failed=1
    fi
}

# What "make install" puts where.
installed() {
    local unit
    make -s install DESTDIR="$work/root" PREFIX=/usr UNITDIR=/lib/systemd/system \
        DEFAULTDIR=/etc/default PARANOID=1 >"$work/log" 2>&1 || return
    unit=$work/root/lib/systemd/system/pping@.service
    grep -q '^ExecStart=/usr/sbin/pping -i %i' "$unit" &&
        [ -x "$work/root/usr/sbin/pping" ] && [ -f "$work/root/etc/default/pping" ] &&
        [ -f "$unit.d/perf-paranoid.conf" ] && rm -r "$unit.d" || return
    # what an administrator wrote stays
    echo mine >"$work/root/etc/default/pping"
    make -s install DESTDIR="$work/root" PREFIX=/usr UNITDIR=/lib/systemd/system \
        DEFAULTDIR=/etc/default PARANOID= >"$work/log" 2>&1 && [ ! -e "$unit.d" ] && [ "$(cat "$work/root/etc/default/pping")" = mine ] &&
        make -s install DESTDIR="$work/other" UNITDIR= >"$work/log" 2>&1 &&
        [ -z "$(find "$work/other" -name 'pping@*' -o -name default)" ]
}

# The options that it has without a file, and those that the file proposes.
options_are_read() {
    local line n=0
    while read -r line; do
        n=$((n + 1))
        # an option that pping does not know would be the complaint
        # shellcheck disable=SC2294 # quoted as systemd reads it, which is near enough
        (cd "$work" && eval "\"$OLDPWD/pping\" -i nosuch0 $line") >"$work/log" 2>&1
        grep -q 'no such interface' "$work/log" || return
    done < <(sed -n 's/^Environment="PPING_OPTIONS=\(.*\)"/\1/p' systemd/pping@.service.in | sed 's/%%/%/g'
        sed -n 's/^#PPING_OPTIONS="\(.*\)"/\1/p' systemd/pping.default)
    [ $n = 4 ]
}

verified() {
    install -D /bin/true "$work/root/bin/sh" || return
    systemd-analyze verify --root="$work/root" --man=no --recursive-errors=no pping@eth0.service \
        >"$work/log" 2>&1 && [ ! -s "$work/log" ]
}

little_exposed() {
    local unit=$work/root/lib/systemd/system/pping@.service
    systemd-analyze security --offline=yes --no-pager --threshold="${MOST_EXPOSED/./}" "$unit" >"$work/log" 2>&1 ||
        return
    sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/# exposure \1/p' "$work/log"
}

installed
result $? installed
options_are_read
result $? options_are_read
if ! command -v systemd-analyze >/dev/null; then
    echo "skip verified: needs systemd-analyze"
    echo "skip little_exposed: needs systemd-analyze"
else
    verified
    result $? verified
    little_exposed
    result $? little_exposed
fi
exit $failed
