/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel side and userspace share: the configuration, the keys, the
 * events, the counters and their sizes. Includes kernel uapi headers only, so
 * that both compilers read it.
 *
 * Invariants:
 *  - addresses and ports are in network byte order, IPv4 as ::ffff:a.b.c.d;
 *  - times are nanoseconds of CLOCK_MONOTONIC unless a name says otherwise;
 *  - every struct that crosses the boundary has its size asserted here.
 */
#ifndef PPING_H
#define PPING_H

#include <linux/types.h>

#define PPING_VERSION "0.1.0"

#define PPING_NS_PER_SEC 1000000000ULL
#define PPING_NS_PER_MS 1000000ULL

/* Identifiers (TSvals, echo sequence numbers) a flow entry holds per direction. */
#define PPING_SLOTS 4
/* Stored times count in units of 16 ns, so that 32 bits reach 68 s. */
#define PPING_TIME_SHIFT 4
/* An answer later than this is not an RTT but a leftover. */
#define PPING_MAX_RTT_NS (60 * PPING_NS_PER_SEC)

/* Fixed point of --rtt-rate: 16 fractional bits. */
#define PPING_RATE_SHIFT 16
#define PPING_MAX_RTT_RATE 10000

/* Seconds, counted in epochs (see struct pping_shared). */
#define PPING_IDLE_TIMEOUT 300
#define PPING_ICMP_TIMEOUT 30
#define PPING_UNANSWERED_TIMEOUT 30
/* How long a closed flow's entry absorbs stragglers. */
#define PPING_CLOSED_LINGER 5

/* Spilled timestamps: buckets of four ways in an array map, a power of two. */
#define PPING_SPILL_WAYS 4
#define PPING_SPILL_BUCKETS 65536
#define PPING_SPILL_BUSY 1ULL

/*
 * Flows waiting at the door under pressure: buckets of 15 tags in an array map, a
 * power of two. At a million new flows a second they last for 0.6 s and more.
 */
#define PPING_DOOR_WAYS 15
#define PPING_DOOR_BUCKETS 65536
/* Creations are counted in windows of 2^26 ns (67 ms). */
#define PPING_PRESSURE_WINDOW_SHIFT 26
#define PPING_PRESSURE_WINDOWS_PER_SEC 15

#define PPING_MAX_LOCAL_ADDRS 65536

/* Entries of --include and --exclude. Both families' roots may join each port's. */
#define PPING_MAX_RULES 262144
#define PPING_MAX_RULE_ENTRIES (2 * PPING_MAX_RULES + 2)

/* Interfaces at a time, and the numbers that they and some that are gone go by: 0 is the run's own. */
#define PPING_MAX_INTERFACES 256
#define PPING_INTERFACE_NUMBERS 320
/* A number is found by the low bits of an ifindex: {ifindex's other bits : 16, number : 16}. */
#define PPING_IFINDEX_BITS 16
#define PPING_IFINDEX_MASK ((1U << PPING_IFINDEX_BITS) - 1)

/* With several interfaces, what of a packet that leaves arrived: see engine/arrivals.h. A power of two. */
#define PPING_ARRIVAL_BUCKETS 2048
#define PPING_ARRIVAL_WAYS 7

/*
 * RTT histograms: eight bins of equal width in each power of two from 512 ns
 * (2^9) to 68.7 s (2^36), and one below and one above these.
 */
#define PPING_HIST_FIRST 9
#define PPING_HIST_LAST 36
#define PPING_HIST_SUB_SHIFT 3
#define PPING_HIST_BINS (((PPING_HIST_LAST - PPING_HIST_FIRST) << PPING_HIST_SUB_SHIFT) + 2)

/* Places in the prefix table that are no prefix's own. */
#define PPING_PREFIX_OTHER 0 /* whatever found no place */
#define PPING_PREFIX_ICMP 1 /* the RTTs of ICMP echo, of all prefixes, if TCP is tracked too */
#define PPING_PREFIX_FIRST 2
/* Packet counters exist as often as CPUs write them, but not more often than this: a power of two. */
#define PPING_PREFIX_SHARDS_MAX 4

