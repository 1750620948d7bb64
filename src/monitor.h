/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live source of events: the programs on the interfaces, the events they
 * send, and the cleaning of their maps.
 */
#ifndef SRC_MONITOR_H
#define SRC_MONITOR_H

#include "interfaces.h"
#include "loop.h"
#include "options.h"
#include "rules.h"
#include "sink.h"
#include "summary.h"

struct monitor;

/*
 * Starts measuring. options, rules (NULL: none) and sink outlive the monitor. 0 or a
 * negative errno (printed).
 */
int monitor__new(struct monitor **monitor, struct loop *loop, const struct options *options,
		 const struct rules *rules, struct sink *sink);

/*
 * Other rules, where there were some: from now on nothing that they leave out is
 * handed to the sink. 0 and the rules in use are the new ones, 1 and they are the old
 * ones (printed), or a negative errno (printed).
 */
int monitor__set_rules(struct monitor *monitor, const struct rules *rules);

/* Detaches, hands everything measured to the sink and counts up. 0 or a negative errno (printed). */
int monitor__finish(struct monitor *monitor);
/* The totals so far, or of the whole run after monitor__finish(). */
void monitor__summary(struct monitor *monitor, struct summary *summary);
/* Less than a summary, and cheap. */
void monitor__counters(struct monitor *monitor, struct pping_counters *counters);
/* How: "ingress tc, TCX" and the like. */
const char *monitor__attached(struct monitor *monitor);
/* The name of the interface that an event's number stands for, as interfaces__name(). */
const char *monitor__interface(const struct monitor *monitor, uint32_t number);
/* As interfaces__rows(). */
size_t monitor__interfaces(struct monitor *monitor, const struct interfaces_row **rows);
/* The capabilities (privileges.h) that the rest of the run needs. */
uint64_t monitor__capabilities(const struct monitor *monitor);
void monitor__free(struct monitor *monitor); /* NULL is fine */

#endif /* SRC_MONITOR_H */
