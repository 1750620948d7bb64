// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/interface_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct interface *interface_list__add(struct interface_list *l, const char *name, bool named)
{
	struct interface **at = reallocarray(l->at, l->n + 1, sizeof(struct interface *));
	struct interface *i = at ? calloc(1, sizeof(*i)) : NULL;

	if (at)
		l->at = at;
	if (!i) {
		fprintf(stderr, "pping: no memory for %s\n", name);
		return NULL;
	}
	i->options = l->options;
	i->named = named;
	snprintf(i->name, sizeof(i->name), "%s", name);
	l->at[l->n++] = i;
	return i;
}

void interface_list__drop(struct interface_list *l, struct interface *gone)
{
	size_t i = 0;

	while (l->at[i] != gone)
		i++;
	memmove(&l->at[i], &l->at[i + 1], (l->n - i - 1) * sizeof(struct interface *));
	l->n--;
	free(gone);
}

void interface_list__free(struct interface_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		interface__detach(l->at[i]);
		free(l->at[i]);
	}
	free(l->at);
	l->at = NULL;
	l->n = 0;
}

struct interface *interface_list__find_index(const struct interface_list *l, int ifindex)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i]->device.ifindex == ifindex)
			return l->at[i];
	return NULL;
}

const struct interface *interface_list__find_unnumbered(const struct interface_list *l,
							const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i]->unnumbered && !strcmp(l->at[i]->name, name))
			return l->at[i];
	return NULL;
}

struct interface *interface_list__find_named(const struct interface_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i]->named && !strcmp(l->at[i]->name, name))
			return l->at[i];
	return NULL;
}

const struct interface *interface_list__find_number(const struct interface_list *l, uint32_t number)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i]->number == number)
			return l->at[i];
	return NULL;
}

struct interface *interface_list__find_waiting(const struct interface_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i]->waiting)
			return l->at[i];
	return NULL;
}

size_t interface_list__present(const struct interface_list *l)
{
	size_t present = 0;

	for (size_t i = 0; i < l->n; i++)
		present += l->at[i]->device.ifindex != 0;
	return present;
}

size_t interface_list__attached(const struct interface_list *l)
{
	size_t attached = 0;

	for (size_t i = 0; i < l->n; i++)
		attached += l->at[i]->attach != NULL;
	return attached;
}
