// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/interfaces.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "src/clock.h"
#include "src/interface.h"
#include "src/privileges.h"
#include "src/rtnetlink.h"
#include "src/text.h"

/* Whose a number is, or was. */
struct owner {
	char name[IFNAMSIZ]; /* "": nobody's yet */
	uint64_t left_ns; /* when it went; 0: it has it */
};

struct interfaces {
	const struct options *options;
	struct kernel *kernel;
	struct netdev *netdev;
	struct loop_source *source;
	struct interface **list; /* the named ones and those that are there */
	size_t n;
	uint32_t numbers; /* how many there are; 0: one interface, without a number */
	struct owner owner[PPING_INTERFACE_NUMBERS];
	struct interfaces_row *rows;
	struct text how;
	bool confined; /* nothing can be loaded any more */
};

/* --- the list ------------------------------------------------------------------------ */

static struct interface *find_index(const struct interfaces *s, int ifindex)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->device.ifindex == ifindex)
			return s->list[i];
	return NULL;
}

/* A place that is kept for the name. */
static struct interface *find_named(const struct interfaces *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->named && !strcmp(s->list[i]->name, name))
			return s->list[i];
	return NULL;
}

static size_t count_present(const struct interfaces *s)
{
	size_t present = 0;

	for (size_t i = 0; i < s->n; i++)
		present += s->list[i]->device.ifindex != 0;
	return present;
}

static size_t count_attached(const struct interfaces *s)
{
	size_t attached = 0;

	for (size_t i = 0; i < s->n; i++)
		attached += s->list[i]->attach != NULL;
	return attached;
}

static struct interface *add(struct interfaces *s, const char *name, bool named)
{
	struct interface **list = reallocarray(s->list, s->n + 1, sizeof(struct interface *));
	struct interface *i = list ? calloc(1, sizeof(*i)) : NULL;

	if (list)
		s->list = list;
	if (!i) {
		fprintf(stderr, "pping: no memory for %s\n", name);
		return NULL;
	}
	i->options = s->options;
	i->named = named;
	snprintf(i->name, sizeof(i->name), "%s", name);
	s->list[s->n++] = i;
	return i;
}

/* One that only a pattern knew. */
static void drop(struct interfaces *s, struct interface *gone)
{
	size_t i = 0;

	while (s->list[i] != gone)
		i++;
	memmove(&s->list[i], &s->list[i + 1], (s->n - i - 1) * sizeof(struct interface *));
	s->n--;
	free(gone);
}

/* --- numbers -------------------------------------------------------------------------- */

/* The one that the name had, else a new one, else that of who is gone longest; 0: none is left. */
static uint32_t choose_number(const struct interfaces *s, const char *name)
{
	uint32_t fresh = 0, oldest = 0;

	for (uint32_t i = 1; i < s->numbers; i++) {
		const struct owner *o = &s->owner[i];

		if (!*o->name) {
			fresh = fresh ? fresh : i;
			continue;
		}
		if (!o->left_ns)
			continue;
		if (!strcmp(o->name, name))
			return i;
		if (!oldest || o->left_ns < s->owner[oldest].left_ns)
			oldest = i;
	}
	return fresh ? fresh : oldest;
}

static int take_number(struct interfaces *s, struct interface *i)
{
	uint32_t number = choose_number(s, i->name);
	struct owner *o = &s->owner[number];
	int err = 0;

	if (!s->numbers)
		return 0;
	if (!number)
		err = -ENOSPC;
	else if (*o->name && strcmp(o->name, i->name))
		err = kernel__retire_number(s->kernel, number);
	if (!err)
		err = kernel__set_number(s->kernel, i->device.ifindex, number);
	if (err) {
		fprintf(stderr, "pping: %s: can't count it by itself: %s\n", i->name,
			strerror(-err));
		return err;
	}
	snprintf(o->name, sizeof(o->name), "%s", i->name);
	o->left_ns = 0;
	i->number = number;
	return 0;
}

static void give_number_back(struct interfaces *s, struct interface *i, int ifindex)
{
	if (!i->number)
		return;
	kernel__set_number(s->kernel, ifindex, 0);
	s->owner[i->number].left_ns = clock__now();
	i->number = 0;
}

/* --- coming and going -------------------------------------------------------------------- */

static void leave(struct interfaces *s, struct interface *i)
{
	interface__detach(i);
	give_number_back(s, i, i->device.ifindex);
	i->device.ifindex = 0;
}

