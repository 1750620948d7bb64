#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What docs/consumers.md says, with the programs it names: Kafka's protocol (kcat, and the
# broker that librdkafka mocks), NATS JetStream, DuckDB, ClickHouse where there is one; and
# readers that are slow, leave and come back. Every line that was measured is somewhere:
# at its consumer, or in a count of what was lost.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin iperf3 ss kcat nats-server

DOCS=$LAB_TOP/docs
LINES=$LAB_TMP/lines.jsonl
ERR=$LAB_TMP/pping.err

consumers() { "$PYTHON" "$LAB_DIR/consumers.py" "$@"; }

# example NAME [SED-SCRIPT]: what the page says to run, with other names and addresses
example() {
    local text
    text=$(awk -v want="<!-- $1 -->" '$0 == want { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next } inside' "$DOCS/consumers.md")
    [ -n "$text" ] || fail "docs/consumers.md has no example $1"
    sed -E "s/\beth0\b/r0/g; ${2:-}" <<<"$text"
}

# The examples' pping: in the router, with -r 0, what it prints kept in LINES too.
mkdir "$LAB_TMP/bin"
cat >"$LAB_TMP/bin/pping" <<END
#!/bin/bash
set -o pipefail
pping() {
    echo \$BASHPID >"$LAB_TMP/pid"
    exec nsenter --net=/run/netns/$LAB_NETNS-r "$PPING" "\$@" -r 0 2>"$ERR"
}
case " \$* " in
*' -w '*) pping "\$@" ;;
*) (pping "\$@") | tee "$LINES" ;;
esac
END
chmod +x "$LAB_TMP/bin/pping"

# run_example TEXT: in the background, with that pping; its pid in EXAMPLE
run_example() {
    rm -f "$LAB_TMP/pid" "$LINES"
    echo "$1"
    lab_spawn - "$LAB_TMP/example" env PATH="$LAB_TMP/bin:$DOCS/consumers:$PATH" setsid bash -o pipefail -c "$1"
    EXAMPLE=$LAB_PID
    wait_attached r r0 || fail "$(cat "$ERR" "$LAB_TMP/example.err")"
}

# What an example leaves in the background.
case_cleanup() {
    [ -z "${EXAMPLE:-}" ] || kill -KILL -- "-$EXAMPLE"
} 2>/dev/null

# end_example [STATUS]: pping is stopped, and the rest ends by itself
end_example() {
    local status=0
    sleep 0.3
    kill -INT "$(cat "$LAB_TMP/pid")"
    lab_wait "$EXAMPLE" 20 || status=$?
    cat "$ERR" "$LAB_TMP/example.err"
    [ "$status" = "${1:-0}" ] || fail "the example ended with status $status"
    nothing_attached r r0
}

# all_passed_on MINIMUM: pping lost nothing, and LINES has all that it says it has written.
all_passed_on() {
    [ "$(wc -l <"$LINES")" -ge "$1" ] || fail "$(wc -l <"$LINES") lines only"
    consumers count "$LINES" "$ERR"
    grep -q " $(wc -l <"$LINES") passed on$" "$ERR"
}

# --- Kafka -----------------------------------------------------------------------

# mock_kafka: sets BROKER and BROKER_PID
mock_kafka() {
    lab_spawn - "$LAB_TMP/broker" "$LAB_BIN/mock_kafka" pping 4
    BROKER_PID=$LAB_PID
    lab_until 5 test -s "$LAB_TMP/broker" || fail "no broker: $(cat "$LAB_TMP/broker.err")"
    BROKER=$(cat "$LAB_TMP/broker")
}

# consumed FORMAT: all messages of the topic
consumed() {
    timeout 20 kcat -C -q -b "$BROKER" -t pping -o beginning -e -f "$1" 2>"$LAB_TMP/kcat.err" || fail "$(cat "$LAB_TMP/kcat.err")"
}

