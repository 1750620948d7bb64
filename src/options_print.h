/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The option table's rows and what is printed from them: --help, --version, the
 * man page's OPTIONS section, the bash completion. The table itself is in
 * options_table.c; nothing but those that read it and their test include this.
 */
#ifndef SRC_OPTIONS_PRINT_H
#define SRC_OPTIONS_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
	OPTION_FLAG, /* a bool that becomes true */
	OPTION_NUMBER,
	OPTION_CHOICE,
	OPTION_INTERFACE,
	OPTION_FILE,
	OPTION_TEXT, /* as it is given */
	OPTION_PREFIX, /* may be given several times */
	OPTION_RULE, /* a prefix that may have a port; may be given several times */
	OPTION_RULE_FILE, /* a file of these; may be given several times */
	OPTION_SIZE, /* bytes, or with K, M, G or T so many KiB, MiB, GiB or TiB */
	OPTION_STORAGE, /* a size, and ",stop" or ",drop-oldest" */
	OPTION_ENDPOINT, /* an address and a port */
	OPTION_METHOD, /* a choice that may have prefix lengths behind it */
	OPTION_FIELDS, /* a list, or "help", which prints instead of running */
	OPTION_PRINT, /* prints something instead of running */
};

/* What an option has a meaning for. */
enum option_source {
	OPTION_ANY_SOURCE,
	OPTION_LIVE, /* an interface, -i */
	OPTION_CAPTURE, /* --read */
};

enum option_group {
	OPTION_GROUP_WHAT,
	OPTION_GROUP_SAMPLING,
	OPTION_GROUP_AGGREGATING,
	OPTION_GROUP_OUTPUT,
	OPTION_GROUP_FILES,
	OPTION_GROUP_PRIVACY,
	OPTION_GROUP_ATTACHING,
	OPTION_GROUP_MEMORY,
	OPTION_GROUP_HELP,
	OPTION_GROUP_HIDDEN, /* for the Makefile: shown nowhere */
};

struct option_row {
	enum option_group group;
	char letter; /* 0: none */
	const char *name;
	const char *arg; /* placeholder; NULL: takes no argument */
	enum option_kind kind;
	enum option_source source;

	/* the field of struct options it sets */
	size_t offset;
	size_t size;

	/* OPTION_NUMBER: stored is the number times scale, rounded down */
	uint64_t min, max; /* of the number as given, both allowed */
	uint64_t scale; /* at most 10^9 */
	bool decimals;
	const char *unit; /* as in "give UNIT from 0 to 5" */

	const char *const
		*choices; /* OPTION_CHOICE, OPTION_METHOD: stored is the index; ends with NULL */
	void (*print)(FILE *out, const struct option_row *rows); /* OPTION_PRINT, OPTION_FIELDS */

	const char *def; /* the default, parsed like an argument; NULL: all bits 0 */
	const char *help; /* no capital at its start, no full stop at its end */
	const char *more; /* further sentences for the man page, or NULL */
};

/* Ordered by group; ends with a row without a name. */
extern const struct option_row options_table[];

/* What a row's argument may be: "seconds from 0 to 5", "tc or xdp"; empty if it takes none. */
void options_print__wants(const struct option_row *row, char *buf, size_t size);

/* printf onto the end of a string in a buffer of size bytes; what does not fit is cut off. */
__attribute__((format(printf, 3, 4))) void options_print__append(char *buf, size_t size,
								 const char *fmt, ...);

void options_print__help(FILE *out, const struct option_row *rows);
void options_print__version(FILE *out, const struct option_row *rows);
void options_print__man(FILE *out, const struct option_row *rows);
void options_print__fields(FILE *out, const struct option_row *rows);
void options_print__completion(FILE *out, const struct option_row *rows);

#endif /* SRC_OPTIONS_PRINT_H */
