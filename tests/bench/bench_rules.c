// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --include and --exclude: what a packet costs with 10,000 entries, beside the same
 * without, and how long 100,000 take from a file into the kernel. Entries are random:
 * hosts and networks of IPv4 and IPv6, half of each, without such as hold another.
 */
#include <dirent.h>

#include "src/kernel.h"
#include "src/options.h"
#include "src/rules.h"
#include "tests/bench/bench.h"

#define PART "rules"
#define ROUNDS 51
#define REPEAT 20000
#define ENTRIES 10000
#define MANY 100000
#define LOADS 11

struct bench {
	struct floor_kern *floor;
	struct pping_kern *pping;
};

/* --- entries ---------------------------------------------------------------------------- */

/* To a file; more: entries that the frames are of. */
static struct rules *make_rules(unsigned int count, const char *const *more, double *ms)
{
	static char path[] = "/tmp/bench_rules.XXXXXX";
	struct option_rules given = { .list = { { path, true, true } }, .count = 1 };
	uint64_t start;
	struct rules *rules;
	FILE *f;
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		bench_die("a list of entries", errno);
	for (unsigned int i = 0; i < count; i++) {
		unsigned int r = random();

		if (i & 1)
			fprintf(f, "%u.%u.%u.%u\n", 11 + r % 200, r >> 8 & 255, r >> 16 & 255,
				(unsigned int)random() & 255);
		else
			fprintf(f, "2%03x:%x:%x::/48\n", r & 0xfff, r >> 12 & 0xffff,
				(unsigned int)random() & 0xffff);
	}
	for (; *more; more++)
		fprintf(f, "%s\n", *more);
	fclose(f);
	start = clock_ns(CLOCK_MONOTONIC);
	if (rules__load(&rules, &given, false))
		exit(EXIT_FAILURE);
	*ms = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e6;
	unlink(path);
	return rules;
}

#define MAKE_RULES(count, ...) \
	make_rules(count, (const char *const[]){ __VA_ARGS__, NULL }, &(double){ 0 })

/* The programs with these; NULL: without. */
static void open_with(struct bench *b, const struct rules *rules, bool aggregate)
{
	struct pping_config config = bench_config();
	const struct rules_entry *e;
	size_t count;

	pping_kern__destroy(b->pping);
	if (aggregate)
		bench_aggregate(&config);
	config.rules = rules != NULL;
	b->pping = open_pping(&config);
	if (!rules)
		return;
	e = rules__entries(rules, &count);
	for (size_t i = 0; i < count; i++) {
		struct pping_rule_key key = { .prefix_len = PPING_RULE_PORT_BITS + e[i].bits,
					      .port = htons(e[i].port),
					      .addr = e[i].addr };
		__u32 says = e[i].rules;

		if (bpf_map_update_elem(bpf_map__fd(b->pping->maps.rules_0), &key, &says, BPF_ANY))
			bench_die("an entry", errno);
	}
}

/* --- packets ------------------------------------------------------------------------------ */

static int by_fd(const struct bpf_program *program)
{
	return bpf_program__fd(program);
}

static double above_empty(struct bench *b, enum mutation_mode mode, int fd, const struct frame *f,
			  unsigned int kind)
{
	int empty = by_fd(b->floor->progs.empty_tc);

	if (mode == MUTATE_NOTHING)
		return test_run(fd, f, REPEAT) - test_run(empty, f, REPEAT);
	return test_run_mutated(b->floor, mode, fd, f, kind, REPEAT) -
	       test_run_mutated(b->floor, mode, empty, f, kind, REPEAT);
}

/* Or something else would have been measured. */
static void check_left_out(struct bench *b, bool all)
{
	struct pping_counters *each = calloc(libbpf_num_possible_cpus(), sizeof(*each));
	__u32 zero = 0;

	if (!each || bpf_map_lookup_elem(bpf_map__fd(b->pping->maps.counters), &zero, each))
		bench_die("counters", errno);
	if (all ? each[0].n[PPING_COUNT_TRACKED] : each[0].n[PPING_COUNT_EXCLUDED])
		bench_die("packets were left out, or were not", EINVAL);
	free(each);
}

/* Medians, in ns and in Y: what the floor program costs at the same time, see bench_packets.c. */
static void measure(struct bench *b, const char *name, enum mutation_mode mode, unsigned int kind)
{
	struct frame f = make_frame(kind, 100, 3, 3), plain = make_frame(0, 100, 1, 1);
	int fd = by_fd(b->pping->progs.pping_egress);
	double ns[ROUNDS], y[ROUNDS];

	above_empty(b, mode, fd, &f, kind);
	for (int i = 0; i < ROUNDS; i++) {
		double floor =
			above_empty(b, MUTATE_NOTHING, by_fd(b->floor->progs.floor_tc), &plain, 0);

		ns[i] = above_empty(b, mode, fd, &f, kind);
		y[i] = ns[i] / floor;
	}
	check_left_out(b, strstr(name, "left out"));
	printf("%-60s %8.1f %8.2f\n", name, median(ns, ROUNDS), median(y, ROUNDS));
	fflush(stdout);
	result(PART, name, "ns", median(ns, ROUNDS), LOWER, 0);
	result(PART, name, "Y", median(y, ROUNDS), LOWER, 0);
}

static void known_rows(struct bench *b, const char *with)
{
	char row[80];

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		unsigned int kind = ipv6 ? FRAME_IPV6 : 0;

		introduce(b->pping, kind, 3);
		snprintf(row, sizeof(row), "TCP data of a known flow, IPv%d, %s", ipv6 ? 6 : 4,
			 with);
		measure(b, row, MUTATE_NOTHING, kind);
	}
}