# A broker that is away for a moment: nothing is lost, nothing comes twice.
kafka() {
    mock_kafka
    run_example "$(example kafka "s/kafka:9092/$BROKER/")"
    iperf_load 4 4 1
    kill -USR1 "$BROKER_PID"
    iperf_load 4 4 1
    kill -USR2 "$BROKER_PID"
    iperf_load 4 2 1
    end_example
    consumed '%s\n' >"$LAB_TMP/topic"
    all_passed_on 800
    consumers same "$LINES" "$LAB_TMP/topic" any
}

# Records of a host are in one partition, in order of time.
kafka_keys() {
    mock_kafka
    run_example "$(example kafka_keys "s/kafka:9092/$BROKER/")"
    lab_in c ping -q -c 10 -i 0.02 "$SERVER4" >/dev/null
    iperf_load 4 3 1
    iperf_load 6 3 1
    end_example
    all_passed_on 500
    consumed '%p %k %s\n' >"$LAB_TMP/topic"
    cut -d' ' -f3- "$LAB_TMP/topic" >"$LAB_TMP/values"
    consumers same "$LINES" "$LAB_TMP/values" any
    "$PYTHON" -c 'import json, sys
last, partition_of = {}, {}
for line in open(sys.argv[1]):
    partition, key, value = line.split(" ", 2)
    record = json.loads(value)
    assert record["src_ip"] == key, line
    assert partition_of.setdefault(key, partition) == partition, line
    assert record["timestamp"] >= last.get(key, 0), line
    last[key] = record["timestamp"]
assert len(partition_of) >= 2, partition_of' "$LAB_TMP/topic"
}

# --- NATS ------------------------------------------------------------------------

nats_server() {
    lab_spawn - "$LAB_TMP/nats" nats-server -a 127.0.0.1 -p "$1" -js -sd "$LAB_TMP/store"
    NATS_PID=$LAB_PID
    lab_until 5 grep -q 'Server is ready' "$LAB_TMP/nats.err" || fail "$(cat "$LAB_TMP/nats.err")"
}

# Killed in the middle, and away for a second.
nats() {
    local port loader
    port=$(consumers port)
    rm -rf "$LAB_TMP/store"
    nats_server "$port"
    run_example "$(example nats "s/nats:4222/127.0.0.1:$port/")"
    lab_until 10 grep -q ': connected' "$LAB_TMP/example.err"
    iperf_load 4 4 2 &
    loader=$!
    sleep 1
    kill -KILL "$NATS_PID"
    wait "$NATS_PID" 2>/dev/null || true
    sleep 1
    nats_server "$port"
    wait "$loader"
    end_example
    all_passed_on 800
    consumers stream "127.0.0.1:$port" PPING >"$LAB_TMP/stream"
    consumers same "$LINES" "$LAB_TMP/stream" order
    [[ $(cat "$LAB_TMP/example.err") == *" $(wc -l <"$LINES") stored, 0 not; "* ]] || return 1
    [ "$(grep -c ': connected' "$LAB_TMP/example.err")" -ge 2 ]
}

# --- databases -------------------------------------------------------------------

# Where eval/analyze has installed DuckDB, or in a place of our own.
duckdb_modules() {
    local from=$LAB_TOP/eval/analysis
    MODULES=$from/node_modules
    [ ! -e "$MODULES/.package-lock.json" ] || return 0
    mkdir -p "$LAB_TMP/npm" && cp "$from"/package*.json "$LAB_TMP/npm"
    (cd "$LAB_TMP/npm" && timeout 120 npm ci --omit=dev --no-audit --no-fund --loglevel=error) || fail "npm ci"
    MODULES=$LAB_TMP/npm/node_modules
}

# contents FILE...: number, sum and least of RTTs in ns; openings; losses; last RTT's time
contents() {
    "$PYTHON" -c 'import json, sys
rows = [json.loads(line) for name in sys.argv[1:] for line in open(name, encoding="ascii")]
rtts = [row["rtt"] for row in rows if "rtt" in row]
print(len(rtts), sum(rtts), min(rtts), sum(row.get("flow_event") == "opening" for row in rows),
      sum(row.get("lost_events", 0) for row in rows), max(row["timestamp"] for row in rows if "rtt" in row))' "$@"
}

