/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes -> struct packet. No state.
 *
 * packet_parse_fast() reads the shapes that make up nearly all traffic straight
 * from memory: Ethernet with up to two VLAN tags and PPPoE session, IPv4 without
 * options, IPv6 without extension headers, TCP without options or with NOP NOP
 * TS first (RFC 7323 appendix A). Everything else, also headers that are not in
 * the linear part of an skb, is left to packet_parse_slow(), which copies header
 * after header through the host and has no size or offset to trust.
 */
#ifndef ENGINE_PACKET_H
#define ENGINE_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>

#include "engine/seam.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NET16(x) __builtin_bswap16(x)
#define NET32(x) __builtin_bswap32(x)
#else
#define NET16(x) (x)
#define NET32(x) (x)
#endif

#define PACKET_SLOW (-1) /* no verdict: ask packet_parse_slow() */

#define PACKET_MAX_VLANS 2
#define PACKET_MAX_EXTENSIONS 6
#define PACKET_MAX_OPTIONS 40 /* bytes of TCP options */

#define PACKET_P_IP 0x0800
#define PACKET_P_IPV6 0x86dd
#define PACKET_P_8021Q 0x8100
#define PACKET_P_8021AD 0x88a8
#define PACKET_P_PPPOE 0x8864

#define PACKET_PPP_IP 0x0021
#define PACKET_PPP_IPV6 0x0057

#define PACKET_IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define PACKET_IP_OFFSET 0x1fff
#define PACKET_PROTO_ICMPV6 58
#define PACKET_UDP_HEADER 8

#define PACKET_TCP_NOP_NOP_TS 0x0101080a

enum packet_flag {
	PACKET_FIN = 1 << 0, /* the low five as in the TCP header */
	PACKET_SYN = 1 << 1,
	PACKET_RST = 1 << 2,
	PACKET_ACK = 1 << 4,
	PACKET_DATA = 1 << 5, /* carries what its receiver must answer */
	PACKET_ID = 1 << 6, /* id is valid */
	PACKET_ECHO = 1 << 7, /* echo is valid */
};
#define PACKET_TCP_FLAGS (PACKET_FIN | PACKET_SYN | PACKET_RST | PACKET_ACK)

/* Of a packet that leaves: was counted for its addresses when it arrived. */
#define PACKET_SOURCE_COUNTED 1
#define PACKET_DESTINATION_COUNTED 2
#define PACKET_COUNTED (PACKET_SOURCE_COUNTED | PACKET_DESTINATION_COUNTED)

struct packet {
	union pping_addr saddr; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	union pping_addr daddr;
	union {
		struct {
			__be16 sport; /* of ICMP both ports are the echo identifier */
			__be16 dport;
		};
		__u32 ports; /* both, as they stand in memory */
	};
	__u8 protocol;
	__u8 ip_version;
	__u8 flags; /* PACKET_ */
	__u8 tos; /* with the ECN codepoint in the low two bits */
	__u32 id; /* TSval or echo sequence number, host byte order */
	__u32 echo; /* TSecr or the same of a reply */
	__u32 seq; /* TCP sequence number, host byte order */
	__u32 length; /* from the IP header on */
	__u32 headers; /* of which IP and transport headers */
	__u32 segments; /* packets in this super-packet, at least 1; set by the host */
	__u32 prefix[2]; /* places of source and destination, with config.aggregate */
	__u32 rules; /* the generation of rules it is judged by, with config.rules */
	__u32 identity; /* of what no router changes of it, if packet_has_identity() */
};

static __always_inline int packet_has_identity(void)
{
	return config.several && config.aggregate;
}

/*
 * Headers stand at any address. BPF loads from there as it is (packed, clang
 * would load byte after byte); a C compiler must be told.
 */
#ifdef __bpf__
#define PACKET_WIRE
#else
#define PACKET_WIRE __attribute__((packed))
#endif

struct packet_ethernet {
	__u8 addresses[12];
	__be16 proto;
} __attribute__((packed));

struct packet_vlan {
	__be16 tci;
	__be16 proto;
} PACKET_WIRE;

