// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/status.h"

#include "src/summary.h"

/* So many a second times ten, rounded. */
static uint64_t tenths(uint64_t count, uint64_t ns)
{
	return ns ? (uint64_t)((double)count * 10 * PPING_NS_PER_SEC / (double)ns + 0.5) : 0;
}

static uint64_t grown(const struct status *s, enum pping_counter counter)
{
	return s->to.counters.n[counter] - s->from.counters.n[counter];
}

/* A device that came back counts from 0 again. */
static bool has_load(const struct status *s)
{
	return s->from.has_stats && s->to.has_stats && s->from.ifindex == s->to.ifindex &&
	       s->to.stats.rx_bytes >= s->from.stats.rx_bytes &&
	       s->to.stats.tx_bytes >= s->from.stats.tx_bytes;
}

void status__put(struct text *out, const struct format *format, const struct format_settings *set,
		 const struct status *s, uint64_t wall_ns, bool first)
{
	const struct netdev_stats *from = &s->from.stats, *to = &s->to.stats;
	uint64_t ns = s->to.mono_ns - s->from.mono_ns;
	bool load = has_load(s);
	const struct format_fact facts[] = {
		{ "status_interval", FORMAT_NUMBER, NULL, ns },
		{ s->interface ? "interface" : NULL, FORMAT_TEXT, s->interface, 0 },
		{ s->counted_flows ? "flows" : NULL, FORMAT_NUMBER, NULL, s->flows },
		{ "rtts_per_s", FORMAT_TENTHS, NULL, tenths(grown(s, PPING_COUNT_RTTS), ns) },
		{ "events_per_s", FORMAT_TENTHS, NULL,
		  tenths(grown(s, PPING_COUNT_EVENTS_EMITTED), ns) },
		{ "lost", FORMAT_NUMBER, NULL,
		  summary__lost(&s->to.counters) - summary__lost(&s->from.counters) },
		{ load ? "rx_packets_per_s" : NULL, FORMAT_TENTHS, NULL,
		  tenths(to->rx_packets - from->rx_packets, ns) },
		{ load ? "rx_bits_per_s" : NULL, FORMAT_TENTHS, NULL,
		  tenths(8 * (to->rx_bytes - from->rx_bytes), ns) },
		{ load ? "tx_packets_per_s" : NULL, FORMAT_TENTHS, NULL,
		  tenths(to->tx_packets - from->tx_packets, ns) },
		{ load ? "tx_bits_per_s" : NULL, FORMAT_TENTHS, NULL,
		  tenths(8 * (to->tx_bytes - from->tx_bytes), ns) },
	};

	if (format->facts)
		format->facts(out, set, facts, sizeof(facts) / sizeof(*facts), wall_ns, first);
}
