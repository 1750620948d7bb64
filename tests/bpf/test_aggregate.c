// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Aggregation in the kernel: what a packet counts as, whose an RTT is, and that
 * nothing is lost or counted twice while all CPUs write, places change hands and
 * reports are made.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "engine/histogram.h"
#include "scenario.h"

/* Every host of the tests has a prefix of its own. */
#define LONG_PREFIXES                        \
	.aggregate = 1, .prefix_mask4 = ~0U, \
	.prefix_mask6 = {                    \
		~0U,                         \
		~0U,                         \
	}
/* A hint for all of them: each guess may be wrong. */
#define ONE_HINT .prefix_hint_mask = 0

#define NEVER SECONDS(1000000)

/* --- reports, added up -------------------------------------------------------------- */

#define MAX_SEEN 4096

struct seen {
	struct aggregate_row row; /* sums over all reports; bin means nothing */
	uint64_t bin[PPING_HIST_BINS];
	int reports, last; /* it was in so many, the last of which was */
};

static struct reports {
	struct engine *e;
	struct aggregate *aggregate;
	struct seen seen[MAX_SEEN];
	int used, made, twice;
	uint64_t now;
} reports;

static bool same_row(const struct aggregate_row *x, const struct aggregate_row *y)
{
	return x->subject == y->subject && x->ip_version == y->ip_version &&
	       !memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static void add_count(struct pping_flow_count *to, const struct pping_flow_count *from)
{
	for (int i = 0; i < PPING_KINDS; i++) {
		to[i].packets += from[i].packets;
		to[i].bytes += from[i].bytes;
	}
}

static int take_row(void *ctx, const struct aggregate_row *row)
{
	struct seen *s = reports.seen;
	struct aggregate_row *sum = &s->row;

	(void)ctx;
	while (s < reports.seen + reports.used && !same_row(&s->row, row))
		s++;
	if (s == reports.seen + MAX_SEEN)
		return -ENOSPC;
	sum = &s->row;
	if (s == reports.seen + reports.used) {
		reports.used++;
		memset(s, 0, sizeof(*s));
		sum->subject = row->subject;
		sum->ip_version = row->ip_version;
		sum->bits = row->bits;
		sum->addr = row->addr;
		sum->min = ~0ULL;
	}
	reports.twice += s->reports && s->last == reports.made;
	s->reports++;
	s->last = reports.made;
	add_count(sum->tx, row->tx);
	add_count(sum->rx, row->rx);
	sum->count += row->count;
	if (!row->count)
		return 0;
	sum->sum += row->sum;
	sum->min = row->min < sum->min ? row->min : sum->min;
	sum->max = row->max > sum->max ? row->max : sum->max;
	for (int i = 0; i < PPING_HIST_BINS; i++)
		s->bin[i] += row->bin[i];
	return 0;
}

static void reports_begin(struct engine *e, uint64_t timeout_ns)
{
	struct aggregate_settings set = {
		.bits4 = 32, .bits6 = 64, .timeout_ns = timeout_ns, .tables = e->prefixes
	};

	reports.e = e;
	reports.used = reports.made = reports.twice = 0;
	reports.now = 1;
	CHECK_INT(aggregate__new(&reports.aggregate, &set), 0);
}

static void report(void)
{
	reports.made++;
	reports.now += PPING_NS_PER_SEC;
	CHECK_INT(aggregate__report(reports.aggregate, reports.now, take_row, NULL), 0);
}

static void reports_end(void)
{
	CHECK_INT(reports.twice, 0);
	aggregate__free(reports.aggregate);
}

/* What was reported of a subject; a row of zeros if it was in none. */
static const struct seen *find_seen(enum aggregate_subject subject, const union pping_addr *addr,
				    int ip)
{
	static const struct seen none;
	struct aggregate_row row = { .subject = subject, .ip_version = ip };

	if (addr)
		row.addr = *addr;
	for (int i = 0; i < reports.used; i++)
		if (same_row(&reports.seen[i].row, &row))
			return &reports.seen[i];
	return &none;
}

static const struct seen *find_host(enum host_name host, int ip)
{
	union pping_addr addr = host_address(host, ip);

	if (ip == 6)
		addr.q[1] = 0;
	return find_seen(AGGREGATE_PREFIX, &addr, ip);
}

/* --- packets by kind ----------------------------------------------------------------- */

enum count_ip { BOTH_IP, ONLY_4, ONLY_6 };

#define ROW(name_, packet_, ...)                                \
	{                                                       \
		.name = name_, .packet = packet_, ##__VA_ARGS__ \
	}

static const struct counted {
	const char *name;
	struct packet_spec packet;
	enum pping_kind kind;
	int protocol; /* PPING_TRAFFIC_ */
	enum count_ip ip;
	bool nothing; /* counted as no IP packet */
	__u16 packets; /* 0: one */
	__u16 more_headers; /* bytes of each further packet's headers behind the IP header */
} counted_rows[] = {
	ROW("data", data(CLIENT, SERVER, 1, 2)),
	ROW("pure ACK", ack(CLIENT, SERVER, 1, 2)),
	ROW("SYN", syn(CLIENT, SERVER, 1)),
	ROW("other options first", data(CLIENT, SERVER, 1, 2, .options = "MSTNW")),
	ROW("no options", bare(CLIENT, SERVER, ACK), .kind = PPING_KIND_TCP_NO_TS),
	ROW("no timestamps", ack(CLIENT, SERVER, 1, 2, .options = "MNW"),
	    .kind = PPING_KIND_TCP_NO_TS),
	ROW("malformed options", ack(CLIENT, SERVER, 1, 2, .options = "Z"),
	    .kind = PPING_KIND_TCP_NO_TS),
	ROW("TCP header too short", ack(CLIENT, SERVER, 1, 2, .doff = 5),
	    .kind = PPING_KIND_TCP_NO_TS),
	ROW("TCP header cut short", ack(CLIENT, SERVER, 1, 2, .snap = 60),
	    .kind = PPING_KIND_TCP_NO_TS),
	ROW("UDP", packet(CLIENT, SERVER, .l4 = UDP, .payload = 77), .kind = PPING_KIND_OTHER,
	    .protocol = PPING_TRAFFIC_UDP),
	ROW("echo", request(CLIENT, SERVER, 1), .kind = PPING_KIND_OTHER,
	    .protocol = PPING_TRAFFIC_ICMP),
	ROW("echo reply", reply(CLIENT, SERVER, 1), .kind = PPING_KIND_OTHER,
	    .protocol = PPING_TRAFFIC_ICMP),
	ROW("unreachable", packet(CLIENT, SERVER, .l4 = ICMP, .icmp_type = 3),
	    .kind = PPING_KIND_OTHER, .protocol = PPING_TRAFFIC_ICMP),
	ROW("GRE", other(CLIENT, SERVER, 47), .kind = PPING_KIND_OTHER,
	    .protocol = PPING_TRAFFIC_OTHER),
	ROW("ICMPv6 in IPv4", other(CLIENT, SERVER, 58), .kind = PPING_KIND_OTHER,
	    .protocol = PPING_TRAFFIC_OTHER, .ip = ONLY_4),
	ROW("IPv4 options", data(CLIENT, SERVER, 1, 2, .ip_options = 3), .ip = ONLY_4),
	ROW("extension headers", data(CLIENT, SERVER, 1, 2, .exts = 2, .ext = { 0, 60 }),
	    .ip = ONLY_6),
	ROW("too many extension headers",
	    data(CLIENT, SERVER, 1, 2, .exts = 7, .ext = { 0, 60, 60, 60, 60, 60, 60 }),
	    .kind = PPING_KIND_OTHER, .protocol = PPING_TRAFFIC_OTHER, .ip = ONLY_6),
	ROW("first fragment", data(CLIENT, SERVER, 1, 2, .more = true), .ip = ONLY_4),
	ROW("first fragment", data(CLIENT, SERVER, 1, 2, .more = true, .exts = 1, .ext = { 44 }),
	    .ip = ONLY_6),
	ROW("further fragment", data(CLIENT, SERVER, 1, 2, .fragment = 100),
	    .kind = PPING_KIND_TCP_NO_TS, .ip = ONLY_4),
	ROW("further fragment",
	    data(CLIENT, SERVER, 1, 2, .fragment = 100, .exts = 1, .ext = { 44 }),
	    .kind = PPING_KIND_TCP_NO_TS, .ip = ONLY_6),
	ROW("further fragment of UDP",
	    packet(CLIENT, SERVER, .l4 = UDP, .payload = 77, .fragment = 9, .exts = 1,
		   .ext = { 44 }),
	    .kind = PPING_KIND_OTHER, .protocol = PPING_TRAFFIC_UDP),
	ROW("padding", data(CLIENT, SERVER, 1, 2, .pad = 18)),
	ROW("VLAN", data(CLIENT, SERVER, 1, 2, .link = VLAN)),
	ROW("QinQ", data(CLIENT, SERVER, 1, 2, .link = QINQ)),
	ROW("UDP in QinQ", packet(CLIENT, SERVER, .l4 = UDP, .link = QINQ),
	    .kind = PPING_KIND_OTHER, .protocol = PPING_TRAFFIC_UDP),
	ROW("PPPoE", data(CLIENT, SERVER, 1, 2, .link = PPPOE)),
	ROW("ECT(1)", data(CLIENT, SERVER, 1, 2, .tos = 0xb9)),
	ROW("ECT(0)", ack(CLIENT, SERVER, 1, 2, .tos = 0x02)),
	ROW("CE", packet(CLIENT, SERVER, .l4 = UDP, .tos = 0xff), .kind = PPING_KIND_OTHER,
	    .protocol = PPING_TRAFFIC_UDP),
	ROW("super-packet", ack(CLIENT, SERVER, 1, 2, .payload = 2500, .gso_segs = 3), .packets = 3,
	    .more_headers = 32),
	ROW("super-packet without timestamps",
	    bare(CLIENT, SERVER, ACK, .payload = 2500, .gso_segs = 3), .kind = PPING_KIND_TCP_NO_TS,
	    .packets = 3, .more_headers = 20),
	ROW("super-packet with other options",
	    ack(CLIENT, SERVER, 1, 2, .payload = 2500, .gso_segs = 3, .options = "KNNT"),
	    .packets = 3, .more_headers = 44),
	ROW("super-packet of UDP",
	    packet(CLIENT, SERVER, .l4 = UDP, .payload = 2500, .gso_segs = 3),
	    .kind = PPING_KIND_OTHER, .protocol = PPING_TRAFFIC_UDP, .packets = 3,
	    .more_headers = 8),
	ROW("super-packet of unknown number",
	    ack(CLIENT, SERVER, 1, 2, .payload = 2001, .gso_size = 1000), .packets = 3,
	    .more_headers = 32),
	ROW("super-packet of unknown number, even",
	    ack(CLIENT, SERVER, 1, 2, .payload = 2000, .gso_size = 1000), .packets = 2,
	    .more_headers = 32),
	ROW("super-packet of unknown number of one", ack(CLIENT, SERVER, 1, 2, .gso_size = 1000),
	    .packets = 1),
	ROW("super-packet over 64 KiB",
	    ack(CLIENT, SERVER, 1, 2, .payload = 2500, .gso_segs = 3, .zero_length = true),
	    .packets = 3, .more_headers = 32),
	ROW("ARP", packet(CLIENT, SERVER, .l4 = ARP, .payload = 28), .nothing = true),
	ROW("three tags", data(CLIENT, SERVER, 1, 2, .link = THREE_TAGS), .nothing = true),
};

static void expect(const struct counted *row, int ip, enum hook hook, const char *what, __u64 got,
		   __u64 want)
{
	if (got == want)
		return;
	printf("# %s, IPv%d, %s: %s is %llu, not %llu\n", row->name, ip, hook_names[hook], what,
	       (unsigned long long)got, (unsigned long long)want);
	test_failed_here = 1;
}

static void check_counted(const struct counted *row, int ip, enum hook hook, const struct frame *f)
{
	const struct seen *from = find_host(CLIENT, ip), *to = find_host(SERVER, ip);
	struct pping_counters c = engine__counters(reports.e);
	__u64 packets = row->nothing ? 0 : row->packets ? row->packets : 1;
	__u64 further = packets ? packets - 1 : 0;
	__u64 bytes =
		row->nothing ? 0 : f->ip_len + further * ((ip == 4 ? 20 : 40) + row->more_headers);
	int first = PPING_TRAFFIC_FIRST + (ip == 4 ? 0 : 2 * PPING_TRAFFIC_PROTOCOLS);

	for (int kind = 0; kind < PPING_KINDS; kind++) {
		bool is = kind == (int)row->kind;

		expect(row, ip, hook, "sent packets", from->row.tx[kind].packets, is * packets);
		expect(row, ip, hook, "sent bytes", from->row.tx[kind].bytes, is * bytes);
		expect(row, ip, hook, "received packets", to->row.rx[kind].packets, is * packets);
		expect(row, ip, hook, "received bytes", to->row.rx[kind].bytes, is * bytes);
		expect(row, ip, hook, "the other way", from->row.rx[kind].packets, 0);
		expect(row, ip, hook, "the other way", to->row.tx[kind].packets, 0);
	}
	expect(row, ip, hook, "rows", reports.used, row->nothing ? 0 : 2);
	for (int i = 0; i < 2 * PPING_TRAFFIC_PROTOCOLS; i++) {
		int at = PPING_TRAFFIC_FIRST + 2 * i;
		bool is = at == first + 2 * row->protocol;

		expect(row, ip, hook, counter_name(at), c.n[at], is * packets);
		expect(row, ip, hook, counter_name(at + 1), c.n[at + 1], is * bytes);
	}
	for (int i = 0; i < 4; i++)
		expect(row, ip, hook, counter_name(PPING_ECN_NOT_ECT + i),
		       c.n[PPING_ECN_NOT_ECT + i], i == (row->packet.tos & 3) ? packets : 0);
}

static void count_row(struct engine *e, const struct counted *row, int ip, enum hook hook)
{
	struct packet_spec s = row->packet;
	__u32 retval;
	struct frame f;

	if ((row->ip == ONLY_4 && ip == 6) || (row->ip == ONLY_6 && ip == 4))
		return;
	if ((hook == XDP || hook == XDP_SPLIT) && s.gso_segs + s.gso_size)
		return;
	if (hook == XDP_SPLIT && !e->can_split)
		return;
	s.ip = ip;
	if (ip == 4)
		s.exts = 0;
	if (s.snap && ip == 6)
		s.snap += 20;
	engine__reset(e);
	frame_build(&f, &s);
	reports_begin(e, NEVER);
	if (!engine_test_run(e, hook, &f, 1, NULL, &retval)) {
		report();
		check_counted(row, ip, hook, &f);
	}
	reports_end();
}

static void count_rows(const struct pping_config *config)
{
	struct engine *e;

	if (!bpf_ready())
		return;
	e = engine__open(config);
	if (!e)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(counted_rows); i++)
		for (int hook = 0; hook < HOOKS; hook++)
			for (int ip = 4; ip <= 6; ip += 2)
				count_row(e, &counted_rows[i], ip, hook);
}

