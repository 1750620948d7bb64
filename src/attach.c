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

/* For tests, on kernels that have TCX: attach as before 6.6. */
#define NO_TCX_ENV "PPING_NO_TCX"

struct attach {
	int ifindex;
	int lock_fd; /* -1: another run has it */
	bool owns_qdisc;
	struct attach_tc egress, ingress;
	struct attach_xdp *xdp;
	char how[64];
};

/*
 * A name that only one process can hold and that goes with it, in the network
 * namespace that the interface index belongs to: whoever has it may take what
 * bears our programs' names on the interface for the leftovers of a killed run.
 */
static int take_lock(int ifindex)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int len;

	if (fd < 0)
		return -1;
	/* sun_path begins with a NUL: the abstract namespace, unix(7) */
	len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "pping/%d", ifindex);
	if (!bind(fd, (struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + 1 + len))
		return fd;
	close(fd);
	return -1;
}

static int attach_tc(struct attach *a, struct attach_tc *tc, bool egress, int prog_fd)
{
	bool created = false;
	int err = -EOPNOTSUPP;

	if (!getenv(NO_TCX_ENV))
		err = attach_tc__link(tc, a->ifindex, egress, prog_fd);
	if (err != -EOPNOTSUPP)
		return err;
	err = attach_tc__qdisc(a->ifindex, &created);
	a->owns_qdisc |= created;
	return err ? err : attach_tc__filter(tc, a->ifindex, egress, prog_fd);
}

static int attach_hooks(struct attach *a, const struct attach_settings *set)
{
	const char *tc_how;
	char what[128];
	int err;

	err = attach_tc(a, &a->egress, true, kernel__egress_fd(set->kernel));
	if (!err && set->ingress_hook == HOOK_TC)
		err = attach_tc(a, &a->ingress, false, kernel__ingress_fd(set->kernel));
	if (err) {
		snprintf(what, sizeof(what), "%s: can't attach to the tc hook", set->name);
		kernel__explain(err, what);
		return err;
	}
	tc_how = a->egress.link_fd >= 0 ? "tcx" : "clsact";
	if (set->ingress_hook == HOOK_TC) {
		snprintf(a->how, sizeof(a->how), "%s", tc_how);
		return 0;
	}
	err = attach_xdp__new(&a->xdp, set->kernel, set->name, set->ifindex, set->xdp_mode,
			      a->lock_fd >= 0);
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
	a->lock_fd = take_lock(set->ifindex);
	/* of several runs the last to go removes the qdisc */
	if (a->lock_fd >= 0)
		attach_tc__remove_leftovers(set->ifindex, &a->owns_qdisc);
	else
		a->owns_qdisc = attach_tc__only_ours(set->ifindex);
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

const char *attach__how(const struct attach *a)
{
	return a->how;
}
