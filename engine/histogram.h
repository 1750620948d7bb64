/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log-linear histograms of RTTs: which bin a time belongs to, the bin's bounds.
 * Bin 0 is everything below 512 ns, the last everything from 68.7 s on; each
 * power of two between has eight bins of equal width, so that a bin is at most
 * an eighth of what is in it. Arithmetic only.
 */
#ifndef ENGINE_HISTOGRAM_H
#define ENGINE_HISTOGRAM_H

#include "pping.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* The position of the highest bit; 0 for 0. */
static __always_inline __u32 histogram_log2(__u64 x)
{
	__u32 r = 0;

	for (__u32 step = 32; step; step >>= 1) {
		__u32 s = (x >> step) ? step : 0;

		x >>= s;
		r += s;
	}
	return r;
}

/* Below PPING_HIST_BINS. */
static __always_inline __u32 histogram_bin(__u64 ns)
{
	__u32 power, sub;

	if (ns < 1ULL << PPING_HIST_FIRST)
		return 0;
	if (ns >= 1ULL << PPING_HIST_LAST)
		return PPING_HIST_BINS - 1;
	power = histogram_log2(ns);
	sub = ns >> (power - PPING_HIST_SUB_SHIFT) & ((1 << PPING_HIST_SUB_SHIFT) - 1);
	return 1 + ((power - PPING_HIST_FIRST) << PPING_HIST_SUB_SHIFT) + sub;
}

/* The least time, in ns, that belongs to bin or to one behind it. */
static __always_inline __u64 histogram_lower(__u32 bin)
{
	__u32 power, sub;

	if (!bin)
		return 0;
	power = PPING_HIST_FIRST + ((bin - 1) >> PPING_HIST_SUB_SHIFT);
	sub = (bin - 1) & ((1 << PPING_HIST_SUB_SHIFT) - 1);
	return (1ULL << power) + ((__u64)sub << (power - PPING_HIST_SUB_SHIFT));
}

/* The least time that is too long for bin; not of the last, which has no end. */
static __always_inline __u64 histogram_upper(__u32 bin)
{
	return histogram_lower(bin + 1);
}

#endif /* ENGINE_HISTOGRAM_H */
