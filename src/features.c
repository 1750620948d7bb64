// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/btf.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "features.h"
#include "privileges.h"

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

/*
 * 1: it loads; 0: the verifier or the compiler has no such thing; else it can't be told.
 * opts may be NULL, and are not const for the sake of newer libbpfs.
 */
static int loads(const struct bpf_insn *insns, size_t count, struct bpf_prog_load_opts *opts)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, NULL, "GPL", insns, count, opts);

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

	return loads(insns, sizeof(insns) / sizeof(insns[0]), NULL) == 0;
}

/* int probe(void *ctx); int probe_memory(int *memory); 0 or a negative errno. */
static int describe_functions(struct btf *btf, struct bpf_func_info *main,
			      struct bpf_func_info *sub)
{
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int memory = btf__add_ptr(btf, number), any = btf__add_ptr(btf, 0);
	int proto = btf__add_func_proto(btf, number);
	int err = btf__add_func_param(btf, "ctx", any), id;

	id = err ? err : btf__add_func(btf, "probe", BTF_FUNC_GLOBAL, proto);
	if (id < 0)
		return id;
	main->type_id = id;
	proto = btf__add_func_proto(btf, number);
	err = btf__add_func_param(btf, "memory", memory);
	id = err ? err : btf__add_func(btf, "probe_memory", BTF_FUNC_GLOBAL, proto);
	if (id < 0)
		return id;
	sub->type_id = id;
	return btf__load_into_kernel(btf);
}

/* Functions that the verifier looks at by themselves, called with a pointer to the stack. */
static bool lacks_memory_arguments(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		/* probe_memory */
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 1, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	struct bpf_func_info functions[] = { { .insn_off = 0 }, { .insn_off = 6 } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .func_info = functions, .func_info_cnt = 2,
		    .func_info_rec_size = sizeof(functions[0]));
	struct btf *btf = btf__new_empty();
	bool lacks = false;

	if (btf && !describe_functions(btf, &functions[0], &functions[1])) {
		opts.prog_btf_fd = btf__fd(btf);
		lacks = loads(insns, sizeof(insns) / sizeof(insns[0]), &opts) == 0;
	}
	btf__free(btf);
	return lacks;
}

static bool lacks_map_iterators(void)
{
	return libbpf_find_vmlinux_btf_id("bpf_map_elem", BPF_TRACE_ITER) == -ENOENT;
}

const char *features__missing_from(size_t *at)
{
	static const struct {
		bool (*lacks)(void);
		const char *what;
	} needed[] = {
		{ lacks_btf, "BTF of its own (" VMLINUX_BTF
			     "): it needs to be built with CONFIG_DEBUG_INFO_BTF" },
		{ lacks_atomics, "atomic compare-and-exchange in BPF programs, which came with "
				 "Linux 5.12 (arm64: 5.18)" },
		{ lacks_memory_arguments, "global functions with pointers to memory in BPF "
					  "programs, which came with Linux 5.13" },
		{ lacks_map_iterators, "BPF iterators over maps, which came with Linux 5.9" },
	};

	while (*at < sizeof(needed) / sizeof(needed[0])) {
		size_t i = (*at)++;

		if (needed[i].lacks())
			return needed[i].what;
	}
	return NULL;
}

const char *features__missing(void)
{
	size_t at = 0;

	return features__missing_from(&at);
}

const char *features__missing_for_xdp(void)
{
	if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, NULL) == 0)
		return "the helper bpf_xdp_load_bytes, which came with Linux 5.18";
	return NULL;
}

#define LEFT_TO_ROOT                                                                        \
	"which leaves perf events to CAP_SYS_ADMIN; run it as root, or set that to 2: see " \
	"PRIVILEGES in pping(8)"

/*
 * Debian's and Ubuntu's kernels know a 3 (and 4) that Linux does not: nobody without
 * CAP_SYS_ADMIN. A unit with ProcSubset=pid can't read it.
 */
const char *features__perf_restricted(void)
{
	FILE *file = fopen(PERF_PARANOID, "re");
	int level = 0;

	if (!file)
		return privileges__effective() & PRIVILEGES_BIT(CAP_SYS_ADMIN)
			       ? NULL
			       : "probably kernel.perf_event_paranoid is above 2 (it can't be read "
				 "here), " LEFT_TO_ROOT;
	if (fscanf(file, "%d", &level) != 1)
		level = 0;
	fclose(file);
	return level > 2 ? "kernel.perf_event_paranoid is above 2, " LEFT_TO_ROOT : NULL;
}