/* And a place that nobody keeps with it. */
static void go(struct interfaces *s, struct interface *i)
{
	bool was_attached = i->attach != NULL;

	leave(s, i);
	if (was_attached)
		interface__note(i, i->named && !s->options->exit_on_removal
					   ? "was removed; waiting for its return"
					   : "was removed");
	if (!i->named)
		drop(s, i);
}

/* Frames that pass one of the two pass the other as well. */
static void tell_stacked(const struct interfaces *s, const struct interface *i)
{
	for (size_t n = 0; n < s->n; n++) {
		const struct interface *other = s->list[n];
		const struct netdev_info *a = &i->device, *b = &other->device;
		char text[128];

		if (other == i || !other->attach)
			continue;
		if (a->lower != b->ifindex && a->master != b->ifindex && b->lower != a->ifindex &&
		    b->master != a->ifindex)
			continue;
		snprintf(text, sizeof(text),
			 "carries the packets of %s: what passes both is timed where it is seen "
			 "first, and counted by each",
			 other->name);
		interface__note(i, text);
	}
}

/* Kinds whose programs are not loaded when privileges are given up can't be monitored any more. */
static int check_kind(const struct interfaces *s, const struct interface *i,
		      const struct netdev_info *device)
{
	if (!s->confined || kernel__has_programs(s->kernel, interface__link(device)))
		return 0;
	fprintf(stderr,
		"pping: %s came back as another kind of device: start pping anew, or with "
		"--no-sandbox\n",
		i->name);
	return -EMEDIUMTYPE;
}

/* 0, 1 if it is gone already, or a negative errno (printed). */
static int join(struct interfaces *s, struct interface *i, const struct netdev_info *device)
{
	int err;

	leave(s, i);
	err = interface__check(i->name, device, s->options);
	if (!err)
		err = check_kind(s, i, device);
	if (err)
		return err;
	i->device = *device;
	err = take_number(s, i);
	if (!err)
		err = interface__attach(i, s->kernel);
	if (!err) {
		tell_stacked(s, i);
		return 0;
	}
	leave(s, i);
	return err == -ENODEV || err == -ENXIO ? 1 : err;
}

/* What a pattern fits may be of any kind and number: what can't be monitored is left alone. */
static int join_fitting(struct interfaces *s, const struct netdev_info *device)
{
	struct interface *i;
	int err;

	if (count_present(s) >= PPING_MAX_INTERFACES) {
		fprintf(stderr, "pping: %s is not monitored: there are %d others\n", device->name,
			PPING_MAX_INTERFACES);
		return 0;
	}
	i = add(s, device->name, false);
	if (!i)
		return -ENOMEM;
	err = join(s, i, device);
	if (!err)
		return 0;
	if (err > 0)
		drop(s, i); /* the news of that is on its way */
	else
		i->device = *device; /* known, without programs on it */
	return err == -ENOMEM ? err : 0;
}

static int appear(struct interfaces *s, const struct netdev_info *device)
{
	const char *name = s->options->interfaces[device->wanted];
	struct interface *i = find_named(s, name);
	int err;

	if (!i)
		return join_fitting(s, device);
	err = join(s, i, device);
	/* gone again already: the news of that is on its way */
	return err < 0 ? err : 0;
}

/* The same device under another name that is wanted too. */
static int rename_to(struct interfaces *s, struct interface *i, const struct netdev_info *device)
{
	char text[64];

	if (i->named || find_named(s, s->options->interfaces[device->wanted])) {
		/* who has a place of its own goes there */
		go(s, i);
		return appear(s, device);
	}
	snprintf(text, sizeof(text), "is called %s now", device->name);
	interface__note(i, text);
	give_number_back(s, i, device->ifindex);
	snprintf(i->name, sizeof(i->name), "%s", device->name);
	return i->attach ? take_number(s, i) : 0;
}

static bool is_renamed(const struct interfaces *s, const struct interface *i,
		       const struct netdev_info *device)
{
	if (i->named)
		return strcmp(i->name, s->options->interfaces[device->wanted]) != 0;
	return strcmp(i->name, device->name) != 0;
}

static int on_changed(void *ctx, const struct netdev_info *device)
{
	struct interfaces *s = ctx;
	struct interface *i = find_index(s, device->ifindex);
	bool was_up;
	int err;

	if (!i)
		return appear(s, device);
	if (interface__link(&i->device) != interface__link(device)) {
		/* a bond, for one, takes the kind of its first member */
		go(s, i);
		return appear(s, device);
	}
	was_up = i->device.up;
	if (is_renamed(s, i, device)) {
		err = rename_to(s, i, device);
		i = find_index(s, device->ifindex);
		if (err || !i)
			return err;
	}
	i->device = *device;
	if (was_up != device->up && i->attach)
		interface__note(i, device->up ? "is up" : "is down; waiting for it to come up");
	return 0;
}

