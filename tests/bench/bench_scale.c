// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What more CPUs cost each other: packets of each kind from 1, 2 and 4 threads
 * at once, each thread's CPU time per packet above that of an empty program.
 * Where threads share nothing it stays the same; shared lines and locks show as
 * growth. The floor program and the bare atomic adds beside it tell what the
 * machine itself makes of it.
 */
#include <pthread.h>

#include "src/events.h"
#include "tests/bench/bench.h"

#define PART "scale"
#define MAX_THREADS 4
#define ROUNDS 25
#define REPEAT 40000 /* what they emit fits the rings */
#define TRIES 8
#define FLOWS 60000
#define LINE_WORDS 16
#define ADDS 2000000

/* Enough that the threads' CPUs meet, on a machine that has as many. */
static const int counts[] = { 1, 2, 4 };
#define COUNTS ((int)(sizeof(counts) / sizeof(counts[0])))

enum subject { PPING, FLOOR };

struct load {
	const char *name;
	enum subject subject;
	enum mutation_mode mode;
	bool same; /* all threads' packets are of the same flow(s) */
	bool two_ways; /* odd threads send the other direction */
	bool counters;
	bool sampled;
	bool new_flows;
};

struct worker {
	pthread_t thread;
	int number;
	struct floor_kern *floor; /* its own: the mutator has state */
	const struct load *load;
	int subject_fd, empty_fd;
	struct frame frame;
	pthread_barrier_t *barrier;
	double ns[2]; /* a packet: subject, empty */
	bool disturbed; /* something else ran on its CPU */
};

static struct worker workers[MAX_THREADS];

static double run_once(struct worker *w, int fd)
{
	if (w->load->mode == MUTATE_NOTHING)
		return test_run(fd, &w->frame, REPEAT);
	return test_run_mutated(w->floor, w->load->mode, fd, &w->frame, 0, REPEAT);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t start;

	pin_to(w->number % (int)sysconf(_SC_NPROCESSORS_ONLN));
	pthread_barrier_wait(w->barrier);
	start = clock_ns(CLOCK_MONOTONIC);
	w->ns[0] = run_once(w, w->subject_fd);
	w->disturbed = clock_ns(CLOCK_MONOTONIC) - start > w->ns[0] * REPEAT * 1.1;
	pthread_barrier_wait(w->barrier);
	w->ns[1] = run_once(w, w->empty_fd);
	return NULL;
}

static int on_event(void *ctx, const struct pping_event *event)
{
	(void)ctx, (void)event;
	return 0;
}

/* The mean over the threads of one round, and whether they had their CPUs for themselves. */
static double run_round(struct pping_kern *pping, struct events *events, const struct load *load,
			int threads, bool *disturbed)
{
	pthread_barrier_t barrier;
	double sum = 0;

	*disturbed = false;
	pthread_barrier_init(&barrier, NULL, threads);
	for (int i = 0; i < threads; i++) {
		struct worker *w = &workers[i];

		w->number = i;
		w->load = load;
		w->barrier = &barrier;
		w->empty_fd = bpf_program__fd(w->floor->progs.empty_tc);
		w->subject_fd = load->subject == FLOOR ? bpf_program__fd(w->floor->progs.floor_tc)
						       : bpf_program__fd(pping->progs.pping_egress);
		/* the frame that the floor program knows */
		w->frame = load->subject == FLOOR    ? make_frame(0, 100, 1, 1)
			   : load->two_ways && i & 1 ? make_frame(FRAME_REVERSE, 0, 3, 3)
						     : make_frame(0, 100, 3, 3);
		if (!load->same) /* another client: bytes 26 to 29 of the frame */
			w->frame.bytes[ETH_HLEN + 13] = 1 + i;
		if (pthread_create(&w->thread, NULL, work, w))
			bench_die("can't start a thread", errno);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		sum += workers[i].ns[0] - workers[i].ns[1];
		*disturbed |= workers[i].disturbed;
	}
	pthread_barrier_destroy(&barrier);
	events__drain(events, UINT64_MAX, on_event, NULL);
	return sum / threads;
}

/* Threads that don't run at the same time show nothing: another try, if there are CPUs for all. */
static double run_undisturbed(struct pping_kern *pping, struct events *events,
			      const struct load *load, int threads)
{
	bool disturbed = true;
	double ns = 0;

	for (int i = 0; i < TRIES && disturbed; i++) {
		ns = run_round(pping, events, load, threads, &disturbed);
		disturbed &= threads <= sysconf(_SC_NPROCESSORS_ONLN);
	}
	return ns;
}

static void prepare(const struct load *load)
{
	for (int i = 0; i < MAX_THREADS; i++) {
		workers[i].floor->bss->mutation.burst = 1;
		workers[i].floor->bss->mutation.flow_count = FLOWS;
		workers[i].floor->bss->mutation.turn = load->new_flows ? (__u32)i << 22 : 100;
	}
}

