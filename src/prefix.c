// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "prefix.h"

#define DIGITS "0123456789"

/* Are all bits of addr from number first on 0? */
static bool ends_with_zeros(const union pping_addr *addr, unsigned int first)
{
	for (unsigned int bit = first; bit < 128; bit++)
		if (addr->b[bit / 8] >> (7 - bit % 8) & 1)
			return false;
	return true;
}

/* bits counts from the left of the stored 128. */
const char *prefix__parse(const char *text, struct option_prefix *prefix)
{
	size_t len = strcspn(text, "/"), digits = text[len] ? strspn(text + len + 1, DIGITS) : 0;
	bool ipv4 = !strchr(text, ':');
	unsigned int most = ipv4 ? 32 : 128, bits = most;
	char address[INET6_ADDRSTRLEN];

	memset(prefix, 0, sizeof(*prefix));
	if (ipv4)
		memset(prefix->addr.b + 10, 0xff, 2);
	if (len >= sizeof(address))
		return "is not an address";
	snprintf(address, sizeof(address), "%.*s", (int)len, text);
	if (inet_pton(ipv4 ? AF_INET : AF_INET6, address, prefix->addr.b + (ipv4 ? 12 : 0)) != 1)
		return "is not an address";
	if (text[len]) {
		if (!digits || digits > 3 || text[len + 1 + digits] ||
		    sscanf(text + len + 1, "%3u", &bits) != 1 || bits > most)
			return "has no length that its kind of address can have";
	}
	prefix->bits = bits + 128 - most;
	return ends_with_zeros(&prefix->addr, prefix->bits) ? NULL : "has bits behind its length";
}
