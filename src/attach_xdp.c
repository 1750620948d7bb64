// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <xdp/libxdp.h>

#include "attach_xdp.h"
#include "bpf_error.h"
#include "features.h"
#include "netdev.h"
#include "privileges.h"

#define PROGRAM "pping_xdp"
#define DISPATCHER "xdp_dispatcher"
/* MAX_DISPATCHER_ACTIONS of xdp/prog_dispatcher.h */
#define DISPATCHER_PLACES 10

struct attach_xdp {
	int ifindex;
	int link_fd; /* -1: through libxdp */
	/* of libxdp */
	struct bpf_object *object;
	struct xdp_program *program;
	enum xdp_attach_mode mode;
	char how[48];
};

struct occupant {
	__u32 id; /* 0: nobody */
	char name[BPF_OBJ_NAME_LEN];
};

static const char *mode_name(enum option_xdp_mode mode)
{
	return mode == OPTION_XDP_NATIVE    ? "native"
	       : mode == OPTION_XDP_GENERIC ? "generic"
					    : "unspecified";
}

static __u32 link_flags(enum option_xdp_mode mode)
{
	return mode == OPTION_XDP_NATIVE    ? XDP_FLAGS_DRV_MODE
	       : mode == OPTION_XDP_GENERIC ? XDP_FLAGS_SKB_MODE
					    : 0;
}

static enum xdp_attach_mode libxdp_mode(enum option_xdp_mode mode)
{
	return mode == OPTION_XDP_NATIVE    ? XDP_MODE_NATIVE
	       : mode == OPTION_XDP_GENERIC ? XDP_MODE_SKB
					    : XDP_MODE_UNSPEC;
}

/* --- who is there already ------------------------------------------------------- */

static void find_occupant(int ifindex, struct occupant *who)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd;

	memset(who, 0, sizeof(*who));
	if (bpf_xdp_query(ifindex, 0, &query))
		return;
	who->id = query.prog_id	      ? query.prog_id
		  : query.drv_prog_id ? query.drv_prog_id
		  : query.skb_prog_id ? query.skb_prog_id
				      : query.hw_prog_id;
	if (!who->id)
		return;
	fd = bpf_prog_get_fd_by_id(who->id);
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		memcpy(who->name, info.name, sizeof(who->name));
	close(fd);
}

static int refuse(const char *name, const struct occupant *who)
{
	/* whether it is a dispatcher, beside whose program there is room, tells its name alone */
	bool may_ask = privileges__effective() & PRIVILEGES_BIT(CAP_SYS_ADMIN);

	fprintf(stderr,
		"pping: %s: the XDP hook is taken by program %s (id %u), which stays; use -I "
		"tc%s\n",
		name, who->name[0] ? who->name : "without a name", who->id,
		may_ask ? "" : ", or run it as root: only CAP_SYS_ADMIN may look at that program");
	return -EBUSY;
}

/*
 * What a killed run left: our program alone on the hook, attached over netlink
 * as libxdp does where it can't have its dispatcher. If a link holds it, some
 * process lives, and the kernel refuses.
 */
static int remove_single(int ifindex, const struct occupant *who)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	int fd = bpf_prog_get_fd_by_id(who->id), err;

	if (fd < 0)
		return fd;
	opts.old_prog_fd = fd;
	err = bpf_xdp_detach(ifindex, XDP_FLAGS_REPLACE, &opts);
	close(fd);
	return err;
}

/* One of our program's places in a dispatcher. false: there is none, or it can't be had. */
static bool remove_one_from_dispatcher(int ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *prog = NULL, *stale = NULL;
	enum xdp_attach_mode mode;
	bool removed = false;

	if (libxdp_get_error(mp))
		return false;
	mode = xdp_multiprog__attach_mode(mp);
	if (!xdp_multiprog__is_legacy(mp))
		while ((prog = xdp_multiprog__next_prog(prog, mp)))
			if (!strcmp(xdp_program__name(prog), PROGRAM))
				stale = prog;
	if (stale)
		removed = !xdp_program__detach(stale, ifindex, mode, 0);
	xdp_multiprog__close(mp);
	return removed;
}

/* Of several runs that were killed each has left one. */
static void remove_from_dispatcher(int ifindex)
{
	for (int i = 0; i < DISPATCHER_PLACES; i++)
		if (!remove_one_from_dispatcher(ifindex))
			return;
}

static void remove_leftovers(int ifindex, struct occupant *who)
{
	if (!strcmp(who->name, PROGRAM))
		remove_single(ifindex, who);
	else if (!strcmp(who->name, DISPATCHER))
		remove_from_dispatcher(ifindex);
	else
		return;
	find_occupant(ifindex, who);
}

