// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stops all CPUs now and then, see tests/pauses.h, until SIGTERM:
 *
 *	pause EVERY-US FOR-US ODDS
 *
 * Each CPU for itself, each ODDS-th time by chance. Prints "ready" once they stop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../pauses.h"

int main(int argc, char **argv)
{
	int err;

	if (argc != 4) {
		fprintf(stderr, "usage: pause EVERY-US FOR-US ODDS\n");
		return 2;
	}
	err = pauses__begin((int)sysconf(_SC_NPROCESSORS_ONLN), strtoull(argv[1], NULL, 10) * 1000,
			    strtoul(argv[2], NULL, 10) * 1000, strtoul(argv[3], NULL, 10));
	if (err) {
		fprintf(stderr, "pause: %s\n", strerror(-err));
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}
