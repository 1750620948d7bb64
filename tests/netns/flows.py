#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One life of a TCP flow, and what pping must say of it.

  flows.py SCENARIO CLIENT-NS SERVER-NS CLIENT-ADDRESS SERVER-ADDRESS JSONL

Client and server socket are in this one process, so that the order of what both
do is certain. JSONL is the output of a pping that is running; what it says of
these two ports must be exactly the scenario's events, in order: the client's alone
may have been another scenario's too."""

import json
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sockets import enter, family_of  # noqa: E402

TCP_REPAIR = 19
PATH_DELAY = 0.02  # one way, of the lab
SETTLE = 3 * PATH_DELAY  # longer than anything is in flight

OPENING = ("opening", "SYN-ACK", "src")


class Ends:
    """both ends of connections between two namespaces"""

    def __init__(self, client_ns, server_ns, client_address, server_address):
        self.client_ns, self.server_ns = client_ns, server_ns
        self.client_address, self.server_address = client_address, server_address
        self.family = family_of(server_address)
        enter(server_ns)
        self.listener = socket.create_server((server_address, 0), family=self.family, backlog=16)
        self.port = self.listener.getsockname()[1]
        self.client_port = None
        enter(client_ns)

    def socket(self, port=0):
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.settimeout(5)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((self.client_address, port))
        self.client_port = sock.getsockname()[1]
        return sock

    def connect(self, port=0):
        """(client, server) of a new connection, from a client port if one is given"""
        client = self.socket(port)
        client.connect((self.server_address, self.port))
        server, _ = self.listener.accept()
        server.settimeout(5)
        return client, server


def talk(a, b, size=3000):
    """a sends, b gets it all"""
    time.sleep(0.003)  # a TSval of its own
    a.sendall(b"x" * size)
    while size:
        size -= len(b.recv(size))


def exchange(client, server):
    talk(client, server)
    talk(server, client)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def vanish(sock):
    """without a word to the other end"""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.close()


def tcp_counts(sock):
    """(segments sent, received, repeated) as the kernel's struct tcp_info has them"""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return (*struct.unpack_from("2I", info, 136), *struct.unpack_from("I", info, 100))


def at_end(sock):
    assert sock.recv(1) == b"", "data after the end"


# --- scenarios: what happens; the result is what pping must say -------------------


def client_closes_first(ends):
    client, server = ends.connect()
    exchange(client, server)
    client.close()
    at_end(server)
    server.close()
    return [OPENING, ("closing", "FIN", "src")]


def server_closes_first(ends):
    client, server = ends.connect()
    exchange(client, server)
    server.close()
    at_end(client)
    client.close()
    return [OPENING, ("closing", "FIN", "dest")]


def client_resets(ends):
    client, server = ends.connect()
    exchange(client, server)
    reset(client)
    time.sleep(SETTLE)
    server.close()
    return [OPENING, ("closing", "RST", "dest")]


def server_resets(ends):
    client, server = ends.connect()
    exchange(client, server)
    reset(server)
    time.sleep(SETTLE)
    client.close()
    return [OPENING, ("closing", "RST", "src")]


def refused(ends):
    ends.listener.close()
    client = ends.socket()
    try:
        client.connect((ends.server_address, ends.port))
        raise AssertionError("was not refused")
    except ConnectionRefusedError:
        client.close()
    return []


def never_answered(ends):
    """the router forwards to an address that nobody has"""
    nobody = "10.11.2.99" if ends.family == socket.AF_INET else "fd00:11:2::99"
    client = ends.socket()
    client.settimeout(1.2)  # a SYN and its repetition
    try:
        client.connect((nobody, ends.port))
        raise AssertionError("was answered")
    except (TimeoutError, OSError):
        client.close()
    return []


def counted_by_tcp(ends):
    """what the client's TCP has counted is what pping says it carried"""
    client, server = ends.connect()
    for _ in range(4):
        talk(client, server, 50000)
    talk(server, client, 40000)
    client.shutdown(socket.SHUT_WR)
    at_end(server)
    server.shutdown(socket.SHUT_WR)
    at_end(client)
    time.sleep(SETTLE)
    sent, received, repeated = tcp_counts(client)
    assert not repeated, f"{repeated} segments were repeated"
    # IP, TCP with timestamps; a SYN has eight bytes more of options
    headers = (20 if ends.family == socket.AF_INET else 40) + 32
    sent -= 1  # the ACK of the FIN that closed it
    ends.carried = {
        "sent_packets": sent,
        "sent_bytes": sent * headers + 8 + 4 * 50000,
        "rec_packets": received,
        "rec_bytes": received * headers + 8 + 40000,
    }
    client.close()
    server.close()
    return [OPENING, ("closing", "FIN", "src")]


def half_close(ends):
    client, server = ends.connect()
    exchange(client, server)
    client.shutdown(socket.SHUT_WR)
    at_end(server)
    for _ in range(5):
        talk(server, client)
        time.sleep(0.05)
    ends.said([OPENING])  # so far
    server.close()
    at_end(client)
    client.close()
    return [OPENING, ("closing", "FIN", "src")]


def simultaneous_close(ends):
    """both FINs are under way at once: the path is longer than the time between these"""
    client, server = ends.connect()
    exchange(client, server)
    time.sleep(SETTLE)
    client.shutdown(socket.SHUT_WR)
    server.shutdown(socket.SHUT_WR)
    time.sleep(SETTLE)
    at_end(client)
    at_end(server)
    client.close()
    server.close()
    return [OPENING, ("closing", "FIN", "src")]


def reused_after_rst(ends):
    client, server = ends.connect()
    exchange(client, server)
    reset(client)
    time.sleep(SETTLE)
    server.close()
    client, server = ends.connect(ends.client_port)
    exchange(client, server)
    client.close()
    at_end(server)
    server.close()
    return [OPENING, ("closing", "RST", "dest"), OPENING, ("closing", "FIN", "src")]


