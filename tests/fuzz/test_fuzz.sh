#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The fuzzers' corpora, and FUZZ_SECONDS (30) more of each, all at once.
# timeout: 200
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECONDS:-30}
fuzzers=(build/fuzz/fuzz_packet build/fuzz/fuzz_engine build/fuzz/fuzz_capture)
log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log".*' EXIT

if ! echo 'int main(void) { return 0; }' |
    ${CLANG:-clang} -fsanitize=address -x c - -o "$log.probe" 2>/dev/null; then
    echo "skip fuzz: needs clang's sanitizers (libclang-rt)"
    exit 0
fi
if ! make -s "${fuzzers[@]}" >"$log" 2>&1; then
    echo "not ok fuzz: can't build"
    sed 's/^/# /' "$log"
    exit 1
fi
for fuzzer in "${fuzzers[@]}"; do
    tests/fuzz/run "$seconds" "$fuzzer" >"$log.${fuzzer##*_}" 2>&1 &
done
wait
cat "$log".*[a-z]
! grep -q '^not ok' "$log".*[a-z]