/* RFC 2516 section 4, and the PPP protocol number that follows. */
struct packet_pppoe {
	__u8 version_type; /* 0x11 */
	__u8 code; /* 0: session data */
	__be16 session;
	__be16 length;
	__be16 proto;
} PACKET_WIRE;

struct packet_ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 saddr;
	__be32 daddr;
} PACKET_WIRE;

struct packet_ipv6 {
	__u8 version_class;
	__u8 class_flow[3];
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__be32 saddr[4];
	__be32 daddr[4];
} PACKET_WIRE;

struct packet_tcp {
	__u32 ports; /* source and destination */
	__be32 seq;
	__be32 ack_seq;
	__u8 offset; /* high four bits: header length in words */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
} PACKET_WIRE;

/* NOP NOP TS, as nearly every stack sends it (RFC 7323 appendix A). */
struct packet_timestamps {
	__be32 kinds; /* PACKET_TCP_NOP_NOP_TS */
	__be32 tsval;
	__be32 tsecr;
} PACKET_WIRE;

struct packet_icmp_echo {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 seq;
} PACKET_WIRE;

struct packet_options {
	__u8 b[PACKET_MAX_OPTIONS];
};

_Static_assert(sizeof(struct packet_ethernet) == 14, "wire format");
_Static_assert(sizeof(struct packet_pppoe) == 8, "wire format");
_Static_assert(sizeof(struct packet_ipv4) == 20, "wire format");
_Static_assert(sizeof(struct packet_ipv6) == 40, "wire format");
_Static_assert(sizeof(struct packet_tcp) == 20, "wire format");

static __always_inline void packet_set_ipv4(struct packet *p, const struct packet_ipv4 *ip)
{
	p->ip_version = 4;
	p->tos = ip->tos;
	p->protocol = ip->protocol;
	p->saddr.q[0] = 0;
	p->saddr.w[2] = NET32(0xffff);
	p->saddr.w[3] = ip->saddr;
	p->daddr.q[0] = 0;
	p->daddr.w[2] = NET32(0xffff);
	p->daddr.w[3] = ip->daddr;
	if (packet_has_identity())
		p->identity = ip->id;
}

static __always_inline void packet_set_ipv6(struct packet *p, const struct packet_ipv6 *ip)
{
	p->ip_version = 6;
	p->tos = ip->class_flow[0] >> 4; /* its low bits, where ECN is */
	p->protocol = ip->next_header;
	for (int i = 0; i < 4; i++) {
		p->saddr.w[i] = ip->saddr[i];
		p->daddr.w[i] = ip->daddr[i];
	}
	if (packet_has_identity()) /* the low 16 bits of the flow label */
		p->identity = ip->class_flow[1] << 8 | ip->class_flow[2];
}

/*
 * Everything of a TCP header but its timestamps. p->length is the IP length or 0
 * for a super-packet that doesn't fit 16 bits; ip_headers is the offset of TCP.
 */
static __always_inline int packet_set_tcp(struct packet *p, const struct packet_tcp *tcp,
					  __u32 ip_headers)
{
	__u32 header = (tcp->offset >> 4) * 4;

	p->protocol = IPPROTO_TCP;
	p->ports = tcp->ports;
	p->seq = NET32(tcp->seq);
	if (packet_has_identity())
		p->identity ^= tcp->seq + tcp->ack_seq;
	p->flags = tcp->flags & PACKET_TCP_FLAGS;
	p->headers = ip_headers + header;
	if (header < sizeof(*tcp) || p->length < p->headers)
		return PPING_COUNT_MALFORMED;
	if (p->length > p->headers)
		p->flags |= PACKET_DATA;
	return PPING_COUNT_TRACKED;
}

static __always_inline void packet_set_timestamps(struct packet *p, __u32 tsval, __u32 tsecr)
{
	p->id = tsval;
	p->echo = tsecr;
	p->flags |= PACKET_ID;
	if (p->flags & PACKET_ACK)
		p->flags |= PACKET_ECHO;
}

/* Without -T, TCP is looked into for what aggregates say of it: headers, timestamps. */
static __always_inline int packet_tcp_is_wanted(void)
{
	return config.track_tcp || config.aggregate;
}

