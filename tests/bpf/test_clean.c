// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What cleaning removes, when, and what it says of it. Tests named fault_N are faults of PEERS.md.
 */
#include "scenario.h"

#include "src/loop.h"
#include "src/mapclean.h"

/* --- a flow of each kind, then nothing -------------------------------------------------- */

enum kind {
	ANSWERED_TCP,
	ANSWERED_ICMP,
	UNANSWERED_SYN,
	UNANSWERED_TCP,
	UNANSWERED_ICMP,
	CLOSED_BY_RST,
	CLOSED_BY_FIN,
	HALF_CLOSED,
	REFUSED,
	KINDS
};

#define KIND_PACKETS 6

/* Its packets, all in one second; how long it lives on; whether its end is announced. */
static const struct kind_row {
	const char *name;
	struct packet_spec packet[KIND_PACKETS];
	int packets;
	__u32 timeout; /* seconds */
	bool announced;
	enum pping_counter removed_as; /* besides FLOWS_REMOVED; PPING_COUNTERS: none */
	enum pping_cleanup_counter cleanup;
} kinds[KINDS] = {
	[ANSWERED_TCP] = { "answered TCP",
			   { ack(CLIENT, SERVER, 1, 1), ack(SERVER, CLIENT, 1, 1) },
			   2,
			   300,
			   true,
			   PPING_COUNT_FLOWS_TIMED_OUT,
			   PPING_CLEANUP_IDLE },
	[ANSWERED_ICMP] = { "answered ICMP",
			    { request(CLIENT, SERVER, 1), reply(SERVER, CLIENT, 1) },
			    2,
			    30,
			    true,
			    PPING_COUNT_FLOWS_TIMED_OUT,
			    PPING_CLEANUP_IDLE },
	[UNANSWERED_SYN] = { "unanswered SYN",
			     { syn(CLIENT, SERVER, 1) },
			     1,
			     30,
			     false,
			     PPING_COUNT_FLOWS_UNANSWERED,
			     PPING_CLEANUP_UNANSWERED },
	[UNANSWERED_TCP] = { "unanswered TCP",
			     { ack(CLIENT, SERVER, 1, 1), data(CLIENT, SERVER, 2, 1) },
			     2,
			     30,
			     false,
			     PPING_COUNT_FLOWS_UNANSWERED,
			     PPING_CLEANUP_UNANSWERED },
	[UNANSWERED_ICMP] = { "unanswered ICMP",
			      { request(CLIENT, SERVER, 1) },
			      1,
			      30,
			      false,
			      PPING_COUNT_FLOWS_UNANSWERED,
			      PPING_CLEANUP_UNANSWERED },
	[CLOSED_BY_RST] = { "closed by RST",
			    { ack(CLIENT, SERVER, 1, 1), ack(SERVER, CLIENT, 1, 1),
			      rst(CLIENT, SERVER, 1, 1) },
			    3,
			    5,
			    false,
			    PPING_COUNTERS,
			    PPING_CLEANUP_CLOSED },
	[CLOSED_BY_FIN] = { "closed by FIN",
			    { ack(CLIENT, SERVER, 1, 1), ack(SERVER, CLIENT, 1, 1),
			      fin(CLIENT, SERVER, 1, 1), fin(SERVER, CLIENT, 1, 1) },
			    4,
			    5,
			    false,
			    PPING_COUNTERS,
			    PPING_CLEANUP_CLOSED },
	[HALF_CLOSED] = { "half closed",
			  { ack(CLIENT, SERVER, 1, 1), ack(SERVER, CLIENT, 1, 1),
			    fin(CLIENT, SERVER, 1, 1) },
			  3,
			  300,
			  true,
			  PPING_COUNT_FLOWS_TIMED_OUT,
			  PPING_CLEANUP_IDLE },
	[REFUSED] = { "refused",
		      { syn(CLIENT, SERVER, 1), bare(SERVER, CLIENT, RST | ACK) },
		      2,
		      5,
		      false,
		      PPING_COUNTERS,
		      PPING_CLEANUP_CLOSED },
};

static const struct pping_config debug = { EVERYTHING, .debug_cleanup = 1 };
static const struct pping_config counted = { EVERYTHING, .debug_cleanup = 1, .counters = 1 };

