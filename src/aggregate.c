// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate.h"
#include "engine/histogram.h"

/* RTTs with room for as many as there may be. */
struct rtts {
	uint64_t sum, max, min_inverted;
	uint64_t bin[PPING_HIST_BINS];
};

struct place {
	struct pping_flow_count tx[PPING_KINDS], rx[PPING_KINDS]; /* at the last report */
	uint64_t active_ns; /* the last report with anything of it */
	struct rtts *folded; /* NULL: none */
	struct pping_prefix_key
		leaving; /* whose it was, found no more since the last report; ip_version 0: it is not */
};

/* A prefix as it was when the report began. */
struct entry {
	struct pping_prefix_key key;
	uint32_t place;
	uint64_t rank; /* what it is sorted by before its key; 0: by that alone */
};

struct aggregate {
	struct aggregate_settings set;
	uint32_t half; /* the one being written */
	uint32_t prefixes;
	struct place *places;
	struct entry *order; /* of the places in use, room for all */
	/* a row in the making */
	struct aggregate_row row;
	char name[AGGREGATE_NAME_SIZE];
	struct rtts rtts;
};

/* --- RTTs ------------------------------------------------------------------------------ */

static void add_folded(struct rtts *to, const struct rtts *from)
{
	to->sum += from->sum;
	if (to->max < from->max)
		to->max = from->max;
	if (to->min_inverted < from->min_inverted)
		to->min_inverted = from->min_inverted;
	for (int i = 0; i < PPING_HIST_BINS; i++)
		to->bin[i] += from->bin[i];
}

/* Moves them: the engine's are zero afterwards. */
static void take_rtts(struct rtts *to, struct pping_rtts *from)
{
	to->sum += from->sum;
	if (to->max < from->max)
		to->max = from->max;
	if (to->min_inverted < from->min_inverted)
		to->min_inverted = from->min_inverted;
	for (int i = 0; i < PPING_HIST_BINS; i++)
		to->bin[i] += from->bin[i];
	memset(from, 0, sizeof(*from));
}

/* min_inverted is 0 only without an RTT: none takes 2^64 - 1 ns. */
static bool has_rtts(const struct pping_rtts *rtts)
{
	return rtts->min_inverted != 0;
}

static struct pping_rtts *retired(const struct aggregate *a, uint32_t place)
{
	return &a->set.tables.rtts[!a->half * a->set.tables.places + place];
}

/*
 * The RTT of rank ceil(share * count / 100) in ascending order, as if those of a
 * bin were spread evenly over it: the true one is in the same bin.
 */
static uint64_t percentile(const struct aggregate_row *row, uint64_t share)
{
	uint64_t rank = row->count / 100 * share + (row->count % 100 * share + 99) / 100;
	uint64_t before = 0, value;
	uint32_t bin = 0;

	while (bin < PPING_HIST_BINS - 1 && before + row->bin[bin] < rank)
		before += row->bin[bin++];
	value = histogram_lower(bin);
	if (bin < PPING_HIST_BINS - 1 && row->bin[bin]) {
		double width = (double)(histogram_upper(bin) - value);

		value += width * ((double)(rank - before) - 0.5) / (double)row->bin[bin];
	}
	return value < row->min ? row->min : value > row->max ? row->max : value;
}

static void describe_rtts(struct aggregate_row *row, const struct rtts *rtts)
{
	row->bin = rtts->bin;
	row->count = 0;
	for (int i = 0; i < PPING_HIST_BINS; i++)
		row->count += rtts->bin[i];
	if (!row->count)
		return;
	row->sum = rtts->sum;
	row->min = ~rtts->min_inverted;
	row->max = rtts->max;
	row->mean = (rtts->sum + row->count / 2) / row->count;
	row->median = percentile(row, 50);
	row->p95 = percentile(row, 95);
	row->p99 = percentile(row, 99);
}

/* --- packets ---------------------------------------------------------------------------- */

static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_growth(struct pping_flow_count *row, struct pping_flow_count *last,
		       const struct pping_flow_count *total)
{
	row->packets += total->packets - last->packets;
	row->bytes += total->bytes - last->bytes;
	*last = *total;
}

