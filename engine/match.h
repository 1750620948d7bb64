/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a packet is an RTT.
 *
 * A direction's identifier (TSval, echo sequence number) is stamped if it is
 * newer than all the direction has shown, in any packet, and the packet carries
 * data; the first packet back that echoes it makes the RTT (RFC 7323 section 4).
 * Up to four outstanding identifiers stand in the flow's entry, more spill into
 * a fixed set-associative table.
 *
 * Sampling goes in rounds: a round begins with a stamp at least the sampling
 * interval after the last round's, up to four identifiers are stamped in it, and
 * its first answer is its one sample.
 *
 * Invariants: an identifier is stamped once and answered once, however many CPUs
 * handle its packets: `shown` and the slots change by compare-and-exchange only.
 *
 * Functions of their own return an int even where nobody wants it: clang leaves
 * anything in r0 of a void one, and the verifier may take offence.
 */
#ifndef ENGINE_MATCH_H
#define ENGINE_MATCH_H

#include "engine/aggregate.h"
#include "engine/flow.h"
#include "engine/rules.h"

/* --- a slot: its word and its note ---------------------------------------------- */

#define MATCH_NOTE_TIME_BITS 4
#define MATCH_UNITS_MASK ((1ULL << (32 + MATCH_NOTE_TIME_BITS)) - 1)

/* A slot's word; never 0, which is a free slot. */
static __always_inline __u64 match_word(__u32 id, __u64 now)
{
	__u64 word = (__u64)id << 32 | (__u32)(now >> PPING_TIME_SHIFT);

	return word ? word : 1;
}

/*
 * What the word has no room for: {bits 32 to 35 of the stamp time : 4, number of
 * the round : 4}. It is written behind the word: whoever reads in between gets an
 * age that is off by multiples of 68 s, which is none that counts.
 */
static __always_inline __u8 match_note(__u32 number, __u64 now)
{
	return (now >> (PPING_TIME_SHIFT + 32) & 15) << 4 | (number & 15);
}

/* Nanoseconds since a slot was stamped: right for 18 minutes. */
static __always_inline __u64 match_age(__u64 word, __u8 note, __u64 now)
{
	__u64 stamped = (__u64)(note >> 4) << 32 | (__u32)word;
	__u64 units = ((now >> PPING_TIME_SHIFT) - stamped) & MATCH_UNITS_MASK;

	return (units << PPING_TIME_SHIFT) + (now & ((1 << PPING_TIME_SHIFT) - 1));
}

/* --- a direction's minimum and smoothed RTT ------------------------------------- */

#define MATCH_SRTT_BITS 28
#define MATCH_SRTT_SHIFT 8 /* in units of 256 ns */

static __always_inline __u64 match_min_rtt(__u64 rtts)
{
	return rtts >> MATCH_SRTT_BITS;
}

static __always_inline __u64 match_smoothed_rtt(__u64 rtts)
{
	return (rtts & ((1ULL << MATCH_SRTT_BITS) - 1)) << MATCH_SRTT_SHIFT;
}

/* rtt is at most PPING_MAX_RTT_NS, which fits both fields. RFC 6298 section 2 with alpha 1/8. */
static __always_inline __u64 match_add_rtt(__u64 rtts, __u64 rtt)
{
	__u64 min = match_min_rtt(rtts), smoothed = match_smoothed_rtt(rtts);

	if (!rtts)
		min = smoothed = rtt;
	else
		smoothed = smoothed - smoothed / 8 + rtt / 8;
	if (rtt < min)
		min = rtt;
	smoothed >>= MATCH_SRTT_SHIFT;
	/* 0 is "no RTT yet": a first RTT of 0 ns is kept as a smoothed one of 256 */
	return min << MATCH_SRTT_BITS | (smoothed ? smoothed : 1);
}

/* --- sampling ------------------------------------------------------------------- */

/* struct pping_direction's round: {first stamp in 16 ns units : 56, number : 4, done : 1, stamps : 3} */
#define MATCH_ROUND_STAMPS 7ULL
#define MATCH_ROUND_DONE 8ULL
#define MATCH_ROUND_NUMBER_SHIFT 4
#define MATCH_ROUND_TIME_SHIFT 8
#define MATCH_NO_SLOT PPING_SLOTS

