#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How the source should look, as far as a machine can tell.
set -u
cd "$(dirname "$0")/../.." || exit 1
failed=0

# A git checkout names its files; a tarball has nothing else in it.
sources() {
    local pattern
    git ls-files "$@" 2>/dev/null && return
    for pattern; do
        find . -path ./build -prune -o -type f -name "$pattern" -print
    done
}

# check NAME OFFENDERS
check() {
    if [ -z "$2" ]; then
        echo "ok $1"
    else
        echo "not ok $1"
        sed 's/^/# /' <<<"$2"
        failed=1
    fi
}

formatted() {
    local format file
    for format in clang-format-14 clang-format; do
        command -v "$format" >/dev/null && break
    done
    if ! command -v "$format" >/dev/null || ! "$format" --version | grep -q 'version 14\.'; then
        echo "skip formatted: needs clang-format 14, whose result differs from others'"
        return
    fi
    check formatted "$(sources '*.c' '*.h' | while read -r file; do
        "$format" "$file" | cmp -s - "$file" || echo "$file: make format"
    done)"
}

licensed() {
    check licensed "$(sources '*.c' '*.h' '*.sh' '*.py' Makefile quickstart | while read -r file; do
        head -3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || echo "$file"
    done)"
}

# Who may include whom: see CONTRIBUTING.md.
includes_go_one_way() {
    check includes_go_one_way "$(
        grep -n '#include "' pping.h pping_debug_cleanup.h | grep -v '"pping.h"'
        grep -n '#include "' engine/packet.h | grep -v '"\(pping\|engine/seam\).h"'
        grep -n '#include "engine/' src/*.[ch] | grep -v '^src/engine_host.c:' | grep -v '"engine/histogram.h"'
        grep -n 'skel.h"' src/*.[ch] pping.c | grep -v '^src/kernel.c:'
        grep -n '#include "kern/' src/*.[ch] engine/*.h pping.c
        grep -n '#include "kern/' kern/*.h | grep -v '"kern/\(maps\|host\).h"'
        grep -rn '#include ".*\(tests\|eval\)/' src engine kern pping.c pping_kern.c
    )"
}

man_page_is_clean() {
    command -v man >/dev/null || {
        echo "skip man_page_is_clean: needs man"
        return
    }
    check man_page_is_clean "$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z \
        docs/pping.8 2>&1 >/dev/null)"
}

formatted
licensed
includes_go_one_way
man_page_is_clean
exit $failed
