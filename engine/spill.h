/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The spill table: stamped identifiers that found no slot in their flow's entry, in
 * a fixed set-associative table that is never full and never cleaned.
 */
#ifndef ENGINE_SPILL_H
#define ENGINE_SPILL_H

#include "engine/flow.h"

/* A spilled entry's time holds the number of its round in the top four bits. */
#define SPILL_ROUND_SHIFT 60
#define SPILL_TIME ((1ULL << SPILL_ROUND_SHIFT) - 1)

struct spill_place {
	__u64 tag; /* of flow, direction and identifier; never 0 or PPING_SPILL_BUSY */
	__u32 index;
};

static __always_inline struct spill_place spill_place(const struct pping_flow_key *key, __u32 dir,
						      __u32 id)
{
	__u64 x = flow_hash(key, (__u64)id << 1 | dir);
	struct spill_place place;

	place.index = x & (PPING_SPILL_BUCKETS - 1);
	place.tag = x | 2; /* the bits below index's own are in it: same bucket, other tag */
	return place;
}

/* A way to write to: that of the same identifier, a free one, else the oldest. */
static __always_inline __u32 spill_choose(const struct pping_spill_bucket *b, __u64 same,
					  __u64 *old)
{
	__u64 oldest = ~0ULL;
	__u32 best = PPING_SPILL_WAYS;

	for (__u32 i = 0; i < PPING_SPILL_WAYS; i++) {
		__u64 tag = b->way[i].tag, time = b->way[i].time & SPILL_TIME;

		if (tag == PPING_SPILL_BUSY)
			continue;
		if (!tag)
			time = 1;
		if (tag == same)
			time = 0;
		if (time < oldest) {
			oldest = time;
			best = i;
			*old = tag;
		}
	}
	return best;
}

/*
 * Writer: tag -> BUSY, time, tag. Reader: tag -> BUSY, time, 0. Whoever finds a
 * way busy passes it over: nobody waits, and no time meets another's tag.
 */
static __noinline int spill_put(struct host *h, const struct pping_flow_key *key, __u32 dir,
				__u32 id, __u64 time)
{
	struct spill_place place = spill_place(key, dir, id);
	struct pping_spill_bucket *b = host__spill_bucket(h, place.index);
	struct pping_spill_entry *entry;
	__u64 old = 0;
	__u32 way;

	if (!b)
		return -1;
	way = spill_choose(b, place.tag, &old);
	if (way >= PPING_SPILL_WAYS ||
	    __sync_val_compare_and_swap(&b->way[way].tag, old, PPING_SPILL_BUSY) != old) {
		host__count(h, PPING_COUNT_SPILL_BUSY);
		return -1;
	}
	entry = &b->way[way];
	if (old && old != place.tag &&
	    (time & SPILL_TIME) - (entry->time & SPILL_TIME) < PPING_MAX_RTT_NS)
		host__count(h, PPING_COUNT_SPILL_OVERWRITTEN);
	entry->time = time;
	__sync_lock_test_and_set(&entry->tag, place.tag);
	return 0;
}

/* What was put for an identifier, which is then forgotten; 0 if it is not there. */
static __noinline __u64 spill_take(struct host *h, const struct pping_flow_key *key, __u32 dir,
				   __u32 id)
{
	struct spill_place place = spill_place(key, dir, id);
	struct pping_spill_bucket *b = host__spill_bucket(h, place.index);
	__u64 time;

	if (!b)
		return 0;
	for (__u32 i = 0; i < PPING_SPILL_WAYS; i++) {
		struct pping_spill_entry *entry = &b->way[i];

		if (entry->tag != place.tag)
			continue;
		if (__sync_val_compare_and_swap(&entry->tag, place.tag, PPING_SPILL_BUSY) !=
		    place.tag)
			return 0; /* another CPU has the answer */
		time = entry->time;
		__sync_lock_test_and_set(&entry->tag, 0);
		return time;
	}
	return 0;
}

#endif /* ENGINE_SPILL_H */
