// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/interfaces.h"
#include "src/summary.h"
#include "tests/unit/test.h"

/* The summary of a run with one row; the caller frees it. */
static char *printed(uint64_t all_packets, uint64_t its_packets)
{
	struct interfaces_row row = { .name = "wan0", .how = "tcx" };
	struct summary s = { .interface = "wan0,lan0", .interfaces = &row, .interfaces_count = 1 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	row.counters.n[PPING_COUNT_TRACKED] = its_packets;
	row.counters.n[PPING_COUNT_RTTS] = its_packets;
	s.counters.n[PPING_COUNT_TRACKED] = all_packets;
	s.counters.n[PPING_COUNT_RTTS] = all_packets;
	summary__print(out, &s);
	fclose(out);
	return text;
}

static void interfaces_without_a_line_are_the_others(void)
{
	char *text = printed(10, 7);

	CHECK(strstr(text, "wan0            7 packets, 7 RTTs (tcx)\n") != NULL);
	CHECK(strstr(text, "others          3 packets, 3 RTTs\n") != NULL);
	free(text);
}

/* During the run the rows are looked at later than the sum of all. */
static void a_later_look_leaves_no_others(void)
{
	char *text = printed(10, 12);

	CHECK(strstr(text, "12 packets, 12 RTTs (tcx)\n") != NULL);
	CHECK(strstr(text, "others") == NULL);
	free(text);
}

/* Why there was no RTT, of a run in which that was counted. */
static bool explains(const char *why, enum pping_counter counted, bool include_local)
{
	struct summary s = { .interface = "wan0", .include_local = include_local };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool found;

	s.counters.n[PPING_COUNT_TRACKED] = 10;
	s.counters.n[counted] = 1;
	summary__print(out, &s);
	fclose(out);
	found = strstr(text, why) != NULL;
	free(text);
	return found;
}

static void says_why_there_is_no_rtt(void)
{
	CHECK(explains("flows were seen in one direction only", PPING_COUNT_TRACKED, false));
	CHECK(explains("that this host does not answer itself (--include-local)\n",
		       PPING_COUNT_FLOWS_OPENED, false));
	CHECK(explains("no flow sent new data\n", PPING_COUNT_FLOWS_OPENED, true));
}

int main(void)
{
	RUN(interfaces_without_a_line_are_the_others);
	RUN(a_later_look_leaves_no_others);
	RUN(says_why_there_is_no_rtt);
	return TEST_EXIT();
}
