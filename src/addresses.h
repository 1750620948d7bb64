/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of this host and which interfaces carry them. Several may carry
 * the same one, thousands on a PPP server. Prints nothing.
 */
#ifndef SRC_ADDRESSES_H
#define SRC_ADDRESSES_H

#include "pping.h"

/*
 * What makes an address of an interface: the kernel lets one have an IPv4
 * address several times, with different prefixes or peers.
 */
struct address {
	union pping_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	union pping_addr peer; /* 0 for IPv6 */
	int ifindex; /* not 0 */
	__u32 prefix_len; /* 0 for IPv6 */
};
_Static_assert(sizeof(struct address) == 40, "compared as bytes");

struct addresses;

struct addresses *addresses__new(void); /* NULL: out of memory */
void addresses__free(struct addresses *set); /* NULL is fine */

/* 1 if no interface carried addr before, 0 if one did, -ENOMEM. */
int addresses__add(struct addresses *set, const struct address *address);
/* 1 if the last interface lost addr, otherwise 0. */
int addresses__remove(struct addresses *set, const struct address *address);

/* What is not added again between begin and sweep, sweep removes. */
void addresses__begin(struct addresses *set);
/* Calls lost for each addr that no interface carries any more; ends when it returns other than 0. */
int addresses__sweep(struct addresses *set, int (*lost)(void *ctx, const union pping_addr *addr),
		     void *ctx);

#endif /* SRC_ADDRESSES_H */
