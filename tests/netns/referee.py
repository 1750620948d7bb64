#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The referee: which RTT samples a capture holds, by definition, and whether
pping reported them. Shares no code with the engine and knows none of its
tables, limits or shortcuts.

A TSval is a sample candidate of its flow direction if
  - its first appearance there, in any packet, is on a packet that carries data
    (or on a SYN, with --include-syn),
  - it is newer, in RFC 7323's serial arithmetic, than every TSval the direction
    has shown, and
  - the direction had shown one before (the first one seen in mid-stream may
    have been there already), unless it is that of a counted SYN.
The sample ends with the first packet of the other direction that has ACK set
and this TSecr. For ICMP echo the sequence number takes the TSval's place and
the first reply ends the sample.

A sample is certain unless it lies within --margin seconds of the capture's
ends, or its reply came after the flow was closed (a RST, or a FIN of both sides,
in an earlier packet) or after a reply to a newer TSval (reordered).

  referee.py samples --pcap X               the samples, one JSON object a line
  referee.py compare --pcap X --jsonl Y     against pping's -F jsonl output; with several --pcap,
                                            of interfaces that were watched together
  referee.py rate --jsonl Y                 samples per second, least distance
  referee.py rtts --jsonl Y                 the RTTs themselves

compare, rate and rtts print a summary and exit 1 unless it meets the thresholds
given as options; compare exits 3 if all that is wrong is too small a load.
"""

import argparse
import json
import socket
import struct
import sys
from bisect import bisect_left
from pathlib import Path

ICMP, TCP, ICMPV6 = 1, 6, 58
PROTOCOL_NAMES = {"TCP": TCP, "ICMP": ICMP, "ICMPV6": ICMPV6}
EXTENSION_HEADERS = {0, 43, 60, 135}
FRAGMENT_HEADER = 44
NS = 1_000_000_000


class BadCapture(Exception):
    pass


# --- reading a capture -------------------------------------------------------


def read_records(data):
    """(link type, [(time in ns, offset, captured length, original length)]) in time order"""
    magics = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
    for order in "<>":
        magic = struct.unpack_from(order + "I", data)[0] if len(data) >= 24 else 0
        if magic in magics:
            break
    else:
        raise BadCapture("not a pcap file")
    unit = magics[magic]
    link = struct.unpack_from(order + "I", data, 20)[0] & 0x0FFFFFFF
    unpack = struct.Struct(order + "IIII").unpack_from
    records, offset, end, last, sorted_ = [], 24, len(data), 0, True
    while offset + 16 <= end:
        seconds, fraction, captured, original = unpack(data, offset)
        offset += 16
        if offset + captured > end:
            break
        time = seconds * NS + fraction * unit
        if time < last:
            sorted_ = False
        last = time
        records.append((time, offset, captured, original))
        offset += captured
    if not sorted_:  # several CPUs deliver to one tap
        records.sort(key=lambda record: record[0])
    return link, records


def ip_offset(link, data, offset):
    """where the IP header begins, -1 for what isn't IP"""
    if link in (101, 12):  # raw IP
        return offset
    if link == 1:
        at = offset + 12
    elif link == 113:  # Linux cooked
        at = offset + 14
    else:
        raise BadCapture(f"link type {link} is not known")
    kind = data[at : at + 2]
    while kind in (b"\x81\x00", b"\x88\xa8"):
        at += 4
        kind = data[at : at + 2]
    return at + 2 if kind in (b"\x08\x00", b"\x86\xdd") else -1


class Direction:
    __slots__ = (
        "key", "reverse", "shown", "pending", "newest_reply", "fin", "isn", "opened", "count"
    )

    def __init__(self, key):
        self.key = key
        self.reverse = None
        self.reset()

    def reset(self):
        self.shown = None  # newest identifier
        self.pending = {}  # identifier -> time of its first appearance
        self.newest_reply = None  # newest identifier of this direction that was answered
        self.fin = False  # a FIN or RST was sent this way
        self.isn = None
        self.opened = 0  # when its SYN was seen
        self.count = 0  # samples so far


def newer32(a, b):
    return 0 < (a - b) & 0xFFFFFFFF < 0x80000000


