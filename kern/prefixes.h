/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam's functions for config.aggregate: counters of all packets, and the
 * places of prefixes.
 */
#ifndef KERN_PREFIXES_H
#define KERN_PREFIXES_H

#include "engine/aggregate.h"
#include "kern/host.h"

static __always_inline void host__add(struct host *h, enum pping_counter counter, __u64 n)
{
	__u32 index = counter;

	engine_opaque(index);
	if (index < PPING_COUNTERS)
		h->counters->n[index] += n;
}

static __always_inline void host__add_both(struct host *h, enum pping_counter counter, __u64 n,
					   __u64 m)
{
	__u32 index = counter;
	__u64 *at;

	engine_opaque(index);
	if (index >= PPING_COUNTERS - 1)
		return;
	at = &h->counters->n[index];
	at[0] += n;
	at[1] += m;
}

static __always_inline struct pping_prefix *prefix_at(__u32 index)
{
	return bpf_map_lookup_elem(&prefix_packets, &index);
}

/* The key makes a place known to those who guess; the version makes it valid, and so comes last. */
static __always_inline void own_prefix(const struct pping_prefix_key *key, __u32 place)
{
	for (__u32 shard = 0; shard < PPING_PREFIX_SHARDS_MAX; shard++) {
		struct pping_prefix *at;

		if (shard > config.prefix_shard_mask)
			break;
		at = prefix_at(shard * config.max_prefixes + place);
		if (!at)
			break;
		at->key.w[0] = key->w[0];
		at->key.w[1] = key->w[1];
		__sync_lock_test_and_set(&at->key.ip_version, key->ip_version);
	}
}

/* The entry may have become another prefix's since it was found. */
static __always_inline __u32 read_place(const volatile __u64 *found,
					const struct pping_prefix_key *key)
{
	__u64 word = *found;

	return word >> PPING_PLACE_TAG_SHIFT == aggregate_tag(key) ? (__u32)word
								   : PPING_PREFIX_OTHER;
}

/* A place for a new prefix. If another CPU makes one in this moment, ours goes back. */
static __always_inline __u32 make_prefix(struct host *h, const struct pping_prefix_key *key)
{
	volatile __u64 *made;
	__u64 word;
	__u32 place;

	if (bpf_map_pop_elem(&prefix_places, &place)) {
		host__count(h, PPING_COUNT_PREFIXES_FULL);
		return PPING_PREFIX_OTHER;
	}
	word = (__u64)aggregate_tag(key) << PPING_PLACE_TAG_SHIFT | place;
	if (!bpf_map_update_elem(&prefixes, key, &word, BPF_NOEXIST)) {
		own_prefix(key, place);
		host__count(h, PPING_COUNT_PREFIXES_CREATED);
		return place;
	}
	bpf_map_push_elem(&prefix_places, &place, BPF_ANY);
	made = bpf_map_lookup_elem(&prefixes, key);
	return made ? read_place(made, key) : PPING_PREFIX_OTHER;
}

static __noinline int find_prefix(struct host *h, const struct pping_prefix_key *key)
{
	volatile __u64 *found = bpf_map_lookup_elem(&prefixes, key);

	return found ? read_place(found, key) : make_prefix(h, key);
}

/* The version is read first: while a place gets its owner it is 0, or the rest of the key is there. */
static __always_inline int owns_prefix(const struct pping_prefix *at,
				       const struct pping_prefix_key *key)
{
	const volatile struct pping_prefix_key *owner = &at->key;

	return owner->ip_version == key->ip_version && owner->w[1] == key->w[1] &&
	       owner->w[0] == key->w[0];
}

static __always_inline __u32 host__prefix(struct host *h, const struct pping_prefix_key *key,
					  struct pping_prefix **at)
{
	__u64 x = (((__u64)key->w[0] << 32 | key->w[1]) ^ key->ip_version ^ config.spill_seed[0]) *
		  config.spill_seed[1];
	__u32 slot = x >> 40 & config.prefix_hint_mask, place;
	volatile __u32 *hint = bpf_map_lookup_elem(&prefix_hints, &slot);

	if (!hint) {
		*at = NULL;
		return PPING_PREFIX_OTHER;
	}
	place = *hint; /* once: another CPU's prefix may have the same hint */
	*at = prefix_at(h->shard + place);
	if (likely(*at && owns_prefix(*at, key)))
		return place;
	place = find_prefix(h, key);
	if (place != PPING_PREFIX_OTHER)
		*hint = place;
	*at = prefix_at(h->shard + place);
	return place;
}

static __always_inline __u32 host__rtts_half(struct host *h)
{
	return *(volatile __u32 *)&shared.half & 1;
}

static __always_inline struct pping_rtts *host__prefix_rtts(struct host *h, __u32 half, __u32 place)
{
	__u32 index = half * config.max_prefixes + place;

	return bpf_map_lookup_elem(&prefix_rtts, &index);
}

#endif /* KERN_PREFIXES_H */
