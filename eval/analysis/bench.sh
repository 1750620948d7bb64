#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long eval/analyze takes for so many bytes of lines, and how much memory: makes the data (an eighth of that on the disk, and a
# third of it meanwhile), reads them, tells, and removes them.
#
#   eval/analysis/bench.sh [SIZE...]        10G by default; DIR=... is where the data go
set -e
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d "${DIR:-${TMPDIR:-/tmp}}/pping-analysis.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT

for size in "${@:-10G}"; do
    echo "making $size of lines ..." >&2
    "$here/../synth" -o "$work/data" --size "$size" --seconds 14400 --files 24 --compress zstd --counters \
        --effects bloat,load,ipv6,change,route
    /usr/bin/python3 - "$size" "$here/../analyze" "$work" <<'END'
import csv, glob, json, os, resource, subprocess, sys, time
size, analyze, work = sys.argv[1:]
files = sorted(glob.glob(f"{work}/data/*.zst"))
begin = time.monotonic()
subprocess.run([analyze, "-o", f"{work}/report", *files], check=True)
wall = time.monotonic() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
lines = sum(int(row["lines"]) for row in csv.DictReader(open(f"{work}/report/tables/files.csv")))
packed = sum(map(os.path.getsize, files))
print(f"{size} of lines: {lines / 1e6:.1f} million, {packed / 1e9:.2f} GB compressed: {wall:.0f} s, "
      f"{used.ru_utime + used.ru_stime:.0f} s of processor time, {used.ru_maxrss / 1024:.0f} MiB at most")
for finding in json.load(open(f"{work}/report/findings.json")):
    print(f"  {finding['id']}: {finding['verdict']}: {finding['sentence'][:200]}")
END
    rm -rf "${work:?}"/*
done
