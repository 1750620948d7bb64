#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Captures made by make_captures, what `pping --read` says of them, and what it must say:
# one line a case in golden.txt. Read twice, and once from a pipe, the bytes must be the same.
#
#   test_golden.sh [--update]    writes expected/ instead; look at the difference
cd "$(dirname "$0")/../.." || exit 1
PPING=${PPING:-$PWD/pping}
MAKE_CAPTURES=${MAKE_CAPTURES:-$PWD/build/captures/make_captures}
HERE=$PWD/tests/captures
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
export TZ=UTC LC_ALL=C
failed=0

if "$PPING" --version | grep 'without libpcap' >/dev/null; then
    echo "skip captures: built without libpcap"
    exit 0
fi
"$MAKE_CAPTURES" "$TMP" || exit 1
cd "$TMP" || exit 1

# read_capture FILE OPTION...: everything that a user sees, but for how long it took
read_capture() {
    local file=$1 status=0
    shift
    "$PPING" --read "$file" "$@" >out 2>err || status=$?
    # what privileges could be given up is no matter of the capture
    sed -i "s/, [0-9.]* s to read it//;/^  sandbox  /d" err
    cat out
    sed 's/^/stderr: /' err
    echo "status $status"
}

# check NAME CAPTURE OPTION...
check() {
    local name=$1 capture=$2
    shift 2
    read_capture "$capture" "$@" >got
    if [ -n "$update" ]; then
        cp got "$HERE/expected/$name"
        return
    fi
    read_capture "$capture" "$@" >again
    # the same from a pipe; its name is another
    { cat "$capture"; } 2>/dev/null | "$PPING" --read - "$@" >piped 2>/dev/null
    if ! diff -u "$HERE/expected/$name" got || ! diff -u got again; then
        echo "not ok $name"
        failed=1
    elif [ -s out ] && ! cmp out piped; then
        echo "not ok $name: another output from a pipe"
        failed=1
    else
        echo "ok $name"
    fi
}

update=${1:+yes}
while read -r name capture options; do
    [[ $name = '#'* ]] && continue
    eval "set -- $options"
    check "$name" "$capture" "$@"
done <"$HERE/golden.txt"

# No privileges, and with what it has it must not even look for the kernel.
if [ -z "$update" ]; then
    if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
        chmod 755 "$TMP"
        setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
            "$PPING" --read connection.pcap -r 0 -q >got
        if sed -n '1,/^stderr/p' "$HERE/expected/connection" | grep -v ^stderr | diff -u - got; then
            echo "ok as_nobody"
        else
            echo "not ok as_nobody"
            failed=1
        fi
    fi
fi
exit $failed
