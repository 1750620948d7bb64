/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --status of a live run: looks at the totals of the kernel side and at the load of
 * the interfaces, and hands over what came between two looks: of all together first,
 * then of each of several interfaces.
 */
#ifndef SRC_LOOKOUT_H
#define SRC_LOOKOUT_H

#include <stdint.h>

#include "interfaces.h"
#include "kernel.h"
#include "mapclean.h"
#include "options.h"
#include "status.h"

struct lookout;

struct lookout_settings {
	const struct options *options;
	struct kernel *kernel;
	struct interfaces *interfaces;
	const struct mapclean *clean;
};

/* 0 or a negative errno (printed). */
typedef int (*lookout_fn)(void *ctx, const struct status *status);

/* Looks for the first time, as of mono_ns. What is in settings outlives it. 0 or a negative errno. */
int lookout__new(struct lookout **lookout, const struct lookout_settings *settings,
		 uint64_t mono_ns);
/* Looks, as of mono_ns, and calls fn for what it is about. 0, what fn returned, or a negative errno. */
int lookout__look(struct lookout *lookout, uint64_t mono_ns, lookout_fn fn, void *ctx);
void lookout__free(struct lookout *lookout); /* NULL is fine */

#endif /* SRC_LOOKOUT_H */
