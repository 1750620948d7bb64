// SPDX-License-Identifier: GPL-2.0-or-later
/* Somebody else's programs: pping must leave them alone. */
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))

SEC("xdp")
int foreign_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int foreign_tc(struct __sk_buff *ctx)
{
	return -1; /* TC_ACT_UNSPEC */
}

char _license[] SEC("license") = "GPL";
