// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine's kernel host: the entry points for tc, XDP and the cleaning iterator.
 * Its maps and the seam's functions on BPF helpers are in kern/.
 *
 * Every packet passes on untouched, whatever we make of it: the programs return
 * TCX_NEXT (the same value as TC_ACT_UNSPEC) or XDP_PASS and nothing else.
 */
#include <stddef.h>
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "kern/host.h"

#include "engine/match.h"

#include "kern/clean.h"
#include "kern/prefixes.h"

/* What we need of the kernel's own types; CO-RE finds the offsets. */
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
} __attribute__((preserve_access_index));

/* --- packets ---------------------------------------------------------------------- */

__noinline int parse_slow_tc(struct __sk_buff *ctx, struct packet *p)
{
	struct host h = { .ctx = ctx };

	if (!p)
		return PPING_COUNT_MALFORMED;
	h.frame_length = ctx->len;
	return packet_parse_slow(&h, p);
}

__noinline int parse_slow_xdp(struct xdp_md *ctx, struct packet *p)
{
	struct host h = { .ctx = ctx, .xdp = 1 };

	if (!p)
		return PPING_COUNT_MALFORMED;
	h.frame_length = bpf_xdp_get_buff_len(ctx);
	return packet_parse_slow(&h, p);
}

/* An interface's number; 0: it is not monitored. Without a branch: one path to verify. */
static __always_inline __u32 find_number(__u32 ifindex)
{
	__u32 index = ifindex & PPING_IFINDEX_MASK;
	volatile __u32 *found = bpf_map_lookup_elem(&numbers, &index);
	__u32 word = found ? *found : 0;
	__u64 same = (__u64)(word >> PPING_IFINDEX_BITS ^ ifindex >> PPING_IFINDEX_BITS) - 1;

	engine_opaque(same); /* all ones if there is no difference */
	return word & same >> 32 & PPING_IFINDEX_MASK;
}

/* The verifier knows nothing of what a function of its own returns. */
static __always_inline int slow_verdict(int verdict)
{
	return verdict >= 0 && verdict < PPING_VERDICT_COUNT ? verdict : PPING_COUNT_MALFORMED;
}

/* What the packet's way through the engine needs; the rest is set where it is read. */
static __always_inline int open_host(struct host *h, void *ctx, const __u32 *ifindex)
{
	h->ctx = ctx;
	h->now = 0;
	h->number = 0;
	if (config.extras) {
		if (config.several)
			h->number = find_number(*ifindex);
		if (config.aggregate)
			h->shard = (bpf_get_smp_processor_id() & config.prefix_shard_mask) *
				   config.max_prefixes;
	}
	h->counters = bpf_map_lookup_elem(&counters, &h->number);
	return h->counters != NULL;
}

/* A virtual machine's super-packets come without their number, include/linux/virtio_net.h. */
static __always_inline __u32 count_segments(const struct __sk_buff *ctx, const struct packet *p)
{
	__u32 segments = ctx->gso_segs, size = ctx->gso_size;

	if (!segments && size && p->length > p->headers)
		segments = (p->length - p->headers + size - 1) / size;
	return segments ? segments : 1;
}

/* How did it come here? Flows and prefixes have a packet once, verdicts each interface for itself. */
static __always_inline __u8 how_it_came(const struct __sk_buff *ctx, __u8 way)
{
	if (config.loopback)
		return PPING_CAME_NOT;
	if (way == PPING_MATCH_INGRESS)
		return PPING_CAME_NOW;
	if (ctx->ingress_ifindex && find_number(ctx->ingress_ifindex))
		return PPING_CAME_BY_WATCHED;
	return PPING_CAME_OTHERWISE;
}

/* Counted when it left: it adds nothing to the totals of its flow and prefixes. */
static __always_inline void forget_size(struct packet *p)
{
	p->segments = 0;
	p->length = 0;
	p->headers = 0;
}

