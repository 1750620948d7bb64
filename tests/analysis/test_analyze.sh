#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
# eval/analyze on data with known truth: what was planted is found, nothing else is claimed, bad input is counted.
cd "$(dirname "$0")/../.." || exit 1
PYTHON=${PYTHON:-/usr/bin/python3}
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
trap 'exit 143' TERM INT
failed=0

command -v node >/dev/null || command -v nodejs >/dev/null || {
    echo "skip analyze: needs Node.js and npm (quickstart test installs them)"
    exit 0
}
if [ ! -e eval/analysis/node_modules/playwright-core ]; then
    if ! (cd eval/analysis && timeout 240 npm ci --no-audit --no-fund --loglevel=error) >"$TMP/npm" 2>&1; then
        sed 's/^/# /' "$TMP/npm" | tail -n 20
        echo "not ok install: npm ci in eval/analysis"
        exit 1
    fi
fi
NODE=$(command -v node || command -v nodejs)

# try NAME CMD...: ok if it succeeds; its output otherwise
try() {
    local name=$1
    shift
    [[ $name =~ ${CASES:-} ]] || return 0
    if "$@" >"$TMP/log" 2>&1; then
        echo "ok $name"
    else
        sed 's/^/# /' "$TMP/log" | tail -n 30
        echo "not ok $name"
        failed=1
    fi
}

truth() { "$PYTHON" tests/analysis/truth.py "$@"; }
NETS=(--client-net "10.64.0.0/10,2001:db8:1000::/36")

# made NAME SYNTH-OPTION...: data in $TMP/NAME
made() {
    local name=$1
    shift
    timeout 120 eval/synth -o "$TMP/$name" "$@"
}

# analysed NAME FILES... [OPTION...]: a report in $TMP/NAME.report
analysed() {
    local name=$1
    shift
    timeout 200 eval/analyze -o "$TMP/$name.report" "$@"
}

planted() {
    made planted --size 60M --counters --aggregates 10 &&
        analysed planted "$TMP"/planted/*.jsonl "${NETS[@]}" && truth planted "$TMP/planted" "$TMP/planted.report"
}

absent() {
    made absent --size 60M --counters --effects none && analysed absent "$TMP"/absent/*.jsonl &&
        truth absent "$TMP/absent" "$TMP/absent.report"
}

# Others of the same; with SEEDS="1 2 3" CASES=seeds tests/analysis/test_analyze.sh also without effects.
seeds() {
    local seed status=0
    for seed in ${SEEDS:-4 18}; do
        { made "some-$seed" --seed "$seed" --size 60M --counters --aggregates 10 &&
            analysed "some-$seed" "$TMP/some-$seed"/*.jsonl "${NETS[@]}" 2>/dev/null && truth planted "$TMP/some-$seed" "$TMP/some-$seed.report"; } ||
            { echo "seed $seed, with all effects"; status=1; }
        [ -z "${SEEDS:-}" ] || { made "none-$seed" --seed "$seed" --size 60M --counters --effects none && analysed "none-$seed" "$TMP/none-$seed"/*.jsonl 2>/dev/null &&
            truth absent "$TMP/none-$seed" "$TMP/none-$seed.report"; } || { echo "seed $seed, with none"; status=1; }
        rm -rf "$TMP/some-$seed"* "$TMP/none-$seed"*
    done
    return $status
}

hours() {
    made hours --size 12M --seconds 259200 --effects hours && analysed hours "$TMP"/hours/*.jsonl &&
        truth hours "$TMP/hours" "$TMP/hours.report" &&
        made nohours --size 12M --seconds 259200 --effects none && analysed nohours "$TMP"/nohours/*.jsonl &&
        truth no_hours "$TMP/nohours" "$TMP/nohours.report"
}

# What an independent reading of the lines computes, to the nanosecond.
exact() { truth exact "$TMP/planted" "$TMP/planted.report"; }

# Compressed, rotated, of two interfaces, in an array, with times from the start, without addresses.
formats() {
    made formats --size 2M --effects none --relative-time && mkdir "$TMP/mixed" && truth vary "$TMP/formats" "$TMP/mixed" &&
        analysed mixed "$TMP"/mixed/* && truth formats "$TMP/formats" "$TMP/mixed.report"
}

# Cut, corrupt, mixed, empty, without fields, without RTTs.
damaged() {
    made damaged --size 2M --effects none && truth damage "$TMP/damaged" "$TMP/broken" &&
        analysed broken "$TMP"/broken/* && truth damaged "$TMP/damaged" "$TMP/broken.report"
}

nothing() {
    printf '{"timestamp":1767225600000000000,"lost_events":3}\n' >"$TMP/nothing.jsonl" && : >"$TMP/empty.jsonl" &&
        analysed nothing "$TMP/nothing.jsonl" "$TMP/empty.jsonl" && truth nothing "$TMP" "$TMP/nothing.report"
}

# exits STATUS TEXT CMD...: with one line that has the text
exits() {
    local want=$1 text=$2 status=0
    shift 2
    "$@" >"$TMP/out" 2>&1 || status=$?
    [ "$status" = "$want" ] && [ "$(wc -l <"$TMP/out")" = 1 ] && grep -q -- "$text" "$TMP/out" && return
    echo "status $status, not $want, or not '$text': $*"
    cat "$TMP/out"
    return 1
}

usage() {
    exits 2 'name the files' eval/analyze && exits 2 'no prefix' eval/analyze --client-net 10.0.0.0/33 README.md &&
        exits 2 'such as' eval/analyze --tz 25 README.md && exits 2 "'--nonsense'" eval/analyze --nonsense &&
        exits 1 'not a file' eval/analyze /nonexistent && exits 2 'give -o' eval/synth &&
        eval/analyze --help | grep -q -- --client-net && [ ! -e report ]
}

# Nothing in the tree may say where packages came from.
lockfile() { ! grep -nE '"resolved"|https?:' eval/analysis/{package-lock.json,package.json,.npmrc}; }

browser() { timeout 120 "$NODE" tests/analysis/browser.mjs "$@"; }

try lockfile lockfile
try usage usage
try planted planted
try exact exact
try absent absent
try seeds seeds
try hours hours
try formats formats
try damaged damaged
try nothing nothing
if CHROMIUM=$(command -v chromium || command -v chromium-browser); then
    export CHROMIUM
    try browser browser "$TMP/planted.report" "$TMP/mixed.report" "$TMP/nothing.report"
    try example browser eval/analysis/example
else
    echo "skip browser: needs chromium (quickstart test installs it)"
fi
exit $failed
