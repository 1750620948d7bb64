// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "anonymize.h"
#include "clock.h"
#include "commands.h"
#include "fields.h"
#include "format.h"
#include "output.h"
#include "privileges.h"
#include "rotation.h"
#include "sink.h"

/* What was written until then says how much an hour will be. */
#define PLAN_AFTER_NS (10 * PPING_NS_PER_SEC)
/* A disk that will be full so soon is worth a warning. */
#define WARN_S 600
/* How long the last command of --on-rotate is waited for. */
#define LAST_COMMAND_MS 30000
/* How often a FIFO without a reader is tried again. */
#define RETRY_NS (50 * PPING_NS_PER_MS)
/* A report has megabytes: it goes out in pieces of this, if it can, and is not held as a whole. */
#define ROWS_PIECE (64 << 10)

struct sink {
	const struct options *options;
	const struct format *format;
	struct format_settings settings;
	struct output *output; /* either this */
	struct rotation *rotation; /* or that */
	struct commands *commands;
	struct anonymize *anonymize; /* NULL: nothing is to be done */
	struct run_source source; /* once it runs */
	bool begun;
	bool run_records;
	struct clock_map clock;
	bool wall; /* events' timestamps are of the wall clock already */
	bool started; /* start_ns is known, which is all that --relative-time wants of a clock */
	uint64_t start_ns; /* on the events' clock */
	struct loop *loop;
	struct loop_source *writable; /* while something is pending */
	struct loop_source *retry; /* and nobody reads */
	struct loop_source *tick;
	int watched_fd;
	uint64_t files; /* begun, if not by the rotation */
	uint64_t records; /* events that were formatted */
	uint64_t records_before; /* this file */
	bool described; /* this file says what its aggregates are */
	bool reporting; /* a report is on its way: a file holds it as a whole */
	uint64_t file_rows; /* of reports, in this file */
	uint64_t text_rows; /* of these formatted and not yet let go of */
	uint64_t rtts;
	uint64_t event_bytes, formatted; /* bytes of events, and of all but what is about the run */
	uint64_t reached_ns; /* in events' time */
	uint64_t begun_ns; /* monotonic */
	bool is_file; /* there is something to plan */
	bool planned, warned;
	bool complete; /* it has what was asked for */
	bool spent; /* or the budget is used up */
	uint64_t left_out; /* events after that */
	uint64_t left_out_rows; /* and of reports */
};

/* --- either kind of output ---------------------------------------------------------- */

static inline struct text *text_of(struct sink *s)
{
	return s->rotation ? rotation__text(s->rotation) : output__text(s->output);
}

static inline bool is_first(const struct sink *s)
{
	return s->rotation ? rotation__first(s->rotation) : output__first(s->output);
}

static void use_up(struct sink *s)
{
	if (!s->complete && !s->options->quiet)
		fprintf(stderr, "pping: --max-storage is used up: ending\n");
	s->complete = s->spent = true;
	s->left_out_rows += s->text_rows;
	s->text_rows = 0;
}

/* To be called after whatever may have taken the text into the file. */
static void note_packed(struct sink *s)
{
	if (s->rotation && !text_of(s)->len)
		s->text_rows = 0;
}

/* 0 or a negative errno. */
static int wrote_record(struct sink *s, bool event)
{
	int err;

	s->records += event;
	if (!s->rotation) {
		output__wrote_record(s->output);
		return 0;
	}
	err = rotation__wrote_record(s->rotation, event);
	if (err == ROTATION_SPENT)
		use_up(s);
	note_packed(s);
	return err < 0 ? err : 0;
}

static int out_of_memory(void)
{
	fprintf(stderr, "pping: out of memory for the output\n");
	return -ENOMEM;
}

/* --- times ------------------------------------------------------------------------------ */

void sink__start(struct sink *s, uint64_t start_ns)
{
	if (s->started)
		return;
	s->started = true;
	s->start_ns = start_ns;
}

