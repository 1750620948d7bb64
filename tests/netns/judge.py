#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An independent judge of --include and --exclude: which packets of a capture they let by.

  judge.py talk CLIENT-NS SERVER-NS SECONDS ADDRESS...   TCP to two ports of each
  judge.py let-by PCAP OUT INCLUDE EXCLUDE [TIME INCLUDE EXCLUDE]
                                 writes what the lists (files) let by; those of TIME, ns, from then on
  judge.py prefixes JSONL PCAP   what aggregates have of each prefix is what is in the capture

Lists are read by Python's ipaddress; shares no code with the engine or its options."""

import collections
import ipaddress
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chat  # noqa: E402
from once import Capture  # noqa: E402
from referee import ip_offset, read_records  # noqa: E402

PORTS = (8080, 8443)


def talk(client_ns, server_ns, seconds, *addresses):
    places = [(a, p) for a in addresses for p in PORTS]
    chat.talk(client_ns, server_ns, float(seconds), 0.001, places)


# --- judging ------------------------------------------------------------------------------


def read_list(path):
    """[(network or None, port or None)]"""
    rules = []
    with open(path, encoding="ascii") as file:
        for line in file:
            text, port = line.split("#")[0].strip(), None
            if not text:
                continue
            if text.startswith("["):
                text, port = text[1:].split("]:")
            elif text.count(":") == 1:
                text, port = text.split(":")
            rules.append((ipaddress.ip_network(text) if text else None, port and int(port)))
    return rules


def matches(rules, ends):
    return any(
        (network is None or (address.version == network.version and address in network))
        and port in (None, own)
        for network, port in rules
        for address, own in ends
    )


def ends_of(data, ip):
    if data[ip] >> 4 == 4:
        addresses, half, protocol = data[ip + 12 : ip + 20], 4, data[ip + 9]
        l4 = ip + (data[ip] & 15) * 4
    else:
        addresses, half, protocol, l4 = data[ip + 8 : ip + 40], 16, data[ip + 6], ip + 40
    ports = struct.unpack_from("!HH", data, l4) if protocol == 6 else (-1, -1)
    pair = addresses[:half], addresses[half:]
    return [(ipaddress.ip_address(a), p) for a, p in zip(pair, ports)]


def let_by(pcap, out, *lists):
    epochs = [(0, read_list(lists[0]), read_list(lists[1]))]
    if len(lists) > 2:
        epochs.append((int(lists[2]), read_list(lists[3]), read_list(lists[4])))
    with open(pcap, "rb") as file:
        data = file.read()
    link, records = read_records(data)
    seen = collections.Counter()
    with open(out, "wb") as file:
        file.write(data[:24])
        for stamp, offset, captured, _ in records:
            ip = ip_offset(link, data, offset)
            number = max(n for n, epoch in enumerate(epochs) if stamp >= epoch[0])
            _, include, exclude = epochs[number]
            if ip >= 0:
                ends = ends_of(data, ip)
                out_of_it = matches(exclude, ends) or (include and not matches(include, ends))
                seen[number, not out_of_it] += 1
                if out_of_it:
                    continue
            file.write(data[offset - 16 : offset + captured])
    print("packets by lists and whether they were let by:", dict(seen))
    # a list that lets by all, or nothing, is no test of one
    return len(seen) != 2 * len(epochs)


def prefixes(jsonl, pcap):
    capture = Capture(pcap)
    sums = collections.defaultdict(lambda: [0, 0])
    rtts = events = 0
    with open(jsonl, encoding="ascii") as file:
        for line in file:
            r = json.loads(line)
            events += "rtt" in r
            if "ip_prefix" not in r:
                continue
            rtts += r["count_rtt"]
            for way in ("tx", "rx"):
                for kind, row in r.get(f"{way}_stats", {}).items():
                    sums[r["ip_prefix"], way, kind][0] += row["packets"]
                    sums[r["ip_prefix"], way, kind][1] += row["bytes"]
    keys = {key for key in set(capture.prefixes) | set(sums) if ":" not in key[0] or key[2] != "other"}
    wrong = [
        f"{key}: {sums[key]} packets and bytes, not {capture.prefixes[key]}"
        for key in sorted(keys)
        if sums[key] != capture.prefixes[key]
    ]
    print(f"{len(keys)} counts compared, {rtts} RTTs in aggregates, {events} events", *wrong, sep="\n")
    return bool(wrong) or rtts != events or len(keys) < 8


if __name__ == "__main__":
    commands = {"talk": talk, "let-by": let_by, "prefixes": prefixes}
    sys.exit(commands[sys.argv[1]](*sys.argv[2:]))
