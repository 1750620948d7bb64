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

SEC("tc")
int empty_tc(struct __sk_buff *ctx)
{
	return -1;
}

SEC("xdp")
int empty_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

#define ETH 14
#define IP 20
#define TCP 32

static __always_inline void find_and_compare(const __u8 *data, const __u8 *end)
{
	const __u32 *ip, *tcp;
	struct floor_value *v;
	struct floor_key key;

	if (data + ETH + IP + TCP > end || *(const __u16 *)(data + 12) != __builtin_bswap16(0x0800))
		return;
	if (data[ETH] != 0x45 || data[ETH + 9] != 6)
		return;
	ip = (const void *)(data + ETH);
	tcp = (const void *)(data + ETH + IP);
	if (data[ETH + IP + 12] >> 4 < 8 || tcp[5] != __builtin_bswap32(0x0101080a))
		return;
	key.a = (__u64)ip[3] << 32 | ip[4];
	key.b = tcp[0];
	v = bpf_map_lookup_elem(&floor_flows, &key);
	if (!v)
		return;
	if (v->tsval == tcp[6] && v->tsecr == tcp[7] && v->last < bpf_ktime_get_ns())
		return;
	v->last = 0;
}

SEC("tc")
int floor_tc(struct __sk_buff *ctx)
{
	find_and_compare((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return -1;
}

/* --- packets that change from run to run ------------------------------------- */

enum {
	MUTATE_NOTHING,
	MUTATE_TSVAL, /* data with a new TSval each time */
	MUTATE_ANSWER, /* in turn `burst` data packets with new TSvals, and the ACK that echoes the last */
	MUTATE_FLOW, /* data of a random one of `flow_count` flows */
};

struct {
	__u32 mode;
	__u32 flow_count;
	__u32 burst;
	__u32 turn;
} mutation;

/* 0: the program under test */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} subject SEC(".maps");

static __always_inline void swap(__u32 *a, __u32 *b)
{
	__u32 keep = *a;

	*a = *b;
	*b = keep;
}

static __always_inline void turn_around(__u32 *ip, __u32 *tcp, __u32 length)
{
	swap(&ip[3], &ip[4]);
	tcp[0] = tcp[0] << 16 | tcp[0] >> 16;
	*(__u16 *)((void *)ip + 2) = __builtin_bswap16(length);
}

/* A run begins with data, the source port tells which way the frame stands. */
static __always_inline void answer(__u32 *ip, __u32 *tcp)
{
	__u32 phase = mutation.turn++ % (mutation.burst + 1);

	if (phase == mutation.burst) {
		turn_around(ip, tcp, IP + TCP);
		tcp[7] = tcp[6]; /* echo what the data showed */
	} else if (*(__u16 *)tcp == __builtin_bswap16(443)) {
		turn_around(ip, tcp, IP + TCP + 100);
	}
	tcp[6] = __builtin_bswap32(mutation.turn);
}

SEC("tc")
int mutate(struct __sk_buff *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 *ip = (void *)(data + ETH), *tcp = (void *)(data + ETH + IP);

	if (data + ETH + IP + TCP > end)
		return -1;
	if (mutation.mode == MUTATE_TSVAL)
		tcp[6] = __builtin_bswap32(++mutation.turn);
	else if (mutation.mode == MUTATE_ANSWER)
		answer(ip, tcp);
	else if (mutation.mode == MUTATE_FLOW)
		ip[3] = __builtin_bswap32(0x0a000000 + bpf_get_prandom_u32() % mutation.flow_count);
	bpf_tail_call(ctx, &subject, 0);
	return -1;
}

char _license[] SEC("license") = "GPL";
