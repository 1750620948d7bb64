// SPDX-License-Identifier: GPL-2.0-or-later
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output_file.h"
#include "pending.h"

#define PENDING_LIMIT (4U << 20)
/* How often a reader is looked for at the end. */
#define LOOK_MS 20
/* A reader that comes and goes all the time is told of once in this. */
#define TELL_MS 60000

struct output {
	const struct format *format;
	char *path; /* NULL: stdout */
	struct output_file file;
	struct pending pending; /* its place is where the last greeting begins, or the file */
	uint64_t events; /* written, or on their way */
	bool first;
	bool begun; /* format->begin is out, format->end is due */
	bool lasting; /* a FIFO by its name, in lines: readers may come and go */
	bool was_read; /* it had one */
	output_greet_fn greet; /* NULL: readers are not greeted */
	void *greet_ctx;
	bool told; /* that the reader went away */
	int64_t told_ms; /* when last; 0: never */
	int err; /* why nothing goes out any more, printed */
};

static const char *describe(int err)
{
	switch (err) {
	case -EPIPE:
	case -ECONNRESET:
		return "reader went away";
	case -ETIMEDOUT:
		return "reader too slow";
	case -ENXIO:
		return "nobody reads it: start its reader first";
	case -EEXIST:
		return "exists already and can't be appended to";
	case -EBUSY:
		return "another pping is writing to it";
	case -EPROTOTYPE:
		return "is no FIFO any more";
	default:
		return strerror(-err);
	}
}

static void complain(const struct output *out, int err, const char *more)
{
	fprintf(stderr, "pping: %s: %s%s\n", out->path ? out->path : "standard output",
		describe(err), more);
}

/* How much of what is out may be wanted again: what a pipe holds goes with its reader. */
static size_t wanted_again(const struct output *out)
{
	return out->lasting && out->file.fd >= 0 ? output_file__capacity(&out->file) : 0;
}

/* *written grows by what of format->end reached the file. */
static int write_end(struct output *out, size_t *written)
{
	struct text end = { 0 };
	int err;

	if (!out->format->end || !out->begun)
		return 0;
	out->format->end(&end);
	err = end.failed ? -ENOMEM : output_file__write(&out->file, end.data, end.len, written);
	text__free(&end);
	return err;
}

struct loss {
	size_t records;
	size_t events; /* among these */
	size_t bytes;
};

static void add_loss(struct loss *lost, const struct pending_record *record)
{
	lost->records++;
	lost->events += record->event;
}

/*
 * After a failed write to a regular file: make it end in a whole record, and
 * close it as its format wants, if need be in the room of its last record,
 * which is then lost too. False: something is torn or open.
 */
static bool repair(struct output *out, size_t kept, struct loss *lost)
{
	size_t torn = out->pending.sent - pending__end(&out->pending, kept), end = 0;
	struct pending_record last = pending__record(&out->pending, kept);

	lost->bytes =
		pending__end(&out->pending, out->pending.count) - pending__end(&out->pending, kept);
	if (output_file__cut(&out->file, torn))
		return false;
	if (!write_end(out, &end))
		return true;
	if (output_file__cut(&out->file, end + last.end) || !last.end)
		return false;
	add_loss(lost, &last);
	lost->bytes += last.end;
	return !write_end(out, &end);
}

/* Say why nothing goes out any more, and what is lost: bytes mean something only with records. */
static int fail(struct output *out, int err)
{
	size_t kept = pending__within(&out->pending, out->pending.sent), i;
	struct loss lost = { .bytes = pending__end(&out->pending, out->pending.count) -
				      out->pending.sent };
	char more[128] = "";
	bool whole;
	int len = 0;

	for (i = kept; i < out->pending.count; i++)
		add_loss(&lost, &out->pending.records[i]);
	whole = !output_file__is_regular(&out->file) || repair(out, kept, &lost);
	out->events -= lost.events;
	if (lost.records)
		len = snprintf(more, sizeof(more), ": %zu record%s (%zu bytes) not written",
			       lost.records, lost.records == 1 ? "" : "s", lost.bytes);
	if (!whole)
		snprintf(more + len, sizeof(more) - (size_t)len, "; the file has no proper end");
	complain(out, err, more);
	pending__clear(&out->pending);
	out->err = err;
	return err;
}

