/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sink writes to, as one thing: one output (output.c), or files that follow one
 * another (rotation.c) with a command for each. Watches a slow reader through the
 * loop, changes the files, and counts what is in them and what is left out of them.
 */
#ifndef SRC_OUTLET_H
#define SRC_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format.h"
#include "loop.h"
#include "options.h"
#include "plan.h"
#include "run_record.h"
#include "text.h"

/* What a record is of, for what is counted of it. */
enum outlet_record {
	OUTLET_EVENT, /* measured */
	OUTLET_ROW, /* of a report, or what ends it */
	OUTLET_NOTE, /* among the data, about them */
};

struct outlet_settings {
	const struct options *options;
	const struct format *format;
	struct loop *loop;
	void *ctx;
	/* A file has begun, or is to end: puts into the text what should stand there. */
	void (*begins)(void *ctx);
	void (*ends)(void *ctx, bool last);
	/* The same as begins, for a later reader of a FIFO; into the text that is given. */
	void (*greets)(void *ctx, struct text *to);
};

struct outlet;

/* 0 or a negative errno (printed). */
int outlet__open(struct outlet **outlet, const struct outlet_settings *settings);
/* The run begins: the first file has, and time counts from now. 0 or a negative errno (printed). */
int outlet__begin(struct outlet *outlet);
/*
 * Ends the files, waiting for a slow reader timeout_ms at most; plan is what was
 * written in all. 0 or a negative errno (printed).
 */
int outlet__close(struct outlet *outlet, int timeout_ms, struct plan *plan);
/* Instead, for a run that did not come about: a file made for it alone goes. Likewise. */
int outlet__discard(struct outlet *outlet);

/* The text to format records into. */
struct text *outlet__text(struct outlet *outlet);
/* True until the first record of this file. */
bool outlet__first(const struct outlet *outlet);
/*
 * To be called after each record, before: the length of the text ahead of it. No
 * record if that has not changed. May begin another file. 0 or a negative errno (printed).
 */
int outlet__wrote(struct outlet *outlet, enum outlet_record what, size_t before);
/* Such a record was not even formatted, because there is no room. */
void outlet__leave_out(struct outlet *outlet, enum outlet_record what);
/* From now on (until false) a report is written: one file holds it as a whole, if it can. */
void outlet__hold(struct outlet *outlet, bool reporting);

/* It has what was asked for: the run is to end, and no other file begins. */
void outlet__complete(struct outlet *outlet);
/* That, or --max-storage is used up; and the latter. */
bool outlet__is_complete(const struct outlet *outlet);
bool outlet__is_spent(const struct outlet *outlet);

/* Lets go of the text. 0, LOOP_STOP when it is complete, or a negative errno (printed). */
int outlet__flush(struct outlet *outlet);
/* The reader is slow: better leave events where they are. */
bool outlet__full(const struct outlet *outlet);
/* SIGHUP: a new file. 0, LOOP_STOP or a negative errno (printed). */
int outlet__reopen(struct outlet *outlet);

/* The present file, but for whether it is the last one. */
void outlet__file(const struct outlet *outlet, struct run_file *file);
/* Events in the output, or on their way to it. */
uint64_t outlet__events(const struct outlet *outlet);
void outlet__plan(const struct outlet *outlet, struct plan *plan);

#endif /* SRC_OUTLET_H */
