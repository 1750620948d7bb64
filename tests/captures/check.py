#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What pping --read -r 0 reports of a capture, against the definition of a sample.

The packets come from tshark's fields; nothing here is shared with the engine. A
TSval is a sample of its direction if its first packet carries data, it is newer
(RFC 7323) than all that the direction has shown, and it is not the first one of a
direction met in mid-stream. It ends with the first packet back that has ACK set
and this TSecr, within 60 s. An echo request and its reply likewise.

A sample counts for the coverage unless its reply came behind the reply to a newer
one, or after the connection was closed; but whatever pping reports must be one.

  check.py [--pping PATH] [--min-coverage PERCENT] CAPTURE...

One line a capture; exits 1 if one is not covered or something is invented, 77 if
there is no tshark.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys

FIELDS = (
    "frame.time_epoch frame.protocols ip.src ip.dst ipv6.src ipv6.dst tcp.srcport tcp.dstport "
    "tcp.len tcp.flags tcp.options.timestamp.tsval tcp.options.timestamp.tsecr tcp.seq_raw "
    "icmp.type icmp.ident icmp.seq icmpv6.type icmpv6.echo.identifier "
    "icmpv6.echo.sequence_number ip.proto"
).split()
FIN, SYN, RST, ACK = 1, 2, 4, 16
NS = 1_000_000_000
# One network header, nothing but link layers before and extension headers behind it.
PLAIN = re.compile(r"^(?:(?!ip:|ipv6:)[\w.-]+:)*?(ip|ipv6)(?::ipv6\.\w+|:ah)*:(tcp|icmp|icmpv6)(?::|$)")
# Dissectors that stand between link and network without being a tunnel pping knows.
TUNNELS = re.compile(r"\b(gre|vxlan|geneve|mpls|udp|gtp|l2tp|teredo|nsh|capwap|erspan)\b")


class Direction:
    def __init__(self):
        self.shown = None
        self.pending = {}  # identifier -> time
        self.newest_reply = None
        self.fin = False


class Flow:
    def __init__(self, isn=None):
        self.directions = {}
        self.isn = isn
        self.closed = None
        self.last = None

    def direction(self, key):
        return self.directions.setdefault(key, Direction())


def nanoseconds(text):
    seconds, _, fraction = text.partition(".")
    return int(seconds) * NS + int((fraction + "000000000")[:9])


def newer(a, b, bits):
    return 0 < (a - b) % (1 << bits) < 1 << (bits - 1)


def packets(path):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f"]
    for preference in (
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.relative_sequence_numbers:FALSE",
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.try_heuristic_first:FALSE",
    ):
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    latest = 0
    for line in out.stdout.splitlines():
        values = dict(zip(FIELDS, line.split("\t")))
        # several CPUs deliver to one tap: pping takes neighbours out of order as of one time
        latest = max(latest, nanoseconds(values["frame.time_epoch"]))
        found = PLAIN.match(values["frame.protocols"])
        if found and not TUNNELS.search(values["frame.protocols"][: found.start(2)]):
            yield latest, found[2], values


def tcp(values):
    """(source, destination, identifier, echo, data, flags, sequence number) or None"""
    if not values["tcp.flags"]:
        return None
    ends = [
        (values["ip." + end] or values["ipv6." + end], int(values[f"tcp.{end}port"]))
        for end in ("src", "dst")
    ]
    flags = int(values["tcp.flags"], 16)
    tsval, tsecr = (values["tcp.options.timestamp." + name] for name in ("tsval", "tsecr"))
    return (
        *ends,
        int(tsval) if tsval else None,
        int(tsecr) if tsecr and flags & ACK else None,
        int(values["tcp.len"] or 0) > 0,
        flags,
        int(values["tcp.seq_raw"] or 0),
    )


