/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A direction's minimum and smoothed RTT, in one word that changes by
 * compare-and-exchange: {minimum in ns : 36, smoothed in 256 ns units : 28}; 0: none yet.
 */
#ifndef ENGINE_RTTS_H
#define ENGINE_RTTS_H

#include "engine/seam.h"

#define RTTS_SMOOTHED_BITS 28
#define RTTS_SMOOTHED_SHIFT 8 /* in units of 256 ns */

static __always_inline __u64 rtts_min(__u64 rtts)
{
	return rtts >> RTTS_SMOOTHED_BITS;
}

static __always_inline __u64 rtts_smoothed(__u64 rtts)
{
	return (rtts & ((1ULL << RTTS_SMOOTHED_BITS) - 1)) << RTTS_SMOOTHED_SHIFT;
}

/* rtt is at most PPING_MAX_RTT_NS, which fits both fields. RFC 6298 section 2 with alpha 1/8. */
static __always_inline __u64 rtts_add(__u64 rtts, __u64 rtt)
{
	__u64 min = rtts_min(rtts), smoothed = rtts_smoothed(rtts);

	if (!rtts)
		min = smoothed = rtt;
	else
		smoothed = smoothed - smoothed / 8 + rtt / 8;
	if (rtt < min)
		min = rtt;
	smoothed >>= RTTS_SMOOTHED_SHIFT;
	/* 0 is "no RTT yet": a first RTT of 0 ns is kept as a smoothed one of 256 */
	return min << RTTS_SMOOTHED_BITS | (smoothed ? smoothed : 1);
}

static __always_inline __u64 rtts_keep(struct pping_direction *d, __u64 rtt)
{
	__u64 rtts = d->rtts, now;

	/* a few tries: on the last one another CPU's RTT may stay out of the smoothed one */
	for (int i = 0; i < 4; i++) {
		__u64 next = rtts_add(rtts, rtt);

		now = __sync_val_compare_and_swap(&d->rtts, rtts, next);
		if (now == rtts)
			return rtts_min(next);
		rtts = now;
	}
	return rtts_min(rtts) < rtt ? rtts_min(rtts) : rtt;
}

#endif /* ENGINE_RTTS_H */
