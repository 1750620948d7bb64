// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/schedule.h"

#define NS_PER_S 1000000000ULL

/* Rounded down, before 1970 too. */
static int64_t number_of(uint64_t length_s, const struct schedule_time *now)
{
	int64_t local = now->wall_s + now->east_s, length = (int64_t)length_s;

	return local / length - (local % length < 0);
}

void schedule__begin(struct schedule *s, uint64_t length_s, const struct schedule_time *now)
{
	s->length_s = length_s;
	s->number = number_of(length_s, now);
	s->begun_ns = now->mono_ns;
}

bool schedule__is_over(const struct schedule *s, const struct schedule_time *now)
{
	return number_of(s->length_s, now) > s->number ||
	       now->mono_ns - s->begun_ns >= s->length_s * NS_PER_S + SCHEDULE_GRACE_NS;
}
