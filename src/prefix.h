/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A prefix as text: an address, or one with a length. Prints nothing. */
#ifndef SRC_PREFIX_H
#define SRC_PREFIX_H

#include "options.h"

/*
 * Reads "192.0.2.0/24", "2001:db8::/32" or an address. NULL, or what is wrong with
 * it. Bits behind the length are: who writes 192.0.2.1/24 may mean either.
 */
const char *prefix__parse(const char *text, struct option_prefix *prefix);

#endif /* SRC_PREFIX_H */
