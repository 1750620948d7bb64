/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys: out of a file that its owner alone can read, or random. */
#ifndef SRC_ANONYMIZE_KEY_H
#define SRC_ANONYMIZE_KEY_H

#include <stddef.h>
#include <stdint.h>

/*
 * size raw bytes, or twice as many hexadecimal digits and perhaps a newline; at
 * most 64 bytes. The file is a regular one that neither group nor others may
 * read. 0 or a negative errno (printed in one line, which never quotes the file).
 */
int anonymize_key__read(const char *path, uint8_t *key, size_t size);

/* 0 or a negative errno (printed). */
int anonymize_key__random(uint8_t *key, size_t size);

#endif /* SRC_ANONYMIZE_KEY_H */
