// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a packet costs: the loaded programs under BPF_PROG_TEST_RUN, each figure
 * minus an empty program's, in nanoseconds and in units of Y, the same
 * difference for the floor program (floor_kern.c). Controls and subject run in
 * turn, medians are printed, so the ratio holds while the machine's speed drifts.
 *
 * bench_packets [-j FILE]: also writes the rows as JSON lines.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "pping.h"
#include "src/events.h"

#include "bench/floor.skel.h"
#include "pping.skel.h"

#define ROUNDS 31
#define REPEAT 20000
#define COLD_FLOWS 60000
#define FRAME_MAX 512

enum { MUTATE_NOTHING, MUTATE_TSVAL, MUTATE_ANSWER, MUTATE_FLOW };

struct frame {
	__u8 bytes[FRAME_MAX];
	__u32 len;
};

struct bench {
	struct floor_kern *floor;
	struct pping_kern *pping;
	struct events *events;
	uint64_t events_read;
	FILE *json;
};

/* --- frames ----------------------------------------------------------------------- */

static void put(struct frame *f, const void *bytes, __u32 len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void put16(struct frame *f, __u16 value)
{
	__u16 be = htons(value);

	put(f, &be, 2);
}

static void put32(struct frame *f, __u32 value)
{
	__u32 be = htonl(value);

	put(f, &be, 4);
}

enum { VLAN = 1, IPV6 = 2, UDP = 4, NO_TS = 8, REVERSE = 16 };

static void put_transport(struct frame *f, unsigned int kind, __u32 tsval, __u32 tsecr)
{
	put16(f, kind & REVERSE ? 443 : 40000);
	put16(f, kind & REVERSE ? 40000 : 443);
	if (kind & UDP) {
		put16(f, 108);
		put16(f, 0);
		return;
	}
	put32(f, 1);
	put32(f, 1);
	put16(f, (kind & NO_TS ? 0x5000 : 0x8000) | 0x10);
	put16(f, 1000);
	put32(f, 0);
	if (kind & NO_TS)
		return;
	put32(f, 0x0101080a);
	put32(f, tsval);
	put32(f, tsecr);
}

static struct frame make_frame(unsigned int kind, __u32 payload, __u32 tsval, __u32 tsecr)
{
	static const __u8 macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	__u32 transport = (kind & UDP ? 8 : kind & NO_TS ? 20 : 32) + payload;
	struct frame f = {};

	put(&f, macs, sizeof(macs));
	if (kind & VLAN) {
		put16(&f, ETH_P_8021Q);
		put16(&f, 7);
	}
	put16(&f, kind & IPV6 ? ETH_P_IPV6 : ETH_P_IP);
	if (kind & IPV6) {
		put32(&f, 0x60000000);
		put16(&f, transport);
		put16(&f, (kind & UDP ? 17 : 6) << 8 | 64);
		for (int i = 0; i < 8; i++)
			put32(&f, 0xfd000000 + (kind & REVERSE ? i ^ 4 : i) * 0x01010101);
	} else {
		put16(&f, 0x4500);
		put16(&f, 20 + transport);
		put32(&f, 0);
		put16(&f, 64 << 8 | (kind & UDP ? 17 : 6));
		put16(&f, 0);
		put32(&f, kind & REVERSE ? 0x0a010001 : 0x0a000000);
		put32(&f, kind & REVERSE ? 0x0a000000 : 0x0a010001);
	}
	put_transport(&f, kind, tsval, tsecr);
	f.len += payload;
	return f;
}

/* --- running ------------------------------------------------------------------------ */

static uint64_t run(int prog_fd, const struct frame *f, int repeat)
{
	__u8 out[FRAME_MAX + 256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = repeat);
	int err = bpf_prog_test_run_opts(prog_fd, &opts);

	if (err) {
		fprintf(stderr, "bench: test run: %s\n", strerror(-err));
		exit(1);
	}
	return opts.duration;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n & 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

struct row {
	const char *name;
	double ns; /* above an empty program */
	double y; /* in units of the floor program's */
	double budget; /* 0: none */
};

static void print_row(struct bench *b, const struct row *r)
{
	char budget[16] = "-";

	if (r->budget > 0)
		snprintf(budget, sizeof(budget), "%.2f", r->budget);
	printf("%-58s %8.1f %8.2f %8s%s\n", r->name, r->ns, r->y, budget,
	       r->budget > 0 && r->y > r->budget ? "  over" : "");
	if (b->json)
		fprintf(b->json, "{\"row\":\"%s\",\"ns\":%.1f,\"y\":%.3f,\"budget\":%.2f}\n",
			r->name, r->ns, r->y, r->budget);
}

static int on_event(void *ctx, const struct pping_event *event)
{
	struct bench *b = ctx;

	(void)event;
	b->events_read++;
	return 0;
}

static void drain(struct bench *b)
{
	events__drain(b->events, UINT64_MAX, on_event, b);
}

/* The same frame over and over; empty is the control of the same hook. */
static void measure_still(struct bench *b, const char *name, int subject_fd, int empty_fd,
			  const struct frame *f, double budget)
{
	struct frame floor_frame = make_frame(0, 100, 1, 1);
	int floor_fd = bpf_program__fd(b->floor->progs.floor_tc);
	int tc_empty_fd = bpf_program__fd(b->floor->progs.empty_tc);
	double ns[ROUNDS], y[ROUNDS];

	run(subject_fd, f, 1000);
	for (int i = 0; i < ROUNDS; i++) {
		double base = run(tc_empty_fd, &floor_frame, REPEAT);
		double floor = run(floor_fd, &floor_frame, REPEAT) - base;
		double own_base = empty_fd == tc_empty_fd ? base : run(empty_fd, f, REPEAT);

		ns[i] = run(subject_fd, f, REPEAT) - own_base;
		y[i] = ns[i] / floor;
		drain(b);
	}
	print_row(b, &(struct row){ name, median(ns, ROUNDS), median(y, ROUNDS), budget });
}

static double run_mutated(struct bench *b, __u32 mode, int fd, const struct frame *f)
{
	__u32 zero = 0;

	b->floor->bss->mutation.mode = mode;
	b->floor->bss->mutation.flow_count = COLD_FLOWS;
	if (bpf_map_update_elem(bpf_map__fd(b->floor->maps.subject), &zero, &fd, BPF_ANY)) {
		fprintf(stderr, "bench: can't set the subject of a tail call\n");
		exit(1);
	}
	return run(bpf_program__fd(b->floor->progs.mutate), f, REPEAT);
}

/* Nanoseconds a run of mutated packets costs above the same before an empty program, consuming included. */
static double run_answered(struct bench *b, __u32 burst)
{
	struct frame f = make_frame(0, 100, 1, 1);
	struct timespec start, end;
	double control, subject;

	b->floor->bss->mutation.burst = burst;
	control = run_mutated(b, MUTATE_ANSWER, bpf_program__fd(b->floor->progs.empty_tc), &f);
	subject = run_mutated(b, MUTATE_ANSWER, bpf_program__fd(b->pping->progs.pping_egress), &f);
	clock_gettime(CLOCK_MONOTONIC, &start);
	drain(b); /* consuming is part of an RTT's price */
	clock_gettime(CLOCK_MONOTONIC, &end);
	return subject - control +
	       ((end.tv_sec - start.tv_sec) * 1e9 + end.tv_nsec - start.tv_nsec) / REPEAT;
}

/*
 * With S the price of a stamp and M of a match, an ACK after each data packet
 * costs S + M, one after four costs 4 S + M: all four stand in the flow's entry.
 */
static void measure_answered(struct bench *b)
{
	struct frame still = make_frame(0, 100, 1, 1);
	double stamp[ROUNDS], match[ROUNDS], stamp_y[ROUNDS], match_y[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double base = run(bpf_program__fd(b->floor->progs.empty_tc), &still, REPEAT);
		double floor =
			run(bpf_program__fd(b->floor->progs.floor_tc), &still, REPEAT) - base;
		double one = run_answered(b, 1) * 2, four = run_answered(b, 4) * 5;

		stamp[i] = (four - one) / 3;
		match[i] = one - stamp[i];
		stamp_y[i] = stamp[i] / floor;
		match_y[i] = match[i] / floor;
	}
	print_row(b, &(struct row){ "tc:  data with a new TSval, stamped in the flow (-r 0)",
				    median(stamp, ROUNDS), median(stamp_y, ROUNDS), 2.5 });
	print_row(b, &(struct row){ "tc:  ACK that matches: emitted and consumed (-r 0)",
				    median(match, ROUNDS), median(match_y, ROUNDS), 10 });
}

/* Nobody answers: every identifier goes to the spill table. */
static void measure_spilled(struct bench *b)
{
	struct frame still = make_frame(0, 100, 1, 1);
	double ns[ROUNDS], y[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double base = run(bpf_program__fd(b->floor->progs.empty_tc), &still, REPEAT);
		double floor =
			run(bpf_program__fd(b->floor->progs.floor_tc), &still, REPEAT) - base;
		double control = run_mutated(b, MUTATE_TSVAL,
					     bpf_program__fd(b->floor->progs.empty_tc), &still);

		ns[i] = run_mutated(b, MUTATE_TSVAL, bpf_program__fd(b->pping->progs.pping_egress),
				    &still) -
			control;
		y[i] = ns[i] / floor;
	}
	print_row(b, &(struct row){ "tc:  the same, spilled to the 4 MiB table", median(ns, ROUNDS),
				    median(y, ROUNDS), 0 });
}

/* Paired with the floor program's own, over the same random flows. */
static void measure_cold(struct bench *b, const char *name, double budget)
{
	struct frame f = make_frame(0, 100, 1, 1);
	int floor_fd = bpf_program__fd(b->floor->progs.floor_tc);
	int empty_fd = bpf_program__fd(b->floor->progs.empty_tc);
	int subject_fd = bpf_program__fd(b->pping->progs.pping_egress);
	double ns[ROUNDS], y[ROUNDS];

	run_mutated(b, MUTATE_FLOW, subject_fd, &f);
	for (int i = 0; i < 20; i++)
		run_mutated(b, MUTATE_FLOW, subject_fd, &f);
	for (int i = 0; i < ROUNDS; i++) {
		double control = run_mutated(b, MUTATE_FLOW, empty_fd, &f);
		double floor = run_mutated(b, MUTATE_FLOW, floor_fd, &f) - control;

		ns[i] = run_mutated(b, MUTATE_FLOW, subject_fd, &f) - control;
		y[i] = ns[i] / floor;
		drain(b);
	}
	print_row(b, &(struct row){ name, median(ns, ROUNDS), median(y, ROUNDS), budget });
}

/* --- set up ------------------------------------------------------------------------- */

/* The floor program's table holds the flows that the mutator makes. */
static void fill_floor(struct bench *b)
{
	struct {
		__u64 last;
		__u32 tsval, tsecr;
		__u8 rest[176];
	} value = { .tsval = htonl(1), .tsecr = htonl(1) };
	int fd = bpf_map__fd(b->floor->maps.floor_flows);

	for (__u32 i = 0; i < COLD_FLOWS; i++) {
		__u16 ports[2] = { htons(40000), htons(443) };
		struct {
			__u64 a;
			__u32 ports, zero;
		} key = { .a = (__u64)htonl(0x0a000000 + i) << 32 | htonl(0x0a010001) };

		memcpy(&key.ports, ports, sizeof(ports));
		bpf_map_update_elem(fd, &key, &value, BPF_ANY);
	}
}

static int open_all(struct bench *b)
{
	struct pping_config config = { .track_tcp = 1,
				       .include_local = 1,
				       .aggregate = 1,
				       .no_rtt_events = 1,
				       .no_flow_events = 1,
				       .max_prefixes = 16386,
				       .prefix_mask4 = htonl(0xffffff00),
				       .prefix_mask6 = { ~0, htonl(0xffff0000) },
				       .prefix_shard_mask = 1,
				       .prefix_private = 1,
				       .prefix_hint_mask = 32767,
				       .spill_seed = { 0x2545f4914f6cdd1dULL, 0x9fb21c651e98df25ULL,
						       0xd6e8feb86659fd93ULL } };

	for (int i = 0; i < 20; i++)
		config.nh_key[i / 10][i % 10] = random();
	b->floor = floor_kern__open_and_load();
	b->pping = pping_kern__open();
	if (!b->floor || !b->pping)
		return -errno;
	memcpy((void *)&b->pping->rodata->config, &config, sizeof(config));
	b->pping->data_shared->shared.epoch = 1;
	bpf_map__set_max_entries(b->pping->maps.prefixes, 16384);
	bpf_map__set_max_entries(b->pping->maps.prefix_places, 16384);
	bpf_map__set_max_entries(b->pping->maps.prefix_hints, 32768);

	bpf_map__set_max_entries(b->pping->maps.prefix_packets, 16386 * 2);
	bpf_map__set_max_entries(b->pping->maps.prefix_rtts, 16386 * 2);
	if (pping_kern__load(b->pping))
		return -errno;
	fill_floor(b);
	for (__u32 i = 2; i < 16386; i++)
		bpf_map_update_elem(bpf_map__fd(b->pping->maps.prefix_places), NULL, &i, 0);
	return events__open(&b->events, bpf_map__fd(b->pping->maps.events), 8 << 20);
}

/* Makes the frame's flow known, with both directions, and its identifiers shown. */
static void introduce(struct bench *b, unsigned int kind)
{
	int egress = bpf_program__fd(b->pping->progs.pping_egress);

	for (__u32 ts = 1; ts <= 3; ts++) {
		struct frame data = make_frame(kind, 100, ts, ts);
		struct frame reply = make_frame(kind | REVERSE, 0, ts, ts);

		run(egress, &data, 1);
		run(egress, &reply, 1);
	}
}

static void still_rows(struct bench *b)
{
	static const struct {
		const char *name;
		unsigned int kind;
		__u32 payload;
		double budget;
	} rows[] = {
		{ "UDP, IPv4", UDP, 100, 0.25 },
		{ "UDP, IPv6", UDP | IPV6, 100, 0.25 },
		{ "TCP without timestamps, IPv4", NO_TS, 100, 0.25 },
		{ "TCP data, TSval already seen, IPv4", 0, 100, 0.8 },
		{ "TCP data, TSval already seen, IPv6", IPV6, 100, 0.95 },
		{ "TCP data, TSval already seen, VLAN IPv4", VLAN, 100, 0.8 },
		{ "pure ACK, nothing new, IPv4", 0, 0, 0.8 },
		{ "pure ACK, nothing new, IPv6", IPV6, 0, 0.95 },
	};
	int tc_empty = bpf_program__fd(b->floor->progs.empty_tc);
	int xdp_empty = bpf_program__fd(b->floor->progs.empty_xdp);
	char name[80];

	introduce(b, 0);
	introduce(b, IPV6);
	introduce(b, VLAN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame f = make_frame(rows[i].kind, rows[i].payload, 3, 3);

		snprintf(name, sizeof(name), "tc:  %s", rows[i].name);
		measure_still(b, name, bpf_program__fd(b->pping->progs.pping_egress), tc_empty, &f,
			      rows[i].budget);
		snprintf(name, sizeof(name), "xdp: %s", rows[i].name);
		measure_still(b, name, bpf_program__fd(b->pping->progs.pping_xdp), xdp_empty, &f,
			      rows[i].budget);
	}
}

int main(int argc, char **argv)
{
	struct bench b = {};
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	if (argc == 3 && !strcmp(argv[1], "-j"))
		b.json = fopen(argv[2], "w");
	if (open_all(&b)) {
		fprintf(stderr, "bench: can't load the programs (needs root)\n");
		return 1;
	}
	printf("%-58s %8s %8s %8s\n", "packet (medians of 31 runs of 20,000)", "ns", "Y", "budget");
	still_rows(&b);
	measure_cold(&b, "tc:  data of a random one of 60,000 flows (paired)", 1.1);
	measure_answered(&b);
	measure_spilled(&b);
	if (b.json)
		fclose(b.json);
	events__free(b.events);
	pping_kern__destroy(b.pping);
	floor_kern__destroy(b.floor);
	return 0;
}
