// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be loaded, and what no more once privileges are to be given up, whoever we are. */
#include <errno.h>

#include "src/kernel.h"
#include "tests/bpf/harness.h"

/* NULL where there is no BPF. */
static struct kernel *load(char *hook)
{
	char *argv[] = { "pping", "-i", "lo", "-I", hook, NULL };
	static struct options options;
	struct kernel_settings settings = { .options = &options };
	struct kernel *kernel = NULL;

	if (!bpf_ready())
		return NULL;
	CHECK_INT(options__parse(&options, 5, argv), OPTIONS_RUN);
	CHECK_INT(kernel__open(&kernel, &settings), 0);
	if (kernel)
		CHECK_INT(kernel__load(kernel), 0);
	return kernel;
}

static void programs_of_kinds(void)
{
	struct kernel *k = load("tc");
	struct kernel_programs programs;

	if (!k)
		return;
	CHECK(kernel__can_have_programs(k, KERNEL_L3));
	CHECK_INT(kernel__programs(k, KERNEL_L3, &programs), 0);
	CHECK(programs.egress_fd >= 0 && programs.ingress_fd >= 0);
	kernel__seal(k);
	CHECK(kernel__can_have_programs(k, KERNEL_ETHERNET));
	CHECK_INT(kernel__programs(k, KERNEL_ETHERNET, &programs), 0);
	CHECK(kernel__can_have_programs(k, KERNEL_L3));
	CHECK_INT(kernel__programs(k, KERNEL_L3, &programs), 0);
	CHECK(!kernel__can_have_programs(k, KERNEL_LOOPBACK));
	CHECK_INT(kernel__programs(k, KERNEL_LOOPBACK, &programs), -EPERM);
	kernel__free(k);
}

static void xdp_with_and_without_frags(void)
{
	struct kernel *k = load("xdp");
	struct bpf_object *object;
	int fd = -1, again = -1;

	if (!k)
		return;
	CHECK_INT(kernel__load_xdp(k, true, &fd), 0);
	kernel__seal(k);
	CHECK_INT(kernel__load_xdp(k, true, &again), 0);
	CHECK_INT(again, fd);
	CHECK_INT(kernel__load_xdp(k, false, &fd), -EPERM);
	CHECK_INT(kernel__open_xdp(k, false, &object), -EPERM);
	kernel__free(k);
}

int main(void)
{
	RUN(programs_of_kinds);
	RUN(xdp_with_and_without_frags);
	return TEST_EXIT();
}