static int on_removed(void *ctx, int ifindex)
{
	struct interfaces *s = ctx;
	struct interface *i = find_index(s, ifindex);
	bool was_attached;

	if (!i)
		return 0;
	was_attached = i->attach != NULL;
	go(s, i);
	return was_attached && s->options->exit_on_removal && !count_attached(s) ? LOOP_STOP : 0;
}

/* --- this host's addresses -------------------------------------------------------------- */

static int on_address_added(void *ctx, const union pping_addr *addr)
{
	struct interfaces *s = ctx;
	int err = kernel__add_local(s->kernel, addr);

	if (err)
		fprintf(stderr, "pping: more than %d local addresses: the rest is not left out\n",
			PPING_MAX_LOCAL_ADDRS);
	return 0;
}

static int on_address_removed(void *ctx, const union pping_addr *addr)
{
	struct interfaces *s = ctx;

	kernel__remove_local(s->kernel, addr);
	return 0;
}

/* --- begin and end ------------------------------------------------------------------------ */

static int find_device(const struct interface *i, struct netdev_info *device)
{
	int err = netdev__find(i->name, device);

	if (err) {
		fprintf(stderr, "pping: %s: %s\n", i->name,
			err == -ENODEV ? "no such interface; \"ip link\" lists them"
				       : strerror(-err));
		return err;
	}
	return interface__check(i->name, device, i->options);
}

int interfaces__find(struct interfaces **interfaces, const struct options *options)
{
	struct interfaces *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->options = options;
	for (const char *const *name = options->interfaces; *name && !err; name++) {
		struct netdev_info device;
		struct interface *i;

		s->numbers++;
		if (rtnetlink__is_pattern(*name)) {
			s->numbers = PPING_INTERFACE_NUMBERS;
			continue;
		}
		i = add(s, *name, true);
		err = i ? find_device(i, &device) : -ENOMEM;
		if (!err)
			i->device.arp_type = device.arp_type; /* for first_link */
	}
	/* number 0 is the run's own */
	s->numbers = !options->several			     ? 0
		     : s->numbers >= PPING_INTERFACE_NUMBERS ? PPING_INTERFACE_NUMBERS
							     : s->numbers + 1;
	if (err) {
		interfaces__free(s);
		return err;
	}
	*interfaces = s;
	return 0;
}

enum kernel_link interfaces__first_link(const struct interfaces *s)
{
	return s->n ? interface__link(&s->list[0]->device) : KERNEL_ETHERNET;
}

uint32_t interfaces__numbers(const struct interfaces *s)
{
	return s->numbers;
}

static int on_netdev(void *ctx, uint32_t epoll_events)
{
	struct interfaces *s = ctx;

	(void)epoll_events;
	return netdev__read(s->netdev);
}

int interfaces__watch(struct interfaces *s, struct loop *loop, struct kernel *kernel)
{
	struct netdev_handlers handlers = {
		.ctx = s,
		.changed = on_changed,
		.removed = on_removed,
		.address_added = on_address_added,
		.address_removed = on_address_removed,
	};
	int err;

	s->kernel = kernel;
	err = netdev__watch(&s->netdev, s->options->interfaces, &handlers);
	if (err)
		return err;
	return loop__add(loop, netdev__fd(s->netdev), EPOLLIN, on_netdev, s, &s->source);
}

static bool has_pattern(const struct interfaces *s)
{
	for (const char *const *name = s->options->interfaces; *name; name++)
		if (rtnetlink__is_pattern(*name))
			return true;
	return false;
}

/*
 * Once privileges are given up nothing can be loaded any more: of all kinds that may
 * come (the loopback device must be named, and is there) the programs are loaded now.
 */
static int load_for_all(struct interfaces *s)
{
	struct kernel_programs programs;
	int err = 0, fd;

	if (s->options->ingress_hook == HOOK_XDP) {
		/* some drivers refuse frags, and so do kernels before 5.18 */
		if (kernel__load_xdp(s->kernel, true, &fd))
			err = kernel__load_xdp(s->kernel, false, &fd);
		else
			kernel__load_xdp(s->kernel, false, &fd);
	} else {
		err = kernel__programs(s->kernel, KERNEL_L3, &programs);
	}
	if (!err)
		err = kernel__programs(s->kernel, KERNEL_ETHERNET, &programs);
	if (err)
		kernel__explain(err, "can't load the programs for further interfaces");
	return err;
}

