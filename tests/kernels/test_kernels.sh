#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The least that must work on a kernel before TCX and on one with it: two of the
# matrix's kernels, a few of its checks ("make test-kernels" runs all).
# timeout: 400
# alone: two virtual machines, of two processors each
set -u
cd "$(dirname "$0")/../.." || exit 1

export KERNELS_ONLY="tc xdp_native aggregates kill_9_xdp_link kill_9_clsact_leftover nobody_tc"
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
tests/kernels/run 6.1 6.12 >"$output" &
trap 'kill $!; wait; exit 130' INT TERM
wait $!
status=$?
# the table is for people
sed -n '/^\(ok\|not ok\|skip\|#\) /p' "$output"
if [ $status = 77 ]; then
    exit 0
fi
exit $status
