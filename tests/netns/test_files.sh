#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files for weeks, on real traffic: rotated, compressed, within a budget; killed, on
# full disks and in directories that vanish.
# timeout: 300
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin iperf3 ss zstd gzip bpftool rsync jq

OUT=$LAB_TMP/pping
DIR=$LAB_TMP/study

# What is in files, told by the programs that read such files.
files() { "$PYTHON" "$LAB_DIR/files.py" "$@"; }

fresh() {
    rm -rf "$DIR"
    mkdir "$DIR"
    STARTED=()
}
# Whole files of a directory in the order in which they were ended, one a line.
in_order() {
    find "$1" -type f ! -name '*.part' ! -name '*.txt' -printf '%T@ %p\n' | sort -n | cut -d' ' -f2-
}
parts() { find "$1" -name '*.part' | wc -l; }
# (for a moment there is none while one follows the other)
one_part() { [ "$(parts "$DIR/$1")" = 1 ]; }
# (they may go while we look)
bytes_of_all() { { find "$1" -type f -printf '%s\n' 2>/dev/null || true; } | awk '{ n += $1 } END { print n + 0 }'; }

# load SECONDS [FLOWS]: real TCP in the background; its pid in LOADER
load() {
    (iperf_load 4 "${2:-20}" "$1") >/dev/null &
    LOADER=$!
}

