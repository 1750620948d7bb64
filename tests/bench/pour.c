// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pours packets into a running pping: its tc program runs under
 * BPF_PROG_TEST_RUN behind the mutator of floor_kern.c.
 *
 *   pour PROG-ID RTTS-PER-SECOND SECONDS   data and the ACK that echoes it, a new
 *                                          TSval each: one RTT a pair
 *   pour PROG-ID flows COUNT               so many flows, in both directions
 *
 * PROG-ID 0 is an empty program, the control. Prints how many pairs went in, how
 * many nanoseconds a packet took, and Y (what the floor program costs).
 */
#include "tests/bench/bench.h"

#define CHUNKS_PER_SEC 500
#define FLOWS_A_CHUNK 256
#define NS_PER_SEC 1000000000LL

/* Test runs of so many packets; the nanoseconds one of them took. */
static uint64_t run_chunk(int fd, const struct frame *f, long packets)
{
	__u8 out[FRAME_MAX + 256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = packets);
	int err = bpf_prog_test_run_opts(fd, &opts);

	if (err)
		bench_die("test run", err);
	return opts.duration;
}

static double measure_floor(struct floor_kern *floor)
{
	struct frame f = make_frame(0, 100, 1, 1);
	double y[9];

	fill_floor(floor, 1);
	for (int i = 0; i < 9; i++)
		y[i] = test_run(bpf_program__fd(floor->progs.floor_tc), &f, 20000) -
		       test_run(bpf_program__fd(floor->progs.empty_tc), &f, 20000);
	return median(y, 9);
}

static void pour_rtts(struct floor_kern *floor, long rate, long seconds)
{
	struct frame f = make_frame(0, 100, 0, 0);
	long pairs = rate / CHUNKS_PER_SEC, chunks = seconds * CHUNKS_PER_SEC;
	int64_t start = clock_ns(CLOCK_MONOTONIC), spent = 0;

	floor->bss->mutation.mode = MUTATE_ANSWER;
	floor->bss->mutation.burst = 1;
	/* another run on the same flow must go on with newer TSvals */
	floor->bss->mutation.turn = (uint32_t)(time(NULL) << 22);
	for (long i = 0; i < chunks; i++) {
		int64_t wait = start + i * (NS_PER_SEC / CHUNKS_PER_SEC) -
			       (int64_t)clock_ns(CLOCK_MONOTONIC);

		if (wait > 0)
			usleep(wait / 1000);
		spent += run_chunk(bpf_program__fd(floor->progs.mutate), &f, pairs * 2);
	}
	printf("%ld pairs, %.0f a second, %.0f ns a packet, Y %.1f ns\n", pairs * chunks,
	       pairs * chunks / ((clock_ns(CLOCK_MONOTONIC) - start) / 1e9), (double)spent / chunks,
	       measure_floor(floor));
}

/* Slowly enough that the openings don't fill the rings. */
static void pour_flows(struct floor_kern *floor, long flows)
{
	struct frame f = make_frame(0, 100, 1, 1);

	floor->bss->mutation.mode = MUTATE_OPEN;
	for (long done = 0; done < flows; done += FLOWS_A_CHUNK) {
		long now = flows - done < FLOWS_A_CHUNK ? flows - done : FLOWS_A_CHUNK;

		run_chunk(bpf_program__fd(floor->progs.mutate), &f, now * 2);
		usleep(NS_PER_SEC / CHUNKS_PER_SEC / 1000);
	}
	printf("%ld flows\n", flows);
}

int main(int argc, char **argv)
{
	bool flows = argc == 4 && !strcmp(argv[2], "flows");
	struct floor_kern *floor;
	__u32 zero = 0;
	int subject;

	if (argc != 4 ||
	    (flows ? atol(argv[3]) < 1 : atol(argv[2]) < CHUNKS_PER_SEC || atol(argv[3]) > 60)) {
		fprintf(stderr, "usage: pour PROG-ID RTTS-PER-SECOND SECONDS\n"
				"       pour PROG-ID flows COUNT\n");
		return 2;
	}
	floor = open_floor();
	subject = atoi(argv[1]) ? bpf_prog_get_fd_by_id(atoi(argv[1]))
				: bpf_program__fd(floor->progs.empty_tc);
	floor->bss->mutation.ip = frame_ip_offset(0);
	if (subject < 0 ||
	    bpf_map_update_elem(bpf_map__fd(floor->maps.subject), &zero, &subject, BPF_ANY)) {
		fprintf(stderr, "pour: that is no tc program\n");
		return 1;
	}
	if (flows)
		pour_flows(floor, atol(argv[3]));
	else
		pour_rtts(floor, atol(argv[2]), atol(argv[3]));
	floor_kern__destroy(floor);
	return 0;
}
