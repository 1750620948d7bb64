/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loaded BPF programs as a test holds them: packets in through
 * BPF_PROG_TEST_RUN, events, counters and flow entries out. The clock and the
 * epoch are the test's own. Everything happens on one CPU unless a test says
 * otherwise.
 *
 * Whatever a program is given, it must pass it on untouched: engine__run()
 * checks that of every packet, and that exactly one verdict counted it.
 *
 * CASES=REGEX runs only the cases whose name it matches. TEST_BPF_OBJECT=FILE
 * loads that instead of the embedded programs (see mutants.sh).
 */
#ifndef TESTS_BPF_HARNESS_H
#define TESTS_BPF_HARNESS_H

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pping.h"
#include "pping_debug_cleanup.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "pping.skel.h"

#include "src/aggregate.h"
#include "tests/unit/test.h"
#include "packets.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define US(n) ((__u64)(n)*1000)
#define MS(n) ((__u64)(n)*PPING_NS_PER_MS)
#define SECONDS(n) ((__u64)(n)*PPING_NS_PER_SEC)

/* Where a test's time begins: a multiple of 16 ns, the unit of stored times. */
#define TEST_BEGIN SECONDS(5000)
#define TEST_EPOCH 5000

#define ENGINE_EVENTS 16384
#define ENGINE_FLOWS 4096
#define ENGINE_RULES 16384
#define ENGINE_CACHE 24

enum hook {
	TC_EGRESS,
	TC_INGRESS,
	XDP,
	XDP_SPLIT, /* all but the first 14 bytes are in a fragment: everything takes the slow path */
	HOOKS
};

static const char *const hook_names[HOOKS] = { "tc egress", "tc ingress", "XDP",
					       "XDP, headers in fragments" };

struct engine {
	struct pping_kern *skel;
	struct perf_buffer *buffer;
	struct bpf_link *iterator; /* over flows */
	struct pping_config config;
	__u32 max_flows;
	struct pping_shared *shared; /* as the programs see it */
	struct pping_spill_bucket *spill;
	struct aggregate_tables prefixes; /* with config.aggregate; its arrays are mapped */
	int barrier_fd;
	bool can_split; /* XDP_SPLIT works */
	__u64 packets; /* run since the reset */
	/* what came since events were last taken */
	int events;
	struct pping_event event[ENGINE_EVENTS];
	__u32 event_size[ENGINE_EVENTS]; /* as the ring gave it */
};

/* --- can we run at all? -------------------------------------------------------------- */

/* Why BPF programs can't be tested here; NULL if they can. */
static inline const char *bpf_missing(void)
{
	static int known;
	static const char *why;
	struct pping_kern *skel;

	if (known++)
		return why;
	if (geteuid() != 0) {
		why = "loading BPF programs needs root";
		return why;
	}
	skel = pping_kern__open_and_load();
	if (!skel && (errno == EPERM || errno == ENOSYS))
		why = "the kernel refuses BPF programs";
	pping_kern__destroy(skel);
	return why;
}

/* To begin a test with: false if it is skipped, which REQUIRE_BPF=1 makes a failure. */
static inline bool bpf_ready(void)
{
	const char *why = bpf_missing();
	const char *require = getenv("REQUIRE_BPF");

	if (!why)
		return true;
	if (require && !strcmp(require, "1")) {
		printf("# %s, and REQUIRE_BPF=1\n", why);
		test_failed_here = 1;
	} else {
		SKIP(why);
	}
	return false;
}

static inline void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("# sched_setaffinity");
}

/* Is the case asked for? All are unless CASES says otherwise. */
static inline bool case_wanted(const char *name)
{
	const char *cases = getenv("CASES");
	static regex_t regex;
	static bool compiled;

	if (!cases)
		return true;
	if (!compiled && regcomp(&regex, cases, REG_EXTENDED | REG_NOSUB)) {
		fprintf(stderr, "CASES is no regular expression\n");
		exit(2);
	}
	compiled = true;
	return !regexec(&regex, name, 0, NULL, 0);
}

static inline void case_run(const char *name, void (*fn)(void))
{
	if (case_wanted(name))
		test_run(name, fn);
}

#define CASE(fn) case_run(#fn, fn)

/* --- loading --------------------------------------------------------------------------- */

