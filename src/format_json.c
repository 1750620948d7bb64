// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON Lines, and the same objects in one array. Times are integers in
 * nanoseconds; no string needs escaping, all come from here.
 */
#include "format_aggregate.h"
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
};

const struct format format_jsonl = {
	.name = "jsonl",
	.appendable = true,
	.event = jsonl_event,
	.aggregation = jsonl_aggregation,
	.row = jsonl_row,
	.totals = jsonl_totals,
};
