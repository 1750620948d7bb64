/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prefixes that have a histogram of their own: so many at most, first come, first
 * served. One without an RTT for an hour gives its place to one that has some.
 */
#ifndef SRC_PREFIX_SERIES_H
#define SRC_PREFIX_SERIES_H

#include <stdint.h>

#include "aggregate.h"
#include "rtt_histogram.h"

#define PREFIX_SERIES_IDLE_NS (3600 * PPING_NS_PER_SEC)

struct prefix_one {
	char label[AGGREGATE_NAME_SIZE]; /* what it is called */
	uint64_t last_ns; /* when it got an RTT; the caller's to set */
	struct rtt_histogram rtts;
};

struct prefix_series {
	struct prefix_one **list; /* in the order of their labels */
	uint32_t count, limit;
	uint64_t looked_ns; /* for an idle one */
};

/* series is all 0. 0 or -ENOMEM. */
int prefix_series__init(struct prefix_series *series, uint32_t limit);
void prefix_series__free(struct prefix_series *series); /* of what is all 0 too */

/* The one of that label, made if need be. NULL: there is no place left for it, or no memory. */
struct prefix_one *prefix_series__get(struct prefix_series *series, const char *label,
				      uint64_t now_ns);

#endif /* SRC_PREFIX_SERIES_H */
