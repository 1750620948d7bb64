// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the programs read out of a frame, by tables of
 * frames. Tests named fault_N are faults of PEERS.md.
 *
 * Every frame of a table is one packet of a flow that is being measured: it
 * echoes a TSval that is outstanding and shows a new one. If it is understood,
 * its RTT, its addresses, its ports, its length and whether it carries data all
 * come out right; if it is not, nothing at all must come of it.
 */
#include "scenario.h"

#define COUNTED                           \
	{                                 \
		EVERYTHING, .counters = 1 \
	}

struct row {
	const char *name;
	enum pping_counter verdict; /* TRACKED if the row says nothing */
	bool no_data; /* though there are bytes behind the headers */
	struct packet_spec packet;
};

/* A segment from CLIENT to SERVER; its identifiers are the probe's. */
#define frame(...)                                                        \
	{                                                                 \
		.from = CLIENT, .to = SERVER, .flags = ACK, ##__VA_ARGS__ \
	}
#define frame_of(l4_, ...)                                               \
	{                                                                \
		.from = CLIENT, .to = SERVER, .l4 = (l4_), ##__VA_ARGS__ \
	}

/* --- probing ---------------------------------------------------------------------- */

static const struct row *row_now;
static enum hook hook_now;
static int ip_now;

static void complain(const char *what)
{
	printf("# %s, IPv%d, %s: %s\n", row_now->name, ip_now, hook_names[hook_now], what);
	test_failed_here = 1;
}

static void expect(__u64 got, __u64 want, const char *what)
{
	char message[160];

	if (got == want)
		return;
	snprintf(message, sizeof(message), "%s %llu, not %llu", what, got, want);
	complain(message);
}

/* An ordinary packet of the probed flow. */
static void ordinary(struct engine *e, struct packet_spec s)
{
	s.ip = ip_now;
	s.link = row_now->packet.link == L3 ? L3 : ETHERNET;
	engine__inject(e, TC_EGRESS, &s);
}

/* The flow is met and the SERVER's packet to be echoed has gone by; bytes of an ordinary ACK. */
static __u32 probe_prepare(struct engine *e, bool icmp)
{
	struct packet_spec mine = ack(CLIENT, SERVER, 1000, 5000);
	struct packet_spec its = ack(SERVER, CLIENT, 5000, 1000);
	struct packet_spec echoed = data(SERVER, CLIENT, 5001, 1000);
	struct packet_spec asked = request(SERVER, CLIENT, 5001);

	engine__set_time(e, 0);
	if (!icmp) {
		ordinary(e, mine);
		ordinary(e, its);
	}
	engine__set_time(e, MS(10));
	ordinary(e, icmp ? asked : echoed);
	perf_buffer__consume(e->buffer);
	e->events = 0;
	return icmp ? 0 : (ip_now == 4 ? 20 : 40) + 32;
}

/* Bytes that a frame counts as. */
static __u32 probe_length(const struct frame *f, const struct packet_spec *s)
{
	return s->zero_length ? f->len - f->ip : f->ip_len + s->longer;
}

/* The events that a frame has caused: an RTT of the SERVER's packet (and, of ICMP, the opening). */
static void probe_check_events(struct engine *e, const struct frame *f, const struct packet_spec *s,
			       __u32 before)
{
	bool tracked = row_now->verdict == PPING_COUNT_TRACKED, icmp = s->l4 == ICMP;
	struct pping_event *rtt = &e->event[e->events ? e->events - 1 : 0];
	struct pping_tuple want;

	expect(e->events, tracked ? 1 + icmp : 0, "events");
	if (!tracked || e->events != 1 + icmp)
		return;
	scenario_now.last = *s;
	want = scenario_tuple(CLIENT, SERVER);
	expect(rtt->type, PPING_EVENT_RTT, "event type");
	expect(rtt->rtt, MS(20), "RTT");
	expect(rtt->match, hook_now == TC_EGRESS ? PPING_MATCH_EGRESS : PPING_MATCH_INGRESS,
	       "match");
	expect(rtt->rec.packets, 1 + !icmp, "packets");
	expect(rtt->rec.bytes, before + probe_length(f, s), "bytes");
	if (memcmp(&rtt->flow, &want, sizeof(want))) {
		complain("other flow");
		event_print("got ", rtt);
	}
}

/* The frame's own identifier has been stamped if, and only if, it carries data. */
static void probe_answer(struct engine *e, const struct packet_spec *s)
{
	struct packet_spec answer = ack(SERVER, CLIENT, 5002, 1001);
	bool data = row_now->verdict == PPING_COUNT_TRACKED && s->payload && !row_now->no_data;

	if (s->l4 == ICMP)
		return; /* a reply asks for nothing */
	e->events = 0;
	engine__set_time(e, MS(37));
	ordinary(e, answer);
	perf_buffer__consume(e->buffer);
	expect(e->events, data, "RTTs of the frame's own TSval");
	if (data && e->events)
		expect(e->event[0].rtt, MS(7), "own RTT");
}

