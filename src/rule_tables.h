/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's two tables of rules, of which one holds: see struct pping_shared. A
 * new set goes into the other one, which then takes its turn.
 */
#ifndef SRC_RULE_TABLES_H
#define SRC_RULE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "barrier.h"
#include "rules.h"

struct rule_tables {
	int fd[2]; /* by the generation's lowest bit */
	uint32_t *generation; /* which holds: what the programs read */
	const struct barrier *barrier;
	bool dirty; /* the table that does not hold may have entries */
};

/* The first set, before the programs are attached. 0 or a negative errno (not printed). */
int rule_tables__fill(struct rule_tables *tables, const struct rules *rules);

/*
 * rules in the place of those that hold (old): from its return on no packet is judged
 * by these, and at no time by neither. 0 or a negative errno (not printed): the old
 * ones hold, and rules are not needed any more.
 */
int rule_tables__set(struct rule_tables *tables, const struct rules *rules,
		     const struct rules *old);

#endif /* SRC_RULE_TABLES_H */