static const struct pping_config usual = { EVERYTHING, LONG_PREFIXES, .max_prefixes = 32 };

static void packets_count_by_kind(void)
{
	count_rows(&usual);
}

/* What a packet is does not depend on what is asked for. */
static void packets_count_by_kind_without_tcp(void)
{
	static const struct pping_config config = {
		.track_icmp = 1, .include_local = 1, LONG_PREFIXES, .max_prefixes = 32
	};

	count_rows(&config);
}

static void packets_count_by_kind_without_icmp(void)
{
	static const struct pping_config config = { .track_tcp = 1,
						    .include_local = 1,
						    LONG_PREFIXES,
						    .no_rtt_events = 1,
						    .no_flow_events = 1,
						    .max_prefixes = 32 };

	count_rows(&config);
}

/* --- whose an RTT is -------------------------------------------------------------------- */

/* One RTT of TCP, 300 us, and two of echo, 1 and 2 ms, which SERVER answers. */
static struct engine *three_rtts(const struct pping_config *config, int ip)
{
	struct packet_spec s[] = {
		ack(CLIENT, SERVER, 1000, 5000),  ack(SERVER, CLIENT, 5000, 1000),
		data(CLIENT, SERVER, 1001, 5000), ack(SERVER, CLIENT, 5000, 1001),
		request(CLIENT, SERVER, 1),	  reply(SERVER, CLIENT, 1),
		request(CLIENT, SERVER, 2),	  reply(SERVER, CLIENT, 2)
	};
	static const __u64 at[] = { 0, 0, 0, US(300), MS(1), MS(2), MS(2), MS(4) };
	struct engine *e = engine__open(config);

