// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines for people. */
#include <time.h>

#include "format_aggregate.h"
#include "format_util.h"

#define CLOCK_LEN 8 /* of HH:MM:SS */

/*
 * Local time of day, HH:MM:SS.nnnnnnnnn. The last second's text is kept, so
 * that localtime_r() (some 100 ns) is paid once a second and not once a line;
 * nothing coarser is right in every zone. One thread formats.
 */
static char *put_local_time(char *p, uint64_t wall_ns)
{
	static char clock[CLOCK_LEN];
	static uint64_t clock_second = UINT64_MAX; /* no time has it */
	uint64_t second = wall_ns / PPING_NS_PER_SEC;
	time_t t = (time_t)second;
	struct tm tm = { 0 };
	char *c = clock;

	if (second != clock_second) {
		localtime_r(&t, &tm);
		c = put_2digits(c, (uint32_t)tm.tm_hour);
		*c++ = ':';
		c = put_2digits(c, (uint32_t)tm.tm_min);
		*c++ = ':';
		put_2digits(c, (uint32_t)tm.tm_sec);
		clock_second = second;
	}
	p = put_bytes(p, clock, sizeof(clock));
	*p++ = '.';
	return put_9digits(p, (uint32_t)(wall_ns % PPING_NS_PER_SEC));
}

/* The same of a time that counts from the start; hours go on beyond 24. */
static char *put_run_time(char *p, uint64_t ns)
{
	uint64_t seconds = ns / PPING_NS_PER_SEC, hours = seconds / 3600;
	uint32_t rest = (uint32_t)(seconds % 3600);

	p = hours < 100 ? put_2digits(p, (uint32_t)hours) : put_u64(p, hours);
	*p++ = ':';
	p = put_2digits(p, rest / 60);
	*p++ = ':';
	p = put_2digits(p, rest % 60);
	*p++ = '.';
	return put_9digits(p, (uint32_t)(ns % PPING_NS_PER_SEC));
}

static char *put_time(char *p, const struct format_settings *set, uint64_t wall_ns)
{
	return set->relative_time ? put_run_time(p, wall_ns) : put_local_time(p, wall_ns);
}

static char *put_protocol_and_flow(char *p, const struct format_settings *set,
				   const struct pping_tuple *flow)
{
	p = put_protocol(p, flow->protocol);
	*p++ = ' ';
	return format_util__put_flow(p, set, flow, true);
}

static char *put_rtt(char *p, const struct format_settings *set, const struct pping_event *event)
{
	p = put_milliseconds(p, event->rtt);
	p = PUT(p, " ms ");
	p = put_milliseconds(p, event->min_rtt);
	p = PUT(p, " ms ");
	return put_protocol_and_flow(p, set, &event->flow);
}

static char *put_count(char *p, const struct pping_flow_count *count)
{
	p = put_u64(p, count->packets);
	p = PUT(p, " packets ");
	p = put_u64(p, count->bytes);
	return PUT(p, " bytes, ");
}

/* What a flow carried, of a closing. */
static char *put_totals(char *p, const struct pping_event *event)
{
	p = PUT(p, " after ");
	p = put_seconds(p, event->duration);
	p = PUT(p, " s: src sent ");
	p = put_count(p, &event->rec);
	p = PUT(p, "dest sent ");
	p = put_count(p, &event->sent);
	p = put_u64(p, event->rtts);
	return PUT(p, " RTTs");
}

static char *put_flow_event(char *p, const struct format_settings *set,
			    const struct pping_event *event)
{
	p = put_protocol_and_flow(p, set, &event->flow);
	*p++ = ' ';
	p = put_string(p, format_util__flow_event_name(event->flow_event));
	p = PUT(p, " due to ");
	p = put_string(p, format_util__reason_name(event->reason));
	p = PUT(p, " from ");
	p = put_string(p, format_util__trigger_name(event->triggered_by));
	return set->counters && event->flow_event == PPING_FLOW_CLOSING ? put_totals(p, event) : p;
}

