#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that pass several interfaces, and how often they are counted.

  once.py traffic CLIENT-NS SERVER-NS ADDRESS... [-- ROUTER-ADDRESS...]
                  to each address UDP and TCP, answered, asked for at another one with
                  ADDRESS@OTHER; to the router's own UDP alone
  once.py check JSONL PCAP...

check compares the closings and aggregates of pping with captures of the interfaces that
it watched: a flow's direction, and what an address has sent or received, is all on one
of them, and perhaps once more on another. Shares no code with the engine."""

import collections
import ipaddress
import json
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from referee import ip_offset, read_records  # noqa: E402
from sockets import enter, family_of  # noqa: E402

PORT, ROUNDS = 7777, 30
PROTOCOLS = {6: "TCP", 1: "ICMP", 58: "ICMPv6"}
PREFIX_BITS = {4: 32, 6: 64}


def talk(client_ns, server_ns, address, rounds):
    """What one asks another answers; datagrams are of few lengths."""
    address, asked = (address + "@" + address).split("@")[:2]
    enter(server_ns)
    tcp = socket.create_server((address, PORT), family=family_of(address))
    udp = socket.socket(family_of(address), socket.SOCK_DGRAM)
    udp.bind((address, PORT))
    enter(client_ns)
    asker = socket.socket(family_of(address), socket.SOCK_DGRAM)
    client = socket.create_connection((asked, PORT), timeout=5)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server, _ = tcp.accept()
    for sock in (asker, udp, server):
        sock.settimeout(5)
    for i in range(rounds):
        time.sleep(0.005)
        for _ in range(3):
            asker.sendto(bytes(100 + i % 4), (asked, PORT))
        for _ in range(3):
            data, who = udp.recvfrom(2000)
            udp.sendto(data * 2, who)
        for _ in range(3):
            asker.recv(2000)
        client.sendall(bytes(100))
        server.sendall(server.recv(1000) * 5)
        client.recv(1000)
    client.close()
    server.recv(1)
    server.close()


def traffic(client_ns, server_ns, *addresses):
    routers = addresses[addresses.index("--") + 1 :] if "--" in addresses else ()
    for router in routers:
        enter(client_ns)
        socket.socket(family_of(router), socket.SOCK_DGRAM).sendto(bytes(100), (router, PORT))
    for address in addresses[: len(addresses) - len(routers) - bool(routers)]:
        talk(client_ns, server_ns, address, ROUNDS)


# --- the captures ---------------------------------------------------------------------


class Capture:
    """what each flow's direction and each prefix had: [packets, bytes]"""

    def __init__(self, path):
        self.flows = collections.defaultdict(lambda: [0, 0])
        self.prefixes = collections.defaultdict(lambda: [0, 0])  # (prefix, way, kind)
        self.ipv4 = [0, 0]
        self.fins = {}  # of flows: who has sent one
        with open(path, "rb") as file:
            data = file.read()
        link, records = read_records(data)
        for _, offset, _, _ in records:
            ip = ip_offset(link, data, offset)
            if ip >= 0:
                self.packet(data, ip)

    def packet(self, data, ip):
        if data[ip] >> 4 == 4:
            header, protocol, addresses = (data[ip] & 15) * 4, data[ip + 9], data[ip + 12 : ip + 20]
            length = struct.unpack_from("!H", data, ip + 2)[0]
        else:
            header, protocol, addresses = 40, data[ip + 6], data[ip + 8 : ip + 40]
            length = struct.unpack_from("!H", data, ip + 4)[0] + 40
        half = len(addresses) // 2
        src, dst = (ipaddress.ip_address(a) for a in (addresses[:half], addresses[half:]))
        l4, kind, ports = ip + header, "other", None
        if protocol == 6:
            ports = struct.unpack_from("!HH", data, l4)
            kind = "tcp_ts" if data[l4 + 12] >> 4 > 5 else "tcp_no_ts"
        elif protocol in (1, 58) and data[l4] in (0, 8, 128, 129):
            ports = struct.unpack_from("!H", data, l4 + 4) * 2
        # neighbours' talk is no router's
        if protocol == 58 and ports is None:
            return
        rows = [
            self.prefixes[str(ipaddress.ip_network((a, PREFIX_BITS[a.version]), False)), way, kind]
            for a, way in ((src, "tx"), (dst, "rx"))
        ]
        key = ports and (PROTOCOLS[protocol], str(src), ports[0], str(dst), ports[1])
        # the packet that closes a flow is the last that its closing speaks of
        fins = self.fins.setdefault(frozenset((key[1:3], key[3:])), set()) if ports else ()
        if ports and len(fins) < 2:
            rows.append(self.flows[key])
        if protocol == 6 and data[l4 + 13] & 1:
            fins.add(src)
        if src.version == 4:
            rows.append(self.ipv4)
        for row in rows:
            row[0] += 1
            row[1] += length


def most(captures, rows, key):
    """all pass one of them, and no packet passes one of them twice"""
    return max((rows(capture)[key] for capture in captures if key in rows(capture)), default=[0, 0])


# --- against them -------------------------------------------------------------------------


def check(jsonl, *pcaps, aggregated=False):
    captures = [Capture(path) for path in pcaps]
    wrong, checked = [], collections.Counter()
    sums = collections.defaultdict(lambda: [0, 0])
    total = [0, 0]

    def compare(what, said, true):
        checked[what[0]] += 1
        if list(said) != list(true):
            wrong.append(f"{what}: {list(said)} packets and bytes, not {list(true)}")

    with open(jsonl, encoding="ascii") as file:
        records = [json.loads(line) for line in file]
    flows = {key for capture in captures for key in capture.flows}
    for r in records:
        if r.get("flow_event") == "closing":
            key = r["protocol"], r["src_ip"], r["src_port"], r["dest_ip"], r["dest_port"]
            back = key[0], *key[3:], *key[1:3]
            flows -= {key, back}
            compare(("closing", *back), (r["sent_packets"], r["sent_bytes"]),
                    most(captures, lambda c: c.flows, back))
            compare(("closing", *key), (r["rec_packets"], r["rec_bytes"]),
                    most(captures, lambda c: c.flows, key))
        elif "ip_prefix" in r:
            for way in ("tx", "rx"):
                for kind, row in r.get(f"{way}_stats", {}).items():
                    sums[r["ip_prefix"], way, kind][0] += row["packets"]
                    sums[r["ip_prefix"], way, kind][1] += row["bytes"]
        elif "ecn" in r:
            for row in r["ipv4"].values():
                total[0] += row["packets"]
                total[1] += row["bytes"]
    wrong += [f"no closing of {key}" for key in flows if key[0] == "TCP"]
    if aggregated:
        # of ICMPv6 others see neighbours' talk, too
        keys = {key for capture in captures for key in capture.prefixes} | set(sums)
        for key in sorted(keys):
            if ":" not in key[0] or key[2] != "other":
                compare(("prefix", *key), sums[key], most(captures, lambda c: c.prefixes, key))
        compare(("total",), total, max(capture.ipv4 for capture in captures))
    print(dict(checked), *wrong, sep="\n")
    missing = [what for what in ("closing", *(["prefix"] if aggregated else [])) if not checked[what]]
    return bool(wrong or missing or (aggregated and not total[0]))


def check_aggregated(jsonl, *pcaps):
    return check(jsonl, *pcaps, aggregated=True)


if __name__ == "__main__":
    sys.exit({"traffic": traffic, "check": check, "check_aggregated": check_aggregated}[sys.argv[1]](*sys.argv[2:]))
