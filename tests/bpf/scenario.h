/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario is a table of packets, each with its time and its way, and the
 * events that it must cause: those and no others, every field of them. Each one
 * runs over IPv4 and IPv6, tc and XDP, and with either endpoint as the lower one.
 */
#ifndef TESTS_BPF_SCENARIO_H
#define TESTS_BPF_SCENARIO_H

#include "harness.h"

/* --- what a packet must cause ------------------------------------------------------- */

enum want_kind {
	WANT_NOTHING,
	WANT_RTT,
	WANT_FLOW,
};

struct want {
	enum want_kind kind;
	__u64 rtt, min_rtt;
	enum pping_flow_event event;
	enum pping_reason reason;
	enum pping_trigger trigger;
	enum host_name src, dest; /* of a flow event */
	/* with config.counters, of RTTs and closings */
	struct pping_flow_count sent, rec;
	__u64 duration, rtts; /* of closings */
};

#define RTT(rtt_, min_, ...)                                                      \
	{                                                                         \
		.kind = WANT_RTT, .rtt = (rtt_), .min_rtt = (min_), ##__VA_ARGS__ \
	}
#define FLOW_EVENT(event_, reason_, src_, dest_, trigger_, ...)                                    \
	{                                                                                          \
		.kind = WANT_FLOW, .event = PPING_FLOW_##event_, .reason = PPING_REASON_##reason_, \
		.trigger = PPING_TRIGGER_##trigger_, .src = (src_), .dest = (dest_), ##__VA_ARGS__ \
	}
/* Source is who answered, and so the trigger. */
#define OPENING(reason_, src_, dest_) FLOW_EVENT(OPENING, reason_, src_, dest_, SRC)
#define CLOSING(reason_, src_, dest_, trigger_, ...) \
	FLOW_EVENT(CLOSING, reason_, src_, dest_, trigger_, ##__VA_ARGS__)

/* --- steps ----------------------------------------------------------------------------- */

enum step_kind {
	STEP_END,
	STEP_EGRESS, /* a packet that leaves */
	STEP_INGRESS, /* a packet that comes in */
	STEP_CLEAN, /* a cleaning pass */
	STEP_LOCAL, /* .packet.from becomes an address of this host */
	STEP_NOT_LOCAL,
};

#define STEP_WANTS 3

struct step {
	enum step_kind kind;
	__u64 at; /* ns since the scenario's begin */
	struct packet_spec packet;
	enum pping_counter verdict; /* TRACKED if the row says nothing */
	struct want want[STEP_WANTS];
};

/* not one on top of the other: a packet's commas would part it */
#define OUT(at_, packet_, ...)                                                               \
	{                                                                                    \
		.kind = STEP_EGRESS, .at = (at_), .packet = packet_, .want = { __VA_ARGS__ } \
	}
#define IN(at_, packet_, ...)                                                                 \
	{                                                                                     \
		.kind = STEP_INGRESS, .at = (at_), .packet = packet_, .want = { __VA_ARGS__ } \
	}
/* with another verdict */
#define OUT_AS(verdict_, at_, packet_, ...)                          \
	{                                                            \
		.kind = STEP_EGRESS, .at = (at_), .packet = packet_, \
		.verdict = PPING_COUNT_##verdict_, .want = {         \
			__VA_ARGS__                                  \
		}                                                    \
	}
#define IN_AS(verdict_, at_, packet_, ...)                            \
	{                                                             \
		.kind = STEP_INGRESS, .at = (at_), .packet = packet_, \
		.verdict = PPING_COUNT_##verdict_, .want = {          \
			__VA_ARGS__                                   \
		}                                                     \
	}
#define CLEAN(at_, ...)                                                  \
	{                                                                \
		.kind = STEP_CLEAN, .at = (at_), .want = { __VA_ARGS__ } \
	}
#define LOCAL(at_, host_)                                                     \
	{                                                                     \
		.kind = STEP_LOCAL, .at = (at_), .packet = {.from = (host_) } \
	}
#define NOT_LOCAL(at_, host_)                                                     \
	{                                                                         \
		.kind = STEP_NOT_LOCAL, .at = (at_), .packet = {.from = (host_) } \
	}

/* 20 ms of it; then the client has shown TSval 1020, the server 5000. */
#define HANDSHAKE                                                                                 \
	OUT(0, syn(CLIENT, SERVER, 1000, .seq = 70)),                                             \
		IN(MS(20), synack(SERVER, CLIENT, 5000, 1000), OPENING(SYN_ACK, SERVER, CLIENT)), \
		OUT(MS(20), ack(CLIENT, SERVER, 1020, 5000))

/* the same over IPv4, whose bytes a row can name: two packets of H4 bytes are the client's, one the server's */
#define HANDSHAKE4                                                      \
	OUT(0, syn(CLIENT, SERVER, 1000, .seq = 70, .ip = 4)),          \
		IN(MS(20), synack(SERVER, CLIENT, 5000, 1000, .ip = 4), \
		   OPENING(SYN_ACK, SERVER, CLIENT)),                   \
		OUT(MS(20), ack(CLIENT, SERVER, 1020, 5000, .ip = 4))