static inline void engine_take_sample(void *ctx, int cpu, void *bytes, __u32 size)
{
	struct engine *e = ctx;

	(void)cpu;
	if (e->events >= ENGINE_EVENTS)
		return;
	memset(&e->event[e->events], 0, sizeof(e->event[0]));
	memcpy(&e->event[e->events], bytes,
	       size < sizeof(e->event[0]) ? size : sizeof(e->event[0]));
	e->event_size[e->events++] = size;
}

/* --- prefixes --- */

static inline size_t engine_packets_size(const struct engine *e)
{
	return e->prefixes.places * e->prefixes.shards * sizeof(*e->prefixes.packets);
}

static inline size_t engine_rtts_size(const struct engine *e)
{
	return e->prefixes.places * 2 * sizeof(*e->prefixes.rtts);
}

static inline void engine_unmap_prefixes(struct engine *e)
{
	if (e->prefixes.packets)
		munmap(e->prefixes.packets, engine_packets_size(e));
	if (e->prefixes.rtts)
		munmap(e->prefixes.rtts, engine_rtts_size(e));
	if (e->prefixes.rtts)
		close(e->barrier_fd);
}

/* As src/kernel.c does it. */
static inline int engine_turn(void *ctx, uint32_t half)
{
	struct engine *e = ctx;
	int inner = bpf_map__fd(e->skel->maps.cleanup);
	__u32 zero = 0;

	__atomic_store_n(&e->shared->half, half, __ATOMIC_SEQ_CST);
	return bpf_map_update_elem(e->barrier_fd, &zero, &inner, BPF_ANY);
}

static inline bool engine_forget(void *ctx, const struct pping_prefix_key *key, uint32_t place)
{
	struct engine *e = ctx;
	int fd = bpf_map__fd(e->skel->maps.prefixes);
	__u64 word;

	return !bpf_map_lookup_elem(fd, key, &word) && (__u32)word == place &&
	       !bpf_map_delete_elem(fd, key);
}

static inline void engine_release(void *ctx, uint32_t place)
{
	struct engine *e = ctx;

	CHECK_INT(bpf_map_update_elem(bpf_map__fd(e->skel->maps.prefix_places), NULL, &place,
				      BPF_ANY),
		  0);
}

/*
 * The sizes that src/kernel.c sets, for config.max_prefixes places; how many
 * shards there are and who may write them is the test's choice.
 */
static inline void engine_size_prefixes(struct engine *e, struct pping_config *config)
{
	struct aggregate_tables *t = &e->prefixes;
	__u32 own = config->max_prefixes - PPING_PREFIX_FIRST;

	t->places = config->max_prefixes;
	t->shards = config->prefix_shard_mask + 1;
	t->ctx = e;
	t->turn = engine_turn;
	t->forget = engine_forget;
	t->release = engine_release;
	bpf_map__set_max_entries(e->skel->maps.prefixes, own);
	bpf_map__set_max_entries(e->skel->maps.prefix_places, own);
	bpf_map__set_max_entries(e->skel->maps.prefix_hints, config->prefix_hint_mask + 1);
	bpf_map__set_max_entries(e->skel->maps.prefix_packets, t->places * t->shards);
	bpf_map__set_max_entries(e->skel->maps.prefix_rtts, t->places * 2);
}

static inline void *engine_map_array(const struct bpf_map *map, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

static inline int engine_map_prefixes(struct engine *e)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = bpf_map__fd(e->skel->maps.cleanup));

	e->prefixes.packets =
		engine_map_array(e->skel->maps.prefix_packets, engine_packets_size(e));
	e->prefixes.rtts = engine_map_array(e->skel->maps.prefix_rtts, engine_rtts_size(e));
	e->barrier_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "barrier", sizeof(__u32),
				       sizeof(__u32), 1, &opts);
	return e->prefixes.packets && e->prefixes.rtts && e->barrier_fd >= 0 ? 0 : -errno;
}

static inline void engine__close(struct engine *e)
{
	if (!e)
		return;
	bpf_link__destroy(e->iterator);
	perf_buffer__free(e->buffer);
	if (e->spill)
		munmap(e->spill, PPING_SPILL_BUCKETS * sizeof(*e->spill));
	engine_unmap_prefixes(e);
	pping_kern__destroy(e->skel);
	free(e);
}

