/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's tables of prefixes (--aggregate): their size, their mapped memory, their places. */
#ifndef SRC_KERNEL_PREFIXES_H
#define SRC_KERNEL_PREFIXES_H

#include <stdint.h>

#include <bpf/libbpf.h>

#include "aggregate.h"
#include "barrier.h"
#include "pping.h"

struct kernel_prefixes_maps {
	struct bpf_map *prefixes, *places, *hints, *packets, *rtts;
};

struct kernel_prefixes {
	struct kernel_prefixes_maps maps;
	struct aggregate_tables tables; /* its arrays are mapped once they are open */
	uint32_t *half; /* that the programs count in */
	const struct barrier *barrier;
};

/* Before loading: the maps' sizes, and what the programs must know of them. 0 or a negative errno (not printed). */
int kernel_prefixes__configure(struct kernel_prefixes *prefixes,
			       const struct kernel_prefixes_maps *maps, uint32_t max_prefixes,
			       int cpus, struct pping_config *config);
/* Of loaded maps. half and barrier stay the caller's. 0 or a negative errno (not printed). */
int kernel_prefixes__open(struct kernel_prefixes *prefixes, uint32_t *half,
			  const struct barrier *barrier);
void kernel_prefixes__close(struct kernel_prefixes *prefixes); /* all 0 is fine */

/* For aggregate__new(). */
void kernel_prefixes__tables(struct kernel_prefixes *prefixes, struct aggregate_tables *tables);

#endif /* SRC_KERNEL_PREFIXES_H */
