/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The finished files of this run, which --max-storage counts and of which it
 * drops the oldest. Files of others and of earlier runs are never touched.
 */
#ifndef SRC_STORAGE_H
#define SRC_STORAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct storage;

struct storage *storage__new(void); /* NULL: no memory */
void storage__free(struct storage *storage); /* NULL is fine */

/* A file of this run is whole. 0 or -ENOMEM. */
int storage__add(struct storage *storage, const char *path);
/* Bytes of the files that are still there, as of the last storage__look(). */
uint64_t storage__bytes(const struct storage *storage);
/* Look which of them others have moved away or removed since. */
void storage__look(struct storage *storage);
/* Remove the oldest: 0, -ENOENT if there is none, or unlink()'s. Its name is in *path until the next call. */
int storage__drop_oldest(struct storage *storage, const char **path);

#endif /* SRC_STORAGE_H */