/* headers of IPv4 or IPv6 and TCP with timestamps */
#define H4 (20 + 32)
#define H6 (40 + 32)

/* --- scenarios ------------------------------------------------------------------------- */

#define EVERYTHING .track_tcp = 1, .track_icmp = 1, .include_local = 1
#define COUNTED                           \
	{                                 \
		EVERYTHING, .counters = 1 \
	}

struct scenario {
	const char *name;
	struct pping_config config; /* left out: EVERYTHING, unsampled */
	__u32 stamped; /* identifiers, in all */
	__u32 flows; /* entries left at the end */
	const struct step *steps;
};

#define STEPS(...)                       \
	(const struct step[])            \
	{                                \
		__VA_ARGS__,             \
		{                        \
			.kind = STEP_END \
		}                        \
	}

struct variant {
	const char *name;
	__u8 ip;
	enum hook in;
	bool exchanged;
};

static const struct variant variants[] = {
	{ "IPv4, tc", 4, TC_INGRESS, false },
	{ "IPv6, tc", 6, TC_INGRESS, false },
	{ "IPv4, XDP, addresses exchanged", 4, XDP, true },
	{ "IPv6, XDP, addresses exchanged", 6, XDP, true },
	{ "IPv4, XDP, headers in fragments", 4, XDP_SPLIT, false },
	{ "IPv6, XDP, headers in fragments", 6, XDP_SPLIT, false },
};

/* What is going on, for messages. */
static struct {
	const struct scenario *scenario;
	const struct variant *variant;
	const struct step *step;
	struct packet_spec last; /* packet: its transport and ports are the flow's */
} scenario_now;

static inline void scenario_complain(void)
{
	printf("# in %s (%s), step %d at %.6f ms:\n", scenario_now.scenario->name,
	       scenario_now.variant->name,
	       (int)(scenario_now.step - scenario_now.scenario->steps) + 1,
	       scenario_now.step->at / 1e6);
	test_failed_here = 1;
}

/* --- events ------------------------------------------------------------------------------ */

static inline void event_print(const char *who, const struct pping_event *e)
{
	char src[INET6_ADDRSTRLEN], dest[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &e->flow.saddr, src, sizeof(src));
	inet_ntop(AF_INET6, &e->flow.daddr, dest, sizeof(dest));
	printf("#   %s: type %d at %lld, [%s]:%d+[%s]:%d protocol %d IPv%d, event %d reason %d "
	       "trigger %d, match %d, rtt or duration %lld min or RTTs %lld, sent %lld/%lld rec "
	       "%lld/%lld\n",
	       who, e->type, (long long)(e->timestamp - TEST_BEGIN), src, ntohs(e->flow.sport),
	       dest, ntohs(e->flow.dport), e->flow.protocol, e->flow.ip_version, e->flow_event,
	       e->reason, e->triggered_by, e->match, (long long)e->rtt, (long long)e->min_rtt,
	       (long long)e->sent.packets, (long long)e->sent.bytes, (long long)e->rec.packets,
	       (long long)e->rec.bytes);
}

/* A flow between two hosts of the packet last seen. */
static inline struct pping_tuple scenario_tuple(enum host_name src, enum host_name dest)
{
	const struct packet_spec *s = &scenario_now.last;
	bool same_way = s->from == src;
	struct pping_tuple t;

	memset(&t, 0, sizeof(t)); /* padding and all: events are compared as bytes */
	t.saddr = host_address(src, spec_ip(s));
	t.daddr = host_address(dest, spec_ip(s));
	t.sport = htons(same_way ? spec_sport(s) : spec_dport(s));
	t.dport = htons(same_way ? spec_dport(s) : spec_sport(s));
	t.protocol = spec_protocol(s);
	t.ip_version = spec_ip(s);
	return t;
}

static inline struct pping_event scenario_event(const struct want *w, const struct step *step,
						__u64 now)
{
	struct pping_event e;

	memset(&e, 0, sizeof(e));
	e.timestamp = now;
	if (w->kind == WANT_RTT) {
		e.type = PPING_EVENT_RTT;
		e.flow = scenario_tuple(step->packet.from, step->packet.to);
		e.match = step->kind == STEP_EGRESS ? PPING_MATCH_EGRESS : PPING_MATCH_INGRESS;
		e.rtt = w->rtt;
		e.min_rtt = w->min_rtt;
	} else {
		e.type = PPING_EVENT_FLOW;
		e.flow = scenario_tuple(w->src, w->dest);
		e.flow_event = w->event;
		e.reason = w->reason;
		e.triggered_by = w->trigger;
		e.duration = w->duration;
		e.rtts = w->rtts;
	}
	e.sent = w->sent;
	e.rec = w->rec;
	return e;
}

/* The ring rounds 4 + size up to 8; an iterator doesn't. */
static inline __u32 scenario_event_size(const struct engine *e, const struct step *step)
{
	__u32 size = pping_event_size(e->config.counters);

	return step->kind == STEP_CLEAN ? size : (size + 4 + 7) / 8 * 8 - 4;
}

