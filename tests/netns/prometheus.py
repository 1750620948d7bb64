#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a Prometheus server that has scraped pping.

  prometheus.py URL scraped N              whether it has scraped N times without an error
  prometheus.py URL quantiles JSONL        its quantiles against the samples in a pping's jsonl
  prometheus.py URL dashboard FILE IF      runs each query of a Grafana dashboard

A quantile is right if it is in the bucket of the sample that is that quantile."""

import json
import re
import sys
import urllib.parse
import urllib.request

PROTOCOLS = {"TCP": ("TCP",), "ICMP": ("ICMP", "ICMPv6")}
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def query(url, expression):
    """[(labels, value)] of an instant query"""
    parameters = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{url}/api/v1/query?{parameters}", timeout=10) as reply:
        answer = json.load(reply)
    assert answer["status"] == "success", answer
    return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]


def single(url, expression):
    rows = query(url, expression)
    assert len(rows) == 1, f"{expression}: {rows}"
    return rows[0][1]


def scraped(url, times):
    done = single(url, 'count_over_time(up{job="pping"}[1h])')
    failed = done - single(url, 'sum_over_time(up{job="pping"}[1h])')
    print(f"{done:.0f} scrapes, {failed:.0f} failed")
    return done >= int(times) and not failed


def samples_of(jsonl):
    samples = {protocol: [] for protocol in PROTOCOLS}
    with open(jsonl, encoding="ascii") as lines:
        for line in lines:
            record = json.loads(line)
            for protocol, names in PROTOCOLS.items():
                if "rtt" in record and record["protocol"] in names:
                    samples[protocol].append(record["rtt"] / 1e9)
    return samples


def bucket_of(bounds, value):
    """the bounds of the bucket that value is in"""
    lower = 0.0
    for upper in bounds:
        if value <= upper:
            return lower, upper
        lower = upper
    raise AssertionError(f"{value} s is in no bucket")


def check_quantile(url, protocol, values, bounds, q):
    values.sort()
    rank = q * len(values)
    # where two buckets meet at this rank, either is right
    near = {values[min(len(values) - 1, max(0, int(rank + d)))] for d in (-1, 0)}
    # two ways to ask: over all time, and as dashboards do
    metric = f'pping_rtt_seconds_bucket{{protocol="{protocol}"}}'
    good = True
    for what in (metric, f"rate({metric}[1m])"):
        got = single(url, f"histogram_quantile({q}, sum by (le) ({what}))")
        right = any(lower <= got <= upper for lower, upper in (bucket_of(bounds, v) for v in near))
        good &= right
        print(f"{protocol} {q:4}: samples {values[int(rank)] * 1e3:.3f} ms, Prometheus {got * 1e3:.3f} ms"
              f"{'' if right else '  WRONG'}")
    return good


def quantiles(url, jsonl):
    rows = query(url, 'count by (le) (pping_rtt_seconds_bucket)')
    bounds = sorted(float(labels["le"]) for labels, _ in rows)
    good = True
    for protocol, values in samples_of(jsonl).items():
        counted = single(url, f'pping_rtt_seconds_count{{protocol="{protocol}"}}')
        total = single(url, f'pping_rtt_seconds_sum{{protocol="{protocol}"}}')
        print(f"{protocol}: {len(values)} samples, {sum(values):.9f} s; "
              f"Prometheus {counted:.0f}, {total:.9f} s")
        good &= counted == len(values) > 50 and abs(total - sum(values)) < 1e-6
        for q in QUANTILES:
            good &= check_quantile(url, protocol, values, bounds, q)
    return good


def expressions(panels):
    for panel in panels:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))
        yield from expressions(panel.get("panels", []))


def dashboard(url, path, interface):
    with open(path, encoding="utf-8") as text:
        board = json.load(text)
    good, count = True, 0
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for title, expression in expressions(board["panels"]):
        expression = expression.replace("$__rate_interval", "15s").replace("$interface", interface)
        assert not re.search(r"\$", expression), f"{title}: a variable nobody sets: {expression}"
        rows = query(url, expression)
        right = bool(rows) and all(value == value for _, value in rows)
        print(f"{title}: {len(rows)} rows{'' if right else '  WRONG: ' + expression}")
        good &= right
        count += 1
    return good and count > 10


if __name__ == "__main__":
    command = {"scraped": scraped, "quantiles": quantiles, "dashboard": dashboard}[sys.argv[2]]
    sys.exit(0 if command(sys.argv[1], *sys.argv[3:]) else 1)
