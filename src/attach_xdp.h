/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program on the XDP hook: a BPF link of our own where the hook is free, a
 * place in libxdp's dispatcher where that sits there already. Any other
 * occupant stays, and we refuse.
 */
#ifndef SRC_ATTACH_XDP_H
#define SRC_ATTACH_XDP_H

#include <stdbool.h>

#include "kernel.h"
#include "options.h"

struct attach_xdp;

/* Can the kernel load XDP programs of ours? 0 or -EOPNOTSUPP (printed, what is the line's subject). */
int attach_xdp__check(const char *what);
/* leftovers: no other run of ours is on the interface, what bears our name was left by a killed one. */
int attach_xdp__new(struct attach_xdp **xdp, struct kernel *kernel, const char *name, int ifindex,
		    enum option_xdp_mode mode, bool leftovers);
void attach_xdp__free(struct attach_xdp *xdp); /* NULL is fine */
/* In libxdp's dispatcher? To leave it takes all that attaching took. */
bool attach_xdp__is_dispatched(const struct attach_xdp *xdp);
const char *attach_xdp__how(const struct attach_xdp *xdp);

#endif /* SRC_ATTACH_XDP_H */
