/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop (epoll): every fd carries its handler and context. One thread,
 * nothing else waits anywhere. Handlers return 0 to go on, a negative errno to
 * end the loop with it (whoever fails prints), or LOOP_STOP to end it with 0.
 */
#ifndef SRC_LOOP_H
#define SRC_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define LOOP_STOP 1

struct loop;
struct loop_source; /* an fd or a timer in the loop */

typedef int (*loop_fd_fn)(void *ctx, uint32_t epoll_events);
/* expirations: how often the timer fired since its last call, at least 1 */
typedef int (*loop_timer_fn)(void *ctx, uint64_t expirations);
typedef int (*loop_signal_fn)(void *ctx, int signo);

int loop__new(struct loop **loop);
/*
 * Frees all sources too; fds added by loop__add stay open. Restores the signal
 * mask; signals of loop__signals that are still pending are dropped. Not from a
 * handler; NULL is fine.
 */
void loop__free(struct loop *loop);

/*
 * EPOLLERR and EPOLLHUP are always reported. Handlers should not block: rarely,
 * what they are called for is gone. Remove a source before closing its fd.
 * source may be NULL here and below.
 */
int loop__add(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_fn fn, void *ctx,
	      struct loop_source **source);
/* Change what an fd is watched for; 0 watches for nothing, not even for EPOLLERR and EPOLLHUP. */
int loop__watch(struct loop_source *source, uint32_t epoll_events);
void loop__remove(struct loop_source *source); /* NULL is fine; safe from inside handlers */

/* A timerfd on CLOCK_MONOTONIC, periodic; interval 0 creates it disarmed. */
int loop__timer(struct loop *loop, uint64_t interval_ns, loop_timer_fn fn, void *ctx,
		struct loop_source **source);
/* Starts it anew; expirations not handled yet are forgotten. */
int loop__timer_set(struct loop_source *timer, uint64_t interval_ns);

/*
 * Blocks the signals for the process and delivers them through the loop (signalfd).
 * signals ends with 0.
 */
int loop__signals(struct loop *loop, const int *signals, loop_signal_fn fn, void *ctx);

/* Runs until a handler ends it. EINTR (Ctrl-Z and fg) is not an error. */
int loop__run(struct loop *loop);

#endif /* SRC_LOOP_H */