/* The file's bytes, mapped; NULL if it can't be read. */
static inline void *engine_map_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *bytes;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		return NULL;
	}
	*size = st.st_size;
	bytes = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return bytes == MAP_FAILED ? NULL : bytes;
}

/* The skeleton, with the programs of TEST_BPF_OBJECT if that is set. */
static inline struct pping_kern *engine_open_skeleton(void)
{
	const char *path = getenv("TEST_BPF_OBJECT");
	struct pping_kern *skel;

	if (!path)
		return pping_kern__open();
	skel = calloc(1, sizeof(*skel));
	if (!skel || pping_kern__create_skeleton(skel))
		return NULL;
	skel->skeleton->data = engine_map_file(path, &skel->skeleton->data_sz);
	if (!skel->skeleton->data || bpf_object__open_skeleton(skel->skeleton, NULL))
		return NULL;
	return skel;
}

static inline int engine_load(struct engine *e)
{
	static const __u32 keys[2][10] = {
		{ 0x9e3779b9, 0x7f4a7c15, 0xf39cc060, 0x5cedc834, 0x1082276b, 0xf3a27251,
		  0xf86c6a11, 0xd0c18e95, 0x2767f0b1, 0x53d27b7f },
		{ 0x0347045b, 0x5bf1827f, 0x01886f09, 0x28403002, 0xc1d64ba4, 0x0f335e36,
		  0xf06ad7ae, 0x9717877e, 0x85839d6e, 0xffbd7dc6 }
	};
	struct pping_config *config;

	e->skel = engine_open_skeleton();
	if (!e->skel)
		return -EINVAL;
	config = (struct pping_config *)&e->skel->rodata->config;
	*config = e->config;
	config->test_clock = 1;
	/* a test may bring keys of its own */
	if (!config->spill_seed[1]) {
		memcpy(config->nh_key, keys, sizeof(keys));
		config->spill_seed[0] = 0x2545f4914f6cdd1dULL;
		config->spill_seed[1] = 0x9fb21c651e98df25ULL;
		config->spill_seed[2] = 0xd6e8feb86659fd93ULL;
	}
	bpf_map__set_max_entries(e->skel->maps.flows, e->max_flows);
	if (e->config.counters)
		bpf_map__set_value_size(e->skel->maps.flows, sizeof(struct pping_flow));
	if (e->config.aggregate)
		engine_size_prefixes(e, config);
	if (e->config.rules) {
		bpf_map__set_max_entries(e->skel->maps.rules_0, ENGINE_RULES);
		bpf_map__set_max_entries(e->skel->maps.rules_1, ENGINE_RULES);
	}
	if (e->config.several) {
		bpf_map__set_max_entries(e->skel->maps.counters, PPING_INTERFACE_NUMBERS);
		bpf_map__set_max_entries(e->skel->maps.numbers, PPING_IFINDEX_MASK + 1);
		bpf_map__set_max_entries(e->skel->maps.arrivals, PPING_ARRIVAL_BUCKETS);
	}
	/* as src/kernel.c first tries */
	bpf_program__set_flags(e->skel->progs.pping_xdp, BPF_F_XDP_HAS_FRAGS);
	return pping_kern__load(e->skel);
}

static inline int engine_connect(struct engine *e)
{
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(e->skel->maps.flows) };
	struct bpf_iter_attach_opts opts;

	/* padding and all, which LIBBPF_OPTS() may leave */
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.link_info = &info;
	opts.link_info_len = sizeof(info);
	e->buffer = perf_buffer__new(bpf_map__fd(e->skel->maps.events), 64, engine_take_sample,
				     NULL, e, NULL);
	if (!e->buffer)
		return -errno;
	e->iterator = bpf_program__attach_iter(e->skel->progs.pping_clean, &opts);
	if (!e->iterator)
		return -errno;
	e->spill = mmap(NULL, PPING_SPILL_BUCKETS * sizeof(*e->spill), PROT_READ | PROT_WRITE,
			MAP_SHARED, bpf_map__fd(e->skel->maps.spill), 0);
	if (e->spill == MAP_FAILED) {
		e->spill = NULL;
		return -errno;
	}
	e->shared = &e->skel->data_shared->shared;
	return e->config.aggregate ? engine_map_prefixes(e) : 0;
}

/* --- time ------------------------------------------------------------------------------- */

