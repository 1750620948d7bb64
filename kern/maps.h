/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs read and keep: their configuration and their maps. */
#ifndef KERN_MAPS_H
#define KERN_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "pping.h"
#include "pping_debug_cleanup.h"

const volatile struct pping_config config;
struct pping_shared shared SEC(".data.shared");

/*
 * struct pping_flow_key -> struct pping_flow, the latter without its counters
 * unless they are asked for (the size is set before loading, so there is no BTF
 * type). An LRU table gives up idle and one-way entries first, and is never full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(key_size, sizeof(struct pping_flow_key));
	__uint(value_size, PPING_FLOW_SIZE);
	__uint(max_entries, 131072);
} flows SEC(".maps");

/* Mapped memory begins on a page: buckets stand on cache lines. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_spill_bucket);
	__uint(max_entries, PPING_SPILL_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
} spill SEC(".maps");

/* Tags of flows that wait at the door under pressure, see flow_admit(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_door);
	__uint(max_entries, PPING_DOOR_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
} door SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_pressure);
	__uint(max_entries, 1);
} pressure SEC(".maps");

/* Where a new entry is prepared. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_flow);
	__uint(max_entries, 1);
} blank SEC(".maps");

/*
 * What --include and --exclude say of prefixes: two tables, of which one holds,
 * see struct pping_shared. Their size is set before loading.
 */
struct rules_table {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(key_size, sizeof(struct pping_rule_key));
	__uint(value_size, sizeof(__u32)); /* PPING_RULE_ bits */
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
};
struct rules_table rules_0 SEC(".maps");
struct rules_table rules_1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, union pping_addr);
	__type(value, __u8);
	__uint(max_entries, PPING_MAX_LOCAL_ADDRS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} local_addrs SEC(".maps");

/*
 * With --aggregate; their sizes are set before loading, one entry each without.
 * Prefixes' places: an index into the two arrays below, which userspace maps.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct pping_prefix_key);
	__type(value, __u64); /* {tag : 32, place : 32} */
	__uint(max_entries, 1);
} prefixes SEC(".maps");

/*
 * Where a prefix was found last, by a hash of it: a guess that its counters'
 * key confirms or not. Three array look-ups in a row are faster than one in a
 * hash map.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} prefix_hints SEC(".maps");

/* Places nobody has. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, 1);
} prefix_places SEC(".maps");

/* Shard after shard, config.max_prefixes in each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_prefix);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
} prefix_packets SEC(".maps");

/* Two halves of config.max_prefixes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_rtts);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
} prefix_rtts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* By the interface's number; one entry unless config.several. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_counters);
	__uint(max_entries, 1);
} counters SEC(".maps");

/*
 * With config.several: PPING_IFINDEX_MASK + 1 entries, see there. An array, because
 * every packet asks.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} numbers SEC(".maps");

/* With config.several and config.aggregate: PPING_ARRIVAL_BUCKETS entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_arrivals);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
} arrivals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct pping_cleanup);
	__uint(max_entries, 1);
} cleanup SEC(".maps");

#endif /* KERN_MAPS_H */