static __always_inline int packet_tcp_verdict(int verdict)
{
	return config.track_tcp || verdict == PACKET_SLOW ? verdict : PPING_COUNT_NOT_SELECTED;
}

/* --- fast ------------------------------------------------------------------ */

static __always_inline int packet_fast_tcp_headers(const void *at, const void *end,
						   struct packet *p, __u32 ip_headers)
{
	const struct packet_tcp *tcp = at;
	const struct packet_timestamps *ts = (const void *)(tcp + 1);
	int verdict;

	if ((const void *)(tcp + 1) > end)
		return PACKET_SLOW;
	verdict = packet_set_tcp(p, tcp, ip_headers);
	if (verdict != PPING_COUNT_TRACKED)
		return verdict;
	if (tcp->offset < 0x60)
		return PPING_COUNT_NO_TIMESTAMP;
	if (tcp->offset < 0x80 || (const void *)(ts + 1) > end ||
	    ts->kinds != NET32(PACKET_TCP_NOP_NOP_TS))
		return PACKET_SLOW;
	packet_set_timestamps(p, NET32(ts->tsval), NET32(ts->tsecr));
	return PPING_COUNT_TRACKED;
}

static __always_inline int packet_fast_tcp(const void *at, const void *end, struct packet *p,
					   __u32 ip_headers)
{
	if (!packet_tcp_is_wanted())
		return PPING_COUNT_NOT_SELECTED;
	return packet_tcp_verdict(packet_fast_tcp_headers(at, end, p, ip_headers));
}

/* icmp is the family's own. */
static __always_inline int packet_fast_protocol(__u8 protocol, __u8 icmp)
{
	if (protocol == IPPROTO_UDP)
		return PPING_COUNT_OTHER_PROTOCOL;
	if (protocol == icmp && !config.track_icmp)
		return PPING_COUNT_NOT_SELECTED;
	return PACKET_SLOW;
}

/* What is read of packets whose transport header is not: before Linux 6.3 nothing unset may be. */
static __always_inline void packet_set_no_ports(struct packet *p)
{
	if (config.aggregate) {
		p->ports = 0;
		p->flags = 0;
	}
}

static __always_inline int packet_fast_ipv4(const void *at, const void *end, struct packet *p)
{
	const struct packet_ipv4 *ip = at;

	if ((const void *)(ip + 1) > end || ip->version_ihl != 0x45 ||
	    (ip->fragment & NET16(PACKET_IP_FRAGMENT)) || !ip->length)
		return PACKET_SLOW;
	if (ip->protocol == IPPROTO_TCP || config.aggregate) {
		packet_set_ipv4(p, ip);
		p->length = NET16(ip->length);
		p->headers = sizeof(*ip) + PACKET_UDP_HEADER;
		packet_set_no_ports(p);
	}
	if (ip->protocol != IPPROTO_TCP)
		return packet_fast_protocol(ip->protocol, IPPROTO_ICMP);
	return packet_fast_tcp(ip + 1, end, p, sizeof(*ip));
}

static __always_inline int packet_fast_ipv6(const void *at, const void *end, struct packet *p)
{
	const struct packet_ipv6 *ip = at;

	if ((const void *)(ip + 1) > end || ip->version_class >> 4 != 6 || !ip->payload_length)
		return PACKET_SLOW;
	if (ip->next_header == IPPROTO_TCP || config.aggregate) {
		packet_set_ipv6(p, ip);
		p->length = NET16(ip->payload_length) + sizeof(*ip);
		p->headers = sizeof(*ip) + PACKET_UDP_HEADER;
		packet_set_no_ports(p);
	}
	if (ip->next_header != IPPROTO_TCP)
		return packet_fast_protocol(ip->next_header, PACKET_PROTO_ICMPV6);
	return packet_fast_tcp(ip + 1, end, p, sizeof(*ip));
}

static __always_inline int packet_is_vlan(__be16 proto)
{
	return proto == NET16(PACKET_P_8021Q) || proto == NET16(PACKET_P_8021AD);
}

/*
 * data up to end is what can be read directly of the frame's begin. p need not be
 * set before: what a verdict makes anybody read of it is written. After PACKET_SLOW
 * its contents are of no meaning.
 */
