/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The named interfaces, there or not, and those that a pattern fits and that are there. */
#ifndef SRC_INTERFACE_LIST_H
#define SRC_INTERFACE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "src/interface.h"
#include "src/options.h"

struct interface_list {
	const struct options *options;
	struct interface **at;
	size_t n;
};

/* At its end, and away. NULL: no memory (printed). */
struct interface *interface_list__add(struct interface_list *list, const char *name, bool named);
/* Frees it, which is without programs. */
void interface_list__drop(struct interface_list *list, struct interface *gone);
/* Detaches and frees all. */
void interface_list__free(struct interface_list *list);

/* NULL: there is none. */
struct interface *interface_list__find_index(const struct interface_list *list, int ifindex);
/* A place that is kept for the name. */
struct interface *interface_list__find_named(const struct interface_list *list, const char *name);
/* One that must do without a number. */
const struct interface *interface_list__find_unnumbered(const struct interface_list *list,
							const char *name);
const struct interface *interface_list__find_number(const struct interface_list *list,
						    uint32_t number);
/* The first that waits for a place. */
struct interface *interface_list__find_waiting(const struct interface_list *list);

size_t interface_list__present(const struct interface_list *list);
size_t interface_list__attached(const struct interface_list *list);

#endif /* SRC_INTERFACE_LIST_H */
