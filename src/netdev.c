// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/netdev.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/addresses.h"
#include "src/netlink.h"
#include "src/rtnetlink.h"

/* Dumps that something changed during; the rest is left to the next notification. */
#define DUMP_TRIES 4
/* Datagrams in one netdev__read: the other handlers of the loop want their turn. */
#define READ_MAX 256

/* An interface that the handlers know of. */
struct told {
	struct netdev_info info;
	bool seen; /* in this dump */
};

struct netdev {
	struct netdev_handlers handlers;
	char **names; /* NULL at the end */
	int fd;
	struct told *told;
	size_t n_told;
	struct addresses *addresses;
	/* Notifications were lost: ask for everything once the socket is empty. */
	bool stale;
	int result; /* what ended a dump, printed where it needed to be */
	void *buf;
};

static int failed(const char *what, int err)
{
	fprintf(stderr, "pping: %s: %s\n", what, strerror(-err));
	return err;
}

bool netdev__is_l3(unsigned short arp_type)
{
	switch (arp_type) {
	case ARPHRD_NONE: /* tun, WireGuard, XFRM interfaces */
	case ARPHRD_PPP:
	case ARPHRD_RAWIP: /* modems */
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return true;
	default:
		return false;
	}
}

bool netdev__is_ethernet(unsigned short arp_type)
{
	return arp_type == ARPHRD_ETHER || arp_type == ARPHRD_LOOPBACK;
}

struct find {
	const char *const names[2];
	struct netdev_info *info;
	bool found;
};

static int found_link(void *ctx, const struct nlmsghdr *message)
{
	struct find *find = ctx;

	if (message->nlmsg_type == RTM_NEWLINK && rtnetlink__link(message, find->names, find->info))
		find->found = true;
	return 0;
}

int netdev__find(const char *name, struct netdev_info *info)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attr;
		char name[ALTIFNAMSIZ];
	} request = {
		.header.nlmsg_type = RTM_GETLINK,
	};
	struct find find = { .names = { name }, .info = info };
	size_t size = strlen(name) + 1;
	int err;

	if (size == 1 || size > sizeof(request.name))
		return -ENODEV;
	/* The kernel looks for either kind of name under both. */
	request.attr.rta_type = size > IFNAMSIZ ? IFLA_ALT_IFNAME : IFLA_IFNAME;
	request.attr.rta_len = RTA_LENGTH(size);
	memcpy(request.name, name, size);
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof(request.link)) + RTA_SPACE(size);
	err = netlink__request(&request.header, found_link, &find);
	if (err)
		return err;
	return find.found ? 0 : -ENODEV;
}

static bool same_info(const struct netdev_info *a, const struct netdev_info *b)
{
	return a->ifindex == b->ifindex && a->arp_type == b->arp_type && a->mtu == b->mtu &&
	       a->up == b->up && a->running == b->running && !strcmp(a->name, b->name);
}

static struct told *find_told(struct netdev *watch, int ifindex)
{
	for (size_t i = 0; i < watch->n_told; i++)
		if (watch->told[i].info.ifindex == ifindex)
			return &watch->told[i];
	return NULL;
}

static struct told *add_told(struct netdev *watch)
{
	struct told *told = reallocarray(watch->told, watch->n_told + 1, sizeof(*told));

	if (!told)
		return NULL;
	watch->told = told;
	told = &watch->told[watch->n_told++];
	memset(told, 0, sizeof(*told));
	return told;
}

static int link_removed(struct netdev *watch, struct told *told)
{
	int ifindex = told->info.ifindex;

	*told = watch->told[--watch->n_told];
	return watch->handlers.removed(watch->handlers.ctx, ifindex);
}

/* Have both the one name, of which there is one at a time? */
static bool excludes(const struct netdev *watch, const struct netdev_info *a,
		     const struct netdev_info *b)
{
	return a->ifindex != b->ifindex &&
	       (!strcmp(a->name, b->name) ||
		(a->wanted == b->wanted && !rtnetlink__is_pattern(watch->names[a->wanted])));
}

