// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>

#include "summary.h"

/* Of several interfaces so many have a line of their own. */
#define MAX_LINES 40

static const char *const labels[] = {
#define LABEL(name, label) [PPING_COUNT_##name] = label,
	PPING_VERDICTS(LABEL) PPING_COUNTS(LABEL)
#undef LABEL
};

uint64_t summary__lost(const struct pping_counters *c)
{
	uint64_t lost = 0;

	for (int i = PPING_LOST_FIRST; i <= PPING_LOST_LAST; i++)
		lost += c->n[i];
	return lost;
}

uint64_t summary__packets(const struct pping_counters *c)
{
	uint64_t seen = 0;

	for (int i = 0; i < PPING_VERDICT_COUNT; i++)
		seen += c->n[i];
	return seen;
}

/* ", N label" for each counter from first to last that is not 0 */
static void print_counters(FILE *to, const struct pping_counters *c, int first, int last)
{
	for (int i = first; i <= last; i++)
		if (c->n[i])
			fprintf(to, ", %" PRIu64 " %s", (uint64_t)c->n[i], labels[i]);
}

static void print_flows(FILE *to, const struct summary *s)
{
	const struct pping_counters *c = &s->counters;
	uint64_t one_way = c->n[PPING_COUNT_FLOWS_UNANSWERED];

	if (s->counted_present)
		one_way += s->present - s->present_replied;
	fprintf(to, "  flows    %" PRIu64 " in both directions, %" PRIu64 " in one only",
		(uint64_t)c->n[PPING_COUNT_FLOWS_OPENED], one_way);
	print_counters(to, c, PPING_COUNT_FLOWS_CLOSED, PPING_COUNT_FLOWS_CLOSED);
	print_counters(to, c, PPING_COUNT_FLOWS_TIMED_OUT, PPING_COUNT_FLOWS_TIMED_OUT);
	print_counters(to, c, PPING_COUNT_FLOWS_FAILED, PPING_COUNT_FLOWS_PUT_OFF);
	if (s->evicted)
		fprintf(to, ", %" PRIu64 " evicted for newer ones (--max-flows)", s->evicted);
	fprintf(to, "\n");
}

static void print_rtts(FILE *to, const struct summary *s)
{
	const struct pping_counters *c = &s->counters;

	fprintf(to, "  RTTs     %" PRIu64 " from %" PRIu64 " timestamps",
		(uint64_t)c->n[PPING_COUNT_RTTS], (uint64_t)c->n[PPING_COUNT_STAMPED]);
	print_counters(to, c, PPING_COUNT_SPILL_OVERWRITTEN, PPING_COUNT_EXTREMES_BUSY);
	fprintf(to, "\n  events   %" PRIu64 " handed over, %" PRIu64 " passed on",
		(uint64_t)c->n[PPING_COUNT_EVENTS_EMITTED], s->records);
	print_counters(to, c, PPING_LOST_FIRST, PPING_LOST_LAST);
	fprintf(to, "\n");
}

/* Why there is no RTT at all, if so: the most likely reason first. */
static const char *silence(const struct summary *s)
{
	const uint64_t seen = summary__packets(&s->counters);
	const __u64 *n = s->counters.n;

	if (n[PPING_COUNT_RTTS])
		return NULL;
	if (!seen && s->capture)
		return s->filtered ? "no packet passed the filter" : "no packet was read";
	if (!seen && s->down)
		return "the interface is down";
	if (!seen)
		return "no packet was seen: is this the interface that carries the traffic?";
	if (!n[PPING_COUNT_TRACKED]) {
		if (n[PPING_COUNT_EXCLUDED])
			return "all that an RTT could be read from was left out (--include, "
			       "--exclude)";
		if (n[PPING_COUNT_NO_TIMESTAMP])
			return "the TCP traffic carries no timestamps (net.ipv4.tcp_timestamps)";
		if (n[PPING_COUNT_NOT_SELECTED])
			return "only traffic that was not asked for was seen (-T TCP, -C ICMP)";
		return "no traffic was seen that an RTT can be read from";
	}
	if (!n[PPING_COUNT_FLOWS_OPENED] && s->capture)
		return "all flows were seen in one direction only";
	if (!n[PPING_COUNT_FLOWS_OPENED])
		return "all flows were seen in one direction only: does the other one take another "
		       "interface?";
	if (!n[PPING_COUNT_STAMPED] && s->include_local)
		return "no flow sent new data";
	if (!n[PPING_COUNT_STAMPED])
		return "no flow sent new data that this host does not answer itself "
		       "(--include-local)";
	return "no answer to any stamped packet was seen";
}

