/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers that the kernel side counts by and events carry, and whose they are, or
 * were: a name keeps its own while it is away, for as long as there are enough.
 */
#ifndef SRC_INTERFACE_NUMBERS_H
#define SRC_INTERFACE_NUMBERS_H

#include <net/if.h>
#include <stdint.h>

#include "src/interface.h"
#include "src/kernel.h"

struct interface_numbers {
	struct kernel *kernel;
	uint32_t
		n; /* how many there are, the run's own 0 among them; 0: one interface, without a number */
	struct {
		char name[IFNAMSIZ]; /* "": nobody's yet */
		uint64_t left_ns; /* when it went; 0: it has it */
	} owner[PPING_INTERFACE_NUMBERS];
};

/* For the interface's device and name. 0 or a negative errno (printed). Where it can't have one it is 0, too, and a line says so. */
int interface_numbers__take(struct interface_numbers *numbers, struct interface *interface);
/* What passes that ifindex from now on is the run's own. One without a number is fine. */
void interface_numbers__give_back(struct interface_numbers *numbers, struct interface *interface,
				  int ifindex);
/* Of who has that number or had it last; NULL: nobody, or there is no such number. */
const char *interface_numbers__name(const struct interface_numbers *numbers, uint32_t number);

#endif /* SRC_INTERFACE_NUMBERS_H */
