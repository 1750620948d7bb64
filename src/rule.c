// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "prefix.h"
#include "rule.h"

/* The longest prefix as text: six groups, an IPv4 address and "/128". */
#define MAX_PREFIX sizeof("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128")

uint16_t rule__parse_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int port = 0;

	if (!digits || digits > 5 || text[digits] || sscanf(text, "%5u", &port) != 1)
		return 0;
	return port <= UINT16_MAX ? port : 0;
}

/*
 * Parts the prefix, len bytes at *text, from the port (NULL: there is none). An
 * IPv6 address has more than one colon, what it has behind the last is its own.
 */
static const char *part(const char **text, size_t *len, const char **port)
{
	const char *colon = strchr(*text, ':'), *close;

	*port = NULL;
	*len = strlen(*text);
	if (**text != '[') {
		if (colon && !strchr(colon + 1, ':')) {
			*port = colon + 1;
			*len = colon - *text;
		}
		return NULL;
	}
	close = strchr(*text, ']');
	if (!close || (close[1] && close[1] != ':'))
		return "has no ] before its end or its port";
	if (close[1])
		*port = close + 2;
	*len = close - ++*text;
	return *len ? NULL : "is not an address";
}

const char *rule__parse(const char *text, struct rule *rule)
{
	const char *port, *wrong;
	char prefix[MAX_PREFIX];
	size_t len;

	memset(rule, 0, sizeof(*rule));
	wrong = part(&text, &len, &port);
	if (wrong)
		return wrong;
	if (port) {
		rule->port = rule__parse_port(port);
		if (!rule->port)
			return "has a port that is no number from 1 to 65535";
		if (!len) {
			rule->everywhere = true;
			return NULL;
		}
	}
	if (len >= sizeof(prefix))
		return "is not an address";
	memcpy(prefix, text, len);
	prefix[len] = '\0';
	return prefix__parse(prefix, &rule->prefix);
}
