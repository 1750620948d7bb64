#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab itself, without pping: what the other tests take for granted.
# alone: the delay line is measured
# shellcheck source=tests/netns/lab.sh
LAB_WITHOUT_PPING=1
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump iperf3 ss

# carried KEY: a number of the delay line's report, both directions together
carried() { grep -o "[0-9]* $1" "$LAB_TMP/delay" | awk '{ sum += $1 } END { print sum }'; }

# No packet early, most within a fraction of a millisecond.
exact() {
    local address
    lab_up --delay 20000
    for address in "$SERVER4" "$SERVER6"; do
        lab_in c ping -c 100 -i 0.01 "$address" >"$LAB_TMP/ping"
        "$PYTHON" - "$LAB_TMP/ping" <<'END'
import re, sys
times = sorted(float(ms) for ms in re.findall(r"time=([0-9.]+) ms", open(sys.argv[1]).read()))
print(f"least {times[0]}, median {times[50]}, most {times[-1]} ms")
assert len(times) == 100 and times[0] >= 40 and times[50] < 41
END
    done
}

uneven() {
    lab_up --delay 3000 --back-us 30000
    lab_in c ping -c 20 -i 0.01 "$SERVER4" >"$LAB_TMP/ping"
    grep -q 'time=33' "$LAB_TMP/ping"
}

# Thousands of packets in flight, none lost, at hundreds of Mbit/s.
bulk() {
    local mbits
    lab_up --delay 50000 "$@"
    lab_spawn s "$LAB_TMP/iperf.server" iperf3 -s -1
    lab_until 5 lab_in s sh -c 'ss -Htln "sport = 5201" | grep -q LISTEN'
    lab_in c iperf3 --json -c "$SERVER4" -P 8 -t 4 --fq-rate 60M >"$LAB_TMP/iperf.json"
    mbits=$("$PYTHON" -c 'import json, sys
print(int(json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"] / 1e6))' \
        "$LAB_TMP/iperf.json")
    lab_stop "$LAB_DELAY_PID"
    cat "$LAB_TMP/delay"
    echo "$mbits Mbit/s"
    [ "$mbits" -gt 300 ] # of 480; with 100 ms of slow start
    [ "$(carried overrun)" = 0 ]
}

# One in ten lost, one in five held back, and no other.
lossy() {
    local lost reordered received
    lab_up --delay 2000 --loss 10 --reorder 5 --reorder-us 30000 --segment
    lab_in c ping -q -c 400 -i 0.005 -W 1 "$SERVER4" >"$LAB_TMP/ping" || true
    lab_stop "$LAB_DELAY_PID"
    cat "$LAB_TMP/ping" "$LAB_TMP/delay"
    lost=$(carried lost) reordered=$(carried reordered)
    [ "$lost" -gt 45 ] && [ "$lost" -lt 120 ]
    [ "$reordered" -gt 90 ] && [ "$reordered" -lt 210 ]
    received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$LAB_TMP/ping")
    # a few packets of neighbour discovery and the lab's own trial pings are among them
    [ $((received + lost)) -ge 390 ] && [ $((received + lost)) -le 410 ]
}

# What the load must give is what a capture shows: a TSval for each block.
load() {
    local found
    lab_up
    capture_start r r0 "$LAB_TMP/load.pcap" tcp
    iperf_load 6 20 2
    capture_stop
    found=$(referee samples --pcap "$LAB_TMP/load.pcap" | grep -c '"certain": true')
    echo "$IPERF_BLOCKS blocks, $found samples"
    [ "$IPERF_BLOCKS" -ge 11400 ] && [ "$found" -ge $((IPERF_BLOCKS * 9 / 10)) ]
}

# Nothing is left of a lab that was killed, once another one begins.
swept() {
    local pid
    lab_spawn - "$LAB_TMP/killed" bash -c ". '$LAB_DIR/lab.sh'; lab_netns c; echo up; sleep 60"
    pid=$LAB_PID
    lab_until 5 grep -q up "$LAB_TMP/killed"
    [ -e "/run/netns/ppinglab$pid-c" ]
    lab_sweep
    [ -e "/run/netns/ppinglab$pid-c" ] || fail "swept a living lab away"
    kill -KILL "$pid"
    wait "$pid" || true
    lab_sweep
    [ ! -e "/run/netns/ppinglab$pid-c" ]
}

case_run lab_delay_is_exact exact
case_run lab_delay_uneven uneven
case_run lab_delay_carries_bulk bulk
case_run lab_delay_carries_bulk_segmented bulk --segment
case_run lab_loss_and_reordering lossy
case_run lab_load_gives_a_sample_per_block load
case_run lab_sweeps_what_was_killed swept
lab_end
