// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "features.h"
#include "privileges.h"

/* The last things libbpf said: shown only when loading fails, they are alarming noise otherwise. */
static char said[4096];
static size_t said_len;

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t room = sizeof(said) - said_len;
	int len;

	if (level == LIBBPF_DEBUG)
		return 0;
	len = vsnprintf(said + said_len, room, format, args);
	if (len > 0)
		said_len += (size_t)len < room ? (size_t)len : room - 1;
	return 0;
}

void bpf_error__listen(void)
{
	libbpf_set_print(listen_to_libbpf);
	said_len = 0;
}

/* The last line libbpf printed that says more than "failed". */
static const char *last_words(void)
{
	char *line, *save = NULL, *best = NULL;

	for (line = strtok_r(said, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "processed ", 10) && !strstr(line, "failed to load") &&
		    !strstr(line, "-- END"))
			best = line;
	said_len = 0;
	return best;
}

void bpf_error__lacks(const char *what, const char *missing, const char *advice)
{
	struct utsname uts = {};

	uname(&uts);
	fprintf(stderr, "pping: %s: kernel %s lacks %s%s\n", what, uts.release, missing, advice);
}

void bpf_error__explain(int err, const char *what)
{
	const char *words, *missing;

	if ((err == -EPERM || err == -EACCES) && privileges__explain(what))
		return;
	missing = features__missing();
	if (missing) {
		bpf_error__lacks(what, missing, "");
		return;
	}
	words = last_words();
	fprintf(stderr, "pping: %s: %s%s%s%s\n", what, strerror(-err), words ? " (" : "",
		words ? words : "", words ? ")" : "");
	said[0] = '\0';
}
