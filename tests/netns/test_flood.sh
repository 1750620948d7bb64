#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Spoofed one-way flows at the rate that the machine can send, while a hundred real
# flows go on and new ones open, over paths of 1, 50 and 300 ms: the best peer is
# blind after 200,000 of them.
# alone: it needs both cores for its rates
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump bpftool

# Nobody answers there, and nothing is forwarded.
FLOOD_NET=10.11.66.0/24 FLOOD_DST=10.11.66.1
# The server's addresses: one at the end of each path.
PATHS=(10.11.2.10 10.11.2.11 10.11.2.12)
PATH_US=(500 25000 150000)
# --max-flows; in a smaller table the same flood turns over more often.
TABLE=131072

# flood SENDERS COUNT [KIND [PER-SECOND]]: COUNT from each, at the same time. DURING is
# when, RATE how many a second in all.
flood() {
    local mac i senders=$1 pids=()
    shift
    mac=$(lab_in r ip -br link show dev r0 | awk '{ print $3 }')
    for ((i = 0; i < senders; i++)); do
        lab_spawn c "$LAB_TMP/flood.$i" "$LAB_BIN/flood" c0 "$mac" $FLOOD_DST "$@"
        pids+=("$LAB_PID")
    done
    for ((i = 0; i < senders; i++)); do
        lab_wait "${pids[i]}" 60
        cat "$LAB_TMP/flood.$i"
    done >"$LAB_TMP/flood"
    cat "$LAB_TMP/flood"
    DURING=$(sed -n 's/^during //p' "$LAB_TMP/flood" | awk -F: 'NR == 1 { begin = $1; end = $2 }
        { if ($1 < begin) begin = $1; if ($2 > end) end = $2 } END { print begin ":" end }')
    RATE=$(awk '/ a second$/ { n += $(NF - 2) } END { print n }' "$LAB_TMP/flood")
}

# "KIB KIB": what the process has in memory, and what its maps have in the kernel.
memory() {
    echo "$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$PPING_PID/status")" \
        "$(cat "/proc/$PPING_PID/fdinfo/"* | awk '$1 == "memlock:" { n += $2 } END { print n / 1024 }')"
}

# memory_is_flat KIB KIB: neither grew; but pages of the event rings (8 MiB in all) and of
# the output's buffer count from their first use on.
memory_is_flat() {
    local -a before=("$1" "$2") after
    read -ra after < <(memory)
    echo "memory: ${before[0]} KiB and maps of ${before[1]} KiB before, ${after[0]} and ${after[1]} after"
    [ "${after[1]}" = "${before[1]}" ] || return 1
    [ "${after[0]}" -le $((before[0] + 8192)) ] || return 1
}

# said WORDS: the number that the summary has before them; 0 if it is silent.
said() {
    local n
    n=$(sed -n "s/.*[ ,]\([0-9][0-9]*\) $1.*/\1/p" "$LAB_TMP/pping.err" | tail -1)
    echo "${n:-0}"
}

# under SENDERS COUNT [KIND [PER-SECOND]]: real flows before, during and after such a flood.
under() {
    local jsonl=$LAB_TMP/rtts.jsonl pcap=$LAB_TMP/load.pcap talk used
    rm -f "$jsonl"
    lab_in r ip route replace blackhole $FLOOD_NET
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$jsonl" --max-flows "$TABLE"
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
        --paths "$(IFS=, && echo "${PATHS[*]}")" ${OTHERS:+"$OTHERS"}
}

# It says what it goes through: how much was put off or evicted, and in one line that it is so.
told() {
    local lines
    lines=$(grep -c 'under pressure' "$LAB_TMP/pping.err" || true)
    PUT_OFF=$(said 'new flows put off') EVICTED=$(said evicted)
    echo "$PUT_OFF put off, $EVICTED evicted, $lines lines of it"
    [ "$lines" = 1 ]
}

one_way() {
    under "$@"
    told
    # unless the machine sends fewer than are put off at all
    [ "$RATE" -lt 100000 ] || [ "$PUT_OFF" -ge $(($1 * $2 / 2)) ]
}

# Both directions forged: nobody can tell them from real flows. They are reported, and evicted.
forged() {
    OTHERS=--others under "$@"
    told
}

# Too slow to be put off: the table is full, and says how many entries it gave up.
evicting() {
    local max=$TABLE count=$2
    under "$@"
    told
    [ "$PUT_OFF" -le $((count / 10)) ]
    # the real flows are few; the rest of the table is the flood's
    [ "$EVICTED" -ge $((count - max - count / 10)) ] || return 1
    [ "$EVICTED" -le $((count - max + 2000)) ] || return 1
}

# The constants of the programs that run, a byte a line; the keys of the hashes are among them.
constants() {
    local id
    for id in $(cat "/proc/$PPING_PID/fdinfo/"* | awk '$1 == "map_id:" { print $2 }' | sort -u); do
        bpftool map show id "$id" | has rodata || continue
        bpftool -j map dump id "$id" | "$PYTHON" -c 'import json, sys
print(*json.load(sys.stdin)[0]["value"], sep="\n")'
    done
}

# Two keys of NH of 40 bytes and three seeds of 8: 104 bytes, drawn anew for each run.
each_run_its_keys() {
    local run differ
    for run in 1 2; do
        pping_start r r0 "$LAB_TMP/pping"
        constants >"$LAB_TMP/constants.$run"
        pping_stop
    done
    differ=$(paste "$LAB_TMP"/constants.[12] | awk '$1 != $2' | wc -l)
    echo "$differ of $(wc -l <"$LAB_TMP/constants.1") bytes of constants differ"
    [ "$differ" -ge 90 ] || return 1
    [ "$differ" -le 104 ] || return 1
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
case_run flood_each_run_has_keys_of_its_own each_run_its_keys
case_run flood_200000_data one_way 1 200000
case_run flood_2000000_data one_way 2 1000000
case_run flood_1000000_syn one_way 1 1000000 syn
TABLE=8192 case_run flood_1000000_data_in_a_small_table one_way 1 1000000
case_run flood_too_slow_to_be_put_off evicting 1 200000 data 50000
case_run flood_500000_forged_both_ways forged 1 500000 pair
lab_end
