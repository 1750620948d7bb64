// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "aggregate_report.h"
#include "attach.h"
#include "clock.h"
#include "events.h"
#include "kernel.h"
#include "mapclean.h"
#include "metrics_server.h"
#include "monitor.h"
#include "netdev.h"

/* A line appears within this and its processing. */
#define DRAIN_INTERVAL_NS (40 * PPING_NS_PER_MS)
/* How long a CPU may take from reading the clock to handing over its event. */
#define HANDOVER_NS (2 * PPING_NS_PER_MS)
/* Metrics are at most this old. */
#define METRICS_AGE_NS (5 * PPING_NS_PER_SEC)

struct monitor {
	const struct options *options;
	struct sink *sink;
	struct kernel *kernel;
	struct events *events;
	struct netdev *netdev;
	struct netdev_info device; /* ifindex 0: it is away */
	struct attach *attach;
	struct mapclean *clean;
	struct aggregate_report *report; /* NULL without --aggregate */
	struct metrics *metrics; /* and its server: NULL without --metrics */
	struct metrics_server *metrics_server;
	struct loop_source *events_source, *netdev_source, *drain_timer, *second_timer;
	struct loop_source *report_timer, *fold_timer;
	struct loop_source *status_timer, *duration_timer;
	struct status_look looked; /* for --status */
	bool draining; /* events_source is watched */
	bool finished;
	bool report_due; /* and could not go out: the reader of our output is slow */
	uint64_t start_ns, end_ns;
	uint64_t lost_told;
	uint64_t put_off_told, evicted_told, pressure_told_ns;
	uint64_t new_flows, new_flows_ns; /* at the last look */
	uint64_t evicted; /* when the last cleaning pass ended */
	bool full; /* the flow table was, nearly, during that pass */
	struct pping_counters counters; /* as last read */
};

/* --- events --------------------------------------------------------------------- */