/* ns after the test's begin; the epoch goes with it, once a second. */
static inline void engine__set_time(struct engine *e, __u64 ns)
{
	*(volatile __u64 *)&e->shared->test_now = TEST_BEGIN + ns;
	*(volatile __u32 *)&e->shared->epoch = TEST_EPOCH + ns / PPING_NS_PER_SEC;
}

/* --- counters and flows ------------------------------------------------------------------- */

/* Of an interface's number. */
static inline struct pping_counters engine__counters_of(const struct engine *e, __u32 key)
{
	static struct pping_counters *each;
	struct pping_counters sum = {};
	int cpus = libbpf_num_possible_cpus();

	if (!each)
		each = calloc(cpus, sizeof(*each));
	if (bpf_map_lookup_elem(bpf_map__fd(e->skel->maps.counters), &key, each))
		return sum;
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < PPING_COUNTERS; i++)
			sum.n[i] += each[cpu].n[i];
	return sum;
}

static inline struct pping_counters engine__counters(const struct engine *e)
{
	return engine__counters_of(e, 0);
}

static inline const char *counter_name(int counter)
{
	static const char *const names[] = {
#define COUNTER_NAME(name, label) #name,
		PPING_VERDICTS(COUNTER_NAME) PPING_COUNTS(COUNTER_NAME)
#undef COUNTER_NAME
#define COUNTER_NAME(name, label) "packets " #name, "bytes " #name,
			PPING_TRAFFIC(COUNTER_NAME)
#undef COUNTER_NAME
#define COUNTER_NAME(name, label) "ECN " #name,
				PPING_ECN(COUNTER_NAME)
#undef COUNTER_NAME
	};
	return counter >= 0 && counter < PPING_COUNTERS ? names[counter] : "none";
}

/* Every packet has been counted under exactly one verdict. */
static inline void engine__check_verdicts(const struct engine *e)
{
	struct pping_counters c = engine__counters(e);
	__u64 sum = 0;

	for (int i = 0; i < PPING_VERDICT_COUNT; i++)
		sum += c.n[i];
	CHECK_INT(sum, e->packets);
}

/* Flow entries present; the last one seen in *flow. */
static inline __u32 engine__flows(const struct engine *e, struct pping_flow *flow)
{
	int fd = bpf_map__fd(e->skel->maps.flows);
	struct pping_flow_key key, *last = NULL;
	__u32 n = 0;

	while (!bpf_map_get_next_key(fd, last, &key)) {
		last = &key;
		if (flow)
			bpf_map_lookup_elem(fd, &key, flow);
		n++;
	}
	return n;
}

/* --- packets in ------------------------------------------------------------------------------ */

static inline int engine_program(const struct engine *e, enum hook hook)
{
	const struct bpf_program *programs[HOOKS] = {
		[TC_EGRESS] = e->skel->progs.pping_egress,
		[TC_INGRESS] = e->skel->progs.pping_ingress,
		[XDP] = e->skel->progs.pping_xdp,
		[XDP_SPLIT] = e->skel->progs.pping_xdp,
	};

	return bpf_program__fd(programs[hook]);
}

/*
 * Runs the packet `repeat` times, with the bytes that came out in `out` (of
 * FRAME_MAX) if asked for. 0, or -EINVAL for a packet that the kernel refuses to
 * run, which happens to tc with less than an IP header.
 */
static inline int engine_test_run(const struct engine *e, enum hook hook, const struct frame *f,
				  int repeat, __u8 *out, __u32 *retval)
{
	struct __sk_buff skb = { .gso_segs = f->gso_segs,
				 .gso_size = f->gso_size,
				 .ingress_ifindex = f->came_by };
	struct xdp_md xdp = { .data_end = hook == XDP_SPLIT && f->len > 14 ? 14 : f->len };
	bool tc = hook == TC_EGRESS || hook == TC_INGRESS;
	struct bpf_test_run_opts opts;
	int err;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.data_in = f->b;
	opts.data_size_in = f->len;
	opts.data_out = out;
	opts.data_size_out = out ? FRAME_MAX : 0;
	opts.repeat = repeat;
	if (tc && (f->gso_size || f->came_by)) {
		opts.ctx_in = &skb;
		opts.ctx_size_in = sizeof(skb);
	} else if (hook == XDP_SPLIT) {
		opts.ctx_in = &xdp;
		opts.ctx_size_in = sizeof(xdp);
	}
	err = bpf_prog_test_run_opts(engine_program(e, hook), &opts);
	*retval = opts.retval;
	return err ? err : !out || opts.data_size_out == f->len ? 0 : -EMSGSIZE;
}

