// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pours RTTs into a running pping: pour PROG-ID RTTS-PER-SECOND SECONDS.
 *
 * Its tc program runs under BPF_PROG_TEST_RUN behind the mutator of floor_kern.c,
 * on data and the ACK that echoes it, a new TSval each: one RTT a pair. Prints how
 * many pairs went in and how many nanoseconds a packet took.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/floor.skel.h"

#define MUTATE_ANSWER 2
#define CHUNKS_PER_SEC 500
#define NS_PER_SEC 1000000000LL

/* 100 bytes of TCP data with NOP NOP TS: 10.0.0.0:40000 to 10.1.0.1:443. */
static void make_frame(uint8_t *f)
{
	static const uint8_t head[] = { 2,  0,	  0, 0, 0,   1, 2, 0, 0,    0,	  0, 2,	  8,
					0,  0x45, 0, 0, 152, 0, 0, 0, 0,    64,	  6, 0,	  0,
					10, 0,	  0, 0, 10,  1, 0, 1, 0x9c, 0x40, 1, 0xbb };
	static const uint8_t options[] = { 1, 1, 8, 10 };

	memcpy(f, head, sizeof(head));
	f[46] = 0x80;
	f[47] = 0x10;
	memcpy(f + 54, options, sizeof(options));
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static int pour(int fd, long rate, long seconds)
{
	uint8_t frame[14 + 152] = {}, out[512];
	long pairs = rate / CHUNKS_PER_SEC, chunks = seconds * CHUNKS_PER_SEC;
	int64_t start = now_ns(), spent = 0;

	make_frame(frame);
	for (long i = 0; i < chunks; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
			    .data_size_in = sizeof(frame), .data_out = out,
			    .data_size_out = sizeof(out), .repeat = pairs * 2);
		int64_t wait = start + i * (NS_PER_SEC / CHUNKS_PER_SEC) - now_ns();
		int err;

		if (wait > 0)
			usleep(wait / 1000);
		err = bpf_prog_test_run_opts(fd, &opts);
		if (err) {
			fprintf(stderr, "pour: test run: %s\n", strerror(-err));
			return 1;
		}
		spent += opts.duration;
	}
	printf("%ld pairs, %.0f a second, %.0f ns a packet\n", pairs * chunks,
	       pairs * chunks / ((now_ns() - start) / 1e9), (double)spent / chunks);
	return 0;
}

int main(int argc, char **argv)
{
	struct floor_kern *floor;
	__u32 zero = 0;
	int subject, status;

	if (argc != 4 || atol(argv[2]) < CHUNKS_PER_SEC || atol(argv[3]) > 60) {
		fprintf(stderr, "usage: pour PROG-ID RTTS-PER-SECOND SECONDS\n");
		return 2;
	}
	subject = bpf_prog_get_fd_by_id(atoi(argv[1]));
	floor = floor_kern__open_and_load();
	if (subject < 0 || !floor) {
		fprintf(stderr, "pour: no such program, or no BPF here\n");
		return 1;
	}
	floor->bss->mutation.mode = MUTATE_ANSWER;
	floor->bss->mutation.burst = 1;
	/* another run on the same flow must go on with newer TSvals */
	floor->bss->mutation.turn = (uint32_t)(time(NULL) << 22);
	if (bpf_map_update_elem(bpf_map__fd(floor->maps.subject), &zero, &subject, BPF_ANY)) {
		fprintf(stderr, "pour: that is no tc program\n");
		return 1;
	}
	status = pour(bpf_program__fd(floor->progs.mutate), atol(argv[2]), atol(argv[3]));
	floor_kern__destroy(floor);
	return status;
}
