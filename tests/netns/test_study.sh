#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real files through eval/analyze: rotated, compressed, anonymised, of two interfaces, of two
# runs with times from the start, with counters and aggregates. study.py reads them, too.
# timeout: 300
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin ping zstd gzip

DIR=$LAB_TMP/study

# short connections and pings, IPv4 and IPv6, for SECONDS; a path of 20 ms there and back
traffic() {
    local family pids=()
    for family in 4 6; do
        lab_spawn - "$LAB_TMP/http.$family" timeout 20 "$PYTHON" "$LAB_DIR/shorthttp.py" --count $(($1 * 10)) \
            "$LAB_NETNS-c" "$LAB_NETNS-s" "$(lab_server $family)"
        pids+=("$LAB_PID")
        lab_spawn c "$LAB_TMP/ping.$family" ping -q -i 0.2 -c $(($1 * 5)) "$(lab_server $family)"
        pids+=("$LAB_PID")
    done
    for LAB_PID in "${pids[@]}"; do
        lab_wait "$LAB_PID" 25 || fail "no traffic: $(cat "$LAB_TMP"/*.err)"
    done
}

# start IF FILES ARG...
start() {
    local dev=$1
    mkdir -p "${2%/*}"
    lab_spawn r "$LAB_TMP/$dev.$((++STARTED))" "$PPING" -i "$dev" -TC -r 0 -F jsonl -w "$2" "${@:3}"
    PIDS+=("$LAB_PID")
}

stop_all() {
    local pid
    for pid in "${PIDS[@]}"; do
        lab_stop "$pid" INT || fail "status $?: $(cat "$LAB_TMP"/r?.*.err)"
    done
    PIDS=()
}

files() {
    local PIDS=() STARTED=0
    start r0 "$DIR/both/%Y%m%dT%H%M%S.jsonl.zst" --counters --events -a 1 --status 1 --rotate-interval 2 --anonymize cryptopan
    start r1 "$DIR/both/wan-%s.jsonl.gz" --counters --rotate-interval 2 --anonymize ipcrypt
    start r1 "$DIR/truncate/x.json.gz" -F json --anonymize truncate --status 1 --rotate-interval 2
    start r0 "$DIR/relative/x.jsonl.zst" --relative-time --anonymize remove --rotate-interval 2
    start r0 "$DIR/aggregates/%s.jsonl.zst" -a 1 --rotate-interval 2
    wait_attached r r0 6 && wait_attached r r1 4
    traffic 3
    stop_all
    # another run of the same name
    start r0 "$DIR/relative/x.jsonl.zst" --relative-time --anonymize remove --rotate-interval 2
    wait_attached r r0
    traffic 2
    stop_all
    find "$DIR" -type f -size -1000k | sort
}

# analyse NAME: the report must say what study.py finds in the files
analyse() {
    local mine=("$DIR/$1"/*)
    timeout 100 "$LAB_TOP/eval/analyze" -o "$LAB_TMP/$1.report" "${mine[@]}" || fail "eval/analyze failed"
    "$PYTHON" "$LAB_DIR/study.py" "$1" "$LAB_TMP/$1.report" "${mine[@]}"
}

command -v node >/dev/null || command -v nodejs >/dev/null || {
    echo "skip study: needs Node.js and npm (quickstart test installs them)"
    exit 0
}
lab_up --delay 10000 || exit 1
case_run files files
[ "$LAB_FAILED" = 0 ] || lab_end
case_run both analyse both
case_run truncate analyse truncate
case_run relative analyse relative
case_run aggregates analyse aggregates
lab_end
