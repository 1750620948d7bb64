// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rule.h"
#include "rules.h"

#define NONE UINT32_MAX
/* A line with a longer comment than this is none of a list. */
#define MAX_LINE 65536

struct rules {
	struct rules_entry *entries;
	size_t count, room;
	uint64_t given[2]; /* included, excluded */
};

/* 0.0.0.0/0 */
static const struct option_prefix ipv4 = { .addr.b = { [10] = 0xff, [11] = 0xff }, .bits = 96 };
static const struct option_prefix ipv6 = { .bits = 0 };

static bool in_prefix(const union pping_addr *addr, const union pping_addr *prefix, uint8_t bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(addr->b, prefix->b, bytes))
		return false;
	return !rest || !((addr->b[bytes] ^ prefix->b[bytes]) >> (8 - rest));
}

/* --- reading ------------------------------------------------------------------------ */

/* 0 or -ENOMEM. */
static int add(struct rules *r, const struct option_prefix *prefix, uint16_t port, uint8_t says)
{
	if (r->count == r->room) {
		size_t room = r->room ? 2 * r->room : 1024;
		void *more = realloc(r->entries, room * sizeof(*r->entries));

		if (!more)
			return -ENOMEM;
		r->entries = more;
		r->room = room;
	}
	r->entries[r->count++] = (struct rules_entry){
		.addr = prefix->addr,
		.port = port,
		.bits = prefix->bits,
		.rules = says,
	};
	return 0;
}

/* 0, -EINVAL with what is wrong with it in *wrong, or -ENOMEM. */
static int add_rule(struct rules *r, const char *text, bool exclude, const char **wrong)
{
	uint8_t says = exclude ? PPING_RULE_EXCLUDED : PPING_RULE_INCLUDED;
	struct rule rule;
	int err;

	*wrong = rule__parse(text, &rule);
	if (!*wrong && r->given[0] + r->given[1] == PPING_MAX_RULES)
		*wrong = "is one more than the 262144 entries there may be in all";
	if (*wrong)
		return -EINVAL;
	r->given[exclude]++;
	if (!rule.everywhere)
		return add(r, &rule.prefix, rule.port, says);
	err = add(r, &ipv4, rule.port, says);
	return err ? err : add(r, &ipv6, rule.port, says);
}
_Static_assert(PPING_MAX_RULES == 262144, "said above");

/*
 * The entry in the next line, without what is around it; empty if there is none. 1, 0 at
 * the end of the file, or -E2BIG. What is too long for one is cut: it is wrong anyway.
 */
static int read_entry(FILE *file, char *entry, size_t size)
{
	size_t len = 0, read = 0;
	bool comment = false;
	int c;

	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (++read > MAX_LINE)
			return -E2BIG;
		comment |= c == '#';
		if (comment || (!len && (c == ' ' || c == '\t')))
			continue;
		if (len + 1 < size)
			entry[len++] = c ? c : '?'; /* or a string would end there */
	}
	while (len && strchr(" \t\r", entry[len - 1]))
		len--;
	entry[len] = '\0';
	return c != EOF || read;
}

/* Its name and where in it; the entry itself is nobody's business. */
static int complain_line(const char *path, unsigned long line, const char *wrong)
{
	fprintf(stderr, "pping: %s:%lu: what is there %s\n", path, line, wrong);
	return -EINVAL;
}

static int read_entries(struct rules *r, FILE *file, const char *path, bool exclude)
{
	unsigned long line = 1;
	const char *wrong;
	char entry[128];
	int more, err;

	while ((more = read_entry(file, entry, sizeof(entry))) > 0) {
		err = *entry ? add_rule(r, entry, exclude, &wrong) : 0;
		if (err)
			return err == -EINVAL ? complain_line(path, line, wrong) : err;
		line++;
	}
	return more ? complain_line(path, line, "is too long for a line") : 0;
}

static int complain_file(const char *path, bool exclude, const char *why)
{
	fprintf(stderr, "pping: --%s-file: can't read %s: %s\n", exclude ? "exclude" : "include",
		path, why);
	return -EINVAL;
}

static int read_file(struct rules *r, const char *path, bool exclude, bool again)
{
	struct stat st;
	FILE *file;
	int err;

	if (again && !stat(path, &st) && !S_ISREG(st.st_mode))
		return complain_file(path, exclude, "not a regular file");
	file = fopen(path, "re");
	if (!file)
		return complain_file(path, exclude, strerror(errno));
	err = read_entries(r, file, path, exclude);
	if (!err && ferror(file))
		err = complain_file(path, exclude, strerror(errno));
	fclose(file);
	return err;
}

static int read_all(struct rules *r, const struct option_rules *given, bool again)
{
	const char *include_file = NULL, *wrong;
	int err = 0;

	for (uint32_t i = 0; i < given->count && !err; i++) {
		const struct option_rule *o = &given->list[i];

		if (o->file)
			err = read_file(r, o->text, o->exclude, again);
		else if ((err = add_rule(r, o->text, o->exclude, &wrong)) == -EINVAL)
			fprintf(stderr, "pping: --%s: the last one %s\n",
				o->exclude ? "exclude" : "include", wrong);
		if (o->file && !o->exclude)
			include_file = o->text;
	}
	if (err || !include_file || r->given[0])
		return err;
	fprintf(stderr,
		"pping: %s: has no entry, so nothing would be included; add one, or leave out "
		"--include-file\n",
		include_file);
	return -EINVAL;
}

