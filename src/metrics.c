// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "clock.h"
#include "exposition.h"
#include "format_util.h"
#include "metrics.h"
#include "prefix_series.h"
#include "rtt_histogram.h"

/* Buckets a power of two, as a shift: four, and two for prefixes. */
#define BUCKETS_SUB_SHIFT 2
#define PREFIX_BUCKETS_SUB_SHIFT 1
#define LABEL_MAX AGGREGATE_NAME_SIZE

struct metrics {
	const struct options *options;
	/* as they stand in a label: the run's, and the one that is being written of */
	char interface[EXPOSITION_QUOTED_MAX(sizeof(((struct options *)NULL)->interface_list))];
	char one[EXPOSITION_QUOTED_MAX(IFNAMSIZ)];
	/* with --aggregate all RTTs and those of ICMP echo among them, otherwise each protocol's */
	struct rtt_histogram all, tcp, icmp;
	struct prefix_series series;
	struct rtt_histogram other; /* of what has no series of its own */
	uint64_t other_rtts; /* there because no series was left */
	uint64_t evicted; /* the most that was seen */
};

/* --- counting ---------------------------------------------------------------------------- */

void metrics__event(struct metrics *m, const struct pping_event *event)
{
	struct rtt_histogram *h = event->flow.protocol == IPPROTO_TCP ? &m->tcp : &m->icmp;

	if (event->type != PPING_EVENT_RTT || m->options->aggregate_ns)
		return;
	rtt_histogram__add(h, event->rtt);
}

/* What a prefix is called in a label: the one place where it is decided. */
static void name_prefix(char label[static LABEL_MAX], const struct aggregate_row *row)
{
	char *p;

	if (row->name) { /* anonymised */
		strcpy(label, row->name);
		return;
	}
	p = put_addr(label, &row->addr, row->ip_version);
	*p++ = '/';
	p = put_short(p, row->bits);
	*p = '\0';
}

void metrics__taken(void *ctx, const struct aggregate_row *whose, const struct pping_rtts *rtts)
{
	uint64_t now = clock__now();
	struct prefix_one *own = NULL;
	struct metrics *m = ctx;
	char label[LABEL_MAX];
	uint64_t n;

	if (whose->subject == AGGREGATE_ICMP) {
		rtt_histogram__add_all(&m->icmp, rtts);
		return;
	}
	n = rtt_histogram__add_all(&m->all, rtts);
	if (whose->subject == AGGREGATE_PREFIX) {
		name_prefix(label, whose);
		own = prefix_series__get(&m->series, label, now);
		m->other_rtts += own ? 0 : n;
	}
	rtt_histogram__add_all(own ? &own->rtts : &m->other, rtts);
	if (own)
		own->last_ns = now;
}

/* --- what there is ---------------------------------------------------------------------------- */

/* An enum's name as a label's value: small letters. */
static const char *small(const char *name)
{
	static char text[64];
	size_t i;

	for (i = 0; name[i] && i < sizeof(text) - 1; i++)
		text[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i];
	text[i] = '\0';
	return text;
}

static void write_build(struct exposition *w)
{
	struct utsname uts = {};

	uname(&uts);
	exposition__begin(w, "pping_build", "info", NULL,
			  "Which pping this is and what it runs on");
	exposition__print(w, "pping_build_info{version=\"%s\",libbpf=\"%s\",kernel=\"%s\"} 1\n",
			  PPING_VERSION,
			  libbpf_version_string() + (*libbpf_version_string() == 'v'), uts.release);
}

/* TCP's with --aggregate: the rest of all. */
static void write_rtts(struct exposition *w, const struct metrics *m)
{
	const struct options *o = m->options;
	bool both = o->track_tcp && o->track_icmp;
	struct rtt_histogram tcp = m->tcp, icmp = m->icmp;

	if (o->aggregate_ns && both)
		rtt_histogram__subtract(&tcp, &m->all, &m->icmp);
	else if (o->aggregate_ns)
		tcp = icmp = m->all;
	exposition__begin(
		w, "pping_rtt_seconds", "histogram", "seconds",
		o->aggregate_ns
			? "Round-trip times, every one that was measured (--aggregate); ICMP is "
			  "echo "
			  "over IPv4 and IPv6"
			: "Round-trip times that were sampled, as --rate-limit and --rtt-rate say; "
			  "ICMP is echo over IPv4 and IPv6");
	if (o->track_tcp)
		exposition__histogram(w, &tcp, BUCKETS_SUB_SHIFT, "protocol", "TCP");
	if (o->track_icmp)
		exposition__histogram(w, &icmp, BUCKETS_SUB_SHIFT, "protocol", "ICMP");
}