/* Those that were found by their names and have gone since: nobody was told of them, so nobody tells that they went. */
static void let_go(struct interfaces *s)
{
	char name[IFNAMSIZ];

	for (size_t i = s->n; i-- > 0;)
		if (s->list[i]->attach && !if_indextoname(s->list[i]->device.ifindex, name))
			go(s, s->list[i]);
}

/* Loading takes a while: since we listen nothing escapes us, but before it may have changed. */
int interfaces__attach(struct interfaces *s)
{
	struct netdev_info device;
	int err = 0;

	for (size_t i = 0; i < s->n && !err; i++) {
		struct interface *named = s->list[i];

		err = find_device(named, &device);
		/* two names of one device */
		if (!err && !find_index(s, device.ifindex))
			err = join(s, named, &device);
		if (err > 0)
			err = -ENODEV; /* said why */
	}
	if (!err && has_pattern(s) && !s->options->no_sandbox)
		err = load_for_all(s);
	if (!err && s->options->several)
		err = netdev__sync(s->netdev);
	if (!err && s->options->several)
		let_go(s);
	if (!err && !s->options->quiet && !count_present(s))
		fprintf(stderr, "pping: no interface is called %s yet; waiting for one\n",
			s->options->interface);
	s->confined = !s->options->no_sandbox;
	return err;
}

uint64_t interfaces__capabilities(const struct interfaces *s)
{
	uint64_t capabilities = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->attach)
			capabilities |= attach__capabilities(s->list[i]->attach);
	/* of none is known whether it will be by a filter of the clsact qdisc */
	return count_attached(s) ? capabilities : PRIVILEGES_BIT(CAP_NET_ADMIN);
}

void interfaces__detach(struct interfaces *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		interface__detach(s->list[i]);
}

void interfaces__free(struct interfaces *s)
{
	if (!s)
		return;
	loop__remove(s->source);
	netdev__free(s->netdev);
	for (size_t i = 0; i < s->n; i++) {
		interface__detach(s->list[i]);
		free(s->list[i]);
	}
	free(s->list);
	free(s->rows);
	text__free(&s->how);
	free(s);
}

/* --- looking ---------------------------------------------------------------------------------- */

static const struct interface *find_number(const struct interfaces *s, uint32_t number)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->number == number)
			return s->list[i];
	return NULL;
}

static bool is_up(const struct interface *i)
{
	return i->attach && i->device.up;
}

size_t interfaces__rows(struct interfaces *s, const struct interfaces_row **rows)
{
	size_t n = 0;

	if (!s->rows)
		s->rows = calloc(PPING_INTERFACE_NUMBERS, sizeof(*s->rows));
	for (uint32_t number = 1; number < s->numbers && s->rows; number++) {
		const struct owner *o = &s->owner[number];
		const struct interface *i = find_number(s, number);
		struct interfaces_row *row = &s->rows[n];

		if (!*o->name)
			continue;
		*row = (struct interfaces_row){
			.name = o->name,
			.how = i ? interface__how(i) : "away",
			.number = number,
			.here = i || find_named(s, o->name),
			.up = i && is_up(i),
			.down = i && !i->device.up,
			.ifindex = i ? i->device.ifindex : 0,
		};
		if (!kernel__counters_of(s->kernel, number, &row->counters))
			n++;
	}
	*rows = s->rows;
	return n;
}

bool interfaces__up(const struct interfaces *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (is_up(s->list[i]))
			return true;
	return false;
}

bool interfaces__down(const struct interfaces *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->device.ifindex && s->list[i]->device.up)
			return false;
	return count_present(s) > 0;
}

const char *interfaces__how(struct interfaces *s)
{
	if (!s->options->several)
		return interface__how(s->list[0]);
	s->how.len = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct interface *one = s->list[i];
		const char *const words[] = { i ? ", " : "", one->name, " ", interface__how(one) };

		for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++)
			text__append(&s->how, words[w], strlen(words[w]));
	}
	text__append(&s->how, "", 1);
	return s->how.failed || !s->n ? "away" : s->how.data;
}

const char *interfaces__name(const struct interfaces *s, uint32_t number)
{
	if (!s->numbers)
		return s->options->interface;
	if (!number || number >= s->numbers || !*s->owner[number].name)
		return NULL;
	return s->owner[number].name;
}
