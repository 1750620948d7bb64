#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Spoofed one-way flows at the rate that the machine can send, while a hundred real
# flows go on and new ones open, over paths of 1, 50 and 300 ms: the best peer is
# blind after 200,000 of them.
# alone: it needs both cores for its rates
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump

# Nobody answers there, and nothing is forwarded.
FLOOD_NET=10.11.66.0/24 FLOOD_DST=10.11.66.1
# The server's addresses: one at the end of each path.
PATHS=(10.11.2.10 10.11.2.11 10.11.2.12)
PATH_US=(500 25000 150000)

# flood COUNT [KIND [PER-SECOND]]: in the foreground; DURING is when.
flood() {
    local mac
    mac=$(lab_in r ip -br link show dev r0 | awk '{ print $3 }')
    lab_in c timeout 60 "$LAB_BIN/flood" c0 "$mac" $FLOOD_DST "$@" | tee "$LAB_TMP/flood"
    DURING=$(sed -n 's/^during //p' "$LAB_TMP/flood")
}

# "KIB KIB": what the process has in memory, and what its maps have in the kernel.
memory() {
    echo "$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$PPING_PID/status")" \
        "$(cat "/proc/$PPING_PID/fdinfo/"* | awk '$1 == "memlock:" { n += $2 } END { print n / 1024 }')"
}

# Neither grew, but for pages of the event rings that were not used before.
memory_is_flat() {
    local -a before=("$1" "$2") after
    read -ra after < <(memory)
    echo "memory: ${before[0]} KiB and maps of ${before[1]} KiB before, ${after[0]} and ${after[1]} after"
    [ "${after[1]}" = "${before[1]}" ] && [ "${after[0]}" -le $((before[0] + 1024)) ]
}

# said WORDS: the number that the summary has before them; 0 if it is silent.
said() {
    local n
    n=$(sed -n "s/.*[ ,]\([0-9][0-9]*\) $1.*/\1/p" "$LAB_TMP/pping.err" | tail -1)
    echo "${n:-0}"
}

# under COUNT [KIND [PER-SECOND]]: real flows before, during and after such a flood.
under() {
    local jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/load.pcap talk used
    rm -f "$jsonl"
    lab_in r ip route replace blackhole $FLOOD_NET
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl"
    capture_start r r0 "$pcap" tcp and not net $FLOOD_NET
    lab_spawn - "$LAB_TMP/talk" "$LAB_BIN/talk" -f 100 -i 50 -n 60 -b 3 -t 40 \
        "$LAB_NETNS-c" "$LAB_NETNS-s" "${PATHS[@]}"
    talk=$LAB_PID
    lab_until 5 grep -q ready "$LAB_TMP/talk"
    sleep 1.5
    used=$(memory)
    flood "$@"
    sleep 2
    # shellcheck disable=SC2086 # two numbers
    memory_is_flat $used
    lab_stop "$talk"
    cat "$LAB_TMP/talk"
    capture_stop
    pping_stop
    referee compare --pcap "$pcap" --jsonl "$jsonl" --margin 0.02 --min-matched 99 --during "$DURING" \
        --paths "$(IFS=, && echo "${PATHS[*]}")"
}

# It says what it goes through: how much was put off, and once that it is so.
flooded() {
    local lines
    under "$@"
    lines=$(grep -c 'under pressure' "$LAB_TMP/pping.err" || true)
    echo "$(said 'new flows put off') put off, $(said evicted) evicted, $lines lines of it"
    [ "$lines" = 1 ] && [ "$(said 'new flows put off')" -gt 0 ]
}

# Too slow to be put off: the table is full, and says how many entries it gave up.
evicting() {
    local max=131072 count=$1
    under "$@"
    grep 'under pressure' "$LAB_TMP/pping.err"
    echo "$(said evicted) evicted"
    [ "$(grep -c 'under pressure' "$LAB_TMP/pping.err")" = 1 ]
    [ "$(said 'new flows put off')" -le $((count / 10)) ]
    # the real flows are few; the rest of the table is the flood's
    [ "$(said evicted)" -ge $((count - max - count / 10)) ] && [ "$(said evicted)" -le $((count - max + 2000)) ]
}

for tool in flood talk; do
    lab_tool $tool || { echo "not ok tools"; exit 1; }
done
lab_up --delay 500 --path "${PATHS[1]}=${PATH_US[1]}" --path "${PATHS[2]}=${PATH_US[2]}" >/dev/null ||
    { echo "not ok lab"; exit 1; }
for path in "${PATHS[@]}"; do
    lab_in s ip addr add "$path/32" dev s0
    lab_in r ip route add "$path" dev r1
done
case_run flood_200000_data flooded 200000
case_run flood_2000000_data flooded 2000000
case_run flood_1000000_syn flooded 1000000 syn
case_run flood_too_slow_to_be_put_off evicting 200000 data 50000
lab_end
