/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs that stop for a while, in the middle of whatever they do, packets
 * included, as a virtual CPU does whose host runs something else: a timer's
 * interrupt whose handler, a BPF program, lets the time pass.
 */
#ifndef TESTS_PAUSES_H
#define TESTS_PAUSES_H

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* What the loop may come to, by the number of instructions that the verifier walks: some 15 ms. */
#define PAUSES_TURNS 4000
#define PAUSES_READINGS 128

#define PAUSES_INSN(op, dst, src, offset, number) \
	((struct bpf_insn){ .code = (op),         \
			    .dst_reg = (dst),     \
			    .src_reg = (src),     \
			    .off = (offset),      \
			    .imm = (number) })
#define PAUSES_CALL(function) PAUSES_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)

/* A program that lets pause_ns pass each odds-th time; its descriptor, or a negative errno. */
static inline int pauses_load(uint32_t pause_ns, uint32_t odds)
{
	struct bpf_insn code[12 + PAUSES_READINGS];
	int n = 0, fd;

	code[n++] = PAUSES_CALL(BPF_FUNC_get_prandom_u32);
	code[n++] = PAUSES_INSN(BPF_ALU | BPF_MOD | BPF_K, 0, 0, 0, odds);
	code[n++] = PAUSES_INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 7 + PAUSES_READINGS, 0);
	code[n++] = PAUSES_CALL(BPF_FUNC_ktime_get_ns);
	code[n++] = PAUSES_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 0, 0, 0);
	code[n++] = PAUSES_INSN(BPF_ALU64 | BPF_ADD | BPF_K, 6, 0, 0, pause_ns);
	code[n++] = PAUSES_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 7, 0, 0, PAUSES_TURNS);
	for (int i = 0; i < PAUSES_READINGS; i++)
		code[n++] = PAUSES_CALL(BPF_FUNC_ktime_get_ns);
	code[n++] = PAUSES_INSN(BPF_JMP | BPF_JGE | BPF_X, 0, 6, 2, 0);
	code[n++] = PAUSES_INSN(BPF_ALU64 | BPF_SUB | BPF_K, 7, 0, 0, 1);
	code[n++] = PAUSES_INSN(BPF_JMP | BPF_JNE | BPF_K, 7, 0, -3 - PAUSES_READINGS, 0);
	code[n++] = PAUSES_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	code[n++] = PAUSES_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fd = bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, "pauses", "GPL", code, n, NULL);
	return fd < 0 ? -errno : fd;
}

/*
 * From now on each of the first `cpus` CPUs stops for pause_ns (at most some 10 ms)
 * every period_ns, or each odds-th time, by chance; until this process ends.
 * 0 or a negative errno.
 */
static inline int pauses__begin(int cpus, uint64_t period_ns, uint32_t pause_ns, uint32_t odds)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period_ns,
	};
	int program = pauses_load(pause_ns, odds), err = 0;

	if (program < 0)
		return program;
	for (int cpu = 0; cpu < cpus && !err; cpu++) {
		int event = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

		if (event < 0 || ioctl(event, PERF_EVENT_IOC_SET_BPF, program))
			err = -errno;
	}
	close(program);
	return err;
}

#endif /* TESTS_PAUSES_H */
