// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON Lines, and the same objects in one array. Times are integers in
 * nanoseconds; no string of an event needs escaping, all come from here.
 */
#include <stdio.h>

#include "format_util.h"

static char *put_tuple(char *p, const struct pping_tuple *flow)
{
	p = PUT(p, ",\"src_ip\":\"");
	p = put_addr(p, &flow->saddr, flow->ip_version);
	p = PUT(p, "\",\"src_port\":");
	p = put_port(p, flow->sport);
	p = PUT(p, ",\"dest_ip\":\"");
	p = put_addr(p, &flow->daddr, flow->ip_version);
	p = PUT(p, "\",\"dest_port\":");
	p = put_port(p, flow->dport);
	p = PUT(p, ",\"protocol\":\"");
	p = put_protocol(p, flow->protocol);
	*p++ = '"';
	return p;
}

static char *put_counters(char *p, const struct pping_event *event)
{
	p = PUT(p, ",\"sent_packets\":");
	p = put_u64(p, event->sent.packets);
	p = PUT(p, ",\"sent_bytes\":");
	p = put_u64(p, event->sent.bytes);
	p = PUT(p, ",\"rec_packets\":");
	p = put_u64(p, event->rec.packets);
	p = PUT(p, ",\"rec_bytes\":");
	return put_u64(p, event->rec.bytes);
}

static char *put_rtt(char *p, const struct format_settings *set, const struct pping_event *event)
{
	p = put_tuple(p, &event->flow);
	p = PUT(p, ",\"rtt\":");
	p = put_u64(p, event->rtt);
	p = PUT(p, ",\"min_rtt\":");
	p = put_u64(p, event->min_rtt);
	if (set->counters)
		p = put_counters(p, event);
	if (event->match == PPING_MATCH_EGRESS)
		return PUT(p, ",\"match_on_egress\":true");
	if (event->match == PPING_MATCH_INGRESS)
		return PUT(p, ",\"match_on_egress\":false");
	return p;
}

static char *put_flow_event(char *p, const struct pping_event *event)
{
	p = put_tuple(p, &event->flow);
	p = PUT(p, ",\"flow_event\":\"");
	p = put_string(p, format_util__flow_event_name(event->flow_event));
	p = PUT(p, "\",\"reason\":\"");
	p = put_string(p, format_util__reason_name(event->reason));
	p = PUT(p, "\",\"triggered_by\":\"");
	p = put_string(p, format_util__trigger_name(event->triggered_by));
	*p++ = '"';
	return p;
}

static char *put_lost(char *p, const struct pping_event *event)
{
	p = PUT(p, ",\"lost_events\":");
	return put_u64(p, event->lost);
}

/* before and after: what goes around the object, a byte or two. */
static inline void put_record(struct text *out, const struct format_settings *set,
			      const struct pping_event *event, uint64_t wall_ns, const char *before,
			      const char *after)
{
	char *p;

	if (event->type < PPING_EVENT_RTT || event->type > PPING_EVENT_LOST)
		return;
	p = text__reserve(out, FORMAT_RECORD_MAX);
	if (!p)
		return;
	p = put_string(p, before);
	p = PUT(p, "{\"timestamp\":");
	p = put_u64(p, wall_ns);
	if (event->type == PPING_EVENT_RTT)
		p = put_rtt(p, set, event);
	else if (event->type == PPING_EVENT_FLOW)
		p = put_flow_event(p, event);
	else
		p = put_lost(p, event);
	*p++ = '}';
	p = put_string(p, after);
	out->len = (size_t)(p - out->data);
}

static void jsonl_event(struct text *out, const struct format_settings *set,
			const struct pping_event *event, uint64_t wall_ns, bool first)
{
	(void)first;
	put_record(out, set, event, wall_ns, "", "\n");
}

static void json_begin(struct text *out)
{
	text__append(out, "[\n", 2);
}

/* The comma comes with the next object: cut after any object, the end makes it an array. */
static void json_event(struct text *out, const struct format_settings *set,
		       const struct pping_event *event, uint64_t wall_ns, bool first)
{
	put_record(out, set, event, wall_ns, first ? "" : ",\n", "");
}

/* An interface's name may hold a quote, a backslash and bytes that are no UTF-8. */
static void append_string(struct text *out, const char *string)
{
	const unsigned char *c;
	char escape[sizeof("\\u00ff")];

	text__append(out, "\"", 1);
	for (c = (const unsigned char *)string; *c; c++) {
		if (*c >= ' ' && *c < 0x7f && *c != '"' && *c != '\\') {
			text__append(out, (const char *)c, 1);
			continue;
		}
		snprintf(escape, sizeof(escape), "\\u%04x", *c);
		text__append(out, escape, strlen(escape));
	}
	text__append(out, "\"", 1);
}

static void append_key(struct text *out, const char *key, const char *comma)
{
	text__append(out, comma, strlen(comma));
	text__append(out, "\"", 1);
	text__append(out, key, strlen(key));
	text__append(out, "\":", 2);
}

static void append_facts(struct text *out, const struct format_fact *facts, size_t n,
			 uint64_t wall_ns)
{
	const char *comma = "";
	char number[FORMAT_U64_MAX + 3];
	size_t i;

	text__append(out, "{", 1);
	if (wall_ns) {
		append_key(out, "timestamp", "");
		text__append(out, number, (size_t)(put_u64(number, wall_ns) - number));
		comma = ",";
	}
	for (i = 0; i < n; i++) {
		if (!facts[i].key)
			continue;
		append_key(out, facts[i].key, comma);
		comma = ",";
		if (facts[i].kind == FORMAT_TEXT)
			append_string(out, facts[i].text);
		else
			text__append(out, number,
				     (size_t)(format_util__put_fact(number, &facts[i]) - number));
	}
	text__append(out, "}", 1);
}

static void jsonl_facts(struct text *out, const struct format_fact *facts, size_t n,
			uint64_t wall_ns, bool first)
{
	(void)first;
	append_facts(out, facts, n, wall_ns);
	text__append(out, "\n", 1);
}

static void json_facts(struct text *out, const struct format_fact *facts, size_t n,
		       uint64_t wall_ns, bool first)
{
	if (!first)
		text__append(out, ",\n", 2);
	append_facts(out, facts, n, wall_ns);
}

static void json_end(struct text *out)
{
	text__append(out, "\n]\n", 3);
}

const struct format format_json = {
	.name = "json",
	.begin = json_begin,
	.event = json_event,
	.end = json_end,
	.facts = json_facts,
};

const struct format format_jsonl = {
	.name = "jsonl",
	.appendable = true,
	.event = jsonl_event,
	.facts = jsonl_facts,
};