static int link_changed(struct netdev *watch, const struct netdev_info *info)
{
	struct told *told = find_told(watch, info->ifindex);
	int ret;

	if (told) {
		told->seen = true;
		if (same_info(&told->info, info))
			return 0;
	}
	/* Nobody told us that the old one went. */
	for (size_t i = 0; i < watch->n_told; i++) {
		if (!excludes(watch, &watch->told[i].info, info))
			continue;
		ret = link_removed(watch, &watch->told[i]);
		if (ret)
			return ret;
		break;
	}
	told = find_told(watch, info->ifindex);
	if (!told)
		told = add_told(watch);
	if (!told)
		return failed("cannot follow the interfaces' state", -ENOMEM);
	*told = (struct told){ *info, true };
	return watch->handlers.changed(watch->handlers.ctx, info);
}

static int link_message(struct netdev *watch, const struct nlmsghdr *message)
{
	struct netdev_info info;
	struct told *told;

	if (!rtnetlink__link(message, (const char *const *)watch->names, &info))
		return 0;
	if (message->nlmsg_type == RTM_NEWLINK && info.wanted >= 0)
		return link_changed(watch, &info);
	/* Deleted, moved to another namespace, or renamed. */
	told = find_told(watch, info.ifindex);
	return told ? link_removed(watch, told) : 0;
}

static int address_removed(void *ctx, const union pping_addr *addr)
{
	struct netdev *watch = ctx;

	watch->result = watch->handlers.address_removed(watch->handlers.ctx, addr);
	return watch->result;
}

static int address_message(struct netdev *watch, const struct nlmsghdr *message)
{
	struct address address;
	bool present;
	int ret;

	if (!rtnetlink__address(message, &address, &present))
		return 0;
	if (!present) {
		ret = addresses__remove(watch->addresses, &address);
		return ret ? address_removed(watch, &address.addr) : 0;
	}
	ret = addresses__add(watch->addresses, &address);
	if (ret < 0)
		return failed("the host's addresses", ret);
	return ret ? watch->handlers.address_added(watch->handlers.ctx, &address.addr) : 0;
}

static int any_message(void *ctx, const struct nlmsghdr *message)
{
	struct netdev *watch = ctx;
	int ret = 0;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		ret = link_message(watch, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		ret = address_message(watch, message);
		break;
	}
	watch->result = ret;
	return ret;
}

int netdev__receive(struct netdev *watch, const void *buf, size_t len)
{
	struct netlink_span span = { buf, len };
	const struct nlmsghdr *message;
	int ret;

	while ((message = netlink__message(&span))) {
		ret = any_message(watch, message);
		if (ret) {
			watch->stale = true; /* of the rest we know nothing */
			return ret;
		}
	}
	return 0;
}

/* One kind of things that the kernel lists. */
struct listing {
	unsigned short request; /* RTM_GET... */
	unsigned short header; /* bytes that follow struct nlmsghdr in it, all 0 */
	const char *what;
	/* What is told between the two is there; sweep reports what we knew and was not told. */
	void (*begin)(struct netdev *watch);
	int (*sweep)(struct netdev *watch);
};

static void begin_addresses(struct netdev *watch)
{
	addresses__begin(watch->addresses);
}

static int sweep_addresses(struct netdev *watch)
{
	return addresses__sweep(watch->addresses, address_removed, watch);
}

static void begin_links(struct netdev *watch)
{
	for (size_t i = 0; i < watch->n_told; i++)
		watch->told[i].seen = false;
}

static int sweep_links(struct netdev *watch)
{
	int ret = 0;

	for (size_t i = 0; i < watch->n_told && !ret;) {
		if (watch->told[i].seen)
			i++;
		else
			ret = link_removed(watch, &watch->told[i]);
	}
	return ret;
}

static const struct listing addresses = {
	.request = RTM_GETADDR,
	.header = sizeof(struct ifaddrmsg),
	.what = "cannot list the host's addresses",
	.begin = begin_addresses,
	.sweep = sweep_addresses,
};

static const struct listing links = {
	.request = RTM_GETLINK,
	.header = sizeof(struct ifinfomsg),
	.what = "cannot list the interfaces",
	.begin = begin_links,
	.sweep = sweep_links,
};

/*
 * Report how what is there differs from what we know. Interrupted every time, it
 * leaves watch->stale and removes nothing: what interrupted it is in our socket
 * as well, so that netdev__read will be called and come here again.
 */
