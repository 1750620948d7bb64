#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of benchmarks.

report.py collect LINES JSON      the results of a run into one file; says which budgets hold
report.py compare BASE... -- NEW...   medians of several runs each, and their ratios
"""
import json
import os
import statistics
import subprocess
import sys


def git(*words):
    try:
        return subprocess.run(("git",) + words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return ""


def holds(r):
    return r["value"] <= r["budget"] if r["better"] == "lower" else r["value"] >= r["budget"]


def budgets(results):
    limited = [r for r in results if "budget" in r]
    broken = [r for r in limited if not holds(r)]
    for r in broken:
        print("over budget: %s: %s: %.4g %s, allowed are %g" % (r["part"], r["row"], r["value"], r["unit"], r["budget"]))
    if limited:
        print("%d of %d budgets hold" % (len(limited) - len(broken), len(limited)))


def collect(lines, to):
    results = [json.loads(line) for line in open(lines)]
    run = {
        "commit": git("rev-parse", "HEAD"),
        "changed": bool(git("status", "--porcelain", "-uno")),
        "kernel": os.uname().release,
        "cpus": os.cpu_count(),
        "processor": processor(),
        "results": results,
    }
    with open(to, "w") as f:
        json.dump(run, f, indent=1)
    budgets(results)
    print("results: " + to)


def medians(paths):
    """{(part, row, unit): (result, median, spread)}, in the order of the first run."""
    values = {}
    for path in paths:
        for r in json.load(open(path))["results"]:
            values.setdefault((r["part"], r["row"], r["unit"]), []).append(r)
    return {
        key: (rs[0], statistics.median(r["value"] for r in rs), max(r["value"] for r in rs) - min(r["value"] for r in rs))
        for key, rs in values.items()
    }


def compare(base, new):
    base, new = medians(base), medians(new)
    part = None
    for key, (r, now, spread) in new.items():
        if key not in base:
            continue
        _, before, before_spread = base[key]
        if r["part"] != part:
            part = r["part"]
            print("\n%-64s %-18s %10s %10s %7s" % (part, "", "base", "now", "ratio"))
        # a difference that the runs of one side show among themselves says nothing
        sure = abs(now - before) > max(spread, before_spread)
        good = now < before if r["better"] == "lower" else now > before
        ratio = "%7.3f" % (now / before) if before else "%7s" % "-"
        print("%-64s %-18s %10.4g %10.4g %s%s" % (r["row"], r["unit"], before, now, ratio,
            "" if not sure else "  better" if good else "  worse"))
    for key in base:
        if key not in new:
            print("only in the base: %s: %s (%s)" % key)


def main(argv):
    if len(argv) == 4 and argv[1] == "collect":
        collect(argv[2], argv[3])
    elif len(argv) > 4 and argv[1] == "compare" and "--" in argv:
        at = argv.index("--")
        compare(argv[2:at], argv[at + 1:])
    else:
        sys.exit(__doc__)


main(sys.argv)
