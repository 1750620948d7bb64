#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a saturated router loses by being watched: bytes a second that bulk TCP flows get
# through it, as a ratio to the same flows with no monitor.
#
# The flows run all the time; slice after slice of a second the monitor is absent, or runs
# with one of the settings. Each slice is compared with the mean of the two unwatched ones
# beside it, so that what drifts (the flows' windows, the machine) cancels out.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/../netns/lab.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
lab_begin iperf3

SERVERS=4 # iperf3 has at most 128 streams
SLICE=${SLICE:-1}
SETTLE=${SETTLE:-0.5} # attaching disturbs the flows for a moment
# Settings of the monitor, one a word, "_" for spaces; aggregation is another one.
MODES=${MODES:-"-r_100 -r_0"}

# flows_start FLOWS SECONDS: bulk flows from client to server
flows_start() {
    local left=$1 i share
    for ((i = 0; i < SERVERS && left > 0; i++)); do
        share=$(((left + SERVERS - i - 1) / (SERVERS - i)))
        left=$((left - share))
        lab_spawn c "$LAB_TMP/client$i" timeout $(($2 + 10)) iperf3 -c "$SERVER4" \
            -p $((5201 + i)) -P "$share" -t "$2" -i 0
        CLIENTS+=("$LAB_PID")
    done
}

flows_stop() {
    local pid
    for pid in "${CLIENTS[@]}"; do
        lab_stop "$pid" INT || true
    done
    CLIENTS=()
    sleep 0.5
}

# Bytes that have reached the server, and when (ns).
arrived() { awk -v now="$(date +%s%N)" '$1 == "s0:" { print $2, now }' "/proc/$SERVER_PID/net/dev"; }

# slice MODE: Gbit/s, in RATE; MODE none: no monitor
slice() {
    local begin end
    [ "$1" = none ] || pping_start r r0 "$LAB_TMP/pping" ${1//_/ } -F jsonl -w "$LAB_TMP/out.jsonl" >/dev/null
    sleep $SETTLE
    begin=$(arrived)
    sleep "$SLICE"
    end=$(arrived)
    RATE=$(awk '{ printf "%.3f", ($3 - $1) * 8 / ($4 - $2) }' <<<"$begin $end")
    [ "$1" = none ] && return
    lab_stop "$PPING_PID" INT 20 || {
        echo "bench_router: pping ended with $?: $(cat "$LAB_TMP/pping.err")" >&2
        exit 1
    }
    LINES_SEEN=$(grep -c '"rtt":' "$LAB_TMP/out.jsonl" || true)
    LOST=$(sed -n 's/.*"lost_events":\([0-9]*\).*/\1/p' "$LAB_TMP/out.jsonl" | awk '{ n += $1 } END { print n + 0 }')
    rm -f "$LAB_TMP/out.jsonl"
}

# measure FLOWS ROUNDS [WHAT]
measure() {
    local flows=$1 rounds=$2 what="flows${3:-}" mode round before ratio budget
    local -A ratios=() rates=() lines=() lost=()
    flows_start "$flows" 300
    sleep 2
    slice none
    for ((round = 0; round < rounds; round++)); do
        for mode in $MODES; do
            before=$RATE
            rates[none]+=" $RATE"
            slice "$mode"
            rates[$mode]+=" $RATE"
            lines[$mode]+=" $LINES_SEEN"
            lost[$mode]=$((${lost[$mode]:-0} + LOST))
            ratio=$RATE
            slice none
            ratios[$mode]+=" $(calc "$ratio * 2 / ($before + $RATE)")"
        done
    done
    flows_stop
    # shellcheck disable=SC2086 # lists
    for mode in none $MODES; do
        if [ "$mode" = none ]; then
            printf '%4d %s, no monitor: %.2f Gbit/s\n' "$flows" "$what" "$(median ${rates[none]})"
            result router "$flows $what, no monitor" Gbit/s "$(median ${rates[none]})" higher
            continue
        fi
        printf '%4d %s, %s: %.2f Gbit/s, %.3f of no monitor (%s), %.0f RTTs a run, %d lost\n' \
            "$flows" "$what" "${mode//_/ }" "$(median ${rates[$mode]})" "$(median ${ratios[$mode]})" \
            "$(spread ${ratios[$mode]})" "$(median ${lines[$mode]})" "${lost[$mode]}"
        budget=
        [ "$flows$mode$what" = 500-r_0flows ] && budget=0.93
        result router "$flows $what, ${mode//_/ }" "of no monitor" "$(median ${ratios[$mode]})" higher $budget
    done
}

lab_up >/dev/null || { echo "bench_router: no lab" >&2; exit 1; }
ulimit -n 8192
CLIENTS=()
for ((i = 0; i < SERVERS; i++)); do
    lab_spawn s "$LAB_TMP/server$i" iperf3 -s -p $((5201 + i)) -i 0
    SERVER_PID=$LAB_PID
done
lab_until 5 lab_in s sh -c 'ss -Htln | grep -q :5204' || { echo "bench_router: no iperf3" >&2; exit 1; }
# Each packet by itself, where the kernel would hand dozens through as one: what the monitor
# costs a packet weighs most.
no_offload() { lab_in c ip link set c0 gso_max_segs 1 && lab_in s ip link set s0 gso_max_segs 1; }

for flows in ${FLOWS:-1 10 100 500 single}; do
    case $flows in
    single) SETTLE=1 && no_offload && measure 100 "${ROUNDS:-5}" " of single packets" ;;
    500) measure 500 "${ROUNDS:-11}" ;;
    *) measure "$flows" "${ROUNDS:-5}" ;;
    esac
done
