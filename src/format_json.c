// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON Lines, and the same objects in one array. Times are integers in
 * nanoseconds; no string of an event needs escaping, all come from here.
 */
#include <stdio.h>

#include "fields.h"
#include "format_aggregate.h"
#include "format_util.h"
#include "scope.h"

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

static char *put_flow_event(char *p, const struct format_settings *set,
			    const struct pping_event *event)
{
	bool totals = set->counters && event->flow_event == PPING_FLOW_CLOSING;

	p = put_tuple(p, &event->flow);
	if (totals)
		p = put_counters(p, event);
	p = PUT(p, ",\"flow_event\":\"");
	p = put_string(p, format_util__flow_event_name(event->flow_event));
	p = PUT(p, "\",\"reason\":\"");
	p = put_string(p, format_util__reason_name(event->reason));
	p = PUT(p, "\",\"triggered_by\":\"");
	p = put_string(p, format_util__trigger_name(event->triggered_by));
	*p++ = '"';
	if (!totals)
		return p;
	p = PUT(p, ",\"duration\":");
	p = put_u64(p, event->duration);
	p = PUT(p, ",\"rtts\":");
	return put_u64(p, event->rtts);
}

static char *put_lost(char *p, const struct pping_event *event)
{
	p = PUT(p, ",\"lost_events\":");
	return put_u64(p, event->lost);
}

/* --- chosen fields ---------------------------------------------------------------- */

static char *put_flow_id(char *p, uint64_t id)
{
	static const char digits[] = "0123456789abcdef";

	for (int shift = 60; shift >= 0; shift -= 4)
		*p++ = digits[id >> shift & 0xf];
	return p;
}

static char *put_address(char *p, const struct format_settings *set, const struct pping_tuple *flow,
			 const union pping_addr *addr)
{
	*p++ = '"';
	if (set->addresses == FORMAT_ADDRESSES_NONE)
		*p++ = '-';
	else if (set->addresses == FORMAT_ADDRESSES_128_BITS)
		p = format_util__put_ipv6(p, addr->b);
	else
		p = put_addr(p, addr, flow->ip_version);
	*p++ = '"';
	return p;
}

static char *put_quoted(char *p, const char *string)
{
	*p++ = '"';
	p = put_string(p, string);
	*p++ = '"';
	return p;
}

/*
 * An interface's name, 15 bytes at most: it may hold a quote, a backslash and bytes
 * that are no UTF-8.
 */
static char *put_name(char *p, const char *name)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *c;

	*p++ = '"';
	for (c = (const unsigned char *)name; *c; c++) {
		if (*c > ' ' && *c < 0x7f && *c != '"' && *c != '\\') {
			*p++ = (char)*c;
			continue;
		}
		p = PUT(p, "\\u00");
		*p++ = digits[*c >> 4];
		*p++ = digits[*c & 0xf];
	}
	*p++ = '"';
	return p;
}

/* The value of a field that the event has. */
static char *put_value(char *p, const struct format_settings *set, const struct pping_event *event,
		       uint64_t wall_ns, enum field field)
{
	const struct pping_tuple *flow = &event->flow;

	switch (field) {
	case FIELD_TIMESTAMP:
		return put_u64(p, wall_ns);
	case FIELD_SRC_IP:
		return put_address(p, set, flow, &flow->saddr);
	case FIELD_SRC_PORT:
		return put_port(p, flow->sport);
	case FIELD_DEST_IP:
		return put_address(p, set, flow, &flow->daddr);
	case FIELD_DEST_PORT:
		return put_port(p, flow->dport);
	case FIELD_PROTOCOL:
		*p++ = '"';
		p = put_protocol(p, flow->protocol);
		*p++ = '"';
		return p;
	case FIELD_RTT:
		return put_u64(p, event->rtt);
	case FIELD_MIN_RTT:
		return put_u64(p, event->min_rtt);
	case FIELD_SENT_PACKETS:
		return put_u64(p, event->sent.packets);
	case FIELD_SENT_BYTES:
		return put_u64(p, event->sent.bytes);
	case FIELD_REC_PACKETS:
		return put_u64(p, event->rec.packets);
	case FIELD_REC_BYTES:
		return put_u64(p, event->rec.bytes);
	case FIELD_MATCH_ON_EGRESS:
		return put_string(p, event->match == PPING_MATCH_EGRESS ? "true" : "false");
	case FIELD_FLOW_EVENT:
		return put_quoted(p, format_util__flow_event_name(event->flow_event));
	case FIELD_REASON:
		return put_quoted(p, format_util__reason_name(event->reason));
	case FIELD_TRIGGERED_BY:
		return put_quoted(p, format_util__trigger_name(event->triggered_by));
	case FIELD_DURATION:
		return put_u64(p, event->duration);
	case FIELD_RTTS:
		return put_u64(p, event->rtts);
	case FIELD_LOST_EVENTS:
		return put_u64(p, event->lost);
	case FIELD_IP_VERSION:
		*p++ = flow->ip_version == 4 ? '4' : '6';
		return p;
	case FIELD_FLOW_ID:
		*p++ = '"';
		p = put_flow_id(p, set->note->flow_id);
		*p++ = '"';
		return p;
	case FIELD_SRC_SCOPE:
		return put_quoted(p, scope__name(set->note->src_scope));
	case FIELD_DEST_SCOPE:
		return put_quoted(p, scope__name(set->note->dest_scope));
	case FIELD_INTERFACE:
		return put_name(p, set->interface);
	case FIELD_COUNT:
		break;
	}
	return p;
}

