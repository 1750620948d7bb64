// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "options_parse.h"
#include "prefix.h"
#include "rule.h"

#define DIGITS "0123456789"

static void complain_value(struct parse *p, const struct option_row *row, const char *text,
			   const char *why)
{
	char wants[128];

	options_print__wants(row, wants, sizeof(wants));
	parse__complain(p, "--%s: %s %s; give %s", row->name, QUOTE(text), why, wants);
}

/* value: a number, a bool, an enum or a pointer, as wide as the field it goes to. */
static void store(struct parse *p, const struct option_row *row, uint64_t value)
{
	void *field = (char *)p->opts + row->offset;
	uint32_t value32 = value;
	uint8_t value8 = value;

	if (row->size == sizeof(value))
		memcpy(field, &value, sizeof(value));
	else if (row->size == sizeof(value32))
		memcpy(field, &value32, sizeof(value32));
	else
		memcpy(field, &value8, sizeof(value8));
}

/* Digits, or digits with one point before the last of them: "5", "0.5", ".5". */
static bool is_plain(const char *text, size_t whole, size_t places)
{
	return whole + places && !text[whole + (places ? places + 1 : 0)];
}

/*
 * Returns NULL or what is wrong with it. Integers only, digit by digit: no locale
 * has a say, nothing overflows (max is checked at each digit), and the result is
 * exactly the number times scale, rounded down.
 */
static const char *parse_number(const struct option_row *row, const char *text, uint64_t *value)
{
	size_t whole = strspn(text, DIGITS);
	size_t places = text[whole] == '.' ? strspn(text + whole + 1, DIGITS) : 0;
	uint64_t number = 0, fraction = 0;
	bool exact = true;

	if (!is_plain(text, whole, places)) {
		text += strspn(text, "+-.");
		return strspn(text, DIGITS) ? "is not a number in plain digits" : "is not a number";
	}
	if (places && !row->decimals)
		return "is not a whole number";

	for (size_t i = 0; i < whole; i++) {
		number = 10 * number + (text[i] - '0');
		if (number > row->max)
			return "is too large";
	}
	for (size_t i = whole + places; i > whole; i--) {
		int digit = text[i] - '0';

		fraction = (digit * row->scale + fraction) / 10;
		exact &= !digit;
	}
	if (number == row->max && !exact)
		return "is too large";
	if (number < row->min)
		return "is too small";

	*value = number * row->scale + fraction;
	/* 0 turns things off: nobody who asked for more shall get that. */
	return *value || exact ? NULL : "is too small to be told from 0";
}

static void take_number(struct parse *p, const struct option_row *row, const char *text)
{
	uint64_t value = 0;
	const char *why = parse_number(row, text, &value);

	if (why)
		complain_value(p, row, text, why);
	else
		store(p, row, value);
}

static void take_choice(struct parse *p, const struct option_row *row, const char *text)
{
	int i = 0;

	while (row->choices[i] && strcmp(row->choices[i], text))
		i++;
	if (row->choices[i])
		store(p, row, i);
	else
		complain_value(p, row, text, "is not known");
}

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[");
}

/* The kernel's own rules (dev_valid_name), so that a typing error is told from a missing device. */
static const char *check_interface(const char *name)
{
	if (!*name)
		return "is empty";
	if (strlen(name) >= IFNAMSIZ && !is_pattern(name))
		return "is longer than the 15 bytes of an interface name";
	if (strlen(name) > OPTIONS_MAX_PATTERN)
		return "is longer than the 63 bytes of a pattern";
	if (strpbrk(name, "/: \t\n\v\f\r"))
		return "has a character that no interface name has";
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return "can't be an interface name";
	return NULL;
}

static void take_interface(struct parse *p, const struct option_row *row, const char *name)
{
	const char *why = check_interface(name);
	struct options *opts = p->opts;
	size_t n = 0;

	if (why) {
		complain_value(p, row, name, why);
		return;
	}
	while (opts->interfaces[n] && strcmp(opts->interfaces[n], name))
		n++;
	if (n == OPTIONS_MAX_INTERFACES) {
		parse__complain(p, "--%s: more than %d; give patterns, like 'eth*'", row->name,
				OPTIONS_MAX_INTERFACES);
		return;
	}
	opts->interfaces[n] = name;
	opts->several |= n > 0 || is_pattern(name);
	store(p, row, (uintptr_t)opts->interfaces[0]);
}

