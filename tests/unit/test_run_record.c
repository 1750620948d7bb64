// SPDX-License-Identifier: GPL-2.0-or-later
/* Records about the run, and what it comes to an hour. */
#include <stdlib.h>
#include <sys/utsname.h>

#include "src/options.h"
#include "src/plan.h"
#include "src/run_record.h"
#include "src/status.h"
#include "tests/unit/test.h"

static const char *text_of(struct text *t)
{
	*text__reserve(t, 1) = 0;
	return t->data;
}

/* --- facts ---------------------------------------------------------------------------- */

static void facts(void)
{
	static const struct format_fact list[] = {
		{ "name", FORMAT_TEXT, "a\"b\\c\nd\x7f\xff e", 0 },
		{ NULL, FORMAT_NUMBER, NULL, 1 },
		{ "n", FORMAT_NUMBER, NULL, UINT64_MAX },
		{ "rate", FORMAT_TENTHS, NULL, 123 },
		{ "small", FORMAT_TENTHS, NULL, 4 },
		{ "most", FORMAT_TENTHS, NULL, UINT64_MAX },
		{ "yes", FORMAT_YES, NULL, 1 },
		{ "no", FORMAT_YES, NULL, 0 },
		{ "empty", FORMAT_TEXT, "", 0 },
	};
	const size_t n = sizeof(list) / sizeof(*list);
	const char *json =
		"{\"timestamp\":1700000000123456789,"
		"\"name\":\"a\\u0022b\\u005cc\\u000ad\\u007f\\u00ff e\","
		"\"n\":18446744073709551615,\"rate\":12.3,\"small\":0.4,"
		"\"most\":1844674407370955161.5,\"yes\":true,\"no\":false,\"empty\":\"\"}";
	struct format_settings set = { 0 };
	struct text t = { 0 };
	char want[1024];

	setenv("TZ", "UTC", 1);
	format_jsonl.facts(&t, &set, list, n, 1700000000123456789, false);
	snprintf(want, sizeof(want), "%s\n", json);
	CHECK_STR(text_of(&t), want);
	t.len = 0;
	format_json.facts(&t, &set, list, n, 1700000000123456789, true);
	CHECK_STR(text_of(&t), json);
	t.len = 0;
	format_json.facts(&t, &set, list, 1, FORMAT_NO_TIME, false);
	CHECK_STR(text_of(&t), ",\n{\"name\":\"a\\u0022b\\u005cc\\u000ad\\u007f\\u00ff e\"}");
	t.len = 0;
	format_standard.facts(&t, &set, list, n, 1700000000123456789, true);
	CHECK_STR(text_of(&t), "# 22:13:20.123456789 name=\"a_b\\c_d__ e\" n=18446744073709551615 "
			       "rate=12.3 small=0.4 most=1844674407370955161.5 yes=true no=false "
			       "empty=\"\"\n");
	t.len = 0;
	format_standard.facts(&t, &set, list, 2, FORMAT_NO_TIME, true);
	CHECK_STR(text_of(&t), "# name=\"a_b\\c_d__ e\"\n");
	/* the time may be that of the start */
	t.len = 0;
	set.relative_time = true;
	format_standard.facts(&t, &set, list + 6, 1, 0, true);
	CHECK_STR(text_of(&t), "# 00:00:00.000000000 yes=true\n");
	t.len = 0;
	format_jsonl.facts(&t, &set, list + 7, 1, 0, true);
	CHECK_STR(text_of(&t), "{\"timestamp\":0,\"no\":false}\n");
	CHECK(!format_ppviz.facts);
	text__free(&t);
}

/* --- runs ------------------------------------------------------------------------------- */

static void count(void *ctx, struct pping_counters *c)
{
	CHECK_STR(ctx, "ctx");
	memset(c, 0, sizeof(*c));
	c->n[PPING_COUNT_TRACKED] = 5;
	c->n[PPING_COUNT_NOT_IP] = 2;
	c->n[PPING_COUNT_EXCLUDED] = 9;
	c->n[PPING_COUNT_RTTS] = 3;
	c->n[PPING_COUNT_EVENTS_EMITTED] = 4;
	c->n[PPING_COUNT_LOST_ENOSPC] = 6;
	c->n[PPING_COUNT_FLOWS_OPENED] = 8;
	c->n[PPING_COUNT_FLOWS_CLOSED] = 7;
	c->n[PPING_COUNT_FLOWS_TIMED_OUT] = 1;
}

static const char *attached(void *ctx)
{
	CHECK_STR(ctx, "ctx");
	return "tcx";
}

static void count_rules(void *ctx, uint64_t *included, uint64_t *excluded)
{
	CHECK_STR(ctx, "ctx");
	*included = 0;
	*excluded = 12345;
}

