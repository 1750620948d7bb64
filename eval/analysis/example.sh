#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes eval/analysis/example/: a minute of real traffic over a path of 15 ms each way, whose link to the client holds 20 Mbit/s and a
# deep queue, measured on the router in between. Root; run make first.
#
#   eval/analysis/example.sh
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/netns/lab.sh
. "$here/../../tests/netns/lab.sh"
lab_begin iperf3 node

bulk() { lab_in c timeout 30 iperf3 -c "$1" -p "$2" -t "$3" "${@:4}" >/dev/null; }

set -e
lab_up --delay 15000 --segment
# the queue that fills: a quarter of a second at 20 Mbit/s
lab_in r tc qdisc add dev r0 root tbf rate 20mbit burst 32k limit 640000
for port in 5201 5202; do
    lab_spawn s "$LAB_TMP/iperf.$port" iperf3 -s -p $port
done
pping_start r r0 "$LAB_TMP/pping" -TC -r 0 -F jsonl --counters --events -a 1 -w "$LAB_TMP/r0.jsonl"
loads=()
for family in 4 6; do
    lab_spawn - "$LAB_TMP/http.$family" timeout 70 "$PYTHON" "$LAB_DIR/shorthttp.py" --count 350 \
        "$LAB_NETNS-c" "$LAB_NETNS-s" "$(lab_server $family)"
    loads+=("$LAB_PID")
    lab_spawn c "$LAB_TMP/ping.$family" ping -q -i 0.5 -c 120 "$(lab_server $family)"
    loads+=("$LAB_PID")
done
sleep 10
bulk "$SERVER4" 5201 12 -R # a download
sleep 6
bulk "$SERVER6" 5201 10 -b 20M # an upload
sleep 4
bulk "$SERVER4" 5202 12 -R -P 4 # four downloads at once
for pid in "${loads[@]}"; do
    lab_wait "$pid" 75 || true
done
sleep 1
pping_stop
set +e
ls -l "$LAB_TMP/r0.jsonl"
rm -rf "$here/example"
cd "$LAB_TMP" && "$here/../analyze" r0.jsonl -o "$here/example" --client-net 10.11.1.0/24,fd00:11:1::/64 \
    --title "A minute on a testbed of pping's" || exit 1
# small enough to keep: no table of single flows, no second format
rm -f "$here"/example/tables/*.parquet "$here"/example/tables/flows.csv

# the picture in the README, where there is a browser
[ ! -e "$here/node_modules/playwright-core" ] || ! command -v chromium >/dev/null ||
    node "$here/picture.mjs" "$here/example" "$here/example/report.png" --section time
