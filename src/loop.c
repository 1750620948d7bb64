// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "pping.h"

#define EVENTS_PER_WAIT 32

struct loop_source {
	LIST_ENTRY(loop_source) entry;
	struct loop *loop;
	int fd;
	bool owns_fd;
	uint32_t watched; /* 0: the fd is not in the epoll set */
	int (*dispatch)(struct loop_source *source, uint32_t epoll_events);
	union {
		loop_fd_fn fd_fn;
		loop_timer_fn timer_fn;
		loop_signal_fn signal_fn;
	};
	void *ctx;
};

LIST_HEAD(source_list, loop_source);

struct loop {
	int epoll_fd;
	int depth; /* of loop__run, which may be run from a handler */
	struct source_list sources;
	struct source_list removed; /* an epoll_wait batch may still point at them */
	bool has_signals;
	sigset_t signals; /* taken by loop__signals */
	sigset_t old_mask; /* before the first loop__signals */
};

static int failed(const char *what, int err)
{
	fprintf(stderr, "pping: %s: %s\n", what, strerror(-err));
	return err;
}

int loop__new(struct loop **result)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return failed("event loop", -ENOMEM);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int err = -errno;

		free(loop);
		return failed("epoll_create1", err);
	}
	LIST_INIT(&loop->sources);
	LIST_INIT(&loop->removed);
	*result = loop;
	return 0;
}

static void free_removed(struct loop *loop)
{
	struct loop_source *source;

	while ((source = LIST_FIRST(&loop->removed))) {
		LIST_REMOVE(source, entry);
		free(source);
	}
}

static void restore_signals(struct loop *loop)
{
	const struct timespec now = { 0 };

	if (!loop->has_signals)
		return;
	/* A second Ctrl-C while the program ends must not kill it at this point. */
	while (sigtimedwait(&loop->signals, NULL, &now) > 0 || errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &loop->old_mask, NULL);
}

void loop__free(struct loop *loop)
{
	if (!loop)
		return;
	while (!LIST_EMPTY(&loop->sources))
		loop__remove(LIST_FIRST(&loop->sources));
	free_removed(loop);
	restore_signals(loop);
	close(loop->epoll_fd);
	free(loop);
}

/* Prints nothing. An fd watched for 0 events would still wake us with EPOLLHUP: take it out. */
static int set_watched(struct loop_source *source, uint32_t epoll_events)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };
	int op = !source->watched ? EPOLL_CTL_ADD : epoll_events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (!source->watched && !epoll_events)
		return 0;
	if (epoll_ctl(source->loop->epoll_fd, op, source->fd, &event))
		return -errno;
	source->watched = epoll_events;
	return 0;
}

/* Prints nothing; on failure fd is the caller's to close. */
static int add_source(struct loop *loop, const struct loop_source *init, uint32_t epoll_events,
		      struct loop_source **result)
{
	struct loop_source *source = malloc(sizeof(*source));
	int err;

	if (!source)
		return -ENOMEM;
	*source = *init;
	source->loop = loop;
	err = set_watched(source, epoll_events);
	if (err) {
		free(source);
		return err;
	}
	LIST_INSERT_HEAD(&loop->sources, source, entry);
	if (result)
		*result = source;
	return 0;
}

static int dispatch_fd(struct loop_source *source, uint32_t epoll_events)
{
	return source->fd_fn(source->ctx, epoll_events);
}

int loop__add(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_fn fn, void *ctx,
	      struct loop_source **source)
{
	struct loop_source init = { .fd = fd, .dispatch = dispatch_fd, .fd_fn = fn, .ctx = ctx };
	int err = add_source(loop, &init, epoll_events, source);

	return err ? failed("cannot wait for a file descriptor", err) : 0;
}

int loop__watch(struct loop_source *source, uint32_t epoll_events)
{
	int err = set_watched(source, epoll_events);

	return err ? failed("cannot wait for a file descriptor", err) : 0;
}

