#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# With --anonymize no address of the traffic is in a byte that leaves the process, in
# whatever form; without it all of them are, so the search would have found them.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin tcpdump curl

METHODS="none cryptopan ipcrypt-pfx ipcrypt truncate remove"
FORMATS="standard json jsonl ppviz"
ADDRESSES=$CLIENT4,$SERVER4,$CLIENT6,$SERVER6
NETWORKS6=${CLIENT6%2},${SERVER6%2}
NETWORKS=${CLIENT4%2}0,${SERVER4%2}0,$NETWORKS6
PCAP=$LAB_TMP/traffic.pcap

privacy() { "$PYTHON" "$LAB_DIR/privacy.py" "$@"; }

# What pping without --anonymize has written must contain them all.
expected() { [ "$1" = none ] && echo all || echo none; }

# networks METHOD FILE...: of aggregates; truncation shows them, removal and encryption do not.
networks() {
    case $1 in
    none | truncate) privacy scan all "$NETWORKS6" "${@:2}" ;;
    *) privacy scan none "$ADDRESSES,$NETWORKS" "${@:2}" ;;
    esac
}

# Pings and TCP connections of both families, for two seconds.
traffic() {
    local address
    lab_spawn - "$LAB_TMP/chat" "$PYTHON" "$LAB_DIR/chat.py" "$LAB_NETNS-c" "$LAB_NETNS-s" 2 0.05 \
        "$SERVER4" "$SERVER6"
    for address in "$SERVER4" "$SERVER6"; do
        lab_in c ping -q -c 20 -i 0.05 -W 1 "$address"
    done
    lab_wait "$LAB_PID" 10
}

# start OUT PPING-OPTION...: on r0; the pid is added to PIDS
start() {
    lab_spawn r "$1" "$PPING" -i r0 -TC -r 0 --max-flows 1024 --event-buffer 256 "${@:2}"
    PIDS+=("$LAB_PID")
}

