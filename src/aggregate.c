// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate.h"
#include "engine/histogram.h"

/*
 * Bins that have so many are emptied at a fold, and no others: seldom any, so that
 * folding takes next to no memory. 2^32 - 2^24 in PPING_FOLD_SECONDS are seven
 * million a second.
 */
#define FOLD_FROM (1U << 24)

/* RTTs with room for as many as there may be. */
struct rtts {
	uint64_t sum, max, min_inverted;
	uint64_t bin[PPING_HIST_BINS];
};

struct place {
	struct pping_flow_count tx[PPING_KINDS], rx[PPING_KINDS]; /* at the last report */
	uint64_t active_ns; /* the last report with anything of it */
	struct rtts *folded; /* taken before its report; NULL: none */
	uint8_t leaving; /* ip_version of whose it was, found no more since the last report; 0: it is not */
};

struct aggregate {
	struct aggregate_settings set;
	uint32_t half; /* the one being written */
	uint32_t prefixes;
	struct place *places;
	uint32_t *order; /* of the places in use, room for all */
	uint64_t *
		rank; /* of each place, what they are sorted by before their keys; NULL: by these alone */
	aggregate_taken_fn taken; /* NULL: nobody watches */
	void *taken_ctx;
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

/* Moves them, those of the row in the making: the engine's are zero afterwards. */
static void take_rtts(struct aggregate *a, struct rtts *to, struct pping_rtts *from)
{
	if (a->taken)
		a->taken(a->taken_ctx, &a->row, from);
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
	a->places[place].leaving = key->ip_version;
}

/* Whose place is it, or was it at the last report? */
static bool find_owner(const struct aggregate *a, uint32_t place, struct pping_prefix_key *key)
{
	const struct pping_prefix_key *now = &a->set.tables.packets[place].key;

	key->ip_version = __atomic_load_n(&now->ip_version, __ATOMIC_ACQUIRE);
	if (!key->ip_version)
		key->ip_version = a->places[place].leaving; /* the rest still stands there */
	memcpy(key->w, now->w, sizeof(key->w));
	return key->ip_version != 0;
}

/* Nobody writes to it any more: empty for the next. */
static void give_back(struct aggregate *a, uint32_t place)
{
	const struct aggregate_tables *t = &a->set.tables;

	for (uint32_t shard = 0; shard < t->shards; shard++)
		memset(&t->packets[shard * t->places + place], 0, sizeof(*t->packets));
	memset(&a->places[place], 0, sizeof(a->places[place]));
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
		take_rtts(a, &a->rtts, retired(a, place));
		any = true;
	}
	if (any || !p->active_ns)
		p->active_ns = now_ns ? now_ns : 1;
	if (p->leaving)
		give_back(a, place);
	else if (key && !any && now_ns >= p->active_ns + a->set.timeout_ns)
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

/* Whose they are does not change while a report is made. */
static int compare_places(const void *x, const void *y, void *ctx)
{
	struct aggregate *a = ctx;
	uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
	struct pping_prefix_key keys[2];

	find_owner(a, i, &keys[0]);
	find_owner(a, j, &keys[1]);
	if (a->rank && keys[0].ip_version == keys[1].ip_version && a->rank[i] != a->rank[j])
		return a->rank[i] < a->rank[j] ? -1 : 1;
	return compare_keys(&keys[0], &keys[1]);
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

	for (const char *c = name_of(a, key); *c; c++)
		rank = (rank ^ (unsigned char)*c) * 0x100000001b3;
	return rank;
}

static uint32_t sort_places(struct aggregate *a)
{
	struct pping_prefix_key key;
	uint32_t n = 0;

	for (uint32_t i = PPING_PREFIX_FIRST; i < a->set.tables.places; i++) {
		if (!find_owner(a, i, &key))
			continue;
		if (a->rank)
			a->rank[i] = rank_of(a, &key);
		a->order[n++] = i;
	}
	qsort_r(a->order, n, sizeof(*a->order), compare_places, a);
	return n;
}

static void name_row(struct aggregate *a, enum aggregate_subject subject,
		     const struct pping_prefix_key *key)
{
	struct aggregate_row *row = &a->row;

	memset(row, 0, sizeof(*row));
	row->subject = subject;
	if (!key)
		return;
	row->ip_version = key->ip_version;
	if (a->set.name)
		row->name = name_of(a, key);
	else
		row->bits = prefix_of(a, key, &row->addr);
}

static void begin_row(struct aggregate *a, enum aggregate_subject subject,
		      const struct pping_prefix_key *key)
{
	name_row(a, subject, key);
	memset(&a->rtts, 0, sizeof(a->rtts));
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

/*
 * Do both have one row? A prefix that left and came back has two places, for one
 * report; and different ones may have one name, of which the row in the making has
 * the first.
 */
static bool shares_row(struct aggregate *a, const struct pping_prefix_key *first,
		       const struct pping_prefix_key *next)
{
	char name[AGGREGATE_NAME_SIZE];
	bool same;

	if (!compare_keys(first, next))
		return true;
	if (!a->rank || first->ip_version != next->ip_version)
		return false;
	strcpy(name, a->name);
	same = !strcmp(name, name_of(a, next));
	strcpy(a->name, name);
	return same;
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
		struct pping_prefix_key key, next;
		bool any = false;

		find_owner(a, a->order[i], &key);
		begin_row(a, AGGREGATE_PREFIX, &key);
		next = key;
		do {
			any |= take_place(a, a->order[i++], &next, now_ns);
		} while (i < used && find_owner(a, a->order[i], &next) &&
			 shares_row(a, &key, &next));
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

/* Whose place it is goes into the row: true if it is a prefix's. */
static bool name_place(struct aggregate *a, uint32_t place)
{
	struct pping_prefix_key key = {};
	bool owned = place >= PPING_PREFIX_FIRST && find_owner(a, place, &key);

	if (owned)
		name_row(a, AGGREGATE_PREFIX, &key);
	else
		name_row(a, place == PPING_PREFIX_ICMP ? AGGREGATE_ICMP : AGGREGATE_OTHER, NULL);
	return owned;
}

void aggregate__watch(struct aggregate *a, aggregate_taken_fn fn, void *ctx)
{
	a->taken = fn;
	a->taken_ctx = ctx;
}

static struct rtts *folded(struct place *p)
{
	if (!p->folded)
		p->folded = calloc(1, sizeof(*p->folded));
	return p->folded;
}

/*
 * A bin is a counter by itself: what is taken out of it while it is being written
 * is neither lost nor counted twice, and the rest of its RTTs may stay.
 */
static int fold_place(struct place *p, struct pping_rtts *rtts)
{
	for (int i = 0; i < PPING_HIST_BINS && has_rtts(rtts); i++) {
		if (__atomic_load_n(&rtts->bin[i], __ATOMIC_RELAXED) < FOLD_FROM)
			continue;
		if (!folded(p))
			return -ENOMEM;
		p->folded->bin[i] += __atomic_exchange_n(&rtts->bin[i], 0, __ATOMIC_RELAXED);
	}
	return 0;
}

/* All of them, for who watches. */
static int take_all(struct aggregate *a)
{
	int err = turn(a);

	a->prefixes = 0;
	for (uint32_t i = 0; i < a->set.tables.places && !err; i++) {
		struct place *p = &a->places[i];

		a->prefixes += name_place(a, i);
		if (!has_rtts(retired(a, i)))
			continue;
		if (!folded(p))
			return -ENOMEM;
		take_rtts(a, p->folded, retired(a, i));
	}
	return err;
}

int aggregate__fold(struct aggregate *a)
{
	const struct aggregate_tables *t = &a->set.tables;
	int err = 0;

	if (a->taken)
		return take_all(a);
	for (uint32_t i = 0; i < t->places && !err; i++)
		err = fold_place(&a->places[i], &t->rtts[a->half * t->places + i]);
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
	if (settings->name)
		a->rank = calloc(settings->tables.places, sizeof(*a->rank));
	if (!a->places || !a->order || (settings->name && !a->rank)) {
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
	free(a->rank);
	free(a);
}
