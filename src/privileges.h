/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capabilities of this process: which are missing, and giving up those that
 * are needed no longer. A set is a mask of bits by the numbers of linux/capability.h.
 */
#ifndef SRC_PRIVILEGES_H
#define SRC_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/capability.h>

#define PRIVILEGES_BIT(capability) (1ULL << (capability))
#define PRIVILEGES_ALL (~0ULL)

/* What may be used now. */
uint64_t privileges__effective(void);

/*
 * Keeps those of keep in all sets, the ambient and the bounding one too, and lets no
 * program that is executed later gain any. 0 or a negative errno (not printed).
 */
int privileges__drop(uint64_t keep);

/*
 * Prints why what was not permitted, if it is for want of a capability that BPF
 * needs: false if it is not.
 */
bool privileges__explain(const char *what);

/* "CAP_BPF, CAP_NET_ADMIN"; numbers of those that are no business of ours; "none". */
void privileges__name(uint64_t set, char *list, size_t size);

#endif /* SRC_PRIVILEGES_H */