/* Adds what place has counted since the last report to the row; true if that is anything. */
static bool add_packets(struct aggregate *a, uint32_t place)
{
	const struct aggregate_tables *t = &a->set.tables;
	struct place *p = &a->places[place];
	bool any = false;

	for (int kind = 0; kind < PPING_KINDS; kind++) {
		struct pping_flow_count tx = {}, rx = {};

		for (uint32_t shard = 0; shard < t->shards; shard++) {
			const struct pping_prefix *at = &t->packets[shard * t->places + place];

			tx.packets += load(&at->tx[kind].packets);
			tx.bytes += load(&at->tx[kind].bytes);
			rx.packets += load(&at->rx[kind].packets);
			rx.bytes += load(&at->rx[kind].bytes);
		}
		any |= tx.packets != p->tx[kind].packets || rx.packets != p->rx[kind].packets;
		add_growth(&a->row.tx[kind], &p->tx[kind], &tx);
		add_growth(&a->row.rx[kind], &p->rx[kind], &rx);
	}
	return any;
}

/* --- places ------------------------------------------------------------------------------ */

/* From now on no program that begins takes the place for the prefix, if it is the prefix's. */
static void disown(struct aggregate *a, uint32_t place, const struct pping_prefix_key *key)
{
	const struct aggregate_tables *t = &a->set.tables;

	if (!t->forget(t->ctx, key, place))
		return;
	for (uint32_t shard = 0; shard < t->shards; shard++)
		__atomic_store_n(&t->packets[shard * t->places + place].key.ip_version, 0,
				 __ATOMIC_SEQ_CST);
	a->places[place].leaving = *key;
}

/* Whose place is it, or was it at the last report? */
static bool find_owner(const struct aggregate *a, uint32_t place, struct pping_prefix_key *key)
{
	const struct pping_prefix_key *now = &a->set.tables.packets[place].key;
	const struct pping_prefix_key *was = &a->places[place].leaving;

	if (__atomic_load_n(&now->ip_version, __ATOMIC_ACQUIRE))
		*key = *now;
	else
		*key = *was;
	return key->ip_version != 0;
}

/* Nobody writes to it any more: empty for the next. */
static void give_back(struct aggregate *a, uint32_t place)
{
	const struct aggregate_tables *t = &a->set.tables;
	struct rtts *folded = a->places[place].folded;

	for (uint32_t shard = 0; shard < t->shards; shard++)
		memset(&t->packets[shard * t->places + place], 0, sizeof(*t->packets));
	memset(&a->places[place], 0, sizeof(a->places[place]));
	free(folded);
	t->release(t->ctx, place);
}

/* What belongs to it goes into the row, and it goes itself if it was idle for too long. */
static bool take_place(struct aggregate *a, uint32_t place, const struct pping_prefix_key *key,
		       uint64_t now_ns)
{
	struct place *p = &a->places[place];
	bool any = add_packets(a, place);

	if (p->folded) {
		add_folded(&a->rtts, p->folded);
		free(p->folded);
		p->folded = NULL;
		any = true;
	}
	if (has_rtts(retired(a, place))) {
		take_rtts(&a->rtts, retired(a, place));
		any = true;
	}
	if (any || !p->active_ns)
		p->active_ns = now_ns ? now_ns : 1;
	if (p->leaving.ip_version)
		give_back(a, place);
	else if (key && !any && now_ns - p->active_ns >= a->set.timeout_ns)
		disown(a, place, key);
	return any;
}

/* --- reports ------------------------------------------------------------------------------ */

static int compare_keys(const struct pping_prefix_key *x, const struct pping_prefix_key *y)
{
	if (x->ip_version != y->ip_version)
		return x->ip_version < y->ip_version ? -1 : 1;
	return memcmp(x->w, y->w, sizeof(x->w)); /* network byte order */
}

static int compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->key.ip_version == b->key.ip_version && a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return compare_keys(&a->key, &b->key);
}

/* The address of a prefix, IPv4 as ::ffff:a.b.c.d; its length is returned. */
static uint8_t prefix_of(const struct aggregate *a, const struct pping_prefix_key *key,
			 union pping_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (key->ip_version == 4) {
		addr->w[2] = htonl(0xffff);
		addr->w[3] = key->w[1];
		return a->set.bits4;
	}
	addr->w[0] = key->w[0];
	addr->w[1] = key->w[1];
	return a->set.bits6;
}

static const char *name_of(struct aggregate *a, const struct pping_prefix_key *key)
{
	union pping_addr addr;
	uint8_t bits = prefix_of(a, key, &addr);

	a->set.name(a->set.name_ctx, &addr, key->ip_version, bits, a->name);
	return a->name;
}

