#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Aggregation of live traffic: every RTT that is an event is in one report, the last of
# which comes at the end; slow readers, SIGHUP, full and idle tables, memory.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin

OUT=$LAB_TMP/pping
JSONL=$LAB_TMP/aggregates.jsonl

# traffic: TCP and ping of both families, some 1.5 s
traffic() {
    local family pids=()
    for family in 4 6; do
        lab_spawn c "$LAB_TMP/ping$family" ping -q -c 30 -i 0.04 "$(lab_server $family)"
        pids+=("$LAB_PID")
        "$PYTHON" "$LAB_DIR/shorthttp.py" --count 15 "$LAB_NETNS-c" "$LAB_NETNS-s" \
            "$(lab_server $family)" >/dev/null
    done
    for family in "${pids[@]}"; do
        lab_wait "$family" 10
    done
}

watch() {
    rm -f "$JSONL"
    pping_start r r0 "$OUT" -TC "$@"
}

# kernel_rtts: what the summary says
kernel_rtts() { sed -n 's/^  RTTs  *\([0-9]*\).*/\1/p' "$OUT.err" | tail -n 1; }

# agree ARG...: aggregates.py on the output, with the kernel's own count
agree() { "$PYTHON" "$LAB_DIR/aggregates.py" --rtts "$(kernel_rtts)" "$@"; }

# events_and_aggregates LEAST-REPORTS OPTION...
events_and_aggregates() {
    local least=$1
    shift
    watch --events -r 0 -F jsonl -w "$JSONL" "$@"
    traffic
    # between two reports
    sleep 0.3
    pping_stop
    agree --events --least-rtts 100 --least-reports "$least" "$JSONL"
}

without_events() {
    watch -a 1 -F jsonl -w "$JSONL"
    traffic
    pping_stop
    agree --least-rtts 100 "$JSONL"
    ! grep -q -e '"rtt":' -e flow_event "$JSONL" || fail "events that nobody asked for"
}

# Its rows have the events' prefixes, of the other end.
reverse() {
    watch -a 1 --events -r 0 -F jsonl -w "$JSONL" --aggregate-reverse -4 32 -6 64
    traffic
    pping_stop
    agree --events --end dest_ip --bits4 32 --bits6 64 --least-rtts 100 "$JSONL"
}

standard_format() {
    watch -a 1 --events -r 0
    traffic
    pping_stop
    grep -q 'aggregates of every 1 s, by IPv4 /24 and IPv6 /48 of who answered$' "$OUT"
    grep -Eq '10\.11\.2\.0/24 rx [0-9]+ packets [0-9]+ bytes, tx [0-9]+ packets [0-9]+ bytes, [1-9][0-9]* RTTs: min [0-9.]+ mean [0-9.]+ median [0-9.]+ p95 [0-9.]+ p99 [0-9.]+ max [0-9.]+ ms$' "$OUT"
    grep -Eq 'fd00:11:2::/48 rx' "$OUT"
    grep -Eq 'all: .*IPv4 TCP [0-9]+ packets .* RTTs, [0-9]+ prefixes$' "$OUT"
    [ "$(sed -n 's/.*all: .* \([0-9]*\) RTTs, .*/\1/p' "$OUT" | awk '{ n += $1 } END { print n }')" = \
        "$(kernel_rtts)" ]
}

json_format() {
    watch -a 1 --events -r 0 -F json -w "$LAB_TMP/array.json"
    traffic
    pping_stop
    "$PYTHON" -c 'import json, sys
for record in json.load(open(sys.argv[1])):
    print(json.dumps(record))' "$LAB_TMP/array.json" >"$JSONL"
    agree --events --least-rtts 100 "$JSONL"
}

# A reader that does not read for a while: reports wait and are then of a longer time.
slow_reader() {
    local fifo=$LAB_TMP/fifo reader spray
    rm -f "$fifo" && mkfifo "$fifo"
    rm -f "$LAB_TMP/go"
    lab_spawn - "$JSONL.read" sh -c "exec 3<'$fifo'; until [ -e '$LAB_TMP/go' ]; do sleep 0.1; done; exec cat <&3"
    reader=$LAB_PID
    sleep 0.3
    rm -f "$JSONL"
    # 8,000 rows a second fill pipe and buffer
    pping_start r r0 "$OUT" -TC -a 1 -4 32 --max-prefixes 30000 -F jsonl -w "$fifo"
    lab_spawn c "$LAB_TMP/spray" "$PYTHON" "$LAB_DIR/spray.py" 10.12.0.0 24000 3
    spray=$LAB_PID
    traffic
    lab_wait "$spray" 10
    sleep 1.5 # a report is due, and waits
    touch "$LAB_TMP/go"
    lab_until 8 test -s "$JSONL.read"
    sleep 1.5
    pping_stop
    lab_wait "$reader" 10
    cp "$JSONL.read" "$JSONL"
    agree --least-rtts 100 --sprayed 24000 --longest-at-least 1.4 "$JSONL"
}