	if (!e)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		s[i].ip = ip;
		engine__set_time(e, at[i]);
		CHECK_INT(engine__inject(e, s[i].from == CLIENT ? TC_EGRESS : TC_INGRESS, &s[i]),
			  0);
	}
	return e;
}

static void check_rtts(const struct seen *s)
{
	CHECK_INT(s->row.count, 3);
	CHECK_INT(s->row.sum, US(3300));
	CHECK_INT(s->row.min, US(300));
	CHECK_INT(s->row.max, MS(2));
	CHECK_INT(s->bin[histogram_bin(US(300))], 1);
	CHECK_INT(s->bin[histogram_bin(MS(1))], 1);
	CHECK_INT(s->bin[histogram_bin(MS(2))], 1);
}

static void rtts_belong_to(const struct pping_config *config, enum host_name whose,
			   enum host_name other)
{
	const struct seen *icmp;

	if (!bpf_ready())
		return;
	for (int ip = 4; ip <= 6; ip += 2) {
		struct engine *e = three_rtts(config, ip);

		if (!e)
			return;
		reports_begin(e, NEVER);
		report();
		check_rtts(find_host(whose, ip));
		CHECK_INT(find_host(other, ip)->row.count, 0);
		icmp = find_seen(AGGREGATE_ICMP, NULL, 0);
		CHECK_INT(icmp->row.count, 2);
		CHECK_INT(icmp->row.sum, MS(3));
		CHECK_INT(reports.used, 3);
		/* and never again */
		report();
		CHECK_INT(find_host(whose, ip)->reports, 1);
		CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS_AGGREGATED], 3);
		CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS], 3);
		reports_end();
	}
}

