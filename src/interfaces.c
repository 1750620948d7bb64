// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/interfaces.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "src/attach_xdp.h"
#include "src/bpf_error.h"
#include "src/interface.h"
#include "src/interface_list.h"
#include "src/interface_numbers.h"
#include "src/privileges.h"
#include "src/rtnetlink.h"
#include "src/text.h"

/* Of all interfaces, of a machine with a thousand CPUs, and of the rest. */
#define FILES 4096

struct interfaces {
	const struct options *options;
	struct kernel *kernel;
	struct netdev *netdev;
	struct loop *loop;
	struct loop_source *source, *ending;
	struct interface_list list;
	struct interface_numbers numbers;
	struct interfaces_row *rows;
	struct text how;
};

/* --- coming and going -------------------------------------------------------------------- */

static void leave(struct interfaces *s, struct interface *i)
{
	interface__detach(i);
	interface_numbers__give_back(&s->numbers, i, i->device.ifindex);
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
		interface_list__drop(&s->list, i);
}

/* Frames that pass one of the two pass the other as well. */
static void tell_stacked(const struct interfaces *s, const struct interface *i)
{
	for (size_t n = 0; n < s->list.n; n++) {
		const struct interface *other = s->list.at[n];
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
	if (kernel__can_have_programs(s->kernel, interface__link(device)))
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
	err = interface_numbers__take(&s->numbers, i);
	if (!err)
		err = interface__attach(i, s->kernel);
	if (!err) {
		tell_stacked(s, i);
		return 0;
	}
	leave(s, i);
	return err == -ENODEV || err == -ENXIO ? 1 : err;
}

/* What a pattern fits may be of any kind: what can't be monitored is left alone. */
static int try_to_join(struct interfaces *s, struct interface *i, const struct netdev_info *device)
{
	int err = join(s, i, device);

	if (!err)
		return 0;
	if (err > 0)
		interface_list__drop(&s->list, i); /* the news of that is on its way */
	else
		i->device = *device; /* known, without programs on it */
	return err == -ENOMEM ? err : 0;
}

/* ... and of any number: who finds no place waits for one. */
static int join_fitting(struct interfaces *s, const struct netdev_info *device)
{
	bool first = !interface_list__find_waiting(&s->list);
	struct interface *i;

	i = interface_list__add(&s->list, device->name, false);
	if (!i)
		return -ENOMEM;
	if (interface_list__attached(&s->list) < PPING_MAX_INTERFACES)
		return try_to_join(s, i, device);
	if (first)
		fprintf(stderr,
			"pping: %s is not monitored until one goes, nor are more that come: there "
			"are "
			"%d others\n",
			device->name, PPING_MAX_INTERFACES);
	i->device = *device;
	i->waiting = true;
	return 0;
}

/* Places may have become free. */
static int take_up_waiting(struct interfaces *s)
{
	struct interface *i;
	int err = 0;

	while (!err && (i = interface_list__find_waiting(&s->list)) &&
	       interface_list__attached(&s->list) < PPING_MAX_INTERFACES) {
		struct netdev_info device = i->device;

		i->waiting = false;
		err = try_to_join(s, i, &device);
	}
	return err;
}

static int appear(struct interfaces *s, const struct netdev_info *device)
{
	const char *name = s->options->interfaces[device->wanted];
	struct interface *i = interface_list__find_named(&s->list, name);
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

	if (i->named ||
	    interface_list__find_named(&s->list, s->options->interfaces[device->wanted])) {
		/* who has a place of its own goes there */
		go(s, i);
		return appear(s, device);
	}
	snprintf(text, sizeof(text), "is called %s now", device->name);
	if (i->attach)
		interface__note(i, text);
	interface_numbers__give_back(&s->numbers, i, device->ifindex);
	snprintf(i->name, sizeof(i->name), "%s", device->name);
	return i->attach ? interface_numbers__take(&s->numbers, i) : 0;
}

static bool is_renamed(const struct interfaces *s, const struct interface *i,
		       const struct netdev_info *device)
{
	if (i->named)
		return strcmp(i->name, s->options->interfaces[device->wanted]) != 0;
	return strcmp(i->name, device->name) != 0;
}

static int change(struct interfaces *s, const struct netdev_info *device)
{
	struct interface *i = interface_list__find_index(&s->list, device->ifindex);
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
		i = interface_list__find_index(&s->list, device->ifindex);
		if (err || !i)
			return err;
	}
	i->device = *device;
	if (was_up != device->up && i->attach)
		interface__note(i, device->up ? "is up" : "is down; waiting for it to come up");
	return 0;
}