/* --- readers that come and go ------------------------------------------------------------ */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void tell(struct output *out, bool away)
{
	int64_t now = now_ms();

	if (away ? out->told_ms && now - out->told_ms < TELL_MS : !out->told)
		return;
	if (away && out->was_read)
		out->told_ms = now;
	out->told = away;
	fprintf(stderr, "pping: %s: %s\n", out->path,
		!away		? "has a reader now"
		: out->was_read ? "its reader went away; waiting for another one"
				: "nobody reads it yet; waiting for a reader");
}

/*
 * Whoever reads next begins with the first record that this reader did not have as a
 * whole. Closing empties the pipe; opening it again is for a later call, so that
 * the descriptor is seen to change.
 */
static void leave(struct output *out)
{
	size_t unread = output_file__unread(&out->file);
	size_t had = out->pending.sent > unread ? out->pending.sent - unread : 0;

	out->pending.sent = pending__end(&out->pending, pending__within(&out->pending, had));
	output_file__close(&out->file);
	tell(out, true);
}

/* Unless what it begins with is just that. 0 or -ENOMEM. */
static int greet_reader(struct output *out)
{
	struct text greeting = { 0 };
	int err = 0;

	if (!out->greet || out->pending.sent == out->pending.place)
		return 0;
	out->greet(out->greet_ctx, &greeting);
	if (greeting.failed)
		err = -ENOMEM;
	else if (greeting.len)
		err = pending__put_in_front(&out->pending, greeting.data, greeting.len);
	if (!err)
		out->pending.place = out->pending.sent;
	text__free(&greeting);
	return err;
}

/* 0 if it has a reader, 1 if not, or a negative errno. */
static int find_reader(struct output *out)
{
	int err;

	if (out->file.fd >= 0) {
		if (!output_file__is_deserted(&out->file))
			return 0;
		leave(out);
		return 1;
	}
	err = output_file__open_fifo(&out->file, out->path);
	if (err == -ENXIO)
		return 1;
	if (err)
		return err;
	if (out->was_read)
		err = greet_reader(out);
	out->was_read = true;
	tell(out, false);
	return err;
}

static size_t left_of(const struct output *out)
{
	return out->pending.text.len - out->pending.sent;
}

/* 0 when all went out, 1 when some is left, or a negative errno. */
static int write_pending(struct output *out)
{
	int err = out->lasting ? find_reader(out) : 0;

	if (err)
		return err < 0 ? err : left_of(out) != 0;
	if (left_of(out))
		err = output_file__write(&out->file, out->pending.text.data + out->pending.sent,
					 left_of(out), &out->pending.sent);
	if (err == -EPIPE && out->lasting) {
		leave(out);
		err = 1;
	}
	return err;
}

/* --- writing ------------------------------------------------------------------------------ */

int output__flush(struct output *out)
{
	int err = out->err;

	if (err) {
		pending__clear(&out->pending);
		return err;
	}
	err = write_pending(out);
	if (err >= 0 && out->pending.text.failed)
		err = -ENOMEM;
	if (err < 0)
		return fail(out, err);
	pending__forget_sent(&out->pending, wanted_again(out));
	return err;
}

/* A file that we just created and that can't hold what it should. */
static void remove_created(const struct output *out, const struct output_file *file)
{
	if (out->path && !out->format->appendable && output_file__is_regular(file))
		unlink(out->path);
}

/* 0 or a negative errno; a pipe may have taken nothing yet. */
static int begin_file(struct output *out)
{
	int err;

	out->first = true;
	out->begun = false;
	out->pending.last = (struct pending_record){ 0 };
	out->pending.place = out->pending.text.len;
	if (out->format->begin)
		out->format->begin(&out->pending.text);
	out->pending.marked = out->pending.text.len;
	err = output__flush(out);
	if (err < 0) {
		remove_created(out, &out->file);
		return err;
	}
	out->begun = true;
	return 0;
}

static int end_file(struct output *out)
{
	if (out->format->end)
		out->format->end(&out->pending.text);
	return output__flush(out);
}

void output__free(struct output *out)
{
	if (!out)
		return;
	pending__free(&out->pending);
	free(out->path);
	free(out);
}

/* A FIFO is left and found again by its name, if a reader can begin with any line. */
static int open_named(struct output *out)
{
	bool lines = out->format->appendable;
	int err = output_file__open(&out->file, out->path, !lines);

	if ((err && err != -ENXIO) || !lines || !output_file__is_named_fifo(&out->file, out->path))
		return err;
	out->lasting = true;
	out->was_read = !err;
	if (err) {
		tell(out, true);
		return 0;
	}
	err = output_file__claim(&out->file);
	if (err)
		output_file__close(&out->file);
	return err;
}

