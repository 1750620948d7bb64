/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw rtnetlink messages (netlink(7)): asking, receiving, and walking through
 * them. Nothing that arrives is trusted to be well-formed. Prints nothing.
 */
#ifndef SRC_NETLINK_H
#define SRC_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>

/* More than any datagram of rtnetlink's. */
#define NETLINK_BUFFER (256 * 1024)

/* What is left to walk through; starts at a multiple of 4 bytes. */
struct netlink_span {
	const char *at;
	size_t left;
};

/* The next message, or NULL when no whole one is left. */
const struct nlmsghdr *netlink__message(struct netlink_span *span);
/* The same for attributes. */
const struct rtattr *netlink__attribute(struct netlink_span *span);
/* The attributes behind a message's header of that size; false if the message is too short for it. */
bool netlink__attributes(const struct nlmsghdr *message, size_t header_size,
			 struct netlink_span *span);
/* The same for what is nested in an attribute. */
struct netlink_span netlink__nested(const struct rtattr *attr);
/* The attribute's type without the flag bits. */
int netlink__type(const struct rtattr *attr);
/* Copies exactly size bytes of value; false if the attribute has fewer. */
bool netlink__value(const struct rtattr *attr, void *value, size_t size);
/* Whether the value is this string. */
bool netlink__is_string(const struct rtattr *attr, const char *string);

/* A non-blocking socket that hears the groups (RTMGRP_), or a negative errno. */
int netlink__subscribe(unsigned int groups);

/*
 * One datagram from the kernel; buf has NETLINK_BUFFER bytes. Its length,
 * -EAGAIN when there is none, -ENOBUFS when notifications were lost (the kernel
 * goes on losing them until the socket has been read empty), -EMSGSIZE when this
 * one was too long, or another negative errno.
 */
int netlink__receive(int fd, void *buf);

/* Other than 0 ends the request. */
typedef int (*netlink_fn)(void *ctx, const struct nlmsghdr *message);

/*
 * Sends a request on a socket of its own and calls fn for each message of the
 * answer. request needs type, length and NLM_F_DUMP, if it is to be a dump.
 * Returns 0, what fn returned, or a negative errno: the kernel's, -EINTR if
 * things changed during the dump, which may then be incomplete, or -ETIMEDOUT.
 */
int netlink__request(struct nlmsghdr *request, netlink_fn fn, void *ctx);

#endif /* SRC_NETLINK_H */