static __always_inline __u32 match_round_number(__u64 round)
{
	return round >> MATCH_ROUND_NUMBER_SHIFT & 15;
}

static __always_inline __u64 match_interval(const struct pping_direction *d)
{
	__u64 rtts = d->rtts, rtt;

	if (!config.rtt_rate || !rtts)
		return config.rate_limit_ns;
	rtt = config.use_srtt ? match_smoothed_rtt(rtts) : match_min_rtt(rtts);
	/* at most 2^36 ns and 2^30: shift before it overflows */
	return (rtt >> PPING_TIME_SHIFT) * config.rtt_rate >> (PPING_RATE_SHIFT - PPING_TIME_SHIFT);
}

enum match_admission {
	MATCH_SKIP, /* too soon, or the round has enough */
	MATCH_FIRST, /* begins a round */
	MATCH_MORE, /* another identifier of the round, in case the first gets no answer of its own */
};

/* *number is the round's that the identifier belongs to. */
static __always_inline enum match_admission match_admit(struct pping_direction *d, __u64 now,
							__u32 *number)
{
	__u64 units = now >> PPING_TIME_SHIFT, round = d->round, next;
	__u64 interval = match_interval(d);

	*number = match_round_number(round);
	if (config.aggregate || !interval) /* aggregates take every RTT, see match_sample() */
		return MATCH_FIRST;
	/* signed: another CPU's clock may have been read a little later */
	if (!round || (__s64)(units - (round >> MATCH_ROUND_TIME_SHIFT)) >=
			      (__s64)(interval >> PPING_TIME_SHIFT)) {
		*number = (*number + 1) & 15;
		next = units << MATCH_ROUND_TIME_SHIFT | *number << MATCH_ROUND_NUMBER_SHIFT | 1;
		return __sync_val_compare_and_swap(&d->round, round, next) == round ? MATCH_FIRST
										    : MATCH_SKIP;
	}
	if (round & MATCH_ROUND_DONE || (round & MATCH_ROUND_STAMPS) >= PPING_SLOTS)
		return MATCH_SKIP;
	return __sync_val_compare_and_swap(&d->round, round, round + 1) == round ? MATCH_MORE
										 : MATCH_SKIP;
}

/* Voids the identifiers of a round that began less than an interval from `stamped`. */
static __always_inline void match_void_round(struct pping_flow *f, __u32 dir, __u32 number,
					     __u64 stamped, __u64 now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	__s64 near = match_interval(d) >> PPING_TIME_SHIFT;

	for (int i = 0; i < PPING_SLOTS; i++) {
		__u64 word = d->slot[i];
		__u8 note = f->slot_note[dir & 1][i];
		__s64 distance = ((now - match_age(word, note, now)) >> PPING_TIME_SHIFT) - stamped;

		if (word && (note & 15) == number && distance < near && -distance < near)
			__sync_val_compare_and_swap(&d->slot[i], word, 0);
	}
}

/*
 * One sample a round: 0 if the round has had its own, else the identifier that
 * was stamped at `stamped` (16 ns units) in round `number` is it, and the round's
 * others are void. Numbers come again after 16 rounds, so the time must fit too.
 */
static __always_inline int match_claim_round(struct pping_flow *f, __u32 dir, __u32 number,
					     __u64 stamped, __u64 now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	__u64 round = d->round, seen;

	if (config.aggregate || !round)
		return 1; /* unsampled */
	number &= 15;
	for (int i = 0; i < 4; i++) {
		if (match_round_number(round) != number ||
		    stamped < round >> MATCH_ROUND_TIME_SHIFT)
			break; /* a round before this one */
		if (round & MATCH_ROUND_DONE)
			return 0;
		seen = __sync_val_compare_and_swap(&d->round, round, round | MATCH_ROUND_DONE);
		if (seen == round)
			break;
		round = seen;
	}
	match_void_round(f, dir, number, stamped, now);
	return 1;
}

/*
 * While aggregating every RTT is taken and sampled afterwards: is the one whose
 * packet was stamped at `stamped` (ns) the next sample of the direction? The
 * round then is {its time : 56, 0 : 8}.
 */