static __always_inline int packet_parse_fast(const void *data, const void *end, struct packet *p)
{
	const struct packet_ethernet *eth = data;
	const void *at = eth + 1;
	__be16 proto;

	if (config.l3_device) {
		if ((const __u8 *)data + 1 > (const __u8 *)end)
			return PACKET_SLOW;
		if (*(const __u8 *)data >> 4 == 6)
			return packet_fast_ipv6(data, end, p);
		return packet_fast_ipv4(data, end, p);
	}

	if (at > end)
		return PACKET_SLOW;
	proto = eth->proto;
	for (int i = 0; i < PACKET_MAX_VLANS && packet_is_vlan(proto); i++) {
		const struct packet_vlan *vlan = at;

		at = vlan + 1;
		if (at > end)
			return PACKET_SLOW;
		proto = vlan->proto;
	}
	if (proto == NET16(PACKET_P_PPPOE)) {
		const struct packet_pppoe *pppoe = at;

		at = pppoe + 1;
		if (at > end || pppoe->version_type != 0x11 || pppoe->code)
			return PACKET_SLOW;
		if (pppoe->proto == NET16(PACKET_PPP_IP))
			proto = NET16(PACKET_P_IP);
		else if (pppoe->proto == NET16(PACKET_PPP_IPV6))
			proto = NET16(PACKET_P_IPV6);
	}
	if (proto == NET16(PACKET_P_IP))
		return packet_fast_ipv4(at, end, p);
	if (proto == NET16(PACKET_P_IPV6))
		return packet_fast_ipv6(at, end, p);
	return PACKET_SLOW;
}

/* --- slow ------------------------------------------------------------------ */

/* Offset of the IP header in *off; the ethertype in host byte order, 0 if not IP, -1 if cut short. */
static __always_inline int packet_slow_link(struct host *h, __u32 *off)
{
	struct packet_pppoe pppoe;
	struct packet_vlan vlan;
	__be16 proto;

	if (host__read(h, offsetof(struct packet_ethernet, proto), &proto, sizeof(proto)))
		return -1;
	*off = sizeof(struct packet_ethernet);
	for (int i = 0; i < PACKET_MAX_VLANS && packet_is_vlan(proto); i++) {
		if (host__read(h, *off, &vlan, sizeof(vlan)))
			return -1;
		*off += sizeof(vlan);
		proto = vlan.proto;
	}
	if (proto != NET16(PACKET_P_PPPOE))
		return NET16(proto);
	if (host__read(h, *off, &pppoe, sizeof(pppoe)))
		return -1;
	*off += sizeof(pppoe);
	if (pppoe.version_type != 0x11 || pppoe.code)
		return 0;
	if (pppoe.proto == NET16(PACKET_PPP_IP))
		return PACKET_P_IP;
	if (pppoe.proto == NET16(PACKET_PPP_IPV6))
		return PACKET_P_IPV6;
	return 0;
}

/*
 * The timestamps among len bytes of TCP options: 1 if there, 0 if not, -1 if the
 * options are malformed (RFC 9293 section 3.1, RFC 7323 section 3.2).
 */
static __always_inline int packet_options_timestamps(const struct packet_options *options,
						     __u32 len, __u32 *tsval, __u32 *tsecr)
{
	__u32 next = 0;

	/*
	 * Byte after byte, passing over those inside an option: where each one
	 * begins is then a constant to the verifier, which needs a tenth of the
	 * steps that a walk from option to option takes. Before 6.2 it compares
	 * all that it knows of each variable and tells paths apart that are one
	 * to us: it is to learn nothing of next and len, so copies are compared.
	 */
	for (__u32 at = 0; at < PACKET_MAX_OPTIONS; at++) {
		const __u8 *b = options->b + at;
		__u32 begin = next, end = len;

		engine_opaque(begin);
		engine_opaque(end);
		if (at >= end || (at == begin && b[0] == 0))
			return 0;
		if (at != begin)
			continue;
		if (b[0] == 1) {
			next = at + 1;
			continue;
		}
		if (at + 1 >= end || at + 1 >= PACKET_MAX_OPTIONS || b[1] < 2 || at + b[1] > end)
			return -1;
		if (b[0] == 8) {
			if (b[1] != 10 || at > PACKET_MAX_OPTIONS - 10)
				return -1;
			*tsval = (__u32)b[2] << 24 | b[3] << 16 | b[4] << 8 | b[5];
			*tsecr = (__u32)b[6] << 24 | b[7] << 16 | b[8] << 8 | b[9];
			return 1;
		}
		next = (at + b[1]) & 63; /* the same range wherever it began */
	}
	return 0;
}

