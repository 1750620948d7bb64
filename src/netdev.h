/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitored interfaces and this host's own addresses, as rtnetlink tells
 * them (rtnetlink(7)); raw sockets, no library. Works in the network namespace
 * of the caller.
 */
#ifndef SRC_NETDEV_H
#define SRC_NETDEV_H

#include <stdbool.h>
#include <stddef.h>

#include "pping.h"

/* Totals since the device was made; the beginning of the kernel's struct rtnl_link_stats64. */
struct netdev_stats {
	__u64 rx_packets;
	__u64 tx_packets;
	__u64 rx_bytes;
	__u64 tx_bytes;
};

struct netdev_info {
	int ifindex;
	char name[16]; /* IFNAMSIZ; what the kernel calls it */
	int wanted; /* by which of the names that were asked for, from 0; -1: by none */
	int lower; /* ifindex of what lies below it and has the same frames (a veth's peer, too); 0: none here */
	int master; /* ifindex of what it belongs to; 0: none */
	unsigned short arp_type; /* ARPHRD_, net/if_arp.h */
	unsigned int mtu;
	bool up; /* IFF_UP */
	bool running; /* IFF_RUNNING: has carrier */
	bool has_stats;
	struct netdev_stats stats; /* as of when it was asked for */
};

/*
 * By its name or an alternative name. 0, -ENODEV when there is no such
 * interface, another negative errno. Prints nothing.
 */
int netdev__find(const char *name, struct netdev_info *info);

/* Frames of this kind of device begin with the IP header: PPP, tun, raw IP, tunnels (ARPHRD_NONE ...). */
bool netdev__is_l3(unsigned short arp_type);
/* Frames begin with an Ethernet header: ARPHRD_ETHER and ARPHRD_LOOPBACK. Neither of both: unsupported. */
bool netdev__is_ethernet(unsigned short arp_type);

struct netdev_handlers {
	void *ctx;
	/* A wanted interface appeared (also under a new ifindex) or changed: info is its state now. */
	int (*changed)(void *ctx, const struct netdev_info *info);
	/*
	 * It went away (deleted, moved to another namespace) or has a name that is not
	 * wanted. Is called before changed tells of one that took its place.
	 */
	int (*removed)(void *ctx, int ifindex);
	/* A unicast address of this host: IPv4 as ::ffff:a.b.c.d. Called for each at the start too. */
	int (*address_added)(void *ctx, const union pping_addr *addr);
	int (*address_removed)(void *ctx, const union pping_addr *addr);
};

struct netdev;

/*
 * names, NULL at the end, are of interfaces and patterns; see rtnetlink__link().
 * Subscribe first, then dump, so that nothing is missed; reports every address
 * (of all interfaces) through the handlers before it returns, but no interface.
 * Of a single name: call netdev__find afterwards (also if it was called before),
 * only changes after netdev__watch are reported. Otherwise netdev__sync reports
 * those that are there. An address that several interfaces
 * carry is removed only when the last of them loses it. If the kernel says
 * notifications were lost (ENOBUFS), dump again and report the differences.
 * Returns 0, what a handler returned other than 0, or a negative errno; prints
 * its errors.
 */
int netdev__watch(struct netdev **watch, const char *const *names,
		  const struct netdev_handlers *handlers);
/* Ask for everything, and report what differs from what was reported. As netdev__read. */
int netdev__sync(struct netdev *watch);
/* Readable, or EPOLLERR after a loss: netdev__read is for both. */
int netdev__fd(const struct netdev *watch);
/*
 * Read what arrived and call the handlers; 0, what a handler returned other than
 * 0, or a negative errno. Never waits; may leave some for the next call.
 */
int netdev__read(struct netdev *watch);
/* What netdev__read does with a datagram, for tests; buf is aligned to 4 bytes. */
int netdev__receive(struct netdev *watch, const void *buf, size_t len);
void netdev__free(struct netdev *watch); /* NULL is fine */

#endif /* SRC_NETDEV_H */
