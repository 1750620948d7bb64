// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anonymize.h"
#include "clock.h"
#include "fields.h"
#include "format.h"
#include "outlet.h"
#include "privileges.h"
#include "sink.h"

struct sink {
	const struct options *options;
	const struct format *format;
	struct format_settings settings;
	struct outlet *outlet;
	struct anonymize *anonymize; /* NULL: nothing is to be done */
	struct run_source source; /* once it runs */
	struct clock_map clock;
	bool wall; /* events' timestamps are of the wall clock already */
	bool started; /* start_ns is known, which is all that --relative-time wants of a clock */
	uint64_t start_ns; /* on the events' clock */
	uint64_t reached_ns; /* in events' time */
	bool described; /* this file says what its aggregates are */
	uint64_t rtts;
};

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

static bool has_run_records(const struct sink *s)
{
	return s->options->run_records || s->options->rotating;
}

static void on_file_begins(void *ctx)
{
	struct sink *s = ctx;
	struct run_file file;

	if (outlet__first(s->outlet)) /* or it is the old file, because a new one can't be opened */
		s->described = false;
	if (!has_run_records(s))
		return;
	outlet__file(s->outlet, &file);
	run_record__begin(outlet__text(s->outlet), s->options, &s->source, file.number,
			  record_time(s), outlet__first(s->outlet));
}

/* What it would know if it had read from the beginning. */
static void on_reader(void *ctx, struct text *to)
{
	struct sink *s = ctx;
	struct run_file file;

	outlet__file(s->outlet, &file);
	if (has_run_records(s))
		run_record__begin(to, s->options, &s->source, file.number, record_time(s), false);
	if (s->described)
		s->format->aggregation(to, &s->settings, wall_time(s, s->reached_ns), false);
}

static void on_file_ends(void *ctx, bool last)
{
	struct sink *s = ctx;
	struct run_file file;

	if (!has_run_records(s))
		return;
	outlet__file(s->outlet, &file);
	file.last = last;
	run_record__end(outlet__text(s->outlet), s->options, &s->source, &file, record_time(s),
			outlet__first(s->outlet));
}

/* --- begin and end ------------------------------------------------------------------------ */

static void release(struct sink *s)
{
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

static int open_outlet(struct sink *s, struct loop *loop)
{
	struct outlet_settings set = {
		.options = s->options,
		.format = s->format,
		.loop = loop,
		.ctx = s,
		.begins = on_file_begins,
		.ends = on_file_ends,
		.greets = on_reader,
	};

	return outlet__open(&s->outlet, &set);
}

int sink__open(struct sink **sink, const struct options *options, struct loop *loop)
{
	struct sink *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		fprintf(stderr, "pping: no memory for the output\n");
		return -ENOMEM;
	}
	s->options = options;
	s->format = format__find(options->format);
	s->settings.counters = options->counters;
	s->settings.relative_time = options->relative_time;
	s->settings.fields = options->fields;
	s->settings.options = options;
	s->wall = options->read_path != NULL;
	clock__init(&s->clock);
	if (!s->wall)
		sink__start(s, clock__now());
	err = open_anonymize(s, options);
	if (!err)
		err = open_outlet(s, loop);
	if (err) {
		release(s);
		return err;
	}
	*sink = s;
	return 0;
}

int sink__begin(struct sink *s, const struct run_source *source)
{
	s->source = *source;
	sink__reached(s, clock__now());
	return outlet__begin(s->outlet);
}

int sink__close(struct sink *s, int timeout_ms, struct plan *plan)
{
	int err;

	sink__reached(s, clock__now());
	err = outlet__close(s->outlet, timeout_ms, plan);
	release(s);
	return err;
}

int sink__discard(struct sink *s)
{
	int err = outlet__discard(s->outlet);

	release(s);
	return err;
}

/* --- events ------------------------------------------------------------------------------- */

/* Each file says first what its aggregates are. 0 or a negative errno. */
static int describe_aggregation(struct sink *s, uint64_t wall)
{
	struct text *text;
	size_t before;

	if (!s->options->aggregate_ns || s->described || !s->format->aggregation)
		return 0;
	s->described = true;
	text = outlet__text(s->outlet);
	before = text->len;
	s->format->aggregation(text, &s->settings, wall, outlet__first(s->outlet));
	return outlet__wrote(s->outlet, OUTLET_NOTE, before);
}

