// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands for finished files: each once, one at a time, and nobody waits for long. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/commands.h"
#include "tests/unit/test.h"

static char dir[64];

static const char *path_of(const char *name)
{
	static char path[2][PATH_MAX];
	static int next;
	char *p = path[next++ % 2];

	snprintf(p, PATH_MAX, "%s/%s", dir, name);
	return p;
}

static const char *read_file(const char *name)
{
	static char text[4096];
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	text[n > 0 ? n : 0] = 0;
	close(fd);
	return text;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int saved_stderr = -1;

static void stderr_to(const char *name)
{
	int fd = open(path_of(name), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void stderr_back(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
}

static int stop(void *ctx, uint64_t expirations)
{
	(void)ctx;
	(void)expirations;
	return LOOP_STOP;
}

/* With a loop that runs for so long, or not at all. */
static void run(const char *command, const char *const *paths, double seconds, int timeout_ms)
{
	struct commands *c = NULL;
	struct loop *loop = NULL;

	CHECK(!chdir(dir));
	CHECK_INT(loop__new(&loop), 0);
	stderr_to("err");
	CHECK_INT(commands__new(&c, loop, command), 0);
	while (*paths)
		commands__add(c, *paths++);
	if (seconds > 0) {
		CHECK_INT(loop__timer(loop, (uint64_t)(seconds * 1e9), stop, NULL, NULL), 0);
		CHECK_INT(loop__run(loop), 0);
	}
	commands__finish(c, timeout_ms);
	stderr_back();
	commands__free(c);
	loop__free(loop);
}

#define RUN_FOR(command, seconds, timeout_ms, ...) \
	run(command, (const char *const[]){ __VA_ARGS__, NULL }, seconds, timeout_ms)

/* What is in a name is a name. */
static void arguments(void)
{
	setenv("PPING_FILE", "old", 1);
	RUN_FOR("printf '%s|%s|%s\\n' \"$#\" \"$1\" \"$PPING_FILE\" >>out; env | grep -c "
		"PPING_FILE >>out",
		0, 5000, "a b", "$(touch x);'\"\n", "-n");
	unsetenv("PPING_FILE");
	CHECK_STR(read_file("out"),
		  "1|a b|a b\n1\n1|$(touch x);'\"\n|$(touch x);'\"\n\n1\n1|-n|-n\n1\n");
	CHECK_STR(read_file("err"), "");
	CHECK(access(path_of("x"), F_OK));
	unlink(path_of("out"));
}

/* In order and never two at once, from the loop as well as at the end. */
static void one_at_a_time(void)
{
	double seconds;

	for (seconds = 0; seconds < 1; seconds += 0.5) {
		RUN_FOR("mkdir lock || exit 9; sleep 0.05; echo $1 >>out; rmdir lock", seconds,
			5000, "1", "2", "3", "4");
		CHECK_STR(read_file("out"), "1\n2\n3\n4\n");
		CHECK_STR(read_file("err"), "");
		unlink(path_of("out"));
	}
}

/* What it prints is among our own diagnostics, not among the data. */
static void failures_are_told(void)
{
	RUN_FOR("echo $1; case $1 in a) exit 3;; b) kill -KILL $$;; esac", 0.3, 5000, "a", "b",
		"c");
	CHECK_STR(read_file("err"), "a\npping: --on-rotate for a: failed with status 3\n"
				    "b\npping: --on-rotate for b: was ended by signal 9\n"
				    "c\n");
}

/* Blocked signals, standard input and our process group are not for it. */
static void surroundings(void)
{
	char want[32];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	RUN_FOR("cat; sed -n 's/^SigBlk:\t//p; s/^SigIgn:.*\\(.\\)...$/\\1/p' /proc/self/status "
		">out; "
		"cut -d' ' -f5 /proc/$$/stat >>out",
		0, 5000, "x");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	snprintf(want, sizeof(want), "\n%d\n", getpgrp());
	/* SIGPIPE is the first bit of that digit */
	CHECK(!strncmp(read_file("out"), "0000000000000000\n0\n", 19));
	CHECK(!strstr(read_file("out"), want));
	CHECK_STR(read_file("err"), "");
	unlink(path_of("out"));
}

/* At the end there is an end: it goes on without us, and what was to follow is counted. */
static void one_that_hangs(void)
{
	double start = now();

	RUN_FOR("echo $$ >pid; exec sleep 20", 0, 200, "a", "b", "c");
	CHECK(now() - start < 5);
	CHECK_STR(read_file("err"), "pping: --on-rotate for a: goes on; not waiting any longer\n"
				    "pping: --on-rotate: did not run for 2 files\n");
	CHECK(atoi(read_file("pid")) > 1 && !kill(atoi(read_file("pid")), SIGKILL));
	unlink(path_of("pid"));
}

/* What runs the commands ends with us, and its own end is told. */
static void the_runner(void)
{
	pid_t pid, ended = 0;
	int i;

	RUN_FOR("echo $PPID >pid", 0, 5000, "a");
	pid = atoi(read_file("pid"));
	for (i = 0; i < 500 && !ended; i++) {
		usleep(10000);
		ended = waitpid(pid, NULL, WNOHANG);
	}
	CHECK(pid > 1 && ended == pid);
	CHECK_STR(read_file("err"), "");
	RUN_FOR("kill -KILL $PPID", 0, 5000, "a", "b");
	CHECK_STR(read_file("err"),
		  "pping: --on-rotate for a: the process that runs commands is gone\n"
		  "pping: --on-rotate for b: the process that runs commands is gone\n");
	unlink(path_of("pid"));
}

int main(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_commands.XXXXXX");
	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	RUN(arguments);
	RUN(one_at_a_time);
	RUN(failures_are_told);
	RUN(surroundings);
	RUN(one_that_hangs);
	RUN(the_runner);
	unlink(path_of("err"));
	CHECK_INT(rmdir(dir), 0);
	return TEST_EXIT();
}
