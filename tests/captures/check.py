#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What pping --read -r 0 reports of a capture, against the definition of a sample; and
the totals of flows with --counters, against a count of their packets.

The packets come from tshark's fields; nothing here is shared with the engine. A
TSval is a sample of its direction if its first packet carries data, it is newer
(RFC 7323) than all that the direction has shown, and it is not the first one of a
direction met in mid-stream. It ends with the first packet back that has ACK set
and this TSecr, within 60 s. An echo request and its reply likewise.

A sample counts for the coverage unless its reply came behind the reply to a newer
one, or after the connection was closed; but whatever pping reports must be one.

A flow's packets count from the first one that can begin it (with a TSval, neither FIN
nor RST; or an echo) up to the one that closes it. The closings that pping reports must
be the flow's, each with the number of packets, their bytes from the IP header on and the
time from the first to the last; silence at the end of a capture may close one more.

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
    "ip.len ipv6.plen "
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


def samples(read):
    """[((source, destination of the reply, its time), RTT, certain)]"""
    flows, found = {}, []
    for now, protocol, values in read:
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


class Count:
    """what a flow has carried"""

    def __init__(self, opener, now, isn):
        self.opener = opener
        self.first = self.last = now
        self.isn = isn
        self.packets, self.bytes = {}, {}
        self.fins = set()
        self.replied = self.established = self.closed = False

    def add(self, src, now, length):
        self.packets[src] = self.packets.get(src, 0) + 1
        self.bytes[src] = self.bytes.get(src, 0) + length
        self.last = now

    def expired(self, protocol, now):
        """None within the seconds in which pping looks"""
        limit = 5 if self.closed else 300 if protocol == "tcp" and self.replied else 30
        idle = now - self.last
        return None if limit * NS < idle < (limit + 2) * NS else idle > limit * NS

    def totals(self, reason):
        """as pping says it: what the opener sent, what the other one sent"""
        other = next((end for end in self.packets if end != self.opener), None)
        counts = [part.get(end, 0) for end in (self.opener, other) for part in (self.packets, self.bytes)]
        return (reason, *counts, self.last - self.first)


def taken_over(count, flags, src, isn):
    """is a SYN another connection's?"""
    if not flags & SYN or flags & (FIN | RST):
        return False
    if count.closed or flags & ACK:
        return count.closed
    if count.isn is not None and src == count.opener:
        return count.isn != isn
    return count.established


def closings(read):
    """{flow: [totals]}, {flow open at the end: totals}, flows that could be one or two"""
    flows, found, unsure = {}, {}, set()

    def end(key, reason):
        count = flows[key]
        if count.replied and not count.closed:
            found.setdefault(key, []).append(count.totals(reason))
        count.closed = True

    for now, protocol, values in read:
        packet = tcp(values) if protocol == "tcp" else echo(values)
        if not packet:
            continue
        src, dst, ident, _, _, flags, isn = packet
        if protocol != "tcp":
            flags = 0
        elif ident is None and not flags & (SYN | FIN | RST):
            continue
        key = (protocol, *sorted((src, dst)))
        count = flows.get(key)
        if count and count.expired(protocol, now) is not False:
            if not count.expired(protocol, now):
                unsure.add(key)
            end(key, "timeout")
            count = None
        if count and taken_over(count, flags, src, isn):
            end(key, "SYN")
            count = None
        if not count:
            flows.pop(key, None)
            if protocol == "tcp" and (ident is None or flags & (FIN | RST)):
                continue
            count = flows[key] = Count(src, now, isn if flags & (SYN | ACK) == SYN else None)
        if flags & SYN and flags & ACK and ident is None and not count.replied:
            del flows[key]  # they agree on no timestamps
            continue
        if count.closed:
            continue
        count.established |= not flags & SYN
        count.replied |= src != count.opener and not flags & RST
        count.add(src, now, int(values["ip.len"] or 0) or int(values["ipv6.plen"] or 0) + 40)
        if flags & FIN:
            count.fins.add(src)
        if flags & RST or len(count.fins) == 2:
            end(key, "RST" if flags & RST else "FIN")
    left = {key: c.totals("timeout") for key, c in flows.items() if c.replied and not c.closed}
    return found, left, unsure


def reports(pping, path):
    """[(key of a sample, RTT)], {flow: [totals]}"""
    command = [pping, "--read", path, "-TC", "-r", "0", "-F", "jsonl", "--counters", "-q"]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    names = ("reason", "sent_packets", "sent_bytes", "rec_packets", "rec_bytes", "duration")
    rtts, closed, of_flow = [], {}, {}
    for line in out.stdout.splitlines():
        e = json.loads(line)
        ends = [(e[f"{end}_ip"], e[f"{end}_port"]) for end in ("src", "dest")]
        key = (e["protocol"].lower(), *sorted(ends))
        if "rtt" in e:
            rtts.append(((*ends, e["timestamp"]), e["rtt"]))
            of_flow[key] += 1
        elif e["flow_event"] == "opening":
            of_flow[key] = 0
        else:
            closed.setdefault(key, []).append(tuple(e[name] for name in names))
            assert e["rtts"] == of_flow[key], f"{of_flow[key]} RTTs before {line}"
    return rtts, closed


def wrong_totals(path, read, closed):
    """the flows whose closings are not as they should be"""
    want, left, unsure = closings(read)
    wrong = set()
    for key in {*want, *closed} - unsure:
        got, expected = closed.get(key, []), want.get(key, [])
        if got == expected or (got[:-1] == expected and got[-1] == left.get(key)):
            continue
        print(f"# {path}: {key} closed as {got}, not {expected}, at the end {left.get(key)}")
        wrong.add(key)
    return wrong


def check(pping, path, min_coverage):
    read = list(packets(path))
    want = samples(read)
    rtts, closed = reports(pping, path)
    wrong = wrong_totals(path, read, closed)
    waiting = {}  # several replies may have one time
    for key, rtt, sure in want:
        waiting.setdefault(key, []).append((rtt, sure))
    invented = 0
    for key, rtt in rtts:
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
    good = coverage >= min_coverage and not invented and not wrong
    print(
        f"{'ok' if good else 'not ok'} {path.rpartition('/')[2]}: {len(want)} samples, "
        f"{certain} of them certain, {coverage:.2f} % of these reported, {invented} invented; "
        f"{sum(map(len, closed.values()))} closings, of {len(wrong)} flows with wrong totals"
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
