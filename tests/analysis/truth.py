#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks reports against what was put into the data: truth.py CHECK DATA REPORT. Shares nothing with the analysis."""
import collections
import csv
import glob
import gzip
import ipaddress
import json
import math
import os
import random
import subprocess
import sys

failures = []


def check(what, good, *values):
    if not good:
        failures.append(what)
        print("wrong:", what, *values)


def close(what, value, wanted, tolerance):
    check(what, value is not None and abs(value - wanted) <= tolerance, value, "is not", wanted, "+-", tolerance)


def truth_of(data):
    with open(os.path.join(data, "truth.json")) as file:
        return json.load(file)


def findings_of(report):
    with open(os.path.join(report, "findings.json")) as file:
        return {finding["id"]: finding for finding in json.load(file)}


def table(report, name):
    with open(os.path.join(report, "tables", name + ".csv"), newline="") as file:
        return list(csv.DictReader(file))


def events(data):
    for path in sorted(glob.glob(os.path.join(data, "*.jsonl"))):
        with open(path) as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    pass


def verdicts(found, wanted):
    for name, verdict in wanted.items():
        check(f"verdict of {name}", found[name]["verdict"] == verdict, found[name]["verdict"], found[name]["sentence"])


# --- effects ------------------------------------------------------------------------------


def planted(data, report):
    """What can be seen of what was planted (truth["visible"]) must be found, and nothing that was not planted."""
    truth, found = truth_of(data), findings_of(report)
    wanted = {"variation": truth["visible"]["episodes"] + truth["visible"]["prefixes"], "servers": set(truth["visible"]["servers"]) & set(truth["route"].values()),
              "change": set(truth["visible"]["servers"]) & set(truth["change"].values())}
    for name, seen in wanted.items():
        check(f"verdict of {name}", found[name]["verdict"] == "found" or not seen, found[name]["verdict"], found[name]["sentence"])
    verdicts(found, dict(rtt="found", load="found", quality="found",
                         hours="cannot tell", sizes="described", unmeasured="described", aggregates="described"))
    differences = found["rtt"]["differences"]
    check("IP version is the only difference", [(d["dimension"], d["half"]) for d in differences] == [("IP version", "internet")], differences)
    close("IPv6 difference", differences[0]["difference_ms"], truth["ipv6"]["extra_ms"], 4)

    bloat = truth["bloat"]
    stands = {p["prefix"] for p in found["variation"]["prefixes"]}
    check("prefixes that stand out", set(truth["visible"]["prefixes"]) <= stands <= {bloat["prefix"], bloat["prefix6"]}, stands, truth["visible"])
    episodes = found["variation"]["episodes"]
    times = [[truth["epoch"] + share * truth["seconds"] for share in episode] for episode in bloat["episodes"]]
    for episode in episodes:
        check("episode's prefix", episode["prefix"] in (bloat["prefix"], bloat["prefix6"]) and episode["half"] == "client", episode)
        check("episode's time", any(a - 5 <= episode["from_s"] and episode["to_s"] <= b + 5 for a, b in times), episode, times)
        # from the least RTT of the flow, whose queue may have been full all the time
        check("episode's height", 50 < episode["mean_excess_ms"] < 1.3 * bloat["extra_ms"], episode)
    for seen in truth["visible"]["episodes"]:
        a, b = times[seen["episode"]]
        check(f"the episode of {seen['prefix']} in {a} to {b}", any(e["prefix"] == seen["prefix"] and a - 5 <= e["from_s"] < b for e in episodes), episodes)

    load = [(c["half"], c["against"]) for c in found["load"]["correlations"]]
    check("load of the client half only", load == [("client", "load")], load)
    check("load from counters", found["load"]["counters"])

    route = truth["route"]
    pairs = {(s["server"], s["clients"]) for s in found["servers"]["servers"]}
    seen = set(truth["visible"]["servers"])
    pairs_there = {(route["server"], route["prefix"]), (route["server6"], route["prefix6"])}
    check("the server with a detour", {p for p in pairs_there if p[0] in seen} <= pairs <= pairs_there, pairs, seen)
    for row in found["servers"]["servers"]:
        close("detour", row["difference_ms"], route["extra_ms"], 3)

    change = truth["change"]
    servers = {p["server"] for p in found["change"]["pairs"]}
    servers_there = {change["server"], change["server6"]}
    check("servers that changed", seen & servers_there <= servers <= servers_there, servers, seen)
    for pair in found["change"]["pairs"]:
        close("change", pair["difference_ms"], change["extra_ms"], 3)
        close("time of change", pair["at_s"], truth["epoch"] + change["from"] * truth["seconds"], truth["seconds"] / 8)

    faults, seen = truth["faults"], found["quality"]["facts"]
    check("lost events", seen["lost_events"] == faults["lost_events"], seen)
    check("bad lines", seen["bad_lines"] == faults["bad_lines"], seen)
    check("truncated", seen["truncated"] == 1, seen)
    check("clock steps", len(seen["clock_steps"]) == 1, seen)
    close("clock step", seen["clock_steps"][0], -faults["clock_step_s"], 0.5)
    check("one gap", len(seen["gaps"]) == 1, seen)
    for is_, was in zip(seen["gaps"][0], faults["gap_s"]):
        # the clock of the file before it was set back
        close("gap", is_, was, 7)
    check("evictions", seen["evicted"] > 0, seen)

    rows = table(report, "traffic_kinds")
    kinds = {row["kind"]: int(row["bytes"]) for row in rows}
    wanted = collections.Counter()
    rtts = 0
    for event in events(data):
        if "ip_prefix" in event:
            rtts += event["count_rtt"]
            for kind, name in (("tcp_ts", "TCP with timestamps"), ("tcp_no_ts", "TCP without timestamps"), ("other", "other than TCP")):
                wanted[name] += event["rx_stats"][kind]["bytes"]
    check("kinds of traffic", kinds == dict(wanted), kinds, wanted)
    check("RTTs of aggregates", int(table(report, "aggregates")[0]["samples"]) == rtts)


