// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>

#include "pping.h"
#include "src/engine_host.h"
#include "tests/bpf/packets.h"
#include "tests/unit/test.h"

#define MS(n) ((uint64_t)(n)*PPING_NS_PER_MS)
#define SECONDS(n) ((uint64_t)(n)*PPING_NS_PER_SEC)
/* A time of today: the engine's fields would not hold its nanoseconds. */
#define BEGIN (1700000000 * PPING_NS_PER_SEC + 123456000)

/* --- an engine and what it says -------------------------------------------------------- */

#define MAX_EVENTS 4096

static struct {
	struct engine_host *engine;
	struct pping_event event[MAX_EVENTS];
	int events;
	int answer; /* of the event handler */
	uint64_t frames;
} t;

static int take_event(void *ctx, const struct pping_event *event)
{
	CHECK(ctx == &t);
	if (t.events < MAX_EVENTS)
		t.event[t.events++] = *event;
	return t.answer;
}

static const struct engine_host_settings usual = {
	.config = { .track_tcp = 1, .track_icmp = 1 },
	.max_flows = 1024,
	.ctx = &t,
	.event = take_event,
};

static void begin(const struct engine_host_settings *settings)
{
	t.events = t.answer = 0;
	t.frames = 0;
	CHECK_INT(engine_host__new(&t.engine, settings), 0);
}

/* Every frame has exactly one verdict, and the memory is bounded. */
static void end(uint32_t max_flows)
{
	const struct pping_counters *c = engine_host__counters(t.engine);
	uint64_t verdicts = 0, present, replied;

	for (int i = 0; i < PPING_VERDICT_COUNT; i++)
		verdicts += c->n[i];
	CHECK_INT(verdicts, t.frames);
	engine_host__flows(t.engine, &present, &replied);
	CHECK(present <= max_flows && replied <= present);
	CHECK_INT(c->n[PPING_COUNT_EVENTS_EMITTED] + c->n[PPING_COUNT_FLOWS_TIMED_OUT], t.events);
	engine_host__free(t.engine);
	t.engine = NULL;
}

static int feed_way(uint64_t at, const struct packet_spec *spec, uint8_t way)
{
	struct frame f;
	struct engine_frame frame = { .time_ns = BEGIN + at,
				      .verdict = ENGINE_FRAME_UNKNOWN,
				      .way = way };

	frame_build(&f, spec);
	frame.data = f.b;
	frame.captured = frame.length = f.len;
	frame.l3 = f.l3;
	t.frames++;
	return engine_host__packet(t.engine, &frame);
}

#define FEED(at, ...)                                                        \
	do {                                                                 \
		struct packet_spec feed_spec = __VA_ARGS__;                  \
		CHECK_INT(feed_way(at, &feed_spec, PPING_MATCH_UNKNOWN), 0); \
	} while (0)

static uint64_t counted(enum pping_counter which)
{
	return engine_host__counters(t.engine)->n[which];
}

static int rtts(void)
{
	int n = 0;

	for (int i = 0; i < t.events; i++)
		n += t.event[i].type == PPING_EVENT_RTT;
	return n;
}

static void handshake(uint64_t at, __u16 port)
{
	FEED(at, syn(CLIENT, SERVER, 1000, .sport = port, .seq = 70));
	FEED(at + MS(20), synack(SERVER, CLIENT, 5000, 1000, .dport = port));
	FEED(at + MS(20), ack(CLIENT, SERVER, 1020, 5000, .sport = port));
}

/* --- cases -------------------------------------------------------------------------------- */

static void one_rtt(enum link_shape link, __u8 ip)
{
	begin(&usual);
	FEED(0, syn(CLIENT, SERVER, 1000, .link = link, .ip = ip));
	FEED(MS(20), synack(SERVER, CLIENT, 5000, 1000, .link = link, .ip = ip));
	FEED(MS(30), data(CLIENT, SERVER, 1030, 5000, .link = link, .ip = ip));
	FEED(MS(50), ack(SERVER, CLIENT, 5030, 1030, .link = link, .ip = ip));
	CHECK_INT(t.events, 2);
	CHECK_INT(t.event[0].type, PPING_EVENT_FLOW);
	CHECK_INT(t.event[0].timestamp, BEGIN + MS(20));
	CHECK_INT(t.event[1].type, PPING_EVENT_RTT);
	CHECK_INT(t.event[1].timestamp, BEGIN + MS(50));
	CHECK_INT(t.event[1].rtt, MS(20));
	CHECK_INT(t.event[1].match, PPING_MATCH_UNKNOWN);
	CHECK_INT(ntohs(t.event[1].flow.sport), 80);
	CHECK_INT(counted(PPING_COUNT_TRACKED), 4);
	end(usual.max_flows);
}

