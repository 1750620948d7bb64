// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands for finished files: each once, one at a time, and nobody waits for long. */
#include <signal.h>

#include "src/commands.h"
#include "tests/unit/files.h"

/* What the last run and its commands said. */
static const char *said;

/* The number that a command wrote. */
static pid_t number_in(const char *name)
{
	struct text t = read_file(path_of(name));
	int number = atoi(t.data);

	text__free(&t);
	return number;
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
	catch_stderr();
	CHECK_INT(commands__new(&c, loop, command), 0);
	while (*paths)
		commands__add(c, *paths++);
	if (seconds > 0) {
		CHECK_INT(loop__timer(loop, (uint64_t)(seconds * 1e9), stop, NULL, NULL), 0);
		CHECK_INT(loop__run(loop), 0);
	}
	commands__finish(c, timeout_ms);
	said = caught_stderr();
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
	check_file(path_of("out"),
		   "1|a b|a b\n1\n1|$(touch x);'\"\n|$(touch x);'\"\n\n1\n1|-n|-n\n1\n");
	CHECK_STR(said, "");
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
		check_file(path_of("out"), "1\n2\n3\n4\n");
		CHECK_STR(said, "");
		unlink(path_of("out"));
	}
}

/* What it prints is among our own diagnostics, not among the data. */
static void failures_are_told(void)
{
	RUN_FOR("echo $1; case $1 in a) exit 3;; b) kill -KILL $$;; esac", 0.3, 5000, "a", "b",
		"c");
	CHECK_STR(said, "a\npping: --on-rotate for a: failed with status 3\n"
			"b\npping: --on-rotate for b: was ended by signal 9\n"
			"c\n");
}

/* Blocked signals, standard input and our process group are not for it. */
static void surroundings(void)
{
	struct text got;
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
	got = read_file(path_of("out"));
	CHECK(!strncmp(got.data, "0000000000000000\n0\n", 19));
	CHECK(!strstr(got.data, want));
	text__free(&got);
	CHECK_STR(said, "");
	unlink(path_of("out"));
}

/* At the end there is an end: it goes on without us, and what was to follow is counted. */
static void one_that_hangs(void)
{
	uint64_t start = now_ms();

	RUN_FOR("echo $$ >pid; exec sleep 20", 0, 200, "a", "b", "c");
	CHECK(now_ms() - start < 5000);
	CHECK_STR(said, "pping: --on-rotate for a: goes on; not waiting any longer\n"
			"pping: --on-rotate: did not run for 2 files\n");
	/* a shell may take its time to start */
	for (int i = 0; i < 500 && (!exists(path_of("pid")) || !size_of(path_of("pid"))); i++)
		usleep(10000);
	CHECK(number_in("pid") > 1 && !kill(number_in("pid"), SIGKILL));
	unlink(path_of("pid"));
}

/* What runs the commands ends with us, and its own end is told. */
static void the_runner(void)
{
	pid_t pid, ended = 0;
	int i;

	RUN_FOR("echo $PPID >pid", 0, 5000, "a");
	pid = number_in("pid");
	for (i = 0; i < 500 && !ended; i++) {
		usleep(10000);
		ended = waitpid(pid, NULL, WNOHANG);
	}
	CHECK(pid > 1 && ended == pid);
	CHECK_STR(said, "");
	RUN_FOR("kill -KILL $PPID", 0, 5000, "a", "b");
	CHECK_STR(said, "pping: --on-rotate for a: the process that runs commands is gone\n"
			"pping: --on-rotate for b: the process that runs commands is gone\n");
	unlink(path_of("pid"));
}

int main(void)
{
	begin_dir("test_commands");
	RUN(arguments);
	RUN(one_at_a_time);
	RUN(failures_are_told);
	RUN(surroundings);
	RUN(one_that_hangs);
	RUN(the_runner);
	end_dir();
	return TEST_EXIT();
}