def absent(data, report):
    found = findings_of(report)
    verdicts(found, dict(rtt="not found", variation="not found", load="not found", servers="not found", change="not found",
                         hours="cannot tell", quality="not found"))
    load(data, report)
    sizes(data, report)


def sizes(data, report):
    """Lengths and sizes are those of the closing events."""
    opened, seconds, bytes_ = set(), collections.defaultdict(list), collections.defaultdict(lambda: [0, 0])
    for event in events(data):
        key = tuple(event.get(k) for k in ("src_ip", "src_port", "dest_ip", "dest_port", "protocol"))
        if event.get("flow_event") == "opening":
            opened.add(key)
        elif event.get("flow_event") == "closing":
            bytes_[event["protocol"]][0] += event["rec_bytes"]
            bytes_[event["protocol"]][1] += event["sent_bytes"]
            if key in opened:
                seconds[event["protocol"]].append(event["duration"] / 1e9)
    for row in table(report, "connections"):
        wanted = sorted(seconds[row["proto"]])
        check("connections seen whole", int(row["seen_whole"]) == len(wanted), row, len(wanted))
        close("their median length", float(row["p50_s"]), wanted[math.ceil(len(wanted) / 2) - 1], 1e-6)
        for i, name in enumerate(("down_bytes", "up_bytes")):
            # a few have not closed in these data
            check(name, 1 <= float(row[name]) / bytes_[row["proto"]][i] < 1.3, row, bytes_[row["proto"]])