/* An unanswered flow should keep its place for this long, whatever else arrives. */
#define PPING_TURNOVER_SECONDS 2
#define PPING_PRESSURE_LEAST 16

/* New flows a window that turn the whole table over in that time. */
static inline __u32 pping_pressure_limit(__u32 max_flows)
{
	__u32 limit = max_flows / PPING_TURNOVER_SECONDS / PPING_PRESSURE_WINDOWS_PER_SEC;

	return limit < PPING_PRESSURE_LEAST ? PPING_PRESSURE_LEAST : limit;
}

/* Constant once the programs are loaded: the verifier removes dead branches. */
struct pping_config {
	__u64 rate_limit_ns; /* least time between samples of a direction; 0: none */
	__u32 rtt_rate; /* fixed point, see PPING_RATE_SHIFT; 0: off */
	__u32 nh_key[2][10]; /* keys of the IPv6 tuple hash, random per run */
	__u64 spill_seed[3]; /* keys of the flows' hash; [1], [2] odd */
	__u32 max_prefixes; /* places in the prefix table, with --aggregate */
	__be32 prefix_mask4; /* the bits of an address that make its prefix */
	__be32 prefix_mask6[2];
	__u32 prefix_shard_mask; /* shards - 1 */
	__u32 prefix_hint_mask; /* hints - 1 */
	__u32 loopback_ifindex; /* of XDP, whose program is for all interfaces; 0: of none */
	__u32 pressure_limit; /* new flows per window from which on they must be answered first; 0: off */
	union {
		struct {
			__u8 counters; /* count packets, bytes and RTTs per flow, and its duration */
			__u8 aggregate; /* count packets and RTTs per prefix */
			__u8 several; /* interfaces may be: each packet is counted by its interface's number */
			__u8 rules; /* PPING_RULES_: ask before anything is kept of a packet */
		};
		__u32 extras; /* any of these: one look where none of them is wanted */
	};
	__u8 use_srtt; /* --rtt-rate multiplies the smoothed RTT, not the minimum */
	__u8 track_tcp;
	__u8 track_icmp;
	__u8 include_local;
	__u8 include_syn;
	__u8 prefix_private; /* each CPU has a shard of its own: nobody else writes there */
	__u8 aggregate_reverse; /* an RTT belongs to who was answered, not to who answered */
	__u8 no_rtt_events; /* nobody wants them: aggregate only, or chosen fields */
	__u8 no_flow_events;
	__u8 l3_device; /* frames begin with the IP header */
	__u8 loopback; /* what leaves arrives here again */
	__u8 debug_cleanup; /* count what a cleaning pass did */
	__u8 test_clock; /* tests only: time is shared.test_now */
};

/* Written by userspace while the programs run; a map of its own. */
struct pping_shared {
	__u32 epoch; /* ticks of the event loop, one a second while it runs; from 1 */
	__u32 local_generation; /* changes with the set of local addresses */
	__u64 test_now; /* nanoseconds; used only with config.test_clock */
	__u32 pressed; /* all CPUs together see more new flows than pressure_limit */
	__u32 half; /* which half of the RTT aggregates is being written: 0 or 1 */
	__u32 rules_generation; /* changes with the rules; they are in table rules_0 or rules_1, by its lowest bit */
	__u32 reserved;
};
_Static_assert(sizeof(struct pping_shared) == 32, "shared between hosts");

union pping_addr {
	__u8 b[16];
	__be32 w[4];
	__u64 q[2];
};
_Static_assert(sizeof(union pping_addr) == 16, "shared between hosts");

/*
 * Both directions of a flow have one key. IPv4: the lower address and the
 * higher, their ports and the protocol themselves. IPv6: a keyed hash of the
 * ordered tuple (NH, RFC 4418 section 5.2.2, 2^-63 for any two tuples); the top bit of b is
 * set, which no IPv4 key has.
 */
struct pping_flow_key {
	__u64 a;
	__u64 b;
};
_Static_assert(sizeof(struct pping_flow_key) == 16, "shared between hosts");

/*
 * --include and --exclude: what they say of an address is the value of the
 * longest prefix that it is in. Rules with a port are looked up with that port;
 * those without one under port 0, and hold for every port.
 */
