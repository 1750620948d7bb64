// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine_host.h"
#include "prefix_table.h"
#include "rules.h"

/* What the engine calls its constant configuration. */
static struct pping_config config;

#include "engine/seam.h"

#define NONE UINT32_MAX

/*
 * One entry is five cache lines, of which a packet of a bulk flow reads two. Without
 * config.counters it has no fifth, which is all theirs.
 */
struct entry {
	struct pping_flow_key key;
	uint32_t next; /* in its chain, or in the list of free ones */
	uint8_t used;
	uint8_t referenced; /* looked up since the hand last passed */
	uint8_t reserved[42];
	struct pping_flow flow;
};
_Static_assert(sizeof(struct entry) == 320, "whole cache lines");

/*
 * Hashed chains through an array of fixed size. When that is full the entry that
 * was not looked up for longest, or nearly so, gives way (second chance): like
 * the kernel's LRU map, which also gives each entry one bit, it gives up idle
 * and one-packet flows first.
 */
struct table {
	struct entry *entries; /* see entry_at() */
	size_t entry_size; /* a multiple of 64 */
	uint32_t *chains;
	uint32_t max; /* entries */
	uint32_t mask; /* chains - 1 */
	uint32_t touched; /* entries from here on were never used */
	uint32_t free; /* first of the list */
	uint32_t hand;
	uint32_t present;
	uint64_t seed[2]; /* nobody can aim at one chain */
};

struct expired {
	struct pping_flow_key key;
	uint32_t index;
};

struct engine_host {
	struct table flows;
	struct pping_spill_bucket *spill;
	struct pping_door *door;
	struct pping_pressure pressure;
	struct pping_flow blank;
	struct expired *expired; /* room for a pass over all flows */
	struct prefix_table *prefixes; /* this and the next two: only with config.aggregate */
	struct pping_prefix *packets;
	struct pping_rtts *rtts; /* two halves */
	uint32_t half; /* the one being written */
	struct pping_counters counters;
	struct engine_host_settings set;
	bool begun;
	uint64_t now; /* the engine's clock: from TIME_BEGIN on */
	uint64_t base; /* the frames' clock minus that, modulo 2^64 */
	uint64_t next_second; /* on the engine's clock */
	uint32_t epoch;
	int err; /* of the event handler */
};

/*
 * The engine packs times into as few as 56 bits of 16 ns, enough for 36 years
 * from its clock's zero. Never 0, which is "no time" in the spill table.
 */
#define TIME_BEGIN PPING_NS_PER_SEC

/* --- the flow table --------------------------------------------------------------- */

static struct entry *entry_at(const struct table *t, uint32_t i)
{
	return (struct entry *)((char *)t->entries + i * t->entry_size);
}

static uint32_t table_chain(const struct table *t, const struct pping_flow_key *key)
{
	uint64_t x = (key->a ^ t->seed[0]) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 32 ^ key->b ^ t->seed[1]) * 0xd6e8feb86659fd93ULL;
	return x >> 32 & t->mask;
}

static bool same_key(const struct pping_flow_key *x, const struct pping_flow_key *y)
{
	return x->a == y->a && x->b == y->b;
}

static struct entry *table_find(struct table *t, const struct pping_flow_key *key)
{
	struct entry *e;

	for (uint32_t i = t->chains[table_chain(t, key)]; i != NONE; i = e->next) {
		e = entry_at(t, i);
		if (same_key(&e->key, key))
			return e;
	}
	return NULL;
}

static int table_delete(struct table *t, const struct pping_flow_key *key)
{
	uint32_t *link = &t->chains[table_chain(t, key)];

	while (*link != NONE) {
		uint32_t i = *link;
		struct entry *e = entry_at(t, i);

		if (same_key(&e->key, key)) {
			*link = e->next;
			e->used = 0;
			e->next = t->free;
			t->free = i;
			t->present--;
			return 0;
		}
		link = &e->next;
	}
	return -ENOENT;
}

