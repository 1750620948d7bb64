/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing buffer of bytes that formatters append to and outputs take from. */
#ifndef SRC_TEXT_H
#define SRC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data;
	size_t len;
	size_t cap;
	bool failed; /* out of memory: what did not fit is missing */
};

/* Room for at least len more bytes, or NULL (and failed is set). Fast path inline. */
char *text__grow(struct text *t, size_t len);
static inline char *text__reserve(struct text *t, size_t len)
{
	return t->cap - t->len >= len ? t->data + t->len : text__grow(t, len);
}
void text__append(struct text *t, const char *bytes, size_t len);
void text__free(struct text *t);

#endif /* SRC_TEXT_H */
