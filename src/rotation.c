// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/rotation.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/clock.h"
#include "src/file_name.h"
#include "src/part_file.h"
#include "src/schedule.h"
#include "src/storage.h"

/* Records are handed to the compressor in pieces of about this. */
#define PIECE 16384
/* Of the budget, for the ends of this file and the beginning of another. */
#define RESERVE 8192
/* Until then what was compressed waits for more; with a tick and a drain it is less than a second. */
#define FLUSH_AFTER_NS 400000000ULL
#define TICKS_PER_CHECK 4

/* All that was written before it can be read, and its tail makes it a whole stream. */
struct flush_point {
	off_t size;
	struct compressor_tail tail;
};

struct rotation {
	struct rotation_settings set;
	struct part_file file;
	struct storage *storage;
	struct compressor *compressor;
	struct text text; /* formatted, not yet compressed */
	size_t kept; /* bytes of text that begin the file, and stay where nothing else fits */
	struct text packed; /* compressed, on its way to the file */
	struct schedule schedule;
	uint64_t start_ns; /* clock__now() */
	struct flush_point flushed;
	bool first, due;
	size_t size; /* of the file */
	uint64_t unflushed; /* bytes that went into the compressor since the last flush */
	uint64_t unflushed_since; /* ns */
	/* events in text, compressed but not flushed, in the file and in all files */
	uint64_t text_events, unflushed_events, file_events, events;
	uint64_t bytes, files, dropped;
	unsigned int ticks;
	int err; /* printed */
};

/* --- telling ---------------------------------------------------------------------- */

static const char *describe(int err)
{
	switch (err) {
	case -EBUSY:
		return "another pping is writing to it; choose another name";
	case -ENOTSUP:
		return "not a regular file: rotation and compression are for files only";
	case -ESTALE:
		return "was removed or moved away while it was being written";
	default:
		return strerror(-err);
	}
}

static void note_leftovers(const struct rotation *r)
{
	char last[PATH_MAX];
	size_t n = part_file__leftovers(r->set.pattern, last, sizeof(last));

	if (!n || r->set.quiet)
		return;
	if (n == 1)
		fprintf(stderr,
			"pping: %s was left unfinished by a run that was killed: it can be read up "
			"to its last second\n",
			last);
	else
		fprintf(stderr,
			"pping: %s and %zu more were left unfinished by runs that were killed: "
			"they "
			"can be read up to their last second\n",
			last, n - 1);
}

static void note_number(const struct rotation *r)
{
	/* later ones are only as close together as they should be */
	if (r->files == 1 && strcmp(r->file.name, r->file.wanted) && !r->set.quiet)
		fprintf(stderr, "pping: %s is taken: writing %s\n", r->file.wanted, r->file.name);
}

/* What does not get into the file is no event of it. */
static uint64_t forget_unwritten(struct rotation *r)
{
	uint64_t lost = r->text_events + r->unflushed_events;

	r->events -= lost;
	r->file_events -= lost;
	r->text_events = r->unflushed_events = 0;
	r->unflushed = 0;
	r->text.len = r->packed.len = r->kept = 0;
	return lost;
}

/* The file is cut back to what can be read; rotation__close() ends it. */
static int fail(struct rotation *r, int err)
{
	uint64_t lost = forget_unwritten(r);

	if (r->err)
		return r->err;
	r->err = err;
	if (r->file.fd >= 0) {
		part_file__cut(&r->file, r->flushed.size);
		r->bytes -= r->size - (size_t)r->flushed.size;
		r->size = (size_t)r->flushed.size;
	}
	fprintf(stderr, "pping: %s: %s", r->file.part, describe(err));
	if (lost)
		fprintf(stderr, ": %" PRIu64 " event%s not written", lost, lost == 1 ? "" : "s");
	fprintf(stderr, "\n");
	return err;
}

/* --- room -------------------------------------------------------------------------- */

/* 0, or what storage__drop_oldest() returns. */
static int drop_oldest(struct rotation *r)
{
	const char *path;
	int err = storage__drop_oldest(r->storage, &path);

	if (err)
		return err;
	if (!r->dropped++ && !r->set.quiet)
		fprintf(stderr,
			"pping: dropped %s, the oldest; later ones will go without a word\n", path);
	return 0;
}

/* Would len more bytes, and an end, keep within the budget? */
static bool fits(const struct rotation *r, size_t len)
{
	return storage__bytes(r->storage) + r->size + RESERVE +
		       compressor__bound(r->set.compressor, r->unflushed + len) <=
	       r->set.budget;
}

static int write_packed(struct rotation *r)
{
	size_t sent = 0;
	int err;

	if (r->packed.failed)
		return fail(r, -ENOMEM);
	do {
		err = part_file__write(&r->file, r->packed.data + sent, r->packed.len - sent,
				       &sent);
	} while ((err == -ENOSPC || err == -EDQUOT) && r->set.drop_oldest && !drop_oldest(r));
	r->size += sent;
	r->bytes += sent;
	r->packed.len = 0;
	return err ? fail(r, err) : 0;
}