static int dump(struct netdev *watch, const struct listing *list)
{
	int err = -EINTR;

	watch->result = 0;
	watch->stale = true;
	for (int i = 0; i < DUMP_TRIES && err == -EINTR && !watch->result; i++) {
		struct {
			struct nlmsghdr header;
			struct ifinfomsg longest;
		} request = {
			.header.nlmsg_type = list->request,
			.header.nlmsg_flags = NLM_F_DUMP,
			.header.nlmsg_len = NLMSG_LENGTH(list->header),
		};

		list->begin(watch);
		err = netlink__request(&request.header, any_message, watch);
	}
	if (!err)
		watch->result = list->sweep(watch);
	if (watch->result)
		return watch->result;
	if (err && err != -EINTR)
		return failed(list->what, err);
	watch->stale = err;
	return 0;
}

/* One name: the kernel finds it. */
static bool is_single(const struct netdev *watch)
{
	return !watch->names[1] && !rtnetlink__is_pattern(watch->names[0]);
}

static int ask_for_link(struct netdev *watch)
{
	struct netdev_info info;
	int ret = netdev__find(watch->names[0], &info);

	if (ret && ret != -ENODEV)
		return failed("cannot find the interface", ret);
	if (!ret)
		return link_changed(watch, &info);
	return watch->n_told ? link_removed(watch, watch->told) : 0;
}

int netdev__sync(struct netdev *watch)
{
	bool stale;
	int ret = is_single(watch) ? ask_for_link(watch) : dump(watch, &links);

	if (ret)
		return ret;
	stale = watch->stale && !is_single(watch);
	ret = dump(watch, &addresses);
	watch->stale |= stale;
	return ret;
}

int netdev__read(struct netdev *watch)
{
	for (int n = 0; n < READ_MAX || watch->stale; n++) {
		int ret = netlink__receive(watch->fd, watch->buf);

		if (ret == -EAGAIN)
			return watch->stale ? netdev__sync(watch) : 0;
		if (ret == -ENOBUFS || ret == -EMSGSIZE) {
			/* More are lost until the socket is empty; only then is it time to ask. */
			watch->stale = true;
			continue;
		}
		if (ret < 0)
			return failed("cannot follow the interface's state", ret);
		ret = netdev__receive(watch, watch->buf, ret);
		if (ret)
			return ret;
	}
	return 0;
}

static char **copy_names(const char *const *names)
{
	size_t n = 0;
	char **copy;

	while (names[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(names[i]);
		if (!copy[i])
			return copy; /* shorter: as good as none */
	}
	return copy;
}

static void free_names(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

/* A single name's interface need not be told. */
static int find_first(struct netdev *watch)
{
	struct netdev_info info;
	struct told *told;
	int err;

	if (!is_single(watch))
		return 0;
	err = netdev__find(watch->names[0], &info);
	if (err)
		return err == -ENODEV ? 0 : err;
	told = add_told(watch);
	if (!told)
		return -ENOMEM;
	told->info = info;
	return 0;
}

int netdev__watch(struct netdev **result, const char *const *names,
		  const struct netdev_handlers *handlers)
{
	struct netdev *watch = calloc(1, sizeof(*watch));
	int ret = -ENOMEM;

	if (!watch)
		return failed("cannot follow the interface's state", ret);
	watch->fd = -1;
	watch->handlers = *handlers;
	watch->names = copy_names(names);
	watch->addresses = addresses__new();
	watch->buf = malloc(NETLINK_BUFFER);
	if (watch->names && watch->names[0] && watch->addresses && watch->buf)
		ret = watch->fd =
			netlink__subscribe(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (ret >= 0)
		ret = find_first(watch);
	ret = ret ? failed("cannot follow the interface's state", ret) : dump(watch, &addresses);
	if (ret) {
		netdev__free(watch);
		return ret;
	}
	*result = watch;
	return 0;
}

int netdev__fd(const struct netdev *watch)
{
	return watch->fd;
}

void netdev__free(struct netdev *watch)
{
	if (!watch)
		return;
	if (watch->fd >= 0)
		close(watch->fd);
	addresses__free(watch->addresses);
	free_names(watch->names);
	free(watch->told);
	free(watch->buf);
	free(watch);
}
