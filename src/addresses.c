// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/addresses.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MIN_BUCKETS 64

/* One table: a row for each address of each interface, and a row of ifindex 0 counting those. */
struct row {
	struct row *next;
	struct address key;
	unsigned int carriers; /* ifindex 0 */
	unsigned int generation; /* other ifindex: when last added */
};

struct addresses {
	struct row **buckets;
	size_t mask; /* number of buckets - 1, a power of two - 1 */
	size_t rows;
	unsigned int generation;
};

struct addresses *addresses__new(void)
{
	struct addresses *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->mask = MIN_BUCKETS - 1;
	set->buckets = calloc(MIN_BUCKETS, sizeof(*set->buckets));
	if (!set->buckets) {
		free(set);
		return NULL;
	}
	return set;
}

void addresses__free(struct addresses *set)
{
	if (!set)
		return;
	for (size_t i = 0; i <= set->mask; i++) {
		struct row *row;

		while ((row = set->buckets[i])) {
			set->buckets[i] = row->next;
			free(row);
		}
	}
	free(set->buckets);
	free(set);
}

static size_t hash(const struct address *key)
{
	uint64_t word[sizeof(*key) / sizeof(uint64_t)], h = 0;

	memcpy(word, key, sizeof(*key));
	for (size_t i = 0; i < sizeof(*key) / sizeof(uint64_t); i++) {
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	return h;
}

/* Where the row is linked, or where it would be. */
static struct row **find(struct addresses *set, const struct address *key)
{
	struct row **link = &set->buckets[hash(key) & set->mask];

	while (*link && memcmp(&(*link)->key, key, sizeof(*key)))
		link = &(*link)->next;
	return link;
}

/* Twice the buckets; does nothing where there is no memory for them. */
static void grow(struct addresses *set)
{
	struct addresses larger = *set;
	struct row *row;

	larger.mask = set->mask * 2 + 1;
	larger.buckets = calloc(larger.mask + 1, sizeof(*larger.buckets));
	if (!larger.buckets)
		return;
	for (size_t i = 0; i <= set->mask; i++) {
		while ((row = set->buckets[i])) {
			struct row **link = &larger.buckets[hash(&row->key) & larger.mask];

			set->buckets[i] = row->next;
			row->next = *link;
			*link = row;
		}
	}
	free(set->buckets);
	*set = larger;
}

/* The row of that key, made if there is none; NULL: out of memory. */
static struct row *obtain(struct addresses *set, const struct address *key)
{
	struct row **link = find(set, key);

	if (*link)
		return *link;
	if (set->rows > set->mask) {
		grow(set);
		link = find(set, key);
	}
	*link = calloc(1, sizeof(**link));
	if (*link) {
		(*link)->key = *key;
		set->rows++;
	}
	return *link;
}

static void unlink_row(struct addresses *set, struct row **link)
{
	struct row *row = *link;

	*link = row->next;
	set->rows--;
	free(row);
}

static struct address total_key(const union pping_addr *addr)
{
	return (struct address){ .addr = *addr };
}

int addresses__add(struct addresses *set, const struct address *address)
{
	struct address key = total_key(&address->addr);
	struct row **link = find(set, address), *row, *total;

	if (*link) {
		(*link)->generation = set->generation;
		return 0;
	}
	row = obtain(set, address);
	if (!row)
		return -ENOMEM;
	row->generation = set->generation;
	total = obtain(set, &key);
	if (!total) {
		unlink_row(set, find(set, address));
		return -ENOMEM;
	}
	return ++total->carriers == 1;
}

int addresses__remove(struct addresses *set, const struct address *address)
{
	struct address key = total_key(&address->addr);
	struct row **link = find(set, address);

	if (!*link)
		return 0;
	unlink_row(set, link);
	link = find(set, &key);
	if (--(*link)->carriers)
		return 0;
	unlink_row(set, link);
	return 1;
}

void addresses__begin(struct addresses *set)
{
	set->generation++;
}

static const struct row *stale_row(const struct addresses *set, size_t bucket)
{
	for (const struct row *row = set->buckets[bucket]; row; row = row->next) {
		if (row->key.ifindex && row->generation != set->generation)
			return row;
	}
	return NULL;
}

int addresses__sweep(struct addresses *set, int (*lost)(void *ctx, const union pping_addr *addr),
		     void *ctx)
{
	const struct row *row;
	int ret;

	for (size_t i = 0; i <= set->mask; i++) {
		while ((row = stale_row(set, i))) {
			struct address key = row->key;

			ret = addresses__remove(set, &key) ? lost(ctx, &key.addr) : 0;
			if (ret)
				return ret;
		}
	}
	return 0;
}
