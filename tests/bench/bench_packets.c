// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a packet costs: the loaded programs under BPF_PROG_TEST_RUN, each figure
 * minus an empty program's, in nanoseconds and in units of Y, the same
 * difference for the floor program (floor_kern.c). Controls and subject run in
 * turn, medians are printed, so the ratio holds while the machine's speed drifts.
 */
#include "src/events.h"
#include "tests/bench/bench.h"

#define PART "packets"
#define ROUNDS 51
#define REPEAT 20000
#define COLD_FLOWS 60000

struct bench {
	struct floor_kern *floor;
	struct pping_kern *pping;
	struct events *events;
};

/* --- rows ------------------------------------------------------------------------- */

struct hook {
	const char *name;
	int subject_fd;
	int empty_fd; /* the control on the same hook */
};

static struct hook tc_hook(struct bench *b)
{
	return (struct hook){ "tc", bpf_program__fd(b->pping->progs.pping_egress),
			      bpf_program__fd(b->floor->progs.empty_tc) };
}

static struct hook ingress_hook(struct bench *b)
{
	return (struct hook){ "in", bpf_program__fd(b->pping->progs.pping_ingress),
			      bpf_program__fd(b->floor->progs.empty_tc) };
}

static struct hook xdp_hook(struct bench *b)
{
	return (struct hook){ "xdp", bpf_program__fd(b->pping->progs.pping_xdp),
			      bpf_program__fd(b->floor->progs.empty_xdp) };
}

struct samples {
	double ns[ROUNDS], y[ROUNDS];
};

static void print_row(const char *name, struct samples *s, double budget)
{
	double ns = median(s->ns, ROUNDS), y = median(s->y, ROUNDS);
	char limit[16] = "";

	if (budget > 0)
		snprintf(limit, sizeof(limit), "%.2f", budget);
	printf("%-60s %8.1f %8.2f %8s%s\n", name, ns, y, limit,
	       budget > 0 && y > budget ? "  over" : "");
	fflush(stdout);
	result(PART, name, "ns", ns, LOWER, 0);
	result(PART, name, "Y", y, LOWER, budget);
}

/* Y: what the floor program costs above an empty one, now. */
static double floor_ns(struct bench *b)
{
	struct frame f = make_frame(0, 100, 1, 1);
	double empty = test_run(bpf_program__fd(b->floor->progs.empty_tc), &f, REPEAT);

	return test_run(bpf_program__fd(b->floor->progs.floor_tc), &f, REPEAT) - empty;
}

static int on_event(void *ctx, const struct pping_event *event)
{
	(void)ctx, (void)event;
	return 0;
}

static void drain(struct bench *b)
{
	events__drain(b->events, UINT64_MAX, on_event, NULL);
}

/* --- packets that bring nothing new --------------------------------------------------- */

static void measure_still(struct bench *b, struct hook hook, const char *name,
			  const struct frame *f, double budget)
{
	struct samples s;
	char row[80];

	snprintf(row, sizeof(row), "%-4s %s", hook.name, name);
	test_run(hook.subject_fd, f, 1000);
	for (int i = 0; i < ROUNDS; i++) {
		double floor = floor_ns(b), empty = test_run(hook.empty_fd, f, REPEAT);

		s.ns[i] = test_run(hook.subject_fd, f, REPEAT) - empty;
		s.y[i] = s.ns[i] / floor;
		drain(b);
	}
	print_row(row, &s, budget);
}

