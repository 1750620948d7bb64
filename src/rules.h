/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What --include and --exclude say, made out of the command line and the files it
 * names: a table of prefixes of which the longest that an address is in says all
 * there is to say of it. What shorter ones say is in it already.
 *
 * The rules may be a list of people: nothing here prints one, only where it is.
 */
#ifndef SRC_RULES_H
#define SRC_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "pping.h"

struct rules;

struct rules_entry {
	union pping_addr addr; /* further bits are 0; IPv4 as ::ffff:a.b.c.d */
	uint16_t port; /* of the host's byte order; 0: see struct pping_rule_key */
	uint8_t bits; /* of addr */
	uint8_t rules; /* PPING_RULE_ bits: of this prefix and all that it is in */
	uint32_t parent; /* the longest other prefix that it is in; UINT32_MAX: none */
};
_Static_assert(sizeof(struct rules_entry) == 24, "there may be many");

/*
 * Reads them; *rules is NULL where none were given. again: while we run, when a
 * file that is no regular one could hold us up. 0 or a negative errno (printed, one
 * line with the file and the number of the line).
 */
int rules__load(struct rules **rules, const struct option_rules *given, bool again);
void rules__free(struct rules *rules); /* NULL is fine */

/* The table: ordered by port, address and bits; no two entries have the same. */
const struct rules_entry *rules__entries(const struct rules *rules, size_t *count);

/* What they are of, PPING_RULES_; that stays when they are read again. NULL is fine. */
enum pping_rules rules__kind(const struct rules *rules);

/* How many were given, before duplicates went. */
void rules__count(const struct rules *rules, uint64_t *included, uint64_t *excluded);

/* What they say of an address for that port (network byte order; 0: for all): PPING_RULE_ bits. */
uint32_t rules__find(const struct rules *rules, const union pping_addr *addr, __be16 port);

/* Is nothing to be kept of the flow? As engine/rules.h has it. */
bool rules__exclude(const struct rules *rules, const struct pping_tuple *flow);

#endif /* SRC_RULES_H */