static int on_changed(void *ctx, const struct netdev_info *device)
{
	int err = change(ctx, device);

	return err ? err : take_up_waiting(ctx);
}

/* ... that --exit-on-removal is about. Somebody waits for its place only where there are many. */
static bool was_the_last(const struct interfaces *s)
{
	return s->options->exit_on_removal && !interface_list__attached(&s->list);
}

static int on_removed(void *ctx, int ifindex)
{
	struct interfaces *s = ctx;
	struct interface *i = interface_list__find_index(&s->list, ifindex);
	bool was_attached;

	if (!i)
		return 0;
	was_attached = i->attach != NULL;
	go(s, i);
	if (was_attached && was_the_last(s))
		return LOOP_STOP;
	return take_up_waiting(s);
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
	uint32_t numbers = 0;
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->options = s->list.options = options;
	for (const char *const *name = options->interfaces; *name && !err; name++) {
		struct netdev_info device;
		struct interface *i;

		numbers++;
		if (rtnetlink__is_pattern(*name)) {
			numbers = PPING_INTERFACE_NUMBERS;
			continue;
		}
		i = interface_list__add(&s->list, *name, true);
		err = i ? find_device(i, &device) : -ENOMEM;
		if (!err)
			i->device.arp_type = device.arp_type; /* for first_link */
	}
	/* number 0 is the run's own */
	if (options->several)
		s->numbers.n = numbers < PPING_INTERFACE_NUMBERS ? numbers + 1 : numbers;
	if (err) {
		interfaces__free(s);
		return err;
	}
	*interfaces = s;
	return 0;
}

enum kernel_link interfaces__first_link(const struct interfaces *s)
{
	return s->list.n ? interface__link(&s->list.at[0]->device) : KERNEL_ETHERNET;
}

uint32_t interfaces__numbers(const struct interfaces *s)
{
	return s->numbers.n;
}

static int on_netdev(void *ctx, uint32_t epoll_events)
{
	struct interfaces *s = ctx;

	(void)epoll_events;
	return netdev__read(s->netdev);
}

/* Three files an interface are soon more than the usual 1024. */
static void allow_files(rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &limit);
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

	s->kernel = s->numbers.kernel = kernel;
	s->loop = loop;
	if (s->options->several)
		allow_files(FILES);
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

/* Some drivers refuse frags, and so do kernels before 5.18: who comes back may. */
static int load_xdp(struct kernel *kernel)
{
	int fd, err = kernel__load_xdp(kernel, true, &fd), err_without;

	err_without = kernel__load_xdp(kernel, false, &fd);
	return err ? err_without : 0;
}

/*
 * Once privileges are given up nothing can be loaded any more: of all kinds that may
 * come (the loopback device must be named, and is there) the programs are loaded now.
 */
static int load_for_later(struct interfaces *s)
{
	bool xdp = s->options->ingress_hook == HOOK_XDP;
	struct kernel_programs programs;
	int err;

	/* who has a pattern may not have attached anything yet */
	if (xdp && attach_xdp__check(s->options->interface))
		return -EOPNOTSUPP;
	err = xdp ? load_xdp(s->kernel) : 0;
	if (!err && has_pattern(s) && !xdp)
		err = kernel__programs(s->kernel, KERNEL_L3, &programs);
	if (!err && has_pattern(s))
		err = kernel__programs(s->kernel, KERNEL_ETHERNET, &programs);
	if (err)
		bpf_error__explain(err, "can't load the programs for further interfaces");
	return err;
}

static int on_ending(void *ctx, uint64_t expirations)
{
	(void)ctx;
	(void)expirations;
	return LOOP_STOP;
}

/* Those that were found by their names and have gone since: nobody was told of them, so nobody tells that they went. */
static int let_go(struct interfaces *s)
{
	bool any = interface_list__attached(&s->list);
	char name[IFNAMSIZ];

	for (size_t i = s->list.n; i-- > 0;)
		if (s->list.at[i]->attach && !if_indextoname(s->list.at[i]->device.ifindex, name))
			go(s, s->list.at[i]);
	if (any && was_the_last(s))
		return loop__timer(s->loop, 1, on_ending, s, &s->ending);
	return 0;
}

