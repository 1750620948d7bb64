// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two controls for the packet benchmark: an empty program, and a floor that does
 * the least any passive RTT monitor must do: parse Ethernet, IPv4 and TCP with
 * NOP NOP TS, look one 16-byte key up in a hash map of 131,072, read the clock,
 * and compare two fields. Their difference is the unit Y of the budget.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

struct floor_key {
	__u64 a, b;
};

struct floor_value {
	__u64 last;
	__u32 tsval, tsecr;
	__u8 rest[176]; /* as large as a flow entry */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct floor_key);
	__type(value, struct floor_value);
	__uint(max_entries, 131072);
} floor_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct floor_key);
	__type(value, struct floor_value);
	__uint(max_entries, 131072);
} lru_flows SEC(".maps");

SEC("tc")
int empty_tc(struct __sk_buff *ctx)
{
	return -1;
}

SEC("xdp.frags")
int empty_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

#define ETH 14
#define IP 20
#define TCP 32

/* Parts of the floor, each a program of its own: what the floor's price is made of. */
enum {
	PART_HASH = 1 << 0, /* find the flow in a hash map */
	PART_LRU = 1 << 1, /* in an LRU map */
	PART_CLOCK = 1 << 2,
};

static __always_inline int floor_parts(const __u8 *data, const __u8 *end, int parts)
{
	const __u32 *ip, *tcp;
	struct floor_value *v;
	struct floor_key key;
	__u64 now = ~0ULL;

	if (data + ETH + IP + TCP > end || *(const __u16 *)(data + 12) != __builtin_bswap16(0x0800))
		return -1;
	if (data[ETH] != 0x45 || data[ETH + 9] != 6)
		return -1;
	ip = (const void *)(data + ETH);
	tcp = (const void *)(data + ETH + IP);
	if (data[ETH + IP + 12] >> 4 < 8 || tcp[5] != __builtin_bswap32(0x0101080a))
		return -1;
	if (!(parts & (PART_HASH | PART_LRU)))
		return tcp[6] == tcp[7] ? -1 : -2; /* they are read */
	key.a = (__u64)ip[3] << 32 | ip[4];
	key.b = tcp[0];
	if (parts & PART_HASH)
		v = bpf_map_lookup_elem(&floor_flows, &key);
	else
		v = bpf_map_lookup_elem(&lru_flows, &key);
	if (!v)
		return -1;
	if (v->tsval == tcp[6] && v->tsecr == tcp[7]) {
		if (parts & PART_CLOCK)
			now = bpf_ktime_get_ns();
		if (v->last < now)
			return -1;
	}
	v->last = 0;
	return -1;
}

static __always_inline int floor_skb(struct __sk_buff *ctx, int parts)
{
	return floor_parts((void *)(long)ctx->data, (void *)(long)ctx->data_end, parts);
}

SEC("tc")
int floor_tc(struct __sk_buff *ctx)
{
	return floor_skb(ctx, PART_HASH | PART_CLOCK);
}

SEC("tc")
int floor_parse(struct __sk_buff *ctx)
{
	return floor_skb(ctx, 0);
}

SEC("tc")
int floor_hash(struct __sk_buff *ctx)
{
	return floor_skb(ctx, PART_HASH);
}

SEC("tc")
int floor_lru(struct __sk_buff *ctx)
{
	return floor_skb(ctx, PART_LRU);
}

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} floor_events SEC(".maps");

/* An event as large as pping's, and nothing else. */
SEC("tc")
int floor_emit(struct __sk_buff *ctx)
{
	__u64 event[9] = { bpf_ktime_get_ns() };

	bpf_perf_event_output(ctx, &floor_events, BPF_F_CURRENT_CPU, event, sizeof(event));
	return -1;
}

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} floor_ring SEC(".maps");

/* A ring buffer a CPU; the bench has one in it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 256);
	__type(key, __u32);
	__array(values, struct ring);
} floor_rings SEC(".maps");

#define FLOOR_WATERMARK (64 * 1024)

/* The same through the newer ring buffer, one a CPU, waking its reader as seldom. */
SEC("tc")
int floor_ringbuf(struct __sk_buff *ctx)
{
	__u64 event[9] = { bpf_ktime_get_ns() }, waiting;
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&floor_rings, &cpu);

	if (!ring)
		return -1;
	waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	bpf_ringbuf_output(ring, event, sizeof(event),
			   waiting < FLOOR_WATERMARK &&
					   waiting + sizeof(event) + 8 >= FLOOR_WATERMARK
				   ? BPF_RB_FORCE_WAKEUP
				   : BPF_RB_NO_WAKEUP);
	return -1;
}

