// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "aggregate_report.h"
#include "clock.h"
#include "events.h"
#include "interfaces.h"
#include "kernel.h"
#include "lookout.h"
#include "mapclean.h"
#include "metrics_server.h"
#include "monitor.h"
#include "pressure.h"
#include "privileges.h"

/* A line appears within this and its processing. */
#define DRAIN_INTERVAL_NS (40 * PPING_NS_PER_MS)
/* How long a CPU may take from reading the clock to handing over its event. */
#define HANDOVER_NS (2 * PPING_NS_PER_MS)
/* Flows that timed out and wait for an output that takes nothing, 7 MB of them; the rest is counted. */
#define WAITING_LIMIT 65536
/* Metrics are at most this old. */
#define METRICS_AGE_NS (5 * PPING_NS_PER_SEC)

struct monitor {
	const struct options *options;
	const struct rules *rules;
	uint64_t rules_ns; /* since when no packet was judged by others */
	struct sink *sink;
	struct kernel *kernel;
	struct events *events;
	struct interfaces *interfaces;
	struct mapclean *clean;
	struct aggregate_report *report; /* NULL without --aggregate */
	struct metrics *metrics; /* and its server: NULL without --metrics */
	struct metrics_server *metrics_server;
	struct loop_source *events_source, *drain_timer, *second_timer;
	struct loop_source *report_timer, *fold_timer;
	struct loop_source *status_timer, *duration_timer;
	struct lookout *lookout; /* NULL without --status */
	struct pressure pressure;
	bool draining; /* events_source is watched */
	bool tell_due; /* losses could not be told while it was not */
	bool finished;
	bool report_due; /* and could not go out: the reader of our output is slow */
	uint64_t start_ns, end_ns;
	uint64_t lost_told;
	struct pping_counters counters; /* as last read */
};

/* --- events --------------------------------------------------------------------- */

static int on_event(void *ctx, const struct pping_event *event)
{
	struct monitor *m = ctx;

	/* it was on its way when the rules changed */
	if (event->timestamp < m->rules_ns && event->type != PPING_EVENT_LOST &&
	    rules__exclude(m->rules, &event->flow))
		return 0;
	if (m->metrics)
		metrics__event(m->metrics, event);
	return sink__event(m->sink, event);
}

static int drain(struct monitor *m, uint64_t horizon)
{
	int err = events__drain(m->events, horizon, on_event, m), flushed;

	sink__reached(m->sink, horizon);
	flushed = sink__flush(m->sink);
	return err ? err : flushed;
}

static int read_counters(struct monitor *m)
{
	int err = kernel__counters(m->kernel, &m->counters);

	if (err)
		fprintf(stderr, "pping: can't read the counters: %s\n", strerror(-err));
	return err;
}

/* Losses belong to the data: whoever reads them alone must know that some are missing. */
static int tell_lost(struct monitor *m)
{
	struct pping_event event = { .type = PPING_EVENT_LOST };
	uint64_t lost = summary__lost(&m->counters);

	if (lost == m->lost_told)
		return 0;
	event.timestamp = clock__now();
	event.lost = lost - m->lost_told;
	m->lost_told = lost;
	return events__add(m->events, &event);
}

/* The output takes something again: what was lost meanwhile lies before all that comes now. */
static int tell_lost_meanwhile(struct monitor *m)
{
	int err = m->tell_due ? read_counters(m) : 0;

	if (!err && m->tell_due)
		err = tell_lost(m);
	m->tell_due = false;
	return err;
}

/* While the reader of our output is slow, events wait in the rings, and what is too much is counted there. */
static int drain_if_wanted(struct monitor *m)
{
	bool wanted = !sink__full(m->sink);

	if (wanted != m->draining) {
		int err = loop__watch(m->events_source, wanted ? EPOLLIN : 0);

		if (!err && wanted)
			err = tell_lost_meanwhile(m);
		if (err)
			return err;
		m->draining = wanted;
	}
	return wanted ? drain(m, clock__now() - HANDOVER_NS) : 0;
}

static int on_events(void *ctx, uint32_t epoll_events)
{
	(void)epoll_events;
	return drain_if_wanted(ctx);
}

