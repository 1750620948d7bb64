// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

int kernel_counters__init(struct kernel_counters *c, int cpus)
{
	c->cpus = cpus;
	c->per_cpu = calloc(cpus, sizeof(*c->per_cpu));
	c->pressure = calloc(cpus, sizeof(*c->pressure));
	return c->per_cpu && c->pressure ? 0 : -ENOMEM;
}

void kernel_counters__free(struct kernel_counters *c)
{
	free(c->per_cpu);
	free(c->pressure);
}

void kernel_counters__use(struct kernel_counters *c, uint32_t number)
{
	if (number > c->highest)
		c->highest = number;
}

void kernel_counters__count_untaken(struct kernel_counters *c)
{
	c->untaken++;
}

static void add(struct pping_counters *sum, const struct pping_counters *more)
{
	for (int i = 0; i < PPING_COUNTERS; i++)
		sum->n[i] += more->n[i];
}

int kernel_counters__of(const struct kernel_counters *c, uint32_t number,
			struct pping_counters *sum)
{
	int err = bpf_map_lookup_elem(c->fd, &number, c->per_cpu);

	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < c->cpus && !err; cpu++)
		add(sum, &c->per_cpu[cpu]);
	return err;
}

int kernel_counters__sum(const struct kernel_counters *c, struct pping_counters *sum)
{
	struct pping_counters of;

	*sum = c->retired;
	sum->n[PPING_COUNT_LOST_UNTAKEN] += c->untaken;
	for (uint32_t number = 0; number <= c->highest; number++) {
		int err = kernel_counters__of(c, number, &of);

		if (err)
			return err;
		add(sum, &of);
	}
	return 0;
}

int kernel_counters__new_flows(const struct kernel_counters *c, uint64_t *sum)
{
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(c->pressure_fd, &zero, c->pressure);

	*sum = 0;
	for (int cpu = 0; cpu < c->cpus && !err; cpu++)
		*sum += c->pressure[cpu].total;
	return err;
}

int kernel_counters__retire(struct kernel_counters *c, uint32_t number)
{
	struct pping_counters last;
	int err = kernel_counters__of(c, number, &last);

	if (err)
		return err;
	memset(c->per_cpu, 0, c->cpus * sizeof(*c->per_cpu));
	err = bpf_map_update_elem(c->fd, &number, c->per_cpu, BPF_ANY);
	if (!err)
		add(&c->retired, &last);
	return err;
}
