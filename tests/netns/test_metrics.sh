#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --metrics: what a real Prometheus reads there agrees with the samples, and no client
# can slow the measurement or use the memory up.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin curl prometheus promtool ss

JSONL=$LAB_TMP/rtts.jsonl
OUT=$LAB_TMP/pping
METRICS=http://127.0.0.1:9100/metrics
SERVER=http://127.0.0.1:9090
ALERTS=$LAB_TOP/docs/alerts.yml
DASHBOARD=$LAB_TOP/docs/grafana-dashboard.json

scrape() { lab_in r curl -sf --max-time 5 "$@" "${URL:-$METRICS}"; }
scrape_open() { scrape -H 'Accept: application/openmetrics-text; version=1.0.0'; }
ask_prometheus() { lab_in r "$PYTHON" "$LAB_DIR/prometheus.py" "$SERVER" "$@"; }

# metric 'NAME{LABELS}': its value
metric() { scrape | awk -v sample="$1" 'index($0, sample " ") == 1 { print $2 }'; }

# pings N INTERVAL: to both families at once
pings() {
    local pids=() address pid
    for address in "$SERVER4" "$SERVER6"; do
        lab_spawn c "$LAB_TMP/ping" ping -q -c "$1" -i "$2" "$address"
        pids+=("$LAB_PID")
    done
    for pid in "${pids[@]}"; do lab_wait "$pid" 30; done
}

# chat SECONDS INTERVAL: TCP of both families
chat() {
    "$PYTHON" "$LAB_DIR/chat.py" "$LAB_NETNS-c" "$LAB_NETNS-s" "$1" "$2" "$SERVER4" "$SERVER6"
}

rtt_lines() { grep -c '"rtt":' "$JSONL" || true; }

start_prometheus() {
    local dir=$LAB_TMP/prometheus
    rm -rf "$dir"
    mkdir -p "$dir"
    cat >"$dir/config.yml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$ALERTS]
scrape_configs:
  - job_name: pping
    static_configs: [{targets: ['127.0.0.1:9100']}]
END
    promtool check config "$dir/config.yml"
    lab_spawn r "$dir/log" prometheus --config.file="$dir/config.yml" --storage.tsdb.path="$dir/data" \
        --web.listen-address=127.0.0.1:9090 --log.level=warn
    PROMETHEUS_PID=$LAB_PID
    lab_until 20 ask_prometheus scraped 1 || fail "no scrape: $(cat "$dir/log.err")"
}

# --- what is served ---------------------------------------------------------------

closings() { [ "$(grep -c '"closing"' "$JSONL")" -ge "$1" ]; }

# Events are sampled and counted; the metrics have exactly the lines' RTTs.
sampled() {
    local n
    rm -f "$JSONL"
    pping_start r r0 "$OUT" -TC -F jsonl -w "$JSONL" --metrics 9100
    pings 20 0.05
    chat 1 0.1
    lab_until 5 closings 2 || fail "the flows of chat did not close"
    sleep 0.3
    n=$(rtt_lines)
    [ "$n" -gt 15 ]
    scrape | has '^# HELP pping_rtt_seconds .*sampled'
    [ "$(scrape | awk '/^pping_rtt_seconds_count/ { n += $2 } END { print n }')" = "$n" ]
    [ "$(metric 'pping_records_total{interface="r0"}')" = "$(wc -l <"$JSONL")" ]
    [ "$(metric 'pping_interface_up{interface="r0"}')" = 1 ]
    pping_stop
}

# Both dialects, what is linted and what is asked for.
dialects() {
    pping_start r r0 "$OUT" -TC -a 1 --metrics 9100
    pings 5 0.05
    sleep 1.5
    scrape >"$LAB_TMP/text"
    promtool check metrics <"$LAB_TMP/text" >"$LAB_TMP/lint" 2>&1 || fail "$(cat "$LAB_TMP/lint")"
    [ ! -s "$LAB_TMP/lint" ] || fail "$(cat "$LAB_TMP/lint")"
    scrape_open >"$LAB_TMP/open"
    [ "$(tail -1 "$LAB_TMP/open")" = "# EOF" ]
    grep -q '^# TYPE pping_packets counter' "$LAB_TMP/open"
    grep -q '^# TYPE pping_packets_total counter' "$LAB_TMP/text"
    scrape -H 'Accept: application/openmetrics-text;q=0, text/plain' | has '^# TYPE pping_packets_total '
    scrape -H 'Accept: text/plain;q=0.9, application/openmetrics-text;q=0.2' | has '^# TYPE pping_packets_total '
    scrape -H 'Accept: application/openmetrics-text;version=1.0.0;q=0.7,text/plain;q=0.5,*/*;q=0.1' |
        has '^# TYPE pping_packets counter'
    scrape -D - -o /dev/null | has '^Content-Type: text/plain; version=0.0.4; charset=utf-8'
    scrape -D - -o /dev/null -H 'Accept: application/openmetrics-text' |
        has '^Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8'
    pping_stop
}