# start NAME ARG...: several ppings look at one load; each has its directory, $DIR/NAME.
start() {
    local name=$1
    shift
    mkdir -p "$DIR/$name"
    lab_spawn r "$LAB_TMP/$name" "$PPING" -i r0 -r 0 "$@"
    PID[$name]=$LAB_PID
    STARTED+=("$name")
    wait_attached r r0 $((2 * ${#STARTED[@]})) || fail "$name: $(cat "$LAB_TMP/$name.err")"
}
declare -A PID

# ended NAME STATUS [SECONDS]: by itself, or after stop_all
ended() {
    local status=0
    lab_wait "${PID[$1]}" "${3:-8}" || status=$?
    sed "s/^/$1: /" "$LAB_TMP/$1.err"
    [ "$status" = "$2" ] || fail "$1: status $status, not $2"
}
stop_all() {
    local name
    for name in "${STARTED[@]}"; do
        ! lab_alive "${PID[$name]}" || kill -INT "${PID[$name]}"
    done
}

says() { grep -Eq -- "$2" "$LAB_TMP/$1.err" || fail "$1 does not say $2"; }
handed_over() { sed -n 's/.* \([0-9]*\) handed over.*/\1/p' "$LAB_TMP/$1.err" | tail -1; }

# all_there NAME FILES: so many files at least, whole, with every event that was handed over
all_there() {
    local got
    [ "$(parts "$DIR/$1")" = 0 ] || fail "in progress: $(ls "$DIR/$1")"
    mapfile -t got < <(in_order "$DIR/$1")
    ls -l "$DIR/$1"
    [ ${#got[@]} -ge "$2" ] || fail "$1: ${#got[@]} files"
    [ "$(files events "${got[@]}")" = "$(handed_over "$1")" ] ||
        fail "$1: $(files events "${got[@]}") events, not the $(handed_over "$1") handed over"
    [ "$(handed_over "$1")" -gt 0 ]
    files runs "${got[@]}"
}

# --- every event once ------------------------------------------------------------

# As many in the files as the kernel's own counter says, however they are changed: by size,
# by the clock, by signals.
every_event() {
    local i name
    fresh
    start zstd -F jsonl -w "$DIR/zstd/x.jsonl.zst" --rotate-size 64K
    start gzip -F jsonl -w "$DIR/gzip/%H%M%S.jsonl.gz" --rotate-size 64K
    start plain -F jsonl -w "$DIR/plain/%H%M%S.jsonl" --rotate-size 256K
    start clock -F jsonl -w "$DIR/clock/%H%M%S" --compress zstd --rotate-interval 1
    start signal -F json -w "$DIR/signal/x.json.zst"
    load 4
    for ((i = 0; i < 16; i++)); do
        sleep 0.2
        kill -HUP "${PID[signal]}"
        kill -HUP "${PID[signal]}"
    done
    wait "$LOADER"
    sleep 0.5
    for name in "${STARTED[@]}"; do
        lab_until 3 one_part "$name" || fail "$(ls "$DIR/$name")"
        files kernel "${PID[$name]}" >"$LAB_TMP/$name.kernel"
    done
    stop_all
    for name in "${STARTED[@]}"; do
        ended "$name" 0
        [ "$(cat "$LAB_TMP/$name.kernel")" = "$(handed_over "$name")" ] ||
            fail "$name: the kernel's counter says $(cat "$LAB_TMP/$name.kernel")"
    done
    nothing_attached r r0
    mv "$DIR/clock" "$DIR/named" && mkdir "$DIR/clock"
    for name in "$DIR/named/"*; do cp -p "$name" "$DIR/clock/${name##*/}.zst"; done
    all_there zstd 3
    all_there gzip 3
    all_there plain 5
    all_there clock 4
    all_there signal 5
}

# --- killed ----------------------------------------------------------------------

# Four at a time, of which each is killed at a moment of its own; another one, which is
# not, writes down what there was.
killed_often() {
    local round i kinds=(zst gz zst gz) run pids=()
    # two change their file often, two seldom, so that what is flushed meanwhile counts
    local often="--rotate-size 16K --rotate-interval 1" seldom="--rotate-interval 2"
    local when=("$often" "$often" "$seldom" "$seldom")
    fresh
    pping_start r r0 "$LAB_TMP/all" -r 0 -q -F jsonl -w "$DIR/all.txt"
    load 60 5
    for round in 1 2 3 4 5; do
        for i in 0 1 2 3; do
            mkdir "$DIR/$round-$i"
            # shellcheck disable=SC2086 # words
            lab_spawn r "$LAB_TMP/run$i" "$PPING" -i r0 -r 0 -q -F jsonl ${when[i]} \
                -w "$DIR/$round-$i/run-%H%M%S.jsonl.${kinds[i]}"
            pids[i]=$LAB_PID
        done
        wait_attached r r0 10 || fail "$(cat "$LAB_TMP"/run?.err)"
        files kill_later "${pids[@]}" "$DIR/$round"-{0,1,2,3}/killed.txt
        for i in 0 1 2 3; do
            wait "${pids[i]}" 2>/dev/null || true
        done
    done
    sleep 0.2
    pping_stop
    kill "$LOADER" 2>/dev/null || true
    wait "$LOADER" || true
    for run in "$DIR"/?-?; do
        files killed "$DIR/all.txt" "$(cat "$run/killed.txt")" "$run/"*.jsonl.*
    done
}

# in_part N: so many RTTs of the file in progress can be read
in_part() { [ "$({ gzip -dc <"$DIR/x.jsonl.gz.part" || true; } 2>/dev/null | grep -c '"rtt"')" = "$1" ]; }

# What a killed run left is told, and stays as it is.
leftover() {
    local before
    fresh
    pping_start r r0 "$OUT" -C -r 0 -F jsonl -w "$DIR/x.jsonl.gz"
    lab_in c ping -q -c 3 -i 0.05 "$SERVER4" >/dev/null
    lab_until 10 in_part 3 || fail "is not flushed"
    kill -KILL "$PPING_PID"
    wait "$PPING_PID" 2>/dev/null || true
    before=$(md5sum <"$DIR/x.jsonl.gz.part")
    pping_start r r0 "$OUT" -C -r 0 -F jsonl -w "$DIR/x.jsonl.gz"
    pping_stop
    grep -q 'x.jsonl.gz.part was left unfinished' "$OUT.err"
    [ "$(md5sum <"$DIR/x.jsonl.gz.part")" = "$before" ]
    files events "$DIR/x-1.jsonl.gz"
    in_part 3
}

# --- others ------------------------------------------------------------------------

two_of_one_name() {
    local status=0
    fresh
    start x -C -F jsonl -w "$DIR/x/x.jsonl.zst" "$@"
    lab_spawn r "$LAB_TMP/second" "$PPING" -i r0 -C -F jsonl -w "$DIR/x/x.jsonl.zst" "$@"
    lab_wait "$LAB_PID" 5 || status=$?
    cat "$LAB_TMP/second.err"
    [ "$status" = 1 ] && [ "$(wc -l <"$LAB_TMP/second.err")" = 1 ]
    says second 'x.jsonl.zst.part: another pping is writing to it'
    lab_in c ping -q -c 3 -i 0.05 "$SERVER4" >/dev/null
    sleep 0.2
    stop_all
    ended x 0
    all_there x 1
}

# No directory to begin with, and one that goes meanwhile.
directories() {
    local status=0
    fresh
    lab_spawn r "$OUT" "$PPING" -i r0 -w "$DIR/nosuch/x.jsonl.zst"
    lab_wait "$LAB_PID" 5 || status=$?
    cat "$OUT.err"
    [ "$status" = 1 ] && grep -q 'nosuch/x.jsonl.zst.part: No such file' "$OUT.err"
    nothing_attached r r0
    start gone -C -w "$DIR/gone/x.jsonl.zst"
    lab_in c ping -q -c 3 -i 0.05 "$SERVER4" >/dev/null
    rm -r "$DIR/gone"
    ended gone 1
    says gone 'was removed or moved away'
    nothing_attached r r0
}

# --- room --------------------------------------------------------------------------

disk() {
    mkdir "$DIR/$1"
    mount -t tmpfs -o "size=$2" tmpfs "$DIR/$1"
}

# What is written can be read, and the run fails; told to shed, it goes on.
full_disks() {
    local name got
    fresh
    case_cleanup() { umount "$DIR"/{zstd,gzip,json,shed}; }
    disk zstd 128k
    disk gzip 128k
    disk json 1m
    disk shed 256k
    start zstd -F jsonl -w "$DIR/zstd/x.jsonl.zst"
    start gzip -F json -w "$DIR/gzip/x.json.gz"
    start json -F json -w "$DIR/json/x-%S.json"
    start shed -F jsonl -w "$DIR/shed/%H%M%S.jsonl.gz" --rotate-size 40K --max-storage 10M,drop-oldest
    load 5
    for name in zstd gzip json; do
        ended "$name" 1
        says "$name" 'No space left on device: [0-9]+ events not written'
        ls -l "$DIR/$name"
        mapfile -t got < <(find "$DIR/$name" -name 'x*')
        [ ${#got[@]} = 1 ] && [ "$(stat -c %s "${got[0]}")" -gt 60000 ]
        [[ ${got[0]} != *.part ]] || says "$name" 'no room to end it'
        files cut "${got[0]}" | tee "$LAB_TMP/cut"
        says "$name" "handed over, $(cut -d' ' -f1 "$LAB_TMP/cut") passed on"
    done
    wait "$LOADER"
    stop_all
    ended shed 0
    says shed '^pping: --max-storage is 10.5 MB, and 2.* kB are free'
    says shed 'of them dropped'
    nothing_attached r r0
    mapfile -t got < <(in_order "$DIR/shed")
    ls -l "$DIR/shed"
    [ ${#got[@]} -ge 2 ]
    files events "${got[@]}"
}

# storage NAME KIB: within that, and not far below; what is missing is counted
storage_kept() {
    local got left
    ended "$1" 0
    says "$1" '--max-storage is used up'
    ls -l "$DIR/$1"
    [ "$(bytes_of_all "$DIR/$1")" -le $(($2 << 10)) ] && [ "$(bytes_of_all "$DIR/$1")" -gt $((($2 - 36) << 10)) ]
    mapfile -t got < <(in_order "$DIR/$1")
    left=$(sed -n 's/^pping: \([0-9]*\) events did not fit.*/\1/p' "$LAB_TMP/$1.err")
    [ $(($(files events "${got[@]}") + left)) = "$(handed_over "$1")" ]
    tail -n 3 "$LAB_TMP/$1.err"
}

# A budget ends the run, as was asked for, or costs the oldest files.
budgets() {
    local most=0 now got
    fresh
    mkdir "$DIR/drop"
    echo other >"$DIR/drop/another.txt"
    start stop -F jsonl -w "$DIR/stop/x.jsonl" --rotate-size 100K --max-storage 512K
    start small -F jsonl -w "$DIR/small/x.jsonl.gz" --rotate-size 64K --max-storage 256K,stop
    start drop -F jsonl -w "$DIR/drop/%H%M%S.jsonl" --max-storage 512K,drop-oldest
    load 5
    while kill -0 "$LOADER" 2>/dev/null; do
        now=$(bytes_of_all "$DIR/drop")
        [ "$now" -le "$most" ] || most=$now
        sleep 0.01
    done
    storage_kept stop 512
    storage_kept small 256
    stop_all
    ended drop 0
    nothing_attached r r0
    ls -l "$DIR/drop"
    echo "$most bytes at most"
    [ "$most" -le $((512 << 10)) ] && [ "$most" -gt $((350 << 10)) ]
    [ -e "$DIR/drop/another.txt" ]
    says drop 'of them dropped'
    # the last ones are there
    mapfile -t got < <(in_order "$DIR/drop")
    [ ${#got[@]} -ge 3 ]
    files events "${got[@]}"
    tail -n 1 "${got[-1]}" | grep '"last":true'
}

# --- commands ------------------------------------------------------------------------

# Slow ones hold nothing up, each file has one, failures are told.
on_rotate() {
    fresh
    mkdir "$LAB_TMP/copies"
    # shellcheck disable=SC2016 # for pping's shell
    start x -F jsonl -w "$DIR/x/%S.jsonl.zst" --rotate-interval 1 --on-rotate \
        'sleep 0.3; test -z "$(cat)"; cp "$1" '"$LAB_TMP"'/copies/ && [ "$1" = "$PPING_FILE" ]; exit 3'
    load 3
    wait "$LOADER"
    stop_all
    ended x 0
    all_there x 3
    diff -r "$DIR/x" "$LAB_TMP/copies"
    [ "$(grep -c -- '--on-rotate for .* failed with status 3' "$LAB_TMP/x.err")" = \
        "$(in_order "$DIR/x" | wc -l)" ]
}

# The README's example as it stands there, but for the places, and with seconds for hours.
readme_example() {
    fresh
    mkdir -p "$DIR/x" "$LAB_TMP/remote"
    sed -n '/^### Files for weeks/,/^zstdcat/ { /^pping/,/rsync/p }' "$LAB_TOP/README.md" |
        sed "s#^pping -i eth0#exec $PPING -i r0#; s#/var/lib/pping/#$DIR/x/#; s#interval 3600#interval 1#
            s#host:study/#$LAB_TMP/remote/#" | tee "$LAB_TMP/example"
    lab_spawn r "$LAB_TMP/x" bash "$LAB_TMP/example"
    PID[x]=$LAB_PID STARTED=(x)
    wait_attached r r0
    load 3 5
    wait "$LOADER"
    stop_all
    ended x 0
    [ "$(find "$DIR/x" -type f | wc -l)" = 0 ] || fail "$(ls "$DIR/x")"
    mv "$LAB_TMP/remote"/* "$DIR/x"
    all_there x 3
    zstdcat "$DIR/x"/*.jsonl.zst | jq -Rr 'select(fromjson | .rtt > 100000000)'
    [ "$(zstdcat "$DIR/x"/*.jsonl.zst | jq -Rr 'select(fromjson.run == "end")' | wc -l)" -ge 3 ]
    # jq 1.6 would change the last digits of times that it reads as numbers
    zstdcat "$DIR/x"/*.jsonl.zst | grep '"rtt":' >"$LAB_TMP/rtts"
    zstdcat "$DIR/x"/*.jsonl.zst | jq -Rr 'select(fromjson.rtt)' | cmp - "$LAB_TMP/rtts"
}

# --- limits and records ------------------------------------------------------------------

limits() {
    local status=0
    fresh
    pping_start r r0 "$OUT" -C -r 0 -F jsonl --count 7 -w "$DIR/x.jsonl" --run-records
    lab_in c ping -q -c 12 -i 0.05 "$SERVER4" >/dev/null
    lab_wait "$PPING_PID" 3 || status=$?
    cat "$OUT.err"
    [ "$status" = 0 ] && [ "$(grep -c '"rtt"' "$DIR/x.jsonl")" = 7 ]
    head -n 1 "$DIR/x.jsonl" | grep '"run":"begin"'
    tail -n 1 "$DIR/x.jsonl" | grep '"run":"end".*"last":true'
    nothing_attached r r0
    pping_start r r0 "$OUT" -C --duration 1.5
    status=0
    lab_wait "$PPING_PID" 5 || status=$?
    [ "$status" = 0 ]
    # not before it; how long after is the machine's business
    grep -Eq 'r0, (1\.[5-9]|[2-4]\.[0-9]) s' "$OUT.err" || fail "$(cat "$OUT.err")"
}

# What the records say is what was sent.
status_records() {
    pping_start r r0 "$OUT" -C -r 0 -F jsonl --no-flow-events --status 1
    lab_in c ping -q -c 40 -i 0.1 "$SERVER4" >/dev/null
    pping_stop
    cat "$OUT"
    ! grep flow_event "$OUT" || return 1
    "$PYTHON" -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert [r["timestamp"] for r in rows] == sorted(r["timestamp"] for r in rows)
status = [row for row in rows if "status_interval" in row][1:]
assert len(status) >= 2 and sum("rtt" in row for row in rows) == 40
for row in status:
    end, ns = row["timestamp"], row["status_interval"]
    n, s = sum("rtt" in r and end - ns < r["timestamp"] <= end for r in rows), ns / 1e9
    assert row["lost"] == 0, row
    assert abs(row["rtts_per_s"] * s - n) < 1.5, (n, row)
    # and a few of ARP and the like
    assert n - 2 < row["rx_packets_per_s"] * s < n + 6, (n, row)
    assert 98 * 8 * (n - 2) < row["rx_bits_per_s"] * s < 98 * 8 * (n + 8), (n, row)
assert any(row["flows"] == 1 for row in status), status
assert any(abs(row["status_interval"] - 1e9) < 3e8 for row in status), status' "$OUT"
    pping_start r r0 "$OUT" -C -r 0 --status 0.5 -c 0
    sleep 1.2
    pping_stop
    grep -E '^# [0-9:.]+ status_interval=[0-9]+ rtts_per_s=0.0 .*tx_bits_per_s=' "$OUT"
}

plan_line() {
    fresh
    pping_start r r0 "$OUT" -C -r 0 -F jsonl -w "$DIR/x.jsonl.zst"
    lab_in c ping -q -c 110 -i 0.1 "$SERVER4" >/dev/null
    sleep 0.3
    pping_stop
    grep -E 'at the rate so far .*[kM]B an hour: ([4-9](\.[0-9]+)?|10) events/s of 1.* bytes, compressed .*free, for' "$OUT.err"
    grep -E '^  storage  .* in 1 file, .* an hour' "$OUT.err"
}

lab_up || exit 1
case_run files_hold_every_event every_event
case_run files_killed_at_20_moments killed_often
case_run files_leftover_is_told_and_kept leftover
case_run files_two_of_one_name two_of_one_name
case_run files_two_of_one_name_rotated two_of_one_name --rotate-interval 60
case_run files_directories directories
case_run files_full_disks full_disks
case_run files_budgets budgets
case_run files_on_rotate on_rotate
case_run files_readme_example readme_example
case_run files_count_and_duration limits
case_run files_status_records status_records
case_run files_plan plan_line
lab_end
