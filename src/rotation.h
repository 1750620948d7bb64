/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output that goes to one file after the other, compressed if so wished. Takes
 * formatted records as output.c does; each file is whole by itself, in progress
 * it is called NAME.part (part_file.h).
 *
 * Records are compressed in pieces of some KiB, which keep to --rotate-size and
 * the budget of --max-storage, and flushed so that a killed run's file lacks
 * less than a second. A write error cuts the file back to its last flush and
 * ends it properly where there is room for that.
 */
#ifndef SRC_ROTATION_H
#define SRC_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "compressor.h"
#include "format.h"
#include "text.h"

/* The budget is used up: not an error, the run is to end. */
#define ROTATION_SPENT 1

/* How often rotation__tick() is to be called. */
#define ROTATION_TICK_NS 250000000ULL

struct rotation_settings {
	const char *pattern; /* of the names: file_name.h */
	const struct format *format;
	enum compressor_kind compressor;
	uint64_t size; /* change the file at that many bytes of it; 0: never */
	uint64_t interval_s; /* change it at multiples of that, local time; 0: never */
	uint64_t budget; /* bytes of all files together; 0: none */
	bool drop_oldest; /* keep to it, and a full disk, by removing finished files */
	bool quiet;
	bool relative_time; /* intervals begin at multiples since the start, not of the time of day */
	void *ctx;
	void (*finished)(void *ctx, const char *path); /* a file is whole; may be NULL */
};

struct rotation;

/* Opens the first file. 0 or a negative errno (printed). */
int rotation__open(struct rotation **rotation, const struct rotation_settings *settings);

/* The text to format records into. */
struct text *rotation__text(struct rotation *rotation);
/* True until the first record of this file. */
bool rotation__first(const struct rotation *rotation);
/* What was formatted so far begins the file: it goes into it even if nothing else has room. */
void rotation__begun(struct rotation *rotation);
/*
 * To be called after each record; event: one that was measured, not one about
 * the run. 0, ROTATION_SPENT or a negative errno (printed, once).
 */
int rotation__wrote_record(struct rotation *rotation, bool event);
/* Let go of what was formatted; likewise. */
int rotation__flush(struct rotation *rotation);
/* Every ROTATION_TICK_NS: flushes for those who read after a crash, and looks at the clock and the file. Likewise. */
int rotation__tick(struct rotation *rotation);

/* The file is long or old enough: write what is to be its end, and call rotation__next(). */
bool rotation__is_due(const struct rotation *rotation);
/* And has twice the size that it should have. */
bool rotation__is_overdue(const struct rotation *rotation);
/* End this file and begin another one. 0 or a negative errno (printed). */
int rotation__next(struct rotation *rotation);

/* End the last file; what is in the text goes into it, also after an error, if there is room. 0 or a negative errno. */
int rotation__close(struct rotation *rotation);
/* For a run that did not come about: its file goes. */
void rotation__discard(struct rotation *rotation);
void rotation__free(struct rotation *rotation); /* NULL is fine */

/* Events that are in files, or on their way to one; of this file, and of all. */
uint64_t rotation__file_events(const struct rotation *rotation);
uint64_t rotation__events(const struct rotation *rotation);
/* Bytes on the disk, in all files of the run; dropped ones too. */
uint64_t rotation__bytes(const struct rotation *rotation);
/* Files that were begun, the present one included; and dropped. */
uint64_t rotation__files(const struct rotation *rotation);
uint64_t rotation__dropped(const struct rotation *rotation);

#endif /* SRC_ROTATION_H */