static void probe_frame(struct engine *e)
{
	struct packet_spec s = row_now->packet;
	struct frame f;
	__u32 before;
	int verdict;

	s.ip = ip_now;
	s.tsval = 1001;
	s.tsecr = 5001;
	if (s.l4 == ICMP) {
		s.echo = row_now->verdict == PPING_COUNT_TRACKED ? REPLY : s.echo;
		s.echo_seq = 5001;
	}
	frame_build(&f, &s);
	if (f.len > 3400 && hook_now < XDP)
		return; /* more than the kernel takes for an skb */
	before = probe_prepare(e, s.l4 == ICMP);
	engine__set_time(e, MS(30));
	verdict = engine__run(e, hook_now, &f);
	if (verdict == -EINVAL)
		return;
	if (verdict != (int)row_now->verdict) {
		complain("other verdict");
		printf("#   %s, not %s\n", counter_name(verdict), counter_name(row_now->verdict));
	}
	probe_check_events(e, &f, &s, before);
	probe_answer(e, &s);
	engine__check_verdicts(e);
}

/* Through every hook, over each IP version unless the row wants one. */
static void run_row(void)
{
	const struct pping_config config = { EVERYTHING, .counters = 1,
					     .l3_device = row_now->packet.link == L3 };

	if (!bpf_ready())
		return;
	for (hook_now = 0; hook_now < HOOKS; hook_now++) {
		for (ip_now = 4; ip_now <= 6; ip_now += 2) {
			struct engine *e = engine__open(&config);

			if (!e)
				return;
			if (row_now->packet.ip && row_now->packet.ip != ip_now)
				continue;
			if (hook_now == XDP_SPLIT && !e->can_split)
				continue;
			probe_frame(e);
		}
	}
}

static void run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		row_now = &rows[i];
		case_run(rows[i].name, run_row);
	}
}

/* --- links ---------------------------------------------------------------------------- */

#define LINK(name_, link_)                                                                      \
	{ name_ "_ack", .packet = frame(.link = link_) },                                       \
		{ name_ "_data", .packet = frame(.link = link_, .payload = 1) },                \
		{ name_ "_echo", .packet = frame_of(ICMP, .link = link_, .payload = 56) },      \
	{                                                                                       \
		name_ "_slow", .packet = frame(.link = link_, .payload = 9, .options = "MSTNW") \
	}

#define NOT_IP_LINK(name_, link_)                                                         \
	{                                                                                 \
		name_, PPING_COUNT_NOT_IP, .packet = frame(.link = link_, .payload = 100) \
	}

static const struct row links[] = {
	LINK("ethernet", ETHERNET),
	LINK("vlan", VLAN),
	LINK("vlan_ad", VLAN_AD),
	LINK("qinq", QINQ),
	LINK("vlan_in_vlan", VLAN_IN_VLAN),
	LINK("pppoe", PPPOE),
	LINK("vlan_pppoe", VLAN_PPPOE),
	LINK("qinq_pppoe", QINQ_PPPOE),
	LINK("l3_device", L3),
	NOT_IP_LINK("three_vlan_tags", THREE_TAGS),
	NOT_IP_LINK("pppoe_lcp", PPPOE_LCP),
	NOT_IP_LINK("pppoe_padt", PPPOE_PADT),
	NOT_IP_LINK("pppoe_version_2", PPPOE_VERSION_2),
	NOT_IP_LINK("pppoe_discovery", PPPOE_DISCOVERY),
	{ "arp", PPING_COUNT_NOT_IP, .packet = frame_of(ARP, .payload = 28, .pad = 18) },
	{ "arp_in_vlan", PPING_COUNT_NOT_IP, .packet = frame_of(ARP, .link = VLAN, .payload = 28) },
	{ "l3_device_version_5", PPING_COUNT_NOT_IP, .packet = frame(.link = L3, .version = 5) },
	{ "l3_device_version_15", PPING_COUNT_NOT_IP, .packet = frame(.link = L3, .version = 15) },
	{ "l3_device_ipv4_options", .packet = frame(.link = L3, .ip = 4, .ip_options = 3) },
	{ "l3_device_extension_headers",
	  .packet = frame(.link = L3, .ip = 6, .exts = 2, .ext = { 0, 60 }) },
};

/* --- IP ---------------------------------------------------------------------------------- */

#define IPV4_OPTIONS(words)                                                          \
	{                                                                            \
		"ipv4_options_" #words,                                              \
			.packet = frame(.ip = 4, .ip_options = words, .payload = 10) \
	}