static void rtts_belong_to_who_answered(void)
{
	rtts_belong_to(&usual, SERVER, CLIENT);
}

static void rtts_belong_to_who_was_answered(void)
{
	static const struct pping_config config = { EVERYTHING, LONG_PREFIXES,
						    .aggregate_reverse = 1, .max_prefixes = 32 };

	rtts_belong_to(&config, CLIENT, SERVER);
}

/* One prefix a family, and they are two although their bits are the same: none. */
static void prefixes_of_no_bits(void)
{
	static const struct pping_config config = { EVERYTHING, .aggregate = 1, ONE_HINT,
						    .max_prefixes = 4 };
	struct engine *e;

	if (!bpf_ready())
		return;
	for (int ip = 4; ip <= 6; ip += 2) {
		union pping_addr none = {};

		e = three_rtts(&config, ip);
		if (!e)
			return;
		if (ip == 4)
			none.b[10] = none.b[11] = 0xff;
		reports_begin(e, NEVER);
		report();
		check_rtts(find_seen(AGGREGATE_PREFIX, &none, ip));
		CHECK_INT(find_seen(AGGREGATE_PREFIX, &none, ip)->row.tx[PPING_KIND_TCP_TS].packets,
			  4);
		CHECK_INT(find_seen(AGGREGATE_PREFIX, &none, ip)->row.rx[PPING_KIND_OTHER].packets,
			  4);
		CHECK_INT(reports.used, 2);
		reports_end();
	}
}

