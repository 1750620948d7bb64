/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Prometheus may know: histograms of the RTTs since the start, and the text
 * that carries them and the counters of the run. Knows no sockets; prints nothing.
 *
 * Invariants:
 *  - what is a counter or a histogram never goes back while its series is there;
 *  - a bucket's bound is the bound of a bin, so that no RTT is guessed to be on one side of it;
 *  - the text's size depends on --metrics-series only, not on how many prefixes there are;
 *  - nothing in it tells when the run began.
 */
#ifndef SRC_METRICS_H
#define SRC_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "aggregate.h"
#include "interfaces.h"
#include "mapclean.h"
#include "options.h"
#include "pping.h"
#include "text.h"

/* What is not counted here but read when the text is made. */
struct metrics_state {
	struct pping_counters counters;
	uint64_t evicted; /* flows; may go back a little */
	struct mapclean_report
		cleaned; /* by all passes; passes 0: flows and flows_replied are not known */
	uint64_t flows; /* entries left by the last pass */
	uint64_t flows_replied; /* of these seen in both directions */
	uint64_t records; /* events that went to the output */
	uint32_t prefixes; /* that have a place */
	bool up; /* the interface is there and up, and the programs are on it */
	const struct interfaces_row *interfaces; /* of several, each */
	size_t interfaces_count;
};

enum metrics_format {
	METRICS_PROMETHEUS, /* text format 0.0.4 */
	METRICS_OPENMETRICS, /* 1.0 */
};

struct metrics;

/* options outlive it. 0 or -ENOMEM. */
int metrics__new(struct metrics **metrics, const struct options *options);
void metrics__free(struct metrics *metrics); /* NULL is fine */

/* Counts an RTT that an event carries, unless all of them come from the aggregates. */
void metrics__event(struct metrics *metrics, const struct pping_event *event);

/* Counts those taken from the engine's aggregates: an aggregate_taken_fn, ctx is a struct metrics. */
void metrics__taken(void *ctx, const struct aggregate_row *whose, const struct pping_rtts *rtts);

/* Appends all of it; to->failed tells if there was no memory. */
void metrics__text(struct metrics *metrics, const struct metrics_state *state,
		   enum metrics_format format, struct text *to);

#endif /* SRC_METRICS_H */
