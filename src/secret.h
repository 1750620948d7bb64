/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for what may not be written anywhere: locked, so that it is never
 * swapped out, left out of core dumps, wiped when freed. And a process that
 * leaves no core dump at all.
 */
#ifndef SRC_SECRET_H
#define SRC_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory on pages of its own, or NULL and errno. *locked: whether it could be locked. */
void *secret__new(size_t size, bool *locked);
void secret__free(void *memory, size_t size); /* wipes it; NULL is fine */

/*
 * To be called before secret__new(): from now on the process leaves no core dump, and others of its user can't look into it.
 * Where it may lock as much memory as it likes (root), nothing of it is swapped out.
 */
void secret__protect_process(void);

#endif /* SRC_SECRET_H */
