# SPDX-License-Identifier: GPL-2.0-or-later
"""RTTs against three witnesses: a capture of the same interface, read by definition; ping; and the
path's own delay.

By definition a sample begins when a flow's direction shows a TSval that is newer than all it has shown,
in a packet that carries data (the first TSval seen in mid-stream is none), and ends with the first
packet back that has ACK set and this TSecr. Written for the study alone: it shares nothing with pping."""

import re
import socket
import struct
from bisect import bisect_left

# The times of a packet in the capture and in the program may lie apart by so much (s).
NEAR = 5e-3
# Points of a distribution that are kept.
POINTS = 200


def packets(path):
    """(time in s, source, destination, TCP header or None, its data length)"""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 24 or struct.unpack_from("<I", data)[0] != 0xA1B23C4D:
        return
    ethernet = struct.unpack_from("<I", data, 20)[0] & 0xFFFF == 1
    offset, found = 24, []
    while offset + 16 <= len(data):
        seconds, ns, length, _ = struct.unpack_from("<IIII", data, offset)
        found.append((seconds * 10**9 + ns, offset + 16, length))
        offset += 16 + length
    found.sort()  # several CPUs deliver to one tap
    for time, at, length in found:
        ip = at + 14 if ethernet else at
        if data[ip] >> 4 != 4 or data[ip + 9] != socket.IPPROTO_TCP:
            continue
        tcp = ip + (data[ip] & 15) * 4
        header = (data[tcp + 12] >> 4) * 4
        total = struct.unpack_from(">H", data, ip + 2)[0]
        payload = total - (tcp - ip) - header if total else 1
        yield time, data[ip + 12 : ip + 16], data[ip + 16 : ip + 20], data[tcp : tcp + header], payload


def timestamps(tcp):
    """TSval and TSecr, or None"""
    at = 20
    while at < len(tcp):
        if tcp[at] == 0:
            return None
        if tcp[at] == 1:
            at += 1
            continue
        if at + 1 >= len(tcp) or tcp[at + 1] < 2:
            return None
        if tcp[at] == 8 and at + 10 <= len(tcp):
            return struct.unpack_from(">II", tcp, at + 2)
        at += tcp[at + 1]
    return None


class Direction:
    def __init__(self):
        self.newest, self.pending, self.samples = None, {}, []


def samples(path):
    """of each flow, by (answering address, port, other address, port): [(time, RTT)], seconds"""
    directions = {}
    for time, src, dst, tcp, payload in packets(path):
        stamps = timestamps(tcp)
        if not stamps:
            continue
        ports = tcp[:2], tcp[2:4]
        here = directions.setdefault((src, ports[0], dst, ports[1]), Direction())
        back = directions.setdefault((dst, ports[1], src, ports[0]), Direction())
        if tcp[13] & 0x10:
            begun = back.pending.pop(stamps[1], None)
            if begun is not None:
                here.samples.append((time / 1e9, (time - begun) / 1e9))
        first = here.newest is None
        if first or 0 < (stamps[0] - here.newest) & 0xFFFFFFFF < 1 << 31:
            here.newest = stamps[0]
            if not first and payload > 0 and not tcp[13] & 0x02:
                here.pending[stamps[0]] = time
    return {(socket.inet_ntoa(key[0]), int.from_bytes(key[1], "big"), socket.inet_ntoa(key[2]),
             int.from_bytes(key[3], "big")): direction.samples for key, direction in directions.items()}


def distribution(values):
    """quantiles at equal steps, from the least to the largest"""
    values = sorted(values)
    if not values:
        return []
    return [round(values[round(i * (len(values) - 1) / POINTS)], 3) for i in range(POINTS + 1)]


def quantiles(values):
    values = sorted(values)
    if not values:
        return {"count": 0}
    return {"count": len(values),
            **{name: round(values[int(share * (len(values) - 1))], 3)
               for name, share in (("least", 0), ("median", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1))}}


def pair(truth, reports):
    """differences (us) of the reports to the samples nearest in time, samples left over, reports left over"""
    times = [time for time, _ in truth]
    taken, errors, invented = set(), [], 0
    for time, rtt in sorted(reports):
        at = bisect_left(times, time)
        near = [i for i in range(max(0, at - 4), min(len(times), at + 5))
                if i not in taken and abs(times[i] - time) < NEAR]
        best = min(near, key=lambda i: abs(times[i] - time) + abs(times[i] - truth[i][1] - time + rtt), default=None)
        if best is None:
            invented += 1
            continue
        taken.add(best)
        errors.append((rtt - truth[best][1]) * 1e6)
    return errors, len(truth) - len(taken), invented


def against_capture(path, rtts):
    truth, reports = samples(path), {}
    for time, src, sport, dst, dport, protocol, rtt in rtts:
        if protocol == "TCP":
            reports.setdefault((src, sport, dst, dport), []).append((time, rtt))
    errors, missed, invented = [], 0, 0
    for key in truth.keys() | reports.keys():
        some, left, more = pair(truth.get(key, []), reports.get(key, []))
        errors += some
        missed += left
        invented += more
    return {"samples": sum(map(len, truth.values())), "reported": len(errors) + invented, "missed": missed,
            "invented": invented, "error_us": quantiles(errors),
            "absolute_error_us": quantiles([abs(error) for error in errors]),
            "absolute_error_us_distribution": distribution([abs(error) for error in errors])}


def against_ping(path, rtts):
    """ping says what the generator sees, the monitor what the router sees: less by the first link"""
    pings = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = re.match(r"\[(\d+\.\d+)\].*icmp_seq=(\d+).* time=([\d.]+) ms", line)
            if match:
                pings.append((float(match[1]), float(match[3]) / 1e3))
    ours = sorted((time, rtt) for time, *_, protocol, rtt in rtts if protocol.startswith("ICMP"))
    errors, missed, invented = pair(pings, ours)
    return {"samples": len(pings), "reported": len(ours), "missed": missed, "invented": invented,
            "ping_us": quantiles([rtt * 1e6 for _, rtt in pings]), "monitor_us": quantiles([r * 1e6 for _, r in ours]),
            "error_us": quantiles(errors), "absolute_error_us_distribution": distribution(map(abs, errors))}


def against_path(rtts, sink, delay_us):
    """how much more than the path's delay, there and back; less than nothing would be wrong"""
    more = [rtt * 1e6 - 2 * delay_us for _, src, *_, protocol, rtt in rtts if src == sink and protocol == "TCP"]
    return {"delay_us": 2 * delay_us, "error_us": quantiles(more), "below": sum(value < 0 for value in more),
            "absolute_error_us_distribution": distribution(map(abs, more))}


def judge(raw, output, sink, generator, delay_us):
    """delay_us: of the path each way, below 0 if it isn't known"""
    out = {"capture": against_capture(f"{raw}/capture.pcap", output.rtts),
           "ping": against_ping(f"{raw}/ping.out", output.rtts)}
    if delay_us >= 0:
        out["path"] = against_path(output.rtts, sink, delay_us)
    return out
