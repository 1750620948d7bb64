// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate_report.h"

struct aggregate_report {
	struct aggregate *aggregate;
	struct sink *sink;
	struct pping_counters counters; /* at the last report */
	uint64_t evicted;
	/* the report in the making */
	uint64_t time_ns;
	uint64_t rtts;
	int sink_err; /* was printed already */
};

static void name_prefix(void *ctx, const union pping_addr *addr, uint8_t ip_version, uint8_t bits,
			char name[AGGREGATE_NAME_SIZE])
{
	sink__name_prefix(ctx, addr, ip_version, bits, name);
}

int aggregate_report__new(struct aggregate_report **report, const struct options *options,
			  const struct aggregate_tables *tables, struct sink *sink)
{
	struct aggregate_settings set = {
		.bits4 = options->aggregate_bits4,
		.bits6 = options->aggregate_bits6,
		.timeout_ns = options->aggregate_timeout_ns,
		.tables = *tables,
	};
	struct aggregate_report *r = calloc(1, sizeof(*r));

	if (sink__anonymizes(sink)) {
		set.name = name_prefix;
		set.name_ctx = sink;
	}
	if (!r || aggregate__new(&r->aggregate, &set)) {
		fprintf(stderr, "pping: no memory for %u prefixes (--max-prefixes)\n",
			options->max_prefixes);
		free(r);
		return -ENOMEM;
	}
	r->sink = sink;
	*report = r;
	return 0;
}

void aggregate_report__free(struct aggregate_report *r)
{
	if (!r)
		return;
	aggregate__free(r->aggregate);
	free(r);
}

static int on_row(void *ctx, const struct aggregate_row *row)
{
	struct aggregate_report *r = ctx;

	if (row->subject == AGGREGATE_ICMP)
		return 0;
	r->rtts += row->count;
	r->sink_err = sink__row(r->sink, row, r->time_ns);
	return r->sink_err;
}

static int explain(int err)
{
	fprintf(stderr, "pping: can't read the aggregates: %s\n", strerror(-err));
	return err;
}

int aggregate_report__make(struct aggregate_report *r, uint64_t time_ns,
			   const struct pping_counters *total, uint64_t evicted)
{
	struct format_totals totals = {};
	int err;

	r->time_ns = time_ns;
	r->rtts = 0;
	r->sink_err = 0;
	err = aggregate__report(r->aggregate, time_ns, on_row, r);
	if (r->sink_err)
		return r->sink_err;
	if (err)
		return explain(err);
	for (int i = 0; i < PPING_COUNTERS; i++)
		totals.counters.n[i] = total->n[i] - r->counters.n[i];
	/* what was evicted shows late, and can seem to shrink */
	totals.evicted = evicted > r->evicted ? evicted - r->evicted : 0;
	totals.rtts = r->rtts;
	totals.prefixes = aggregate__prefixes(r->aggregate);
	r->counters = *total;
	if (r->evicted < evicted)
		r->evicted = evicted;
	return sink__totals(r->sink, &totals, time_ns);
}

void aggregate_report__watch(struct aggregate_report *r, aggregate_taken_fn fn, void *ctx)
{
	aggregate__watch(r->aggregate, fn, ctx);
}

uint32_t aggregate_report__prefixes(const struct aggregate_report *r)
{
	return aggregate__prefixes(r->aggregate);
}

int aggregate_report__fold(struct aggregate_report *r)
{
	int err = aggregate__fold(r->aggregate);

	return err ? explain(err) : 0;
}