struct pping_rule_key {
	__u32 prefix_len; /* bits of what follows */
	__u16 zero;
	__be16 port;
	union pping_addr addr;
};
_Static_assert(sizeof(struct pping_rule_key) == 24, "shared between hosts");
#define PPING_RULE_PORT_BITS 32
#define PPING_RULE_KEY_BITS (PPING_RULE_PORT_BITS + 128)

enum pping_rule {
	PPING_RULE_INCLUDED = 1 << 0, /* without --include all addresses are */
	PPING_RULE_EXCLUDED = 1 << 1,
	PPING_RULE_PORTS = 1 << 2, /* there are rules with a port: look these up too */
};

/* Whose rules there are: config.rules. */
enum pping_rules {
	PPING_RULES_NONE,
	PPING_RULES_EXCLUDE,
	PPING_RULES_INCLUDE, /* with or without others to exclude */
};

/* Is a packet left out? rules: what they say of both its ends, one on top of the other. */
static inline int pping_rules_exclude(__u32 rules)
{
	return (rules & (PPING_RULE_INCLUDED | PPING_RULE_EXCLUDED)) != PPING_RULE_INCLUDED;
}

/* A direction of a flow: the packets that endpoint 0 (or 1) sends. */
struct pping_direction {
	/* {identifier : 32, stamp time in 16 ns units : 32}; 0 is free */
	__u64 slot[PPING_SLOTS];
	/* this sampling round: {first stamp in 16 ns units : 56, number : 4, done : 1, stamps : 3} */
	__u64 round;
	/* {minimum RTT in ns : 36, smoothed RTT in 256 ns units : 28}; 0: no RTT yet */
	__u64 rtts;
	union pping_addr addr; /* of the endpoint that sends this direction */
};
_Static_assert(sizeof(struct pping_direction) == 64, "one cache line");

struct pping_flow_count {
	__u64 packets;
	__u64 bytes; /* from the IP header on, the packets inside a super-packet each with its headers */
};

/* The first cache line is all that the common packet reads. */
struct pping_flow {
	__u64 shown
		[2]; /* newest identifier each direction has shown: {far behind : 2, valid : 1, identifier : 32} */
	__u64 answered[2]; /* newest answer looked up for each direction, likewise */
	__u32 state; /* PPING_STATE_ */
	__u32 epoch; /* when it last carried a packet */
	__be16 port[2];
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_ICMP or IPPROTO_ICMPV6 */
	__u8 ip_version; /* 4 or 6 */
	__u8 local; /* PPING_LOCAL_ bits, valid for local_generation */
	__u8 local_generation;
	__u32 tag; /* of the key: entries are recycled under a reader's feet */
	__u32 isn; /* sequence number of the SYN that opened it */
	__u8 slot_note
		[2][PPING_SLOTS]; /* {more of the stamp time : 4, round : 4}, see engine/match.h */
	struct pping_direction dir[2];
	/* a cache line that is in the map only with config.counters */
	struct pping_flow_count count[2];
	__u64 first; /* when the first packet was counted */
	__u64 last; /* and the last one: up to a tick of the kernel's clock early (1 to 10 ms) */
	__u64 rtts; /* found so far, of both directions */
	__s32 inside[2]; /* with config.several: packets that arrived and were not seen leaving */
};
#define PPING_FLOW_SIZE 192 /* without the counters */
_Static_assert(__builtin_offsetof(struct pping_flow, dir) == 64, "hot line");
_Static_assert(__builtin_offsetof(struct pping_flow, count) == PPING_FLOW_SIZE,
	       "shared between hosts");
_Static_assert(sizeof(struct pping_flow) == PPING_FLOW_SIZE + 64, "whole cache lines");

enum pping_state {
	PPING_STATE_OPENER = 1 << 0, /* direction of the first packet seen */
	PPING_STATE_REPLIED = 1 << 1, /* seen in both directions, opening announced */
	PPING_STATE_SYN = 1 << 2, /* isn is valid */
	PPING_STATE_FIN = 1 << 3, /* and 1 << 4: a FIN of each direction */
	PPING_STATE_CLOSED = 1 << 5,
	PPING_STATE_SPILLED =
		1 << 6, /* and 1 << 7: identifiers of each direction in the spill table */
	PPING_STATE_ESTABLISHED = 1 << 8, /* a packet beyond the handshake was seen */
	PPING_STATE_ARRIVED = 1 << 9, /* and 1 << 10: of each direction, with config.several */
};
/* With config.rules the generation of rules that let the flow in stands above these bits. */
#define PPING_STATE_RULES_SHIFT 24