hangup() {
    watch -a 1 --events -r 0 -F jsonl -w "$JSONL"
    traffic
    mv "$JSONL" "$JSONL.1"
    kill -s HUP "$PPING_PID"
    lab_until 3 test -e "$JSONL"
    traffic
    pping_stop
    head -n 1 "$JSONL" | has '"aggregation"' || fail "the new file does not say what it is"
    cat "$JSONL.1" "$JSONL" >"$JSONL.both"
    # a report may be parted by it
    agree --events --least-rtts 200 "$JSONL.both"
    rm "$JSONL.1"
}

# Two prefixes have places, whoever else comes is everything else.
full_table() {
    watch -a 1 --max-prefixes 2 -4 32 -F jsonl -w "$JSONL"
    lab_in c ping -q -c 3 -i 0.05 "$SERVER4"
    traffic
    pping_stop
    agree --least-rtts 100 "$JSONL"
    grep '"ip_prefix":"other"' "$JSONL" | has '"count_rtt":[1-9]' || fail "no other row"
    grep -q '"prefix_table_full":[1-9]' "$JSONL"
    [ "$(grep -o '"ip_prefix":"[^"]*"' "$JSONL" | sort -u | wc -l)" = 3 ]
}

# ... and idle ones give their places away. Neighbour discovery may take two of these.
idle_leave() {
    watch -a 1 --max-prefixes 4 -4 32 -F jsonl --aggregate-timeout 1 -w "$JSONL"
    lab_in c ping -q -c 5 -i 0.05 "$SERVER4"
    lab_until 8 sh -c "tail -n 1 '$JSONL' | grep -q '\"prefixes\":0,'" || fail "never empty: $(tail -n 1 "$JSONL")"
    lab_in c ping -q -c 5 -i 0.05 "$SERVER6"
    sleep 1
    pping_stop
    agree "$JSONL"
    grep '"ip_prefix":"fd00:11:2::/48"' "$JSONL" | has '"count_rtt":[1-9]' || fail "no row of the second"
}

# memory PID: KiB of maps and of the process, each map once.
memory() {
    "$PYTHON" - "$1" <<'END'
import glob, re, sys
maps = {}
for path in glob.glob(f"/proc/{sys.argv[1]}/fdinfo/*"):
    try:
        text = open(path).read()
    except OSError:
        continue
    if "map_type" in text:
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        maps[fields["map_id"]] = int(fields["memlock"])
status = open(f"/proc/{sys.argv[1]}/status").read()
print(sum(maps.values()) // 1024, *(re.search(key + r":\s*(\d+)", status)[1] for key in ("RssAnon", "RssFile")))
END
}

# With 16,384 prefixes: 40 MiB more than without, at most.
memory_is_bounded() {
    local plain with
    watch -F jsonl -w "$JSONL"
    traffic
    plain=$(memory "$PPING_PID")
    pping_stop
    watch -a 1 -4 32 -F jsonl -w "$JSONL"
    traffic
    lab_in c "$PYTHON" "$LAB_DIR/spray.py" 10.12.0.0 17000 2
    sleep 1.5
    with=$(memory "$PPING_PID")
    pping_stop
    echo "KiB of maps, of anonymous memory, of files: $plain without, $with with aggregates"
    grep -q '"prefixes":16384,' "$JSONL" || fail "not 16384 prefixes: $(tail -n 1 "$JSONL")"
    awk -v plain="$plain" -v with="$with" 'BEGIN {
        split(plain, p, " "); split(with, w, " ")
        more = w[1] - p[1] + w[2] - p[2]
        printf "%d KiB more\n", more
        exit !(more <= 40 * 1024) }'
}

lab_up || exit 1
case_run aggregate_events_and_aggregates events_and_aggregates 2 -a 1
case_run aggregate_events_and_aggregates_xdp events_and_aggregates 2 -a 1 -I xdp
case_run aggregate_last_report_only events_and_aggregates 1 -a 60
case_run aggregate_without_events without_events
case_run aggregate_reverse reverse
case_run aggregate_standard standard_format
case_run aggregate_json json_format
case_run aggregate_slow_reader slow_reader
case_run aggregate_hangup hangup
case_run aggregate_full_table full_table
case_run aggregate_idle_prefixes_leave idle_leave
case_run aggregate_memory memory_is_bounded
lab_end
