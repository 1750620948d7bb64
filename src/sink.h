/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where events end: anonymised, formatted and written. Ties a format, an output and
 * the wall clock together for whatever source the events come from, and adds the
 * records that are about the run.
 */
#ifndef SRC_SINK_H
#define SRC_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "format.h"
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
 * The time that --relative-time counts from, on the clock of the events: the first
 * call has it, and what is earlier is at 0. Only --read, whose clock the capture is,
 * needs to call this; otherwise it is when the sink was opened.
 */
void sink__start(struct sink *sink, uint64_t start_ns);

/*
 * An event whose timestamp counts CLOCK_MONOTONIC ns, or with --read those since
 * 1970 that the capture has. 0 or a negative errno.
 */
int sink__event(struct sink *sink, const struct pping_event *event);
/*
 * A row of a report, and what ends it; times as above. What is formatted of a report
 * stays in one file. 0 or a negative errno.
 */
int sink__row(struct sink *sink, const struct aggregate_row *row, uint64_t time_ns);
int sink__totals(struct sink *sink, const struct format_totals *totals, uint64_t time_ns);
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
/* Whether prefixes have other names than their own, and these; see anonymize__prefix(). */
bool sink__anonymizes(const struct sink *sink);
void sink__name_prefix(struct sink *sink, const union pping_addr *addr, uint8_t ip_version,
		       uint8_t bits, char *name);
/* SIGHUP: a new file. 0, LOOP_STOP or a negative errno (printed). */
int sink__reopen(struct sink *sink);
/* Events in the output, those that tell of losses not counted. */
uint64_t sink__records(const struct sink *sink);
void sink__plan(const struct sink *sink, struct plan *plan);
/* The capabilities (privileges.h) that the rest of the run needs, if it has them. */
uint64_t sink__capabilities(const struct sink *sink);

#endif /* SRC_SINK_H */