static struct pping_cleanup cleanup_counters(const struct engine *e)
{
	struct pping_cleanup c = {};
	__u32 key = 0;

	bpf_map_lookup_elem(bpf_map__fd(e->skel->maps.cleanup), &key, &c);
	return c;
}

static void run_packets(struct engine *e, const struct kind_row *k, int ip)
{
	for (int i = 0; i < k->packets; i++) {
		struct packet_spec s = k->packet[i];

		s.ip = ip;
		engine__inject(e, i % 2 ? TC_INGRESS : TC_EGRESS, &s);
		scenario_now.last = s;
	}
	perf_buffer__consume(e->buffer);
	e->events = 0;
}

/* The timeout's event: named like the opening, whoever had the last word. */
static void check_timeout_event(const struct engine *e, const struct kind_row *k)
{
	struct pping_event want;

	CHECK_INT(e->events, k->announced);
	if (!k->announced || !e->events)
		return;
	memset(&want, 0, sizeof(want));
	want.timestamp = e->shared->test_now;
	want.type = PPING_EVENT_FLOW;
	want.flow_event = PPING_FLOW_CLOSING;
	want.reason = PPING_REASON_TIMEOUT;
	want.triggered_by = PPING_TRIGGER_GC;
	want.flow = scenario_tuple(SERVER, CLIENT);
	if (!memcmp(&want, &e->event[0], PPING_EVENT_SIZE))
		return;
	test_failed_here = 1;
	event_print("want", &want);
	event_print("got ", &e->event[0]);
}

static void check_removal_counters(const struct engine *e, const struct kind_row *k)
{
	struct pping_counters c = engine__counters(e);
	struct pping_cleanup done = cleanup_counters(e);

	CHECK_INT(c.n[PPING_COUNT_FLOWS_REMOVED], 1);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_TIMED_OUT], k->removed_as == PPING_COUNT_FLOWS_TIMED_OUT);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_UNANSWERED], k->removed_as == PPING_COUNT_FLOWS_UNANSWERED);
	CHECK_INT(done.n[PPING_CLEANUP_SEEN], 4); /* passes that found it */
	CHECK_INT(done.n[PPING_CLEANUP_REMOVED], 1);
	for (int i = PPING_CLEANUP_IDLE; i < PPING_CLEANUP_COUNTERS; i++)
		CHECK_INT(done.n[i], i == (int)k->cleanup);
	engine__check_verdicts(e);
}

/* `begin` is the epoch of its packets. */
static void lives_so_long(const struct kind_row *k, int ip, __u32 begin)
{
	struct engine *e = engine__open(&debug);
	volatile __u32 *epoch;

	if (!e)
		return;
	epoch = &e->shared->epoch;
	*epoch = begin;
	run_packets(e, k, ip);
	for (__u32 half = 0; half <= 2; half++) {
		*epoch = begin + k->timeout * half / 2;
		engine__clean(e, 4096);
	}
	CHECK_INT(e->events, 0);
	CHECK_INT(engine__flows(e, NULL), 1);
	*epoch = begin + k->timeout + 1;
	*(volatile __u64 *)&e->shared->test_now += SECONDS(400);
	engine__clean(e, 4096);
	CHECK_INT(engine__flows(e, NULL), 0);
	check_timeout_event(e, k);
	check_removal_counters(e, k);
	engine__clean(e, 4096); /* and not again */
	check_timeout_event(e, k);
	if (test_failed_here)
		printf("# %s, IPv%d, from epoch %u\n", k->name, ip, begin);
}

static void each_kind_lives_as_long_as_it_should(void)
{
	/* epochs start at 1 and wrap around */
	static const __u32 begin[] = { 1,	   1000,       0x7fffff80, 0x7fffffff,
				       0xfffffe00, 0xffffffe8, 0xffffffff, 0 };

	for (int kind = 0; bpf_ready() && kind < KINDS; kind++)
		for (size_t i = 0; i < ARRAY_SIZE(begin) && !test_failed_here; i++)
			lives_so_long(&kinds[kind], i % 2 ? 6 : 4, begin[i]);
}

/* --- flows that carry packets stay --------------------------------------------------------- */

