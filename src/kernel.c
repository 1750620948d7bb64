// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "barrier.h"
#include "features.h"
#include "kernel.h"
#include "privileges.h"
#include "rule_tables.h"

#include "pping.skel.h"

struct kernel {
	struct pping_kern *skel;
	struct xdp_variant {
		struct bpf_object *object; /* NULL: not loaded */
		int err; /* why not; 0: never tried */
	} xdp[2]; /* without and with multi-buffer support */
	bool sealed; /* nothing can be loaded any more */
	struct pping_config config;
	enum kernel_link link; /* that skel's programs are for */
	struct bpf_object *links[KERNEL_LINKS]; /* other kinds' programs; NULL: not loaded */
	uint32_t numbers; /* 0: one interface */
	uint32_t highest; /* number that was given away */
	struct pping_counters retired; /* of numbers that were given away twice */
	struct pping_shared *shared;
	struct pping_counters *per_cpu; /* room for one sum per possible CPU */
	struct pping_pressure *pressure; /* as much */
	int cpus;
	uint64_t untaken; /* PPING_COUNT_LOST_UNTAKEN */
	const struct rules *first_rules; /* until it is loaded */
	struct barrier barrier;
	struct rule_tables rules;
	struct aggregate_tables prefixes; /* with --aggregate; its arrays are mapped */
};

/* The last things libbpf said: shown only when loading fails, they are alarming noise otherwise. */
static char said[4096];
static size_t said_len;

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t room = sizeof(said) - said_len;
	int len;

	if (level == LIBBPF_DEBUG)
		return 0;
	len = vsnprintf(said + said_len, room, format, args);
	if (len > 0)
		said_len += (size_t)len < room ? (size_t)len : room - 1;
	return 0;
}

bool kernel__is_older(int major, int minor)
{
	struct utsname uts;
	int has_major, has_minor;

	if (uname(&uts) || sscanf(uts.release, "%d.%d", &has_major, &has_minor) != 2)
		return false;
	return has_major < major || (has_major == major && has_minor < minor);
}

/* The last line libbpf printed that says more than "failed". */
static const char *last_words(void)
{
	char *line, *save = NULL, *best = NULL;

	for (line = strtok_r(said, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "processed ", 10) && !strstr(line, "failed to load") &&
		    !strstr(line, "-- END"))
			best = line;
	said_len = 0;
	return best;
}

void kernel__lacks(const char *what, const char *missing, const char *advice)
{
	struct utsname uts = {};

	uname(&uts);
	fprintf(stderr, "pping: %s: kernel %s lacks %s%s\n", what, uts.release, missing, advice);
}

void kernel__explain(int err, const char *what)
{
	const char *words, *missing;

	if ((err == -EPERM || err == -EACCES) && privileges__explain(what))
		return;
	missing = features__missing();
	if (missing) {
		kernel__lacks(what, missing, "");
		return;
	}
	words = last_words();
	fprintf(stderr, "pping: %s: %s%s%s%s\n", what, strerror(-err), words ? " (" : "",
		words ? words : "", words ? ")" : "");
	said[0] = '\0';
}

static int random_keys(struct pping_config *config)
{
	if (getrandom(config->nh_key, sizeof(config->nh_key), 0) != sizeof(config->nh_key) ||
	    getrandom(config->spill_seed, sizeof(config->spill_seed), 0) !=
		    sizeof(config->spill_seed))
		return -EIO;
	config->spill_seed[1] |= 1;
	config->spill_seed[2] |= 1;
	return 0;
}

static void configure_link(struct pping_config *config, enum kernel_link link)
{
	config->l3_device = link == KERNEL_L3;
	config->loopback = link == KERNEL_LOOPBACK;
}

static void configure(struct pping_config *config, const struct kernel_settings *set)
{
	const struct options *opts = set->options;

	config->pressure_limit = pping_pressure_limit(opts->max_flows);

	config->rate_limit_ns = opts->rate_limit_ns;
	config->rtt_rate = opts->rtt_rate;
	config->use_srtt = opts->use_srtt;
	config->track_tcp = opts->track_tcp;
	config->track_icmp = opts->track_icmp;
	config->include_local = opts->include_local;
	config->include_syn = opts->include_syn;
	config->counters = opts->counters;
	config->debug_cleanup = opts->debug_cleanup;
	config->aggregate = opts->aggregate_ns != 0;
	config->aggregate_reverse = opts->aggregate_reverse;
	config->no_rtt_events = opts->no_rtt_events;
	config->no_flow_events = opts->no_flow_events;
	config->prefix_mask4 = options__prefix_mask(opts->aggregate_bits4, 0);
	config->prefix_mask6[0] = options__prefix_mask(opts->aggregate_bits6, 0);
	config->prefix_mask6[1] = options__prefix_mask(opts->aggregate_bits6, 1);
	config->rules = set->rules != NULL;
	config->several = set->numbers > 0;
	configure_link(config, set->link);
}