def newer16(a, b):
    return 0 < (a - b) & 0xFFFF < 0x8000


class Sample:
    __slots__ = (
        "protocol", "key", "time", "rtt", "identifier", "number", "opened", "why", "begin", "end",
        "where",
    )

    def __init__(self, protocol, key, time, rtt, identifier, number, opened, why):
        self.protocol = protocol
        self.key = key  # of the reply: source address, destination address, ports
        self.time = time
        self.rtt = rtt
        self.identifier = identifier
        self.number = number  # of its direction, from 0
        self.opened = opened  # time of the flow's SYN, 0: not seen
        self.why = why  # not certain because ..., or None
        self.begin = self.end = None  # (earliest, latest), see Bounds
        self.where = None  # the answer was: which of the captures


class Referee:
    def __init__(self, include_syn=False):
        self.include_syn = include_syn
        self.directions = {}
        self.samples = []
        self.packets = self.tracked = self.truncated = 0
        self.start = self.end = 0

    def direction(self, protocol, key, half):
        direction = self.directions.get((protocol, key))
        if direction is None:
            direction = self.directions[protocol, key] = Direction(key)
            key = key[half : 2 * half] + key[:half] + key[-2:] + key[-4:-2]
            direction.reverse = self.directions.get((protocol, key))
            if direction.reverse is None:
                direction.reverse = self.directions[protocol, key] = Direction(key)
            direction.reverse.reverse = direction
        return direction

    def read(self, *paths):
        """of several captures the packets in the order of their times, each as if seen anew"""
        captures = []
        for path in paths:
            with open(path, "rb") as file:
                data = file.read()
            link, records = read_records(data)
            captures.append([(record, data, link, path) for record in records])
        packets = captures[0]
        if len(captures) > 1:
            packets = sorted(
                (packet for capture in captures for packet in capture),
                key=lambda packet: packet[0][0],
            )
        if packets:
            self.start, self.end = packets[0][0][0], packets[-1][0][0]
        self.packets = len(packets)
        for (time, offset, captured, original), data, link, self.where in packets:
            limit = offset + captured
            if link == 1 and data[offset + 12 : offset + 14] in (b"\x08\x00", b"\x86\xdd"):
                ip = offset + 14
            else:
                ip = ip_offset(link, data, offset)
            if 0 <= ip < limit:
                self.packet(data, time, ip, limit, original - (ip - offset))

    def packet(self, data, time, ip, limit, original):
        first = data[ip]
        if first >> 4 == 4:
            if ip + 20 > limit:
                self.truncated += 1
                return
            protocol = data[ip + 9]
            l4 = ip + (first & 15) * 4
            if (data[ip + 6] & 0x1F) or data[ip + 7]:
                return  # not the first fragment
            addresses, half = data[ip + 12 : ip + 20], 4
            length = data[ip + 2] << 8 | data[ip + 3]
        elif first >> 4 == 6:
            if ip + 40 > limit:
                self.truncated += 1
                return
            protocol, l4 = data[ip + 6], ip + 40
            addresses, half = data[ip + 8 : ip + 40], 16
            length = data[ip + 4] << 8 | data[ip + 5]
            length += 40 if length else 0
            while protocol in EXTENSION_HEADERS or protocol == FRAGMENT_HEADER:
                if l4 + 8 > limit:
                    self.truncated += 1
                    return
                if protocol == FRAGMENT_HEADER:
                    if data[l4 + 2] or data[l4 + 3] & 0xF8:
                        return
                    protocol, l4 = data[l4], l4 + 8
                else:
                    protocol, l4 = data[l4], l4 + 8 + 8 * data[l4 + 1]
        else:
            return
        length = length or original  # a super-packet beyond 64 KiB
        if protocol == TCP:
            if l4 + 20 > limit or l4 + (data[l4 + 12] >> 4) * 4 > limit:
                self.truncated += 1
                return
            self.tcp(data, time, addresses, half, l4, length - (l4 - ip))
        elif protocol in (ICMP, ICMPV6):
            if l4 + 8 > limit:
                self.truncated += 1
                return
            self.echo(data, time, addresses, half, l4, protocol)

    def tcp(self, data, time, addresses, half, l4, length):
        flags = data[l4 + 13]
        header = (data[l4 + 12] >> 4) * 4
        direction = self.direction(TCP, addresses + data[l4 : l4 + 4], half)
        other = direction.reverse
        if flags & 0x02 and not flags & 0x10:  # SYN: a new flow, unless it is sent again
            isn = data[l4 + 4 : l4 + 8]
            if direction.isn != isn:
                direction.reset()
                other.reset()
                direction.isn = isn
                direction.opened = other.opened = time

        if header >= 32 and data[l4 + 20 : l4 + 24] == b"\x01\x01\x08\x0a":
            option = l4 + 24
        else:
            option = timestamp_option(data, l4 + 20, l4 + header)
        if option:
            self.tracked += 1
            tsval = int.from_bytes(data[option : option + 4], "big")
            if flags & 0x10:
                tsecr = int.from_bytes(data[option + 4 : option + 8], "big")
                stamp = other.pending.pop(tsecr, None)
                if stamp is not None:
                    self.sample(TCP, direction, other, time, stamp, tsecr, newer32)
                elif other.shown is not None and not newer32(tsecr, other.shown):
                    # a reply to what is no sample (a pure ACK's) counts for the order, too
                    if other.newest_reply is None or newer32(tsecr, other.newest_reply):
                        other.newest_reply = tsecr
            syn = flags & 0x02
            stampable = self.include_syn if syn else length > header
            if direction.shown is None:
                direction.shown = tsval
                if syn and stampable:
                    direction.pending[tsval] = time
            elif newer32(tsval, direction.shown):
                direction.shown = tsval
                if stampable:
                    direction.pending[tsval] = time

        if flags & 0x01:
            direction.fin = True
        if flags & 0x04:
            direction.fin = other.fin = True

    def echo(self, data, time, addresses, half, l4, protocol):
        request, reply = (8, 0) if protocol == ICMP else (128, 129)
        kind = data[l4]
        if kind not in (request, reply) or data[l4 + 1]:
            return
        self.tracked += 1
        identifier = data[l4 + 4 : l4 + 6]
        direction = self.direction(protocol, addresses + identifier + identifier, half)
        sequence = data[l4 + 6] << 8 | data[l4 + 7]
        if kind == reply:
            stamp = direction.reverse.pending.pop(sequence, None)
            if stamp is not None:
                self.sample(protocol, direction, direction.reverse, time, stamp, sequence, newer16)
        elif direction.shown is None or newer16(sequence, direction.shown):
            direction.shown = sequence
            direction.pending[sequence] = time

    def sample(self, protocol, reply, measured, time, stamp, identifier, newer):
        why = None
        if reply.fin and measured.fin:
            why = "closed"
        elif measured.newest_reply is not None and newer(measured.newest_reply, identifier):
            why = "reordered"
        else:
            measured.newest_reply = identifier
        self.samples.append(
            Sample(
                protocol,
                reply.key,
                time,
                time - stamp,
                identifier,
                measured.count,
                measured.opened,
                why,
            )
        )
        self.samples[-1].where = self.where
        measured.count += 1

    def mark_edges(self, margin):
        low, high = self.start + int(margin * NS), self.end - int(margin * NS)
        for sample in self.samples:
            if margin and (sample.time - sample.rtt < low or sample.time > high):
                sample.why = sample.why or "edge"


