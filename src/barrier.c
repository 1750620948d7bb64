// SPDX-License-Identifier: GPL-2.0-or-later
#include "barrier.h"

#include <unistd.h>

#include <bpf/bpf.h>

int barrier__open(struct barrier *b, int array_fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = array_fd);

	b->inner_fd = array_fd;
	b->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "pping_barrier", sizeof(__u32),
			       sizeof(__u32), 1, &opts);
	return b->fd < 0 ? b->fd : 0;
}

int barrier__wait(const struct barrier *b)
{
	__u32 zero = 0;

	/*
	 * The kernel promises this of an update of a map of maps
	 * (maybe_wait_bpf_programs() in kernel/bpf/syscall.c); nothing else offers
	 * a wait for RCU readers that also works with nohz_full.
	 */
	return bpf_map_update_elem(b->fd, &zero, &b->inner_fd, BPF_ANY);
}

void barrier__close(struct barrier *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}