/* FNV-1a of the name: the order of addresses would tell much of them. */
static uint64_t rank_of(struct aggregate *a, const struct pping_prefix_key *key)
{
	uint64_t rank = 0xcbf29ce484222325;

	if (!a->set.name)
		return 0;
	for (const char *c = name_of(a, key); *c; c++)
		rank = (rank ^ (unsigned char)*c) * 0x100000001b3;
	return rank;
}

static uint32_t sort_places(struct aggregate *a)
{
	uint32_t n = 0;

	for (uint32_t i = PPING_PREFIX_FIRST; i < a->set.tables.places; i++) {
		if (!find_owner(a, i, &a->order[n].key))
			continue;
		a->order[n].rank = rank_of(a, &a->order[n].key);
		a->order[n++].place = i;
	}
	qsort(a->order, n, sizeof(*a->order), compare_entries);
	return n;
}

static void begin_row(struct aggregate *a, enum aggregate_subject subject,
		      const struct pping_prefix_key *key)
{
	struct aggregate_row *row = &a->row;

	memset(row, 0, sizeof(*row));
	memset(&a->rtts, 0, sizeof(a->rtts));
	row->subject = subject;
	if (!key)
		return;
	row->ip_version = key->ip_version;
	if (a->set.name)
		row->name = name_of(a, key);
	else
		row->bits = prefix_of(a, key, &row->addr);
}

static int end_row(struct aggregate *a, aggregate_row_fn fn, void *ctx)
{
	describe_rtts(&a->row, &a->rtts);
	return fn(ctx, &a->row);
}

static int turn(struct aggregate *a)
{
	const struct aggregate_tables *t = &a->set.tables;
	uint32_t half = !a->half;
	int err = t->turn(t->ctx, half);

	if (!err)
		a->half = half;
	return err;
}

static int report_place(struct aggregate *a, enum aggregate_subject subject, uint32_t place,
			uint64_t now_ns, aggregate_row_fn fn, void *ctx)
{
	begin_row(a, subject, NULL);
	return take_place(a, place, NULL, now_ns) ? end_row(a, fn, ctx) : 0;
}

int aggregate__report(struct aggregate *a, uint64_t now_ns, aggregate_row_fn fn, void *ctx)
{
	uint32_t used, i = 0;
	int err = turn(a);

	if (err)
		return err;
	used = sort_places(a);
	a->prefixes = 0;
	while (i < used && !err) {
		const struct pping_prefix_key *key = &a->order[i].key;
		bool any = false;

		/* a prefix that left and came back has two places, for one report */
		begin_row(a, AGGREGATE_PREFIX, key);
		do {
			any |= take_place(a, a->order[i++].place, key, now_ns);
		} while (i < used && !compare_keys(&a->order[i].key, key));
		a->prefixes++;
		if (any)
			err = end_row(a, fn, ctx);
	}
	if (!err)
		err = report_place(a, AGGREGATE_OTHER, PPING_PREFIX_OTHER, now_ns, fn, ctx);
	if (!err)
		err = report_place(a, AGGREGATE_ICMP, PPING_PREFIX_ICMP, now_ns, fn, ctx);
	return err;
}

int aggregate__fold(struct aggregate *a)
{
	int err = turn(a);

	for (uint32_t i = 0; i < a->set.tables.places && !err; i++) {
		struct place *p = &a->places[i];

		if (!has_rtts(retired(a, i)))
			continue;
		if (!p->folded)
			p->folded = calloc(1, sizeof(*p->folded));
		if (!p->folded)
			return -ENOMEM;
		take_rtts(p->folded, retired(a, i));
	}
	return err;
}

uint32_t aggregate__prefixes(const struct aggregate *a)
{
	return a->prefixes;
}

/* --- begin and end -------------------------------------------------------------------------- */

int aggregate__new(struct aggregate **aggregate, const struct aggregate_settings *settings)
{
	struct aggregate *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->set = *settings;
	a->places = calloc(settings->tables.places, sizeof(*a->places));
	a->order = calloc(settings->tables.places, sizeof(*a->order));
	if (!a->places || !a->order) {
		aggregate__free(a);
		return -ENOMEM;
	}
	*aggregate = a;
	return 0;
}

void aggregate__free(struct aggregate *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; a->places && i < a->set.tables.places; i++)
		free(a->places[i].folded);
	free(a->places);
	free(a->order);
	free(a);
}