def timestamp_option(data, at, end):
    """offset of the TSval, 0 for none"""
    while at < end:
        kind = data[at]
        if kind == 0:
            return 0
        if kind == 1:
            at += 1
            continue
        if at + 2 > end or data[at + 1] < 2 or at + data[at + 1] > end:
            return 0
        if kind == 8 and data[at + 1] == 10:
            return at + 2
        at += data[at + 1]
    return 0


def flow_name(protocol, key):
    half = (len(key) - 4) // 2
    family = socket.AF_INET if half == 4 else socket.AF_INET6
    ports = struct.unpack(">HH", key[-4:])
    return {
        "src_ip": socket.inet_ntop(family, key[:half]),
        "src_port": ports[0],
        "dest_ip": socket.inet_ntop(family, key[half : 2 * half]),
        "dest_port": ports[1],
        "protocol": {v: k for k, v in PROTOCOL_NAMES.items()}[protocol],
    }


# --- bounds --------------------------------------------------------------------

CLOCK_NS = 1000  # stamps are rounded, and of two clocks that one adjustment moves


class Bounds:
    """A capture's clock is read next to a program's, but a CPU may stop in between, or
    have a batch of packets go by the one first (GRO): their times then differ by as
    much, and neither is wrong. What can't be is that a program saw a packet before the tap
    that the packet passes earlier, or after the one that it passes later. With
    captures at both sides of the program these bound its times.

    XDP sits between the link's other end and the interface's own tap, tc ingress
    between that and the interface that the packet leaves by; tc egress between
    the interface that the packet came by and the own one's tap.
    """

    def __init__(self, hook, inner, outer=None):
        """paths of captures: of the interface that packets are forwarded to and from, of
        the link's other end (XDP only)"""
        self.hook = hook
        self.inner = self.times(inner)
        self.outer = self.times(outer) if outer else None

    @staticmethod
    def times(path):
        """(protocol, reply's flow, identifier) -> when it was first seen, and its answer"""
        referee, times = Referee(), {}
        referee.read(path)
        for s in referee.samples:
            name = (s.protocol, s.key, s.identifier)
            times[name] = None if name in times else (s.time - s.rtt, s.time)
        return times

    def between(self, here, inner, outer):
        if self.hook == "xdp":
            return min(inner, outer), here
        return min(here, inner), max(here, inner)

    def mark(self, samples):
        for s in samples:
            name = (s.protocol, s.key, s.identifier)
            inner = self.inner.get(name)
            outer = self.outer.get(name) if self.outer is not None else inner
            if inner and outer:
                s.begin = self.between(s.time - s.rtt, inner[0], outer[0])
                s.end = self.between(s.time, inner[1], outer[1])


