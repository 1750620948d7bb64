// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "barrier.h"
#include "bpf_error.h"
#include "kernel.h"
#include "kernel_counters.h"
#include "kernel_prefixes.h"
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
	struct pping_shared *shared;
	struct kernel_counters counters;
	const struct rules *first_rules; /* until it is loaded */
	struct barrier barrier;
	struct rule_tables rules;
	struct kernel_prefixes prefixes; /* with --aggregate */
};

bool kernel__is_older(int major, int minor)
{
	struct utsname uts;
	int has_major, has_minor;

	if (uname(&uts) || sscanf(uts.release, "%d.%d", &has_major, &has_minor) != 2)
		return false;
	return has_major < major || (has_major == major && has_minor < minor);
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
	config->rules = rules__kind(set->rules);
	config->several = set->numbers > 0;
	configure_link(config, set->link);
}

static int configure_prefixes(struct kernel *k, const struct options *opts)
{
	const struct kernel_prefixes_maps maps = {
		.prefixes = k->skel->maps.prefixes,
		.places = k->skel->maps.prefix_places,
		.hints = k->skel->maps.prefix_hints,
		.packets = k->skel->maps.prefix_packets,
		.rtts = k->skel->maps.prefix_rtts,
	};

	return kernel_prefixes__configure(&k->prefixes, &maps, opts->max_prefixes, k->counters.cpus,
					  &k->config);
}

static int configure_numbers(struct kernel *k)
{
	int err;

	if (!k->numbers)
		return 0;
	err = bpf_map__set_max_entries(k->skel->maps.counters, k->numbers);
	if (!err && k->config.aggregate)
		err = bpf_map__set_max_entries(k->skel->maps.arrivals, PPING_ARRIVAL_BUCKETS);
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
	int err, cpus;

	if (!k)
		return -ENOMEM;
	k->barrier.fd = -1;
	k->first_rules = settings->rules;
	k->link = settings->link;
	k->numbers = settings->numbers;
	bpf_error__listen();
	cpus = libbpf_num_possible_cpus();
	err = cpus < 0 ? cpus : kernel_counters__init(&k->counters, cpus);
	if (!err) {
		k->skel = pping_kern__open();
		err = k->skel ? configure_object(k, settings) : -errno;
	}
	if (err) {
		bpf_error__explain(err, "can't prepare the BPF programs");
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

void kernel__prefixes(struct kernel *k, struct aggregate_tables *tables)
{
	kernel_prefixes__tables(&k->prefixes, tables);
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

static void open_counters(struct kernel *k)
{
	k->counters.fd = bpf_map__fd(k->skel->maps.counters);
	k->counters.pressure_fd = bpf_map__fd(k->skel->maps.pressure);
}

int kernel__load(struct kernel *k)
{
	int err = pping_kern__load(k->skel);

	if (!err)
		err = share(k);
	if (!err)
		open_counters(k);
	if (!err && (k->config.aggregate || k->config.rules))
		err = barrier__open(&k->barrier, bpf_map__fd(k->skel->maps.cleanup));
	if (!err && k->config.rules)
		err = open_rules(k);
	if (!err && k->config.aggregate)
		err = kernel_prefixes__open(&k->prefixes, &k->shared->half, &k->barrier);
	if (err)
		bpf_error__explain(err, "can't load the BPF programs");
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
	config.loopback_ifindex = 1; /* in each network namespace */
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

	bpf_error__listen();
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
	kernel_prefixes__close(&k->prefixes);
	barrier__close(&k->barrier);
	for (int i = 0; i < KERNEL_LINKS; i++)
		bpf_object__close(k->links[i]);
	pping_kern__destroy(k->skel);
	kernel_counters__free(&k->counters);
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
	kernel_counters__count_untaken(&k->counters);
}

int kernel__counters_of(const struct kernel *k, uint32_t number, struct pping_counters *sum)
{
	return kernel_counters__of(&k->counters, number, sum);
}

int kernel__counters(const struct kernel *k, struct pping_counters *sum)
{
	return kernel_counters__sum(&k->counters, sum);
}

int kernel__new_flows(const struct kernel *k, uint64_t *sum)
{
	return kernel_counters__new_flows(&k->counters, sum);
}

int kernel__retire_number(struct kernel *k, uint32_t number)
{
	return kernel_counters__retire(&k->counters, number);
}

int kernel__can_number(const struct kernel *k, int ifindex)
{
	__u32 index = ifindex & PPING_IFINDEX_MASK, high = (__u32)ifindex >> PPING_IFINDEX_BITS;
	__u32 word;
	int err;

	if (!k->numbers)
		return 0;
	err = bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.numbers), &index, &word);
	if (err)
		return err;
	return word && word >> PPING_IFINDEX_BITS != high ? -EEXIST : 0;
}

int kernel__set_number(struct kernel *k, int ifindex, uint32_t number)
{
	__u32 index = ifindex & PPING_IFINDEX_MASK, high = (__u32)ifindex >> PPING_IFINDEX_BITS;
	__u32 word = number ? high << PPING_IFINDEX_BITS | number : 0;
	int err = kernel__can_number(k, ifindex);

	if (err == -EEXIST && !number)
		return 0; /* it has none */
	if (err || !k->numbers)
		return err;
	kernel_counters__use(&k->counters, number);
	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.numbers), &index, &word, BPF_ANY);
}