static void take_text(struct parse *p, const struct option_row *row, const char *text)
{
	if (!*text)
		complain_value(p, row, text, "is empty");
	else
		store(p, row, (uintptr_t)text);
}

static void take_prefix(struct parse *p, const struct option_row *row, const char *text)
{
	struct option_prefix prefix;
	const char *why = prefix__parse(text, &prefix);

	if (why)
		complain_value(p, row, text, why);
	else if (p->opts->locals == OPTIONS_MAX_LOCAL)
		parse__complain(p, "--%s: more than %d; give fewer, shorter prefixes", row->name,
				OPTIONS_MAX_LOCAL);
	else
		p->opts->local[p->opts->locals++] = prefix;
}

/* Rules are kept as text: files are read again while pping runs, and then all of them. */
static void take_rule(struct parse *p, const struct option_row *row, const char *text)
{
	struct option_rules *rules = &p->opts->rules;
	bool file = row->kind == OPTION_RULE_FILE;
	const char *why = NULL;
	struct rule rule;

	if (file && !*text)
		why = "is empty";
	else if (!file)
		why = rule__parse(text, &rule);
	if (why)
		complain_value(p, row, text, why);
	else if (rules->count == OPTIONS_MAX_RULES)
		parse__complain(p, "--%s: more than %d in all; put them into a file", row->name,
				OPTIONS_MAX_RULES);
	else
		rules->list[rules->count++] = (struct option_rule){
			.text = text,
			.exclude = !strncmp(row->name, "exclude", strlen("exclude")),
			.file = file,
		};
}

/*
 * "20G": digits and perhaps a unit. What a comma begins is left to the caller.
 * NULL or what is wrong with it.
 */
static const char *parse_size(const struct option_row *row, const char *text, uint64_t *value,
			      const char **end)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, DIGITS);
	uint64_t number = 0, scale = 1;
	const char *unit;

	if (!digits)
		return "is not a size";
	*end = text + digits;
	unit = **end ? strchr(units, parse__capital(**end)) : NULL;
	if (unit) {
		scale <<= 10 * (unit - units + 1);
		++*end;
	}
	if (**end && **end != ',')
		return "is not a size";
	for (size_t i = 0; i < digits; i++) {
		number = 10 * number + (text[i] - '0');
		if (number > row->max / scale)
			return "is too large";
	}
	*value = number * scale;
	return *value < row->min ? "is too small" : NULL;
}

static void take_size(struct parse *p, const struct option_row *row, const char *text)
{
	const char *end = "", *why;
	uint64_t value = 0;

	why = parse_size(row, text, &value, &end);
	if (!why && *end)
		why = "is not a size";
	if (why)
		complain_value(p, row, text, why);
	else
		store(p, row, value);
}

static void take_storage(struct parse *p, const struct option_row *row, const char *text)
{
	const char *end = "", *why;
	uint64_t value = 0;

	why = parse_size(row, text, &value, &end);
	p->opts->drop_oldest = !strcmp(end, ",drop-oldest");
	if (!why && *end && strcmp(end, ",stop") && !p->opts->drop_oldest)
		why = "has something else than stop or drop-oldest behind its size";
	if (why)
		complain_value(p, row, text, why);
	else
		store(p, row, value);
}

/* The part before the port, len bytes: none is 127.0.0.1. */
static bool parse_host(const char *text, size_t len, union pping_addr *addr)
{
	char address[INET6_ADDRSTRLEN];
	bool ipv6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	memset(addr, 0, sizeof(*addr));
	if (ipv6) {
		text++;
		len -= 2;
	} else {
		memset(addr->b + 10, 0xff, 2);
	}
	if (len >= sizeof(address))
		return false;
	if (len || ipv6)
		snprintf(address, sizeof(address), "%.*s", (int)len, text);
	else
		strcpy(address, "127.0.0.1");
	return inet_pton(ipv6 ? AF_INET6 : AF_INET, address, addr->b + (ipv6 ? 0 : 12)) == 1;
}

/* NULL or what is wrong with it: PORT, :PORT, ADDRESS:PORT or [ADDRESS]:PORT. */
static const char *parse_endpoint(const char *text, struct option_endpoint *endpoint)
{
	const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (bracket && (!colon || colon < bracket))
		return "has no port";
	if (*text != '[' && memchr(text, ':', len))
		return "has an IPv6 address without brackets";
	if (!colon && strchr(text, '.'))
		return "has no port";
	endpoint->port = rule__parse_port(colon ? colon + 1 : text);
	if (!endpoint->port)
		return "has a port that is no number from 1 to 65535";
	return parse_host(text, len, &endpoint->addr) ? NULL : "has no address that is one";
}