# --- what pping reported -----------------------------------------------------


class Report:
    __slots__ = ("key", "time", "rtt", "line")

    def __init__(self, key, time, rtt, line):
        self.key = key
        self.time = time
        self.rtt = rtt
        self.line = line


class Reports:
    def __init__(self):
        self.rtts = []
        self.lost = 0  # events that pping says it lost
        self.others = 0  # flow events
        self.disorder = 0  # records older than the one before them


def read_reports(path):
    """-F jsonl output; a line that isn't one JSON object raises ValueError"""
    keys, reports, newest = {}, Reports(), 0
    with open(path, encoding="ascii") as file:
        for line in file:
            record = json.loads(line)
            if record["timestamp"] < newest:
                reports.disorder += 1
            newest = record["timestamp"]
            reports.lost += record.get("lost_events", 0)
            if "rtt" not in record:
                reports.others += "flow_event" in record
                continue
            name = (
                record["protocol"],
                record["src_ip"],
                record["src_port"],
                record["dest_ip"],
                record["dest_port"],
            )
            key = keys.get(name)
            if key is None:
                family = socket.AF_INET6 if ":" in name[1] else socket.AF_INET
                key = keys[name] = (
                    PROTOCOL_NAMES[name[0].upper()],
                    socket.inet_pton(family, name[1])
                    + socket.inet_pton(family, name[3])
                    + struct.pack(">HH", int(name[2]), int(name[4])),
                )
            reports.rtts.append(Report(key, record["timestamp"], record["rtt"], line))
    return reports


# --- comparing ---------------------------------------------------------------


def by_flow(items, key):
    flows = {}
    for item in items:
        flows.setdefault(key(item), []).append(item)
    for flow in flows.values():
        flow.sort(key=lambda item: item.time)
    return flows


def ends(sample):
    return sample.end or (sample.time, sample.time)


def begins(sample):
    return sample.begin or (sample.time - sample.rtt, sample.time - sample.rtt)


def off(time, bounds):
    """how far it lies out of them"""
    return max(0, bounds[0] - time, time - bounds[1])


