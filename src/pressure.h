/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * More new flows than the table can hold: notices it for the kernel side, tells the
 * user, and works out how many entries gave way to newer ones, which the table does
 * silently.
 */
#ifndef SRC_PRESSURE_H
#define SRC_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"
#include "mapclean.h"
#include "options.h"

/* options and kernel set, the rest 0: nothing was seen yet. */
struct pressure {
	const struct options *options;
	struct kernel *kernel;
	uint64_t new_flows, looked_ns; /* at the last look */
	uint64_t created; /* flows, when the last cleaning pass began */
	uint64_t evicted; /* flows, as of the last pass; may go back a little */
	bool full; /* the flow table was, nearly, during that pass */
	/* what was told, and when */
	uint64_t put_off_told, evicted_told, told_ns;
};

/* Many times a second: what one CPU can't see, a flood that is spread over all of them. */
void pressure__look(struct pressure *pressure);
/* Once a second, with the counters as of now: says so on stderr, once a minute at most. */
void pressure__tell(struct pressure *pressure, const struct pping_counters *counters);
/* Around each pass over the flow table. */
void pressure__pass_begins(struct pressure *pressure);
void pressure__pass_ended(struct pressure *pressure, const struct mapclean_report *pass);

#endif /* SRC_PRESSURE_H */
