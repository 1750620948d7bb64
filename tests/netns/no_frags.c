// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For LD_PRELOAD: drivers and kernels without multi-buffer XDP. NO_FRAGS=load: as a kernel
 * before 5.18, which does not load such a program. NO_FRAGS=return: as where an interface
 * comes back with another driver, which refuses it from the second time on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

static int frags_fd = -1;
static int attached;

static bool is(const char *what)
{
	const char *mode = getenv("NO_FRAGS");

	return mode && !strcmp(mode, what);
}

/* NULL: it has none, or not to be loaded. */
static struct bpf_program *frags_program(struct bpf_object *object)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, object)
	{
		if (bpf_program__autoload(prog) && bpf_program__flags(prog) & BPF_F_XDP_HAS_FRAGS)
			return prog;
	}
	return NULL;
}

int bpf_object__load(struct bpf_object *object)
{
	int (*real)(struct bpf_object *) = dlsym(RTLD_NEXT, "bpf_object__load");
	struct bpf_program *prog = frags_program(object);
	int err;

	if (prog && is("load"))
		return -EINVAL;
	err = real(object);
	if (!err && prog)
		frags_fd = bpf_program__fd(prog);
	return err;
}

int bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type type,
		    const struct bpf_link_create_opts *opts)
{
	int (*real)(int, int, enum bpf_attach_type, const struct bpf_link_create_opts *) =
		dlsym(RTLD_NEXT, "bpf_link_create");

	if (type == BPF_XDP && prog_fd == frags_fd && is("return") && attached++) {
		fprintf(stderr, "no_frags: refused\n");
		return -EOPNOTSUPP;
	}
	return real(prog_fd, target_fd, type, opts);
}
