#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What pping --read -a reports of a capture, against the list of all its RTTs.

The list is that of --read -r 0. Each RTT must be in the one report of its time, in the
row of its prefix, and in the right bin; count, extremes and mean are exact, percentiles
(nearest rank) within a bin's width. Packets and bytes of each prefix are tshark's.

  check_aggregate.py [--pping PATH] CAPTURE...

One line a capture and way to aggregate it; exits 1 if one is wrong.
"""

import argparse
import ipaddress
import json
import re
import shutil
import subprocess
import sys

NS = 1_000_000_000
KEYS = (
    "timestamp ip_prefix rx_stats tx_stats count_rtt min_rtt mean_rtt median_rtt p95_rtt p99_rtt "
    "max_rtt histogram count_below count_above"
).split()
KINDS = ["tcp_ts", "tcp_no_ts", "other"]
# seconds, options, bits of IPv4, bits of IPv6, the end an RTT belongs to
WAYS = [
    (1, [], 24, 48, "src_ip"),
    (1, ["-4", "32", "-6", "64"], 32, 64, "src_ip"),
    (7, ["-4", "0", "-6", "0"], 0, 0, "src_ip"),
    (7, ["-4", "9", "-6", "33", "--aggregate-reverse"], 9, 33, "dest_ip"),
    (604800, ["-4", "31", "-6", "1", "--aggregate-reverse"], 31, 1, "dest_ip"),
    (3, ["-4", "32", "-6", "64", "--aggregate-timeout", "1", "--events"], 32, 64, "src_ip"),
]


class Wrong(Exception):
    pass


def want(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what}: {got}, not {wanted}")


def records(pping, path, *options):
    command = [pping, "--read", path, "-TC", "-F", "jsonl", "-q", *options]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def prefix(address, bits4, bits6):
    bits = bits6 if ":" in address else bits4
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


def bounds(ns):
    """of the bin that a time is in: eight of equal width in each power of two from 512 ns"""
    if ns < 512:
        return 0, 512
    width = 1 << (ns.bit_length() - 1) >> 3
    return ns // width * width, ns // width * width + width


def nearest_rank(ordered, percent):
    return ordered[(len(ordered) * percent + 99) // 100 - 1]


def check_rtts(row, rtts):
    want("count", row["count_rtt"], len(rtts))
    if not rtts:
        for key in KEYS[5:11]:
            want(key, row[key], None)
        want("histogram", (row["histogram"], row["count_below"], row["count_above"]), ([], 0, 0))
        return
    rtts.sort()
    want("min", row["min_rtt"], rtts[0])
    want("max", row["max_rtt"], rtts[-1])
    want("mean", row["mean_rtt"], (2 * sum(rtts) + len(rtts)) // (2 * len(rtts)))
    bins = {}
    for rtt in rtts:
        bins[bounds(rtt)[1]] = bins.get(bounds(rtt)[1], 0) + 1
    want("count_below", row["count_below"], bins.pop(512, 0))
    want("histogram", row["histogram"], [[upper, n] for upper, n in sorted(bins.items())])
    for name, percent in (("median", 50), ("p95", 95), ("p99", 99)):
        got, exact = row[name + "_rtt"], nearest_rank(rtts, percent)
        low, high = bounds(exact)
        if abs(got - exact) >= high - low or not rtts[0] <= got <= rtts[-1]:
            raise Wrong(f"{name}: {got}, not {exact}")


def split_reports(found, seconds):
    """[(time, {prefix: row}, totals)]"""
    reports, rows = [], {}
    for record in found:
        if "ip_prefix" in record:
            want("keys", list(record), KEYS)
            if record["ip_prefix"] in rows:
                raise Wrong(f"two rows of {record['ip_prefix']}")
            rows[record["ip_prefix"]] = record
        elif "ecn" in record:
            times = {row["timestamp"] for row in rows.values()} | {record["timestamp"]}
            want("times of a report", len(times), 1)
            want("RTTs of a report", record["count_rtt"], sum(r["count_rtt"] for r in rows.values()))
            reports.append((record["timestamp"], rows, record))
            rows = {}
    want("rows behind the last totals", rows, {})
    times = [time for time, _, _ in reports]
    for earlier, later in zip(times[:-1], times[1:-1]):
        if later <= earlier or (later - earlier) % (seconds * NS):
            raise Wrong(f"reports at {earlier} and {later}")
    return reports


def check_reports(reports, rtts, seconds, end, bits):
    left = sorted(rtts, key=lambda e: e["timestamp"])
    for i, (time, rows, _) in enumerate(reports):
        of_prefix = {}
        while left and (left[0]["timestamp"] < time or i == len(reports) - 1):
            event = left.pop(0)
            of_prefix.setdefault(prefix(event[end], *bits), []).append(event["rtt"])
            if event["timestamp"] < time - seconds * NS:
                raise Wrong(f"an RTT of {event['timestamp']} in the report of {time}")
        for name in set(rows) | set(of_prefix):
            if name not in rows:
                raise Wrong(f"no row of {name} at {time}")
            check_rtts(rows[name], of_prefix.get(name, []))
    want("RTTs in no report", left, [])


def packets(path):
    """[(source, destination, IP length)], None if tshark can't tell"""
    fields = "frame.protocols ip.src ip.dst ip.len ipv6.src ipv6.dst ipv6.plen".split()
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f"]
    for preference in ("ip.defragment:FALSE", "ipv6.defragment:FALSE"):
        command += ["-o", preference]
    for field in fields:
        command += ["-e", field]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = []
    for line in out.stdout.splitlines():
        values = dict(zip(fields, line.split("\t")))
        network = re.search(r"(?:^|:)(ipv6|ip)(?::|$)", values["frame.protocols"])
        if not network:
            continue
        version = network[1]
        length = int(values["ip.len"]) if version == "ip" else int(values["ipv6.plen"]) + 40
        if length in (0, 40) and version == "ipv6" or not length:
            return None
        found.append((values[version + ".src"], values[version + ".dst"], length))
    return found