/* --- the table ------------------------------------------------------------------------ */

static bool is_ipv4_root(const struct rules_entry *e)
{
	return e->bits == ipv4.bits && !memcmp(&e->addr, &ipv4.addr, sizeof(e->addr));
}

static bool covers(const struct rules_entry *e, uint16_t port, const union pping_addr *addr)
{
	return e->port == port && in_prefix(addr, &e->addr, e->bits);
}

/*
 * An IPv6 prefix short enough to have IPv4's mapped addresses in it says nothing
 * of these: their root ends what it says. Without --include all is included.
 */
static int add_roots(struct rules *r)
{
	size_t rules = r->count;
	uint8_t all = r->given[0] ? 0 : PPING_RULE_INCLUDED;
	int err = 0;

	for (size_t i = 0; i < rules && !err; i++) {
		const struct rules_entry e = r->entries[i];

		if (!e.port)
			continue;
		all |= PPING_RULE_PORTS;
		if (e.bits < ipv4.bits && covers(&e, e.port, &ipv4.addr))
			err = add(r, &ipv4, e.port, 0);
	}
	if (!err)
		err = add(r, &ipv4, 0, all);
	return err ? err : add(r, &ipv6, 0, all);
}

static int compare(const void *a, const void *b)
{
	const struct rules_entry *x = a, *y = b;
	int addr;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	addr = memcmp(&x->addr, &y->addr, sizeof(x->addr));
	return addr ? addr : (int)x->bits - (int)y->bits;
}

/* Of an ordered table: each entry gets what those it is in say; who says no more than they do goes. */
static void inherit(struct rules *r)
{
	struct rules_entry *e = r->entries;
	uint32_t above = NONE;
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		struct rules_entry next = e[i];
		uint8_t inherited;

		while (i + 1 < r->count && !compare(&next, &e[i + 1]))
			next.rules |= e[++i].rules;
		while (above != NONE && !covers(&e[above], next.port, &next.addr))
			above = e[above].parent;
		inherited = above == NONE ? 0 : e[above].rules;
		if (!is_ipv4_root(&next))
			next.rules |= inherited;
		if (next.rules == inherited)
			continue;
		next.parent = above;
		above = kept;
		e[kept++] = next;
	}
	r->count = kept;
}

static int resolve(struct rules *r)
{
	int err = add_roots(r);

	if (err)
		return err;
	qsort(r->entries, r->count, sizeof(*r->entries), compare);
	inherit(r);
	return 0;
}

int rules__load(struct rules **rules, const struct option_rules *given, bool again)
{
	struct rules *r;
	int err;

	*rules = NULL;
	if (!given->count)
		return 0;
	r = calloc(1, sizeof(*r));
	err = r ? read_all(r, given, again) : -ENOMEM;
	if (!err)
		err = resolve(r);
	if (err == -ENOMEM)
		fprintf(stderr, "pping: no memory for the entries to include and to exclude\n");
	if (err) {
		rules__free(r);
		return err;
	}
	*rules = r;
	return 0;
}

void rules__free(struct rules *r)
{
	if (!r)
		return;
	free(r->entries);
	free(r);
}

const struct rules_entry *rules__entries(const struct rules *r, size_t *count)
{
	*count = r->count;
	return r->entries;
}

enum pping_rules rules__kind(const struct rules *r)
{
	if (!r)
		return PPING_RULES_NONE;
	return r->given[0] ? PPING_RULES_INCLUDE : PPING_RULES_EXCLUDE;
}

void rules__count(const struct rules *r, uint64_t *included, uint64_t *excluded)
{
	*included = r->given[0];
	*excluded = r->given[1];
}

/* --- asking ----------------------------------------------------------------------------- */

/* The last entry not behind the address, or NONE: it is the longest, or in all that are. */
static uint32_t last_before(const struct rules *r, uint16_t port, const union pping_addr *addr)
{
	struct rules_entry key = { .addr = *addr, .port = port, .bits = 128 };
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&r->entries[middle], &key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : NONE;
}

uint32_t rules__find(const struct rules *r, const union pping_addr *addr, __be16 port)
{
	uint32_t i = last_before(r, ntohs(port), addr);

	while (i != NONE && !covers(&r->entries[i], ntohs(port), addr))
		i = r->entries[i].parent;
	return i == NONE ? 0 : r->entries[i].rules;
}

bool rules__exclude(const struct rules *r, const struct pping_tuple *flow)
{
	uint32_t says = rules__find(r, &flow->saddr, 0) | rules__find(r, &flow->daddr, 0);

	if (says & PPING_RULE_PORTS && flow->protocol == IPPROTO_TCP)
		says |= rules__find(r, &flow->saddr, flow->sport) |
			rules__find(r, &flow->daddr, flow->dport);
	return pping_rules_exclude(says);
}