def reused_after_fin(ends):
    """at once: the server is in TIME-WAIT, the client's port is free"""
    client, server = ends.connect()
    exchange(client, server)
    server.close()
    at_end(client)
    client.close()
    time.sleep(SETTLE)
    client, server = ends.connect(ends.client_port)
    exchange(client, server)
    client.close()
    at_end(server)
    server.close()
    return [OPENING, ("closing", "FIN", "dest"), OPENING, ("closing", "FIN", "src")]


def reused_while_open(ends):
    """both ends crashed, the client comes back on the same port"""
    client, server = ends.connect()
    exchange(client, server)
    time.sleep(SETTLE)
    vanish(client)
    vanish(server)
    client, server = ends.connect(ends.client_port)
    exchange(client, server)
    client.close()
    at_end(server)
    server.close()
    return [OPENING, ("closing", "SYN", "dest"), OPENING, ("closing", "FIN", "src")]


def reused_while_half_closed(ends):
    """one direction of the old flow has closed, then both ends crashed"""
    client, server = ends.connect()
    exchange(client, server)
    client.shutdown(socket.SHUT_WR)
    at_end(server)
    time.sleep(SETTLE + 0.06)  # a delayed ACK of the FIN
    vanish(client)
    vanish(server)
    client, server = ends.connect(ends.client_port)
    exchange(client, server)
    server.close()
    at_end(client)
    client.close()
    return [OPENING, ("closing", "SYN", "dest"), OPENING, ("closing", "FIN", "dest")]


def mid_stream(ends):
    """pping starts when we say "open"; standard input says when it has"""
    client, server = ends.connect()
    exchange(client, server)
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range(3):
        exchange(client, server)
        time.sleep(SETTLE)
    client.close()
    at_end(server)
    server.close()
    return [("opening", "first observed packet", "src"), ("closing", "FIN", "src")]


def mid_stream_server_first(ends):
    """the first packet pping sees is the server's: the client answers, and so is the source"""
    client, server = ends.connect()
    exchange(client, server)
    time.sleep(SETTLE)
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range(3):
        talk(server, client)
        time.sleep(SETTLE)
    client.close()
    at_end(server)
    server.close()
    ends.source = ends.client_address
    return [("opening", "first observed packet", "src"), ("closing", "FIN", "dest")]


def without_timestamps(ends):
    """the lab has turned them off"""
    client, server = ends.connect()
    exchange(client, server)
    client.close()
    at_end(server)
    server.close()
    ends.no_rtts = True
    return []


SCENARIOS = [
    client_closes_first,
    server_closes_first,
    client_resets,
    server_resets,
    refused,
    never_answered,
    counted_by_tcp,
    half_close,
    simultaneous_close,
    reused_after_rst,
    reused_after_fin,
    reused_while_open,
    reused_while_half_closed,
    mid_stream,
    mid_stream_server_first,
    without_timestamps,
]


class Witness(Ends):
    """... and what pping said of them"""

    def __init__(self, jsonl, *where):
        super().__init__(*where)
        self.jsonl = jsonl
        self.source = self.server_address
        self.no_rtts = False
        self.carried = None

    def records(self):
        with open(self.jsonl, encoding="ascii") as file:
            records = [json.loads(line) for line in file if line.endswith("\n")]
        return [
            record
            for record in records
            if {record.get("src_port"), record.get("dest_port")} == {self.client_port, self.port}
        ]

    def said(self, expected):
        """and nothing else within half a second"""
        until = time.monotonic() + 10
        while (sum("flow_event" in record for record in self.records()) < len(expected)
               and time.monotonic() < until):
            time.sleep(0.05)
        time.sleep(0.5)
        records = self.records()
        events = [record for record in records if "flow_event" in record]
        got = [(e["flow_event"], e["reason"], e["triggered_by"]) for e in events]
        assert got == expected, f"pping said {got}, not {expected}: {records}"
        for event in events:
            assert event["src_ip"] == self.source, f"{self.source} answers in {event}"
        self.check_totals(records)
        return records

    def check_totals(self, records):
        """each closing has those of its own flow"""
        opened = rtts = None
        for record in records:
            if "rtt" in record:
                rtts += 1
            elif record["flow_event"] == "opening":
                opened, rtts = record["timestamp"], 0
                assert "duration" not in record, record
            else:
                lasted = (record["timestamp"] - opened) / 1e9
                # until the opening a SYN may have been under way, there and back; the next SYN is not its own
                before = record["duration"] / 1e9 - lasted
                if record["reason"] != "SYN":
                    assert 0 <= before < 2 * PATH_DELAY + 0.5, f"{before} s before {record}"
                assert record["rtts"] == rtts, f"{rtts} RTTs before {record}"
                for name, count in (self.carried or {}).items():
                    assert record[name] == count, f"{name} is not {count} in {record}"


def main():
    name, client_ns, server_ns, client, server, jsonl = sys.argv[1:]
    scenario = {s.__name__: s for s in SCENARIOS}[name]
    ends = Witness(jsonl, client_ns, server_ns, client, server)
    expected = scenario(ends)
    time.sleep(SETTLE)
    records = ends.said(expected)
    rtts = [r for r in records if "rtt" in r]
    for record in rtts:
        far = record["src_ip"] == server
        assert (record["rtt"] >= 2e9 * PATH_DELAY) == far, f"an impossible RTT: {record}"
    if expected and not any(r["src_ip"] == ends.source for r in rtts):
        raise AssertionError(f"no RTT of the answers of {ends.source}")
    if ends.no_rtts and rtts:
        raise AssertionError("RTTs without timestamps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
