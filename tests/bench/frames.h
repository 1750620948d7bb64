/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames for benchmarks: two endpoints, one kind of packet each. */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#include <linux/types.h>

#define FRAME_MAX 512

struct frame {
	__u8 bytes[FRAME_MAX];
	__u32 len;
};

enum frame_kind {
	FRAME_VLAN = 1 << 0,
	FRAME_QINQ = 1 << 1,
	FRAME_IPV6 = 1 << 2,
	FRAME_UDP = 1 << 3,
	FRAME_NO_TS = 1 << 4, /* TCP without timestamps */
	FRAME_REVERSE = 1 << 5,
};

static inline void frame_put(struct frame *f, const void *bytes, __u32 len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static inline void frame_put16(struct frame *f, __u16 value)
{
	__u16 be = htons(value);

	frame_put(f, &be, 2);
}

static inline void frame_put32(struct frame *f, __u32 value)
{
	__u32 be = htonl(value);

	frame_put(f, &be, 4);
}

/* Where the IP header begins. */
static inline __u32 frame_ip_offset(unsigned int kind)
{
	return ETH_HLEN + (kind & FRAME_QINQ ? 8 : kind & FRAME_VLAN ? 4 : 0);
}

static inline void frame_put_link(struct frame *f, unsigned int kind)
{
	static const __u8 macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	frame_put(f, macs, sizeof(macs));
	if (kind & FRAME_QINQ) {
		frame_put16(f, ETH_P_8021AD);
		frame_put16(f, 8);
	}
	if (kind & (FRAME_VLAN | FRAME_QINQ)) {
		frame_put16(f, ETH_P_8021Q);
		frame_put16(f, 7);
	}
	frame_put16(f, kind & FRAME_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
}

static inline void frame_put_ip(struct frame *f, unsigned int kind, __u32 transport)
{
	__u8 protocol = kind & FRAME_UDP ? 17 : 6;

	if (kind & FRAME_IPV6) {
		frame_put32(f, 0x60000000);
		frame_put16(f, transport);
		frame_put16(f, protocol << 8 | 64);
		for (int i = 0; i < 8; i++)
			frame_put32(f,
				    0xfd000000 + (kind & FRAME_REVERSE ? i ^ 4 : i) * 0x01010101);
		return;
	}
	frame_put16(f, 0x4500);
	frame_put16(f, 20 + transport);
	frame_put32(f, 0);
	frame_put16(f, 64 << 8 | protocol);
	frame_put16(f, 0);
	frame_put32(f, kind & FRAME_REVERSE ? 0x0a010001 : 0x0a000000);
	frame_put32(f, kind & FRAME_REVERSE ? 0x0a000000 : 0x0a010001);
}

static inline void frame_put_transport(struct frame *f, unsigned int kind, __u32 tsval, __u32 tsecr)
{
	frame_put16(f, kind & FRAME_REVERSE ? 443 : 40000);
	frame_put16(f, kind & FRAME_REVERSE ? 40000 : 443);
	if (kind & FRAME_UDP) {
		frame_put16(f, 108);
		frame_put16(f, 0);
		return;
	}
	frame_put32(f, 1);
	frame_put32(f, 1);
	frame_put16(f, (kind & FRAME_NO_TS ? 0x5000 : 0x8000) | 0x10);
	frame_put16(f, 1000);
	frame_put32(f, 0);
	if (kind & FRAME_NO_TS)
		return;
	frame_put32(f, 0x0101080a);
	frame_put32(f, tsval);
	frame_put32(f, tsecr);
}

/* kind is of enum frame_kind's bits; the payload's bytes are 0. */
static inline struct frame make_frame(unsigned int kind, __u32 payload, __u32 tsval, __u32 tsecr)
{
	struct frame f = {};

	frame_put_link(&f, kind);
	frame_put_ip(&f, kind, (kind & FRAME_UDP ? 8 : kind & FRAME_NO_TS ? 20 : 32) + payload);
	frame_put_transport(&f, kind, tsval, tsecr);
	f.len += payload;
	return f;
}

#endif /* BENCH_FRAMES_H */