# status PATH ARG...: the HTTP status
status() { lab_in r curl -s -o "$LAB_TMP/body" --max-time 5 -w '%{http_code}' "${@:2}" "http://127.0.0.1:9100$1"; }

paths() {
    pping_start r r0 "$OUT" --metrics :9100
    [ "$(status /)" = 200 ]
    grep -q 'href="/metrics"' "$LAB_TMP/body"
    [ "$(status /metrics)" = 200 ]
    [ "$(status /metrics -I)" = 200 ]
    if grep -q pping_ "$LAB_TMP/body"; then fail "HEAD has a body"; fi
    [ "$(status /metrics?x=1)" = 200 ]
    [ "$(status /other)" = 404 ]
    [ "$(status /metrics/)" = 404 ]
    [ "$(status /metrics -d x=1)" = 405 ]
    [ "$(status /metrics -X DELETE)" = 405 ]
    [ "$(status /metrics -X OPTIONS)" = 405 ]
    [ "$(status /metrics --path-as-is -X PUT -T "$PPING")" = 405 ] # a body of some MB is not read
    # on this host only
    lab_in r ss -Htln 'sport = 9100' | has '127.0.0.1:9100'
    if lab_in c curl -s --max-time 2 "http://$ROUTER4:9100/metrics"; then fail "open to others"; fi
    pping_stop
}

addresses() {
    pping_start r r0 "$OUT" --metrics '[::1]:9100'
    URL='http://[::1]:9100/metrics' scrape >/dev/null
    if scrape; then fail "127.0.0.1 too"; fi
    pping_stop
    pping_start r r0 "$OUT" --metrics '[::]:9100'
    URL="http://[$ROUTER6]:9100/metrics" scrape >/dev/null
    URL="http://$ROUTER4:9100/metrics" scrape >/dev/null
    pping_stop
    pping_start r r0 "$OUT" --metrics "$ROUTER4:9100"
    lab_in c curl -sf --max-time 5 "http://$ROUTER4:9100/metrics" | has pping_build
    if scrape; then fail "127.0.0.1 too"; fi
    pping_stop
}

# refused STATUS REGEX ARG...: pping ends at once, with one line that says why.
refused() {
    local want=$1 says=$2 status=0
    shift 2
    rm -f "$LAB_TMP/no.json"
    lab_spawn r "$OUT" "$@" -i r0 -F json -w "$LAB_TMP/no.json"
    lab_wait "$LAB_PID" 5 || status=$?
    cat "$OUT.err"
    [ "$status" = "$want" ] || fail "status $status, not $want"
    [ "$(wc -l <"$OUT.err")" = 1 ] || fail "not one line"
    grep -Eq -- "$says" "$OUT.err" || fail "does not say $says"
    [ ! -e "$LAB_TMP/no.json" ] || fail "left a file"
    nothing_attached r r0
}

refusals() {
    local status=0
    pping_start r r0 "$OUT" --metrics 9100
    lab_spawn r "$LAB_TMP/second" "$PPING" -i r1 --metrics 9100
    lab_wait "$LAB_PID" 5 || status=$?
    cat "$LAB_TMP/second.err"
    [ "$status" = 1 ]
    grep -q '127.0.0.1:9100: Address already in use.*another port' "$LAB_TMP/second.err"
    scrape >/dev/null # the first is not disturbed
    pping_stop
    refused 1 '192.0.2.1:9100: .*no address of this host' "$PPING" --metrics 192.0.2.1:9100
    refused 1 '\[2001:db8::1\]:9100: .*no address of this host' "$PPING" --metrics '[2001:db8::1]:9100'
    refused 1 '127.0.0.1:80: .*CAP_NET_BIND_SERVICE' setpriv --bounding-set=-net_bind_service \
        --inh-caps=-net_bind_service "$PPING" --metrics 80
    refused 2 'IPv6 address without brackets' "$PPING" --metrics ::1:9100
    refused 2 'no address that is one' "$PPING" --metrics localhost:9100
}

# --- Prometheus ---------------------------------------------------------------------

all_scraped() {
    [ "$(metric 'pping_rtt_seconds_count{interface="r0",protocol="TCP"}')" = "$1" ]
}

prometheus() {
    local n
    rm -f "$JSONL"
    pping_start r r0 "$OUT" -TC -a 60 --events -r 0 -F jsonl -w "$JSONL" --metrics 9100
    start_prometheus
    pings 100 0.05 &
    chat 6 0.03
    wait $!
    lab_until 5 closings 2 || fail "the flows of chat did not close" # after all their RTTs
    # within 5 s, although reports are rarer
    n=$(grep -c '"protocol":"TCP","rtt"' "$JSONL")
    lab_until 7 all_scraped "$n" || fail "$(scrape | grep _count) and $n samples of TCP"
    lab_until 10 ask_prometheus scraped 10 || ask_prometheus scraped 10
    lab_until 10 ask_prometheus quantiles "$JSONL" || ask_prometheus quantiles "$JSONL"
    ask_prometheus dashboard "$DASHBOARD" r0
    # its rules are loaded, and none of them fails
    lab_in r curl -sf "$SERVER/api/v1/rules" | "$PYTHON" -c 'import json, sys
rules = [r for g in json.load(sys.stdin)["data"]["groups"] for r in g["rules"]]
print([(r["name"], r["health"], r["state"]) for r in rules])
assert len(rules) >= 8 and all(r["health"] == "ok" for r in rules)'
    lab_stop "$PROMETHEUS_PID" TERM 10
    pping_stop
}

