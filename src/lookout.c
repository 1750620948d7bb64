// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/lookout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/netdev.h"

struct lookout {
	struct lookout_settings set;
	struct status_look last; /* at all together */
	struct status_look each[PPING_INTERFACE_NUMBERS]; /* and at each, by its number */
};

static void look_at_load(const char *name, struct status_look *at)
{
	struct netdev_info info;

	if (netdev__find(name, &info) || !info.has_stats)
		return;
	at->has_stats = true;
	at->stats = info.stats;
	at->ifindex = info.ifindex;
}

static int look(const struct lookout *l, uint64_t mono_ns, struct status_look *at)
{
	memset(at, 0, sizeof(*at));
	at->mono_ns = mono_ns;
	if (!l->set.options->several)
		look_at_load(l->set.options->interface, at);
	return kernel__counters(l->set.kernel, &at->counters);
}

/* fn is called with what was before, unless it is NULL. */
static int look_at_each(struct lookout *l, uint64_t mono_ns, lookout_fn fn, void *ctx)
{
	const struct interfaces_row *rows;
	size_t n = interfaces__rows(l->set.interfaces, &rows);
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		struct status_look *last = &l->each[rows[i].number];
		struct status status = { .interface = rows[i].name, .from = *last };

		if (!rows[i].ifindex)
			continue;
		status.to =
			(struct status_look){ .mono_ns = mono_ns, .counters = rows[i].counters };
		look_at_load(rows[i].name, &status.to);
		/* came since: of the time before nothing is known */
		if (fn && last->mono_ns && last->ifindex == rows[i].ifindex)
			err = fn(ctx, &status);
		*last = status.to;
		last->ifindex = rows[i].ifindex;
	}
	return err;
}

int lookout__look(struct lookout *l, uint64_t mono_ns, lookout_fn fn, void *ctx)
{
	const struct mapclean_report *pass = mapclean__last(l->set.clean);
	struct status status = {
		.from = l->last,
		.counted_flows = pass->passes > 0,
		.flows = pass->did.n[PPING_CLEANUP_REPLIED],
	};
	int err = look(l, mono_ns, &status.to);

	if (err)
		return err;
	l->last = status.to;
	err = fn(ctx, &status);
	return err ? err : look_at_each(l, mono_ns, fn, ctx);
}

int lookout__new(struct lookout **lookout, const struct lookout_settings *settings,
		 uint64_t mono_ns)
{
	struct lookout *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->set = *settings;
	err = look(l, mono_ns, &l->last);
	if (!err)
		err = look_at_each(l, mono_ns, NULL, NULL);
	if (err) {
		lookout__free(l);
		return err;
	}
	*lookout = l;
	return 0;
}

void lookout__free(struct lookout *l)
{
	free(l);
}
