#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What an RTT costs from the packet to the line of JSON, with the program running
# beside, and how many a second it takes before the first is lost.
#
# pour.c sends data and ACKs through the attached program from one CPU; pping has
# another, where there is one, and writes to /dev/null.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/../netns/lab.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
lab_begin taskset

POUR=$LAB_TOP/build/bench/pour
LAST_CPU=$(($(nproc) - 1))
ROUNDS=${ROUNDS:-3}

pour() { timeout 60 taskset -c 0 "$POUR" "$@"; }

consumer_start() {
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w /dev/null >/dev/null
    taskset -p -c "$LAST_CPU" "$PPING_PID" >/dev/null
    ID=$(prog_id pping_egress)
}

# Sum of all losses so far.
lost() {
    kill -USR1 "$PPING_PID"
    sleep 0.3
    sed -n '/^  events/h; ${x; p}' "$PPING_OUT.err" | grep -oE '[0-9]+ events lost' |
        awk '{ n += $1 } END { print n + 0 }'
}

# cost RATE: nanoseconds of kernel and program an RTT costs at that rate, with its stamp.
cost() {
    local rate=$1 i before used kernel=() user=() ys=() base line
    for ((i = 0; i < ROUNDS; i++)); do
        base=$(pour 0 "$rate" 2 | awk '{ print $6 }')
        before=$(cpu_ns "$PPING_PID")
        line=$(pour "$ID" "$rate" 2)
        sleep 0.1
        used=$(($(cpu_ns "$PPING_PID") - before))
        read -r pairs _ _ _ _ packet _ _ _ _ y _ <<<"$line"
        kernel+=("$(calc "2 * ($packet - $base)")")
        user+=("$(calc "$used / $pairs")")
        ys+=("$(calc "(2 * ($packet - $base) + $used / $pairs) / $y")")
    done
    printf '%-52s %6.0f ns in the packets, %5.0f ns in the program, %5.2f Y\n' \
        "an RTT with its stamp, at $rate a second" "$(median "${kernel[@]}")" \
        "$(median "${user[@]}")" "$(median "${ys[@]}")"
    result events "an RTT with its stamp, at $rate a second: packets" ns "$(median "${kernel[@]}")" lower
    result events "an RTT with its stamp, at $rate a second: program" ns "$(median "${user[@]}")" lower
    # a stamp may cost 2.5 Y, an RTT emitted and consumed 10
    result events "an RTT with its stamp, at $rate a second" Y "$(median "${ys[@]}")" lower "${2:-}"
}

# sustained: rates in steps until the first loss
sustained() {
    local rate=100000 before now asked best=0 got line
    before=$(lost)
    while [ "$rate" -lt 4000000 ]; do
        line=$(pour "$ID" "$rate" 2)
        got=$(awk '{ print int($3) }' <<<"$line")
        sleep 0.2
        now=$(lost)
        if [ "$now" != "$before" ]; then
            echo "the first loss: $((now - before)) at $got RTTs a second"
            break
        fi
        best=$got asked=$rate
        # the sender is at its end
        [ "$got" -gt $((asked * 95 / 100)) ] || {
            echo "no loss at all that one CPU can send ($got RTTs a second)"
            break
        }
        rate=$((rate * 5 / 4))
    done
    printf '%-52s %9d\n' "RTTs a second without a loss" "$best"
    # no loss at 100,000 is the budget
    result events "RTTs a second without a loss" /s "$best" higher 99000
}

[ -x "$POUR" ] || { echo "bench_events: no $POUR (run make bench)" >&2; exit 1; }
lab_up >/dev/null || { echo "bench_events: no lab" >&2; exit 1; }
consumer_start
cost 10000
cost 100000 12.5
cost 300000
sustained
lab_stop "$PPING_PID" INT
