/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formatted records on their way out: the text, where each record in it ends, and how
 * far it is out. Knows no file. What is out stays in the text until it is forgotten:
 * it may be wanted again.
 */
#ifndef SRC_PENDING_H
#define SRC_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

#define PENDING_GONE SIZE_MAX

struct pending_record {
	size_t end; /* where in the text it ends */
	bool event; /* one that was measured, not one about the run */
};

struct pending {
	struct text text;
	size_t sent; /* bytes of text that are out already */
	size_t marked; /* bytes of text that were there when the last record ended */
	struct pending_record *records;
	size_t count, cap; /* of records */
	struct pending_record last; /* that has left text, its end its length; 0: none */
	size_t place; /* a place in text that is followed as that moves; PENDING_GONE: it has left text */
};

/* What has come since is a record. 1, 0 if there is nothing, or -ENOMEM. */
int pending__add(struct pending *pending, bool event);
/* What is not out yet begins with these bytes, as one record; sent is at the end of one. 0 or -ENOMEM. */
int pending__put_in_front(struct pending *pending, const char *data, size_t len);

/* How many records are wholly within the first len bytes, and where the last of n ends. */
size_t pending__within(const struct pending *pending, size_t len);
size_t pending__end(const struct pending *pending, size_t n);
/* The last of the first n, its end its length; n 0: that which left the text last. */
struct pending_record pending__record(const struct pending *pending, size_t n);

/* Lets records go that are out by more than keep bytes, when that is half of the text. */
void pending__forget_sent(struct pending *pending, size_t keep);
/* All of it goes. */
void pending__clear(struct pending *pending);
void pending__free(struct pending *pending);

#endif /* SRC_PENDING_H */