/* The time to print, in ns: since 1970, or since the start. */
static uint64_t wall_time(struct sink *s, uint64_t time_ns)
{
	if (s->settings.relative_time)
		return time_ns > s->start_ns ? time_ns - s->start_ns : 0;
	return s->wall ? time_ns : clock__wall(&s->clock, time_ns);
}

void sink__reached(struct sink *s, uint64_t mono_ns)
{
	if (!s->wall && s->reached_ns < mono_ns)
		s->reached_ns = mono_ns;
}

/* --- records about the run -------------------------------------------------------------- */

/*
 * A capture's run record has no time: it would be that of the reading, and the
 * output would differ from one reading to the next.
 */
static uint64_t record_time(struct sink *s)
{
	return s->wall ? FORMAT_NO_TIME : wall_time(s, s->reached_ns);
}

static uint64_t file_number(const struct sink *s)
{
	return s->rotation ? rotation__files(s->rotation) : s->files;
}

static int put_begin(struct sink *s)
{
	struct text *text = text_of(s);
	size_t before = text->len;
	int err = 0;

	s->files++;
	s->records_before = s->records;
	s->file_rows = s->text_rows = 0;
	if (is_first(s)) /* or it is the old file, because a new one can't be opened */
		s->described = false;
	if (s->run_records)
		run_record__begin(text, s->options, &s->source, file_number(s), record_time(s),
				  is_first(s));
	if (text->len != before)
		err = wrote_record(s, false);
	if (s->rotation)
		rotation__begun(s->rotation);
	return err;
}

static void put_end(struct sink *s, bool last)
{
	struct text *text = text_of(s);
	size_t before = text->len;
	struct run_file file = {
		.number = file_number(s),
		.events = s->rotation ? rotation__file_events(s->rotation)
				      : s->records - s->records_before,
		.total_events = sink__records(s),
		.last = last,
	};

	if (!s->run_records || !s->begun)
		return;
	run_record__end(text, s->options, &s->source, &file, record_time(s), is_first(s));
	/* not handed to the rotation as a record: there is room for it beyond the budget */
	if (text->len != before && !s->rotation)
		output__wrote_record(s->output);
}

/* --- planning ---------------------------------------------------------------------------- */

static bool is_regular(const struct options *options)
{
	struct stat st;

	return options->write_path && strcmp(options->write_path, "-") &&
	       !stat(options->write_path, &st) && S_ISREG(st.st_mode);
}

void sink__plan(const struct sink *s, struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->known = s->is_file && s->begun;
	if (!plan->known)
		return;
	plan->elapsed_ns = s->wall ? 0 : clock__now() - s->begun_ns;
	plan->events = sink__records(s);
	plan->event_bytes = s->event_bytes;
	plan->formatted = s->formatted;
	plan->bytes = s->rotation ? rotation__bytes(s->rotation) : s->formatted;
	plan->files = file_number(s);
	plan->dropped = s->rotation ? rotation__dropped(s->rotation) : 0;
	plan->free = plan__free_space(s->options->write_path);
	plan->budget = s->options->max_storage;
	plan->drop_oldest = s->options->drop_oldest;
}

static void tell_plan(struct sink *s)
{
	struct plan plan;
	char bytes[32];

	if (s->options->quiet || s->wall || clock__now() - s->begun_ns < PLAN_AFTER_NS)
		return;
	sink__plan(s, &plan);
	if (!s->planned && plan.formatted && plan.bytes) {
		s->planned = true;
		plan__print(stderr, &plan);
	}
	if (!s->warned && !plan.budget && plan__lasts_s(&plan) < WARN_S) {
		s->warned = true;
		fprintf(stderr,
			"pping: %s are left for %s: less than ten minutes at the rate so far\n",
			plan__bytes(bytes, sizeof(bytes), (double)plan.free),
			s->options->write_path);
	}
}

