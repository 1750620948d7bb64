// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf_error.h"
#include "clock.h"
#include "kernel.h"
#include "mapclean.h"

/* Records read in one piece before other work gets its turn. */
#define PIECE_RECORDS 512
/* Between the pieces of a pass there is at least this. */
#define PIECE_MIN_NS (1 * PPING_NS_PER_MS)

/* Each removes what the one before passed over, a hundredth or less; seen were three at most. */
#define MAX_PASSES 16

struct mapclean {
	struct mapclean_settings set;
	struct bpf_link *link; /* the program bound to the map: each pass opens it anew */
	int pass_fd; /* -1: no pass under way */
	struct loop_source *timer;
	uint64_t pass_start_ns;
	struct pping_cleanup before; /* the map's totals when the pass began */
	struct mapclean_report pass, last, total;
};

static int fail(int err, const char *what)
{
	fprintf(stderr, "pping: cleaning: %s: %s\n", what, strerror(-err));
	return err;
}

static int read_totals(const struct mapclean *c, struct pping_cleanup *totals)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(c->set.cleanup_fd, &zero, totals);
}

static int begin_pass(struct mapclean *c)
{
	int err = read_totals(c, &c->before);

	if (err)
		return fail(err, "can't read its counters");
	if (c->set.begins)
		c->set.begins(c->set.ctx);
	c->pass_fd = bpf_iter_create(bpf_link__fd(c->link));
	if (c->pass_fd < 0)
		return fail(-errno, "can't start a pass");
	memset(&c->pass, 0, sizeof(c->pass));
	c->pass.passes = 1;
	c->pass_start_ns = clock__now();
	return 0;
}

static void add_report(struct mapclean_report *sum, const struct mapclean_report *r)
{
	for (int i = 0; i < PPING_CLEANUP_COUNTERS; i++)
		sum->did.n[i] += r->did.n[i];
	sum->runtime_ns += r->runtime_ns;
	if (sum->longest_ns < r->longest_ns)
		sum->longest_ns = r->longest_ns;
	sum->passes += r->passes;
}

static int end_pass(struct mapclean *c)
{
	struct pping_cleanup after;
	int err = read_totals(c, &after);

	close(c->pass_fd);
	c->pass_fd = -1;
	if (err)
		return fail(err, "can't read its counters");
	for (int i = 0; i < PPING_CLEANUP_COUNTERS; i++)
		c->pass.did.n[i] = after.n[i] - c->before.n[i];
	c->last = c->pass;
	add_report(&c->total, &c->pass);
	c->set.passed(c->set.ctx, &c->last);
	return 0;
}

/*
 * Reads on until the iterator's next sign of life. 1: the pass has ended, 0: there
 * is more, or a negative errno. The kernel hands over what it has once that is as
 * much as was asked for: asking for one record makes it return after one.
 */
static int read_piece(struct mapclean *c)
{
	const ssize_t size = pping_event_size(c->set.counters);
	struct pping_event record = {};
	uint64_t start = clock__now(), spent;
	int err = 0, records;

	for (records = 0; records < PIECE_RECORDS; records++) {
		ssize_t len = read(c->pass_fd, &record, size);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (len != size) {
			err = len == 0 ? 1 : len < 0 ? fail(-errno, "can't read") : -EIO;
			break;
		}
		if (record.type == PPING_EVENT_MARK && records)
			break;
		if (record.type != PPING_EVENT_MARK)
			err = c->set.announce(c->set.ctx, &record);
		if (err)
			break;
	}
	spent = clock__now() - start;
	c->pass.runtime_ns += spent;
	if (c->pass.longest_ns < spent)
		c->pass.longest_ns = spent;
	return err;
}

/* A full table's pieces fill the interval. */
static uint64_t piece_interval(const struct mapclean *c)
{
	uint64_t pieces = c->set.max_flows / PPING_CLEANUP_PIECE + 2;
	uint64_t interval = c->set.interval_ns / pieces;

	return interval < PIECE_MIN_NS ? PIECE_MIN_NS : interval;
}

static int on_timer(void *ctx, uint64_t expirations)
{
	struct mapclean *c = ctx;
	uint64_t spent;
	int err = c->pass_fd < 0 ? begin_pass(c) : 0;

	(void)expirations;
	if (!err)
		err = read_piece(c);
	if (err < 0)
		return err;
	if (err == 0)
		return loop__timer_set(c->timer, piece_interval(c));
	err = end_pass(c);
	if (err)
		return err;
	spent = clock__now() - c->pass_start_ns;
	return loop__timer_set(c->timer, spent + PIECE_MIN_NS < c->set.interval_ns
						 ? c->set.interval_ns - spent
						 : PIECE_MIN_NS);
}

static struct bpf_link *bind_to_map(const struct bpf_program *program, int map_fd)
{
	union bpf_iter_link_info info = { .map.map_fd = map_fd };
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info,
			    .link_info_len = sizeof(info));

	return bpf_program__attach_iter(program, &opts);
}

int mapclean__new(struct mapclean **clean, struct loop *loop,
		  const struct mapclean_settings *settings)
{
	struct mapclean *c = calloc(1, sizeof(*c));
	int err = 0;

	if (!c)
		return -ENOMEM;
	c->set = *settings;
	c->pass_fd = -1;
	c->link = bind_to_map(settings->program, settings->flows_fd);
	if (!c->link) {
		err = -errno;
		bpf_error__explain(err, "can't attach the cleaning iterator");
	}
	if (!err && settings->interval_ns)
		err = loop__timer(loop, settings->interval_ns, on_timer, c, &c->timer);
	if (err) {
		mapclean__free(c);
		return err;
	}
	*clean = c;
	return 0;
}

void mapclean__free(struct mapclean *c)
{
	if (!c)
		return;
	loop__remove(c->timer);
	if (c->pass_fd >= 0)
		close(c->pass_fd);
	bpf_link__destroy(c->link);
	free(c);
}

static int finish_pass(struct mapclean *c)
{
	int err = 0;

	while (!err)
		err = read_piece(c);
	return err < 0 ? err : end_pass(c);
}

/*
 * A read goes on at a place in a bucket, not at an entry (bpf_hash_map_seq_find_next()
 * in kernel/bpf/hashtab.c): where the one before has removed something of that bucket, as
 * many others are passed over. A pass that removes nothing has seen all.
 */
int mapclean__run_pass(struct mapclean *c)
{
	/* it may hold a record of a flow that is gone: closing it would lose that */
	int err = c->pass_fd >= 0 ? finish_pass(c) : 0;

	for (int i = 0; i < MAX_PASSES && !err; i++) {
		err = begin_pass(c);
		if (!err)
			err = finish_pass(c);
		if (!c->last.did.n[PPING_CLEANUP_REMOVED])
			break;
	}
	return err;
}

const struct mapclean_report *mapclean__last(const struct mapclean *c)
{
	return &c->last;
}

const struct mapclean_report *mapclean__total(const struct mapclean *c)
{
	return &c->total;
}