int output__open(struct output **result, const char *path, const struct format *format)
{
	struct output *out = calloc(1, sizeof(*out));
	int err = -ENOMEM;

	*result = NULL;
	if (!out)
		goto out_of_memory;
	out->format = format;
	if (path && strcmp(path, "-")) {
		out->path = strdup(path);
		if (!out->path)
			goto out_of_memory;
		err = open_named(out);
	} else {
		err = output_file__open_stdout(&out->file);
	}
	if (err) {
		complain(out, err, err == -EEXIST ? ": choose another name or format" : "");
		goto err_release;
	}
	err = begin_file(out);
	if (err)
		goto err_close;
	*result = out;
	return 0;

err_close:
	output_file__close(&out->file);
err_release:
	output__free(out);
	return err;
out_of_memory:
	fprintf(stderr, "pping: %s\n", strerror(-err));
	free(out);
	return err;
}

void output__greet(struct output *out, output_greet_fn fn, void *ctx)
{
	out->greet = fn;
	out->greet_ctx = ctx;
}

struct text *output__text(struct output *out)
{
	return &out->pending.text;
}

bool output__first(const struct output *out)
{
	return out->first;
}

void output__wrote_record(struct output *out, bool event)
{
	int added = out->err ? 0 : pending__add(&out->pending, event);

	if (added < 0)
		out->pending.text.failed = true;
	if (added <= 0)
		return; /* nothing goes out; or the format has nothing to say of it */
	out->first = false;
	out->events += event;
}

uint64_t output__events(const struct output *out)
{
	return out->events;
}

int output__poll_fd(const struct output *out)
{
	return left_of(out) && !output_file__is_regular(&out->file) ? out->file.fd : -1;
}

int output__reader_fd(const struct output *out)
{
	return out->lasting ? out->file.fd : -1;
}

bool output__full(const struct output *out)
{
	return left_of(out) >= PENDING_LIMIT;
}

/* The file system may say only now that data is lost. */
static int close_file(struct output *out)
{
	int err = output_file__close(&out->file);

	if (!err || out->err)
		return out->err;
	complain(out, err, "");
	out->err = err;
	return err;
}

int output__reopen(struct output *out)
{
	struct output_file file;
	int err;

	if (!out->path || !output_file__is_regular(&out->file))
		return out->err;
	err = output__flush(out);
	if (err)
		return err;
	err = output_file__open(&file, out->path, !out->format->appendable);
	if (err) {
		complain(out, err, "; going on with the old file");
		return 0;
	}
	err = end_file(out);
	if (err) {
		remove_created(out, &file);
		output_file__close(&file);
		return err;
	}
	err = close_file(out);
	out->file = file;
	return err ? err : begin_file(out);
}

/* 0 to try again, -EINTR too, or why there is no use. */
static int wait_for_room(struct output *out, int64_t left_ms)
{
	if (out->file.fd >= 0)
		return left_ms > 0 ? output_file__wait(&out->file, (int)left_ms) : -ETIMEDOUT;
	if (left_ms <= 0)
		return out->was_read ? -EPIPE : -ENXIO;
	poll(NULL, 0, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
	return 0;
}

/* Nothing tells when it has been read: look now and then. False: its time is over, and it is there. */
static bool wait_for_reading(struct output *out, int64_t left_ms)
{
	if (!out->lasting || out->file.fd < 0 || left_ms <= 0 || !output_file__unread(&out->file))
		return false;
	poll(NULL, 0, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
	return true;
}

/* All that is pending, and what a FIFO holds is read; 0 or a negative errno (printed). */
static int flush_last(struct output *out, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	int err = output__flush(out);

	while (err == 1 || (!err && wait_for_reading(out, deadline - now_ms()))) {
		if (err) {
			err = wait_for_room(out, deadline - now_ms());
			if (err && err != -EINTR)
				return fail(out, err);
		}
		err = output__flush(out);
	}
	return err;
}

int output__discard(struct output *out)
{
	if (out->first)
		remove_created(out, &out->file);
	return output__close(out, 0);
}

int output__close(struct output *out, int timeout_ms)
{
	if (!out->err && out->format->end)
		out->format->end(&out->pending.text);
	if (!out->err)
		flush_last(out, timeout_ms);
	return close_file(out);
}
