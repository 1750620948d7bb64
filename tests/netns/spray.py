#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""spray.py ADDRESS COUNT SECONDS: a datagram to each of COUNT addresses from ADDRESS on,
evenly over the time. Run it in a network namespace of its own only."""

import ipaddress
import socket
import sys
import time

first, count, seconds = int(ipaddress.ip_address(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    begin = time.monotonic()
    for i in range(count):
        if i % 50 == 0:
            time.sleep(max(0, begin + seconds * i / count - time.monotonic()))
        try:
            s.sendto(b"spray", (str(ipaddress.ip_address(first + i)), 9))
        except OSError:
            time.sleep(0.01)  # no route for a moment, or no room
            s.sendto(b"spray", (str(ipaddress.ip_address(first + i)), 9))