enum pping_local {
	PPING_LOCAL_KNOWN = 1 << 0, /* and 1 << 1: for each direction's destination */
	PPING_LOCAL_YES = 1 << 2, /* and 1 << 3 */
};

#define PPING_VALID (1ULL << 32)

/* --- aggregation per prefix --- */

struct pping_prefix_key {
	__be32 w[2]; /* the first 64 bits, masked; IPv4 in w[1] */
	__u32 ip_version; /* 4 or 6; 0: no prefix */
};
_Static_assert(sizeof(struct pping_prefix_key) == 12, "shared between hosts");

/*
 * A value in the table of prefixes: {tag of the key : 32, place : 32}, one word
 * because entries are recycled under a reader's feet.
 */
#define PPING_PLACE_TAG_SHIFT 32

enum pping_kind {
	PPING_KIND_TCP_TS, /* with an identifier we can use */
	PPING_KIND_TCP_NO_TS,
	PPING_KIND_OTHER,
	PPING_KINDS
};

/*
 * Counts since the prefix got its place, in each shard. What is sent stands on
 * the key's cache line, what is received on the next.
 */
struct pping_prefix {
	struct pping_prefix_key key; /* with ip_version 0 the place is nobody's */
	__u32 reserved0;
	struct pping_flow_count tx[PPING_KINDS]; /* sent by addresses of the prefix */
	struct pping_flow_count rx[PPING_KINDS]; /* sent to them */
	__u64 reserved[2];
};
_Static_assert(sizeof(struct pping_prefix) == 128, "two cache lines");

/*
 * RTTs since the last report. All zero: none yet. 32-bit bins are enough for
 * PPING_FOLD_SECONDS of seven million RTTs a second in one bin.
 */
struct pping_rtts {
	__u64 sum; /* ns */
	__u64 max; /* ns */
	__u64 min_inverted; /* ~minimum in ns, so that both extremes grow */
	__u32 bin[PPING_HIST_BINS]; /* see engine/histogram.h */
};
_Static_assert(sizeof(struct pping_rtts) == 896, "whole cache lines");
#define PPING_FOLD_SECONDS 600

struct pping_spill_entry {
	__u64 tag; /* of flow, direction and identifier; 0: free, PPING_SPILL_BUSY: being written or read */
	__u64 time;
};

struct pping_spill_bucket {
	struct pping_spill_entry way[PPING_SPILL_WAYS];
};
_Static_assert(sizeof(struct pping_spill_bucket) == 64, "one cache line");

struct pping_door {
	__u32 next; /* the way that gives way, modulo PPING_DOOR_WAYS */
	__u32 tag[PPING_DOOR_WAYS]; /* {of the flow : 31, direction : 1} */
};
_Static_assert(sizeof(struct pping_door) == 64, "one cache line");

/* What has arrived, in its bucket's order. */
struct pping_arrivals {
	__u64 word[PPING_ARRIVAL_WAYS];
	__u32 next; /* the way that gives way, modulo PPING_ARRIVAL_WAYS */
	__u32 reserved;
};
_Static_assert(sizeof(struct pping_arrivals) == 64, "one cache line");

/* How a packet came to be where it is seen. */
enum pping_came {
	PPING_CAME_NOW, /* it arrives */
	PPING_CAME_NOT, /* by the loopback device it leaves, and is there again */
	PPING_CAME_OTHERWISE, /* made here, or by a device that may lie on a watched one: PPP does not tell */
	PPING_CAME_BY_WATCHED,
};

/* A flow named from its reply packet: source is who answered. */
struct pping_tuple {
	union pping_addr saddr;
	union pping_addr daddr;
	__be16 sport; /* an ICMP flow's ports are the echo identifier */
	__be16 dport;
	__u8 protocol;
	__u8 ip_version;
};
_Static_assert(sizeof(struct pping_tuple) == 40, "shared between hosts");