static size_t interfaces(void *ctx, const struct interfaces_row **rows)
{
	static struct interfaces_row two[] = { { .name = "eth0" }, { .name = "p\"0" } };

	CHECK_STR(ctx, "ctx");
	two[0].counters.n[PPING_COUNT_TRACKED] = 4;
	two[0].counters.n[PPING_COUNT_NOT_IP] = 2;
	two[1].counters.n[PPING_COUNT_TRACKED] = 1;
	two[1].counters.n[PPING_COUNT_RTTS] = 3;
	*rows = two;
	return 2;
}

/* Of several interfaces each is told of. */
static void run_of_several(void)
{
	struct options o = { .interface = "eth0,p*", .format = FORMAT_JSONL, .several = true };
	struct run_source source = { .ctx = (void *)"ctx",
				     .counters = count,
				     .attached = attached,
				     .interfaces = interfaces };
	struct run_file file = { .number = 1 };
	struct text t = { 0 };

	run_record__end(&t, &o, &source, &file, 5, true);
	CHECK(strstr(text_of(&t), "\"interfaces\":\"eth0 6 packets 0 RTTs, p\\u00220 1 packets 3 "
				  "RTTs\"}\n") != NULL);
	text__free(&t);
}

static void run_begins_and_ends(void)
{
	struct options o = { .interface = "et\"h0",
			     .format = FORMAT_JSONL,
			     .track_tcp = true,
			     .track_icmp = true,
			     .given = "--icmp" };
	struct run_source source = { .ctx = (void *)"ctx",
				     .counters = count,
				     .attached = attached };
	struct run_file file = { .number = 3, .events = 10, .total_events = 30, .last = true };
	struct text t = { 0 };
	struct utsname uts;
	char want[512];

	uname(&uts);
	run_record__begin(&t, &o, &source, 3, 5, true);
	snprintf(want, sizeof(want),
		 "{\"timestamp\":5,\"run\":\"begin\",\"file\":3,\"version\":\"" PPING_VERSION
		 "\",\"kernel\":\"%s\",\"interface\":\"et\\u0022h0\",\"attached\":\"tcx\","
		 "\"methods\":\"TCP timestamps, ICMP "
		 "echo\",\"anonymized\":\"none\",\"options\":\"--icmp\"}\n",
		 uts.release);
	CHECK_STR(text_of(&t), want);
	t.len = 0;
	run_record__end(&t, &o, &source, &file, 5, false);
	CHECK_STR(
		text_of(&t),
		"{\"timestamp\":5,\"run\":\"end\",\"file\":3,\"last\":true,\"file_events\":10,"
		"\"total_events\":30,\"total_handed_over\":4,\"total_lost\":6,\"total_packets\":16,"
		"\"total_rtts\":3,\"total_flows_opened\":8,\"total_flows_closed\":7,"
		"\"total_flows_timed_out\":1}\n");
	/* with --include or --exclude: how many, and what they left out */
	t.len = 0;
	source.rules = count_rules;
	run_record__begin(&t, &o, &source, 3, 5, true);
	CHECK(strstr(text_of(&t), "\"anonymized\":\"none\",\"include_rules\":0,"
				  "\"exclude_rules\":12345,\"options\""));
	t.len = 0;
	run_record__end(&t, &o, &source, &file, 5, false);
	CHECK(strstr(text_of(&t), "\"total_packets\":16,\"total_excluded\":9,\"total_rtts\""));
	source.rules = NULL;
	/* a capture's is the same at each reading, on every kernel */
	t.len = 0;
	source.attached = NULL;
	o.anonymity.method = ANONYMIZE_IPCRYPT;
	o.interface = NULL;
	run_record__begin(&t, &o, &source, 1, FORMAT_NO_TIME, true);
	CHECK_STR(text_of(&t), "{\"run\":\"begin\",\"file\":1,\"version\":\"" PPING_VERSION
			       "\",\"capture\":true,\"methods\":\"TCP timestamps, ICMP echo\","
			       "\"anonymized\":\"ipcrypt\",\"options\":\"--icmp\"}\n");
	t.len = 0;
	o.format = FORMAT_PPVIZ;
	run_record__begin(&t, &o, &source, 1, FORMAT_NO_TIME, true);
	run_record__end(&t, &o, &source, &file, FORMAT_NO_TIME, false);
	CHECK_INT(t.len, 0);
	text__free(&t);
}

/* --- status ----------------------------------------------------------------------------- */

