/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows: their key, their direction, how they open and close.
 *
 * One entry holds both directions. A direction is numbered by the endpoint that
 * sends it; endpoint 0 is the one with the lower address (then port). A flow is
 * announced when its second direction is first seen, and closed by an RST or
 * when both directions have sent a FIN; the closed entry stays for
 * PPING_CLOSED_LINGER seconds so that stragglers don't open it anew.
 */
#ifndef ENGINE_FLOW_H
#define ENGINE_FLOW_H

#include "engine/packet.h"

/* The bit of direction d in a pair of state or local bits. */
#define FLOW_BIT(bit, d) ((bit) << (d))

/*
 * Serial arithmetic of RFC 7323 section 5.3 (RFC 1982): is TSval id newer than
 * than? Echo sequence numbers have no order: they are compared for equality.
 */
static __always_inline int flow_id_newer(__u32 id, __u32 than)
{
	return (__s32)(id - than) > 0;
}

/*
 * NH: universal under a random key, 64 bits of 10 words (J. Black et al., UMAC,
 * CRYPTO 1999; RFC 4418 section 5.2). Two different tuples meet with a
 * probability of 2^-32 a lane whoever chose them, as long as the key is secret.
 * The key is volatile like all of config: or the compiler believes its zeros.
 */
static __always_inline __u64 flow_nh(const volatile __u32 *key, const __u32 *word)
{
	__u64 sum = 0;

	for (int i = 0; i < 10; i += 2)
		sum += (__u64)(__u32)(word[i] + key[i]) * (__u32)(word[i + 1] + key[i + 1]);
	return sum;
}

/*
 * Which endpoint sent a packet is found twice. `swap` orders the key by a branch: a
 * CPU that guesses it need not wait for the key. The direction is computed: behind
 * the branch the verifier then walks one path for both, not all that follows twice.
 */
#define FLOW_SENT_BY_1 1
#define FLOW_SWAP 2

/* Both endpoints have one address: ports decide, and a host that pings itself replies in direction 1. */
engine_global int flow_same_address(__u32 sport, __u32 dport, __u32 protocol, __u32 flags)
{
	int dir = !(flags & PACKET_ID) && protocol != IPPROTO_TCP;

	if (sport != dport)
		dir = sport > dport;
	return dir ? FLOW_SENT_BY_1 | FLOW_SWAP : 0;
}

static __always_inline __u32 flow_same_address_of(const struct packet *p)
{
	return flow_same_address(p->sport, p->dport, p->protocol, p->flags);
}

/* Of endpoint 0 and endpoint 1. */
static __always_inline __u32 flow_ports(const struct packet *p, __u32 swap)
{
	return swap ? p->ports << 16 | p->ports >> 16 : p->ports;
}

/* 1 if x is greater than y, else 0: borrow of a subtraction (H. S. Warren, Hacker's Delight, 2-12). */
static __always_inline __u32 flow_greater(__u64 x, __u64 y)
{
	__u64 borrow = (~y & x) | ((~y | x) & (y - x));

	engine_opaque(borrow);
	return borrow >> 63;
}

static __always_inline __u32 flow_key_ipv4(const struct packet *p, struct pping_flow_key *key)
{
	__u32 s = p->saddr.w[3], d = p->daddr.w[3], dir, swap = s > d;
	__u64 less = (__u64)d - s; /* than 0: what flow_greater() comes to */

	engine_opaque(less);
	dir = less >> 63;
	if (unlikely(s == d)) {
		dir = flow_same_address_of(p);
		swap = dir & FLOW_SWAP;
	}
	key->a = swap ? (__u64)s << 32 | d : (__u64)d << 32 | s;
	key->b = (__u64)p->protocol << 32 | flow_ports(p, swap);
	return dir;
}

static __always_inline __u32 flow_key_ipv6(const struct packet *p, struct pping_flow_key *key)
{
	const __u64 *s = p->saddr.q, *d = p->daddr.q;
	union {
		__u64 q[5];
		__u32 w[10];
	} tuple;
	__u64 x = s[0], y = d[0];
	__u32 dir, swap;

	if (unlikely(x == y)) {
		x = s[1];
		y = d[1];
	}
	if (likely(x != y)) {
		dir = flow_greater(x, y);
		swap = x > y;
	} else {
		dir = flow_same_address_of(p);
		swap = dir & FLOW_SWAP;
	}
	for (int i = 0; i < 2; i++) {
		tuple.q[i] = swap ? d[i] : s[i];
		tuple.q[2 + i] = swap ? s[i] : d[i];
	}
	tuple.w[8] = flow_ports(p, swap);
	tuple.w[9] = p->protocol;
	engine_in_memory(tuple);
	key->a = flow_nh(config.nh_key[0], tuple.w);
	engine_in_memory(tuple);
	key->b = flow_nh(config.nh_key[1], tuple.w) | 1ULL << 63;
	return dir;
}

