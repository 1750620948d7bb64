#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of the runs: reads "KIND LOAD REPEATS MONITOR..." lines, writes "NUMBER KIND LOAD
REPEAT MONITOR [MORE]" lines. A repetition of a load is a block of runs, one with each monitor, side by
side so that they can be compared as a pair; the blocks are shuffled, and so is what is in them. Of kind
"switched" so many blocks share one load, which goes on while the monitors change: "MORE" behind
such a run counts the runs that follow under the same load. The same seed gives the same order.  Usage: plan.py SEED <SPEC"""

import random
import sys

# Blocks that share a load: enough that its start costs little, few enough that one load that goes
# oddly does not speak for all of them.
SHARING = 8


def switched(load, loads, monitors, seed):
    """all runs of the kind, in their order"""
    rng = random.Random(f"{seed} {load}")
    for first in range(1, loads * SHARING + 1, SHARING):
        runs = []
        for repeat in range(first, first + SHARING):
            block = [("switched", load, repeat, monitor) for monitor in dict.fromkeys(monitors)]
            rng.shuffle(block)
            runs += block
        for place, run in enumerate(runs, 1):
            yield (*run, len(runs) - place)


def main():
    rng = random.Random(int(sys.argv[1]))
    rounds, done, last = {}, {}, []
    for line in sys.stdin:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        kind, load, repeats, *monitors = words
        if kind == "switched":
            last += switched(load, int(repeats), monitors, sys.argv[1])
            continue
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
    for run in last:
        number += 1
        print(number, *run)


if __name__ == "__main__":
    main()