static void still_rows(struct bench *b)
{
	static const struct {
		const char *name;
		unsigned int kind;
		__u32 payload;
		double budget;
	} rows[] = {
		{ "UDP, IPv4", FRAME_UDP, 100, 0.25 },
		{ "UDP, IPv6", FRAME_UDP | FRAME_IPV6, 100, 0.25 },
		{ "UDP, VLAN IPv4", FRAME_UDP | FRAME_VLAN, 100, 0.25 },
		{ "TCP without timestamps, IPv4", FRAME_NO_TS, 100, 0.25 },
		{ "TCP without timestamps, IPv6", FRAME_NO_TS | FRAME_IPV6, 100, 0.25 },
		{ "TCP data, TSval already seen, IPv4", 0, 100, 0.8 },
		{ "TCP data, TSval already seen, IPv6", FRAME_IPV6, 100, 0.95 },
		{ "TCP data, TSval already seen, VLAN IPv4", FRAME_VLAN, 100, 0.8 },
		{ "TCP data, TSval already seen, VLAN IPv6", FRAME_VLAN | FRAME_IPV6, 100, 0.95 },
		{ "TCP data, TSval already seen, QinQ IPv4", FRAME_QINQ, 100, 0.8 },
		{ "pure ACK, nothing new, IPv4", 0, 0, 0.8 },
		{ "pure ACK, nothing new, IPv6", FRAME_IPV6, 0, 0.95 },
		{ "pure ACK, nothing new, VLAN IPv4", FRAME_VLAN, 0, 0.8 },
	};

	introduce(b->pping, 0, 3);
	introduce(b->pping, FRAME_IPV6, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame f = make_frame(rows[i].kind, rows[i].payload, 3, 3);

		measure_still(b, tc_hook(b), rows[i].name, &f, rows[i].budget);
		measure_still(b, xdp_hook(b), rows[i].name, &f, rows[i].budget);
	}
}

/* --- packets that bring news ---------------------------------------------------------- */

