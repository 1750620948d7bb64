#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bursts of events: 100,000 RTTs a second lose nothing, and whatever a stopped or
# slow reader loses is counted to the last event.
# alone: it needs both cores for its rates
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin

POUR=$LAB_TOP/build/bench/pour

# pour RATE SECONDS: into the program that is attached; PAIRS is how many went in.
pour() {
    local id
    id=$(attached r r0 | awk '$3 == "pping_egress" { print $2 }')
    "$POUR" "$id" "$1" "$2" | tee "$LAB_TMP/pour"
    PAIRS=$(awk '{ print $1 }' "$LAB_TMP/pour")
}

# RTT lines and the lost events that a jsonl file tells of; both 0 if none.
count_file() {
    RTTS=$(grep -c '"rtt":' "$1" || true)
    LOST=$(sed -n 's/.*"lost_events":\([0-9]*\).*/\1/p' "$1" | awk '{ n += $1 } END { print n + 0 }')
}

# Each pair is one RTT; the flow's opening is an event too.
nothing_lost() {
    local jsonl=$LAB_TMP/rtts.jsonl
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl"
    pour 100000 10
    pping_stop
    count_file "$jsonl"
    echo "$RTTS RTTs in the file, $LOST lost"
    [ "$LOST" = 0 ] && [ "$RTTS" -ge $((PAIRS - 1)) ]
    "$PYTHON" -c 'import json, sys
last = 0
for line in open(sys.argv[1]):
    record = json.loads(line)
    assert record["timestamp"] >= last, line
    last = record["timestamp"]' "$jsonl"
}

# While it is stopped nobody empties the rings. Matched = emitted + lost, exactly.
stopped() {
    local jsonl=$LAB_TMP/rtts.jsonl
    rm -f "$jsonl"
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl"
    kill -STOP "$PPING_PID"
    pour 100000 3
    kill -CONT "$PPING_PID"
    sleep 1.5
    pour 10000 1
    pping_stop
    count_file "$jsonl"
    echo "$RTTS RTTs in the file, $LOST lost, of $((300000 + PAIRS)) pairs"
    [ "$LOST" -gt 0 ]
    # the first pair of each pour may find its identifiers shown; the opening may be among the lost
    [ $((RTTS + LOST)) -ge $((300000 + PAIRS - 2)) ] && [ $((RTTS + LOST)) -le $((300001 + PAIRS)) ]
    # after the loss is told, everything comes again
    [ "$(sed -n '/lost_events/,$p' "$jsonl" | grep -c '"rtt":')" -ge $((PAIRS - 1)) ]
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
    free=$(awk '{ print $6 }' "$LAB_TMP/pour")
    kill -STOP "$reader"
    pour 100000 4
    echo "a packet took $free ns before, $(awk '{ print $6 }' "$LAB_TMP/pour") ns while blocked"
    [ "$(awk '{ print $6 }' "$LAB_TMP/pour")" -lt $((free * 3)) ]
    kill -CONT "$reader"
    sleep 1.5
    pping_stop
    lab_wait "$reader" 5
    count_file "$jsonl"
    echo "$RTTS RTTs out of the pipe, $LOST lost, of 500000 pairs"
    [ "$LOST" -gt 0 ] && [ $((RTTS + LOST)) -ge 499998 ] && [ $((RTTS + LOST)) -le 500001 ]
}

[ -x "$POUR" ] || { echo "not ok burst: no $POUR (run make test)"; exit 1; }
lab_up >/dev/null || { echo "not ok lab"; exit 1; }
case_run burst_100000_a_second_lose_nothing nothing_lost
case_run burst_stopped_program_counts_each_loss stopped
case_run burst_blocked_pipe_counts_each_loss blocked_pipe
lab_end
