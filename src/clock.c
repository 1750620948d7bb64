// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/clock.h"

#include <stdlib.h>

#include "pping.h"

/* Readings a measurement chooses the best of. */
#define READINGS 5

struct reading {
	uint64_t mono_ns;
	int64_t offset_ns;
	int64_t error_ns; /* the true offset is at most so far away */
};

static uint64_t system_clock(void *ctx, clockid_t clock)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * PPING_NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* The wall clock was read at some moment between the two other readings. */
static struct reading measure_once(const struct clock_map *map)
{
	uint64_t before = map->read(map->ctx, CLOCK_MONOTONIC);
	uint64_t wall = map->read(map->ctx, CLOCK_REALTIME);
	uint64_t after = map->read(map->ctx, CLOCK_MONOTONIC);
	uint64_t middle = before + (after - before) / 2;

	return (struct reading){
		.mono_ns = after,
		.offset_ns = (int64_t)(wall - middle),
		.error_ns = (int64_t)(after - middle),
	};
}

/* The tightest of several: we may have lost the CPU between two readings. */
static struct reading measure(const struct clock_map *map)
{
	struct reading best = measure_once(map);

	for (int i = 1; i < READINGS; i++) {
		struct reading next = measure_once(map);

		if (next.error_ns < best.error_ns)
			best = next;
	}
	return best;
}

static int64_t offset_at(const struct clock_line *line, uint64_t mono_ns)
{
	int64_t slewed;

	if (mono_ns <= line->from_ns)
		return line->offset_ns;
	slewed = (int64_t)((mono_ns - line->from_ns) / CLOCK_SLEW);
	if (slewed > llabs(line->slew_ns))
		return line->offset_ns + line->slew_ns;
	return line->offset_ns + (line->slew_ns < 0 ? -slewed : slewed);
}

static void adopt(struct clock_map *map, const struct reading *reading)
{
	map->line = (struct clock_line){ reading->mono_ns, reading->offset_ns, 0 };
	map->previous = map->line;
	map->error_ns = reading->error_ns;
}

void clock__init_with(struct clock_map *map, clock_read_fn read, void *ctx)
{
	struct reading reading;

	map->read = read;
	map->ctx = ctx;
	reading = measure(map);
	adopt(map, &reading);
}

void clock__init(struct clock_map *map)
{
	clock__init_with(map, system_clock, NULL);
}

uint64_t clock__wall(const struct clock_map *map, uint64_t mono_ns)
{
	const struct clock_line *line = mono_ns < map->line.from_ns ? &map->previous : &map->line;

	return mono_ns + (uint64_t)offset_at(line, mono_ns);
}

bool clock__check(struct clock_map *map, int64_t *step_ns)
{
	struct reading reading = measure(map);
	int64_t target = map->line.offset_ns + map->line.slew_ns;
	int64_t in_use = offset_at(&map->line, reading.mono_ns);
	int64_t moved = reading.offset_ns - in_use;

	if (llabs(reading.offset_ns - target) <= reading.error_ns + map->error_ns)
		return false;
	if (llabs(moved) > CLOCK_STEP_NS) {
		adopt(map, &reading);
		*step_ns = moved;
		return true;
	}
	map->previous = map->line;
	map->line = (struct clock_line){ reading.mono_ns, in_use, moved };
	map->error_ns = reading.error_ns;
	return false;
}

uint64_t clock__now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}
