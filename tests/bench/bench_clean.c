// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cleaning a full table of 131,072 flows: how long a pass takes, its longest
 * piece (which is how long it can keep a core from another task; packets
 * interrupt it), and what packets on another CPU wait for it: the longest time
 * from one packet to the next, beside the same time without cleaning.
 */
#include <pthread.h>

#include "src/events.h"
#include "src/loop.h"
#include "src/mapclean.h"
#include "tests/bench/bench.h"

#define PART "cleaning"
#define FLOWS 131072
#define PASSES 7
#define WATCHES 15
#define WATCH_PASSES 4 /* of cleaning, back to back, while packets run */

struct bench {
	struct floor_kern *floor;
	struct pping_kern *pping;
	struct events *events;
	struct mapclean *clean;
	uint64_t announced;
};

static int on_event(void *ctx, const struct pping_event *event)
{
	(void)ctx, (void)event;
	return 0;
}

static int on_expired(void *ctx, const struct pping_event *event)
{
	struct bench *b = ctx;

	(void)event;
	b->announced++;
	return 0;
}

static void on_pass(void *ctx, const struct mapclean_report *pass)
{
	(void)ctx, (void)pass;
}

static void fill(struct bench *b)
{
	struct frame f = make_frame(0, 100, 1, 1);

	b->floor->bss->mutation.turn = 0;
	for (int i = 0; i < FLOWS; i += FLOWS / 16) {
		test_run_mutated(b->floor, MUTATE_OPEN,
				 bpf_program__fd(b->pping->progs.pping_egress), &f, 0,
				 FLOWS / 16 * 2);
		events__drain(b->events, UINT64_MAX, on_event, NULL);
	}
}

static void run_pass(struct bench *b)
{
	if (mapclean__run_pass(b->clean))
		exit(EXIT_FAILURE);
}

/* --- a pass ------------------------------------------------------------------------- */

static void print_pass(const char *name, double *pass_us, double *piece_us, __u64 seen)
{
	double pass = median(pass_us, PASSES), piece = median(piece_us, PASSES);
	char row[80];

	printf("%-46s %9.0f us, longest piece %6.0f us, %5.1f ns a flow of %llu\n", name, pass,
	       piece, pass * 1000 / seen, seen);
	result(PART, name, "us", pass, LOWER, 0);
	snprintf(row, sizeof(row), "%s: longest piece", name);
	result(PART, row, "us", piece, LOWER, 0);
}

/* With `expired` each pass finds all flows to be removed and announced. */
static void measure_pass(struct bench *b, const char *name, bool expired)
{
	double pass_us[PASSES], piece_us[PASSES];
	__u64 seen = 0;

	for (int i = 0; i < PASSES; i++) {
		if (expired) {
			fill(b);
			b->pping->data_shared->shared.epoch += PPING_IDLE_TIMEOUT + 2;
		}
		run_pass(b);
		pass_us[i] = mapclean__last(b->clean)->runtime_ns / 1e3;
		piece_us[i] = mapclean__last(b->clean)->longest_ns / 1e3;
		seen = mapclean__last(b->clean)->did.n[PPING_CLEANUP_SEEN];
	}
	print_pass(name, pass_us, piece_us, seen);
}

/* --- what packets notice -------------------------------------------------------------- */

struct watch {
	struct bench *b;
	enum mutation_mode mode;
	volatile bool stop;
	double ns; /* a packet */
};

static void *send_packets(void *arg)
{
	struct frame f = make_frame(0, 100, 1, 1);
	struct watch *w = arg;
	int fd = bpf_program__fd(w->b->pping->progs.pping_egress), batches = 0;

	pin_to(0);
	memset(&w->b->floor->bss->gaps, 0, sizeof(w->b->floor->bss->gaps));
	w->b->floor->bss->gaps.on = 1;
	w->ns = 0;
	do {
		w->b->floor->bss->gaps.last = 0; /* between two batches is no gap */
		w->ns += test_run_mutated(w->b->floor, w->mode, fd, &f, 0, 10000);
		batches++;
	} while (!w->stop);
	w->b->floor->bss->gaps.on = 0;
	w->ns /= batches;
	return NULL;
}

