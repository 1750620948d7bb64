#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes docs/prometheus.png: RTTs of the quickstart demo's path in Prometheus's own graph
# page, drawn by a headless Chromium. In the middle an upload fills the queue of a
# bottleneck. Not a test; takes two minutes.
#
#   tests/netns/picture_metrics.sh [FILE]
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin chromium prometheus curl iperf3

SECONDS_OF_TRAFFIC=${SECONDS_OF_TRAFFIC:-90}
PICTURE=${1:-$LAB_TOP/docs/prometheus.png}
DIR=$LAB_TMP/prometheus

# The median and two others as one graph.
query() {
    local q or=
    for q in 0.5 0.9 0.99; do
        # shellcheck disable=SC2016 # PromQL
        printf '%s' "$or" 'label_replace(histogram_quantile(' "$q" ', sum by (interface, le) ' \
            '(rate(pping_rtt_seconds_bucket[5s]))), "quantile", "' "$q" '", "", "")'
        or=' or '
    done
}

page() {
    "$PYTHON" -c 'import sys, urllib.parse
print("http://127.0.0.1:9090/graph?" + urllib.parse.urlencode({
    "g0.expr": sys.argv[1], "g0.tab": 0, "g0.range_input": sys.argv[2] + "s", "g0.step_input": 1,
    "g0.stacked": 0}))' "$(query)" "$((SECONDS_OF_TRAFFIC - 8))"
}

cat >"$LAB_TMP/config.yml" <<END
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: pping
    static_configs: [{targets: ['127.0.0.1:9100']}]
END
lab_up --delay 20000 >/dev/null || exit 1
lab_in r tc qdisc replace dev r1 root tbf rate 20mbit burst 32k limit 256k
pping_start c c0 "$LAB_TMP/pping" -TC --metrics 9100 >/dev/null
lab_spawn c "$LAB_TMP/log" prometheus --config.file="$LAB_TMP/config.yml" \
    --storage.tsdb.path="$DIR" --web.listen-address=127.0.0.1:9090 --log.level=warn
lab_spawn - "$LAB_TMP/chat" "$PYTHON" "$LAB_DIR/chat.py" "$LAB_NETNS-c" "$LAB_NETNS-s" \
    "$SECONDS_OF_TRAFFIC" 0.04 "$SERVER4" "$SERVER6"
chat=$LAB_PID
lab_spawn s "$LAB_TMP/iperf" iperf3 -s -1
sleep $((SECONDS_OF_TRAFFIC / 3))
lab_in c iperf3 -c "$SERVER4" -t $((SECONDS_OF_TRAFFIC / 3)) >/dev/null
lab_wait "$chat" "$SECONDS_OF_TRAFFIC"
lab_in c timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars \
    --user-data-dir="$LAB_TMP/chromium" --window-size=1280,880 --virtual-time-budget=15000 \
    --screenshot="$PICTURE" "$(page)" >"$LAB_TMP/chromium.log" 2>&1 || cat "$LAB_TMP/chromium.log"
lab_stop "$PPING_PID" INT
ls -l "$PICTURE"
