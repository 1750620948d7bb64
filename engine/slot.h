/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A direction's slots: the identifiers of a flow's entry that were stamped and not
 * answered yet. A slot is a word {identifier : 32, time in 16 ns units : 32} that
 * changes by compare-and-exchange only, and a note with what has no room there.
 */
#ifndef ENGINE_SLOT_H
#define ENGINE_SLOT_H

#include "engine/flow.h"

#define SLOT_NOTE_TIME_BITS 4
#define SLOT_UNITS_MASK ((1ULL << (32 + SLOT_NOTE_TIME_BITS)) - 1)

/* A slot's word; never 0, which is a free slot. */
static __always_inline __u64 slot_word(__u32 id, __u64 now)
{
	__u64 word = (__u64)id << 32 | (__u32)(now >> PPING_TIME_SHIFT);

	return word ? word : 1;
}

/*
 * What the word has no room for: {bits 32 to 35 of the stamp time : 4, number of
 * the round : 4}. It is written behind the word: whoever reads in between gets an
 * age that is off by multiples of 68 s, which is none that counts.
 */
static __always_inline __u8 slot_make_note(__u32 number, __u64 now)
{
	return (now >> (PPING_TIME_SHIFT + 32) & 15) << 4 | (number & 15);
}

/* Nanoseconds since a slot was stamped: right for 18 minutes. */
static __always_inline __u64 slot_age(__u64 word, __u8 note, __u64 now)
{
	__u64 stamped = (__u64)(note >> 4) << 32 | (__u32)word;
	__u64 units = ((now >> PPING_TIME_SHIFT) - stamped) & SLOT_UNITS_MASK;

	return (units << PPING_TIME_SHIFT) + (now & ((1 << PPING_TIME_SHIFT) - 1));
}

/* None is to be had, see slot_choose(). */
#define SLOT_NONE PPING_SLOTS

/*
 * A slot to write to: that of the same identifier (echo sequence numbers come
 * again), a free one, one whose identifier is past answering (too old, or older
 * than an answer that was seen). SLOT_NONE if all are wanted.
 */
static __always_inline __u32 slot_choose(const struct pping_flow *f, __u32 dir, __u32 id, __u64 now,
					 __u64 *word)
{
	const struct pping_direction *d = &f->dir[dir & 1];
	__u64 answered = f->answered[dir & 1];
	__u32 best = SLOT_NONE, free = SLOT_NONE;

	for (__u32 i = 0; i < PPING_SLOTS; i++) {
		__u64 seen = d->slot[i];

		if (!seen) {
			free = i;
			continue;
		}
		if (seen >> 32 == id) {
			*word = seen;
			return i;
		}
		if (slot_age(seen, f->slot_note[dir & 1][i], now) > PPING_MAX_RTT_NS ||
		    (answered && f->protocol == IPPROTO_TCP &&
		     flow_id_newer(answered, seen >> 32))) {
			best = i;
			*word = seen;
		}
	}
	if (free >= PPING_SLOTS)
		return best;
	*word = 0;
	return free;
}

/*
 * A slot's time is right for 18 minutes: what was stamped longer ago than an
 * answer counts is forgotten before it could seem young. To be called with the
 * first packet of an epoch; the flow's packet before that was `gap` epochs ago,
 * and then nothing was older than PPING_MAX_RTT_NS.
 */
static __noinline int slot_sweep(struct host *h, struct pping_flow *f, __u32 gap)
{
	__u64 now = host__now(h), young = gap > 2 ? (gap - 2) * PPING_NS_PER_SEC : 0;

	for (int i = 0; i < 2 * PPING_SLOTS; i++) {
		__u64 *slot = &f->dir[i / PPING_SLOTS].slot[i % PPING_SLOTS];
		__u8 note = f->slot_note[i / PPING_SLOTS][i % PPING_SLOTS];
		__u64 word = *slot, age = slot_age(word, note, now);

		if (word && (age > PPING_MAX_RTT_NS || age < young))
			__sync_val_compare_and_swap(slot, word, 0);
	}
	return 0;
}

#endif /* ENGINE_SLOT_H */
