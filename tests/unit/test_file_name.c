// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of files that follow one another, and when the next one is due. */
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>

#include "src/file_name.h"
#include "src/schedule.h"
#include "tests/unit/test.h"

static void patterns(void)
{
	CHECK(!file_name__check("x"));
	CHECK(!file_name__check("a/b.c/x-%Y%m%dT%H%M%S.jsonl.zst"));
	CHECK(!file_name__check("100%%/x%%y"));
	CHECK(strstr(file_name__check("x%"), "stands for no part of a time"));
	CHECK(strstr(file_name__check("x%Q"), "stands for no part of a time"));
	CHECK(strstr(file_name__check("x%D"), "stands for no part of a time")); /* has slashes */
	CHECK(strstr(file_name__check("%Y/x"), "directory"));
	CHECK(strstr(file_name__check("dir/"), "directory"));
	CHECK(strstr(file_name__check(""), "directory"));
	CHECK(file_name__has_time("%Y"));
	CHECK(file_name__has_time("%%%Y"));
	CHECK(!file_name__has_time("%%Y"));
	CHECK(!file_name__has_time("x"));
}

static void times(void)
{
	struct tm tm = { .tm_year = 126, .tm_mon = 0, .tm_mday = 2, .tm_hour = 3, .tm_sec = 5 };
	char name[64];

	CHECK_INT(file_name__expand(name, sizeof(name), "d/x-%Y%m%dT%H%M%S-100%%.zst", &tm), 0);
	CHECK_STR(name, "d/x-20260102T030005-100%.zst");
	CHECK_INT(file_name__expand(name, 8, "x-%Y%m%d", &tm), -ENAMETOOLONG);
}

static void numbers(void)
{
	static const struct {
		const char *name;
		unsigned int n;
		const char *want;
	} rows[] = {
		{ "x.jsonl.zst", 0, "x.jsonl.zst" },
		{ "x.jsonl.zst", 1, "x-1.jsonl.zst" },
		{ "x.jsonl.gz", 12, "x-12.jsonl.gz" },
		{ "x.jsonl", 2, "x-2.jsonl" },
		{ "x", 3, "x-3" },
		{ "x.zst", 1, "x-1.zst" },
		{ "a.b.c.jsonl.gz", 1, "a.b.c-1.jsonl.gz" },
		{ "d.e/x", 1, "d.e/x-1" },
		{ "d.e/.x", 1, "d.e/.x-1" },
		{ ".gz", 1, ".gz-1" },
	};
	char out[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(file_name__number(out, sizeof(out), rows[i].name, rows[i].n), 0);
		CHECK_STR(out, rows[i].want);
	}
	CHECK_INT(file_name__number(out, 9, "x.jsonl", 1), -ENAMETOOLONG);
}

/* What a pattern's runs leave is found, whatever its time and number; others' files are not. */
static void globs(void)
{
	static const struct {
		const char *pattern, *path;
		int found;
	} rows[] = {
		{ "d/x-%Y%m%d.jsonl.zst", "d/x-20260102.jsonl.zst.part", 1 },
		{ "d/x-%Y%m%d.jsonl.zst", "d/x-20260102-3.jsonl.zst.part", 1 },
		{ "d/x-%Y%m%d.jsonl.zst", "d/x-20260102.jsonl.zst", 0 },
		{ "d/x-%Y%m%d.jsonl.zst", "d/y-20260102.jsonl.zst.part", 0 },
		{ "x", "x.part", 1 },
		{ "x", "x-1.part", 1 },
		{ "x*", "x*.part", 1 },
		{ "x*y", "xzy.part", 0 },
		{ "x[a]", "x[a].part", 1 },
		{ "5%%.gz", "5%.gz.part", 1 },
	};
	char wild[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(file_name__glob_parts(wild, sizeof(wild), rows[i].pattern), 0);
		printf("# %s as %s: %s\n", rows[i].pattern, wild, rows[i].path);
		CHECK_INT(fnmatch(wild, rows[i].path, FNM_PATHNAME) == 0, rows[i].found);
	}
	CHECK_INT(file_name__glob_parts(wild, 8, "xxx"), -ENAMETOOLONG);
}