static int on_second(void *ctx, uint64_t expirations)
{
	struct monitor *m = ctx;
	int err;

	/* one tick however long we were stopped: flows must not age while nobody looks */
	(void)expirations;
	kernel__tick(m->kernel);
	sink__check_clock(m->sink);
	err = read_counters(m);
	if (err)
		return err;
	pressure__tell(&m->pressure, &m->counters);
	/* nor may news of losses pile up while nobody reads them */
	m->tell_due |= !m->draining;
	return m->draining ? tell_lost(m) : 0;
}

/* --- --status, --duration ----------------------------------------------------------- */

static int tell_status(void *ctx, const struct status *status)
{
	struct monitor *m = ctx;
	/* that of all comes first, and events from before it are out first: records are in order of time */
	int err = status->interface ? 0 : drain(m, status->to.mono_ns);

	return err ? err : sink__status(m->sink, status);
}

static int on_status(void *ctx, uint64_t expirations)
{
	struct monitor *m = ctx;

	(void)expirations;
	/* the output is stuck: a later one tells of the longer time */
	if (sink__full(m->sink))
		return 0;
	return lookout__look(m->lookout, clock__now() - HANDOVER_NS, tell_status, m);
}

static int on_duration(void *ctx, uint64_t expirations)
{
	(void)ctx;
	(void)expirations;
	return LOOP_STOP;
}

static int start_timers(struct monitor *m, struct loop *loop)
{
	const struct options *o = m->options;
	const struct lookout_settings set = {
		.options = o,
		.kernel = m->kernel,
		.interfaces = m->interfaces,
		.clean = m->clean,
	};
	int err = 0;

	if (o->status_interval_ns)
		err = lookout__new(&m->lookout, &set, clock__now() - HANDOVER_NS);
	if (!err && o->status_interval_ns)
		err = loop__timer(loop, o->status_interval_ns, on_status, m, &m->status_timer);
	if (!err && o->duration_ns)
		err = loop__timer(loop, o->duration_ns, on_duration, m, &m->duration_timer);
	return err;
}

/* --- cleaning ------------------------------------------------------------------- */

static int on_timeout_event(void *ctx, const struct pping_event *event)
{
	struct monitor *m = ctx;

	if (!m->draining && events__waiting(m->events) >= WAITING_LIMIT) {
		kernel__count_untaken(m->kernel);
		return 0;
	}
	return events__add(m->events, event);
}

static void on_pass_begins(void *ctx)
{
	struct monitor *m = ctx;

	pressure__pass_begins(&m->pressure);
}

static void on_pass(void *ctx, const struct mapclean_report *pass)
{
	struct monitor *m = ctx;

	pressure__pass_ended(&m->pressure, pass);
	if (m->options->debug_cleanup)
		summary__print_cleanup(stderr, pass);
}

static int start_cleaning(struct monitor *m, struct loop *loop)
{
	struct mapclean_settings settings = {
		.program = kernel__clean_program(m->kernel),
		.flows_fd = kernel__flows_fd(m->kernel),
		.cleanup_fd = kernel__cleanup_fd(m->kernel),
		.max_flows = m->options->max_flows,
		.counters = m->options->counters,
		.interval_ns = m->options->cleanup_interval_ns,
		.ctx = m,
		.announce = on_timeout_event,
		.begins = on_pass_begins,
		.passed = on_pass,
	};

	return mapclean__new(&m->clean, loop, &settings);
}

int monitor__set_rules(struct monitor *m, const struct rules *rules)
{
	int err = kernel__set_rules(m->kernel, rules, m->rules);

	if (err) {
		fprintf(stderr, "pping: can't set new rules: %s; the old ones stay\n",
			strerror(-err));
		return 1;
	}
	m->rules = rules;
	m->rules_ns = clock__now();
	return mapclean__run_pass(m->clean);
}

/* --- aggregates ------------------------------------------------------------------ */

static int make_report(struct monitor *m, uint64_t time_ns)
{
	int err = read_counters(m);

	if (err)
		return err;
	m->report_due = false;
	return aggregate_report__make(m->report, time_ns, &m->counters, m->pressure.evicted);
}

/* A report that can't go out waits, and is then of a longer time: nothing piles up, nothing is lost. */
static int report_if_wanted(struct monitor *m)
{
	uint64_t now = clock__now() - HANDOVER_NS;
	int err;

	if (!m->report_due || sink__full(m->sink))
		return 0;
	/* events of before come before it */
	err = drain(m, now);
	if (!err)
		err = make_report(m, now);
	return err ? err : sink__flush(m->sink);
}

