/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where several interfaces are watched a forwarded packet passes two of them: which
 * of its addresses has been counted when it leaves? By which interface it came does
 * not tell. Devices that lie on a watched one stand there for it, and on the way a
 * router may have given the packet other addresses.
 *
 * So what arrives is noted, each address with what no router changes of the packet,
 * and the other address with it. Whoever leaves with both addresses in one note is
 * as it came; with one that is noted, the other has been translated.
 *
 * Notes are kept until seven newer ones of their bucket: hundreds of packets may be
 * on their way through the router. Two CPUs in one place: one of the notes is lost.
 */
#ifndef ENGINE_ARRIVALS_H
#define ENGINE_ARRIVALS_H

#include "engine/packet.h"

/* Of the packet and of one address of it. */
static __always_inline __u64 arrivals_hash(const struct packet *p, const union pping_addr *addr,
					   __u32 role)
{
	__u64 x = (addr->q[0] ^ config.spill_seed[0]) * config.spill_seed[1];
	__u32 identity = p->identity;

	/* one XDP program's segments of TCP leave as one packet: they differ in length */
	if (p->protocol != IPPROTO_TCP)
		identity += p->length * 0x9e3779b1U;
	x = (x ^ x >> 32 ^ addr->q[1]) * config.spill_seed[2];
	x = (x ^ x >> 29 ^ ((__u64)identity << 9 | p->protocol << 1 | role)) * config.spill_seed[1];
	return x ^ x >> 32;
}

/* {of the hash that the note is found by : 32, of the other one : 32} */
static __always_inline __u64 arrivals_word(__u64 hash, __u64 other)
{
	return (hash >> 32 << 32) | other >> 32;
}

static __always_inline struct pping_arrivals *arrivals_bucket(__u64 hash)
{
	return host__arrivals(NULL, hash & (PPING_ARRIVAL_BUCKETS - 1));
}

engine_global int arrivals_note(__u64 hash, __u64 other)
{
	struct pping_arrivals *b = arrivals_bucket(hash);
	__u64 word = arrivals_word(hash, other);
	__u32 place, same = 0;

	if (!b)
		return 0;
	for (int i = 0; i < PPING_ARRIVAL_WAYS; i++)
		same |= b->word[i] == word;
	if (same) /* datagrams of one length and no number of their own */
		return 0;
	place = __sync_fetch_and_add(&b->next, 1) % PPING_ARRIVAL_WAYS;
	engine_opaque(place);
	if (place < PPING_ARRIVAL_WAYS)
		b->word[place] = word;
	return 0;
}

/* 0, 1 if it was noted, 2 if with the other one. */
engine_global int arrivals_find(__u64 hash, __u64 other)
{
	struct pping_arrivals *b = arrivals_bucket(hash);
	__u64 word = arrivals_word(hash, other);
	__u32 noted = 0, both = 0;

	if (!b)
		return 0;
	for (int i = 0; i < PPING_ARRIVAL_WAYS; i++) {
		noted |= b->word[i] >> 32 == word >> 32;
		both |= b->word[i] == word;
	}
	return noted + both;
}

/* Of a packet that came that way: PACKET_SOURCE_ and PACKET_DESTINATION_COUNTED; what arrives is noted. */
engine_global int arrivals_counted(__u64 src, __u64 dst, __u32 came)
{
	__u32 of_src, of_dst;

	if (came == PPING_CAME_NOW) {
		arrivals_note(src, dst);
		arrivals_note(dst, src);
		return 0;
	}
	if (came == PPING_CAME_NOT)
		return 0;
	of_src = arrivals_find(src, dst);
	of_dst = arrivals_find(dst, src);
	/*
	 * Not noted any more, or both were translated: it was counted once. Or it was
	 * excluded, and is not to be counted; or not included, then it is.
	 */
	if (of_src > 1 || of_dst > 1 ||
	    (!of_src && !of_dst && came == PPING_CAME_BY_WATCHED &&
	     config.rules != PPING_RULES_INCLUDE))
		return PACKET_COUNTED;
	return (of_src ? PACKET_SOURCE_COUNTED : 0) | (of_dst ? PACKET_DESTINATION_COUNTED : 0);
}

#endif /* ENGINE_ARRIVALS_H */