static void take_endpoint(struct parse *p, const struct option_row *row, const char *text)
{
	struct option_endpoint endpoint;
	const char *why = parse_endpoint(text, &endpoint);

	if (why)
		complain_value(p, row, text, why);
	else
		memcpy((char *)p->opts + row->offset, &endpoint, sizeof(endpoint));
}

/* "24,48": both lengths; less than the whole address, which would be kept. NULL or what is wrong. */
static const char *parse_lengths(const char *text, struct option_anonymity *anonymity)
{
	static const struct option_row v4 = { .max = 31, .scale = 1 },
				       v6 = { .max = 127, .scale = 1 };
	static const char *const wrong =
		"has no lengths from 0,0 to 31,127 behind it, as truncate:24,48 has";
	size_t comma = strcspn(text, ",");
	uint64_t v4_bits, v6_bits;
	char first[8] = "";

	if (!text[comma] || comma >= sizeof(first))
		return wrong;
	memcpy(first, text, comma);
	if (parse_number(&v4, first, &v4_bits) || parse_number(&v6, text + comma + 1, &v6_bits))
		return wrong;
	anonymity->v4_bits = (uint8_t)v4_bits;
	anonymity->v6_bits = (uint8_t)v6_bits;
	return NULL;
}

static void take_method(struct parse *p, const struct option_row *row, const char *text)
{
	static const char truncate[] = "truncate:";
	const char *why;

	p->opts->anonymity.v4_bits = 24;
	p->opts->anonymity.v6_bits = 48;
	if (strncmp(text, truncate, sizeof(truncate) - 1)) {
		take_choice(p, row, text);
		return;
	}
	why = parse_lengths(text + sizeof(truncate) - 1, &p->opts->anonymity);
	if (why)
		parse__complain(p, "--%s: %s %s", row->name, QUOTE(text), why);
	else
		store(p, row, ANONYMIZE_TRUNCATE);
}

/* All names, for a message. */
static void complain_field(struct parse *p, const struct option_row *row, const char *name,
			   size_t len)
{
	char word[48], all[400] = "";

	snprintf(word, sizeof(word), "%.*s", (int)(len < 47 ? len : 47), name);
	for (int i = 0; i < FIELD_COUNT; i++)
		options_print__append(all, sizeof(all), "%s%s", i ? ", " : "", fields__key(i));
	parse__complain(p, "--%s: %s is no field; give some of %s", row->name, QUOTE(word), all);
}

static void take_fields(struct parse *p, const struct option_row *row, const char *text)
{
	const char *name = text;
	uint32_t fields = 0;
	size_t len;
	int field;

	if (!strcmp(text, "help")) {
		if (!p->print)
			p->print = row;
		return;
	}
	p->fields_added = *name == '+';
	name += p->fields_added;
	for (;; name += len + 1) {
		len = strcspn(name, ",");
		field = fields__find(name, len);
		if (field < 0) {
			complain_field(p, row, name, len);
			return;
		}
		fields |= 1u << field;
		if (!name[len])
			break;
	}
	store(p, row, fields);
}

void option_values__take(struct parse *p, const struct option_row *row, const char *text)
{
	switch (row->kind) {
	case OPTION_FLAG:
		store(p, row, true);
		break;
	case OPTION_NUMBER:
		take_number(p, row, text);
		break;
	case OPTION_CHOICE:
		take_choice(p, row, text);
		break;
	case OPTION_INTERFACE:
		take_interface(p, row, text);
		break;
	case OPTION_FILE:
	case OPTION_TEXT:
		take_text(p, row, text);
		break;
	case OPTION_PREFIX:
		take_prefix(p, row, text);
		break;
	case OPTION_RULE:
	case OPTION_RULE_FILE:
		take_rule(p, row, text);
		break;
	case OPTION_SIZE:
		take_size(p, row, text);
		break;
	case OPTION_STORAGE:
		take_storage(p, row, text);
		break;
	case OPTION_ENDPOINT:
		take_endpoint(p, row, text);
		break;
	case OPTION_METHOD:
		take_method(p, row, text);
		break;
	case OPTION_FIELDS:
		take_fields(p, row, text);
		break;
	case OPTION_PRINT:
		if (!p->print)
			p->print = row;
		break;
	}
}
