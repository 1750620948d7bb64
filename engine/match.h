/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a packet is an RTT.
 *
 * A direction's identifier (TSval, echo sequence number) is stamped if it is
 * newer than all the direction has shown, in any packet, and the packet carries
 * data; the first packet back that echoes it makes the RTT (RFC 7323 section 4).
 * Up to four outstanding identifiers stand in the flow's entry (slot.h), more
 * spill into a table (spill.h); which ones are sampled is round.h's.
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
#include "engine/round.h"
#include "engine/rules.h"
#include "engine/spill.h"

/* --- stamping --------------------------------------------------------------------- */

/* A network that duplicates a packet does so within this. */
#define MATCH_DUPLICATE_NS (2 * PPING_NS_PER_SEC)
/* TSvals that far behind the newest (17 minutes of milliseconds) are not late packets. */
#define MATCH_FAR_BEHIND (1U << 20)
/* How often in a row they were seen: two bits of `shown` above the valid one. */
#define MATCH_STRIKE (PPING_VALID << 1)
#define MATCH_STRIKES (3 * MATCH_STRIKE)

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
		return slot_age(word, f->slot_note[dir & 1][i], now) < MATCH_DUPLICATE_NS;
	}
	if (!(f->state & FLOW_BIT(PPING_STATE_SPILLED, dir)))
		return 0;
	time = spill_take(h, key, dir, id);
	return time && now - (time & SPILL_TIME) < MATCH_DUPLICATE_NS;
}

/*
 * Was the identifier answered before it was stamped? Its CPU was overtaken by
 * another's with the next packet of the identifier. A later answer means nothing.
 */
static __always_inline int match_is_late(const struct pping_flow *f, __u32 dir, __u32 id)
{
	__u64 answered = *(const volatile __u64 *)&f->answered[dir & 1];

	return answered && f->protocol == IPPROTO_TCP && (__u32)answered - id < MATCH_FAR_BEHIND;
}

static __always_inline void match_remember(struct host *h, struct pping_flow *f,
					   const struct pping_flow_key *key, __u32 dir, __u32 id,
					   __u64 now)
{
	struct pping_direction *d = &f->dir[dir & 1];
	enum round_admission admission;
	__u32 number, slot;
	__u64 word = 0;

	if (f->protocol != IPPROTO_TCP && match_is_ambiguous(h, f, key, dir, id, now))
		return;
	admission = round_admit(d, now, &number);
	if (admission == ROUND_SKIP)
		return;
	slot = slot_choose(f, dir, id, now, &word);
	if (slot < PPING_SLOTS) {
		if (__sync_val_compare_and_swap(&d->slot[slot], word, slot_word(id, now)) != word)
			return;
		f->slot_note[dir & 1][slot] = slot_make_note(number, now);
		if (unlikely(match_is_late(f, dir, id)))
			__sync_val_compare_and_swap(&d->slot[slot], slot_word(id, now), 0);
	} else {
		/* a round's other identifiers are only a precaution: not worth a place there */
		if (admission == ROUND_MORE)
			return;
		now |= (__u64)number << SPILL_ROUND_SHIFT;
		if (spill_put(h, key, dir, id, now))
			return;
		if (!(f->state & FLOW_BIT(PPING_STATE_SPILLED, dir)))
			flow_mark(f, FLOW_BIT(PPING_STATE_SPILLED, dir));
		if (unlikely(match_is_late(f, dir, id)))
			spill_take(h, key, dir, id);
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

/* Is p's identifier to be stamped if it is new? */
static __always_inline int match_is_wanted(struct host *h, struct pping_flow *f,
					   const struct packet *p, __u32 dir, __u64 shown)
{
	if (!match_is_stampable(p))
		return 0;
	/* met in mid-stream: it may have been shown before we looked */
	if (!shown && p->protocol == IPPROTO_TCP && !(p->flags & PACKET_SYN))
		return 0;
	/* what leaves is answered by others, unless it leaves by the loopback device */
	return config.include_local || !(config.loopback || host__way(h) != PPING_MATCH_EGRESS) ||
	       !match_is_local(h, f, dir);
}

/*
 * p shows an identifier other than the newest that its direction has shown. The time
 * is read before: as soon as it is shown other CPUs pass its next packets on, and
 * their answers, while this one may be held up (interrupts, a hypervisor).
 */
static __noinline int match_stamp(struct host *h, struct pping_flow *f, const struct packet *p,
				  const struct pping_flow_key *key, __u32 dir)
{
	__u64 shown;
	int wanted;

	dir &= 1;
	shown = f->shown[dir];
	if (!flow_is(f, key))
		return 0;
	wanted = match_is_wanted(h, f, p, dir, shown);
	if (wanted)
		host__now(h);
	if (match_show(f, dir, p->id, shown) && wanted)
		match_remember(h, f, key, dir, p->id, host__now(h));
	return 0;
}

/* --- matching --------------------------------------------------------------------- */

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
	min_rtt = rtts_keep(&f->dir[dir], rtt);
	if (config.aggregate && !round_sample(&f->dir[dir], now - rtt))
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
 * only if there may be something to take, and before it is taken, see match_stamp().
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
		age = slot_age(word, note, *now);
		if (!round_claim(f, dir, note, (*now - age) >> PPING_TIME_SHIFT, *now))
			return 0;
		return age;
	}
	if (!(f->state & FLOW_BIT(PPING_STATE_SPILLED, dir)))
		return 0;
	*now = host__now(h);
	time = spill_take(h, key, dir, id);
	if (!time)
		return 0;
	age = *now - (time & SPILL_TIME);
	if (!round_claim(f, dir, time >> SPILL_ROUND_SHIFT, (time & SPILL_TIME) >> PPING_TIME_SHIFT,
			 *now))
		return 0;
	return age;
}