static const struct row ip[] = {
	IPV4_OPTIONS(1),
	IPV4_OPTIONS(2),
	IPV4_OPTIONS(3),
	IPV4_OPTIONS(4),
	IPV4_OPTIONS(5),
	IPV4_OPTIONS(6),
	IPV4_OPTIONS(7),
	IPV4_OPTIONS(8),
	IPV4_OPTIONS(9),
	IPV4_OPTIONS(10),
	{ "ipv4_options_echo", .packet = frame_of(ICMP, .ip = 4, .ip_options = 10) },
	{ "ipv4_options_in_qinq_pppoe",
	  .packet = frame(.link = QINQ_PPPOE, .ip = 4, .ip_options = 10, .options = "MSTNW") },
	{ "ipv4_header_of_0_words", PPING_COUNT_MALFORMED, .packet = frame(.ip = 4, .ihl = 1) },
	{ "ipv4_header_of_4_words", PPING_COUNT_MALFORMED, .packet = frame(.ip = 4, .ihl = 5) },
	{ "ipv4_type_version_6", PPING_COUNT_MALFORMED, .packet = frame(.ip = 4, .version = 6) },
	{ "ipv6_type_version_4", PPING_COUNT_MALFORMED, .packet = frame(.ip = 6, .version = 4) },
	{ "version_0", PPING_COUNT_MALFORMED, .packet = frame(.ip = 6, .version = 16) },

	/* lengths */
	{ "dont_fragment", .packet = frame(.ip = 4, .dont_fragment = true, .payload = 1) },
	{ "ethernet_padding_is_no_data", .packet = frame(.pad = 8) },
	{ "ethernet_padding_of_a_slow_ack", .packet = frame(.pad = 8, .options = "TNN") },
	{ "ethernet_padding_behind_data", .packet = frame(.pad = 20, .payload = 3) },
	{ "ip_length_says_less_than_headers", PPING_COUNT_MALFORMED,
	  .packet = frame(.longer = -1) },
	{ "ip_length_says_less_with_options", PPING_COUNT_MALFORMED,
	  .packet = frame(.longer = -1, .options = "MSTNW") },
	{ "ip_length_says_no_data", .no_data = true,
	  .packet = frame(.payload = 10, .longer = -10) },
	{ "ip_length_says_more_than_captured", .packet = frame(.payload = 10, .longer = 1000) },
	{ "ip_length_0_carries_data", .packet = frame(.payload = 1000, .zero_length = true) },
	{ "ip_length_0_slow_options",
	  .packet = frame(.payload = 1000, .zero_length = true, .options = "TNN") },
	{ "ip_length_0_in_qinq",
	  .packet = frame(.link = QINQ, .payload = 1000, .zero_length = true) },
	{ "ip_length_0_l3_device",
	  .packet = frame(.link = L3, .payload = 1000, .zero_length = true) },
	{ "ip_length_0_jumbogram", /* RFC 2675 */
	  .packet = frame(.ip = 6, .payload = 1000, .zero_length = true, .exts = 1) },
	{ "jumbo_frame", .packet = frame(.payload = 8900) },
	{ "jumbo_frame_slow_options", .packet = frame(.payload = 8900, .options = "MSTNW") },
	{ "payload_cut_off", .packet = frame(.link = QINQ_PPPOE, .payload = 1000, .snap = 140) },

	/* other protocols */
	{ "udp", PPING_COUNT_OTHER_PROTOCOL, .packet = frame_of(UDP, .payload = 100) },
	{ "udp_without_payload", PPING_COUNT_OTHER_PROTOCOL, .packet = frame_of(UDP) },
	{ "udp_ipv4_options", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(UDP, .ip = 4, .ip_options = 2) },
	{ "udp_extension_header", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(UDP, .ip = 6, .exts = 1, .ext = { 60 }) },
	{ "sctp", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .protocol = 132, .payload = 40) },
	{ "gre", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .protocol = 47, .payload = 40) },
	{ "esp", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .protocol = 50, .payload = 40) },
	{ "ipv4_in_ip", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .protocol = 4, .payload = 60) },
	{ "protocol_255", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .protocol = 255, .payload = 40) },
	{ "no_next_header", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .ip = 6, .protocol = 59, .payload = 40) },
	{ "icmpv6_in_ipv4", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .ip = 4, .protocol = 58, .payload = 64) },
	{ "icmpv4_in_ipv6", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .ip = 6, .protocol = 1, .payload = 64) },
};

#define EXT(name_, ...)                                                     \
	{                                                                   \
		name_, .packet = frame(.ip = 6, .payload = 10, __VA_ARGS__) \
	}

