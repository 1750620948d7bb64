/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --include and --exclude: whether anything may be kept of a packet. Asked before
 * a flow, a prefix or a tag of it enters a table. A flow that is there was let in,
 * by the generation of rules that its state names: only when these have changed
 * since is it asked about again.
 *
 * The host sees to it that a generation's rules stay as they are until no packet
 * is judged by them any more.
 */
#ifndef ENGINE_RULES_H
#define ENGINE_RULES_H

#include "engine/flow.h"

/* Was the flow with this state let in by that generation? */
static __always_inline int rules_let_in(__u32 state, __u32 generation)
{
	return state >> PPING_STATE_RULES_SHIFT == (generation & (~0U >> PPING_STATE_RULES_SHIFT));
}

/* A state as of that generation. */
static __always_inline __u32 rules_renew(__u32 state, __u32 generation)
{
	return (state & ((1U << PPING_STATE_RULES_SHIFT) - 1)) | generation
									 << PPING_STATE_RULES_SHIFT;
}

/* Each end of t is asked about. Only TCP has ports that a rule may name. */
static __noinline int rules_exclude(struct host *h, const struct pping_tuple *t, __u32 generation)
{
	struct pping_rule_key key = { .prefix_len = PPING_RULE_KEY_BITS };
	__u32 rules;

	key.addr = t->saddr;
	rules = host__rules(h, generation, &key);
	if (rules & PPING_RULE_EXCLUDED)
		return 1;
	key.addr = t->daddr;
	rules |= host__rules(h, generation, &key);
	if (rules & PPING_RULE_PORTS && !(rules & PPING_RULE_EXCLUDED) &&
	    t->protocol == IPPROTO_TCP) {
		key.port = t->dport;
		rules |= host__rules(h, generation, &key);
		key.addr = t->saddr;
		key.port = t->sport;
		rules |= host__rules(h, generation, &key);
	}
	return pping_rules_exclude(rules);
}

/* Of its own, for the stack's sake: what it needs there goes before much else is needed. */
static __noinline int rules_exclude_packet(struct host *h, const struct packet *p)
{
	struct pping_tuple t = {
		.saddr = p->saddr,
		.daddr = p->daddr,
		.sport = p->sport,
		.dport = p->dport,
		.protocol = p->protocol,
	};

	return rules_exclude(h, &t, p->rules);
}

#endif /* ENGINE_RULES_H */