static void check_room(const struct sink *s)
{
	uint64_t space = plan__free_space(s->options->write_path);
	char budget[32], left[32];

	if (s->options->quiet || space == UINT64_MAX || s->options->max_storage <= space)
		return;
	fprintf(stderr, "pping: --max-storage is %s, and %s are free\n",
		plan__bytes(budget, sizeof(budget), (double)s->options->max_storage),
		plan__bytes(left, sizeof(left), (double)space));
}

/* --- files that follow one another ---------------------------------------------------------- */

static void on_finished(void *ctx, const char *path)
{
	struct sink *s = ctx;

	if (s->commands)
		commands__add(s->commands, path);
}

static int change_file(struct sink *s)
{
	int err = rotation__flush(s->rotation);

	if (err == ROTATION_SPENT)
		use_up(s);
	note_packed(s);
	if (err)
		return err < 0 ? err : 0;
	put_end(s, false);
	err = rotation__next(s->rotation);
	return err ? err : put_begin(s);
}

/* Between events and reports; but one that is larger than files should be must not use the budget up alone. */
static int change_if_due(struct sink *s)
{
	if (!s->rotation || s->complete || !rotation__is_due(s->rotation))
		return 0;
	if (s->reporting && !(s->options->drop_oldest && rotation__is_overdue(s->rotation)))
		return 0;
	return change_file(s);
}

static int on_tick(void *ctx, uint64_t expirations)
{
	struct sink *s = ctx;
	int err = 0;

	(void)expirations;
	if (s->rotation)
		err = rotation__tick(s->rotation);
	if (err == ROTATION_SPENT)
		use_up(s);
	note_packed(s);
	if (err >= 0)
		err = change_if_due(s);
	tell_plan(s);
	return err < 0 ? err : s->complete ? LOOP_STOP : 0;
}

static int open_rotation(struct sink *s)
{
	static const enum compressor_kind kinds[] = {
		[COMPRESS_NONE] = COMPRESSOR_NONE,
		[COMPRESS_ZSTD] = COMPRESSOR_ZSTD,
		[COMPRESS_GZIP] = COMPRESSOR_GZIP,
	};
	const struct options *o = s->options;
	struct rotation_settings set = {
		.pattern = o->write_path,
		.format = s->format,
		.compressor = kinds[o->compress],
		.size = o->rotate_size,
		.interval_s = o->rotate_interval_s,
		.budget = o->max_storage,
		.drop_oldest = o->drop_oldest,
		.quiet = o->quiet,
		.relative_time = o->relative_time,
		.ctx = s,
		.finished = on_finished,
	};
	int err = 0;

	s->is_file = true;
	s->run_records = true;
	check_room(s);
	if (o->on_rotate)
		err = commands__new(&s->commands, s->loop, o->on_rotate);
	return err ? err : rotation__open(&s->rotation, &set);
}

/* --- begin and end ------------------------------------------------------------------------ */

static void release(struct sink *s)
{
	loop__remove(s->tick);
	loop__remove(s->writable);
	loop__remove(s->retry);
	rotation__free(s->rotation);
	commands__free(s->commands);
	anonymize__free(s->anonymize);
	free(s);
}

static int open_anonymize(struct sink *s, const struct options *options)
{
	struct anonymize_settings set = {
		.anonymity = options->anonymity,
		.flow_id = options->fields & FIELD_BIT(FLOW_ID),
		.scopes = options->fields & FIELDS_SCOPES,
	};
	int err;

	if (set.anonymity.method == ANONYMIZE_NONE && !set.flow_id && !set.scopes)
		return 0;
	err = anonymize__new(&s->anonymize, &set);
	if (err)
		return err;
	s->settings.addresses = anonymize__addresses(s->anonymize);
	s->settings.note = anonymize__note(s->anonymize);
	return 0;
}