/* --- packets that change from run to run ------------------------------------- */

enum {
	MUTATE_NOTHING,
	MUTATE_TSVAL, /* data with a new TSval each time */
	MUTATE_ANSWER, /* in turn `burst` data packets with new TSvals, and the ACK that echoes the last */
	MUTATE_FLOW, /* data of a random one of `flow_count` flows */
	MUTATE_OPEN, /* data of a new flow and its ACK in turn */
};

struct {
	__u32 mode;
	__u32 flow_count;
	__u32 burst;
	__u32 turn;
	__u32 ip; /* offset of the IP header */
	__u32 ipv6;
} mutation;

/* Nanoseconds between the begins of one packet and the next, with gaps.on. */
struct {
	__u64 on;
	__u64 last;
	__u64 worst;
	__u64 over_10us;
	__u64 over_100us;
} gaps;

/* 0: the program under test */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} subject SEC(".maps"), subject_xdp SEC(".maps");

static __always_inline void swap(__u32 *a, __u32 *b)
{
	__u32 keep = *a;

	*a = *b;
	*b = keep;
}

/* To where it came from, with a payload of so many bytes. */
static __always_inline void turn_around(__u32 *ip, __u32 *tcp, __u32 payload)
{
	if (mutation.ipv6) {
		for (int i = 0; i < 4; i++)
			swap(&ip[2 + i], &ip[6 + i]);
		*(__u16 *)&ip[1] = __builtin_bswap16(TCP + payload);
	} else {
		swap(&ip[3], &ip[4]);
		*((__u16 *)ip + 1) = __builtin_bswap16(IP + TCP + payload);
	}
	tcp[0] = tcp[0] << 16 | tcp[0] >> 16;
}

static __always_inline int is_reverse(const __u32 *tcp)
{
	return *(const __u16 *)tcp == __builtin_bswap16(443);
}

/* A run begins with data, the source port tells which way the frame stands. */
static __always_inline void answer(__u32 *ip, __u32 *tcp)
{
	__u32 phase = mutation.turn++ % (mutation.burst + 1);

	if (phase == mutation.burst) {
		turn_around(ip, tcp, 0);
		tcp[7] = tcp[6]; /* echo what the data showed */
	} else if (is_reverse(tcp)) {
		turn_around(ip, tcp, 100);
	}
	tcp[6] = __builtin_bswap32(mutation.turn);
}

/* The client's address tells flows apart: in IPv4 10.0.0.0 and up. */
static __always_inline void set_client(__u32 *ip, __u32 flow)
{
	ip[mutation.ipv6 ? 5 : 3] = __builtin_bswap32(0x0a000000 + flow);
}

static __always_inline void open_flow(__u32 *ip, __u32 *tcp)
{
	__u32 turn = mutation.turn++;

	if (is_reverse(tcp))
		turn_around(ip, tcp, 100);
	set_client(ip, turn / 2);
	if (turn & 1)
		turn_around(ip, tcp, 0);
}

static __always_inline void note_gap(void)
{
	__u64 now = bpf_ktime_get_ns(), gap = now - gaps.last;

	if (gaps.last) {
		if (gap > gaps.worst)
			gaps.worst = gap;
		gaps.over_10us += gap > 10000;
		gaps.over_100us += gap > 100000;
	}
	gaps.last = now;
}

static __always_inline void change(__u8 *data, __u8 *end)
{
	__u32 *ip = (void *)(data + (mutation.ip & 31));
	__u32 *tcp = (void *)ip + (mutation.ipv6 ? 40 : IP);

	if (gaps.on)
		note_gap();
	if ((void *)tcp + TCP > (void *)end || (void *)ip + 40 > (void *)end)
		return;
	if (mutation.mode == MUTATE_TSVAL)
		tcp[6] = __builtin_bswap32(++mutation.turn);
	else if (mutation.mode == MUTATE_ANSWER)
		answer(ip, tcp);
	else if (mutation.mode == MUTATE_FLOW)
		set_client(ip, bpf_get_prandom_u32() % mutation.flow_count);
	else if (mutation.mode == MUTATE_OPEN)
		open_flow(ip, tcp);
}

SEC("tc")
int mutate(struct __sk_buff *ctx)
{
	change((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	bpf_tail_call(ctx, &subject, 0);
	return -1;
}

SEC("xdp.frags")
int mutate_xdp(struct xdp_md *ctx)
{
	change((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	bpf_tail_call(ctx, &subject_xdp, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
