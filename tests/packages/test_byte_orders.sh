#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The BPF programs compile for both byte orders, with warnings as errors. tests/packages/architectures
# runs the rest on other processors.
set -u
cd "$(dirname "$0")/../.." || exit 1
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
failed=0

cc=${CC:-cc}
# newer clangs don't know the first
multiarch=$($cc -print-multiarch 2>/dev/null || $cc -dumpmachine | sed 's/-pc-/-/')

# compile TARGET ORDER BYTE: the ELF header's BYTE says which order it is. What this machine's asm/ says of
# byte order is not what the target's would.
compile() {
    mkdir -p "$TMP/$1/asm"
    echo "#include <linux/byteorder/$2_endian.h>" >"$TMP/$1/asm/byteorder.h"
    "${CLANG:-clang}" -O2 -g -target "$1" -mcpu=v3 -Wall -Werror -Wno-unused-function -I"$TMP/$1" -I. \
        -I"/usr/include/$multiarch" -c pping_kern.c -o "$TMP/$1.o" &&
        [ "$(od -An -tu1 -j5 -N1 "$TMP/$1.o" | tr -d ' ')" = "$3" ]
}

for order in "bpfel little 1" "bpfeb big 2"; do
    # shellcheck disable=SC2086 # words
    if compile $order >"$TMP/log" 2>&1; then
        echo "ok ${order%% *}"
    else
        sed 's/^/# /' "$TMP/log"
        echo "not ok ${order%% *}"
        failed=1
    fi
done
exit $failed
