/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rtnetlink's messages say (rtnetlink(7)). Unknown ones and unknown attributes are passed over. */
#ifndef SRC_RTNETLINK_H
#define SRC_RTNETLINK_H

#include <stdbool.h>

#include "src/addresses.h"
#include "src/netdev.h"
#include "src/netlink.h"

/* Is it a pattern of names? */
bool rtnetlink__is_pattern(const char *name);

/*
 * RTM_NEWLINK, RTM_DELLINK. Whether it is about an interface's whole state: info,
 * and in info->wanted by which of names (NULL at the end) it is meant, or -1. A name
 * means it if it is its name or one of its alternative names; a pattern, if its name
 * fits and it is not the loopback device. The first name comes before all patterns.
 */
bool rtnetlink__link(const struct nlmsghdr *message, const char *const *names,
		     struct netdev_info *info);

/*
 * RTM_NEWADDR, RTM_DELADDR. Whether it is about a unicast address, and in
 * *present whether the interface has it now.
 */
bool rtnetlink__address(const struct nlmsghdr *message, struct address *address, bool *present);

#endif /* SRC_RTNETLINK_H */
