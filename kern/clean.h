/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cleaning: which of the flows that an iterator passes go, and what is said of them.
 */
#ifndef KERN_CLEAN_H
#define KERN_CLEAN_H

#include "engine/match.h"
#include "kern/host.h"

static __always_inline void cleanup_count(struct pping_cleanup *c, enum pping_cleanup_counter which)
{
	if (config.debug_cleanup)
		c->n[which]++;
}

/* An expired flow's closing is handed over first and the entry deleted only if that worked. */
static __always_inline int announce_timeout(struct seq_file *seq, const struct pping_flow *entry)
{
	struct pping_event e = {};
	struct pping_flow copy, *f = &copy;

	/* an iterator may read its value at constant offsets only */
	__builtin_memcpy(f, entry, PPING_FLOW_SIZE);
	if (config.counters)
		__builtin_memcpy(f->count, entry->count, sizeof(*f) - PPING_FLOW_SIZE);
	engine_opaque(f); /* or clang adds to its address with | */

	e.timestamp = read_clock();
	flow_describe(f, &e, PPING_FLOW_CLOSING, PPING_REASON_TIMEOUT, PPING_TRIGGER_GC);
	if (config.counters)
		flow_add_totals(f, &e);
	return bpf_seq_write(seq, &e, pping_event_size(config.counters));
}

static __always_inline void remove_flow(struct pping_cleanup *c, const struct pping_flow_key *key,
					__u32 state)
{
	struct pping_counters *count;
	__u32 zero = 0;

	if (bpf_map_delete_elem(&flows, key)) {
		cleanup_count(c, PPING_CLEANUP_FAILED);
		return;
	}
	c->n[PPING_CLEANUP_REMOVED]++;
	count = bpf_map_lookup_elem(&counters, &zero);
	if (!count)
		return;
	/* packets interrupt us on this CPU: add in one instruction */
	__sync_fetch_and_add(&count->n[PPING_COUNT_FLOWS_REMOVED], 1);
	if (state & PPING_STATE_CLOSED) {
		cleanup_count(c, PPING_CLEANUP_CLOSED);
	} else if (state & PPING_STATE_REPLIED) {
		cleanup_count(c, PPING_CLEANUP_IDLE);
		__sync_fetch_and_add(&count->n[PPING_COUNT_FLOWS_TIMED_OUT], 1);
	} else {
		cleanup_count(c, PPING_CLEANUP_UNANSWERED);
		__sync_fetch_and_add(&count->n[PPING_COUNT_FLOWS_UNANSWERED], 1);
	}
}

/* The table may have given the entry to another flow, or its flow may have come to life. */
static __always_inline int is_still(const struct pping_flow_key *key, const struct pping_flow *f)
{
	const struct pping_flow *now = bpf_map_lookup_elem(&flows, key);

	return now && now->tag == f->tag && flow_expired(now, *(volatile __u32 *)&shared.epoch);
}

/*
 * The rules have changed since this flow was let in. If they still let it in, its
 * state is made to say so; userspace has seen to it that no packet is judged by
 * the old ones any more, so the state can't be that of another flow that these
 * let in meanwhile.
 */
static __always_inline int rules_drop_flow(const struct pping_flow *f,
					   const struct pping_flow_key *key)
{
	__u32 generation = host__rules_generation(NULL), state = f->state;
	struct pping_tuple t = {
		.saddr = f->dir[0].addr,
		.daddr = f->dir[1].addr,
		.sport = f->port[0],
		.dport = f->port[1],
		.protocol = f->protocol,
	};
	struct pping_flow *now;

	if (rules_let_in(state, generation))
		return 0;
	if (rules_exclude(NULL, &t, generation))
		return 1;
	now = bpf_map_lookup_elem(&flows, key);
	if (now)
		__sync_val_compare_and_swap(&now->state, state, rules_renew(state, generation));
	return 0;
}

#endif /* KERN_CLEAN_H */
