// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a kernel is said to lack. With an argument, for tests/kernels: prints what
 * this one lacks, "every run: WHAT" and "xdp: WHAT", and nothing if that is nothing.
 */
#include "harness.h"
#include "src/features.h"

/* Where the programs load, nothing that they need may be reported as missing. */
static void nothing_is_missing(void)
{
	if (!bpf_ready())
		return;
	CHECK(!features__missing());
	CHECK(!features__missing_for_xdp());
}

static int print_missing(void)
{
	const char *what = features__missing();
	const char *for_xdp = features__missing_for_xdp();

	if (what)
		printf("every run: %s\n", what);
	if (for_xdp)
		printf("xdp: %s\n", for_xdp);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return print_missing();
	CASE(nothing_is_missing);
	return TEST_EXIT();
}
