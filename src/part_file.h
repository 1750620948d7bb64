/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file in progress, and how it becomes a whole one. It is called NAME.part,
 * is locked (flock(2)) for as long as its writer lives, and gets its name when
 * it is complete and on the disk. Nothing that exists is ever overwritten: a
 * name that is taken, by a file or by what a killed run left, gets a number.
 */
#ifndef SRC_PART_FILE_H
#define SRC_PART_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct part_file {
	int fd; /* -1: none */
	char name[PATH_MAX]; /* what it will be called, or is since part_file__publish() */
	char part[PATH_MAX]; /* what it is called in progress */
	char wanted[PATH_MAX]; /* the name without a number */
	unsigned int number; /* that it has, 0: none */
	dev_t dev;
	ino_t ino;
};

/*
 * Prints nothing. file is all 0, or that of the file before: where the name is
 * the same, its numbers are not used again even if they have become free.
 * starts: the first file of a run; then a name that another run
 * is writing to is -EBUSY, later it is one that is taken. Other negative errnos
 * are open(2)'s; -ENOTSUP: something else than a file has the name.
 */
int part_file__create(struct part_file *file, const char *name, bool starts);

/* All of it, or a negative errno; *written grows by what went out. */
int part_file__write(struct part_file *file, const char *data, size_t len, size_t *written);

/* Leave nothing behind the first len bytes. */
int part_file__cut(struct part_file *file, off_t len);

/* Begin to bring it to the disk, without waiting. */
void part_file__sync_soon(struct part_file *file);

/* 0, or -ESTALE: somebody has removed it, moved it or put another in its place. */
int part_file__check(const struct part_file *file);

/* To the disk and under its name, closed. On failure it is closed and keeps its .part name. */
int part_file__publish(struct part_file *file);

/* Closed and left as it is. */
void part_file__leave(struct part_file *file);
/* Closed and removed. */
void part_file__discard(struct part_file *file);

/*
 * What killed runs with such a pattern left: how many, and the name of the last
 * one. Prints nothing and touches nothing.
 */
size_t part_file__leftovers(const char *pattern, char *last, size_t size);

#endif /* SRC_PART_FILE_H */