#define NEVER                                                  \
	{                                                      \
		EVERYTHING, .rate_limit_ns = 604800000 * MS(1) \
	}

static const struct scenario busy[] = {
	/* a local download: what is seen of it is ACKs that are never stamped */
	{ "fault_3_pure_acks_keep_a_flow", .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(SECONDS(250), ack(CLIENT, SERVER, 251000, 5000)),
			 CLEAN(SECONDS(299)), CLEAN(SECONDS(301)), CLEAN(SECONDS(500)),
			 OUT(SECONDS(549), ack(CLIENT, SERVER, 550000, 5000)), CLEAN(SECONDS(600)),
			 CLEAN(SECONDS(849))) },

	{ "fault_3_acks_without_a_new_tsval_keep_a_flow", .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(SECONDS(250), ack(CLIENT, SERVER, 1020, 5000)),
			 CLEAN(SECONDS(500)), OUT(SECONDS(520), ack(CLIENT, SERVER, 1020, 5000)),
			 CLEAN(SECONDS(700))) },

	{ "fault_3_data_that_is_local_keeps_a_flow", .flows = 1, .config = { .track_tcp = 1 },
	  .steps = STEPS(LOCAL(0, CLIENT), HANDSHAKE,
			 IN(SECONDS(200), data(SERVER, CLIENT, 205000, 1020)), CLEAN(SECONDS(400)),
			 IN(SECONDS(450), data(SERVER, CLIENT, 455000, 1020)),
			 CLEAN(SECONDS(700))) },

	/* --rate-limit far above the timeout: one sample and no more */
	{ "fault_3_rate_limit_above_the_timeout", .flows = 1, .config = NEVER, .stamped = 1,
	  .steps = STEPS(HANDSHAKE, OUT(SECONDS(1), data(CLIENT, SERVER, 2000, 5000)),
			 IN(MS(1020), ack(SERVER, CLIENT, 6020, 2000), RTT(MS(20), MS(20))),
			 OUT(SECONDS(250), data(CLIENT, SERVER, 251000, 6020)), CLEAN(SECONDS(400)),
			 OUT(SECONDS(500), data(CLIENT, SERVER, 501000, 6020)), CLEAN(SECONDS(700)),
			 IN(SECONDS(799), ack(SERVER, CLIENT, 804000, 501000)),
			 CLEAN(SECONDS(1000))) },

	{ "fault_3_one_direction_keeps_both", .flows = 1,
	  .steps = STEPS(HANDSHAKE, IN(SECONDS(299), ack(SERVER, CLIENT, 5000, 1020)),
			 CLEAN(SECONDS(320)), IN(SECONDS(599), ack(SERVER, CLIENT, 5000, 1020)),
			 CLEAN(SECONDS(899))) },

	{ "one_way_flows_stay_while_they_carry_packets", .flows = 1,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000)),
			 OUT(SECONDS(29), ack(CLIENT, SERVER, 1000, 5000)), CLEAN(SECONDS(50)),
			 OUT(SECONDS(58), ack(CLIENT, SERVER, 1000, 5000)), CLEAN(SECONDS(88))) },

	{ "a_ping_every_20_seconds_is_one_flow", .flows = 1, .stamped = 3,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)),
			 IN(MS(20), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20))),
			 CLEAN(SECONDS(10)), CLEAN(SECONDS(19)),
			 OUT(SECONDS(20), request(CLIENT, SERVER, 2)), CLEAN(SECONDS(39)),
			 OUT(SECONDS(40), request(CLIENT, SERVER, 3)),
			 IN(SECONDS(40) + MS(20), reply(SERVER, CLIENT, 3), RTT(MS(20), MS(20))),
			 CLEAN(SECONDS(60))) },
};

/* --- timeouts ---------------------------------------------------------------------------------- */