static int attach_named(struct interfaces *s)
{
	struct netdev_info device;
	int err = 0;

	for (size_t i = 0; i < s->list.n && !err; i++) {
		struct interface *named = s->list.at[i];

		err = find_device(named, &device);
		/* two names of one device */
		if (!err && !interface_list__find_index(&s->list, device.ifindex))
			err = join(s, named, &device);
		if (err > 0) {
			fprintf(stderr, "pping: %s went away while pping started\n", named->name);
			err = -ENODEV;
		}
	}
	return err;
}

/* Loading takes a while: since we listen nothing escapes us, but before it may have changed. */
int interfaces__attach(struct interfaces *s)
{
	bool sandboxed = !s->options->no_sandbox;
	int err = attach_named(s);

	if (!err && sandboxed && interfaces__capabilities(s) != PRIVILEGES_ALL)
		err = load_for_later(s);
	if (!err && s->options->several)
		err = netdev__sync(s->netdev);
	if (!err && s->options->several)
		err = let_go(s);
	if (!err && s->options->several)
		err = take_up_waiting(s);
	if (err)
		return err;
	if (!s->options->quiet && !interface_list__present(&s->list))
		fprintf(stderr, "pping: no interface is called %s yet; waiting for one\n",
			s->options->interface);
	if (sandboxed && interfaces__capabilities(s) != PRIVILEGES_ALL)
		kernel__seal(s->kernel);
	return 0;
}

uint64_t interfaces__capabilities(const struct interfaces *s)
{
	uint64_t capabilities = 0;

	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.at[i]->attach)
			capabilities |= attach__capabilities(s->list.at[i]->attach);
	/* of none is known whether it will be by a filter of the clsact qdisc */
	return interface_list__attached(&s->list) ? capabilities : PRIVILEGES_BIT(CAP_NET_ADMIN);
}

void interfaces__detach(struct interfaces *s)
{
	for (size_t i = 0; s && i < s->list.n; i++)
		interface__detach(s->list.at[i]);
}

void interfaces__free(struct interfaces *s)
{
	if (!s)
		return;
	loop__remove(s->source);
	loop__remove(s->ending);
	netdev__free(s->netdev);
	interface_list__free(&s->list);
	free(s->rows);
	text__free(&s->how);
	free(s);
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool is_up(const struct interface *i)
{
	return i->attach && i->device.up;
}

/* All but the counters. */
static struct interfaces_row row_of(const struct interfaces *s, uint32_t number, const char *name)
{
	const struct interface *i = interface_list__find_number(&s->list, number);
	bool unnumbered = !i && interface_list__find_unnumbered(&s->list, name);

	return (struct interfaces_row){
		.name = name,
		.how = i	    ? interface__how(i)
		       : unnumbered ? "without a number"
				    : "away",
		.number = number,
		.here = i || (!unnumbered && interface_list__find_named(&s->list, name)),
		.up = i && is_up(i),
		.down = i && !i->device.up,
		.ifindex = i ? i->device.ifindex : 0,
	};
}

size_t interfaces__rows(struct interfaces *s, const struct interfaces_row **rows)
{
	size_t n = 0;

	if (!s->rows)
		s->rows = calloc(PPING_INTERFACE_NUMBERS, sizeof(*s->rows));
	for (uint32_t number = 1; number < s->numbers.n && s->rows; number++) {
		const char *name = interface_numbers__name(&s->numbers, number);

		if (!name)
			continue;
		s->rows[n] = row_of(s, number, name);
		if (!kernel__counters_of(s->kernel, number, &s->rows[n].counters))
			n++;
	}
	*rows = s->rows;
	return n;
}

bool interfaces__up(const struct interfaces *s)
{
	for (size_t i = 0; i < s->list.n; i++)
		if (is_up(s->list.at[i]))
			return true;
	return false;
}

bool interfaces__down(const struct interfaces *s)
{
	for (size_t i = 0; i < s->list.n; i++)
		if (is_up(s->list.at[i]))
			return false;
	return interface_list__attached(&s->list) > 0;
}

const char *interfaces__how(struct interfaces *s)
{
	if (!s->options->several)
		return interface__how(s->list.at[0]);
	s->how.len = 0;
	for (size_t i = 0; i < s->list.n; i++) {
		const struct interface *one = s->list.at[i];
		const char *const words[] = { i ? ", " : "", one->name, " ", interface__how(one) };

		for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++)
			text__append(&s->how, words[w], strlen(words[w]));
	}
	text__append(&s->how, "", 1);
	return s->how.failed || !s->list.n ? "away" : s->how.data;
}

const char *interfaces__name(const struct interfaces *s, uint32_t number)
{
	return s->numbers.n ? interface_numbers__name(&s->numbers, number) : s->options->interface;
}
