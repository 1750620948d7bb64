/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between options.c (the command line), option_values.c (what an argument says) and
 * option_checks.c (what goes with what); nothing else includes this.
 */
#ifndef SRC_OPTIONS_PARSE_H
#define SRC_OPTIONS_PARSE_H

#include <stdbool.h>

#include "options.h"
#include "options_print.h"

#define OPTIONS_MAX_ROWS 96

/* The words for enum option_format, option_compress and option_anonymize; NULL at their end. */
extern const char *const option_formats[];
extern const char *const option_compressions[];
extern const char *const option_methods[];

struct parse {
	struct options *opts;
	bool given[OPTIONS_MAX_ROWS]; /* of the table's row with this number */
	const char *given_as[OPTIONS_MAX_ROWS]; /* for opts->given */
	bool fields_added; /* --fields +LIST */
	const struct option_row *print; /* the first --help or the like */
	char complaint[512]; /* the first one, without "pping: " */
};

/* Keeps the first complaint of all. */
__attribute__((format(printf, 2, 3))) void parse__complain(struct parse *p, const char *fmt, ...);

/* A user's word for a message: one line and no terminal escapes, whatever is in it. */
struct quoted {
	char text[4 * 40 + sizeof("\"\"...")];
};
struct quoted parse__quote(const char *word);
#define QUOTE(word) (parse__quote(word).text)

/* Of ASCII, in any locale. */
static inline char parse__capital(char c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* Reads text, the argument or the default of row (NULL: none), into p->opts. */
void option_values__take(struct parse *p, const struct option_row *row, const char *text);

/* What only shows when the whole line is known. */
void option_checks__together(struct parse *p);

/* Of a line without a complaint: what follows from it for fields that were not given. */
void option_checks__derive(struct parse *p);

#endif /* SRC_OPTIONS_PARSE_H */