def traffic(packets, bits):
    """{prefix: [sent packets, sent bytes, received packets, received bytes]}"""
    found, names = {}, {}
    for *ends, length in packets:
        for at, address in zip((0, 2), ends):
            if address not in names:
                names[address] = prefix(address, *bits)
            count = found.setdefault(names[address], [0] * 4)
            count[at] += 1
            count[at + 1] += length
    return found


def check_traffic(reports, wanted):
    got = {}
    packets = size = 0
    for _, rows, totals in reports:
        for name, row in rows.items():
            count = got.setdefault(name, [0] * 4)
            for at, stats in ((0, "tx_stats"), (2, "rx_stats")):
                want("kinds", list(row[stats]), KINDS)
                count[at] += sum(kind["packets"] for kind in row[stats].values())
                count[at + 1] += sum(kind["bytes"] for kind in row[stats].values())
        for family in ("ipv4", "ipv6"):
            packets += sum(kind["packets"] for kind in totals[family].values())
            size += sum(kind["bytes"] for kind in totals[family].values())
        want(
            "ECN codepoints",
            sum(totals["ecn"].values()),
            sum(kind["packets"] for f in ("ipv4", "ipv6") for kind in totals[f].values()),
        )
    for at in (0, 2):
        want("packets of all prefixes", sum(count[at] for count in got.values()), packets)
        want("bytes of all prefixes", sum(count[at + 1] for count in got.values()), size)
    if wanted is not None:
        for name in set(got) | set(wanted):
            want(f"traffic of {name}", got.get(name), wanted.get(name))


def sampled(events):
    """of all RTTs those that are 100 ms apart, by when their packets were stamped"""
    last, found = {}, []
    for event in events:
        if "flow_event" in event:
            # another flow of these addresses begins anew
            ends = sorted((event[f"{end}_ip"], event[f"{end}_port"]) for end in ("src", "dest"))
            last.pop((*ends, 0), None)
            last.pop((*ends, 1), None)
            continue
        ends = [(event[f"{end}_ip"], event[f"{end}_port"]) for end in ("src", "dest")]
        key = (*sorted(ends), int(ends[0] > ends[1]))
        stamped = (event["timestamp"] - event["rtt"]) // 16
        if key not in last or stamped - last[key] >= NS // 10 // 16:
            last[key] = stamped
            found.append(event)
    return found


def check(pping, path, way, every, seen):
    seconds, options, *bits, end = way
    found = records(pping, path, "-a", str(seconds), *options)
    described = found[0].get("aggregation") or {}
    want("interval_s", described.get("interval_s"), seconds)
    want("prefix lengths", [described.get("ipv4_bits"), described.get("ipv6_bits")], bits)
    want("rtt_belongs_to", described.get("rtt_belongs_to"), end)
    all_rtts = [{**event, "min_rtt": 0} for event in every if "rtt" in event]
    events = [record for record in found if "rtt" in record or "flow_event" in record]
    if "--events" in options:
        unsampled = records(pping, path, "-a", str(seconds), *options, "-r", "0")
        want("events", [e for e in unsampled if "rtt" in e or "flow_event" in e], every)
        got, wanted = ([e for e in some if "rtt" in e] for some in (events, sampled(every)))
        # times are rounded to 16 ns from another zero, and flow events may go unseen
        if not len(wanted) * 0.95 <= len(got) <= len(wanted) * 1.05 + 1:
            raise Wrong(f"{len(got)} samples, not {len(wanted)}")
        for event in got:
            if {**event, "min_rtt": 0} not in all_rtts:
                raise Wrong(f"a sample that is none: {event}")
    else:
        want("events", events, [])
    reports = split_reports(found, seconds)
    rtts = [event for event in every if "rtt" in event]
    check_reports(reports, rtts, seconds, end, bits)
    check_traffic(reports, traffic(seen, bits) if seen is not None else None)
    return len(reports), sum(len(rows) for _, rows, _ in reports), len(rtts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pping", default="./pping")
    parser.add_argument("captures", nargs="+")
    args = parser.parse_args()
    tshark = shutil.which("tshark")
    failed = False
    for path in args.captures:
        every = records(args.pping, path, "-r", "0")
        seen = packets(path) if tshark else None
        for way in WAYS:
            name = f"{path.rpartition('/')[2]} {' '.join(['-a', str(way[0])] + way[1])}"
            try:
                print("ok %s: %u reports, %u rows, %u RTTs" % (name, *check(args.pping, path, way, every, seen)))
            except Wrong as wrong:
                print(f"# {wrong}\nnot ok {name}")
                failed = True
    if not tshark:
        print("skip traffic: no tshark")
    sys.exit(failed)


if __name__ == "__main__":
    main()
