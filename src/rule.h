/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry of --include or --exclude as text: PREFIX, PREFIX:PORT or :PORT. Prints nothing. */
#ifndef SRC_RULE_H
#define SRC_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct rule {
	struct option_prefix prefix;
	bool everywhere; /* there was none: all addresses of both families */
	uint16_t port; /* of the host's byte order; 0: all, and what has none */
};

/*
 * Reads "192.0.2.0/24", "192.0.2.1:443", "2001:db8::/32", "[2001:db8::/32]:443" or
 * ":443". NULL, or what is wrong with it.
 */
const char *rule__parse(const char *text, struct rule *rule);

/* Digits, 1 to 65535; 0 if it is anything else. */
uint16_t rule__parse_port(const char *text);

#endif /* SRC_RULE_H */
