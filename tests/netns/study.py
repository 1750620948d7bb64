#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""study.py CASE REPORT FILE...: what eval/analyze makes of files that pping wrote, for test_study.sh,
against what the files hold. The path is 10 ms each way on the Internet half and next to nothing on the other."""

import collections
import csv
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from files import is_event, records  # noqa: E402

case, report, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
SECOND = 10**9


def table(name, source=""):
    with open(os.path.join(report, source, "tables", name + ".csv"), newline="") as file:
        return list(csv.DictReader(file))


def findings(source=""):
    with open(os.path.join(report, source, "findings.json")) as file:
        return {finding["id"]: finding for finding in json.load(file)}


def close(what, value, low, high):
    assert low <= value <= high, f"{what}: {value} is not within {low} and {high}"


def halves(source=""):
    """The whole difference is the delay of the path."""
    rows = {row["half"]: row for row in table("rtt", source) if row["dimension"] == "half"}
    assert set(rows) == {"client", "internet"}, rows
    close("Internet half", float(rows["internet"]["p50_ms"]), 19.9, 26)
    close("client half", float(rows["client"]["p50_ms"]), 0, 5)
    return rows


def whole(source=""):
    """Nothing is wrong with these data but what was left out on purpose."""
    facts = findings(source)["quality"]["facts"]
    wrong = {key: value for key, value in facts.items() if value and key != "no_address"}
    assert not wrong, wrong


read = {path: records(path)[0] for path in paths}
assert len(paths) >= 2 and all(read.values()), "files of a study"
shown = {row["path"]: row for row in table("files")}
for path, rows in read.items():
    row = shown[path]
    kinds = collections.Counter(
        "rtts" if "rtt" in r else "flow_events" if "flow_event" in r else "run_records" if "run" in r else
        "status_records" if "status_interval" in r else "aggregate_records" for r in rows)
    for kind in ("rtts", "flow_events", "run_records", "status_records", "aggregate_records"):
        assert int(row[kind]) == kinds[kind], f"{path}: {row[kind]} {kind}, not {kinds[kind]}"
    assert int(row["lines"]) == len(rows) and int(row["missing_events"]) == 0, row
events = [r for rows in read.values() for r in rows if is_event(r)]
rtts = sum("rtt" in event for event in events)
opened = sum(event.get("flow_event") == "opening" for event in events)

if case == "both":
    assert {row["source"] for row in shown.values()} == {"r0", "r1"}, shown
    for source in ("r0", "r1"):
        halves(f"sources/{source}")
        whole(f"sources/{source}")
    whole()
    assert findings("sources/r0")["load"]["counters"] and "aggregates" in findings("sources/r0")
    assert "aggregates" not in findings("sources/r1")
    # each interface has the same connections
    ours = [int(sum(int(row["connections"]) for row in table("connections", f"sources/{s}"))) for s in ("r0", "r1")]
    assert ours[0] == ours[1] and sum(ours) == opened, (ours, opened)
    assert sum(int(r["samples"]) for r in table("rtt") if r["dimension"] == "interface") == rtts
    # lengths and sizes are those of the closings
    closed = [event for event in events if "duration" in event]
    assert closed and sum(int(row["with_totals"]) for row in table("connections")) == len(closed), len(closed)
    down = sum(event["rec_bytes"] for event in closed if event["protocol"] == "TCP")
    tcp = next(row for row in table("connections") if row["proto"] == "TCP")
    close("bytes of TCP downloads", float(tcp["down_bytes"]), down, 1.2 * down)
    versions = {row["what"] for row in table("rtt") if row["dimension"] == "IP version"}
    assert versions == {"4", "6"}, versions
    every = sum(r["count_rtt"] for rows in read.values() for r in rows if "ip_prefix" in r)
    assert int(table("aggregates")[0]["samples"]) == every > 0
    assert {row["anonymized"] for row in table("runs")} == {"cryptopan", "ipcrypt"}
elif case == "truncate":
    halves()
    whole()
elif case == "relative":
    # two runs, which both begin at 0
    assert {row["source"] for row in shown.values()} == {"r0, run 1", "r0, run 2"}, shown
    for source in ("sources/r0_run_1", "sources/r0_run_2"):
        whole(source)
        assert "relative" in findings(source)["hours"]["sentence"]
    assert max(int(row["t_max"] or 0) for row in shown.values()) < 60 * SECOND
    assert findings()["quality"]["facts"]["no_address"] == rtts
    assert sum(int(row["connections"]) for row in table("connections")) == opened
    rows = {row["half"]: row for row in table("rtt") if row["dimension"] == "half"}
    close("Internet half", float(rows["internet"]["p50_ms"]), 19.9, 26)
elif case == "aggregates":
    found = findings()
    whole_but = found["quality"]["facts"]
    assert not {key: value for key, value in whole_but.items() if value}, whole_but
    every = sum(r["count_rtt"] for rows in read.values() for r in rows if "ip_prefix" in r)
    assert int(table("aggregates")[0]["samples"]) == every > 0 == rtts
    assert found["rtt"]["verdict"] == "cannot tell" and found["aggregates"]["verdict"] == "described"
    assert found["unmeasured"]["verdict"] == "described", found["unmeasured"]
