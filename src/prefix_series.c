// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/prefix_series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often it is looked whether there is an idle one. */
#define LOOK_NS (60 * PPING_NS_PER_SEC)

/* Where the series is, or would have to be. */
static uint32_t find(const struct prefix_series *p, const char *label, bool *found)
{
	uint32_t from = 0, to = p->count;

	*found = false;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		int order = strcmp(label, p->list[middle]->label);

		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

static void drop_idle(struct prefix_series *p, uint64_t now)
{
	uint32_t kept = 0;

	if (p->looked_ns && now - p->looked_ns < LOOK_NS)
		return;
	p->looked_ns = now;
	for (uint32_t i = 0; i < p->count; i++) {
		if (now - p->list[i]->last_ns < PREFIX_SERIES_IDLE_NS)
			p->list[kept++] = p->list[i];
		else
			free(p->list[i]);
	}
	p->count = kept;
}

struct prefix_one *prefix_series__get(struct prefix_series *p, const char *label, uint64_t now)
{
	bool found;
	uint32_t at = find(p, label, &found);
	struct prefix_one *s;

	if (found)
		return p->list[at];
	if (p->count == p->limit) {
		drop_idle(p, now);
		at = find(p, label, &found);
	}
	if (p->count == p->limit)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	strcpy(s->label, label);
	memmove(&p->list[at + 1], &p->list[at], (p->count - at) * sizeof(*p->list));
	p->list[at] = s;
	p->count++;
	return s;
}

int prefix_series__init(struct prefix_series *p, uint32_t limit)
{
	p->limit = limit;
	p->list = calloc(limit + 1, sizeof(*p->list));
	return p->list ? 0 : -ENOMEM;
}

void prefix_series__free(struct prefix_series *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		free(p->list[i]);
	free(p->list);
}
