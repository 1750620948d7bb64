/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random entries of --include and --exclude, and a judge of packets that asks one
 * after the other, as the manual has it. Shares no code with src/ and engine/.
 */
#ifndef TESTS_UNIT_RULES_REFEREE_H
#define TESTS_UNIT_RULES_REFEREE_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REFEREE_RULES 4096
#define REFEREE_TEXT 64

struct referee_address {
	int ip; /* 4 or 6 */
	uint8_t b[16]; /* of IPv4 the first 4 */
};

struct referee_rule {
	struct referee_address from; /* ip 0: any */
	int bits;
	int port; /* 0: none */
	bool exclude;
	char text[REFEREE_TEXT];
};

struct referee {
	uint64_t random;
	int count;
	struct referee_rule rule[REFEREE_RULES];
};

struct referee_packet {
	struct referee_address end[2];
	int port[2];
	bool tcp;
};

/* xorshift64*, below n. */
static inline uint32_t referee_random(struct referee *r, uint32_t n)
{
	r->random ^= r->random >> 12;
	r->random ^= r->random << 25;
	r->random ^= r->random >> 27;
	return (r->random * 0x2545f4914f6cdd1dULL >> 32) % n;
}

static inline int referee_port(struct referee *r)
{
	static const int ports[] = { 1, 80, 443, 444, 8080, 59528, 65535 };

	return ports[referee_random(r, sizeof(ports) / sizeof(*ports))];
}

/* Few different first bytes, so that prefixes lie in one another. */
static inline struct referee_address referee_address(struct referee *r)
{
	struct referee_address a = { .ip = referee_random(r, 2) ? 4 : 6 };
	int len = a.ip == 4 ? 4 : 16;

	for (int i = 0; i < len; i++)
		a.b[i] = referee_random(r, 2)	? referee_random(r, 3)
			 : referee_random(r, 4) ? 0xff
						: referee_random(r, 256);
	if (a.ip == 6 && referee_random(r, 2)) /* not those that stand for IPv4 */
		a.b[0] = 0x20;
	if (a.ip == 6 && !memcmp(a.b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12))
		a.b[0] = 0xfd;
	return a;
}

static inline void referee_cut(struct referee_address *a, int bits)
{
	for (int bit = bits; bit < (a->ip == 4 ? 32 : 128); bit++)
		a->b[bit / 8] &= ~(0x80 >> bit % 8);
}

static inline void referee_write(struct referee_rule *rule)
{
	char address[INET6_ADDRSTRLEN], port[16] = "", bits[16] = "";
	int most = rule->from.ip == 4 ? 32 : 128;

	if (rule->port)
		snprintf(port, sizeof(port), ":%d", rule->port);
	if (!rule->from.ip) {
		strcpy(rule->text, port);
		return;
	}
	inet_ntop(rule->from.ip == 4 ? AF_INET : AF_INET6, rule->from.b, address, sizeof(address));
	if (rule->bits < most)
		snprintf(bits, sizeof(bits), "/%d", rule->bits);
	snprintf(rule->text, sizeof(rule->text),
		 rule->from.ip == 6 && rule->port ? "[%s%s]%s" : "%s%s%s", address, bits, port);
}

/* chance: an include and a rule with a port are one in that many; 0: none. */
static inline void referee_fill(struct referee *r, int count, int include, int ports)
{
	r->count = count;
	for (int i = 0; i < count; i++) {
		struct referee_rule *rule = &r->rule[i];

		memset(rule, 0, sizeof(*rule));
		rule->from = referee_address(r);
		rule->bits = referee_random(r, (rule->from.ip == 4 ? 32 : 128) + 1);
		/* or those that hold nearly everything would leave nothing to ask */
		if (rule->bits < (rule->from.ip == 4 ? 8 : 24) && referee_random(r, count))
			rule->bits = rule->from.ip == 4 ? 32 : 128;
		referee_cut(&rule->from, rule->bits);
		rule->exclude = !include || referee_random(r, include);
		if (ports && !referee_random(r, ports))
			rule->port = referee_port(r);
		if (rule->port && !referee_random(r, 20))
			rule->from.ip = 0;
		referee_write(rule);
	}
}

/* An address of, or next to, one that the rules name. */
static inline struct referee_address referee_near(struct referee *r, int ip)
{
	struct referee_address a;
	int bits, tries = 0;

	do {
		a = r->count && referee_random(r, 8) ? r->rule[referee_random(r, r->count)].from
						     : referee_address(r);
	} while (a.ip != ip && ++tries < 1000);
	if (a.ip != ip)
		memset(a.b, 0, sizeof(a.b));
	a.ip = ip;
	bits = ip == 4 ? 32 : 128;
	for (int n = referee_random(r, 3); n > 0; n--) {
		int bit = referee_random(r, bits);

		a.b[bit / 8] ^= 0x80 >> bit % 8;
	}
	if (ip == 6 && !memcmp(a.b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12))
		a.b[0] = 0xfd;
	return a;
}

static inline struct referee_packet referee_packet(struct referee *r)
{
	int ip = referee_random(r, 2) ? 4 : 6;
	struct referee_packet p = { .tcp = referee_random(r, 8) };

	for (int i = 0; i < 2; i++) {
		p.end[i] = referee_near(r, ip);
		p.port[i] = referee_port(r);
		if (!referee_random(r, 3))
			p.port[i] = 1024 + referee_random(r, 60000);
	}
	return p;
}

static inline bool referee_matches(const struct referee_rule *rule, const struct referee_packet *p,
				   int end)
{
	if (rule->port && (!p->tcp || rule->port != p->port[end]))
		return false;
	if (!rule->from.ip)
		return true;
	if (rule->from.ip != p->end[end].ip)
		return false;
	for (int bit = 0; bit < rule->bits; bit++)
		if ((rule->from.b[bit / 8] ^ p->end[end].b[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static inline bool referee_excludes(const struct referee *r, const struct referee_packet *p)
{
	bool is_included = true, included = false;

	for (int i = 0; i < r->count; i++) {
		const struct referee_rule *rule = &r->rule[i];
		bool matches = referee_matches(rule, p, 0) || referee_matches(rule, p, 1);

		if (rule->exclude && matches)
			return true;
		if (!rule->exclude) {
			is_included = false;
			included |= matches;
		}
	}
	return !is_included && !included;
}

#endif /* TESTS_UNIT_RULES_REFEREE_H */