/* 0 hop by hop, 43 routing, 44 fragment, 51 AH, 60 destination options, 135 mobility, 139 HIP, 140 Shim6 */
static const struct row extensions[] = {
	EXT("hop_by_hop", .exts = 1, .ext = { 0 }),
	EXT("routing", .exts = 1, .ext = { 43 }),
	EXT("destination_options", .exts = 1, .ext = { 60 }),
	EXT("authentication", .exts = 1, .ext = { 51 }),
	EXT("mobility", .exts = 1, .ext = { 135 }),
	EXT("host_identity", .exts = 1, .ext = { 139 }),
	EXT("shim6", .exts = 1, .ext = { 140 }),
	EXT("atomic_fragment", .exts = 1, .ext = { 44 }),
	EXT("fault_8_two_extension_headers", .exts = 2, .ext = { 0, 60 }),
	EXT("fault_8_three_extension_headers", .exts = 3, .ext = { 0, 60, 43 }),
	EXT("fault_8_four_extension_headers", .exts = 4, .ext = { 0, 60, 43, 51 }),
	EXT("fault_8_five_extension_headers", .exts = 5, .ext = { 0, 60, 43, 44, 51 }),
	EXT("fault_8_six_extension_headers", .exts = 6, .ext = { 0, 60, 43, 44, 51, 60 }),
	EXT("six_headers_and_slow_options", .exts = 6, .ext = { 0, 60, 43, 44, 51, 60 },
	    .options = "MSTNW"),
	EXT("six_headers_in_qinq_pppoe", .exts = 6, .ext = { 0, 60, 43, 44, 51, 60 },
	    .link = QINQ_PPPOE),
	{ "fault_8_seven_are_called_what_they_are", PPING_COUNT_EXTENSION_HEADERS,
	  .packet = frame(.ip = 6, .exts = 7, .ext = { 0, 60, 60, 60, 60, 60, 60 }) },
	{ "eight_extension_headers", PPING_COUNT_EXTENSION_HEADERS,
	  .packet = frame(.ip = 6, .exts = 8, .ext = { 60, 60, 60, 60, 60, 60, 60, 60 }) },
	{ "six_headers_and_udp", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(UDP, .ip = 6, .exts = 6, .ext = { 60, 60, 60, 60, 60, 60 }) },
	{ "extension_headers_echo",
	  .packet = frame_of(ICMP, .ip = 6, .exts = 3, .ext = { 0, 60, 43 }, .payload = 56) },
	{ "extension_headers_are_no_data", .packet = frame(.ip = 6, .exts = 2, .ext = { 0, 60 }) },
	{ "esp_behind_a_header", PPING_COUNT_OTHER_PROTOCOL,
	  .packet = frame_of(OTHER, .ip = 6, .exts = 1, .ext = { 60 }, .protocol = 50,
			     .payload = 60) },
};

/* All of them carry what looks like a segment (or a reply) of the flow. */
static const struct row fragments[] = {
	{ "first_fragment", .packet = frame(.ip = 4, .more = true, .payload = 64) },
	{ "first_fragment_slow_options",
	  .packet = frame(.ip = 4, .more = true, .payload = 64, .options = "TNN") },
	{ "first_fragment_echo", .packet = frame_of(ICMP, .ip = 4, .more = true, .payload = 64) },
	{ "first_fragment_ipv6",
	  .packet = frame(.ip = 6, .exts = 1, .ext = { 44 }, .more = true, .payload = 64) },
	{ "fault_8_last_fragment", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 4, .fragment = 185, .payload = 64) },
	{ "fault_8_middle_fragment", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 4, .fragment = 185, .more = true, .payload = 64) },
	{ "fault_8_fragment_at_8", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 4, .fragment = 1, .payload = 64) },
	{ "fault_8_fragment_at_65528", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 4, .fragment = 0x1fff, .payload = 64) },
	{ "fault_8_fragment_with_options", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 4, .fragment = 185, .ip_options = 4, .payload = 64) },
	{ "fault_8_fragment_in_pppoe", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 4, .link = VLAN_PPPOE, .fragment = 185, .payload = 64) },
	{ "fault_8_fragment_echo", PPING_COUNT_FRAGMENT,
	  .packet = frame_of(ICMP, .ip = 4, .fragment = 185, .echo = REPLY, .payload = 64) },
	{ "fault_8_fragment_udp", PPING_COUNT_FRAGMENT,
	  .packet = frame_of(UDP, .ip = 4, .fragment = 185, .payload = 64) },
	{ "fault_8_fragment_ipv6", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 6, .exts = 1, .ext = { 44 }, .fragment = 185, .payload = 64) },
	{ "fault_8_middle_fragment_ipv6", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 6, .exts = 1, .ext = { 44 }, .fragment = 185, .more = true) },
	{ "fault_8_fragment_at_8_ipv6", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 6, .exts = 1, .ext = { 44 }, .fragment = 1) },
	{ "fault_8_fragment_at_65528_ipv6", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 6, .exts = 1, .ext = { 44 }, .fragment = 0x1fff) },
	{ "fault_8_fragment_behind_headers_ipv6", PPING_COUNT_FRAGMENT,
	  .packet = frame(.ip = 6, .exts = 3, .ext = { 0, 43, 44 }, .fragment = 185) },
	{ "fault_8_fragment_echo_ipv6", PPING_COUNT_FRAGMENT,
	  .packet =
		  frame_of(ICMP, .ip = 6, .exts = 1, .ext = { 44 }, .fragment = 9, .echo = REPLY) },
};

