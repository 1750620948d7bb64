/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitored interfaces: those that -i names, and those that fit its patterns as
 * they come and go. Where there may be several, each has a number that the kernel side
 * counts by and events carry; a number is a name's for as long as there are enough of
 * them, also while the interface is away, so that what it counted goes on.
 */
#ifndef SRC_INTERFACES_H
#define SRC_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel.h"
#include "loop.h"
#include "netdev.h"
#include "options.h"

struct interfaces;

/*
 * Finds those that are named: each must be there and of a kind that can be monitored.
 * kernel needs them: which programs come first, and how many numbers there are.
 * 0 or a negative errno (printed).
 */
int interfaces__find(struct interfaces **interfaces, const struct options *options);
enum kernel_link interfaces__first_link(const struct interfaces *interfaces);
uint32_t interfaces__numbers(const struct interfaces *interfaces); /* 0: there is one */

/* Follows them and this host's addresses from now on. 0 or a negative errno (printed). */
int interfaces__watch(struct interfaces *interfaces, struct loop *loop, struct kernel *kernel);
/* Attaches to all that are there. 0 or a negative errno (printed). */
int interfaces__attach(struct interfaces *interfaces);
/*
 * The capabilities (privileges.h) to attach to all that may come and to detach. Of
 * patterns, what is known of those that are there is taken to hold for all; the
 * programs for them are loaded.
 */
uint64_t interfaces__capabilities(const struct interfaces *interfaces);
void interfaces__detach(struct interfaces *interfaces);
void interfaces__free(struct interfaces *interfaces); /* NULL is fine */

/* One of several, there or gone, as of now. */
struct interfaces_row {
	const char *name;
	const char *how; /* it is attached to, or "away" */
	uint32_t number;
	bool here; /* it is monitored now, or would be if it were not away */
	bool up; /* it is there, up and attached to */
	bool down; /* it is there and down */
	int ifindex; /* 0: it is away */
	struct pping_counters counters; /* of its number */
};

/*
 * Of several, those that have had a number; their memory is good until the next call.
 * Of one interface there are none.
 */
size_t interfaces__rows(struct interfaces *interfaces, const struct interfaces_row **rows);

/* Is one of them there and up, and attached to? */
bool interfaces__up(const struct interfaces *interfaces);
/* Are those that are attached to all down? */
bool interfaces__down(const struct interfaces *interfaces);
/* How they are attached to, in words: "tcx", or of several "eth0 tcx, eth1 away". */
const char *interfaces__how(struct interfaces *interfaces);
/* Of a number, which may be one of an interface that is gone. Of one interface, that. NULL: of none. */
const char *interfaces__name(const struct interfaces *interfaces, uint32_t number);

#endif /* SRC_INTERFACES_H */
