#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Aggregates of captures made by make_captures and of real ones (../shared/captures), against the
# list of all their RTTs and tshark's count of their packets (check_aggregate.py).
cd "$(dirname "$0")/../.." || exit 1
PPING=${PPING:-$PWD/pping}
MAKE_CAPTURES=${MAKE_CAPTURES:-$PWD/build/captures/make_captures}
SHARED=${SHARED:-../shared/captures}
PYTHON=${PYTHON:-/usr/bin/python3}
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
export PYTHONDONTWRITEBYTECODE=1
failed=0

check() { "$PYTHON" tests/captures/check_aggregate.py --pping "$PPING" "$@" || failed=1; }

if "$PPING" --version | grep 'without libpcap' >/dev/null; then
    echo "skip captures: built without libpcap"
    exit 0
fi
"$MAKE_CAPTURES" "$TMP" || exit 1
# not those that end in an error, and not what tshark refuses
check "$TMP"/{connection,connection6,pure_acks,retransmission,mid_stream,wrap,outstanding}.pcap \
    "$TMP"/{reuse,timeouts,ping,sampling,snapped,link_sll,link_raw6}.pcap
shopt -s nullglob
shared=("$SHARED"/*)
if [ ${#shared[@]} = 0 ]; then
    echo "skip shared: there is no $SHARED"
else
    check "${shared[@]}"
fi

"$PYTHON" tests/captures/check_rotated.py "$PPING" || failed=1

# Two runs give the same bytes; json is one array of the same records.
for file in "$TMP"/{ping,timeouts}.pcap; do
    name=$(basename "$file")
    "$PPING" --read "$file" -TC -q -a 1 --events -F jsonl >"$TMP/lines" &&
        "$PPING" --read "$file" -TC -q -a 1 --events -F jsonl | cmp - "$TMP/lines" &&
        "$PPING" --read "$file" -TC -q -a 1 --events -F json >"$TMP/array" &&
        "$PYTHON" -c 'import json, sys
lines, array = sys.argv[1:]
assert [json.loads(line) for line in open(lines)] == json.load(open(array))' "$TMP/lines" "$TMP/array"
    if [ $? = 0 ]; then echo "ok json $name"; else
        echo "not ok json $name"
        failed=1
    fi
done

# refused OPTION...: one line that says why, status 2.
refused() {
    local status=0
    "$PPING" --read "$TMP/ping.pcap" "$@" >"$TMP/out" 2>"$TMP/err" || status=$?
    if [ "$status" = 2 ] && [ ! -s "$TMP/out" ] && [ "$(wc -l <"$TMP/err")" = 1 ]; then
        echo "ok refused $*"
    else
        echo "not ok refused $*: status $status, $(cat "$TMP/err")"
        failed=1
    fi
}

refused -a 1 -F ppviz
refused -a 1 -4 33
refused -a 1 -6 65
refused -a 0
refused -a 1 -4 -1
refused -a 1 --max-prefixes 0
refused --aggregate-reverse
exit $failed
