// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/outlet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "src/clock.h"
#include "src/commands.h"
#include "src/output.h"
#include "src/rotation.h"

/* How long the last command of --on-rotate is waited for. */
#define LAST_COMMAND_MS 30000
/* How often a FIFO without a reader is tried again. */
#define RETRY_NS (50 * PPING_NS_PER_MS)
/* A report has megabytes: it goes out in pieces of this, if it can, and is not held as a whole. */
#define PIECE (64 << 10)

struct outlet {
	struct outlet_settings set;
	const struct options *options;
	struct output *output; /* either this */
	struct rotation *rotation; /* or that */
	struct commands *commands; /* NULL: none */
	struct loop_source *ready; /* while something is pending, or a FIFO's reader may go away */
	struct loop_source *retry; /* while something is pending and nobody reads */
	struct loop_source *tick;
	int watched_fd;
	uint32_t watched_for;
	bool is_file; /* there is something to plan */
	bool begun;
	bool reporting; /* a report is on its way: a file holds it as a whole */
	bool complete; /* it has what was asked for */
	bool spent; /* or the budget is used up */
	uint64_t begun_ns; /* monotonic */
	struct plan_told told;
	uint64_t files; /* begun, if not by the rotation */
	uint64_t events; /* that were formatted */
	uint64_t events_before; /* this file, in the output */
	uint64_t file_rows; /* of reports, in this file */
	uint64_t text_rows; /* of these formatted and not yet let go of */
	uint64_t event_bytes, formatted; /* bytes of events, and of all but what is about the run */
	uint64_t left_out; /* events for which there was no room */
	uint64_t left_out_rows; /* and of reports */
};

/* --- either kind ------------------------------------------------------------------------- */

struct text *outlet__text(struct outlet *o)
{
	return o->rotation ? rotation__text(o->rotation) : output__text(o->output);
}

bool outlet__first(const struct outlet *o)
{
	return o->rotation ? rotation__first(o->rotation) : output__first(o->output);
}

bool outlet__full(const struct outlet *o)
{
	return o->output && output__full(o->output);
}

uint64_t outlet__events(const struct outlet *o)
{
	return o->rotation ? rotation__events(o->rotation) : output__events(o->output);
}

void outlet__file(const struct outlet *o, struct run_file *file)
{
	*file = (struct run_file){
		.number = o->rotation ? rotation__files(o->rotation) : o->files,
		.events = o->rotation ? rotation__file_events(o->rotation)
				      : outlet__events(o) - o->events_before,
		.total_events = outlet__events(o),
	};
}

/* --- what it is to hold ------------------------------------------------------------------ */

void outlet__complete(struct outlet *o)
{
	o->complete = true;
}

bool outlet__is_complete(const struct outlet *o)
{
	return o->complete;
}

bool outlet__is_spent(const struct outlet *o)
{
	return o->spent;
}

void outlet__leave_out(struct outlet *o, enum outlet_record what)
{
	o->left_out += what == OUTLET_EVENT;
	o->left_out_rows += what == OUTLET_ROW;
}

void outlet__hold(struct outlet *o, bool reporting)
{
	o->reporting = reporting;
}

static void use_up(struct outlet *o)
{
	if (!o->complete && !o->options->quiet)
		fprintf(stderr, "pping: --max-storage is used up: ending\n");
	o->complete = o->spent = true;
	o->left_out_rows += o->text_rows;
	o->text_rows = 0;
}

/* After what may have taken the text into the file: ret is what the rotation returned. 0 or a negative errno. */
static int took_text(struct outlet *o, int ret)
{
	if (ret == ROTATION_SPENT)
		use_up(o);
	if (!rotation__text(o->rotation)->len)
		o->text_rows = 0;
	return ret < 0 ? ret : 0;
}

static void tell_left_out(const struct outlet *o)
{
	if (!o->spent || o->options->quiet)
		return;
	if (o->left_out)
		fprintf(stderr, "pping: %" PRIu64 " events did not fit into --max-storage\n",
			o->left_out);
	if (o->left_out_rows)
		fprintf(stderr,
			"pping: %" PRIu64 " rows of aggregates did not fit into --max-storage\n",
			o->left_out_rows);
}

/* --- files that follow one another ------------------------------------------------------- */

static int begin_file(struct outlet *o)
{
	struct text *text = outlet__text(o);
	size_t before = text->len;
	int err = 0;

	o->files++;
	o->events_before = outlet__events(o);
	o->file_rows = o->text_rows = 0;
	o->set.begins(o->set.ctx);
	if (!o->rotation) {
		if (text->len != before)
			output__wrote_record(o->output, false);
		return 0;
	}
	if (text->len != before)
		err = took_text(o, rotation__wrote_record(o->rotation, false));
	rotation__begun(o->rotation);
	return err;
}

static void end_file(struct outlet *o, bool last)
{
	struct text *text = outlet__text(o);
	size_t before = text->len;

	if (o->begun)
		o->set.ends(o->set.ctx, last);
	/* not handed to the rotation as a record: there is room for it beyond the budget */
	if (text->len != before && !o->rotation)
		output__wrote_record(o->output, false);
}

