/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Periodic reports of aggregates: takes the rows from a struct aggregate and
 * hands them to the sink, with what all packets together were.
 */
#ifndef SRC_AGGREGATE_REPORT_H
#define SRC_AGGREGATE_REPORT_H

#include "aggregate.h"
#include "options.h"
#include "sink.h"

struct aggregate_report;

/* 0 or a negative errno (printed). tables: of the engine, see kernel.h and engine_host.h. */
int aggregate_report__new(struct aggregate_report **report, const struct options *options,
			  const struct aggregate_tables *tables, struct sink *sink);
void aggregate_report__free(struct aggregate_report *report); /* NULL is fine */

/*
 * Reports what was counted since the last time; time_ns as sink__event() wants
 * it. total: the engine's counters, evicted: flows, both since the start. 0 or a
 * negative errno (printed).
 */
int aggregate_report__make(struct aggregate_report *report, uint64_t time_ns,
			   const struct pping_counters *total, uint64_t evicted);

/* See aggregate__watch(). */
void aggregate_report__watch(struct aggregate_report *report, aggregate_taken_fn fn, void *ctx);
/* Prefixes that have a place, as of the last report or fold. */
uint32_t aggregate_report__prefixes(const struct aggregate_report *report);

/* To be called every PPING_FOLD_SECONDS, or more often for those who watch. 0 or a negative errno (printed). */
int aggregate_report__fold(struct aggregate_report *report);

#endif /* SRC_AGGREGATE_REPORT_H */