/* --- TCP ------------------------------------------------------------------------------------ */

#define OPTIONS(name_, layout_)                                                   \
	{ "options_" name_, .packet = frame(.options = layout_, .payload = 10) }, \
	{                                                                         \
		"options_" name_ "_ack", .packet = frame(.options = layout_)      \
	}
#define OPTIONS_AS(name_, verdict_, layout_)                     \
	{ "options_" name_, PPING_COUNT_##verdict_,              \
	  .packet = frame(.options = layout_, .payload = 10) },  \
	{                                                        \
		"options_" name_ "_ack", PPING_COUNT_##verdict_, \
			.packet = frame(.options = layout_)      \
	}

#define N10 "NNNNNNNNNN"

/* The letters are those of packets_option(). */
static const struct row options[] = {
	OPTIONS("nop_nop_ts", "NNT"),
	OPTIONS("ts_first", "T"),
	OPTIONS("ts_nop_nop", "TNN"),
	OPTIONS("nop_ts_nop", "NTN"),
	OPTIONS("linux_syn", "MSTNW"),
	OPTIONS("bsd_syn", "MNWST"),
	OPTIONS("windows_syn", "MNWNNTNNS"),
	OPTIONS("mss_sack_ts", "MST"),
	OPTIONS("nop_nop_ts_nop_nop_sack", "NNTNNK"),
	OPTIONS("nop_nop_sack_nop_nop_ts", "NNKNNT"),
	OPTIONS("nop_nop_ts_nop_nop_three_sacks", "NNTNNL"),
	OPTIONS("three_sacks_nop_nop_ts", "LNNT"),
	OPTIONS("ts_at_1", "NT"),
	OPTIONS("ts_at_3", "WT"),
	OPTIONS("ts_at_5", "MNT"),
	OPTIONS("ts_at_7", "MWT"),
	OPTIONS("ts_at_9", "WWWT"),
	OPTIONS("ts_at_13", N10 "WT"),
	OPTIONS("ts_at_29", N10 N10 "NNNNNNWT"),
	OPTIONS("ts_last", N10 N10 N10 "T"),
	OPTIONS("ts_then_end", "TEE"),
	OPTIONS("ts_then_nonsense", "TZ"),
	OPTIONS("ts_then_past_the_header", "TP"),
	OPTIONS("nop_nop_ts_then_nonsense", "NNTZZ"),

	OPTIONS_AS("none", NO_TIMESTAMP, ""),
	OPTIONS_AS("40_nops", NO_TIMESTAMP, N10 N10 N10 N10),
	OPTIONS_AS("4_nops", NO_TIMESTAMP, "NNNN"),
	OPTIONS_AS("12_nops", NO_TIMESTAMP, N10 "NN"),
	OPTIONS_AS("mss_sack_wscale", NO_TIMESTAMP, "MSNW"),
	OPTIONS_AS("nop_nop_sack", NO_TIMESTAMP, "NNK"),
	OPTIONS_AS("three_sacks", NO_TIMESTAMP, "NNL"),
	OPTIONS_AS("end_before_ts", NO_TIMESTAMP, "ET"),
	OPTIONS_AS("nop_end_before_ts", NO_TIMESTAMP, "NET"),
	OPTIONS_AS("mss_end_before_ts", NO_TIMESTAMP, "METN"),

	OPTIONS_AS("size_0", MALFORMED, "ZT"),
	OPTIONS_AS("size_1", MALFORMED, "OT"),
	OPTIONS_AS("nop_nop_size_0", MALFORMED, "NNZT"),
	OPTIONS_AS("past_the_header", MALFORMED, "PT"),
	OPTIONS_AS("nop_past_the_header", MALFORMED, "NPT"),
	OPTIONS_AS("ts_too_short", MALFORMED, "sNNN"),
	OPTIONS_AS("ts_too_long", MALFORMED, "l"),
	OPTIONS_AS("nop_nop_ts_too_short", MALFORMED, "NNsN"),
	OPTIONS_AS("ts_cut_short_by_the_header", MALFORMED, "NNt"),
	OPTIONS_AS("ts_cut_short_at_34", MALFORMED, N10 N10 N10 "NNNNNNt"),
	OPTIONS_AS("kind_without_size", MALFORMED, "NNNk"),
	OPTIONS_AS("kind_without_size_at_40", MALFORMED, N10 N10 N10 "NNNNNNNNNk"),
};