def pair_up(samples, reports, tolerance, cost):
    """One to one, the cheapest pairs first; both sorted by time, which may differ by tolerance.
    cost(sample, report) is None for a pair that can't be. [(sample, report)], rest, rest"""
    times = [report.time for report in reports]
    pairs = []
    for i, sample in enumerate(samples):
        low, high = ends(sample)
        j = bisect_left(times, low - tolerance)
        while j < len(times) and times[j] <= high + tolerance:
            price = cost(sample, reports[j])
            if price is not None:
                pairs.append((price, i, j))
            j += 1
    pairs.sort()
    taken_samples, taken_reports, matched = set(), set(), []
    for _, i, j in pairs:
        if i not in taken_samples and j not in taken_reports:
            taken_samples.add(i)
            taken_reports.add(j)
            matched.append((samples[i], reports[j]))
    return (
        matched,
        [s for i, s in enumerate(samples) if i not in taken_samples],
        [r for j, r in enumerate(reports) if j not in taken_reports],
    )


class Comparison:
    def __init__(self, samples, reports, tolerance, wrong):
        """tolerance: how far (ns) the times of a packet may lie apart here and there;
        a pair whose RTTs differ by more than wrong (ns) is not a match, one with bounds
        is none if the RTT can't be within them"""
        self.matched, self.wrong, self.missed, self.invented = [], [], [], []
        ours = by_flow(samples, lambda s: (s.protocol, s.key))
        theirs = by_flow(reports, lambda r: r.key)

        def both_ends(sample, report):
            end = off(report.time, ends(sample))
            begin = off(report.time - report.rtt, begins(sample))
            return end + begin if begin <= tolerance else None

        def right(sample, report):
            if not sample.begin:
                return abs(sample.rtt - report.rtt) <= wrong
            low, high = sample.end[0] - sample.begin[1], sample.end[1] - sample.begin[0]
            return off(report.rtt, (low, high)) <= CLOCK_NS

        def reply_only(sample, report):
            return abs(sample.time - report.time)

        for key in ours.keys() | theirs.keys():
            matched, missed, invented = pair_up(
                ours.get(key, []), theirs.get(key, []), tolerance, both_ends
            )
            for sample, report in matched:
                (self.matched if right(sample, report) else self.wrong).append((sample, report))
            bad, missed, invented = pair_up(missed, invented, tolerance, reply_only)
            self.wrong += bad
            self.missed += missed
            self.invented += invented

    def errors(self):
        return sorted(abs(sample.rtt - report.rtt) for sample, report in self.matched)


def percentile(values, pct):
    return values[min(len(values) - 1, int(len(values) * pct / 100))] if values else 0


class Verdict:
    """prints a line for each threshold that is not met"""

    def __init__(self):
        self.failed = False

    def require(self, good, text):
        if not good:
            print(f"FAIL: {text}")
            self.failed = True


def describe(sample):
    name = flow_name(sample.protocol, sample.key)
    return (
        f"{name['src_ip']} {name['src_port']} -> {name['dest_ip']} {name['dest_port']} "
        f"{name['protocol']} at {sample.time} rtt {sample.rtt} ns of identifier "
        f"{sample.identifier}, number {sample.number} of its direction"
    )


