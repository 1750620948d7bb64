#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long after its packet does a line appear? Reads -F jsonl from a pipe and
prints the ages of the RTT lines, in ms, youngest first.

  linewatch.py PIPE LINES"""

import json
import sys
import time


def main():
    ages = []
    with open(sys.argv[1], encoding="ascii") as pipe:
        for line in pipe:
            now = time.time_ns()
            record = json.loads(line)
            if "rtt" in record:
                ages.append((now - record["timestamp"]) / 1e6)
            if len(ages) >= int(sys.argv[2]):
                break
    print(*(f"{age:.1f}" for age in sorted(ages)))


if __name__ == "__main__":
    main()
