// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/clock.h"

#include "tests/unit/test.h"

#define MS 1000000LL
#define SEC 1000000000LL

/* Clocks of the test's own: each reading takes a while. */
struct fake {
	uint64_t mono;
	int64_t offset;
	uint64_t cost; /* ns a reading takes */
	uint64_t delay[64]; /* extra, of the nth reading from here on */
	unsigned int reading;
};

static uint64_t fake_read(void *ctx, clockid_t clock)
{
	struct fake *fake = ctx;

	fake->mono += fake->cost;
	if (fake->reading < 64)
		fake->mono += fake->delay[fake->reading++];
	return clock == CLOCK_MONOTONIC ? fake->mono : fake->mono + (uint64_t)fake->offset;
}

static struct fake new_fake(void)
{
	return (struct fake){ .mono = 5 * SEC, .offset = 1700000000 * SEC, .cost = 30 };
}

static int64_t offset_of(const struct clock_map *map, uint64_t mono)
{
	return (int64_t)(clock__wall(map, mono) - mono);
}

static void test_constant(void)
{
	struct fake fake = new_fake();
	struct clock_map map;
	int64_t step = 42, offset;

	clock__init_with(&map, fake_read, &fake);
	offset = offset_of(&map, fake.mono);
	CHECK(llabs(offset - fake.offset) <= 30);
	for (int i = 0; i < 1000; i++) {
		fake.mono += SEC;
		CHECK(!clock__check(&map, &step));
		/* Not even by a nanosecond: differences are exact. */
		CHECK_INT(offset_of(&map, fake.mono), offset);
		CHECK_INT(offset_of(&map, 1), offset);
	}
	CHECK_INT(step, 42);
}

static void test_noise_is_no_drift(void)
{
	struct fake fake = new_fake();
	struct clock_map map;
	int64_t step, offset;

	clock__init_with(&map, fake_read, &fake);
	offset = offset_of(&map, fake.mono);
	srand(1);
	for (int i = 0; i < 1000; i++) {
		fake.mono += SEC;
		fake.reading = 0;
		for (int n = 0; n < 64; n++)
			fake.delay[n] = rand() % 50000;
		CHECK(!clock__check(&map, &step));
		CHECK_INT(offset_of(&map, fake.mono), offset);
	}
}

static void test_tightest_reading(void)
{
	struct fake fake = new_fake();
	struct clock_map map;

	/* All but the third triple lose the CPU for a long time before the last reading. */
	for (int n = 0; n < 15; n++)
		fake.delay[n] = n / 3 != 2 && n % 3 == 2 ? 300 * MS : 0;
	clock__init_with(&map, fake_read, &fake);
	CHECK(llabs(offset_of(&map, fake.mono) - fake.offset) <= 30);
}

static void test_slow_measurement_is_no_step(void)
{
	struct fake fake = new_fake();
	struct clock_map map;
	int64_t step, offset;

	clock__init_with(&map, fake_read, &fake);
	offset = offset_of(&map, fake.mono);
	fake.reading = 0;
	for (int n = 0; n < 64; n++)
		fake.delay[n] = n % 3 == 1 ? 0 : 500 * MS;
	CHECK(!clock__check(&map, &step));
	CHECK_INT(offset_of(&map, fake.mono), offset);
}

static void check_step(int64_t by, bool announced)
{
	struct fake fake = new_fake();
	struct clock_map map;
	int64_t step = 0, offset;

	clock__init_with(&map, fake_read, &fake);
	offset = offset_of(&map, fake.mono);
	fake.mono += SEC;
	fake.offset += by;
	CHECK_INT(clock__check(&map, &step), announced);
	if (!announced) {
		CHECK_INT(offset_of(&map, fake.mono), offset);
		return;
	}
	CHECK(llabs(step - by) <= 60);
	CHECK_INT(offset_of(&map, fake.mono), offset + step);
	/* One offset for all, also for what was stamped before. */
	CHECK_INT(offset_of(&map, fake.mono - SEC), offset + step);
	fake.mono += SEC;
	CHECK(!clock__check(&map, &step));
}