/* --- the clock ---------------------------------------------------------------------- */

#define MONO 5000000000000ULL
#define NOON 1700222400 /* UTC */
#define SEC 1000000000ULL

/* So many seconds after the begin, with the wall clock set by so much. */
static struct schedule_time after(int64_t begin, double s, int64_t set, int64_t east)
{
	return (struct schedule_time){ begin + (int64_t)s + set, east,
				       MONO + (uint64_t)(s * (double)SEC) };
}

static bool over(const struct schedule *s, struct schedule_time t)
{
	return schedule__is_over(s, &t);
}

static void full_hours(void)
{
	struct schedule_time t = after(NOON - 100, 0, 0, 0);
	struct schedule s;

	schedule__begin(&s, 3600, &t);
	CHECK(!over(&s, t));
	CHECK(!over(&s, after(NOON - 100, 99.5, 0, 0)));
	CHECK(over(&s, after(NOON - 100, 100, 0, 0)));
	t = after(NOON, 0, 0, 0);
	schedule__begin(&s, 3600, &t);
	CHECK(!over(&s, after(NOON, 3599, 0, 0)));
	CHECK(over(&s, after(NOON, 3600, 0, 0)));
}

/* Midnight is the local one; half an hour's zones too. */
static void local_midnight(void)
{
	int64_t east = 5 * 3600 + 1800, midnight = NOON + 12 * 3600 - east;
	struct schedule_time t = after(midnight - 10, 0, 0, east);
	struct schedule s;

	schedule__begin(&s, 86400, &t);
	CHECK(!over(&s, after(midnight - 10, 9, 0, east)));
	CHECK(over(&s, after(midnight - 10, 10, 0, east)));
}

/* Set back, it stays; it ends once it is as old as it may be. Set forward, it ends, once. */
static void clock_set(void)
{
	struct schedule_time t = after(NOON, 0, 0, 0);
	struct schedule s;
	int i, n = 0;

	schedule__begin(&s, 60, &t);
	CHECK(!over(&s, after(NOON, 10, -100000000, 0)));
	CHECK(!over(&s, after(NOON, 61, -100000000, 0)));
	CHECK(over(&s, after(NOON, 62, -100000000, 0)));
	CHECK(over(&s, after(NOON, 10, 100000000, 0)));

	/* to and fro by an hour each second: a file a jump forward, at most */
	for (i = 1; i <= 60; i++) {
		t = after(NOON, i, i % 2 ? 3600 : 0, 0);
		if (schedule__is_over(&s, &t)) {
			n++;
			schedule__begin(&s, 60, &t);
		}
	}
	CHECK(n >= 1 && n <= 2);
}

/* The hour that comes twice in autumn has two files. */
static void summer_time_ends(void)
{
	struct schedule_time t = after(NOON, 0, 0, 7200);
	struct schedule s;

	schedule__begin(&s, 3600, &t);
	CHECK(!over(&s, after(NOON, 3600, 0, 3600)));
	CHECK(over(&s, after(NOON, 3602, 0, 3600)));
}

static void before_1970(void)
{
	struct schedule_time t = after(-5, 0, 0, 0);
	struct schedule s;

	schedule__begin(&s, 10, &t);
	CHECK(!over(&s, after(-5, 4, 0, 0)));
	CHECK(over(&s, after(-5, 5, 0, 0)));
}

int main(void)
{
	RUN(patterns);
	RUN(times);
	RUN(numbers);
	RUN(globs);
	RUN(full_hours);
	RUN(local_midnight);
	RUN(clock_set);
	RUN(summer_time_ends);
	RUN(before_1970);
	return TEST_EXIT();
}