/* What the programs must return: TCX_NEXT, which is TC_ACT_UNSPEC, or XDP_PASS. */
static inline __u32 engine_passes(enum hook hook)
{
	return hook == TC_EGRESS || hook == TC_INGRESS ? (__u32)-1 : XDP_PASS;
}

/* Runs a packet without looking at what comes of it, but for the retval. */
static inline int engine__inject(struct engine *e, enum hook hook, const struct packet_spec *s)
{
	struct frame f;
	__u32 retval = 0;
	int err;

	frame_build(&f, s);
	err = engine_test_run(e, hook, &f, 1, NULL, &retval);
	if (err)
		return err;
	e->packets++;
	if (retval != engine_passes(hook))
		CHECK_INT((int)retval, (int)engine_passes(hook));
	return 0;
}

/* Runs a frame; its verdict (an enum pping_counter), or -EINVAL as for engine_test_run(). */
static inline int engine__run(struct engine *e, enum hook hook, const struct frame *f)
{
	struct pping_counters before = engine__counters(e), after;
	static __u8 out[FRAME_MAX];
	int err, verdict = -1, counted = 0;
	__u32 retval = 0;

	err = engine_test_run(e, hook, f, 1, out, &retval);
	if (err == -EINVAL)
		return err;
	e->packets++;
	CHECK_INT(err, 0);
	CHECK_INT((int)retval, (int)engine_passes(hook));
	CHECK(!memcmp(out, f->b, f->len));
	after = engine__counters(e);
	for (int i = 0; i < PPING_VERDICT_COUNT; i++) {
		if (after.n[i] == before.n[i])
			continue;
		verdict = i;
		counted += after.n[i] - before.n[i];
	}
	CHECK_INT(counted, 1);
	perf_buffer__consume(e->buffer);
	return verdict;
}

/* --- opening ------------------------------------------------------------------------------------- */

/* Does the kernel run XDP programs on packets with a linear part as we ask for it (6.18)? */
static inline bool engine_try_split(const struct engine *e)
{
	struct packet_spec s = bare(CLIENT, SERVER, ACK);
	struct frame f;
	__u32 retval;

	frame_build(&f, &s);
	return !engine_test_run(e, XDP_SPLIT, &f, 1, NULL, &retval);
}

static inline struct engine *engine_new(const struct pping_config *config, __u32 max_flows)
{
	struct engine *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return NULL;
	e->config = *config;
	e->max_flows = max_flows;
	err = engine_load(e);
	if (!err)
		err = engine_connect(e);
	if (!err) {
		e->can_split = engine_try_split(e);
		return e;
	}
	printf("# the programs don't load: %s\n", strerror(-err));
	engine__close(e);
	return NULL;
}

static inline void engine_clear_map(const struct bpf_map *map)
{
	__u8 key[32];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		bpf_map_delete_elem(bpf_map__fd(map), key);
}

static inline void engine_clear_counters(struct engine *e)
{
	int cpus = libbpf_num_possible_cpus();
	struct pping_counters *zero = calloc(cpus, sizeof(*zero));
	struct pping_cleanup none = {};
	__u32 key = 0;

	bpf_map_update_elem(bpf_map__fd(e->skel->maps.counters), &key, zero, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(e->skel->maps.cleanup), &key, &none, BPF_ANY);
	free(zero);
}

/* Nobody waits at the door, and there is no pressure. */
static inline void engine_clear_pressure(struct engine *e)
{
	struct pping_pressure *none = calloc(libbpf_num_possible_cpus(), sizeof(*none));
	struct pping_door empty = {};
	__u32 key = 0;

	bpf_map_update_elem(bpf_map__fd(e->skel->maps.pressure), &key, none, BPF_ANY);
	for (key = 0; key < PPING_DOOR_BUCKETS; key++)
		bpf_map_update_elem(bpf_map__fd(e->skel->maps.door), &key, &empty, BPF_ANY);
	free(none);
}