static __always_inline int packet_slow_tcp_headers(struct host *h, __u32 off, __u32 ip_headers,
						   struct packet *p)
{
	struct packet_options options = {};
	struct packet_tcp tcp;
	__u32 tsval, tsecr, len;
	int verdict, found;

	if (host__read(h, off, &tcp, sizeof(tcp)))
		return PPING_COUNT_TRUNCATED;
	verdict = packet_set_tcp(p, &tcp, ip_headers);
	if (verdict != PPING_COUNT_TRACKED)
		return verdict;
	len = (tcp.offset >> 4) * 4 - sizeof(tcp);
	engine_opaque(
		len); /* or clang makes it == 0, from which verifiers before 6.8 learn no bound */
	/*
	 * The upper bound first: to the verifier len may be negative, and what is left
	 * of that and of 4 to 40 is no single range, which is all that 7.3 remembers.
	 */
	if (len > PACKET_MAX_OPTIONS)
		return PPING_COUNT_TRUNCATED;
	if (len < 4)
		return PPING_COUNT_NO_TIMESTAMP;
	if (host__read(h, off + sizeof(tcp), &options, len))
		return PPING_COUNT_TRUNCATED;
	found = host__timestamps(&options, len, &tsval, &tsecr);
	if (found < 0)
		return PPING_COUNT_MALFORMED;
	if (!found)
		return PPING_COUNT_NO_TIMESTAMP;
	packet_set_timestamps(p, tsval, tsecr);
	return PPING_COUNT_TRACKED;
}

static __always_inline int packet_slow_tcp(struct host *h, __u32 off, __u32 ip_headers,
					   struct packet *p)
{
	if (!packet_tcp_is_wanted())
		return PPING_COUNT_NOT_SELECTED;
	return packet_tcp_verdict(packet_slow_tcp_headers(h, off, ip_headers, p));
}

/* RFC 792 echo: types 8 and 0; RFC 4443 section 4: 128 and 129. */
static __always_inline int packet_slow_icmp(struct host *h, __u32 off, __u32 ip_headers,
					    __u8 protocol, struct packet *p)
{
	__u8 request = protocol == IPPROTO_ICMP ? 8 : 128;
	__u8 reply = protocol == IPPROTO_ICMP ? 0 : 129;
	struct packet_icmp_echo icmp;

	if (!config.track_icmp)
		return PPING_COUNT_NOT_SELECTED;
	if (host__read(h, off, &icmp, sizeof(icmp)))
		return PPING_COUNT_TRUNCATED;
	if ((icmp.type != request && icmp.type != reply) || icmp.code)
		return PPING_COUNT_NOT_ECHO;
	p->protocol = protocol;
	p->sport = p->dport = icmp.id;
	p->headers = ip_headers + sizeof(icmp);
	if (p->length < p->headers)
		return PPING_COUNT_MALFORMED;
	p->id = p->echo = NET16(icmp.seq);
	p->flags = icmp.type == request ? PACKET_ID | PACKET_DATA : PACKET_ECHO;
	return PPING_COUNT_TRACKED;
}

static __always_inline int packet_slow_transport(struct host *h, __u32 off, __u32 ip_headers,
						 __u8 protocol, struct packet *p)
{
	if (protocol == IPPROTO_TCP)
		return packet_slow_tcp(h, off, ip_headers, p);
	/* each family's own ICMP: ICMPv6 in IPv4 is nothing that anybody answers */
	if (protocol == (p->ip_version == 4 ? IPPROTO_ICMP : PACKET_PROTO_ICMPV6))
		return packet_slow_icmp(h, off, ip_headers, protocol, p);
	return PPING_COUNT_OTHER_PROTOCOL;
}