def compare(args):
    referee = Referee(args.include_syn)
    referee.read(*args.pcap)
    referee.mark_edges(args.margin)
    if args.inner:
        Bounds(args.hook, args.inner, args.outer).mark(referee.samples)
    reports = read_reports(args.jsonl)
    if args.others:
        every = len(reports.rtts)
        reports.rtts = [report for report in reports.rtts if report.key in referee.directions]
        print(f"{every - len(reports.rtts)} RTTs of flows that are not in the capture")
    result = Comparison(
        referee.samples, reports.rtts, int(args.tolerance_us * 1000), int(args.wrong_us * 1000)
    )
    certain = [s for s in referee.samples if not s.why]
    matched = {id(sample) for sample, _ in result.matched}
    certain_matched = sum(1 for s in certain if id(s) in matched)
    share = 100 * certain_matched / len(certain) if certain else 0
    errors = result.errors()
    whys = {}
    for sample in referee.samples:
        if sample.why:
            whys[sample.why] = whys.get(sample.why, 0) + 1
    verdict = Verdict()

    print(
        f"referee: {len(referee.samples)} samples, {len(certain)} of them certain"
        + "".join(f", {count} {why}" for why, count in sorted(whys.items()))
        + f"; {referee.packets} packets, {referee.tracked} with identifiers, "
        f"{referee.truncated} truncated"
    )
    print(
        f"pping: {len(reports.rtts)} RTTs, {reports.others} flow events, {reports.lost} events "
        f"lost, {reports.disorder} lines out of order; matched {len(result.matched)}, "
        f"{certain_matched} of the certain ({share:.3f} %), wrong {len(result.wrong)}, "
        f"invented {len(result.invented)}, missed {len(result.missed)}"
    )
    print(
        f"error: median {percentile(errors, 50) / 1e3:.2f} us, 95 % "
        f"{percentile(errors, 95) / 1e3:.2f} us, 99 % {percentile(errors, 99) / 1e3:.2f} us, "
        f"at most {(errors[-1] if errors else 0) / 1e3:.2f} us"
    )
    if args.inner:
        the_bounds(result, args, verdict)
    for name, rows in (("wrong", [(s, r) for s, r in result.wrong]), ("missed", result.missed)):
        for row in rows[:3] if name == "wrong" or not args.sampled else ():
            sample, report = row if name == "wrong" else (row, None)
            print(f"{name}: {describe(sample)}" + (f", reported {report.rtt}" if report else ""))
            if report and sample.begin:
                print(
                    f"  stamped {report.time - report.rtt}, bounds {sample.begin}; "
                    f"answered {report.time}, bounds {sample.end}"
                )
    for report in result.invented[:3]:
        print(f"invented: {report.line.strip()}")

    verdict.require(referee.truncated == 0, "the capture's snapshot length is too short")
    verdict.require(reports.rtts, "nothing was reported")
    verdict.require(reports.disorder == 0, "lines are not in time order")
    verdict.require(
        args.allow_lost or reports.lost == 0, f"{reports.lost} events were lost in between"
    )
    if args.allow_lost:
        every_loss_is_counted(referee, reports, args, verdict)
    if not args.sampled and not args.allow_lost:
        verdict.require(
            share >= args.min_matched, f"{share:.3f} % matched, not {args.min_matched} %"
        )
    verdict.require(
        len(result.invented) <= args.max_invented, f"{len(result.invented)} invented samples"
    )
    verdict.require(len(result.wrong) <= args.max_wrong, f"{len(result.wrong)} wrong RTTs")
    if args.max_median_us is not None:
        verdict.require(
            percentile(errors, 50) <= args.max_median_us * 1000,
            f"median error above {args.max_median_us} us",
        )
    if args.where:
        each_where(result, verdict)
    if args.first is not None:
        first_of_each(referee, matched, args, verdict)
    if args.during:
        each_group(certain, matched, args, verdict)
    if len(certain) < args.min_samples:
        print(
            f"FAIL: the capture holds {len(certain)} certain samples, the load must give "
            f"{args.min_samples}"
        )
        return 1 if verdict.failed else 3
    return verdict.failed


def the_bounds(result, args, verdict):
    pairs = result.matched + result.wrong
    bounded = [(s, r) for s, r in pairs if s.begin]
    widths = sorted(s.end[1] - s.end[0] + s.begin[1] - s.begin[0] for s, _ in bounded)
    apart = sum(1 for s, r in result.matched if abs(s.rtt - r.rtt) > args.wrong_us * 1000)
    print(
        f"bounds: of {len(bounded)} of {len(pairs)}, median {percentile(widths, 50) / 1e3:.2f} us "
        f"wide, 99 % {percentile(widths, 99) / 1e3:.2f} us; {apart} within them are further than "
        f"{args.wrong_us:.0f} us from what the interface's own tap has"
    )
    verdict.require(len(bounded) * 100 >= 99 * len(pairs), "too few have bounds")


def every_loss_is_counted(referee, reports, args, verdict):
    """what was matched or happened to flows is printed or counted as lost: the sum must be right"""
    events = len(reports.rtts) + reports.others + reports.lost
    expected = len(referee.samples) + args.flow_events
    print(f"{events} events printed or counted as lost, {expected} expected")
    verdict.require(reports.lost > 0, "no event was reported as lost")
    verdict.require(
        abs(events - expected) <= expected * (100 - args.min_matched) / 100,
        "the count of lost events is wrong",
    )


