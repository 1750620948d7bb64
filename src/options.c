// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "options_parse.h"
#include "options_print.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

void parse__complain(struct parse *p, const char *fmt, ...)
{
	va_list args;

	if (p->complaint[0])
		return;
	va_start(args, fmt);
	vsnprintf(p->complaint, sizeof(p->complaint), fmt, args);
	va_end(args);
}

struct quoted parse__quote(const char *word)
{
	struct quoted q = { "\"" };
	int room = 40;

	for (; *word && room; word++, room--) {
		unsigned char c = *word;
		const char *fmt = c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? "\\x%02x" : "%c";

		options_print__append(q.text, sizeof(q.text), fmt, c);
	}
	options_print__append(q.text, sizeof(q.text), *word ? "...\"" : "\"");
	return q;
}

/* What a run record may tell: the rows as they were given, words of the user's only by their kind. */
static void note_given(struct parse *p, const struct option_row *row, const char *text)
{
	bool secret = row->kind == OPTION_TEXT || row->kind == OPTION_FILE ||
		      row->kind == OPTION_PREFIX || row->kind == OPTION_ENDPOINT ||
		      row->kind == OPTION_RULE || row->kind == OPTION_RULE_FILE;

	p->given[row - options_table] = true;
	if (row->kind != OPTION_INTERFACE || !p->given_as[row - options_table])
		p->given_as[row - options_table] = secret ? row->arg : text ? text : "";
}

/* Behind the first of them. */
static void list_interfaces(struct options *opts)
{
	for (size_t i = 1; opts->interfaces[i]; i++)
		options_print__append(opts->given, sizeof(opts->given), " --interface %s",
				      opts->interfaces[i]);
}

static void list_given(struct parse *p)
{
	char *given = p->opts->given;

	for (const struct option_row *row = options_table; row->name; row++) {
		const char *text = p->given_as[row - options_table];

		if (!p->given[row - options_table])
			continue;
		options_print__append(given, sizeof(p->opts->given), "%s--%s%s%s",
				      *given ? " " : "", row->name, *text ? " " : "", text);
		if (row->kind == OPTION_INTERFACE)
			list_interfaces(p->opts);
	}
}

/* --- unknown options ----------------------------------------------------------- */

/* Edits between two names: insert, delete, replace, swap neighbours; capitals don't count. */
static int distance(const char *a, const char *b, int limit)
{
	int la = strlen(a), lb = strlen(b);
	int row[3][32]; /* distances of a's last three prefixes to all of b's */

	if (lb >= (int)ARRAY_SIZE(row[0]) || la > lb + limit)
		return limit + 1;
	for (int j = 0; j <= lb; j++)
		row[0][j] = j;
	for (int i = 1; i <= la; i++) {
		int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (int j = 1; j <= lb; j++) {
			now[j] = last[j - 1] +
				 (parse__capital(a[i - 1]) != parse__capital(b[j - 1]));
			if (last[j] + 1 < now[j])
				now[j] = last[j] + 1;
			if (now[j - 1] + 1 < now[j])
				now[j] = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[la % 3][lb];
}

/* The option whose name is nearest, within a third of its letters; NULL if there is none. */
static const struct option_row *nearest(const char *name)
{
	const struct option_row *found = NULL;
	int least = (int)(strnlen(name, 32) + 1) / 3;

	for (const struct option_row *row = options_table; row->name; row++) {
		int d = distance(name, row->name, least);

		if (row->group == OPTION_GROUP_HIDDEN || d > least || (found && d == least))
			continue;
		least = d;
		found = row;
	}
	return found;
}

/* arg: what was typed, "--name" or "--name=value": no option, or several begin with it. */
static void complain_long(struct parse *p, const char *arg)
{
	char name[64] = "", several[256] = "";
	const struct option_row *near;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
	for (const struct option_row *row = options_table; row->name && *name; row++)
		if (row->group != OPTION_GROUP_HIDDEN && !strncmp(row->name, name, strlen(name)))
			options_print__append(several, sizeof(several), "%s--%s",
					      *several ? " or " : "", row->name);
	near = nearest(name);

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg, "="), arg);
	if (*several)
		parse__complain(p, "%s is ambiguous; give %s", QUOTE(name), several);
	else if (near)
		parse__complain(p, "unknown option %s; did you mean --%s? (see pping --help)",
				QUOTE(name), near->name);
	else
		parse__complain(p, "unknown option %s; see pping --help", QUOTE(name));
}

static const struct option_row *find_letter(int letter)
{
	for (const struct option_row *row = options_table; row->name; row++)
		if (row->letter && row->letter == letter)
			return row;
	return NULL;
}