static int change_file(struct outlet *o)
{
	int ret = rotation__flush(o->rotation), err = took_text(o, ret);

	if (ret)
		return err;
	end_file(o, false);
	err = rotation__next(o->rotation);
	return err ? err : begin_file(o);
}

/* Between events and reports; but one that is larger than files should be must not use the budget up alone. */
static int change_if_due(struct outlet *o)
{
	if (!o->rotation || o->complete || !rotation__is_due(o->rotation))
		return 0;
	if (o->reporting && !(o->options->drop_oldest && rotation__is_overdue(o->rotation)))
		return 0;
	return change_file(o);
}

static int on_tick(void *ctx, uint64_t expirations)
{
	struct outlet *o = ctx;
	struct plan plan;
	int err = 0;

	(void)expirations;
	if (o->rotation)
		err = took_text(o, rotation__tick(o->rotation));
	if (!err)
		err = change_if_due(o);
	if (!o->options->quiet) {
		outlet__plan(o, &plan);
		plan__tell(&o->told, &plan, o->options->write_path);
	}
	return err < 0 ? err : o->complete ? LOOP_STOP : 0;
}

/* --- flushing ------------------------------------------------------------------------------ */

static int on_ready(void *ctx, uint32_t epoll_events)
{
	(void)epoll_events;
	return outlet__flush(ctx);
}

static int on_retry(void *ctx, uint64_t expirations)
{
	(void)expirations;
	return outlet__flush(ctx);
}

static void stop_watching(struct outlet *o)
{
	loop__remove(o->ready);
	o->ready = NULL;
	loop__remove(o->retry);
	o->retry = NULL;
}

/* Be called again when fd has such an event, or where there is none yet after a while. */
static int watch(struct outlet *o, int fd, uint32_t epoll_events)
{
	if (fd == o->watched_fd && epoll_events == o->watched_for && (o->ready || o->retry))
		return 0;
	stop_watching(o);
	o->watched_fd = fd;
	o->watched_for = epoll_events;
	if (fd < 0)
		return loop__timer(o->set.loop, RETRY_NS, on_retry, o, &o->retry);
	return loop__add(o->set.loop, fd, epoll_events, on_ready, o, &o->ready);
}

static int flush_output(struct outlet *o)
{
	int pending = output__flush(o->output);

	if (pending < 0)
		return pending;
	if (pending)
		return watch(o, output__poll_fd(o->output), EPOLLOUT);
	/* who takes its place at once would go on where it stopped */
	if (output__reader_fd(o->output) >= 0)
		return watch(o, output__reader_fd(o->output), EPOLLERR);
	stop_watching(o);
	return 0;
}

static int flush_rotation(struct outlet *o)
{
	int err = took_text(o, rotation__flush(o->rotation));

	return err ? err : change_if_due(o);
}

int outlet__flush(struct outlet *o)
{
	int err = o->rotation ? flush_rotation(o) : flush_output(o);

	return err < 0 ? err : o->complete ? LOOP_STOP : 0;
}

/* --- records ------------------------------------------------------------------------------ */

static int wrote_to_rotation(struct outlet *o, enum outlet_record what)
{
	int err = took_text(o, rotation__wrote_record(o->rotation, what == OUTLET_EVENT));

	return err || what == OUTLET_NOTE ? err : change_if_due(o);
}

static int wrote_to_output(struct outlet *o, enum outlet_record what, size_t before)
{
	output__wrote_record(o->output, what == OUTLET_EVENT);
	if (what != OUTLET_ROW || output__text(o->output)->len / PIECE == before / PIECE)
		return 0;
	/* --count may be reached: the report goes on */
	return flush_output(o);
}

int outlet__wrote(struct outlet *o, enum outlet_record what, size_t before)
{
	const struct text *text = outlet__text(o);
	size_t len = text->len - before;

	if (text->failed) {
		fprintf(stderr, "pping: out of memory for the output\n");
		return -ENOMEM;
	}
	if (!len)
		return 0;
	o->formatted += len;
	if (what == OUTLET_EVENT) {
		o->event_bytes += len;
		o->events++;
	}
	if (what == OUTLET_ROW) {
		o->file_rows++;
		o->text_rows++;
	}
	return o->rotation ? wrote_to_rotation(o, what) : wrote_to_output(o, what, before);
}

/* --- SIGHUP ------------------------------------------------------------------------------- */

static int reopen_output(struct outlet *o)
{
	int err;

	if (o->is_file)
		end_file(o, false);
	/* what is pending belongs to the old file; its fd may go with it */
	stop_watching(o);
	err = output__reopen(o->output);
	if (!err && o->is_file)
		err = begin_file(o);
	/* or what a slow reader has not taken would wait for ever: nobody watches for it now */
	return err ? err : flush_output(o);
}

