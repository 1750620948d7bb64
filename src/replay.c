// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "aggregate_report.h"
#include "capture.h"
#include "clock.h"
#include "engine_host.h"
#include "replay.h"

/* Packets between two looks at signals, the output and the clock: about a millisecond. */
#define SLICE_PACKETS 4096
/* How soon the reader of a slow output is asked again. */
#define FULL_INTERVAL_NS (5 * PPING_NS_PER_MS)
/* Between two looks at the output while a pipe gives nothing. */
#define WAIT_MS 50
#define PROGRESS_NS (PPING_NS_PER_SEC / 2)

/*
 * Several CPUs deliver to one tap: neighbours may be out of order by this much.
 * They are taken as of one time, which an RTT shows. What is earlier still is
 * passed over: its RTTs would be wrong.
 */
#define DISORDER_NS PPING_NS_PER_MS

struct replay {
	const struct options *options;
	struct sink *sink;
	struct engine_host *engine;
	struct capture *capture;
	struct aggregate_report *report; /* NULL without --aggregate */
	uint64_t report_ns; /* packet time of the next one */
	int ready_fd; /* always readable */
	int signal_fd; /* readable while a signal asks us to end */
	struct loop_source *ready, *full_timer;
	bool begun, progress_shown, show_progress;
	uint64_t start_ns, end_ns; /* of our own run, CLOCK_MONOTONIC */
	uint64_t shown_ns; /* the last progress line */
	uint64_t first_ns, last_ns; /* packet times */
	uint64_t disordered, passed_over; /* packets */
	uint64_t disorder_ns, furthest_ns; /* the furthest that one of either went back */
	uint64_t first_passed_over; /* number of that packet in the capture */
};

/* --- progress --------------------------------------------------------------------------- */

/* On a terminal, unless the data go there. */
static bool wants_progress(const struct options *options)
{
	bool data_elsewhere = options->write_path && strcmp(options->write_path, "-");

	return !options->quiet && isatty(STDERR_FILENO) &&
	       (data_elsewhere || !isatty(STDOUT_FILENO));
}

static void show_progress(struct replay *r)
{
	uint64_t now = clock__now(), spent = now - r->start_ns;
	struct capture_progress p;

	if (now - r->shown_ns < PROGRESS_NS)
		return;
	r->shown_ns = now;
	r->progress_shown = true;
	capture__progress(r->capture, &p);
	fprintf(stderr, "\rpping: ");
	if (p.size)
		fprintf(stderr, "%" PRIu64 " %% read, ",
			(uint64_t)(100.0 * (double)p.position / (double)p.size));
	fprintf(stderr, "%" PRIu64 " packets, %" PRIu64 " RTTs, %.1f million packets/s\033[K",
		p.packets, (uint64_t)engine_host__counters(r->engine)->n[PPING_COUNT_RTTS],
		(double)p.packets * 1e3 / (double)spent);
}

static void clear_progress(struct replay *r)
{
	if (r->progress_shown)
		fprintf(stderr, "\r\033[K");
	r->progress_shown = false;
}

/* --- reading ------------------------------------------------------------------------------ */

static int on_event(void *ctx, const struct pping_event *event)
{
	struct replay *r = ctx;

	return sink__event(r->sink, event);
}

/* False if the frame's time lies too far back. */
static bool keep_time(struct replay *r, const struct engine_frame *f)
{
	struct capture_progress p;
	uint64_t back;

	if (!r->begun) {
		r->begun = true;
		r->first_ns = r->last_ns = f->time_ns;
		sink__start(r->sink, f->time_ns);
	}
	if (f->time_ns >= r->last_ns) {
		r->last_ns = f->time_ns;
		return true;
	}
	back = r->last_ns - f->time_ns;
	if (back <= DISORDER_NS) {
		r->disordered++;
		if (r->disorder_ns < back)
			r->disorder_ns = back;
		return true;
	}
	if (r->furthest_ns < back)
		r->furthest_ns = back;
	if (!r->passed_over++) {
		capture__progress(r->capture, &p);
		r->first_passed_over = p.packets;
	}
	return false;
}

/* --duration */
static bool is_past_the_end(const struct replay *r, const struct engine_frame *f)
{
	return r->options->duration_ns && r->begun && f->time_ns > r->first_ns &&
	       f->time_ns - r->first_ns >= r->options->duration_ns;
}

