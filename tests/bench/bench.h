/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the benchmarks share: results, medians, the loaded programs, test runs.
 *
 * A result is a line of JSON appended to the file that BENCH_RESULTS names:
 * part and row name it, better says which way is good, budget is what it may cost
 * at most (0: none). tests/bench/report.py reads them.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "pping.h"

#include "bench/floor.skel.h"
#include "pping.skel.h"
#include "tests/bench/frames.h"

/* --- results ------------------------------------------------------------------------ */

enum better { LOWER, HIGHER };

static inline void result(const char *part, const char *row, const char *unit, double value,
			  enum better better, double budget)
{
	const char *path = getenv("BENCH_RESULTS");
	FILE *to = path ? fopen(path, "a") : NULL;

	if (!to)
		return;
	fprintf(to,
		"{\"part\":\"%s\",\"row\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"better\":\"%s\"",
		part, row, unit, value, better == LOWER ? "lower" : "higher");
	if (budget > 0)
		fprintf(to, ",\"budget\":%g", budget);
	fprintf(to, "}\n");
	fclose(to);
}

static inline int bench_by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Sorts v. */
static inline double median(double *v, int n)
{
	qsort(v, n, sizeof(*v), bench_by_value);
	return n & 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* --- time and place ------------------------------------------------------------------ */

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * PPING_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static inline void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

__attribute__((noreturn)) static inline void bench_die(const char *what, int err)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(EXIT_FAILURE);
}

/* --- test runs ----------------------------------------------------------------------- */

/*
 * Nanoseconds a run took, by this thread's CPU time: what else the machine does
 * has no say, and fractions count (the kernel reports whole nanoseconds).
 */
