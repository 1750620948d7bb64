// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_FIRST_CAP 16384

char *text__grow(struct text *t, size_t len)
{
	size_t cap = t->cap ? t->cap : TEXT_FIRST_CAP;
	char *data;

	while (cap - t->len < len) {
		if (cap > SIZE_MAX / 2) {
			t->failed = true;
			return NULL;
		}
		cap *= 2;
	}
	data = realloc(t->data, cap);
	if (!data) {
		t->failed = true;
		return NULL;
	}
	t->data = data;
	t->cap = cap;
	return t->data + t->len;
}

void text__append(struct text *t, const char *bytes, size_t len)
{
	char *p = text__reserve(t, len);

	if (!p || !len)
		return;
	memcpy(p, bytes, len);
	t->len += len;
}

void text__free(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}