def echo(values):
    version = "icmpv6" if values["icmpv6.type"] else "icmp"
    kind = values[version + ".type"]
    if kind not in ("8", "0", "128", "129"):
        return None
    names = ("icmpv6.echo.identifier", "icmpv6.echo.sequence_number")
    ident, number = (values[name] for name in (names if version == "icmpv6" else ("icmp.ident", "icmp.seq")))
    if not ident or not number:
        return None
    ident, number = int(ident, 0), int(number, 0)
    ends = [(values["ip." + end] or values["ipv6." + end], ident) for end in ("src", "dst")]
    if kind in ("8", "128"):
        return (*ends, number, None, True, SYN, None)
    return (*ends, None, number, False, 0, None)


def is_new(flow, flags, isn, now):
    """does a packet with these begin another connection?"""
    if flags & (FIN | RST):
        return False
    if flow.last is not None and now - flow.last > 300 * NS:
        return True
    if flags & SYN and flags & ACK:
        return flow.closed is not None
    if flags & SYN:
        return flow.closed is not None or flow.isn != isn
    return flow.closed is not None and now - flow.closed > 6 * NS


def samples(path):
    """[((source, destination of the reply, its time), RTT, certain)]"""
    flows, found = {}, []
    for now, protocol, values in packets(path):
        packet = tcp(values) if protocol == "tcp" else echo(values)
        if not packet:
            continue
        src, dst, ident, answer, data, flags, isn = packet
        bits = 32 if protocol == "tcp" else 16
        key = (protocol, *sorted((src, dst)))
        flow = flows.get(key)
        if not flow or (protocol == "tcp" and is_new(flow, flags, isn, now)):
            flow = flows[key] = Flow(isn if flags & SYN and not flags & ACK else None)
        flow.last = now
        mine, other = flow.direction(src), flow.direction(dst)
        if ident is not None:
            first = mine.shown is None
            if first or newer(ident, mine.shown, bits):
                mine.shown = ident
                if data and not (first and not flags & SYN):
                    mine.pending[ident] = now
        if answer is not None and answer in other.pending:
            rtt = now - other.pending.pop(answer)
            late = other.newest_reply is not None and newer(other.newest_reply, answer, bits)
            if 0 < rtt <= 60 * NS:
                found.append(((src, dst, now), rtt, not late and flow.closed is None))
            if not late:
                other.newest_reply = answer
        if flags & FIN:
            mine.fin = True
        if protocol == "tcp" and (flags & RST or (mine.fin and other.fin)) and not flow.closed:
            flow.closed = now
    return found


def reports(pping, path):
    command = [pping, "--read", path, "-TC", "-r", "0", "-F", "jsonl", "-q"]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for line in out.stdout.splitlines():
        e = json.loads(line)
        if "rtt" in e:
            ends = ((e[f"{end}_ip"], e[f"{end}_port"]) for end in ("src", "dest"))
            yield (*ends, e["timestamp"]), e["rtt"]


def check(pping, path, min_coverage):
    want = samples(path)
    waiting = {}  # several replies may have one time
    for key, rtt, sure in want:
        waiting.setdefault(key, []).append((rtt, sure))
    invented = 0
    for key, rtt in reports(pping, path):
        # stamps are kept in units of 16 ns
        found = [sample for sample in waiting.get(key, []) if 0 <= rtt - sample[0] < 16]
        if found:
            waiting[key].remove(found[0])
            continue
        print(f"# {path}: reported and no sample: {key} {rtt} {waiting.get(key)}")
        invented += 1
    certain = sum(sure for _, _, sure in want)
    missed = [(key, rtt) for key, left in waiting.items() for rtt, sure in left if sure]
    for key, rtt in missed[:5]:
        print(f"# {path}: missed: {key} {rtt}")
    coverage = 100 * (1 - len(missed) / certain) if certain else 100
    good = coverage >= min_coverage and not invented
    print(
        f"{'ok' if good else 'not ok'} {path.rpartition('/')[2]}: {len(want)} samples, "
        f"{certain} of them certain, {coverage:.2f} % of these reported, {invented} invented"
    )
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pping", default="./pping")
    parser.add_argument("--min-coverage", type=float, default=99.5)
    parser.add_argument("captures", nargs="+")
    args = parser.parse_args()
    if not shutil.which("tshark"):
        sys.exit(77)
    results = [check(args.pping, path, args.min_coverage) for path in args.captures]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
