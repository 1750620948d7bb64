#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Short HTTP connections, one after the other: connect, wait a few milliseconds
(so that the request falls in a later TSval tick than the handshake's ACK), send
the request, read the reply, close. Server and client in one process, each socket
in the network namespace it is told."""

import argparse
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sockets import enter, family_of  # noqa: E402


def serve(listener, body, think):
    head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                part = peer.recv(4096)
                if not part:
                    break
                request += part
            time.sleep(think)  # the reply has a TSval of its own, other than the request's ACK
            peer.sendall(head + body)


def fetch(address, port, wait):
    with socket.socket(family_of(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((address, port))
        time.sleep(wait)
        sock.sendall(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
        size = 0
        while part := sock.recv(65536):
            size += len(part)
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client_ns")
    parser.add_argument("server_ns")
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--wait-ms", type=float, default=3)
    parser.add_argument("--think-ms", type=float, default=2, help="of the server")
    parser.add_argument("--size", type=int, default=20000)
    args = parser.parse_args()

    enter(args.server_ns)
    listener = socket.create_server(
        (args.address, args.port), family=family_of(args.address), backlog=64
    )
    body, think = b"x" * args.size, args.think_ms / 1e3
    threading.Thread(target=serve, args=(listener, body, think), daemon=True).start()
    enter(args.client_ns)
    done = 0
    for _ in range(args.count):
        if fetch(args.address, args.port, args.wait_ms / 1e3) > args.size:
            done += 1
    print(f"{done} of {args.count} connections")
    return 0 if done == args.count else 1


if __name__ == "__main__":
    sys.exit(main())