static __always_inline int handle_tc(struct __sk_buff *ctx, __u8 way)
{
	struct packet p;
	struct host h;
	int verdict;

	h.way = way;
	h.xdp = 0;
	if (!open_host(&h, ctx, &ctx->ifindex))
		return -1;
	verdict = packet_parse_fast((const void *)(long)ctx->data,
				    (const void *)(long)ctx->data_end, &p);
	if (verdict == PACKET_SLOW) {
		__builtin_memset(&p, 0, sizeof(p));
		verdict = slow_verdict(parse_slow_tc(ctx, &p));
	}
	p.segments = 1;
	if (config.extras && (config.counters || config.aggregate)) {
		if (config.aggregate || match_wants(verdict, &p))
			p.segments = count_segments(ctx, &p);
		if (config.several)
			h.came = how_it_came(ctx, way);
		if (config.loopback && way == PPING_MATCH_INGRESS)
			forget_size(&p);
	}
	match_take_packet(&h, &p, verdict);
	return -1; /* TCX_NEXT, TC_ACT_UNSPEC */
}

SEC("tc")
int pping_egress(struct __sk_buff *ctx)
{
	return handle_tc(ctx, PPING_MATCH_EGRESS);
}

SEC("tc")
int pping_ingress(struct __sk_buff *ctx)
{
	return handle_tc(ctx, PPING_MATCH_INGRESS);
}

/* With multi-buffer support or without, see select_xdp() in src/kernel.c: "xdp.frags" would leave no choice. */
SEC("xdp")
int pping_xdp(struct xdp_md *ctx)
{
	struct packet p;
	struct host h;
	int verdict;

	h.way = PPING_MATCH_INGRESS;
	h.came = PPING_CAME_NOW;
	h.xdp = 1;
	if (!open_host(&h, ctx, &ctx->ingress_ifindex))
		return XDP_PASS;
	verdict = packet_parse_fast((const void *)(long)ctx->data,
				    (const void *)(long)ctx->data_end, &p);
	if (verdict == PACKET_SLOW) {
		__builtin_memset(&p, 0, sizeof(p));
		verdict = slow_verdict(parse_slow_xdp(ctx, &p));
	}
	p.segments = 1;
	if (config.extras && (config.counters || config.aggregate) &&
	    ctx->ingress_ifindex == config.loopback_ifindex)
		forget_size(&p);
	match_take_packet(&h, &p, verdict);
	return XDP_PASS;
}

/* --- cleaning ---------------------------------------------------------------------- */

SEC("iter/bpf_map_elem")
int pping_clean(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct pping_flow *f = ctx->value;
	struct pping_flow_key key, *k = ctx->key;
	struct pping_cleanup *c;
	__u32 zero = 0, state;

	c = bpf_map_lookup_elem(&cleanup, &zero);
	if (!k || !f || !c)
		return 0;
	if (c->n[PPING_CLEANUP_SEEN] % PPING_CLEANUP_PIECE == 0) {
		struct pping_event mark = { .type = PPING_EVENT_MARK };

		bpf_seq_write(seq, &mark, pping_event_size(config.counters));
	}
	key = *k; /* deleting reads the key while the entry goes */
	state = f->state;
	if (config.rules && rules_drop_flow(f, &key)) {
		/* nothing is said of it any more: closed */
		remove_flow(c, &key, PPING_STATE_CLOSED);
	} else if (flow_expired(f, *(volatile __u32 *)&shared.epoch) && is_still(&key, f)) {
		if (!config.no_flow_events &&
		    (state & (PPING_STATE_REPLIED | PPING_STATE_CLOSED)) == PPING_STATE_REPLIED &&
		    announce_timeout(seq, f))
			return 0; /* no room: the kernel calls again for this entry */
		remove_flow(c, &key, state);
	} else if (state & PPING_STATE_REPLIED) {
		c->n[PPING_CLEANUP_REPLIED]++;
	}
	c->n[PPING_CLEANUP_SEEN]++;
	return 0;
}

char _license[] SEC("license") = "GPL";
