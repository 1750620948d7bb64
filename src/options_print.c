// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "address_cipher.h"
#include "capture.h"
#include "compressor.h"
#include "metrics_server.h"
#include "fields.h"
#include "options_print.h"
#include "sandbox.h"
#include "pping.h"

/* The library can't be asked; the Makefile asks pkg-config. */
#ifndef LIBXDP_VERSION
#define LIBXDP_VERSION "unknown"
#endif

#define HELP_WIDTH 80
#define HELP_INDENT 28 /* where the right column of --help begins */

static const char *const group_titles[] = {
	[OPTION_GROUP_WHAT] = "What to measure",
	[OPTION_GROUP_SAMPLING] = "How often",
	[OPTION_GROUP_AGGREGATING] = "Aggregating",
	[OPTION_GROUP_OUTPUT] = "Output",
	[OPTION_GROUP_FILES] = "Long runs",
	[OPTION_GROUP_PRIVACY] = "Privacy",
	[OPTION_GROUP_ATTACHING] = "Attaching",
	[OPTION_GROUP_MEMORY] = "Flows and memory",
	[OPTION_GROUP_HELP] = "Help",
};

void options_print__append(char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + len, size - len, fmt, args);
	va_end(args);
}

static void append_choices(char *buf, size_t size, const char *const *choices)
{
	for (int i = 0; choices[i]; i++)
		options_print__append(buf, size, "%s%s",
				      !i	       ? ""
				      : choices[i + 1] ? ", "
						       : " or ",
				      choices[i]);
}

void options_print__wants(const struct option_row *row, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (row->kind) {
	case OPTION_NUMBER:
		options_print__append(buf, size, "%s from %llu to %llu", row->unit,
				      (unsigned long long)row->min, (unsigned long long)row->max);
		break;
	case OPTION_CHOICE:
		append_choices(buf, size, row->choices);
		break;
	case OPTION_METHOD:
		append_choices(buf, size, row->choices);
		options_print__append(buf, size, "; truncate may have lengths, truncate:24,48");
		break;
	case OPTION_FIELDS:
		options_print__append(buf, size,
				      "names with commas between them (--fields help lists them)");
		break;
	case OPTION_INTERFACE:
		options_print__append(buf, size,
				      "the name of an interface (\"ip link\" lists them), or a "
				      "pattern like 'ppp*'");
		break;
	case OPTION_FILE:
	case OPTION_RULE_FILE:
		options_print__append(buf, size, "the name of a file");
		break;
	case OPTION_TEXT:
		options_print__append(buf, size, "an expression");
		break;
	case OPTION_PREFIX:
		options_print__append(buf, size, "an address or a prefix like 192.0.2.0/24");
		break;
	case OPTION_RULE:
		options_print__append(buf, size,
				      "a prefix or an address, and a port if you like: "
				      "192.0.2.0/24, [2001:db8::/32]:443, :443");
		break;
	case OPTION_SIZE:
		options_print__append(buf, size,
				      "bytes, or KiB, MiB, GiB or TiB as in 100M, from %lluK on",
				      (unsigned long long)row->min / 1024);
		break;
	case OPTION_STORAGE:
		options_print__append(buf, size,
				      "a size like 20G, from %lluK on, and \",stop\" or "
				      "\",drop-oldest\" behind it if you like",
				      (unsigned long long)row->min / 1024);
		break;
	case OPTION_ENDPOINT:
		options_print__append(buf, size,
				      "ADDRESS:PORT like 0.0.0.0:9100 or [::1]:9100, or a port");
		break;
	case OPTION_FLAG:
	case OPTION_PRINT:
		break;
	}
}

/* The help text, and in brackets what the argument may be and its default. */
static void describe(const struct option_row *row, char *buf, size_t size)
{
	char wants[128];

	snprintf(buf, size, "%s", row->help);
	if (!row->def)
		return;
	options_print__wants(row, wants, sizeof(wants));
	options_print__append(buf, size, " (%s; default %s)", wants, row->def);
}

/* --- --help ---------------------------------------------------------------------- */

