// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The input of the ppviz page: epoch seconds (or those since the start), RTT and
 * minimum RTT in seconds, flow. From integers: a double does not hold nanoseconds of the epoch.
 */
#include "format_util.h"

static void ppviz_event(struct text *out, const struct format_settings *set,
			const struct pping_event *event, uint64_t wall_ns, bool first)
{
	char *p;

	(void)first;
	if (event->type != PPING_EVENT_RTT)
		return;
	p = text__reserve(out, FORMAT_RECORD_MAX);
	if (!p)
		return;
	p = put_seconds(p, wall_ns);
	*p++ = ' ';
	p = put_seconds(p, event->rtt);
	*p++ = ' ';
	p = put_seconds(p, event->min_rtt);
	*p++ = ' ';
	p = format_util__put_flow(p, set, &event->flow, false);
	*p++ = '\n';
	out->len = (size_t)(p - out->data);
}

const struct format format_ppviz = {
	.name = "ppviz",
	.appendable = true,
	.event = ppviz_event,
};