static void print_tenths(FILE *to, uint64_t ns)
{
	fprintf(to, ", %" PRIu64 ".%01" PRIu64 " s", (uint64_t)(ns / PPING_NS_PER_SEC),
		(uint64_t)(ns / (PPING_NS_PER_SEC / 10) % 10));
}

/* What only a capture has, on the packets' line. */
static void print_capture(FILE *to, const struct summary *s)
{
	if (s->filtered)
		fprintf(to, ", %" PRIu64 " kept back by the filter", s->filtered);
	if (s->passed_over)
		fprintf(to, ", %" PRIu64 " passed over: too far back in time", s->passed_over);
	if (s->disordered)
		fprintf(to, "; %" PRIu64 " of them out of order by up to %" PRIu64 " us",
			s->disordered, (s->disorder_ns + 999) / 1000);
}

/* Of several interfaces: what was seen on each, and together on those that have no line. */
static void print_interfaces(FILE *to, const struct summary *s)
{
	uint64_t packets = summary__packets(&s->counters), rtts = s->counters.n[PPING_COUNT_RTTS];

	for (size_t i = 0; i < s->interfaces_count && i < MAX_LINES; i++) {
		const struct interfaces_row *row = &s->interfaces[i];
		uint64_t its = summary__packets(&row->counters);

		fprintf(to, "    %-15s %" PRIu64 " packets, %" PRIu64 " RTTs (%s%s)\n", row->name,
			its, (uint64_t)row->counters.n[PPING_COUNT_RTTS], row->how,
			row->down ? ", down" : "");
		/* during the run they were looked at later than the sum */
		packets -= its < packets ? its : packets;
		rtts -= row->counters.n[PPING_COUNT_RTTS] < rtts ? row->counters.n[PPING_COUNT_RTTS]
								 : rtts;
	}
	if (s->interfaces_count && (packets || rtts))
		fprintf(to, "    %-15s %" PRIu64 " packets, %" PRIu64 " RTTs\n", "others", packets,
			rtts);
}

void summary__print(FILE *to, const struct summary *s)
{
	const char *why = silence(s);

	fprintf(to, "pping: %s", s->interface);
	print_tenths(to, s->elapsed_ns);
	if (s->capture) {
		print_tenths(to, s->reading_ns);
		fprintf(to, " to read it");
	}
	fprintf(to, "\n  packets  %" PRIu64 " %s",
		summary__packets(&s->counters) + s->filtered + s->passed_over,
		s->capture ? "read" : "seen");
	print_counters(to, &s->counters, 0, PPING_VERDICT_COUNT - 1);
	print_capture(to, s);
	fprintf(to, "\n");
	print_interfaces(to, s);
	print_flows(to, s);
	print_rtts(to, s);
	plan__print_summary(to, &s->plan);
	if (s->sandbox)
		fprintf(to, "  sandbox  %s\n", s->sandbox);
	if (why)
		fprintf(to, "  No RTT:  %s\n", why);
}

void summary__print_cleanup(FILE *to, const struct mapclean_report *pass)
{
	const __u64 *n = pass->did.n;

	fprintf(to,
		"pping: cleaning: %" PRIu64 " flows in %" PRIu64 " us (longest piece %" PRIu64
		" us), removed %" PRIu64 " idle, %" PRIu64 " closed, %" PRIu64
		" unanswered; %" PRIu64 " already gone\n",
		(uint64_t)n[PPING_CLEANUP_SEEN], pass->runtime_ns / 1000, pass->longest_ns / 1000,
		(uint64_t)n[PPING_CLEANUP_IDLE], (uint64_t)n[PPING_CLEANUP_CLOSED],
		(uint64_t)n[PPING_CLEANUP_UNANSWERED], (uint64_t)n[PPING_CLEANUP_FAILED]);
}
