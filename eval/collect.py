#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes one line of runs.jsonl from what a run left: the hosts' counters (sample.py), what the monitor
printed, its last summary, and in an accuracy run the capture and ping. --tell prints a line in words.

A line has the run's settings, its totals and medians, and "seconds", a list with one entry per second;
README.md lists the fields. Rates are per second of the host's own clock."""

import argparse
import json
import os
import re
import statistics
import sys

import accuracy
from rtts import Output

# Of Ethernet, IPv4 and TCP with timestamps: what a packet has besides its data.
HEADERS = 66
TICKS = os.sysconf("SC_CLK_TCK")
CPU_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
# What the made captures have for the sink (make_capture.py).
REPLAY_SERVER = "198.19.0.1"
CLEANING = re.compile(r"cleaning: (\d+) flows in (\d+) us \(longest piece (\d+) us\), removed (\d+) idle, (\d+) closed, "
                      r"(\d+) unanswered")
# The summary's words, and what we call them.
SUMMARY = {"packets": (r"packets  (\d+) seen", r"packets  (\d+) read"),
           "tracked": (r"(\d+) tracked",),
           "matched": (r"RTTs     (\d+) from",),
           "stamped": (r"RTTs     \d+ from (\d+) timestamps",),
           "overwritten": (r"(\d+) timestamps overwritten",),
           "passed_over": (r"(\d+) timestamps passed over",),
           "emitted": (r"events   (\d+) handed over",),
           "passed_on": (r"handed over, (\d+) passed on",),
           "flows": (r"flows    (\d+) in both",),
           "evicted": (r"(\d+) evicted",),
           "refused_flows": (r"(\d+) got no entry",),
           "put_off": (r"(\d+) packets of new flows put off",),
           "aggregated": (r"(\d+) RTTs aggregated",)}


def read_lines(path):
    """objects of a JSON lines file; a last line cut short is left out"""
    rows = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    break
    except FileNotFoundError:
        pass
    return rows


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def rounded(value, digits=2):
    return value if value is None else round(value, digits)


def cpu_percent(before, after):
    """of all cores together, 100 for each that is busy all the time"""
    out = dict.fromkeys((*CPU_FIELDS, "busy"), 0.0)
    for one, two in zip(before, after):
        spent = [b - a for a, b in zip(one, two)]
        total = sum(spent) or 1
        for name, ticks in zip(CPU_FIELDS, spent):
            out[name] += 100 * ticks / total
        out["busy"] += 100 * (total - spent[3] - spent[4]) / total
    return out


def rate(before, after, *path):
    for name in path:
        before, after = before.get(name, {}), after.get(name, {})
    if before == {} or after == {}:
        return 0.0
    return after - before