static int open_output(struct sink *s)
{
	int err;

	if (s->options->rotating)
		return open_rotation(s);
	err = output__open(&s->output, s->options->write_path, s->format);
	s->is_file = !err && is_regular(s->options);
	return err;
}

int sink__open(struct sink **sink, const struct options *options, struct loop *loop)
{
	struct sink *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->options = options;
	s->format = format__find(options->format);
	s->settings.counters = options->counters;
	s->settings.relative_time = options->relative_time;
	s->settings.fields = options->fields;
	s->settings.options = options;
	s->run_records = options->run_records;
	s->loop = loop;
	s->watched_fd = -1;
	s->wall = options->read_path != NULL;
	clock__init(&s->clock);
	if (!s->wall)
		sink__start(s, clock__now());
	err = open_anonymize(s, options);
	if (!err)
		err = open_output(s);
	if (err) {
		release(s);
		return err;
	}
	*sink = s;
	return 0;
}

int sink__begin(struct sink *s, const struct run_source *source)
{
	int err;

	s->source = *source;
	s->begun = true;
	s->begun_ns = clock__now();
	if (!s->wall)
		s->reached_ns = s->begun_ns;
	err = put_begin(s);
	if (!err && s->is_file)
		err = loop__timer(s->loop, ROTATION_TICK_NS, on_tick, s, &s->tick);
	return err;
}

static void stop_watching(struct sink *s)
{
	loop__remove(s->writable);
	s->writable = NULL;
	loop__remove(s->retry);
	s->retry = NULL;
}

/* Of the rotation the last piece may be what the budget does not hold. */
static int close_rotation(struct sink *s)
{
	int err;

	if (rotation__flush(s->rotation) == ROTATION_SPENT)
		use_up(s);
	put_end(s, true);
	err = rotation__close(s->rotation);
	if (s->commands)
		commands__finish(s->commands, LAST_COMMAND_MS);
	return err;
}

static void tell_left_out(const struct sink *s)
{
	if (s->left_out)
		fprintf(stderr, "pping: %" PRIu64 " events did not fit into --max-storage\n",
			s->left_out);
	if (s->left_out_rows)
		fprintf(stderr,
			"pping: %" PRIu64 " rows of aggregates did not fit into --max-storage\n",
			s->left_out_rows);
}

int sink__close(struct sink *s, int timeout_ms, struct plan *plan)
{
	int err;

	loop__remove(s->tick);
	s->tick = NULL;
	stop_watching(s);
	if (!s->wall)
		s->reached_ns = clock__now();
	if (s->rotation) {
		err = close_rotation(s);
	} else {
		put_end(s, true);
		err = output__close(s->output, timeout_ms);
	}
	sink__plan(s, plan);
	s->left_out += s->records - sink__records(s);
	if (s->spent && !s->options->quiet)
		tell_left_out(s);
	release(s);
	return err;
}

int sink__discard(struct sink *s)
{
	int err = 0;

	if (s->rotation)
		rotation__discard(s->rotation);
	else
		err = output__discard(s->output);
	release(s);
	return err;
}

/* --- events ------------------------------------------------------------------------------- */

static bool is_wanted(struct sink *s, const struct pping_event *event)
{
	if (s->spent && event->type != PPING_EVENT_LOST)
		s->left_out++;
	return !s->complete;
}

/* Each file says first what its aggregates are. 0 or a negative errno. */
static int describe_aggregation(struct sink *s, uint64_t wall)
{
	struct text *text = text_of(s);
	size_t before = text->len;

	if (!s->options->aggregate_ns || s->described || !s->format->aggregation)
		return 0;
	s->described = true;
	s->format->aggregation(text, &s->settings, wall, is_first(s));
	s->formatted += text->len - before;
	return wrote_record(s, false);
}

/* Told where several interfaces may be, or if asked for; of one all that is seen is seen there. */
static void find_interface(struct sink *s, const struct pping_event *event)
{
	bool wanted = s->options->several || s->options->fields & FIELD_BIT(INTERFACE);

	s->settings.interface =
		wanted && s->source.interface ? s->source.interface(s->source.ctx, event->interface)
					      : NULL;
}

