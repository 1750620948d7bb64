/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet as a test writes it down, and its bytes. Every field that a row
 * leaves out has the value of an ordinary packet. Shares no code with engine/.
 *
 * Checksums are left at zero: no program under test reads them.
 */
#ifndef TESTS_BPF_PACKETS_H
#define TESTS_BPF_PACKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "pping.h"

#define FRAME_MAX 9300

/* --- hosts ------------------------------------------------------------------------ */

enum host_name { CLIENT, SERVER, STRANGER, HOSTS };

/* Exchanges the addresses of CLIENT and SERVER: either may be endpoint 0 of a flow. */
static bool packets_exchanged;

static const struct {
	const char *address[2]; /* IPv4, IPv6 */
	__u16 port;
} packets_hosts[HOSTS] = {
	[CLIENT] = { { "10.11.1.2", "2001:db8::1:2" }, 59528 },
	[SERVER] = { { "10.11.1.7", "2001:db8:0:5::1:1" }, 80 },
	[STRANGER] = { { "10.200.0.1", "2001:db8:9::1" }, 4242 },
};

#define ECHO_ID 0x1234

static inline union pping_addr host_address(enum host_name host, int ip)
{
	union pping_addr a = {};

	if (packets_exchanged && host != STRANGER)
		host = host == CLIENT ? SERVER : CLIENT;
	if (ip == 6) {
		inet_pton(AF_INET6, packets_hosts[host].address[1], &a);
	} else {
		a.b[10] = a.b[11] = 0xff;
		inet_pton(AF_INET, packets_hosts[host].address[0], &a.w[3]);
	}
	return a;
}

/* --- a packet in a row ------------------------------------------------------------- */

enum link_shape {
	ETHERNET,
	VLAN,
	VLAN_AD, /* 802.1ad tag alone */
	QINQ, /* 802.1ad and 802.1Q */
	VLAN_IN_VLAN, /* two 802.1Q */
	PPPOE,
	VLAN_PPPOE,
	QINQ_PPPOE,
	THREE_TAGS,
	PPPOE_LCP, /* a session packet that isn't IP */
	PPPOE_PADT, /* code is not 0 */
	PPPOE_VERSION_2,
	PPPOE_DISCOVERY,
	L3, /* no Ethernet header: tun, PPP */
	LINKS
};

enum transport {
	TCP,
	ICMP, /* of the packet's IP version */
	UDP,
	OTHER, /* .protocol, payload only */
	ARP, /* Ethernet type 0806, payload only */
};

enum tcp_flag {
	FIN = 1 << 0,
	SYN = 1 << 1,
	RST = 1 << 2,
	PSH = 1 << 3,
	ACK = 1 << 4,
	URG = 1 << 5,
	ECE = 1 << 6,
	CWR = 1 << 7,
	RESERVED = 0xf << 8, /* beside the header length */
};

enum echo_kind {
	NO_ECHO, /* .icmp_type */
	REQUEST,
	REPLY,
};

#define PACKET_MAX_EXT 8

struct packet_spec {
	/* link */
	enum link_shape link;
	__u16 pad; /* bytes of Ethernet padding behind the IP packet */
	__u16 snap; /* the frame is cut to this many bytes; 0: whole */
	__u16 gso_segs; /* of the skb; 0: no super-packet, or gso_size is set */
	__u16 gso_size; /* of the skb; 0: 1000 if there are gso_segs */
	__u8 tos; /* traffic class */
	/* IP */
	__u8 ip; /* 4 or 6 (0: what the run asks for) */
	__u8 version; /* in the header; 0: ip */
	__u8 ihl; /* IPv4: words that the header says + 1; 0: what is true */
	__u8 ip_options; /* IPv4: words of NOPs */
	__u8 exts; /* IPv6: number of .ext */
	__u8 ext[PACKET_MAX_EXT]; /* IPv6: extension headers */
	__u16 fragment; /* offset in units of 8 bytes */
	bool more; /* fragments follow */
	bool dont_fragment;
	bool zero_length; /* the IP length of a super-packet over 64 KiB */
	int longer; /* what the IP length says more (or less) than what is true */
	enum host_name from, to;
	/* transport */
	enum transport l4;
	__u8 protocol; /* of OTHER */
	__u16 sport, dport; /* 0: the host's own */
	__u16 flags;
	__u32 seq, tsval, tsecr;
	bool bare; /* no TCP options */
	const char *options; /* layout, see packets_option(); NULL: NOP NOP TS */
	__u8 doff; /* words that the header says + 1; 0: what is true */
	enum echo_kind echo;
	__u8 icmp_type, icmp_code;
	__u16 echo_id, echo_seq; /* id 0: ECHO_ID */
	__u16 payload;
};