static int on_event(void *ctx, const struct pping_event *event)
{
	struct monitor *m = ctx;

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

/* While the reader of our output is slow, events wait in the rings, and what is too much is counted there. */
static int drain_if_wanted(struct monitor *m)
{
	bool wanted = !sink__full(m->sink);

	if (wanted != m->draining) {
		int err = loop__watch(m->events_source, wanted ? EPOLLIN : 0);

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

/* What one CPU can't see: a flood that is spread over all of them. */
static void watch_pressure(struct monitor *m)
{
	struct pping_counters c;
	uint64_t now = clock__now(), flows, limit;

	if (kernel__counters(m->kernel, &c))
		return;
	flows = c.n[PPING_COUNT_FLOWS_CREATED] + c.n[PPING_COUNT_FLOWS_PUT_OFF];
	limit = (now - m->new_flows_ns) * pping_pressure_limit(m->options->max_flows) >>
		PPING_PRESSURE_WINDOW_SHIFT;
	kernel__set_pressed(m->kernel, flows - m->new_flows > limit);
	m->new_flows = flows;
	m->new_flows_ns = now;
}

/* Losses belong to the data: whoever reads them alone must know that some are missing. */
static int tell_lost(struct monitor *m)
{
	struct pping_event event = { .type = PPING_EVENT_LOST };
	uint64_t lost;
	int err = kernel__counters(m->kernel, &m->counters);

	if (err) {
		fprintf(stderr, "pping: can't read the counters: %s\n", strerror(-err));
		return err;
	}
	lost = summary__lost(&m->counters);
	if (lost == m->lost_told)
		return 0;
	event.timestamp = clock__now();
	event.lost = lost - m->lost_told;
	m->lost_told = lost;
	return events__add(m->events, &event);
}

/*
 * A flood must not flood the terminal as well: one line a minute. Flows that
 * opened during a pass look evicted to it: only a full table is believed.
 */
static void tell_pressure(struct monitor *m)
{
	uint64_t now = clock__now(), put_off = m->counters.n[PPING_COUNT_FLOWS_PUT_OFF];
	uint64_t evicted = m->full && m->evicted > m->evicted_told ? m->evicted : m->evicted_told;

	if ((put_off == m->put_off_told && evicted == m->evicted_told) || m->options->quiet ||
	    (m->pressure_told_ns && now - m->pressure_told_ns < 60 * PPING_NS_PER_SEC))
		return;
	fprintf(stderr,
		"pping: under pressure: more new flows than %u entries (--max-flows) can hold: "
		"%" PRIu64 " put off until answered, %" PRIu64 " entries evicted\n",
		m->options->max_flows, put_off - m->put_off_told, evicted - m->evicted_told);
	m->put_off_told = put_off;
	m->evicted_told = evicted;
	m->pressure_told_ns = now;
}

static int on_second(void *ctx, uint64_t expirations)
{
	struct monitor *m = ctx;
	int err;

	/* one tick however long we were stopped: flows must not age while nobody looks */
	(void)expirations;
	kernel__tick(m->kernel);
	sink__check_clock(m->sink);
	err = tell_lost(m);
	if (!err)
		tell_pressure(m);
	return err;
}

/* --- --status, --duration ----------------------------------------------------------- */

static int look(struct monitor *m, struct status_look *at)
{
	struct netdev_info info;

	memset(at, 0, sizeof(*at));
	at->mono_ns = clock__now() - HANDOVER_NS;
	if (!netdev__find(m->options->interface, &info) && info.has_stats) {
		at->has_stats = true;
		at->stats = info.stats;
		at->ifindex = info.ifindex;
	}
	return kernel__counters(m->kernel, &at->counters);
}

/* Events from before it are out first: records are in order of time. */
static int on_status(void *ctx, uint64_t expirations)
{
	const struct mapclean_report *pass = mapclean__last(((struct monitor *)ctx)->clean);
	struct status status = { .counted_flows = pass->passes > 0 };
	struct monitor *m = ctx;
	int err = look(m, &status.to);

	(void)expirations;
	/* the output is stuck: a later one tells of the longer time */
	if (err || sink__full(m->sink))
		return err;
	err = drain(m, status.to.mono_ns);
	if (err)
		return err;
	status.from = m->looked;
	status.flows = pass->did.n[PPING_CLEANUP_REPLIED];
	m->looked = status.to;
	return sink__status(m->sink, &status);
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
	int err = 0;

	if (o->status_interval_ns) {
		err = look(m, &m->looked);
		if (!err)
			err = loop__timer(loop, o->status_interval_ns, on_status, m,
					  &m->status_timer);
	}
	if (!err && o->duration_ns)
		err = loop__timer(loop, o->duration_ns, on_duration, m, &m->duration_timer);
	return err;
}

/* --- cleaning ------------------------------------------------------------------- */

static int on_timeout_event(void *ctx, const struct pping_event *event)
{
	struct monitor *m = ctx;

	return events__add(m->events, event);
}

static void on_pass(void *ctx, const struct mapclean_report *pass)
{
	const __u64 *did = pass->did.n;
	struct monitor *m = ctx;
	struct pping_counters c;

	if (!kernel__counters(m->kernel, &c)) {
		uint64_t gone = c.n[PPING_COUNT_FLOWS_REMOVED] + did[PPING_CLEANUP_SEEN] -
				did[PPING_CLEANUP_REMOVED];
		uint64_t created = c.n[PPING_COUNT_FLOWS_CREATED];

		m->evicted = created > gone ? created - gone : 0;
		m->full = did[PPING_CLEANUP_SEEN] > m->options->max_flows / 4 * 3;
	}
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
		.passed = on_pass,
	};

	return mapclean__new(&m->clean, loop, &settings);
}

/* --- aggregates ------------------------------------------------------------------ */

static int make_report(struct monitor *m, uint64_t time_ns)
{
	int err = kernel__counters(m->kernel, &m->counters);

	if (err) {
		fprintf(stderr, "pping: can't read the counters: %s\n", strerror(-err));
		return err;
	}
	m->report_due = false;
	return aggregate_report__make(m->report, time_ns, &m->counters, m->evicted);
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
	watch_pressure(m);
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
		.evicted = m->evicted,
		.cleaned = *mapclean__total(m->clean),
		.flows = last->did.n[PPING_CLEANUP_SEEN] - last->did.n[PPING_CLEANUP_REMOVED],
		.flows_replied = last->did.n[PPING_CLEANUP_REPLIED],
		.records = sink__records(m->sink),
		.prefixes = m->report ? aggregate_report__prefixes(m->report) : 0,
		.up = m->attach && m->device.up,
	};
	int err = kernel__counters(m->kernel, &state.counters);

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

/* --- the interface ---------------------------------------------------------------- */

static void note(const struct monitor *m, const char *text)
{
	if (!m->options->quiet)
		fprintf(stderr, "pping: %s %s\n", m->options->interface, text);
}

/* Once, however often we attach. */
static void note_shortcoming(const struct monitor *m)
{
	static bool said;
	const char *what = attach__shortcoming(m->attach);

	if (said || !what)
		return;
	said = true;
	note(m, what);
}

static int attach(struct monitor *m)
{
	struct attach_settings settings = {
		.kernel = m->kernel,
		.name = m->options->interface,
		.ifindex = m->device.ifindex,
		.ingress_hook = m->options->ingress_hook,
		.xdp_mode = m->options->xdp_mode,
	};
	char text[128];
	int err = attach__new(&m->attach, &settings);

	if (err)
		return err;
	snprintf(text, sizeof(text), "is being monitored (%s)%s", attach__how(m->attach),
		 m->device.up ? "" : "; it is down");
	note(m, text);
	note_shortcoming(m);
	return 0;
}

static void detach(struct monitor *m)
{
	attach__free(m->attach);
	m->attach = NULL;
}

static int on_removed(void *ctx)
{
	struct monitor *m = ctx;

	detach(m);
	m->device.ifindex = 0;
	if (m->options->exit_on_removal) {
		note(m, "was removed");
		return LOOP_STOP;
	}
	note(m, "was removed; waiting for its return");
	return 0;
}

static int come_back(struct monitor *m, const struct netdev_info *info)
{
	if (netdev__is_l3(info->arp_type) != netdev__is_l3(m->device.arp_type)) {
		fprintf(stderr, "pping: %s came back as another kind of device: start pping anew\n",
			m->options->interface);
		return -EMEDIUMTYPE;
	}
	detach(m);
	m->device = *info;
	return attach(m);
}

static int on_changed(void *ctx, const struct netdev_info *info)
{
	struct monitor *m = ctx;
	bool was_up = m->device.up;
	int err;

	if (info->ifindex != m->device.ifindex) {
		err = come_back(m, info);
		if (err != -ENODEV && err != -ENXIO)
			return err;
		/* gone again already: the news of that is on its way */
		m->device.ifindex = 0;
		return 0;
	}
	m->device = *info;
	if (was_up != info->up)
		note(m, info->up ? "is up" : "is down; waiting for it to come up");
	return 0;
}

static int on_address_added(void *ctx, const union pping_addr *addr)
{
	struct monitor *m = ctx;
	int err = kernel__add_local(m->kernel, addr);

	if (err)
		fprintf(stderr, "pping: more than %d local addresses: the rest is not left out\n",
			PPING_MAX_LOCAL_ADDRS);
	return 0;
}

static int on_address_removed(void *ctx, const union pping_addr *addr)
{
	struct monitor *m = ctx;

	kernel__remove_local(m->kernel, addr);
	return 0;
}

static int on_netdev(void *ctx, uint32_t epoll_events)
{
	struct monitor *m = ctx;

	(void)epoll_events;
	return netdev__read(m->netdev);
}

static int find_device(struct monitor *m)
{
	const char *name = m->options->interface;
	int err = netdev__find(name, &m->device);

	if (err) {
		fprintf(stderr, "pping: %s: %s\n", name,
			err == -ENODEV ? "no such interface; \"ip link\" lists them"
				       : strerror(-err));
		return err;
	}
	if (!netdev__is_l3(m->device.arp_type) && !netdev__is_ethernet(m->device.arp_type)) {
		fprintf(stderr, "pping: %s: not an Ethernet, PPP or IP interface (ARP type %u)\n",
			name, m->device.arp_type);
		return -EPROTONOSUPPORT;
	}
	if (netdev__is_l3(m->device.arp_type) && m->options->ingress_hook == HOOK_XDP) {
		fprintf(stderr,
			"pping: %s: XDP needs an interface with Ethernet headers; use "
			"-I tc\n",
			name);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int watch_device(struct monitor *m, struct loop *loop)
{
	struct netdev_handlers handlers = {
		.ctx = m,
		.changed = on_changed,
		.removed = on_removed,
		.address_added = on_address_added,
		.address_removed = on_address_removed,
	};
	int err = netdev__watch(&m->netdev, m->options->interface, &handlers);

	if (err)
		return err;
	return loop__add(loop, netdev__fd(m->netdev), EPOLLIN, on_netdev, m, &m->netdev_source);
}

/* --- begin and end ------------------------------------------------------------------ */

static int load(struct monitor *m)
{
	struct kernel_settings settings = {
		.options = m->options,
		.l3_device = netdev__is_l3(m->device.arp_type),
		.loopback = m->device.arp_type == ARPHRD_LOOPBACK,
	};
	int err = kernel__open(&m->kernel, &settings);

	return err ? err : kernel__load(m->kernel);
}

/* The buffer is open before the programs attach, and they attach last: nothing is missed. */
static int start(struct monitor *m, struct loop *loop)
{
	int err = find_device(m);

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
		err = watch_device(m, loop);
	if (!err)
		err = start_cleaning(m, loop);
	if (!err)
		err = start_aggregating(m, loop);
	if (!err)
		err = loop__timer(loop, DRAIN_INTERVAL_NS, on_drain_timer, m, &m->drain_timer);
	if (!err)
		err = loop__timer(loop, PPING_NS_PER_SEC, on_second, m, &m->second_timer);
	/* loading takes a while: since we listen nothing escapes us, but before it may have changed */
	if (!err)
		err = find_device(m);
	if (!err)
		err = attach(m);
	return err ? err : start_timers(m, loop);
}

int monitor__new(struct monitor **monitor, struct loop *loop, const struct options *options,
		 struct sink *sink)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->options = options;
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

	detach(m);
	m->end_ns = clock__now();
	err = mapclean__run_pass(m->clean);
	m->finished = true;
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
	s->evicted = m->evicted;
	s->down = m->device.ifindex && !m->device.up;
	s->counted_present = last->passes > 0;
	s->present = last->did.n[PPING_CLEANUP_SEEN] - last->did.n[PPING_CLEANUP_REMOVED];
	s->present_replied = last->did.n[PPING_CLEANUP_REPLIED];
	s->records = sink__records(m->sink);
}

void monitor__counters(struct monitor *m, struct pping_counters *counters)
{
	kernel__counters(m->kernel, counters);
}

const char *monitor__attached(const struct monitor *m)
{
	return m->attach ? attach__how(m->attach) : "away";
}

void monitor__free(struct monitor *m)
{
	if (!m)
		return;
	detach(m);
	loop__remove(m->duration_timer);
	loop__remove(m->status_timer);
	loop__remove(m->fold_timer);
	loop__remove(m->report_timer);
	loop__remove(m->second_timer);
	loop__remove(m->drain_timer);
	loop__remove(m->netdev_source);
	loop__remove(m->events_source);
	metrics_server__free(m->metrics_server);
	mapclean__free(m->clean);
	netdev__free(m->netdev);
	aggregate_report__free(m->report);
	metrics__free(m->metrics);
	events__free(m->events);
	kernel__free(m->kernel);
	free(m);
}
