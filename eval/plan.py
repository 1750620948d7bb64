#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of the runs: reads "KIND LOAD REPEATS MONITOR..." lines, writes "NUMBER KIND LOAD
REPEAT MONITOR" lines. A repetition of a load is a block of runs, one with each monitor, side by
side so that they can be compared as a pair; the blocks are shuffled, and so is what is in them.
The same seed gives the same order.  Usage: plan.py SEED <SPEC"""

import random
import sys


def main():
    rng = random.Random(int(sys.argv[1]))
    rounds, done = {}, {}
    for line in sys.stdin:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        kind, load, repeats, *monitors = words
        for _ in range(int(repeats)):
            repeat = done[kind, load] = done.get((kind, load), 0) + 1
            block = [(kind, load, repeat, monitor) for monitor in dict.fromkeys(monitors)]
            rng.shuffle(block)
            rounds.setdefault((kind == "accuracy", repeat), []).append(block)
    number = 0
    # what needs another path comes last
    for _, blocks in sorted(rounds.items(), key=lambda entry: entry[0]):
        rng.shuffle(blocks)
        for run in (run for block in blocks for run in block):
            number += 1
            print(number, *run)


if __name__ == "__main__":
    main()
