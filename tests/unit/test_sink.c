// SPDX-License-Identifier: GPL-2.0-or-later
/* From events to bytes: what goes on between the loop, the formats and the outputs. */
#include <poll.h>
#include <signal.h>

#include "src/loop.h"
#include "src/sink.h"
#include "tests/unit/files.h"

static struct options options = { .format = FORMAT_JSONL };
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

	options.interface = "eth0";
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

static struct plan plan;

static int end(int timeout_ms)
{
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

/* The summary's events are those that the reader was handed, and no others. */
static void reader_goes_away(void)
{
	int fd = stdout_to_pipe(), i;
	struct text got;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	begin(NULL);
	for (i = 0; i < 3; i++) {
		add(100 * i, 100 * i + 100);
		CHECK_INT(sink__flush(sink), 0);
	}
	got = read_fd(fd);
	check_rtts(got.data, 300);
	text__free(&got);
	close(fd);
	add(300, 310);
	catch_stderr();
	CHECK_INT(sink__flush(sink), -EPIPE);
	/* what was on its way when the run ended */
	add(310, 320);
	CHECK_INT(sink__records(sink), 300);
	CHECK_INT(end(0), -EPIPE);
	CHECK_STR(caught_stderr(), "pping: standard output: reader went away: 10 records (1630 "
				   "bytes) not written\n");
	CHECK_INT(plan.events, 300);
	stdout_back();
}

/* Those that a slow reader had not taken when the run was over are none either. */
static void reader_is_too_slow(void)
{
	int fd = stdout_to_pipe(), lines;
	struct text got;

	begin(NULL);
	add(0, 5000);
	CHECK_INT(sink__flush(sink), 0);
	CHECK_INT(sink__records(sink), 5000);
	catch_stderr();
	CHECK_INT(end(1), -ETIMEDOUT);
	stdout_back();
	got = read_fd(fd);
	lines = count_lines(got.data);
	CHECK(lines > 100 && lines < 5000);
	CHECK_INT(plan.events, lines);
	text__free(&got);
	caught_stderr();
	close(fd);
}

/* --- FIFOs ---------------------------------------------------------------------------- */

static const char *new_fifo(void)
{
	const char *path = path_of("fifo");

	unlink(path);
	CHECK(!mkfifo(path, 0600));
	return path;
}

static int open_reader(const char *path)
{
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* Bytes of it, and no more. */
static void read_a_part(int fd, size_t bytes)
{
	char part[512];

	CHECK_INT(read(fd, part, bytes), bytes);
}

/*
 * It is noticed at once that a reader has gone, though there is nothing to write: the
 * one that takes its place some milliseconds later begins with a whole line.
 */
static void reader_is_replaced(void)
{
	const char *path = new_fifo();
	int fd = open_reader(path);
	struct text got;

	begin(path);
	add(0, 10);
	CHECK_INT(sink__flush(sink), 0);
	run_loop(1);
	read_a_part(fd, 17);
	catch_stderr();
	close(fd);
	run_loop(1);
	fd = open_reader(path);
	CHECK_INT(sink__flush(sink), 0);
	got = read_fd(fd);
	CHECK(!strncmp(got.data, "{\"timestamp\"", 12));
	check_rtts(got.data, 10);
	text__free(&got);
	/* and again, with a reader that has read all */
	close(fd);
	run_loop(1);
	fd = open_reader(path);
	add(0, 5);
	CHECK_INT(sink__flush(sink), 0);
	got = read_fd(fd);
	check_rtts(got.data, 5);
	text__free(&got);
	CHECK_INT(end(0), 0);
	CHECK_INT(count_lines(caught_stderr()), 2);
	close(fd);
}

static int count_of(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* What a reader that comes now is given: whole lines, the first of them the record of the run, once. */
static void check_reader(const char *path, uint64_t rtts, size_t bytes)
{
	int fd = open_reader(path);
	struct text got = { 0 };

	CHECK_INT(sink__flush(sink), 0);
	if (bytes) {
		read_a_part(fd, bytes);
	} else {
		got = read_fd(fd);
		CHECK(!strncmp(got.data, "{\"timestamp\"", 12));
		CHECK(strstr(got.data, "\"run\":\"begin\"") < strchr(got.data, '\n'));
		CHECK_INT(count_of(got.data, "\"run\":\"begin\""), 1);
		check_rtts(got.data, rtts);
		CHECK_INT(got.data[got.len - 1], '\n');
		text__free(&got);
	}
	close(fd);
	CHECK_INT(sink__flush(sink), 0);
}

/* Each reader that takes over is told what the first one was, however far the one before came. */
static void readers_are_greeted(void)
{
	const char *path = new_fifo();

	options.run_records = true;
	catch_stderr();
	begin(path);
	add(0, 3);
	check_reader(path, 3, 0);
	add(0, 2);
	check_reader(path, 2, 0);
	add(0, 4);
	check_reader(path, 0, 10);
	check_reader(path, 0, 1);
	check_reader(path, 4, 0);
	check_reader(path, 0, 0);
	add(0, 1000);
	check_reader(path, 0, 500);
	check_reader(path, 0, 500);
	end(0);
	/* and what the last two had as a whole line */
	CHECK(plan.events >= 3 + 2 + 4 && plan.events < 3 + 2 + 4 + 8);
	options.run_records = false;
	caught_stderr();
}

/* The first reader has read nothing: the beginning is still there. */
static void greeted_once(void)
{
	const char *path = new_fifo();

	options.run_records = true;
	catch_stderr();
	begin(path);
	add(0, 3);
	check_reader(path, 0, 1);
	check_reader(path, 3, 0);
	CHECK_INT(end(0), -EPIPE); /* the record of its end is for nobody */
	options.run_records = false;
	caught_stderr();
}

/* The run ends and all is written, but the reader dies before it has read it: that is waited for. */
static void last_reader_dies(void)
{
	const char *path = new_fifo();
	int fd = open_reader(path), status;
	pid_t pid;

	catch_stderr();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct text got;

		poll(NULL, 0, 100);
		read_a_part(fd, 200);
		close(fd);
		/* long enough for its end to be seen */
		poll(NULL, 0, 100);
		fd = open_reader(path);
		poll(NULL, 0, 100);
		got = read_fd(fd);
		_exit(strncmp(got.data, "{\"timestamp\"", 12) ? 100 : count_lines(got.data));
	}
	begin(path);
	close(fd);
	add(0, 10);
	CHECK_INT(end(2000), 0);
	CHECK_INT(plan.events, 10);
	CHECK(waitpid(pid, &status, 0) == pid);
	/* a line has 162 bytes or so: the second is not whole */
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 9);
	caught_stderr();
}

/* A reader that is there and reads nothing delays the end by no more than it may. */
static void last_reader_sleeps(void)
{
	const char *path = new_fifo();
	int fd = open_reader(path);
	uint64_t start = now_ms();

	begin(path);
	add(0, 10);
	CHECK_INT(end(100), 0);
	CHECK_INT(plan.events, 10);
	CHECK(now_ms() - start >= 99 && now_ms() - start < 2000);
	close(fd);
}

/* A file whose disk is full has what it has. */
static void disk_is_full(const void *ctx)
{
	struct text got;
	uint64_t n = 0;
	int err = 0;

	options = *(const struct options *)ctx;
	catch_stderr();
	begin(path_of("full.json"));
	for (; !err; n += 100) {
		add(n, n + 100);
		err = sink__flush(sink);
	}
	CHECK_INT(err, -ENOSPC);
	CHECK_INT(end(0), -ENOSPC);
	caught_stderr();
	got = read_file(path_of("full.json"));
	CHECK(plan.events > 300 && plan.events < n);
	check_rtts(got.data, plan.events);
	text__free(&got);
}

static void full_disk(void)
{
	static const struct options jsonl = { .format = FORMAT_JSONL },
				    json = { .format = FORMAT_JSON },
				    records = { .format = FORMAT_JSONL, .run_records = true };

	on_small_disk(65536, disk_is_full, &jsonl);
	on_small_disk(65536, disk_is_full, &json);
	on_small_disk(65536, disk_is_full, &records);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	begin_dir("test_sink");
	RUN(reopened_while_full);
	RUN(reader_goes_away);
	RUN(reader_is_too_slow);
	RUN(full_disk);
	RUN(reader_is_replaced);
	RUN(readers_are_greeted);
	RUN(greeted_once);
	RUN(last_reader_dies);
	RUN(last_reader_sleeps);
	end_dir();
	return TEST_EXIT();
}