static __always_inline int match_sample(struct pping_direction *d, __u64 stamped)
{
	__u64 units = stamped >> PPING_TIME_SHIFT, round = d->round;
	__u64 interval = match_interval(d) >> PPING_TIME_SHIFT;

	if (!interval)
		return 1;
	if (round && (__s64)(units - (round >> MATCH_ROUND_TIME_SHIFT)) < (__s64)interval)
		return 0;
	return __sync_val_compare_and_swap(&d->round, round, units << MATCH_ROUND_TIME_SHIFT) ==
	       round;
}

/* --- the spill table -------------------------------------------------------------- */

/* A spilled entry's time holds the number of its round in the top four bits. */
#define MATCH_SPILL_ROUND_SHIFT 60
#define MATCH_SPILL_TIME ((1ULL << MATCH_SPILL_ROUND_SHIFT) - 1)

struct match_spill {
	__u64 tag; /* of flow, direction and identifier; never 0 or PPING_SPILL_BUSY */
	__u32 index;
};

static __always_inline struct match_spill match_spill_place(const struct pping_flow_key *key,
							    __u32 dir, __u32 id)
{
	__u64 x = flow_hash(key, (__u64)id << 1 | dir);
	struct match_spill place;

	place.index = x & (PPING_SPILL_BUCKETS - 1);
	place.tag = x | 2; /* the bits below index's own are in it: same bucket, other tag */
	return place;
}