alerts() {
    promtool check rules "$ALERTS"
    promtool test rules "$LAB_DIR/alerts_test.yml"
}

# --- clients that mean no good ------------------------------------------------------

# of pping: KiB of memory now, and CPU time in ms since its start
memory() { awk '/^VmRSS:/ { print $2 }' "/proc/$PPING_PID/status"; }
cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$PPING_PID/stat"; }

HOSTILE_SECONDS=8

# Each ping gives its line in time, the memory stays what it was and the CPU is the measurement's.
hostile() {
    local before after cpu start scrapes=0 watch good
    rm -f "$LAB_TMP/fifo"
    mkfifo "$LAB_TMP/fifo"
    lab_spawn - "$LAB_TMP/ages" "$PYTHON" "$LAB_DIR/linewatch.py" "$LAB_TMP/fifo" 280
    watch=$LAB_PID
    pping_start r r0 "$LAB_TMP/fifo" -C -r 0 -F jsonl --metrics 0.0.0.0:9100
    scrape >/dev/null
    before=$(memory) cpu=$(cpu_ms) start=$(date +%s%N)
    lab_spawn c "$LAB_TMP/hostile" nice -n 19 "$PYTHON" "$LAB_DIR/hostile.py" "$ROUTER4" 9100 \
        "$HOSTILE_SECONDS"
    local hostile_pid=$LAB_PID
    pings 140 0.05
    # a well-behaved client gets its answer among all these
    for _ in 1 2 3 4 5; do
        scrape >"$LAB_TMP/text" && tail -1 "$LAB_TMP/text" | has pping_ && scrapes=$((scrapes + 1))
    done
    cpu=$(($(cpu_ms) - cpu)) start=$((($(date +%s%N) - start) / 1000000))
    after=$(memory)
    lab_wait "$hostile_pid" 20
    cat "$LAB_TMP/hostile"
    echo "RSS $before -> $after KiB, CPU $cpu of $start ms, $scrapes of 5 scrapes"
    lab_wait "$watch" 5 || fail "RTT lines are missing"
    good=$(awk '{ for (i = 1; i <= NF; i++) n += $i < 500 } END { print n + 0 }' "$LAB_TMP/ages")
    echo "$good of 280 lines in time; the oldest was $(awk '{ print $NF }' "$LAB_TMP/ages") ms old"
    # a machine that stops for a moment makes ten of them late
    [ "$good" -ge 270 ]
    [ "$(awk '{ print int($NF) }' "$LAB_TMP/ages")" -lt 3000 ]
    [ $((after - before)) -lt 16384 ]
    [ $((cpu * 4)) -lt "$start" ] || fail "the clients cost a quarter of a core"
    [ "$scrapes" -ge 3 ]
    # and when they are gone it is as it was
    sleep 1
    scrape | promtool check metrics
    lab_until 15 no_connections || fail "$(lab_in r ss -tn 'sport = 9100')"
    pping_stop
}

no_connections() { [ -z "$(lab_in r ss -Htn 'sport = 9100' | grep -v TIME-WAIT)" ]; }

unheard() { ! lab_in r ss -Htln 'sport = 9100' | has 9100; }

# While pping ends, which takes as long as the last command of --on-rotate, a scrape is refused and not kept waiting.
ending() {
    local status=0
    pping_start r r0 "$OUT" -F jsonl -w "$LAB_TMP/end.jsonl" --rotate-interval 3600 --on-rotate 'sleep 3' \
        --metrics 9100
    scrape >/dev/null
    kill -INT "$PPING_PID"
    lab_until 2 unheard
    kill -0 "$PPING_PID"
    lab_in r curl -s --max-time 2 "$METRICS" >/dev/null || status=$?
    [ "$status" = 7 ] || fail "curl ended with status $status"
    lab_wait "$PPING_PID" 10
}

# --- all -----------------------------------------------------------------------------

lab_up --delay 20000 >/dev/null || { echo "not ok lab"; exit 1; }
if timeout 5 "$PPING" -i lo --metrics 192.0.2.1:1 2>&1 | has 'without libmicrohttpd'; then
    echo "skip metrics: pping was built without libmicrohttpd"
    exit 0
fi
for ns in c s; do lab_in $ns sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_ecn'; done
case_run metrics_sampled sampled
case_run metrics_dialects dialects
case_run metrics_paths paths
case_run metrics_addresses addresses
case_run metrics_refusals refusals
case_run metrics_prometheus prometheus
case_run metrics_alerts alerts
case_run metrics_ending ending
case_run metrics_hostile_clients hostile
lab_end