static inline double test_run(int prog_fd, const struct frame *f, int repeat)
{
	__u8 out[FRAME_MAX + 256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = repeat);
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int err = bpf_prog_test_run_opts(prog_fd, &opts);

	if (err)
		bench_die("test run", err);
	return (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / repeat;
}

/* --- the programs -------------------------------------------------------------------- */

static inline struct pping_config bench_config(void)
{
	struct pping_config config = { .track_tcp = 1,
				       .include_local = 1,
				       .spill_seed = { 11, 13, 17 } };

	for (int i = 0; i < 20; i++)
		config.nh_key[i / 10][i % 10] = random();
	return config;
}

#define BENCH_PREFIXES 16384 /* the default */
#define BENCH_SHARDS 2

/* Adds to a configuration: per prefix, and no events; a shard for each of two CPUs. */
static inline void bench_aggregate(struct pping_config *config)
{
	config->aggregate = config->no_rtt_events = config->no_flow_events = 1;
	config->max_prefixes = BENCH_PREFIXES + PPING_PREFIX_FIRST;
	config->prefix_mask4 = htonl(0xffffff00);
	config->prefix_mask6[0] = htonl(0xffffffff);
	config->prefix_mask6[1] = htonl(0xffff0000);
	config->prefix_shard_mask = BENCH_SHARDS - 1;
	config->prefix_private = 1;
	config->prefix_hint_mask = 2 * BENCH_PREFIXES - 1;
	/* any that spread: two prefixes behind one hint would be the worst case */
	config->spill_seed[0] = 0x2545f4914f6cdd1dULL;
	config->spill_seed[1] = 0x9fb21c651e98df25ULL;
	config->spill_seed[2] = 0xd6e8feb86659fd93ULL;
}

static inline void size_prefixes(struct pping_kern *pping, const struct pping_config *config)
{
	__u32 places = config->max_prefixes;

	bpf_map__set_max_entries(pping->maps.prefixes, BENCH_PREFIXES);
	bpf_map__set_max_entries(pping->maps.prefix_places, BENCH_PREFIXES);
	bpf_map__set_max_entries(pping->maps.prefix_hints, config->prefix_hint_mask + 1);
	bpf_map__set_max_entries(pping->maps.prefix_packets, places * BENCH_SHARDS);
	bpf_map__set_max_entries(pping->maps.prefix_rtts, places * 2);
}

/* Test runs' packets come by the loopback device. */
static inline void number_interface(struct pping_kern *pping)
{
	__u32 ifindex = 1, number = 1;

	bpf_map_update_elem(bpf_map__fd(pping->maps.numbers), &ifindex, &number, BPF_ANY);
}

static inline struct pping_kern *open_pping(const struct pping_config *config)
{
	struct pping_kern *pping = pping_kern__open();

	if (!pping)
		bench_die("can't open the programs", errno);
	memcpy((void *)&pping->rodata->config, config, sizeof(*config));
	if (config->counters)
		bpf_map__set_value_size(pping->maps.flows, sizeof(struct pping_flow));
	if (config->aggregate)
		size_prefixes(pping, config);
	if (config->rules)
		bpf_map__set_max_entries(pping->maps.rules_0, PPING_MAX_RULE_ENTRIES);
	if (config->several) {
		bpf_map__set_max_entries(pping->maps.numbers, PPING_IFINDEX_MASK + 1);
		bpf_map__set_max_entries(pping->maps.counters, PPING_INTERFACE_NUMBERS);
	}
	pping->data_shared->shared.epoch = 1;
	bpf_program__set_flags(pping->progs.pping_xdp, BPF_F_XDP_HAS_FRAGS);
	if (pping_kern__load(pping))
		bench_die("can't load the programs (needs root)", errno);
	for (__u32 i = PPING_PREFIX_FIRST; config->aggregate && i < config->max_prefixes; i++)
		bpf_map_update_elem(bpf_map__fd(pping->maps.prefix_places), NULL, &i, BPF_ANY);
	if (config->several)
		number_interface(pping);
	return pping;
}

static inline struct floor_kern *open_floor(void)
{
	struct floor_kern *floor = floor_kern__open_and_load();

	if (!floor)
		bench_die("can't load the controls (needs root)", errno);
	return floor;
}

/* The floor program's table holds as many of the flows that the mutator makes: its price is that of a hit. */
static inline void fill_floor(struct floor_kern *floor, __u32 flows)
{
	struct {
		__u64 last;
		__u32 tsval, tsecr;
		__u8 rest[176];
	} value = { .tsval = htonl(1), .tsecr = htonl(1) };
	int fd = bpf_map__fd(floor->maps.floor_flows), lru = bpf_map__fd(floor->maps.lru_flows);

	for (__u32 i = 0; i < flows; i++) {
		__u16 ports[2] = { htons(40000), htons(443) };
		struct {
			__u64 a;
			__u32 ports, zero;
		} key = { .a = (__u64)htonl(0x0a000000 + i) << 32 | htonl(0x0a010001) };

		memcpy(&key.ports, ports, sizeof(ports));
		bpf_map_update_elem(fd, &key, &value, BPF_ANY);
		bpf_map_update_elem(lru, &key, &value, BPF_ANY);
	}
}

/* floor_kern.c's, see there */
enum mutation_mode { MUTATE_NOTHING, MUTATE_TSVAL, MUTATE_ANSWER, MUTATE_FLOW, MUTATE_OPEN };

/* Runs f through the mutator and then the program subject_fd. */
static inline double test_run_mutated(struct floor_kern *floor, enum mutation_mode mode,
				      int subject_fd, const struct frame *f, unsigned int kind,
				      int repeat)
{
	bool xdp = false;
	struct bpf_prog_info info = {};
	__u32 zero = 0, len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(subject_fd, &info, &len), map;

	xdp = !err && info.type == BPF_PROG_TYPE_XDP;
	map = bpf_map__fd(xdp ? floor->maps.subject_xdp : floor->maps.subject);
	floor->bss->mutation.mode = mode;
	floor->bss->mutation.ip = frame_ip_offset(kind);
	floor->bss->mutation.ipv6 = !!(kind & FRAME_IPV6);
	if (bpf_map_update_elem(map, &zero, &subject_fd, BPF_ANY))
		bench_die("can't set the subject of a tail call", errno);
	return test_run(bpf_program__fd(xdp ? floor->progs.mutate_xdp : floor->progs.mutate), f,
			repeat);
}

/* Makes the frame's flow known, with both directions, and its identifiers up to `last` shown. */
static inline void introduce(struct pping_kern *pping, unsigned int kind, __u32 last)
{
	int egress = bpf_program__fd(pping->progs.pping_egress);

	for (__u32 ts = 1; ts <= last; ts++) {
		struct frame data = make_frame(kind, 100, ts, ts);
		struct frame reply = make_frame(kind | FRAME_REVERSE, 0, ts, ts);

		test_run(egress, &data, 1);
		test_run(egress, &reply, 1);
	}
}

#endif /* BENCH_BENCH_H */