/* --- attaching ------------------------------------------------------------------ */

static void explain(int err, const char *name, enum option_xdp_mode mode)
{
	char what[128];

	if (err == -EOPNOTSUPP && mode == OPTION_XDP_NATIVE) {
		fprintf(stderr,
			"pping: %s: its driver has no native XDP; use -x generic or, better, -I "
			"tc\n",
			name);
		return;
	}
	snprintf(what, sizeof(what), "%s: can't attach to the XDP hook (mode %s)", name,
		 mode_name(mode));
	bpf_error__explain(err, what);
}

static int attach_link(struct attach_xdp *x, struct kernel *kernel, enum option_xdp_mode mode,
		       bool frags)
{
	DECLARE_LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = link_flags(mode));
	int prog_fd, err = kernel__load_xdp(kernel, frags, &prog_fd);

	if (err)
		return err;
	x->link_fd = bpf_link_create(prog_fd, x->ifindex, BPF_XDP, &opts);
	return x->link_fd < 0 ? x->link_fd : 0;
}

static bool is_gone(const char *name, int ifindex)
{
	struct netdev_info info;

	return netdev__find(name, &info) || info.ifindex != ifindex;
}

/* With multi-buffer support, so that jumbo MTUs attach, or without where the driver refuses it. */
static int attach_own(struct attach_xdp *x, struct kernel *kernel, const char *name,
		      enum option_xdp_mode mode)
{
	int err = attach_link(x, kernel, mode, true);

	if (err && is_gone(name, x->ifindex))
		err = -ENODEV;
	if (err && err != -EBUSY && err != -EPERM && err != -ENODEV)
		err = attach_link(x, kernel, mode, false);
	if (!err)
		snprintf(x->how, sizeof(x->how), "xdp %s", mode_name(mode));
	else if (err != -ENODEV)
		explain(err, name, mode);
	return err;
}

static int attach_libxdp(struct attach_xdp *x, struct kernel *kernel, const char *name,
			 enum option_xdp_mode mode, bool frags)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .prog_name = PROGRAM);
	struct xdp_program *program;
	struct bpf_object *object;
	int err;

	err = kernel__open_xdp(kernel, frags, &object);
	if (err)
		return err;
	opts.obj = object;
	program = xdp_program__create(&opts);
	err = libxdp_get_error(program);
	if (err) {
		bpf_object__close(object);
		return err;
	}
	err = xdp_program__attach(program, x->ifindex, libxdp_mode(mode), 0);
	if (err) {
		xdp_program__close(program);
		bpf_object__close(object);
		return err;
	}
	x->program = program;
	x->object = object;
	x->mode = xdp_program__is_attached(program, x->ifindex);
	snprintf(x->how, sizeof(x->how), "xdp %s (libxdp)", mode_name(mode));
	return 0;
}

int attach_xdp__check(const char *what)
{
	const char *missing = features__missing_for_xdp();

	if (!missing)
		return 0;
	bpf_error__lacks(what, missing, "; use -I tc");
	return -EOPNOTSUPP;
}

int attach_xdp__new(struct attach_xdp **xdp, struct kernel *kernel, const char *name, int ifindex,
		    enum option_xdp_mode mode, bool leftovers)
{
	struct attach_xdp *x = calloc(1, sizeof(*x));
	struct occupant who;
	int err;

	if (!x)
		return -ENOMEM;
	err = attach_xdp__check(name);
	if (err) {
		free(x);
		return err;
	}
	x->ifindex = ifindex;
	x->link_fd = -1;
	libxdp_set_print(NULL);
	find_occupant(ifindex, &who);
	if (who.id && leftovers)
		remove_leftovers(ifindex, &who);
	if (!who.id) {
		err = attach_own(x, kernel, name, mode);
	} else if (!strcmp(who.name, DISPATCHER)) {
		err = attach_libxdp(x, kernel, name, mode, true);
		if (err)
			err = attach_libxdp(x, kernel, name, mode, false);
		if (err)
			explain(err, name, mode);
	} else {
		err = refuse(name, &who);
	}
	if (err) {
		free(x);
		return err;
	}
	*xdp = x;
	return 0;
}

void attach_xdp__free(struct attach_xdp *x)
{
	if (!x)
		return;
	if (x->link_fd >= 0)
		close(x->link_fd);
	if (x->program) {
		xdp_program__detach(x->program, x->ifindex, x->mode, 0);
		xdp_program__close(x->program);
	}
	bpf_object__close(x->object);
	free(x);
}

bool attach_xdp__is_dispatched(const struct attach_xdp *x)
{
	return x->program;
}

const char *attach_xdp__how(const struct attach_xdp *x)
{
	return x->how;
}