/*
 * The identifier has been answered, and had no stamp. If one was set between that
 * look and the answer's being known, its CPU did not see the answer and this one
 * did not see the stamp: one of them must look after both have written.
 */
static __always_inline void match_forget_late(struct host *h, struct pping_flow *f,
					      const struct pping_flow_key *key, __u32 dir, __u32 id)
{
	struct pping_direction *d = &f->dir[dir & 1];

	for (__u32 i = 0; i < PPING_SLOTS; i++) {
		__u64 word = *(const volatile __u64 *)&d->slot[i];

		if (word && word >> 32 == id)
			__sync_val_compare_and_swap(&d->slot[i], word, 0);
	}
	if (f->state & FLOW_BIT(PPING_STATE_SPILLED, dir))
		spill_take(h, key, dir, id);
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
	rtt = match_take(h, f, key, dir, p->echo, &now);
	/* afterwards: it is passed unread on all CPUs from then on */
	if (!answered || !tcp || flow_id_newer(p->echo, answered))
		__sync_val_compare_and_swap(&f->answered[dir], answered, PPING_VALID | p->echo);
	if (!rtt && tcp)
		match_forget_late(h, f, key, dir, p->echo);
	if (!rtt || rtt > PPING_MAX_RTT_NS)
		return 0;
	if (config.aggregate)
		aggregate_rtt(h, p, rtt);
	match_report(h, f, dir, now, rtt);
	return 0;
}

/* --- a packet ----------------------------------------------------------------------- */

/* More than that of one direction are hardly on their way through a router: they were dropped there. */
#define MATCH_INSIDE_MAX 1024

/*
 * With config.several: has a packet been counted when it arrived? Only if its flow's
 * direction is one that arrives, under these addresses: those that a router gives to
 * what it forwards are seen when it leaves. And then if it came by a watched
 * interface; or by one that may lie on a watched one, as long as fewer packets have
 * left than arrived. n: packets in it.
 */
engine_global int match_was_counted(__s32 *inside, __u32 came, __u32 arrives, __u32 n)
{
	__s32 were;

	if (!inside)
		return 0;
	were = *inside;
	if (came == PPING_CAME_NOW) {
		if (were < MATCH_INSIDE_MAX)
			__sync_fetch_and_add(inside, n);
		return 0;
	}
	if (came == PPING_CAME_NOT || !arrives)
		return 0;
	if (were > 0)
		__sync_fetch_and_add(inside, -n);
	return were > 0 || came == PPING_CAME_BY_WATCHED;
}

/* Of its own, for the stack's sake. 1 if it is not to be counted again. */
static __noinline int match_passes(struct host *h, struct pping_flow *f, const struct packet *p,
				   __u32 dir)
{
	__u32 arrives = FLOW_BIT(PPING_STATE_ARRIVED, dir & 1);

	if (host__way(h) == PPING_MATCH_INGRESS && !(f->state & arrives))
		flow_mark(f, arrives);
	return match_was_counted(&f->inside[dir & 1], host__came(h), f->state & arrives,
				 p->segments);
}

static __always_inline void match_count(struct host *h, struct pping_flow *f,
					const struct packet *p, __u32 dir)
{
	struct pping_flow_count *count = &f->count[dir & 1];
	__u64 now = host__now_roughly(h), once = ~0ULL;

	if (config.several)
		once = aggregate_unless(match_passes(h, f, p, dir) & 1);
	__sync_fetch_and_add(&count->packets, p->segments & once);
	__sync_fetch_and_add(&count->bytes,
			     (p->length + (__u64)(p->segments - 1) * p->headers) & once);
	if (now > f->last)
		f->last = now;
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
		slot_sweep(h, f, gap); /* first: who sees the new epoch may match */
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