enum pping_event_type {
	PPING_EVENT_RTT = 1,
	PPING_EVENT_FLOW,
	PPING_EVENT_LOST, /* made by userspace: lost events since the last such report */
	PPING_EVENT_MARK, /* an iterator's sign of life, never printed */
};

enum pping_flow_event {
	PPING_FLOW_OPENING = 1,
	PPING_FLOW_CLOSING,
};

/* The packet that made us announce a flow event. */
enum pping_reason {
	PPING_REASON_SYN = 1,
	PPING_REASON_SYN_ACK,
	PPING_REASON_FIRST_PACKET,
	PPING_REASON_FIN,
	PPING_REASON_RST,
	PPING_REASON_TIMEOUT,
};

enum pping_trigger {
	PPING_TRIGGER_SRC = 1, /* the flow's source as the event names it */
	PPING_TRIGGER_DEST,
	PPING_TRIGGER_GC, /* garbage collection */
};

/* Where the reply of an RTT was seen. */
enum pping_match {
	PPING_MATCH_INGRESS,
	PPING_MATCH_EGRESS,
	PPING_MATCH_UNKNOWN, /* a capture file does not tell */
};

/*
 * What goes through the perf buffer and comes out of the cleaning; without
 * config.counters it ends before them. With them the closing of a flow has its
 * totals: all that was counted from the first packet up to the one that closed it,
 * or of a timeout and of a SYN that begins another flow up to the last one before.
 */
struct pping_event {
	__u64 timestamp;
	struct pping_tuple flow;
	__u8 type; /* enum pping_event_type */
	__u8 flow_event;
	__u8 reason;
	__u8 triggered_by;
	__u8 match; /* enum pping_match, of an RTT */
	__u8 reserved;
	__u16 interface; /* number of where the packet was seen, with config.several; 0: none */
	union {
		__u64 rtt; /* ns */
		__u64 lost; /* number of events */
		__u64 duration; /* of a closing: ns from the first packet to the last */
	};
	union {
		__u64 min_rtt; /* ns, of this direction of the flow */
		__u64 rtts; /* of a closing: found in both directions, whether reported or not */
	};
	struct pping_flow_count sent; /* by dest to src: the measured direction of an RTT */
	struct pping_flow_count rec; /* by src to dest: the replies */
};
#define PPING_EVENT_SIZE 72 /* without the counters */
_Static_assert(__builtin_offsetof(struct pping_event, sent) == PPING_EVENT_SIZE,
	       "shared between hosts");
_Static_assert(sizeof(struct pping_event) == PPING_EVENT_SIZE + 32, "shared between hosts");

/* Bytes of an event as the kernel hands it over. */
static inline __u32 pping_event_size(int counters)
{
	return counters ? sizeof(struct pping_event) : PPING_EVENT_SIZE;
}

/*
 * Counters, one row each: NAME, label. Every packet is counted under exactly one
 * verdict, so the verdicts add up to the packets seen.
 */
#define PPING_VERDICTS(X)                                       \
	X(TRACKED, "tracked")                                   \
	X(NO_TIMESTAMP, "TCP without timestamps")               \
	X(NOT_ECHO, "ICMP other than echo")                     \
	X(NOT_SELECTED, "TCP or ICMP not asked for")            \
	X(OTHER_PROTOCOL, "other IP protocols")                 \
	X(NOT_IP, "not IP")                                     \
	X(FRAGMENT, "fragments after the first")                \
	X(TRUNCATED, "headers cut short")                       \
	X(MALFORMED, "malformed headers")                       \
	X(EXTENSION_HEADERS, "too many IPv6 extension headers") \
	X(EXCLUDED, "left out by --include or --exclude")