static int flush_compressor(struct rotation *r)
{
	int err = compressor__flush(r->compressor, &r->packed);

	if (err)
		return fail(r, err);
	err = write_packed(r);
	if (err)
		return err;
	r->flushed.size = (off_t)r->size;
	compressor__tail(r->compressor, &r->flushed.tail);
	r->unflushed = 0;
	r->unflushed_events = 0;
	return 0;
}

/* 0, ROTATION_SPENT or a negative errno. The compressor's bound is far off until it is flushed. */
static int make_room(struct rotation *r, size_t len)
{
	int err;

	if (!r->set.budget || fits(r, len))
		return 0;
	if (r->unflushed) {
		err = flush_compressor(r);
		if (err || fits(r, len))
			return err;
	}
	storage__look(r->storage);
	while (!fits(r, len)) {
		err = r->set.drop_oldest ? drop_oldest(r) : -ENOENT;
		if (err)
			return err == -ENOENT ? ROTATION_SPENT : fail(r, err);
	}
	return 0;
}

/* --- records ------------------------------------------------------------------------ */

/* The text into the compressor and what comes out into the file. */
static int pack(struct rotation *r)
{
	int err;

	if (r->text.failed)
		return fail(r, -ENOMEM);
	if (!r->unflushed)
		r->unflushed_since = clock__now();
	err = compressor__write(r->compressor, r->text.data, r->text.len, &r->packed);
	if (err)
		return fail(r, err);
	r->unflushed += r->text.len;
	r->unflushed_events += r->text_events;
	r->text_events = 0;
	r->text.len = r->kept = 0;
	err = write_packed(r);
	if (!err && r->set.compressor == COMPRESSOR_NONE)
		err = flush_compressor(r);
	return err;
}

int rotation__flush(struct rotation *r)
{
	int err = r->err;

	if (err) {
		forget_unwritten(r);
		return err;
	}
	if (!r->text.len)
		return 0;
	err = make_room(r, r->text.len);
	if (err == ROTATION_SPENT) {
		r->events -= r->text_events;
		r->file_events -= r->text_events;
		r->text_events = 0;
		r->text.len = r->kept;
	}
	if (!err)
		err = pack(r);
	if (!err && r->set.size && r->size >= r->set.size)
		r->due = true;
	return err;
}

void rotation__begun(struct rotation *r)
{
	r->kept = r->text.len;
}

int rotation__wrote_record(struct rotation *r, bool event)
{
	if (r->err) {
		r->text.len = 0;
		return r->err;
	}
	r->first = false;
	r->text_events += event;
	r->file_events += event;
	r->events += event;
	return r->text.len >= PIECE ? rotation__flush(r) : 0;
}

/* With relative times the end of a file must not tell the time of day. */
static struct schedule_time time_now(const struct rotation *r, struct tm *tm)
{
	uint64_t now = clock__now();
	time_t wall = time(NULL);

	localtime_r(&wall, tm);
	if (r->set.relative_time)
		return (struct schedule_time){ (int64_t)((now - r->start_ns) / PPING_NS_PER_SEC), 0,
					       now };
	return (struct schedule_time){ wall, tm->tm_gmtoff, now };
}

int rotation__tick(struct rotation *r)
{
	struct tm tm;
	struct schedule_time now;
	int err = rotation__flush(r);

	if (err)
		return err;
	now = time_now(r, &tm);
	if (r->unflushed && now.mono_ns - r->unflushed_since >= FLUSH_AFTER_NS)
		err = flush_compressor(r);
	if (!err && ++r->ticks % TICKS_PER_CHECK == 0) {
		/* or all of it would have to be waited for at the end */
		part_file__sync_soon(&r->file);
		err = part_file__check(&r->file);
	}
	if (err)
		return fail(r, err);
	if (r->set.interval_s && schedule__is_over(&r->schedule, &now))
		r->due = true;
	return 0;
}

bool rotation__is_due(const struct rotation *r)
{
	return r->due && !r->err;
}

bool rotation__is_overdue(const struct rotation *r)
{
	return rotation__is_due(r) && r->set.size && r->size >= 2 * r->set.size;
}

/* --- files --------------------------------------------------------------------------- */

static int create(struct rotation *r, const struct tm *tm)
{
	char name[PATH_MAX];
	int err = file_name__expand(name, sizeof(name), r->set.pattern, tm);

	if (err) {
		snprintf(r->file.part, sizeof(r->file.part), "%.1000s", r->set.pattern);
		return err;
	}
	do {
		err = part_file__create(&r->file, name, !r->files);
	} while (err == -ENOSPC && r->set.drop_oldest && !drop_oldest(r));
	return err;
}