static void write_prefix_rtts(struct exposition *w, const struct metrics *m)
{

	exposition__begin(
		w, "pping_prefix_rtt_seconds", "histogram", "seconds",
		"Round-trip times by prefix, every one that was measured; other is what has no "
		"series "
		"of its own");
	for (uint32_t i = 0; i < m->series.count; i++)
		exposition__histogram(w, &m->series.list[i]->rtts, PREFIX_BUCKETS_SUB_SHIFT,
				      "prefix", m->series.list[i]->label);
	exposition__histogram(w, &m->other, PREFIX_BUCKETS_SUB_SHIFT, "prefix", "other");
	exposition__single(w, "pping_prefix_series", "gauge",
			   "Prefixes that have a series of pping_prefix_rtt_seconds",
			   m->series.count);
	exposition__single(w, "pping_prefix_series_limit", "gauge",
			   "Prefixes that may have one (--metrics-series)",
			   m->options->metrics_series);
	exposition__single(
		w, "pping_prefix_rtts_without_series", "counter",
		"RTTs counted under other because their prefix came when all series were taken",
		m->other_rtts);
}

/* --- what each of several interfaces has of its own */

typedef void (*each_fn)(struct exposition *w, const struct interfaces_row *row);

/* Of several, one after the other under its name; those that are gone for good are left out. */
static void for_each(struct exposition *w, struct metrics *m, const struct metrics_state *s,
		     each_fn fn)
{
	const struct interfaces_row all = { .up = s->up, .counters = s->counters };

	if (!m->options->several)
		fn(w, &all);
	for (size_t i = 0; i < s->interfaces_count; i++) {
		if (!s->interfaces[i].here)
			continue;
		exposition__quote(m->one, s->interfaces[i].name);
		w->interface = m->one;
		fn(w, &s->interfaces[i]);
	}
	w->interface = m->interface;
}

static void write_up(struct exposition *w, const struct interfaces_row *row)
{
	exposition__sample(w, NULL, NULL, row->up);
}

static void write_verdicts(struct exposition *w, const struct interfaces_row *row)
{
	const __u64 *n = row->counters.n;

#define VERDICT(name, label) exposition__sample(w, "verdict", small(#name), n[PPING_COUNT_##name]);
	PPING_VERDICTS(VERDICT)
#undef VERDICT
}

static void write_packets(struct exposition *w, struct metrics *m, const struct metrics_state *s)
{
	exposition__begin(
		w, "pping_packets", "counter", NULL,
		"Packets seen, each under what became of it; only tracked ones can give an RTT");
	for_each(w, m, s, write_verdicts);
}

/* what: 0 for packets, 1 for bytes */
static void write_protocols(struct exposition *w, const struct interfaces_row *row, int what)
{
	/* rows of PPING_TRAFFIC: IPv4's protocols, then IPv6's */
	static const char *const names[] = {
#define NAME(name, label) #name,
		PPING_TRAFFIC(NAME)
#undef NAME
	};

	for (int i = 0; i < 2 * PPING_TRAFFIC_PROTOCOLS; i++)
		exposition__print(
			w,
			"%s_total{interface=\"%s\",version=\"%c\",protocol=\"%s\"} %" PRIu64 "\n",
			w->family, w->interface, names[i][3], small(names[i] + 5),
			(uint64_t)row->counters.n[PPING_TRAFFIC_FIRST + 2 * i + what]);
}

static void write_ip_packets(struct exposition *w, const struct interfaces_row *row)
{
	write_protocols(w, row, 0);
}

static void write_ip_bytes(struct exposition *w, const struct interfaces_row *row)
{
	write_protocols(w, row, 1);
}

