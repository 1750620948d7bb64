// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pping: the round-trip times of live traffic, read out of the traffic itself.
 * Options, the source of events, the loop, the sink; nothing else.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/loop.h"
#include "src/monitor.h"
#include "src/options.h"
#include "src/sink.h"
#include "src/summary.h"

#define EXIT_USAGE 2
/* A reader that has not taken its lines by then does not get them. */
#define LAST_WRITE_MS 2000

struct run {
	struct options options;
	struct loop *loop;
	struct sink *sink;
	struct monitor *monitor;
};

static void print_summary(const struct run *run)
{
	struct summary summary;

	monitor__summary(run->monitor, &summary);
	summary__print(stderr, &summary);
}

static int on_signal(void *ctx, int signo)
{
	struct run *run = ctx;

	switch (signo) {
	case SIGHUP:
		return sink__reopen(run->sink);
	case SIGUSR1:
		print_summary(run);
		return 0;
	default:
		return LOOP_STOP;
	}
}

static int measure(struct run *run)
{
	int err, finished;

	err = monitor__new(&run->monitor, run->loop, &run->options, run->sink);
	if (err)
		return err;
	err = loop__run(run->loop);
	/* signals stay blocked: a second Ctrl-C must not cost what was measured, and the end is bounded */
	finished = monitor__finish(run->monitor);
	return err ? err : finished;
}

static int run_options(struct run *run)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, 0 };
	int err, closed;

	/* a closed pipe and a file size limit are write errors like others */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	err = loop__new(&run->loop);
	if (err)
		return err;
	err = loop__signals(run->loop, signals, on_signal, run);
	if (!err)
		err = sink__open(&run->sink, &run->options, run->loop);
	if (err)
		goto out_loop;
	err = measure(run);
	closed = sink__close(run->sink, LAST_WRITE_MS);
	if (run->monitor && !run->options.quiet)
		print_summary(run);
	monitor__free(run->monitor);
	err = err ? err : closed;
out_loop:
	loop__free(run->loop);
	return err;
}

int main(int argc, char **argv)
{
	struct run run = {};

	switch (options__parse(&run.options, argc, argv)) {
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	return run_options(&run) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
