/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A format is a table of functions over one event. Formatters append to a text
 * and know no files. Times: wall_ns is the event's time in nanoseconds since
 * the epoch; durations are nanoseconds.
 */
#ifndef SRC_FORMAT_H
#define SRC_FORMAT_H

#include <stdbool.h>

#include "options.h"
#include "pping.h"
#include "text.h"

struct format_settings {
	bool counters; /* add sent_ and rec_ fields to RTTs */
};

/* One of the things that are told about a run, not about a packet. */
enum format_fact_kind { FORMAT_TEXT, FORMAT_NUMBER, FORMAT_TENTHS, FORMAT_YES };

struct format_fact {
	const char *key; /* letters, digits and _; NULL: left out */
	enum format_fact_kind kind;
	const char *text; /* any bytes */
	uint64_t number; /* FORMAT_TENTHS: ten times what it stands for; FORMAT_YES: 0 or 1 */
};

struct format {
	const char *name;
	bool appendable; /* a file may hold several runs one after the other */
	void (*begin)(struct text *out); /* before the first record of a file; may be NULL */
	/* first: no record precedes this one in the file */
	void (*event)(struct text *out, const struct format_settings *set,
		      const struct pping_event *event, uint64_t wall_ns, bool first);
	void (*end)(struct text *out); /* after the last record; may be NULL */
	/* A record of its own of them; wall_ns 0: without a time. NULL: the format has no form for it. */
	void (*facts)(struct text *out, const struct format_fact *facts, size_t n, uint64_t wall_ns,
		      bool first);
};

extern const struct format format_standard;
extern const struct format format_json;
extern const struct format format_jsonl;
extern const struct format format_ppviz; /* RTTs only: other events append nothing */

const struct format *format__find(enum option_format which);

#endif /* SRC_FORMAT_H */