struct gaps {
	double worst_us[WATCHES], over[WATCHES], ns[WATCHES];
};

/* While packets run, clean or let the same time pass. */
static void watch(struct bench *b, struct watch *w, bool clean, uint64_t *took_ns,
		  struct gaps *gaps, int round)
{
	uint64_t start;
	pthread_t thread;

	w->stop = false;
	if (pthread_create(&thread, NULL, send_packets, w))
		bench_die("can't start a thread", errno);
	usleep(2000);
	start = clock_ns(CLOCK_MONOTONIC);
	if (clean) {
		for (int i = 0; i < WATCH_PASSES; i++)
			run_pass(b);
		*took_ns = clock_ns(CLOCK_MONOTONIC) - start;
	} else {
		while (clock_ns(CLOCK_MONOTONIC) - start < *took_ns)
			; /* as busy as cleaning is */
	}
	w->stop = true;
	pthread_join(thread, NULL);
	events__drain(b->events, UINT64_MAX, on_event, NULL);
	gaps->worst_us[round] = b->floor->bss->gaps.worst / 1e3;
	gaps->over[round] = b->floor->bss->gaps.over_100us * 1e9 / *took_ns;
	gaps->ns[round] = w->ns;
}

static void print_watch(const char *name, const char *when, struct gaps *gaps)
{
	double ns = median(gaps->ns, WATCHES), worst = median(gaps->worst_us, WATCHES);
	double over = median(gaps->over, WATCHES);
	char row[96];

	snprintf(row, sizeof(row), "%s, %s", name, when);
	printf("%-40s %6.1f ns a packet, worst gap %7.1f us, %5.1f a second over 100 us\n", row, ns,
	       worst, over);
	result(PART, row, "ns", ns, LOWER, 0);
	result(PART, row, "us, worst gap", worst, LOWER, 0);
	result(PART, row, "gaps over 100 us a second", over, LOWER, 0);
}

static void measure_watch(struct bench *b, const char *name, enum mutation_mode mode)
{
	struct watch w = { .b = b, .mode = mode };
	struct gaps with, without;
	uint64_t took = 0;

	b->floor->bss->mutation.flow_count = FLOWS;
	for (int i = 0; i < WATCHES; i++) {
		watch(b, &w, true, &took, &with, i);
		watch(b, &w, false, &took, &without, i);
	}
	print_watch(name, "no cleaning", &without);
	print_watch(name, "cleaning", &with);
}

/* --- all ---------------------------------------------------------------------------- */

static void open_all(struct bench *b)
{
	struct pping_config config = bench_config();
	struct mapclean_settings settings = {
		.max_flows = FLOWS, .ctx = b, .announce = on_expired, .passed = on_pass
	};

	b->floor = open_floor();
	b->pping = open_pping(&config);
	settings.program = b->pping->progs.pping_clean;
	settings.flows_fd = bpf_map__fd(b->pping->maps.flows);
	settings.cleanup_fd = bpf_map__fd(b->pping->maps.cleanup);
	if (events__open(&b->events, bpf_map__fd(b->pping->maps.events), 8 << 20) ||
	    mapclean__new(&b->clean, NULL, &settings))
		exit(EXIT_FAILURE);
}

int main(void)
{
	struct bench b = {};

	open_all(&b);
	pin_to((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	measure_pass(&b, "a pass that removes and announces all flows", true);
	fill(&b);
	measure_pass(&b, "a pass over live flows", false);
	measure_watch(&b, "packets of random flows", MUTATE_FLOW);
	measure_watch(&b, "packets of new flows", MUTATE_OPEN);
	mapclean__free(b.clean);
	events__free(b.events);
	pping_kern__destroy(b.pping);
	floor_kern__destroy(b.floor);
	return 0;
}
