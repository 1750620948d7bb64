// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/exposition.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/histogram.h"
#include "src/format_util.h"

/* Buckets reach from 33 us (2^15 ns) to 17.2 s (2^34 ns). */
#define BUCKETS_FIRST 15
#define BUCKETS_LAST 34
#define LINE_MAX_BYTES 1024

void exposition__print(struct exposition *w, const char *fmt, ...)
{
	char *p = text__reserve(w->to, LINE_MAX_BYTES);
	va_list args;
	int len;

	if (!p)
		return;
	va_start(args, fmt);
	len = vsnprintf(p, LINE_MAX_BYTES, fmt, args);
	va_end(args);
	w->to->len += len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES - 1;
}

void exposition__begin(struct exposition *w, const char *family, const char *type, const char *unit,
		       const char *help)
{
	bool open = w->openmetrics;
	bool info = !strcmp(type, "info");

	w->family = family;
	w->suffix = !strcmp(type, "counter") ? "_total" : info ? "_info" : "";
	exposition__print(w, "# HELP %s%s %s.\n", family, open ? "" : w->suffix, help);
	exposition__print(w, "# TYPE %s%s %s\n", family, open ? "" : w->suffix,
			  info && !open ? "gauge" : type);
	if (open && unit)
		exposition__print(w, "# UNIT %s %s\n", family, unit);
}

void exposition__sample(struct exposition *w, const char *label, const char *value, uint64_t number)
{
	exposition__print(w, "%s%s{interface=\"%s\"%s%s%s%s%s} %" PRIu64 "\n", w->family, w->suffix,
			  w->interface, label ? "," : "", label ? label : "", label ? "=\"" : "",
			  label ? value : "", label ? "\"" : "", number);
}

void exposition__single(struct exposition *w, const char *family, const char *type,
			const char *help, uint64_t number)
{
	exposition__begin(w, family, type, NULL, help);
	exposition__sample(w, NULL, NULL, number);
}

void exposition__seconds(struct exposition *w, const char *suffix, uint64_t s, uint64_t ns)
{
	exposition__print(w, "%s%s{interface=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n", w->family,
			  suffix, w->interface, s, ns);
}

/* 'name_bucket{interface="eth0",label="value",le="' without what comes behind */
static char *put_start(char *p, const struct exposition *w, const char *suffix, const char *label,
		       const char *value)
{
	p = put_string(p, w->family);
	p = put_string(p, suffix);
	p = PUT(p, "{interface=\"");
	p = put_string(p, w->interface);
	p = PUT(p, "\",");
	p = put_string(p, label);
	p = PUT(p, "=\"");
	p = put_string(p, value);
	*p++ = '"';
	return p;
}

static void bucket(struct exposition *w, const char *start, size_t start_len, uint64_t upper_ns,
		   uint64_t number)
{
	char *p = text__reserve(w->to, LINE_MAX_BYTES);

	if (!p)
		return;
	p = put_bytes(p, start, start_len);
	/* times are whole ns, a bin ends before its bound, and "le" is the last time in it */
	if (upper_ns == UINT64_MAX)
		p = PUT(p, "+Inf");
	else
		p = put_seconds(p, upper_ns - 1);
	p = PUT(p, "\"} ");
	p = put_u64(p, number);
	*p++ = '\n';
	w->to->len = (size_t)(p - w->to->data);
}

void exposition__histogram(struct exposition *w, const struct rtt_histogram *h, int sub_shift,
			   const char *label, const char *value)
{
	const int width = 1 << (PPING_HIST_SUB_SHIFT - sub_shift); /* bins a bucket */
	const int first = 1 + ((BUCKETS_FIRST - PPING_HIST_FIRST) << PPING_HIST_SUB_SHIFT);
	const int last = 1 + ((BUCKETS_LAST - PPING_HIST_FIRST) << PPING_HIST_SUB_SHIFT);
	char start[LINE_MAX_BYTES / 2], *end = put_start(start, w, "_bucket", label, value);
	uint64_t number = 0;
	int bin = 0;

	end = PUT(end, ",le=\"");
	for (int below = first; below <= last; below += width) {
		while (bin < below)
			number += h->bin[bin++];
		bucket(w, start, end - start, histogram_lower(below), number);
	}
	number = rtt_histogram__count(h);
	bucket(w, start, end - start, UINT64_MAX, number);
	*put_start(start, w, "_sum", label, value) = '\0';
	exposition__print(w, "%s} %" PRIu64 ".%09" PRIu64 "\n", start, h->sum_s, h->sum_ns);
	*put_start(start, w, "_count", label, value) = '\0';
	exposition__print(w, "%s} %" PRIu64 "\n", start, number);
}

void exposition__quote(char *p, const char *name)
{
	for (; *name; name++) {
		unsigned char c = *name;

		if (c < 0x20 || c > 0x7e)
			p += sprintf(p, "\\\\x%02x", c);
		else if (c == '"' || c == '\\')
			p += sprintf(p, "\\%c", c);
		else
			*p++ = c;
	}
	*p = '\0';
}

void exposition__end(struct exposition *w)
{
	if (w->openmetrics)
		exposition__print(w, "# EOF\n");
}