static int configure_prefixes(struct kernel *k, const struct options *opts)
{
	struct pping_kern *skel = k->skel;
	struct aggregate_tables *t = &k->prefixes;
	uint32_t hints = 1;
	int err;

	while (hints < 2 * opts->max_prefixes)
		hints *= 2;
	k->config.prefix_hint_mask = hints - 1;
	t->places = opts->max_prefixes + PPING_PREFIX_FIRST;
	t->shards = 1;
	while (t->shards < (uint32_t)k->cpus && t->shards < PPING_PREFIX_SHARDS_MAX)
		t->shards *= 2;
	k->config.prefix_private = t->shards >= (uint32_t)k->cpus;
	k->config.max_prefixes = t->places;
	k->config.prefix_shard_mask = t->shards - 1;
	err = bpf_map__set_max_entries(skel->maps.prefixes, opts->max_prefixes);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.prefix_places, opts->max_prefixes);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.prefix_hints, hints);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.prefix_packets, t->places * t->shards);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.prefix_rtts, t->places * 2);
	return err;
}

static int configure_numbers(struct kernel *k)
{
	int err;

	if (!k->numbers)
		return 0;
	err = bpf_map__set_max_entries(k->skel->maps.counters, k->numbers);
	return err ? err : bpf_map__set_max_entries(k->skel->maps.numbers, PPING_IFINDEX_MASK + 1);
}

static int configure_object(struct kernel *k, const struct kernel_settings *set)
{
	const struct options *opts = set->options;
	int err;

	err = random_keys(&k->config);
	if (err)
		return err;
	configure(&k->config, set);
	if (opts->aggregate_ns)
		err = configure_prefixes(k, opts);
	if (!err)
		err = configure_numbers(k);
	if (err)
		return err;
	memcpy((void *)&k->skel->rodata->config, &k->config, sizeof(k->config));
	k->skel->data_shared->shared.epoch = 1;
	err = bpf_map__set_max_entries(k->skel->maps.flows, opts->max_flows);
	if (!err && set->rules)
		err = bpf_map__set_max_entries(k->skel->maps.rules_0, PPING_MAX_RULE_ENTRIES);
	if (!err && set->rules)
		err = bpf_map__set_max_entries(k->skel->maps.rules_1, PPING_MAX_RULE_ENTRIES);
	if (!err && opts->counters)
		err = bpf_map__set_value_size(k->skel->maps.flows, sizeof(struct pping_flow));
	if (!err)
		err = bpf_program__set_autoload(k->skel->progs.pping_xdp, false);
	if (!err)
		err = bpf_program__set_autoload(k->skel->progs.pping_ingress,
						opts->ingress_hook == HOOK_TC);
	return err;
}

int kernel__open(struct kernel **kernel, const struct kernel_settings *settings)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	k->barrier.fd = -1;
	k->first_rules = settings->rules;
	k->link = settings->link;
	k->numbers = settings->numbers;
	libbpf_set_print(listen_to_libbpf);
	said_len = 0;
	k->cpus = libbpf_num_possible_cpus();
	err = k->cpus < 0 ? k->cpus : 0;
	if (!err) {
		k->skel = pping_kern__open();
		err = k->skel ? configure_object(k, settings) : -errno;
	}
	if (!err) {
		k->per_cpu = calloc(k->cpus, sizeof(*k->per_cpu));
		k->pressure = calloc(k->cpus, sizeof(*k->pressure));
		err = k->per_cpu && k->pressure ? 0 : -ENOMEM;
	}
	if (err) {
		kernel__explain(err, "can't prepare the BPF programs");
		kernel__free(k);
		return err;
	}
	*kernel = k;
	return 0;
}

