// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t pending__within(const struct pending *p, size_t len)
{
	size_t n = p->count;

	while (n && p->records[n - 1].end > len)
		n--;
	return n;
}

size_t pending__end(const struct pending *p, size_t n)
{
	return n ? p->records[n - 1].end : 0;
}

struct pending_record pending__record(const struct pending *p, size_t n)
{
	if (!n)
		return p->last;
	return (struct pending_record){ pending__end(p, n) - pending__end(p, n - 1),
					p->records[n - 1].event };
}

/* Room for one more; 0 or -ENOMEM. */
static int reserve_record(struct pending *p)
{
	size_t cap = p->cap ? 2 * p->cap : 1024;
	struct pending_record *records;

	if (p->count < p->cap)
		return 0;
	records = realloc(p->records, cap * sizeof(*records));
	if (!records)
		return -ENOMEM;
	p->records = records;
	p->cap = cap;
	return 0;
}

int pending__add(struct pending *p, bool event)
{
	if (p->text.len == p->marked)
		return 0;
	p->marked = p->text.len;
	if (reserve_record(p))
		return -ENOMEM;
	p->records[p->count++] = (struct pending_record){ p->text.len, event };
	return 1;
}

int pending__put_in_front(struct pending *p, const char *data, size_t len)
{
	size_t at = pending__within(p, p->sent), i;

	if (reserve_record(p) || !text__reserve(&p->text, len))
		return -ENOMEM;
	memmove(p->text.data + p->sent + len, p->text.data + p->sent, p->text.len - p->sent);
	memcpy(p->text.data + p->sent, data, len);
	p->text.len += len;
	p->marked += len;
	for (i = p->count++; i > at; i--) {
		p->records[i] = p->records[i - 1];
		p->records[i].end += len;
	}
	p->records[at] = (struct pending_record){ p->sent + len, false };
	return 0;
}

/* Whole records, once they are half of the text, so that the rest is moved seldom. */
void pending__forget_sent(struct pending *p, size_t keep)
{
	size_t gone, len, i;

	if (p->sent < keep || p->sent - keep < p->text.len / 2)
		return;
	gone = pending__within(p, p->sent - keep);
	p->last = pending__record(p, gone);
	if (!keep && p->sent == p->text.len) {
		pending__clear(p);
		return;
	}
	len = pending__end(p, gone);
	p->text.len -= len;
	memmove(p->text.data, p->text.data + len, p->text.len);
	for (i = gone; i < p->count; i++) {
		p->records[i - gone] = p->records[i];
		p->records[i - gone].end -= len;
	}
	p->count -= gone;
	p->marked -= p->marked < len ? p->marked : len;
	p->sent -= len;
	if (p->place != PENDING_GONE)
		p->place = p->place < len ? PENDING_GONE : p->place - len;
}

void pending__clear(struct pending *p)
{
	if (p->text.len)
		p->place = PENDING_GONE;
	p->text.len = 0;
	p->sent = 0;
	p->count = 0;
	p->marked = 0;
}

void pending__free(struct pending *p)
{
	text__free(&p->text);
	free(p->records);
}