load_capture() {
    [ ! -e "$LAB_TMP/load.pcap" ] || return 0
    capture_start r r0 "$LAB_TMP/load.pcap"
    lab_in c ping -q -c 10 -i 0.02 "$SERVER6" >/dev/null
    iperf_load 4 3 1
    capture_stop
}

duckdb() {
    local want got node
    node=$(command -v node || command -v nodejs) || fail "needs Node.js (quickstart test installs it)"
    duckdb_modules
    load_capture
    rm -f "$LAB_TMP"/rtts*
    cd "$LAB_TMP"
    "$PPING" --read load.pcap -TC -r 0 --counters --fields +flow_id,src_scope -F jsonl --run-records -q -w rtts1.jsonl
    echo '{"timestamp":1700000000123456789,"lost_events":7}' >>rtts1.jsonl
    want=$(contents rtts1.jsonl)
    zstd -q --rm rtts1.jsonl -o rtts1.jsonl.zst
    got=$("$node" "$LAB_DIR/duckdb.mjs" "$MODULES" "$DOCS/consumers/duckdb.sql" "
        SELECT count(rtt) || ' ' || sum(rtt) || ' ' || min(rtt) || ' ' || count(*) FILTER (flow_event = 'opening')
            || ' ' || sum(lost_events) || ' ' || max(timestamp) FILTER (rtt IS NOT NULL) AS known,
            bool_and(epoch_ns(time) = timestamp) AS exact,
            count(sent_bytes) = count(rtt) + count(duration) AND count(duration) > 2 AS counted,
            count(flow_id) = count(src_scope) AND count(DISTINCT flow_id) > 4 AS chosen FROM pping")
    echo "$want: $got"
    [ "$got" = "{\"known\":\"$want\",\"exact\":true,\"counted\":true,\"chosen\":true}" ]
    [ "${want%% *}" -gt 200 ]
}

# The page's tables have every field there is.
schemas() {
    local key table
    "$PPING" --fields help | sed -n 's/^[+ ] \([a-z_]*\) .*/\1/p' >"$LAB_TMP/keys"
    [ "$(wc -l <"$LAB_TMP/keys")" -gt 20 ]
    while read -r key; do
        for table in clickhouse duckdb; do
            grep -Eq "(^| )$key(:| +(Nullable|Int64))" "$DOCS/consumers/$table.sql" || fail "$table.sql has no $key"
        done
    done <"$LAB_TMP/keys"
}

clickhouse_server() {
    mkdir -p "$LAB_TMP/clickhouse"
    cat >"$LAB_TMP/clickhouse/config.xml" <<END
<yandex><logger><level>warning</level><log>$LAB_TMP/clickhouse/log</log></logger>
<http_port>8123</http_port><tcp_port>9000</tcp_port><listen_host>127.0.0.1</listen_host>
<path>$LAB_TMP/clickhouse/</path><tmp_path>$LAB_TMP/clickhouse/tmp/</tmp_path>
<users_config>config.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size><profiles><default></default></profiles><quotas><default></default></quotas>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></default></users></yandex>
END
    lab_spawn r "$LAB_TMP/server" clickhouse-server --config-file="$LAB_TMP/clickhouse/config.xml"
    lab_until 10 lab_in r clickhouse-client -q 'SELECT 1' || fail "$(cat "$LAB_TMP/server.err" "$LAB_TMP/clickhouse/log")"
    lab_in r clickhouse-client -q 'SELECT version()'
}

# The page's table and command, files of a second; what would be removed is kept.
clickhouse() {
    local want got
    clickhouse_server
    lab_in r clickhouse-client --multiquery <"$DOCS/consumers/clickhouse.sql"
    mkdir -p "$LAB_TMP/files" "$LAB_TMP/stored"
    run_example "$(example clickhouse \
        "1d; s,/var/lib/pping,$LAB_TMP/files,; s/interval 60/interval 1/; s,&& rm (..1.),\&\& mv \1 $LAB_TMP/stored,")"
    iperf_load 4 4 3
    end_example
    # the last file's command runs after the summary; it is waited for
    [ -z "$(ls "$LAB_TMP/files")" ]
    zstdcat "$LAB_TMP/stored/"*.zst >"$LAB_TMP/all.jsonl"
    consumers count "$LAB_TMP/all.jsonl" "$ERR"
    want=$(contents "$LAB_TMP/all.jsonl")
    got=$(lab_in r clickhouse-client -q "SELECT count(rtt), sum(rtt), min(rtt), countIf(flow_event = 'opening'),
        ifNull(sum(lost_events), 0), maxIf(timestamp, rtt IS NOT NULL) FROM pping" | tr '\t' ' ')
    echo "$(find "$LAB_TMP/stored" -name '*.zst' | wc -l) files: $want: $got"
    [ "$got" = "$want" ]
    lab_in r clickhouse-client -q "$(awk '/^```sql/ { inside = 1; next } /^```/ { if (inside) exit } inside' "$DOCS/consumers.md")"
}

# --- readers that are slow, leave, come back ---------------------------------------

# pour RATE SECONDS: RTTs into the pping that is attached
pour() {
    local id
    id=$(attached r r0 | awk '$3 == "pping_egress" { print $2 }')
    "$LAB_TOP/build/bench/pour" "$id" "$1" "$2"
}

# fifo MODE ARGUMENT OPTION...: a reader, and pping writing to it
fifo() {
    rm -f "$LAB_TMP/fifo" "$LINES"
    mkfifo "$LAB_TMP/fifo"
    lab_spawn - "$LAB_TMP/reader" "$PYTHON" "$LAB_DIR/consumers.py" "$1" "$LAB_TMP/fifo" "$LINES" "$2"
    READER=$LAB_PID
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$LAB_TMP/fifo" "${@:3}"
}

# pping has ended: the reader ends, too. One that was away and had missed nothing comes
# back to a FIFO that nobody opens any more: it is told the end.
reader_ends() {
    local i status
    for ((i = 0; i < 20; i++)); do
        status=0
        lab_wait "$READER" 1 || status=$?
        [ $status = 124 ] || break
        dd if=/dev/null of="$LAB_TMP/fifo" oflag=nonblock conv=nocreat,notrunc status=none 2>/dev/null || true
    done
    [ $status = 0 ] || fail "the reader ended with $status: $(cat "$LAB_TMP/reader.err")"
}

# Slower than what comes, all the time: what is too much is counted.
slow_reader() {
    fifo slow 200 --event-buffer 1024
    pour 100000 1
    sleep 2
    pour 1000 1
    pping_stop
    reader_ends
    consumers count "$LINES" "$ERR"
    grep -q lost_events "$LINES"
}

# What it misses while it is away waits for it.
leaving_reader() {
    fifo leave 1
    pour 2000 4
    pping_stop
    reader_ends
    cat "$LAB_TMP/reader"
    grep -Eq 'left [1-9][0-9]* times, [1-9]' "$LAB_TMP/reader"
    consumers count "$LINES" "$ERR"
    ! grep lost_events "$LINES" || return 1
    grep -q 'fifo: its reader went away; waiting for another one' "$ERR"
}

# And is counted when it is too much.
leaving_reader_under_load() {
    fifo leave 2 --event-buffer 1024
    pour 100000 4
    sleep 5 # or the reader would not get through what waits before the end
    pour 1000 1
    pping_stop
    reader_ends
    cat "$LAB_TMP/reader"
    consumers count "$LINES" "$ERR"
}

# It never comes back: the end says how many records nobody has had.
reader_gone_for_good() {
    rm -f "$LAB_TMP/fifo"
    mkfifo "$LAB_TMP/fifo"
    lab_spawn - "$LINES" cat "$LAB_TMP/fifo"
    READER=$LAB_PID
    pping_start r r0 "$LAB_TMP/pping" -r 0 -F jsonl -w "$LAB_TMP/fifo" --event-buffer 1024
    pour 1000 1
    # what it has read and not written yet when it is stopped would be in nobody's count
    lab_until 5 sh -c '[ "$(wc -l <"$1")" -ge 1000 ]' sh "$LINES" || fail "not all lines were read"
    kill -STOP "$READER"
    lab_until 5 grep -q '^State:[[:space:]]*T' "/proc/$READER/status" || fail "the reader goes on"
    pour 10000 1
    kill -KILL "$READER"
    wait "$READER" || true
    pour 100000 2
    pping_stop 1
    consumers count "$LINES" "$ERR"
    grep -q 'fifo: reader went away: [0-9]* records ([0-9]* bytes) not written' "$ERR"
}

producer() { pgrep -f "^kcat -E -P -b $BROKER "; }
no_producer() { ! producer >/dev/null; }
delivered() { [ "$(consumed '%s\n' | wc -l)" -ge "$1" ]; }
# the first reader is told of only if pping was there before it
read_again() { [ "$(grep -c 'has a reader now' "$ERR")" = $((1 + $(grep -c 'nobody reads it yet' "$ERR"))) ]; }

# The page's loop, with a kcat that is killed: the lines that it had in memory are gone, and no others;
# the next one begins with a whole line.
restarted_consumer() {
    local loader passed
    mock_kafka
    run_example "$(example restarting "s/kafka:9092/$BROKER/; s,/run/pping,$LAB_TMP/run,")"
    iperf_load 4 4 4 &
    loader=$!
    lab_until 20 delivered 300 || fail "nothing was delivered"
    kill -KILL "$(producer)"
    wait "$loader"
    lab_until 10 read_again || fail "no other reader: $(cat "$ERR")"
    end_example
    lab_until 20 no_producer || fail "kcat does not end" # it does when all is delivered
    consumed '%s\n' >"$LAB_TMP/topic"
    passed=$(sed -n 's/.* \([0-9]*\) passed on$/\1/p' "$ERR")
    echo "$passed passed on, $(wc -l <"$LAB_TMP/topic") in the topic"
    grep -q 'its reader went away' "$ERR"
    read_again
    consumers same "$LAB_TMP/topic" "$LAB_TMP/topic" any
    [ -z "$(sort "$LAB_TMP/topic" | uniq -d)" ] || return 1
    [ "$(wc -l <"$LAB_TMP/topic")" -le "$passed" ] || return 1
    [ "$(wc -l <"$LAB_TMP/topic")" -ge $((passed * 9 / 10)) ]
}

lab_tool mock_kafka -lrdkafka || { echo "not ok mock_kafka: needs librdkafka-dev (quickstart test installs it)"; exit 1; }
[ -x "$LAB_TOP/build/bench/pour" ] || { echo "not ok consumers: no build/bench/pour (run make test)"; exit 1; }
lab_up >/dev/null || { echo "not ok lab"; exit 1; }
case_run consumers_kafka kafka
case_run consumers_kafka_keys kafka_keys
case_run consumers_nats nats
case_run consumers_schemas schemas
case_run consumers_duckdb duckdb
# Debian 12 has one, Debian 13 and Ubuntu do not: nothing installs it
! command -v clickhouse-server >/dev/null || case_run consumers_clickhouse clickhouse
case_run consumers_slow_reader slow_reader
case_run consumers_leaving_reader leaving_reader
case_run consumers_leaving_reader_under_load leaving_reader_under_load
case_run consumers_reader_gone_for_good reader_gone_for_good
case_run consumers_restarted_consumer restarted_consumer
lab_end
