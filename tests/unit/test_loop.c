// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define MS 1000000ULL

/* Messages that a test provokes need not be seen. */
static int saved_stderr;

static void hide_stderr(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	saved_stderr = dup(STDERR_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
}

static void show_stderr(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
}

static int ready_fd(void)
{
	return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int stop(void *ctx, uint64_t expirations)
{
	(void)ctx;
	(void)expirations;
	return LOOP_STOP;
}

/* Runs the loop for about that long. */
static int run_for(struct loop *loop, uint64_t ns)
{
	struct loop_source *timer;
	int err = loop__timer(loop, ns, stop, NULL, &timer);

	if (!err)
		err = loop__run(loop);
	loop__remove(timer);
	return err;
}

/* --- results ------------------------------------------------------------- */

static int return_ctx(void *ctx, uint32_t epoll_events)
{
	(void)epoll_events;
	return *(int *)ctx;
}

static void test_results(void)
{
	struct loop *loop;
	struct loop_source *source;
	int fd = ready_fd(), result = LOOP_STOP;

	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__add(loop, fd, EPOLLIN, return_ctx, &result, &source), 0);
	CHECK_INT(loop__run(loop), 0);
	result = -ENOSPC;
	CHECK_INT(loop__run(loop), -ENOSPC);
	result = LOOP_STOP; /* and again after an error */
	CHECK_INT(loop__run(loop), 0);
	loop__free(loop);
	CHECK(is_open(fd));
	close(fd);
	loop__free(NULL);
	loop__remove(NULL);
}

static void test_bad_fds(void)
{
	struct loop *loop;
	struct loop_source *source;
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), result = 0, fd = ready_fd();

	CHECK_INT(loop__new(&loop), 0);
	hide_stderr();
	CHECK_INT(loop__add(loop, -1, EPOLLIN, return_ctx, &result, &source), -EBADF);
	/* epoll doesn't do regular files */
	CHECK_INT(loop__add(loop, file, EPOLLIN, return_ctx, &result, &source), -EPERM);
	CHECK_INT(loop__add(loop, fd, EPOLLIN, return_ctx, &result, NULL), 0);
	CHECK_INT(loop__add(loop, fd, EPOLLIN, return_ctx, &result, NULL), -EEXIST);
	show_stderr();
	loop__free(loop);
	close(file);
	close(fd);
}

/* --- removing ------------------------------------------------------------ */

struct victim {
	struct loop_source *source;
	struct victim *removes; /* its source, when called */
	bool stops;
	int closes; /* an fd, before the removal */
	int calls;
};

static int remove_other(void *ctx, uint32_t epoll_events)
{
	struct victim *self = ctx;

	(void)epoll_events;
	self->calls++;
	if (self->closes)
		close(self->closes);
	self->closes = 0;
	if (self->removes) {
		loop__remove(self->removes->source);
		self->removes->source = NULL;
	}
	return self->stops ? LOOP_STOP : 0;
}

static void test_remove_self(void)
{
	struct victim self = { .removes = &self };
	struct loop *loop;
	int fd = ready_fd();

	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__add(loop, fd, EPOLLIN, remove_other, &self, &self.source), 0);
	CHECK_INT(run_for(loop, 5 * MS), 0);
	CHECK_INT(self.calls, 1);
	CHECK(is_open(fd));
	loop__free(loop);
	close(fd);
}

/* Both are ready in one batch: whoever is first removes the other. */
static void test_remove_in_batch(void)
{
	struct victim a = { 0 }, b = { .removes = &a };
	struct loop *loop;
	int fds[2] = { ready_fd(), ready_fd() };

	a.removes = &b;
	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__add(loop, fds[0], EPOLLIN, remove_other, &a, &a.source), 0);
	CHECK_INT(loop__add(loop, fds[1], EPOLLIN, remove_other, &b, &b.source), 0);
	a.stops = b.stops = true;
	CHECK_INT(loop__run(loop), 0);
	a.stops = b.stops = false;
	CHECK_INT(a.calls + b.calls, 1);
	a.removes = b.removes = NULL;
	CHECK_INT(run_for(loop, 2 * MS), 0);
	CHECK(!a.calls || !b.calls);
	loop__free(loop);
	close(fds[0]);
	close(fds[1]);
}

