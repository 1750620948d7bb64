#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make install goes where it is told to and nowhere else, and make uninstall takes all of it away.
set -u
cd "$(dirname "$0")/../.." || exit 1
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
failed=0

verdict() {
    if [ "$2" = 0 ]; then
        echo "ok $1"
    else
        sed 's/^/# /' "$TMP/log"
        echo "not ok $1"
        failed=1
    fi
}

files() { (cd "$1" && find . ! -type d | sort); }

install_to() {
    make -s install DESTDIR="$TMP/root" "$@" >"$TMP/log" 2>&1
}

# installed DIRECTORY-OF-PROGRAM PREFIX
installed() {
    [ -x "$TMP/root$1/pping" ] && [ -s "$TMP/root$2/share/man/man8/pping.8" ] &&
        [ -s "$TMP/root$2/share/bash-completion/completions/pping" ] &&
        ! files "$TMP/root" | grep -v "^\.$2/\|^\./etc/default/pping$\|/systemd/system/pping@.service\(\.d/perf-paranoid.conf\)\?$"
} >>"$TMP/log" 2>&1

install_to && installed /usr/local/sbin /usr/local
verdict default $?
rm -rf "$TMP/root"
install_to PREFIX=/opt/pping BINDIR=/opt/pping/bin PARANOID=1 && installed /opt/pping/bin /opt/pping
verdict prefix $?
cmp pping "$TMP/root/opt/pping/bin/pping" >>"$TMP/log" 2>&1
verdict same_program $?
make -s uninstall DESTDIR="$TMP/root" PREFIX=/opt/pping BINDIR=/opt/pping/bin >"$TMP/log" 2>&1 &&
    ! files "$TMP/root" | grep . >>"$TMP/log" && ! find "$TMP/root" -name 'pping@.service.d' | grep . >>"$TMP/log"
verdict uninstall $?
exit $failed
