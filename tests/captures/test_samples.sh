#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The samples in real captures (../shared/captures) and in those made by make_captures, as an
# independent reading finds them (check.py, with tshark), against what pping reports of them.
cd "$(dirname "$0")/../.." || exit 1
PPING=${PPING:-$PWD/pping}
MAKE_CAPTURES=${MAKE_CAPTURES:-$PWD/build/captures/make_captures}
SHARED=${SHARED:-../shared/captures}
PYTHON=${PYTHON:-/usr/bin/python3}
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
failed=0

# check NAME CAPTURE...
check() {
    local name=$1 status=0
    shift
    "$PYTHON" tests/captures/check.py --pping "$PPING" "$@" || status=$?
    case $status in
    0) ;;
    77) echo "skip $name: no tshark" ;;
    *) failed=1 ;;
    esac
}

if "$PPING" --version | grep 'without libpcap' >/dev/null; then
    echo "skip captures: built without libpcap"
    exit 0
fi
"$MAKE_CAPTURES" "$TMP" || exit 1
# not those that end in an error, and not what tshark refuses
check made "$TMP"/{connection,connection6,pure_acks,retransmission,mid_stream,wrap,outstanding}.pcap \
    "$TMP"/{reuse,bare_end,timeouts,ping,sampling,snapped,link_sll,link_raw6}.pcap
shopt -s nullglob
shared=("$SHARED"/*)
if [ ${#shared[@]} = 0 ]; then
    echo "skip shared: there is no $SHARED"
else
    check shared "${shared[@]}"
fi
exit $failed