/* Against the rules, but no reason to call the handler of what was removed. */
static void test_remove_closed(void)
{
	int fds[2] = { ready_fd(), ready_fd() };
	struct victim a = { .closes = fds[1] }, b = { .removes = &a, .closes = fds[0] };
	struct loop *loop;

	a.removes = &b;
	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__add(loop, fds[0], EPOLLIN, remove_other, &a, &a.source), 0);
	CHECK_INT(loop__add(loop, fds[1], EPOLLIN, remove_other, &b, &b.source), 0);
	CHECK_INT(run_for(loop, 2 * MS), 0);
	CHECK(!a.calls || !b.calls);
	loop__free(loop);
	close(a.calls ? fds[0] : fds[1]);
}

static int never_timer(void *ctx, uint64_t expirations)
{
	(void)expirations;
	++*(int *)ctx;
	return 0;
}

static int remove_timer(void *ctx, uint32_t epoll_events)
{
	struct loop_source **timer = ctx;

	(void)epoll_events;
	loop__remove(*timer); /* closes its fd, too */
	*timer = NULL;
	return LOOP_STOP;
}

static void test_remove_timer_in_batch(void)
{
	struct loop_source *timer;
	struct loop *loop;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), calls = 0;

	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__add(loop, fd, EPOLLIN, remove_timer, &timer, NULL), 0);
	CHECK_INT(eventfd_write(fd, 1), 0); /* ready before the timer */
	CHECK_INT(loop__timer(loop, 5 * MS, never_timer, &calls, &timer), 0);
	usleep(10000);
	CHECK_INT(loop__run(loop), 0);
	CHECK_INT(calls, 0);
	CHECK(!timer);
	loop__free(loop);
	close(fd);
}

/* A crowd whose handlers remove, add and unwatch one another at random. */
#define CROWD 200

struct crowd {
	struct loop *loop;
	int fds[CROWD];
	struct loop_source *sources[CROWD];
	bool quiet[CROWD]; /* watched for nothing */
	int budget;
	int wrong; /* handlers called that shouldn't be */
} crowd;

static int crowd_member(void *ctx, uint32_t epoll_events)
{
	int self = (int)((int *)ctx - crowd.fds), i = rand() % CROWD;

	(void)epoll_events;
	crowd.wrong += !crowd.sources[self] || crowd.quiet[self];
	if (!crowd.sources[i]) {
		crowd.quiet[i] = false;
		if (loop__add(crowd.loop, crowd.fds[i], EPOLLIN, crowd_member, &crowd.fds[i],
			      &crowd.sources[i]))
			return -EIO;
	} else if (rand() % 2) {
		loop__remove(crowd.sources[i]);
		crowd.sources[i] = NULL;
	} else {
		crowd.quiet[i] = !crowd.quiet[i];
		if (loop__watch(crowd.sources[i], crowd.quiet[i] ? 0 : EPOLLIN))
			return -EIO;
	}
	return --crowd.budget ? 0 : LOOP_STOP;
}

static void test_crowd(void)
{
	srand(3);
	crowd.budget = 20000;
	CHECK_INT(loop__new(&crowd.loop), 0);
	for (int i = 0; i < CROWD; i++) {
		crowd.fds[i] = ready_fd();
		CHECK_INT(loop__add(crowd.loop, crowd.fds[i], EPOLLIN, crowd_member, &crowd.fds[i],
				    &crowd.sources[i]),
			  0);
	}
	CHECK_INT(loop__run(crowd.loop), 0);
	CHECK_INT(crowd.wrong, 0);
	loop__free(crowd.loop);
	for (int i = 0; i < CROWD; i++)
		close(crowd.fds[i]);
}

/* A loop run from a handler doesn't free what the outer one still points at. */
struct nested {
	struct loop *loop;
	struct loop_source *sources[2];
	int calls;
};

