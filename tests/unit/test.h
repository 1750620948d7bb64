/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forty lines of test harness. A test program prints one line a case,
 * "ok NAME", "not ok NAME" or "skip NAME: why", and exits 1 if any failed.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failures;
static int test_failed_here;
static const char *test_skipped_here;

#define CHECK(cond)                                                         \
	do {                                                                \
		if (!(cond)) {                                              \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			test_failed_here = 1;                               \
		}                                                           \
	} while (0)

#define CHECK_INT(got, want)                                                                \
	do {                                                                                \
		long long test_g = (long long)(got), test_w = (long long)(want);            \
		if (test_g != test_w) {                                                     \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, \
			       test_g, test_w);                                             \
			test_failed_here = 1;                                               \
		}                                                                           \
	} while (0)

#define CHECK_STR(got, want)                                                                  \
	do {                                                                                  \
		const char *test_g = (got), *test_w = (want);                                 \
		if (strcmp(test_g, test_w)) {                                                 \
			printf("# %s:%d: %s is\n#   %s\n# not\n#   %s\n", __FILE__, __LINE__, \
			       #got, test_g, test_w);                                         \
			test_failed_here = 1;                                                 \
		}                                                                             \
	} while (0)

#define SKIP(why) (test_skipped_here = (why))

static inline void test_run(const char *name, void (*fn)(void))
{
	test_failed_here = 0;
	test_skipped_here = NULL;
	fn();
	if (test_failed_here)
		test_failures++;
	if (test_skipped_here && !test_failed_here)
		printf("skip %s: %s\n", name, test_skipped_here);
	else
		printf("%s %s\n", test_failed_here ? "not ok" : "ok", name);
	fflush(stdout);
}

#define RUN(fn) test_run(#fn, fn)
#define TEST_EXIT() (test_failures ? EXIT_FAILURE : EXIT_SUCCESS)

#endif /* TESTS_UNIT_TEST_H */
