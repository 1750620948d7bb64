// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/interface_numbers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/clock.h"

/* The one that the name had, else a new one, else that of who is gone longest; 0: none is left. */
static uint32_t choose(const struct interface_numbers *s, const char *name)
{
	uint32_t fresh = 0, oldest = 0;

	for (uint32_t i = 1; i < s->n; i++) {
		if (!*s->owner[i].name) {
			fresh = fresh ? fresh : i;
			continue;
		}
		if (!s->owner[i].left_ns)
			continue;
		if (!strcmp(s->owner[i].name, name))
			return i;
		if (!oldest || s->owner[i].left_ns < s->owner[oldest].left_ns)
			oldest = i;
	}
	return fresh ? fresh : oldest;
}

/* What its owner counted is among the others' from now on. */
static int retire(struct interface_numbers *s, uint32_t number)
{
	int err = kernel__retire_number(s->kernel, number);

	if (!err)
		memset(&s->owner[number], 0, sizeof(s->owner[number]));
	return err;
}

/*
 * The kernel side finds a number by the low bits of an ifindex: of two interfaces
 * that have these in common the second is measured without one.
 */
static void tell_unnumbered(const struct interface *i)
{
	fprintf(stderr,
		"pping: %s: it is measured without a name in its records, and counted among the "
		"others: its number %d and that of another interface are the same in their low %d "
		"bits\n",
		i->name, i->device.ifindex, PPING_IFINDEX_BITS);
}

int interface_numbers__take(struct interface_numbers *s, struct interface *i)
{
	uint32_t number = choose(s, i->name);
	const char *owner = s->owner[number].name;
	int err;

	if (!s->n)
		return 0;
	err = number ? kernel__can_number(s->kernel, i->device.ifindex) : -ENOSPC;
	if (!err && *owner && strcmp(owner, i->name))
		err = retire(s, number);
	if (!err)
		err = kernel__set_number(s->kernel, i->device.ifindex, number);
	if (err == -EEXIST) {
		tell_unnumbered(i);
		i->unnumbered = true;
		return 0;
	}
	if (err) {
		fprintf(stderr, "pping: %s: can't count it by itself: %s\n", i->name,
			strerror(-err));
		return err;
	}
	snprintf(s->owner[number].name, sizeof(s->owner[number].name), "%s", i->name);
	s->owner[number].left_ns = 0;
	i->number = number;
	return 0;
}

void interface_numbers__give_back(struct interface_numbers *s, struct interface *i, int ifindex)
{
	i->unnumbered = false;
	if (!i->number)
		return;
	kernel__set_number(s->kernel, ifindex, 0);
	s->owner[i->number].left_ns = clock__now();
	i->number = 0;
}

const char *interface_numbers__name(const struct interface_numbers *s, uint32_t number)
{
	return number && number < s->n && *s->owner[number].name ? s->owner[number].name : NULL;
}
