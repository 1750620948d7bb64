#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The least that must work on a kernel before TCX and on one with it: two of the
# matrix's kernels, a few of its checks ("make test-kernels" runs all).
# timeout: 400
# alone: two virtual machines, of two processors each
set -u
cd "$(dirname "$0")/../.." || exit 1

export KERNELS_ONLY="tc aggregates_xdp vlan_parent_metadata several kill_9_clsact_leftover nobody_tc" KERNELS_RESULTS
KERNELS_RESULTS=$(mktemp -d) || exit 1
trap 'rm -rf "$KERNELS_RESULTS"' EXIT
tests/kernels/run 6.1 6.12 >"$KERNELS_RESULTS/output" &
trap 'kill $!; wait; exit 130' INT TERM
wait $!
status=$?
# one kernel after the other: notes belong to the check behind them
for kernel in 6.1 6.12; do
    log=$KERNELS_RESULTS/$kernel.log
    [ ! -e "$log" ] || sed -n "s,^\(not ok\|ok\|skip\) ,&$kernel/,p; /^# /p" "$log"
done
sed -n '/^skip [^/]*:/p' "$KERNELS_RESULTS/output"
if [ $status = 77 ]; then
    exit 0
fi
exit $status
