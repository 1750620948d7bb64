/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of addresses and ports before anything is formatted:
 *
 *              address                     prefix of an aggregate      key
 *  cryptopan   an address; prefixes kept   the same bits' prefix       32 bytes
 *  ipcrypt-pfx an address; prefixes kept   the same bits' prefix       32 bytes
 *  ipcrypt     128 bits, IPv4 too          a token, "ipv4#" + 16 digits 16 bytes
 *  truncate    the first bits, then 0      at most these bits          -
 *  remove      nothing                     all in one: "::/0"          -
 *
 * Keys and the cache are in memory of secret.h and wiped by anonymize__free().
 * The cache (address -> anonymised) makes the cost one per host and not one per
 * event; what falls out of it comes out the same again.
 */
#ifndef SRC_ANONYMIZE_H
#define SRC_ANONYMIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "aggregate.h"
#include "format.h"
#include "options.h"
#include "pping.h"

struct anonymize;

struct anonymize_settings {
	struct option_anonymity anonymity;
	/* of struct format_note */
	bool flow_id; /* by a key of its own, random each time */
	bool scopes;
	uint32_t cache_sets; /* of two addresses; a power of two; 0: enough for most */
};

/* 0 or a negative errno (printed): the key file, a library that is missing, no memory to lock. */
int anonymize__new(struct anonymize **anonymize, const struct anonymize_settings *settings);
void anonymize__free(struct anonymize *anonymize); /* NULL is fine */

/* How formats print what comes out. */
enum format_addresses anonymize__addresses(const struct anonymize *anonymize);

/* Rewrites the event's flow in place, if it has one, and takes the note on it before. */
void anonymize__event(struct anonymize *anonymize, struct pping_event *event);
/* On the last event; the pointer stays the same. */
const struct format_note *anonymize__note(const struct anonymize *anonymize);

/* A single address, in place; removed, it is all 0. NULL changes nothing. */
void anonymize__address(struct anonymize *anonymize, union pping_addr *addr, uint8_t ip_version);

/*
 * Prefixes of aggregates. Their length is that of the address family (0-32, 0-128).
 * The longest that may be aggregated by: longer ones would come out the same and
 * must be added up before. 0: one aggregate a family.
 */
unsigned int anonymize__prefix_limit(const struct anonymize *anonymize, uint8_t ip_version);

#define ANONYMIZE_PREFIX_SIZE AGGREGATE_NAME_SIZE

/*
 * The text to print for a prefix, whose further bits are ignored: "192.0.2.0/24",
 * "2001:db8::/48", "ipv4#0123456789abcdef", "0.0.0.0/0". Ends with a zero byte. Distinct
 * prefixes within prefix_limit have distinct texts, but for 6to4 addresses under
 * truncate, which contain an IPv4 address. NULL: as it is.
 */
void anonymize__prefix(struct anonymize *anonymize, const union pping_addr *addr,
		       uint8_t ip_version, unsigned int bits, char text[ANONYMIZE_PREFIX_SIZE]);

#endif /* SRC_ANONYMIZE_H */
