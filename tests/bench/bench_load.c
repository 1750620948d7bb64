// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What starting takes: all programs and maps opened, verified and compiled, by CPU
 * time, and how many instructions the kernel's verifier walked for it.
 */
#include "tests/bench/bench.h"

#define PART "load"
#define ROUNDS 11

/* Instructions that the verifier walked for all programs; 0 before Linux 5.16. */
static unsigned int verified(const struct pping_kern *pping)
{
	struct bpf_program *prog;
	unsigned int sum = 0;

	bpf_object__for_each_program(prog, pping->obj)
	{
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			sum += info.verified_insns;
	}
	return sum;
}

static void measure(const char *name, const struct pping_config *config)
{
	unsigned int walked = 0;
	double ms[ROUNDS], time;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		struct pping_kern *pping = open_pping(config);

		ms[i] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / PPING_NS_PER_MS;
		walked = verified(pping);
		pping_kern__destroy(pping);
	}
	time = median(ms, ROUNDS);
	printf("%-60s %8.0f %12u\n", name, time, walked);
	result(PART, name, "ms", time, LOWER, 0);
	result(PART, name, "instructions", walked, LOWER, 0);
}

int main(void)
{
	struct pping_config plain = bench_config(), aggregate = plain, all;

	pin_to(0);
	bench_aggregate(&aggregate);
	printf("medians of %d runs%*s %8s %12s\n", ROUNDS, 42, "", "ms", "instructions");
	measure("one interface", &plain);
	all = plain;
	all.several = 1;
	measure("several interfaces", &all);
	measure("-a", &aggregate);
	aggregate.no_rtt_events = aggregate.no_flow_events = 0;
	measure("-a --events", &aggregate);
	all = aggregate;
	all.several = all.rules = all.counters = all.track_icmp = 1;
	measure("several interfaces, --exclude, --counters, -a --events, -TC", &all);
	return 0;
}
