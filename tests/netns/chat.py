#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Quiet TCP connections, for the demo: every now and then the client asks and the
server answers, over one connection to each address.

  chat.py CLIENT-NS SERVER-NS SECONDS INTERVAL ADDRESS..."""

import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sockets import enter, family_of  # noqa: E402

PORT = 8080


def main():
    client_ns, server_ns, seconds, interval, *addresses = sys.argv[1:]
    enter(server_ns)
    listeners = [socket.create_server((a, PORT), family=family_of(a)) for a in addresses]
    enter(client_ns)
    pairs = []
    for address, listener in zip(addresses, listeners):
        client = socket.create_connection((address, PORT), timeout=5)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server, _ = listener.accept()
        pairs.append((client, server))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for client, server in pairs:
            time.sleep(float(interval) / len(pairs))
            client.sendall(b"how far is it?\n")
            server.sendall(server.recv(100))
            client.recv(100)
    for client, server in pairs:
        client.close()
        server.recv(1)
        server.close()


if __name__ == "__main__":
    main()