int outlet__reopen(struct outlet *o)
{
	if (!o->rotation)
		return reopen_output(o);
	/* a storm of signals makes no storm of files */
	if (o->complete || (!rotation__file_events(o->rotation) && !o->file_rows))
		return 0;
	return change_file(o);
}

/* --- begin and end ------------------------------------------------------------------------ */

static void release(struct outlet *o)
{
	loop__remove(o->tick);
	stop_watching(o);
	output__free(o->output);
	rotation__free(o->rotation);
	commands__free(o->commands);
	free(o);
}

static void on_finished(void *ctx, const char *path)
{
	struct outlet *o = ctx;

	if (o->commands)
		commands__add(o->commands, path);
}

static int open_rotation(struct outlet *o)
{
	static const enum compressor_kind kinds[] = {
		[COMPRESS_NONE] = COMPRESSOR_NONE,
		[COMPRESS_ZSTD] = COMPRESSOR_ZSTD,
		[COMPRESS_GZIP] = COMPRESSOR_GZIP,
	};
	const struct options *options = o->options;
	struct rotation_settings set = {
		.pattern = options->write_path,
		.format = o->set.format,
		.compressor = kinds[options->compress],
		.size = options->rotate_size,
		.interval_s = options->rotate_interval_s,
		.budget = options->max_storage,
		.drop_oldest = options->drop_oldest,
		.quiet = options->quiet,
		.relative_time = options->relative_time,
		.ctx = o,
		.finished = on_finished,
	};
	int err = 0;

	o->is_file = true;
	if (!options->quiet)
		plan__tell_room(options->write_path, options->max_storage);
	if (options->on_rotate)
		err = commands__new(&o->commands, o->set.loop, options->on_rotate);
	return err ? err : rotation__open(&o->rotation, &set);
}

static bool is_regular(const char *path)
{
	struct stat st;

	return path && strcmp(path, "-") && !stat(path, &st) && S_ISREG(st.st_mode);
}

static int open_output(struct outlet *o)
{
	int err = output__open(&o->output, o->options->write_path, o->set.format);

	if (!err)
		output__greet(o->output, o->set.greets, o->set.ctx);
	o->is_file = !err && is_regular(o->options->write_path);
	return err;
}

int outlet__open(struct outlet **outlet, const struct outlet_settings *settings)
{
	struct outlet *o = calloc(1, sizeof(*o));
	int err;

	if (!o) {
		fprintf(stderr, "pping: no memory for the output\n");
		return -ENOMEM;
	}
	o->set = *settings;
	o->options = settings->options;
	o->watched_fd = -1;
	err = o->options->rotating ? open_rotation(o) : open_output(o);
	if (err) {
		release(o);
		return err;
	}
	*outlet = o;
	return 0;
}

int outlet__begin(struct outlet *o)
{
	int err;

	o->begun = true;
	o->begun_ns = clock__now();
	err = begin_file(o);
	if (!err && o->is_file)
		err = loop__timer(o->set.loop, ROTATION_TICK_NS, on_tick, o, &o->tick);
	return err;
}

/* The last piece may be what the budget does not hold. */
static int close_rotation(struct outlet *o)
{
	int err;

	if (rotation__flush(o->rotation) == ROTATION_SPENT)
		use_up(o);
	end_file(o, true);
	err = rotation__close(o->rotation);
	if (o->commands)
		commands__finish(o->commands, LAST_COMMAND_MS);
	return err;
}

static int close_output(struct outlet *o, int timeout_ms)
{
	end_file(o, true);
	return output__close(o->output, timeout_ms);
}

int outlet__close(struct outlet *o, int timeout_ms, struct plan *plan)
{
	int err;

	stop_watching(o);
	err = o->rotation ? close_rotation(o) : close_output(o, timeout_ms);
	outlet__plan(o, plan);
	o->left_out += o->events - outlet__events(o);
	tell_left_out(o);
	release(o);
	return err;
}

int outlet__discard(struct outlet *o)
{
	int err = 0;

	if (o->rotation)
		rotation__discard(o->rotation);
	else
		err = output__discard(o->output);
	release(o);
	return err;
}

void outlet__plan(const struct outlet *o, struct plan *plan)
{
	const struct options *options = o->options;
	bool live = !options->read_path;

	memset(plan, 0, sizeof(*plan));
	plan->events = outlet__events(o);
	plan->known = o->is_file && o->begun;
	if (!plan->known)
		return;
	plan->elapsed_ns = live ? clock__now() - o->begun_ns : 0;
	plan->event_bytes = o->event_bytes;
	plan->formatted = o->formatted;
	plan->bytes = o->rotation ? rotation__bytes(o->rotation) : o->formatted;
	plan->files = o->rotation ? rotation__files(o->rotation) : o->files;
	plan->dropped = o->rotation ? rotation__dropped(o->rotation) : 0;
	plan->free = plan__free_space(options->write_path);
	plan->budget = options->max_storage;
	plan->drop_oldest = options->drop_oldest;
}