static void complain_letter(struct parse *p, int letter)
{
	const char name[] = { '-', (char)letter, '\0' };
	/* ASCII letters differ from their capitals in one bit. */
	const struct option_row *other = find_letter(letter ^ 0x20);

	if (other)
		parse__complain(p, "unknown option %s; did you mean -%c? (see pping --help)",
				QUOTE(name), other->letter);
	else
		parse__complain(p, "unknown option %s; see pping --help", QUOTE(name));
}

/* --- the command line ---------------------------------------------------------- */

/* getopt_long's number for a row: the letter, or one that no character has. */
static int row_id(const struct option_row *row)
{
	return row->letter ? row->letter : 0x100 + (int)(row - options_table);
}

static const struct option_row *find_id(int id)
{
	for (const struct option_row *row = options_table; row->name; row++)
		if (row_id(row) == id)
			return row;
	return NULL;
}

struct getopt_tables {
	char letters[2 * OPTIONS_MAX_ROWS + sizeof("-:")];
	struct option names[OPTIONS_MAX_ROWS + 1];
};

static void fill_tables(struct getopt_tables *tables)
{
	memset(tables, 0, sizeof(*tables));
	/* "-": report words that are no options, in their place; ":": tell a missing argument. */
	strcpy(tables->letters, "-:");
	for (const struct option_row *row = options_table; row->name; row++) {
		tables->names[row - options_table] = (struct option){
			.name = row->name,
			.has_arg = row->arg ? required_argument : no_argument,
			.val = row_id(row),
		};
		if (row->letter)
			options_print__append(tables->letters, sizeof(tables->letters), "%c%s",
					      row->letter, row->arg ? ":" : "");
	}
}

static void complain_stray(struct parse *p, const char *word)
{
	parse__complain(p,
			"unexpected argument %s; an interface is named with -i (see pping --help)",
			QUOTE(word));
}

/* getopt_long did not like argv[optind - 1], or a letter in it. */
static void complain_option(struct parse *p, int verdict, char **argv)
{
	const struct option_row *row = find_id(optopt);
	char wants[128];

	if (verdict == ':' && row) {
		options_print__wants(row, wants, sizeof(wants));
		parse__complain(p, "--%s needs an argument; give %s", row->name, wants);
	} else if (row) {
		parse__complain(p,
				"--%s takes no argument; leave out what follows the =", row->name);
	} else if (optopt) {
		complain_letter(p, optopt);
	} else {
		complain_long(p, argv[optind - 1]);
	}
}

/* Reads on after an error: a --help behind it wins. */
static void read_arguments(struct parse *p, int argc, char **argv)
{
	struct getopt_tables tables;
	const struct option_row *row;
	int id;

	fill_tables(&tables);
	opterr = 0;
	optind = 0; /* not 1: this also makes glibc and musl forget an earlier run */
	while ((id = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
		if (id == 1) {
			complain_stray(p, optarg);
		} else if (id == '?' || id == ':') {
			complain_option(p, id, argv);
		} else if ((row = find_id(id))) {
			option_values__take(p, row, optarg);
			note_given(p, row, optarg);
		}
	}
	if (optind < argc) /* behind a "--" */
		complain_stray(p, argv[optind]);
}

static enum options_verdict print_instead(const struct option_row *row)
{
	errno = 0;
	row->print(stdout, options_table);
	if (!fflush(stdout) && !ferror(stdout))
		return OPTIONS_DONE;
	fprintf(stderr, "pping: can't write to standard output: %s; send it elsewhere\n",
		strerror(errno ? errno : EIO));
	return OPTIONS_WRONG;
}

__be32 options__prefix_mask(uint32_t bits, int word)
{
	bits = bits < 32U * word ? 0 : bits - 32U * word;
	return htonl(!bits ? 0 : bits >= 32 ? ~0U : ~0U << (32 - bits));
}

const char *options__anonymity(const struct options *opts)
{
	return option_methods[opts->anonymity.method];
}

enum options_verdict options__parse(struct options *opts, int argc, char **argv)
{
	struct parse p = { .opts = opts };

	memset(opts, 0, sizeof(*opts));
	for (const struct option_row *row = options_table; row->name; row++)
		if (row->def)
			option_values__take(&p, row, row->def);

	read_arguments(&p, argc, argv);
	if (p.print)
		return print_instead(p.print);
	option_checks__together(&p);
	if (p.complaint[0]) {
		fprintf(stderr, "pping: %s\n", p.complaint);
		return OPTIONS_WRONG;
	}
	option_checks__derive(&p);
	list_given(&p);
	return OPTIONS_RUN;
}
