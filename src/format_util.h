/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the formats share: numbers, addresses and names written straight into
 * reserved memory. A put_ function writes at p and returns the end of what it
 * wrote; nothing is terminated by a zero byte.
 */
#ifndef SRC_FORMAT_UTIL_H
#define SRC_FORMAT_UTIL_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "format.h"

/*
 * Every record fits. The longest is the JSON closing of a flow with its totals and all
 * that can be asked for: 482 bytes, of which 140 are seven numbers and 78 its addresses; 97
 * of IP version, flow and scopes; and 106 of an interface's name, each of its bytes escaped.
 */
#define FORMAT_RECORD_MAX 768
#define FORMAT_U64_MAX 20 /* digits of UINT64_MAX */
#define FORMAT_ADDR_MAX 39 /* an IPv6 address of eight groups */

extern const char format_digit_pairs[]; /* "000102...99" */
extern const char format_octets[]; /* "000001...255" and a byte or more */

/* A constant string. */
#define PUT(p, literal) put_bytes(p, literal, sizeof(literal) - 1)

static inline char *put_bytes(char *p, const char *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static inline char *put_string(char *p, const char *string)
{
	return put_bytes(p, string, strlen(string));
}

/* Below 100, two digits. */
static inline char *put_2digits(char *p, uint32_t v)
{
	return put_bytes(p, format_digit_pairs + 2 * v, 2);
}

/* Below 10^4, four digits. */
static inline char *put_4digits(char *p, uint32_t v)
{
	return put_2digits(put_2digits(p, v / 100), v % 100);
}

/* Below 10^8, eight digits. */
static inline char *put_8digits(char *p, uint32_t v)
{
	return put_4digits(put_4digits(p, v / 10000), v % 10000);
}

/* Below 10^4, as many digits as it has. */
static inline char *put_short(char *p, uint32_t v)
{
	if (v >= 100) {
		if (v >= 1000)
			return put_4digits(p, v);
		*p++ = (char)('0' + v / 100);
		return put_2digits(p, v % 100);
	}
	if (v >= 10)
		return put_2digits(p, v);
	*p++ = (char)('0' + v);
	return p;
}

/* Below 10^8, as many digits as it has. */
static inline char *put_u27(char *p, uint32_t v)
{
	if (v >= 10000)
		return put_4digits(put_short(p, v / 10000), v % 10000);
	return put_short(p, v);
}

static inline char *put_u64(char *p, uint64_t v)
{
	const uint64_t e8 = 100000000;

	if (v < e8)
		return put_u27(p, (uint32_t)v);
	if (v < e8 * e8)
		return put_8digits(put_u27(p, (uint32_t)(v / e8)), (uint32_t)(v % e8));
	p = put_u27(p, (uint32_t)(v / (e8 * e8)));
	p = put_8digits(p, (uint32_t)(v / e8 % e8));
	return put_8digits(p, (uint32_t)(v % e8));
}

/* Below 10^9, nine digits. */
static inline char *put_9digits(char *p, uint32_t v)
{
	*p++ = (char)('0' + v / 100000000);
	return put_8digits(p, v % 100000000);
}

/* Nanoseconds as seconds with nine decimals. */
static inline char *put_seconds(char *p, uint64_t ns)
{
	p = put_u64(p, ns / PPING_NS_PER_SEC);
	*p++ = '.';
	return put_9digits(p, (uint32_t)(ns % PPING_NS_PER_SEC));
}

/* Nanoseconds as milliseconds with six decimals. */
static inline char *put_milliseconds(char *p, uint64_t ns)
{
	uint32_t rest = (uint32_t)(ns % PPING_NS_PER_MS);

	p = put_u64(p, ns / PPING_NS_PER_MS);
	*p++ = '.';
	return put_4digits(put_2digits(p, rest / 10000), rest % 10000);
}

static inline char *put_port(char *p, __be16 port)
{
	uint32_t v = ntohs(port);

	/* five digits: most are an ephemeral port's */
	if (v >= 10000) {
		*p++ = (char)('0' + v / 10000);
		return put_4digits(p, v % 10000);
	}
	return put_short(p, v);
}

/*
 * Without a branch, which would be mispredicted every other time (half of a
 * line's time). Writes up to three bytes behind the end.
 */
static inline char *put_octet(char *p, uint8_t v)
{
	int len = 1 + (v >= 10) + (v >= 100);

	memcpy(p, format_octets + 3 * v + 3 - len, 4);
	return p + len;
}

/* RFC 5952, with section 5's mixed notation where glibc's inet_ntop() uses it. */
char *format_util__put_ipv6(char *p, const uint8_t addr[16]);

/* IPv4 is carried as ::ffff:a.b.c.d and told from such an IPv6 address by the version. */
static inline char *put_addr(char *p, const union pping_addr *addr, uint8_t ip_version)
{
	if (ip_version != 4)
		return format_util__put_ipv6(p, addr->b);
	p = put_octet(p, addr->b[12]);
	*p++ = '.';
	p = put_octet(p, addr->b[13]);
	*p++ = '.';
	p = put_octet(p, addr->b[14]);
	*p++ = '.';
	return put_octet(p, addr->b[15]);
}

/* src:port+dst:port; IPv6 addresses in brackets if so wished; "-" for removed ones. */
char *format_util__put_flow(char *p, const struct format_settings *set,
			    const struct pping_tuple *flow, bool brackets);

/* Names as all formats print them; a value we do not know is "unknown". */
const char *format_util__flow_event_name(uint8_t flow_event);
const char *format_util__reason_name(uint8_t reason);
const char *format_util__trigger_name(uint8_t trigger);

/* A fact's value other than text: FORMAT_U64_MAX bytes and two more at most. */
char *format_util__put_fact(char *p, const struct format_fact *fact);

static inline char *put_protocol(char *p, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return PUT(p, "TCP");
	case IPPROTO_ICMP:
		return PUT(p, "ICMP");
	case IPPROTO_ICMPV6:
		return PUT(p, "ICMPv6");
	default:
		return PUT(p, "unknown");
	}
}

#endif /* SRC_FORMAT_UTIL_H */