static void measures_every_link(void)
{
	static const enum link_shape shapes[] = { ETHERNET, VLAN, QINQ, PPPOE, QINQ_PPPOE, L3 };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		one_rtt(shapes[i], 4);
		one_rtt(shapes[i], 6);
	}
}

/* Times of today must not confuse the rounds of sampling, which keep 56 bits of them. */
static void samples_at_any_time(void)
{
	struct engine_host_settings set = usual;

	set.config.rate_limit_ns = MS(100);
	begin(&set);
	handshake(0, 1111);
	for (int i = 1; i <= 1000; i++) {
		FEED(MS(20 + i), data(CLIENT, SERVER, 1020 + i, 5000, .sport = 1111));
		FEED(MS(20 + i), ack(SERVER, CLIENT, 5000 + i, 1020 + i - 1, .dport = 1111));
	}
	CHECK_INT(rtts(), 10);
	end(set.max_flows);
}

static void times_out_on_the_second(void)
{
	begin(&usual);
	handshake(MS(500), 40001);
	handshake(MS(600), 40000);
	FEED(MS(700), syn(STRANGER, SERVER, 1)); /* never answered */
	t.events = 0;
	FEED(SECONDS(400) + 5, other(CLIENT, SERVER, 47));
	CHECK_INT(t.events, 2);
	/* idle since the epoch's first second: more than 300 of them are over after 301 */
	CHECK_INT(t.event[0].timestamp, BEGIN + MS(500) + SECONDS(301));
	CHECK_INT(t.event[1].timestamp, t.event[0].timestamp);
	CHECK_INT(t.event[0].reason, PPING_REASON_TIMEOUT);
	CHECK_INT(ntohs(t.event[0].flow.dport), 40000);
	CHECK_INT(ntohs(t.event[1].flow.dport), 40001);
	CHECK_INT(counted(PPING_COUNT_FLOWS_TIMED_OUT), 2);
	CHECK_INT(counted(PPING_COUNT_FLOWS_UNANSWERED), 1);
	CHECK_INT(counted(PPING_COUNT_FLOWS_REMOVED), 3);
	t.events += 2; /* the handshakes' openings, as counted */
	end(usual.max_flows);
}

/* Each closing, FIN, timeout or other, has what its flow carried; and RTTs that nobody wants count too. */
static void closings_have_totals(void)
{
	struct engine_host_settings set = usual;
	const struct pping_event *e = t.event;

	set.config.counters = 1;
	set.config.no_rtt_events = 1;
	begin(&set);
	handshake(0, 1);
	handshake(MS(20), 2);
	FEED(MS(30), data(CLIENT, SERVER, 1030, 5000, .sport = 1));
	FEED(MS(50), fin(SERVER, CLIENT, 5050, 1030, .dport = 1));
	FEED(MS(51) + 1, fin(CLIENT, SERVER, 1051, 5050, .sport = 1));
	FEED(MS(61), ack(SERVER, CLIENT, 5061, 1051, .dport = 1));
	FEED(SECONDS(40), other(CLIENT, SERVER, 47)); /* only to let the time pass */
	FEED(SECONDS(299), data(SERVER, CLIENT, 304000, 1020, .dport = 2));
	FEED(SECONDS(299) + MS(7), ack(CLIENT, SERVER, 300027, 304000, .sport = 2));
	FEED(SECONDS(700), other(CLIENT, SERVER, 47));
	CHECK_INT(t.events, 4);
	CHECK_INT(e[2].reason, PPING_REASON_FIN);
	CHECK_INT(e[2].sent.packets, 4);
	CHECK_INT(e[2].sent.bytes, 4 * 52 + 100);
	CHECK_INT(e[2].rec.packets, 2);
	CHECK_INT(e[2].rec.bytes, 2 * 52);
	CHECK_INT(e[2].duration, MS(51) + 1);
	CHECK_INT(e[2].rtts, 1);
	CHECK_INT(e[3].reason, PPING_REASON_TIMEOUT);
	CHECK_INT(e[3].sent.packets, 3);
	CHECK_INT(e[3].sent.bytes, 3 * 52);
	CHECK_INT(e[3].rec.packets, 2);
	CHECK_INT(e[3].rec.bytes, 2 * 52 + 100);
	CHECK_INT(e[3].duration, SECONDS(299) + MS(7) - MS(20));
	CHECK_INT(e[3].rtts, 1);
	/* openings have none */
	CHECK_INT(e[0].sent.packets + e[0].rec.packets + e[0].duration + e[0].rtts, 0);
	end(set.max_flows);
}

