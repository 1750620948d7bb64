#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks for addresses in whatever a program has let out, in every form that an address
can take; and compares what pping says of a capture with and without --anonymize.

  privacy.py scan none|all ADDRESS,... FILE...   no address in any file; each address in each file
  privacy.py compare METHOD PLAIN ANONYMOUS      jsonl of the same capture, record by record
  privacy.py times SINCE FILE...                 no clock in what --relative-time has written
  privacy.py keys LIST FILE                      the keys of RTTs are these and no others
  privacy.py prefixes FILE                       writes a capture of many prefixes
  privacy.py order sorted|shuffled FILE          of their aggregates, in jsonl
  privacy.py dumped CMD...                       runs it, ABRTs it: "dumped" or "not dumped"
  privacy.py selftest"""

import base64
import gzip
import ipaddress
import itertools
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time


# --- forms ----------------------------------------------------------------------


def texts(address):
    """As people and libraries write it."""
    yield str(address)
    yield address.exploded
    yield address.reverse_pointer.split(".in-addr")[0].split(".ip6")[0]
    if address.version == 4:
        octets = str(address).split(".")
        yield ".".join(octet.zfill(3) for octet in octets)
        yield ".".join(f"0{int(octet):o}" for octet in octets)
        yield ".".join(f"0x{int(octet):x}" for octet in octets)
        yield ipaddress.ip_address("::ffff:" + str(address)).compressed.removeprefix("::ffff:")
    else:
        yield ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))


def integers(address):
    """Decimal, of either byte order; parts of IPv6 that are large enough to tell."""
    packed = address.packed
    for order in ("big", "little"):
        yield int.from_bytes(packed, order)
        if address.version == 4:
            yield int.from_bytes(packed, order, signed=True)
        else:
            for half in (packed[:8], packed[8:]):
                yield int.from_bytes(half, order)


def byte_orders(address):
    """As it lies in memory: network order, the other, and of IPv6 by words and halves."""
    packed = address.packed
    yield packed
    for size in (4, 8, 16):
        if size <= len(packed):
            yield b"".join(packed[i:i + size][::-1] for i in range(0, len(packed), size))


def encodings(packed):
    """Bytes as text: hexadecimal in its habits, base64 at each alignment."""
    for separator in ("", ":", " ", "-", ".", ", "):
        yield separator.join(f"{byte:02x}" for byte in packed)
    for prefix in ("\\x", "%", "0x"):
        yield "".join(f"{prefix}{byte:02x}" for byte in packed)
    yield f"{int.from_bytes(packed, 'big'):x}"
    if len(packed) == 4:
        yield base64.b64encode(packed).decode()
        return
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + packed).decode().rstrip("=")
        yield encoded[(0, 2, 3)[shift]:len(encoded) - 1]


def forms(text):
    """Bytes to look for, of at least four; letters of hexadecimal digits in lower case."""
    address = ipaddress.ip_address(text)
    found = {form.lower().encode() for form in texts(address)}
    found |= {str(value).encode() for value in integers(address) if abs(value) >= 1 << 24}
    for packed in byte_orders(address):
        found.add(packed)
        found |= {form.lower().encode() for form in encodings(packed)}
    return {form for form in found if len(form) >= 4}


def contents(path):
    """The file as it is, and decompressed."""
    with open(path, "rb") as file:
        raw = file.read()
    yield raw
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        yield subprocess.run(["zstd", "-dc"], input=raw, stdout=subprocess.PIPE, check=True).stdout


def search(data, addresses):
    """{address: a form of it that is in the data}"""
    found, lower = {}, data.lower()
    for address, needles in addresses.items():
        for needle in needles:
            if needle in data or needle in lower:
                found[address] = needle
    return found


def scan(expect, addresses, paths):
    needles = {address: forms(address) for address in addresses.split(",")}
    assert paths
    for path in paths:
        found, size = {}, 0
        for data in contents(path):
            found |= search(data, needles)
            size += len(data)
        if expect == "none" and found:
            sys.exit(f"{path}: {found}")
        if expect == "all" and len(found) != len(needles):
            sys.exit(f"{path}: not found: {set(needles) - set(found)}")
        print(f"{path}: {size} bytes, {len(found)} of {len(needles)} addresses")


# --- records ----------------------------------------------------------------------


def records(path):
    with open(path, encoding="ascii") as file:
        return [json.loads(line) for line in file]


class Mapping:
    """A function, and one to one if so wished."""

    def __init__(self, name, injective):
        self.name, self.injective, self.there, self.back = name, injective, {}, {}

    def add(self, source, target):
        assert self.there.setdefault(source, target) == target, (self.name, source)
        if self.injective:
            assert self.back.setdefault(target, source) == source, (self.name, target)


def common_prefix(one, other):
    one, other = ipaddress.ip_address(one), ipaddress.ip_address(other)
    return one.max_prefixlen - (int(one) ^ int(other)).bit_length()


def compare(method, plain_path, anonymous_path):
    plain, anonymous = records(plain_path), records(anonymous_path)
    addresses = Mapping("addresses", method not in ("truncate", "remove"))
    ports, flows = Mapping("ports", True), Mapping("flows", True)
    assert len(plain) == len(anonymous) > 20
    for was, became in zip(plain, anonymous):
        for side in ("src", "dest"):
            ip, port = was.pop(f"{side}_ip"), was.pop(f"{side}_port")
            shown = became.pop(f"{side}_ip", "-")
            assert method == "none" or shown != ip, ip
            addresses.add(ip, shown)
            # an echo identifier is of both hosts
            host = ip if was["protocol"] == "TCP" else "ICMP"
            if host != "ICMP":
                ports.add((host, port), (host, became.pop(f"{side}_port")))
            else:
                became.pop(f"{side}_port")
            was[side] = (ip, port)
        flows.add((frozenset((was.pop("src"), was.pop("dest"))), was["protocol"]),
                  became.pop("flow_id"))
        became.pop("ip_version", None)
        assert was == became, (was, became)
    if method in ("cryptopan", "ipcrypt-pfx"):
        for (a, x), (b, y) in itertools.combinations(addresses.there.items(), 2):
            if (":" in a) == (":" in b):
                assert common_prefix(a, b) == common_prefix(x, y), (a, b, x, y)
    print(f"{len(plain)} records, {len(addresses.there)} addresses, {len(flows.there)} flows")


def times(since, paths):
    """since: seconds of the epoch, before which no run had begun."""
    since, now = float(since), time.time()
    ages = [(since, now + 1), (time.clock_gettime(time.CLOCK_MONOTONIC) - (now - since), 1e9)]
    for path in paths:
        data = open(path, encoding="ascii").read()
        assert len(data) > 100, path
        for number in map(int, re.findall(r"[0-9]{10,20}", re.sub(r"[0-9a-f:]*:[0-9a-f:]*", "", data))):
            for scale in (1, 10**3, 10**6, 10**9):
                assert not ages[0][0] - 86400 <= number / scale <= ages[0][1] + 86400, (path, number)
        for record in re.findall(r'"timestamp":([0-9]+)', data):
            assert int(record) / 1e9 < now - since, (path, record)
        for hours, minutes in re.findall(r"^(?:# )?([0-9]{2}):([0-9]{2}):", data, re.M):
            assert (int(hours), int(minutes)) < (0, 5), path


def keys(wanted, path):
    wanted, rtts = wanted.split(","), [r for r in records(path)]
    assert len(rtts) > 5
    for record in rtts:
        assert list(record) == wanted, (list(record), wanted)
    print(rtts[0])


# --- the order of prefixes -------------------------------------------------------------

PREFIXES = 60


def write_prefixes(path):
    """A capture of bare IPv4: 10.0.N.1 sends N packets."""
    frames = b""
    for number in range(1, PREFIXES + 1):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes((10, 0, number, 1)),
                             bytes((192, 0, 2, 1))) + bytes(8)
        frames += number * (struct.pack("=IIII", 1, 0, len(header), len(header)) + header)
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 128, 101) + frames)


def order(expect, path):
    """Of what that capture's aggregates list: sorted as the addresses are, or not at all."""
    rows = [r for r in records(path) if "ip_prefix" in r]
    counts = [sum(s["packets"] for side in ("rx_stats", "tx_stats") for s in r[side].values())
              for r in rows]
    counts = [count for count in counts if count <= PREFIXES]
    assert sorted(counts) == list(range(1, PREFIXES + 1)), counts
    assert len({r["ip_prefix"] for r in rows}) == len(rows)
    rising = sum(x < y for x, y in zip(counts, counts[1:]))
    print(f"{rising} of {PREFIXES - 1} in the order of addresses")
    assert (rising == PREFIXES - 1) == (expect == "sorted") and (expect == "sorted" or rising < 50)


