#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of standard input into a NATS JetStream, each stored once.

    pping -i eth0 -F jsonl | nats_publish.py pping.eth0

A line counts as stored when JetStream has acknowledged it. Until then it is kept, and sent again
over a new connection if need be; its number, as Nats-Msg-Id, lets the server know it again (within
the stream's duplicate window, two minutes by default). While --window lines wait for their
acknowledgement nothing more is read, so that a server that is away makes the pipe fill, and pping
counts what it loses. Ends when the input ends and all is stored, or --give-up seconds after the
server's last sign of life; then the lines that were not stored are counted, and the status is 1.

Neither TLS nor passwords: an example, in nothing but Python's standard library."""
import argparse
import json
import os
import select
import signal
import socket
import sys
import time


class Connection:
    """NATS' text protocol, as far as it is needed: PUB, HPUB, SUB, MSG, HMSG, PING."""

    def __init__(self, server):
        host, _, port = server.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), 5)
        self.input = self.output = b""
        self.inbox = "_INBOX." + os.urandom(8).hex()
        self.send(b"CONNECT ", json.dumps({"verbose": False, "headers": True, "no_responders": True,
                                           "lang": "python", "version": "0", "name": "pping"}).encode(),
                  b"\r\nSUB %s.* 1\r\n" % self.inbox.encode())

    def send(self, *parts):
        self.output += b"".join(parts)

    def publish(self, subject, reply, data, message_id=None):
        """The answer comes to self.inbox.reply."""
        header = b"NATS/1.0\r\nNats-Msg-Id: %s\r\n\r\n" % message_id.encode() if message_id else b""
        verb, lengths = (b"HPUB", b"%d %d") if header else (b"PUB", b"%d")
        sizes = (len(header), len(header) + len(data)) if header else (len(data),)
        self.send(verb, b" %s %s.%s " % (subject.encode(), self.inbox.encode(), str(reply).encode()),
                  lengths % sizes, b"\r\n", header, data, b"\r\n")

    def exchange(self, timeout, *others):
        """Sends and receives for a while. Those of others that can be read, and the messages: (reply, data)."""
        readable, writable, _ = select.select([self.socket, *others], [self.socket] if self.output else [], [], timeout)
        if writable:
            self.output = self.output[self.socket.send(self.output):]
        if self.socket in readable:
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the server closed the connection")
            self.input += data
        return [fd for fd in others if fd in readable], list(self.messages())

    def messages(self):
        at = 0
        while (end := self.input.find(b"\r\n", at)) >= 0:
            verb, *words = self.input[at:end].split() or [b""]
            at, begin = end + 2, at
            if verb == b"PING":
                self.send(b"PONG\r\n")
            elif verb == b"-ERR":
                raise ConnectionError(b" ".join(words).decode())
            elif verb in (b"MSG", b"HMSG"):
                size, header = int(words[-1]), int(words[-2]) if verb == b"HMSG" else 0
                if len(self.input) < at + size + 2:
                    at = begin
                    break
                # an answer that has headers tells that nobody is there to answer
                yield words[0].decode().rpartition(".")[2], self.input[at + header:at + size] if size > header else b""
                at += size + 2
        self.input = self.input[at:]

    def ask(self, subject, request):
        """An answer of JetStream's, decoded."""
        self.publish(subject, "ask", json.dumps(request).encode())
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for reply, data in self.exchange(1)[1]:
                if reply == "ask":
                    return json.loads(data or b'{"error":{"description":"JetStream is not there"}}')
        raise ConnectionError("no answer")

    def create_stream(self, name, subject):
        answer = self.ask("$JS.API.STREAM.CREATE." + name,
                          {"name": name, "subjects": [subject], "storage": "file", "discard": "old"})
        # 10058: there is one already, made in another way
        if "error" in answer and answer["error"].get("err_code") != 10058:
            raise ConnectionError(answer["error"]["description"])

    def close(self):
        self.socket.close()


class Publisher:
    def __init__(self, options):
        self.options = options
        self.run = os.urandom(8).hex()
        self.waiting = {}  # number of a line: the line; in order
        self.lines = self.stored = self.again = 0
        self.rest, self.ended = b"", False
        self.connection, self.said = None, ""
        self.alive = time.monotonic()
        self.hangup = select.poll()
        self.hangup.register(0, 0)

    def say(self, what):
        if what != self.said:
            print(f"nats_publish: {self.options.server}: {what}", file=sys.stderr, flush=True)
        self.said = what

    def connect(self):
        self.connection = Connection(self.options.server)
        self.connection.create_stream(self.options.stream, self.options.subject)
        self.again += len(self.waiting)
        for number, line in self.waiting.items():
            self.send(number, line)
        self.say("connected")

    def send(self, number, line):
        self.connection.publish(self.options.subject, number, line, f"{self.run}-{number}")

    def has_room(self):
        """What is left of an input that has ended is taken in any case, to be counted."""
        return not self.ended and (len(self.waiting) < self.options.window or bool(self.hangup.poll(0)))

    def read(self):
        data = os.read(0, 1 << 16)
        self.ended = not data
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines + [self.rest] * bool(self.ended and self.rest):
            self.lines += 1
            self.waiting[self.lines] = line
            if self.connection:
                self.send(self.lines, line)

    def acknowledged(self, number, data):
        answer = json.loads(data or b'{"error":{"description":"JetStream is not there"}}')
        if "error" in answer:
            raise ConnectionError(answer["error"]["description"])
        self.stored += self.waiting.pop(int(number), None) is not None
        self.alive = time.monotonic()

    def step(self):
        if not self.connection:
            self.connect()
        readable, messages = self.connection.exchange(0.5, *[0] * self.has_room())
        for number, data in messages:
            self.acknowledged(number, data)
        if not self.waiting:
            self.alive = time.monotonic()
        if time.monotonic() - self.alive > 5:
            self.alive = time.monotonic()
            raise ConnectionError("no acknowledgement for 5 s")
        if readable:
            self.read()

    def disconnect(self, why):
        self.say(why)
        if self.connection:
            self.connection.close()
        self.connection = None
        time.sleep(0.2)
        if select.select([0] * self.has_room(), [], [], 0)[0]:
            self.read()

    def publish(self):
        silent, stored = time.monotonic(), -1
        while not self.ended or self.waiting:
            try:
                self.step()
            except (OSError, ValueError) as error:
                self.disconnect(str(error))
            if self.stored != stored or not self.ended:
                silent, stored = time.monotonic(), self.stored
            if time.monotonic() - silent > self.options.give_up:
                break
        print(f"nats_publish: {self.lines} lines, {self.stored} stored, {len(self.waiting)} not; "
              f"{self.again} were sent again", file=sys.stderr)
        return 1 if self.waiting else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", help="such as pping.eth0")
    parser.add_argument("--server", default="127.0.0.1:4222", help="HOST:PORT (%(default)s)")
    parser.add_argument("--stream", default="PPING", help="made if it is not there (%(default)s)")
    parser.add_argument("--window", type=int, default=4096, help="lines on their way at a time (%(default)s)")
    parser.add_argument("--give-up", type=float, default=30, metavar="S", help="at the end of the input (%(default)s)")
    # Ctrl-C is for pping, which then writes out what it still has
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(Publisher(parser.parse_args()).publish())


if __name__ == "__main__":
    main()