static const struct scenario timeouts[] = {
	{ "timeout_is_named_like_the_opening",
	  .steps = STEPS(HANDSHAKE, OUT(SECONDS(10), ack(CLIENT, SERVER, 11000, 5000)),
			 CLEAN(SECONDS(310)),
			 CLEAN(SECONDS(311), CLOSING(TIMEOUT, SERVER, CLIENT, GC)),
			 CLEAN(SECONDS(312))) },

	{ "timeout_of_a_flow_that_the_server_opened",
	  .steps = STEPS(
		  IN(0, ack(SERVER, CLIENT, 5000, 1000)),
		  OUT(0, ack(CLIENT, SERVER, 1000, 5000), OPENING(FIRST_PACKET, CLIENT, SERVER)),
		  CLEAN(SECONDS(301), CLOSING(TIMEOUT, CLIENT, SERVER, GC))) },

	{ "timeout_of_a_ping", .stamped = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)),
			 IN(MS(20), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20))),
			 CLEAN(SECONDS(30)),
			 CLEAN(SECONDS(31), CLOSING(TIMEOUT, SERVER, CLIENT, GC))) },

	{ "flow_met_again_after_its_timeout", .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE, CLEAN(SECONDS(301), CLOSING(TIMEOUT, SERVER, CLIENT, GC)),
			 OUT(SECONDS(302), ack(CLIENT, SERVER, 303000, 5000)),
			 OUT(SECONDS(303), data(CLIENT, SERVER, 304000, 5000)),
			 IN(SECONDS(303) + MS(20), ack(SERVER, CLIENT, 308000, 304000),
			    OPENING(FIRST_PACKET, SERVER, CLIENT), RTT(MS(20), MS(20)))) },

	/* the time in which nothing came is not the flow's */
	{ "timeout_with_totals", .config = COUNTED,
	  .steps = STEPS(
		  HANDSHAKE4, CLEAN(SECONDS(300)),
		  CLEAN(SECONDS(301), CLOSING(TIMEOUT, SERVER, CLIENT, GC, .sent = { 2, 2 * H4 },
					      .rec = { 1, H4 }, .duration = MS(20)))) },

	{ "timeout_with_totals_of_a_flow_that_the_server_opened", .config = COUNTED, .stamped = 1,
	  .steps = STEPS(
		  IN(0, ack(SERVER, CLIENT, 5000, 1000, .ip = 6)),
		  IN(MS(5), data(SERVER, CLIENT, 5005, 1000, .ip = 6)),
		  OUT(MS(7), ack(CLIENT, SERVER, 1007, 5005, .ip = 6),
		      OPENING(FIRST_PACKET, CLIENT, SERVER),
		      RTT(MS(2), MS(2), .sent = { 2, 2 * H6 + 100 }, .rec = { 1, H6 })),
		  IN(SECONDS(200) + 123456789, ack(SERVER, CLIENT, 205000, 1007, .ip = 6)),
		  CLEAN(SECONDS(500)),
		  CLEAN(SECONDS(501), CLOSING(TIMEOUT, CLIENT, SERVER, GC,
					      .sent = { 3, 3 * H6 + 100 }, .rec = { 1, H6 },
					      .duration = SECONDS(200) + 123456789, .rtts = 1))) },

	{ "timeout_with_totals_of_a_ping", .config = COUNTED, .stamped = 2,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1, .ip = 4)),
			 IN(MS(20), reply(SERVER, CLIENT, 1, .ip = 4),
			    OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20), .sent = { 1, 84 }, .rec = { 1, 84 })),
			 OUT(SECONDS(1), request(CLIENT, SERVER, 2, .ip = 4)), CLEAN(SECONDS(31)),
			 CLEAN(SECONDS(32),
			       CLOSING(TIMEOUT, SERVER, CLIENT, GC, .sent = { 2, 168 },
				       .rec = { 1, 84 }, .duration = SECONDS(1), .rtts = 1))) },

	{ "unanswered_goes_silently", .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
						     CLEAN(SECONDS(30)), CLEAN(SECONDS(31))) },

	{ "only_what_is_idle_goes", .flows = 1,
	  .steps = STEPS(
		  OUT(0, ack(CLIENT, SERVER, 1000, 5000)),
		  IN(0, ack(SERVER, CLIENT, 5000, 1000), OPENING(FIRST_PACKET, SERVER, CLIENT)),
		  OUT(SECONDS(1), ack(STRANGER, SERVER, 1000, 5000)),
		  IN(SECONDS(1), ack(SERVER, STRANGER, 5000, 1000),
		     OPENING(FIRST_PACKET, SERVER, STRANGER)),
		  OUT(SECONDS(200), ack(STRANGER, SERVER, 201000, 5000)),
		  OUT(SECONDS(200), rst(STRANGER, SERVER, 201000, 5000),
		      CLOSING(RST, SERVER, STRANGER, DEST)),
		  OUT(SECONDS(201), ack(CLIENT, SERVER, 201000, 5000)), CLEAN(SECONDS(301))) },
};

