// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "prefix_table.h"

#define NONE UINT32_MAX

struct node {
	struct pping_prefix_key key;
	uint32_t next; /* in its chain, or in the list of free places */
};

struct prefix_table {
	struct node *nodes;
	uint32_t *chains;
	uint32_t mask; /* chains - 1 */
	uint32_t free; /* first of the list */
	uint64_t seed; /* nobody can aim at one chain */
};

static uint32_t *chain_of(const struct prefix_table *t, const struct pping_prefix_key *key)
{
	uint64_t x = ((uint64_t)key->w[0] << 32 | key->w[1]) ^ t->seed;

	x = (x ^ x >> 32) * 0x9e3779b97f4a7c15ULL + key->ip_version;
	x = (x ^ x >> 29) * 0xd6e8feb86659fd93ULL;
	return &t->chains[x >> 32 & t->mask];
}

static bool is_key(const struct node *node, const struct pping_prefix_key *key)
{
	return !memcmp(&node->key, key, sizeof(*key));
}

int prefix_table__new(struct prefix_table **table, uint32_t places)
{
	struct prefix_table *t = calloc(1, sizeof(*t));
	size_t chains = 1;

	if (!t)
		return -ENOMEM;
	while (chains < places)
		chains <<= 1;
	t->mask = chains - 1;
	t->nodes = calloc(places, sizeof(*t->nodes));
	t->chains = malloc(chains * sizeof(*t->chains));
	if (!t->nodes || !t->chains) {
		prefix_table__free(t);
		return -ENOMEM;
	}
	memset(t->chains, 0xff, chains * sizeof(*t->chains)); /* NONE */
	t->free = NONE;
	for (uint32_t i = places; i-- > PPING_PREFIX_FIRST;)
		prefix_table__release(t, i);
	/* without randomness only a capture made to fill one chain is slower */
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = (uintptr_t)t->nodes;
	*table = t;
	return 0;
}

void prefix_table__free(struct prefix_table *t)
{
	if (!t)
		return;
	free(t->nodes);
	free(t->chains);
	free(t);
}

uint32_t prefix_table__find(const struct prefix_table *t, const struct pping_prefix_key *key)
{
	for (uint32_t i = *chain_of(t, key); i != NONE; i = t->nodes[i].next)
		if (is_key(&t->nodes[i], key))
			return i;
	return PPING_PREFIX_OTHER;
}

uint32_t prefix_table__add(struct prefix_table *t, const struct pping_prefix_key *key)
{
	uint32_t *chain = chain_of(t, key), place = t->free;

	if (place == NONE)
		return PPING_PREFIX_OTHER;
	t->free = t->nodes[place].next;
	t->nodes[place].key = *key;
	t->nodes[place].next = *chain;
	*chain = place;
	return place;
}

void prefix_table__remove(struct prefix_table *t, const struct pping_prefix_key *key)
{
	for (uint32_t *link = chain_of(t, key); *link != NONE; link = &t->nodes[*link].next) {
		if (is_key(&t->nodes[*link], key)) {
			*link = t->nodes[*link].next;
			return;
		}
	}
}

void prefix_table__release(struct prefix_table *t, uint32_t place)
{
	t->nodes[place].next = t->free;
	t->free = place;
}
