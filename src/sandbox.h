/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program can still do once everything is opened and attached: what is
 * needed to measure, write and end, and nothing else. Packets, captures and
 * HTTP requests come from strangers.
 *
 * Capabilities that are needed no longer are given up, no program that is
 * executed gains any, and a filter lets only those system calls pass that the
 * rest of the run makes (seccomp(2)): no exec, no fork, no sockets but
 * netlink's, no memory that can be executed, no new BPF programs or maps. Any
 * other fails with EPERM and is told on standard error, once each: a measurement
 * is not ended by it.
 */
#ifndef SRC_SANDBOX_H
#define SRC_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* Is there a filter of system calls in this build? */
bool sandbox__filters(void);

/*
 * keep: capabilities that will be needed (privileges.h). PRIVILEGES_ALL: nothing is
 * given up, and no filter is set. 0 or a negative errno (printed).
 */
int sandbox__enter(uint64_t keep);

/* In words, for the summary; NULL before sandbox__enter(). */
const char *sandbox__state(void);

#endif /* SRC_SANDBOX_H */
