// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attach_tc.h"
#include "netlink.h"

/* enum bpf_attach_type and link flags of kernel 6.6, which older headers lack */
#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define TCX_FLAG_BEFORE (1U << 3) /* first, before all others */

/*
 * Any handle of a filter will do that nobody else picks by chance. Ours also says
 * whether the qdisc is pping's: the last run to leave removes it, whoever made it.
 */
#define FILTER_HANDLE 0x7070
#define FILTER_HANDLE_OUR_QDISC 0x7071
#define FILTER_PRIORITIES 64

/* --- TCX ---------------------------------------------------------------------- */

int attach_tc__link(struct attach_tc *tc, int ifindex, bool egress, int prog_fd)
{
	DECLARE_LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = TCX_FLAG_BEFORE);
	int fd = bpf_link_create(prog_fd, ifindex, egress ? TCX_EGRESS : TCX_INGRESS, &opts);

	if (fd < 0) {
		/* an older kernel does not know the attach type */
		return fd == -EINVAL ? -EOPNOTSUPP : fd;
	}
	tc->link_fd = fd;
	tc->ifindex = ifindex;
	tc->egress = egress;
	return 0;
}

/* --- clsact ------------------------------------------------------------------- */

#define MAX_FILTERS 256

struct filter {
	uint32_t handle, priority, prog_id;
	char name[64]; /* as who added it says */
};

struct filter_list {
	struct filter filter[MAX_FILTERS]; /* the BPF filters among them */
	int count;
	int others; /* filters of other kinds, or more than fit */
};

static void add_bpf_filter(struct filter_list *list, const struct tcmsg *tc,
			   struct netlink_span options)
{
	const struct rtattr *attr;
	struct filter f = { .handle = tc->tcm_handle, .priority = TC_H_MAJ(tc->tcm_info) >> 16 };

	while ((attr = netlink__attribute(&options))) {
		if (netlink__type(attr) == TCA_BPF_ID)
			netlink__value(attr, &f.prog_id, sizeof(f.prog_id));
		else if (netlink__type(attr) == TCA_BPF_NAME)
			snprintf(f.name, sizeof(f.name), "%.*s", (int)RTA_PAYLOAD(attr),
				 (const char *)RTA_DATA(attr));
	}
	if (!f.handle)
		return; /* the head of a priority, no filter of its own */
	if (list->count < MAX_FILTERS)
		list->filter[list->count++] = f;
	else
		list->others++;
}

static int on_filter(void *ctx, const struct nlmsghdr *message)
{
	struct filter_list *list = ctx;
	const struct tcmsg *tc = NLMSG_DATA(message);
	struct netlink_span span, options = {};
	const struct rtattr *attr;
	bool bpf = false;

	if (message->nlmsg_type != RTM_NEWTFILTER ||
	    !netlink__attributes(message, sizeof(*tc), &span))
		return 0;
	while ((attr = netlink__attribute(&span))) {
		if (netlink__type(attr) == TCA_KIND)
			bpf = netlink__is_string(attr, "bpf");
		else if (netlink__type(attr) == TCA_OPTIONS)
			options = netlink__nested(attr);
	}
	if (bpf)
		add_bpf_filter(list, tc, options);
	else
		list->others++;
	return 0;
}

/* Kernels without the qdisc answer with an error, which means no filters. */
static int list_filters(int ifindex, bool egress, struct filter_list *list)
{
	struct {
		struct nlmsghdr header;
		struct tcmsg tc;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_GETTFILTER,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.tc = { .tcm_family = AF_UNSPEC,
			.tcm_ifindex = ifindex,
			.tcm_parent = TC_H_MAKE(TC_H_CLSACT,
						egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS) },
	};

	memset(list, 0, sizeof(*list));
	return netlink__request(&request.header, on_filter, list);
}

/*
 * Names that libbpf gives the filters it adds, program and id: the program itself
 * may be asked by CAP_SYS_ADMIN only.
 */
