// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/histogram.h"
#include "format_aggregate.h"
#include "format_util.h"

/* Twelve counters with their keys, the rest of the keys, and per bin two numbers and five signs. */
#define ROW_MAX (2048 + PPING_HIST_BINS * (2 * FORMAT_U64_MAX + 5))
#define TOTALS_MAX 4096

static const char *const kinds[] = {
	[PPING_KIND_TCP_TS] = "tcp_ts",
	[PPING_KIND_TCP_NO_TS] = "tcp_no_ts",
	[PPING_KIND_OTHER] = "other",
};

static const char *const protocols[] = {
#define LABEL(name, label) label,
	PPING_TRAFFIC(LABEL)
#undef LABEL
};

static const char *const ecn[] = {
#define LABEL(name, label) label,
	PPING_ECN(LABEL)
#undef LABEL
};

/* Verdicts that are nobody's choice, as JSON keys and in words. */
static const struct {
	enum pping_counter counter;
	const char *key, *label;
} errors[] = {
	{ PPING_COUNT_NOT_IP, "not_ip", "not IP" },
	{ PPING_COUNT_FRAGMENT, "fragments", "fragments" },
	{ PPING_COUNT_TRUNCATED, "truncated", "truncated" },
	{ PPING_COUNT_MALFORMED, "malformed", "malformed" },
	{ PPING_COUNT_EXTENSION_HEADERS, "extension_headers", "too many extension headers" },
};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* "key":value, behind a comma if it is not the first of its object */
static char *put_entry(char *p, const char *key, uint64_t value, bool first)
{
	if (!first)
		*p++ = ',';
	*p++ = '"';
	p = put_string(p, key);
	p = PUT(p, "\":");
	return put_u64(p, value);
}

static char *put_number(char *p, const char *key, uint64_t value)
{
	return put_entry(p, key, value, false);
}

static char *put_prefix(char *p, const struct aggregate_row *row)
{
	if (row->subject != AGGREGATE_PREFIX)
		return PUT(p, "other");
	if (row->name)
		return put_string(p, row->name);
	p = put_addr(p, &row->addr, row->ip_version);
	*p++ = '/';
	return put_short(p, row->bits);
}

/* --- JSON ------------------------------------------------------------------------------ */

static char *put_count(char *p, const char *name, uint64_t packets, uint64_t bytes)
{
	*p++ = '"';
	p = put_string(p, name);
	p = PUT(p, "\":{\"packets\":");
	p = put_u64(p, packets);
	p = PUT(p, ",\"bytes\":");
	p = put_u64(p, bytes);
	*p++ = '}';
	return p;
}

static char *put_stats(char *p, const char *name, const struct pping_flow_count *stats)
{
	p = PUT(p, ",\"");
	p = put_string(p, name);
	p = PUT(p, "\":{");
	for (int kind = 0; kind < PPING_KINDS; kind++) {
		if (kind)
			*p++ = ',';
		p = put_count(p, kinds[kind], stats[kind].packets, stats[kind].bytes);
	}
	*p++ = '}';
	return p;
}

/* Without an RTT there is none to tell of: null. */
static char *put_time(char *p, const char *key, const struct aggregate_row *row, uint64_t ns)
{
	if (row->count)
		return put_number(p, key, ns);
	p = PUT(p, ",\"");
	p = put_string(p, key);
	return PUT(p, "\":null");
}

static char *put_histogram(char *p, const struct aggregate_row *row)
{
	bool first = true;

	p = PUT(p, ",\"histogram\":[");
	for (uint32_t i = 1; i < PPING_HIST_BINS - 1; i++) {
		if (!row->bin[i])
			continue;
		if (!first)
			*p++ = ',';
		first = false;
		*p++ = '[';
		p = put_u64(p, histogram_upper(i));
		*p++ = ',';
		p = put_u64(p, row->bin[i]);
		*p++ = ']';
	}
	*p++ = ']';
	p = put_number(p, "count_below", row->bin[0]);
	return put_number(p, "count_above", row->bin[PPING_HIST_BINS - 1]);
}