class Run:
    def __init__(self, args):
        self.args = args
        self.clock = {word.split("=")[0]: float(word.split("=")[1]) for word in args.clock}
        self.rows = {role: read_lines(f"{args.raw}/sample-{role}.out") for role in ("gen", "router", "sink")}
        self.status = args.status
        self.monitored = args.monitor != "none"

    def seconds(self):
        """one entry for each second that all hosts have counted"""
        out = []
        for i in range(min(len(rows) for rows in self.rows.values()) - 1):
            now = {role: (rows[i], rows[i + 1]) for role, rows in self.rows.items()}
            out.append({"second": i, **self.traffic(now), **self.effort(*now["router"])})
        return out

    @staticmethod
    def traffic(now):
        lasted = {role: after["t"] - before["t"] for role, (before, after) in now.items()}
        sink, gen = now["sink"], now["gen"]
        # A sink whose packets its kernel doesn't see (DPDK): what the router sends to it and gets from it.
        link, up, down = (sink, "rx", "tx") if sink[1]["if"] else (now["router"], "tx", "rx")
        time = link[1]["t"] - link[0]["t"]

        def payload(side):
            octets, packets = rate(*link, "if", f"{side}_bytes"), rate(*link, "if", f"{side}_packets")
            return max(0.0, octets - HEADERS * packets) * 8 / 1e6 / time

        return {
            "up_mbps": rounded(payload(up), 1),
            "down_mbps": rounded(payload(down), 1),
            "sink_rx_pps": rounded(rate(*link, "if", f"{up}_packets") / time, 0),
            "sink_tx_pps": rounded(rate(*link, "if", f"{down}_packets") / time, 0),
            "gen_tx_pps": rounded(rate(*gen, "if", "tx_packets") / lasted["gen"], 0),
            "retransmitted": int(rate(*gen, "tcp", "RetransSegs") + rate(*sink, "tcp", "RetransSegs")),
            "connections": rounded((rate(*gen, "tcp", "ActiveOpens") - rate(*gen, "tcp", "AttemptFails"))
                                   / lasted["gen"], 0),
            "flows_now": gen[1]["tcp"].get("CurrEstab", 0),
        }

    def effort(self, before, after):
        lasted = after["t"] - before["t"]
        cpu = cpu_percent(before["cpu"], after["cpu"])
        out = {f"cpu_{name}": rounded(cpu[name], 1) for name in ("busy", "user", "system", "softirq", "steal")}
        if self.monitored and "program" in after:
            one, two = before["program"], after["program"]
            out["monitor_user"] = rounded(100 * (two["user"] - one["user"]) / TICKS / lasted)
            out["monitor_system"] = rounded(100 * (two["system"] - one["system"]) / TICKS / lasted)
            # that of its threads now alive; those that ended are in the ticks only
            out["monitor_cpu"] = rounded(max((two["ns"] - one["ns"]) / 1e7 / lasted, 0), 3)
            out["monitor_rss_kib"] = two["rss"] // 1024
        return out

    def programs(self):
        """run time (ns) and runs of each BPF program between the first and the last count"""
        rows = [row["program"] for row in self.rows["router"] if "program" in row]
        if len(rows) < 2:
            return {}
        first = {info[0]: info[1:] for info in rows[0]["bpf"]}
        out = {}
        for name, ns, runs in rows[-1]["bpf"]:
            before = first.get(name, [0, 0])
            if runs - before[1]:
                out[name] = {"ns": ns - before[0], "runs": runs - before[1]}
        return out

    def cleaning(self):
        out = []
        for second, row in enumerate(self.rows["router"]):
            for line in row.get("program", {}).get("said", []):
                if (match := CLEANING.search(line)) and second:
                    entries, us, longest, *removed = map(int, match.groups())
                    out.append({"second": second - 1, "entries": entries, "removed": sum(removed), "us": us,
                                "longest_us": longest})
        return out

    def add_rtts(self, seconds, output):
        """reported RTTs of each second by direction, and losses"""
        args, begin = self.args, self.args.start + self.clock["router"]
        answers = {args.sink: "sink", REPLAY_SERVER: "sink"}
        found = [{"sink": [], "gen": []} for _ in seconds]
        for time, source, *_, rtt in output.rtts:
            if 0 <= (second := int(time - begin) if time >= begin else -1) < len(found):
                found[second][answers.get(source, "gen")].append(rtt)
        for row, sides in zip(seconds, found):
            row["rtts_sink"], row["rtts_gen"] = len(sides["sink"]), len(sides["gen"])
            values = sorted(sides["sink"] + sides["gen"])
            for name, share in (("rtt_median_us", 0.5), ("rtt_p99_us", 0.99)):
                row[name] = rounded(values[int(share * (len(values) - 1))] * 1e6, 1) if values else None
            row["lost"] = 0
        prefixes = {args.sink.rpartition(".")[0]: "sink", REPLAY_SERVER.rpartition(".")[0]: "sink"}
        for time, prefix, count in output.counted:
            # a report tells of the interval before it
            if 0 <= (second := int(time - begin - 0.5)) < len(seconds):
                side = prefixes.get(prefix.partition("/")[0].rpartition(".")[0], "gen")
                seconds[second][f"rtts_{side}"] += count
        for time, count in output.lost:
            if 0 <= (second := int(time - begin)) < len(seconds):
                seconds[second]["lost"] += count

    def summary(self):
        """what pping said at its end, of its whole run"""
        said = read_text(f"{self.args.raw}/monitor.err").rpartition("pping: ")[2]
        out = {}
        if "handed over" not in said:
            return out
        for name, patterns in SUMMARY.items():
            match = next(filter(None, (re.search(pattern, said) for pattern in patterns)), None)
            out[name] = int(match[1]) if match else 0
        out["lost"] = sum(map(int, re.findall(r"(\d+) events lost", said)))
        return out

    def verdict(self, seconds):
        if self.status == "ok" and len(seconds) < self.args.seconds:
            self.status = "not all seconds were counted"
        if self.status == "ok" and self.monitored:
            rows = [row["program"]["pids"] for row in self.rows["router"]]
            if min(rows) == 0:
                self.status = "the monitor died" + (f" with {self.args.ended}" if self.args.ended else "")
        dropped = re.search(r"(\d+) packets dropped by kernel", read_text(f"{self.args.raw}/capture.err"))
        if self.status == "ok" and dropped and int(dropped[1]):
            self.status = f"the capture lost {dropped[1]} packets"
        if self.status == "ok" and not any(row["sink_rx_pps"] for row in seconds):
            self.status = "no traffic"

    def line(self):
        args, seconds = self.args, self.seconds()
        output = Output(f"{args.raw}/monitor.out", args.start)
        out = {"number": args.number, "kind": args.kind, "load": args.load, "repeat": args.repeat,
               "monitor": args.monitor}
        if seconds:
            self.add_rtts(seconds, output)
        self.verdict(seconds)
        out["status"] = self.status
        out["start"] = rounded(args.start, 3)
        if self.status != "ok":
            words = read_text(f"{args.raw}/monitor.err").strip().splitlines()
            out["said"] = words[-1][:200] if words else ""
        for name in seconds[0] if seconds else ():
            values = [row[name] for row in seconds if row.get(name) is not None]
            if name != "second" and values:
                # totals of what is counted, means of what is a level or a rate
                total = name in ("retransmitted", "lost")
                out[name] = sum(values) if total else rounded(statistics.fmean(values))
        out["score"], out["unit"] = self.score(out)
        if self.monitored:
            maps = [row["program"]["maps"] for row in self.rows["router"] if "maps" in row.get("program", {})]
            out["maps_kib"] = maps[-1] // 1024 if maps else 0
            out["programs"] = self.programs()
            out["cleaning"] = self.cleaning()
            out["summary"] = self.summary()
        if args.kind == "accuracy" and self.status == "ok":
            out["accuracy"] = accuracy.judge(args.raw, output, args.sink, args.generator, args.delay_us)
        out["seconds"] = seconds
        return out

    def score(self, out):
        """what the loads of this kind are compared by"""
        kind = self.args.load.split("-")[0]
        if kind == "short":
            return out.get("connections", 0), "connections/s"
        if kind in ("replay", "samples", "capture") or self.args.load.endswith("-pps"):
            return rounded(out.get("sink_rx_pps", 0) / 1e3), "kpackets/s"
        return rounded(out.get("up_mbps", 0) + out.get("down_mbps", 0)), "Mbit/s"


def tell(path):
    with open(path, encoding="utf-8") as file:
        run = json.loads(file.read())
    if run["status"] != "ok":
        return f"NOT USED: {run['status']}" + (f" ({run['said']})" if run.get("said") else "")
    words = [f"{run['score']:9.0f} {run['unit']}", f"CPU {run['cpu_busy']:.0f} %"]
    rtts = run.get("rtts_sink", 0) + run.get("rtts_gen", 0)
    if rtts:
        words.append(f"{rtts:.0f} RTTs/s")
    if run.get("summary", {}).get("lost"):
        words.append(f"{run['summary']['lost']} lost")
    return ", ".join(words)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--tell":
        print(tell(sys.argv[2]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("raw")
    for name in ("number", "repeat", "seconds"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("start", "delay-us"):
        parser.add_argument(f"--{name}", type=float)
    for name in ("kind", "load", "monitor", "status", "ended", "sink", "generator"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--clock", action="append", default=[])
    print(json.dumps(Run(parser.parse_args()).line(), separators=(",", ":")))


if __name__ == "__main__":
    main()
