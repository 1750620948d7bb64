// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/file_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* None of them gives a slash, and none depends on the locale (pping sets none). */
#define CONVERSIONS "YmdHMSsjyFTzZaAbBuVGg%"

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *file_name__check(const char *pattern)
{
	const char *base = base_of(pattern), *p;

	if (!*base)
		return "is a directory's name";
	for (p = strchr(pattern, '%'); p; p = strchr(p + 2, '%')) {
		if (!p[1] || !strchr(CONVERSIONS, p[1]))
			return "has a % that stands for no part of a time";
		if (p[1] != '%' && p < base)
			return "has a time in the name of a directory";
	}
	return NULL;
}

bool file_name__has_time(const char *pattern)
{
	const char *p;

	for (p = strchr(pattern, '%'); p && p[1]; p = strchr(p + 2, '%'))
		if (p[1] != '%')
			return true;
	return false;
}

bool file_name__ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && !strcmp(name + len - tail, suffix);
}

int file_name__expand(char *name, size_t size, const char *pattern, const struct tm *tm)
{
	return strftime(name, size, pattern, tm) ? 0 : -ENAMETOOLONG;
}

/* Where the extension begins, of a compressed file both: ".jsonl.zst"; a dot in front of it all begins none. */
static size_t extension_at(const char *name)
{
	const char *base = base_of(name);
	size_t end = strlen(name), start = end;
	int dots = file_name__ends_with(name, ".zst") || file_name__ends_with(name, ".gz") ? 2 : 1;
	const char *p;

	for (p = name + end - 1; p > base && dots; p--) {
		if (*p != '.')
			continue;
		start = (size_t)(p - name);
		dots--;
	}
	return start;
}

int file_name__number(char *out, size_t size, const char *name, unsigned int n)
{
	size_t at = extension_at(name);
	int len;

	if (!n)
		len = snprintf(out, size, "%s", name);
	else
		len = snprintf(out, size, "%.*s-%u%s", (int)at, name, n, name + at);
	return len >= 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

int file_name__glob_parts(char *out, size_t size, const char *pattern)
{
	size_t at = extension_at(pattern), len = 0, i;

	for (i = 0; pattern[i]; i++) {
		if (len + 4 >= size)
			return -ENAMETOOLONG;
		if (i == at)
			out[len++] = '*'; /* the number */
		if (pattern[i] == '%') {
			i++;
			out[len++] = pattern[i] == '%' ? '%' : '*';
		} else {
			if (strchr("*?[]\\", pattern[i]))
				out[len++] = '\\';
			out[len++] = pattern[i];
		}
	}
	if (at == i && len < size)
		out[len++] = '*';
	if (len + sizeof(FILE_NAME_PART) > size)
		return -ENAMETOOLONG;
	memcpy(out + len, FILE_NAME_PART, sizeof(FILE_NAME_PART));
	return 0;
}