static int run_inner(void *ctx, uint32_t epoll_events)
{
	struct nested *nested = ctx;

	(void)epoll_events;
	nested->calls++;
	for (int i = 0; i < 2; i++) {
		loop__remove(nested->sources[i]);
		nested->sources[i] = NULL;
	}
	return run_for(nested->loop, 1 * MS);
}

static void test_nested(void)
{
	struct nested nested = { 0 };
	int fds[2] = { ready_fd(), ready_fd() };

	CHECK_INT(loop__new(&nested.loop), 0);
	for (int i = 0; i < 2; i++)
		CHECK_INT(loop__add(nested.loop, fds[i], EPOLLIN, run_inner, &nested,
				    &nested.sources[i]),
			  0);
	CHECK_INT(run_for(nested.loop, 10 * MS), 0);
	CHECK_INT(nested.calls, 1);
	loop__free(nested.loop);
	close(fds[0]);
	close(fds[1]);
}

/* --- watching ------------------------------------------------------------ */

struct seen {
	struct loop_source *source;
	uint32_t events;
	int calls;
	uint32_t then_watch; /* UINT32_MAX: leave it */
};

static int see(void *ctx, uint32_t epoll_events)
{
	struct seen *seen = ctx;

	seen->events |= epoll_events;
	seen->calls++;
	return seen->then_watch == UINT32_MAX ? LOOP_STOP
					      : loop__watch(seen->source, seen->then_watch);
}

static void test_hangup(void)
{
	struct seen reader = { .then_watch = 0 }, writer = { .then_watch = 0 };
	struct loop *loop;
	int in[2], out[2];

	CHECK_INT(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__add(loop, in[0], EPOLLIN, see, &reader, &reader.source), 0);
	CHECK_INT(loop__add(loop, out[1], 0, see, &writer, &writer.source), 0);
	close(in[1]);
	close(out[0]);
	/* Once each; watched for nothing, they don't keep the loop busy. */
	CHECK_INT(run_for(loop, 5 * MS), 0);
	CHECK_INT(reader.calls, 1);
	CHECK(reader.events & EPOLLHUP);
	CHECK_INT(writer.calls, 0);
	CHECK_INT(loop__watch(writer.source, EPOLLOUT), 0);
	CHECK_INT(run_for(loop, 5 * MS), 0);
	CHECK_INT(writer.calls, 1);
	CHECK(writer.events & EPOLLERR);
	loop__free(loop);
	close(in[0]);
	close(out[1]);
}

static void test_watch(void)
{
	struct seen seen = { .then_watch = 0 };
	struct loop *loop;
	int fd = ready_fd();

	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__add(loop, fd, 0, see, &seen, &seen.source), 0);
	CHECK_INT(loop__watch(seen.source, 0), 0);
	CHECK_INT(run_for(loop, 2 * MS), 0);
	CHECK_INT(seen.calls, 0);
	CHECK_INT(loop__watch(seen.source, EPOLLOUT), 0);
	CHECK_INT(loop__watch(seen.source, EPOLLIN), 0);
	CHECK_INT(run_for(loop, 2 * MS), 0);
	CHECK_INT(seen.calls, 1);
	CHECK_INT(seen.events, EPOLLIN);
	CHECK_INT(loop__watch(seen.source, EPOLLIN), 0);
	CHECK_INT(run_for(loop, 2 * MS), 0);
	CHECK_INT(seen.calls, 2);
	loop__free(loop);
	close(fd);
}

/* --- timers -------------------------------------------------------------- */

struct ticks {
	struct loop_source *source;
	uint64_t expirations;
	int calls, zeros, stop_after;
};

static int tick(void *ctx, uint64_t expirations)
{
	struct ticks *ticks = ctx;

	ticks->zeros += !expirations;
	ticks->expirations += expirations;
	return ++ticks->calls == ticks->stop_after ? LOOP_STOP : 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 * MS + now.tv_nsec;
}

