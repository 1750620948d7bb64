/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of bytes, compressed as they come. Appends to a text what is to be
 * written; knows no files. A new stream begins every few MiB, between two
 * writes, so that damage is not the end of a file: write whole records.
 *
 * After compressor__flush() all that went in can be read from what came out,
 * and the few bytes of compressor__tail() would make that a whole stream: what
 * a full disk cuts back to such a point can still be ended properly.
 */
#ifndef SRC_COMPRESSOR_H
#define SRC_COMPRESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum compressor_kind { COMPRESSOR_NONE, COMPRESSOR_ZSTD, COMPRESSOR_GZIP };

struct compressor;

struct compressor_tail {
	char bytes[16];
	size_t len;
};

/* Was it built in? */
bool compressor__has(enum compressor_kind kind);

/* 0, -ENOMEM, or -EOPNOTSUPP for a kind that was not built in. */
int compressor__new(struct compressor **compressor, enum compressor_kind kind);
void compressor__free(struct compressor *compressor); /* NULL is fine */

/* Each 0 or -ENOMEM. What comes out may come later, with the next of them. */
int compressor__write(struct compressor *compressor, const char *data, size_t len,
		      struct text *out);
int compressor__flush(struct compressor *compressor, struct text *out);
/* Ends the stream, which may be empty; the next write begins another. */
int compressor__end(struct compressor *compressor, struct text *out);

/* To be called after a flush. */
void compressor__tail(const struct compressor *compressor, struct compressor_tail *tail);

/* So many bytes at most come out of len that go in, a flush included. */
uint64_t compressor__bound(enum compressor_kind kind, uint64_t len);

#endif /* SRC_COMPRESSOR_H */