/* What userspace writes while the programs run. */
static int share(struct kernel *k)
{
	k->shared = mmap(NULL, sizeof(*k->shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(k->skel->maps.data_shared), 0);
	if (k->shared != MAP_FAILED)
		return 0;
	k->shared = NULL;
	return -errno;
}

int kernel__set_rules(struct kernel *k, const struct rules *rules, const struct rules *old)
{
	return rule_tables__set(&k->rules, rules, old);
}

/* --- prefixes --- */

static int turn_prefixes(void *ctx, uint32_t half)
{
	struct kernel *k = ctx;

	__atomic_store_n(&k->shared->half, half, __ATOMIC_SEQ_CST);
	return barrier__wait(&k->barrier);
}

static bool forget_prefix(void *ctx, const struct pping_prefix_key *key, uint32_t place)
{
	struct kernel *k = ctx;
	int fd = bpf_map__fd(k->skel->maps.prefixes);
	__u64 word;

	return !bpf_map_lookup_elem(fd, key, &word) && (__u32)word == place &&
	       !bpf_map_delete_elem(fd, key);
}

static void release_place(void *ctx, uint32_t place)
{
	struct kernel *k = ctx;

	/* never fails: the queue has room for all places */
	bpf_map_update_elem(bpf_map__fd(k->skel->maps.prefix_places), NULL, &place, BPF_ANY);
}

static size_t packets_size(const struct aggregate_tables *t)
{
	return (size_t)t->places * t->shards * sizeof(*t->packets);
}

static size_t rtts_size(const struct aggregate_tables *t)
{
	return (size_t)t->places * 2 * sizeof(*t->rtts);
}

static void *map_array(const struct bpf_map *map, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

static int open_prefixes(struct kernel *k)
{
	struct aggregate_tables *t = &k->prefixes;

	t->packets = map_array(k->skel->maps.prefix_packets, packets_size(t));
	if (!t->packets)
		return -errno;
	t->rtts = map_array(k->skel->maps.prefix_rtts, rtts_size(t));
	if (!t->rtts)
		return -errno;
	for (uint32_t i = PPING_PREFIX_FIRST; i < t->places; i++)
		release_place(k, i);
	return 0;
}

static void close_prefixes(struct kernel *k)
{
	struct aggregate_tables *t = &k->prefixes;

	if (t->packets)
		munmap(t->packets, packets_size(t));
	if (t->rtts)
		munmap(t->rtts, rtts_size(t));
}

void kernel__prefixes(struct kernel *k, struct aggregate_tables *tables)
{
	*tables = k->prefixes;
	tables->ctx = k;
	tables->turn = turn_prefixes;
	tables->forget = forget_prefix;
	tables->release = release_place;
}

static int open_rules(struct kernel *k)
{
	k->rules = (struct rule_tables){
		.fd = { bpf_map__fd(k->skel->maps.rules_0), bpf_map__fd(k->skel->maps.rules_1) },
		.generation = &k->shared->rules_generation,
		.barrier = &k->barrier,
	};
	return rule_tables__fill(&k->rules, k->first_rules);
}

int kernel__load(struct kernel *k)
{
	int err = pping_kern__load(k->skel);

	if (!err)
		err = share(k);
	if (!err && (k->config.aggregate || k->config.rules))
		err = barrier__open(&k->barrier, bpf_map__fd(k->skel->maps.cleanup));
	if (!err && k->config.rules)
		err = open_rules(k);
	if (!err && k->config.aggregate)
		err = open_prefixes(k);
	if (err)
		kernel__explain(err, "can't load the BPF programs");
	return err;
}

static int reuse_maps(struct kernel *k, struct bpf_object *object)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, object)
	{
		const struct bpf_map *ours;

		/* constants are each object's own: it is loaded with a copy */
		if (!strcmp(bpf_map__name(map), bpf_map__name(k->skel->maps.rodata)))
			continue;
		ours = bpf_object__find_map_by_name(k->skel->obj, bpf_map__name(map));
		err = ours ? bpf_map__reuse_fd(map, bpf_map__fd(ours)) : -ENOENT;
		if (err)
			break;
	}
	return err;
}

static int set_config(struct kernel *k, struct bpf_object *object,
		      const struct pping_config *config)
{
	struct bpf_map *rodata =
		bpf_object__find_map_by_name(object, bpf_map__name(k->skel->maps.rodata));

	return rodata ? bpf_map__set_initial_value(rodata, config, sizeof(*config)) : -ENOENT;
}

