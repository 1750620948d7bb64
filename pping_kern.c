// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine's kernel host: its maps, the seam's functions on BPF helpers, and
 * the entry points for tc, XDP and the cleaning iterator.
 *
 * Every packet passes on untouched, whatever we make of it: the programs return
 * TCX_NEXT (the same value as TC_ACT_UNSPEC) or XDP_PASS and nothing else.
 */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/errno.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "pping.h"
#include "pping_debug_cleanup.h"

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

const volatile struct pping_config config;
struct pping_shared shared SEC(".data.shared");

/*
 * struct pping_flow_key -> struct pping_flow, the latter without its counters
 * unless they are asked for (the size is set before loading, so there is no BTF
 * type). An LRU table gives up idle and one-way entries first, and is never full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(key_size, sizeof(struct pping_flow_key));
	__uint(value_size, PPING_FLOW_SIZE);
	__uint(max_entries, 131072);
} flows SEC(".maps");

/* Mapped memory begins on a page: buckets stand on cache lines. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_spill_bucket);
	__uint(max_entries, PPING_SPILL_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
} spill SEC(".maps");

/* Tags of flows that wait at the door under pressure, see flow_admit(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_door);
	__uint(max_entries, PPING_DOOR_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
} door SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_pressure);
	__uint(max_entries, 1);
} pressure SEC(".maps");

/* Where a new entry is prepared. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_flow);
	__uint(max_entries, 1);
} blank SEC(".maps");

/*
 * What --include and --exclude say of prefixes: two tables, of which one holds,
 * see struct pping_shared. Their size is set before loading.
 */
struct rules_table {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(key_size, sizeof(struct pping_rule_key));
	__uint(value_size, sizeof(__u32)); /* PPING_RULE_ bits */
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
};
struct rules_table rules_0 SEC(".maps");
struct rules_table rules_1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, union pping_addr);
	__type(value, __u8);
	__uint(max_entries, PPING_MAX_LOCAL_ADDRS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} local_addrs SEC(".maps");

/*
 * With --aggregate; their sizes are set before loading, one entry each without.
 * Prefixes' places: an index into the two arrays below, which userspace maps.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct pping_prefix_key);
	__type(value, __u64); /* {tag : 32, place : 32} */
	__uint(max_entries, 1);
} prefixes SEC(".maps");

/*
 * Where a prefix was found last, by a hash of it: a guess that its counters'
 * key confirms or not. Three array look-ups in a row are faster than one in a
 * hash map.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} prefix_hints SEC(".maps");

/* Places nobody has. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, 1);
} prefix_places SEC(".maps");

/* Shard after shard, config.max_prefixes in each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_prefix);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
} prefix_packets SEC(".maps");

/* Two halves of config.max_prefixes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_rtts);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
} prefix_rtts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* By the interface's number; one entry unless config.several. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_counters);
	__uint(max_entries, 1);
} counters SEC(".maps");

/*
 * With config.several: PPING_IFINDEX_MASK + 1 entries, see there. An array, because
 * every packet asks.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_cleanup);
	__uint(max_entries, 1);
} cleanup SEC(".maps");

/* --- the seam --------------------------------------------------------------- */

#include "engine/seam.h"

