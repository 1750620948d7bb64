#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What memory pping takes: its maps (as the kernel accounts them), its event rings and
# the process itself, with 0, 1,000 and 131,072 flows, and with room for a million; and
# how much of it each CPU more would add.
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/../netns/lab.sh"
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
lab_begin bpftool

POUR=$LAB_TOP/build/bench/pour
MIB=1048576

# memory PID: bytes of the maps it holds, of these what each possible CPU has of its own, its
# event rings, and the process without them (what it shares with others is divided).
memory() {
    "$PYTHON" - "$1" <<'EOP'
import glob, re, sys

proc = "/proc/" + sys.argv[1]
seen, total, each = set(), 0, 0
for path in glob.glob(proc + "/fdinfo/*"):
    try:
        fields = dict(re.findall(r"^(\w+):\s+(\S+)$", open(path).read(), re.M))
    except OSError:
        continue
    if "map_id" not in fields or fields["map_id"] in seen:
        continue
    seen.add(fields["map_id"])
    total += int(fields["memlock"])
    if fields["map_type"] in ("5", "6"):  # per-CPU hash and array
        each += (int(fields["value_size"]) + 7 & ~7) * int(fields["max_entries"])
    elif fields["map_type"] == "4":  # a pointer to each CPU's ring
        each += 8
rings = process = 0
for mapping in re.split(r"^(?=[0-9a-f]+-)", open(proc + "/smaps").read(), flags=re.M)[1:]:
    begin, end = (int(n, 16) for n in mapping.split(None, 1)[0].split("-"))
    if "perf_event" in mapping:
        rings += end - begin - 4096  # a page of control before its data
    else:
        process += int(re.search(r"^Pss:\s+(\d+)", mapping, re.M).group(1)) * 1024
print(total, each, rings, process)
EOP
}

# measure FLOWS [OPTION...]
measure() {
    local flows=$1 name map_bytes each ring_bytes process budget=
    shift
    name="$flows flows${*:+, $*}"
    pping_start r r0 "$LAB_TMP/pping" -F jsonl -w /dev/null "$@" >/dev/null
    [ "$flows" = 0 ] || timeout 60 "$POUR" "$(prog_id pping_egress)" flows "$flows" >/dev/null
    sleep 1.5
    read -r map_bytes each ring_bytes process < <(memory "$PPING_PID")
    pping_stop >/dev/null
    [ -n "$*" ] || budget=48
    printf '%-32s maps %7.2f MiB, rings %5.2f MiB, process %6.2f MiB; a CPU more: %d bytes of maps\n' \
        "$name" "$(calc "$map_bytes / $MIB")" "$(calc "$ring_bytes / $MIB")" \
        "$(calc "$process / $MIB")" "$each"
    result memory "$name: maps" MiB "$(calc "$map_bytes / $MIB")" lower $budget
    result memory "$name: rings" MiB "$(calc "$ring_bytes / $MIB")" lower 8
    result memory "$name: process" MiB "$(calc "$process / $MIB")" lower
    result memory "$name: maps, a CPU more" bytes "$each" lower
}

[ -x "$POUR" ] || { echo "bench_memory: no $POUR (run make bench)" >&2; exit 1; }
lab_up >/dev/null || { echo "bench_memory: no lab" >&2; exit 1; }
measure 0
measure 1000
measure 131072
measure 0 --max-flows 1000000
[ -n "${BENCH_QUICK:-}" ] || measure 1000000 --max-flows 1000000
measure 131072 --counters
