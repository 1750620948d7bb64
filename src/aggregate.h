/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports from what the engine counts per prefix. Reads the engine's tables,
 * wherever they are (BPF arrays or ordinary memory), makes a row for each prefix
 * and lets idle prefixes go. Prints nothing.
 *
 * Invariants:
 *  - each RTT is in exactly one report, and all of it: the engine writes one half
 *    of the RTTs while the other is read and cleared;
 *  - packet counters only grow and are never cleared while anybody writes them:
 *    a report has their growth;
 *  - a prefix's place gets to another prefix only when nobody can write to it any
 *    more for the old one.
 */
#ifndef SRC_AGGREGATE_H
#define SRC_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "pping.h"

/* What the engine counts, and what it must do for us. */
struct aggregate_tables {
	struct pping_prefix *packets; /* shards times places */
	struct pping_rtts *rtts; /* two halves of places */
	uint32_t places;
	uint32_t shards;
	void *ctx;
	/* From now on half is written; returns when nobody writes the other any more. 0 or a negative errno. */
	int (*turn)(void *ctx, uint32_t half);
	/* New packets of the prefix shall not find this place any more: false if they did not before. */
	bool (*forget)(void *ctx, const struct pping_prefix_key *key, uint32_t place);
	/* Another prefix may have it. */
	void (*release)(void *ctx, uint32_t place);
};

#define AGGREGATE_NAME_SIZE 48 /* of a prefix, and a zero byte */

struct aggregate_settings {
	uint8_t bits4, bits6; /* lengths of the prefixes */
	uint64_t timeout_ns; /* of idle prefixes */
	/*
	 * What a prefix is called in place of itself; those of one name have one row. Rows then
	 * have no address, and come in an order that tells nothing of it. NULL: as it is.
	 */
	void (*name)(void *ctx, const union pping_addr *addr, uint8_t ip_version, uint8_t bits,
		     char name[AGGREGATE_NAME_SIZE]);
	void *name_ctx;
	struct aggregate_tables tables;
};

enum aggregate_subject {
	AGGREGATE_PREFIX,
	AGGREGATE_OTHER, /* everything that found no place of its own */
	AGGREGATE_ICMP, /* a second count: the RTTs of ICMP echo, of all prefixes, if TCP is tracked too */
};

/* A prefix in a report; times are nanoseconds. */
struct aggregate_row {
	enum aggregate_subject subject;
	union pping_addr
		addr; /* of a prefix: network byte order, IPv4 as ::ffff:a.b.c.d, further bits 0 */
	uint8_t ip_version;
	uint8_t bits; /* at most 32 or 64 */
	const char *name; /* print that in place of the prefix; NULL: the prefix itself */
	struct pping_flow_count tx[PPING_KINDS], rx[PPING_KINDS];
	uint64_t count; /* RTTs; the following are valid if there is one */
	uint64_t min, max, mean;
	uint64_t median, p95, p99; /* within a bin's width of the true one, from min to max */
	uint64_t sum;
	const uint64_t *bin; /* PPING_HIST_BINS, see histogram_upper() of engine/histogram.h */
};

/* 0 or a negative errno, which ends the report. */
typedef int (*aggregate_row_fn)(void *ctx, const struct aggregate_row *row);

/*
 * RTTs as they are taken from the engine. whose: subject, address and length of
 * the prefix, nothing else in it is valid.
 */
typedef void (*aggregate_taken_fn)(void *ctx, const struct aggregate_row *whose,
				   const struct pping_rtts *rtts);

struct aggregate;

/* 0 or -ENOMEM. */
int aggregate__new(struct aggregate **aggregate, const struct aggregate_settings *settings);
void aggregate__free(struct aggregate *aggregate); /* NULL is fine */

/*
 * A row for each prefix that had a packet or an RTT since the last report, IPv4
 * first, in the order of their addresses (or any order, if they have names), then one for each other subject that
 * had any. now_ns: of any
 * clock that does not go back. 0 or a negative errno.
 */
int aggregate__report(struct aggregate *aggregate, uint64_t now_ns, aggregate_row_fn fn, void *ctx);

/*
 * From now on fn sees every RTT once, at the next report or fold; after each of
 * them AGGREGATE_ICMP's RTTs are among those of the other subjects.
 */
void aggregate__watch(struct aggregate *aggregate, aggregate_taken_fn fn, void *ctx);

/*
 * Takes over what bins have much of, so that the engine's 32 bits don't run over: to be
 * called every PPING_FOLD_SECONDS, if reports are rarer. While somebody watches, it takes
 * all RTTs (1.7 KiB of memory for each prefix that has some). 0 or a negative errno.
 */
int aggregate__fold(struct aggregate *aggregate);

/* Prefixes that have a place, as of the last report or fold. */
uint32_t aggregate__prefixes(const struct aggregate *aggregate);

#endif /* SRC_AGGREGATE_H */
