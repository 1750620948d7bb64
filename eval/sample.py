#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes down what a host counts, once a second, one JSON object a line: CPU times of each core,
an interface's bytes and packets, TCP's segments, and of one program and all its children CPU time,
memory, maps and BPF programs. Counters are totals since boot: who reads them takes differences.

  sample.py --at EPOCH --seconds N --interface IF [--program NAME.pid [--errors FILE]] [--stats]
  sample.py --describe
"""

import argparse
import ctypes
import glob
import json
import os
import platform
import re
import struct
import subprocess
import sys
import time

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
BPF_PROG_GET_FD_BY_ID = 13
BPF_OBJ_GET_INFO_BY_FD = 15
BPF_ENABLE_STATS = 32
TCP_COUNTERS = ("OutSegs", "InSegs", "RetransSegs", "ActiveOpens", "AttemptFails", "EstabResets", "CurrEstab")

libc = ctypes.CDLL(None, use_errno=True)


def text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# --- BPF ---------------------------------------------------------------------------------


def bpf(command, data):
    attr = ctypes.create_string_buffer(data, 128)
    ret = libc.syscall(SYS_BPF[platform.machine()], command, attr, 128)
    if ret < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ret


def enable_stats():
    """until the descriptor is closed, so that nothing has to be put back"""
    return bpf(BPF_ENABLE_STATS, struct.pack("=I", 0))


def program_info(number):
    """name, run time in ns, runs; None where the kernel doesn't let us ask"""
    try:
        fd = bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("=I", number))
    except (OSError, KeyError):
        return None
    try:
        info = ctypes.create_string_buffer(256)
        bpf(BPF_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", fd, 256, ctypes.addressof(info)))
        # struct bpf_prog_info: name at 64, run_time_ns at 192, run_cnt at 200
        name = info.raw[64:80].split(b"\0")[0].decode()
        return [name, *struct.unpack_from("=QQ", info, 192)]
    except OSError:
        return None
    finally:
        os.close(fd)


# --- a program and its children -----------------------------------------------------------


def session_of(pid_file):
    words = text(pid_file).split()
    return int(words[2]) if len(words) == 3 else -1


def session_members(session):
    """pid and the fields of its stat file behind the name"""
    for path in glob.iglob("/proc/[0-9]*/stat"):
        fields = text(path).rpartition(")")[2].split()
        # one that has ended may wait for long to be buried
        if len(fields) > 40 and int(fields[3]) == session and fields[0] != "Z":
            yield int(path.split("/")[2]), fields


def bpf_of(pids):
    """bytes of maps, ids of BPF programs"""
    maps, programs = {}, set()
    for pid in pids:
        for path in glob.iglob(f"/proc/{pid}/fdinfo/*"):
            info = dict(re.findall(r"^(\w+):\s*(\d+)", text(path), re.M))
            if "map_id" in info and "memlock" in info:
                maps[info["map_id"]] = int(info["memlock"])
            if "prog_id" in info:
                programs.add(int(info["prog_id"]))
    return sum(maps.values()), sorted(programs)


class Program:
    def __init__(self, pid_file, errors):
        self.session = session_of(pid_file)
        self.errors = open(errors, encoding="utf-8", errors="replace") if errors else None
        self.programs = None

    def sample(self, last):
        user = system = pages = ns = 0
        pids = []
        for pid, fields in session_members(self.session):
            pids.append(pid)
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
            pages += int(fields[21])
            # CPU time as the scheduler counts it, finer than the ticks of user and system
            ns += sum(int((text(path).split() or [0])[0]) for path in glob.iglob(f"/proc/{pid}/task/*/schedstat"))
        out = {"user": user, "system": system, "rss": pages * os.sysconf("SC_PAGESIZE"), "pids": len(pids),
               "ns": ns}
        if self.programs is None or last:
            out["maps"], self.programs = bpf_of(pids)
        out["bpf"] = [info for info in map(program_info, self.programs) if info]
        if self.errors:
            out["said"] = [line for line in self.errors.read().splitlines() if line][-200:]
        return out


# --- a host --------------------------------------------------------------------------------


def cores():
    """user, nice, system, idle, iowait, irq, softirq, steal of each, in ticks"""
    rows = [line.split() for line in text("/proc/stat").splitlines()]
    return [[int(word) for word in row[1:9]] for row in rows if re.match(r"cpu\d", row[0])]


def interface_counters(name):
    for line in text("/proc/net/dev").splitlines():
        device, _, numbers = line.partition(":")
        if device.strip() == name:
            row = [int(word) for word in numbers.split()]
            return {"rx_bytes": row[0], "rx_packets": row[1], "rx_drop": row[3],
                    "tx_bytes": row[8], "tx_packets": row[9], "tx_drop": row[11]}
    return {}


def tcp_counters():
    names, values = [line.split()[1:] for line in text("/proc/net/snmp").splitlines() if line[:4] == "Tcp:"]
    return {name: int(value) for name, value in zip(names, values) if name in TCP_COUNTERS}


def be_punctual():
    """Ahead of the load, for a millisecond a second; where that isn't allowed, less so."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass


def sample(args):
    be_punctual()
    keep = []
    if args.stats:
        keep.append(enable_stats())
    program = Program(args.program, args.errors) if args.program else None
    for second in range(args.seconds + 1):
        time.sleep(max(0, args.at + second - time.time()))
        row = {"t": round(time.time(), 6), "cpu": cores(), "if": interface_counters(args.interface),
               "tcp": tcp_counters()}
        if program:
            row["program"] = program.sample(second == args.seconds)
        print(json.dumps(row, separators=(",", ":")), flush=True)


# --- the machine ----------------------------------------------------------------------------


def first_line(*command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (out.stdout or out.stderr).partition("\n")[0].strip()


def describe():
    cpu = dict(re.findall(r"^([^:\n]+?)\s*: (.*)$", text("/proc/cpuinfo"), re.M))
    memory = re.search(r"MemTotal:\s*(\d+)", text("/proc/meminfo"))
    system = dict(re.findall(r'^(\w+)="?([^"\n]*)', text("/etc/os-release"), re.M))
    governor = text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
    return {
        "cpu": cpu.get("model name", platform.machine()),
        "cores": os.cpu_count(),
        "mhz": cpu.get("cpu MHz", ""),
        "governor": governor,
        "virtual": first_line("systemd-detect-virt", "--vm") or ("yes" if "hypervisor" in cpu.get("flags", "") else ""),
        "memory_mib": int(memory[1]) // 1024 if memory else 0,
        "system": system.get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "congestion_control": text("/proc/sys/net/ipv4/tcp_congestion_control").strip(),
        "iperf3": first_line("iperf3", "--version"),
        "python": platform.python_version(),
        "ticks_per_second": os.sysconf("SC_CLK_TCK"),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--at", type=float)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--interface")
    parser.add_argument("--program", metavar="PIDFILE")
    parser.add_argument("--errors", metavar="FILE", help="what it prints on stderr, by the second")
    parser.add_argument("--stats", action="store_true", help="have the kernel time BPF programs meanwhile")
    parser.add_argument("--describe", action="store_true")
    args = parser.parse_args()
    if args.describe:
        print(json.dumps(describe()))
        return
    sample(args)


if __name__ == "__main__":
    sys.exit(main())
