/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far an address reaches: what can be said of it without saying whose it is. */
#ifndef SRC_SCOPE_H
#define SRC_SCOPE_H

#include <stdint.h>

#include "pping.h"

enum scope {
	SCOPE_PUBLIC, /* all that is none of the others */
	SCOPE_PRIVATE, /* RFC 1918, RFC 4193 */
	SCOPE_CGNAT, /* RFC 6598 */
	SCOPE_LINK_LOCAL,
	SCOPE_MULTICAST,
	SCOPE_LOOPBACK,
	SCOPE_RESERVED, /* 0.0.0.0/8, 240.0.0.0/4 with the broadcast, ::, ::ffff:0:0/96 of IPv6 */
};

enum scope scope__of(const union pping_addr *addr, uint8_t ip_version);
const char *scope__name(enum scope scope);

#endif /* SRC_SCOPE_H */
