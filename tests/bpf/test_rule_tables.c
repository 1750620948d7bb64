// SPDX-License-Identifier: GPL-2.0-or-later
/* The two tables of rules from one set to the next, also where something fails on the way. */
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "src/barrier.h"
#include "src/options.h"
#include "src/privileges.h"
#include "src/rule_tables.h"
#include "src/sandbox.h"
#include "tests/bpf/harness.h"

#define WRONG_FD (-1)

static struct rule_tables tables;
static struct barrier barrier = { .fd = WRONG_FD };
static uint32_t generation;

static int new_table(__u32 max_entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);

	return bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "table", sizeof(struct pping_rule_key),
			      sizeof(__u32), max_entries, &opts);
}

/* False where there is no BPF. */
static bool begin(__u32 max_entries)
{
	int array;

	if (!bpf_ready())
		return false;
	array = bpf_map_create(BPF_MAP_TYPE_ARRAY, "inner", sizeof(__u32),
			       sizeof(struct pping_cleanup), 1, NULL);
	CHECK_INT(barrier__open(&barrier, array), 0);
	tables = (struct rule_tables){
		.fd = { new_table(max_entries), new_table(max_entries) },
		.generation = &generation,
		.barrier = &barrier,
	};
	generation = 0;
	return true;
}

static void end(void)
{
	close(tables.fd[0]);
	close(tables.fd[1]);
	close(barrier.inner_fd);
	barrier__close(&barrier);
}

/* n hosts from 10.0.FIRST.0 on are excluded. */
static struct rules *excluding(int first, int n)
{
	static struct option_rules given;
	static char text[64][32];
	struct rules *rules = NULL;

	given.count = 0;
	for (int i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "10.0.%d.%d", first, i);
		given.list[given.count++] =
			(struct option_rule){ .text = text[i], .exclude = true };
	}
	CHECK_INT(rules__load(&rules, &given, false), 0);
	return rules;
}

static int entries(int fd)
{
	struct pping_rule_key key, *last = NULL;
	int n = 0;

	while (!bpf_map_get_next_key(fd, last, &key)) {
		last = &key;
		n++;
	}
	return n;
}

static int holding(void)
{
	return tables.fd[generation & 1];
}

static int spare(void)
{
	return tables.fd[!(generation & 1)];
}

static bool excludes(int first)
{
	struct pping_rule_key key = { .prefix_len = PPING_RULE_KEY_BITS };
	__u32 says = 0;

	key.addr.b[10] = key.addr.b[11] = 0xff;
	key.addr.b[12] = 10;
	key.addr.b[14] = first;
	return !bpf_map_lookup_elem(holding(), &key, &says) && says & PPING_RULE_EXCLUDED;
}

/* Stands in each table: all else is included. */
#define ROOTS 1

/* `old` is in the tables, `failed` could not be taken, `rules` is to take its place. */
static struct rules *old, *failed, *rules;

static bool begin_with_three(__u32 max_entries)
{
	if (!begin(max_entries))
		return false;
	old = excluding(1, 5);
	failed = excluding(2, 20);
	rules = excluding(3, 3);
	CHECK_INT(rule_tables__fill(&tables, old), 0);
	return true;
}

static void end_with_three(void)
{
	rules__free(old);
	rules__free(failed);
	rules__free(rules);
	end();
}

/* Nobody can wait until the kernel has ended with the table. */
static void set_fails_waiting(const struct rules *next)
{
	int fd = barrier.fd;

	barrier.fd = WRONG_FD;
	CHECK(rule_tables__set(&tables, next, old) < 0);
	barrier.fd = fd;
}

static void one_takes_the_place_of_another(void)
{
	if (!begin_with_three(1024))
		return;
	CHECK(excludes(1));
	CHECK_INT(entries(holding()), 5 + ROOTS);
	CHECK_INT(rule_tables__set(&tables, rules, old), 0);
	CHECK(excludes(3) && !excludes(1));
	CHECK_INT(entries(holding()), 3 + ROOTS);
	CHECK_INT(entries(spare()), 0);
	CHECK_INT(rule_tables__set(&tables, old, rules), 0);
	CHECK(excludes(1) && !excludes(3));
	end_with_three();
}

/* What was not taken must not come in with what is taken later. */
static void after_a_wait_that_fails(void)
{
	uint32_t before;

	if (!begin_with_three(1024))
		return;
	before = generation;
	set_fails_waiting(failed);
	CHECK(excludes(1) && !excludes(2));
	/* flows are marked with the generation that let them in: neither may be taken again */
	CHECK(generation != before && generation != before + 1);
	/* and again: there is no use of the table before somebody waited */
	set_fails_waiting(rules);
	CHECK(excludes(1) && !excludes(3));
	CHECK_INT(rule_tables__set(&tables, rules, old), 0);
	CHECK(excludes(3) && !excludes(2) && !excludes(1));
	CHECK_INT(entries(holding()), 3 + ROOTS);
	CHECK_INT(entries(spare()), 0);
	end_with_three();
}

static void after_a_table_that_is_too_small(void)
{
	uint32_t before;

	if (!begin_with_three(10))
		return;
	before = generation;
	CHECK(rule_tables__set(&tables, failed, old) < 0);
	CHECK(excludes(1));
	CHECK_INT(generation, before);
	CHECK_INT(rule_tables__set(&tables, rules, old), 0);
	CHECK(excludes(3) && !excludes(2));
	CHECK_INT(entries(holding()), 3 + ROOTS);
	CHECK_INT(entries(spare()), 0);
	end_with_three();
}

/* As a run does it: what the failed reload left goes where only the sandbox's system calls are allowed. */
static int set_confined(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(sandbox__enter(PRIVILEGES_BIT(CAP_NET_ADMIN))
			      ? 2
			      : rule_tables__set(&tables, rules, old) != 0);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static void in_the_sandbox(void)
{
	if (!begin_with_three(1024))
		return;
	set_fails_waiting(failed);
	CHECK_INT(set_confined(), 0);
	end_with_three();
}

int main(void)
{
	RUN(one_takes_the_place_of_another);
	RUN(after_a_wait_that_fails);
	RUN(after_a_table_that_is_too_small);
	RUN(in_the_sandbox);
	return TEST_EXIT();
}