/* The direction that sent the packet is the result: 0 or 1. */
static __always_inline __u32 flow_key(const struct packet *p, struct pping_flow_key *key)
{
	__u32 dir = p->ip_version == 4 ? flow_key_ipv4(p, key) : flow_key_ipv6(p, key);

	engine_opaque(dir); /* or clang leaves out what tells the verifier that it is 0 or 1 */
	return dir & 1;
}

/* Keyed as well: who could make two flows of one tag could have one write into the other's entry. */
static __always_inline __u32 flow_tag(const struct pping_flow_key *key)
{
	__u64 x = (key->a ^ config.spill_seed[0]) * config.spill_seed[1];

	return (x ^ key->b) * config.spill_seed[2] >> 32;
}

/* 64 bits that only who knows the seeds can foresee; salt tells uses of one key apart. */
static __always_inline __u64 flow_hash(const struct pping_flow_key *key, __u64 salt)
{
	__u64 x = (key->a ^ config.spill_seed[0]) * config.spill_seed[1];

	x = (x ^ x >> 32 ^ key->b) * config.spill_seed[2];
	x = (x ^ x >> 29 ^ salt) * config.spill_seed[1];
	x = (x ^ x >> 32) * config.spill_seed[2];
	return x ^ x >> 32;
}

/* Entries are recycled under a reader's feet: is it still the flow we looked up? */
static __always_inline int flow_is(const struct pping_flow *f, const struct pping_flow_key *key)
{
	return f->tag == flow_tag(key);
}

static __always_inline __u32 flow_opener(const struct pping_flow *f)
{
	return f->state & PPING_STATE_OPENER ? 1 : 0;
}

/* Adds bits to the state; the state before, so that one of several CPUs sees the change. */
static __always_inline __u32 flow_mark(struct pping_flow *f, __u32 bits)
{
	return __sync_fetch_and_or(&f->state, bits);
}

/* Seconds (epochs) after which an entry that carries nothing is of no use any more. */
static __always_inline __u32 flow_timeout(const struct pping_flow *f)
{
	if (f->state & PPING_STATE_CLOSED)
		return PPING_CLOSED_LINGER;
	if (!(f->state & PPING_STATE_REPLIED))
		return PPING_UNANSWERED_TIMEOUT;
	return f->protocol == IPPROTO_TCP ? PPING_IDLE_TIMEOUT : PPING_ICMP_TIMEOUT;
}

/* Epochs wrap after 136 years of ticks; an entry touched in this very tick has age 0. */
static __always_inline int flow_expired(const struct pping_flow *f, __u32 epoch)
{
	return (__s32)(epoch - f->epoch) > (__s32)flow_timeout(f);
}

/* Names the flow from a packet that endpoint src sent. */
static __always_inline void flow_name(const struct pping_flow *f, __u32 src,
				      struct pping_tuple *tuple)
{
	src &= 1;
	tuple->saddr = f->dir[src].addr;
	tuple->daddr = f->dir[!src].addr;
	tuple->sport = f->port[src];
	tuple->dport = f->port[!src];
	tuple->protocol = f->protocol;
	tuple->ip_version = f->ip_version;
}

/*
 * A flow event. The flow is named from the reply that made it known, for its
 * whole life: its source is the endpoint that did not open it.
 */
static __always_inline void flow_describe(const struct pping_flow *f, struct pping_event *e,
					  enum pping_flow_event event, enum pping_reason reason,
					  enum pping_trigger trigger)
{
	flow_name(f, !flow_opener(f), &e->flow);
	e->type = PPING_EVENT_FLOW;
	e->flow_event = event;
	e->reason = reason;
	e->triggered_by = trigger;
}

/* What the flow carried in all, for its closing; with config.counters only. */
static __always_inline void flow_add_totals(const struct pping_flow *f, struct pping_event *e)
{
	__u32 opener = flow_opener(f);

	e->sent = f->count[opener];
	e->rec = f->count[!opener];
	e->rtts = f->rtts;
	/* the last one's time is rougher than the first one's */
	e->duration = f->last > f->first ? f->last - f->first : 0;
}

static __noinline int flow_announce(struct host *h, const struct pping_flow *f,
				    enum pping_flow_event event, enum pping_reason reason,
				    __u32 sender)
{
	struct pping_event e = {};

	if (config.no_flow_events)
		return 0;
	e.timestamp = host__now(h);
	flow_describe(f, &e, event, reason,
		      sender == flow_opener(f) ? PPING_TRIGGER_DEST : PPING_TRIGGER_SRC);
	if (config.counters && event == PPING_FLOW_CLOSING)
		flow_add_totals(f, &e);
	host__emit(h, &e);
	return 0;
}

