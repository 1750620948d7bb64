// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pping: the round-trip times of live traffic, or of a capture, read out of the traffic itself.
 * Options and rules, the source of events, the loop, the sink; nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/loop.h"
#include "src/monitor.h"
#include "src/options.h"
#include "src/privileges.h"
#include "src/replay.h"
#include "src/rules.h"
#include "src/sandbox.h"
#include "src/sink.h"
#include "src/summary.h"

#define EXIT_USAGE 2
/* A reader that has not taken its lines by then does not get them. */
#define LAST_WRITE_MS 2000

struct run {
	struct options options;
	struct rules *rules; /* of --include and --exclude; NULL: none */
	struct loop *loop;
	struct sink *sink;
	/* the source is one of the two */
	struct monitor *monitor;
	struct replay *replay;
};

static bool was_started(const struct run *run)
{
	return run->monitor || run->replay;
}

/* Of a run that was started and whose sink is open. */
static void summarize(const struct run *run, struct summary *summary)
{
	if (run->monitor)
		monitor__summary(run->monitor, summary);
	else
		replay__summary(run->replay, summary);
	summary->sandbox = run->options.no_sandbox ? "none (--no-sandbox)" : sandbox__state();
}

static void print_summary(const struct run *run)
{
	struct summary summary;

	summarize(run, &summary);
	sink__plan(run->sink, &summary.plan);
	summary__print(stderr, &summary);
}

static void note_rules(const struct run *run, const char *verb)
{
	uint64_t included, excluded;

	if (!run->rules || run->options.quiet)
		return;
	rules__count(run->rules, &included, &excluded);
	fprintf(stderr, "pping: %s %" PRIu64 " entries to include, %" PRIu64 " to exclude\n", verb,
		included, excluded);
}

/*
 * The files of --include-file and --exclude-file again, of a live run. A bad one
 * leaves all as it was. 1 if they are taken, 0 if not, or a negative errno (printed).
 */
static int reload_rules(struct run *run)
{
	struct rules *rules;
	int err;

	if (!run->rules || !run->monitor)
		return 0;
	if (rules__load(&rules, &run->options.rules, true)) {
		fprintf(stderr, "pping: the entries to include and to exclude stay as they were\n");
		return 0;
	}
	err = monitor__set_rules(run->monitor, rules);
	if (err > 0) {
		rules__free(rules);
		return 0;
	}
	rules__free(run->rules);
	run->rules = rules;
	return err ? err : 1;
}

/* What was formatted by the old rules is in its file when the new ones are said to hold. */
static int on_hangup(struct run *run)
{
	int taken = reload_rules(run), err;

	if (taken < 0)
		return taken;
	err = sink__reopen(run->sink);
	if (taken && err >= 0)
		note_rules(run, "read again:");
	return err;
}

static int on_signal(void *ctx, int signo)
{
	struct run *run = ctx;

	switch (signo) {
	case SIGHUP:
		return on_hangup(run);
	case SIGUSR1:
		print_summary(run);
		return 0;
	default:
		return LOOP_STOP;
	}
}

static int start(struct run *run)
{
	if (run->options.read_path)
		return replay__new(&run->replay, run->loop, &run->options, run->rules, run->sink);
	return monitor__new(&run->monitor, run->loop, &run->options, run->rules, run->sink);
}

static void count(void *ctx, struct pping_counters *counters)
{
	struct run *run = ctx;

	if (run->monitor)
		monitor__counters(run->monitor, counters);
	else
		replay__counters(run->replay, counters);
}

static const char *attached(void *ctx)
{
	struct run *run = ctx;

	return monitor__attached(run->monitor);
}

/* Lists that root could read at the start it shall be able to read again, on SIGHUP. In addition to keep. */
static uint64_t rereading(const struct run *run, uint64_t keep)
{
	const struct option_rules *rules = &run->options.rules;
	uint64_t have = privileges__effective();
	bool files = false;

	for (uint32_t i = 0; i < rules->count; i++)
		files |= rules->list[i].file;
	/* who may write anywhere may read */
	if (!files || !run->monitor || have & keep & PRIVILEGES_BIT(CAP_DAC_OVERRIDE))
		return 0;
	/* a container's root may have no other than that */
	return have & PRIVILEGES_BIT(CAP_DAC_READ_SEARCH) ? PRIVILEGES_BIT(CAP_DAC_READ_SEARCH)
							  : PRIVILEGES_BIT(CAP_DAC_OVERRIDE);
}

/* Everything is open and attached: what comes from now on comes from strangers. */
static int confine(const struct run *run)
{
	uint64_t keep = sink__capabilities(run->sink);

	if (run->options.no_sandbox)
		return 0;
	if (run->monitor)
		keep |= monitor__capabilities(run->monitor);
	return sandbox__enter(keep | rereading(run, keep));
}

static void count_rules(void *ctx, uint64_t *included, uint64_t *excluded)
{
	const struct run *run = ctx;

	rules__count(run->rules, included, excluded);
}

static const char *interface(void *ctx, uint32_t number)
{
	struct run *run = ctx;

	return monitor__interface(run->monitor, number);
}

static size_t interfaces(void *ctx, const struct interfaces_row **rows)
{
	struct run *run = ctx;

	return monitor__interfaces(run->monitor, rows);
}

static int measure(struct run *run)
{
	struct run_source source = { .ctx = run, .counters = count };
	int err = start(run), finished;

	if (err)
		return err;
	if (run->monitor) {
		source.attached = attached;
		source.interface = interface;
		source.interfaces = interfaces;
	}
	if (run->rules)
		source.rules = count_rules;
	err = sink__begin(run->sink, &source);
	if (!err)
		err = confine(run);
	if (!err)
		err = loop__run(run->loop);
	/* signals stay blocked: a second Ctrl-C must not cost what was measured, and the end is bounded */
	finished = run->monitor ? monitor__finish(run->monitor) : replay__finish(run->replay);
	return err < 0 ? err : finished;
}

static int run_options(struct run *run)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, 0 };
	struct summary summary;
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
	if (was_started(run))
		summarize(run, &summary);
	closed = was_started(run) ? sink__close(run->sink, LAST_WRITE_MS, &summary.plan)
				  : sink__discard(run->sink);
	if (was_started(run))
		summary.records = summary.plan.events; /* what could not be written was not */
	if (was_started(run) && !run->options.quiet)
		summary__print(stderr, &summary);
	monitor__free(run->monitor);
	replay__free(run->replay);
	err = err ? err : closed;
out_loop:
	loop__free(run->loop);
	return err;
}

/* Or something we open would take the place of a closed stdout, and get our lines. */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	struct run run = {};
	int err;

	fill_standard_fds();

	switch (options__parse(&run.options, argc, argv)) {
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	err = rules__load(&run.rules, &run.options.rules, false);
	if (err)
		return err == -ENOMEM ? EXIT_FAILURE : EXIT_USAGE;
	note_rules(&run, "there are");
	err = run_options(&run);
	rules__free(run.rules);
	return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