/* Prints what goes wrong. */
static int begin_file(struct rotation *r)
{
	struct tm tm;
	struct schedule_time now = time_now(r, &tm);
	int err = create(r, &tm);

	if (err) {
		fprintf(stderr, "pping: %s: %s\n", r->file.part, describe(err));
		r->err = err;
		return err;
	}
	r->first = true;
	r->due = false;
	r->files++;
	r->size = 0;
	r->file_events = 0;
	r->flushed = (struct flush_point){ 0 };
	if (r->set.interval_s)
		schedule__begin(&r->schedule, r->set.interval_s, &now);
	note_number(r);
	if (r->set.format->begin)
		r->set.format->begin(&r->text);
	return 0;
}

static int publish(struct rotation *r)
{
	int err = part_file__publish(&r->file);

	if (err) {
		fprintf(stderr, "pping: %s: can't be called %s: %s\n", r->file.part, r->file.name,
			describe(err));
		return err;
	}
	if (r->set.budget || r->set.drop_oldest)
		err = storage__add(r->storage, r->file.name);
	if (r->set.finished)
		r->set.finished(r->set.ctx, r->file.name);
	return err;
}

/* The reserve of the budget is for this. */
static int end_file(struct rotation *r)
{
	int err;

	if (r->set.format->end)
		r->set.format->end(&r->text);
	err = r->text.len ? pack(r) : 0;
	if (err)
		return err;
	err = compressor__end(r->compressor, &r->packed);
	if (err)
		return fail(r, err);
	err = write_packed(r);
	if (err)
		return err;
	r->unflushed = 0;
	r->unflushed_events = 0;
	err = publish(r);
	if (err)
		r->err = err;
	return err;
}

int rotation__next(struct rotation *r)
{
	int err = r->err ? r->err : end_file(r);

	return err ? err : begin_file(r);
}

/*
 * After an error: the stream is ended at a flush point, and another one behind it
 * holds the text, which is what should stand at the end of the file. False: no room.
 */
static bool end_cut_file(struct rotation *r)
{
	const struct flush_point *point = &r->flushed;
	size_t sent = 0;
	bool ended;

	r->packed.len = 0;
	text__append(&r->packed, point->tail.bytes, point->tail.len);
	if (r->text.len) {
		compressor__write(r->compressor, r->text.data, r->text.len, &r->packed);
		compressor__end(r->compressor, &r->packed);
	}
	ended = !part_file__write(&r->file, r->packed.data, r->packed.len, &sent);
	if (!ended)
		part_file__cut(&r->file, point->size);
	r->bytes += ended ? sent : 0;
	return ended;
}

/* With the record of the run's end if that fits, without it otherwise. */
static void salvage(struct rotation *r)
{
	struct compressor *again;
	size_t record = r->text.len, i;

	if (compressor__new(&again, r->set.compressor))
		return;
	compressor__free(r->compressor);
	r->compressor = again;
	if (!r->flushed.size) {
		part_file__discard(&r->file);
		return;
	}
	if (r->set.format->end)
		r->set.format->end(&r->text);
	for (i = 0; i < 2; i++) {
		if (i) {
			r->text.len -= record;
			memmove(r->text.data, r->text.data + record, r->text.len);
		}
		if (end_cut_file(r)) {
			if (r->err != -ESTALE)
				publish(r);
			return;
		}
	}
	fprintf(stderr, "pping: %s: no room to end it: it can be read up to its last second\n",
		r->file.part);
}

int rotation__close(struct rotation *r)
{
	if (!r->err)
		end_file(r);
	if (r->err && r->file.fd >= 0)
		salvage(r);
	part_file__leave(&r->file);
	return r->err;
}

void rotation__discard(struct rotation *r)
{
	part_file__discard(&r->file);
}

void rotation__free(struct rotation *r)
{
	if (!r)
		return;
	part_file__leave(&r->file);
	storage__free(r->storage);
	compressor__free(r->compressor);
	text__free(&r->text);
	text__free(&r->packed);
	free(r);
}

int rotation__open(struct rotation **rotation, const struct rotation_settings *settings)
{
	struct rotation *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (!r)
		return err;
	r->set = *settings;
	r->start_ns = clock__now();
	r->file.fd = -1;
	r->storage = storage__new();
	if (r->storage)
		err = compressor__new(&r->compressor, settings->compressor);
	if (err) {
		fprintf(stderr, "pping: %s: %s\n", settings->pattern, strerror(-err));
	} else {
		note_leftovers(r);
		err = begin_file(r);
	}
	if (err) {
		rotation__free(r);
		return err;
	}
	*rotation = r;
	return 0;
}

/* --- figures --------------------------------------------------------------------------- */

struct text *rotation__text(struct rotation *r)
{
	return &r->text;
}

bool rotation__first(const struct rotation *r)
{
	return r->first;
}

uint64_t rotation__file_events(const struct rotation *r)
{
	return r->file_events;
}

uint64_t rotation__events(const struct rotation *r)
{
	return r->events;
}

uint64_t rotation__bytes(const struct rotation *r)
{
	return r->bytes;
}

uint64_t rotation__files(const struct rotation *r)
{
	return r->files;
}

uint64_t rotation__dropped(const struct rotation *r)
{
	return r->dropped;
}
