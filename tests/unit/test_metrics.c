// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>

#include "engine/histogram.h"
#include "src/aggregate.h"
#include "src/clock.h"
#include "src/metrics.h"
#include "tests/unit/test.h"

/* Instead of the clock's own. */
static uint64_t now_ns;

uint64_t clock__now(void)
{
	return now_ns;
}

/* --- metrics and their text ---------------------------------------------------------- */

static struct options options;
static struct metrics *metrics;
static struct metrics_state state;
static struct text text;

static void begin(void)
{
	now_ns = 1000 * PPING_NS_PER_SEC;
	memset(&state, 0, sizeof(state));
	options = (struct options){ .interface = "eth0",
				    .track_tcp = true,
				    .track_icmp = true,
				    .max_flows = 131072,
				    .max_prefixes = 16384,
				    .metrics_series = 3 };
	if (metrics__new(&metrics, &options))
		abort();
}

static void begin_aggregating(void)
{
	begin();
	options.aggregate_ns = PPING_NS_PER_SEC;
}

/* With other options. */
static void begin_again(void)
{
	metrics__free(metrics);
	if (metrics__new(&metrics, &options))
		abort();
}

static void end(void)
{
	metrics__free(metrics);
	text__free(&text);
}

static const char *make(enum metrics_format format)
{
	text.len = 0;
	metrics__text(metrics, &state, format, &text);
	text__append(&text, "", 1);
	if (text.failed)
		abort();
	return text.data;
}

/* What stands behind a sample's name and labels in the text made last; "none". */
static const char *value(const char *sample)
{
	static char word[64];
	size_t len = strlen(sample);

	for (const char *line = text.data; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, sample, len) || line[len] != ' ')
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(line + len + 1, "\n"),
			 line + len + 1);
		return word;
	}
	return "none";
}

static void add_event(uint8_t protocol, uint64_t rtt)
{
	struct pping_event event = { .type = PPING_EVENT_RTT,
				     .rtt = rtt,
				     .flow = { .protocol = protocol } };

	metrics__event(metrics, &event);
}

static struct pping_rtts rtts_of(uint32_t n, uint64_t ns)
{
	struct pping_rtts rtts = { .sum = n * ns, .max = ns, .min_inverted = ~ns };

	rtts.bin[histogram_bin(ns)] = n;
	return rtts;
}

/* n RTTs of 10.0.number.0/24 */
static void add_prefix(uint16_t number, uint32_t n, uint64_t ns)
{
	struct aggregate_row whose = { .subject = AGGREGATE_PREFIX, .ip_version = 4, .bits = 24 };
	struct pping_rtts rtts = rtts_of(n, ns);

	whose.addr.w[2] = htonl(0xffff);
	whose.addr.w[3] = htonl(0x0a000000 | number << 8);
	metrics__taken(metrics, &whose, &rtts);
}

static void add_subject(enum aggregate_subject subject, uint32_t n, uint64_t ns)
{
	struct aggregate_row whose = { .subject = subject };
	struct pping_rtts rtts = rtts_of(n, ns);

	metrics__taken(metrics, &whose, &rtts);
}

/* --- histograms ------------------------------------------------------------------------ */

/* Nanoseconds of "0.000032767" */
static uint64_t parse_seconds(const char *s)
{
	uint64_t whole, fraction;

	return sscanf(s, "%" SCNu64 ".%9" SCNu64, &whole, &fraction) == 2
		       ? whole * PPING_NS_PER_SEC + fraction
		       : 0;
}

/* Every bucket has exactly the RTTs that are not longer than its le. */
static void buckets_are_exact(void)
{
	static uint64_t rtts[20000];
	const size_t n = sizeof(rtts) / sizeof(rtts[0]);
	const char *at;
	int buckets = 0;

	begin();
	srand(1);
	for (size_t i = 0; i < n; i++) {
		uint32_t power = rand() % 38;

		rtts[i] = (1ULL << power) + ((uint64_t)rand() << 7) % (1ULL << power);
		if (i % 4 == 0) /* on a bound, and just below */
			rtts[i] = histogram_lower(1 + rand() % (PPING_HIST_BINS - 2)) - (i % 8 / 4);
		add_event(IPPROTO_TCP, rtts[i]);
	}
	at = make(METRICS_PROMETHEUS);
	while ((at = strstr(at, "protocol=\"TCP\",le=\""))) {
		uint64_t le, got, want = 0;

		at += strlen("protocol=\"TCP\",le=\"");
		le = *at == '+' ? UINT64_MAX : parse_seconds(at);
		got = strtoull(strchr(at, '}') + 1, NULL, 10);
		for (size_t i = 0; i < n; i++)
			want += rtts[i] <= le;
		CHECK_INT(got, want);
		buckets++;
	}
	CHECK_INT(buckets, 78);
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"TCP\"}"), "20000");
	end();
}