static void table_evict(struct table *t)
{
	for (;;) {
		struct entry *e = entry_at(t, t->hand);

		t->hand = t->hand + 1 == t->max ? 0 : t->hand + 1;
		if (!e->used)
			continue;
		if (!e->referenced) {
			table_delete(t, &e->key);
			return;
		}
		e->referenced = 0;
	}
}

/* The index of an entry to use. */
static uint32_t table_take(struct table *t)
{
	uint32_t i;

	if (t->free == NONE && t->touched < t->max)
		return t->touched++;
	if (t->free == NONE)
		table_evict(t);
	i = t->free;
	t->free = entry_at(t, i)->next;
	return i;
}

static struct entry *table_add(struct table *t, const struct pping_flow_key *key,
			       const struct pping_flow *flow)
{
	uint32_t i = table_take(t);
	uint32_t *chain = &t->chains[table_chain(t, key)];
	struct entry *e = entry_at(t, i);

	e->key = *key;
	memcpy(&e->flow, flow, t->entry_size - offsetof(struct entry, flow));
	e->used = 1;
	e->referenced = 0;
	e->next = *chain;
	*chain = i;
	t->present++;
	return e;
}

static int table_init(struct table *t, uint32_t max, bool counters)
{
	size_t chains = 1;

	t->entry_size = offsetof(struct entry, flow) +
			(counters ? sizeof(struct pping_flow) : PPING_FLOW_SIZE);
	while (chains < max)
		chains <<= 1;
	t->max = max;
	t->mask = chains - 1;
	t->free = NONE;
	t->entries = aligned_alloc(64, max * t->entry_size);
	t->chains = malloc(chains * sizeof(*t->chains));
	if (!t->entries || !t->chains)
		return -ENOMEM;
	memset(t->chains, 0xff, chains * sizeof(*t->chains)); /* NONE */
	/* without randomness only a capture made to fill one chain is slower */
	if (getrandom(t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed[0] = (uintptr_t)t->entries;
	return 0;
}

/* --- the seam ----------------------------------------------------------------------- */

struct host {
	struct engine_host *engine;
	const struct engine_frame *frame;
};

static __always_inline __u64 host__now(struct host *h)
{
	return h->engine->now;
}

static __always_inline __u64 host__now_roughly(struct host *h)
{
	return host__now(h);
}

static __always_inline __u32 host__epoch(struct host *h)
{
	return h->engine->epoch;
}

static __always_inline int host__read(struct host *h, __u32 off, void *to, __u32 len)
{
	const struct engine_frame *f = h->frame;

	if (off > f->captured || len > f->captured - off)
		return -EFAULT;
	memcpy(to, (const __u8 *)f->data + off, len);
	return 0;
}

static __always_inline __u32 host__frame_length(struct host *h)
{
	return h->frame->length;
}

static __always_inline struct pping_flow *host__flow_find(struct host *h,
							  const struct pping_flow_key *key)
{
	struct entry *e = table_find(&h->engine->flows, key);

	if (!e)
		return NULL;
	e->referenced = 1;
	return &e->flow;
}

static __always_inline struct pping_flow *host__flow_blank(struct host *h)
{
	return &h->engine->blank;
}

static __always_inline struct pping_flow *
host__flow_create(struct host *h, const struct pping_flow_key *key, const struct pping_flow *init)
{
	struct entry *e = table_find(&h->engine->flows, key);

	if (!e) {
		e = table_add(&h->engine->flows, key, init);
		h->engine->counters.n[PPING_COUNT_FLOWS_CREATED]++;
	}
	return &e->flow;
}

static __always_inline int host__flow_delete(struct host *h, const struct pping_flow_key *key)
{
	return table_delete(&h->engine->flows, key);
}

static __always_inline struct pping_door *host__door(struct host *h, __u32 index)
{
	return &h->engine->door[index];
}

/* There is one CPU. */
static __always_inline int host__is_pressed(struct host *h)
{
	return 0;
}

static __always_inline struct pping_pressure *host__pressure(struct host *h)
{
	return &h->engine->pressure;
}

static __always_inline struct pping_spill_bucket *host__spill_bucket(struct host *h, __u32 index)
{
	return &h->engine->spill[index];
}

static bool in_prefix(const union pping_addr *addr, const struct option_prefix *prefix)
{
	unsigned int bytes = prefix->bits / 8, rest = prefix->bits % 8;

	if (memcmp(addr->b, prefix->addr.b, bytes))
		return false;
	return !rest || !((addr->b[bytes] ^ prefix->addr.b[bytes]) >> (8 - rest));
}

static __always_inline int host__is_local(struct host *h, const union pping_addr *addr)
{
	for (size_t i = 0; i < h->engine->set.locals; i++)
		if (in_prefix(addr, &h->engine->set.local[i]))
			return 1;
	return 0;
}

static __always_inline __u32 host__local_generation(struct host *h)
{
	return 1;
}

/* The rules of a capture don't change. */
static __always_inline __u32 host__rules_generation(struct host *h)
{
	return 0;
}

static __always_inline __u32 host__rules(struct host *h, __u32 generation,
					 const struct pping_rule_key *key)
{
	return rules__find(h->engine->set.rules, &key->addr, key->port);
}

/* There is one interface. */
static __always_inline int host__came(struct host *h)
{
	(void)h;
	return PPING_CAME_NOW;
}

static __always_inline struct pping_arrivals *host__arrivals(struct host *h, __u32 index)
{
	(void)h;
	(void)index;
	return NULL;
}

static __always_inline int host__way(struct host *h)
{
	return h->frame->way;
}

static __always_inline void host__count(struct host *h, enum pping_counter counter)
{
	h->engine->counters.n[counter]++;
}

static __always_inline void host__count_packet(struct host *h, int verdict)
{
	h->engine->counters.n[verdict]++;
}

static __always_inline void host__add(struct host *h, enum pping_counter counter, __u64 n)
{
	h->engine->counters.n[counter] += n;
}

static __always_inline void host__add_both(struct host *h, enum pping_counter counter, __u64 n,
					   __u64 m)
{
	host__add(h, counter, n);
	host__add(h, counter + 1, m);
}

static __always_inline __u32 host__prefix(struct host *h, const struct pping_prefix_key *key,
					  struct pping_prefix **at)
{
	struct engine_host *e = h->engine;
	uint32_t place = prefix_table__find(e->prefixes, key);

	*at = &e->packets[place];
	if (place != PPING_PREFIX_OTHER)
		return place;
	place = prefix_table__add(e->prefixes, key);
	*at = &e->packets[place];
	if (place == PPING_PREFIX_OTHER) {
		host__count(h, PPING_COUNT_PREFIXES_FULL);
		return place;
	}
	(*at)->key = *key;
	host__count(h, PPING_COUNT_PREFIXES_CREATED);
	return place;
}

static __always_inline __u32 host__rtts_half(struct host *h)
{
	return h->engine->half;
}

static __always_inline struct pping_rtts *host__prefix_rtts(struct host *h, __u32 half, __u32 place)
{
	return &h->engine->rtts[half * config.max_prefixes + place];
}

static void hand_over(struct engine_host *e, struct pping_event *event)
{
	int err;

	event->timestamp += e->base;
	err = e->set.event(e->set.ctx, event);
	if (err && !e->err)
		e->err = err;
}

static __always_inline void host__emit(struct host *h, struct pping_event *event)
{
	host__count(h, PPING_COUNT_EVENTS_EMITTED);
	hand_over(h->engine, event);
}

#include "engine/packet.h"

static __always_inline int host__timestamps(const struct packet_options *options, __u32 len,
					    __u32 *tsval, __u32 *tsecr)
{
	return packet_options_timestamps(options, len, tsval, tsecr);
}

#include "engine/match.h"

/* --- time and cleaning ---------------------------------------------------------------- */

static int compare_expired(const void *a, const void *b)
{
	const struct pping_flow_key *x = a, *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

/* Removes the entry of an expired flow, and announces it if it was open: as pping_clean() does. */
static void expire(struct engine_host *e, const struct expired *expired)
{
	const struct pping_flow *f = &entry_at(&e->flows, expired->index)->flow;
	struct pping_event event = { .timestamp = e->now };
	uint32_t state = f->state;

	if (!config.no_flow_events &&
	    (state & (PPING_STATE_REPLIED | PPING_STATE_CLOSED)) == PPING_STATE_REPLIED) {
		flow_describe(f, &event, PPING_FLOW_CLOSING, PPING_REASON_TIMEOUT,
			      PPING_TRIGGER_GC);
		if (config.counters)
			flow_add_totals(f, &event);
		hand_over(e, &event);
	}
	table_delete(&e->flows, &expired->key);
	e->counters.n[PPING_COUNT_FLOWS_REMOVED]++;
	if (state & PPING_STATE_CLOSED)
		return;
	e->counters.n[state & PPING_STATE_REPLIED ? PPING_COUNT_FLOWS_TIMED_OUT
						  : PPING_COUNT_FLOWS_UNANSWERED]++;
}

static void clean(struct engine_host *e)
{
	size_t n = 0;

	for (uint32_t i = 0; i < e->flows.touched; i++) {
		const struct entry *entry = entry_at(&e->flows, i);

		if (!entry->used || !flow_expired(&entry->flow, e->epoch))
			continue;
		e->expired[n].key = entry->key;
		e->expired[n++].index = i;
	}
	qsort(e->expired, n, sizeof(*e->expired), compare_expired);
	for (size_t i = 0; i < n; i++)
		expire(e, &e->expired[i]);
}

/*
 * While there is no flow, the engine's clock stands still: a gap costs no time,
 * and 36 years last longer. It goes on far enough that no stamp is answered from
 * before the gap.
 */
static void skip_gap(struct engine_host *e, uint64_t time)
{
	uint64_t gap = time - e->next_second;

	if (gap > PPING_MAX_RTT_NS)
		e->base += (gap - PPING_MAX_RTT_NS) / PPING_NS_PER_SEC * PPING_NS_PER_SEC;
}

static void advance(struct engine_host *e, uint64_t frame_time)
{
	if (!e->begun) {
		e->begun = true;
		e->now = TIME_BEGIN;
		e->base = frame_time - TIME_BEGIN;
		e->next_second = TIME_BEGIN + PPING_NS_PER_SEC;
		e->epoch = 1;
	}
	/* behind the clock: wraps to a time far ahead */
	if (frame_time - e->base - e->now > INT64_MAX)
		return;
	while (frame_time - e->base >= e->next_second) {
		if (!e->flows.present)
			skip_gap(e, frame_time - e->base);
		e->now = e->next_second;
		e->next_second += PPING_NS_PER_SEC;
		e->epoch++;
		clean(e);
	}
	e->now = frame_time - e->base;
}

/* --- a frame --------------------------------------------------------------------------- */

void engine_host__advance(struct engine_host *e, uint64_t time_ns)
{
	if (e->begun)
		advance(e, time_ns);
}

int engine_host__packet(struct engine_host *e, const struct engine_frame *frame)
{
	struct host h = { .engine = e, .frame = frame };
	struct packet p = { .segments = 1 };
	int verdict = frame->verdict;

	advance(e, frame->time_ns);
	config.l3_device = frame->l3;
	if (verdict == ENGINE_FRAME_UNKNOWN)
		verdict = packet_parse_fast(frame->data,
					    (const uint8_t *)frame->data + frame->captured, &p);
	if (verdict == PACKET_SLOW) {
		p = (struct packet){ .segments = 1 };
		verdict = packet_parse_slow(&h, &p);
	}
	match_take_packet(&h, &p, verdict);
	return e->err;
}

/* --- begin and end ------------------------------------------------------------------------ */

static struct engine_host *the_engine;

/* Constants, so that a file read twice gives the same bytes: the spill table's places depend on them. */
static void set_keys(void)
{
	uint64_t x = 0;

	for (int i = 0; i < 20; i++) {
		x += 0x9e3779b97f4a7c15ULL;
		config.nh_key[i / 10][i % 10] = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL >> 32;
	}
	config.spill_seed[0] = 0x2545f4914f6cdd1dULL;
	config.spill_seed[1] = 0x9fb21c651e98df25ULL;
	config.spill_seed[2] = 0xd6e8feb86659fd93ULL;
}

static int init_aggregation(struct engine_host *e)
{
	size_t places = e->set.config.max_prefixes;

	e->packets = calloc(places, sizeof(*e->packets));
	e->rtts = calloc(2 * places, sizeof(*e->rtts));
	if (!e->packets || !e->rtts)
		return -ENOMEM;
	return prefix_table__new(&e->prefixes, places);
}

int engine_host__new(struct engine_host **engine, const struct engine_host_settings *settings)
{
	struct engine_host *e;

	if (the_engine)
		return -EBUSY;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->set = *settings;
	e->spill = calloc(PPING_SPILL_BUCKETS, sizeof(*e->spill));
	e->expired = calloc(settings->max_flows, sizeof(*e->expired));
	e->door = calloc(PPING_DOOR_BUCKETS, sizeof(*e->door));
	if (settings->config.aggregate && init_aggregation(e)) {
		engine_host__free(e);
		return -ENOMEM;
	}
	if (table_init(&e->flows, settings->max_flows, settings->config.counters) || !e->spill ||
	    !e->expired || !e->door) {
		engine_host__free(e);
		return -ENOMEM;
	}
	config = settings->config;
	config.test_clock = 0;
	config.prefix_private = 1;
	config.rules = rules__kind(settings->rules);
	set_keys();
	the_engine = *engine = e;
	return 0;
}

void engine_host__free(struct engine_host *e)
{
	if (!e)
		return;
	if (the_engine == e)
		the_engine = NULL;
	free(e->flows.entries);
	free(e->flows.chains);
	free(e->expired);
	free(e->spill);
	free(e->door);
	prefix_table__free(e->prefixes);
	free(e->packets);
	free(e->rtts);
	free(e);
}

const struct pping_counters *engine_host__counters(const struct engine_host *e)
{
	return &e->counters;
}

void engine_host__flows(const struct engine_host *e, uint64_t *present, uint64_t *replied)
{
	*present = e->flows.present;
	*replied = 0;
	for (uint32_t i = 0; i < e->flows.touched; i++) {
		const struct entry *entry = entry_at(&e->flows, i);

		*replied += entry->used && entry->flow.state & PPING_STATE_REPLIED;
	}
}

/* --- aggregation -------------------------------------------------------------------------- */

static int turn(void *ctx, uint32_t half)
{
	struct engine_host *e = ctx;

	e->half = half;
	return 0;
}

static bool forget_prefix(void *ctx, const struct pping_prefix_key *key, uint32_t place)
{
	struct engine_host *e = ctx;

	if (prefix_table__find(e->prefixes, key) != place)
		return false;
	prefix_table__remove(e->prefixes, key);
	return true;
}

static void release_place(void *ctx, uint32_t place)
{
	struct engine_host *e = ctx;

	prefix_table__release(e->prefixes, place);
}

void engine_host__prefixes(struct engine_host *e, struct aggregate_tables *tables)
{
	*tables = (struct aggregate_tables){
		.packets = e->packets,
		.rtts = e->rtts,
		.places = config.max_prefixes,
		.shards = 1,
		.ctx = e,
		.turn = turn,
		.forget = forget_prefix,
		.release = release_place,
	};
}

const struct pping_config *engine_host__config(const struct engine_host *e)
{
	(void)e;
	return &config;
}