static inline void scenario_check_events(struct engine *e, const struct step *step)
{
	int wanted = 0;

	while (wanted < STEP_WANTS && step->want[wanted].kind != WANT_NOTHING)
		wanted++;
	for (int i = 0; i < wanted || i < e->events; i++) {
		struct pping_event want = {};

		if (i < wanted)
			want = scenario_event(&step->want[i], step, e->shared->test_now);
		if (i < wanted && i < e->events &&
		    !memcmp(&want, &e->event[i], pping_event_size(e->config.counters))) {
			CHECK_INT(e->event_size[i], scenario_event_size(e, step));
			continue;
		}
		scenario_complain();
		if (i < wanted)
			event_print("want", &want);
		if (i < e->events)
			event_print("got ", &e->event[i]);
	}
	e->events = 0;
}

/* --- running ------------------------------------------------------------------------------- */

static inline void scenario_packet(struct engine *e, const struct step *step)
{
	enum hook hook = step->kind == STEP_EGRESS ? TC_EGRESS : scenario_now.variant->in;
	struct frame f;
	int verdict;

	scenario_now.last = step->packet;
	if (!scenario_now.last.ip)
		scenario_now.last.ip = scenario_now.variant->ip;
	frame_build(&f, &scenario_now.last);
	verdict = engine__run(e, hook, &f);
	if (verdict == (int)step->verdict)
		return;
	scenario_complain();
	printf("#   verdict %s, not %s\n", counter_name(verdict), counter_name(step->verdict));
}

static inline void scenario_local(struct engine *e, const struct step *step)
{
	union pping_addr a = host_address(step->packet.from, scenario_now.variant->ip);
	int fd = bpf_map__fd(e->skel->maps.local_addrs);
	__u8 one = 1;

	if (step->kind == STEP_LOCAL)
		CHECK_INT(bpf_map_update_elem(fd, &a, &one, BPF_ANY), 0);
	else
		CHECK_INT(bpf_map_delete_elem(fd, &a), 0);
	e->shared->local_generation++;
}

/* The counters must tell the same story as the events did. */
static inline void scenario_check_counters(const struct engine *e, const struct scenario *s)
{
	struct pping_counters c = engine__counters(e);
	__u64 rtts = 0, opened = 0, closed = 0, timed_out = 0;

	for (const struct step *step = s->steps; step->kind != STEP_END; step++) {
		for (int i = 0; i < STEP_WANTS; i++) {
			const struct want *w = &step->want[i];

			rtts += w->kind == WANT_RTT;
			opened += w->event == PPING_FLOW_OPENING;
			timed_out += w->reason == PPING_REASON_TIMEOUT;
			closed +=
				w->event == PPING_FLOW_CLOSING && w->reason != PPING_REASON_TIMEOUT;
		}
	}
	CHECK_INT(c.n[PPING_COUNT_RTTS], rtts);
	CHECK_INT(c.n[PPING_COUNT_STAMPED], s->stamped);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_OPENED], opened);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_CLOSED], closed);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_TIMED_OUT], timed_out);
	CHECK_INT(c.n[PPING_COUNT_EVENTS_EMITTED], rtts + opened + closed);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_CREATED] - c.n[PPING_COUNT_FLOWS_REMOVED], s->flows);
	CHECK_INT(engine__flows(e, NULL), s->flows);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_FAILED], 0);
	engine__check_verdicts(e);
}

static inline void scenario_run(const struct scenario *s, const struct variant *v)
{
	static const struct pping_config everything = { EVERYTHING }, none;
	const struct pping_config *config =
		memcmp(&s->config, &none, sizeof(none)) ? &s->config : &everything;
	struct engine *e = engine__open(config);

	if (!e || (v->in == XDP_SPLIT && !e->can_split))
		return;
	packets_exchanged = v->exchanged;
	scenario_now.scenario = s;
	scenario_now.variant = v;
	for (const struct step *step = s->steps; step->kind != STEP_END; step++) {
		scenario_now.step = step;
		engine__set_time(e, step->at);
		if (step->kind == STEP_CLEAN)
			CHECK(engine__clean(e, 4096) >= 0);
		else if (step->kind == STEP_LOCAL || step->kind == STEP_NOT_LOCAL)
			scenario_local(e, step);
		else
			scenario_packet(e, step);
		scenario_check_events(e, step);
	}
	scenario_check_counters(e, s);
	if (test_failed_here)
		printf("# in %s (%s)\n", s->name, v->name);
	packets_exchanged = false;
}

static const struct scenario *scenario_chosen;

static inline void scenario_run_chosen(void)
{
	if (!bpf_ready())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(variants) && !test_failed_here; i++)
		scenario_run(scenario_chosen, &variants[i]);
}

static inline void scenarios_run(const struct scenario *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		scenario_chosen = &table[i];
		case_run(table[i].name, scenario_run_chosen);
	}
}

#endif /* TESTS_BPF_SCENARIO_H */
