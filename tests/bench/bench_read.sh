#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Packets per CPU second of `pping --read`, beside tshark's fields and tcptrace on the same
# file in the page cache, and what memory it takes. The file: 8,000 TCP flows, each packet with
# its answer, two million packets of 96 captured bytes (as tcpdump -s 96 leaves them).
#
#   bench_read.sh [PACKETS]
set -e
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
PPING=${PPING:-$PWD/pping}
PYTHON=${PYTHON:-/usr/bin/python3}
packets=${1:-2000000}
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT

# make_capture PACKETS: half of them data, half their acknowledgements 20 ms later
make_capture() {
    "$PYTHON" - "$1" <<'EOF'
import struct, sys

FLOWS = 8000
STEP, LAG = 2, 10000  # us between two packets of a direction; an answer comes LAG packets later
out, n = sys.stdout.buffer, int(sys.argv[1])
out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 96, 1))
record = struct.Struct("<IIII")
packet = struct.Struct(">12sHBBHHHBBHIIHHIIBBHHHBBBBII")
mac = bytes(12)


def put(us, number, up, tsval, tsecr):
    flow = number * 7919 % FLOWS
    ends = (0x0A000002 + (flow >> 4), 1024 + (flow & 15) * 100), (0xC0000200 + (flow & 255), 443)
    (src, sport), (dst, dport) = ends if up else ends[::-1]
    length = 1500 if up else 52
    out.write(record.pack(1700000000 + us // 1000000, us % 1000000, 96 if up else 66, length + 14))
    out.write(packet.pack(mac, 0x800, 0x45, 0, length, 0, 0x4000, 64, 6, 0, src, dst, sport, dport,
        number & 0xFFFF, 0, 0x80, 0x10, 1000, 0, 0, 1, 1, 8, 10, tsval & 0xFFFFFFFF, tsecr & 0xFFFFFFFF))
    out.write(bytes(30) if up else b"")


for i in range(n // 2):
    us = i * STEP
    put(us, i, True, 1000 + us // 1000, 1000 + (us - LAG * STEP) // 1000)
    put(us + 1, i - LAG, False, 1000 + us // 1000, 1000 + (us - LAG * STEP) // 1000)
EOF
}

# rate NAME PACKETS COMMAND...: by CPU time, so that what else the machine does has no say
rate() {
    local name=$1 n=$2 spent
    shift 2
    TIMEFORMAT='%U %S'
    spent=$({ time "$@" >"$TMP/out" 2>"$TMP/err"; } 2>&1) || true
    RATE=$(awk -v n="$n" '{ printf "%.3f", n / ($1 + $2) / 1e6 }' <<<"$spent")
    printf '%-36s %8.2f million packets per CPU second\n' "$name" "$RATE"
}

make_capture "$packets" >"$TMP/big.pcap"
make_capture $((packets / 20)) >"$TMP/small.pcap" # the others take longer
rates=()
for run in 1 2 3; do
    rate "pping --read, run $run" "$packets" "$PPING" --read "$TMP/big.pcap" -F jsonl
    rates+=("$RATE")
done
result read "pping --read" "M packets/s" "$(median "${rates[@]}")" higher
grep -E '^  (packets|RTTs)' "$TMP/err"
rate "pping --read -r 0" "$packets" "$PPING" --read "$TMP/big.pcap" -r 0 -F jsonl
result read "pping --read -r 0" "M packets/s" "$RATE" higher
grep -E '^  (packets|RTTs)' "$TMP/err"
rate "pping --read --counters" "$packets" "$PPING" --read "$TMP/big.pcap" -F jsonl --counters
for file in small big; do
    "$PYTHON" -c 'import resource, subprocess, sys
subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
print("memory of pping --read, %s file: %d MiB" % (sys.argv[1], peak))' \
        "$file" "$PPING" --read "$TMP/$file.pcap"
done
if command -v tshark >/dev/null; then
    rate "tshark -T fields (TSval, TSecr)" $((packets / 20)) tshark -n -r "$TMP/small.pcap" \
        -T fields -e frame.time_epoch -e ip.src -e tcp.srcport -e ip.dst -e tcp.dstport \
        -e tcp.options.timestamp.tsval -e tcp.options.timestamp.tsecr
else
    echo "tshark is not there"
fi
if command -v tcptrace >/dev/null; then
    rate "tcptrace -r" $((packets / 20)) tcptrace -r -n "$TMP/small.pcap"
else
    echo "tcptrace is not there"
fi