#define PPING_COUNTS(X)                                                           \
	X(RTTS, "RTTs matched")                                                   \
	X(STAMPED, "identifiers stamped")                                         \
	X(FLOWS_CREATED, "flows created")                                         \
	X(FLOWS_OPENED, "flows seen in both directions")                          \
	X(FLOWS_CLOSED, "closed by FIN, RST or a new SYN")                        \
	X(FLOWS_REMOVED, "flow entries removed")                                  \
	X(FLOWS_TIMED_OUT, "timed out")                                           \
	X(FLOWS_UNANSWERED, "flows never seen in the other direction, timed out") \
	X(FLOWS_FAILED, "got no entry")                                           \
	X(FLOWS_PUT_OFF, "new flows put off until answered")                      \
	X(SPILL_OVERWRITTEN, "timestamps overwritten by newer ones")              \
	X(SPILL_BUSY, "timestamps passed over for a busy entry")                  \
	X(RTTS_AGGREGATED, "RTTs aggregated")                                     \
	X(PREFIXES_CREATED, "prefixes")                                           \
	X(PREFIXES_FULL, "addresses counted as everything else, no place left")   \
	X(EXTREMES_BUSY, "minima or maxima passed over for a busy entry")         \
	X(EVENTS_EMITTED, "events handed over")                                   \
	X(LOST_ENOSPC, "events lost: buffer full (ENOSPC)")                       \
	X(LOST_ENOENT, "events lost: no buffer for the CPU (ENOENT)")             \
	X(LOST_EOPNOTSUPP, "events lost: buffer of another CPU (EOPNOTSUPP)")     \
	X(LOST_E2BIG, "events lost: no such CPU (E2BIG)")                         \
	X(LOST_EINVAL, "events lost: EINVAL")                                     \
	X(LOST_EBUSY, "events lost: nested too deep (EBUSY)")                     \
	X(LOST_OTHER, "events lost: another error")                               \
	X(LOST_UNTAKEN, "events lost: timeouts that the output did not take")

/* What all IP packets were, while aggregating: packets and bytes of each, then ECN codepoints. */
#define PPING_TRAFFIC(X)       \
	X(IPV4_TCP, "TCP")     \
	X(IPV4_UDP, "UDP")     \
	X(IPV4_ICMP, "ICMP")   \
	X(IPV4_OTHER, "other") \
	X(IPV6_TCP, "TCP")     \
	X(IPV6_UDP, "UDP")     \
	X(IPV6_ICMP, "ICMPv6") \
	X(IPV6_OTHER, "other")

/* In the order of the codepoints, RFC 3168 section 5. */
#define PPING_ECN(X)          \
	X(NOT_ECT, "not_ect") \
	X(ECT1, "ect1")       \
	X(ECT0, "ect0")       \
	X(CE, "ce")

/* A CPU's new flows in this window and the one before, and of all time. */
struct pping_pressure {
	__u64 window;
	__u32 count;
	__u32 last;
	__u64 total;
};

enum pping_counter {
#define PPING_COUNTER_ENUM(name, label) PPING_COUNT_##name,
	PPING_VERDICTS(PPING_COUNTER_ENUM) PPING_COUNTS(PPING_COUNTER_ENUM)
#undef PPING_COUNTER_ENUM
#define PPING_TRAFFIC_ENUM(name, label) PPING_PACKETS_##name, PPING_BYTES_##name,
		PPING_TRAFFIC(PPING_TRAFFIC_ENUM)
#undef PPING_TRAFFIC_ENUM
#define PPING_ECN_ENUM(name, label) PPING_ECN_##name,
			PPING_ECN(PPING_ECN_ENUM)
#undef PPING_ECN_ENUM
				PPING_COUNTERS
};
#define PPING_TRAFFIC_FIRST PPING_PACKETS_IPV4_TCP
#define PPING_TRAFFIC_PROTOCOLS 4 /* of each family */
#define PPING_TRAFFIC_TCP 0
#define PPING_TRAFFIC_UDP 1
#define PPING_TRAFFIC_ICMP 2
#define PPING_TRAFFIC_OTHER 3
#define PPING_VERDICT_COUNT (PPING_COUNT_EXCLUDED + 1)
#define PPING_LOST_FIRST PPING_COUNT_LOST_ENOSPC
#define PPING_LOST_LAST PPING_COUNT_LOST_UNTAKEN

struct pping_counters {
	__u64 n[PPING_COUNTERS];
};

#endif /* PPING_H */
