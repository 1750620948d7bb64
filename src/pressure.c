// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/pressure.h"

#include <inttypes.h>
#include <stdio.h>

#include "src/clock.h"

#define TELL_NS (60 * PPING_NS_PER_SEC)

void pressure__look(struct pressure *p)
{
	uint64_t now = clock__now(), flows, limit;

	if (kernel__new_flows(p->kernel, &flows))
		return;
	limit = (now - p->looked_ns) * pping_pressure_limit(p->options->max_flows) >>
		PPING_PRESSURE_WINDOW_SHIFT;
	if (limit < PPING_PRESSURE_LEAST) /* two looks at once, after one that was late */
		limit = PPING_PRESSURE_LEAST;
	kernel__set_pressed(p->kernel, flows - p->new_flows > limit);
	p->new_flows = flows;
	p->looked_ns = now;
}

/*
 * A flood must not flood the terminal as well: one line a minute. Only a full table
 * is worth it.
 */
void pressure__tell(struct pressure *p, const struct pping_counters *counters)
{
	uint64_t now = clock__now(), put_off = counters->n[PPING_COUNT_FLOWS_PUT_OFF];
	uint64_t evicted = p->full && p->evicted > p->evicted_told ? p->evicted : p->evicted_told;

	if ((put_off == p->put_off_told && evicted == p->evicted_told) || p->options->quiet ||
	    (p->told_ns && now - p->told_ns < TELL_NS))
		return;
	fprintf(stderr,
		"pping: under pressure: more new flows than %u entries (--max-flows) can hold: "
		"%" PRIu64 " put off until answered, %" PRIu64 " entries evicted\n",
		p->options->max_flows, put_off - p->put_off_told, evicted - p->evicted_told);
	p->put_off_told = put_off;
	p->evicted_told = evicted;
	p->told_ns = now;
}

void pressure__pass_begins(struct pressure *p)
{
	struct pping_counters c;

	if (!kernel__counters(p->kernel, &c))
		p->created = c.n[PPING_COUNT_FLOWS_CREATED];
}

/*
 * Flows that open or end while a pass goes on would look evicted: with those that were
 * there when it began never more are told than were. So would those that it passes over,
 * which are no more than it removes (mapclean.h): as many may have been evicted untold,
 * until a pass removes nothing. At the end, when the programs are off, just those are told
 * that were.
 */
void pressure__pass_ended(struct pressure *p, const struct mapclean_report *pass)
{
	const __u64 *did = pass->did.n;
	struct pping_counters c;
	uint64_t gone, evicted;

	if (kernel__counters(p->kernel, &c))
		return;
	gone = c.n[PPING_COUNT_FLOWS_REMOVED] + did[PPING_CLEANUP_SEEN];
	evicted = p->created > gone ? p->created - gone : 0;
	if (!did[PPING_CLEANUP_REMOVED] || p->evicted < evicted)
		p->evicted = evicted;
	p->full = did[PPING_CLEANUP_SEEN] > p->options->max_flows / 4 * 3;
}
