/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rtnetlink's messages say (rtnetlink(7)). Unknown ones and unknown attributes are passed over. */
#ifndef SRC_RTNETLINK_H
#define SRC_RTNETLINK_H

#include <stdbool.h>

#include "src/addresses.h"
#include "src/netdev.h"
#include "src/netlink.h"

/*
 * RTM_NEWLINK, RTM_DELLINK. Whether it is about an interface's whole state:
 * info, and in *named whether name is its name or one of its alternative names.
 */
bool rtnetlink__link(const struct nlmsghdr *message, const char *name, struct netdev_info *info,
		     bool *named);

/*
 * RTM_NEWADDR, RTM_DELADDR. Whether it is about a unicast address, and in
 * *present whether the interface has it now.
 */
bool rtnetlink__address(const struct nlmsghdr *message, struct address *address, bool *present);

#endif /* SRC_RTNETLINK_H */
