/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file says of the run that wrote it, in a record at its beginning and
 * one at its end, so that it can be understood by itself. Nothing in it is an
 * address (of the traffic or ours), a path or an expression: of an option that takes one, only the name
 * is told.
 */
#ifndef SRC_RUN_RECORD_H
#define SRC_RUN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "format.h"
#include "interfaces.h"
#include "options.h"

/* What there is to say of the source of events. */
struct run_source {
	void *ctx;
	void (*counters)(void *ctx, struct pping_counters *counters); /* as of now */
	const char *(*attached)(void *ctx); /* "tc ingress, TCX"; NULL: a capture */
	/* how many rules of --include and --exclude hold now; NULL: there are none */
	void (*rules)(void *ctx, uint64_t *included, uint64_t *excluded);
	/* Of a live source: the interface that an event's number stands for, or NULL. */
	const char *(*interface)(void *ctx, uint32_t number);
	/* Of a live source: each of several. */
	size_t (*interfaces)(void *ctx, const struct interfaces_row **rows);
};

/* Of the file that ends. */
struct run_file {
	uint64_t number; /* from 1 */
	uint64_t events; /* in it */
	uint64_t total_events; /* in it and those before */
	bool last; /* the run ends with it */
};

/*
 * wall_ns: of the record, or FORMAT_NO_TIME. Nothing for a format that has no form for
 * it. first: as in struct format.
 */
void run_record__begin(struct text *out, const struct options *options,
		       const struct run_source *source, uint64_t file_number, uint64_t wall_ns,
		       bool first);
void run_record__end(struct text *out, const struct options *options,
		     const struct run_source *source, const struct run_file *file, uint64_t wall_ns,
		     bool first);

#endif /* SRC_RUN_RECORD_H */
