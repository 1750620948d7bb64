/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted per prefix: packets and bytes both ways, and RTTs with their
 * extremes, sum and histogram. And what all packets together were.
 *
 * Several CPUs write one place: every change is one atomic instruction, and what
 * belongs to one RTT goes to one half (see struct pping_shared), so that a reader
 * who turned the halves and waited for the programs to end finds it whole.
 */
#ifndef ENGINE_AGGREGATE_H
#define ENGINE_AGGREGATE_H

#include "engine/arrivals.h"
#include "engine/histogram.h"

/* How often another CPU may be faster with a new extreme. */
#define AGGREGATE_TRIES 16

static __always_inline void aggregate_key(const union pping_addr *addr, __u8 ip_version,
					  struct pping_prefix_key *key)
{
	if (ip_version == 4) {
		key->w[0] = 0;
		key->w[1] = addr->w[3] & config.prefix_mask4;
		key->ip_version = 4;
	} else {
		key->w[0] = addr->w[0] & config.prefix_mask6[0];
		key->w[1] = addr->w[1] & config.prefix_mask6[1];
		key->ip_version = 6;
	}
}

static __always_inline __u32 aggregate_tag(const struct pping_prefix_key *key)
{
	return ((key->w[0] * 0x9e3779b1U) ^ key->w[1]) * 0x85ebca6bU ^ key->ip_version;
}

static __always_inline enum pping_kind aggregate_kind(const struct packet *p)
{
	if (p->protocol != IPPROTO_TCP)
		return PPING_KIND_OTHER;
	return p->flags & PACKET_ID ? PPING_KIND_TCP_TS : PPING_KIND_TCP_NO_TS;
}

/* From the IP header on; each packet inside a super-packet has headers of its own. */
static __always_inline __u64 aggregate_bytes(const struct packet *p)
{
	return p->length + (__u64)(p->segments - 1) * p->headers;
}

static __always_inline __u32 aggregate_protocol(const struct packet *p)
{
	__u32 protocol = PPING_TRAFFIC_OTHER;

	if (p->protocol == IPPROTO_TCP)
		protocol = PPING_TRAFFIC_TCP;
	else if (p->protocol == IPPROTO_UDP)
		protocol = PPING_TRAFFIC_UDP;
	else if (p->protocol == (p->ip_version == 4 ? IPPROTO_ICMP : PACKET_PROTO_ICMPV6))
		protocol = PPING_TRAFFIC_ICMP;
	return protocol + (p->ip_version == 4 ? 0 : PPING_TRAFFIC_PROTOCOLS);
}

/* counts: one of each kind. */
static __always_inline void aggregate_add(struct pping_flow_count *counts, __u32 kind,
					  __u64 packets, __u64 bytes)
{
	struct pping_flow_count *count;

	engine_opaque(kind);
	if (kind >= PPING_KINDS)
		return;
	count = &counts[kind];
	if (config.prefix_private) {
		count->packets += packets;
		count->bytes += bytes;
	} else {
		__sync_fetch_and_add(&count->packets, packets);
		__sync_fetch_and_add(&count->bytes, bytes);
	}
}

/* All bits, or none of them if it is counted already: instead of branches that the verifier would follow. */
static __always_inline __u64 aggregate_unless(__u64 counted)
{
	counted = -counted; /* of 0 to 3 */
	engine_opaque(counted);
	return (counted >> 63) - 1;
}

/*
 * Counts an IP packet, one that leaves for what it was not counted when it arrived;
 * where its addresses belong is kept with it.
 */
static __noinline int aggregate_packet(struct host *h, struct packet *p)
{
	__u32 kind = aggregate_kind(p), counted = 0;
	__u64 bytes = aggregate_bytes(p), once = ~0ULL;
	struct pping_prefix_key key;
	struct pping_prefix *at;
	__u32 row;

	if (config.several) {
		counted = arrivals_counted(arrivals_hash(p, &p->saddr, 0),
					   arrivals_hash(p, &p->daddr, 1), host__came(h));
		once = aggregate_unless(counted & PACKET_SOURCE_COUNTED);
	}
	aggregate_key(&p->saddr, p->ip_version, &key);
	p->prefix[0] = host__prefix(h, &key, &at);
	if (at)
		aggregate_add(at->tx, kind, p->segments & once, bytes & once);
	aggregate_key(&p->daddr, p->ip_version, &key);
	p->prefix[1] = host__prefix(h, &key, &at);
	if (config.several)
		once = aggregate_unless(counted & PACKET_DESTINATION_COUNTED);
	if (at)
		aggregate_add(at->rx, kind, p->segments & once, bytes & once);
	if (config.several)
		once = aggregate_unless(counted);
	row = PPING_TRAFFIC_FIRST + 2 * aggregate_protocol(p);
	host__add_both(h, row, p->segments & once, bytes & once);
	host__add(h, PPING_ECN_NOT_ECT + (p->tos & 3), p->segments & once);
	return 0;
}

/* 1 if other CPUs were faster, time and again. */
engine_global int aggregate_raise(__u64 *extreme, __u64 value)
{
	__u64 old, seen;

	if (!extreme)
		return 0;
	old = *extreme;
	for (int i = 0; i < AGGREGATE_TRIES; i++) {
		if (value <= old)
			return 0;
		seen = __sync_val_compare_and_swap(extreme, old, value);
		if (seen == old)
			return 0;
		old = seen;
	}
	return 1;
}

static __always_inline void aggregate_extreme(struct host *h, __u64 *extreme, __u64 value)
{
	if (value > *extreme && aggregate_raise(extreme, value))
		host__count(h, PPING_COUNT_EXTREMES_BUSY);
}

static __noinline int aggregate_rtt_at(struct host *h, __u32 half, __u32 place, __u64 rtt)
{
	struct pping_rtts *rtts = host__prefix_rtts(h, half, place);
	__u32 bin = histogram_bin(rtt);

	if (!rtts)
		return 0;
	aggregate_extreme(h, &rtts->max, rtt);
	aggregate_extreme(h, &rtts->min_inverted, ~rtt);
	__sync_fetch_and_add(&rtts->sum, rtt);
	engine_opaque(bin);
	if (bin < PPING_HIST_BINS)
		__sync_fetch_and_add(&rtts->bin[bin], 1);
	return 0;
}

/*
 * p is the answer, and so its source who answered. Both counts are of one half, also if a
 * report turns them meanwhile: TCP is what ICMP leaves of all.
 */
static __always_inline void aggregate_rtt(struct host *h, const struct packet *p, __u64 rtt)
{
	__u32 half = host__rtts_half(h);

	aggregate_rtt_at(h, half, config.aggregate_reverse ? p->prefix[1] : p->prefix[0], rtt);
	if (config.track_tcp && config.track_icmp && p->protocol != IPPROTO_TCP)
		aggregate_rtt_at(h, half, PPING_PREFIX_ICMP, rtt);
	host__count(h, PPING_COUNT_RTTS_AGGREGATED);
}

#endif /* ENGINE_AGGREGATE_H */
