// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/rtt_histogram.h"

#include "engine/histogram.h"

static void add_time(struct rtt_histogram *h, uint64_t ns)
{
	h->sum_ns += ns % PPING_NS_PER_SEC;
	h->sum_s += ns / PPING_NS_PER_SEC + h->sum_ns / PPING_NS_PER_SEC;
	h->sum_ns %= PPING_NS_PER_SEC;
}

void rtt_histogram__add(struct rtt_histogram *h, uint64_t rtt_ns)
{
	h->bin[histogram_bin(rtt_ns)]++;
	add_time(h, rtt_ns);
}

uint64_t rtt_histogram__add_all(struct rtt_histogram *h, const struct pping_rtts *rtts)
{
	uint64_t n = 0;

	for (int i = 0; i < PPING_HIST_BINS; i++) {
		if (!rtts->bin[i]) /* most are */
			continue;
		h->bin[i] += rtts->bin[i];
		n += rtts->bin[i];
	}
	add_time(h, rtts->sum);
	return n;
}

void rtt_histogram__subtract(struct rtt_histogram *left, const struct rtt_histogram *all,
			     const struct rtt_histogram *part)
{
	uint64_t borrow = all->sum_ns < part->sum_ns;

	for (int i = 0; i < PPING_HIST_BINS; i++)
		left->bin[i] = all->bin[i] - part->bin[i];
	left->sum_s = all->sum_s - part->sum_s - borrow;
	left->sum_ns = all->sum_ns + borrow * PPING_NS_PER_SEC - part->sum_ns;
}

uint64_t rtt_histogram__count(const struct rtt_histogram *h)
{
	uint64_t n = 0;

	for (int i = 0; i < PPING_HIST_BINS; i++)
		n += h->bin[i];
	return n;
}
