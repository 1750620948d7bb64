#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make dist, of which the same program is made, and the Debian package built from it: without a word from
# lintian, with everything in it, and with the very BPF programs of this tree. tests/packages/run installs it in clean trees.
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 1
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
VERSION=$(sed -n 's/^#define PPING_VERSION "\(.*\)"/\1/p' pping.h)
NAME=pping-$VERSION
SOURCE=$TMP/dist/$NAME
failed=0

verdict() {
    if [ "$2" = 0 ]; then
        echo "ok $1"
    else
        tail -n 40 "$TMP/log" | sed 's/^/# /'
        echo "not ok $1"
        failed=1
    fi
}

# A tarball of what a tarball has in it, whatever else lies around there, is the same tarball.
dist() {
    tests/packages/dist "$TMP/dist" "$NAME" &&
        touch "$SOURCE/junk" && "$SOURCE/tests/packages/dist" "$TMP/again" "$NAME" && rm "$SOURCE/junk" &&
        cmp "$TMP/dist/$NAME.tar.xz" "$TMP/again/$NAME.tar.xz" &&
        tar -x -C "$TMP/again" -f "$TMP/dist/$NAME.tar.xz" && diff -r "$TMP/again/$NAME" "$SOURCE"
}

build() {
    # what this run of make was told is not what the package is built with
    (cd "$SOURCE" && unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS &&
        DEB_BUILD_OPTIONS="nocheck parallel=2" nice dpkg-buildpackage -us -uc -b)
}

contents() {
    local file
    dpkg-deb -c "$DEB" >"$TMP/contents" || return
    for file in usr/sbin/pping usr/share/man/man8/pping.8.gz usr/share/doc/pping/changelog.gz \
        usr/share/bash-completion/completions/pping usr/share/doc/pping/copyright etc/default/pping \
        usr/lib/systemd/system/pping@.service usr/lib/systemd/system/pping@.service.d/perf-paranoid.conf; do
        grep -q " \./$file\$" "$TMP/contents" || { echo "no $file" && return 1; }
    done
    dpkg-deb --fsys-tarfile "$DEB" | tar -x -O ./usr/lib/systemd/system/pping@.service | grep '^ExecStart=/usr/sbin/pping '
}

# Position independent, read-only relocations, bound at once, with canaries, and with no path of the build in it.
hardened() {
    local binary=$TMP/root/usr/sbin/pping
    dpkg-deb -x "$DEB" "$TMP/root" && readelf -W -h -l -d --dyn-syms "$binary" >"$TMP/elf" || return
    grep -q 'Type: *DYN' "$TMP/elf" && grep -q GNU_RELRO "$TMP/elf" && grep -q BIND_NOW "$TMP/elf" &&
        grep -q __stack_chk_fail "$TMP/elf" || { cat "$TMP/elf" && return 1; }
    ! grep -a "$TMP" "$binary"
}

# What quickstart installs to build with, the package asks for.
build_depends() {
    local package
    for package in $(sed -n '/^BUILD_PACKAGES="/,/"$/p' quickstart | grep -o '[a-z0-9]*-dev'); do
        case $package in
        libc6-dev) continue ;; # part of build-essential
        esac
        grep -q "[ :]$package[ ,]*\((.*),\)*$" debian/control || { echo "debian/control lacks $package" && return 1; }
    done
}

build_depends >"$TMP/log" 2>&1
verdict build_depends $?
dist >"$TMP/log" 2>&1
verdict dist $?
if ! command -v dpkg-buildpackage >/dev/null || ! command -v dh >/dev/null; then
    echo "skip deb: needs dpkg-dev and debhelper"
    exit $failed
fi
build >"$TMP/log" 2>&1
verdict builds $?
DEB=$(echo "$TMP"/dist/pping_"$VERSION"_*.deb)
[ -e "$DEB" ] || exit 1
contents >"$TMP/log" 2>&1
verdict contents $?
hardened >"$TMP/log" 2>&1
verdict hardened $?
if [ -n "$(git status --porcelain 2>/dev/null)" ]; then
    echo "skip same_programs: this tree is not what was committed"
else
    cmp build/pping.bpf.o "$SOURCE/build/pping.bpf.o" >"$TMP/log" 2>&1
    verdict same_programs $?
    # with this run's flags, which a program made by hand with others does not have
    make -C "$TMP/again/$NAME" pping >"$TMP/log" 2>&1 && cmp pping "$TMP/again/$NAME/pping" >>"$TMP/log" 2>&1
    verdict same_pping $?
fi
if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error,warning "$TMP"/dist/*.changes >"$TMP/log" 2>&1
    verdict lintian $?
else
    echo "skip lintian: not installed"
fi
exit $failed