static void test_timer(void)
{
	struct ticks ticks = { .stop_after = 10 };
	struct loop *loop;
	uint64_t start = now_ns(), took;

	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__timer(loop, 2 * MS, tick, &ticks, &ticks.source), 0);
	CHECK_INT(loop__run(loop), 0);
	took = now_ns() - start;
	CHECK(took >= 20 * MS);
	CHECK(ticks.expirations >= 10 && ticks.expirations <= took / (2 * MS));
	CHECK_INT(ticks.zeros, 0);
	/* Expirations while nobody looks come in one call. */
	usleep(20000);
	ticks = (struct ticks){ .source = ticks.source, .stop_after = 1 };
	CHECK_INT(loop__run(loop), 0);
	CHECK(ticks.expirations >= 10);
	loop__free(loop);
}

static void test_timer_set(void)
{
	struct ticks ticks = { 0 };
	struct loop *loop;

	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__timer(loop, 0, tick, &ticks, &ticks.source), 0);
	CHECK_INT(run_for(loop, 5 * MS), 0);
	CHECK_INT(ticks.calls, 0);
	CHECK_INT(loop__timer_set(ticks.source, 1 * MS), 0);
	CHECK_INT(run_for(loop, 20 * MS), 0);
	CHECK(ticks.expirations > 2);
	CHECK_INT(loop__timer_set(ticks.source, 0), 0);
	ticks.calls = 0;
	CHECK_INT(run_for(loop, 5 * MS), 0);
	CHECK_INT(ticks.calls, 0);
	CHECK_INT(loop__timer_set(ticks.source, 3600ULL * 24 * 7 * 1000 * MS), 0);
	CHECK_INT(run_for(loop, 2 * MS), 0);
	CHECK_INT(ticks.calls, 0);
	loop__free(loop);
}

struct reset {
	struct loop_source *other[2];
	int calls;
};

/* Disarms the timers, both of which have fired: only the first is called. */
static int disarm_both(void *ctx, uint64_t expirations)
{
	struct reset *reset = ctx;

	(void)expirations;
	reset->calls++;
	return loop__timer_set(reset->other[0], 0) | loop__timer_set(reset->other[1], 0);
}

static void test_timer_set_in_batch(void)
{
	struct reset reset = { 0 };
	struct loop *loop;

	CHECK_INT(loop__new(&loop), 0);
	for (int i = 0; i < 2; i++)
		CHECK_INT(loop__timer(loop, 1 * MS, disarm_both, &reset, &reset.other[i]), 0);
	usleep(5000);
	CHECK_INT(run_for(loop, 5 * MS), 0);
	CHECK_INT(reset.calls, 1);
	loop__free(loop);
}

/* --- signals ------------------------------------------------------------- */

struct signals {
	int count[65];
	int stop_after;
};

static int got_signal(void *ctx, int signo)
{
	struct signals *signals = ctx;

	signals->count[signo]++;
	return !--signals->stop_after ? LOOP_STOP : 0;
}

static void test_signals(void)
{
	static const int first[] = { SIGTERM, SIGHUP, 0 }, second[] = { SIGUSR1, 0 };
	struct signals signals = { .stop_after = 3 };
	sigset_t before, after;
	struct loop *loop;

	sigprocmask(SIG_SETMASK, NULL, &before);
	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__signals(loop, first, got_signal, &signals), 0);
	CHECK_INT(loop__signals(loop, second, got_signal, &signals), 0);
	for (int i = 0; i < 1000; i++) {
		kill(getpid(), SIGHUP);
		kill(getpid(), SIGUSR1);
	}
	kill(getpid(), SIGTERM);
	CHECK_INT(loop__run(loop), 0);
	CHECK_INT(signals.count[SIGHUP], 1); /* a storm is one */
	CHECK_INT(signals.count[SIGUSR1], 1);
	CHECK_INT(signals.count[SIGTERM], 1);
	/* Pending at the end: dropped, not deadly. */
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGUSR1);
	loop__free(loop);
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 65; i++)
		CHECK_INT(sigismember(&after, i), sigismember(&before, i));
}

