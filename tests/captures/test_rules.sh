#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --include and --exclude with --read: against a reading of our own (check_rules.py), and what is
# wrong with an entry is said in one line.
cd "$(dirname "$0")/../.." || exit 1
PPING=${PPING:-$PWD/pping}
PYTHON=${PYTHON:-/usr/bin/python3}
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
export PYTHONDONTWRITEBYTECODE=1
failed=0

"$PYTHON" tests/captures/check_rules.py "$PPING" "$TMP" || failed=1

# verdict NAME STATUS [WHY]
verdict() {
    if [ "$2" = 0 ]; then echo "ok $1"; else
        echo "not ok $1: ${3:-}"
        failed=1
    fi
}

# refused WORDS OPTION...: one line with these words, status 2
refused() {
    local words=$1 status=0
    shift
    "$PPING" --read "$TMP/whole.pcap" "$@" >"$TMP/out" 2>"$TMP/err" || status=$?
    [ "$status" = 2 ] && [ ! -s "$TMP/out" ] && [ "$(wc -l <"$TMP/err")" = 1 ] &&
        grep -qF -- "$words" "$TMP/err"
    verdict "refused ${*:1:4}" $? "status $status, $(cat "$TMP/err")"
}

cd "$TMP" || exit 1
printf '192.0.2.0/24\n192.0.2.77/24\n' >list
printf '\n' >empty
refused '"10.0.0.1/8" has bits behind its length' --exclude 10.0.0.1/8
refused '"10.0.0.0/33" has no length' --include 10.0.0.0/33
refused '"10.0.0.0/8:0" has a port that is no number from 1 to 65535' --exclude 10.0.0.0/8:0
refused '"10.0.0.0/8:65536" has a port' --include 10.0.0.0/8:65536
refused '"example.org" is not an address' --exclude example.org
refused '"" is not an address' --exclude ''
refused '"" is empty' --exclude-file ''
refused "can't read missing: No such file or directory" --exclude-file missing
refused "can't read .: Is a directory" --include-file .
refused 'list:2: what is there has bits behind its length' --exclude-file list
refused 'empty: has no entry, so nothing would be included' --include-file empty

many=()
for ((i = 0; i < 257; i++)); do many+=(--exclude "10.0.0.$((i % 250))"); done
refused 'more than 256 in all; put them into a file' "${many[@]}"

# Nothing of people who may not want to be named.
"$PPING" --read whole.pcap -q --exclude-file list 2>&1 | grep -q 192.0.2
verdict message_without_entry $((1 - $?))

# How many, and nothing else of them, is in the records about the run.
"$PPING" --read whole.pcap -q --run-records -F jsonl --exclude 10.1.0.0/16 --exclude-file empty \
    --include 10.0.0.0/8:443 --include ::/0 >out &&
    head -1 out | grep -q '"include_rules":2,"exclude_rules":1,"options":".*--include PREFIX\[:PORT\] .*--exclude PREFIX\[:PORT\] --exclude-file FILE' &&
    tail -1 out | grep -q '"total_excluded":[1-9]' &&
    ! sed -n '1p;$p' out | grep '10\.[01]\.'
verdict run_records $? "$(sed -n '1p;$p' out)"
exit $failed