/* 0 or a negative errno. */
static int count_event(struct sink *s, const struct pping_event *event)
{
	int err = wrote_record(s, event->type != PPING_EVENT_LOST);

	if (event->type == PPING_EVENT_RTT && ++s->rtts == s->options->count)
		s->complete = true;
	return err ? err : change_if_due(s);
}

int sink__event(struct sink *s, const struct pping_event *event)
{
	uint64_t wall = wall_time(s, event->timestamp);
	struct text *text = text_of(s);
	struct pping_event anonymous;
	size_t before;
	int err;

	if (!is_wanted(s, event))
		return 0;
	s->reached_ns = event->timestamp;
	/* whatever is written of an event comes behind this */
	if (s->anonymize) {
		anonymous = *event;
		anonymize__event(s->anonymize, &anonymous);
		event = &anonymous;
	}
	err = describe_aggregation(s, wall);
	if (err)
		return err;
	find_interface(s, event);
	before = text->len;
	s->format->event(text, &s->settings, event, wall, is_first(s));
	if (text->failed)
		return out_of_memory();
	if (text->len != before) {
		s->event_bytes += text->len - before;
		s->formatted += text->len - before;
		return count_event(s, event);
	}
	if (event->type == PPING_EVENT_LOST)
		/* the format has no form for it, and it must be known */
		fprintf(stderr, "pping: lost %" PRIu64 " events\n", (uint64_t)event->lost);
	return 0;
}

int sink__status(struct sink *s, const struct status *status)
{
	uint64_t wall = wall_time(s, status->to.mono_ns);
	struct text *text = text_of(s);
	size_t before;
	int err;

	if (s->complete)
		return 0;
	err = describe_aggregation(s, wall);
	if (err)
		return err;
	before = text->len;
	status__put(text, s->format, &s->settings, status, wall, is_first(s));
	s->formatted += text->len - before;
	return text->len == before ? 0 : wrote_record(s, false);
}

/* --- flushing ------------------------------------------------------------------------------ */

static int on_writable(void *ctx, uint32_t epoll_events)
{
	(void)epoll_events;
	return sink__flush(ctx);
}

static int on_retry(void *ctx, uint64_t expirations)
{
	(void)expirations;
	return sink__flush(ctx);
}

/* Be called again when fd takes more, or where there is none yet after a while. */
static int watch(struct sink *s, int fd)
{
	if (fd == s->watched_fd && (s->writable || s->retry))
		return 0;
	stop_watching(s);
	s->watched_fd = fd;
	if (fd < 0)
		return loop__timer(s->loop, RETRY_NS, on_retry, s, &s->retry);
	return loop__add(s->loop, fd, EPOLLOUT, on_writable, s, &s->writable);
}

static int flush_output(struct sink *s)
{
	int pending = output__flush(s->output);

	if (pending < 0)
		return pending;
	if (pending)
		return watch(s, output__poll_fd(s->output));
	stop_watching(s);
	return 0;
}

static int flush_rotation(struct sink *s)
{
	int err = rotation__flush(s->rotation);

	if (err == ROTATION_SPENT)
		use_up(s);
	note_packed(s);
	return err < 0 ? err : change_if_due(s);
}

int sink__flush(struct sink *s)
{
	int err = s->rotation ? flush_rotation(s) : flush_output(s);

	return err < 0 ? err : s->complete ? LOOP_STOP : 0;
}

/* --- aggregates ----------------------------------------------------------------------------- */

/*
 * Before a row or totals are formatted. After --count they are still of use; where there
 * is no room for them they are counted. 1, 0 for not wanted, or a negative errno.
 */
