// SPDX-License-Identifier: GPL-2.0-or-later
#include "format_util.h"

/* clang-format off */
#define TEN(t) t "0" t "1" t "2" t "3" t "4" t "5" t "6" t "7" t "8" t "9"
#define HUNDRED(t) \
	TEN(t "0") TEN(t "1") TEN(t "2") TEN(t "3") TEN(t "4") \
	TEN(t "5") TEN(t "6") TEN(t "7") TEN(t "8") TEN(t "9")

const char format_digit_pairs[] = HUNDRED("");
const char format_octets[] =
	HUNDRED("0") HUNDRED("1")
	TEN("20") TEN("21") TEN("22") TEN("23") TEN("24") TEN("25");
/* clang-format on */

#define GROUPS 8 /* of 16 bits in an IPv6 address */

static char *put_group(char *p, uint32_t v)
{
	static const char digits[] = "0123456789abcdef";

	if (v > 0xfff)
		*p++ = digits[v >> 12];
	if (v > 0xff)
		*p++ = digits[v >> 8 & 0xf];
	if (v > 0xf)
		*p++ = digits[v >> 4 & 0xf];
	*p++ = digits[v & 0xf];
	return p;
}

/*
 * The first of the longest runs of zero groups, as first group and length;
 * nothing (length 0) where no run has two: RFC 5952 section 4.2.
 */
static void find_zeros(const uint16_t *group, int *first, int *len)
{
	int i = 0, start;

	*first = *len = 0;
	while (i < GROUPS) {
		if (group[i]) {
			i++;
			continue;
		}
		start = i;
		while (i < GROUPS && !group[i])
			i++;
		if (i - start > *len && i - start >= 2) {
			*first = start;
			*len = i - start;
		}
	}
}

char *format_util__put_ipv6(char *p, const uint8_t addr[16])
{
	int i, first, len, groups = GROUPS;
	uint16_t group[GROUPS];

	for (i = 0; i < GROUPS; i++)
		group[i] = (uint16_t)(addr[2 * i] << 8 | addr[2 * i + 1]);
	find_zeros(group, &first, &len);
	/* ::ffff:a.b.c.d and ::a.b.c.d end in an IPv4 address */
	if (!first && (len == 6 || (len == 5 && group[5] == 0xffff)))
		groups = 6;

	for (i = 0; i < groups; i++) {
		if (len && i == first) {
			p = PUT(p, "::");
			i += len - 1;
			continue;
		}
		p = put_group(p, group[i]);
		if (i + 1 < GROUPS && !(len && i + 1 == first))
			*p++ = ':';
	}
	if (groups == 6)
		p = put_addr(p, (const union pping_addr *)(const void *)addr, 4);
	return p;
}

static char *put_endpoint(char *p, uint8_t ip_version, const union pping_addr *addr, __be16 port,
			  bool brackets)
{
	brackets = brackets && ip_version != 4;
	if (brackets)
		*p++ = '[';
	p = put_addr(p, addr, ip_version);
	if (brackets)
		*p++ = ']';
	*p++ = ':';
	return put_port(p, port);
}

static char *put_flow_without_addresses(char *p, const struct pping_tuple *flow)
{
	p = put_port(PUT(p, "-:"), flow->sport);
	return put_port(PUT(p, "+-:"), flow->dport);
}

char *format_util__put_flow(char *p, const struct format_settings *set,
			    const struct pping_tuple *flow, bool brackets)
{
	uint8_t ip_version = flow->ip_version;

	if (set->addresses == FORMAT_ADDRESSES_NONE)
		return put_flow_without_addresses(p, flow);
	if (set->addresses == FORMAT_ADDRESSES_128_BITS)
		ip_version = 6;
	p = put_endpoint(p, ip_version, &flow->saddr, flow->sport, brackets);
	*p++ = '+';
	return put_endpoint(p, ip_version, &flow->daddr, flow->dport, brackets);
}

char *format_util__put_fact(char *p, const struct format_fact *fact)
{
	if (fact->kind == FORMAT_YES)
		return put_string(p, fact->number ? "true" : "false");
	if (fact->kind == FORMAT_NUMBER)
		return put_u64(p, fact->number);
	p = put_u64(p, fact->number / 10);
	*p++ = '.';
	*p++ = (char)('0' + fact->number % 10);
	return p;
}

#define NAME(names, i) \
	((i) < sizeof(names) / sizeof(*(names)) && (names)[i] ? (names)[i] : "unknown")

const char *format_util__flow_event_name(uint8_t flow_event)
{
	static const char *const names[] = {
		[PPING_FLOW_OPENING] = "opening",
		[PPING_FLOW_CLOSING] = "closing",
	};

	return NAME(names, flow_event);
}

const char *format_util__reason_name(uint8_t reason)
{
	static const char *const names[] = {
		[PPING_REASON_SYN] = "SYN",
		[PPING_REASON_SYN_ACK] = "SYN-ACK",
		[PPING_REASON_FIRST_PACKET] = "first observed packet",
		[PPING_REASON_FIN] = "FIN",
		[PPING_REASON_RST] = "RST",
		[PPING_REASON_TIMEOUT] = "timeout",
	};

	return NAME(names, reason);
}

const char *format_util__trigger_name(uint8_t trigger)
{
	static const char *const names[] = {
		[PPING_TRIGGER_SRC] = "src",
		[PPING_TRIGGER_DEST] = "dest",
		[PPING_TRIGGER_GC] = "garbage collection",
	};

	return NAME(names, trigger);
}
