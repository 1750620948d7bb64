#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bursts of events: 100,000 RTTs a second lose nothing, and whatever a stopped or
# slow reader loses is counted to the last event.
# alone: it needs both cores for its rates
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin

POUR=$LAB_TOP/build/bench/pour

# pour RATE SECONDS: into the program that is attached; PAIRS is how many went in, POURED
# how many in all, COST how many ns a packet took.
pour() {
    local id rate
    id=$(attached r r0 | awk '$3 == "pping_egress" { print $2 }')
    "$POUR" "$id" "$1" "$2" >"$LAB_TMP/pour"
    cat "$LAB_TMP/pour"
    read -r PAIRS _ rate _ _ COST _ <"$LAB_TMP/pour"
    POURED=$((${POURED:-0} + PAIRS))
    # or it was not the load that the test is about
    [ "${rate%.*}" -ge $(($1 * 9 / 10)) ]
}

# The lines of a jsonl file: RTTs, flow events, and the lost events that it tells of.
count_file() {
    RTTS=$(grep -c '"rtt":' "$1" || true)
    EVENTS=$(grep -c '"flow_event":' "$1" || true)
    LOST=$(sed -n 's/.*"lost_events":\([0-9]*\).*/\1/p' "$1" | awk '{ n += $1 } END { print n + 0 }')
}

# said BEFORE AFTER: the sum of the numbers between these words in the summary.
said() {
    { grep -oE "$1[0-9]+$2" "$LAB_TMP/pping.err" || true; } |
        sed -E "s/^$1//" | awk '{ n += $1 } END { print n + 0 }'
}

# exact FILE: what was matched was handed over or is counted as lost; what was handed over is
# in the file, and so is the count. To the last event. (Nothing times out here.)
exact() {
    local matched flows handed lost
    count_file "$1"
    matched=$(said 'RTTs +' ' from') handed=$(said 'events +' ' handed over') lost=$(said ', ' ' events lost')
    flows=$(($(said 'flows +' ' in both directions') + $(said ', ' ' closed by')))
    echo "$POURED pairs: $matched RTTs matched and $flows flow events; $handed handed over, $lost lost;" \
        "in the file $RTTS RTTs, $EVENTS flow events, $LOST lost"
    [ $((matched + flows)) = $((handed + lost)) ]
    [ $((RTTS + EVENTS)) = "$handed" ]
    [ "$LOST" = "$lost" ]
    # the first pair of each pour may find its identifiers shown
    [ "$matched" -le "$POURED" ] && [ "$matched" -ge $((POURED - 3)) ]
    "$PYTHON" -c 'import json, sys
last = 0
for line in open(sys.argv[1]):
    record = json.loads(line)
    assert record["timestamp"] >= last, line
    last = record["timestamp"]' "$1"
}

# recovers FILE: after the loss is told everything that was poured last is there.
recovers() {
    [ "$LOST" -gt 0 ]
    [ "$(sed -n '/lost_events/h;/lost_events/!H;${x;p}' "$1" | grep -c '"rtt":')" -ge $((PAIRS - 1)) ]
}

# A full ring must not cost a packet more than one that has room.
not_slower_than() {
    echo "a packet took $1 ns before, $COST ns while nobody read"
    [ "$COST" -lt $(($1 * 3)) ]
}

nothing_lost() {
    local jsonl=$LAB_TMP/rtts.jsonl
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl"
    pour 100000 10
    pping_stop
    exact "$jsonl"
    [ "$LOST" = 0 ]
}

# While it is stopped nobody empties the rings.
stopped() {
    local jsonl=$LAB_TMP/rtts.jsonl free
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl"
    pour 100000 1
    free=$COST
    kill -STOP "$PPING_PID"
    pour 100000 3
    not_slower_than "$free"
    kill -CONT "$PPING_PID"
    sleep 1.5
    pour 10000 1
    pping_stop
    exact "$jsonl"
    recovers "$jsonl"
}

# A pipe that nobody reads for a while: the packet path does not wait for it.
blocked_pipe() {
    local jsonl=$LAB_TMP/rtts.jsonl fifo=$LAB_TMP/fifo reader free
    rm -f "$fifo"
    mkfifo "$fifo"
    lab_spawn - "$jsonl" cat "$fifo"
    reader=$LAB_PID
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$fifo"
    pour 100000 1
    free=$COST
    kill -STOP "$reader"
    pour 100000 4
    not_slower_than "$free"
    kill -CONT "$reader"
    sleep 1.5
    pour 10000 1
    pping_stop
    lab_wait "$reader" 5
    exact "$jsonl"
    recovers "$jsonl"
}

[ -x "$POUR" ] || { echo "not ok burst: no $POUR (run make test)"; exit 1; }
lab_up >/dev/null || { echo "not ok lab"; exit 1; }
case_run burst_100000_a_second_lose_nothing nothing_lost
case_run burst_stopped_program_counts_each_loss stopped
case_run burst_blocked_pipe_counts_each_loss blocked_pipe
lab_end
