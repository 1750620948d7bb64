// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule_tables.h"

#include <arpa/inet.h>
#include <errno.h>

#include <bpf/bpf.h>

static struct pping_rule_key rule_key(const struct rules_entry *e)
{
	return (struct pping_rule_key){
		.prefix_len = PPING_RULE_PORT_BITS + e->bits,
		.port = htons(e->port),
		.addr = e->addr,
	};
}

static int fill(int fd, const struct rules *rules)
{
	const struct rules_entry *e;
	size_t count;
	int err = 0;

	e = rules__entries(rules, &count);
	for (size_t i = 0; i < count && !err; i++) {
		struct pping_rule_key key = rule_key(&e[i]);
		__u32 says = e[i].rules;

		err = bpf_map_update_elem(fd, &key, &says, BPF_ANY);
	}
	return err;
}

/* Takes out what is known to be in it. */
static int clear(int fd, const struct rules *rules)
{
	const struct rules_entry *e;
	size_t count;
	int err = 0;

	e = rules__entries(rules, &count);
	for (size_t i = 0; i < count; i++) {
		struct pping_rule_key key = rule_key(&e[i]);
		int failed = bpf_map_delete_elem(fd, &key);

		if (failed && failed != -ENOENT)
			err = failed;
	}
	return err;
}

/* Takes out whatever is in it. */
static int empty(int fd)
{
	struct pping_rule_key key;
	int err;

	while (!(err = bpf_map_get_next_key(fd, NULL, &key))) {
		err = bpf_map_delete_elem(fd, &key);
		if (err)
			return err;
	}
	return err == -ENOENT ? 0 : err;
}

/*
 * The table that does not hold is empty, unless something failed. Then nobody waited
 * for those who may still read it, either.
 */
static int tidy(struct rule_tables *t, int fd)
{
	int err;

	if (!t->dirty)
		return 0;
	err = barrier__wait(t->barrier);
	if (!err)
		err = empty(fd);
	if (!err)
		t->dirty = false;
	return err;
}

int rule_tables__fill(struct rule_tables *t, const struct rules *rules)
{
	return fill(t->fd[*t->generation & 1], rules);
}

int rule_tables__set(struct rule_tables *t, const struct rules *rules, const struct rules *old)
{
	uint32_t now = *t->generation, next = now + 1;
	int err = tidy(t, t->fd[next & 1]);

	if (err)
		return err;
	/* until all is done: whatever fails below leaves something in one that does not hold */
	t->dirty = true;
	err = fill(t->fd[next & 1], rules);
	if (err)
		return err;
	__atomic_store_n(t->generation, next, __ATOMIC_SEQ_CST);
	err = barrier__wait(t->barrier);
	if (err) {
		/* the old ones' table, by a number of its own: flows that the new ones let in are asked again */
		__atomic_store_n(t->generation, next + 1, __ATOMIC_SEQ_CST);
		return err;
	}
	t->dirty = clear(t->fd[now & 1], old) != 0;
	return 0;
}