/* Told where several interfaces may be, or if asked for; of one all that is seen is seen there. */
static void find_interface(struct sink *s, const struct pping_event *event)
{
	bool wanted = s->options->several || s->options->fields & FIELD_BIT(INTERFACE);

	s->settings.interface =
		wanted && s->source.interface ? s->source.interface(s->source.ctx, event->interface)
					      : NULL;
}

/* An event that has been formatted, or for which the format has no form. 0 or a negative errno. */
static int wrote_event(struct sink *s, const struct pping_event *event, const struct text *text,
		       size_t before)
{
	bool lost = event->type == PPING_EVENT_LOST;

	if (text->len == before) {
		if (lost) /* it must be known */
			fprintf(stderr, "pping: lost %" PRIu64 " events\n", (uint64_t)event->lost);
	} else if (event->type == PPING_EVENT_RTT && ++s->rtts == s->options->count) {
		outlet__complete(s->outlet);
	}
	return outlet__wrote(s->outlet, lost ? OUTLET_NOTE : OUTLET_EVENT, before);
}

int sink__event(struct sink *s, const struct pping_event *event)
{
	uint64_t wall = wall_time(s, event->timestamp);
	struct text *text = outlet__text(s->outlet);
	struct pping_event anonymous;
	size_t before;
	int err;

	if (outlet__is_complete(s->outlet)) {
		if (event->type != PPING_EVENT_LOST && outlet__is_spent(s->outlet))
			outlet__leave_out(s->outlet, OUTLET_EVENT);
		return 0;
	}
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
	s->format->event(text, &s->settings, event, wall, outlet__first(s->outlet));
	return wrote_event(s, event, text, before);
}

int sink__status(struct sink *s, const struct status *status)
{
	uint64_t wall = wall_time(s, status->to.mono_ns);
	struct text *text = outlet__text(s->outlet);
	size_t before;
	int err;

	if (outlet__is_complete(s->outlet))
		return 0;
	err = describe_aggregation(s, wall);
	if (err)
		return err;
	before = text->len;
	status__put(text, s->format, &s->settings, status, wall, outlet__first(s->outlet));
	return outlet__wrote(s->outlet, OUTLET_NOTE, before);
}

/* --- aggregates ----------------------------------------------------------------------------- */

/*
 * Before a row or totals are formatted. After --count they are still of use; where there
 * is no room for them they are counted. 1, 0 for not wanted, or a negative errno.
 */
static int begin_row(struct sink *s, uint64_t wall, uint64_t time_ns)
{
	int err;

	if (outlet__is_spent(s->outlet)) {
		outlet__leave_out(s->outlet, OUTLET_ROW);
		return 0;
	}
	sink__reached(s, time_ns);
	err = describe_aggregation(s, wall);
	return err ? err : 1;
}

int sink__row(struct sink *s, const struct aggregate_row *row, uint64_t time_ns)
{
	uint64_t wall = wall_time(s, time_ns);
	struct text *text = outlet__text(s->outlet);
	size_t before;
	int err = begin_row(s, wall, time_ns);

	if (err <= 0)
		return err;
	outlet__hold(s->outlet, true);
	before = text->len;
	s->format->row(text, &s->settings, row, wall, outlet__first(s->outlet));
	return outlet__wrote(s->outlet, OUTLET_ROW, before);
}

int sink__totals(struct sink *s, const struct format_totals *totals, uint64_t time_ns)
{
	uint64_t wall = wall_time(s, time_ns);
	struct text *text = outlet__text(s->outlet);
	size_t before;
	int err = begin_row(s, wall, time_ns);

	outlet__hold(s->outlet, false);
	if (err <= 0)
		return err;
	before = text->len;
	s->format->totals(text, &s->settings, totals, wall, outlet__first(s->outlet));
	return outlet__wrote(s->outlet, OUTLET_ROW, before);
}

/* --- the rest --------------------------------------------------------------------------- */

int sink__flush(struct sink *s)
{
	return outlet__flush(s->outlet);
}

int sink__reopen(struct sink *s)
{
	return outlet__reopen(s->outlet);
}

bool sink__full(const struct sink *s)
{
	return outlet__full(s->outlet);
}

uint64_t sink__records(const struct sink *s)
{
	return outlet__events(s->outlet);
}

void sink__plan(const struct sink *s, struct plan *plan)
{
	outlet__plan(s->outlet, plan);
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
