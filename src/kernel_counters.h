/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel side has counted, of all CPUs: in all and by an interface's number.
 * Here too is counted what gets lost in userspace.
 */
#ifndef SRC_KERNEL_COUNTERS_H
#define SRC_KERNEL_COUNTERS_H

#include <stdint.h>

#include "pping.h"

struct kernel_counters {
	int fd, pressure_fd; /* of the two maps, which stay the caller's */
	int cpus; /* possible ones */
	uint32_t highest; /* number that was given away */
	struct pping_counters retired; /* of numbers that were given away twice */
	uint64_t untaken; /* PPING_COUNT_LOST_UNTAKEN */
	struct pping_counters *per_cpu; /* room for one sum each */
	struct pping_pressure *pressure; /* as much */
};

/* 0 or -ENOMEM; the fds may be set later. */
int kernel_counters__init(struct kernel_counters *counters, int cpus);
void kernel_counters__free(struct kernel_counters *counters); /* all 0 is fine */

/* Numbers up to this one count. */
void kernel_counters__use(struct kernel_counters *counters, uint32_t number);
void kernel_counters__count_untaken(struct kernel_counters *counters);

/* 0 or a negative errno (not printed), all of them. */
int kernel_counters__sum(const struct kernel_counters *counters, struct pping_counters *sum);
int kernel_counters__of(const struct kernel_counters *counters, uint32_t number,
			struct pping_counters *sum);
/* Flows that wanted an entry: cheap however many numbers there are. */
int kernel_counters__new_flows(const struct kernel_counters *counters, uint64_t *sum);
/* The number's begin anew: only sums know of what was counted. */
int kernel_counters__retire(struct kernel_counters *counters, uint32_t number);

#endif /* SRC_KERNEL_COUNTERS_H */