# rotated METHOD DIR: what it has written into files, as they are and as they are read
rotated() {
    local file
    [ "$(find "$2" -name '*.jsonl.gz' | wc -l)" -ge 2 ]
    [ "$(find "$2" -type f ! -name '*.jsonl.gz' | wc -l)" = 0 ]
    for file in "$2"/*.gz; do
        zcat "$file" | sed -n 1p | has "\"run\":\"begin\".*\"anonymized\":\"$1\""
        zcat "$file" | sed -n 2p | has '"aggregation"\|"run":"end"'
        [ "$1" = none ] || privacy scan none "$ADDRESSES" "$file"
    done
    zcat "$2"/*.gz >"$2.rotated"
    grep -q status_interval "$2.rotated"
    privacy scan "$(expected "$1")" "$ADDRESSES" "$2.rotated"
}

# All methods at once see the same traffic: lines, and JSON into a file, with whatever else prints.
live() {
    local method dir=$LAB_TMP/live pid port=9200 PIDS=()
    mkdir "$dir"
    for method in $METHODS; do
        start "$dir/$method.standard" --anonymize "$method" --debug-cleanup
        start "$dir/$method.out" --anonymize "$method" -F jsonl --counters \
            --fields +flow_id,src_scope,dest_scope -w "$dir/$method.jsonl"
        start "$dir/$method.aggregates" --anonymize "$method" -F jsonl -a 1 -4 32 -6 64 \
            --metrics $((++port))
        mkdir "$dir/$method"
        start "$dir/$method.files" --anonymize "$method" -F jsonl -a 1 --events --status 1 \
            -w "$dir/$method/%S.jsonl.gz" --rotate-interval 1
    done
    wait_attached r r0 $((2 * ${#PIDS[@]}))
    capture_start r r0 "$PCAP"
    traffic
    for pid in "${PIDS[@]}"; do
        kill -USR1 "$pid"
        kill -HUP "$pid"
    done
    capture_stop
    port=9200
    for method in $METHODS; do
        lab_in r curl -sS -m 5 "http://127.0.0.1:$((++port))/metrics" >"$dir/$method.metrics"
        grep -q '^pping_prefix_rtt_seconds_count' "$dir/$method.metrics"
        privacy scan "$(expected "$method")" "$CLIENT4,$SERVER4" "$dir/$method.metrics"
        networks "$method" "$dir/$method.metrics"
    done
    # all at once: none shall see more than the others
    kill -INT "${PIDS[@]}"
    for pid in "${PIDS[@]}"; do
        lab_wait "$pid" 10 || fail "status $?: $(cat "$dir"/*.err)"
    done
    nothing_attached r r0
    for method in $METHODS; do
        [ "$(grep -c '"rtt"' "$dir/$method.jsonl")" -gt 60 ]
        [ "$(wc -l <"$dir/$method.jsonl")" = "$(wc -l <"$dir/none.jsonl")" ]
        [ "$(wc -l <"$dir/$method.standard")" = "$(wc -l <"$dir/none.standard")" ]
        privacy scan "$(expected "$method")" "$ADDRESSES" "$dir/$method.standard" "$dir/$method.jsonl"
        [ "$(grep -c '"count_rtt":[1-9]' "$dir/$method.aggregates")" -ge 2 ]
        privacy scan "$(expected "$method")" "$CLIENT4,$SERVER4" "$dir/$method.aggregates"
        networks "$method" "$dir/$method.aggregates"
        rotated "$method" "$dir/$method"
        privacy scan none "$ADDRESSES,$NETWORKS" "$dir/$method.standard.err" "$dir/$method.out" \
            "$dir/$method.out.err" "$dir/$method.aggregates.err"
    done
    # the path of a file is the user's own
    ls "$dir"
}

# read_as OUT PPING-OPTION...: the same traffic from its capture
read_as() { "$PPING" --read "$PCAP" -TC -r 0 "${@:2}" >"$1" 2>"$1.err"; }

capture() {
    local method format out
    for method in $METHODS; do
        for format in $FORMATS; do
            out=$LAB_TMP/read.$method.$format
            read_as "$out" --anonymize "$method" -F "$format"
            [ "$(wc -l <"$out")" = "$(wc -l <"$LAB_TMP/read.none.$format")" ]
            privacy scan "$(expected "$method")" "$ADDRESSES" "$out"
            privacy scan none "$ADDRESSES" "$out.err"
            [ $format != ppviz ] || continue
            read_as "$out.a" --anonymize "$method" -F "$format" -a 1
            [ "$(wc -l <"$out.a")" -ge 4 ]
            privacy scan none "$ADDRESSES" "$out.a"
            networks "$method" "$out.a"
        done
    done
}

# An order by address would place each prefix between its neighbours.
order() {
    local method pcap=$LAB_TMP/prefixes.pcap
    privacy prefixes "$pcap"
    for method in none cryptopan ipcrypt-pfx ipcrypt; do
        "$PPING" --read "$pcap" --anonymize $method -a 1 -F jsonl >"$LAB_TMP/out"
        # a key for flow_id alone changes nothing
        [ $method != none ] || "$PPING" --read "$pcap" -a 1 -F jsonl --fields +flow_id >"$LAB_TMP/out"
        privacy order "$([ $method = none ] && echo sorted || echo shuffled)" "$LAB_TMP/out"
    done
}

# Record by record: nothing else has changed, and addresses have changed as the method says.
records() {
    local method
    read_as "$LAB_TMP/plain" -F jsonl --counters
    for method in $METHODS; do
        read_as "$LAB_TMP/changed" -F jsonl --counters --fields +flow_id --anonymize "$method"
        privacy compare "$method" "$LAB_TMP/plain" "$LAB_TMP/changed"
        [ "$method" != none ] || continue
        read_as "$LAB_TMP/changed" -F jsonl --counters --fields +flow_id --anonymize "$method" \
            --anonymize-ports all
        privacy compare "$method" "$LAB_TMP/plain" "$LAB_TMP/changed"
        ! grep -q '_port":8080,' "$LAB_TMP/changed" || fail "a port as it was"
        read_as "$LAB_TMP/changed" -F jsonl --counters --fields +flow_id --anonymize "$method" \
            --anonymize-ports ephemeral
        privacy compare "$method" "$LAB_TMP/plain" "$LAB_TMP/changed"
        grep -q '_port":8080,' "$LAB_TMP/changed"
    done
}

# The same key: the same output; none: another each time.
keys() {
    local method size key=$LAB_TMP/key
    for method in cryptopan ipcrypt-pfx ipcrypt; do
        [ $method = ipcrypt ] && size=16 || size=32
        rm -f "$key"
        (umask 077 && head -c $size /dev/urandom >"$key")
        read_as "$LAB_TMP/one" --anonymize $method --anonymize-key "$key" --anonymize-ports all
        read_as "$LAB_TMP/two" --anonymize $method --anonymize-key "$key" --anonymize-ports all
        cmp "$LAB_TMP/one" "$LAB_TMP/two"
        rm "$key"
        (umask 077 && printf "%0$((2 * size))d" 7 >"$key")
        read_as "$LAB_TMP/two" --anonymize $method --anonymize-key "$key" --anonymize-ports all
        ! cmp -s "$LAB_TMP/one" "$LAB_TMP/two" || fail "$method: another key, the same output"
        read_as "$LAB_TMP/one" --anonymize $method
        read_as "$LAB_TMP/two" --anonymize $method
        ! cmp -s "$LAB_TMP/one" "$LAB_TMP/two" || fail "$method: two runs, the same output"
    done
}

# refused STATUS WORDS PPING-OPTION...: one line, and no file
refused() {
    local status=0
    rm -f "$LAB_TMP/refused"
    "$PPING" --read "$PCAP" -w "$LAB_TMP/refused" "${@:3}" >"$LAB_TMP/out" 2>"$LAB_TMP/err" || status=$?
    cat "$LAB_TMP/err"
    [ "$status" = "$1" ] || fail "status $status, not $1: ${*:3}"
    [ ! -s "$LAB_TMP/out" ] || return 1
    [ "$(wc -l <"$LAB_TMP/err")" = 1 ] || return 1
    grep -q -- "$2" "$LAB_TMP/err"
    [ ! -e "$LAB_TMP/refused" ] || fail "left a file"
}

misuse() {
    local key=$LAB_TMP/badkey
    printf 0123456789abcdef >"$key"
    chmod 600 "$key"
    refused 1 'wants a key of another length' --anonymize ipcrypt --anonymize-key "$key"
    refused 1 'give 32 bytes' --anonymize cryptopan --anonymize-key "$key"
    printf '%064d' 0 >"$key"
    refused 1 "halves are the same" --anonymize ipcrypt-pfx --anonymize-key "$key"
    chmod 640 "$key"
    refused 1 'others may read' --anonymize cryptopan --anonymize-key "$key"
    refused 1 'No such file' --anonymize cryptopan --anonymize-key "$LAB_TMP/nokey"
    refused 2 'md5.*is not known' --anonymize md5
    refused 2 'is no field; give some of timestamp' -F jsonl --fields timestamp,rtt_ms
    refused 2 'conflicts with --format standard' --fields timestamp,rtt
    refused 2 'has no key' --anonymize remove --anonymize-key "$key"
}

fields() {
    read_as "$LAB_TMP/out" -F jsonl --fields min_rtt,timestamp,rtt
    privacy keys timestamp,rtt,min_rtt "$LAB_TMP/out"
    # what is not asked for is not there: flow events, counters
    ! grep 'flow_event\|sent_' "$LAB_TMP/out" || return 1
    read_as "$LAB_TMP/out" -F jsonl --fields rtt,sent_bytes,flow_id,src_scope --anonymize remove
    privacy keys rtt,sent_bytes,flow_id,src_scope "$LAB_TMP/out"
    grep -q '"sent_bytes":[1-9]' "$LAB_TMP/out"
    grep -q '"src_scope":"private"' "$LAB_TMP/out"
}

# No clock of the wall in what a run writes with --relative-time, and no time since the boot.
relative() {
    local format since out=$LAB_TMP/relative pid PIDS=()
    since=$(date +%s)
    mkdir "$out"
    for format in $FORMATS; do
        start "$out/$format" -F "$format" --relative-time --debug-cleanup
    done
    # records about the run and its state, too; an interval ends when it tells nothing of the clock
    start "$out/status" --relative-time --run-records --status 0.5
    start "$out/rotated" -F jsonl --relative-time --status 0.5 -w "$out/file.jsonl" --rotate-interval 1
    wait_attached r r0 $((2 * ${#PIDS[@]}))
    traffic
    for pid in "${PIDS[@]}"; do
        lab_stop "$pid" INT
    done
    privacy times "$since" "$out"/standard "$out"/json "$out"/jsonl "$out"/ppviz "$out"/*.err \
        "$out"/status "$out"/file*.jsonl
    grep -q '^# 00:00:0[0-9.]* run=begin' "$out/status"
    grep -q '^# 00:00:0[0-9.]* status_interval=' "$out/status"
    [ -s "$out/file.jsonl" ] || return 1
    [ -s "$out/file-1.jsonl" ] || return 1
    grep -Eq '^{"timestamp":(9[0-9]{8}|[1-9][0-9]{9,10}),"run":"end","file":1,' "$out/file.jsonl"
    for format in $FORMATS; do
        read_as "$out/$format" -F "$format" --relative-time
    done
    privacy times "$since" "$out"/standard "$out"/json "$out"/jsonl "$out"/ppviz "$out"/*.err
    # the first packet of the capture is at 0, the first answer soon after
    sed -n 1p "$out/standard" | has '^00:00:0[0-2]\.'
}

# dumps EXPECTED CMD...
dumps() {
    local said
    mkdir -p "$LAB_TMP/cores"
    said=$(cd "$LAB_TMP/cores" && ulimit -c unlimited && privacy dumped "${@:2}")
    echo "$said: ${*:2}"
    [[ $said = "$1"* ]]
}

no_core_dumps() {
    local as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chmod 777 "$LAB_TMP"
    mkdir -m 777 "$LAB_TMP/cores"
    cp "$PPING" "$LAB_TMP/pping"
    chmod 755 "$LAB_TMP/pping"
    dumps "not dumped limit 0 owner 0" "${as[@]}" "$LAB_TMP/pping" --read - --anonymize remove
    dumps "not dumped limit 0 owner 0" "${as[@]}" "$LAB_TMP/pping" --read - --anonymize ipcrypt
    dumps "not dumped limit 0" "$PPING" --read - --anonymize cryptopan
    ! ls "$LAB_TMP"/cores/* 2>/dev/null || fail "a core dump"
    # where the machine writes core dumps at all, that is why there was none
    [[ $(cat /proc/sys/kernel/core_pattern) = core* ]] || return 0
    dumps "dumped limit unlimited" "$PPING" --read -
}

lab_up || exit 1
case_run the_search_finds_every_form privacy selftest
case_run no_address_leaves_a_live_run live
case_run no_address_leaves_a_reading capture
case_run order_tells_nothing order
case_run records_are_the_same_otherwise records
case_run keys_decide keys
case_run bad_input misuse
case_run fields_as_asked fields
case_run relative_time relative
case_run no_core_dumps no_core_dumps
lab_end