/* A packet above the same before an empty program; what the events cost to consume is in it. */
static double mutated(struct bench *b, struct hook hook, enum mutation_mode mode, unsigned int kind)
{
	struct frame f = make_frame(kind, 100, 1, 1);
	double empty, subject;
	uint64_t start;

	empty = test_run_mutated(b->floor, mode, hook.empty_fd, &f, kind, REPEAT);
	subject = test_run_mutated(b->floor, mode, hook.subject_fd, &f, kind, REPEAT);
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	drain(b);
	return subject - empty + (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / REPEAT;
}

/* What a mode costs at once, with no neighbour to tell it from. */
static void measure_mutated(struct bench *b, struct hook hook, const char *name,
			    enum mutation_mode mode, unsigned int kind, double budget)
{
	struct samples s;
	char row[80];

	snprintf(row, sizeof(row), "%-4s %s", hook.name, name);
	mutated(b, hook, mode, kind);
	for (int i = 0; i < ROUNDS; i++) {
		double floor = floor_ns(b);

		s.ns[i] = mutated(b, hook, mode, kind);
		s.y[i] = s.ns[i] / floor;
	}
	print_row(row, &s, budget);
}

struct answered_rows {
	const char *stamp, *match;
	double match_budget;
};

/*
 * With S the price of a stamp and M of a match, an ACK after each data packet
 * costs S + M, one after four costs 4 S + M: all four stand in the flow's entry.
 */
static void measure_answered(struct bench *b, struct hook hook, const char *family,
			     unsigned int kind, const struct answered_rows *rows)
{
	struct samples stamp, match;
	char row[80];

	for (int i = 0; i < ROUNDS; i++) {
		double floor = floor_ns(b), one, four;

		b->floor->bss->mutation.burst = 1;
		one = mutated(b, hook, MUTATE_ANSWER, kind) * 2;
		b->floor->bss->mutation.burst = 4;
		four = mutated(b, hook, MUTATE_ANSWER, kind) * 5;
		stamp.ns[i] = (four - one) / 3;
		match.ns[i] = one - stamp.ns[i];
		stamp.y[i] = stamp.ns[i] / floor;
		match.y[i] = match.ns[i] / floor;
	}
	snprintf(row, sizeof(row), "%-4s %s, %s", hook.name, rows->stamp, family);
	print_row(row, &stamp, 2.5);
	snprintf(row, sizeof(row), "%-4s %s, %s", hook.name, rows->match, family);
	print_row(row, &match, rows->match_budget);
}

/* Paired with the floor program's own, over the same random flows of IPv4. */
static void measure_cold(struct bench *b, struct hook hook, const char *name, unsigned int kind,
			 double budget)
{
	struct frame f = make_frame(kind, 100, 1, 1);
	int floor_fd = bpf_program__fd(b->floor->progs.floor_tc);
	struct hook floor_hook = { "tc", floor_fd, hook.empty_fd };
	struct samples s;
	char row[80];

	b->floor->bss->mutation.flow_count = COLD_FLOWS;
	for (int i = 0; i < 20; i++)
		test_run_mutated(b->floor, MUTATE_FLOW, hook.subject_fd, &f, kind, REPEAT);
	drain(b);
	for (int i = 0; i < ROUNDS; i++) {
		double floor = mutated(b, floor_hook, MUTATE_FLOW, 0);

		s.ns[i] = mutated(b, hook, MUTATE_FLOW, kind);
		s.y[i] = s.ns[i] / floor;
	}
	snprintf(row, sizeof(row), "%-4s %s", hook.name, name);
	print_row(row, &s, budget);
}

static void news_rows(struct bench *b)
{
	static const struct answered_rows rows = {
		"data with a new TSval, stamped in the flow (-r 0)",
		"ACK that matches: emitted and consumed (-r 0)", 10
	};

	measure_cold(b, tc_hook(b), "data of a random one of 60,000 flows (paired), IPv4", 0, 1.1);
	measure_cold(b, tc_hook(b), "data of a random one of 60,000 flows (paired), IPv6",
		     FRAME_IPV6, 0);
	measure_answered(b, tc_hook(b), "IPv4", 0, &rows);
	measure_answered(b, tc_hook(b), "IPv6", FRAME_IPV6, &rows);
	measure_answered(b, tc_hook(b), "VLAN IPv4", FRAME_VLAN, &rows);
	measure_answered(b, xdp_hook(b), "IPv4", 0, &rows);
	measure_answered(b, xdp_hook(b), "IPv6", FRAME_IPV6, &rows);
	/* nobody answers */
	measure_mutated(b, tc_hook(b), "data with a new TSval, spilled to the 4 MiB table, IPv4",
			MUTATE_TSVAL, 0, 0);
}

/* --- other configurations --------------------------------------------------------------- */

static void open_as(struct bench *b, const struct pping_config *config)
{
	if (b->pping) {
		events__free(b->events);
		pping_kern__destroy(b->pping);
	}
	b->pping = open_pping(config);
	if (events__open(&b->events, bpf_map__fd(b->pping->maps.events), 8 << 20))
		exit(EXIT_FAILURE);
}

/* The default: nearly all new TSvals come too soon to be stamped. */
static void sampled_rows(struct bench *b)
{
	struct pping_config config = bench_config();

	config.rate_limit_ns = 100 * PPING_NS_PER_MS;
	open_as(b, &config);
	introduce(b->pping, 0, 3);
	measure_mutated(b, tc_hook(b), "data with a new TSval, not sampled (-r 100), IPv4",
			MUTATE_TSVAL, 0, 0);
	introduce(b->pping, FRAME_IPV6, 3);
	measure_mutated(b, tc_hook(b), "data with a new TSval, not sampled (-r 100), IPv6",
			MUTATE_TSVAL, FRAME_IPV6, 0);
}

static void counted_rows(struct bench *b)
{
	struct pping_config config = bench_config();
	struct frame f = make_frame(0, 100, 3, 3);

	config.counters = 1;
	open_as(b, &config);
	introduce(b->pping, 0, 3);
	measure_still(b, tc_hook(b), "TCP data, TSval already seen, IPv4 (--counters)", &f, 0);
	measure_cold(b, tc_hook(b),
		     "data of a random one of 60,000 flows (paired), IPv4 (--counters)", 0, 0);
}

/* With several interfaces, whose numbers are asked for. */
static void several_rows(struct bench *b)
{
	static const struct {
		const char *name;
		unsigned int kind;
		__u32 payload;
		double budget;
	} rows[] = {
		{ "UDP, IPv4 (several interfaces)", FRAME_UDP, 100, 0.25 },
		{ "TCP data, TSval already seen, IPv4 (several interfaces)", 0, 100, 0.8 },
		{ "pure ACK, nothing new, IPv4 (several interfaces)", 0, 0, 0.8 },
	};
	struct pping_config config = bench_config();

	config.several = 1;
	open_as(b, &config);
	introduce(b->pping, 0, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame f = make_frame(rows[i].kind, rows[i].payload, 3, 3);

		measure_still(b, tc_hook(b), rows[i].name, &f, rows[i].budget);
		measure_still(b, xdp_hook(b), rows[i].name, &f, rows[i].budget);
	}
}

/* What it takes to count a packet once, beside the same where one interface is watched. */
static void once_rows(struct bench *b)
{
	static const struct {
		const char *still, *cold;
		__u8 several, counters, aggregate;
		double budget;
	} ways[] = {
		{ "TCP data, TSval already seen, IPv4 (of one, --counters)",
		  "data of a random one of 60,000 flows (of one, --counters)", 0, 1, 0, 0 },
		{ "TCP data, TSval already seen, IPv4 (several, --counters)",
		  "data of a random one of 60,000 flows (several, --counters)", 1, 1, 0, 1.5 },
		{ "TCP data, TSval already seen, IPv4 (of one, -a)",
		  "data of a random one of 60,000 flows (of one, -a)", 0, 0, 1, 2.5 },
		{ "TCP data, TSval already seen, IPv4 (several, -a)",
		  "data of a random one of 60,000 flows (several, -a)", 1, 0, 1, 2.5 },
	};
	struct frame f = make_frame(0, 100, 3, 3);

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct pping_config config = bench_config();

		if (ways[i].aggregate)
			bench_aggregate(&config);
		config.several = ways[i].several;
		config.counters = ways[i].counters;
		open_as(b, &config);
		introduce(b->pping, 0, 3);
		measure_still(b, ingress_hook(b), ways[i].still, &f, ways[i].budget);
		measure_still(b, tc_hook(b), ways[i].still, &f, ways[i].budget);
		measure_cold(b, ingress_hook(b), ways[i].cold, 0, 0);
		measure_cold(b, tc_hook(b), ways[i].cold, 0, 0);
	}
}