/* --- addresses of many prefixes ------------------------------------------------------------ */

static union pping_addr numbered_prefix(int n, int ip)
{
	union pping_addr a = {};

	if (ip == 6) {
		a.b[0] = 0x20;
		a.b[1] = 0x01;
		a.b[6] = n >> 8;
		a.b[7] = n;
	} else {
		a.b[10] = a.b[11] = 0xff;
		a.b[12] = 100;
		a.b[13] = n >> 8;
		a.b[14] = n;
	}
	return a;
}

/* Prefix and a host in it: of the source, or of the destination. */
static void poke_address(struct frame *f, int ip, bool source, int n, int host)
{
	union pping_addr a = numbered_prefix(n, ip);

	a.b[15] = ip == 6 ? host : 0;
	if (ip == 6)
		memcpy(f->b + f->ip + (source ? 8 : 24), a.b, 16);
	else
		memcpy(f->b + f->ip + (source ? 12 : 16), a.b + 12, 4);
}

static const struct seen *find_numbered(int n, int ip)
{
	union pping_addr a = numbered_prefix(n, ip);

	return find_seen(AGGREGATE_PREFIX, &a, ip);
}

/* A datagram from prefix a to prefix b. */
static void numbered_datagram(struct frame *f, int ip, int a, int b)
{
	struct packet_spec s = packet(CLIENT, SERVER, .l4 = UDP, .ip = ip, .payload = 10);

	frame_build(f, &s);
	poke_address(f, ip, true, a, 1);
	poke_address(f, ip, false, b, 1);
}

/* --- places ---------------------------------------------------------------------------------- */

/* Each place is free or has one owner, whose key is on all its shards. */
static void check_places(struct engine *e, __u32 owned)
{
	int fd = bpf_map__fd(e->skel->maps.prefixes),
	    queue = bpf_map__fd(e->skel->maps.prefix_places);
	struct aggregate_tables *t = &e->prefixes;
	__u8 *holders = calloc(t->places, 1);
	struct pping_prefix_key key, *last = NULL;
	__u32 place, used = 0, wrong = 0;
	__u64 word;

	while (!bpf_map_get_next_key(fd, last, &key)) {
		last = &key;
		used++;
		if (bpf_map_lookup_elem(fd, &key, &word) || (__u32)word >= t->places) {
			wrong++;
			continue;
		}
		holders[(__u32)word]++;
		for (__u32 shard = 0; shard < t->shards; shard++)
			wrong += memcmp(&t->packets[shard * t->places + (__u32)word].key, &key,
					sizeof(key)) != 0;
	}
	while (!bpf_map_lookup_and_delete_elem(queue, NULL, &place))
		holders[place < t->places ? place : 0]++;
	CHECK_INT(wrong, 0);
	CHECK_INT(used, owned);
	for (place = 0; place < t->places; place++)
		wrong += holders[place] != (place >= PPING_PREFIX_FIRST);
	CHECK_INT(wrong, 0);
	free(holders);
}

static void a_full_table(void)
{
	static const struct pping_config config = { EVERYTHING, LONG_PREFIXES, ONE_HINT,
						    .max_prefixes = 2 + PPING_PREFIX_FIRST };
	const struct seen *other;
	struct engine *e;
	struct frame f;
	__u32 retval;

	if (!bpf_ready())
		return;
	e = engine__open(&config);
	if (!e)
		return;
	reports_begin(e, NEVER);
	for (int i = 0; i < 5; i++) {
		/* 0 and 1 get places, the rest does not; the second round is of those that have none */
		numbered_datagram(&f, i % 2 ? 6 : 4, i, 0);
		CHECK_INT(engine_test_run(e, TC_INGRESS, &f, 1, NULL, &retval), 0);
	}
	report();
	CHECK_INT(find_numbered(0, 4)->row.tx[PPING_KIND_OTHER].packets, 1);
	CHECK_INT(find_numbered(0, 4)->row.rx[PPING_KIND_OTHER].packets, 3);
	CHECK_INT(find_numbered(1, 6)->row.tx[PPING_KIND_OTHER].packets, 1);
	other = find_seen(AGGREGATE_OTHER, NULL, 0);
	CHECK_INT(other->row.tx[PPING_KIND_OTHER].packets, 3);
	CHECK_INT(other->row.rx[PPING_KIND_OTHER].packets, 2);
	CHECK_INT(engine__counters(e).n[PPING_COUNT_PREFIXES_FULL], 5);
	CHECK_INT(engine__counters(e).n[PPING_COUNT_PREFIXES_CREATED], 2);
	CHECK_INT(reports.used, 3);
	reports_end();
	check_places(e, 2);
}