static int select_xdp(struct kernel *k, struct bpf_object *object, bool frags)
{
	struct pping_config config = k->config;
	struct bpf_program *prog;
	int err = 0;

	/* XDP is for frames with Ethernet headers, whatever came first; what loops is seen leaving */
	configure_link(&config, KERNEL_ETHERNET);
	bpf_object__for_each_program(prog, object)
	{
		bool xdp = !strcmp(bpf_program__name(prog), "pping_xdp");

		err = bpf_program__set_autoload(prog, xdp);
		if (!err && xdp)
			err = bpf_program__set_flags(prog, frags ? BPF_F_XDP_HAS_FRAGS : 0);
		if (err)
			return err;
	}
	return set_config(k, object, &config);
}

/* The programs of the tc hook, for another kind of interface. */
static int select_tc(struct kernel *k, struct bpf_object *object, enum kernel_link link)
{
	struct pping_config config = k->config;
	struct bpf_program *prog;
	int err = 0;

	bpf_object__for_each_program(prog, object)
	{
		const char *name = bpf_program__name(prog);
		bool wanted = !strcmp(name, "pping_egress") ||
			      (!strcmp(name, "pping_ingress") &&
			       bpf_program__autoload(k->skel->progs.pping_ingress));

		err = bpf_program__set_autoload(prog, wanted);
		if (err)
			return err;
	}
	configure_link(&config, link);
	return set_config(k, object, &config);
}

static int open_again(struct bpf_object **object)
{
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "pping_kern");
	const void *elf;
	size_t size;

	said_len = 0;
	elf = pping_kern__elf_bytes(&size);
	*object = bpf_object__open_mem(elf, size, &opts);
	return *object ? 0 : -errno;
}

int kernel__open_xdp(struct kernel *k, bool frags, struct bpf_object **object)
{
	int err;

	if (k->sealed)
		return -EPERM;
	err = open_again(object);
	if (!err)
		err = select_xdp(k, *object, frags);
	if (!err)
		err = reuse_maps(k, *object);
	if (err) {
		bpf_object__close(*object);
		*object = NULL;
	}
	return err;
}

static int load_xdp(struct kernel *k, bool frags, struct bpf_object **object)
{
	int err = kernel__open_xdp(k, frags, object);

	if (!err)
		err = bpf_object__load(*object);
	if (err) {
		bpf_object__close(*object);
		*object = NULL;
	}
	return err;
}

int kernel__load_xdp(struct kernel *k, bool frags, int *prog_fd)
{
	struct xdp_variant *v = &k->xdp[frags];

	if (!v->object && !k->sealed)
		v->err = load_xdp(k, frags, &v->object);
	if (!v->object)
		return v->err ? v->err : -EPERM;
	*prog_fd = bpf_program__fd(bpf_object__find_program_by_name(v->object, "pping_xdp"));
	return 0;
}

void kernel__seal(struct kernel *k)
{
	k->sealed = true;
}

static int load_link(struct kernel *k, enum kernel_link link)
{
	struct bpf_object *object;
	int err;

	if (k->sealed)
		return -EPERM;
	err = open_again(&object);
	if (!err)
		err = select_tc(k, object, link);
	if (!err)
		err = reuse_maps(k, object);
	if (!err)
		err = bpf_object__load(object);
	if (err)
		bpf_object__close(object);
	else
		k->links[link] = object;
	return err;
}

static int program_fd(const struct bpf_object *object, const char *name)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(object, name);
	int fd = prog ? bpf_program__fd(prog) : -1;

	return fd < 0 ? -1 : fd;
}

bool kernel__can_have_programs(const struct kernel *k, enum kernel_link link)
{
	return link == k->link || k->links[link] || !k->sealed;
}

int kernel__programs(struct kernel *k, enum kernel_link link, struct kernel_programs *programs)
{
	const struct bpf_object *object = k->skel->obj;

	if (link != k->link) {
		int err = k->links[link] ? 0 : load_link(k, link);

		if (err)
			return err;
		object = k->links[link];
	}
	programs->egress_fd = program_fd(object, "pping_egress");
	programs->ingress_fd = program_fd(object, "pping_ingress");
	return 0;
}

void kernel__free(struct kernel *k)
{
	if (!k)
		return;
	bpf_object__close(k->xdp[0].object);
	bpf_object__close(k->xdp[1].object);
	if (k->shared)
		munmap(k->shared, sizeof(*k->shared));
	close_prefixes(k);
	barrier__close(&k->barrier);
	for (int i = 0; i < KERNEL_LINKS; i++)
		bpf_object__close(k->links[i]);
	pping_kern__destroy(k->skel);
	free(k->per_cpu);
	free(k->pressure);
	free(k);
}

