/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much a run writes, and for how long there is room: the sum that a study
 * begins with.
 */
#ifndef SRC_PLAN_H
#define SRC_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct plan {
	uint64_t events; /* in the output */
	bool known; /* it writes files; or else there is nothing more to say */
	uint64_t elapsed_ns; /* 0: of a capture, whose bytes come at no rate */
	uint64_t event_bytes; /* of these before compression */
	uint64_t formatted; /* bytes of all records before compression, aggregates too */
	uint64_t bytes; /* on the disk */
	uint64_t files;
	uint64_t dropped; /* of these */
	uint64_t free; /* bytes left on the file system; UINT64_MAX: not known */
	uint64_t budget; /* --max-storage; 0: none */
	bool drop_oldest;
};

/* Bytes that are free for us on the file system of path (or its directory); UINT64_MAX: not known. */
uint64_t plan__free_space(const char *path);
/* Seconds until the disk is full; UINT64_MAX: for ever, or not known. */
uint64_t plan__lasts_s(const struct plan *plan);

/* "2.8 MB" and the like, in powers of 1000. */
const char *plan__bytes(char *buf, size_t size, double bytes);

/* One line: what it comes to an hour. Nothing before anything was written. */
void plan__print(FILE *to, const struct plan *plan);
/* For the summary, indented as it is. */
void plan__print_summary(FILE *to, const struct plan *plan);

/* What was told of a run so far: all 0 at its beginning. */
struct plan_told {
	bool rate, end;
};

/*
 * To be called now and then during a run that writes to path: tells once on stderr
 * what it comes to, after ten seconds, and once that the disk will soon be full.
 */
void plan__tell(struct plan_told *told, const struct plan *plan, const char *path);
/* At its beginning: that the budget (0: none) is more than there is room for, if so. */
void plan__tell_room(const char *path, uint64_t budget);

#endif /* SRC_PLAN_H */