def each_where(result, verdict):
    """each RTT bears the interface that its capture is called after"""
    counts = {}
    for sample, report in result.matched:
        seen, said = Path(sample.where).stem, json.loads(report.line).get("interface")
        counts[seen, said] = counts.get((seen, said), 0) + 1
    for (seen, said), count in sorted(counts.items(), key=str):
        print(f"answers seen on {seen}, said to be on {said}: {count}")
        verdict.require(seen == said, "not where it was")


def first_of_each(referee, matched, args, verdict):
    """the first sample of everything asked of a port must be among the reported"""
    port = struct.pack(">H", args.first)
    firsts = [
        s
        for s in referee.samples
        if s.protocol == TCP and s.number == 0 and s.key[-4:-2] == port
    ]
    found = sum(1 for s in firsts if id(s) in matched)
    print(f"first requests to port {args.first}: {found} of {len(firsts)} reported")
    verdict.require(
        len(firsts) >= args.min_firsts, f"{len(firsts)} first requests, not {args.min_firsts}"
    )
    verdict.require(
        found * 100 >= args.min_matched * len(firsts), "first requests are missing"
    )


def each_group(certain, matched, args, verdict):
    """the share of what was certain, for each path and for before, during and after --during"""
    begin, end = (int(part) for part in args.during.split(":"))
    paths = {socket.inet_pton(socket.AF_INET, path): path for path in args.paths.split(",")}
    groups = {}
    for s in certain:
        path = paths.get(s.key[:4]) or paths.get(s.key[4:8])
        if path is None:
            continue
        phase = "before" if s.time < begin else "after" if s.time - s.rtt > end else "during"
        rows = [(path, phase)]
        if begin <= s.opened <= end:
            rows.append((path, "of flows opened during"))
        for row in rows:
            counts = groups.setdefault(row, [0, 0])
            counts[0] += 1
            counts[1] += id(s) in matched
    for path in paths.values():
        for phase in ("before", "during", "after", "of flows opened during"):
            count, found = groups.get((path, phase), (0, 0))
            share = 100 * found / count if count else 0
            print(f"{path} {phase}: {found} of {count} reported ({share:.3f} %)")
            verdict.require(count >= args.min_group, f"not {args.min_group} samples in this group")
            # one of a few is no share
            allowed = max(1, count * (100 - args.min_matched) / 100)
            verdict.require(count - found <= allowed, f"not {args.min_matched} %")


def rate(args):
    """of each flow direction with at least --busy samples"""
    verdict = Verdict()
    flows = by_flow(read_reports(args.jsonl).rtts, lambda r: r.key)
    busy = {key: rows for key, rows in flows.items() if len(rows) >= args.busy}
    slowest = closest = None
    for key, rows in busy.items():
        stamps = sorted(row.time - row.rtt for row in rows)
        seconds = (stamps[-1] - stamps[0]) / NS
        per_second = len(stamps) / args.seconds
        least = min((b - a for a, b in zip(stamps, stamps[1:])), default=0)
        slowest = per_second if slowest is None else min(slowest, per_second)
        closest = least if closest is None else min(closest, least)
        allowed = seconds * 1000 / args.interval_ms + 1.5 if args.interval_ms else len(stamps)
        verdict.require(
            len(stamps) <= allowed,
            f"{len(stamps)} samples in {seconds:.3f} s of {flow_name(*key)}, {allowed:.0f} allowed",
        )
    print(
        f"{len(busy)} busy directions; the slowest has {slowest or 0:.2f} samples/s, "
        f"the closest two stamps are {(closest or 0) / 1e6:.3f} ms apart"
    )
    verdict.require(len(busy) >= args.min_flows, f"not {args.min_flows} busy directions")
    verdict.require(
        (slowest or 0) >= args.min_per_second, f"not {args.min_per_second} samples/s"
    )
    verdict.require(
        (closest or 0) >= args.min_distance_ms * 1e6,
        f"stamps less than {args.min_distance_ms} ms apart",
    )
    return verdict.failed


