/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A format is a table of functions over one event. Formatters append to a text
 * and know no files. Times: wall_ns is the event's time in nanoseconds since
 * the epoch; durations are nanoseconds.
 */
#ifndef SRC_FORMAT_H
#define SRC_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "aggregate.h"
#include "options.h"
#include "pping.h"
#include "text.h"

/* What stands in the place of an address. */
enum format_addresses {
	FORMAT_ADDRESSES_PLAIN, /* an address, as the flow's ip_version says */
	FORMAT_ADDRESSES_128_BITS, /* in the form of an IPv6 address, also of IPv4 */
	FORMAT_ADDRESSES_NONE, /* "-", or no such field */
};

/* What is known of an event's flow besides the event. */
struct format_note {
	uint64_t flow_id;
	uint8_t src_scope, dest_scope; /* enum scope */
};

struct format_settings {
	bool counters; /* events have them: add them to RTTs, and to closings as totals */
	bool relative_time; /* wall_ns counts from the start of the run instead */
	enum format_addresses addresses;
	uint32_t fields; /* of JSON records, see fields.h; 0: the usual ones */
	const struct format_note *note; /* of the event; not NULL if the fields have such */
	const char *
		interface; /* where the event's packet was seen, if that is to be told; any bytes */
	const struct options *options; /* what an aggregation describes itself with */
};

/* What all packets together were since the last report. */
struct format_totals {
	struct pping_counters counters; /* their growth */
	uint64_t rtts; /* in the report's rows */
	uint64_t evicted; /* flows */
	uint32_t prefixes; /* that have a place now */
};

/* One of the things that are told about a run, not about a packet. */
enum format_fact_kind { FORMAT_TEXT, FORMAT_NUMBER, FORMAT_TENTHS, FORMAT_YES };

/* A record of facts that has no time. */
#define FORMAT_NO_TIME UINT64_MAX

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
	/* NULL: the format has no form for aggregates. First of the file, then one for each row and report */
	void (*aggregation)(struct text *out, const struct format_settings *set, uint64_t wall_ns,
			    bool first);
	void (*row)(struct text *out, const struct format_settings *set,
		    const struct aggregate_row *row, uint64_t wall_ns, bool first);
	void (*totals)(struct text *out, const struct format_settings *set,
		       const struct format_totals *totals, uint64_t wall_ns, bool first);
	void (*end)(struct text *out); /* after the last record; may be NULL */
	/* A record of its own of them. NULL: the format has no form for it. */
	void (*facts)(struct text *out, const struct format_settings *set,
		      const struct format_fact *facts, size_t n, uint64_t wall_ns, bool first);
};

extern const struct format format_standard;
extern const struct format format_json;
extern const struct format format_jsonl;
extern const struct format format_ppviz; /* RTTs only: other events append nothing */

const struct format *format__find(enum option_format which);

#endif /* SRC_FORMAT_H */