#define packet(from_, to_, ...)                             \
	{                                                   \
		.from = (from_), .to = (to_), ##__VA_ARGS__ \
	}
#define syn(from_, to_, tsval_, ...) \
	packet(from_, to_, .flags = SYN, .tsval = (tsval_), ##__VA_ARGS__)
#define synack(from_, to_, tsval_, tsecr_, ...) \
	packet(from_, to_, .flags = SYN | ACK, .tsval = (tsval_), .tsecr = (tsecr_), ##__VA_ARGS__)
#define segment(from_, to_, flags_, tsval_, tsecr_, ...) \
	packet(from_, to_, .flags = (flags_), .tsval = (tsval_), .tsecr = (tsecr_), ##__VA_ARGS__)
#define ack(from_, to_, tsval_, tsecr_, ...) segment(from_, to_, ACK, tsval_, tsecr_, ##__VA_ARGS__)
#define data(from_, to_, tsval_, tsecr_, ...) \
	segment(from_, to_, PSH | ACK, tsval_, tsecr_, .payload = 100, ##__VA_ARGS__)
#define fin(from_, to_, tsval_, tsecr_, ...) \
	segment(from_, to_, FIN | ACK, tsval_, tsecr_, ##__VA_ARGS__)
#define rst(from_, to_, tsval_, tsecr_, ...) \
	segment(from_, to_, RST | ACK, tsval_, tsecr_, ##__VA_ARGS__)
/* without timestamps */
#define bare(from_, to_, flags_, ...) \
	packet(from_, to_, .flags = (flags_), .bare = true, ##__VA_ARGS__)
#define request(from_, to_, seq_, ...)                                                     \
	packet(from_, to_, .l4 = ICMP, .echo = REQUEST, .echo_seq = (seq_), .payload = 56, \
	       ##__VA_ARGS__)
#define reply(from_, to_, seq_, ...)                                                     \
	packet(from_, to_, .l4 = ICMP, .echo = REPLY, .echo_seq = (seq_), .payload = 56, \
	       ##__VA_ARGS__)
#define other(from_, to_, protocol_, ...) \
	packet(from_, to_, .l4 = OTHER, .protocol = (protocol_), .payload = 40, ##__VA_ARGS__)

static inline int spec_ip(const struct packet_spec *s)
{
	return s->ip ? s->ip : 4;
}

static inline __u8 spec_protocol(const struct packet_spec *s)
{
	switch (s->l4) {
	case TCP:
		return IPPROTO_TCP;
	case UDP:
		return IPPROTO_UDP;
	case ICMP:
		return spec_ip(s) == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	default:
		return s->protocol;
	}
}

/* In host byte order; of ICMP both are the echo identifier. */
static inline __u16 spec_sport(const struct packet_spec *s)
{
	if (s->l4 == ICMP)
		return s->echo_id ? s->echo_id : ECHO_ID;
	return s->sport ? s->sport : packets_hosts[s->from].port;
}

static inline __u16 spec_dport(const struct packet_spec *s)
{
	if (s->l4 == ICMP)
		return s->echo_id ? s->echo_id : ECHO_ID;
	return s->dport ? s->dport : packets_hosts[s->to].port;
}

/* --- its bytes ---------------------------------------------------------------------- */

struct frame {
	__u8 b[FRAME_MAX];
	__u32 len;
	__u32 ip; /* offset of the IP header */
	__u32 l4; /* offset of the transport header */
	__u32 l4_len; /* its length with options */
	__u32 ip_len; /* from the IP header to the payload's last byte */
	__u32 gso_segs;
	__u32 gso_size;
	__u32 came_by; /* ifindex of what it arrived on, with tc; 0: it was made here */
	bool l3; /* begins with the IP header */
};

static inline void put(struct frame *f, const void *bytes, size_t n)
{
	memcpy(f->b + f->len, bytes, n);
	f->len += n;
}

static inline void put_fill(struct frame *f, __u8 byte, size_t n)
{
	memset(f->b + f->len, byte, n);
	f->len += n;
}

static inline void put8(struct frame *f, __u8 v)
{
	f->b[f->len++] = v;
}

static inline void put16(struct frame *f, __u16 v)
{
	put8(f, v >> 8);
	put8(f, v);
}

static inline void put32(struct frame *f, __u32 v)
{
	put16(f, v >> 16);
	put16(f, v);
}

static inline void poke16(struct frame *f, __u32 at, __u16 v)
{
	f->b[at] = v >> 8;
	f->b[at + 1] = v;
}

static const struct {
	__u8 tags;
	__u16 tpid[3];
	__u16 pppoe; /* ethertype, 0: none */
	__u8 version_type, code;
	__u16 ppp; /* 0: of the packet's IP version */
} packets_links[LINKS] = {
	[VLAN] = { .tags = 1, .tpid = { 0x8100 } },
	[VLAN_AD] = { .tags = 1, .tpid = { 0x88a8 } },
	[QINQ] = { .tags = 2, .tpid = { 0x88a8, 0x8100 } },
	[VLAN_IN_VLAN] = { .tags = 2, .tpid = { 0x8100, 0x8100 } },
	[PPPOE] = { .pppoe = 0x8864, .version_type = 0x11 },
	[VLAN_PPPOE] = { 1, { 0x8100 }, 0x8864, 0x11, 0, 0 },
	[QINQ_PPPOE] = { 2, { 0x88a8, 0x8100 }, 0x8864, 0x11, 0, 0 },
	[THREE_TAGS] = { .tags = 3, .tpid = { 0x88a8, 0x8100, 0x8100 } },
	[PPPOE_LCP] = { .pppoe = 0x8864, .version_type = 0x11, .ppp = 0xc021 },
	[PPPOE_PADT] = { .pppoe = 0x8864, .version_type = 0x11, .code = 0xa7 },
	[PPPOE_VERSION_2] = { .pppoe = 0x8864, .version_type = 0x21 },
	[PPPOE_DISCOVERY] = { .pppoe = 0x8863, .version_type = 0x11, .code = 9 },
};

static inline void put_link(struct frame *f, const struct packet_spec *s)
{
	static const __u8 addresses[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	__u16 type = s->l4 == ARP ? 0x0806 : spec_ip(s) == 4 ? 0x0800 : 0x86dd;

	f->l3 = s->link == L3;
	if (f->l3)
		return;
	put(f, addresses, sizeof(addresses));
	for (int i = 0; i < packets_links[s->link].tags; i++) {
		put16(f, packets_links[s->link].tpid[i]);
		put16(f, 0x2000 | (100 + i));
	}
	if (!packets_links[s->link].pppoe) {
		put16(f, type);
		return;
	}
	put16(f, packets_links[s->link].pppoe);
	put8(f, packets_links[s->link].version_type);
	put8(f, packets_links[s->link].code);
	put16(f, 0xbeef); /* session */
	put16(f, 0); /* length: nobody reads it */
	put16(f, packets_links[s->link].ppp ? packets_links[s->link].ppp
		 : spec_ip(s) == 4	    ? 0x0021
					    : 0x0057);
}

static inline void put_ipv4(struct frame *f, const struct packet_spec *s)
{
	union pping_addr from = host_address(s->from, 4), to = host_address(s->to, 4);
	__u8 ihl = 5 + s->ip_options;

	put8(f, (s->version ? s->version : 4) << 4 | (s->ihl ? s->ihl - 1 : ihl));
	put8(f, s->tos);
	put16(f, 0); /* length: frame_finish() */
	put16(f, 0x4321);
	put16(f, s->fragment | (s->more ? 0x2000 : 0) | (s->dont_fragment ? 0x4000 : 0));
	put8(f, 64);
	put8(f, spec_protocol(s));
	put16(f, 0);
	put(f, &from.w[3], 4);
	put(f, &to.w[3], 4);
	put_fill(f, 1, s->ip_options * 4);
}

/* Bytes of an extension header; all but the fragment header longer than the shortest. */
static inline __u32 ext_length(__u8 kind)
{
	return kind == 44 ? 8 : kind == 51 ? 24 : 16;
}

static inline void put_extension(struct frame *f, const struct packet_spec *s, __u8 kind, __u8 next)
{
	__u32 begin = f->len;

	put8(f, next);
	put8(f, kind == 44 ? 0 : kind == 51 ? ext_length(kind) / 4 - 2 : ext_length(kind) / 8 - 1);
	if (kind == 44)
		put16(f, s->fragment << 3 | s->more);
	put_fill(f, 0x5a, ext_length(kind) - (f->len - begin));
}

static inline void put_ipv6(struct frame *f, const struct packet_spec *s)
{
	union pping_addr from = host_address(s->from, 6), to = host_address(s->to, 6);

	put8(f, (s->version ? s->version : 6) << 4 | s->tos >> 4);
	put8(f, s->tos << 4);
	put16(f, 0);
	put16(f, 0); /* length: frame_finish() */
	put8(f, s->exts ? s->ext[0] : spec_protocol(s));
	put8(f, 64);
	put(f, &from, 16);
	put(f, &to, 16);
	for (int i = 0; i < s->exts; i++)
		put_extension(f, s, s->ext[i], i + 1 < s->exts ? s->ext[i + 1] : spec_protocol(s));
}

/* The letters of a TCP option layout; of T the timestamps follow. */
static const struct packets_option {
	char letter;
	__u8 length;
	__u8 byte[2]; /* the first ones */
	__u8 fill; /* the others */
} packets_options[] = {
	{ 'N', 1, { 1 }, 0 }, /* no operation */
	{ 'E', 1, { 0 }, 0 }, /* end of options */
	{ 'T', 2, { 8, 10 }, 0 }, /* timestamps */
	{ 'M', 4, { 2, 4 }, 5 }, /* maximum segment size */
	{ 'S', 2, { 4, 2 }, 0 }, /* SACK permitted */
	{ 'W', 3, { 3, 3 }, 7 }, /* window scale */
	{ 'K', 10, { 5, 10 }, 8 }, /* SACK, one block */
	{ 'L', 26, { 5, 26 }, 10 }, /* SACK, three blocks, their bytes like timestamps */
	{ 'Z', 2, { 254, 0 }, 0 }, /* size 0 */
	{ 'O', 2, { 254, 1 }, 0 }, /* size 1 */
	{ 'P', 2, { 254, 41 }, 0 }, /* runs past the header */
	{ 's', 9, { 8, 9 }, 1 }, /* timestamps too short */
	{ 'l', 12, { 8, 12 }, 1 }, /* timestamps too long */
	{ 't', 2, { 8, 10 }, 0 }, /* timestamps that the header cuts short */
	{ 'k', 1, { 8 }, 0 }, /* a kind without a size */
	{ 0 },
};

static inline void packets_option(struct frame *f, const struct packet_spec *s, char letter)
{
	const struct packets_option *o = packets_options;

	while (o->letter && o->letter != letter)
		o++;
	put(f, o->byte, o->length < 2 ? o->length : 2);
	if (o->length > 2)
		put_fill(f, o->fill, o->length - 2);
	if (letter != 'T')
		return;
	put32(f, s->tsval);
	put32(f, s->tsecr);
}

static inline void put_tcp_options(struct frame *f, const struct packet_spec *s)
{
	__u32 begin = f->len;

	if (s->bare)
		return;
	for (const char *c = s->options ? s->options : "NNT"; *c; c++)
		packets_option(f, s, *c);
	while ((f->len - begin) % 4)
		put8(f, 0);
}

static inline void put_tcp(struct frame *f, const struct packet_spec *s)
{
	__u32 begin = f->len;

	put16(f, spec_sport(s));
	put16(f, spec_dport(s));
	put32(f, s->seq);
	put32(f, 0);
	put8(f, 0); /* header length: below */
	put8(f, s->flags);
	put16(f, 1000);
	put32(f, 0);
	put_tcp_options(f, s);
	f->b[begin + 12] = (s->doff ? s->doff - 1u : (f->len - begin) / 4) << 4 | s->flags >> 8;
}

static inline void put_icmp(struct frame *f, const struct packet_spec *s)
{
	__u8 type = s->icmp_type;

	if (s->echo == REQUEST)
		type = spec_ip(s) == 4 ? 8 : 128;
	else if (s->echo == REPLY)
		type = spec_ip(s) == 4 ? 0 : 129;
	put8(f, type);
	put8(f, s->icmp_code);
	put16(f, 0);
	put16(f, spec_sport(s));
	put16(f, s->echo_seq);
}

static inline void put_transport(struct frame *f, const struct packet_spec *s)
{
	f->l4 = f->len;
	if (s->l4 == TCP)
		put_tcp(f, s);
	else if (s->l4 == ICMP)
		put_icmp(f, s);
	else if (s->l4 == UDP) {
		put16(f, spec_sport(s));
		put16(f, spec_dport(s));
		put32(f, 0);
	}
	f->l4_len = f->len - f->l4;
}

/* The IP length, padding, and what a snap length leaves. */
static inline void frame_finish(struct frame *f, const struct packet_spec *s)
{
	f->ip_len = f->len - f->ip;
	if (s->l4 != ARP && !s->zero_length) {
		if (spec_ip(s) == 4)
			poke16(f, f->ip + 2, f->ip_len + s->longer);
		else
			poke16(f, f->ip + 4, f->ip_len - 40 + s->longer);
	}
	put_fill(f, 0x99, s->pad);
	if (s->snap && s->snap < f->len)
		f->len = s->snap;
}

static inline void frame_build(struct frame *f, const struct packet_spec *s)
{
	f->len = 0;
	f->came_by = 0;
	f->gso_segs = s->gso_segs;
	f->gso_size = s->gso_size ? s->gso_size : s->gso_segs ? 1000 : 0;
	put_link(f, s);
	f->ip = f->len;
	if (s->l4 == ARP)
		f->l4 = f->len, f->l4_len = 0;
	else if (spec_ip(s) == 4)
		put_ipv4(f, s);
	else
		put_ipv6(f, s);
	if (s->l4 != ARP)
		put_transport(f, s);
	put_fill(f, 0xab, s->payload);
	frame_finish(f, s);
}

#endif /* TESTS_BPF_PACKETS_H */