static __always_inline int packet_slow_ipv4(struct host *h, __u32 off, struct packet *p)
{
	struct packet_ipv4 ip;
	__u32 header;

	if (host__read(h, off, &ip, sizeof(ip)))
		return PPING_COUNT_TRUNCATED;
	header = (ip.version_ihl & 15) * 4;
	if (ip.version_ihl >> 4 != 4 || header < sizeof(ip))
		return PPING_COUNT_MALFORMED;
	packet_set_ipv4(p, &ip);
	/* 0: a super-packet longer than 16 bits can say */
	p->length = ip.length ? NET16(ip.length) : host__frame_length(h) - off;
	p->headers = header + PACKET_UDP_HEADER;
	if (ip.fragment & NET16(PACKET_IP_OFFSET))
		return PPING_COUNT_FRAGMENT;
	return packet_slow_transport(h, off + header, header, ip.protocol, p);
}

/* The extension headers of RFC 8200 section 4 and RFC 4302, RFC 6275, RFC 7401, RFC 5533. */
static __always_inline int packet_is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60 || next == 135 ||
	       next == 139 || next == 140;
}

/*
 * Walks the extension headers behind the IPv6 header at off: *next is the
 * transport protocol, *headers the length of all before it.
 */
static __always_inline int packet_slow_extensions(struct host *h, __u32 off, __u8 *next,
						  __u32 *headers)
{
	struct {
		__u8 next;
		__u8 length;
		__be16 fragment;
	} ext;

	for (int i = 0; i < PACKET_MAX_EXTENSIONS; i++) {
		__u8 kind = *next;

		if (!packet_is_extension(kind))
			return PPING_COUNT_TRACKED;
		if (host__read(h, off + *headers, &ext, sizeof(ext)))
			return PPING_COUNT_TRUNCATED;
		if (kind == 44 && (ext.fragment & NET16(0xfff8))) {
			*next = ext.next; /* what it is a fragment of */
			return PPING_COUNT_FRAGMENT;
		}
		*headers += kind == 44	 ? 8
			    : kind == 51 ? (ext.length + 2) * 4
					 : (ext.length + 1) * 8;
		*next = ext.next;
	}
	return packet_is_extension(*next) ? PPING_COUNT_EXTENSION_HEADERS : PPING_COUNT_TRACKED;
}

static __always_inline int packet_slow_ipv6(struct host *h, __u32 off, struct packet *p)
{
	struct packet_ipv6 ip;
	__u32 headers = sizeof(ip);
	__u8 next;
	int verdict;

	if (host__read(h, off, &ip, sizeof(ip)))
		return PPING_COUNT_TRUNCATED;
	if (ip.version_class >> 4 != 6)
		return PPING_COUNT_MALFORMED;
	packet_set_ipv6(p, &ip);
	p->length = ip.payload_length ? NET16(ip.payload_length) + sizeof(ip)
				      : host__frame_length(h) - off;
	next = ip.next_header;
	verdict = packet_slow_extensions(h, off, &next, &headers);
	p->protocol = next;
	p->headers = headers + PACKET_UDP_HEADER;
	if (verdict != PPING_COUNT_TRACKED)
		return verdict;
	return packet_slow_transport(h, off + headers, headers, next, p);
}

/* p is all zeros. */
static __always_inline int packet_parse_slow(struct host *h, struct packet *p)
{
	__u32 off = 0;
	__u8 first;
	int proto;

	if (config.l3_device) {
		if (host__read(h, 0, &first, 1))
			return PPING_COUNT_TRUNCATED;
		proto = first >> 4 == 4 ? PACKET_P_IP : first >> 4 == 6 ? PACKET_P_IPV6 : 0;
	} else {
		proto = packet_slow_link(h, &off);
	}
	if (proto < 0)
		return PPING_COUNT_TRUNCATED;
	if (proto == PACKET_P_IP)
		return packet_slow_ipv4(h, off, p);
	if (proto == PACKET_P_IPV6)
		return packet_slow_ipv6(h, off, p);
	return PPING_COUNT_NOT_IP;
}

#endif /* ENGINE_PACKET_H */
