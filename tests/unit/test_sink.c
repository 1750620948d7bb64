// SPDX-License-Identifier: GPL-2.0-or-later
/* From events to bytes: what goes on between the loop, the formats and the outputs. */
#include <signal.h>

#include "src/loop.h"
#include "src/sink.h"
#include "tests/unit/files.h"

static struct options options;
static struct loop *loop;
static struct sink *sink;

static void count(void *ctx, struct pping_counters *counters)
{
	(void)ctx;
	memset(counters, 0, sizeof(*counters));
}

static void begin(const char *path)
{
	static const struct run_source source = { .counters = count };

	options = (struct options){ .format = FORMAT_JSONL, .interface = "eth0" };
	options.write_path = path;
	if (loop__new(&loop) || sink__open(&sink, &options, loop) || sink__begin(sink, &source))
		abort();
}

static void add(uint64_t from, uint64_t to)
{
	struct pping_event e = { .type = PPING_EVENT_RTT,
				 .flow = { .protocol = 6, .ip_version = 4 } };

	for (e.rtt = from; e.rtt < to; e.rtt++)
		CHECK_INT(sink__event(sink, &e), 0);
}

static int stop(void *ctx, uint64_t expirations)
{
	(void)ctx;
	(void)expirations;
	return LOOP_STOP;
}

static void run_loop(uint64_t ms)
{
	struct loop_source *timer;

	CHECK_INT(loop__timer(loop, ms * 1000000, stop, NULL, &timer), 0);
	CHECK_INT(loop__run(loop), 0);
	loop__remove(timer);
}

/* The RTTs in text are those from 0 to count - 1. */
static void check_rtts(const char *text, uint64_t count)
{
	uint64_t n = 0;

	while ((text = strstr(text, "\"rtt\":"))) {
		text += strlen("\"rtt\":");
		if (strtoull(text, NULL, 10) != n)
			break;
		n++;
	}
	CHECK_INT(n, count);
	CHECK(!text);
}

static int end(int timeout_ms)
{
	struct plan plan;
	int err = sink__close(sink, timeout_ms, &plan);

	loop__free(loop);
	return err;
}

/* What the pipe holds now, at the end of got. */
static void read_on(int fd, struct text *got)
{
	struct text more = read_fd(fd);

	text__append(got, more.data, more.len);
	text__free(&more);
}

/* SIGHUP while the reader of a pipe is slow: what waits goes out when it takes something again. */
static void reopened_while_full(void)
{
	struct text got = { 0 };
	int fd = stdout_to_pipe(), i;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	begin(NULL);
	add(0, 50000);
	CHECK_INT(sink__flush(sink), 0);
	CHECK(sink__full(sink));
	CHECK_INT(sink__reopen(sink), 0);
	for (i = 0; i < 1000 && sink__full(sink); i++) {
		read_on(fd, &got);
		run_loop(1);
	}
	CHECK(!sink__full(sink));
	for (i = 0; i < 200; i++) {
		read_on(fd, &got);
		run_loop(1);
	}
	*text__reserve(&got, 1) = 0;
	check_rtts(got.data, 50000);
	stdout_back();
	catch_stderr();
	CHECK_INT(end(0), 0);
	CHECK_STR(caught_stderr(), "");
	text__free(&got);
	close(fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	begin_dir("test_sink");
	RUN(reopened_while_full);
	end_dir();
	return TEST_EXIT();
}