/* ns is what a packet costs with 1, 2, 4 threads; worst with two, but for a tenth of the rounds. */
static void print_row(const char *name, const double *ns, double worst)
{
	printf("%-56s %7.1f %7.1f %7.1f %7.2f %7.2f\n", name, ns[0], ns[1], ns[2], ns[1] / ns[0],
	       worst / ns[0]);
	fflush(stdout);
	result(PART, name, "ns, 1 thread", ns[0], LOWER, 0);
	result(PART, name, "times that, 2", ns[1] / ns[0], LOWER, 0);
	result(PART, name, "times that, 2, at worst", worst / ns[0], LOWER, 0);
	result(PART, name, "times that, 4", ns[2] / ns[0], LOWER, 0);
}

static void measure(const struct load *load)
{
	struct pping_config config = bench_config();
	double ns[COUNTS][ROUNDS], mid[COUNTS];
	struct pping_kern *pping;
	struct events *events;

	config.counters = load->counters;
	config.rate_limit_ns = load->sampled ? 100 * PPING_NS_PER_MS : 0;
	pping = open_pping(&config);
	if (events__open(&events, bpf_map__fd(pping->maps.events), 8 << 20))
		exit(EXIT_FAILURE);
	introduce(pping, 0, 3);
	prepare(load);
	run_undisturbed(pping, events, load, MAX_THREADS); /* its flows become known */
	for (int i = 0; i < ROUNDS; i++)
		for (int c = 0; c < COUNTS; c++)
			ns[c][i] = run_undisturbed(pping, events, load, counts[c]);
	for (int c = 0; c < COUNTS; c++)
		mid[c] = median(ns[c], ROUNDS);
	print_row(load->name, mid, ns[1][ROUNDS * 9 / 10]); /* median() has sorted it */
	events__free(events);
	pping_kern__destroy(pping);
}

/* --- the machine ------------------------------------------------------------------ */

static struct {
	uint64_t n[LINE_WORDS];
} __attribute__((aligned(128))) lines[MAX_THREADS];

static void *add(void *arg)
{
	struct worker *w = arg;
	uint64_t *to = &lines[w->load->same ? 0 : w->number].n[0], start;

	pin_to(w->number % (int)sysconf(_SC_NPROCESSORS_ONLN));
	pthread_barrier_wait(w->barrier);
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < ADDS; i++)
		__atomic_fetch_add(to, 1, __ATOMIC_RELAXED);
	w->ns[0] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / ADDS;
	return NULL;
}

static double add_round(const struct load *load, int threads)
{
	pthread_barrier_t barrier;
	double sum = 0;

	pthread_barrier_init(&barrier, NULL, threads);
	for (int i = 0; i < threads; i++) {
		workers[i].number = i;
		workers[i].load = load;
		workers[i].barrier = &barrier;
		if (pthread_create(&workers[i].thread, NULL, add, &workers[i]))
			bench_die("can't start a thread", errno);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		sum += workers[i].ns[0];
	}
	pthread_barrier_destroy(&barrier);
	return sum / threads;
}

/* An atomic add of so many threads, to one line or to one each. */
static void measure_machine(const struct load *load)
{
	double ns[COUNTS][ROUNDS], mid[COUNTS];

	for (int i = 0; i < ROUNDS; i++)
		for (int c = 0; c < COUNTS; c++)
			ns[c][i] = add_round(load, counts[c]);
	for (int c = 0; c < COUNTS; c++)
		mid[c] = median(ns[c], ROUNDS);
	print_row(load->name, mid, ns[1][ROUNDS * 9 / 10]);
}

int main(void)
{
	static const struct load loads[] = {
		{ "control: floor program", FLOOR, MUTATE_NOTHING, .same = true },
		{ "data, TSval already seen, a flow each", PPING, MUTATE_NOTHING, .same = false },
		{ "the same, all of one flow", PPING, MUTATE_NOTHING, .same = true },
		{ "the same, all of one flow (--counters)", PPING, MUTATE_NOTHING, .same = true,
		  .counters = true },
		{ "the same, data and ACKs of one flow (--counters)", PPING, MUTATE_NOTHING,
		  .same = true, .two_ways = true, .counters = true },
		{ "data, a random one of 60,000 flows", PPING, MUTATE_FLOW, .same = true },
		{ "data with a new TSval, not sampled, a flow each", PPING, MUTATE_TSVAL,
		  .sampled = true },
		{ "the same, data and ACKs of one flow", PPING, MUTATE_TSVAL, .same = true,
		  .two_ways = true, .sampled = true },
		{ "an RTT every second packet, a flow each", PPING, MUTATE_ANSWER, .same = false },
		{ "a new flow every second packet", PPING, MUTATE_OPEN, .new_flows = true },
	};

	printf("%-56s %7s %7s %7s %7s %7s\n", "ns a packet above an empty program, by threads", "1",
	       "2", "4", "2/1", "worst");
	measure_machine(&(struct load){ .name = "control: an atomic add, to a line each" });
	measure_machine(
		&(struct load){ .name = "control: an atomic add, all to one line", .same = true });
	for (int i = 0; i < MAX_THREADS; i++) {
		workers[i].floor = open_floor();
		fill_floor(workers[i].floor, 1);
	}
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		measure(&loads[i]);
	for (int i = 0; i < MAX_THREADS; i++)
		floor_kern__destroy(workers[i].floor);
	return 0;
}
