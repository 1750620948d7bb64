#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks for addresses in the BPF maps that a process has open, keys and values, as the bytes
of a packet have them.

  maps.py PID none|all ADDRESS...   none of them in any map; each in one at least

The tables of --include and --exclude are left out: the entries are there."""

import ctypes
import ipaddress
import os
import re
import struct
import sys
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attached import attr_of, bpf  # noqa: E402

BPF_MAP_LOOKUP_ELEM, BPF_MAP_GET_NEXT_KEY = 1, 4
BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 14, 15
PER_CPU = (5, 6, 10, 21)  # hash, array, LRU hash, storage: a value for each possible CPU
NO_KEYS = (4, 22, 12, 27)  # perf events, queue, array of maps, ring


def open_maps(pid):
    ids = set()
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            ids |= {int(n) for n in re.findall(r"^map_id:\s+([0-9]+)", path.read_text(), re.M)}
        except OSError:
            pass
    return sorted(ids)


def possible_cpus():
    last = Path("/sys/devices/system/cpu/possible").read_text(encoding="ascii").strip()
    return int(re.split("[-,]", last)[-1]) + 1


def content(map_id):
    """(name, all bytes in it)"""
    fd = bpf(BPF_MAP_GET_FD_BY_ID, attr_of(struct.pack("=I", map_id)))
    try:
        info = ctypes.create_string_buffer(256)
        bpf(BPF_OBJ_GET_INFO_BY_FD, attr_of(struct.pack("=IIQ", fd, 256, ctypes.addressof(info))))
        kind, _, key_size, value_size = struct.unpack_from("=IIII", info)
        name = info.raw[24:40].split(b"\0")[0].decode()
        if kind in NO_KEYS:
            return name, b""
        value_size = (value_size + 7) // 8 * 8 * possible_cpus() if kind in PER_CPU else value_size
        key = ctypes.create_string_buffer(key_size)
        value = ctypes.create_string_buffer(value_size)
        following = attr_of(struct.pack("=IIQQ", fd, 0, 0, ctypes.addressof(key)))
        lookup = attr_of(struct.pack("=IIQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value)))
        found = bytearray()
        # bounded: a table that changes may begin anew
        for _ in range(1 << 20):
            try:
                bpf(BPF_MAP_GET_NEXT_KEY, following)
            except OSError:
                break
            struct.pack_into("=Q", following, 8, ctypes.addressof(key))
            try:
                bpf(BPF_MAP_LOOKUP_ELEM, lookup)
            except OSError:
                continue
            found += key.raw + value.raw
        return name, bytes(found)
    finally:
        os.close(fd)


def main():
    pid, expect, *addresses = sys.argv[1:]
    needles = {a: ipaddress.ip_address(a).packed for a in addresses}
    found, size, names = {}, 0, []
    for map_id in open_maps(pid):
        name, data = content(map_id)
        names.append(name)
        if name.startswith("rules_"):
            continue
        size += len(data)
        found |= {a: name for a, needle in needles.items() if needle in data}
    assert "flows" in names and "counters" in names, names
    print(f"{len(names)} maps, {size} bytes, found: {found}")
    if expect == "none":
        return 1 if found else 0
    return 0 if len(found) == len(needles) else 1


if __name__ == "__main__":
    sys.exit(main())