static char *put_lost(char *p, const struct pping_event *event)
{
	p = PUT(p, "lost ");
	p = put_u64(p, event->lost);
	return PUT(p, " events");
}

/* A word, whatever is in it. */
static char *put_name(char *p, const char *name)
{
	for (; *name; name++)
		*p++ = *name > ' ' && *name < 0x7f ? *name : '_';
	return p;
}

static void standard_event(struct text *out, const struct format_settings *set,
			   const struct pping_event *event, uint64_t wall_ns, bool first)
{
	char *p;

	(void)first;
	if (event->type < PPING_EVENT_RTT || event->type > PPING_EVENT_LOST)
		return;
	p = text__reserve(out, FORMAT_RECORD_MAX);
	if (!p)
		return;
	p = put_time(p, set, wall_ns);
	*p++ = ' ';
	if (event->type == PPING_EVENT_RTT)
		p = put_rtt(p, set, event);
	else if (event->type == PPING_EVENT_FLOW)
		p = put_flow_event(p, set, event);
	else
		p = put_lost(p, event);
	if (set->interface && event->type != PPING_EVENT_LOST)
		p = put_name(PUT(p, " on "), set->interface);
	*p++ = '\n';
	out->len = (size_t)(p - out->data);
}

static void begin_line(struct text *out, const struct format_settings *set, uint64_t wall_ns)
{
	char *p = text__reserve(out, FORMAT_RECORD_MAX);

	if (!p)
		return;
	p = put_time(p, set, wall_ns);
	*p++ = ' ';
	out->len = (size_t)(p - out->data);
}

static void standard_aggregation(struct text *out, const struct format_settings *set,
				 uint64_t wall_ns, bool first)
{
	(void)first;
	begin_line(out, set, wall_ns);
	format_aggregate__text_description(out, set);
	text__append(out, "\n", 1);
}

static void standard_row(struct text *out, const struct format_settings *set,
			 const struct aggregate_row *row, uint64_t wall_ns, bool first)
{
	(void)first;
	begin_line(out, set, wall_ns);
	format_aggregate__text_row(out, row);
	text__append(out, "\n", 1);
}

static void standard_totals(struct text *out, const struct format_settings *set,
			    const struct format_totals *totals, uint64_t wall_ns, bool first)
{
	(void)first;
	begin_line(out, set, wall_ns);
	format_aggregate__text_totals(out, totals);
	text__append(out, "\n", 1);
}

/* One word, or several in quotes, whatever is in it. */
static void append_words(struct text *out, const char *words)
{
	bool quote = !*words || strchr(words, ' ');
	const unsigned char *c;
	char byte;

	text__append(out, "\"", quote);
	for (c = (const unsigned char *)words; *c; c++) {
		byte = *c >= ' ' && *c < 0x7f && *c != '"' ? (char)*c : '_';
		text__append(out, &byte, 1);
	}
	text__append(out, "\"", quote);
}

/* A comment: who reads RTTs passes it over by its first character. */
static void standard_facts(struct text *out, const struct format_settings *set,
			   const struct format_fact *facts, size_t n, uint64_t wall_ns, bool first)
{
	char value[64];
	size_t i;

	(void)first;
	text__append(out, "#", 1);
	if (wall_ns != FORMAT_NO_TIME) {
		value[0] = ' ';
		text__append(out, value, (size_t)(put_time(value + 1, set, wall_ns) - value));
	}
	for (i = 0; i < n; i++) {
		if (!facts[i].key)
			continue;
		text__append(out, " ", 1);
		text__append(out, facts[i].key, strlen(facts[i].key));
		text__append(out, "=", 1);
		if (facts[i].kind == FORMAT_TEXT)
			append_words(out, facts[i].text);
		else
			text__append(out, value,
				     (size_t)(format_util__put_fact(value, &facts[i]) - value));
	}
	text__append(out, "\n", 1);
}

const struct format format_standard = {
	.name = "standard",
	.appendable = true,
	.event = standard_event,
	.aggregation = standard_aggregation,
	.row = standard_row,
	.totals = standard_totals,
	.facts = standard_facts,
};