static void protocols_apart(void)
{
	struct pping_event flow = { .type = PPING_EVENT_FLOW, .flow = { .protocol = IPPROTO_TCP } };

	begin();
	add_event(IPPROTO_TCP, 1000000);
	add_event(IPPROTO_ICMP, 20000000);
	add_event(IPPROTO_ICMPV6, 30000001);
	metrics__event(metrics, &flow);
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_rtt_seconds_sum{interface=\"eth0\",protocol=\"TCP\"}"),
		  "0.001000000");
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"TCP\"}"), "1");
	CHECK_STR(value("pping_rtt_seconds_sum{interface=\"eth0\",protocol=\"ICMP\"}"),
		  "0.050000001");
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"ICMP\"}"), "2");
	options.track_icmp = false;
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"TCP\"}"), "1");
	CHECK(!strstr(text.data, "protocol=\"ICMP\""));
	CHECK(!strstr(text.data, "pping_prefix"));
	end();
}

/* With --aggregate: what the kernel side counted, and events not a second time. */
static void aggregates(void)
{
	begin_aggregating();
	add_event(IPPROTO_TCP, 1000000);
	add_event(IPPROTO_ICMP, 1000000);
	add_prefix(1, 10, 999999999);
	add_subject(AGGREGATE_OTHER, 5, 1999999999);
	add_subject(AGGREGATE_ICMP, 4, 1999999999);
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"TCP\"}"), "11");
	CHECK_STR(value("pping_rtt_seconds_sum{interface=\"eth0\",protocol=\"TCP\"}"),
		  "11.999999989");
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"ICMP\"}"), "4");
	CHECK_STR(value("pping_rtt_seconds_sum{interface=\"eth0\",protocol=\"ICMP\"}"),
		  "7.999999996");
	CHECK_STR(
		value("pping_prefix_rtt_seconds_count{interface=\"eth0\",prefix=\"10.0.1.0/24\"}"),
		"10");
	CHECK_STR(value("pping_prefix_rtt_seconds_count{interface=\"eth0\",prefix=\"other\"}"),
		  "5");
	CHECK_STR(value("pping_prefix_rtts_without_series_total{interface=\"eth0\"}"), "0");
	/* one protocol has no second count */
	options.track_tcp = false;
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"ICMP\"}"), "15");
	end();
}

/* Beyond what 64 bits of nanoseconds hold, to the last one. */
static void long_sums(void)
{
	struct pping_rtts rtts = { .sum = UINT64_MAX, .bin = { 1 } };
	struct aggregate_row whose = { .subject = AGGREGATE_OTHER };

	begin_aggregating();
	for (int i = 0; i < 1000; i++)
		metrics__taken(metrics, &whose, &rtts);
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_rtt_seconds_sum{interface=\"eth0\",protocol=\"TCP\"}"),
		  "18446744073709.551615000");
	CHECK_STR(value("pping_prefix_rtt_seconds_sum{interface=\"eth0\",prefix=\"other\"}"),
		  "18446744073709.551615000");
	end();
}

/* --- series ------------------------------------------------------------------------------ */

#define COUNT_OF(prefix) \
	value("pping_prefix_rtt_seconds_count{interface=\"eth0\",prefix=\"" prefix "\"}")

