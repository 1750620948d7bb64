# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads RTTs from what a monitor prints: pping's jsonl, standard and ppviz formats, as other
ppings print them too. Times are seconds since 1970, RTTs seconds."""

import re

JSON_RTT = re.compile(
    r'^\{"timestamp":(\d+),"src_ip":"([^"]+)","src_port":(\d+),"dest_ip":"([^"]+)","dest_port":(\d+),'
    r'"protocol":"(\w+)","rtt":(\d+)')
JSON_LOST = re.compile(r'^\{"timestamp":(\d+),"lost_events":(\d+)')
JSON_PREFIX = re.compile(r'^\{"timestamp":(\d+),"ip_prefix":"([^"]+)".*?"count_rtt":(\d+)')
STANDARD = re.compile(r"^(\d\d):(\d\d):(\d\d\.\d+) ([\d.]+) (ms|us|s) [\d.]+ (?:ms|us|s) (?:(\w+) )?(\S+)\+(\S+)$")
PPVIZ = re.compile(r"^(\d{9,}\.\d+) ([\d.]+(?:e-?\d+)?) [\d.e-]+(?: \d+ \d+ \d+)? (\S+)\+(\S+)$")
JSON_INTERVAL = re.compile(r'"interval_s":(\d+)')
# Reports of a longer interval don't tell when in it the RTTs were.
LONGEST_INTERVAL = 2
LOST = re.compile(r"^(\d\d):(\d\d):(\d\d\.\d+) lost (\d+) events")
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def split_end(end):
    address, _, port = end.rpartition(":")
    return address.strip("[]"), int(port) if port.isdigit() else 0


class Output:
    """rtts: (time, answering address, its port, other address, its port, protocol, RTT)
    counted: (time, prefix, RTTs) of aggregated reports; lost: (time, events)"""

    def __init__(self, path, day):
        """day: any time of the day that a time of day belongs to, in seconds since 1970"""
        self.rtts, self.counted, self.lost = [], [], []
        self.interval = 0
        self.midnight = day // 86400 * 86400
        self.noon = day % 86400
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    self.line(line.rstrip("\n"))
        except FileNotFoundError:
            pass

    def clock(self, hours, minutes, seconds):
        time = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if time - self.noon > 43200:
            time -= 86400
        elif self.noon - time > 43200:
            time += 86400
        return self.midnight + time

    def line(self, line):
        match = JSON_RTT.match(line)
        if match:
            time, src, sport, dst, dport, protocol, rtt = match.groups()
            self.rtts.append((int(time) / 1e9, src, int(sport), dst, int(dport), protocol, int(rtt) / 1e9))
        elif line[:1] == "{":
            self.json(line)
        elif match := STANDARD.match(line):
            hours, minutes, seconds, rtt, unit, protocol, src, dst = match.groups()
            self.rtts.append((self.clock(hours, minutes, seconds), *split_end(src), *split_end(dst),
                              protocol or "TCP", float(rtt) * UNITS[unit]))
        elif match := PPVIZ.match(line):
            self.rtts.append((float(match[1]), *split_end(match[3]), *split_end(match[4]), "TCP", float(match[2])))
        elif match := LOST.match(line):
            self.lost.append((self.clock(*match.groups()[:3]), int(match[4])))

    def json(self, line):
        if match := JSON_LOST.match(line):
            self.lost.append((int(match[1]) / 1e9, int(match[2])))
        elif match := JSON_INTERVAL.search(line):
            self.interval = int(match[1])
        elif self.interval <= LONGEST_INTERVAL and (match := JSON_PREFIX.match(line)):
            self.counted.append((int(match[1]) / 1e9, match[2], int(match[3])))