/* .doff is the header's words + 1 */
#define DOFF(name_, verdict_, ...)                                                        \
	{                                                                                 \
		"tcp_header_" name_, PPING_COUNT_##verdict_, .packet = frame(__VA_ARGS__) \
	}

static const struct row tcp[] = {
	DOFF("of_0_words", MALFORMED, .doff = 1, .payload = 10),
	DOFF("of_1_word", MALFORMED, .doff = 2, .payload = 10),
	DOFF("of_4_words", MALFORMED, .doff = 5, .payload = 10),
	DOFF("of_5_words", NO_TIMESTAMP, .doff = 6, .payload = 10),
	DOFF("of_6_words_cuts_ts", MALFORMED, .doff = 7, .payload = 10),
	DOFF("of_7_words_cuts_ts", MALFORMED, .doff = 8, .payload = 10),
	DOFF("longer_than_ip_length", MALFORMED, .doff = 16, .payload = 27),
	DOFF("longer_than_ip_length_ack", MALFORMED, .doff = 9 + 1),
	DOFF("longer_than_ip_length_bare", MALFORMED, .doff = 9, .bare = true),
	DOFF("longer_than_ip_length_behind_headers", MALFORMED, .ip = 6, .exts = 2,
	     .ext = { 0, 60 }, .doff = 16, .payload = 20),
	{ "tcp_header_fills_the_packet", .no_data = true,
	  .packet = frame(.doff = 16, .payload = 28) },
	{ "tcp_every_other_flag", .packet = frame_of(TCP, .flags = ACK | PSH | URG | ECE | CWR) },
	{ "tcp_reserved_bits", .packet = frame_of(TCP, .flags = ACK | RESERVED, .payload = 1) },
	{ "tcp_reserved_bits_slow",
	  .packet = frame_of(TCP, .flags = ACK | RESERVED, .options = "MSTNW") },
	{ "tcp_reserved_bits_bare", PPING_COUNT_NO_TIMESTAMP,
	  .packet = frame_of(TCP, .flags = ACK | RESERVED, .bare = true, .payload = 12) },
};

/* --- ICMP --------------------------------------------------------------------------------------- */