/* A gap of decades takes no time, and what follows is measured. */
static void skips_a_gap(void)
{
	begin(&usual);
	handshake(0, 1);
	handshake(SECONDS(50ULL * 365 * 86400), 1);
	FEED(SECONDS(50ULL * 365 * 86400) + MS(30), data(CLIENT, SERVER, 1030, 5000, .sport = 1));
	FEED(SECONDS(50ULL * 365 * 86400) + MS(50), ack(SERVER, CLIENT, 5030, 1030, .dport = 1));
	CHECK_INT(t.events, 4);
	CHECK_INT(t.event[1].reason, PPING_REASON_TIMEOUT);
	CHECK_INT(t.event[1].timestamp, BEGIN + SECONDS(301));
	CHECK_INT(t.event[3].rtt, MS(20));
	CHECK_INT(t.event[3].timestamp, BEGIN + SECONDS(50ULL * 365 * 86400) + MS(50));
	end(usual.max_flows);
}

static void never_goes_back(void)
{
	begin(&usual);
	handshake(SECONDS(10), 1);
	FEED(SECONDS(11), data(CLIENT, SERVER, 1030, 5000, .sport = 1));
	FEED(SECONDS(2), data(CLIENT, SERVER, 1031, 5000, .sport = 1));
	FEED(SECONDS(1), ack(SERVER, CLIENT, 5030, 1030, .dport = 1));
	FEED(SECONDS(12), ack(SERVER, CLIENT, 5031, 1031, .dport = 1));
	for (int i = 1; i < t.events; i++)
		CHECK(t.event[i].timestamp >= t.event[i - 1].timestamp);
	CHECK_INT(rtts(), 1);
	CHECK_INT(t.event[t.events - 1].rtt, SECONDS(1));
	end(usual.max_flows);
}

/* A flood evicts what is not in use, and no more than that. */
static void keeps_used_flows(void)
{
	struct engine_host_settings set = usual;
	int before;

	set.config.track_icmp = 1;
	begin(&set);
	for (int i = 0; i < 100; i++)
		handshake(0, 2000 + i);
	for (int i = 0; i < 20000; i++) {
		FEED(MS(20) + i * 1000, request(STRANGER, SERVER, 7, .echo_id = 1 + i));
		FEED(MS(20) + i * 1000, ack(CLIENT, SERVER, 1020, 5000, .sport = 2000 + i % 100));
	}
	before = rtts();
	for (int i = 0; i < 100; i++)
		FEED(MS(50), data(CLIENT, SERVER, 1050, 5000, .sport = 2000 + i));
	for (int i = 0; i < 100; i++)
		FEED(MS(70), ack(SERVER, CLIENT, 5050, 1050, .dport = 2000 + i));
	CHECK_INT(rtts() - before, 100);
	CHECK_INT(counted(PPING_COUNT_FLOWS_CREATED), 20100);
	CHECK_INT(counted(PPING_COUNT_FLOWS_FAILED), 0);
	end(set.max_flows);
}

static int local_rtts(const struct option_prefix *local, size_t locals, bool include, uint8_t way)
{
	struct engine_host_settings set = usual;
	struct packet_spec sent = data(CLIENT, SERVER, 1030, 5000, .sport = 1);
	int found;

	set.local = local;
	set.locals = locals;
	set.config.include_local = include;
	begin(&set);
	handshake(0, 1);
	feed_way(MS(30), &sent, way);
	FEED(MS(50), ack(SERVER, CLIENT, 5030, 1030, .dport = 1));
	found = rtts();
	end(set.max_flows);
	return found;
}

static struct option_prefix prefix(const char *address, int bits)
{
	struct option_prefix p = { .bits = bits + 96, .addr.b = { [10] = 0xff, 0xff } };

	inet_pton(AF_INET, address, p.addr.b + 12);
	return p;
}

/* SERVER is 10.11.1.7, CLIENT .2 */
static void leaves_local_out(void)
{
	const struct option_prefix server = prefix("10.11.1.7", 32), odd = prefix("10.11.1.6", 31),
				   client = prefix("10.11.1.0", 30), all = prefix("0.0.0.0", 0);
	const struct option_prefix both[] = { client, server };

	CHECK_INT(local_rtts(NULL, 0, false, PPING_MATCH_UNKNOWN), 1);
	CHECK_INT(local_rtts(&server, 1, false, PPING_MATCH_UNKNOWN), 0);
	CHECK_INT(local_rtts(&server, 1, true, PPING_MATCH_UNKNOWN), 1);
	CHECK_INT(local_rtts(&server, 1, false, PPING_MATCH_EGRESS), 1);
	CHECK_INT(local_rtts(&server, 1, false, PPING_MATCH_INGRESS), 0);
	CHECK_INT(local_rtts(&odd, 1, false, PPING_MATCH_UNKNOWN), 0);
	CHECK_INT(local_rtts(&client, 1, false, PPING_MATCH_UNKNOWN), 1);
	CHECK_INT(local_rtts(&all, 1, false, PPING_MATCH_UNKNOWN), 0);
	CHECK_INT(local_rtts(both, 2, false, PPING_MATCH_UNKNOWN), 0);
}

