/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cleaning the flow table: a BPF iterator removes what has expired and announces
 * it. A pass is read in pieces of some thousand entries, spread over the
 * interval, so that it never holds a core for long.
 */
#ifndef SRC_MAPCLEAN_H
#define SRC_MAPCLEAN_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include "loop.h"
#include "pping.h"
#include "pping_debug_cleanup.h"

struct mapclean;

/* What one pass, or all of them, did. */
struct mapclean_report {
	struct pping_cleanup did; /* all but seen, replied and removed only with --debug-cleanup */
	uint64_t runtime_ns; /* in the kernel */
	uint64_t longest_ns; /* the longest piece of it */
	uint64_t passes;
};

struct mapclean_settings {
	const struct bpf_program *program;
	int flows_fd;
	int cleanup_fd; /* of the map that holds struct pping_cleanup */
	uint32_t max_flows;
	bool counters; /* the flows have them, and so their events */
	uint64_t interval_ns; /* 0: only mapclean__run_pass() cleans */
	void *ctx;
	int (*announce)(void *ctx, const struct pping_event *event); /* of an expired flow */
	void (*begins)(void *ctx); /* a pass does; may be NULL */
	void (*passed)(void *ctx, const struct mapclean_report *pass); /* a pass has ended */
};

/* 0 or a negative errno (printed). */
int mapclean__new(struct mapclean **clean, struct loop *loop,
		  const struct mapclean_settings *settings);
void mapclean__free(struct mapclean *clean); /* NULL is fine */

/*
 * Runs the pass under way to its end and then whole ones, at once, until one has nothing to remove:
 * then all that should go is gone, and mapclean__last() has seen all that is there. (One
 * that removes something may pass some over, no more than it removes: the next one's.)
 * 0 or a negative errno (printed).
 */
int mapclean__run_pass(struct mapclean *clean);

const struct mapclean_report *mapclean__last(const struct mapclean *clean);
const struct mapclean_report *mapclean__total(const struct mapclean *clean);

#endif /* SRC_MAPCLEAN_H */