#define ICMP4(name_, type_, ...)                                                             \
	{                                                                                    \
		name_, PPING_COUNT_NOT_ECHO,                                                 \
			.packet = frame_of(ICMP, .ip = 4, .icmp_type = type_, .payload = 56, \
					   ##__VA_ARGS__)                                    \
	}
#define ICMP6(name_, type_, ...)                                                             \
	{                                                                                    \
		name_, PPING_COUNT_NOT_ECHO,                                                 \
			.packet = frame_of(ICMP, .ip = 6, .icmp_type = type_, .payload = 56, \
					   ##__VA_ARGS__)                                    \
	}

static const struct row icmp[] = {
	{ "echo_reply", .packet = frame_of(ICMP, .payload = 56) },
	{ "echo_reply_without_payload", .packet = frame_of(ICMP) },
	{ "echo_reply_padded", .packet = frame_of(ICMP, .pad = 18) },
	{ "echo_reply_in_a_short_packet", PPING_COUNT_MALFORMED,
	  .packet = frame_of(ICMP, .echo = REPLY, .longer = -1) },
	ICMP4("unreachable", 3, .icmp_code = 1),
	ICMP4("port_unreachable", 3, .icmp_code = 3),
	ICMP4("redirect", 5),
	ICMP4("time_exceeded", 11),
	ICMP4("parameter_problem", 12),
	ICMP4("timestamp", 13),
	ICMP4("timestamp_reply", 14),
	ICMP4("echo_reply_of_icmpv6", 129),
	ICMP4("echo_request_code_1", 8, .icmp_code = 1),
	ICMP4("echo_reply_code_1", 0, .icmp_code = 1),
	ICMP4("extended_echo", 42),
	ICMP6("unreachable_ipv6", 1),
	ICMP6("packet_too_big", 2),
	ICMP6("time_exceeded_ipv6", 3),
	ICMP6("parameter_problem_ipv6", 4),
	ICMP6("router_solicitation", 133),
	ICMP6("neighbour_advertisement", 136),
	ICMP6("echo_reply_of_icmpv4", 0),
	ICMP6("echo_request_of_icmpv4", 8),
	ICMP6("echo_request_code_1_ipv6", 128, .icmp_code = 1),
	ICMP6("echo_reply_code_1_ipv6", 129, .icmp_code = 1),
};

/* --- cut short ----------------------------------------------------------------------------------- */

struct cut {
	const char *name;
	enum pping_counter verdict; /* of the whole */
	int spare; /* bytes at the end of all headers that the verdict doesn't need */
	struct packet_spec packet;
};

static const struct cut cuts[] = {
	{ "cut_data", .packet = frame(.payload = 30) },
	{ "cut_ack", .packet = frame() },
	{ "cut_slow_options", .packet = frame(.options = "MSTNW", .payload = 30) },
	{ "cut_longest_options", .packet = frame(.options = N10 N10 N10 "T") },
	{ "cut_qinq_pppoe", .packet = frame(.link = QINQ_PPPOE, .payload = 9) },
	{ "cut_qinq_pppoe_slow", .packet = frame(.link = QINQ_PPPOE, .options = "TNN") },
	{ "cut_vlan", .packet = frame(.link = VLAN, .payload = 9) },
	{ "cut_ipv4_options", .packet = frame(.ip = 4, .ip_options = 10, .payload = 9) },
	{ "cut_six_headers",
	  .packet = frame(.ip = 6, .exts = 6, .ext = { 0, 60, 43, 44, 51, 60 }, .payload = 9) },
	{ "cut_l3_device", .packet = frame(.link = L3, .payload = 9) },
	{ "cut_l3_device_slow", .packet = frame(.link = L3, .options = "MSTNW") },
	{ "cut_without_timestamps", PPING_COUNT_NO_TIMESTAMP, .packet = frame(.bare = true) },
	{ "cut_other_options", PPING_COUNT_NO_TIMESTAMP, .packet = frame(.options = "MSNW") },
	{ "cut_bad_options", PPING_COUNT_MALFORMED, .packet = frame(.options = "ZTNN") },
	{ "cut_echo", .packet = frame_of(ICMP, .echo = REQUEST, .payload = 20) },
	{ "cut_unreachable", PPING_COUNT_NOT_ECHO,
	  .packet = frame_of(ICMP, .icmp_type = 3, .payload = 20) },
	{ "cut_udp", PPING_COUNT_OTHER_PROTOCOL, .spare = 8,
	  .packet = frame_of(UDP, .payload = 20) },
	{ "cut_fragment", PPING_COUNT_FRAGMENT, .spare = 32,
	  .packet = frame(.ip = 4, .fragment = 9, .payload = 20) },
	{ "cut_fragment_ipv6", PPING_COUNT_FRAGMENT, .spare = 32 + 4,
	  .packet = frame(.ip = 6, .exts = 1, .ext = { 44 }, .fragment = 9, .payload = 20) },
	{ "cut_arp", PPING_COUNT_NOT_IP, .packet = frame_of(ARP, .payload = 28) },
	{ "cut_vlan_arp", PPING_COUNT_NOT_IP,
	  .packet = frame_of(ARP, .link = VLAN, .payload = 28) },
};

static const struct cut *cut_now;

/* A frame cut at every length: TRUNCATED until the last byte that its verdict needs. */
static int cut_everywhere(struct engine *e, enum hook hook, int version)
{
	struct packet_spec s = cut_now->packet;
	struct frame f;
	__u32 whole, needed;
	int ran = 0;

	s.ip = version;
	frame_build(&f, &s);
	whole = f.len;
	needed = f.l4 + f.l4_len - cut_now->spare;
	for (f.len = 14; f.len <= whole; f.len++) {
		int want = f.len < needed ? (int)PPING_COUNT_TRUNCATED : (int)cut_now->verdict;
		int verdict = engine__run(e, hook, &f);

		/* the kernel wants an IP header of what Ethernet calls IP */
		if (verdict == -EINVAL && hook < XDP && f.len < 14 + 40)
			continue;
		ran++;
		if (verdict == want)
			continue;
		test_failed_here = 1;
		printf("# %s, IPv%d, %s, %u of %u bytes: %s, not %s\n", cut_now->name, version,
		       hook_names[hook], f.len, whole, counter_name(verdict), counter_name(want));
	}
	return ran;
}

static void run_cut(void)
{
	const struct pping_config config = { EVERYTHING, .l3_device = cut_now->packet.link == L3 };

	if (!bpf_ready())
		return;
	for (enum hook hook = 0; hook < HOOKS; hook++) {
		for (int version = 4; version <= 6; version += 2) {
			struct engine *e = engine__open(&config);

			if (!e)
				return;
			if (cut_now->packet.ip && cut_now->packet.ip != version)
				continue;
			if (hook == XDP_SPLIT && !e->can_split)
				continue;
			CHECK(cut_everywhere(e, hook, version) > 0);
			CHECK_INT(engine__flows(e, NULL), cut_now->verdict == PPING_COUNT_TRACKED);
			engine__check_verdicts(e);
		}
	}
}

/* --- nonsense ------------------------------------------------------------------------------------ */

static __u64 random_state = 88172645463325252ULL;

/* xorshift64 (Marsaglia 2003) */
static __u32 random_below(__u32 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

/* A row's frame with a few bytes changed; most of them in the headers. */
static void nonsense_frame(struct frame *f, bool l3)
{
	static const struct {
		const struct row *rows;
		size_t n;
	} tables[] = { { links, ARRAY_SIZE(links) },
		       { ip, ARRAY_SIZE(ip) },
		       { extensions, ARRAY_SIZE(extensions) },
		       { fragments, ARRAY_SIZE(fragments) },
		       { options, ARRAY_SIZE(options) },
		       { tcp, ARRAY_SIZE(tcp) },
		       { icmp, ARRAY_SIZE(icmp) } };
	__u32 table = random_below(ARRAY_SIZE(tables));
	struct packet_spec s = tables[table].rows[random_below(tables[table].n)].packet;
	__u32 changes = random_below(4);

	if (!s.ip)
		s.ip = random_below(2) ? 4 : 6;
	if (s.payload > 200)
		s.payload = 200;
	if (l3 || s.link == L3)
		s.link = l3 ? L3 : ETHERNET;
	s.tsval = random_state;
	s.tsecr = random_state >> 32;
	frame_build(f, &s);
	while (changes--)
		f->b[random_below(f->len < 120 ? f->len : 120)] = random_state >> 40;
	if (random_below(8) == 0)
		f->len = 14 + random_below(f->len - 13);
}

/* A frame's verdict and what became of it in an empty table. */
static int nonsense_run(struct engine *e, enum hook hook, const struct frame *f,
			struct pping_flow *flow)
{
	int verdict = engine__run(e, hook, f);

	memset(flow, 0, sizeof(*flow));
	if (engine__flows(e, flow))
		engine_clear_map(e->skel->maps.flows);
	e->events = 0;
	return verdict;
}

/*
 * A frame that ends behind its timestamps and before the end of its options may
 * be understood or called cut short: the fast path doesn't look that far.
 */
static bool is_cut_behind_timestamps(int verdict, int other)
{
	return (verdict == PPING_COUNT_TRACKED && other == PPING_COUNT_TRUNCATED) ||
	       (verdict == PPING_COUNT_TRUNCATED && other == PPING_COUNT_TRACKED);
}

/* Read from memory or byte by byte, by tc or by XDP: a frame means the same. */
static void same_meaning(struct engine *e, const struct frame *f)
{
	struct pping_flow flow[HOOKS];
	int verdict[HOOKS];

	verdict[XDP] = nonsense_run(e, XDP, f, &flow[XDP]);
	for (enum hook hook = 0; hook < HOOKS; hook++) {
		if (hook == XDP || (hook == XDP_SPLIT && !e->can_split))
			continue;
		verdict[hook] = nonsense_run(e, hook, f, &flow[hook]);
		if (verdict[hook] == -EINVAL && hook < XDP)
			continue;
		if (is_cut_behind_timestamps(verdict[hook], verdict[XDP]))
			continue;
		if (verdict[hook] == verdict[XDP] &&
		    !memcmp(&flow[hook], &flow[XDP], sizeof(*flow)))
			continue;
		test_failed_here = 1;
		printf("# %s: %s, %s: %s, of", hook_names[XDP], counter_name(verdict[XDP]),
		       hook_names[hook], counter_name(verdict[hook]));
		for (__u32 i = 0; i < f->len; i++)
			printf("%s%02x", i % 4 ? "" : " ", f->b[i]);
		printf("\n");
	}
}

static void nonsense(const struct pping_config *config, int n)
{
	struct engine *e = bpf_ready() ? engine__open(config) : NULL;
	struct frame f;

	if (!e)
		return;
	for (int i = 0; i < n && !test_failed_here; i++) {
		nonsense_frame(&f, config->l3_device);
		same_meaning(e, &f);
	}
	engine__check_verdicts(e);
}

static void nonsense_means_the_same_everywhere(void)
{
	static const struct pping_config config = { EVERYTHING };

	nonsense(&config, 10000);
}

static void nonsense_on_an_l3_device(void)
{
	static const struct pping_config config = { EVERYTHING, .l3_device = 1 };

	nonsense(&config, 5000);
}

static void nonsense_tcp_only(void)
{
	static const struct pping_config config = { .track_tcp = 1, .include_local = 1 };

	nonsense(&config, 5000);
}

static void nonsense_icmp_only(void)
{
	static const struct pping_config config = { .track_icmp = 1, .include_local = 1 };

	nonsense(&config, 5000);
}

#define ROWS(t) run_rows(t, ARRAY_SIZE(t))

int main(void)
{
	ROWS(links);
	ROWS(ip);
	ROWS(extensions);
	ROWS(fragments);
	ROWS(options);
	ROWS(tcp);
	ROWS(icmp);
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		cut_now = &cuts[i];
		case_run(cuts[i].name, run_cut);
	}
	CASE(nonsense_means_the_same_everywhere);
	CASE(nonsense_on_an_l3_device);
	CASE(nonsense_tcp_only);
	CASE(nonsense_icmp_only);
	return TEST_EXIT();
}