/* 0.0.0.0/24 is a prefix like another, and is not "everything else". */
static void the_prefix_of_zeros(void)
{
	static const struct pping_config config = { EVERYTHING, .aggregate = 1,
						    .prefix_mask4 = 0x00ffffff, .max_prefixes = 8 };
	union pping_addr zero = { .b = { [10] = 0xff, [11] = 0xff } };
	struct engine *e;
	struct frame f;
	__u32 retval;

	if (!bpf_ready())
		return;
	e = engine__open(&config);
	if (!e)
		return;
	reports_begin(e, NEVER);
	numbered_datagram(&f, 4, 1, 2);
	memset(f.b + f.ip + 12, 0, 4);
	CHECK_INT(engine_test_run(e, TC_INGRESS, &f, 1, NULL, &retval), 0);
	report();
	CHECK_INT(find_seen(AGGREGATE_PREFIX, &zero, 4)->row.tx[PPING_KIND_OTHER].packets, 1);
	CHECK_INT(find_seen(AGGREGATE_OTHER, NULL, 0)->reports, 0);
	reports_end();
}

/* --- all CPUs at once ------------------------------------------------------------------------- */

#define MAX_WORKERS 16
#define FLOWS 48 /* of each worker, each with a prefix of the server's, the same for all workers */
#define CLIENT_PREFIXES 8

static struct {
	struct engine *e;
	int workers;
	int phases;
	bool bursts; /* a prefix has packets in every fifth burst of phases only */
	pthread_barrier_t phase;
	atomic_int failed;
	atomic_bool over;
} crowd;

/* Prefixes of one family are in even places, of the other in odd ones. */
static int flow_ip(int flow)
{
	return flow % 2 ? 6 : 4;
}

static int client_prefix(int worker, int flow)
{
	return 1000 + (worker + flow) % CLIENT_PREFIXES;
}

static bool flow_is_on(int flow, int phase)
{
	return !crowd.bursts || (phase / 40 + flow) % 5 == 0;
}

static void crowd_run(int worker, int flow, bool up, __u32 tsval, bool with_data)
{
	struct packet_spec s = up ? (struct packet_spec)ack(CLIENT, SERVER, tsval, 5000)
				  : (struct packet_spec)ack(SERVER, CLIENT, 5000, tsval);
	__u16 port = 2000 + FLOWS * worker + flow;
	struct frame f;
	__u32 retval = 0;

	s.ip = flow_ip(flow);
	s.payload = with_data ? 100 : 0;
	if (up)
		s.sport = port;
	else
		s.dport = port;
	frame_build(&f, &s);
	poke_address(&f, s.ip, up, client_prefix(worker, flow), 1 + worker);
	poke_address(&f, s.ip, !up, flow, 200);
	if (engine_test_run(crowd.e, up ? TC_EGRESS : TC_INGRESS, &f, 1, NULL, &retval) ||
	    retval != engine_passes(TC_EGRESS))
		crowd.failed++;
}

/* What every phase's RTTs take. */
static __u64 phase_rtt(int phase)
{
	return US(20) << phase % 7 | (__u64)phase << 5;
}

static void *crowd_worker(void *arg)
{
	int worker = (int)(intptr_t)arg;

	pin_to_cpu(worker);
	for (int flow = 0; flow < FLOWS; flow++) {
		crowd_run(worker, flow, true, 1000, false);
		crowd_run(worker, flow, false, 1000, false);
	}
	for (int phase = 0; phase < crowd.phases; phase++) {
		for (int flow = 0; flow < FLOWS; flow++)
			if (flow_is_on(flow, phase))
				crowd_run(worker, flow, true, 1001 + phase, true);
		/* the first of them sets the clock while the others wait */
		if (pthread_barrier_wait(&crowd.phase) == PTHREAD_BARRIER_SERIAL_THREAD)
			crowd.e->shared->test_now += phase_rtt(phase);
		pthread_barrier_wait(&crowd.phase);
		for (int flow = 0; flow < FLOWS; flow++)
			if (flow_is_on(flow, phase))
				crowd_run(worker, flow, false, 1001 + phase, false);
		pthread_barrier_wait(&crowd.phase);
	}
	return NULL;
}