/* Breaks text into lines of HELP_WIDTH from HELP_INDENT on; the cursor is at column at. */
static void print_wrapped(FILE *out, int at, const char *text)
{
	while (*text) {
		int len = strcspn(text, " ");

		if (at > HELP_INDENT && at + 1 + len > HELP_WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		if (at < HELP_INDENT)
			at += fprintf(out, "%*s", HELP_INDENT - at, "");
		else if (at > HELP_INDENT)
			at += fprintf(out, " ");
		at += fprintf(out, "%.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_help_row(FILE *out, const struct option_row *row)
{
	char text[512];
	int at;

	if (row->letter)
		at = fprintf(out, "  -%c, --%s", row->letter, row->name);
	else
		at = fprintf(out, "      --%s", row->name);
	if (row->arg)
		at += fprintf(out, " %s", row->arg);
	if (at > HELP_INDENT - 2) {
		fputc('\n', out);
		at = 0;
	}
	describe(row, text, sizeof(text));
	print_wrapped(out, at, text);
}

void options_print__help(FILE *out, const struct option_row *rows)
{
	fputs("pping measures the round-trip times of live traffic without sending a packet.\n"
	      "Usage: pping -i INTERFACE [OPTIONS]\n"
	      "       pping --read FILE [OPTIONS]\n",
	      out);
	for (const struct option_row *row = rows; row->name; row++) {
		if (row->group == OPTION_GROUP_HIDDEN)
			continue;
		if (row == rows || row->group != row[-1].group)
			fprintf(out, "\n%s:\n", group_titles[row->group]);
		print_help_row(out, row);
	}
	fputs("\nExit status:\n"
	      "  0  ended by a signal, or as asked, or at the end of the capture\n"
	      "  1  failure\n"
	      "  2  wrong usage\n"
	      "\nExamples:\n"
	      "  pping -i eth0                             the RTTs of TCP flows, as they come\n"
	      "  pping -i eth0 -TC -F jsonl -w rtts.jsonl  TCP and ping, JSON lines in a file\n"
	      "  pping -i eth0 -r 1000 -R 10               fewer samples of each flow\n"
	      "  pping -i wan0 -i wan1                     several interfaces at once\n"
	      "  pping --read trace.pcap -r 0              all RTTs in a capture\n",
	      out);
}

void options_print__fields(FILE *out, const struct option_row *rows)
{
	(void)rows;
	fields__print(out);
}

void options_print__version(FILE *out, const struct option_row *rows)
{
	const struct {
		bool built_in;
		const char *without;
	} parts[] = {
		{ capture__available(), "libpcap: --read" },
		{ address_cipher__available(), "nettle, so without AES: --anonymize" },
		{ compressor__has(COMPRESSOR_ZSTD), "zstd: --compress zstd" },
		{ metrics_server__available(), "libmicrohttpd: --metrics" },
		{ sandbox__filters(), "libseccomp: the filter of system calls" },
	};

	(void)rows;
	fprintf(out,
		"pping " PPING_VERSION "\n"
		"libbpf %s\n"
		"libxdp %s when built\n",
		libbpf_version_string(), LIBXDP_VERSION);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!parts[i].built_in)
			fprintf(out, "without %s\n", parts[i].without);
	fputs("needs Linux 5.15 with BTF (XDP, arm64: 5.18); proven on 6.1 and newer\n", out);
}

/* --- the man page ------------------------------------------------------------------ */

static bool is_option_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* One character that roff must not take for a request, an escape or a hyphen. */
static void print_roff_char(FILE *out, char c, bool starts_line, bool minus)
{
	if (starts_line && (c == '.' || c == '\''))
		fputs("\\&", out);
	if (c == '\\')
		fputs("\\e", out);
	else if (c == '-' && minus)
		fputs("\\-", out);
	else
		fputc(c, out);
}

/* Text to roff: options in it become bold, every sentence has a line of its own. */
static void print_roff(FILE *out, const char *text)
{
	char before = '\n';
	bool bold = false;

	for (; *text; before = *text++) {
		bool starts_word = strchr("\n ", before) && *text == '-';

		if (starts_word && is_option_character(text[1])) {
			fputs("\\%\\fB", out); /* \% : not to be hyphenated */
			bold = true;
		} else if (bold && !is_option_character(*text)) {
			fputs("\\fR", out);
			bold = false;
		}
		if (before == '.' && *text == ' ')
			fputc('\n', out);
		else
			print_roff_char(out, *text, strchr("\n ", before), bold || starts_word);
	}
	fputs(bold ? "\\fR" : "", out);
}

static void print_man_row(FILE *out, const struct option_row *row)
{
	char text[512];

	fputs(".TP\n", out);
	if (row->letter)
		fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
	fputs("\\fB\\-\\-", out);
	for (const char *c = row->name; *c; c++)
		print_roff_char(out, *c, false, true);
	fputs("\\fR", out);
	if (row->arg)
		fprintf(out, " \\fI%s\\fR", row->arg);
	fputc('\n', out);

	describe(row, text, sizeof(text));
	if (text[0] >= 'a' && text[0] <= 'z')
		text[0] += 'A' - 'a';
	print_roff(out, text);
	fputs(".\n", out);
	if (row->more) {
		print_roff(out, row->more);
		fputc('\n', out);
	}
}

void options_print__man(FILE *out, const struct option_row *rows)
{
	fputs(".SH OPTIONS\n"
	      "Long names may be shortened as long as only one option begins so.\n"
	      "Of an option that is given twice the last one counts, but each \\fB\\-i\\fR, "
	      "\\fB\\-\\-local\\fR, \\fB\\-\\-include\\fR and \\fB\\-\\-exclude\\fR adds to the "
	      "others, and so does each of their files.\n",
	      out);
	for (const struct option_row *row = rows; row->name; row++) {
		if (row->group == OPTION_GROUP_HIDDEN)
			continue;
		if (row == rows || row->group != row[-1].group)
			fprintf(out, ".SS %s\n", group_titles[row->group]);
		print_man_row(out, row);
	}
}

/* --- bash completion ---------------------------------------------------------------- */

/* What completes the argument of a row: a shell command list. */
static void print_completer(FILE *out, const struct option_row *row)
{
	switch (row->kind) {
	case OPTION_INTERFACE:
		/* Not compgen -W: it would expand a $(command) in a name. */
		fputs("\t\tfor path in /sys/class/net/*; do\n"
		      "\t\t\tname=${path##*/}\n"
		      "\t\t\tif [[ -d $path && $name == \"$cur\"* ]]; then\n"
		      "\t\t\t\tCOMPREPLY+=(\"$(printf %q \"$name\")\")\n"
		      "\t\t\tfi\n"
		      "\t\tdone\n",
		      out);
		break;
	case OPTION_CHOICE:
	case OPTION_METHOD:
		fputs("\t\tmapfile -t COMPREPLY < <(compgen -W '", out);
		for (int i = 0; row->choices[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", row->choices[i]);
		fputs("' -- \"$cur\")\n", out);
		break;
	case OPTION_FIELDS:
		/* the last name of the list, behind those before it */
		fputs("\t\tname=\n"
		      "\t\t[[ $cur != *,* ]] || name=${cur%,*},\n"
		      "\t\tmapfile -t COMPREPLY < <(compgen -P \"$name\" -W 'help",
		      out);
		for (int i = 0; i < FIELD_COUNT; i++)
			fprintf(out, " %s", fields__key(i));
		fputs("' -- \"${cur##*,}\")\n", out);
		break;
	case OPTION_FILE:
	case OPTION_RULE_FILE:
		/* default: what begins with a quote is left to bash itself. */
		fputs("\t\tcompopt -o filenames -o default 2>/dev/null\n"
		      "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n",
		      out);
		break;
	default: /* a number: nothing to propose */
		break;
	}
}

static void print_completion_row(FILE *out, const struct option_row *row)
{
	fputc('\t', out);
	if (row->letter)
		fprintf(out, "-%c | ", row->letter);
	fprintf(out, "--%s)\n", row->name);
	print_completer(out, row);
	fputs("\t\treturn\n\t\t;;\n", out);
}

void options_print__completion(FILE *out, const struct option_row *rows)
{
	fputs("# bash completion for pping, made by pping --print-completion\n"
	      "_pping()\n"
	      "{\n"
	      "\tlocal IFS=$' \\t\\n' path name\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\n"
	      "\tCOMPREPLY=()\n"
	      "\t# bash makes three words of --name=value\n"
	      "\tif [[ $cur == = ]]; then\n"
	      "\t\tcur=\n"
	      "\telif [[ $prev == = ]]; then\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	      "\tfi\n"
	      "\tcase $prev in\n",
	      out);
	for (const struct option_row *row = rows; row->name; row++)
		if (row->arg)
			print_completion_row(out, row);
	fputs("\tesac\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W '",
	      out);
	for (const struct option_row *row = rows; row->name; row++)
		if (row->group != OPTION_GROUP_HIDDEN)
			fprintf(out, "%s--%s", row == rows ? "" : " ", row->name);
	fputs("' -- \"$cur\")\n"
	      "} &&\n"
	      "\tcomplete -F _pping pping\n",
	      out);
}
