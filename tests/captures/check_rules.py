#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""--include and --exclude on captures, against a reading of our own.

A capture of many hosts is made at random, and lists of entries. What they leave out is
decided here, packet by packet and entry by entry; these packets are then made unreadable,
in their places, so that the clock stays the same. Of that capture, without entries, pping
must say the very same as of the first one with them, and must count what was left out.

  check_rules.py PPING DIRECTORY"""

import ipaddress
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

ETHERTYPE = {4: 0x0800, 6: 0x86DD}
UNREADABLE = struct.pack("!H", 0x88B5)  # for local experiments
TCP, UDP, ICMP, ICMP6, GRE = 6, 17, 1, 58, 47
FIN, SYN, RST, ACK = 1, 2, 4, 16


class Packet:
    """time in ns, addresses, ports (None where a rule's has nothing to be compared with)"""

    def __init__(self, time, src, dst, protocol, body, ports=None, fragment=0, vlan=False):
        self.time, self.src, self.dst, self.protocol = time, src, dst, protocol
        self.ports, self.body, self.fragment, self.vlan = ports, body, fragment, vlan

    def kept(self, plain):
        """Would anything be kept of it? While aggregating, of everything."""
        if not plain:
            return True
        if self.protocol == TCP and not self.fragment:
            flags, options = self.body[13], self.body[12] >> 4 > 5
            return options or bool(flags & (SYN | FIN | RST))
        return self.protocol in (ICMP, ICMP6) and self.body[0] in (0, 8, 128, 129)

    def frame(self, readable=True):
        version = self.src.version
        if version == 4:
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(self.body), 0, self.fragment, 64,
                             self.protocol, 0, self.src.packed, self.dst.packed)
        else:
            ip = struct.pack("!IHBB16s16s", 6 << 28, len(self.body), self.protocol, 64,
                             self.src.packed, self.dst.packed)
        kind = struct.pack("!H", ETHERTYPE[version]) if readable else UNREADABLE
        tag = struct.pack("!HH", 0x8100, 7) if self.vlan else b""
        return bytes(12) + tag + kind + ip + self.body


# --- traffic ------------------------------------------------------------------------


def tcp(sport, dport, flags, tsval, tsecr, payload, plain):
    options = b"" if plain else struct.pack("!BBBBII", 1, 1, 8, 10, tsval, tsecr)
    return struct.pack("!HHIIBBHHH", sport, dport, tsval, 0, (20 + len(options)) // 4 << 4, flags,
                       1000, 0, 0) + options + bytes(payload)


def connection(rng, time, client, server, ports, plain, vlan):
    """Asks and answers, from a SYN on and to an end, or neither."""
    clocks, rtt = [rng.randrange(1 << 31), rng.randrange(1 << 31)], rng.randrange(10**6, 3 * 10**8)

    def segment(side, flags, payload=0):
        ends, own = ((client, server), ports) if side == 0 else ((server, client), ports[::-1])
        body = tcp(*own, flags, clocks[side], clocks[1 - side], payload, plain)
        return Packet(time, *ends, TCP, body, own, vlan=vlan)

    if rng.random() < 0.7:
        yield segment(0, SYN)
        time += rtt
        yield segment(1, SYN | ACK)
    for _ in range(rng.randrange(1, 12)):
        clocks[0] += rng.randrange(1, 500)
        yield segment(0, ACK, 100)
        time += rtt
        clocks[1] += rng.randrange(1, 500)
        yield segment(1, ACK, rng.choice((0, 1000)))
        time += rng.randrange(1, 2 * 10**9)
    for side, flags in rng.choice(((), ((0, FIN | ACK), (1, FIN | ACK)), ((1, RST),))):
        yield segment(side, flags)


def ping(rng, time, client, server):
    kinds = (8, 0, ICMP) if client.version == 4 else (128, 129, ICMP6)
    ident = rng.choice((80, 443, 1000))  # is no port
    for seq in range(rng.randrange(1, 5)):
        for kind, ends in ((kinds[0], (client, server)), (kinds[1], (server, client))):
            body = struct.pack("!BBHHH", kind, 0, 0, ident, seq) + bytes(56)
            yield Packet(time, *ends, kinds[2], body)
            time += rng.randrange(10**6, 10**8)
        time += 10**9


def rest(rng, time, client, server, ports):
    """What gives no RTT, and counts in aggregates."""
    datagram = struct.pack("!HHHH", *ports, 28, 0) + bytes(20)
    yield Packet(time, client, server, UDP, datagram)
    yield Packet(time + 1000, server, client, GRE, bytes(40))
    if client.version == 4:
        yield Packet(time + 2000, client, server, TCP, bytes(200), fragment=100)


