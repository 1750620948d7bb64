#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP clients that a server should survive, all at once, for some seconds.

  hostile.py ADDRESS PORT SECONDS

Says at the end how often each got to do what it wanted."""

import collections
import resource
import socket
import sys
import threading
import time

IDLE_SOCKETS = 500
HEADER_BYTES = 10 << 20
GET = b"GET /metrics HTTP/1.1\r\nHost: pping\r\n"

address, port = sys.argv[1], int(sys.argv[2])
end = time.monotonic() + float(sys.argv[3])
done = collections.Counter()


def connect():
    sock = socket.create_connection((address, port), timeout=1)
    done["connections"] += 1
    return sock


def until_closed(what):
    """a client that says something again and again, over a new connection if the last was closed"""

    def run():
        while time.monotonic() < end:
            try:
                with connect() as sock:
                    what(sock)
            except OSError:
                time.sleep(0.01)

    return run


def idle():
    """opens 500 connections and says nothing, or half a request; what is closed is opened anew"""
    socks = collections.deque()
    while time.monotonic() < end:
        if len(socks) == IDLE_SOCKETS:
            socks.popleft().close()
        try:
            sock = connect()
            if len(socks) % 2:
                sock.sendall(GET)
            socks.append(sock)
            done["idle"] += 1
        except OSError:
            pass
        time.sleep(0.002)


def dribble(sock):
    """a byte now and then"""
    sock.sendall(GET + b"X: ")
    while time.monotonic() < end:
        sock.sendall(b"x")
        done["dribbled bytes"] += 1
        time.sleep(0.1)


def fat_header(sock):
    sock.sendall(GET + b"X: ")
    for _ in range(HEADER_BYTES >> 16):
        sock.sendall(b"x" * (1 << 16))
        done["header KiB"] += 64
    sock.recv(1)


def endless_line(sock):
    sock.sendall(b"GET /")
    while time.monotonic() < end:
        sock.sendall(b"x" * 4096)
        done["line KiB"] += 4


def endless_body(sock):
    sock.sendall(b"POST /metrics HTTP/1.1\r\nHost: pping\r\nTransfer-Encoding: chunked\r\n\r\n")
    while time.monotonic() < end:
        sock.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        done["body KiB"] += 4


def never_reads(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.sendall((GET + b"\r\n") * 20)
    done["not read"] += 1
    time.sleep(1)


def hammer(sock):
    """scrapes as fast as it gets answers"""
    sock.sendall(GET + b"\r\n")
    while sock.recv(1 << 20):
        pass
    done["scrapes"] += 1


def garbage(sock):
    sock.sendall(bytes(range(256)) * 16 + b"\r\n\r\n\0\r\n")
    sock.recv(100)
    done["garbage"] += 1


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    clients = [idle] + [until_closed(what) for what in (dribble, dribble, fat_header, endless_line,
                                                        endless_body, never_reads, never_reads,
                                                        hammer, hammer, garbage)]
    threads = [threading.Thread(target=client, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=max(0, end + 3 - time.monotonic()))
    print(", ".join(f"{what} {n}" for what, n in sorted(done.items())))


if __name__ == "__main__":
    main()
