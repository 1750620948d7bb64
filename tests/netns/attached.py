#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which BPF programs sit on an interface of this network namespace: XDP, TCX and
clsact, asked of the kernel itself (bpftool 7.1 knows no TCX)."""

import argparse
import ctypes
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import time

BPF_PROG_GET_FD_BY_ID = 13
BPF_OBJ_GET_INFO_BY_FD = 15
BPF_PROG_QUERY = 16
BPF_TCX = {"ingress": 46, "egress": 47}
SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """attr: a ctypes buffer of 128 bytes"""
    number = SYS_BPF[platform.machine()]
    ret = libc.syscall(number, command, attr, len(attr))
    if ret < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ret


def attr_of(data):
    return ctypes.create_string_buffer(data, 128)


def prog_name(prog_id):
    try:
        fd = bpf(BPF_PROG_GET_FD_BY_ID, attr_of(struct.pack("=I", prog_id)))
    except OSError:
        return "?"
    try:
        info = ctypes.create_string_buffer(256)
        bpf(BPF_OBJ_GET_INFO_BY_FD, attr_of(struct.pack("=IIQ", fd, 256, ctypes.addressof(info))))
        # struct bpf_prog_info: name is 16 bytes at offset 64
        return info.raw[64:80].split(b"\0")[0].decode()
    finally:
        os.close(fd)


def tcx(ifindex):
    for where, attach_type in BPF_TCX.items():
        ids = (ctypes.c_uint32 * 64)()
        attr = attr_of(struct.pack("=IIIIQI", ifindex, attach_type, 0, 0, ctypes.addressof(ids), 64))
        try:
            bpf(BPF_PROG_QUERY, attr)
        except OSError:
            continue  # a kernel without TCX
        for prog_id in ids[: struct.unpack_from("=I", attr, 24)[0]]:
            yield f"tcx/{where}", prog_id


def command_json(*command):
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    try:
        return json.loads(out) if out.strip() else []
    except ValueError:
        return []


def xdp(name):
    for link in command_json("ip", "-j", "-d", "link", "show", "dev", name):
        at = link.get("xdp", {})
        progs = [at["prog"]] if "prog" in at else [a["prog"] for a in at.get("attached", [])]
        modes = {1: "xdp/native", 2: "xdp/generic", 3: "xdp/offload"}
        for prog in progs:
            yield modes.get(at.get("mode"), "xdp"), prog["id"]


def clsact(name):
    for where in ("ingress", "egress"):
        for row in command_json("tc", "-j", "filter", "show", "dev", name, where):
            options = row.get("options", {})
            prog_id = options.get("prog", {}).get("id")
            if prog_id:
                yield f"clsact/{where}", prog_id


def programs(name):
    try:
        ifindex = socket.if_nametoindex(name)
    except OSError:
        return []
    found = [*xdp(name), *tcx(ifindex), *clsact(name)]
    return [(where, prog_id, prog_name(prog_id)) for where, prog_id in found]


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interface", nargs="?")
    parser.add_argument("--wait", type=float, metavar="SECONDS", help="until there are --count programs")
    parser.add_argument("--pid", help="give up when this process is gone")
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--prefix", default="", help="count names that begin so")
    parser.add_argument("--probe", action="store_true", help="only ask whether BPF is there")
    args = parser.parse_args()
    if args.probe:
        try:
            bpf(0, attr_of(struct.pack("=IIII", 2, 4, 8, 1)))  # BPF_MAP_CREATE: an array of one
        except (OSError, KeyError):
            return 1
        return 0
    until = time.monotonic() + (args.wait or 0)
    while True:
        found = programs(args.interface)
        ours = [row for row in found if row[2].startswith(args.prefix)]
        if args.wait is None or len(ours) == args.count or time.monotonic() >= until:
            break
        if args.pid and not running(args.pid):
            break
        time.sleep(0.05)
    for row in found:
        print(*row)
    return 0 if args.wait is None or len(ours) == args.count else 1


if __name__ == "__main__":
    sys.exit(main())
