#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a capture for tcpreplay, or a user's capture fit for the path.

  make_capture.py make FILE --mac SRC DST --flows N --packets N [--rtts PERCENT] [--seed N]
  make_capture.py readdress IN OUT --mac SRC DST

make: TCP flows with timestamps, data packets and pure ACKs in turn; so many percent of the data
packets bring a new TSval that the next packet answers, the rest shows nothing new. How many samples
that makes is known, and printed (the first TSval of a flow is none: it may have been there before).
The addresses are of 198.18.0.0/15, RFC 2544's network for benchmarks: both directions are routed to
the sink, which drops them, and the monitored interface sees them all.

readdress: the Ethernet addresses of a pcap file become those of the first link, so that the router
takes the packets; nothing else changes. The path is IPv4's: other packets are left out."""

import argparse
import random
import struct
import sys

DATA_BYTES = 32


def mac(word):
    return bytes(int(part, 16) for part in word.split(":"))


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ip_address(word):
    return bytes(int(part) for part in word.split("."))


def template(ether, src, dst, sport, dport, payload):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 52 + payload, 0, 0x4000, 64, 6, 0, src, dst)
    header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
    flags = 0x18 if payload else 0x10
    tcp = struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 0x80, flags, 512, 0, 0) + b"\1\1\x08\x0a"
    return ether + b"\x08\x00" + header + tcp


def make(args):
    rng = random.Random(args.seed)
    ether = mac(args.mac[1]) + mac(args.mac[0])
    client, server = ip_address(args.client), ip_address(args.server)
    flows = []
    for i in range(args.flows):
        port = 10000 + i % 50000
        to = 5201 + i // 50000
        flows.append([template(ether, client, server, port, to, DATA_BYTES),
                      template(ether, server, client, to, port, 0), rng.randrange(1 << 31), 1, False])
    answers = 0
    pack_record, pack_ts = struct.Struct("<IIII").pack, struct.Struct(">II").pack
    payload = bytes(DATA_BYTES)
    with open(args.file, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        # shuffled rounds: a table that is cold for each flow, as on a busy router
        order = list(range(args.flows))
        written = time = 0
        while written < args.packets:
            rng.shuffle(order)
            out = []
            for index in order:
                flow = flows[index]
                if rng.random() * 100 < args.rtts:
                    flow[2] = (flow[2] + 1) & 0xFFFFFFFF
                    answers += flow[4]
                flow[4] = True
                for packet in (flow[0] + pack_ts(flow[2], flow[3]) + payload, flow[1] + pack_ts(flow[3], flow[2])):
                    out.append(pack_record(time // 10**9, time % 10**9, len(packet), len(packet)) + packet)
                    time += 10000
            file.write(b"".join(out))
            written += 2 * len(order)
    print(written, "packets", answers, "answers")


def readdress(args):
    ether = mac(args.mac[1]) + mac(args.mac[0])
    with open(args.source, "rb") as file:
        data = file.read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">",
             b"\xa1\xb2\x3c\x4d": ">"}.get(data[:4])
    if order is None:
        sys.exit(f"{args.source}: not a pcap file (convert pcapng with: editcap -F pcap IN OUT)")
    if struct.unpack_from(order + "I", data, 20)[0] & 0x0FFFFFFF != 1:
        sys.exit(f"{args.source}: not a capture of Ethernet")
    offset, packets, others = 24, 0, 0
    with open(args.file, "wb") as file:
        file.write(data[:24])
        while offset + 16 <= len(data):
            length = struct.unpack_from(order + "I", data, offset + 8)[0]
            packet = data[offset + 16 : offset + 16 + length]
            if len(packet) < length:
                break
            if packet[12:14] == b"\x08\x00":
                file.write(data[offset : offset + 16] + ether + packet[12:])
                packets += 1
            else:
                others += 1
            offset += 16 + length
    if not packets:
        sys.exit(f"{args.source}: none of its {others} packets is IPv4")
    print(packets, "packets", others, "left out")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for function in (make, readdress):
        command = commands.add_parser(function.__name__)
        command.set_defaults(function=function)
        if function is readdress:
            command.add_argument("source")
        command.add_argument("file")
        command.add_argument("--mac", nargs=2, required=True)
        if function is make:
            command.add_argument("--client", default="198.18.0.1")
            command.add_argument("--server", default="198.19.0.1")
            command.add_argument("--flows", type=int, default=2000)
            command.add_argument("--packets", type=int, default=400000)
            command.add_argument("--rtts", type=float, default=10)
            command.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.function(args)


if __name__ == "__main__":
    main()