void loop__remove(struct loop_source *source)
{
	if (!source)
		return;
	set_watched(source, 0);
	source->watched = 0; /* also where the fd was closed before: dispatch skips it */
	if (source->owns_fd)
		close(source->fd);
	LIST_REMOVE(source, entry);
	if (source->loop->depth)
		LIST_INSERT_HEAD(&source->loop->removed, source, entry);
	else
		free(source);
}

static int dispatch_timer(struct loop_source *source, uint32_t epoll_events)
{
	uint64_t expirations;

	(void)epoll_events;
	if (read(source->fd, &expirations, sizeof(expirations)) != sizeof(expirations)) {
		/* Set anew by another handler of the same batch. */
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return failed("timer", -errno);
	}
	return source->timer_fn(source->ctx, expirations);
}

/* Prints nothing. */
static int arm(int fd, uint64_t interval_ns)
{
	struct timespec interval = {
		.tv_sec = interval_ns / PPING_NS_PER_SEC,
		.tv_nsec = interval_ns % PPING_NS_PER_SEC,
	};
	struct itimerspec spec = { .it_value = interval, .it_interval = interval };

	return timerfd_settime(fd, 0, &spec, NULL) ? -errno : 0;
}

int loop__timer(struct loop *loop, uint64_t interval_ns, loop_timer_fn fn, void *ctx,
		struct loop_source **source)
{
	struct loop_source init = {
		.owns_fd = true, .dispatch = dispatch_timer, .timer_fn = fn, .ctx = ctx
	};
	int err;

	init.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (init.fd < 0)
		return failed("timer", -errno);
	err = arm(init.fd, interval_ns);
	if (!err)
		err = add_source(loop, &init, EPOLLIN, source);
	if (err) {
		close(init.fd);
		return failed("timer", err);
	}
	return 0;
}

int loop__timer_set(struct loop_source *timer, uint64_t interval_ns)
{
	int err = arm(timer->fd, interval_ns);

	return err ? failed("timer", err) : 0;
}

/* One at a time: what is left when a handler ends the loop stays pending. */
static int dispatch_signal(struct loop_source *source, uint32_t epoll_events)
{
	struct signalfd_siginfo info;

	(void)epoll_events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info)) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return failed("signals", -errno);
	}
	return source->signal_fn(source->ctx, info.ssi_signo);
}

/* Prints nothing. */
static int block_signals(struct loop *loop, const sigset_t *set)
{
	sigset_t old_mask;

	if (sigprocmask(SIG_BLOCK, set, &old_mask))
		return -errno;
	if (!loop->has_signals) {
		loop->has_signals = true;
		loop->old_mask = old_mask;
		sigemptyset(&loop->signals);
	}
	return sigorset(&loop->signals, &loop->signals, set) ? -errno : 0;
}

int loop__signals(struct loop *loop, const int *signals, loop_signal_fn fn, void *ctx)
{
	struct loop_source init = {
		.owns_fd = true, .dispatch = dispatch_signal, .signal_fn = fn, .ctx = ctx
	};
	sigset_t set;
	int err;

	sigemptyset(&set);
	for (; *signals; signals++) {
		if (sigaddset(&set, *signals))
			return failed("signals", -errno);
	}
	init.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init.fd < 0)
		return failed("signals", -errno);
	err = block_signals(loop, &set);
	if (!err)
		err = add_source(loop, &init, EPOLLIN, NULL);
	if (err) {
		close(init.fd);
		return failed("signals", err);
	}
	return 0;
}

/* What a handler returned other than 0, or a negative errno. */
static int run_once(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, -1);

	if (n < 0)
		return errno == EINTR ? 0 : failed("epoll_wait", -errno);
	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;
		uint32_t wanted = source->watched | EPOLLERR | EPOLLHUP;
		int ret;

		/* An earlier handler of this batch removed it or watches for other things. */
		if (!source->watched || !(events[i].events & wanted))
			continue;
		ret = source->dispatch(source, events[i].events & wanted);
		if (ret)
			return ret;
	}
	return 0;
}

int loop__run(struct loop *loop)
{
	int ret;

	loop->depth++;
	do {
		ret = run_once(loop);
		if (loop->depth == 1)
			free_removed(loop);
	} while (!ret);
	loop->depth--;
	return ret < 0 ? ret : 0;
}
