#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Is what `pping -a ... -F jsonl` wrote true to itself, to its events, and to the kernel's count?

  aggregates.py [--rtts N] [--events] [--end src_ip] ... FILE

Exits 1 with a line that says what is wrong."""

import argparse
import ipaddress
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--rtts", type=int, help="that the kernel matched")
parser.add_argument("--events", action="store_true", help="the RTTs are events too, all of them")
parser.add_argument("--end", default="src_ip")
parser.add_argument("--bits4", type=int, default=24)
parser.add_argument("--bits6", type=int, default=48)
parser.add_argument("--least-rtts", type=int, default=1)
parser.add_argument("--least-reports", type=int, default=1)
parser.add_argument("--longest-at-least", type=float, default=0, help="seconds between two reports")
parser.add_argument("--sprayed", type=int, default=0, help="addresses that got one datagram each")
parser.add_argument("file")
args = parser.parse_args()
failed = False


def check(what, good):
    global failed
    if not good:
        print("wrong:", what)
        failed = True


def prefix(address):
    bits = args.bits6 if ":" in address else args.bits4
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


records = [json.loads(line) for line in open(args.file)]
check("the first record", "aggregation" in records[0])
rows = [r for r in records if "ip_prefix" in r]
totals = [r for r in records if "ecn" in r]
events = [r for r in records if "rtt" in r]
check("the last record", records[-1] is totals[-1])

seen = set()
for row in rows:
    key = row["timestamp"], row["ip_prefix"]
    check(f"two rows of {key}", key not in seen)
    seen.add(key)
    check(f"bins of {key}", row["count_rtt"] == sum(n for _, n in row["histogram"]) + row["count_below"] + row["count_above"])
    check(f"upper bounds of {key}", row["histogram"] == sorted(row["histogram"]))
    times = [row[k + "_rtt"] for k in ("min", "median", "p95", "p99", "max")]
    if row["count_rtt"]:
        check(f"order of {key}: {times}", times == sorted(times))
        check(f"mean of {key}", times[0] <= row["mean_rtt"] <= times[-1])
    else:
        check(f"no RTTs in {key}", times == [None] * 5 and row["mean_rtt"] is None)

count = sum(row["count_rtt"] for row in rows)
check(f"RTTs: {count} in rows", count == sum(t["count_rtt"] for t in totals))
check(f"RTTs: {count}, the kernel's {args.rtts}", args.rtts is None or count == args.rtts)
check(f"only {count} RTTs", count >= args.least_rtts)
check(f"only {len(totals)} reports", len(totals) >= args.least_reports)

packets = sum(kind["packets"] for t in totals for family in ("ipv4", "ipv6") for kind in t[family].values())
size = sum(kind["bytes"] for t in totals for family in ("ipv4", "ipv6") for kind in t[family].values())
for way in ("rx_stats", "tx_stats"):
    got = sum(kind["packets"] for row in rows for kind in row[way].values())
    check(f"{way}: {got} packets, {packets} in all", got == packets)
    got = sum(kind["bytes"] for row in rows for kind in row[way].values())
    check(f"{way}: {got} bytes, {size} in all", got == size)
check("ECN", sum(sum(t["ecn"].values()) for t in totals) == packets)

if args.events:
    check(f"{len(events)} events, {count} RTTs", len(events) == count)
    of = {}
    for event in events:
        of.setdefault(prefix(event[args.end]), []).append(event["rtt"])
    for name in {row["ip_prefix"] for row in rows} | set(of):
        mine = [row for row in rows if row["ip_prefix"] == name and row["count_rtt"]]
        rtts = of.get(name, [])
        check(f"{name}: {len(rtts)} events", sum(row["count_rtt"] for row in mine) == len(rtts))
        if rtts and mine:
            check(f"{name}: least", min(row["min_rtt"] for row in mine) == min(rtts))
            check(f"{name}: most", max(row["max_rtt"] for row in mine) == max(rtts))
            mean = sum(row["mean_rtt"] * row["count_rtt"] for row in mine) / len(rtts)
            check(f"{name}: mean", abs(mean - sum(rtts) / len(rtts)) <= 1)

if args.sprayed:
    sprayed = [row for row in rows if row["ip_prefix"].startswith("10.12.")]
    got = sum(row["rx_stats"]["other"]["packets"] for row in sprayed)
    check(f"{got} sprayed", got == args.sprayed)
gaps = [later["timestamp"] - earlier["timestamp"] for earlier, later in zip(totals, totals[1:])]
longest = max(gaps, default=0) / 1e9
check(f"longest interval {longest} s", longest >= args.longest_at_least)
print(f"{len(totals)} reports, {len(rows)} rows, {count} RTTs, {packets} packets, longest interval {longest:.1f} s")
sys.exit(failed)