static int make_report(struct replay *r, uint64_t time_ns)
{
	const struct pping_counters *c = engine_host__counters(r->engine);
	uint64_t present, replied;

	engine_host__flows(r->engine, &present, &replied);
	return aggregate_report__make(r->report, time_ns, c,
				      c->n[PPING_COUNT_FLOWS_CREATED] -
					      c->n[PPING_COUNT_FLOWS_REMOVED] - present);
}

/* Before a packet that is of a later interval than the last one. Intervals without a packet have no report. */
static int report_if_due(struct replay *r)
{
	uint64_t interval = r->options->aggregate_ns;
	int err;

	if (!r->report_ns)
		r->report_ns = r->first_ns + interval;
	if (r->last_ns < r->report_ns)
		return 0;
	engine_host__advance(r->engine, r->report_ns); /* what ends by then belongs to it */
	err = make_report(r, r->report_ns);
	r->report_ns += ((r->last_ns - r->report_ns) / interval + 1) * interval;
	return err;
}

static int take_frame(struct replay *r, const struct engine_frame *frame)
{
	int err = 0;

	if (!keep_time(r, frame))
		return 0;
	if (r->report)
		err = report_if_due(r);
	return err ? err : engine_host__packet(r->engine, frame);
}

static int read_slice(struct replay *r)
{
	struct engine_frame frame;
	int more = 1, err = 0;

	for (int i = 0; i < SLICE_PACKETS && more > 0 && !err; i++) {
		more = capture__next(r->capture, &frame);
		if (more > 0 && is_past_the_end(r, &frame))
			return LOOP_STOP;
		if (more > 0)
			err = take_frame(r, &frame);
	}
	if (err || more < 0)
		return err ? err : more;
	return more ? 0 : LOOP_STOP;
}

static int on_ready(void *ctx, uint32_t epoll_events)
{
	struct replay *r = ctx;
	int err, flushed;

	(void)epoll_events;
	if (sink__full(r->sink)) {
		err = loop__watch(r->ready, 0);
		return err ? err : loop__timer_set(r->full_timer, FULL_INTERVAL_NS);
	}
	err = read_slice(r);
	if (r->show_progress)
		show_progress(r);
	flushed = sink__flush(r->sink);
	return err < 0 ? err : flushed ? flushed : err;
}

static int on_full_timer(void *ctx, uint64_t expirations)
{
	struct replay *r = ctx;
	int err;

	(void)expirations;
	if (sink__full(r->sink))
		return 0;
	err = loop__timer_set(r->full_timer, 0);
	return err ? err : loop__watch(r->ready, EPOLLIN);
}

/* The capture comes out of a pipe that is empty: what we have goes out, and a signal ends the input. */
static int wait_for_input(void *ctx, int fd)
{
	struct replay *r = ctx;
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = r->signal_fd, .events = POLLIN },
	};

	int ready;

	/* again and again: a FIFO may get its reader now */
	do {
		if (sink__flush(r->sink))
			return 1;
		ready = poll(fds, 2, WAIT_MS);
	} while (!ready || (ready < 0 && errno == EINTR));
	if (ready < 0)
		return -errno;
	return fds[1].revents != 0;
}

/* --- begin and end -------------------------------------------------------------------------- */

static int start_engine(struct replay *r, const struct rules *rules)
{
	const struct options *o = r->options;
	struct engine_host_settings set = {
		.config = {
			.rate_limit_ns = o->rate_limit_ns,
			.rtt_rate = o->rtt_rate,
			.pressure_limit = pping_pressure_limit(o->max_flows),
			.use_srtt = o->use_srtt,
			.track_tcp = o->track_tcp,
			.track_icmp = o->track_icmp,
			.include_local = o->include_local,
			.include_syn = o->include_syn,
			.counters = o->counters,
			.aggregate = o->aggregate_ns != 0,
			.aggregate_reverse = o->aggregate_reverse,
			.no_rtt_events = o->no_rtt_events,
			.no_flow_events = o->no_flow_events,
			.max_prefixes = o->max_prefixes + PPING_PREFIX_FIRST,
			.prefix_mask4 = options__prefix_mask(o->aggregate_bits4, 0),
			.prefix_mask6 = { options__prefix_mask(o->aggregate_bits6, 0),
					  options__prefix_mask(o->aggregate_bits6, 1) },
		},
		.max_flows = o->max_flows,
		.local = o->local,
		.locals = o->locals,
		.rules = rules,
		.ctx = r,
		.event = on_event,
	};
	int err = engine_host__new(&r->engine, &set);

	if (err)
		fprintf(stderr, "pping: no memory for %u flows (--max-flows)%s\n", o->max_flows,
			o->aggregate_ns ? " or their prefixes (--max-prefixes)" : "");
	return err;
}