const struct bpf_program *kernel__clean_program(const struct kernel *k)
{
	return k->skel->progs.pping_clean;
}

int kernel__events_fd(const struct kernel *k)
{
	return bpf_map__fd(k->skel->maps.events);
}

int kernel__flows_fd(const struct kernel *k)
{
	return bpf_map__fd(k->skel->maps.flows);
}

int kernel__cleanup_fd(const struct kernel *k)
{
	return bpf_map__fd(k->skel->maps.cleanup);
}

void kernel__tick(struct kernel *k)
{
	/* one writer; programs read it whole */
	__atomic_store_n(&k->shared->epoch, k->shared->epoch + 1, __ATOMIC_RELAXED);
}

void kernel__set_pressed(struct kernel *k, bool pressed)
{
	/* we are its only writer; all CPUs read the line it stands in with each packet */
	if (k->shared->pressed != pressed)
		__atomic_store_n(&k->shared->pressed, pressed, __ATOMIC_RELAXED);
}

/* Flows that asked before ask again. */
static void local_set_changed(struct kernel *k)
{
	__atomic_store_n(&k->shared->local_generation, k->shared->local_generation + 1,
			 __ATOMIC_RELAXED);
}

int kernel__add_local(struct kernel *k, const union pping_addr *addr)
{
	__u8 yes = 1;
	int err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.local_addrs), addr, &yes, BPF_ANY);

	local_set_changed(k);
	return err;
}

int kernel__remove_local(struct kernel *k, const union pping_addr *addr)
{
	int err = bpf_map_delete_elem(bpf_map__fd(k->skel->maps.local_addrs), addr);

	local_set_changed(k);
	return err;
}

void kernel__count_untaken(struct kernel *k)
{
	k->untaken++;
}

/* --- counters --- */

static void add_counters(struct pping_counters *sum, const struct pping_counters *c)
{
	for (int i = 0; i < PPING_COUNTERS; i++)
		sum->n[i] += c->n[i];
}

int kernel__counters_of(const struct kernel *k, uint32_t number, struct pping_counters *sum)
{
	int err = bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.counters), &number, k->per_cpu);

	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < k->cpus && !err; cpu++)
		add_counters(sum, &k->per_cpu[cpu]);
	return err;
}

int kernel__counters(const struct kernel *k, struct pping_counters *sum)
{
	struct pping_counters of;

	*sum = k->retired;
	sum->n[PPING_COUNT_LOST_UNTAKEN] += k->untaken;
	for (uint32_t number = 0; number <= k->highest; number++) {
		int err = kernel__counters_of(k, number, &of);

		if (err)
			return err;
		add_counters(sum, &of);
	}
	return 0;
}

int kernel__new_flows(const struct kernel *k, uint64_t *sum)
{
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.pressure), &zero, k->pressure);

	*sum = 0;
	for (int cpu = 0; cpu < k->cpus && !err; cpu++)
		*sum += k->pressure[cpu].total;
	return err;
}

int kernel__retire_number(struct kernel *k, uint32_t number)
{
	struct pping_counters last;
	int err = kernel__counters_of(k, number, &last);

	if (err)
		return err;
	memset(k->per_cpu, 0, k->cpus * sizeof(*k->per_cpu));
	err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.counters), &number, k->per_cpu,
				  BPF_ANY);
	if (!err)
		add_counters(&k->retired, &last);
	return err;
}

int kernel__set_number(struct kernel *k, int ifindex, uint32_t number)
{
	int fd = bpf_map__fd(k->skel->maps.numbers), err;
	__u32 index = ifindex & PPING_IFINDEX_MASK, high = (__u32)ifindex >> PPING_IFINDEX_BITS;
	__u32 word = number ? high << PPING_IFINDEX_BITS | number : 0, old;

	if (!k->numbers)
		return 0;
	err = bpf_map_lookup_elem(fd, &index, &old);
	if (err)
		return err;
	if (old && old >> PPING_IFINDEX_BITS != high)
		return number ? -EEXIST : 0;
	if (number > k->highest)
		k->highest = number;
	return bpf_map_update_elem(fd, &index, &word, BPF_ANY);
}