static void series_are_capped(void)
{
	size_t len;

	begin_aggregating();
	for (int i = 4; i > 0; i--)
		add_prefix(i, i, 1000000);
	add_prefix(3, 1, 1000000);
	make(METRICS_PROMETHEUS);
	len = text.len;
	CHECK_STR(COUNT_OF("10.0.1.0/24"), "none");
	CHECK_STR(COUNT_OF("10.0.2.0/24"), "2");
	CHECK_STR(COUNT_OF("10.0.3.0/24"), "4");
	CHECK_STR(COUNT_OF("10.0.4.0/24"), "4");
	CHECK_STR(COUNT_OF("other"), "1");
	CHECK_STR(value("pping_prefix_rtts_without_series_total{interface=\"eth0\"}"), "1");
	CHECK_STR(value("pping_prefix_series{interface=\"eth0\"}"), "3");
	CHECK_STR(value("pping_prefix_series_limit{interface=\"eth0\"}"), "3");
	for (int i = 5; i < 50000; i++)
		add_prefix(i, 1, 1000000);
	make(METRICS_PROMETHEUS);
	CHECK_STR(COUNT_OF("other"), "49996");
	CHECK(text.len < len + 500); /* longer numbers */
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"TCP\"}"), "50006");
	end();
}

static void no_series_at_all(void)
{
	begin_aggregating();
	options.metrics_series = 0;
	begin_again();
	add_prefix(1, 7, 1000000);
	make(METRICS_PROMETHEUS);
	CHECK_STR(COUNT_OF("other"), "7");
	CHECK_STR(COUNT_OF("10.0.1.0/24"), "none");
	end();
}

/* After an hour, and not before; what others counted stays. */
static void idle_series_give_way(void)
{
	begin_aggregating();
	add_prefix(1, 1, 1000000);
	add_prefix(2, 2, 1000000);
	now_ns += 3000 * PPING_NS_PER_SEC;
	add_prefix(3, 3, 1000000);
	add_prefix(2, 2, 1000000);
	now_ns += 590 * PPING_NS_PER_SEC;
	add_prefix(4, 4, 1000000);
	make(METRICS_PROMETHEUS);
	CHECK_STR(COUNT_OF("10.0.1.0/24"), "1");
	CHECK_STR(COUNT_OF("10.0.4.0/24"), "none");
	now_ns += 61 * PPING_NS_PER_SEC;
	add_prefix(4, 4, 1000000);
	make(METRICS_PROMETHEUS);
	CHECK_STR(COUNT_OF("10.0.1.0/24"), "none");
	CHECK_STR(COUNT_OF("10.0.2.0/24"), "4");
	CHECK_STR(COUNT_OF("10.0.3.0/24"), "3");
	CHECK_STR(COUNT_OF("10.0.4.0/24"), "4");
	CHECK_STR(COUNT_OF("other"), "4");
	end();
}

/* In the order of labels, whatever came first: each once. */
static void series_in_order(void)
{
	const char *at, *last = "";
	int n = 0;

	begin_aggregating();
	options.metrics_series = 1000;
	begin_again();
	for (int i = 0; i < 3000; i++)
		add_prefix(i * 7919 % 1000, 1, 1000000);
	for (at = make(METRICS_PROMETHEUS);
	     (at = strstr(at, "_count{interface=\"eth0\",prefix=\"1")); n++) {
		at += strlen("_count{interface=\"eth0\",prefix=\"");
		CHECK(strcmp(last, at) < 0);
		CHECK(!strncmp(strchr(at, '}'), "} 3\n", 4));
		last = at;
	}
	CHECK_INT(n, 1000);
	CHECK(text.len < 5000000);
	end();
}

/* --- the text --------------------------------------------------------------------------- */

static void fill_state(void)
{
	for (int i = 0; i < PPING_COUNTERS; i++)
		state.counters.n[i] = 1000 + i;
	state.cleaned.passes = 7;
	state.cleaned.runtime_ns = 1234567890;
	state.cleaned.longest_ns = 2000001;
	state.flows = 12;
	state.flows_replied = 10;
	state.evicted = 5;
	state.records = 99;
	state.prefixes = 4;
	state.up = true;
}

