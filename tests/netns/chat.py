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


def talk(client_ns, server_ns, seconds, pause, places):
    """One connection to each (address, port); pause: between two questions, s."""
    enter(server_ns)
    listeners = [socket.create_server(place, family=family_of(place[0])) for place in places]
    enter(client_ns)
    pairs = []
    for place, listener in zip(places, listeners):
        client = socket.create_connection(place, timeout=5)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pairs.append((client, listener.accept()[0]))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for client, server in pairs:
            time.sleep(pause)
            client.sendall(b"how far is it?\n")
            server.sendall(server.recv(100))
            client.recv(100)
    for client, server in pairs:
        client.close()
        server.recv(1)
        server.close()


def main():
    client_ns, server_ns, seconds, interval, *addresses = sys.argv[1:]
    places = [(address, PORT) for address in addresses]
    talk(client_ns, server_ns, float(seconds), float(interval) / len(places), places)


if __name__ == "__main__":
    main()
