#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Attaches an empty BPF program to an interface until it is signalled: what a hook costs by itself.

  empty_hook.py tc INTERFACE    at tc ingress and egress (TCX links, Linux 6.6)
  empty_hook.py xdp INTERFACE   native XDP, declared fit for fragments as pping's is

The program is two instructions, "let it pass; exit", so that no compiler is needed."""

import ctypes
import os
import platform
import signal
import socket
import struct
import sys

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
BPF_PROG_LOAD, BPF_LINK_CREATE = 5, 28
SCHED_CLS, XDP = 3, 6
ATTACH_XDP, ATTACH_TCX_INGRESS, ATTACH_TCX_EGRESS = 37, 46, 47
TCX_NEXT, XDP_PASS = -1, 2
HAS_FRAGS, DRIVER_MODE = 1 << 5, 1 << 2

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, data):
    attr = ctypes.create_string_buffer(data, 128)
    ret = libc.syscall(SYS_BPF[platform.machine()], command, attr, 128)
    if ret < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ret


def load(kind, verdict, name, flags=0, attach_type=0):
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"GPL")
    return bpf(BPF_PROG_LOAD, struct.pack("=IIQQIIQII16sII", kind, 2, ctypes.addressof(code),
                                          ctypes.addressof(licence), 0, 0, 0, 0, flags, name, 0, attach_type))


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("tc", "xdp"):
        sys.exit(__doc__)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        index = socket.if_nametoindex(sys.argv[2])
        if sys.argv[1] == "tc":
            program = load(SCHED_CLS, TCX_NEXT, b"empty_tc")
            links = [bpf(BPF_LINK_CREATE, struct.pack("=IIII", program, index, where, 0))
                     for where in (ATTACH_TCX_INGRESS, ATTACH_TCX_EGRESS)]
        else:
            program = load(XDP, XDP_PASS, b"empty_xdp", HAS_FRAGS, ATTACH_XDP)
            links = [bpf(BPF_LINK_CREATE, struct.pack("=IIII", program, index, ATTACH_XDP, DRIVER_MODE))]
    except (OSError, KeyError) as error:
        sys.exit(f"empty_hook.py: cannot attach to {sys.argv[2]}: {error}")
    print("ready", len(links), flush=True)
    signal.sigwait((signal.SIGINT, signal.SIGTERM))


if __name__ == "__main__":
    main()