def hosts(rng):
    """Few networks, so that prefixes hold several."""
    found = [ipaddress.ip_address(f"10.{rng.randrange(3)}.{rng.randrange(3)}.{rng.randrange(1, 250)}")
             for _ in range(40)]
    found += [ipaddress.ip_address(f"2001:db8:{rng.randrange(3)}:{rng.randrange(3):x}::{n + 1:x}")
              for n in range(40)]
    return found


def traffic(rng, everybody):
    packets = []
    for _ in range(900):
        version = rng.choice((4, 6))
        client, server = rng.sample([h for h in everybody if h.version == version], 2)
        ports = (rng.randrange(1024, 65536), rng.choice((80, 443, 8080)))
        time = rng.randrange(60 * 10**9)
        kind = rng.random()
        if kind < 0.7:
            packets += connection(rng, time, client, server, ports, kind < 0.1, kind > 0.6)
        elif kind < 0.85:
            packets += ping(rng, time, client, server)
        else:
            packets += rest(rng, time, client, server, ports)
    return sorted(packets, key=lambda p: p.time)


def write(path, packets, out=None):
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for packet in packets:
            frame = packet.frame(not out or packet not in out)
            seconds, ns = divmod(1700000000 * 10**9 + packet.time, 10**9)
            file.write(struct.pack("=IIII", seconds, ns, len(frame), len(frame)) + frame)


# --- entries ------------------------------------------------------------------------------


def entry(rng, everybody):
    """(network or None, port or None)"""
    host, port = rng.choice(everybody), rng.choice((None, None, 80, 443))
    if port and rng.random() < 0.1:
        return None, port
    bits = rng.choice((16, 24, 32, 32)) if host.version == 4 else rng.choice((48, 64, 128, 128))
    return ipaddress.ip_network((host, bits), strict=False), port


def written(network, port):
    if network is None:
        return f":{port}"
    text = str(network).removesuffix(f"/{network.max_prefixlen}")
    if port is None:
        return text
    return f"{text}:{port}" if network.version == 4 else f"[{text}]:{port}"


def matches(rule, packet):
    network, port = rule
    for end, address in enumerate((packet.src, packet.dst)):
        if port is not None and (not packet.ports or packet.ports[end] != port):
            continue
        if network is None or (address.version == network.version and address in network):
            return True
    return False


def excluded(packet, include, exclude):
    if any(matches(rule, packet) for rule in exclude):
        return True
    return bool(include) and not any(matches(rule, packet) for rule in include)


# --- both readings ----------------------------------------------------------------------------


def run(pping, capture, *options):
    done = subprocess.run([pping, "--read", capture, "-TC", "-r", "0", *options], capture_output=True,
                          text=True, check=True)
    left_out = re.search(r"([0-9]+) left out by --include or --exclude", done.stderr)
    return done.stdout, int(left_out[1]) if left_out else 0


def check(pping, directory, seed):
    rng = random.Random(seed)
    everybody = hosts(rng)
    packets = traffic(rng, everybody)
    include = [entry(rng, everybody) for _ in range((0, 6, 0)[seed % 3])]
    exclude = [entry(rng, everybody) for _ in range((8, 4, 14)[seed % 3])]
    options = []
    for name, rules in (("include", include), ("exclude", exclude)):
        path = directory / f"{name}.list"
        path.write_text("".join(f"{written(*rule)}  # one\n" for rule in rules[1:]), encoding="ascii")
        if rules:
            options += [f"--{name}", written(*rules[0]), f"--{name}-file", path]
    whole, part = directory / "whole.pcap", directory / "part.pcap"
    out = {p for p in packets if excluded(p, include, exclude)}
    assert len(packets) / 20 < len(out) < len(packets) * 0.95, (len(out), len(packets))
    write(whole, packets)
    write(part, packets, out)
    for more in ([], ["-F", "jsonl", "--counters"], ["-F", "jsonl", "-a", "5", "--events"],
                 ["-F", "jsonl", "-a", "60", "-4", "32", "-6", "64"]):
        said, count = run(pping, whole, *options, *more)
        expected, none = run(pping, part, *more)
        if "-a" in more:
            expected = re.sub(r'"not_ip":[0-9]+', '"not_ip":0', expected)
        assert said == expected, f"seed {seed} {more}: differs"
        assert said.count("\n") > 20 and not none
        want = sum(p.kept("-a" not in more) for p in out)
        assert count == want, f"seed {seed} {more}: {count} left out, not {want}"
    print(f"# {len(packets)} packets, {len(out)} left out, {len(include)} and {len(exclude)} entries")


def main():
    pping, directory = sys.argv[1], Path(sys.argv[2])
    failed = 0
    for seed in range(9):
        try:
            check(pping, directory, seed)
            print(f"ok rules_of_capture_{seed}")
        except (AssertionError, subprocess.CalledProcessError) as error:
            print(f"not ok rules_of_capture_{seed}: {error}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