struct host {
	void *ctx;
	struct pping_counters *counters; /* this CPU's */
	__u64 now; /* once read */
	__u32 frame_length;
	__u32 shard; /* where this CPU's packet counters begin, with config.aggregate */
	__u32 number; /* the interface's, with config.several */
	__u8 way; /* enum pping_match */
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

#include "engine/match.h"

/* --- aggregation: the seam ------------------------------------------------------ */

static __always_inline void host__add(struct host *h, enum pping_counter counter, __u64 n)
{
	__u32 index = counter;

	engine_opaque(index);
	if (index < PPING_COUNTERS)
		h->counters->n[index] += n;
}

static __always_inline void host__add_both(struct host *h, enum pping_counter counter, __u64 n,
					   __u64 m)
{
	__u32 index = counter;
	__u64 *at;

	engine_opaque(index);
	if (index >= PPING_COUNTERS - 1)
		return;
	at = &h->counters->n[index];
	at[0] += n;
	at[1] += m;
}

static __always_inline struct pping_prefix *prefix_at(__u32 index)
{
	return bpf_map_lookup_elem(&prefix_packets, &index);
}

/* The key makes a place known to those who guess; the version makes it valid, and so comes last. */
static __always_inline void own_prefix(const struct pping_prefix_key *key, __u32 place)
{
	for (__u32 shard = 0; shard < PPING_PREFIX_SHARDS_MAX; shard++) {
		struct pping_prefix *at;

		if (shard > config.prefix_shard_mask)
			break;
		at = prefix_at(shard * config.max_prefixes + place);
		if (!at)
			break;
		at->key.w[0] = key->w[0];
		at->key.w[1] = key->w[1];
		__sync_lock_test_and_set(&at->key.ip_version, key->ip_version);
	}
}

/* The entry may have become another prefix's since it was found. */
static __always_inline __u32 read_place(const volatile __u64 *found,
					const struct pping_prefix_key *key)
{
	__u64 word = *found;

	return word >> PPING_PLACE_TAG_SHIFT == aggregate_tag(key) ? (__u32)word
								   : PPING_PREFIX_OTHER;
}

/* A place for a new prefix. If another CPU makes one in this moment, ours goes back. */
static __always_inline __u32 make_prefix(struct host *h, const struct pping_prefix_key *key)
{
	volatile __u64 *made;
	__u64 word;
	__u32 place;

	if (bpf_map_pop_elem(&prefix_places, &place)) {
		host__count(h, PPING_COUNT_PREFIXES_FULL);
		return PPING_PREFIX_OTHER;
	}
	word = (__u64)aggregate_tag(key) << PPING_PLACE_TAG_SHIFT | place;
	if (!bpf_map_update_elem(&prefixes, key, &word, BPF_NOEXIST)) {
		own_prefix(key, place);
		host__count(h, PPING_COUNT_PREFIXES_CREATED);
		return place;
	}
	bpf_map_push_elem(&prefix_places, &place, BPF_ANY);
	made = bpf_map_lookup_elem(&prefixes, key);
	return made ? read_place(made, key) : PPING_PREFIX_OTHER;
}

static __noinline int find_prefix(struct host *h, const struct pping_prefix_key *key)
{
	volatile __u64 *found = bpf_map_lookup_elem(&prefixes, key);

	return found ? read_place(found, key) : make_prefix(h, key);
}

/* The version is read first: while a place gets its owner it is 0, or the rest of the key is there. */
static __always_inline int owns_prefix(const struct pping_prefix *at,
				       const struct pping_prefix_key *key)
{
	const volatile struct pping_prefix_key *owner = &at->key;

	return owner->ip_version == key->ip_version && owner->w[1] == key->w[1] &&
	       owner->w[0] == key->w[0];
}

static __always_inline __u32 host__prefix(struct host *h, const struct pping_prefix_key *key,
					  struct pping_prefix **at)
{
	__u64 x = (((__u64)key->w[0] << 32 | key->w[1]) ^ key->ip_version ^ config.spill_seed[0]) *
		  config.spill_seed[1];
	__u32 slot = x >> 40 & config.prefix_hint_mask, place;
	volatile __u32 *hint = bpf_map_lookup_elem(&prefix_hints, &slot);