/* The new flows that this CPU counted, moved on to the present window; NULL if nobody counts. */
static __always_inline struct pping_pressure *flow_pressure(struct host *h)
{
	struct pping_pressure *now = config.pressure_limit ? host__pressure(h) : NULL;
	__u64 window;

	if (!now)
		return NULL;
	window = host__now(h) >> PPING_PRESSURE_WINDOW_SHIFT;
	if (now->window != window) {
		now->last = now->window + 1 == window ? now->count : 0;
		now->window = window;
		now->count = 0;
	}
	return now;
}

/*
 * Do flows come faster than the table should turn over? A flood over many CPUs is
 * what the host sees (a little later), one on this CPU what we do.
 */
static __always_inline int flow_is_pressed(struct host *h, const struct pping_pressure *now)
{
	return now->count >= config.pressure_limit || now->last > config.pressure_limit ||
	       host__is_pressed(h);
}

enum flow_admission {
	FLOW_KNOWN, /* waits already */
	FLOW_WAITS,
	FLOW_BEGINS, /* with this packet, as far as we know */
	FLOW_ANSWERED, /* its other direction came first and waited */
};

/* Who waits longest in a bucket gives way. Two CPUs in one place: one of them knocks in vain. */
static __always_inline enum flow_admission flow_knock(struct host *h,
						      const struct pping_flow_key *key, __u32 dir)
{
	__u64 hash = flow_hash(key, ~0ULL);
	__u32 tag = (hash >> 32 & ~1U) | (dir & 1);
	struct pping_door *door = host__door(h, hash & (PPING_DOOR_BUCKETS - 1));
	__u32 place;

	if (!door)
		return FLOW_BEGINS;
	for (int i = 0; i < PPING_DOOR_WAYS; i++) {
		__u32 differs = door->tag[i] ^ tag;

		if (differs <= 1)
			return differs ? FLOW_ANSWERED : FLOW_KNOWN;
	}
	place = __sync_fetch_and_add(&door->next, 1) % PPING_DOOR_WAYS;
	engine_opaque(place);
	if (place < PPING_DOOR_WAYS)
		door->tag[place] = tag;
	return FLOW_WAITS;
}

/*
 * A flood of spoofed flows turns the table over faster than real flows are
 * answered. Under pressure a flow waits at the door: only a tag is kept, and the
 * flow gets its entry when a packet of its other direction comes. Flows that
 * nobody answers never enter, the others lose the few packets up to their first
 * answer. A flow counts once while it waits: a fast one that nobody answers is
 * no flood.
 */
static __always_inline enum flow_admission flow_admit(struct host *h,
						      const struct pping_flow_key *key, __u32 dir)
{
	struct pping_pressure *pressure = flow_pressure(h);
	enum flow_admission admission = FLOW_BEGINS;

	if (!pressure)
		return FLOW_BEGINS;
	if (flow_is_pressed(h, pressure))
		admission = flow_knock(h, key, dir);
	if (admission != FLOW_KNOWN) {
		pressure->count++;
		pressure->total++;
	}
	if (admission == FLOW_WAITS)
		host__count(h, PPING_COUNT_FLOWS_PUT_OFF);
	return admission;
}

/* A new entry for the flow of p, sent by endpoint dir; NULL if there is no room or it has to wait. */
static __noinline struct pping_flow *flow_open(struct host *h, const struct packet *p,
					       const struct pping_flow_key *key, __u32 dir)
{
	enum flow_admission admission = flow_admit(h, key, dir);
	struct pping_flow *init = host__flow_blank(h), *f;

	if (admission == FLOW_WAITS || admission == FLOW_KNOWN || !init)
		return NULL;
	__builtin_memset(init, 0, PPING_FLOW_SIZE);
	if (config.counters) {
		__builtin_memset(init->count, 0, sizeof(*init) - PPING_FLOW_SIZE);
		init->first = host__now(h);
	}
	init->state = (admission == FLOW_ANSWERED ? !dir : dir) ? PPING_STATE_OPENER : 0;
	if (!(p->flags & PACKET_SYN)) {
		init->state |= PPING_STATE_ESTABLISHED;
	} else if (!(p->flags & PACKET_ACK)) {
		init->state |= PPING_STATE_SYN;
		init->isn = p->seq;
	}
	if (config.rules)
		init->state |= p->rules << PPING_STATE_RULES_SHIFT;
	init->epoch = host__epoch(h);
	init->port[0] = dir ? p->dport : p->sport;
	init->port[1] = dir ? p->sport : p->dport;
	init->dir[0].addr = dir ? p->daddr : p->saddr;
	init->dir[1].addr = dir ? p->saddr : p->daddr;
	init->protocol = p->protocol;
	init->ip_version = p->ip_version;
	init->tag = flow_tag(key);
	f = host__flow_create(h, key, init);
	if (config.rules) /* these may change, and leave it out */
		__builtin_memset(init, 0, sizeof(*init));
	if (!f)
		host__count(h, PPING_COUNT_FLOWS_FAILED);
	return f;
}

