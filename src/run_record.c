// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/run_record.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#include "src/summary.h"

static const char *methods(const struct options *options)
{
	if (options->track_tcp && options->track_icmp)
		return "TCP timestamps, ICMP echo";
	return options->track_icmp ? "ICMP echo" : "TCP timestamps";
}

static void put(struct text *out, const struct options *options, const struct format_fact *facts,
		size_t n, uint64_t wall_ns, bool first)
{
	const struct format *format = format__find(options->format);
	const struct format_settings set = { .relative_time = options->relative_time };

	if (format->facts)
		format->facts(out, &set, facts, n, wall_ns, first);
}

/* How many of --include, or of --exclude; which ones is told nowhere. */
static uint64_t rules_of(const struct run_source *source, bool exclude)
{
	uint64_t included = 0, excluded = 0;

	if (source->rules)
		source->rules(source->ctx, &included, &excluded);
	return exclude ? excluded : included;
}

void run_record__begin(struct text *out, const struct options *options,
		       const struct run_source *source, uint64_t file_number, uint64_t wall_ns,
		       bool first)
{
	bool live = source->attached != NULL, rules = source->rules != NULL;
	struct utsname uts;
	const struct format_fact facts[] = {
		{ "run", FORMAT_TEXT, "begin", 0 },
		{ "file", FORMAT_NUMBER, NULL, file_number },
		{ "version", FORMAT_TEXT, PPING_VERSION, 0 },
		{ live ? "kernel" : NULL, FORMAT_TEXT, uname(&uts) ? "unknown" : uts.release, 0 },
		{ live ? "interface" : NULL, FORMAT_TEXT, options->interface, 0 },
		{ live ? "attached" : NULL, FORMAT_TEXT, live ? source->attached(source->ctx) : "",
		  0 },
		{ live ? NULL : "capture", FORMAT_YES, NULL, true },
		{ "methods", FORMAT_TEXT, methods(options), 0 },
		{ "anonymized", FORMAT_TEXT, options__anonymity(options), 0 },
		{ rules ? "include_rules" : NULL, FORMAT_NUMBER, NULL, rules_of(source, false) },
		{ rules ? "exclude_rules" : NULL, FORMAT_NUMBER, NULL, rules_of(source, true) },
		{ "options", FORMAT_TEXT, options->given, 0 },
	};

	put(out, options, facts, sizeof(facts) / sizeof(*facts), wall_ns, first);
}

/* "eth0 1234 packets 56 RTTs, eth1 ..." of several interfaces; NULL: there is one. */
static const char *totals_of_each(const struct run_source *source, struct text *text)
{
	const struct interfaces_row *rows;
	size_t n = source->interfaces ? source->interfaces(source->ctx, &rows) : 0;

	for (size_t i = 0; i < n; i++) {
		char line[128];
		int len = snprintf(line, sizeof(line), "%s%s %" PRIu64 " packets %" PRIu64 " RTTs",
				   i ? ", " : "", rows[i].name, summary__packets(&rows[i].counters),
				   (uint64_t)rows[i].counters.n[PPING_COUNT_RTTS]);

		text__append(text, line, (size_t)len);
	}
	text__append(text, "", 1);
	return n && !text->failed ? text->data : NULL;
}

void run_record__end(struct text *out, const struct options *options,
		     const struct run_source *source, const struct run_file *file, uint64_t wall_ns,
		     bool first)
{
	struct pping_counters c = { 0 };
	struct text each = { 0 };
	const char *totals;

	source->counters(source->ctx, &c);
	totals = totals_of_each(source, &each);
	{
		const struct format_fact facts[] = {
			{ "run", FORMAT_TEXT, "end", 0 },
			{ "file", FORMAT_NUMBER, NULL, file->number },
			{ "last", FORMAT_YES, NULL, file->last },
			{ "file_events", FORMAT_NUMBER, NULL, file->events },
			{ "total_events", FORMAT_NUMBER, NULL, file->total_events },
			{ "total_handed_over", FORMAT_NUMBER, NULL,
			  c.n[PPING_COUNT_EVENTS_EMITTED] },
			{ "total_lost", FORMAT_NUMBER, NULL, summary__lost(&c) },
			{ "total_packets", FORMAT_NUMBER, NULL, summary__packets(&c) },
			{ source->rules ? "total_excluded" : NULL, FORMAT_NUMBER, NULL,
			  c.n[PPING_COUNT_EXCLUDED] },
			{ "total_rtts", FORMAT_NUMBER, NULL, c.n[PPING_COUNT_RTTS] },
			{ "total_flows_opened", FORMAT_NUMBER, NULL,
			  c.n[PPING_COUNT_FLOWS_OPENED] },
			{ "total_flows_closed", FORMAT_NUMBER, NULL,
			  c.n[PPING_COUNT_FLOWS_CLOSED] },
			{ "total_flows_timed_out", FORMAT_NUMBER, NULL,
			  c.n[PPING_COUNT_FLOWS_TIMED_OUT] },
			{ totals ? "interfaces" : NULL, FORMAT_TEXT, totals, 0 },
		};

		put(out, options, facts, sizeof(facts) / sizeof(*facts), wall_ns, first);
	}
	text__free(&each);
}