static void *crowd_reporter(void *arg)
{
	(void)arg;
	while (!crowd.over) {
		report();
		usleep(500);
	}
	return NULL;
}

/* The sums of all reports are what was sent, and every RTT. */
static void check_crowd(void)
{
	__u64 size4 = 20 + 32, rtts = 0;

	for (int flow = 0; flow < FLOWS; flow++) {
		const struct seen *s = find_numbered(flow, flow_ip(flow));
		__u64 size = flow_ip(flow) == 4 ? size4 : size4 + 20;
		__u64 n = 0, sum = 0, min = ~0ULL, max = 0;
		uint64_t bin[PPING_HIST_BINS] = {};

		for (int phase = 0; phase < crowd.phases; phase++) {
			__u64 rtt = phase_rtt(phase);

			if (!flow_is_on(flow, phase))
				continue;
			n += crowd.workers;
			sum += rtt * crowd.workers;
			min = rtt < min ? rtt : min;
			max = rtt > max ? rtt : max;
			bin[histogram_bin(rtt)] += crowd.workers;
		}
		rtts += n;
		CHECK_INT(s->row.count, n);
		CHECK_INT(s->row.sum, sum);
		CHECK_INT(s->row.min, min);
		CHECK_INT(s->row.max, max);
		CHECK(!memcmp(s->bin, bin, sizeof(bin)));
		CHECK_INT(s->row.rx[PPING_KIND_TCP_TS].packets, n + crowd.workers);
		CHECK_INT(s->row.rx[PPING_KIND_TCP_TS].bytes,
			  n * (size + 100) + crowd.workers * size);
		CHECK_INT(s->row.tx[PPING_KIND_TCP_TS].packets, n + crowd.workers);
		CHECK_INT(s->row.tx[PPING_KIND_TCP_TS].bytes, (n + crowd.workers) * size);
	}
	CHECK_INT(engine__counters(crowd.e).n[PPING_COUNT_RTTS_AGGREGATED], rtts);
	CHECK_INT(engine__counters(crowd.e).n[PPING_COUNT_EXTREMES_BUSY], 0);
	CHECK_INT(find_seen(AGGREGATE_OTHER, NULL, 0)->reports, 0);
}

static int all_cpus(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < MAX_WORKERS ? cpus : MAX_WORKERS;
}

static bool crowd_begin(const struct pping_config *config, uint64_t timeout_ns)
{
	if (!bpf_ready())
		return false;
	crowd.workers = all_cpus();
	if (crowd.workers < 2) {
		SKIP("a race needs two CPUs");
		return false;
	}
	crowd.e = engine__open_sized(config, 32768);
	if (!crowd.e)
		return false;
	crowd.failed = 0;
	crowd.over = false;
	pthread_barrier_init(&crowd.phase, NULL, crowd.workers);
	reports_begin(crowd.e, timeout_ns);
	return true;
}

static void unpin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < all_cpus(); i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Runs fn on each CPU while reports are made. */
static void crowd_go(void *(*fn)(void *))
{
	pthread_t worker[MAX_WORKERS], reporter;
	int before;

	unpin();
	before = reports.made;
	CHECK_INT(pthread_create(&reporter, NULL, crowd_reporter, NULL), 0);
	for (int i = 0; i < crowd.workers; i++)
		CHECK_INT(pthread_create(&worker[i], NULL, fn, (void *)(intptr_t)i), 0);
	for (int i = 0; i < crowd.workers; i++)
		pthread_join(worker[i], NULL);
	crowd.over = true;
	pthread_join(reporter, NULL);
	pthread_barrier_destroy(&crowd.phase);
	report();
	CHECK_INT(crowd.failed, 0);
	CHECK(reports.made > before);
	printf("# %d reports\n", reports.made);
}

static void crowd_counts_exactly(const struct pping_config *config)
{
	if (!crowd_begin(config, NEVER))
		return;
	crowd.phases = 400;
	crowd.bursts = false;
	crowd_go(crowd_worker);
	check_crowd();
	reports_end();
}

#define CROWD .max_prefixes = 256, .no_rtt_events = 1, .no_flow_events = 1

/* As on a host with up to four CPUs: each has a shard of its own. */
static void nothing_lost_with_a_shard_a_cpu(void)
{
	static struct pping_config config = { EVERYTHING, LONG_PREFIXES, CROWD, ONE_HINT,
					      .prefix_private = 1 };

	config.prefix_shard_mask = 1;
	while ((int)config.prefix_shard_mask + 1 < libbpf_num_possible_cpus())
		config.prefix_shard_mask = 2 * config.prefix_shard_mask + 1;
	crowd_counts_exactly(&config);
}

static void nothing_lost_with_a_shared_shard(void)
{
	static const struct pping_config config = { EVERYTHING, LONG_PREFIXES, CROWD,
						    .prefix_hint_mask = 15 };

	crowd_counts_exactly(&config);
}