static int on_drain_timer(void *ctx, uint64_t expirations)
{
	struct monitor *m = ctx;
	int err;

	(void)expirations;
	pressure__look(&m->pressure);
	err = drain_if_wanted(m);
	return err ? err : report_if_wanted(m);
}

static int on_report_timer(void *ctx, uint64_t expirations)
{
	struct monitor *m = ctx;

	(void)expirations;
	m->report_due = true;
	return report_if_wanted(m);
}

/* Time between two folds: they keep bins from running over, and metrics fresh. */
static uint64_t fold_interval(const struct monitor *m)
{
	return m->metrics ? METRICS_AGE_NS : PPING_FOLD_SECONDS * PPING_NS_PER_SEC;
}

static int on_fold_timer(void *ctx, uint64_t expirations)
{
	struct monitor *m = ctx;

	(void)expirations;
	/* reports do it where they are not held up */
	if (m->metrics && m->options->aggregate_ns <= METRICS_AGE_NS && !m->report_due)
		return 0;
	return aggregate_report__fold(m->report);
}

static int start_aggregating(struct monitor *m, struct loop *loop)
{
	struct aggregate_tables tables;
	int err;

	if (!m->options->aggregate_ns)
		return 0;
	kernel__prefixes(m->kernel, &tables);
	err = aggregate_report__new(&m->report, m->options, &tables, m->sink);
	if (!err)
		err = loop__timer(loop, m->options->aggregate_ns, on_report_timer, m,
				  &m->report_timer);
	if (!err)
		err = loop__timer(loop, fold_interval(m), on_fold_timer, m, &m->fold_timer);
	if (!err && m->metrics)
		aggregate_report__watch(m->report, metrics__taken, m->metrics);
	return err;
}

/* --- metrics ---------------------------------------------------------------------- */

static int on_scrape(void *ctx, enum metrics_format format, struct text *to)
{
	struct monitor *m = ctx;
	const struct mapclean_report *last = mapclean__last(m->clean);
	struct metrics_state state = {
		.evicted = m->pressure.evicted,
		.cleaned = *mapclean__total(m->clean),
		.flows = last->did.n[PPING_CLEANUP_SEEN] - last->did.n[PPING_CLEANUP_REMOVED],
		.flows_replied = last->did.n[PPING_CLEANUP_REPLIED],
		.records = sink__records(m->sink),
		.prefixes = m->report ? aggregate_report__prefixes(m->report) : 0,
		.up = interfaces__up(m->interfaces),
	};
	int err = kernel__counters(m->kernel, &state.counters);

	state.interfaces_count = interfaces__rows(m->interfaces, &state.interfaces);
	if (!err)
		metrics__text(m->metrics, &state, format, to);
	return err;
}

static int start_metrics(struct monitor *m, struct loop *loop)
{
	int err;

	if (!m->options->metrics.port)
		return 0;
	err = metrics__new(&m->metrics, m->options);
	if (err) {
		fprintf(stderr, "pping: no memory for metrics\n");
		return err;
	}
	return metrics_server__new(&m->metrics_server, loop, &m->options->metrics, on_scrape, m);
}

/* --- begin and end ------------------------------------------------------------------ */

static int load(struct monitor *m)
{
	struct kernel_settings settings = {
		.options = m->options,
		.rules = m->rules,
		.link = interfaces__first_link(m->interfaces),
		.numbers = interfaces__numbers(m->interfaces),
	};
	int err = kernel__open(&m->kernel, &settings);

	m->pressure.options = m->options;
	m->pressure.kernel = m->kernel;
	return err ? err : kernel__load(m->kernel);
}

