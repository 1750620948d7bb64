#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Flow events: how flows open and close, with reason and origin. The lives of flows
# are in flows.py; the path is 20 ms long each way.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin

JSONL=$LAB_TMP/events.jsonl

life() {
    "$PYTHON" "$LAB_DIR/flows.py" "$2" "$LAB_NETNS-c" "$LAB_NETNS-s" \
        "$(lab_client "$1")" "$(lab_server "$1")" "${3:-$JSONL}"
}

# A pping of its own, started when the flow is there already.
late() {
    local status=0
    rm -f "$LAB_TMP/late.jsonl" "$LAB_TMP/go"
    mkfifo "$LAB_TMP/go"
    lab_spawn - "$LAB_TMP/life" bash -c "exec <>'$LAB_TMP/go'; exec \"\$@\"" - \
        "$PYTHON" "$LAB_DIR/flows.py" "$2" "$LAB_NETNS-c" "$LAB_NETNS-s" \
        "$(lab_client "$1")" "$(lab_server "$1")" "$LAB_TMP/late.jsonl"
    local life=$LAB_PID
    lab_until 5 grep -q open "$LAB_TMP/life" || fail "$(cat "$LAB_TMP/life.err")"
    lab_spawn r "$LAB_TMP/late" "$PPING" -i r0 -r 0 -F jsonl --counters -w "$LAB_TMP/late.jsonl"
    local late=$LAB_PID
    wait_attached r r0 4 # two of the other pping
    echo go >"$LAB_TMP/go"
    lab_wait "$life" 10 || status=$?
    cat "$LAB_TMP/life.err"
    lab_stop "$late" INT
    return "$status"
}

no_timestamps() {
    lab_in c sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_timestamps'
    case_cleanup() { lab_in c sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_timestamps'; }
    life "$1" without_timestamps
}

# Idle ICMP flows end after 30 s; pings that nobody answers are never announced.
icmp_timeout() {
    local jsonl=$LAB_TMP/icmp.jsonl seconds
    while [ "$(grep -c '"closing"' "$jsonl")" -lt 2 ]; do
        [ $((SECONDS - ICMP_SINCE)) -lt 40 ] || fail "not closed within 40 s: $(tail -n 2 "$jsonl")"
        sleep 0.2
    done
    seconds=$("$PYTHON" - "$jsonl" <<'END'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
events = [(r["src_ip"], r["flow_event"], r["reason"], r["triggered_by"]) for r in rows if "flow_event" in r]
want = [(ip, *event) for event in (("opening", "first observed packet", "src"),
                                   ("closing", "timeout", "garbage collection"))
        for ip in ("10.11.2.2", "fd00:11:2::2")]
assert sorted(events) == sorted(want), events
last = max(r["timestamp"] for r in rows if "rtt" in r)
closed = min(r["timestamp"] for r in rows if r.get("flow_event") == "closing")
# three pings of 56 bytes; the last reply's time is as of the last tick of the kernel's clock, 10 ms at most
for end in (r for r in rows if r.get("flow_event") == "closing"):
    rtts = [r for r in rows if "rtt" in r and r["src_ip"] == end["src_ip"]]
    size = 3 * (56 + 8 + (40 if ":" in end["src_ip"] else 20))
    assert [end[name] for name in ("sent_packets", "rec_packets", "rtts")] == [3, 3, 3] == [len(rtts)] * 3, end
    assert end["sent_bytes"] == end["rec_bytes"] == size, end
    early = rtts[-1]["timestamp"] - rtts[0]["timestamp"] + rtts[0]["rtt"] - end["duration"]
    assert -16 <= early < 10**7 + 10**5, f"{early} ns early: {end}"
print((closed - last) // 10**9)
END
    )
    echo "closed $seconds s after the last reply"
    [ "$seconds" -ge 29 ] || return 1
    [ "$seconds" -le 34 ] || return 1
}

lab_up --delay 20000 || exit 1

# The pping for the ICMP timeouts runs while the other cases do.
ICMP_SINCE=$SECONDS
lab_spawn s "$LAB_TMP/icmp" "$PPING" -i s0 -l -C -r 0 -F jsonl --counters -w "$LAB_TMP/icmp.jsonl"
wait_attached s s0 >/dev/null || true
for address in "$SERVER4" "$SERVER6" 10.11.2.98 fd00:11:2::98; do
    lab_spawn c "$LAB_TMP/ping" ping -q -c 3 -i 0.2 -W 1 "$address"
done

rm -f "$JSONL"
lab_spawn r "$LAB_TMP/events" "$PPING" -i r0 -r 0 -F jsonl --counters -w "$JSONL"
wait_attached r r0 >/dev/null || cat "$LAB_TMP/events.err"
for family in 4 6; do
    for scenario in client_closes_first server_closes_first client_resets server_resets \
        refused never_answered counted_by_tcp half_close simultaneous_close reused_after_rst \
        reused_after_fin reused_while_open; do
        case_run flow_${scenario}_ipv$family life $family $scenario
    done
    case_run fault_7_reused_while_half_closed_ipv$family life $family reused_while_half_closed
    case_run flow_without_timestamps_ipv$family no_timestamps $family
    case_run flow_mid_stream_ipv$family late $family mid_stream
    case_run flow_mid_stream_server_first_ipv$family late $family mid_stream_server_first
done
case_run flow_icmp_timeout icmp_timeout
lab_end