/* What the kernel side counts on each is told of each, the rest of all; one that is gone is not. */
static void several_interfaces(void)
{
	struct interfaces_row rows[] = {
		{ .name = "eth0", .here = true, .up = true },
		{ .name = "a\"", .here = true },
		{ .name = "gone" },
	};

	begin_aggregating();
	options.interface = "eth0,a*";
	options.several = true;
	begin_again();
	fill_state();
	for (size_t i = 0; i < 3; i++) {
		rows[i].counters.n[PPING_COUNT_TRACKED] = 7 + i;
		rows[i].counters.n[PPING_COUNT_RTTS_AGGREGATED] = 70 + i;
		rows[i].counters.n[PPING_BYTES_IPV4_UDP] = 700 + i;
	}
	state.interfaces = rows;
	state.interfaces_count = 3;
	make(METRICS_OPENMETRICS);
	CHECK_STR(value("pping_interface_up{interface=\"eth0\"}"), "1");
	CHECK_STR(value("pping_interface_up{interface=\"a\\\"\"}"), "0");
	CHECK_STR(value("pping_packets_total{interface=\"eth0\",verdict=\"tracked\"}"), "7");
	CHECK_STR(value("pping_packets_total{interface=\"a\\\"\",verdict=\"tracked\"}"), "8");
	CHECK_STR(value("pping_rtts_total{interface=\"a\\\"\"}"), "71");
	CHECK_STR(value("pping_ip_bytes_total{interface=\"eth0\",version=\"4\",protocol=\"udp\"}"),
		  "700");
	CHECK_STR(value("pping_flows_evicted_total{interface=\"eth0,a*\"}"), "5");
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0,a*\",protocol=\"TCP\"}"), "0");
	CHECK(!strstr(text.data, "gone"));
	CHECK(!strstr(text.data, "pping_packets_total{interface=\"eth0,a*\""));
	end();
}

static void values(void)
{
	begin_aggregating();
	fill_state();
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_packets_total{interface=\"eth0\",verdict=\"tracked\"}"), "1000");
	CHECK_STR(value("pping_packets_total{interface=\"eth0\",verdict=\"extension_headers\"}"),
		  "1009");
	CHECK_INT(atoi(value("pping_events_lost_total{interface=\"eth0\",reason=\"enospc\"}")),
		  1000 + PPING_COUNT_LOST_ENOSPC);
	CHECK_INT(atoi(value("pping_events_lost_total{interface=\"eth0\",reason=\"other\"}")),
		  1000 + PPING_COUNT_LOST_OTHER);
	CHECK_INT(atoi(value("pping_ip_packets_total{interface=\"eth0\",version=\"4\","
			     "protocol=\"tcp\"}")),
		  1000 + PPING_PACKETS_IPV4_TCP);
	CHECK_INT(atoi(value("pping_ip_bytes_total{interface=\"eth0\",version=\"6\","
			     "protocol=\"other\"}")),
		  1000 + PPING_BYTES_IPV6_OTHER);
	CHECK_INT(atoi(value("pping_ip_ecn_packets_total{interface=\"eth0\",codepoint=\"ce\"}")),
		  1000 + PPING_ECN_CE);
	CHECK_INT(atoi(value("pping_rtts_total{interface=\"eth0\"}")),
		  1000 + PPING_COUNT_RTTS_AGGREGATED);
	CHECK_STR(value("pping_flows{interface=\"eth0\",directions=\"both\"}"), "10");
	CHECK_STR(value("pping_flows{interface=\"eth0\",directions=\"one\"}"), "2");
	CHECK_STR(value("pping_map_entries{interface=\"eth0\",map=\"flows\"}"), "12");
	CHECK_STR(value("pping_map_entries{interface=\"eth0\",map=\"prefixes\"}"), "4");
	CHECK_STR(value("pping_map_max_entries{interface=\"eth0\",map=\"flows\"}"), "131072");
	CHECK_STR(value("pping_cleaning_seconds_sum{interface=\"eth0\"}"), "1.234567890");
	CHECK_STR(value("pping_cleaning_seconds_count{interface=\"eth0\"}"), "7");
	CHECK_STR(value("pping_cleaning_longest_piece_seconds{interface=\"eth0\"}"), "0.002000001");
	CHECK_STR(value("pping_interface_up{interface=\"eth0\"}"), "1");
	CHECK_STR(value("pping_records_total{interface=\"eth0\"}"), "99");
	/* without a pass nobody knows */
	state.cleaned.passes = 0;
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_flows{interface=\"eth0\",directions=\"both\"}"), "none");
	CHECK_STR(value("pping_map_entries{interface=\"eth0\",map=\"flows\"}"), "none");
	end();
}

