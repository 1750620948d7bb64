/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a cleaning pass did. Seen, replied and removed are kept always
 * (what is left tells how many were evicted), the rest only with config.debug_cleanup: the verifier drops
 * the branch, the tested program is the shipped one.
 */
#ifndef PPING_DEBUG_CLEANUP_H
#define PPING_DEBUG_CLEANUP_H

#include <linux/types.h>

#include "pping.h"

enum pping_cleanup_counter {
	PPING_CLEANUP_SEEN, /* entries the pass has looked at */
	PPING_CLEANUP_REPLIED, /* of these seen in both directions */
	PPING_CLEANUP_REMOVED, /* entries it has removed, for any reason */
	PPING_CLEANUP_IDLE, /* removed: nothing for PPING_IDLE_TIMEOUT or PPING_ICMP_TIMEOUT */
	PPING_CLEANUP_CLOSED, /* removed: closed, stragglers have had their time */
	PPING_CLEANUP_UNANSWERED, /* removed: never seen in the other direction */
	PPING_CLEANUP_FAILED, /* gone before the pass could remove it */
	PPING_CLEANUP_COUNTERS
};

/* Totals since the start, written by the iterator alone; a reader takes differences. */
struct pping_cleanup {
	__u64 n[PPING_CLEANUP_COUNTERS];
};

/* The iterator gives a sign of life after so many entries, so that a pass can be read in pieces. */
#define PPING_CLEANUP_PIECE 2048

#endif /* PPING_DEBUG_CLEANUP_H */
