// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "clock.h"
#include "engine/histogram.h"
#include "format_util.h"
#include "metrics.h"

/* Buckets reach from 33 us (2^15 ns) to 17.2 s (2^34 ns): four a power of two, two for prefixes. */
#define BUCKETS_FIRST 15
#define BUCKETS_LAST 34
#define BUCKETS_SUB_SHIFT 2
#define PREFIX_BUCKETS_SUB_SHIFT 1
/* A prefix without an RTT for this long gives its series to one that has some. */
#define SERIES_IDLE_NS (3600 * PPING_NS_PER_SEC)
/* How often it is looked whether there is such a one. */
#define SERIES_LOOK_NS (60 * PPING_NS_PER_SEC)
#define LABEL_MAX AGGREGATE_NAME_SIZE
#define LINE_MAX_BYTES 1024
/* Of a name that is all escapes, as \\x07 with its backslash doubled. */
#define QUOTED_MAX(size) (5 * (size))

struct histogram {
	uint64_t bin[PPING_HIST_BINS];
	uint64_t sum_s; /* the sum of RTTs in ns would be full after some days of a fast network */
	uint64_t sum_ns; /* and this, less than a second */
};

struct series {
	char label[LABEL_MAX];
	uint64_t last_ns; /* when it got an RTT */
	struct histogram rtts;
};

struct metrics {
	const struct options *options;
	/* as they stand in a label: the run's, and the one that is being written of */
	char interface[QUOTED_MAX(sizeof(((struct options *)NULL)->interface_list))];
	char one[QUOTED_MAX(IFNAMSIZ)];
	/* with --aggregate all RTTs and those of ICMP echo among them, otherwise each protocol's */
	struct histogram all, tcp, icmp;
	/* of prefixes, in the order of their labels */
	struct series **series;
	uint32_t series_count;
	struct series other;
	uint64_t other_rtts; /* there because no series was left */
	uint64_t looked_ns; /* for an idle series */
	uint64_t evicted; /* the most that was seen */
};

/* --- counting ---------------------------------------------------------------------------- */

static void add_time(struct histogram *h, uint64_t ns)
{
	h->sum_ns += ns % PPING_NS_PER_SEC;
	h->sum_s += ns / PPING_NS_PER_SEC + h->sum_ns / PPING_NS_PER_SEC;
	h->sum_ns %= PPING_NS_PER_SEC;
}

/* How many that were. */
static uint64_t add_rtts(struct histogram *h, const struct pping_rtts *rtts)
{
	uint64_t n = 0;

	for (int i = 0; i < PPING_HIST_BINS; i++) {
		if (!rtts->bin[i]) /* most are */
			continue;
		h->bin[i] += rtts->bin[i];
		n += rtts->bin[i];
	}
	add_time(h, rtts->sum);
	return n;
}

static uint64_t count(const struct histogram *h)
{
	uint64_t n = 0;

	for (int i = 0; i < PPING_HIST_BINS; i++)
		n += h->bin[i];
	return n;
}