void format_aggregate__json_row(struct text *out, const struct aggregate_row *row, uint64_t wall_ns)
{
	char *p = text__reserve(out, ROW_MAX);

	if (!p)
		return;
	p = PUT(p, "{\"timestamp\":");
	p = put_u64(p, wall_ns);
	p = PUT(p, ",\"ip_prefix\":\"");
	p = put_prefix(p, row);
	*p++ = '"';
	p = put_stats(p, "rx_stats", row->rx);
	p = put_stats(p, "tx_stats", row->tx);
	p = put_number(p, "count_rtt", row->count);
	p = put_time(p, "min_rtt", row, row->min);
	p = put_time(p, "mean_rtt", row, row->mean);
	p = put_time(p, "median_rtt", row, row->median);
	p = put_time(p, "p95_rtt", row, row->p95);
	p = put_time(p, "p99_rtt", row, row->p99);
	p = put_time(p, "max_rtt", row, row->max);
	p = put_histogram(p, row);
	*p++ = '}';
	out->len = (size_t)(p - out->data);
}

void format_aggregate__json_description(struct text *out, const struct format_settings *set,
					uint64_t wall_ns)
{
	const struct options *o = set->options;
	char *p = text__reserve(out, TOTALS_MAX);

	if (!p)
		return;
	p = PUT(p, "{\"timestamp\":");
	p = put_u64(p, wall_ns);
	p = PUT(p, ",\"aggregation\":{\"version\":\"" PPING_VERSION "\"");
	p = put_number(p, "interval_s", o->aggregate_ns / PPING_NS_PER_SEC);
	p = put_number(p, "timeout_s", o->aggregate_timeout_ns / PPING_NS_PER_SEC);
	p = put_number(p, "ipv4_bits", o->aggregate_bits4);
	p = put_number(p, "ipv6_bits", o->aggregate_bits6);
	p = PUT(p, ",\"rtt_belongs_to\":");
	p = put_string(p, o->aggregate_reverse ? "\"dest_ip\"" : "\"src_ip\"");
	p = put_number(p, "histogram_from_ns", histogram_lower(1));
	p = put_number(p, "histogram_to_ns", histogram_lower(PPING_HIST_BINS - 1));
	p = put_number(p, "bins_per_power_of_two", 1 << PPING_HIST_SUB_SHIFT);
	p = PUT(p, "}}");
	out->len = (size_t)(p - out->data);
}

static char *put_family(char *p, const struct format_totals *t, const char *name, int first)
{
	p = PUT(p, ",\"");
	p = put_string(p, name);
	p = PUT(p, "\":{");
	for (int i = first; i < first + PPING_TRAFFIC_PROTOCOLS; i++) {
		if (i > first)
			*p++ = ',';
		p = put_count(p, protocols[i], t->counters.n[PPING_TRAFFIC_FIRST + 2 * i],
			      t->counters.n[PPING_TRAFFIC_FIRST + 2 * i + 1]);
	}
	*p++ = '}';
	return p;
}

void format_aggregate__json_totals(struct text *out, const struct format_totals *t,
				   uint64_t wall_ns)
{
	const __u64 *n = t->counters.n;
	char *p = text__reserve(out, TOTALS_MAX);

	if (!p)
		return;
	p = PUT(p, "{\"timestamp\":");
	p = put_u64(p, wall_ns);
	p = put_family(p, t, "ipv4", 0);
	p = put_family(p, t, "ipv6", PPING_TRAFFIC_PROTOCOLS);
	p = PUT(p, ",\"ecn\":{");
	for (size_t i = 0; i < ARRAY_SIZE(ecn); i++)
		p = put_entry(p, ecn[i], n[PPING_ECN_NOT_ECT + i], !i);
	p = PUT(p, "},\"errors\":{");
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		p = put_entry(p, errors[i].key, n[errors[i].counter], !i);
	*p++ = '}';
	p = put_number(p, "count_rtt", t->rtts);
	p = put_number(p, "flows_created", n[PPING_COUNT_FLOWS_CREATED]);
	p = put_number(p, "flows_opened", n[PPING_COUNT_FLOWS_OPENED]);
	p = put_number(p, "flows_closed", n[PPING_COUNT_FLOWS_CLOSED]);
	p = put_number(p, "flows_timed_out", n[PPING_COUNT_FLOWS_TIMED_OUT]);
	p = put_number(p, "flows_evicted", t->evicted);
	p = put_number(p, "prefixes", t->prefixes);
	p = put_number(p, "prefix_table_full", n[PPING_COUNT_PREFIXES_FULL]);
	*p++ = '}';
	out->len = (size_t)(p - out->data);
}