/*
 * A server that refuses timestamps (RFC 7323 section 3.2): the flow's packets
 * tell us nothing, and so must we not call it idle while it carries them. Either
 * it is announced and closed as any other, or not at all.
 */
static void fault_3_flow_that_agrees_on_no_timestamps(void)
{
	static const struct packet_spec open[] = { syn(CLIENT, SERVER, 1000),
						   bare(SERVER, CLIENT, SYN | ACK) };
	static const struct packet_spec carry[] = { bare(CLIENT, SERVER, ACK, .payload = 100),
						    bare(SERVER, CLIENT, ACK) };
	static const struct packet_spec close[] = { bare(CLIENT, SERVER, FIN | ACK),
						    bare(SERVER, CLIENT, FIN | ACK) };
	struct engine *e = bpf_ready() ? engine__open(&debug) : NULL;

	if (!e)
		return;
	for (int second = 0; second <= 700; second++) {
		const struct packet_spec *s = second == 0 ? open : second == 700 ? close : carry;

		engine__set_time(e, SECONDS(second));
		engine__inject(e, TC_EGRESS, &s[0]);
		engine__inject(e, TC_INGRESS, &s[1]);
		engine__clean(e, 4096);
	}
	perf_buffer__consume(e->buffer);
	CHECK(e->events == 0 || e->events == 2);
	for (int i = 0; i < e->events; i++) {
		CHECK(e->event[i].reason != PPING_REASON_TIMEOUT);
		if (e->event[i].reason == PPING_REASON_TIMEOUT)
			event_print("got ", &e->event[i]);
	}
}

/* --- a large table -------------------------------------------------------------------------------- */

#define MANY 100000

/* Answered flows, a tenth of them closed and another tenth not answered. */
static void fill_table(struct engine *e)
{
	for (int i = 0; i < MANY; i++) {
		__u16 sport = 1 + i % 50000, dport = 100 + i / 50000;
		struct packet_spec q = ack(CLIENT, SERVER, 1, 1, .sport = sport, .dport = dport,
					   .ip = i % 2 ? 4 : 6);
		struct packet_spec r = ack(SERVER, CLIENT, 1, 1, .sport = dport, .dport = sport,
					   .ip = i % 2 ? 4 : 6);
		struct packet_spec end = rst(SERVER, CLIENT, 1, 1, .sport = dport, .dport = sport,
					     .ip = i % 2 ? 4 : 6);

		engine__inject(e, TC_EGRESS, &q);
		if (i % 10 != 1)
			engine__inject(e, TC_INGRESS, &r);
		if (i % 10 == 2)
			engine__inject(e, TC_INGRESS, &end);
		if (i % 4096 == 0)
			perf_buffer__consume(e->buffer);
		e->events = 0;
	}
	perf_buffer__consume(e->buffer);
	e->events = 0;
}

/* Counts what a pass announced, of each flow by its two ports. */
static int note_timeouts(struct engine *e, __u8 *seen)
{
	int n = e->events;

	for (int i = 0; i < e->events; i++) {
		const struct pping_event *event = &e->event[i];
		int flow = ntohs(event->flow.dport) - 1 + (ntohs(event->flow.sport) - 100) * 50000;

		CHECK(event->reason == PPING_REASON_TIMEOUT);
		if (flow >= 0 && flow < MANY)
			seen[flow]++;
	}
	e->events = 0;
	return n;
}