/* Flows that wanted an entry, as the host counts them; only with a pressure_limit. */
static inline __u64 engine__new_flows(struct engine *e)
{
	int cpus = libbpf_num_possible_cpus();
	struct pping_pressure *each = calloc(cpus, sizeof(*each));
	__u64 sum = 0;
	__u32 key = 0;

	CHECK_INT(bpf_map_lookup_elem(bpf_map__fd(e->skel->maps.pressure), &key, each), 0);
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += each[cpu].total;
	free(each);
	return sum;
}

/* Nobody has a place. */
static inline void engine_clear_prefixes(struct engine *e)
{
	int places = bpf_map__fd(e->skel->maps.prefix_places);
	__u32 place, zero = 0;

	e->shared->half = 0;
	engine_clear_map(e->skel->maps.prefixes);
	for (__u32 i = 0; i <= e->config.prefix_hint_mask; i++)
		bpf_map_update_elem(bpf_map__fd(e->skel->maps.prefix_hints), &i, &zero, BPF_ANY);
	while (!bpf_map_lookup_and_delete_elem(places, NULL, &place))
		;
	for (place = PPING_PREFIX_FIRST; place < e->prefixes.places; place++)
		engine_release(e, place);
	memset(e->prefixes.packets, 0, engine_packets_size(e));
	memset(e->prefixes.rtts, 0, engine_rtts_size(e));
}

/* Nothing seen yet, and the test's time begins. */
static inline void engine__reset(struct engine *e)
{
	engine_clear_map(e->skel->maps.flows);
	engine_clear_map(e->skel->maps.local_addrs);
	engine_clear_counters(e);
	memset(e->spill, 0, PPING_SPILL_BUCKETS * sizeof(*e->spill));
	perf_buffer__consume(e->buffer);
	e->events = 0;
	e->packets = 0;
	e->shared->test_now = TEST_BEGIN;
	e->shared->epoch = TEST_EPOCH;
	e->shared->local_generation = 1;
	e->shared->pressed = 0;
	e->shared->rules_generation = 0;
	if (e->config.rules) {
		engine_clear_map(e->skel->maps.rules_0);
		engine_clear_map(e->skel->maps.rules_1);
	}
	if (e->config.pressure_limit)
		engine_clear_pressure(e);
	if (e->config.aggregate)
		engine_clear_prefixes(e);
}

/*
 * The programs loaded with this configuration (the keys and the clock are the
 * harness's), reset. NULL, and a failed test, if they don't load. Engines are
 * kept: loading takes a fifth of a second.
 */
static inline struct engine *engine__open_sized(const struct pping_config *config, __u32 max_flows)
{
	static struct engine *cache[ENGINE_CACHE];
	static int used;
	struct engine *e = NULL;

	for (int i = 0; i < used && !e; i++)
		if (cache[i]->max_flows == max_flows &&
		    !memcmp(&cache[i]->config, config, sizeof(*config)))
			e = cache[i];
	if (!e) {
		pin_to_cpu(sched_getcpu());
		e = engine_new(config, max_flows);
		if (e && used < ENGINE_CACHE)
			cache[used++] = e;
	}
	if (e)
		engine__reset(e);
	else
		test_failed_here = 1;
	return e;
}

static inline struct engine *engine__open(const struct pping_config *config)
{
	return engine__open_sized(config, ENGINE_FLOWS);
}

/* --- cleaning ------------------------------------------------------------------------------------ */

/*
 * One pass of the iterator, read `piece` bytes at a time. Flow events join the
 * others; the result is the number of signs of life among them, or negative.
 */
static inline int engine__clean(struct engine *e, size_t piece)
{
	int fd = bpf_iter_create(bpf_link__fd(e->iterator)), marks = 0;
	const size_t size = pping_event_size(e->config.counters);
	char bytes[65536 + sizeof(struct pping_event)];
	size_t have = 0, at;
	ssize_t n;

	if (fd < 0 || piece > 65536)
		return -1;
	while ((n = read(fd, bytes + have, piece)) > 0) {
		have += n;
		for (at = 0; at + size <= have; at += size) {
			struct pping_event *event = (void *)(bytes + at);

			if (event->type == PPING_EVENT_MARK)
				marks++;
			else
				engine_take_sample(e, 0, event, size);
		}
		have -= at;
		memmove(bytes, bytes + at, have);
	}
	close(fd);
	CHECK_INT(have, 0);
	return n < 0 ? -1 : marks;
}

#endif /* TESTS_BPF_HARNESS_H */
