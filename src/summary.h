/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The totals of a run, in words: what was measured, what was missed and why. */
#ifndef SRC_SUMMARY_H
#define SRC_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

#include "interfaces.h"
#include "mapclean.h"
#include "plan.h"
#include "pping.h"

struct summary {
	const char *interface; /* as given; or the capture's name */
	const struct interfaces_row *interfaces; /* of several, each */
	size_t interfaces_count;
	uint64_t elapsed_ns; /* of a capture: from its first packet to its last */
	struct pping_counters counters;
	uint64_t present; /* flow entries at the last look */
	uint64_t present_replied; /* of these seen in both directions */
	bool counted_present; /* the two are known */
	uint64_t evicted; /* entries that gave way to newer ones */
	bool include_local;
	bool down; /* the interface is there and down */
	uint64_t records; /* events that went to the output */
	struct plan plan; /* where they went */
	const char *sandbox; /* sandbox.h; NULL: not a word */
	/* of a capture */
	bool capture;
	uint64_t reading_ns; /* what it took */
	uint64_t filtered; /* packets that the filter kept back */
	uint64_t disordered; /* packets a little earlier than one before */
	uint64_t disorder_ns; /* by that at most */
	uint64_t passed_over; /* packets too far back in time */
};

/* Packets under all verdicts. */
uint64_t summary__packets(const struct pping_counters *counters);

/* Events that the kernel side could not hand over. */
uint64_t summary__lost(const struct pping_counters *counters);

/* A few lines; silence is explained. */
void summary__print(FILE *to, const struct summary *summary);

/* One line on a cleaning pass, for --debug-cleanup. */
void summary__print_cleanup(FILE *to, const struct mapclean_report *pass);

#endif /* SRC_SUMMARY_H */