static void write_ecn(struct exposition *w, const struct interfaces_row *row)
{
#define CODEPOINT(name, label) \
	exposition__sample(w, "codepoint", label, row->counters.n[PPING_ECN_##name]);
	PPING_ECN(CODEPOINT)
#undef CODEPOINT
}

static void write_traffic(struct exposition *w, struct metrics *m, const struct metrics_state *s)
{
	exposition__begin(w, "pping_ip_packets", "counter", NULL,
			  "IP packets by version and protocol");
	for_each(w, m, s, write_ip_packets);
	exposition__begin(w, "pping_ip_bytes", "counter", "bytes",
			  "Their bytes, from the IP header on");
	for_each(w, m, s, write_ip_bytes);
	exposition__begin(w, "pping_ip_ecn_packets", "counter", NULL,
			  "IP packets by their ECN codepoint");
	for_each(w, m, s, write_ecn);
}

static void write_rtt_count(struct exposition *w, const struct interfaces_row *row)
{
	exposition__sample(w, NULL, NULL, row->counters.n[PPING_COUNT_RTTS]);
}

static void write_aggregated_count(struct exposition *w, const struct interfaces_row *row)
{
	exposition__sample(w, NULL, NULL, row->counters.n[PPING_COUNT_RTTS_AGGREGATED]);
}

/* --- and what they have together */

static void write_flows(struct exposition *w, struct metrics *m, const struct metrics_state *s)
{
	const __u64 *n = s->counters.n;

	exposition__single(w, "pping_flows_seen", "counter", "Flows that got an entry",
			   n[PPING_COUNT_FLOWS_CREATED]);
	exposition__single(w, "pping_flows_opened", "counter",
			   "Flows that were seen in both directions", n[PPING_COUNT_FLOWS_OPENED]);
	exposition__single(w, "pping_flows_closed", "counter",
			   "Flows closed by FIN, RST or a new SYN", n[PPING_COUNT_FLOWS_CLOSED]);
	exposition__single(w, "pping_flows_timed_out", "counter", "Flows that fell silent",
			   n[PPING_COUNT_FLOWS_TIMED_OUT]);
	exposition__single(w, "pping_flows_unanswered", "counter",
			   "Flows that ended without a packet in the other direction",
			   n[PPING_COUNT_FLOWS_UNANSWERED]);
	exposition__single(
		w, "pping_flows_evicted", "counter",
		"Flows that gave way to newer ones (--max-flows), as of the last cleaning pass",
		m->evicted);
	exposition__single(w, "pping_flows_failed", "counter", "Flows that got no entry",
			   n[PPING_COUNT_FLOWS_FAILED]);
	exposition__single(
		w, "pping_flow_packets_put_off", "counter",
		"Packets of new flows passed over under pressure, until the flow is answered",
		n[PPING_COUNT_FLOWS_PUT_OFF]);
	if (!s->cleaned.passes)
		return;
	exposition__begin(
		w, "pping_flows", "gauge", NULL,
		"Flows that have an entry, by the directions they were seen in, as of the last "
		"cleaning pass");
	exposition__sample(w, "directions", "both", s->flows_replied);
	exposition__sample(w, "directions", "one", s->flows - s->flows_replied);
}

static void write_samples(struct exposition *w, struct metrics *m, const struct metrics_state *s)
{
	const __u64 *n = s->counters.n;

	exposition__single(w, "pping_stamps", "counter",
			   "Timestamps and sequence numbers that wait for an echo",
			   n[PPING_COUNT_STAMPED]);
	exposition__begin(w, "pping_stamps_lost", "counter", NULL,
			  "Of these given up before the answer, by the reason");
	exposition__sample(w, "reason", "overwritten", n[PPING_COUNT_SPILL_OVERWRITTEN]);
	exposition__sample(w, "reason", "busy", n[PPING_COUNT_SPILL_BUSY]);
	exposition__begin(w, "pping_rtts", "counter", NULL,
			  "RTTs found, by where the answer was seen");
	for_each(w, m, s, m->options->aggregate_ns ? write_aggregated_count : write_rtt_count);
	exposition__single(w, "pping_events", "counter", "Events handed over by the kernel side",
			   n[PPING_COUNT_EVENTS_EMITTED]);
	exposition__begin(
		w, "pping_events_lost", "counter", NULL,
		"Events that could not be handed over, by the errno; untaken: timeouts of flows "
		"while the output was full");
#define REASON(name, label)                                                                  \
	if (PPING_COUNT_##name >= PPING_LOST_FIRST && PPING_COUNT_##name <= PPING_LOST_LAST) \
		exposition__sample(w, "reason", small(&#name[sizeof("LOST_") - 1]),          \
				   n[PPING_COUNT_##name]);
	PPING_COUNTS(REASON)
#undef REASON
	exposition__single(w, "pping_records", "counter", "Events that went to the output",
			   s->records);
}

static void write_maps(struct exposition *w, struct metrics *m, const struct metrics_state *s)
{
	const struct options *o = m->options;

	exposition__begin(
		w, "pping_map_entries", "gauge", NULL,
		"Entries in use: of flows as of the last cleaning pass, of prefixes some seconds "
		"ago");
	if (s->cleaned.passes)
		exposition__sample(w, "map", "flows", s->flows);
	if (o->aggregate_ns)
		exposition__sample(w, "map", "prefixes", s->prefixes);
	exposition__begin(w, "pping_map_max_entries", "gauge", NULL,
			  "Entries there is room for (--max-flows, --max-prefixes)");
	exposition__sample(w, "map", "flows", o->max_flows);
	if (o->aggregate_ns)
		exposition__sample(w, "map", "prefixes", o->max_prefixes);
	if (o->aggregate_ns)
		exposition__single(
			w, "pping_prefixes_full", "counter",
			"Addresses counted as everything else, no place left (--max-prefixes)",
			s->counters.n[PPING_COUNT_PREFIXES_FULL]);
}

static void write_cleaning(struct exposition *w, const struct mapclean_report *all)
{
	exposition__begin(w, "pping_cleaning_seconds", "summary", "seconds",
			  "Time that passes over the flow table took");
	exposition__seconds(w, "_sum", all->runtime_ns / PPING_NS_PER_SEC,
			    all->runtime_ns % PPING_NS_PER_SEC);
	exposition__print(w, "%s_count{interface=\"%s\"} %" PRIu64 "\n", w->family, w->interface,
			  all->passes);
	exposition__begin(w, "pping_cleaning_longest_piece_seconds", "gauge", "seconds",
			  "The longest time that pping was held up by a pass");
	exposition__seconds(w, "", all->longest_ns / PPING_NS_PER_SEC,
			    all->longest_ns % PPING_NS_PER_SEC);
}

void metrics__text(struct metrics *m, const struct metrics_state *state, enum metrics_format format,
		   struct text *to)
{
	struct exposition w = {
		.to = to,
		.openmetrics = format == METRICS_OPENMETRICS,
		.interface = m->interface,
	};

	if (m->evicted < state->evicted)
		m->evicted = state->evicted;
	write_build(&w);
	exposition__begin(&w, "pping_interface_up", "gauge", NULL,
			  "Whether the interface is there, up and being measured");
	for_each(&w, m, state, write_up);
	write_rtts(&w, m);
	if (m->options->aggregate_ns)
		write_prefix_rtts(&w, m);
	write_packets(&w, m, state);
	if (m->options->aggregate_ns)
		write_traffic(&w, m, state);
	write_flows(&w, m, state);
	write_samples(&w, m, state);
	write_maps(&w, m, state);
	write_cleaning(&w, &state->cleaned);
	exposition__end(&w);
}

/* --- begin and end ------------------------------------------------------------------------------ */

int metrics__new(struct metrics **metrics, const struct options *options)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->options = options;
	if (prefix_series__init(&m->series, options->metrics_series)) {
		free(m);
		return -ENOMEM;
	}
	exposition__quote(m->interface, options->interface);
	*metrics = m;
	return 0;
}

void metrics__free(struct metrics *m)
{
	if (!m)
		return;
	prefix_series__free(&m->series);
	free(m);
}