/* The buffer is open before the programs attach, and they attach last: nothing is missed. */
static int start(struct monitor *m, struct loop *loop)
{
	int err = interfaces__find(&m->interfaces, m->options);

	/* who connects now waits in the socket until the loop runs */
	if (!err)
		err = start_metrics(m, loop);
	if (!err)
		err = load(m);
	if (!err)
		err = events__open(&m->events, kernel__events_fd(m->kernel),
				   m->options->event_buffer_bytes);
	if (!err)
		err = loop__add(loop, events__fd(m->events), EPOLLIN, on_events, m,
				&m->events_source);
	if (!err)
		err = interfaces__watch(m->interfaces, loop, m->kernel);
	if (!err)
		err = start_cleaning(m, loop);
	if (!err)
		err = start_aggregating(m, loop);
	if (!err)
		err = loop__timer(loop, DRAIN_INTERVAL_NS, on_drain_timer, m, &m->drain_timer);
	if (!err)
		err = loop__timer(loop, PPING_NS_PER_SEC, on_second, m, &m->second_timer);
	if (!err)
		err = interfaces__attach(m->interfaces);
	return err ? err : start_timers(m, loop);
}

int monitor__new(struct monitor **monitor, struct loop *loop, const struct options *options,
		 const struct rules *rules, struct sink *sink)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->options = options;
	m->rules = rules;
	m->sink = sink;
	m->draining = true;
	m->start_ns = clock__now();
	err = start(m, loop);
	if (err) {
		monitor__free(m);
		return err;
	}
	*monitor = m;
	return 0;
}

int monitor__finish(struct monitor *m)
{
	int err, drained;

	/* nobody serves them from now on: a scrape is refused, and does not wait until we have ended */
	metrics_server__free(m->metrics_server);
	m->metrics_server = NULL;
	interfaces__detach(m->interfaces);
	m->end_ns = clock__now();
	err = mapclean__run_pass(m->clean);
	m->finished = true;
	if (!err)
		err = read_counters(m);
	if (!err)
		err = tell_lost(m);
	drained = events__drain(m->events, UINT64_MAX, on_event, m);
	err = err ? err : drained;
	if (!err && m->report)
		err = make_report(m, clock__now());
	return err;
}

void monitor__summary(struct monitor *m, struct summary *s)
{
	const struct mapclean_report *last = mapclean__last(m->clean);

	/* how many flows there are and how many were evicted tells only a pass that has just ended */
	if (!m->finished)
		mapclean__run_pass(m->clean);
	memset(s, 0, sizeof(*s));
	s->interface = m->options->interface;
	s->elapsed_ns = (m->end_ns ? m->end_ns : clock__now()) - m->start_ns;
	kernel__counters(m->kernel, &s->counters);
	s->evicted = m->pressure.evicted;
	s->include_local = m->options->include_local;
	s->down = interfaces__down(m->interfaces);
	s->interfaces_count = interfaces__rows(m->interfaces, &s->interfaces);
	s->counted_present = last->passes > 0;
	s->present = last->did.n[PPING_CLEANUP_SEEN] - last->did.n[PPING_CLEANUP_REMOVED];
	s->present_replied = last->did.n[PPING_CLEANUP_REPLIED];
	s->records = sink__records(m->sink);
}

void monitor__counters(struct monitor *m, struct pping_counters *counters)
{
	kernel__counters(m->kernel, counters);
}

const char *monitor__attached(struct monitor *m)
{
	return interfaces__how(m->interfaces);
}

const char *monitor__interface(const struct monitor *m, uint32_t number)
{
	return interfaces__name(m->interfaces, number);
}

size_t monitor__interfaces(struct monitor *m, const struct interfaces_row **rows)
{
	return interfaces__rows(m->interfaces, rows);
}

uint64_t monitor__capabilities(const struct monitor *m)
{
	/* before 5.19 kernel.unprivileged_bpf_disabled is about our own maps too */
	uint64_t maps = kernel__is_older(5, 19) ? PRIVILEGES_BIT(CAP_BPF) : 0;

	return interfaces__capabilities(m->interfaces) | maps;
}

void monitor__free(struct monitor *m)
{
	if (!m)
		return;
	interfaces__free(m->interfaces);
	loop__remove(m->duration_timer);
	loop__remove(m->status_timer);
	loop__remove(m->fold_timer);
	loop__remove(m->report_timer);
	loop__remove(m->second_timer);
	loop__remove(m->drain_timer);
	loop__remove(m->events_source);
	metrics_server__free(m->metrics_server);
	mapclean__free(m->clean);
	lookout__free(m->lookout);
	aggregate_report__free(m->report);
	metrics__free(m->metrics);
	events__free(m->events);
	kernel__free(m->kernel);
	free(m);
}
