/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --on-rotate: a shell command for each finished file, one after the other,
 * beside the measuring. The file's name is $1 and $PPING_FILE. What it prints
 * goes to standard error; it has no standard input, a process group of its own
 * (Ctrl-C is not for it), and no signal blocked. A process made by
 * commands__new() runs them, with the rights that pping has at that time.
 */
#ifndef SRC_COMMANDS_H
#define SRC_COMMANDS_H

#include "loop.h"

struct commands;

/* 0 or a negative errno (printed). */
int commands__new(struct commands **commands, struct loop *loop, const char *command);
/* For that file, now or when those before have ended. A failure is printed and no reason to end. */
void commands__add(struct commands *commands, const char *path);
/* Waits for what is running and waiting, timeout_ms at most; says what did not come about. */
void commands__finish(struct commands *commands, int timeout_ms);
void commands__free(struct commands *commands); /* NULL is fine */

#endif /* SRC_COMMANDS_H */
