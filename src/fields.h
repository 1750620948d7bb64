/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of a JSON record. One row each, in the order in which they are
 * printed: NAME, key, the kinds of records that have it, what it means.
 */
#ifndef SRC_FIELDS_H
#define SRC_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Kinds of records, bits. */
enum {
	FIELDS_OF_RTT = 1 << 0,
	FIELDS_OF_FLOW = 1 << 1,
	FIELDS_OF_LOST = 1 << 2,
};
#define FIELDS_OF_BOTH (FIELDS_OF_RTT | FIELDS_OF_FLOW)

/* clang-format off */
#define FIELDS(X) \
	X(TIMESTAMP, "timestamp", FIELDS_OF_BOTH | FIELDS_OF_LOST, \
	  "ns since 1970, or since the start with --relative-time") \
	X(SRC_IP, "src_ip", FIELDS_OF_BOTH, "address of who answered") \
	X(SRC_PORT, "src_port", FIELDS_OF_BOTH, "its port; of ICMP the echo identifier") \
	X(DEST_IP, "dest_ip", FIELDS_OF_BOTH, "address of who was answered") \
	X(DEST_PORT, "dest_port", FIELDS_OF_BOTH, "its port; of ICMP the echo identifier") \
	X(PROTOCOL, "protocol", FIELDS_OF_BOTH, "TCP, ICMP or ICMPv6") \
	X(RTT, "rtt", FIELDS_OF_RTT, "the round-trip time in ns") \
	X(MIN_RTT, "min_rtt", FIELDS_OF_RTT, "the least of the flow's direction so far, in ns") \
	X(SENT_PACKETS, "sent_packets", FIELDS_OF_BOTH, \
	  "what dest has sent to src so far; openings have none") \
	X(SENT_BYTES, "sent_bytes", FIELDS_OF_BOTH, "the same in bytes, from the IP header on") \
	X(REC_PACKETS, "rec_packets", FIELDS_OF_BOTH, "what src has sent to dest so far") \
	X(REC_BYTES, "rec_bytes", FIELDS_OF_BOTH, "the same in bytes, from the IP header on") \
	X(MATCH_ON_EGRESS, "match_on_egress", FIELDS_OF_RTT, "was the reply leaving the interface?") \
	X(FLOW_EVENT, "flow_event", FIELDS_OF_FLOW, "opening or closing") \
	X(REASON, "reason", FIELDS_OF_FLOW, "the packet that opened or closed the flow, or timeout") \
	X(TRIGGERED_BY, "triggered_by", FIELDS_OF_FLOW, "who sent it: src, dest, garbage collection") \
	X(DURATION, "duration", FIELDS_OF_FLOW, \
	  "of closings: ns from the flow's first packet to its last") \
	X(RTTS, "rtts", FIELDS_OF_FLOW, "of closings: RTTs found in both directions") \
	X(LOST_EVENTS, "lost_events", FIELDS_OF_LOST, "events lost since the last such record") \
	X(IP_VERSION, "ip_version", FIELDS_OF_BOTH, "4 or 6") \
	X(FLOW_ID, "flow_id", FIELDS_OF_BOTH, "keyed hash of a flow, new in each run") \
	X(SRC_SCOPE, "src_scope", FIELDS_OF_BOTH, "public, private, CGNAT, link-local, ...") \
	X(DEST_SCOPE, "dest_scope", FIELDS_OF_BOTH, "the same of who was answered") \
	X(INTERFACE, "interface", FIELDS_OF_BOTH, "where the packet was seen; usual if there are several")
/* clang-format on */

/* FIELD_RTT is a number, FIELD_BIT(RTT) a bit of a set. */
enum field {
#define FIELD_ENUM(name, key, kinds, help) FIELD_##name,
	FIELDS(FIELD_ENUM)
#undef FIELD_ENUM
		FIELD_COUNT
};
#define FIELD_BIT(name) (1u << FIELD_##name)
_Static_assert(FIELD_COUNT <= 32, "a set is a uint32_t");

/* What needs --counters. Of flow events only closings have them. */
#define FIELDS_COUNTERS                                                             \
	(FIELD_BIT(SENT_PACKETS) | FIELD_BIT(SENT_BYTES) | FIELD_BIT(REC_PACKETS) | \
	 FIELD_BIT(REC_BYTES) | FIELD_BIT(DURATION) | FIELD_BIT(RTTS))
#define FIELDS_ADDRESSES (FIELD_BIT(SRC_IP) | FIELD_BIT(DEST_IP))
#define FIELDS_SCOPES (FIELD_BIT(SRC_SCOPE) | FIELD_BIT(DEST_SCOPE))
/* What records have unless something else is asked for. */
#define FIELDS_USUAL ((FIELD_BIT(IP_VERSION) - 1) & ~FIELDS_COUNTERS)

/* The fields of a kind of records. */
static inline uint32_t fields__of(unsigned int kind)
{
#define FIELD_OF(name, key, kinds, help) | ((kinds)&kind ? FIELD_BIT(name) : 0)
	return 0 FIELDS(FIELD_OF);
#undef FIELD_OF
}

/* Those that no other kind has. */
static inline uint32_t fields__own(unsigned int kind)
{
#define FIELD_OWN(name, key, kinds, help) | ((kinds) == kind ? FIELD_BIT(name) : 0)
	return 0 FIELDS(FIELD_OWN);
#undef FIELD_OWN
}

/*
 * The kinds that are written with this set of fields: those of which it has a field
 * that no other kind has; if there is none, RTTs and flow events.
 */
static inline unsigned int fields__kinds(uint32_t fields)
{
	unsigned int kinds = (fields & fields__own(FIELDS_OF_RTT) ? FIELDS_OF_RTT : 0) |
			     (fields & fields__own(FIELDS_OF_FLOW) ? FIELDS_OF_FLOW : 0) |
			     (fields & fields__own(FIELDS_OF_LOST) ? FIELDS_OF_LOST : 0);

	return kinds ? kinds : FIELDS_OF_BOTH;
}

/* The field of that key, or -1. */
int fields__find(const char *key, size_t len);

const char *fields__key(enum field field);

/* A table for --fields help. */
void fields__print(FILE *out);

#endif /* SRC_FIELDS_H */
