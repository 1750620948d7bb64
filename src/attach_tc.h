/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program on a tc hook: a TCX link, or a filter of the clsact qdisc on kernels before 6.6. */
#ifndef SRC_ATTACH_TC_H
#define SRC_ATTACH_TC_H

#include <stdbool.h>
#include <stdint.h>

struct attach_tc {
	int link_fd; /* of TCX; -1: a filter */
	int ifindex;
	bool egress;
	uint32_t prog_id, handle, priority; /* of a filter */
};

/*
 * Did a run that was killed leave its filters on the interface? They are removed
 * here. *our_qdisc: they say that pping made the qdisc. Nothing is printed.
 */
int attach_tc__remove_leftovers(int ifindex, bool *our_qdisc);

/* 0, -EOPNOTSUPP where the kernel has no TCX, or another negative errno. Prints nothing. */
int attach_tc__link(struct attach_tc *tc, int ifindex, bool egress, int prog_fd);

/* The clsact qdisc; *ours if it was not there or another run of pping has made it. Prints nothing. */
int attach_tc__qdisc(int ifindex, bool *ours);
int attach_tc__filter(struct attach_tc *tc, int ifindex, bool egress, int prog_fd, bool our_qdisc);
/* Removes the qdisc again unless somebody else has filters in it by now. */
void attach_tc__remove_qdisc(int ifindex);

void attach_tc__detach(struct attach_tc *tc);

#endif /* SRC_ATTACH_TC_H */
