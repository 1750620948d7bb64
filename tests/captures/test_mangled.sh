#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damaged captures: bytes of the packets changed at random, bytes of the file changed, files cut.
# Reading must end, in time and not in a crash, and every packet read has one verdict.
cd "$(dirname "$0")/../.." || exit 1
PPING=${PPING:-$PWD/pping}
MAKE_CAPTURES=${MAKE_CAPTURES:-$PWD/build/captures/make_captures}
SHARED=${SHARED:-../shared/captures}
PYTHON=${PYTHON:-/usr/bin/python3}
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
# of a build with SAN=1: not 1, which is an error of the capture
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99
mkdir "$TMP/whole"
if "$PPING" --version | grep 'without libpcap' >/dev/null; then
    echo "skip captures: built without libpcap"
    exit 0
fi
"$MAKE_CAPTURES" "$TMP/whole" || exit 1
shopt -s nullglob
"$PYTHON" - "$PPING" "$TMP/damaged" "$TMP"/whole/*.pcap* "$SHARED"/*.pcap* <<'EOF'
import random, re, struct, subprocess, sys

pping, damaged, *captures = sys.argv[1:]
random.seed(7)
failed = runs = packets = opened = 0


def records(data, at=24):
    order = "<" if data[:1] in (b"\xd4", b"\x4d") else ">"
    while at + 16 <= len(data):
        captured = struct.unpack_from(order + "I", data, at + 8)[0]
        yield at, at + 16, min(at + 16 + captured, len(data))
        at += 16 + captured


def change_packets(data):
    for _, begin, end in records(bytes(data)):
        for _ in range(random.choice((0, 0, 1, 3))):
            if end > begin:
                data[begin + random.randrange(min(end - begin, 80))] = random.randrange(256)
    return data


def change_times(data):
    for head, _, _ in records(bytes(data)):
        if not random.randrange(20):
            data[head + random.randrange(8)] ^= 1 << random.randrange(8)
    return data


def change_file(data):
    for _ in range(random.randrange(1, 20)):
        data[random.randrange(len(data))] = random.randrange(256)
    return data


def cut(data):
    return data[: random.randrange(len(data))]


def read(why):
    global failed, runs, packets, opened
    runs += 1
    command = [pping, "--read", damaged, "-TC", "-r", "0", "-F", "jsonl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        print(f"# {why}: not done after 20 s")
        failed += 1
        return
    line = re.search(r"^  packets  (\d+) read(.*)$", done.stderr, re.M)
    counts = [int(n) for n in re.findall(r", (\d+) ", line[2])] if line else []
    if done.returncode not in (0, 1) or (line and sum(counts) != int(line[1])):
        print(f"# {why}: status {done.returncode}, {line and line[0]}")
        failed += 1
    packets += int(line[1]) if line else 0
    opened += line is not None


for path in captures:
    with open(path, "rb") as f:
        whole = f.read(400000)
    if len(whole) < 25:
        continue
    for change in (change_packets, change_times, change_file, cut) * 2:
        with open(damaged, "wb") as f:
            f.write(change(bytearray(whole)))
        read(f"{path} {change.__name__}")
print(f"{'not ok' if failed else 'ok'} damaged_captures: {runs} files, {opened} of them opened, {packets} packets")
sys.exit(failed > 0)
EOF