/* Only a packet that can begin or continue a flow makes an entry: the last words of a closed one don't. */
static __always_inline int flow_may_open(const struct packet *p)
{
	return (p->flags & (PACKET_ID | PACKET_DATA | PACKET_ECHO)) &&
	       !(p->flags & (PACKET_FIN | PACKET_RST)) &&
	       (p->protocol == IPPROTO_TCP ? p->flags & PACKET_ID : 1);
}

/* The first packet in the other direction: announce the flow, once. */
static __noinline int flow_reply(struct host *h, struct pping_flow *f, const struct packet *p,
				 __u32 dir)
{
	enum pping_reason reason = !(p->flags & PACKET_SYN) ? PPING_REASON_FIRST_PACKET
				   : p->flags & PACKET_ACK  ? PPING_REASON_SYN_ACK
							    : PPING_REASON_SYN;

	if (flow_mark(f, PPING_STATE_REPLIED) & PPING_STATE_REPLIED)
		return 0;
	host__count(h, PPING_COUNT_FLOWS_OPENED);
	flow_announce(h, f, PPING_FLOW_OPENING, reason, dir);
	return 0;
}

/* Once: whoever sets the bit announces it. */
static __noinline int flow_close(struct host *h, struct pping_flow *f, enum pping_reason reason,
				 __u32 sender)
{
	__u32 before = flow_mark(f, PPING_STATE_CLOSED);

	if (before & PPING_STATE_CLOSED)
		return 0;
	f->epoch = host__epoch(h);
	if (!(before & PPING_STATE_REPLIED))
		return 0;
	/* the packet that closes is the flow's last; a SYN is another's first */
	if (config.counters && reason != PPING_REASON_SYN)
		f->last = host__now(h);
	host__count(h, PPING_COUNT_FLOWS_CLOSED);
	flow_announce(h, f, PPING_FLOW_CLOSING, reason, sender);
	return 0;
}

static __always_inline void flow_finish(struct host *h, struct pping_flow *f,
					const struct packet *p, __u32 dir)
{
	if (p->flags & PACKET_RST) {
		flow_close(h, f, PPING_REASON_RST, dir);
	} else if (p->flags & PACKET_FIN) {
		__u32 both = PPING_STATE_FIN | PPING_STATE_FIN << 1;
		__u32 mine = FLOW_BIT(PPING_STATE_FIN, dir);

		if (((flow_mark(f, mine) | mine) & both) == both)
			flow_close(h, f, PPING_REASON_FIN, dir);
	}
}

/*
 * Does p begin a new connection on the tuple of f? A SYN does, unless it repeats
 * the one that opened f; so does anything that can open a flow once f has been
 * closed for longer than stragglers live, and a SYN-ACK for a closed flow, whose
 * SYN went another way.
 */
static __always_inline int flow_is_reused(const struct pping_flow *f, const struct packet *p,
					  __u32 dir, __u32 epoch)
{
	__u32 state = f->state;

	if (p->flags & (PACKET_FIN | PACKET_RST))
		return 0;
	if (!(p->flags & PACKET_SYN))
		return state & PPING_STATE_CLOSED && flow_expired(f, epoch);
	if (state & PPING_STATE_CLOSED)
		return 1;
	if (p->flags & PACKET_ACK)
		return 0;
	if (state & PPING_STATE_SYN && dir == flow_opener(f))
		return f->isn != p->seq;
	return !!(state & PPING_STATE_ESTABLISHED); /* else both open at once */
}

static __always_inline void flow_remove(struct host *h, const struct pping_flow_key *key)
{
	if (!host__flow_delete(h, key))
		host__count(h, PPING_COUNT_FLOWS_REMOVED);
}

/* Removes the entry of a tuple that begins anew; a flow still open is announced as closed by the SYN. */
static __noinline int flow_replace(struct host *h, struct pping_flow *f,
				   const struct pping_flow_key *key, __u32 dir)
{
	flow_close(h, f, PPING_REASON_SYN, dir);
	flow_remove(h, key);
	return 0;
}

/*
 * A SYN-ACK without timestamps: the two have agreed on none (RFC 7323 section
 * 3.2), nothing more of the flow will be tracked, and it would seem to go silent.
 */
static __always_inline int flow_declines_timestamps(const struct pping_flow *f,
						    const struct packet *p)
{
	__u32 syn_ack = PACKET_SYN | PACKET_ACK;

	return p->protocol == IPPROTO_TCP && (p->flags & syn_ack) == syn_ack &&
	       !(p->flags & PACKET_ID) && !(f->state & PPING_STATE_REPLIED);
}

#endif /* ENGINE_FLOW_H */