/* While aggregating: all but the stamp have budgets of their own, which tracked packets share. */
static void aggregated_rows(struct bench *b)
{
	static const struct {
		const char *name;
		unsigned int kind;
		__u32 payload;
		double budget;
	} rows[] = {
		{ "UDP, IPv4 (-a)", FRAME_UDP, 100, 1.5 },
		{ "UDP, IPv6 (-a)", FRAME_UDP | FRAME_IPV6, 100, 1.5 },
		{ "TCP without timestamps, IPv4 (-a)", FRAME_NO_TS, 100, 1.5 },
		{ "TCP without timestamps, IPv6 (-a)", FRAME_NO_TS | FRAME_IPV6, 100, 1.5 },
		{ "TCP data, TSval already seen, IPv4 (-a)", 0, 100, 2.5 },
		{ "TCP data, TSval already seen, IPv6 (-a)", FRAME_IPV6, 100, 2.5 },
		{ "TCP data, TSval already seen, VLAN IPv4 (-a)", FRAME_VLAN, 100, 2.5 },
		{ "pure ACK, nothing new, IPv4 (-a)", 0, 0, 2.5 },
		{ "pure ACK, nothing new, IPv6 (-a)", FRAME_IPV6, 0, 2.5 },
	};
	static const struct answered_rows answered = {
		"data with a new TSval, stamped in the flow (-a)",
		"ACK that matches: aggregated (-a)", 4
	};
	struct pping_config config = bench_config();

	bench_aggregate(&config);
	open_as(b, &config);
	introduce(b->pping, 0, 3);
	introduce(b->pping, FRAME_IPV6, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame f = make_frame(rows[i].kind, rows[i].payload, 3, 3);

		measure_still(b, tc_hook(b), rows[i].name, &f, rows[i].budget);
		measure_still(b, xdp_hook(b), rows[i].name, &f, rows[i].budget);
	}
	measure_answered(b, tc_hook(b), "IPv4", 0, &answered);
	measure_answered(b, tc_hook(b), "IPv6", FRAME_IPV6, &answered);
	measure_answered(b, xdp_hook(b), "IPv4", 0, &answered);
}

