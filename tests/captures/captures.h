/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The captures that tests make: a table of packets each, for every rule of what
 * an RTT is and every link layer. make_captures.c writes them as files,
 * tests/bpf/test_replay.c runs them through both hosts of the engine.
 */
#ifndef TESTS_CAPTURES_CAPTURES_H
#define TESTS_CAPTURES_CAPTURES_H

#include "tests/bpf/packets.h"

struct capture_row {
	__u64 at; /* us after the capture's begin; 0 in a row behind the first ends the table */
	struct packet_spec packet;
	bool out; /* cooked captures: it was leaving */
};

#define AT(us_, packet_)                       \
	{                                      \
		.at = (us_), .packet = packet_ \
	}
#define AT_OUT(us_, packet_)                                \
	{                                                   \
		.at = (us_), .packet = packet_, .out = true \
	}
#define ROWS(name_, ...) static const struct capture_row name_[] = { __VA_ARGS__, {} }

/* LINKTYPE_ numbers of the file format. */
enum capture_link {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_PPP_SERIAL = 50,
	LINK_PPP_ETHER = 51,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_WITH_DIR = 204,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

/* 20 ms to the server and back; the client has shown TSval 1020 after it, the server 5000. */
#define OPEN                                                              \
	AT_OUT(1, syn(CLIENT, SERVER, 1000, .seq = 70)),                  \
		AT(20001, synack(SERVER, CLIENT, 5000, 1000, .seq = 90)), \
		AT_OUT(20101, ack(CLIENT, SERVER, 1020, 5000))
#define OPEN6                                                           \
	AT_OUT(1, syn(CLIENT, SERVER, 1000, .ip = 6)),                  \
		AT(20001, synack(SERVER, CLIENT, 5000, 1000, .ip = 6)), \
		AT_OUT(20101, ack(CLIENT, SERVER, 1020, 5000, .ip = 6))

/* --- rules --------------------------------------------------------------------------- */

ROWS(whole_connection, OPEN, AT_OUT(30000, data(CLIENT, SERVER, 1030, 5000)),
     AT(50000, ack(SERVER, CLIENT, 5030, 1030)), AT(52000, data(SERVER, CLIENT, 5032, 1030)),
     AT_OUT(52700, ack(CLIENT, SERVER, 1053, 5032)), AT_OUT(60000, fin(CLIENT, SERVER, 1060, 5032)),
     AT(80000, fin(SERVER, CLIENT, 5060, 1060)), AT_OUT(80100, ack(CLIENT, SERVER, 1080, 5060)));

ROWS(whole_connection_ipv6, OPEN6, AT_OUT(30000, data(CLIENT, SERVER, 1030, 5000, .ip = 6)),
     AT(50000, ack(SERVER, CLIENT, 5030, 1030, .ip = 6)),
     AT(52000, data(SERVER, CLIENT, 5032, 1030, .ip = 6)),
     AT_OUT(52700, ack(CLIENT, SERVER, 1053, 5032, .ip = 6)),
     AT(90000, rst(SERVER, CLIENT, 5090, 1053, .ip = 6)));

/* What a bare acknowledgement has shown is not stamped, nor data of the same tick. */
ROWS(pure_acks, OPEN, AT(30000, ack(SERVER, CLIENT, 5030, 1020)),
     AT(30100, data(SERVER, CLIENT, 5030, 1020)), AT(31000, ack(CLIENT, SERVER, 1031, 5030)),
     AT(40000, data(SERVER, CLIENT, 5040, 1031)), AT(47000, ack(CLIENT, SERVER, 1047, 5040)));

/* Again with the old TSval, and one answer twice. */
ROWS(retransmission, OPEN, AT(30000, data(CLIENT, SERVER, 1030, 5000)),
     AT(35000, data(CLIENT, SERVER, 1035, 5000)), AT(40000, data(CLIENT, SERVER, 1030, 5000)),
     AT(50000, ack(SERVER, CLIENT, 5050, 1030)), AT(55000, ack(SERVER, CLIENT, 5055, 1035)),
     AT(56000, ack(SERVER, CLIENT, 5055, 1035)), AT(57000, ack(SERVER, CLIENT, 5057, 1030)));

ROWS(mid_stream, AT(1, data(CLIENT, SERVER, 1000, 5000)),
     AT(20001, ack(SERVER, CLIENT, 5020, 1000)), AT(30000, data(CLIENT, SERVER, 1030, 5020)),
     AT(50000, ack(SERVER, CLIENT, 5050, 1030)), AT(60000, data(SERVER, CLIENT, 5060, 1030)),
     AT(60500, ack(CLIENT, SERVER, 1060, 5060)));

/* TSvals wrap: 0 is newer than 0xffffffff. */
ROWS(wrap, AT(1, syn(CLIENT, SERVER, 0xfffffff0)),
     AT(20000, synack(SERVER, CLIENT, 0x7ffffff0, 0xfffffff0)),
     AT(30000, data(CLIENT, SERVER, 0xffffffff, 0x7ffffff0)),
     AT(40000, data(CLIENT, SERVER, 0, 0x7ffffff0)),
     AT(50000, data(SERVER, CLIENT, 0x80000000, 0xffffffff)),
     AT(60000, data(SERVER, CLIENT, 0x80000001, 0)), AT(61000, ack(CLIENT, SERVER, 5, 0x80000000)),
     AT(62000, ack(CLIENT, SERVER, 6, 0x80000001)));

/* Seven outstanding: four in the flow's entry, three in the spill table. */
ROWS(outstanding, OPEN, AT(30000, data(CLIENT, SERVER, 1030, 5000)),
     AT(31000, data(CLIENT, SERVER, 1031, 5000)), AT(32000, data(CLIENT, SERVER, 1032, 5000)),
     AT(33000, data(CLIENT, SERVER, 1033, 5000)), AT(34000, data(CLIENT, SERVER, 1034, 5000)),
     AT(35000, data(CLIENT, SERVER, 1035, 5000)), AT(36000, data(CLIENT, SERVER, 1036, 5000)),
     AT(50000, ack(SERVER, CLIENT, 5050, 1030)), AT(51001, ack(SERVER, CLIENT, 5050, 1031)),
     AT(52002, ack(SERVER, CLIENT, 5050, 1032)), AT(53003, ack(SERVER, CLIENT, 5050, 1033)),
     AT(54004, ack(SERVER, CLIENT, 5050, 1034)), AT(55005, ack(SERVER, CLIENT, 5050, 1035)),
     AT(56006, ack(SERVER, CLIENT, 5050, 1036)));

/* Closed, and opened anew with the same ports: at once, and while open. */
ROWS(reuse, OPEN, AT(30000, rst(SERVER, CLIENT, 5030, 1020)),
     AT(40000, syn(CLIENT, SERVER, 1040, .seq = 700)),
     AT(60000, synack(SERVER, CLIENT, 5060, 1040)), AT(60100, ack(CLIENT, SERVER, 1060, 5060)),
     AT(70000, data(CLIENT, SERVER, 1070, 5060)), AT(90000, ack(SERVER, CLIENT, 5090, 1070)),
     AT(100000, syn(CLIENT, SERVER, 9, .seq = 7000)), AT(120000, synack(SERVER, CLIENT, 3, 9)),
     AT(130000, data(CLIENT, SERVER, 39, 3)), AT(150000, ack(SERVER, CLIENT, 33, 39)));

/* The end of a flow needs no timestamps. */
ROWS(bare_end, OPEN, AT(30000, bare(CLIENT, SERVER, RST)),
     AT(40000, syn(CLIENT, SERVER, 1040, .seq = 700)),
     AT(60000, synack(SERVER, CLIENT, 5060, 1040)), AT(60100, ack(CLIENT, SERVER, 1060, 5060)),
     AT(70000, bare(CLIENT, SERVER, FIN | ACK)), AT(90000, bare(SERVER, CLIENT, FIN | ACK)));

/* 61 s is no RTT; 300 s of silence end a TCP flow, 30 a ping and what nobody answers. */
ROWS(timeouts, OPEN, AT(30000, data(CLIENT, SERVER, 1030, 5000)),
     AT(1000000, request(CLIENT, SERVER, 1)), AT(1030000, reply(SERVER, CLIENT, 1)),
     AT(2000000, syn(STRANGER, SERVER, 1)), AT(61040000, ack(SERVER, CLIENT, 66000, 1030)),
     AT(500000000, other(CLIENT, SERVER, 47)));

ROWS(ping, AT(1, request(CLIENT, SERVER, 65535)), AT(7001, reply(SERVER, CLIENT, 65535)),
     AT(1000000, request(CLIENT, SERVER, 0)), AT(1008000, reply(SERVER, CLIENT, 0)),
     AT(1008500, reply(SERVER, CLIENT, 0)), AT(2000000, request(CLIENT, SERVER, 1, .ip = 6)),
     AT(2009000, reply(SERVER, CLIENT, 1, .ip = 6)),
     AT(2010000, packet(SERVER, CLIENT, .l4 = ICMP, .icmp_type = 3, .icmp_code = 1)));

/* A quarter of a second of data each 10 ms, answered 20 ms later. */
#define SAMPLE(n)                                                         \
	AT(30000 + (n)*10000, data(CLIENT, SERVER, 1030 + (n)*10, 5000)), \
		AT(30000 + (n)*10000 + 1, ack(SERVER, CLIENT, 5010 + (n)*10, 1030 + (n)*10 - 20))
#define SAMPLES(n) SAMPLE(n), SAMPLE((n) + 1), SAMPLE((n) + 2), SAMPLE((n) + 3), SAMPLE((n) + 4)
ROWS(sampling, OPEN, SAMPLES(0), SAMPLES(5), SAMPLES(10), SAMPLES(15), SAMPLES(20));

/* --- headers ---------------------------------------------------------------------------- */

ROWS(headers, AT(1, syn(CLIENT, SERVER, 1000, .link = VLAN, .options = "MST")),
     AT(20001, synack(SERVER, CLIENT, 5000, 1000, .link = QINQ, .options = "MSTNW")),
     AT(30000, data(CLIENT, SERVER, 1030, 5000, .link = PPPOE)),
     AT(50001, data(SERVER, CLIENT, 5030, 1030, .link = VLAN_PPPOE, .ip_options = 3)),
     AT(51000, data(CLIENT, SERVER, 1051, 5030, .options = "KNNT")),
     AT(71000, ack(SERVER, CLIENT, 5071, 1051, .options = "NNTNNL")),
     AT(80000, data(CLIENT, SERVER, 1080, 5071, .options = "TNN", .pad = 6)),
     AT(100000, ack(SERVER, CLIENT, 5100, 1080, .pad = 6)),
     AT(110000, data(SERVER, CLIENT, 5110, 1080, .zero_length = true)),
     AT(110500, ack(CLIENT, SERVER, 1110, 5110)));

ROWS(extensions, AT(1, syn(CLIENT, SERVER, 1000, .ip = 6, .exts = 1, .ext = { 0 })),
     AT(20001, synack(SERVER, CLIENT, 5000, 1000, .ip = 6, .exts = 2, .ext = { 60, 43 })),
     AT(30000, data(CLIENT, SERVER, 1030, 5000, .ip = 6, .exts = 3, .ext = { 0, 44, 51 })),
     AT(50000,
	ack(SERVER, CLIENT, 5050, 1030, .ip = 6, .exts = 6, .ext = { 0, 60, 43, 51, 135, 60 })),
     AT(60000, data(CLIENT, SERVER, 1060, 5050, .ip = 6, .exts = 7,
		    .ext = { 0, 60, 43, 51, 135, 60, 60 })),
     AT(70000, data(CLIENT, SERVER, 1070, 5050, .ip = 6, .exts = 1, .ext = { 44 }, .fragment = 5)));

/* Every reason not to be tracked. */
ROWS(strange, OPEN, AT(21000, bare(CLIENT, SERVER, ACK)),
     AT(22000, packet(CLIENT, SERVER, .l4 = UDP, .payload = 9)),
     AT(23000, request(CLIENT, SERVER, 1)), AT(24000, other(CLIENT, SERVER, 47)),
     AT(25000, packet(CLIENT, SERVER, .l4 = ARP, .payload = 28)),
     AT(26000, data(CLIENT, SERVER, 1026, 5000, .fragment = 9)),
     AT(27000, data(CLIENT, SERVER, 1027, 5000, .snap = 60)),
     AT(28000, data(CLIENT, SERVER, 1028, 5000, .snap = 13)),
     AT(29000, data(CLIENT, SERVER, 1029, 5000, .options = "NNZ")),
     AT(29100, data(CLIENT, SERVER, 1029, 5000, .longer = -130)),
     AT(29200, data(CLIENT, SERVER, 1029, 5000, .ihl = 4)),
     AT(29300, data(CLIENT, SERVER, 1029, 5000, .version = 5)),
     AT(29400, data(CLIENT, SERVER, 1029, 5000, .link = THREE_TAGS)),
     AT(29500, packet(CLIENT, SERVER, .link = PPPOE_LCP)),
     AT(29600, packet(CLIENT, SERVER, .link = PPPOE_DISCOVERY)));

/* Headers whole, payload cut: as tcpdump -s 68 leaves it. */
ROWS(snapped, AT(1, syn(CLIENT, SERVER, 1000, .snap = 66)),
     AT(20001, synack(SERVER, CLIENT, 5000, 1000, .snap = 66)),
     AT(30000, ack(CLIENT, SERVER, 1030, 5000, .payload = 1400, .snap = 66)),
     AT(50000, ack(SERVER, CLIENT, 5050, 1030, .snap = 66)));

/* --- the list ------------------------------------------------------------------------------ */

static const struct capture_spec {
	const char *name;
	enum capture_link link;
	const struct capture_row *rows;
} captures[] = {
	{ "connection", LINK_ETHERNET, whole_connection },
	{ "connection6", LINK_ETHERNET, whole_connection_ipv6 },
	{ "pure_acks", LINK_ETHERNET, pure_acks },
	{ "retransmission", LINK_ETHERNET, retransmission },
	{ "mid_stream", LINK_ETHERNET, mid_stream },
	{ "wrap", LINK_ETHERNET, wrap },
	{ "outstanding", LINK_ETHERNET, outstanding },
	{ "reuse", LINK_ETHERNET, reuse },
	{ "bare_end", LINK_ETHERNET, bare_end },
	{ "timeouts", LINK_ETHERNET, timeouts },
	{ "ping", LINK_ETHERNET, ping },
	{ "sampling", LINK_ETHERNET, sampling },
	{ "headers", LINK_ETHERNET, headers },
	{ "extensions", LINK_ETHERNET, extensions },
	{ "strange", LINK_ETHERNET, strange },
	{ "snapped", LINK_ETHERNET, snapped },
	{ "link_null", LINK_NULL, whole_connection },
	{ "link_null6", LINK_NULL, whole_connection_ipv6 },
	{ "link_loop", LINK_LOOP, whole_connection },
	{ "link_raw", LINK_RAW, whole_connection },
	{ "link_raw6", LINK_RAW, whole_connection_ipv6 },
	{ "link_ipv4", LINK_IPV4, whole_connection },
	{ "link_ipv6", LINK_IPV6, whole_connection_ipv6 },
	{ "link_ppp", LINK_PPP, whole_connection },
	{ "link_ppp6", LINK_PPP, whole_connection_ipv6 },
	{ "link_ppp_serial", LINK_PPP_SERIAL, whole_connection },
	{ "link_ppp_ether", LINK_PPP_ETHER, whole_connection },
	{ "link_ppp_with_dir", LINK_WITH_DIR, whole_connection },
	{ "link_sll", LINK_SLL, whole_connection },
	{ "link_sll6", LINK_SLL, whole_connection_ipv6 },
	{ "link_sll2", LINK_SLL2, whole_connection },
	{ "link_sll2_6", LINK_SLL2, whole_connection_ipv6 },
};
#define CAPTURES (sizeof(captures) / sizeof(captures[0]))

static inline bool capture_row_ends(const struct capture_spec *c, const struct capture_row *row)
{
	return row != c->rows && !row->at;
}

/* --- a row's bytes ---------------------------------------------------------------------------- */

static inline void capture_put_link(struct frame *f, enum capture_link link,
				    const struct packet_spec *s, bool out)
{
	bool ipv6 = spec_ip(s) == 6;

	switch (link) {
	case LINK_NULL: /* in the byte order of a little-endian BSD, and of no particular host */
		put32(f, ipv6 ? 30 << 24 : 2 << 24);
		break;
	case LINK_LOOP:
		put32(f, ipv6 ? 24 : 2);
		break;
	case LINK_PPP: /* as a kernel gives it, or with the one-byte protocol that peers negotiate */
		if (!out)
			put16(f, 0xff03);
		if (out)
			put8(f, ipv6 ? 0x57 : 0x21);
		else
			put16(f, ipv6 ? 0x57 : 0x21);
		break;
	case LINK_WITH_DIR:
		put8(f, out);
		put16(f, ipv6 ? 0x57 : 0x21);
		break;
	case LINK_PPP_SERIAL: /* one way PPP, the other Cisco's */
		put16(f, out ? 0xff03 : 0x0f00);
		put16(f, out ? (ipv6 ? 0x57 : 0x21) : (ipv6 ? 0x86dd : 0x0800));
		break;
	case LINK_PPP_ETHER:
		put16(f, 0x1100);
		put16(f, 0xbeef);
		put16(f, 0);
		put16(f, ipv6 ? 0x57 : 0x21);
		break;
	case LINK_SLL:
		put16(f, out ? 4 : 0);
		put16(f, 1);
		put16(f, 6);
		put_fill(f, 2, 8);
		put16(f, ipv6 ? 0x86dd : 0x0800);
		break;
	case LINK_SLL2:
		put16(f, ipv6 ? 0x86dd : 0x0800);
		put16(f, 0);
		put32(f, 3);
		put16(f, 1);
		put8(f, out ? 4 : 0);
		put8(f, 6);
		put_fill(f, 2, 8);
		break;
	default:
		break;
	}
}

/* *length: of the whole frame, before snapping. */
static inline void capture_frame(struct frame *f, const struct capture_spec *c,
				 const struct capture_row *row, __u32 *length)
{
	struct packet_spec s = row->packet;
	struct frame whole;

	if (c->link == LINK_ETHERNET) {
		frame_build(f, &s);
		s.snap = 0;
		frame_build(&whole, &s);
		*length = whole.len;
		return;
	}
	s.link = L3;
	frame_build(&whole, &s);
	f->len = 0;
	capture_put_link(f, c->link, &s, row->out);
	put(f, whole.b, whole.len);
	*length = f->len;
}

#endif /* TESTS_CAPTURES_CAPTURES_H */