static void evicted_never_shrinks(void)
{
	begin();
	state.evicted = 10;
	make(METRICS_PROMETHEUS);
	state.evicted = 8;
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_flows_evicted_total{interface=\"eth0\"}"), "10");
	state.evicted = 11;
	make(METRICS_PROMETHEUS);
	CHECK_STR(value("pping_flows_evicted_total{interface=\"eth0\"}"), "11");
	end();
}

/* Every sample belongs to the family announced last, and no family comes twice. */
static void check_families(bool open)
{
	static char families[100][64];
	char family[64] = "", type[32] = "", *line, *save = NULL;
	int n = 0;

	for (line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(family);
		char name[64];

		if (sscanf(line, "# TYPE %63s %31s", family, type) == 2) {
			for (int i = 0; i < n; i++)
				CHECK(strcmp(families[i], family));
			strcpy(families[n++], family);
			if (!strcmp(type, "counter"))
				CHECK(open == !strstr(family, "_total"));
			continue;
		}
		if (sscanf(line, "# UNIT %63s %31s", name, type) == 2) {
			CHECK_STR(name, family);
			CHECK(open && !strcmp(name + strlen(name) - strlen(type), type));
			continue;
		}
		if (*line == '#')
			continue;
		CHECK(len && !strncmp(line, family, len));
		CHECK(strchr(line, '{') && strchr(line, '}'));
	}
	CHECK(n > 20);
}

static void both_formats(void)
{
	begin_aggregating();
	fill_state();
	add_prefix(1, 1, 1000000);
	make(METRICS_PROMETHEUS);
	CHECK(strstr(text.data, "# TYPE pping_packets_total counter\n"));
	CHECK(strstr(text.data, "# TYPE pping_build_info gauge\n"));
	CHECK(!strstr(text.data, "EOF") && !strstr(text.data, "# UNIT"));
	check_families(false);
	make(METRICS_OPENMETRICS);
	CHECK(strstr(text.data, "# TYPE pping_packets counter\n"));
	CHECK(strstr(text.data, "# TYPE pping_build info\n"));
	CHECK(strstr(text.data, "# UNIT pping_rtt_seconds seconds\n"));
	CHECK_STR(text.data + strlen(text.data) - 6, "# EOF\n");
	/* nothing tells when the run began */
	CHECK(!strstr(text.data, "_created") && !strstr(text.data, "start"));
	check_families(true);
	end();
}