def rtts(args):
    """of the replies from one address"""
    values = []
    with open(args.jsonl, encoding="ascii") as file:
        for line in file:
            record = json.loads(line)
            if "rtt" in record and args.src in (None, record["src_ip"]):
                if args.protocol is None or args.protocol.upper() == record["protocol"].upper():
                    values.append(record["rtt"])
    values.sort()
    verdict = Verdict()
    low, middle, high = (percentile(values, pct) / 1e6 for pct in (0, 50, 95))
    print(
        f"{len(values)} RTTs from {args.src or 'anyone'}: least {low:.3f} ms, "
        f"median {middle:.3f} ms, 95 % {high:.3f} ms"
    )
    verdict.require(len(values) >= args.min_count, f"not {args.min_count} RTTs")
    verdict.require(low >= args.least_ms, f"an RTT below {args.least_ms} ms")
    verdict.require(middle <= args.median_ms, f"the median is above {args.median_ms} ms")
    return verdict.failed


def samples(args):
    referee = Referee(args.include_syn)
    referee.read(*args.pcap)
    referee.mark_edges(args.margin)
    for s in referee.samples:
        print(
            json.dumps(
                {
                    "timestamp": s.time,
                    "rtt": s.rtt,
                    **flow_name(s.protocol, s.key),
                    "identifier": s.identifier,
                    "certain": not s.why,
                }
            )
        )
    return 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for function in (samples, compare, rate, rtts):
        name = function.__name__
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        if name in ("samples", "compare"):
            command.add_argument("--pcap", required=True, action="append")
            command.add_argument("--include-syn", action="store_true")
            command.add_argument("--margin", type=float, default=0, metavar="SECONDS")
        if name != "samples":
            command.add_argument("--jsonl", required=True)
        if name == "compare":
            command.add_argument("--sampled", action="store_true", help="missed ones are no fault")
            command.add_argument("--hook", choices=("tc", "xdp"), default="tc")
            command.add_argument(
                "--inner", metavar="PCAP", help="of the interface behind the router: bounds"
            )
            command.add_argument("--outer", metavar="PCAP", help="of the link's other end, for XDP")
            command.add_argument("--tolerance-us", type=float, default=5000)
            command.add_argument("--wrong-us", type=float, default=5000)
            command.add_argument("--min-samples", type=int, default=1)
            command.add_argument("--min-matched", type=float, default=99.5, metavar="PERCENT")
            command.add_argument("--max-invented", type=int, default=0)
            command.add_argument("--max-wrong", type=int, default=0)
            command.add_argument("--max-median-us", type=float)
            command.add_argument("--allow-lost", action="store_true", help="but count them right")
            command.add_argument("--flow-events", type=int, default=0, help="with --allow-lost")
            command.add_argument("--first", type=int, metavar="PORT")
            command.add_argument("--min-firsts", type=int, default=1)
            command.add_argument("--during", metavar="NS:NS", help="a time of its own")
            command.add_argument("--paths", default="", metavar="IPV4,...", help="with --during")
            command.add_argument(
                "--others", action="store_true", help="the capture holds a part of the flows"
            )
            command.add_argument(
                "--where", action="store_true", help="captures are called after interfaces"
            )
            command.add_argument("--min-group", type=int, default=1, metavar="SAMPLES")
        if name == "rate":
            command.add_argument("--busy", type=int, default=10, metavar="SAMPLES")
            command.add_argument("--seconds", type=float, required=True, help="of load")
            command.add_argument("--interval-ms", type=float, default=0)
            command.add_argument("--min-flows", type=int, default=1)
            command.add_argument("--min-per-second", type=float, default=0)
            command.add_argument("--min-distance-ms", type=float, default=0)
        if name == "rtts":
            command.add_argument("--src", metavar="ADDRESS")
            command.add_argument("--protocol")
            command.add_argument("--min-count", type=int, default=1)
            command.add_argument("--least-ms", type=float, default=0)
            command.add_argument("--median-ms", type=float, default=float("inf"))
    args = parser.parse_args()
    if args.command == "compare" and args.inner and args.hook == "xdp" and not args.outer:
        parser.error("bounds of XDP need --outer")
    try:
        return int(args.function(args))
    except (BadCapture, ValueError, KeyError, OSError) as error:
        print(f"FAIL: {type(error).__name__}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