/* --- text -------------------------------------------------------------------------------- */

static char *put_sums(char *p, const char *name, const struct pping_flow_count *stats)
{
	uint64_t packets = 0, bytes = 0;

	for (int kind = 0; kind < PPING_KINDS; kind++) {
		packets += stats[kind].packets;
		bytes += stats[kind].bytes;
	}
	*p++ = ' ';
	p = put_string(p, name);
	*p++ = ' ';
	p = put_u64(p, packets);
	p = PUT(p, " packets ");
	p = put_u64(p, bytes);
	return PUT(p, " bytes,");
}

static char *put_named_time(char *p, const char *name, uint64_t ns)
{
	*p++ = ' ';
	p = put_string(p, name);
	*p++ = ' ';
	return put_milliseconds(p, ns);
}

void format_aggregate__text_row(struct text *out, const struct aggregate_row *row)
{
	char *p = text__reserve(out, ROW_MAX);

	if (!p)
		return;
	p = put_prefix(p, row);
	p = put_sums(p, "rx", row->rx);
	p = put_sums(p, "tx", row->tx);
	*p++ = ' ';
	p = put_u64(p, row->count);
	p = PUT(p, " RTTs");
	if (row->count) {
		*p++ = ':';
		p = put_named_time(p, "min", row->min);
		p = put_named_time(p, "mean", row->mean);
		p = put_named_time(p, "median", row->median);
		p = put_named_time(p, "p95", row->p95);
		p = put_named_time(p, "p99", row->p99);
		p = put_named_time(p, "max", row->max);
		p = PUT(p, " ms");
	}
	out->len = (size_t)(p - out->data);
}

void format_aggregate__text_description(struct text *out, const struct format_settings *set)
{
	const struct options *o = set->options;
	char *p = text__reserve(out, TOTALS_MAX);

	if (!p)
		return;
	p = PUT(p, "aggregates of every ");
	p = put_u64(p, o->aggregate_ns / PPING_NS_PER_SEC);
	p = PUT(p, " s, by IPv4 /");
	p = put_u64(p, o->aggregate_bits4);
	p = PUT(p, " and IPv6 /");
	p = put_u64(p, o->aggregate_bits6);
	p = PUT(p, " of who ");
	p = put_string(p, o->aggregate_reverse ? "was answered" : "answered");
	out->len = (size_t)(p - out->data);
}

/* " TCP 1 packets 2 bytes," for each that there was */
static char *put_traffic(char *p, const __u64 *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		const __u64 *row = &n[PPING_TRAFFIC_FIRST + 2 * i];

		if (!row[0])
			continue;
		p = put_string(p, i < PPING_TRAFFIC_PROTOCOLS ? " IPv4 " : " IPv6 ");
		p = put_string(p, protocols[i]);
		*p++ = ' ';
		p = put_u64(p, row[0]);
		p = PUT(p, " packets ");
		p = put_u64(p, row[1]);
		p = PUT(p, " bytes,");
	}
	return p;
}

static char *put_label(char *p, uint64_t value, const char *label)
{
	if (!value)
		return p;
	*p++ = ' ';
	p = put_u64(p, value);
	*p++ = ' ';
	p = put_string(p, label);
	*p++ = ',';
	return p;
}

void format_aggregate__text_totals(struct text *out, const struct format_totals *t)
{
	static const char *const ecn_labels[] = { "not ECT", "ECT(1)", "ECT(0)", "CE" };
	const __u64 *n = t->counters.n;
	char *p = text__reserve(out, TOTALS_MAX);

	if (!p)
		return;
	p = PUT(p, "all:");
	p = put_traffic(p, n);
	for (size_t i = 0; i < ARRAY_SIZE(ecn_labels); i++)
		p = put_label(p, n[PPING_ECN_NOT_ECT + i], ecn_labels[i]);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		p = put_label(p, n[errors[i].counter], errors[i].label);
	p = put_label(p, t->evicted, "flows evicted");
	p = put_label(p, n[PPING_COUNT_PREFIXES_FULL],
		      "addresses without a place for their prefix");
	*p++ = ' ';
	p = put_u64(p, t->rtts);
	p = PUT(p, " RTTs, ");
	p = put_u64(p, t->prefixes);
	p = PUT(p, " prefixes");
	out->len = (size_t)(p - out->data);
}
