/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All RTTs of a run in the engine's bins, with their sum. Counts for years: a sum of
 * nanoseconds in 64 bits would be full after some days of a fast network.
 */
#ifndef SRC_RTT_HISTOGRAM_H
#define SRC_RTT_HISTOGRAM_H

#include <stdint.h>

#include "pping.h"

struct rtt_histogram {
	uint64_t bin[PPING_HIST_BINS]; /* as engine/histogram.h has them */
	uint64_t sum_s;
	uint64_t sum_ns; /* and this, less than a second */
};

void rtt_histogram__add(struct rtt_histogram *histogram, uint64_t rtt_ns);
/* Those that the engine counted since the last time; how many they were. */
uint64_t rtt_histogram__add_all(struct rtt_histogram *histogram, const struct pping_rtts *rtts);
/* left = all - part, which is a part of all. */
void rtt_histogram__subtract(struct rtt_histogram *left, const struct rtt_histogram *all,
			     const struct rtt_histogram *part);
uint64_t rtt_histogram__count(const struct rtt_histogram *histogram);

#endif /* SRC_RTT_HISTOGRAM_H */