/* Whatever the kernel lets an interface be called. */
static void strange_interfaces(void)
{
	const struct {
		const char *name, *label;
	} rows[] = {
		{ "a\"b\\c", "a\\\"b\\\\c" },
		{ "\x01\xff\x7f", "\\\\x01\\\\xff\\\\x7f" },
		{ "\xc3\xa4{}=,#%s%n", "\\\\xc3\\\\xa4{}=,#%s%n" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		  "\\\\xff\\\\xff\\\\xff\\\\xff\\\\xff\\\\xff\\\\xff\\\\xff\\\\xff\\\\xff\\\\xff"
		  "\\\\xff\\\\xff\\\\xff\\\\xff" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char sample[256];

		begin();
		options.interface = rows[i].name;
		begin_again();
		add_event(IPPROTO_TCP, 5);
		make(METRICS_PROMETHEUS);
		snprintf(sample, sizeof(sample), "pping_interface_up{interface=\"%s\"}",
			 rows[i].label);
		CHECK_STR(value(sample), "0");
		snprintf(sample, sizeof(sample),
			 "pping_rtt_seconds_bucket{interface=\"%s\",protocol=\"TCP\",le=\"+Inf\"}",
			 rows[i].label);
		CHECK_STR(value(sample), "1");
		end();
	}
}

/* --- from the engine's tables ------------------------------------------------------------- */

#define PLACES 6

static struct pping_prefix packets[PLACES];
static struct pping_rtts halves[2][PLACES];
static uint32_t half;

static int turn(void *ctx, uint32_t to)
{
	(void)ctx;
	half = to;
	return 0;
}

static bool forget(void *ctx, const struct pping_prefix_key *key, uint32_t place)
{
	(void)ctx;
	(void)key;
	(void)place;
	return true;
}

static void release(void *ctx, uint32_t place)
{
	(void)ctx;
	(void)place;
}

static void engine_rtt(uint32_t place, uint64_t ns)
{
	struct pping_rtts *rtts = &halves[half][place];

	rtts->sum += ns;
	rtts->bin[histogram_bin(ns)]++;
	if (rtts->max < ns)
		rtts->max = ns;
	if (rtts->min_inverted < ~ns)
		rtts->min_inverted = ~ns;
}

static uint64_t reported;

static int on_row(void *ctx, const struct aggregate_row *row)
{
	(void)ctx;
	reported += row->subject == AGGREGATE_ICMP ? 0 : row->count;
	return 0;
}

/* Each RTT is seen once, however reports and folds take turns, and reports still have all. */
static void watched(void)
{
	struct aggregate_settings set = {
		.bits4 = 24,
		.bits6 = 48,
		.timeout_ns = 1,
		.tables = { .packets = packets,
			    .rtts = halves[0],
			    .places = PLACES,
			    .shards = 1,
			    .turn = turn,
			    .forget = forget,
			    .release = release },
	};
	const struct pping_prefix_key key = { { 0, htonl(0x0a000100) }, 4 };
	struct aggregate *aggregate;
	uint64_t rtts = 0;

	begin_aggregating();
	memset(packets, 0, sizeof(packets));
	memset(halves, 0, sizeof(halves));
	half = 0;
	reported = 0;
	if (aggregate__new(&aggregate, &set))
		abort();
	aggregate__watch(aggregate, metrics__taken, metrics);
	packets[3].key = key;
	for (int i = 0; i < 200; i++) {
		engine_rtt(3, 1000000 + i);
		engine_rtt(PPING_PREFIX_OTHER, 2000000);
		engine_rtt(PPING_PREFIX_ICMP, 2000000);
		rtts += 2;
		if (i % 7 == 3)
			CHECK_INT(aggregate__fold(aggregate), 0);
		if (i % 13 == 5)
			CHECK_INT(aggregate__report(aggregate, 1000 * i, on_row, NULL), 0);
	}
	CHECK_INT(aggregate__fold(aggregate), 0);
	CHECK_INT(aggregate__prefixes(aggregate), 1);
	make(METRICS_PROMETHEUS);
	CHECK_STR(COUNT_OF("10.0.1.0/24"), "200");
	CHECK_STR(COUNT_OF("other"), "200");
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"TCP\"}"), "200");
	CHECK_STR(value("pping_rtt_seconds_count{interface=\"eth0\",protocol=\"ICMP\"}"), "200");
	CHECK_STR(value("pping_rtt_seconds_sum{interface=\"eth0\",protocol=\"TCP\"}"),
		  "0.200019900");
	CHECK_INT(aggregate__report(aggregate, 1000000, on_row, NULL), 0);
	CHECK_INT(reported, rtts);
	/* idle: it goes, and what comes in the meantime is still its own */
	CHECK_INT(aggregate__report(aggregate, 2000000, on_row, NULL), 0);
	CHECK_INT(packets[3].key.ip_version, 0);
	engine_rtt(3, 1000000);
	CHECK_INT(aggregate__fold(aggregate), 0);
	make(METRICS_PROMETHEUS);
	CHECK_STR(COUNT_OF("10.0.1.0/24"), "201");
	CHECK_INT(aggregate__report(aggregate, 3000000, on_row, NULL), 0);
	CHECK_INT(reported, rtts + 1);
	CHECK_INT(aggregate__prefixes(aggregate), 1);
	CHECK_INT(aggregate__report(aggregate, 4000000, on_row, NULL), 0);
	CHECK_INT(aggregate__prefixes(aggregate), 0);
	aggregate__free(aggregate);
	end();
}

int main(void)
{
	RUN(buckets_are_exact);
	RUN(protocols_apart);
	RUN(aggregates);
	RUN(long_sums);
	RUN(series_are_capped);
	RUN(no_series_at_all);
	RUN(idle_series_give_way);
	RUN(series_in_order);
	RUN(values);
	RUN(several_interfaces);
	RUN(evicted_never_shrinks);
	RUN(both_formats);
	RUN(strange_interfaces);
	RUN(watched);
	return TEST_EXIT();
}