static void status(void)
{
	struct status s = {
		.from = { .mono_ns = 1000000000,
			  .has_stats = true,
			  .ifindex = 2,
			  .stats = { 100, 200, 1000, 2000 } },
		.to = { .mono_ns = 3000000000,
			.has_stats = true,
			.ifindex = 2,
			.stats = { 110, 230, 1500, 2001 } },
		.counted_flows = true,
		.flows = 12,
	};
	struct format_settings set = { 0 };
	struct text t = { 0 };

	s.from.counters.n[PPING_COUNT_RTTS] = 5;
	s.to.counters.n[PPING_COUNT_RTTS] = 6;
	s.to.counters.n[PPING_COUNT_EVENTS_EMITTED] = 7;
	s.to.counters.n[PPING_COUNT_LOST_ENOSPC] = 3;
	status__put(&t, &format_jsonl, &set, &s, 9, true);
	CHECK_STR(text_of(&t),
		  "{\"timestamp\":9,\"status_interval\":2000000000,\"flows\":12,\"rtts_per_s\":0.5,"
		  "\"events_per_s\":3.5,\"lost\":3,\"rx_packets_per_s\":5.0,"
		  "\"rx_bits_per_s\":2000.0,\"tx_packets_per_s\":15.0,\"tx_bits_per_s\":4.0}\n");
	/* not counted, away, another of the same name: it is not made up */
	s.counted_flows = false;
	s.to.ifindex = 3;
	t.len = 0;
	status__put(&t, &format_jsonl, &set, &s, 9, true);
	CHECK_STR(text_of(&t), "{\"timestamp\":9,\"status_interval\":2000000000,\"rtts_per_s\":0.5,"
			       "\"events_per_s\":3.5,\"lost\":3}\n");
	s.to.ifindex = 2;
	s.to.stats.rx_bytes = 10;
	t.len = 0;
	status__put(&t, &format_jsonl, &set, &s, 9, true);
	CHECK(!strstr(text_of(&t), "rx_"));
	text__free(&t);
}

/* --- plans -------------------------------------------------------------------------------- */

static const char *printed(void (*print)(FILE *to, const struct plan *plan),
			   const struct plan *plan)
{
	static char text[512];
	FILE *to = fmemopen(text, sizeof(text), "w");

	text[0] = 0;
	print(to, plan);
	fclose(to);
	return text;
}

/* The sum of the measurement study: 12,000 events/s of 233 bytes are 10 GB an hour. */
static void plans(void)
{
	struct plan p = {
		.known = true,
		.elapsed_ns = 10 * PPING_NS_PER_SEC,
		.events = 120000,
		.event_bytes = 28000000,
		.formatted = 28000000,
		.bytes = 28000000,
		.files = 1,
		.free = UINT64_MAX,
	};

	CHECK_STR(printed(plan__print, &p), "pping: at the rate so far 10.1 GB an hour: "
					    "12000 events/s of 233 bytes\n");
	p.free = 20160000000;
	CHECK_STR(printed(plan__print, &p),
		  "pping: at the rate so far 10.1 GB an hour: "
		  "12000 events/s of 233 bytes; 20.2 GB free, for 2 hours\n");
	p.bytes /= 10;
	p.files = 3;
	p.dropped = 1;
	p.budget = 1008000000;
	CHECK_STR(
		printed(plan__print_summary, &p),
		"  storage  2.8 MB in 3 files (1 of them dropped), 1.0 GB an hour: 12000 events/s "
		"of 233 bytes, compressed 10.0 times; 20.2 GB free, for 20 hours; "
		"--max-storage holds 60 minutes\n");
	p.elapsed_ns = 0; /* a capture */
	CHECK_STR(printed(plan__print_summary, &p),
		  "  storage  2.8 MB in 3 files (1 of them dropped)\n");
	p.bytes = 0;
	CHECK_STR(printed(plan__print, &p), "");
	p.known = false;
	CHECK_STR(printed(plan__print_summary, &p), "");
	CHECK_INT(plan__lasts_s(&p), -1);
}

static void amounts(void)
{
	static const struct {
		double bytes;
		const char *want;
	} rows[] = {
		{ 0, "0 bytes" },     { 999, "999 bytes" },   { 1000, "1.0 kB" },
		{ 99900, "99.9 kB" }, { 99990, "100 kB" },    { 999600, "1.0 MB" },
		{ 2.8e6, "2.8 MB" },  { 10.08e9, "10.1 GB" }, { 5e18, "5000 PB" },
	};
	char text[32];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK_STR(plan__bytes(text, sizeof(text), rows[i].bytes), rows[i].want);
}

int main(void)
{
	RUN(facts);
	RUN(run_begins_and_ends);
	RUN(run_of_several);
	RUN(status);
	RUN(plans);
	RUN(amounts);
	return TEST_EXIT();
}