# --- core dumps ---------------------------------------------------------------------


def dumped(command):
    child = subprocess.Popen(command, stdin=subprocess.PIPE)
    # it is pping, and sleeps: it has begun
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with open(f"/proc/{child.pid}/stat", encoding="ascii") as stat:
            if "(pping) S" in stat.read():
                break
        time.sleep(0.02)
    time.sleep(0.3)
    assert child.poll() is None, child.returncode
    limits = open(f"/proc/{child.pid}/limits", encoding="ascii").read()
    owner = os.stat(f"/proc/{child.pid}/mem").st_uid
    child.send_signal(signal.SIGABRT)
    _, status = os.waitpid(child.pid, 0)
    assert os.WIFSIGNALED(status), status
    limit = re.search(r"Max core file size +(\S+)", limits)[1]
    print("dumped" if os.WCOREDUMP(status) else "not dumped", f"limit {limit} owner {owner}")


# --- does the search find what it should? ---------------------------------------------


def selftest():
    addresses = ["10.11.1.2", "203.0.113.77", "fd00:11:1::2", "2001:db8:1:2:3:4:5:6"]
    count = 0
    for address in addresses:
        for form in forms(address):
            for written in {form, form.upper() if form.isascii() else form}:
                data = b'{"x":"' + written + b'"}'
                assert address in search(data, {address: forms(address)}), form
                count += 1
    must = {
        "10.11.1.2": ["10.11.1.2", "010.011.001.002", "2.1.11.10", "a0b:102", "0a0b0102", "0A:0B:01:02",
                      "a0b0102", "168493314", "33622794", b"\x0a\x0b\x01\x02", b"\x02\x01\x0b\x0a",
                      "\\x0a\\x0b\\x01\\x02", "CgsBAg=="],
        "fd00:11:1::2": ["FD00:11:1::2", "fd00:0011:0001:0000:0000:0000:0000:0002",
                         "fd00:11:1:0:0:0:0:2", "fd000011000100000000000000000002",
                         "336294684280463687512976539970349039618",
                         bytes.fromhex("fd000011000100000000000000000002"),
                         bytes.fromhex("020000000000000000000100110000fd"),
                         bytes.fromhex("110000fd000001000000000002000000")],
    }
    for address, written in must.items():
        for form in written:
            data = form if isinstance(form, bytes) else form.encode()
            assert search(b"x" + data + b"x", {address: forms(address)}), (address, form)
            assert not search(data, {"192.0.2.99": forms("192.0.2.99")})
            count += 1
    # neighbours, networks and what pping prints in their place are none
    for other in ("10.11.1.0", "10.11.1.3", "fd00:11:1::", "-", "fd00:11:1:::443"):
        assert not search(other.encode(), {a: forms(a) for a in addresses}), other
    print(f"{count} forms found")


def main():
    command, *args = sys.argv[1:]
    if command == "scan":
        scan(args[0], args[1], args[2:])
    elif command == "compare":
        compare(*args)
    elif command == "times":
        times(args[0], args[1:])
    elif command == "keys":
        keys(*args)
    elif command == "prefixes":
        write_prefixes(*args)
    elif command == "order":
        order(*args)
    elif command == "dumped":
        dumped(args)
    else:
        selftest()


if __name__ == "__main__":
    main()