void metrics__event(struct metrics *m, const struct pping_event *event)
{
	struct histogram *h = event->flow.protocol == IPPROTO_TCP ? &m->tcp : &m->icmp;

	if (event->type != PPING_EVENT_RTT || m->options->aggregate_ns)
		return;
	h->bin[histogram_bin(event->rtt)]++;
	add_time(h, event->rtt);
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

/* Where the series is, or would have to be. */
static uint32_t find_series(const struct metrics *m, const char *label, bool *found)
{
	uint32_t from = 0, to = m->series_count;

	*found = false;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		int order = strcmp(label, m->series[middle]->label);

		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

static void drop_idle_series(struct metrics *m, uint64_t now)
{
	uint32_t kept = 0;

	if (m->looked_ns && now - m->looked_ns < SERIES_LOOK_NS)
		return;
	m->looked_ns = now;
	for (uint32_t i = 0; i < m->series_count; i++) {
		if (now - m->series[i]->last_ns < SERIES_IDLE_NS)
			m->series[kept++] = m->series[i];
		else
			free(m->series[i]);
	}
	m->series_count = kept;
}

/* First come, first served; NULL: there is no series left for it. */
static struct series *prefix_series(struct metrics *m, const char *label, uint64_t now)
{
	bool found;
	uint32_t at = find_series(m, label, &found);
	struct series *s;

	if (found)
		return m->series[at];
	if (m->series_count == m->options->metrics_series) {
		drop_idle_series(m, now);
		at = find_series(m, label, &found);
	}
	if (m->series_count == m->options->metrics_series)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	strcpy(s->label, label);
	memmove(&m->series[at + 1], &m->series[at],
		(m->series_count - at) * sizeof(struct series *));
	m->series[at] = s;
	m->series_count++;
	return s;
}

void metrics__taken(void *ctx, const struct aggregate_row *whose, const struct pping_rtts *rtts)
{
	uint64_t now = clock__now();
	struct metrics *m = ctx;
	struct series *s = NULL;
	char label[LABEL_MAX];
	uint64_t n;

	if (whose->subject == AGGREGATE_ICMP) {
		add_rtts(&m->icmp, rtts);
		return;
	}
	n = add_rtts(&m->all, rtts);
	if (whose->subject == AGGREGATE_PREFIX) {
		name_prefix(label, whose);
		s = prefix_series(m, label, now);
		m->other_rtts += s ? 0 : n;
	}
	if (!s)
		s = &m->other;
	add_rtts(&s->rtts, rtts);
	s->last_ns = now;
}

/* --- writing -------------------------------------------------------------------------------- */

struct writer {
	struct text *to;
	const struct metrics *metrics;
	enum metrics_format format;
	const char *family; /* its name */
	const char *suffix; /* of its plain samples */
	const char *interface; /* the label's value */
};

__attribute__((format(printf, 2, 3))) static void print(struct writer *w, const char *fmt, ...)
{
	char *p = text__reserve(w->to, LINE_MAX_BYTES);
	va_list args;
	int len;

	if (!p)
		return;
	va_start(args, fmt);
	len = vsnprintf(p, LINE_MAX_BYTES, fmt, args);
	va_end(args);
	w->to->len += len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES - 1;
}

/* type: of OpenMetrics; unit: NULL or what the name ends with. The text format names counters in full. */
static void begin(struct writer *w, const char *family, const char *type, const char *unit,
		  const char *help)
{
	bool open = w->format == METRICS_OPENMETRICS;
	bool info = !strcmp(type, "info");

	w->family = family;
	w->suffix = !strcmp(type, "counter") ? "_total" : info ? "_info" : "";
	print(w, "# HELP %s%s %s.\n", family, open ? "" : w->suffix, help);
	print(w, "# TYPE %s%s %s\n", family, open ? "" : w->suffix, info && !open ? "gauge" : type);
	if (open && unit)
		print(w, "# UNIT %s %s\n", family, unit);
}

/* label: NULL, or a label's name; its value needs no escape. */
static void sample(struct writer *w, const char *label, const char *value, uint64_t number)
{
	print(w, "%s%s{interface=\"%s\"%s%s%s%s%s} %" PRIu64 "\n", w->family, w->suffix,
	      w->interface, label ? "," : "", label ? label : "", label ? "=\"" : "",
	      label ? value : "", label ? "\"" : "", number);
}

/* A family of one sample. */
static void single(struct writer *w, const char *family, const char *type, const char *help,
		   uint64_t number)
{
	begin(w, family, type, NULL, help);
	sample(w, NULL, NULL, number);
}

static void seconds(struct writer *w, const char *suffix, uint64_t s, uint64_t ns)
{
	print(w, "%s%s{interface=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n", w->family, suffix,
	      w->interface, s, ns);
}

/* 'name_bucket{interface="eth0",label="value",le="' without what comes behind */
static char *put_start(char *p, const struct writer *w, const char *suffix, const char *label,
		       const char *value)
{
	p = put_string(p, w->family);
	p = put_string(p, suffix);
	p = PUT(p, "{interface=\"");
	p = put_string(p, w->interface);
	p = PUT(p, "\",");
	p = put_string(p, label);
	p = PUT(p, "=\"");
	p = put_string(p, value);
	*p++ = '"';
	return p;
}

static void bucket(struct writer *w, const char *start, size_t start_len, uint64_t upper_ns,
		   uint64_t number)
{
	char *p = text__reserve(w->to, LINE_MAX_BYTES);

	if (!p)
		return;
	p = put_bytes(p, start, start_len);
	/* times are whole ns, a bin ends before its bound, and "le" is the last time in it */
	if (upper_ns == UINT64_MAX)
		p = PUT(p, "+Inf");
	else
		p = put_seconds(p, upper_ns - 1);
	p = PUT(p, "\"} ");
	p = put_u64(p, number);
	*p++ = '\n';
	w->to->len = (size_t)(p - w->to->data);
}

static void histogram(struct writer *w, const struct histogram *h, int sub_shift, const char *label,
		      const char *value)
{
	const int width = 1 << (PPING_HIST_SUB_SHIFT - sub_shift); /* bins a bucket */
	const int first = 1 + ((BUCKETS_FIRST - PPING_HIST_FIRST) << PPING_HIST_SUB_SHIFT);
	const int last = 1 + ((BUCKETS_LAST - PPING_HIST_FIRST) << PPING_HIST_SUB_SHIFT);
	char start[LINE_MAX_BYTES / 2], *end = put_start(start, w, "_bucket", label, value);
	uint64_t number = 0;
	int bin = 0;

	end = PUT(end, ",le=\"");
	for (int below = first; below <= last; below += width) {
		while (bin < below)
			number += h->bin[bin++];
		bucket(w, start, end - start, histogram_lower(below), number);
	}
	number = count(h);
	bucket(w, start, end - start, UINT64_MAX, number);
	*put_start(start, w, "_sum", label, value) = '\0';
	print(w, "%s} %" PRIu64 ".%09" PRIu64 "\n", start, h->sum_s, h->sum_ns);
	*put_start(start, w, "_count", label, value) = '\0';
	print(w, "%s} %" PRIu64 "\n", start, number);
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

static void write_build(struct writer *w)
{
	struct utsname uts = {};

	uname(&uts);
	begin(w, "pping_build", "info", NULL, "Which pping this is and what it runs on");
	print(w, "pping_build_info{version=\"%s\",libbpf=\"%s\",kernel=\"%s\"} 1\n", PPING_VERSION,
	      libbpf_version_string() + (*libbpf_version_string() == 'v'), uts.release);
}

/* TCP's with --aggregate: the rest of all. */
static void subtract(struct histogram *left, const struct histogram *all,
		     const struct histogram *part)
{
	uint64_t borrow = all->sum_ns < part->sum_ns;

	for (int i = 0; i < PPING_HIST_BINS; i++)
		left->bin[i] = all->bin[i] - part->bin[i];
	left->sum_s = all->sum_s - part->sum_s - borrow;
	left->sum_ns = all->sum_ns + borrow * PPING_NS_PER_SEC - part->sum_ns;
}

static void write_rtts(struct writer *w)
{
	const struct metrics *m = w->metrics;
	const struct options *o = m->options;
	bool both = o->track_tcp && o->track_icmp;
	struct histogram tcp = m->tcp, icmp = m->icmp;

	if (o->aggregate_ns && both)
		subtract(&tcp, &m->all, &m->icmp);
	else if (o->aggregate_ns)
		tcp = icmp = m->all;
	begin(w, "pping_rtt_seconds", "histogram", "seconds",
	      o->aggregate_ns
		      ? "Round-trip times, every one that was measured (--aggregate); ICMP is echo "
			"over IPv4 and IPv6"
		      : "Round-trip times that were sampled, as --rate-limit and --rtt-rate say; "
			"ICMP is echo over IPv4 and IPv6");
	if (o->track_tcp)
		histogram(w, &tcp, BUCKETS_SUB_SHIFT, "protocol", "TCP");
	if (o->track_icmp)
		histogram(w, &icmp, BUCKETS_SUB_SHIFT, "protocol", "ICMP");
}

static void write_prefix_rtts(struct writer *w)
{
	const struct metrics *m = w->metrics;

	begin(w, "pping_prefix_rtt_seconds", "histogram", "seconds",
	      "Round-trip times by prefix, every one that was measured; other is what has no "
	      "series "
	      "of its own");
	for (uint32_t i = 0; i < m->series_count; i++)
		histogram(w, &m->series[i]->rtts, PREFIX_BUCKETS_SUB_SHIFT, "prefix",
			  m->series[i]->label);
	histogram(w, &m->other.rtts, PREFIX_BUCKETS_SUB_SHIFT, "prefix", "other");
	single(w, "pping_prefix_series", "gauge",
	       "Prefixes that have a series of pping_prefix_rtt_seconds", m->series_count);
	single(w, "pping_prefix_series_limit", "gauge",
	       "Prefixes that may have one (--metrics-series)", m->options->metrics_series);
	single(w, "pping_prefix_rtts_without_series", "counter",
	       "RTTs counted under other because their prefix came when all series were taken",
	       m->other_rtts);
}

/* --- what each of several interfaces has of its own */

typedef void (*each_fn)(struct writer *w, const struct interfaces_row *row);

static void quote_interface(char *to, const char *name);

/* Of several, one after the other under its name; those that are gone for good are left out. */
static void for_each(struct writer *w, const struct metrics_state *s, each_fn fn)
{
	const struct interfaces_row all = { .up = s->up, .counters = s->counters };
	struct metrics *m = (struct metrics *)w->metrics;

	if (!m->options->several)
		fn(w, &all);
	for (size_t i = 0; i < s->interfaces_count; i++) {
		if (!s->interfaces[i].here)
			continue;
		quote_interface(m->one, s->interfaces[i].name);
		w->interface = m->one;
		fn(w, &s->interfaces[i]);
	}
	w->interface = m->interface;
}

static void write_up(struct writer *w, const struct interfaces_row *row)
{
	sample(w, NULL, NULL, row->up);
}

static void write_verdicts(struct writer *w, const struct interfaces_row *row)
{
	const __u64 *n = row->counters.n;

#define VERDICT(name, label) sample(w, "verdict", small(#name), n[PPING_COUNT_##name]);
	PPING_VERDICTS(VERDICT)
#undef VERDICT
}

static void write_packets(struct writer *w, const struct metrics_state *s)
{
	begin(w, "pping_packets", "counter", NULL,
	      "Packets seen, each under what became of it; only tracked ones can give an RTT");
	for_each(w, s, write_verdicts);
}

/* what: 0 for packets, 1 for bytes */
static void write_protocols(struct writer *w, const struct interfaces_row *row, int what)
{
	/* rows of PPING_TRAFFIC: IPv4's protocols, then IPv6's */
	static const char *const names[] = {
#define NAME(name, label) #name,
		PPING_TRAFFIC(NAME)
#undef NAME
	};

	for (int i = 0; i < 2 * PPING_TRAFFIC_PROTOCOLS; i++)
		print(w, "%s_total{interface=\"%s\",version=\"%c\",protocol=\"%s\"} %" PRIu64 "\n",
		      w->family, w->interface, names[i][3], small(names[i] + 5),
		      (uint64_t)row->counters.n[PPING_TRAFFIC_FIRST + 2 * i + what]);
}

static void write_ip_packets(struct writer *w, const struct interfaces_row *row)
{
	write_protocols(w, row, 0);
}

static void write_ip_bytes(struct writer *w, const struct interfaces_row *row)
{
	write_protocols(w, row, 1);
}

static void write_ecn(struct writer *w, const struct interfaces_row *row)
{
#define CODEPOINT(name, label) sample(w, "codepoint", label, row->counters.n[PPING_ECN_##name]);
	PPING_ECN(CODEPOINT)
#undef CODEPOINT
}

static void write_traffic(struct writer *w, const struct metrics_state *s)
{
	begin(w, "pping_ip_packets", "counter", NULL, "IP packets by version and protocol");
	for_each(w, s, write_ip_packets);
	begin(w, "pping_ip_bytes", "counter", "bytes", "Their bytes, from the IP header on");
	for_each(w, s, write_ip_bytes);
	begin(w, "pping_ip_ecn_packets", "counter", NULL, "IP packets by their ECN codepoint");
	for_each(w, s, write_ecn);
}

static void write_rtt_count(struct writer *w, const struct interfaces_row *row)
{
	const __u64 *n = row->counters.n;

	sample(w, NULL, NULL,
	       w->metrics->options->aggregate_ns ? n[PPING_COUNT_RTTS_AGGREGATED]
						 : n[PPING_COUNT_RTTS]);
}

/* --- and what they have together */

static void write_flows(struct writer *w, const struct metrics_state *s)
{
	const __u64 *n = s->counters.n;

	single(w, "pping_flows_seen", "counter", "Flows that got an entry",
	       n[PPING_COUNT_FLOWS_CREATED]);
	single(w, "pping_flows_opened", "counter", "Flows that were seen in both directions",
	       n[PPING_COUNT_FLOWS_OPENED]);
	single(w, "pping_flows_closed", "counter", "Flows closed by FIN, RST or a new SYN",
	       n[PPING_COUNT_FLOWS_CLOSED]);
	single(w, "pping_flows_timed_out", "counter", "Flows that fell silent",
	       n[PPING_COUNT_FLOWS_TIMED_OUT]);
	single(w, "pping_flows_unanswered", "counter",
	       "Flows that ended without a packet in the other direction",
	       n[PPING_COUNT_FLOWS_UNANSWERED]);
	single(w, "pping_flows_evicted", "counter",
	       "Flows that gave way to newer ones (--max-flows), as of the last cleaning pass",
	       w->metrics->evicted);
	single(w, "pping_flows_failed", "counter", "Flows that got no entry",
	       n[PPING_COUNT_FLOWS_FAILED]);
	single(w, "pping_flow_packets_put_off", "counter",
	       "Packets of new flows passed over under pressure, until the flow is answered",
	       n[PPING_COUNT_FLOWS_PUT_OFF]);
	if (!s->cleaned.passes)
		return;
	begin(w, "pping_flows", "gauge", NULL,
	      "Flows that have an entry, by the directions they were seen in, as of the last "
	      "cleaning pass");
	sample(w, "directions", "both", s->flows_replied);
	sample(w, "directions", "one", s->flows - s->flows_replied);
}

static void write_samples(struct writer *w, const struct metrics_state *s)
{
	const __u64 *n = s->counters.n;

	single(w, "pping_stamps", "counter",
	       "Timestamps and sequence numbers that wait for an echo", n[PPING_COUNT_STAMPED]);
	begin(w, "pping_stamps_lost", "counter", NULL,
	      "Of these given up before the answer, by the reason");
	sample(w, "reason", "overwritten", n[PPING_COUNT_SPILL_OVERWRITTEN]);
	sample(w, "reason", "busy", n[PPING_COUNT_SPILL_BUSY]);
	begin(w, "pping_rtts", "counter", NULL, "RTTs found, by where the answer was seen");
	for_each(w, s, write_rtt_count);
	single(w, "pping_events", "counter", "Events handed over by the kernel side",
	       n[PPING_COUNT_EVENTS_EMITTED]);
	begin(w, "pping_events_lost", "counter", NULL,
	      "Events that could not be handed over, by the errno; untaken: timeouts of flows "
	      "while the output was full");
#define REASON(name, label)                                                                  \
	if (PPING_COUNT_##name >= PPING_LOST_FIRST && PPING_COUNT_##name <= PPING_LOST_LAST) \
		sample(w, "reason", small(&#name[sizeof("LOST_") - 1]), n[PPING_COUNT_##name]);
	PPING_COUNTS(REASON)
#undef REASON
	single(w, "pping_records", "counter", "Events that went to the output", s->records);
}

static void write_maps(struct writer *w, const struct metrics_state *s)
{
	const struct options *o = w->metrics->options;

	begin(w, "pping_map_entries", "gauge", NULL,
	      "Entries in use: of flows as of the last cleaning pass, of prefixes some seconds "
	      "ago");
	if (s->cleaned.passes)
		sample(w, "map", "flows", s->flows);
	if (o->aggregate_ns)
		sample(w, "map", "prefixes", s->prefixes);
	begin(w, "pping_map_max_entries", "gauge", NULL,
	      "Entries there is room for (--max-flows, --max-prefixes)");
	sample(w, "map", "flows", o->max_flows);
	if (o->aggregate_ns)
		sample(w, "map", "prefixes", o->max_prefixes);
	if (o->aggregate_ns)
		single(w, "pping_prefixes_full", "counter",
		       "Addresses counted as everything else, no place left (--max-prefixes)",
		       s->counters.n[PPING_COUNT_PREFIXES_FULL]);
}

static void write_cleaning(struct writer *w, const struct mapclean_report *all)
{
	begin(w, "pping_cleaning_seconds", "summary", "seconds",
	      "Time that passes over the flow table took");
	seconds(w, "_sum", all->runtime_ns / PPING_NS_PER_SEC, all->runtime_ns % PPING_NS_PER_SEC);
	print(w, "%s_count{interface=\"%s\"} %" PRIu64 "\n", w->family, w->interface, all->passes);
	begin(w, "pping_cleaning_longest_piece_seconds", "gauge", "seconds",
	      "The longest time that pping was held up by a pass");
	seconds(w, "", all->longest_ns / PPING_NS_PER_SEC, all->longest_ns % PPING_NS_PER_SEC);
}

void metrics__text(struct metrics *m, const struct metrics_state *state, enum metrics_format format,
		   struct text *to)
{
	struct writer w = { .to = to, .metrics = m, .format = format, .interface = m->interface };

	if (m->evicted < state->evicted)
		m->evicted = state->evicted;
	write_build(&w);
	begin(&w, "pping_interface_up", "gauge", NULL,
	      "Whether the interface is there, up and being measured");
	for_each(&w, state, write_up);
	write_rtts(&w);
	if (m->options->aggregate_ns)
		write_prefix_rtts(&w);
	write_packets(&w, state);
	if (m->options->aggregate_ns)
		write_traffic(&w, state);
	write_flows(&w, state);
	write_samples(&w, state);
	write_maps(&w, state);
	write_cleaning(&w, &state->cleaned);
	if (format == METRICS_OPENMETRICS)
		print(&w, "# EOF\n");
}

/* --- begin and end ------------------------------------------------------------------------------ */

/* Interfaces may be called nearly anything; what is no plain character becomes \xNN. */
static void quote_interface(char *p, const char *name)
{

	for (; *name; name++) {
		unsigned char c = *name;

		if (c < 0x20 || c > 0x7e)
			p += sprintf(p, "\\\\x%02x", c);
		else if (c == '"' || c == '\\')
			p += sprintf(p, "\\%c", c);
		else
			*p++ = c;
	}
	*p = '\0';
}

int metrics__new(struct metrics **metrics, const struct options *options)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->options = options;
	m->series = calloc(options->metrics_series + 1, sizeof(struct series *));
	if (!m->series) {
		free(m);
		return -ENOMEM;
	}
	quote_interface(m->interface, options->interface);
	*metrics = m;
	return 0;
}

void metrics__free(struct metrics *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->series_count; i++)
		free(m->series[i]);
	free(m->series);
	free(m);
}
