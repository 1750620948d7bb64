// SPDX-License-Identifier: GPL-2.0-or-later
#include "scope.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>

/* The first bits of 32. */
struct block {
	uint32_t prefix;
	uint8_t bits;
	uint8_t scope;
};

static enum scope find(const struct block *blocks, uint32_t v)
{
	for (; blocks->bits; blocks++)
		if (!((v ^ blocks->prefix) >> (32 - blocks->bits)))
			return blocks->scope;
	return SCOPE_PUBLIC;
}

static enum scope scope_of_ipv4(uint32_t v)
{
	static const struct block blocks[] = {
		{ 0x0a000000, 8, SCOPE_PRIVATE }, /* 10.0.0.0/8 */
		{ 0xac100000, 12, SCOPE_PRIVATE }, /* 172.16.0.0/12 */
		{ 0xc0a80000, 16, SCOPE_PRIVATE }, /* 192.168.0.0/16 */
		{ 0x64400000, 10, SCOPE_CGNAT }, /* 100.64.0.0/10 */
		{ 0xa9fe0000, 16, SCOPE_LINK_LOCAL }, /* 169.254.0.0/16 */
		{ 0xe0000000, 4, SCOPE_MULTICAST }, /* 224.0.0.0/4 */
		{ 0x7f000000, 8, SCOPE_LOOPBACK }, /* 127.0.0.0/8 */
		{ 0x00000000, 8, SCOPE_RESERVED }, /* 0.0.0.0/8 */
		{ 0xf0000000, 4, SCOPE_RESERVED }, /* 240.0.0.0/4 */
		{ 0 },
	};

	return find(blocks, v);
}

/* ::/95, :: and ::1 among it, and the IPv4-mapped addresses that no packet should have */
static enum scope scope_of_low_ipv6(const union pping_addr *addr)
{
	if (!addr->w[2] && ntohl(addr->w[3]) == 1)
		return SCOPE_LOOPBACK;
	if ((!addr->w[2] && !addr->w[3]) || ntohl(addr->w[2]) == 0xffff)
		return SCOPE_RESERVED;
	return SCOPE_PUBLIC;
}

enum scope scope__of(const union pping_addr *addr, uint8_t ip_version)
{
	static const struct block blocks[] = {
		{ 0xfc000000, 7, SCOPE_PRIVATE }, /* fc00::/7 */
		{ 0xfe800000, 10, SCOPE_LINK_LOCAL }, /* fe80::/10 */
		{ 0xff000000, 8, SCOPE_MULTICAST }, /* ff00::/8 */
		{ 0 },
	};

	if (ip_version == 4)
		return scope_of_ipv4(ntohl(addr->w[3]));
	if (!addr->q[0])
		return scope_of_low_ipv6(addr);
	return find(blocks, ntohl(addr->w[0]));
}

const char *scope__name(enum scope scope)
{
	static const char *const names[] = {
		[SCOPE_PUBLIC] = "public",	 [SCOPE_PRIVATE] = "private",
		[SCOPE_CGNAT] = "CGNAT",	 [SCOPE_LINK_LOCAL] = "link-local",
		[SCOPE_MULTICAST] = "multicast", [SCOPE_LOOPBACK] = "loopback",
		[SCOPE_RESERVED] = "reserved",
	};

	return (size_t)scope < sizeof(names) / sizeof(*names) ? names[scope] : "unknown";
}