static int start_aggregating(struct replay *r)
{
	struct aggregate_tables tables;

	if (!r->options->aggregate_ns)
		return 0;
	engine_host__prefixes(r->engine, &tables);
	return aggregate_report__new(&r->report, r->options, &tables, r->sink);
}

/* The loop's signals are blocked, and stay pending for it. */
static int watch_signals(struct replay *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd < 0 ? -errno : 0;
}

static int start(struct replay *r, const struct rules *rules, struct loop *loop)
{
	struct capture_settings set = {
		.path = r->options->read_path,
		.filter = r->options->filter,
		.wait = wait_for_input,
		.ctx = r,
	};
	int err = watch_signals(r);

	if (!err)
		err = capture__open(&r->capture, &set);
	if (!err)
		err = start_engine(r, rules);
	if (!err)
		err = start_aggregating(r);
	if (err)
		return err;
	r->ready_fd = eventfd(1, EFD_CLOEXEC);
	if (r->ready_fd < 0)
		return -errno;
	err = loop__timer(loop, 0, on_full_timer, r, &r->full_timer);
	return err ? err : loop__add(loop, r->ready_fd, EPOLLIN, on_ready, r, &r->ready);
}

int replay__new(struct replay **replay, struct loop *loop, const struct options *options,
		const struct rules *rules, struct sink *sink)
{
	struct replay *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->options = options;
	r->sink = sink;
	r->ready_fd = r->signal_fd = -1;
	r->show_progress = wants_progress(options);
	r->start_ns = r->shown_ns = clock__now();
	err = start(r, rules, loop);
	if (err) {
		replay__free(r);
		return err;
	}
	*replay = r;
	return 0;
}

int replay__finish(struct replay *r)
{
	int err = 0;

	clear_progress(r);
	if (r->report && r->begun)
		err = make_report(r, r->last_ns);
	r->end_ns = clock__now();
	if (err || !r->passed_over)
		return err;
	fprintf(stderr,
		"pping: %s: time goes back at packet %" PRIu64 ": %" PRIu64
		" packets were passed over, up to %" PRIu64 ".%03" PRIu64
		" s behind; reordercap may help\n",
		capture__name(r->capture), r->first_passed_over, r->passed_over,
		(uint64_t)(r->furthest_ns / PPING_NS_PER_SEC),
		(uint64_t)(r->furthest_ns % PPING_NS_PER_SEC / PPING_NS_PER_MS));
	return -EILSEQ;
}

void replay__summary(const struct replay *r, struct summary *s)
{
	struct capture_progress p;

	capture__progress(r->capture, &p);
	memset(s, 0, sizeof(*s));
	s->capture = true;
	s->interface = capture__name(r->capture);
	s->elapsed_ns = r->last_ns - r->first_ns;
	s->reading_ns = (r->end_ns ? r->end_ns : clock__now()) - r->start_ns;
	s->include_local = r->options->include_local;
	s->filtered = p.filtered;
	s->disordered = r->disordered;
	s->disorder_ns = r->disorder_ns;
	s->passed_over = r->passed_over;
	s->counters = *engine_host__counters(r->engine);
	engine_host__flows(r->engine, &s->present, &s->present_replied);
	s->counted_present = true;
	s->evicted = s->counters.n[PPING_COUNT_FLOWS_CREATED] -
		     s->counters.n[PPING_COUNT_FLOWS_REMOVED] - s->present;
	s->records = sink__records(r->sink);
}

void replay__counters(const struct replay *r, struct pping_counters *counters)
{
	*counters = *engine_host__counters(r->engine);
}

void replay__free(struct replay *r)
{
	if (!r)
		return;
	clear_progress(r);
	loop__remove(r->ready);
	loop__remove(r->full_timer);
	if (r->ready_fd >= 0)
		close(r->ready_fd);
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	aggregate_report__free(r->report);
	engine_host__free(r->engine);
	capture__free(r->capture);
	free(r);
}
