#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Aggregates and anonymised events of a capture in files that follow one another: together
they are what one output has, each says first what its aggregates are, and no report is in two.

  check_rotated.py PPING"""

import glob
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import traceback

PREFIXES = 60
SECONDS = 12
LIMIT = 256 << 10


def echo(kind, src, dest, sequence):
    icmp = struct.pack("!BBHHH", kind, 0, 0, 7, sequence)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, src, dest)
    return ip + icmp


def make_capture(path, prefixes, seconds=range(SECONDS)):
    """Each second a ping to a host of each prefix."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for second in seconds:
            for i in range(prefixes):
                host, own = bytes((10, i >> 8, i & 255, 1)), bytes((192, 168, 1, 2))
                for us, frame in ((1000 * i, echo(8, own, host, second)), (1000 * i + 500, echo(0, host, own, second))):
                    file.write(struct.pack("<IIII", 1700000000 + second, us, len(frame), len(frame)) + frame)


class Runs:
    def __init__(self, pping, directory):
        self.pping, self.directory = pping, directory

    def run(self, capture, *options, status=0):
        done = subprocess.run((self.pping, "--read", capture, "-C", "-r", "0", "-a", "1") + options,
                              capture_output=True, timeout=60)
        assert done.returncode == status, (options, done.returncode, done.stderr)
        return done.stdout, done.stderr.decode()

    def files(self, capture, name, *options):
        """the records of each file, and what was said"""
        for old in glob.glob(self.directory + "/out*"):
            os.remove(old)
        said = self.run(capture, "-w", f"{self.directory}/{name}", *options)[1]
        paths = glob.glob(self.directory + "/out*")
        assert not any(path.endswith(".part") for path in paths), paths
        got = [(read(path), path) for path in paths]
        got.sort(key=lambda pair: pair[0][0]["file"])
        return [rows for rows, path in got], [path for rows, path in got], said


