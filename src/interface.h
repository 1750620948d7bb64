/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One monitored interface: the device that bears its name, if there is one now, and
 * the programs on it. It comes and goes, and may come back as another kind of device.
 */
#ifndef SRC_INTERFACE_H
#define SRC_INTERFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "attach.h"
#include "kernel.h"
#include "netdev.h"
#include "options.h"

struct interface {
	const struct options *options;
	char name[IFNAMSIZ]; /* as -i has it, or as the kernel calls it if a pattern does */
	bool named; /* by -i, not by a pattern: its place is kept while it is away */
	bool waiting; /* for one of PPING_MAX_INTERFACES to go */
	struct netdev_info device; /* ifindex 0: it is away */
	struct attach *attach; /* NULL: no programs are on it */
	char how[64]; /* they were attached last */
	uint32_t number; /* 0 if there is one interface only, or none attached, or unnumbered */
	bool unnumbered; /* measured all the same: its number would be that of another */
};

/* Can it be monitored? 0, or a negative errno (printed). */
int interface__check(const char *name, const struct netdev_info *device,
		     const struct options *options);
enum kernel_link interface__link(const struct netdev_info *device);

/* Puts the programs on its device, all or none. 0 or a negative errno (printed). */
int interface__attach(struct interface *interface, struct kernel *kernel);
/* NULL programs are fine. */
void interface__detach(struct interface *interface);
/* How: "tcx" and the like, after the end too, or "away". */
const char *interface__how(const struct interface *interface);

/* "pping: NAME text" on stderr, unless --quiet. */
void interface__note(const struct interface *interface, const char *text);

#endif /* SRC_INTERFACE_H */
