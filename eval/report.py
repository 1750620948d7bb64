#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From DIR/runs.jsonl and DIR/machine.json: REPORT.md, tidy CSV files, and what gnuplot draws
(DIR/plot/*.dat). Called by plot_results.sh.  Usage: report.py DIR"""

import csv
import json
import math
import os
import statistics
import sys

from statistics_of import interval, verdict, word

LISTS = ("seconds", "cleaning", "programs", "summary", "accuracy")
ORDER = ("none", "empty-tc", "empty-xdp", "tc-r100", "tc-r0", "tc-a1", "tc-nopush", "xdp-r100", "xdp-r0", "xdp-a1",
         "xdp-nopush")
MONITORS = {
    "none": "none",
    "empty-tc": "empty program, tc",
    "empty-xdp": "empty program, XDP",
    "tc-nopush": "pping tc, no events pushed",
    "xdp-nopush": "pping XDP, no events pushed",
}


# The line type of each in all figures (common.gp).
LINE_TYPES = {"none": 1, "tc-r100": 2, "tc-r0": 3, "tc-nopush": 4, "xdp-r100": 5, "tc-a1": 6, "empty-tc": 7, "empty-xdp": 8,
              "xdp-r0": 9}


def monitor_name(name):
    if name in MONITORS:
        return MONITORS[name]
    hook, _, mode = name.partition("-")
    if hook in ("tc", "xdp") and mode[1:].isdigit():
        return f"pping {'XDP' if hook == 'xdp' else hook} {'-r' if mode[0] == 'r' else '-a'} {mode[1:]}"
    return name


def load_name(name):
    kind, _, count = name.partition("-")
    flows = f"{count} flow{'' if count == '1' else 's'}"
    return {
        "bulk": f"upload, {flows}",
        "download": f"download, {flows}",
        "both": f"both ways, {flows} each",
        "paced": f"{flows} of 10 Mbit/s",
        "short": f"a connection per request, {count} at a time",
        "replay": "replay, unpaced" if count == "max" else f"replay, {count},000 packets/s",
        "samples": f"replay, {count},000 packets/s, half of them samples",
        "capture": "the user's capture, unpaced",
    }.get(kind, name)


def by_order(names):
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def by_load(names):
    kinds = ("bulk", "download", "both", "paced", "short", "replay", "samples", "capture")

    def key(name):
        kind, _, count = name.partition("-")
        return (kinds.index(kind) if kind in kinds else len(kinds), int(count) if count.isdigit() else 10**6, name)

    return sorted(names, key=key)


def number(value, digits=3):
    """so many significant digits, thousands apart"""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    size = abs(value)
    places = max(0, digits - 1 - int(math.floor(math.log10(size))))
    return f"{value:,.{places}f}"


def span(found, digits=3):
    middle, low, high = found
    if middle is None:
        return "-"
    if low is None:
        return number(middle, digits)
    return f"{number(middle, digits)} ({number(low, digits)} to {number(high, digits)})"


def ratio_span(found):
    middle, low, high = found
    if middle is None:
        return "-"
    return f"{middle:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else "")


def table(head, rows):
    if not rows:
        return "(no runs)\n"
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(" --- " for _ in head) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


class Study:
    def __init__(self, directory):
        self.directory = directory
        with open(f"{directory}/machine.json", encoding="utf-8") as file:
            self.machine = json.load(file)
        runs = {}
        with open(f"{directory}/runs.jsonl", encoding="utf-8") as file:
            for line in file:
                try:
                    run = json.loads(line)
                except ValueError:
                    continue  # the run that was interrupted
                runs[run["number"]] = run
        self.all = [runs[key] for key in sorted(runs)]
        self.bad = [run for run in self.all if run["status"] != "ok"]
        self.good = [run for run in self.all if run["status"] == "ok"]

    def runs(self, kind, load=None, monitor=None):
        return [run for run in self.good if run["kind"] == kind and load in (None, run["load"])
                and monitor in (None, run["monitor"])]

    def loads(self, kind):
        return by_load({run["load"] for run in self.runs(kind)})

    def monitors(self, kind, load=None):
        return by_order({run["monitor"] for run in self.runs(kind, load)})

    def values(self, kind, load, monitor, field):
        return [run[field] for run in self.runs(kind, load, monitor) if run.get(field) is not None]

    def ratios(self, load, monitor, field="score", base="none", kind="compare"):
        """to no monitor, of the same repetition"""
        bases = {run["repeat"]: run[field] for run in self.runs(kind, load, base) if run.get(field)}
        return [run[field] / bases[run["repeat"]] for run in self.runs(kind, load, monitor)
                if run["repeat"] in bases and run.get(field) is not None]

    def differences(self, load, monitor, field, base="none"):
        bases = {run["repeat"]: run for run in self.runs("compare", load, base)}
        return [(run, bases[run["repeat"]], run[field] - bases[run["repeat"]][field])
                for run in self.runs("compare", load, monitor) if run["repeat"] in bases]


# --- tidy files ---------------------------------------------------------------------------


def write_csv(path, rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, names, lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def write_tidy(study):
    directory = study.directory
    runs, seconds, programs, cleaning = [], [], [], []
    for run in study.all:
        key = {name: run[name] for name in ("number", "kind", "load", "repeat", "monitor")}
        flat = {name: value for name, value in run.items() if name not in LISTS and name != "said"}
        runs.append({**flat, **{f"pping_{name}": value for name, value in run.get("summary", {}).items()}})
        seconds += [{**key, **row} for row in run["seconds"]]
        programs += [{**key, "program": name, **row} for name, row in run.get("programs", {}).items()]
        cleaning += [{**key, **row} for row in run.get("cleaning", [])]
    for name, rows in (("runs", runs), ("seconds", seconds), ("programs", programs), ("cleaning", cleaning)):
        write_csv(f"{directory}/{name}.csv", rows)


# --- figures' data --------------------------------------------------------------------------


class Figures:
    """Blocks of columns, one block a monitor, its name as title; gnuplot draws what there is."""

    def __init__(self, study):
        self.study, self.directory = study, f"{study.directory}/plot"
        os.makedirs(self.directory, exist_ok=True)
        for name in os.listdir(self.directory):
            if name.endswith((".dat", ".types")):
                os.remove(f"{self.directory}/{name}")

    def write(self, name, blocks):
        """blocks: (monitor or any title, rows)"""
        blocks = [(title, rows) for title, rows in blocks if rows]
        if not blocks:
            return
        others = iter(range(10, 100))
        with open(f"{self.directory}/{name}.types", "w", encoding="utf-8") as file:
            print(*(LINE_TYPES.get(title) or next(others) for title, _ in blocks), file=file)
        with open(f"{self.directory}/{name}.dat", "w", encoding="utf-8") as file:
            for title, rows in blocks:
                file.write(f'"{monitor_name(title)}"\n')
                for row in rows:
                    file.write(" ".join("NaN" if cell is None else f"{cell:.6g}" for cell in row) + "\n")
                file.write("\n\n")

    def over_time(self, load, monitors):
        """second, then median, least and most of the repetitions: throughput (Gbit/s), CPU, RTTs/s"""
        blocks = []
        for monitor in monitors:
            runs = self.study.runs("compare", load, monitor)
            rows = []
            for second in range(min((len(run["seconds"]) for run in runs), default=0)):
                now = [run["seconds"][second] for run in runs]
                row = [second + 1]
                for values in ([(one["up_mbps"] + one["down_mbps"]) / 1e3 for one in now],
                               [one["cpu_busy"] for one in now],
                               [one["cpu_softirq"] for one in now],
                               [one.get("rtts_sink", 0) + one.get("rtts_gen", 0) for one in now]):
                    row += [statistics.median(values), min(values), max(values)]
                rows.append(row)
            blocks.append((monitor, rows))
        return blocks

    def cleaning(self, load):
        """second, entries, removed, ms of a pass; events lost in that second (medians of the repetitions)"""
        blocks = []
        for monitor in self.study.monitors("compare", load):
            runs = [run for run in self.study.runs("compare", load, monitor) if run.get("cleaning")]
            rows = []
            for second in sorted({row["second"] for run in runs for row in run["cleaning"]}):
                passes = [row for run in runs for row in run["cleaning"] if row["second"] == second]
                lost = [run["seconds"][second]["lost"] for run in runs if second < len(run["seconds"])]
                found = [run["seconds"][second].get("rtts_sink", 0) + run["seconds"][second].get("rtts_gen", 0)
                         for run in runs if second < len(run["seconds"])]
                rows.append([second + 1, *(statistics.median([row[name] for row in passes])
                                           for name in ("entries", "removed")),
                             statistics.median([row["us"] for row in passes]) / 1e3,
                             statistics.median(lost or [0]), statistics.median(found or [0])])
            blocks.append((monitor, rows))
        return blocks

    def overhead(self, kind):
        """flows, then the ratio of throughput, CPU per Gbit and their intervals"""
        blocks = []
        loads = [load for load in self.study.loads("compare") if load.startswith(kind + "-")]
        for place, monitor in enumerate(by_order({m for load in loads for m in self.study.monitors("compare", load)})):
            rows = []
            for load in loads:
                found = interval(self.study.ratios(load, monitor))
                if found[0] is not None and monitor != "none":
                    flows = int(load.partition("-")[2])
                    # side by side
                    rows.append([flows * 1.08 ** (place - 4), found[0], found[1] or found[0], found[2] or found[0]])
            blocks.append((monitor, rows))
        return blocks

    def errors(self):
        """error in us, share of samples at most so far off"""
        blocks = []
        for monitor in self.study.monitors("accuracy"):
            runs = [run["accuracy"] for run in self.study.runs("accuracy", None, monitor)]
            for witness, title in (("capture", "capture of the same interface"), ("ping", "ping beside it"),
                                   ("path", "the path's delay")):
                points = sorted(value for run in runs if witness in run
                                for value in run[witness]["absolute_error_us_distribution"])
                rows = [[max(value, 0.01), (i + 1) / len(points)] for i, value in enumerate(points)]
                blocks.append((f"{monitor_name(monitor)}, {title}", rows))
        return blocks

    def all(self):
        study = self.study
        for load in study.loads("compare"):
            kind, _, count = load.partition("-")
            if kind in ("bulk", "download", "both", "paced"):
                monitors = study.monitors("compare", load)
                main = [m for m in monitors if m in ("none", "tc-r100", "tc-r0") or m not in ORDER]
                self.write(f"compare_{load}", self.over_time(load, main or monitors))
                self.write(f"hooks_{load}", self.over_time(load, [
                    m for m in monitors if m == "none" or "xdp" in m or m == "empty-tc"])
                    if any("xdp" in m for m in monitors) else [])
                if any("nopush" in m for m in monitors):
                    self.write(f"push_{load}", self.over_time(load, [
                        m for m in monitors if m in ("none", "tc-r0", "tc-a1", "tc-nopush")]))
                self.write(f"cleaning_{load}", self.cleaning(load))
        self.write("overhead", self.overhead("bulk"))
        self.write("errors", self.errors())


# --- the report ------------------------------------------------------------------------------


def packet_programs(run):
    """those that run for each packet: not the cleaning"""
    return {name: row for name, row in run.get("programs", {}).items()
            if any(word in name for word in ("egress", "ingress", "xdp", "empty"))}


class Report:
    def __init__(self, study):
        self.study, self.parts = study, []

    def say(self, *lines):
        self.parts.append("\n".join(lines) + "\n")

    def figure(self, name, text):
        if os.path.exists(f"{self.study.directory}/plot/{name}.dat"):
            self.say(f"![{text}]({name}.png)")

    def write(self):
        self.opening()
        self.answer()
        self.short()
        self.comparison()
        self.costs()
        self.growth()
        self.pushing()
        self.losses()
        self.accuracy()
        self.conditions()
        with open(f"{self.study.directory}/REPORT.md", "w", encoding="utf-8") as file:
            file.write("\n".join(self.parts))

    def opening(self):
        machine = self.study.machine
        here = machine["hosts"]["router"]
        repeats = sorted({run["repeat"] for run in self.study.runs("compare")})
        self.say("# What pping costs, and what it misses", "",
                 f"{machine['pping']}, {machine['where']}: {here['cores']} cores ({here['cpu']}), "
                 f"{here['memory_mib']:,} MiB, {here['system']}, Linux {here['kernel']}. "
                 f"{len(self.study.good)} runs of {machine['seconds']} s after a warm-up of {machine['warm_up']} s, "
                 f"up to {repeats[-1] if repeats else 0} repetitions, order shuffled with seed {machine['seed']}, "
                 f"begun {machine['started']}.", "",
                 "Made by `eval/run_tests.sh` " + (f"`{machine['options']}`" if machine["options"] else "")
                 + "; `eval/README.md` tells what is measured and how. Values are medians of the "
                 "repetitions, in parentheses the 95 % interval of the bootstrap (of five values that is their least "
                 "and most, or nearly, and holds the true median 94 % of the time at best; fewer than five "
                 "allow no word). A ratio is of two "
                 "runs of the same repetition, side by side. *No difference shown* is not *no difference*.", "",
                 *(["On one machine all hosts and the monitor share the cores: the generator's and the sink's work is "
                    "in every figure of CPU, and a ratio of throughput tells what a monitor takes from all of it. "
                    "Nothing here says anything about 10 to 100 Gbit/s, about network cards, or about many cores.",
                    ""] if machine["where"] == "one machine" else []))

    def answer(self):
        """from the runs whose load went on, if there are any: how a load starts is most of the noise"""
        study, gate = self.study, self.study.machine["threshold"]
        apart = study.ratios(gate["load"], gate["monitor"])
        ratios = study.ratios(gate["load"], gate["monitor"], kind="switched") or apart
        found = interval(ratios)
        said = verdict(*found, len(ratios), gate["ratio"])
        how = ""
        if ratios is not apart:
            how = ("; the monitor was put on and taken off while the load went on. Of runs whose load began anew each "
                   f"time: {ratio_span(interval(apart))}, {len(apart)} pairs")
        self.say("## Always on?", "",
                 f"Written down before the run: yes, if in *{load_name(gate['load'])}* the throughput with "
                 f"*{monitor_name(gate['monitor'])}* is at least {gate['ratio']} of that without a monitor.", "",
                 f"**{said[0].upper() + said[1:]}.** Ratio {ratio_span(found)}, {len(ratios)} pairs{how}.", "")
        self.switched()

    def switched(self):
        """what is known of further monitors in the same way"""
        study, rows = self.study, []
        for load in study.loads("switched"):
            for monitor in study.monitors("switched", load):
                ratios = study.ratios(load, monitor, kind="switched") if monitor != "none" else []
                found = interval(ratios)
                rows.append([load_name(load), monitor_name(monitor),
                             span(interval(study.values("switched", load, monitor, "score"))),
                             ratio_span(found), "" if monitor == "none" else word(*found, len(ratios)),
                             number(statistics.median(study.values("switched", load, monitor, "retransmitted")))])
        if rows:
            self.say("Monitors taking turns on one load that goes on:", "",
                     table(("load", "monitor", "throughput", "ratio to none", "", "retransmitted"), rows))

    def short(self):
        """the study's questions, a sentence of numbers each"""
        study, lines = self.study, []
        empty = self.per_packet("replay-50", "empty-tc")
        for load, monitor in (("replay-50", "tc-r100"), ("replay-50", "tc-r0"), ("samples-200", "tc-r0"),
                              ("bulk-500", "tc-r100"), ("bulk-500", "tc-r0")):
            each, spent = self.per_packet(load, monitor)
            if each is None:
                continue
            beside = f", an empty program {number(empty[0])}" if empty[0] and load == "replay-50" else ""
            lines.append(f"- **A packet**, {load_name(load)}, {monitor_name(monitor)}: {number(each)} ns in its BPF "
                         f"programs{beside} (timing included)" + (f"; **an RTT** {number(spent, 2)} us in its process"
                                                                  if spent else "") + ".")
        for monitor in ("tc-r100", "tc-r0"):
            found = [(load, interval(study.ratios(load, monitor))) for load in study.loads("compare")
                     if load.startswith("bulk-")]
            found = [f"{load.partition('-')[2]}: {ratio_span(one)}" for load, one in found if one[0] is not None]
            if found:
                lines.append(f"- **Flows**, throughput against no monitor, {monitor_name(monitor)}: "
                             + "; ".join(found) + ".")
        places, matched, lost = {}, 0, 0
        for run in study.good:
            summary = run.get("summary") or {}
            matched += summary.get("matched", 0)
            gone = sum(summary.get(name, 0) for name in ("lost", "overwritten", "passed_over", "evicted"))
            lost += gone
            if gone:
                name = f"{load_name(run['load'])} with {monitor_name(run['monitor'])}"
                places[name] = places.get(name, 0) + gone
        if matched:
            lines.append(f"- **Lost**: {lost:,} of {matched + lost:,} by pping's own counts"
                         + (": " + "; ".join(f"{count:,} in {name}" for name, count in places.items())
                            if places else ", in no load") + ".")
        for run in study.runs("accuracy"):
            found = run["accuracy"]["capture"]
            if found["samples"]:
                error = found["absolute_error_us"]
                lines.append(f"- **Right**, {load_name(run['load'])}, {monitor_name(run['monitor'])}: of "
                             f"{found['samples']:,} samples in a capture {found['missed']:,} not reported, "
                             f"{found['invented']:,} reported that are not in it; error {number(error['median'], 2)} us "
                             f"in the median, {number(error['p99'], 2)} us for 99 % of them.")
        if lines:
            self.say("## In short", "", *lines, "")

    def per_packet(self, load, monitor):
        """ns in BPF a packet, us in its process an RTT; None where not measured"""
        each, spent = [], []
        for run in self.study.runs("stats", load, monitor):
            programs = packet_programs(run).values()
            count = sum(row["runs"] for row in programs)
            if count:
                each.append(sum(row["ns"] for row in programs) / count)
            rtts = run.get("rtts_sink", 0) + run.get("rtts_gen", 0)
            if rtts > 100:
                spent.append(run.get("monitor_cpu", 0) * 1e4 / rtts)
        return statistics.median(each) if each else None, statistics.median(spent) if spent else None

    def comparison(self):
        study = self.study
        rows = []
        for load in study.loads("compare"):
            for monitor in study.monitors("compare", load):
                def median(field, load=load, monitor=monitor):
                    values = study.values("compare", load, monitor, field)
                    return statistics.median(values) if values else None
                ratios = study.ratios(load, monitor) if monitor != "none" else []
                found = interval(ratios)
                unit = study.runs("compare", load, monitor)[0]["unit"]
                rows.append([
                    load_name(load), monitor_name(monitor),
                    span(interval(study.values("compare", load, monitor, "score"))) + f" {unit}",
                    ratio_span(found), "" if monitor == "none" else word(*found, len(ratios)),
                    number(median("cpu_busy")), number(median("cpu_softirq")),
                    number(median("monitor_cpu"), 2) if monitor != "none" else "",
                    number((median("rtts_sink") or 0) + (median("rtts_gen") or 0)) if monitor not in
                    ("none", "empty-tc", "empty-xdp") else "",
                    number(median("retransmitted"))])
        self.say("## Throughput, CPU, RTTs", "",
                 "CPU in percent of one core, of the whole machine; *own* is the monitor's process. "
                 "RTTs per second as they were printed (of the aggregating ones: counted in reports within the "
                 "run). Throughput is TCP payload at the sink's interface.", "",
                 table(("load", "monitor", "throughput", "ratio to none", "", "CPU", "softirq", "own", "RTTs/s",
                        "retransmitted"), rows))
        for load in study.loads("compare"):
            self.figure(f"compare_{load}", f"throughput, CPU and RTTs over time, {load_name(load)}")
            self.figure(f"hooks_{load}", f"what the hooks cost, {load_name(load)}")

    def costs(self):
        study = self.study
        rows = []
        for load in study.loads("stats"):
            for monitor in study.monitors("stats", load):
                runs = study.runs("stats", load, monitor)
                seconds = study.machine["seconds"]
                each, total, own, rtts, push = [], [], [], [], []
                for run in runs:
                    programs = packet_programs(run)
                    ns, count = sum(p["ns"] for p in programs.values()), sum(p["runs"] for p in programs.values())
                    if not count:
                        continue
                    each.append(ns / count)
                    total.append(ns / seconds / 1e7)
                    reported = run.get("rtts_sink", 0) + run.get("rtts_gen", 0)
                    spent = run.get("monitor_cpu", 0)
                    own.append(spent)
                    rtts.append(reported)
                    if reported > 100:
                        push.append(spent * 1e4 / reported)
                if each:
                    rows.append([load_name(load), monitor_name(monitor), len(each), number(statistics.median(each)),
                                 number(statistics.median(total)), number(statistics.median(own)),
                                 number(statistics.median(rtts)),
                                 number(statistics.median(push)) if push else ""])
        self.say("## What a packet and an RTT cost", "",
                 "The kernel timed the programs in runs of their own (the timing costs some tens of nanoseconds a "
                 "packet itself, and is among these figures: the empty program's row is what it comes to). A packet "
                 "of the TCP loads is often a super-packet of up to 64 KiB; those of the replay are single ones, "
                 f"of {2000:,} flows in shuffled order, and every tenth data packet makes an RTT, or each. *Own* is the "
                 "monitor's process, which reads the events and writes them as JSON lines into a file in memory.",
                 "", table(("load", "monitor", "runs", "BPF, ns a packet", "BPF, % of a core", "own, % of a core",
                            "RTTs/s", "own, us an RTT"), rows))
        rows = []
        for load in study.loads("compare"):
            if not load.startswith("paced"):
                continue
            for monitor in study.monitors("compare", load):
                if monitor == "none":
                    continue
                some = study.differences(load, monitor, "cpu_busy")
                packets = [1e4 * delta / (run["sink_rx_pps"] + run["sink_tx_pps"]) for run, _, delta in some]
                rows.append([load_name(load), monitor_name(monitor), span(interval([d for *_, d in some])),
                             span(interval(packets))])
        if rows:
            self.say("The same work for every monitor (paced flows), so that all a monitor costs shows as CPU, "
                     "wherever it was spent, against the run without one of the same repetition:", "",
                     table(("load", "monitor", "CPU more, % of a core", "us a packet (super-packets count as one)"),
                           rows))

    def growth(self):
        study = self.study
        loads = [load for load in study.loads("compare") if load.startswith("bulk-")]
        names = by_order({m for load in loads for m in study.monitors("compare", load)} - {"none"})
        rows = [[monitor_name(m), *(ratio_span(interval(study.ratios(load, m))) for load in loads)] for m in names]
        self.say("## How it grows with the flows", "", "Throughput, ratio to no monitor:", "",
                 table(("monitor", *(load.partition("-")[2] + " flows" for load in loads)), rows))
        self.figure("overhead", "throughput against no monitor, by number of flows")
        rows = []
        for monitor in names:
            row = [monitor_name(monitor)]
            for load in loads:
                rss = study.values("compare", load, monitor, "monitor_rss_kib")
                maps = study.values("compare", load, monitor, "maps_kib")
                row.append(f"{number(statistics.median(rss) / 1024)} + {number(statistics.median(maps) / 1024)}"
                           if rss and maps else "-")
            rows.append(row)
        self.say("Memory in MiB, of the process + of its maps (the rings of the events are in neither):", "",
                 table(("monitor", *(load.partition("-")[2] + " flows" for load in loads)), rows))

    def pushing(self):
        study, rows = self.study, []
        for load in study.loads("compare"):
            names = study.monitors("compare", load)
            if "tc-nopush" not in names or "tc-r0" not in names:
                continue
            ratios = study.ratios(load, "tc-nopush", base="tc-r0")
            found = interval(ratios)
            more = [delta for *_, delta in study.differences(load, "tc-r0", "cpu_busy", base="tc-nopush")]
            # where all cores are busy anyway, no difference in CPU can show
            rows.append([load_name(load), ratio_span(found), word(*found, len(ratios)),
                         span(interval(more)) if load.startswith("paced") else "-"])
        self.say("## Events pushed or not", "",
                 "Every sample measured and none handed over (`-a 604800`: put into histograms in the kernel, of which "
                 "no report falls into the run) against every sample handed over and printed (`-r 0`):", "",
                 table(("load", "throughput, ratio of not pushed to pushed", "", "CPU that pushing takes, % of a core (paced loads)"),
                       rows))
        for load in study.loads("compare"):
            self.figure(f"push_{load}", f"events pushed or not, {load_name(load)}")

    def losses(self):
        study, rows = self.study, []
        for kind in ("compare", "stats"):
            for load in study.loads(kind):
                for monitor in study.monitors(kind, load):
                    runs = [run for run in study.runs(kind, load, monitor) if run.get("summary")]
                    if not runs or kind == "stats" and not load.startswith(("replay", "samples")):
                        continue
                    total = {name: sum(run["summary"].get(name, 0) for run in runs)
                             for name in runs[0]["summary"]}
                    rows.append([load_name(load), monitor_name(monitor), f"{total['stamped']:,}",
                                 f"{total['matched']:,}", f"{total['lost']:,}", f"{total['overwritten']:,}",
                                 f"{total['passed_over']:,}", f"{total['evicted']:,}",
                                 f"{total['refused_flows'] + total['put_off']:,}"])
        self.say("## Where samples are lost", "",
                 "As pping itself counted, sums of all repetitions, of whole runs from its start to its end. *Lost*: "
                 "the buffer to its process was full. *Overwritten* and *passed over*: timestamps that had to give way "
                 "in the table of the many. *Evicted*: flows that had to. *Put off*: packets of new flows in a flood.",
                 "Timestamps without an RTT are mostly those that no acknowledgement repeated: it need not repeat each.",
                 "",
                 table(("load", "monitor", "timestamps", "RTTs", "lost", "overwritten", "passed over", "evicted",
                        "put off"), rows))
        rows = []
        for load in study.loads("compare"):
            for monitor in study.monitors("compare", load):
                passes = [row for run in study.runs("compare", load, monitor) for row in run.get("cleaning", [])]
                if passes:
                    rows.append([load_name(load), monitor_name(monitor), len(passes),
                                 number(statistics.median([row["entries"] for row in passes])),
                                 f"{sum(row['removed'] for row in passes):,}",
                                 number(statistics.median([row["us"] for row in passes]) / 1e3),
                                 number(max(row["us"] for row in passes) / 1e3),
                                 number(max(row["longest_us"] for row in passes) / 1e3)])
        self.say("Cleaning passes over the flow table (one a second, read in pieces; at most one piece is held up):", "",
                 table(("load", "monitor", "passes", "entries", "removed", "ms a pass", "longest pass, ms",
                        "longest piece, ms"), rows))
        for load in study.loads("compare"):
            self.figure(f"cleaning_{load}", f"cleaning and losses, {load_name(load)}")

    def accuracy(self):
        rows = []
        for run in self.study.runs("accuracy"):
            for witness, title in (("capture", "capture of the same interface"), ("ping", "ping on the generator"),
                                   ("path", "path, there and back")):
                found = run["accuracy"].get(witness)
                error = found and found["error_us"]
                if not error or not error["count"]:
                    continue
                rows.append([load_name(run["load"]), monitor_name(run["monitor"]), title,
                             f"{found['samples']:,}" if "samples" in found else f"{found['delay_us']:,.0f} us",
                             f"{error['count']:,}", found.get("missed", ""),
                             found.get("invented", found.get("below")),
                             *(f"{error[name]:,.1f}" for name in ("least", "median", "p99", "most"))])
        self.say("## How right they are", "",
                 "Each RTT against the sample of a capture of the same interface (read by definition, in code that "
                 "shares nothing with pping), against ping on the generator (which sees the first link as well), and "
                 "against the delay of the path. Errors in microseconds; *invented* are those without a counterpart, "
                 "for the path those below its delay. More than the path's delay is what the hosts and the queues "
                 "take.", "",
                 table(("load", "monitor", "witness", "has", "compared", "missed", "invented", "least", "median",
                        "99 %", "most"), rows))
        self.figure("errors", "distribution of the errors")

    def conditions(self):
        machine = self.study.machine
        noise = []
        for load in self.study.loads("compare"):
            values = self.study.values("compare", load, "none", "score")
            if len(values) > 1:
                noise.append(f"{load_name(load)}: {(max(values) - min(values)) / statistics.median(values) * 100:.0f} %")
        steal = [run.get("cpu_steal", 0) for run in self.study.good]
        self.say("## The conditions", "",
                 "Runs without a monitor differ among themselves (most less least, of the median): "
                 + (", ".join(noise) or "not measured") + ". "
                 f"CPU taken away by the host of the virtual machine: median {number(statistics.median(steal or [0]))}, "
                 f"at most {number(max(steal or [0]))} % of a core.", "")
        if machine.get("busy_before") is not None:
            self.say(f"Before the first run the machine was busy with other work for {machine['busy_before']} % of a "
                     "core" + (": **these figures are of both**." if machine["busy_before"] > 10 else "."), "")
        if self.study.bad:
            self.say("Runs that are in no figure:", "",
                     table(("run", "kind", "load", "monitor", "why"),
                           [[run["number"], run["kind"], run["load"], run["monitor"],
                             run["status"] + (f": `{run['said']}`" if run.get("said") else "")]
                            for run in self.study.bad]))
        rows = [[name, *(machine["hosts"][role].get(name, "") for role in ("gen", "router", "sink"))]
                for name in machine["hosts"]["router"]]
        self.say(table(("", "generator", "router", "sink"), rows))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        study = Study(sys.argv[1])
    except (OSError, ValueError) as error:
        sys.exit(f"report.py: {sys.argv[1]} holds no results: {error}")
    if not study.good:
        sys.exit(f"report.py: no run in {sys.argv[1]} can be used: "
                 + "; ".join(sorted({run["status"] for run in study.bad})))
    write_tidy(study)
    Figures(study).all()
    Report(study).write()


if __name__ == "__main__":
    main()