/* --- all -------------------------------------------------------------------------------- */

/* What the floor is made of, and an event: the distance to it is to be read beside these. */
static void floor_rows(struct bench *b)
{
	const struct {
		const char *name;
		const struct bpf_program *program;
	} rows[] = {
		{ "control: parse", b->floor->progs.floor_parse },
		{ "control: parse, look up in a hash map", b->floor->progs.floor_hash },
		{ "control: parse, look up in an LRU map", b->floor->progs.floor_lru },
		{ "control: the floor: parse, hash map, clock", b->floor->progs.floor_tc },
	};
	struct hook hook = tc_hook(b);
	struct frame f = make_frame(0, 100, 1, 1);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hook.subject_fd = bpf_program__fd(rows[i].program);
		measure_still(b, hook, rows[i].name, &f, 0);
	}
}

static int on_ring(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

/* An event by itself, through the perf buffer that pping uses and through a ring buffer. */
static void event_rows(struct bench *b)
{
	int perf_fd = bpf_program__fd(b->floor->progs.floor_emit);
	int ring_fd = bpf_program__fd(b->floor->progs.floor_ringbuf);
	int empty_fd = bpf_program__fd(b->floor->progs.empty_tc);
	struct ring_buffer *ring =
		ring_buffer__new(bpf_map__fd(b->floor->maps.floor_ring), on_ring, NULL, NULL);
	struct frame f = make_frame(0, 100, 1, 1);
	struct samples emitted, reserved;
	int one = bpf_map__fd(b->floor->maps.floor_ring);
	struct events *events;
	__u32 cpu = 0;

	if (!ring ||
	    bpf_map_update_elem(bpf_map__fd(b->floor->maps.floor_rings), &cpu, &one, BPF_ANY) ||
	    events__open(&events, bpf_map__fd(b->floor->maps.floor_events), 8 << 20))
		exit(EXIT_FAILURE);
	for (int i = 0; i < ROUNDS; i++) {
		double floor = floor_ns(b), empty = test_run(empty_fd, &f, REPEAT);

		emitted.ns[i] = test_run(perf_fd, &f, REPEAT) - empty;
		reserved.ns[i] = test_run(ring_fd, &f, REPEAT) - empty;
		emitted.y[i] = emitted.ns[i] / floor;
		reserved.y[i] = reserved.ns[i] / floor;
		events__drain(events, UINT64_MAX, on_event, NULL);
		ring_buffer__consume(ring);
	}
	print_row("tc   control: clock and an event, perf buffer", &emitted, 0);
	print_row("tc   control: clock and an event, ring buffer a CPU", &reserved, 0);
	ring_buffer__free(ring);
	events__free(events);
}

int main(void)
{
	struct pping_config config = bench_config();
	struct bench b = { .floor = open_floor() };

	pin_to(0);
	fill_floor(b.floor, COLD_FLOWS);
	open_as(&b, &config);
	printf("packet (medians of %d runs of %d)%*s %8s %8s %8s\n", ROUNDS, REPEAT, 27, "", "ns",
	       "Y", "budget");
	still_rows(&b);
	news_rows(&b);
	sampled_rows(&b);
	counted_rows(&b);
	several_rows(&b);
	once_rows(&b);
	aggregated_rows(&b);
	floor_rows(&b);
	event_rows(&b);
	events__free(b.events);
	pping_kern__destroy(b.pping);
	floor_kern__destroy(b.floor);
	return 0;
}
