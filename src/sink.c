// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "anonymize.h"
#include "clock.h"
#include "fields.h"
#include "format.h"
#include "output.h"
#include "sink.h"

/* A report has megabytes: it goes out in pieces of this, if it can, and is not held as a whole. */
#define ROWS_PIECE (64 << 10)

struct sink {
	const struct format *format;
	struct format_settings settings;
	struct output *output;
	struct anonymize *anonymize; /* NULL: nothing is to be done */
	struct clock_map clock;
	bool wall; /* events' timestamps are of the wall clock already */
	bool started; /* start_ns is known, which is all that --relative-time wants of a clock */
	uint64_t start_ns; /* on the events' clock */
	struct loop *loop;
	struct loop_source *writable; /* while something is pending */
	int watched_fd;
	uint64_t records;
};

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

int sink__open(struct sink **sink, const struct options *options, struct loop *loop)
{
	struct sink *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->format = format__find(options->format);
	s->settings.counters = options->counters;
	s->settings.relative_time = options->relative_time;
	s->settings.fields = options->fields;
	s->settings.options = options;
	s->loop = loop;
	s->watched_fd = -1;
	s->wall = options->read_path != NULL;
	clock__init(&s->clock);
	if (!s->wall)
		sink__start(s, clock__now());
	err = open_anonymize(s, options);
	if (!err)
		err = output__open(&s->output, options->write_path, s->format);
	if (err) {
		release(s);
		return err;
	}
	*sink = s;
	return 0;
}

void sink__start(struct sink *s, uint64_t start_ns)
{
	if (s->started)
		return;
	s->started = true;
	s->start_ns = start_ns;
}

int sink__close(struct sink *s, int timeout_ms)
{
	int err;

	loop__remove(s->writable);
	err = output__close(s->output, timeout_ms);
	release(s);
	return err;
}

int sink__discard(struct sink *s)
{
	int err;

	loop__remove(s->writable);
	err = output__discard(s->output);
	release(s);
	return err;
}

/* The time to print, in ns: since 1970, or since the start. */
static uint64_t wall_time(struct sink *s, uint64_t time_ns)
{
	if (s->settings.relative_time)
		return time_ns > s->start_ns ? time_ns - s->start_ns : 0;
	return s->wall ? time_ns : clock__wall(&s->clock, time_ns);
}

static int out_of_memory(void)
{
	fprintf(stderr, "pping: out of memory for the output\n");
	return -ENOMEM;
}

/* Each file says first what its aggregates are. */
static void describe_aggregation(struct sink *s, uint64_t wall)
{
	if (!s->settings.options->aggregate_ns || !output__first(s->output) ||
	    !s->format->aggregation)
		return;
	s->format->aggregation(output__text(s->output), &s->settings, wall, true);
	output__wrote_record(s->output);
}

int sink__event(struct sink *s, const struct pping_event *event)
{
	uint64_t wall = wall_time(s, event->timestamp);
	struct text *text = output__text(s->output);
	struct pping_event anonymous;
	size_t before;

	/* whatever is written of an event comes behind this */
	if (s->anonymize) {
		anonymous = *event;
		anonymize__event(s->anonymize, &anonymous);
		event = &anonymous;
	}
	describe_aggregation(s, wall);
	before = text->len;
	s->format->event(text, &s->settings, event, wall, output__first(s->output));
	if (text->failed)
		return out_of_memory();
	if (text->len != before) {
		output__wrote_record(s->output);
		s->records += event->type != PPING_EVENT_LOST;
	} else if (event->type == PPING_EVENT_LOST) {
		/* the format has no form for it, and it must be known */
		fprintf(stderr, "pping: lost %" PRIu64 " events\n", (uint64_t)event->lost);
	}
	return 0;
}

int sink__row(struct sink *s, const struct aggregate_row *row, uint64_t time_ns)
{
	uint64_t wall = wall_time(s, time_ns);
	struct text *text = output__text(s->output);
	size_t before = text->len;

	describe_aggregation(s, wall);
	s->format->row(text, &s->settings, row, wall, output__first(s->output));
	output__wrote_record(s->output);
	if (text->failed)
		return out_of_memory();
	return text->len / ROWS_PIECE == before / ROWS_PIECE ? 0 : sink__flush(s);
}

int sink__totals(struct sink *s, const struct format_totals *totals, uint64_t time_ns)
{
	uint64_t wall = wall_time(s, time_ns);

	describe_aggregation(s, wall);
	s->format->totals(output__text(s->output), &s->settings, totals, wall,
			  output__first(s->output));
	output__wrote_record(s->output);
	return output__text(s->output)->failed ? out_of_memory() : 0;
}

static int on_writable(void *ctx, uint32_t epoll_events)
{
	(void)epoll_events;
	return sink__flush(ctx);
}

int sink__flush(struct sink *s)
{
	int fd = output__poll_fd(s->output);
	int pending = output__flush(s->output);

	if (pending < 0)
		return pending;
	if (!pending || (s->writable && fd != s->watched_fd)) {
		loop__remove(s->writable);
		s->writable = NULL;
	}
	if (!pending || s->writable)
		return 0;
	s->watched_fd = output__poll_fd(s->output);
	return loop__add(s->loop, s->watched_fd, EPOLLOUT, on_writable, s, &s->writable);
}

bool sink__full(const struct sink *s)
{
	return output__full(s->output);
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
	return s->settings.options->anonymity.method != ANONYMIZE_NONE;
}

void sink__name_prefix(struct sink *s, const union pping_addr *addr, uint8_t ip_version,
		       uint8_t bits, char *name)
{
	anonymize__prefix(s->anonymize, addr, ip_version, bits, name);
}

int sink__reopen(struct sink *s)
{
	/* what is pending belongs to the old file; its fd may go with it */
	loop__remove(s->writable);
	s->writable = NULL;
	return output__reopen(s->output);
}

uint64_t sink__records(const struct sink *s)
{
	return s->records;
}
