#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tests the tests: a copy of pping whose engine is broken on purpose must fail
# test_accuracy.sh, for the right reason.
# alone: it runs the accuracy test
# timeout: 400
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump iperf3 ss make

# broken SED-SCRIPT REGEX [FILE]: an engine so edited makes the accuracy test say REGEX.
broken() {
    local tree=$LAB_TMP/tree file=${3:-engine/match.h}
    rm -rf "$tree"
    mkdir "$tree"
    cp -r "$LAB_TOP"/{Makefile,pping.c,pping.h,pping_kern.c,pping_debug_cleanup.h,engine,kern,src} "$tree"
    sed -i "$1" "$tree/$file"
    ! cmp -s "$LAB_TOP/$file" "$tree/$file" || fail "the edit found nothing to break in $file"
    diff "$LAB_TOP/$file" "$tree/$file" || true
    MAKEFLAGS='' make -s -j2 -C "$tree" pping
    ! PPING=$tree/pping SECONDS_OF_LOAD=2 CASES='^accuracy_100_flows_tc_ipv4$' REQUIRE_BPF=1 \
        "$LAB_DIR/test_accuracy.sh" >"$LAB_TMP/verdict" 2>&1 ||
        fail "the test passed: $(cat "$LAB_TMP/verdict")"
    cat "$LAB_TMP/verdict"
    grep -q "FAIL: $2" "$LAB_TMP/verdict"
}

case_run broken_stamps_pure_acks broken \
    's/return p->flags & PACKET_DATA.*/return 1;/' '.*invented samples'
case_run broken_misses_one_in_64 broken \
    's/^\(\trtt = match_take(\)/\tif (!(p->echo \& 63))\n\t\treturn 0;\n\1/' '.* matched, not 99.5'
case_run broken_adds_20_us broken \
    's/^\tmatch_report(h, f, dir, now, rtt);/\tmatch_report(h, f, dir, now, rtt + 20000);/' \
    '.* wrong RTTs'
case_run broken_names_the_wrong_end broken \
    's/^\tflow_name(f, !dir, &e.flow);/\tflow_name(f, dir, \&e.flow);/' '.*invented samples'
lab_end
