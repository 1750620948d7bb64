/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of files that follow one another: strftime(3) patterns, a number
 * where a name is taken, and the name of a file that is still in progress.
 * Opens nothing.
 */
#ifndef SRC_FILE_NAME_H
#define SRC_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* What a file is called until it is whole. */
#define FILE_NAME_PART ".part"

/* Each is NULL if the pattern can be used, or says what is wrong with it: "has a % that ...". */
const char *file_name__check(const char *pattern);

bool file_name__has_time(const char *pattern);
bool file_name__ends_with(const char *name, const char *suffix);

/* Of a pattern that file_name__check() likes. 0, or -ENAMETOOLONG. */
int file_name__expand(char *name, size_t size, const char *pattern, const struct tm *tm);

/*
 * The name with "-n" before its extension, so that x.jsonl.zst becomes x-1.jsonl.zst;
 * n 0: the name itself. 0, or -ENAMETOOLONG.
 */
int file_name__number(char *out, size_t size, const char *name, unsigned int n);

/* A glob(7) pattern of all files in progress that runs with this pattern leave. 0, or -ENAMETOOLONG. */
int file_name__glob_parts(char *out, size_t size, const char *pattern);

#endif /* SRC_FILE_NAME_H */