def load(data, report):
    """What passed in each second, by the counters of each connection: servers are in 198.51.100.0/24 and 2001:db8:ffff::/48."""
    at = collections.defaultdict(lambda: [0, 0])
    for event in events(data):
        if "rtt" in event:
            server = event["src_ip"].startswith(("198.51.100.", "2001:db8:ffff:"))
            ends = sorted([(event["src_ip"], event["src_port"]), (event["dest_ip"], event["dest_port"])])
            bytes_ = at[ends[0], ends[1], event["protocol"], event["timestamp"] // 10**9]
            up, down = ("sent_bytes", "rec_bytes") if server else ("rec_bytes", "sent_bytes")
            bytes_[0] = max(bytes_[0], event[up])
            bytes_[1] = max(bytes_[1], event[down])
    before, wanted = {}, collections.defaultdict(lambda: [0, 0])
    for key in sorted(at):
        was = before.get(key[:3], [0, 0])
        for i in (0, 1):
            wanted[key[3]][i] += max(0, at[key][i] - was[i])
        before[key[:3]] = at[key]
    found = {int(row["sec"]): [int(row["up_bytes"]), int(row["down_bytes"])] for row in table(report, "load")}
    check("load by second", found == dict(wanted), len(found), len(wanted), next(((s, found.get(s), wanted[s]) for s in wanted if found.get(s) != wanted[s]), None))


def hours(data, report):
    found = findings_of(report)
    verdicts(found, dict(hours="found", variation="not found", servers="not found", change="not found", quality="not found"))
    halves = [half["half"] for half in found["hours"]["halves"]]
    check("the client half has hours", halves == ["client"], halves)
    rows = [row for row in table(report, "hours") if row["half"] == "client"]
    high = {int(row["hour"]) for row in rows if float(row["p50_ms"]) > 1.4 * min(float(r["p50_ms"]) for r in rows)}
    truth = truth_of(data)["hours"]
    check("hours", high == set(range(truth["from_hour"], truth["to_hour"])), high)


def no_hours(data, report):
    verdicts(findings_of(report), dict(rtt="not found", hours="not found", quality="not found"))


# --- percentiles --------------------------------------------------------------------------


def exact(data, report):
    """Percentiles of one half by weights of flows, in exact fractions of integers, and what is in the rows of flows."""
    samples = collections.defaultdict(list)
    net4, net6 = ipaddress.ip_network("10.64.0.0/10"), ipaddress.ip_network("2001:db8:1000::/36")
    halves = {}
    for event in events(data):
        if "rtt" in event:
            src = event["src_ip"]
            if src not in halves:
                address = ipaddress.ip_address(src)
                halves[src] = "client" if address in (net4 if address.version == 4 else net6) else "internet"
            samples[halves[src], src, event["src_port"], event["dest_ip"], event["dest_port"], event["protocol"]].append(event["rtt"])
    flows = {(row["half"], row["src_ip"], int(row["src_port"]), row["dst_ip"], int(row["dst_port"]), row["proto"]): row for row in table(report, "flows")}
    # the tuples of these data are used once
    check("flows", set(flows) == set(samples), len(flows), len(samples))
    for key, rtts in samples.items():
        rtts.sort()
        n, row = len(rtts), flows[key]
        wanted = (n, rtts[math.ceil(0.5 * n) - 1], rtts[max(0, math.ceil(0.95 * n - 1e-9) - 1)])
        check("a flow", (int(row["n"]), int(row["rtt_p50"]), int(row["rtt_p95"])) == wanted, row, wanted)
        if failures:
            break
    for row in table(report, "rtt"):
        if row["dimension"] != "half":
            continue
        mine = {key: rtts for key, rtts in samples.items() if key[0] == row["half"]}
        every = sorted((rtt, 1 / len(rtts)) for rtts in mine.values() for rtt in rtts)
        total = len(mine)
        check("RTTs of a half", int(row["samples"]) == len(every))
        for p, name in ((0.05, "p5_ms"), (0.25, "p25_ms"), (0.5, "p50_ms"), (0.75, "p75_ms"), (0.95, "p95_ms"), (0.99, "p99_ms")):
            upto, value = 0.0, None
            for value, weight in every:
                upto += weight
                if upto >= p * total - 1e-6:
                    break
            close(f"{row['half']} {name}", float(row[name]), value / 1e6, 1e-6 * value / 1e6)
        for p, name in ((0.5, "sample_p50_ms"), (0.95, "sample_p95_ms"), (0.99, "sample_p99_ms")):
            close(f"{row['half']} {name}", float(row[name]), every[math.ceil(p * len(every) - 1e-9) - 1][0] / 1e6, 0)
        check("the interval has the median in it", float(row["p50_lo_ms"]) <= float(row["p50_ms"]) <= float(row["p50_hi_ms"]), row)
        # the usual interval of a median by ranks of flows' medians is of the same size
        medians = sorted(sorted(rtts)[len(rtts) // 2] / 1e6 for rtts in mine.values())
        half = 0.98 * math.sqrt(total)
        width = medians[min(total - 1, int(total / 2 + half))] - medians[max(0, int(total / 2 - half))]
        check("width of the interval", 0.4 * width < float(row["p50_hi_ms"]) - float(row["p50_lo_ms"]) < 2.5 * width, row, width)


# --- formats ------------------------------------------------------------------------------


def zstd(path, text):
    with open(path, "wb") as file:
        subprocess.run(["zstd", "-q", "-c"], input=text.encode(), stdout=file, check=True)


def vary(data, out):
    """The four files of a run again: one as it is, one gzip, one zstd, one an array, and one of another interface."""
    paths = sorted(glob.glob(os.path.join(data, "*.jsonl")))
    texts = [open(path).read() for path in paths]
    names = [os.path.join(out, os.path.basename(path)) for path in paths]
    with open(names[0], "w") as file:
        file.write(texts[0])
    with gzip.open(names[1] + ".gz", "wt") as file:
        file.write(texts[1])
    zstd(names[2] + ".zst", texts[2])
    with open(names[3].replace(".jsonl", ".json"), "w") as file:
        file.write("[\n" + ",\n".join(texts[3].splitlines()) + "\n]\n")
    # a run record names its interface; addresses were removed, flows have numbers
    lines = ['{"run":"begin","file":0,"version":"1","interface":"eth\\"1"}']
    for line in texts[0].splitlines():
        event = json.loads(line)
        for key in ("src_ip", "dest_ip"):
            event.pop(key, None)
        event["flow_id"] = f"{hash((min(event['src_port'], event['dest_port']), max(event['src_port'], event['dest_port']))) & 0xffff:016x}"
        # one run of two interfaces
        event["interface"] = f"ppp{int(event['flow_id'], 16) % 2}"
        lines.append(json.dumps(event, separators=(",", ":")))
    with open(os.path.join(out, "other.log"), "w") as file:
        file.write("\n".join(lines) + "\n")


def formats(data, report):
    found, files = findings_of(report), table(report, "files")
    check("nothing is wrong but addresses", set(k for k, v in found["quality"]["facts"].items() if v) == {"no_address"}, found["quality"]["facts"])
    check("compressions", sorted(f["compression"] for f in files) == ["gzip", "none", "none", "none", "zstd"], files)
    check("two interfaces", sorted({f["source"] for f in files}) == ["eth\"1", "eth0"], [f["source"] for f in files])
    rtts = sum(1 for event in events(data) if "rtt" in event)
    check("all RTTs", sum(int(f["rtts"]) for f in files if f["source"] == "eth0") == rtts, files)
    verdicts(found, dict(hours="cannot tell", load="cannot tell", rtt="not found"))
    check("relative time is said", "relative" in found["hours"]["sentence"], found["hours"]["sentence"])
    check("no counters is said", "--counters" in found["load"]["sentence"], found["load"]["sentence"])
    rows = table(report, "rtt")
    check("interfaces are told apart", {row["what"] for row in rows if row["dimension"] == "interface"} == {"eth0", "ppp0", "ppp1"})


PARTS = 12


def parts(text):
    lines = text.encode().splitlines(keepends=True)
    return [b"".join(lines[i * len(lines) // PARTS:(i + 1) * len(lines) // PARTS]) for i in range(PARTS)]


def damage(data, out):
    os.mkdir(out)
    paths = sorted(glob.glob(os.path.join(data, "*.jsonl")))
    texts = [open(path).read() for path in paths]
    random.seed(1)
    whole = subprocess.run(["zstd", "-q", "-c"], input=texts[0].encode(), stdout=subprocess.PIPE, check=True).stdout
    with open(os.path.join(out, "a.jsonl.zst"), "wb") as file:  # two frames, the second corrupt in its middle
        file.write(whole + whole[:len(whole) // 2] + bytes(random.randrange(256) for _ in range(200)) + whole[len(whole) // 2 + 200:])
    with open(os.path.join(out, "b.jsonl.gz"), "wb") as file:
        file.write(gzip.compress(texts[1].encode())[:-5000])
    lines = texts[2].splitlines()
    with open(os.path.join(out, "c.jsonl"), "wb") as file:
        file.write("\n".join(lines[:100]).encode() + b"\n16:00:46.142279766 5.425439 ms 5.261430 ms TCP 10.0.0.1:443+10.0.0.2:59528\n"
                   b"1700000000.142279766 0.005425439 0.005261430 10.0.0.1:443+10.0.0.2:59528\n\xff\xfe\x00\x01\n"
                   + b"x" * 5000000 + b"\n" + b'{"timestamp":1767225601000000000,"rtt":-5}\n{"rtt":"long"}\n[1]\n7\nnull\n'
                   + "\n".join(lines[100:]).encode() + b"\n" + lines[0].encode()[:70])
    with open(os.path.join(out, "d.jsonl"), "w") as file:
        for i, line in enumerate(texts[3].splitlines()):
            event = json.loads(line)
            if "rtt" in event:
                for key in (("timestamp",), ("src_ip", "dest_ip"), ("src_port", "dest_port"), ("min_rtt", "protocol"), ())[i % 5]:
                    del event[key]
            file.write(json.dumps(event) + "\n")
    open(os.path.join(out, "e.jsonl"), "w").close()
    # many frames and members, as pping writes them: in the fourth's content, the seventh's beginning, and one bit of the tenth
    for name, compress in (("f.jsonl.zst", lambda part: subprocess.run(["zstd", "-q", "-1", "-c"], input=part, stdout=subprocess.PIPE, check=True).stdout),
                           ("g.jsonl.gz", lambda part: gzip.compress(part, 1))):
        packed = [bytearray(compress(part)) for part in parts(texts[0])]
        middle = len(packed[3]) // 2
        packed[3][middle:middle + 50] = bytes(50)
        packed[6][:20] = b"x" * 20
        packed[9][len(packed[9]) // 2] ^= 16
        with open(os.path.join(out, name), "wb") as file:
            file.write(b"".join(packed))


def damaged(data, report):
    found, files = findings_of(report), {os.path.basename(f["path"]): f for f in table(report, "files")}
    facts = found["quality"]["facts"]
    paths = sorted(glob.glob(os.path.join(data, "*.jsonl")))
    rtts = [sum('"rtt"' in line for line in open(path)) for path in paths]
    names = ("a.jsonl.zst", "b.jsonl.gz", "f.jsonl.zst", "g.jsonl.gz")
    check("damaged files", facts["damaged"] == 4 and all(files[n]["problem"] for n in names), files)
    counts = [part.count(b'"rtt"') for part in parts(open(paths[0]).read())]
    bad = {3, 6, 9}
    for name in names[2:]:
        row = files[name]
        check(f"what is not damaged of {name}", sum(n for i, n in enumerate(counts) if i not in bad) <= int(row["rtts"]) < sum(counts), row, counts)
        check(f"how much of {name} is damaged", f"of {PARTS} " in row["problem"] and " 3 are damaged" in row["problem"] and 0 < int(row["damaged_bytes"]) < int(row["bytes"]) / 3, row)
        check(f"lines of {name} that can't be read", int(row["bad_lines"]) <= 3 + int(row["truncated_last_line"]), row)
    # a bit that gzip's checksum finds: nothing of that member is believed
    check("members with a wrong checksum", int(files["g.jsonl.gz"]["rtts"]) <= sum(n for i, n in enumerate(counts) if i not in (6, 9)), files["g.jsonl.gz"], counts)
    check("what came before the damage", rtts[0] <= int(files["a.jsonl.zst"]["rtts"]) < 2 * rtts[0], files["a.jsonl.zst"], rtts[0])
    check("what came before the cut", 0.3 * rtts[1] < int(files["b.jsonl.gz"]["rtts"]) < rtts[1], files["b.jsonl.gz"], rtts[1])
    check("all of the mixed file", int(files["c.jsonl"]["rtts"]) == rtts[2], files["c.jsonl"], rtts[2])
    check("its bad lines", int(files["c.jsonl"]["bad_lines"]) == 4 and int(files["c.jsonl"]["truncated_last_line"]) == 1 and int(files["c.jsonl"]["other_objects"]) == 5, files["c.jsonl"])
    check("other formats are named", {"standard format", "ppviz format"} <= {row["what"] for row in table(report, "not_json")})
    check("RTTs without fields", int(files["d.jsonl"]["rtts"]) == rtts[3] and facts["no_time"] > 0 and facts["no_address"] > 0, files["d.jsonl"], facts)
    check("an empty file", int(files["e.jsonl"]["lines"]) == 0)
    check("the rest is analysed", int(table(report, "rtt")[0]["samples"]) > 0 and found["rtt"]["verdict"] != "cannot tell")


def nothing(data, report):
    found = findings_of(report)
    check("nothing is claimed", all(f["verdict"] in ("cannot tell", "described") for n, f in found.items() if n != "quality"), found)
    check("no RTT is said", "no RTT" in found["quality"]["sentence"] and found["quality"]["facts"]["lost_events"] == 3, found["quality"])


globals()[sys.argv[1]](*sys.argv[2:])
sys.exit(1 if failures else 0)
