// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_prefixes.h"

#include <errno.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

int kernel_prefixes__configure(struct kernel_prefixes *p, const struct kernel_prefixes_maps *maps,
			       uint32_t max_prefixes, int cpus, struct pping_config *config)
{
	struct aggregate_tables *t = &p->tables;
	uint32_t hints = 1;
	int err;

	p->maps = *maps;
	while (hints < 2 * max_prefixes)
		hints *= 2;
	config->prefix_hint_mask = hints - 1;
	t->places = max_prefixes + PPING_PREFIX_FIRST;
	t->shards = 1;
	while (t->shards < (uint32_t)cpus && t->shards < PPING_PREFIX_SHARDS_MAX)
		t->shards *= 2;
	config->prefix_private = t->shards >= (uint32_t)cpus;
	config->max_prefixes = t->places;
	config->prefix_shard_mask = t->shards - 1;
	err = bpf_map__set_max_entries(maps->prefixes, max_prefixes);
	if (!err)
		err = bpf_map__set_max_entries(maps->places, max_prefixes);
	if (!err)
		err = bpf_map__set_max_entries(maps->hints, hints);
	if (!err)
		err = bpf_map__set_max_entries(maps->packets, t->places * t->shards);
	if (!err)
		err = bpf_map__set_max_entries(maps->rtts, t->places * 2);
	return err;
}

static int turn_prefixes(void *ctx, uint32_t half)
{
	struct kernel_prefixes *p = ctx;

	__atomic_store_n(p->half, half, __ATOMIC_SEQ_CST);
	return barrier__wait(p->barrier);
}

static bool forget_prefix(void *ctx, const struct pping_prefix_key *key, uint32_t place)
{
	struct kernel_prefixes *p = ctx;
	int fd = bpf_map__fd(p->maps.prefixes);
	__u64 word;

	return !bpf_map_lookup_elem(fd, key, &word) && (__u32)word == place &&
	       !bpf_map_delete_elem(fd, key);
}

static void release_place(void *ctx, uint32_t place)
{
	struct kernel_prefixes *p = ctx;

	/* never fails: the queue has room for all places */
	bpf_map_update_elem(bpf_map__fd(p->maps.places), NULL, &place, BPF_ANY);
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

int kernel_prefixes__open(struct kernel_prefixes *p, uint32_t *half, const struct barrier *barrier)
{
	struct aggregate_tables *t = &p->tables;

	p->half = half;
	p->barrier = barrier;
	t->packets = map_array(p->maps.packets, packets_size(t));
	if (!t->packets)
		return -errno;
	t->rtts = map_array(p->maps.rtts, rtts_size(t));
	if (!t->rtts)
		return -errno;
	for (uint32_t i = PPING_PREFIX_FIRST; i < t->places; i++)
		release_place(p, i);
	return 0;
}

void kernel_prefixes__close(struct kernel_prefixes *p)
{
	struct aggregate_tables *t = &p->tables;

	if (t->packets)
		munmap(t->packets, packets_size(t));
	if (t->rtts)
		munmap(t->rtts, rtts_size(t));
}

void kernel_prefixes__tables(struct kernel_prefixes *p, struct aggregate_tables *tables)
{
	*tables = p->tables;
	tables->ctx = p;
	tables->turn = turn_prefixes;
	tables->forget = forget_prefix;
	tables->release = release_place;
}
