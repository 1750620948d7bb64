#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --read - of a pipe whose other end says nothing for a while: what was measured goes out.
cd "$(dirname "$0")/../.." || exit 1
PPING=${PPING:-$PWD/pping}
MAKE_CAPTURES=${MAKE_CAPTURES:-$PWD/build/captures/make_captures}
TMP=$(mktemp -d) || exit 1
reader=
pid=
trap '[ -z "$pid$reader" ] || kill $pid $reader 2>/dev/null; rm -rf "$TMP"' EXIT
failed=0
if "$PPING" --version | grep 'without libpcap' >/dev/null; then
    echo "skip pipes: built without libpcap"
    exit 0
fi
"$MAKE_CAPTURES" "$TMP" || exit 1
mkfifo "$TMP/in" "$TMP/out"

# until SECONDS CMD...
until_() {
    local i limit=$1
    shift
    for ((i = 0; i < limit * 20; i++)); do
        "$@" && return
        sleep 0.05
    done
    return 1
}

# start PPING-OPTION...: it has read connection.pcap and waits for more, on the fd IN
start() {
    "$PPING" --read - -F jsonl "$@" <"$TMP/in" 2>"$TMP/err" &
    pid=$!
    exec {IN}>"$TMP/in"
    cat "$TMP/connection.pcap" >&"$IN"
}

gone() { ! kill -0 "$pid" 2>/dev/null; }

# finish: at the end of its input it ends, with status 0
finish() {
    local status=0
    exec {IN}>&-
    until_ 5 gone || {
        echo "# it does not end"
        kill "$pid"
        status=1
    }
    wait "$pid" || status=$?
    pid=
    [ "$status" = 0 ] || echo "# status $status: $(cat "$TMP/err")"
    return "$status"
}

lines() { [ "$(wc -l <"$TMP/read")" = "$WANTED" ]; }

# The output is a FIFO that gets its reader only when nothing more comes in.
late_reader() {
    start -w "$TMP/out"
    # it waits for its input, and has tried the FIFO
    sleep 0.5
    cat "$TMP/out" >"$TMP/read" {IN}>&- &
    reader=$!
    until_ 5 lines || {
        echo "# $(wc -l <"$TMP/read") lines, not $WANTED: $(cat "$TMP/err")"
        finish
        kill "$reader" 2>/dev/null
        return 1
    }
    finish && wait "$reader"
}

# ... and a plain file
file() {
    start -w "$TMP/read"
    until_ 5 lines || {
        echo "# $(wc -l <"$TMP/read") lines, not $WANTED"
        finish
        return 1
    }
    finish
}

# run NAME FUNCTION
run() {
    : >"$TMP/read"
    if "$2"; then echo "ok $1"; else
        echo "not ok $1"
        failed=1
    fi
}

# the end of the input adds nothing: all flows of it are closed
WANTED=$("$PPING" -q --read "$TMP/connection.pcap" -F jsonl | wc -l)
run pipe_into_a_file file
run pipe_into_a_fifo_that_gets_its_reader late_reader
exit $failed