static bool is_ours(const struct filter *f, bool egress)
{
	char name[sizeof(f->name)];

	snprintf(name, sizeof(name), "%s:[%u]", egress ? "pping_egress" : "pping_ingress",
		 f->prog_id);
	return !strcmp(f->name, name);
}

static int detach_filter(int ifindex, bool egress, const struct filter *f)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = f->handle, .priority = f->priority);

	return bpf_tc_detach(&hook, &opts);
}

int attach_tc__remove_leftovers(int ifindex, bool *our_qdisc)
{
	struct filter_list *list = malloc(sizeof(*list));
	int err = 0;

	*our_qdisc = false;
	if (!list)
		return -ENOMEM;
	for (int egress = 0; egress < 2 && !err; egress++) {
		if (list_filters(ifindex, egress, list))
			continue;
		for (int i = 0; i < list->count && !err; i++) {
			if (!is_ours(&list->filter[i], egress))
				continue;
			*our_qdisc |= list->filter[i].handle == FILTER_HANDLE_OUR_QDISC;
			err = detach_filter(ifindex, egress, &list->filter[i]);
		}
	}
	free(list);
	return err;
}

/* Made by another run that is still there. */
static bool qdisc_is_ours(int ifindex)
{
	struct filter_list *list = malloc(sizeof(*list));
	bool ours = false;

	for (int egress = 0; egress < 2 && list; egress++) {
		if (list_filters(ifindex, egress, list))
			continue;
		for (int i = 0; i < list->count; i++)
			ours |= list->filter[i].handle == FILTER_HANDLE_OUR_QDISC &&
				is_ours(&list->filter[i], egress);
	}
	free(list);
	return ours;
}

int attach_tc__qdisc(int ifindex, bool *ours)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&hook);

	*ours = !err || (err == -EEXIST && qdisc_is_ours(ifindex));
	return err == -EEXIST ? 0 : err;
}

void attach_tc__remove_qdisc(int ifindex)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct filter_list *list = malloc(sizeof(*list));
	bool empty = list != NULL;

	for (int egress = 0; egress < 2 && empty; egress++)
		empty = !list_filters(ifindex, egress, list) && !list->count && !list->others;
	if (empty)
		bpf_tc_hook_destroy(&hook);
	free(list);
}

/* The first free priority: filters before ours may end a packet's way through tc. */
int attach_tc__filter(struct attach_tc *tc, int ifindex, bool egress, int prog_fd, bool our_qdisc)
{
	const uint32_t handle = our_qdisc ? FILTER_HANDLE_OUR_QDISC : FILTER_HANDLE;
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	int err = -EBUSY;

	for (uint32_t priority = 1; priority <= FILTER_PRIORITIES; priority++) {
		DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .handle = handle,
				    .priority = priority);

		err = bpf_tc_attach(&hook, &opts);
		if (err == -ENOENT || err == -ENODEV)
			return err;
		if (err)
			continue; /* somebody else's place */
		tc->link_fd = -1;
		tc->ifindex = ifindex;
		tc->egress = egress;
		tc->prog_id = opts.prog_id;
		tc->handle = opts.handle;
		tc->priority = opts.priority;
		return 0;
	}
	return err;
}

/* Only if our program still stands in our place. */
static void detach_own_filter(const struct attach_tc *tc)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = tc->ifindex,
			    .attach_point = tc->egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = tc->handle, .priority = tc->priority);
	struct filter f = { .handle = tc->handle, .priority = tc->priority };

	if (!bpf_tc_query(&hook, &opts) && opts.prog_id == tc->prog_id)
		detach_filter(tc->ifindex, tc->egress, &f);
}

void attach_tc__detach(struct attach_tc *tc)
{
	if (tc->link_fd >= 0)
		close(tc->link_fd);
	else if (tc->prog_id)
		detach_own_filter(tc);
	tc->link_fd = -1;
	tc->prog_id = 0;
}
