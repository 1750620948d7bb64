/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a period of the wall clock is over: periods begin at multiples of their
 * length, in local time, so that those of a day begin at midnight. Reads no
 * clock. A clock that is set back ends no period: that would end as many as it
 * is set; what must not happen either is a period that never ends, so that none
 * is longer than it should be by more than a grace.
 */
#ifndef SRC_SCHEDULE_H
#define SRC_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_GRACE_NS 2000000000ULL

/* The wall clock and a clock that is never set. */
struct schedule_time {
	int64_t wall_s; /* since 1970 */
	int64_t east_s; /* of UTC: tm_gmtoff */
	uint64_t mono_ns;
};

struct schedule {
	uint64_t length_s;
	int64_t number; /* of the period that it is */
	uint64_t begun_ns; /* mono */
};

void schedule__begin(struct schedule *schedule, uint64_t length_s, const struct schedule_time *now);
bool schedule__is_over(const struct schedule *schedule, const struct schedule_time *now);

#endif /* SRC_SCHEDULE_H */
