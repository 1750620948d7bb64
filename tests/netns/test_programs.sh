#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The programs that the kernel really runs: what was not asked for is not in them, so that it costs a
# packet nothing, and every combination of what changes them most is taken by the verifier.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
PATH=$PATH:/usr/sbin:/sbin
lab_begin bpftool jq

# uses: the maps that instructions of the attached programs still refer to
uses() {
    local id map
    attached r r0 | while read -r _ id name; do
        [[ $name != pping_* ]] || bpftool prog dump xlated id "$id"
    done | sed -n 's/.*map\[id:\([0-9]*\)\].*/\1/p' | sort -u | while read -r map; do
        bpftool -j map show id "$map" | jq -r .name
    done
}

# refers YES NO PPING-OPTION...: to a map that matches YES, to none that matches NO
refers() {
    local maps
    pping_start r r0 "$LAB_TMP/pping" "${@:3}"
    maps=$(uses)
    echo "$maps"
    grep -q '^flows$' <<<"$maps" || fail "no programs"
    if [ -n "$1" ]; then
        grep -qE "^($1)" <<<"$maps" || fail "nothing of $1"
    fi
    if [ -n "$2" ]; then
        ! grep -E "^($2)" <<<"$maps" || fail "not asked for"
    fi
    pping_stop
}

lab_up || exit 1
# everything that has tables of its own, alone and left out
case_run unused_costs_nothing refers '' 'rules_|prefix|numbers|arrivals'
case_run unused_costs_nothing_xdp refers '' 'rules_|prefix|numbers|arrivals' -I xdp
case_run lists_alone refers rules_ 'prefix|numbers|arrivals' --exclude 192.0.2.0/24
case_run aggregates_alone refers prefix 'rules_|numbers|arrivals' -a 1
case_run several_alone refers numbers 'rules_|prefix|arrivals' -i lo
case_run several_aggregates refers arrivals rules_ -i lo -a 1

# loads ATTACH PPING-OPTION...: on each kind of link, which a pattern loads them for; confined
loads() {
    lab_spawn r "$LAB_TMP/pping" "$PPING" -TC -i 'r[01]' -I "$@"
    lab_until 15 grep -q 'r1 is being monitored' "$LAB_TMP/pping.err" || fail "$(cat "$LAB_TMP/pping.err")"
    lab_stop "$LAB_PID"
    cat "$LAB_TMP/pping.err"
}

for attach in tc xdp; do
    case_run several_rules_load_$attach loads $attach --include 10.0.0.0/8:5001 --counters -r 10 -s -l
    case_run several_rules_aggregates_load_$attach \
        loads $attach -a 1 --events --counters --include fd09::/16 --exclude :1
done
lab_end
