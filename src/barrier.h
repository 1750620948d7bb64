/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wait for the BPF programs that run on other CPUs: what they were told before, they have done with. */
#ifndef SRC_BARRIER_H
#define SRC_BARRIER_H

struct barrier {
	int fd; /* -1: none */
	int inner_fd; /* an array map's, which stays the caller's */
};

/* 0 or a negative errno (not printed). */
int barrier__open(struct barrier *barrier, int array_fd);
/* Returns when all programs that run now have ended. 0 or a negative errno (not printed). */
int barrier__wait(const struct barrier *barrier);
void barrier__close(struct barrier *barrier); /* one that was never opened has fd -1 */

#endif /* SRC_BARRIER_H */
