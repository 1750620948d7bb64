/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam's functions on BPF helpers and maps. What aggregation asks for stands in
 * kern/prefixes.h.
 */
#ifndef KERN_HOST_H
#define KERN_HOST_H

#include <linux/errno.h>

#include "engine/seam.h"
#include "kern/maps.h"

struct host {
	void *ctx;
	struct pping_counters *counters; /* this CPU's */
	__u64 now; /* once read */
	__u32 frame_length;
	__u32 shard; /* where this CPU's packet counters begin, with config.aggregate */
	__u32 number; /* the interface's, with config.several */
	__u8 way; /* enum pping_match */
	__u8 came; /* enum pping_came, with config.several */
	__u8 xdp;
};

static __always_inline __u64 read_clock(void)
{
	return config.test_clock ? *(volatile __u64 *)&shared.test_now : bpf_ktime_get_ns();
}

/* One time a packet: what handing over an event costs is not part of an RTT. */
static __always_inline __u64 host__now(struct host *h)
{
	if (!h->now)
		h->now = read_clock();
	return h->now;
}

static __always_inline __u64 host__now_roughly(struct host *h)
{
	return h->now || config.test_clock ? host__now(h) : bpf_ktime_get_coarse_ns();
}

static __always_inline __u32 host__epoch(struct host *h)
{
	return *(volatile __u32 *)&shared.epoch;
}

static __always_inline int host__read(struct host *h, __u32 off, void *to, __u32 len)
{
	if (h->xdp)
		return bpf_xdp_load_bytes(h->ctx, off, to, len);
	return bpf_skb_load_bytes(h->ctx, off, to, len);
}

static __always_inline __u32 host__frame_length(struct host *h)
{
	return h->frame_length;
}

static __always_inline struct pping_flow *host__flow_find(struct host *h,
							  const struct pping_flow_key *key)
{
	return bpf_map_lookup_elem(&flows, key);
}

static __always_inline struct pping_flow *host__flow_blank(struct host *h)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&blank, &zero);
}

static __always_inline struct pping_flow *
host__flow_create(struct host *h, const struct pping_flow_key *key, const struct pping_flow *init)
{
	/* EEXIST: another CPU made it in this moment, as good as ours */
	if (!bpf_map_update_elem(&flows, key, init, BPF_NOEXIST))
		host__count(h, PPING_COUNT_FLOWS_CREATED);
	return bpf_map_lookup_elem(&flows, key);
}

static __always_inline int host__flow_delete(struct host *h, const struct pping_flow_key *key)
{
	return bpf_map_delete_elem(&flows, key);
}

static __always_inline struct pping_spill_bucket *host__spill_bucket(struct host *h, __u32 index)
{
	return bpf_map_lookup_elem(&spill, &index);
}

static __always_inline struct pping_door *host__door(struct host *h, __u32 index)
{
	return bpf_map_lookup_elem(&door, &index);
}

static __always_inline struct pping_pressure *host__pressure(struct host *h)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&pressure, &zero);
}

static __always_inline int host__is_pressed(struct host *h)
{
	return *(volatile __u32 *)&shared.pressed;
}

static __always_inline int host__is_local(struct host *h, const union pping_addr *addr)
{
	/* 127.0.0.0/8 is ours without being listed */
	if (addr->q[0] == 0 && addr->w[2] == __builtin_bswap32(0xffff) && addr->b[12] == 127)
		return 1;
	return bpf_map_lookup_elem(&local_addrs, addr) != NULL;
}

static __always_inline __u32 host__local_generation(struct host *h)
{
	return *(volatile __u32 *)&shared.local_generation;
}

static __always_inline __u32 host__rules_generation(struct host *h)
{
	return *(volatile __u32 *)&shared.rules_generation;
}

static __always_inline __u32 host__rules(struct host *h, __u32 generation,
					 const struct pping_rule_key *key)
{
	const __u32 *found = generation & 1 ? bpf_map_lookup_elem(&rules_1, key)
					    : bpf_map_lookup_elem(&rules_0, key);

	return found ? *found : 0;
}

static __always_inline int host__way(struct host *h)
{
	return h->way;
}

static __always_inline int host__came(struct host *h)
{
	return h->came;
}

static __always_inline struct pping_arrivals *host__arrivals(struct host *h, __u32 index)
{
	return bpf_map_lookup_elem(&arrivals, &index);
}

static __always_inline void host__count(struct host *h, enum pping_counter counter)
{
	h->counters->n[counter]++;
}

static __always_inline void host__count_packet(struct host *h, int verdict)
{
	__u32 index = verdict;

	engine_opaque(index);
	if (index < PPING_VERDICT_COUNT) /* always: for the verifier, see slow_verdict() */
		host__count(h, index);
}

static __always_inline enum pping_counter lost_counter(long err)
{
	switch (err) {
	case -ENOSPC:
		return PPING_COUNT_LOST_ENOSPC;
	case -ENOENT:
		return PPING_COUNT_LOST_ENOENT;
	case -EOPNOTSUPP:
		return PPING_COUNT_LOST_EOPNOTSUPP;
	case -E2BIG:
		return PPING_COUNT_LOST_E2BIG;
	case -EINVAL:
		return PPING_COUNT_LOST_EINVAL;
	case -EBUSY:
		return PPING_COUNT_LOST_EBUSY;
	default:
		return PPING_COUNT_LOST_OTHER;
	}
}

static __always_inline void host__emit(struct host *h, struct pping_event *event)
{
	__u64 size = pping_event_size(config.counters);
	long err;

	if (config.several)
		event->interface = h->number;
	err = bpf_perf_event_output(h->ctx, &events, BPF_F_CURRENT_CPU, event, size);

	host__count(h, err ? lost_counter(err) : PPING_COUNT_EVENTS_EMITTED);
}

static __always_inline int host__timestamps(const struct packet_options *options, __u32 len,
					    __u32 *tsval, __u32 *tsecr);

#include "engine/packet.h"

struct timestamps {
	__u32 tsval;
	__u32 tsecr;
};

/* A function of its own for the verifier: inlined, its paths multiply with all others. */
__noinline int find_timestamps(const struct packet_options *options, __u32 len,
			       struct timestamps *found)
{
	if (!options || !found)
		return -1;
	return packet_options_timestamps(options, len, &found->tsval, &found->tsecr);
}

static __always_inline int host__timestamps(const struct packet_options *options, __u32 len,
					    __u32 *tsval, __u32 *tsecr)
{
	struct timestamps found = {};
	int err = find_timestamps(options, len, &found);

	*tsval = found.tsval;
	*tsecr = found.tsecr;
	return err;
}

#endif /* KERN_HOST_H */
