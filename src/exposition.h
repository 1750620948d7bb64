/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text that Prometheus reads: its text format 0.0.4 or OpenMetrics 1.0. Families one
 * after the other, each begun and then its samples. Knows the form and not what
 * there is to tell (metrics.c). Where there is no memory, to->failed tells.
 */
#ifndef SRC_EXPOSITION_H
#define SRC_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtt_histogram.h"
#include "text.h"

/* Room for a name of size bytes, its zero included, once it is quoted: all \\x07, backslash doubled. */
#define EXPOSITION_QUOTED_MAX(size) (5 * (size))

struct exposition {
	struct text *to;
	bool openmetrics;
	const char *
		interface; /* the value of the label that every sample has, quoted; 320 bytes at most */
	/* the family that was begun last */
	const char *family; /* its name */
	const char *suffix; /* of its plain samples */
};

/* type: of OpenMetrics; unit: NULL or what the name ends with. The text format names counters in full. */
void exposition__begin(struct exposition *to, const char *family, const char *type,
		       const char *unit, const char *help);
/* label: NULL, or a label's name; its value needs no escape. */
void exposition__sample(struct exposition *to, const char *label, const char *value,
			uint64_t number);
/* A family of one sample. */
void exposition__single(struct exposition *to, const char *family, const char *type,
			const char *help, uint64_t number);
/* s.ns as a sample of the family's name with that suffix. */
void exposition__seconds(struct exposition *to, const char *suffix, uint64_t s, uint64_t ns);
/*
 * The buckets of a histogram with that label, 2^sub_shift a power of two, with their sum
 * and count. A bucket's bound is the bound of a bin: no RTT is guessed to be on one side of it.
 */
void exposition__histogram(struct exposition *to, const struct rtt_histogram *histogram,
			   int sub_shift, const char *label, const char *value);
/* Any other line, of 1023 bytes at most. */
__attribute__((format(printf, 2, 3))) void exposition__print(struct exposition *to, const char *fmt,
							     ...);
/* Nothing comes behind this. */
void exposition__end(struct exposition *to);

/* Interfaces may be called nearly anything: what is no plain character becomes \xNN. to has room: see above. */
void exposition__quote(char *to, const char *name);

#endif /* SRC_EXPOSITION_H */
