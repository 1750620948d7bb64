// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "attach.h"
#include "attach_tc.h"
#include "attach_xdp.h"
#include "bpf_error.h"
#include "privileges.h"

/* For tests, on kernels that have TCX: attach as before 6.6. */
#define NO_TCX_ENV "PPING_NO_TCX"

/* On one interface at a time, that know of each other. */
#define MAX_RUNS 16

struct attach {
	int ifindex;
	int lock_fd; /* -1: too many runs */
	bool alone; /* no other run on this interface when ours began */
	bool owns_qdisc;
	const char *missing; /* in the kernel, if attaching failed for that */
	struct attach_tc egress, ingress;
	struct attach_xdp *xdp;
	char how[64];
};

/* A name that only one process can hold and that goes with it. -1: another has it. */
static int take_name(int ifindex, int number)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int len;

	if (fd < 0)
		return -1;
	/* sun_path begins with a NUL: the abstract namespace, unix(7) */
	len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "pping/%d/%d", ifindex,
		       number);
	if (!bind(fd, (struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + 1 + len))
		return fd;
	close(fd);
	return -1;
}

/*
 * Each run on an interface holds a name in the network namespace that the
 * interface index belongs to. A run that finds all of them free is alone, and may
 * take what bears our programs' names on the interface for a killed run's leftovers.
 */
static int take_lock(int ifindex, bool *alone)
{
	int held = -1;

	*alone = true;
	for (int i = 0; i < MAX_RUNS; i++) {
		int fd = take_name(ifindex, i);

		*alone &= fd >= 0;
		if (held < 0)
			held = fd;
		else if (fd >= 0)
			close(fd);
	}
	return held;
}

static int attach_tc(struct attach *a, struct attach_tc *tc, bool egress, int prog_fd)
{
	bool ours = false;
	int err = -EOPNOTSUPP;

	if (!getenv(NO_TCX_ENV))
		err = attach_tc__link(tc, a->ifindex, egress, prog_fd);
	if (err != -EOPNOTSUPP)
		return err;
	err = attach_tc__qdisc(a->ifindex, &ours);
	a->owns_qdisc |= ours;
	if (err == -ENOENT)
		a->missing = "TCX (Linux 6.6) and the clsact qdisc (CONFIG_NET_SCH_INGRESS)";
	if (err)
		return err;
	err = attach_tc__filter(tc, a->ifindex, egress, prog_fd, a->owns_qdisc);
	if (err == -ENOENT)
		a->missing = "TCX (Linux 6.6) and tc's BPF filters (CONFIG_NET_CLS_BPF)";
	return err;
}

static int attach_hooks(struct attach *a, const struct attach_settings *set)
{
	struct kernel_programs programs;
	const char *tc_how;
	char what[128];
	int err;

	err = kernel__programs(set->kernel, set->link, &programs);
	if (err) {
		bpf_error__explain(err, "can't load the BPF programs");
		return err;
	}
	err = attach_tc(a, &a->egress, true, programs.egress_fd);
	if (!err && set->ingress_hook == HOOK_TC)
		err = attach_tc(a, &a->ingress, false, programs.ingress_fd);
	if (err == -ENODEV)
		return err;
	if (err) {
		snprintf(what, sizeof(what), "%s: can't attach to the tc hook", set->name);
		if (a->missing)
			bpf_error__lacks(what, a->missing, "");
		else
			bpf_error__explain(err, what);
		return err;
	}
	tc_how = a->egress.link_fd >= 0 ? "tcx" : "clsact";
	if (set->ingress_hook == HOOK_TC) {
		snprintf(a->how, sizeof(a->how), "%s", tc_how);
		return 0;
	}
	err = attach_xdp__new(&a->xdp, set->kernel, set->name, set->ifindex, set->xdp_mode,
			      a->alone);
	if (!err)
		snprintf(a->how, sizeof(a->how), "%s, %s", attach_xdp__how(a->xdp), tc_how);
	return err;
}

int attach__new(struct attach **attach, const struct attach_settings *set)
{
	struct attach *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->ifindex = set->ifindex;
	a->egress.link_fd = a->ingress.link_fd = -1;
	a->lock_fd = take_lock(set->ifindex, &a->alone);
	if (a->alone)
		attach_tc__remove_leftovers(set->ifindex, &a->owns_qdisc);
	err = attach_hooks(a, set);
	if (err) {
		attach__free(a);
		return err;
	}
	*attach = a;
	return 0;
}

void attach__free(struct attach *a)
{
	if (!a)
		return;
	attach_xdp__free(a->xdp);
	attach_tc__detach(&a->ingress);
	attach_tc__detach(&a->egress);
	if (a->owns_qdisc)
		attach_tc__remove_qdisc(a->ifindex);
	if (a->lock_fd >= 0)
		close(a->lock_fd);
	free(a);
}

uint64_t attach__capabilities(const struct attach *a)
{
	if (a->xdp && attach_xdp__is_dispatched(a->xdp))
		return PRIVILEGES_ALL;
	/* filters of the clsact qdisc are added and removed over netlink */
	return a->egress.link_fd < 0 ? PRIVILEGES_BIT(CAP_NET_ADMIN) : 0;
}

const char *attach__how(const struct attach *a)
{
	return a->how;
}

const char *attach__shortcoming(const struct attach *a)
{
	if (a->egress.link_fd >= 0)
		return NULL;
	return "is attached to without TCX, which came with Linux 6.6: filters outlive a kill -9, "
	       "until "
	       "the next start here";
}
