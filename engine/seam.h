/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine asks of its host. pping_kern.c answers with BPF maps and
 * helpers, a capture host with ordinary memory. The engine calls nothing else.
 *
 * A host defines struct host, the constant `config` (struct pping_config) and
 * these functions before it includes the rest of engine/. Pointers a host
 * returns stay readable until the packet is done; NULL means there is none.
 */
#ifndef ENGINE_SEAM_H
#define ENGINE_SEAM_H

#include <linux/types.h>

#include "pping.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * A function that the verifier walks once, for any arguments, and whose result is
 * any number to it; other functions of their own it walks along each path to them.
 * What its arguments point to must be written on all paths.
 */
#ifdef __bpf__
#define engine_global __noinline
#else
#define engine_global static __attribute__((unused))
#endif

/* Makes the compiler use one register for x, so that the verifier sees the bounds it was checked for. */
#define engine_opaque(x) asm volatile("" : "+r"(x))

/* Keeps x out of registers: where there are not enough of them they are worse than memory read once. */
#define engine_in_memory(x) asm volatile("" : : "r"(&(x)) : "memory")

struct host;
struct packet_options;

/* Nanoseconds of a clock that never goes back; read when a packet first needs it, then kept for it. */
static __always_inline __u64 host__now(struct host *h);
/* The same as of the kernel's last tick (10 ms ago at most) unless it was read: cheap enough for every packet. */
static __always_inline __u64 host__now_roughly(struct host *h);
/* The coarse clock that flows age by, see struct pping_shared. */
static __always_inline __u32 host__epoch(struct host *h);

/* Copy len bytes at offset off of the frame; 0, or negative if it doesn't hold them. */
static __always_inline int host__read(struct host *h, __u32 off, void *to, __u32 len);
/*
 * packet_options_timestamps() of engine/packet.h: its loop over the bytes is
 * the one thing that the BPF verifier must see as a function of its own.
 */
static __always_inline int host__timestamps(const struct packet_options *options, __u32 len,
					    __u32 *tsval, __u32 *tsecr);
/* Bytes of the whole frame, also those that can't be read (snapped, in fragments). */
static __always_inline __u32 host__frame_length(struct host *h);

static __always_inline struct pping_flow *host__flow_find(struct host *h,
							  const struct pping_flow_key *key);
/* An entry to prepare a new one in, too big for a BPF stack; its contents are of no meaning. NULL: no room. */
static __always_inline struct pping_flow *host__flow_blank(struct host *h);
/* Add a copy of init unless key is there already; the entry, or NULL if there is no room. */
static __always_inline struct pping_flow *
host__flow_create(struct host *h, const struct pping_flow_key *key, const struct pping_flow *init);
/* 0, or negative if it was not there. */
static __always_inline int host__flow_delete(struct host *h, const struct pping_flow_key *key);

/* index is below PPING_SPILL_BUCKETS. */
static __always_inline struct pping_spill_bucket *host__spill_bucket(struct host *h, __u32 index);

/* index is below PPING_DOOR_BUCKETS. */
static __always_inline struct pping_door *host__door(struct host *h, __u32 index);
static __always_inline struct pping_pressure *host__pressure(struct host *h);
/* Do all CPUs together see more new flows than they should? */
static __always_inline int host__is_pressed(struct host *h);

/* Is it an address of the host we run on? */
static __always_inline int host__is_local(struct host *h, const union pping_addr *addr);
static __always_inline __u32 host__local_generation(struct host *h);
/* Which way the present packet goes: an enum pping_match. */
static __always_inline int host__way(struct host *h);

/* With config.several: an enum pping_came. */
static __always_inline int host__came(struct host *h);
/* With config.several and config.aggregate. index is below PPING_ARRIVAL_BUCKETS, h is of no meaning. */
static __always_inline struct pping_arrivals *host__arrivals(struct host *h, __u32 index);

/* With config.rules: which generation of rules holds, and what it says of a key: PPING_RULE_ bits. */
static __always_inline __u32 host__rules_generation(struct host *h);
static __always_inline __u32 host__rules(struct host *h, __u32 generation,
					 const struct pping_rule_key *key);

/* Hand an event to the user, or count it as lost. */
static __always_inline void host__emit(struct host *h, struct pping_event *event);
static __always_inline void host__count(struct host *h, enum pping_counter counter);
/* The present packet, once: under the verdict of packet_parse_*() or PPING_COUNT_EXCLUDED. */
static __always_inline void host__count_packet(struct host *h, int verdict);

/* With config.aggregate only: */

/* Adds to a counter. */
static __always_inline void host__add(struct host *h, enum pping_counter counter, __u64 n);
/* n to a counter, m to the next. */
static __always_inline void host__add_both(struct host *h, enum pping_counter counter, __u64 n,
					   __u64 m);
/*
 * The place of a prefix, made if need be: below config.max_prefixes, and
 * PPING_PREFIX_OTHER if there is no room. *at: its counters that this CPU writes.
 */
static __always_inline __u32 host__prefix(struct host *h, const struct pping_prefix_key *key,
					  struct pping_prefix **at);
/* Which half of the RTTs is being written, 0 or 1: may change while a packet is looked at. */
static __always_inline __u32 host__rtts_half(struct host *h);
/* The RTTs of a place in that half. */
static __always_inline struct pping_rtts *host__prefix_rtts(struct host *h, __u32 half,
							    __u32 place);

#endif /* ENGINE_SEAM_H */