/* Cut at every length, at every alignment: a verdict each, and nothing read behind the end (SAN=1). */
static void survives_snapping(void)
{
	struct packet_spec specs[] = {
		data(CLIENT, SERVER, 1, 2, .link = QINQ_PPPOE, .ip = 6),
		data(CLIENT, SERVER, 1, 2, .options = "MSTK"),
		data(CLIENT, SERVER, 1, 2, .ip = 6, .exts = 3, .ext = { 0, 60, 44 }),
		request(CLIENT, SERVER, 1, .ip_options = 3),
	};

	begin(&usual);
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct frame f;

		frame_build(&f, &specs[i]);
		for (uint32_t len = 0; len <= f.len; len++) {
			struct engine_frame frame = { .time_ns = BEGIN,
						      .captured = len,
						      .length = f.len,
						      .verdict = ENGINE_FRAME_UNKNOWN };
			uint8_t *copy = malloc(len + 1);

			memcpy(copy + 1, f.b, len);
			frame.data = copy + 1;
			t.frames++;
			CHECK_INT(engine_host__packet(t.engine, &frame), 0);
			free(copy);
		}
	}
	CHECK(counted(PPING_COUNT_TRUNCATED) > 0);
	CHECK(counted(PPING_COUNT_TRACKED) > 0);
	end(usual.max_flows);
}

static void takes_the_links_verdict(void)
{
	struct engine_frame frame = { .time_ns = BEGIN, .verdict = PPING_COUNT_NOT_IP };

	begin(&usual);
	t.frames++;
	CHECK_INT(engine_host__packet(t.engine, &frame), 0);
	CHECK_INT(counted(PPING_COUNT_NOT_IP), 1);
	end(usual.max_flows);
}

static void returns_the_handlers_error(void)
{
	struct packet_spec reply = synack(SERVER, CLIENT, 5000, 1000);

	begin(&usual);
	t.answer = -ENOSPC;
	FEED(0, syn(CLIENT, SERVER, 1000));
	CHECK_INT(feed_way(1, &reply, PPING_MATCH_UNKNOWN), -ENOSPC);
	end(usual.max_flows);
}

static void is_alone(void)
{
	struct engine_host *second;

	begin(&usual);
	CHECK_INT(engine_host__new(&second, &usual), -EBUSY);
	end(usual.max_flows);
}

static void random_run(struct pping_event *event, int *events)
{
	uint64_t x = 88172645463325252ULL, at = 0;

	begin(&usual);
	for (int i = 0; i < 30000; i++) {
		bool up;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		up = x >> 8 & 1;
		at += x % MS(4);
		FEED(at, data(up ? CLIENT : SERVER, up ? SERVER : CLIENT, at / MS(2),
			      at / MS(2) - 1, .ip = x >> 9 & 1 ? 4 : 6,
			      .sport = up ? x >> 10 & 4095 : 0, .dport = up ? 0 : x >> 10 & 4095));
		if (t.events > MAX_EVENTS - 64)
			break;
	}
	memcpy(event, t.event, sizeof(t.event));
	*events = t.events;
	end(usual.max_flows);
}

static void repeats_itself(void)
{
	static struct pping_event first[MAX_EVENTS], second[MAX_EVENTS];
	int n, m;

	random_run(first, &n);
	random_run(second, &m);
	CHECK(n > 100);
	CHECK_INT(m, n);
	CHECK(!memcmp(first, second, sizeof(first[0]) * n));
}

int main(void)
{
	RUN(measures_every_link);
	RUN(samples_at_any_time);
	RUN(times_out_on_the_second);
	RUN(closings_have_totals);
	RUN(skips_a_gap);
	RUN(never_goes_back);
	RUN(keeps_used_flows);
	RUN(leaves_local_out);
	RUN(survives_snapping);
	RUN(takes_the_links_verdict);
	RUN(returns_the_handlers_error);
	RUN(is_alone);
	RUN(repeats_itself);
	return TEST_EXIT();
}