/* A way to write to: that of the same identifier, a free one, else the oldest. */
static __always_inline __u32 match_spill_choose(const struct pping_spill_bucket *b, __u64 same,
						__u64 *old)
{
	__u64 oldest = ~0ULL;
	__u32 best = PPING_SPILL_WAYS;

	for (__u32 i = 0; i < PPING_SPILL_WAYS; i++) {
		__u64 tag = b->way[i].tag, time = b->way[i].time & MATCH_SPILL_TIME;

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
static __noinline int match_spill_put(struct host *h, const struct pping_flow_key *key, __u32 dir,
				      __u32 id, __u64 time)
{
	struct match_spill place = match_spill_place(key, dir, id);
	struct pping_spill_bucket *b = host__spill_bucket(h, place.index);
	struct pping_spill_entry *entry;
	__u64 old = 0;
	__u32 way;

	if (!b)
		return -1;
	way = match_spill_choose(b, place.tag, &old);
	if (way >= PPING_SPILL_WAYS ||
	    __sync_val_compare_and_swap(&b->way[way].tag, old, PPING_SPILL_BUSY) != old) {
		host__count(h, PPING_COUNT_SPILL_BUSY);
		return -1;
	}
	entry = &b->way[way];
	if (old && old != place.tag &&
	    (time & MATCH_SPILL_TIME) - (entry->time & MATCH_SPILL_TIME) < PPING_MAX_RTT_NS)
		host__count(h, PPING_COUNT_SPILL_OVERWRITTEN);
	entry->time = time;
	__sync_lock_test_and_set(&entry->tag, place.tag);
	return 0;
}

/* What was put for an identifier, which is then forgotten; 0 if it is not there. */
static __noinline __u64 match_spill_take(struct host *h, const struct pping_flow_key *key,
					 __u32 dir, __u32 id)
{
	struct match_spill place = match_spill_place(key, dir, id);
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

/* --- stamping --------------------------------------------------------------------- */

/* A network that duplicates a packet does so within this. */
#define MATCH_DUPLICATE_NS (2 * PPING_NS_PER_SEC)
/* TSvals that far behind the newest (17 minutes of milliseconds) are not late packets. */
#define MATCH_FAR_BEHIND (1U << 20)
/* How often in a row they were seen: two bits of `shown` above the valid one. */
#define MATCH_STRIKE (PPING_VALID << 1)
#define MATCH_STRIKES (3 * MATCH_STRIKE)

/*
 * A slot to write to: that of the same identifier (echo sequence numbers come
 * again), a free one, one whose identifier is past answering (too old, or older
 * than an answer that was seen). MATCH_NO_SLOT if all are wanted.
 */
static __always_inline __u32 match_free_slot(const struct pping_flow *f, __u32 dir, __u32 id,
					     __u64 now, __u64 *word)
{
	const struct pping_direction *d = &f->dir[dir & 1];
	__u64 answered = f->answered[dir & 1];
	__u32 best = MATCH_NO_SLOT, free = MATCH_NO_SLOT;

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
		if (match_age(seen, f->slot_note[dir & 1][i], now) > PPING_MAX_RTT_NS ||
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
 * An echo sequence number that comes again: who answers now does not answer the
 * old request, which is forgotten. If that is only just gone, it may be a
 * duplicate, and an answer could belong to either: 1, it is not to be stamped.
 */
static __always_inline int match_is_ambiguous(struct host *h, struct pping_flow *f,
					      const struct pping_flow_key *key, __u32 dir, __u32 id,
					      __u64 now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	__u64 time;

	for (__u32 i = 0; i < PPING_SLOTS; i++) {
		__u64 word = d->slot[i];

		if (!word || word >> 32 != id)
			continue;
		__sync_val_compare_and_swap(&d->slot[i], word, 0);
		return match_age(word, f->slot_note[dir & 1][i], now) < MATCH_DUPLICATE_NS;
	}
	if (!(f->state & FLOW_BIT(PPING_STATE_SPILLED, dir)))
		return 0;
	time = match_spill_take(h, key, dir, id);
	return time && now - (time & MATCH_SPILL_TIME) < MATCH_DUPLICATE_NS;
}

static __always_inline void match_remember(struct host *h, struct pping_flow *f,
					   const struct pping_flow_key *key, __u32 dir, __u32 id,
					   __u64 now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	enum match_admission admission;
	__u32 number, slot;
	__u64 word = 0;

	if (f->protocol != IPPROTO_TCP && match_is_ambiguous(h, f, key, dir, id, now))
		return;
	admission = match_admit(d, now, &number);
	if (admission == MATCH_SKIP)
		return;
	slot = match_free_slot(f, dir, id, now, &word);
	if (slot < PPING_SLOTS) {
		if (__sync_val_compare_and_swap(&d->slot[slot], word, match_word(id, now)) != word)
			return;
		f->slot_note[dir & 1][slot] = match_note(number, now);
	} else {
		/* a round's other identifiers are only a precaution: not worth a place there */
		if (admission == MATCH_MORE)
			return;
		now |= (__u64)number << MATCH_SPILL_ROUND_SHIFT;
		if (match_spill_put(h, key, dir, id, now))
			return;
		if (!(f->state & FLOW_BIT(PPING_STATE_SPILLED, dir)))
			flow_mark(f, FLOW_BIT(PPING_STATE_SPILLED, dir));
	}
	host__count(h, PPING_COUNT_STAMPED);
}

/* Does this host answer what direction dir sends? Asked once, the answer is kept with the flow. */
static __always_inline int match_is_local(struct host *h, struct pping_flow *f, __u32 dir)
{
	__u8 generation = host__local_generation(h);
	__u8 known = f->local_generation == generation ? f->local : 0;
	__u8 knows = FLOW_BIT(PPING_LOCAL_KNOWN, dir), yes = FLOW_BIT(PPING_LOCAL_YES, dir);

	if (!(known & knows)) {
		known |= knows;
		if (host__is_local(h, &f->dir[!dir].addr))
			known |= yes;
		f->local = known;
		f->local_generation = generation;
	}
	return known & yes;
}

static __always_inline int match_is_stampable(const struct packet *p)
{
	return p->flags & PACKET_DATA || (config.include_syn && p->flags & PACKET_SYN);
}

/*
 * A packet with a TSval from far ahead, spoofed or damaged, would blind its
 * direction for as long as it takes to get there, a sender whose clock was set
 * back likewise: after four in a row that are far behind, the direction begins
 * anew, as if met in mid-stream.
 */
static __always_inline void match_far_behind(struct pping_flow *f, __u32 dir, __u32 id, __u64 shown)
{
	__u64 next = (shown & MATCH_STRIKES) == MATCH_STRIKES ? 0 : shown + MATCH_STRIKE;

	if (f->protocol != IPPROTO_TCP || (__u32)shown - id < MATCH_FAR_BEHIND)
		return;
	if (__sync_val_compare_and_swap(&f->shown[dir & 1], shown, next) == shown && !next)
		f->answered[dir & 1] = 0;
}

/*
 * Makes id the newest that the direction has shown: 1 if it is that, and this
 * CPU the one to say so. An echo sequence number need not be higher than the
 * last (ping may start again with the same identifier), only another.
 */
static __always_inline int match_show(struct pping_flow *f, __u32 dir, __u32 id, __u64 shown)
{
	__u64 *newest = &f->shown[dir & 1], mine = PPING_VALID | id, seen;

	for (int i = 0; i < 4; i++) {
		if (shown == mine)
			return 0;
		if (shown && f->protocol == IPPROTO_TCP && !flow_id_newer(id, shown)) {
			match_far_behind(f, dir, id, shown);
			return 0;
		}
		seen = __sync_val_compare_and_swap(newest, shown, mine);
		if (seen == shown)
			return 1;
		shown = seen; /* another CPU shows one in this moment */
	}
	return 0;
}

/* p shows an identifier other than the newest that its direction has shown. */
static __noinline int match_stamp(struct host *h, struct pping_flow *f, const struct packet *p,
				  const struct pping_flow_key *key, __u32 dir)
{
	__u64 shown;

	dir &= 1;
	shown = f->shown[dir];
	if (!flow_is(f, key))
		return 0;
	if (!match_show(f, dir, p->id, shown) || !match_is_stampable(p))
		return 0;
	/* met in mid-stream: it may have been shown before we looked */
	if (!shown && p->protocol == IPPROTO_TCP && !(p->flags & PACKET_SYN))
		return 0;
	/* what leaves is answered by others, unless it leaves by the loopback device */
	if (!config.include_local && (config.loopback || host__way(h) != PPING_MATCH_EGRESS) &&
	    match_is_local(h, f, dir))
		return 0;
	match_remember(h, f, key, dir, p->id, host__now(h));
	return 0;
}

/* --- matching --------------------------------------------------------------------- */

static __always_inline __u64 match_keep_rtt(struct pping_direction *d, __u64 rtt)
{
	__u64 rtts = d->rtts, now;

	/* a few tries: on the last one another CPU's RTT may stay out of the smoothed one */
	for (int i = 0; i < 4; i++) {
		__u64 next = match_add_rtt(rtts, rtt);

		now = __sync_val_compare_and_swap(&d->rtts, rtts, next);
		if (now == rtts)
			return match_min_rtt(next);
		rtts = now;
	}
	return match_min_rtt(rtts) < rtt ? match_min_rtt(rtts) : rtt;
}

/* Packets of direction dir were answered rtt ns later, by the packet now at hand. */
static __noinline int match_report(struct host *h, struct pping_flow *f, __u32 dir, __u64 now,
				   __u64 rtt)
{
	struct pping_event e = {};
	__u64 min_rtt;

	dir &= 1;
	host__count(h, PPING_COUNT_RTTS);
	if (config.counters)
		__sync_fetch_and_add(&f->rtts, 1);
	if (config.no_rtt_events)
		return 0;
	min_rtt = match_keep_rtt(&f->dir[dir], rtt);
	if (config.aggregate && !match_sample(&f->dir[dir], now - rtt))
		return 0;
	e.timestamp = now;
	flow_name(f, !dir, &e.flow);
	e.type = PPING_EVENT_RTT;
	e.match = host__way(h);
	e.rtt = rtt;
	e.min_rtt = min_rtt;
	if (config.counters) {
		e.sent = f->count[dir];
		e.rec = f->count[!dir];
	}
	host__emit(h, &e);
	return 0;
}

/*
 * Forgets identifier id of direction dir; the result is how many nanoseconds ago
 * it was stamped, 0 if it is not outstanding. *now is when: the clock is read
 * only if there is something to take.
 */
static __always_inline __u64 match_take(struct host *h, struct pping_flow *f,
					const struct pping_flow_key *key, __u32 dir, __u32 id,
					__u64 *now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	__u64 time, age;
	__u8 note;

	for (__u32 i = 0; i < PPING_SLOTS; i++) {
		__u64 word = d->slot[i];

		if (!word || word >> 32 != id)
			continue;
		*now = host__now(h);
		if (__sync_val_compare_and_swap(&d->slot[i], word, 0) != word)
			return 0;
		note = f->slot_note[dir & 1][i];
		age = match_age(word, note, *now);
		if (!match_claim_round(f, dir, note, (*now - age) >> PPING_TIME_SHIFT, *now))
			return 0;
		return age;
	}
	if (!(f->state & FLOW_BIT(PPING_STATE_SPILLED, dir)))
		return 0;
	time = match_spill_take(h, key, dir, id);
	if (!time)
		return 0;
	*now = host__now(h);
	age = *now - (time & MATCH_SPILL_TIME);
	if (!match_claim_round(f, dir, time >> MATCH_SPILL_ROUND_SHIFT,
			       (time & MATCH_SPILL_TIME) >> PPING_TIME_SHIFT, *now))
		return 0;
	return age;
}

/* p echoes an identifier of direction dir other than the newest answered one. */
static __noinline int match_answer(struct host *h, struct pping_flow *f, const struct packet *p,
				   const struct pping_flow_key *key, __u32 dir)
{
	__u64 shown, answered, rtt, now = 0;
	int tcp;

	dir &= 1;
	if (!flow_is(f, key))
		return 0;
	shown = f->shown[dir];
	answered = f->answered[dir];
	tcp = f->protocol == IPPROTO_TCP;
	if (!shown || (tcp && flow_id_newer(p->echo, shown)))
		return 0; /* echoes what was never shown here */
	if (!answered || !tcp || flow_id_newer(p->echo, answered)) {
		__u64 mine = PPING_VALID | p->echo;

		if (__sync_val_compare_and_swap(&f->answered[dir], answered, mine) == mine)
			return 0; /* another CPU looks it up */
	}
	rtt = match_take(h, f, key, dir, p->echo, &now);
	if (!rtt || rtt > PPING_MAX_RTT_NS)
		return 0;
	if (config.aggregate)
		aggregate_rtt(h, p, rtt);
	match_report(h, f, dir, now, rtt);
	return 0;
}

/* --- a packet ----------------------------------------------------------------------- */

static __always_inline void match_count(struct host *h, struct pping_flow *f,
					const struct packet *p, __u32 dir)
{
	struct pping_flow_count *count = &f->count[dir & 1];
	__u64 now = host__now_roughly(h);

	__sync_fetch_and_add(&count->packets, p->segments);
	__sync_fetch_and_add(&count->bytes, p->length + (__u64)(p->segments - 1) * p->headers);
	if (now > f->last)
		f->last = now;
}

/*
 * A slot's time is right for 18 minutes: what was stamped longer ago than an
 * answer counts is forgotten before it could seem young. To be called with the
 * first packet of an epoch; the flow's packet before that was `gap` epochs ago,
 * and then nothing was older than PPING_MAX_RTT_NS.
 */
static __noinline int match_sweep(struct host *h, struct pping_flow *f, __u32 gap)
{
	__u64 now = host__now(h), young = gap > 2 ? (gap - 2) * PPING_NS_PER_SEC : 0;

	for (int i = 0; i < 2 * PPING_SLOTS; i++) {
		__u64 *slot = &f->dir[i / PPING_SLOTS].slot[i % PPING_SLOTS];
		__u8 note = f->slot_note[i / PPING_SLOTS][i % PPING_SLOTS];
		__u64 word = *slot, age = match_age(word, note, now);

		if (word && (age > PPING_MAX_RTT_NS || age < young))
			__sync_val_compare_and_swap(slot, word, 0);
	}
	return 0;
}

/* What happens seldom in the life of a flow; NULL when the flow wants nothing more of this packet. */
static __noinline struct pping_flow *match_lifecycle(struct host *h, struct pping_flow *f,
						     const struct packet *p,
						     const struct pping_flow_key *key, __u32 dir)
{
	if (f && flow_is_reused(f, p, dir, host__epoch(h))) {
		flow_replace(h, f, key, dir);
		f = NULL;
	}
	if (!f)
		f = flow_may_open(p) ? flow_open(h, p, key, dir) : NULL;
	if (!f)
		return NULL;
	if (flow_declines_timestamps(f, p)) {
		flow_remove(h, key);
		return NULL;
	}
	/* the answer to a closed flow's last data is an RTT too */
	if (f->state & PPING_STATE_CLOSED)
		return flow_expired(f, host__epoch(h)) ? NULL : f;
	if (!(p->flags & PACKET_SYN) && !(f->state & PPING_STATE_ESTABLISHED))
		flow_mark(f, PPING_STATE_ESTABLISHED);
	if (!(f->state & PPING_STATE_REPLIED) && dir != flow_opener(f) && !(p->flags & PACKET_RST))
		flow_reply(h, f, p, dir);
	return f;
}

#define MATCH_FLAGS_SELDOM (PACKET_SYN | PACKET_FIN | PACKET_RST)

/* Neither p nor f asks for match_lifecycle(). */
static __always_inline int match_is_usual(const struct pping_flow *f, const struct packet *p,
					  __u32 dir)
{
	__u32 state = f->state;

	return !(p->flags & MATCH_FLAGS_SELDOM) &&
	       (state & (PPING_STATE_ESTABLISHED | PPING_STATE_CLOSED)) ==
		       PPING_STATE_ESTABLISHED &&
	       (state & PPING_STATE_REPLIED || dir == (state & PPING_STATE_OPENER));
}

/* f is the flow of p as it was found, or NULL; dir the direction that sent p. */
static __always_inline void match_flow(struct host *h, struct pping_flow *f, const struct packet *p,
				       const struct pping_flow_key *key, __u32 dir)
{
	__u32 epoch, gap;

	if (unlikely(!f || !match_is_usual(f, p, dir))) {
		f = match_lifecycle(h, f, p, key, dir);
		if (!f)
			return;
	}
	epoch = host__epoch(h);
	gap = epoch - f->epoch;
	if ((__s32)gap > 0 && !(f->state & PPING_STATE_CLOSED)) {
		match_sweep(h, f, gap); /* first: who sees the new epoch may match */
		f->epoch = epoch;
	}
	if (config.counters)
		match_count(h, f, p, dir);
	if (p->flags & PACKET_ID && f->shown[dir & 1] != (PPING_VALID | p->id))
		match_stamp(h, f, p, key, dir);
	if (p->flags & PACKET_ECHO && f->answered[dir ^ 1] != (PPING_VALID | p->echo) &&
	    f->shown[dir ^ 1])
		match_answer(h, f, p, key, dir ^ 1);
	if (unlikely(p->flags & (PACKET_FIN | PACKET_RST)))
		flow_finish(h, f, p, dir);
}

/*
 * A packet that packet_parse_*() called tracked, or one without timestamps that
 * begins or ends a flow. The common one finds its flow, compares, and is done.
 */
static __always_inline void match_packet(struct host *h, const struct packet *p)
{
	struct pping_flow_key key;
	__u32 dir = flow_key(p, &key);

	match_flow(h, host__flow_find(h, &key), p, &key, dir);
}

/* Has the packet a say in its flow, given packet_parse_*()'s verdict on it? */
static __always_inline int match_wants(int verdict, const struct packet *p)
{
	return verdict == PPING_COUNT_TRACKED ||
	       (verdict == PPING_COUNT_NO_TIMESTAMP && p->flags & MATCH_FLAGS_SELDOM);
}

/*
 * The same with config.rules, and the aggregation with it. A packet of a flow that
 * was let in asks no rules.
 */
static __always_inline void match_by_rules(struct host *h, struct packet *p, int verdict)
{
	int wanted = match_wants(verdict, p), counted = config.aggregate && p->ip_version;
	struct pping_flow *f = NULL;
	struct pping_flow_key key;
	__u32 dir = 0;

	if (!wanted && !counted) {
		host__count_packet(h, verdict);
		return;
	}
	p->rules = host__rules_generation(h);
	if (wanted) {
		dir = flow_key(p, &key);
		f = host__flow_find(h, &key);
	}
	if ((!f || !rules_let_in(f->state, p->rules)) && rules_exclude_packet(h, p)) {
		host__count_packet(h, PPING_COUNT_EXCLUDED);
		if (f)
			flow_remove(h, &key);
		return;
	}
	host__count_packet(h, verdict);
	if (counted)
		aggregate_packet(h, p);
	if (wanted)
		match_flow(h, f, p, &key, dir);
}

/*
 * What a host does with a packet, given packet_parse_*()'s verdict on it. It is
 * counted first: kept for later, the verdict would have each path of what follows
 * verified once for every verdict, and a register would be gone.
 */
static __always_inline void match_take_packet(struct host *h, struct packet *p, int verdict)
{
	__u32 extras = config.extras;

	if (extras && config.rules) {
		match_by_rules(h, p, verdict);
		return;
	}
	host__count_packet(h, verdict);
	if (extras && config.aggregate && p->ip_version)
		aggregate_packet(h, p);
	if (match_wants(verdict, p))
		match_packet(h, p);
}

#endif /* ENGINE_MATCH_H */
