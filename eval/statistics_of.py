# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians and their bootstrap intervals, and what may be said of them."""

import random
import statistics

RESAMPLES = 4000
CONFIDENCE = 0.95
# Of fewer, even "all of them are lower" is chance too often: of four, one time in eight.
ENOUGH = 5


def interval(values, seed=1):
    """median and the percentile bootstrap's interval of it; None, None for fewer than three values"""
    values = sorted(values)
    if not values:
        return None, None, None
    middle = statistics.median(values)
    if len(values) < 3:
        return middle, None, None
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    tail = (1 - CONFIDENCE) / 2
    return middle, medians[int(tail * RESAMPLES)], medians[min(RESAMPLES - 1, int((1 - tail) * RESAMPLES))]


def word(ratio, low, high, count):
    """no word stronger than the interval of so many values allows"""
    if ratio is None:
        return "not measured"
    if low is None or count < ENOUGH:
        return "too few runs"
    if high < 1:
        return "lower"
    if low > 1:
        return "higher"
    return "no difference shown"


def verdict(ratio, low, high, count, threshold):
    if ratio is None:
        return "not measured"
    if low is None or count < ENOUGH:
        return "open: too few runs"
    if low >= threshold:
        return "yes"
    if high < threshold:
        return "no"
    return "open: the interval holds both answers"
