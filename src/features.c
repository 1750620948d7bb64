// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "features.h"

#define PERF_PARANOID "/proc/sys/kernel/perf_event_paranoid"
#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

/* The kernel's own errno of a JIT compiler that lacks an instruction, include/linux/errno.h. */
#define KERNEL_ENOTSUPP 524

static bool lacks_btf(void)
{
	return access(VMLINUX_BTF, R_OK) != 0;
}

#define INSN(CODE, DST, SRC, OFF, IMM) \
	((struct bpf_insn){            \
		.code = (CODE), .dst_reg = (DST), .src_reg = (SRC), .off = (OFF), .imm = (IMM) })

/* 1: it loads; 0: the verifier or the compiler has no such thing; else it can't be told. */
static int loads(const struct bpf_insn *insns, size_t count)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, NULL, "GPL", insns, count, NULL);

	if (fd >= 0) {
		close(fd);
		return 1;
	}
	return fd == -EINVAL || fd == -KERNEL_ENOTSUPP ? 0 : fd;
}

static bool lacks_atomics(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_0, -8, 0),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_10, BPF_REG_1, -8, BPF_CMPXCHG),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return loads(insns, sizeof(insns) / sizeof(insns[0])) == 0;
}

static bool lacks_map_iterators(void)
{
	return libbpf_find_vmlinux_btf_id("bpf_map_elem", BPF_TRACE_ITER) == -ENOENT;
}

const char *features__missing(void)
{
	static const struct {
		bool (*lacks)(void);
		const char *what;
	} needed[] = {
		{ lacks_btf, "BTF of its own (" VMLINUX_BTF
			     "): it needs to be built with CONFIG_DEBUG_INFO_BTF" },
		{ lacks_atomics, "atomic compare-and-exchange in BPF programs, which came with "
				 "Linux 5.12 (arm64: 5.18)" },
		{ lacks_map_iterators, "BPF iterators over maps, which came with Linux 5.9" },
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i].lacks())
			return needed[i].what;
	return NULL;
}

const char *features__missing_for_xdp(void)
{
	if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, NULL) == 0)
		return "the helper bpf_xdp_load_bytes, which came with Linux 5.18";
	return NULL;
}

/* Debian's and Ubuntu's kernels know a 3 (and 4) that Linux does not: nobody without CAP_SYS_ADMIN. */
const char *features__perf_restricted(void)
{
	FILE *file = fopen(PERF_PARANOID, "re");
	int level = 0;

	if (!file)
		return NULL;
	if (fscanf(file, "%d", &level) != 1)
		level = 0;
	fclose(file);
	return level > 2 ? "kernel.perf_event_paranoid is above 2, which leaves perf events to "
			   "CAP_SYS_ADMIN; run it as root, or set that to 2: see PRIVILEGES in "
			   "pping(8)"
			 : NULL;
}
