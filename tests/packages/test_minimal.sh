#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The smallest build, every optional library left out: it builds, links none of them, passes the unit tests,
# measures, and an option that needs what is missing says so. Each left out alone builds too, without a
# warning, and so does what make finds by itself where none of them is installed.
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 1
TOP=$PWD
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
chmod 755 "$TMP"
unset MAKEFLAGS MFLAGS MAKELEVEL CPPFLAGS
failed=0

verdict() {
    if [ "$2" = 0 ]; then
        echo "ok $1"
    else
        tail -n 60 "$TMP/log" | sed 's/^/# /'
        echo "not ok $1"
        failed=1
    fi
}

# "NAME MODULE" of each library that the Makefile calls optional
mapfile -t optional < <(sed -n 's/^\$(call optional,\([^,]*\),\([^,]*\),.*/\1 \2/p' Makefile)
[ ${#optional[@]} -ge 4 ] || { echo "not ok optional: the Makefile names none" && exit 1; }

# The sources as they are now, in a place of their own.
sources() {
    if [ -e .git ]; then
        git ls-files -z --cached --others --exclude-standard
    else
        tr '\n' '\0' <FILES
    fi | tar -c --null -T - --ignore-failed-read 2>/dev/null | tar -x -C "$TMP/tree"
}

leave_out=()
for library in "${optional[@]}"; do
    leave_out+=("WITH_${library% *}=0")
done
build() {
    mkdir "$TMP/tree" && sources && cd "$TMP/tree" &&
        nice make -j2 DEV=1 CFLAGS=-O1 "${leave_out[@]}" all unit-tests
}

# The link line's message names each.
says_what_is_left_out() {
    local library
    for library in "${optional[@]}"; do
        grep "WITHOUT.* ${library#* } (" "$TMP/build" || return
    done
}

# each_alone: in the tree of the smallest build, whose BPF object is used again
each_alone() {
    local library
    for library in "${optional[@]}"; do
        nice make -j2 -C "$TMP/tree" DEV=1 CFLAGS=-O0 "WITH_${library% *}=0" pping >"$TMP/alone" 2>&1 ||
            { cat "$TMP/alone" && return 1; }
        [ "$(grep -c WITHOUT "$TMP/alone")" = 1 ] && grep "WITHOUT *${library#* } ([^()]*)$" "$TMP/alone" || return
    done
}

# A machine where pkg-config knows what is required and no more.
found_by_make() {
    local library
    mkdir "$TMP/pkgconfig"
    for library in libbpf libxdp libelf zlib; do
        cp "$(pkg-config --variable=pcfiledir "$library")/$library.pc" "$TMP/pkgconfig/" || return
    done
    PKG_CONFIG_LIBDIR=$TMP/pkgconfig nice make -j2 -C "$TMP/tree" DEV=1 CFLAGS=-O0 pping >"$TMP/build" 2>&1 ||
        { cat "$TMP/build" && return 1; }
    says_what_is_left_out && links_only
}

# Nothing but libbpf, libxdp, libelf and zlib.
links_only() {
    objdump -p "$TMP/tree/pping" | sed -n 's/^ *NEEDED *//p' >"$TMP/needed"
    cat "$TMP/needed"
    grep -q libbpf "$TMP/needed" && ! grep -v '^\(libbpf\|libxdp\|libelf\|libz\|libc\)\.so' "$TMP/needed"
}

unit_tests() { (cd "$TMP/tree" && LANES=2 REQUIRE_BPF='' tests/run -k ^build/unit/); }

measures() { PPING=$TMP/tree/pping ./quickstart demo; }

# refuses WORDS OPTION...: by naming what is missing, in one line
refuses() {
    local words=$1
    shift
    ! "$TMP/tree/pping" "$@" >"$TMP/log" 2>&1 </dev/null && [ "$(wc -l <"$TMP/log")" = 1 ] &&
        grep -q "^pping: .*$words" "$TMP/log"
}

build >"$TMP/log" 2>&1
verdict builds $?
cp "$TMP/log" "$TMP/build"
cd "$TOP" || exit 1
[ -x "$TMP/tree/pping" ] || exit 1
says_what_is_left_out >"$TMP/log" 2>&1
verdict says_what_is_left_out $?
links_only >"$TMP/log" 2>&1
verdict links_only $?
unit_tests >"$TMP/log" 2>&1
verdict unit_tests $?
refuses 'built without libpcap' --read /dev/null
verdict read_is_refused $?
refuses 'built without libmicrohttpd' -i lo --metrics 9100
verdict metrics_is_refused $?
refuses 'built without nettle' -i lo --anonymize cryptopan
verdict anonymize_is_refused $?
refuses 'built without zstd' -i lo -w "$TMP/x.zst"
verdict zstd_is_refused $?
if [ "$(id -u)" != 0 ] || ! unshare --net true 2>/dev/null || [ ! -r /sys/kernel/btf/vmlinux ]; then
    echo "skip measures: needs root and network namespaces"
else
    measures >"$TMP/log" 2>&1
    verdict measures $?
fi
each_alone >"$TMP/log" 2>&1
verdict each_alone $?
found_by_make >"$TMP/log" 2>&1
verdict found_by_make $?
exit $failed