static int begin_row(struct sink *s, uint64_t wall, uint64_t time_ns)
{
	int err;

	if (s->spent) {
		s->left_out_rows++;
		return 0;
	}
	sink__reached(s, time_ns);
	err = describe_aggregation(s, wall);
	return err ? err : 1;
}

/* before: where in the text it begins. 0 or a negative errno. */
static int end_row(struct sink *s, size_t before)
{
	struct text *text = text_of(s);
	int err;

	if (text->failed)
		return out_of_memory();
	s->formatted += text->len - before;
	s->file_rows++;
	s->text_rows++;
	err = wrote_record(s, false);
	return err ? err : change_if_due(s);
}

int sink__row(struct sink *s, const struct aggregate_row *row, uint64_t time_ns)
{
	uint64_t wall = wall_time(s, time_ns);
	struct text *text = text_of(s);
	size_t before;
	int err = begin_row(s, wall, time_ns);

	if (err <= 0)
		return err;
	s->reporting = true;
	before = text->len;
	s->format->row(text, &s->settings, row, wall, is_first(s));
	err = end_row(s, before);
	if (err || s->rotation || text->len / ROWS_PIECE == before / ROWS_PIECE)
		return err;
	/* --count may be reached: the report goes on */
	return flush_output(s);
}

int sink__totals(struct sink *s, const struct format_totals *totals, uint64_t time_ns)
{
	uint64_t wall = wall_time(s, time_ns);
	struct text *text = text_of(s);
	size_t before;
	int err = begin_row(s, wall, time_ns);

	s->reporting = false;
	if (err <= 0)
		return err;
	before = text->len;
	s->format->totals(text, &s->settings, totals, wall, is_first(s));
	return end_row(s, before);
}

/* --- the rest --------------------------------------------------------------------------- */

bool sink__full(const struct sink *s)
{
	return s->output && output__full(s->output);
}

void sink__check_clock(struct sink *s)
{
	int64_t step;

	if (s->settings.relative_time)
		return;
	if (clock__check(&s->clock, &step))
		fprintf(stderr, "pping: the clock was set %s by %" PRId64 ".%03" PRId64 " s\n",
			step < 0 ? "back" : "forward", (step < 0 ? -step : step) / 1000000000,
			(step < 0 ? -step : step) / 1000000 % 1000);
}

bool sink__anonymizes(const struct sink *s)
{
	return s->options->anonymity.method != ANONYMIZE_NONE;
}

void sink__name_prefix(struct sink *s, const union pping_addr *addr, uint8_t ip_version,
		       uint8_t bits, char *name)
{
	anonymize__prefix(s->anonymize, addr, ip_version, bits, name);
}

static int reopen_output(struct sink *s)
{
	int err;

	if (s->is_file)
		put_end(s, false);
	/* what is pending belongs to the old file; its fd may go with it */
	stop_watching(s);
	err = output__reopen(s->output);
	if (!err && s->is_file)
		err = put_begin(s);
	/* or what a slow reader has not taken would wait for ever: nobody watches for it now */
	return err ? err : flush_output(s);
}

int sink__reopen(struct sink *s)
{
	if (!s->rotation)
		return reopen_output(s);
	/* a storm of signals makes no storm of files */
	if (s->complete || (!rotation__file_events(s->rotation) && !s->file_rows))
		return 0;
	return change_file(s);
}

uint64_t sink__records(const struct sink *s)
{
	return s->rotation ? rotation__events(s->rotation) : s->records;
}

uint64_t sink__capabilities(const struct sink *s)
{
	const char *path = s->options->write_path;
	uint64_t set = 0;

	/* the next file may be in a directory of somebody else: root writes there */
	if (path && strcmp(path, "-"))
		set |= PRIVILEGES_BIT(CAP_DAC_OVERRIDE);
	/* what is allocated later is locked too, or refused: secret.h */
	if (s->anonymize)
		set |= PRIVILEGES_BIT(CAP_IPC_LOCK);
	return set;
}
