#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Other ends of pping's lines.

  consumers.py stream HOST:PORT NAME       the messages of a JetStream, a line each
  consumers.py same FILE FILE ORDER        the same lines; ORDER is "order" or "any"
  consumers.py leave FIFO FILE SEED        reads it, leaves again and again, whenever it likes: in the
                                           middle of a line, with a pipe that is full. Whole lines to FILE.
  consumers.py slow FIFO FILE BATCH        reads lines, with a pause of 10 ms between batches of so many
  consumers.py count FILE SUMMARY          what was measured is in FILE or counted as lost in it, or was not
                                           written as the SUMMARY says; prints how many of each
  consumers.py port                        one that nobody listens at"""

import base64
import collections
import json
import os
import random
import re
import socket
import sys
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def stream(server, name):
    sys.path.insert(0, os.path.join(TOP, "docs", "consumers"))
    import nats_publish
    connection = nats_publish.Connection(server)
    count = connection.ask(f"$JS.API.STREAM.INFO.{name}", {})["state"]["messages"]
    got = {}
    for number in range(1, count + 1):
        connection.publish(f"$JS.API.STREAM.MSG.GET.{name}", number, b'{"seq":%d}' % number)
    while len(got) < count:
        for number, data in connection.exchange(5)[1]:
            got[int(number)] = base64.b64decode(json.loads(data)["message"]["data"])
    for number in sorted(got):
        print(got[number].decode())


def same(first, second, order):
    a, b = (open(name, encoding="ascii").read().splitlines() for name in (first, second))
    if order == "any":
        a, b = sorted(a), sorted(b)
    print(f"{len(a)} lines and {len(b)}")
    if a != b:
        x, y = collections.Counter(a), collections.Counter(b)
        print(f"{sum((x - y).values())} only in the first, {sum((y - x).values())} only in the second",
              *list((x - y) or (y - x))[:3], sep="\n")
        sys.exit(1)
    for line in a:
        json.loads(line)


def is_claimed(fifo):
    """pping has it open: it has not noticed yet that its reader went"""
    file = os.stat(fifo)
    inode = f" {os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino} "
    with open("/proc/locks", encoding="ascii") as locks:
        return any(inode in line for line in locks)


def leave(fifo, name, seed):
    chance = random.Random(int(seed))
    left = torn = 0
    with open(name, "wb", buffering=0) as out:
        ended = False
        while not ended:
            got = b""
            with open(fifo, "rb", buffering=0) as pipe:
                until = time.monotonic() + chance.uniform(0, 0.3)
                while time.monotonic() < until and not ended:
                    data = pipe.read(chance.choice((1, 100, 4096, 65536)) + chance.randrange(200))
                    ended = not data
                    got += data
                    if chance.random() < 0.1:
                        time.sleep(0.02)
            whole, _, rest = got.rpartition(b"\n")
            out.write(whole + b"\n" * bool(whole))
            left += not ended
            torn += bool(rest)
            until = time.monotonic() + 5
            while not ended and is_claimed(fifo) and time.monotonic() < until:
                time.sleep(0.01)
            # what pping has then may be more than it holds
            time.sleep(0 if ended else chance.choice((0.15, 0.3, 0.6)))
    print(f"left {left} times, {torn} of them in the middle of a line")


def slow(fifo, name, batch):
    with open(fifo, encoding="ascii") as pipe, open(name, "w", encoding="ascii") as out:
        for number, line in enumerate(pipe, 1):
            out.write(line)
            if number % int(batch) == 0:
                time.sleep(0.01)


def count(name, summary):
    """Nothing may time out: that is no RTT and closes no flow."""
    said = open(summary, encoding="ascii").read()
    rtts = flows = lost = last = reports = 0
    for line in open(name, encoding="ascii"):
        record = json.loads(line)
        rtts += "rtt" in record
        flows += "flow_event" in record
        lost += record.get("lost_events", 0)
        reports += "lost_events" in record
        assert record["timestamp"] >= last, line
        last = record["timestamp"]

    def number(pattern):
        return sum(int(n) for n in re.findall(pattern, said))

    measured = number(r"RTTs +(\d+) from") + number(r"flows +(\d+) in both") + number(r", (\d+) closed by")
    unwritten = number(r": (\d+) records? \(\d+ bytes\) not written")
    all_lost = number(r", (\d+) events lost")
    print(f"{measured} measured; {rtts} RTTs and {flows} flow events read, {lost} lost in {reports} reports, "
          f"{all_lost} lost in all; {unwritten} records not written")
    if not unwritten:
        assert all_lost == lost
        assert measured == rtts + flows + lost
    else:
        # what was not written may hold a report of losses, which is a record too
        assert lost <= all_lost
        missing = measured - rtts - flows - all_lost
        assert missing <= unwritten <= missing + (lost < all_lost), (missing, unwritten)


def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