static void test_step(void)
{
	check_step(100 * MS + 1000, true);
	check_step(-100 * MS - 1000, true);
	check_step(100 * MS - 1000, false);
	check_step(-100 * MS + 1000, false);
	check_step(3600 * SEC, true);
	check_step(-SEC, true); /* a leap second */
	check_step(-1699999999 * SEC, true);
}

static void check_slew(int64_t by)
{
	struct fake fake = new_fake();
	struct clock_map map;
	int64_t step, before, left = llabs(by), last;

	clock__init_with(&map, fake_read, &fake);
	before = offset_of(&map, fake.mono);
	fake.offset += by;
	CHECK(!clock__check(&map, &step));
	last = before;
	while (left > 0) {
		int64_t now;

		fake.mono += SEC;
		left -= 500000;
		CHECK(!clock__check(&map, &step));
		now = offset_of(&map, fake.mono);
		CHECK(llabs(now - last) <= 500010);
		last = now;
	}
	fake.mono += SEC;
	CHECK(llabs(offset_of(&map, fake.mono) - before - by) <= 60);
	/* And stays there. */
	last = offset_of(&map, fake.mono);
	for (int i = 0; i < 10; i++) {
		fake.mono += SEC;
		CHECK(!clock__check(&map, &step));
		CHECK_INT(offset_of(&map, fake.mono), last);
	}
}

static void test_slew(void)
{
	check_slew(1000);
	check_slew(-1000);
	check_slew(7654321);
	check_slew(-7654321);
	check_slew(99 * MS);
	check_slew(-99 * MS);
}

/* A clock that drifts as fast as NTP ever makes one is followed closely. */
static void test_drift(void)
{
	struct fake fake = new_fake();
	struct clock_map map;
	int64_t step;

	clock__init_with(&map, fake_read, &fake);
	for (int i = 0; i < 1000; i++) {
		fake.mono += SEC;
		fake.offset += i < 500 ? 500000 : -500000;
		CHECK(!clock__check(&map, &step));
		CHECK(llabs(offset_of(&map, fake.mono) - fake.offset) <= 1010000);
	}
}

/*
 * Whatever small moves the clock makes: times rise, although those stamped up
 * to 50 ms before a check are converted after it.
 */
static void test_never_backwards(void)
{
	struct fake fake = new_fake();
	struct clock_map map;
	uint64_t stamp, last_wall = 0;
	int64_t step, total = 0;
	int backwards = 0, steps = 0;

	srand(2);
	clock__init_with(&map, fake_read, &fake);
	stamp = fake.mono;
	for (int i = 0; i < 3000; i++) {
		int64_t by = rand() % (4 * MS) - 2 * MS;

		if (llabs(total + by) < 30 * MS) {
			fake.offset += by;
			total += by;
		}
		steps += clock__check(&map, &step);
		fake.mono += SEC;
		while (stamp < fake.mono - 50 * MS * (uint64_t)(rand() % 2)) {
			uint64_t wall;

			stamp += rand() % 8 ? rand() % 100 : rand() % (10 * MS);
			if (stamp > fake.mono)
				stamp = fake.mono;
			wall = clock__wall(&map, stamp);
			backwards += wall < last_wall;
			last_wall = wall;
		}
	}
	CHECK_INT(backwards, 0);
	CHECK_INT(steps, 0);
}

static void test_system_clock(void)
{
	struct clock_map map;
	struct timespec mono, wall;
	int64_t step, difference;

	clock__init(&map);
	CHECK(!clock__check(&map, &step));
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	difference = (int64_t)clock__wall(&map, mono.tv_sec * SEC + mono.tv_nsec) -
		     (wall.tv_sec * SEC + wall.tv_nsec);
	CHECK(llabs(difference) < 50 * MS);
}

int main(void)
{
	RUN(test_constant);
	RUN(test_noise_is_no_drift);
	RUN(test_tightest_reading);
	RUN(test_slow_measurement_is_no_step);
	RUN(test_step);
	RUN(test_slew);
	RUN(test_drift);
	RUN(test_never_backwards);
	RUN(test_system_clock);
	return TEST_EXIT();
}
