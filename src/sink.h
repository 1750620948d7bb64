/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where events end: formatted and written. Ties a format, an output and the
 * wall clock together for whatever source the events come from, and adds the
 * records that are about the run.
 */
#ifndef SRC_SINK_H
#define SRC_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "options.h"
#include "plan.h"
#include "pping.h"
#include "run_record.h"
#include "status.h"

struct sink;

/* Watches a slow output through the loop. 0 or a negative errno (printed). */
int sink__open(struct sink **sink, const struct options *options, struct loop *loop);
/* The source of events runs: files begin. Before the loop does. 0 or a negative errno (printed). */
int sink__begin(struct sink *sink, const struct run_source *source);
/*
 * Writes what is pending, waiting at most timeout_ms, and ends the files; plan
 * is what was written in all. 0 or a negative errno (printed).
 */
int sink__close(struct sink *sink, int timeout_ms, struct plan *plan);
/* Instead, when the source could not start: leaves no empty file behind that was made for it. */
int sink__discard(struct sink *sink);

/*
 * An event whose timestamp counts CLOCK_MONOTONIC ns, or with --read those since
 * 1970 that the capture has. 0 or a negative errno.
 */
int sink__event(struct sink *sink, const struct pping_event *event);
/* No event from before mono_ns will come any more: records about the run have their times from this. */
void sink__reached(struct sink *sink, uint64_t mono_ns);
/* A record of what goes on, at status->to.mono_ns. 0 or a negative errno. */
int sink__status(struct sink *sink, const struct status *status);
/*
 * To be called after a batch of events. 0, LOOP_STOP when the output has what
 * was asked for (--count, --max-storage), or a negative errno (printed).
 */
int sink__flush(struct sink *sink);
/* The reader is slow: better leave events where they are. */
bool sink__full(const struct sink *sink);
/* Once a second: notices and announces steps of the wall clock. */
void sink__check_clock(struct sink *sink);
/* SIGHUP: a new file. 0, LOOP_STOP or a negative errno (printed). */
int sink__reopen(struct sink *sink);
/* Events in the output, those that tell of losses not counted. */
uint64_t sink__records(const struct sink *sink);
void sink__plan(const struct sink *sink, struct plan *plan);

#endif /* SRC_SINK_H */