	if (!hint) {
		*at = NULL;
		return PPING_PREFIX_OTHER;
	}
	place = *hint; /* once: another CPU's prefix may have the same hint */
	*at = prefix_at(h->shard + place);
	if (likely(*at && owns_prefix(*at, key)))
		return place;
	place = find_prefix(h, key);
	if (place != PPING_PREFIX_OTHER)
		*hint = place;
	*at = prefix_at(h->shard + place);
	return place;
}

static __always_inline struct pping_rtts *host__prefix_rtts(struct host *h, __u32 place)
{
	__u32 index = (*(volatile __u32 *)&shared.half & 1) * config.max_prefixes + place;

	return bpf_map_lookup_elem(&prefix_rtts, &index);
}

/* --- entry points ------------------------------------------------------------- */

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

/*
 * A packet that arrived on another monitored interface was counted there: flows and
 * prefixes have it once, verdicts each interface for itself.
 */
static __always_inline int was_counted(const struct __sk_buff *ctx, __u8 way)
{
	if (!config.several || way != PPING_MATCH_EGRESS)
		return 0;
	return ctx->ingress_ifindex && find_number(ctx->ingress_ifindex);
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
		p.segments = count_segments(ctx, &p);
		if (was_counted(ctx, way))
			p.segments = p.length = p.headers = 0;
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

SEC("xdp.frags")
int pping_xdp(struct xdp_md *ctx)
{
	struct packet p;
	struct host h;
	int verdict;

	h.way = PPING_MATCH_INGRESS;
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
	match_take_packet(&h, &p, verdict);
	return XDP_PASS;
}

/* --- cleaning ------------------------------------------------------------------- */

static __always_inline void cleanup_count(struct pping_cleanup *c, enum pping_cleanup_counter which)
{
	if (config.debug_cleanup)
		c->n[which]++;
}

/* An expired flow's closing is handed over first and the entry deleted only if that worked. */
static __always_inline int announce_timeout(struct seq_file *seq, const struct pping_flow *entry)
{
	struct pping_event e = {};
	struct pping_flow copy, *f = &copy;

	/* an iterator may read its value at constant offsets only */
	__builtin_memcpy(f, entry, PPING_FLOW_SIZE);
	if (config.counters)
		__builtin_memcpy(f->count, entry->count, sizeof(*f) - PPING_FLOW_SIZE);
	engine_opaque(f); /* or clang adds to its address with | */

	e.timestamp = read_clock();
	flow_describe(f, &e, PPING_FLOW_CLOSING, PPING_REASON_TIMEOUT, PPING_TRIGGER_GC);
	if (config.counters)
		flow_add_totals(f, &e);
	return bpf_seq_write(seq, &e, pping_event_size(config.counters));
}

static __always_inline void remove_flow(struct pping_cleanup *c, const struct pping_flow_key *key,
					__u32 state)
{
	struct pping_counters *count;
	__u32 zero = 0;

	if (bpf_map_delete_elem(&flows, key)) {
		cleanup_count(c, PPING_CLEANUP_FAILED);
		return;
	}
	c->n[PPING_CLEANUP_REMOVED]++;
	count = bpf_map_lookup_elem(&counters, &zero);
	if (!count)
		return;
	/* packets interrupt us on this CPU: add in one instruction */
	__sync_fetch_and_add(&count->n[PPING_COUNT_FLOWS_REMOVED], 1);
	if (state & PPING_STATE_CLOSED) {
		cleanup_count(c, PPING_CLEANUP_CLOSED);
	} else if (state & PPING_STATE_REPLIED) {
		cleanup_count(c, PPING_CLEANUP_IDLE);
		__sync_fetch_and_add(&count->n[PPING_COUNT_FLOWS_TIMED_OUT], 1);
	} else {
		cleanup_count(c, PPING_CLEANUP_UNANSWERED);
		__sync_fetch_and_add(&count->n[PPING_COUNT_FLOWS_UNANSWERED], 1);
	}
}

/* The table may have given the entry to another flow, or its flow may have come to life. */
static __always_inline int is_still(const struct pping_flow_key *key, const struct pping_flow *f)
{
	const struct pping_flow *now = bpf_map_lookup_elem(&flows, key);

	return now && now->tag == f->tag && flow_expired(now, *(volatile __u32 *)&shared.epoch);
}

/*
 * The rules have changed since this flow was let in. If they still let it in, its
 * state is made to say so; userspace has seen to it that no packet is judged by
 * the old ones any more, so the state can't be that of another flow that these
 * let in meanwhile.
 */
static __always_inline int rules_drop_flow(const struct pping_flow *f,
					   const struct pping_flow_key *key)
{
	__u32 generation = host__rules_generation(NULL), state = f->state;
	struct pping_tuple t = {
		.saddr = f->dir[0].addr,
		.daddr = f->dir[1].addr,
		.sport = f->port[0],
		.dport = f->port[1],
		.protocol = f->protocol,
	};
	struct pping_flow *now;

	if (rules_let_in(state, generation))
		return 0;
	if (rules_exclude(NULL, &t, generation))
		return 1;
	now = bpf_map_lookup_elem(&flows, key);
	if (now)
		__sync_val_compare_and_swap(&now->state, state, rules_renew(state, generation));
	return 0;
}

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
