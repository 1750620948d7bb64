/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --status: what goes on at the moment, as a record among the data. */
#ifndef SRC_STATUS_H
#define SRC_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "format.h"
#include "netdev.h"

/* Totals at one moment. */
struct status_look {
	uint64_t mono_ns;
	struct pping_counters counters;
	struct netdev_stats stats;
	bool has_stats; /* the interface was there */
	int ifindex;
};

/* The time between two looks. */
struct status {
	const char *interface; /* of several, the one that it is about; NULL: all together */
	struct status_look from, to;
	bool counted_flows; /* flows is known */
	uint64_t flows; /* seen in both directions and not yet gone, at the last cleaning pass */
};

/* Appends the record in that format; nothing if it has no form for it. */
void status__put(struct text *out, const struct format *format, const struct format_settings *set,
		 const struct status *status, uint64_t wall_ns, bool first);

#endif /* SRC_STATUS_H */