/* An opening has no totals, and is not written where they are all that is asked for of flows. */
static uint32_t chosen_of_flow(uint32_t fields, const struct pping_event *event)
{
	uint32_t own = fields & fields__own(FIELDS_OF_FLOW);

	fields &= fields__of(FIELDS_OF_FLOW);
	if (event->flow_event == PPING_FLOW_CLOSING)
		return fields;
	return own && !(own & ~FIELDS_COUNTERS) ? 0 : fields & ~FIELDS_COUNTERS;
}

/* What is written of a record, 0 where it is not. */
static uint32_t chosen_of(const struct format_settings *set, const struct pping_event *event)
{
	unsigned int kinds = fields__kinds(set->fields);

	switch (event->type) {
	case PPING_EVENT_RTT:
		return kinds & FIELDS_OF_RTT ? set->fields & fields__of(FIELDS_OF_RTT) : 0;
	case PPING_EVENT_FLOW:
		return kinds & FIELDS_OF_FLOW ? chosen_of_flow(set->fields, event) : 0;
	default:
		return kinds & FIELDS_OF_LOST ? set->fields & fields__of(FIELDS_OF_LOST) : 0;
	}
}

static char *put_chosen(char *p, const struct format_settings *set, const struct pping_event *event,
			uint64_t wall_ns)
{
	uint32_t fields = chosen_of(set, event);
	char before = '{';

	if (event->match == PPING_MATCH_UNKNOWN)
		fields &= ~FIELD_BIT(MATCH_ON_EGRESS);
	if (!set->interface)
		fields &= ~FIELD_BIT(INTERFACE);
	if (!fields)
		*p++ = before;
	for (; fields; fields &= fields - 1) {
		enum field field = (enum field)__builtin_ctz(fields);

		*p++ = before;
		*p++ = '"';
		p = put_string(p, fields__key(field));
		p = PUT(p, "\":");
		p = put_value(p, set, event, wall_ns, field);
		before = ',';
	}
	return p;
}

/* --- records ------------------------------------------------------------------------ */

static char *put_usual(char *p, const struct format_settings *set, const struct pping_event *event,
		       uint64_t wall_ns)
{
	p = PUT(p, "{\"timestamp\":");
	p = put_u64(p, wall_ns);
	if (event->type == PPING_EVENT_LOST)
		return put_lost(p, event);
	p = event->type == PPING_EVENT_RTT ? put_rtt(p, set, event) : put_flow_event(p, set, event);
	return set->interface ? put_name(PUT(p, ",\"interface\":"), set->interface) : p;
}

/* before and after: what goes around the object, a byte or two. */
static inline void put_record(struct text *out, const struct format_settings *set,
			      const struct pping_event *event, uint64_t wall_ns, const char *before,
			      const char *after)
{
	char *p;

	if (event->type < PPING_EVENT_RTT || event->type > PPING_EVENT_LOST)
		return;
	if (set->fields && !chosen_of(set, event))
		return;
	p = text__reserve(out, FORMAT_RECORD_MAX);
	if (!p)
		return;
	p = put_string(p, before);
	p = set->fields ? put_chosen(p, set, event, wall_ns) : put_usual(p, set, event, wall_ns);
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

static void jsonl_aggregation(struct text *out, const struct format_settings *set, uint64_t wall_ns,
			      bool first)
{
	(void)first;
	format_aggregate__json_description(out, set, wall_ns);
	text__append(out, "\n", 1);
}

static void jsonl_row(struct text *out, const struct format_settings *set,
		      const struct aggregate_row *row, uint64_t wall_ns, bool first)
{
	(void)set;
	(void)first;
	format_aggregate__json_row(out, row, wall_ns);
	text__append(out, "\n", 1);
}

static void jsonl_totals(struct text *out, const struct format_settings *set,
			 const struct format_totals *totals, uint64_t wall_ns, bool first)
{
	(void)set;
	(void)first;
	format_aggregate__json_totals(out, totals, wall_ns);
	text__append(out, "\n", 1);
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

static void json_comma(struct text *out, bool first)
{
	if (!first)
		text__append(out, ",\n", 2);
}

static void json_aggregation(struct text *out, const struct format_settings *set, uint64_t wall_ns,
			     bool first)
{
	json_comma(out, first);
	format_aggregate__json_description(out, set, wall_ns);
}

static void json_row(struct text *out, const struct format_settings *set,
		     const struct aggregate_row *row, uint64_t wall_ns, bool first)
{
	(void)set;
	json_comma(out, first);
	format_aggregate__json_row(out, row, wall_ns);
}

static void json_totals(struct text *out, const struct format_settings *set,
			const struct format_totals *totals, uint64_t wall_ns, bool first)
{
	(void)set;
	json_comma(out, first);
	format_aggregate__json_totals(out, totals, wall_ns);
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
	if (wall_ns != FORMAT_NO_TIME) {
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

static void jsonl_facts(struct text *out, const struct format_settings *set,
			const struct format_fact *facts, size_t n, uint64_t wall_ns, bool first)
{
	(void)set;
	(void)first;
	append_facts(out, facts, n, wall_ns);
	text__append(out, "\n", 1);
}

static void json_facts(struct text *out, const struct format_settings *set,
		       const struct format_fact *facts, size_t n, uint64_t wall_ns, bool first)
{
	(void)set;
	json_comma(out, first);
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
	.aggregation = json_aggregation,
	.row = json_row,
	.totals = json_totals,
	.end = json_end,
	.facts = json_facts,
};

const struct format format_jsonl = {
	.name = "jsonl",
	.appendable = true,
	.event = jsonl_event,
	.aggregation = jsonl_aggregation,
	.row = jsonl_row,
	.totals = jsonl_totals,
	.facts = jsonl_facts,
};
