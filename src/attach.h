/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs on an interface's hooks. Egress is always tc; ingress is tc or
 * XDP. Other programs are never touched: ours let every packet go on to them.
 *
 * tc: TCX links where the kernel has them (6.6), else filters of the clsact
 * qdisc. XDP: a link of our own, or a place in libxdp's dispatcher where one
 * already sits on the interface. Links go away with the process, even after
 * kill -9; filters and dispatcher places that a killed run has left are
 * recognised by program name and removed.
 */
#ifndef SRC_ATTACH_H
#define SRC_ATTACH_H

#include <stdint.h>

#include "kernel.h"
#include "options.h"

struct attach;

struct attach_settings {
	struct kernel *kernel; /* loaded */
	const char *name; /* of the interface, for messages */
	int ifindex;
	enum kernel_link link;
	enum option_hook ingress_hook;
	enum option_xdp_mode xdp_mode;
};

/* Attaches to both hooks or to none. 0 or a negative errno (printed). */
int attach__new(struct attach **attach, const struct attach_settings *settings);
/* Detaches; an interface that is gone meanwhile is fine. NULL is fine. */
void attach__free(struct attach *attach);
/*
 * The capabilities (privileges.h) to detach, and to attach in this way again. Links
 * need none, the programs are loaded already.
 */
uint64_t attach__capabilities(const struct attach *attach);
/* How, in words: "tcx", "clsact", "xdp native", "xdp native (libxdp)" ... */
const char *attach__how(const struct attach *attach);
/* What is worse than on a newer kernel, a sentence; NULL: nothing. */
const char *attach__shortcoming(const struct attach *attach);

#endif /* SRC_ATTACH_H */