/* One pass in pieces of one event; the events are noted as they come, for there are many. */
static int pass_in_pieces(struct engine *e, __u8 *seen, int *announced)
{
	const ssize_t size = pping_event_size(e->config.counters);
	int fd = bpf_iter_create(bpf_link__fd(e->iterator)), reads = 0;
	struct pping_event event;
	ssize_t n;

	memset(&event, 0, sizeof(event));
	while ((n = read(fd, &event, size)) > 0) {
		CHECK_INT(n, size);
		reads++;
		if (event.type == PPING_EVENT_MARK)
			continue;
		e->event[e->events++] = event;
		*announced += note_timeouts(e, seen);
	}
	CHECK_INT(n, 0);
	close(fd);
	return reads;
}

static void check_removed_once(const struct engine *e, const __u8 *seen)
{
	struct pping_counters c = engine__counters(e);
	int twice = 0, never = 0, wrong = 0;

	for (int i = 0; i < MANY; i++) {
		if (i % 10 == 1 || i % 10 == 2) {
			wrong += seen[i] != 0;
			continue;
		}
		twice += seen[i] > 1;
		never += seen[i] == 0;
	}
	CHECK_INT(twice, 0);
	CHECK_INT(never, 0);
	CHECK_INT(wrong, 0);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_CREATED], MANY);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_REMOVED], MANY);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_TIMED_OUT], MANY / 10 * 8);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_UNANSWERED], MANY / 10);
	CHECK_INT(engine__flows(e, NULL), 0);
}

/*
 * A hash iterator that stops and goes on may pass over neighbours of what it
 * deleted: the next pass finds them. None is lost, none is announced twice.
 */
static void large_table_in_pieces(const struct pping_config *config)
{
	struct engine *e = bpf_ready() ? engine__open_sized(config, MANY * 3 / 2) : NULL;
	static __u8 seen[MANY];
	int announced = 0, passes = 0;

	if (!e)
		return;
	memset(seen, 0, sizeof(seen));
	fill_table(e);
	CHECK_INT(engine__flows(e, NULL), MANY);
	engine__set_time(e, SECONDS(300));
	CHECK(engine__clean(e, 4096) > 0);
	CHECK_INT(e->events, 0);
	CHECK_INT(engine__flows(e, NULL), MANY / 10 * 8); /* the others went silently */
	engine__set_time(e, SECONDS(301));
	while (engine__flows(e, NULL) && passes++ < 8)
		CHECK(pass_in_pieces(e, seen, &announced) > 0);
	printf("# %d passes\n", passes);
	CHECK_INT(announced, MANY / 10 * 8);
	check_removed_once(e, seen);
}

static void a_large_table_in_pieces(void)
{
	large_table_in_pieces(&debug);
}

static void a_large_table_with_counters_in_pieces(void)
{
	large_table_in_pieces(&counted);
}

/* A pass over entries that all stay gives a sign of life every so many entries. */
static void a_pass_can_be_read_in_pieces(void)
{
	struct engine *e = bpf_ready() ? engine__open_sized(&debug, MANY * 3 / 2) : NULL;
	static __u8 seen[MANY];
	int announced = 0, reads;
	struct pping_cleanup c;

	if (!e)
		return;
	fill_table(e);
	reads = pass_in_pieces(e, seen, &announced);
	CHECK_INT(reads, (MANY + PPING_CLEANUP_PIECE - 1) / PPING_CLEANUP_PIECE);
	CHECK_INT(announced, 0);
	c = cleanup_counters(e);
	CHECK_INT(c.n[PPING_CLEANUP_SEEN], MANY);
	CHECK_INT(c.n[PPING_CLEANUP_REPLIED], MANY / 10 * 9);
	CHECK_INT(engine__counters(e).n[PPING_COUNT_FLOWS_REMOVED], 0);
}

/* Sizes of read() that no record fits evenly. */
static void any_size_of_read_will_do(void)
{
	static const size_t sizes[] = { 1, 71, 73, 100, 103, 105, 4095, 65536 };

	for (size_t i = 0; bpf_ready() && i < 2 * ARRAY_SIZE(sizes); i++) {
		struct engine *e = engine__open(i % 2 ? &counted : &debug);

		if (!e)
			return;
		for (int port = 1; port <= 500; port++) {
			struct packet_spec q = ack(CLIENT, SERVER, 1, 1, .sport = port);
			struct packet_spec r = ack(SERVER, CLIENT, 1, 1, .dport = port);

			engine__inject(e, TC_EGRESS, &q);
			engine__inject(e, TC_INGRESS, &r);
		}
		perf_buffer__consume(e->buffer);
		e->events = 0;
		engine__set_time(e, SECONDS(301));
		for (int pass = 0; pass < 4; pass++)
			CHECK(engine__clean(e, sizes[i / 2]) >= 0);
		CHECK_INT(e->events, 500);
		CHECK_INT(engine__flows(e, NULL), 0);
	}
}