static void packet_rows(struct bench *b)
{
	struct rules *rules = MAKE_RULES(ENTRIES, "192.0.2.1");

	open_with(b, NULL, false);
	known_rows(b, "no entries");
	open_with(b, rules, false);
	known_rows(b, "10,000 entries");
	rules__free(rules);
	rules = MAKE_RULES(ENTRIES, "10.0.0.0", "fd00::/8", "192.0.2.1:443");
	open_with(b, rules, false);
	measure(b, "TCP data that is left out for its source, IPv4", MUTATE_NOTHING, 0);
	measure(b, "TCP data that is left out for its source, IPv6", MUTATE_NOTHING, FRAME_IPV6);
	rules__free(rules);
	rules = MAKE_RULES(ENTRIES, "10.1.0.1", "fd04:505:505:505::/64", "192.0.2.1:443");
	open_with(b, rules, false);
	measure(b, "TCP data that is left out for its destination, IPv4", MUTATE_NOTHING, 0);
	rules__free(rules);
	rules = MAKE_RULES(ENTRIES, "10.1.0.1:443");
	open_with(b, rules, false);
	measure(b, "TCP data that is left out for its port, IPv4", MUTATE_NOTHING, 0);
	rules__free(rules);
}

/* Each of the hosts is an entry: the ways through the table are those of all. */
static void cold_row(struct bench *b)
{
	static char text[ENTRIES][16];
	static const char *more[ENTRIES + 1];
	struct rules *rules;
	double ms;

	for (int i = 0; i < ENTRIES; i++) {
		snprintf(text[i], sizeof(text[i]), "10.0.%d.%d", i >> 8, i & 255);
		more[i] = text[i];
	}
	rules = make_rules(0, more, &ms);
	open_with(b, rules, false);
	b->floor->bss->mutation.flow_count = ENTRIES;
	measure(b, "TCP data of a random one of 10,000 hosts, all left out", MUTATE_FLOW, 0);
	rules__free(rules);
}

static void aggregate_rows(struct bench *b)
{
	struct rules *rules = MAKE_RULES(ENTRIES, "192.0.2.1");

	open_with(b, NULL, true);
	measure(b, "UDP, IPv4 (-a), no entries", MUTATE_NOTHING, FRAME_UDP);
	known_rows(b, "(-a), no entries");
	open_with(b, rules, true);
	measure(b, "UDP, IPv4 (-a), 10,000 entries", MUTATE_NOTHING, FRAME_UDP);
	measure(b, "UDP, IPv6 (-a), 10,000 entries", MUTATE_NOTHING, FRAME_UDP | FRAME_IPV6);
	known_rows(b, "(-a), 10,000 entries");
	rules__free(rules);
}

/* --- loading -------------------------------------------------------------------------------- */

/* Bytes of memory that our tables of entries take. */
static double table_bytes(void)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	unsigned long long sum = 0, memory;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[300], line[128];
		bool trie = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			trie |= !strcmp(line, "map_type:\t11\n");
			if (trie && sscanf(line, "memlock:\t%llu", &memory) == 1)
				sum += memory;
		}
		if (f)
			fclose(f);
	}
	closedir(dir);
	return sum;
}

static void load_rows(void)
{
	char *argv[] = { "pping", "-i", "lo", NULL };
	static struct options options;
	struct kernel_settings settings = { .options = &options };
	double read[LOADS], set[LOADS], bytes;
	struct rules *old, *rules;
	struct kernel *kernel;
	uint64_t start;

	if (options__parse(&options, 3, argv) != OPTIONS_RUN)
		exit(EXIT_FAILURE);
	settings.rules = old = MAKE_RULES(1, "192.0.2.1");
	if (kernel__open(&kernel, &settings) || kernel__load(kernel))
		exit(EXIT_FAILURE);
	for (int i = 0; i < LOADS; i++) {
		rules = make_rules(MANY, (const char *const[]){ NULL }, &read[i]);
		start = clock_ns(CLOCK_MONOTONIC);
		if (kernel__set_rules(kernel, rules, old))
			bench_die("entries into the kernel", errno);
		set[i] = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e6;
		rules__free(old);
		old = rules;
	}
	bytes = table_bytes() / MANY;
	printf("%-60s %8.1f ms\n", "100,000 entries: reading a file of them", median(read, LOADS));
	printf("%-60s %8.1f ms\n", "100,000 entries: in the place of as many others",
	       median(set, LOADS));
	printf("%-60s %8.1f bytes\n", "kernel memory of an entry", bytes);
	result(PART, "100,000 entries: reading a file of them", "ms", median(read, LOADS), LOWER,
	       0);
	result(PART, "100,000 entries: in the place of as many others", "ms", median(set, LOADS),
	       LOWER, 0);
	result(PART, "kernel memory of an entry", "bytes", bytes, LOWER, 0);
	kernel__free(kernel);
	rules__free(old);
}

int main(void)
{
	struct bench b = { .floor = open_floor() };

	pin_to(0);
	fill_floor(b.floor, 1);
	printf("packet (medians of %d runs of %d)%*s %8s %8s\n", ROUNDS, REPEAT, 27, "", "ns", "Y");
	packet_rows(&b);
	cold_row(&b);
	aggregate_rows(&b);
	load_rows();
	pping_kern__destroy(b.pping);
	floor_kern__destroy(b.floor);
	return 0;
}