static void test_bad_signal(void)
{
	static const int none[] = { 4711, 0 };
	struct loop *loop;

	CHECK_INT(loop__new(&loop), 0);
	hide_stderr();
	CHECK_INT(loop__signals(loop, none, got_signal, NULL), -EINVAL);
	show_stderr();
	loop__free(loop);
}

/* A stream of signals does not keep timers from their turn. */
static void test_signal_storm(void)
{
	static const int list[] = { SIGUSR1, 0 };
	struct signals signals = { .stop_after = 100 };
	struct ticks ticks = { 0 };
	struct loop *loop;
	pid_t parent = getpid(), child;

	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__signals(loop, list, got_signal, &signals), 0);
	CHECK_INT(loop__timer(loop, 1 * MS, tick, &ticks, &ticks.source), 0);
	child = fork();
	if (!child) {
		alarm(20);
		while (!kill(parent, SIGUSR1))
			;
		_exit(0);
	}
	CHECK_INT(loop__run(loop), 0);
	CHECK_INT(signals.count[SIGUSR1], 100);
	CHECK_INT(run_for(loop, 10 * MS), 0);
	CHECK(ticks.expirations >= 10);
	kill(child, SIGKILL);
	CHECK_INT(waitpid(child, NULL, 0), child);
	loop__free(loop);
}

static void on_alarm(int signo)
{
	(void)signo;
}

/* epoll_wait fails with EINTR after a signal handler. */
static void test_interrupted(void)
{
	const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval fast = { { 0, 1000 }, { 0, 1000 } }, off = { 0 };
	struct sigaction old;
	struct loop *loop;

	CHECK_INT(loop__new(&loop), 0);
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &fast, NULL);
	CHECK_INT(run_for(loop, 30 * MS), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	loop__free(loop);
}

/* Ctrl-Z and fg: epoll_wait fails with EINTR even without a handler. */
static void test_stopped(void)
{
	struct loop *loop;
	pid_t child;
	int status;

	CHECK_INT(loop__new(&loop), 0);
	child = fork();
	if (!child)
		_exit(run_for(loop, 50 * MS) ? 1 : 0);
	for (int i = 0; i < 5; i++) {
		usleep(5000);
		kill(child, SIGSTOP);
		CHECK_INT(waitpid(child, &status, WUNTRACED), child);
		if (!WIFSTOPPED(status))
			break; /* it was through already, on a busy machine */
		kill(child, SIGCONT);
	}
	if (!WIFEXITED(status))
		CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	loop__free(loop);
}

/* Nothing of the loop leaks into programs we start. */
static void test_close_on_exec(void)
{
	static const int list[] = { SIGUSR1, 0 };
	struct signals signals = { 0 };
	struct ticks ticks = { 0 };
	struct loop *loop;
	int before = dup(0), after, without = 0;

	close(before);
	CHECK_INT(loop__new(&loop), 0);
	CHECK_INT(loop__signals(loop, list, got_signal, &signals), 0);
	CHECK_INT(loop__timer(loop, 0, tick, &ticks, &ticks.source), 0);
	after = dup(0);
	close(after);
	CHECK_INT(after - before, 3);
	for (int fd = before; fd < after; fd++)
		without += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_INT(without, 0);
	loop__free(loop);
	for (int fd = before; fd < after; fd++)
		CHECK(!is_open(fd));
}

int main(void)
{
	RUN(test_results);
	RUN(test_bad_fds);
	RUN(test_remove_self);
	RUN(test_remove_in_batch);
	RUN(test_remove_closed);
	RUN(test_remove_timer_in_batch);
	RUN(test_crowd);
	RUN(test_nested);
	RUN(test_hangup);
	RUN(test_watch);
	RUN(test_timer);
	RUN(test_timer_set);
	RUN(test_timer_set_in_batch);
	RUN(test_signals);
	RUN(test_bad_signal);
	RUN(test_signal_storm);
	RUN(test_interrupted);
	RUN(test_stopped);
	RUN(test_close_on_exec);
	return TEST_EXIT();
}