/* Prefixes leave as soon as a report finds them idle, and come back at any moment of a report. */
static void nothing_lost_while_prefixes_leave(void)
{
	static const struct pping_config config = { EVERYTHING, LONG_PREFIXES, CROWD,
						    .prefix_hint_mask = 15 };
	int left;

	if (!crowd_begin(&config, 1))
		return;
	crowd.phases = 3000;
	crowd.bursts = true;
	crowd_go(crowd_worker);
	check_crowd();
	left = engine__counters(crowd.e).n[PPING_COUNT_PREFIXES_CREATED] - FLOWS - CLIENT_PREFIXES;
	printf("# prefixes left and came back %d times\n", left);
	CHECK(left > 10);
	/* idle now: one report finds that, the next gives the places back */
	report();
	report();
	report();
	reports_end();
	check_places(crowd.e, 0);
}

/* --- creation ------------------------------------------------------------------------------------ */

#define CREATED 1500

static void *crowd_creator(void *arg)
{
	int worker = (int)(intptr_t)arg;
	__u32 retval;
	struct frame f;

	pin_to_cpu(worker);
	for (int i = 0; i < crowd.phases * CREATED; i++) {
		int n = i % CREATED;

		/* together from time to time, so that they meet */
		if (i % 16 == 0)
			pthread_barrier_wait(&crowd.phase);
		numbered_datagram(&f, n % 2 ? 6 : 4, n, (n + 1) % CREATED);
		crowd.failed += engine_test_run(crowd.e, XDP, &f, 1, NULL, &retval) != 0;
	}
	return NULL;
}

/* Datagrams sent by and to prefixes of their own, and by and to everything else. */
static void count_created(__u64 *own, __u64 *others)
{
	const struct seen *other = find_seen(AGGREGATE_OTHER, NULL, 0);

	*own = 0;
	for (int i = 0; i < reports.used; i++)
		if (reports.seen[i].row.subject == AGGREGATE_PREFIX)
			*own += reports.seen[i].row.tx[PPING_KIND_OTHER].packets +
				reports.seen[i].row.rx[PPING_KIND_OTHER].packets;
	*others = other->row.tx[PPING_KIND_OTHER].packets + other->row.rx[PPING_KIND_OTHER].packets;
}

static void created_at_once(const struct pping_config *config, uint64_t timeout_ns, __u64 places)
{
	__u64 own, others;

	if (!crowd_begin(config, timeout_ns))
		return;
	crowd.phases = timeout_ns == NEVER ? 5 : 30;
	crowd_go(crowd_creator);
	count_created(&own, &others);
	CHECK_INT(own + others, 2 * CREATED * crowd.workers * crowd.phases);
	if (timeout_ns == NEVER) {
		__u64 created = engine__counters(crowd.e).n[PPING_COUNT_PREFIXES_CREATED];

		CHECK_INT(created, places);
		CHECK(places < 2 * CREATED ? others > 0 : !others);
		check_places(crowd.e, places);
	} else {
		report();
		report();
		report();
		check_places(crowd.e, 0);
	}
	reports_end();
}

/*
 * A datagram names a prefix and the next number's, of the same family. Room for more,
 * because each CPU takes a place before it knows that another has made the prefix.
 */
static const struct pping_config roomy = { EVERYTHING,
					   LONG_PREFIXES,
					   .prefix_hint_mask = 255,
					   .max_prefixes = 2 * CREATED + 100,
					   .no_rtt_events = 1,
					   .no_flow_events = 1 };
static const struct pping_config narrow = { EVERYTHING,
					    LONG_PREFIXES,
					    .prefix_hint_mask = 255,
					    .max_prefixes = 100 + PPING_PREFIX_FIRST,
					    .no_rtt_events = 1,
					    .no_flow_events = 1 };

static void prefixes_created_at_once(void)
{
	created_at_once(&roomy, NEVER, 2 * CREATED);
}

static void more_created_at_once_than_there_is_room(void)
{
	created_at_once(&narrow, NEVER, 100);
}

static void prefixes_created_while_others_leave(void)
{
	created_at_once(&narrow, 1, 0);
}

int main(void)
{
	CASE(packets_count_by_kind);
	CASE(packets_count_by_kind_without_tcp);
	CASE(packets_count_by_kind_without_icmp);
	CASE(rtts_belong_to_who_answered);
	CASE(rtts_belong_to_who_was_answered);
	CASE(prefixes_of_no_bits);
	CASE(a_full_table);
	CASE(the_prefix_of_zeros);
	CASE(nothing_lost_with_a_shard_a_cpu);
	CASE(nothing_lost_with_a_shared_shard);
	CASE(nothing_lost_while_prefixes_leave);
	CASE(prefixes_created_at_once);
	CASE(more_created_at_once_than_there_is_room);
	CASE(prefixes_created_while_others_leave);
	return TEST_EXIT();
}