/* --- the passes of the program ------------------------------------------------------------------- */

static int on_announced(void *ctx, const struct pping_event *event)
{
	(void)event;
	++*(__u64 *)ctx;
	return 0;
}

static void on_passed(void *ctx, const struct mapclean_report *pass)
{
	(void)ctx;
	(void)pass;
}

static int on_time(void *ctx, uint64_t expirations)
{
	(void)ctx;
	(void)expirations;
	return LOOP_STOP;
}

/* Flows that have expired, so many that a pass has pieces that end with a mark. */
static void add_expired(struct engine *e, __u64 now)
{
	engine__set_time(e, now);
	for (int port = 1; port <= 4 * PPING_CLEANUP_PIECE; port++) {
		struct packet_spec q = ack(CLIENT, SERVER, 1, 1, .sport = port);
		struct packet_spec r = ack(SERVER, CLIENT, 1, 1, .dport = port);

		engine__inject(e, TC_EGRESS, &q);
		engine__inject(e, TC_INGRESS, &r);
	}
	perf_buffer__consume(e->buffer);
	e->events = 0;
	engine__set_time(e, now + SECONDS(301));
}

/* A pass that is due at once, wherever the one under way has come to: every flow that goes is announced. */
static void a_pass_within_a_pass(void)
{
	struct engine *e = bpf_ready() ? engine__open_sized(&debug, MANY) : NULL;
	struct loop_source *timer;
	struct mapclean *clean;
	struct loop *loop;
	__u64 announced = 0;

	if (!e || loop__new(&loop))
		return;
	struct mapclean_settings set = {
		.program = e->skel->progs.pping_clean,
		.flows_fd = bpf_map__fd(e->skel->maps.flows),
		.cleanup_fd = bpf_map__fd(e->skel->maps.cleanup),
		.max_flows = MANY,
		.interval_ns = 1,
		.ctx = &announced,
		.announce = on_announced,
		.passed = on_passed,
	};

	CHECK_INT(mapclean__new(&clean, loop, &set), 0);
	for (int i = 1; i <= 10; i++) {
		add_expired(e, SECONDS(1000 * i));
		/* up to where a mark comes: all entries that were seen so far were announced */
		for (int step = 0; step < 100 && (!step || announced % PPING_CLEANUP_PIECE);
		     step++) {
			CHECK_INT(loop__timer(loop, 500000, on_time, NULL, &timer), 0);
			CHECK_INT(loop__run(loop), 0);
			loop__remove(timer);
		}
		CHECK_INT(mapclean__run_pass(clean), 0);
	}
	CHECK(announced > 0);
	CHECK_INT(announced, engine__counters(e).n[PPING_COUNT_FLOWS_TIMED_OUT]);
	mapclean__free(clean);
	loop__free(loop);
}

static void a_pass_over_nothing(void)
{
	struct engine *e = bpf_ready() ? engine__open(&debug) : NULL;

	if (!e)
		return;
	CHECK_INT(engine__clean(e, 4096), 0);
	CHECK_INT(e->events, 0);
	CHECK_INT(cleanup_counters(e).n[PPING_CLEANUP_SEEN], 0);
}

#define TABLE(t) scenarios_run(t, ARRAY_SIZE(t))

int main(void)
{
	CASE(each_kind_lives_as_long_as_it_should);
	TABLE(busy);
	TABLE(timeouts);
	CASE(fault_3_flow_that_agrees_on_no_timestamps);
	CASE(a_large_table_in_pieces);
	CASE(a_large_table_with_counters_in_pieces);
	CASE(a_pass_can_be_read_in_pieces);
	CASE(any_size_of_read_will_do);
	CASE(a_pass_within_a_pass);
	CASE(a_pass_over_nothing);
	return TEST_EXIT();
}
