/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefix -> place, in ordinary memory: what the kernel side has in maps, for the
 * engine in a process. A fixed number of places, numbered from
 * PPING_PREFIX_FIRST; prints nothing.
 */
#ifndef SRC_PREFIX_TABLE_H
#define SRC_PREFIX_TABLE_H

#include <stdint.h>

#include "pping.h"

struct prefix_table;

/* places includes the PPING_PREFIX_FIRST that belong to none. 0 or -ENOMEM. */
int prefix_table__new(struct prefix_table **table, uint32_t places);
void prefix_table__free(struct prefix_table *table); /* NULL is fine */

/* PPING_PREFIX_OTHER: not there. */
uint32_t prefix_table__find(const struct prefix_table *table, const struct pping_prefix_key *key);
/* The same: there is no place left. The key must not be there. */
uint32_t prefix_table__add(struct prefix_table *table, const struct pping_prefix_key *key);
/* Finds it no more; nobody else gets the place before prefix_table__release(). */
void prefix_table__remove(struct prefix_table *table, const struct pping_prefix_key *key);
void prefix_table__release(struct prefix_table *table, uint32_t place);

#endif /* SRC_PREFIX_TABLE_H */