def read(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    return json.loads(data) if data[:1] == b"[" else [json.loads(line) for line in data.splitlines()]


def is_row(record):
    return "ip_prefix" in record


def is_totals(record):
    return not any(key in record for key in ("ip_prefix", "rtt", "flow_event", "run", "aggregation"))


def check_file(rows):
    assert rows[0]["run"] == "begin" and rows[-1]["run"] == "end", rows
    assert "aggregation" in rows[1] or len(rows) == 2, rows[1]
    assert sum("aggregation" in row for row in rows) <= 1
    assert rows[-1]["file_events"] == sum("rtt" in row or "flow_event" in row for row in rows)


def data_of(files):
    return [row for rows in files for row in rows if "run" not in row and "aggregation" not in row]


def check_whole(rows):
    """each report of this file ends in it"""
    open_report = False
    for row in rows:
        open_report = is_row(row) or (open_report and not is_totals(row))
    assert not open_report, "a report goes on in the next file"


def together(runs, capture, name, least, *options):
    plain = [json.loads(line) for line in runs.run(capture, "-F", "jsonl", *options)[0].splitlines()]
    form = "json" if ".json." in name or name.endswith(".json") else "jsonl"
    files, paths, said = runs.files(capture, name, "-F", form, "--rotate-size", "16K", *options)
    for rows in files:
        check_file(rows)
        check_whole(rows)
    assert len(files) >= least, len(files)
    assert sum(is_totals(row) for row in plain) == SECONDS and sum(map(is_row, plain)) > PREFIXES
    assert data_of(files) == data_of([plain]), "not the records of one output"
    return files, paths


def relative(runs, capture):
    _, paths = together(runs, capture, "out.jsonl.gz", 1, "--events", "--relative-time")
    assert open(paths[0], "rb").read(10)[4:8] == bytes(4), "a time in the header of gzip"
    files, paths = together(runs, capture, "out.jsonl", SECONDS, "--events", "--relative-time")
    names = [os.path.basename(path) for path in paths]
    assert names == ["out.jsonl"] + [f"out-{i}.jsonl" for i in range(1, len(names))], names
    assert max(row.get("timestamp", 0) for rows in files for row in rows) < SECONDS * 10**9
    assert all("timestamp" not in row for rows in files for row in rows if "run" in row)


def anonymous(runs, capture):
    key = runs.directory + "/key"
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(bytes(range(32)))
    files, _ = together(runs, capture, "out.jsonl", SECONDS, "--events", "--anonymize", "cryptopan",
                        "--anonymize-key", key)
    for rows in files:
        assert rows[0]["anonymized"] == "cryptopan" and key not in rows[0]["options"], rows[0]
        assert not re.search(r"\"(10\.0\.|192\.168\.)", json.dumps(rows)), "an address as it was"


def budgets(runs, capture, large):
    """of reports that are larger than a file should be"""
    files, paths, _ = runs.files(large, "out.jsonl", "-F", "jsonl", "--max-storage", "256K,drop-oldest")
    assert sum(map(os.path.getsize, paths)) <= LIMIT
    for rows in files:
        check_file(rows)
    assert files[-1][-1]["last"] and is_totals(data_of(files)[-1])
    files, paths, said = runs.files(capture, "out.jsonl", "-F", "jsonl", "--max-storage", "256K")
    assert len(files) == 1 and sum(map(os.path.getsize, paths)) <= LIMIT
    check_file(files[0])
    left_out = re.search(r"(\d+) rows of aggregates did not fit into --max-storage", said)
    assert left_out, said
    plain = [json.loads(line) for line in runs.run(capture, "-F", "jsonl")[0].splitlines()]
    assert len(data_of(files)) + int(left_out[1]) == len(data_of([plain])), (len(plain), left_out[1])


def spent(runs, capture, large):
    """wherever the budget ends, each file is whole, and what did not fit is counted"""
    for traffic in capture, large:
        plain = [json.loads(line) for line in runs.run(traffic, "-F", "jsonl")[0].splitlines()]
        for size in "16K", "20K", "40K", "80K":
            for form in "json", "jsonl":
                files, paths, said = runs.files(traffic, "out." + form, "-F", form, "--max-storage", "256K",
                                                "--rotate-size", size)
                assert sum(map(os.path.getsize, paths)) <= LIMIT
                for rows in files:
                    check_file(rows)
                if traffic is large:
                    continue  # the reading ends before all its rows are made
                left_out = re.search(r"(\d+) rows of aggregates did not fit", said)
                kept = len(data_of(files)) + int(left_out[1] if left_out else 0)
                assert kept == len(data_of([plain])), (size, form, len(files), kept, len(data_of([plain])))


def order(runs, directory):
    """what ends before a report stands before it"""
    make_capture(directory + "/gap.pcap", 3, (0, 1, 500, 501))
    lines = runs.run(directory + "/gap.pcap", "-F", "jsonl", "--events", "-a", "400")[0].splitlines()
    rows = [json.loads(line) for line in lines]
    times = [row["timestamp"] for row in rows if "aggregation" not in row]
    assert times == sorted(times), times
    assert sum(row.get("reason") == "timeout" for row in rows) == 3, rows


def durations(runs, capture):
    rows = [json.loads(line) for line in runs.run(capture, "-F", "jsonl", "--duration", "3.02")[0].splitlines()]
    totals = [row for row in rows if is_totals(row)]
    assert len(totals) == 4, totals
    assert sum(row["count_rtt"] for row in rows if is_row(row)) == 3 * PREFIXES + 20, rows


def main(pping):
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        runs, capture, large = Runs(pping, directory), directory + "/pings.pcap", directory + "/many.pcap"
        make_capture(capture, PREFIXES)
        make_capture(large, 8 * PREFIXES)
        for name, test in (
                ("rotated jsonl", lambda: together(runs, capture, "out.jsonl", SECONDS)),
                ("rotated json, events", lambda: together(runs, capture, "out.json", SECONDS, "--events")),
                ("rotated, relative times", lambda: relative(runs, capture)),
                ("rotated, anonymised", lambda: anonymous(runs, capture)),
                ("rotated, budgets", lambda: budgets(runs, capture, large)),
                ("rotated, spent", lambda: spent(runs, capture, large)),
                ("reports and events in order", lambda: order(runs, directory)),
                ("--duration has a last report", lambda: durations(runs, capture))):
            try:
                test()
                print("ok " + name)
            except AssertionError as e:
                lines = [frame.lineno for frame in traceback.extract_tb(e.__traceback__)]
                print(f"not ok {name}: lines {lines}: {str(e)[:1000]}")
                failed = True
    return failed


sys.exit(main(*sys.argv[1:]))
