/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sampling goes in rounds: a round begins with a stamp at least the sampling
 * interval after the last round's, up to four identifiers are stamped in it, and
 * its first answer is its one sample.
 */
#ifndef ENGINE_ROUND_H
#define ENGINE_ROUND_H

#include "engine/rtts.h"
#include "engine/slot.h"

/* struct pping_direction's round: {first stamp in 16 ns units : 56, number : 4, done : 1, stamps : 3} */
#define ROUND_STAMPS 7ULL
#define ROUND_DONE 8ULL
#define ROUND_NUMBER_SHIFT 4
#define ROUND_TIME_SHIFT 8

static __always_inline __u32 round_number(__u64 round)
{
	return round >> ROUND_NUMBER_SHIFT & 15;
}

static __always_inline __u64 round_interval(const struct pping_direction *d)
{
	__u64 rtts = d->rtts, rtt;

	if (!config.rtt_rate || !rtts)
		return config.rate_limit_ns;
	rtt = config.use_srtt ? rtts_smoothed(rtts) : rtts_min(rtts);
	/* at most 2^36 ns and 2^30: shift before it overflows */
	return (rtt >> PPING_TIME_SHIFT) * config.rtt_rate >> (PPING_RATE_SHIFT - PPING_TIME_SHIFT);
}

enum round_admission {
	ROUND_SKIP, /* too soon, or the round has enough */
	ROUND_FIRST, /* begins a round */
	ROUND_MORE, /* another identifier of the round, in case the first gets no answer of its own */
};

/* *number is the round's that the identifier belongs to. */
static __always_inline enum round_admission round_admit(struct pping_direction *d, __u64 now,
							__u32 *number)
{
	__u64 units = now >> PPING_TIME_SHIFT, round = d->round, next;
	__u64 interval = round_interval(d);

	*number = round_number(round);
	if (config.aggregate || !interval) /* aggregates take every RTT, see round_sample() */
		return ROUND_FIRST;
	/* signed: another CPU's clock may have been read a little later */
	if (!round ||
	    (__s64)(units - (round >> ROUND_TIME_SHIFT)) >= (__s64)(interval >> PPING_TIME_SHIFT)) {
		*number = (*number + 1) & 15;
		next = units << ROUND_TIME_SHIFT | *number << ROUND_NUMBER_SHIFT | 1;
		return __sync_val_compare_and_swap(&d->round, round, next) == round ? ROUND_FIRST
										    : ROUND_SKIP;
	}
	if (round & ROUND_DONE || (round & ROUND_STAMPS) >= PPING_SLOTS)
		return ROUND_SKIP;
	return __sync_val_compare_and_swap(&d->round, round, round + 1) == round ? ROUND_MORE
										 : ROUND_SKIP;
}

/* Voids the identifiers of a round that began less than an interval from `stamped`. */
static __always_inline void round_void(struct pping_flow *f, __u32 dir, __u32 number, __u64 stamped,
				       __u64 now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	__s64 near = round_interval(d) >> PPING_TIME_SHIFT;

	for (int i = 0; i < PPING_SLOTS; i++) {
		__u64 word = d->slot[i];
		__u8 note = f->slot_note[dir & 1][i];
		__s64 distance = ((now - slot_age(word, note, now)) >> PPING_TIME_SHIFT) - stamped;

		if (word && (note & 15) == number && distance < near && -distance < near)
			__sync_val_compare_and_swap(&d->slot[i], word, 0);
	}
}

/*
 * One sample a round: 0 if the round has had its own, else the identifier that
 * was stamped at `stamped` (16 ns units) in round `number` is it, and the round's
 * others are void. Numbers come again after 16 rounds, so the time must fit too.
 */
static __always_inline int round_claim(struct pping_flow *f, __u32 dir, __u32 number, __u64 stamped,
				       __u64 now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	__u64 round = d->round, seen;

	if (config.aggregate || !round)
		return 1; /* unsampled */
	number &= 15;
	for (int i = 0; i < 4; i++) {
		if (round_number(round) != number || stamped < round >> ROUND_TIME_SHIFT)
			break; /* a round before this one */
		if (round & ROUND_DONE)
			return 0;
		seen = __sync_val_compare_and_swap(&d->round, round, round | ROUND_DONE);
		if (seen == round)
			break;
		round = seen;
	}
	round_void(f, dir, number, stamped, now);
	return 1;
}

/*
 * While aggregating every RTT is taken and sampled afterwards: is the one whose
 * packet was stamped at `stamped` (ns) the next sample of the direction? The
 * round then is {its time : 56, 0 : 8}.
 */
static __always_inline int round_sample(struct pping_direction *d, __u64 stamped)
{
	__u64 units = stamped >> PPING_TIME_SHIFT, round = d->round;
	__u64 interval = round_interval(d) >> PPING_TIME_SHIFT;

	if (!interval)
		return 1;
	if (round && (__s64)(units - (round >> ROUND_TIME_SHIFT)) < (__s64)interval)
		return 0;
	return __sync_val_compare_and_swap(&d->round, round, units << ROUND_TIME_SHIFT) == round;
}

#endif /* ENGINE_ROUND_H */
