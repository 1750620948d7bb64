/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From CLOCK_MONOTONIC, which packets are stamped with, to the wall clock that
 * is printed. One offset converts all times, so that differences between
 * printed times are exact. On Linux both clocks are steered by NTP alike: the
 * offset moves only when somebody sets the clock, at a leap second and over a
 * suspend.
 *
 * What a check does with a measured offset:
 *  - as far from the one in use as the measurement may be wrong: nothing;
 *  - up to 100 ms: moves towards it at 500 ppm of the time converted (the
 *    fastest that NTP moves a clock). Meanwhile differences are off by at most
 *    that much and a later time is never converted to an earlier one, not even
 *    if the earlier one was converted before the check;
 *  - more than 100 ms: adopts it at once and says so; only then can converted
 *    times go backwards.
 */
#ifndef SRC_CLOCK_H
#define SRC_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_STEP_NS 100000000LL
#define CLOCK_SLEW 2000 /* ns of time per ns of slewing: 500 ppm */

/* CLOCK_MONOTONIC or CLOCK_REALTIME in ns. */
typedef uint64_t (*clock_read_fn)(void *ctx, clockid_t clock);

struct clock_line {
	uint64_t from_ns; /* monotonic */
	int64_t offset_ns; /* wall minus monotonic, up to from_ns */
	int64_t slew_ns; /* how far it moves after that */
};

/* CLOCK_MONOTONIC in ns, what packets are stamped with. */
uint64_t clock__now(void);

/* Kept by the caller, private to clock.c. */
struct clock_map {
	clock_read_fn read;
	void *ctx;
	int64_t error_ns; /* how far the current line's target may be from the truth */
	struct clock_line line;
	struct clock_line previous; /* for times before line.from_ns */
};

void clock__init(struct clock_map *map);
/* The same with clocks of the caller's, for tests. */
void clock__init_with(struct clock_map *map, clock_read_fn read, void *ctx);

/* Nanoseconds since 1970. */
uint64_t clock__wall(const struct clock_map *map, uint64_t mono_ns);

/*
 * To be called once a second, and not much more often: times up to one check
 * old are converted as they were before it. True after a step: *step_ns is how
 * far the wall clock was moved, negative for backwards.
 */
bool clock__check(struct clock_map *map, int64_t *step_ns);

#endif /* SRC_CLOCK_H */
