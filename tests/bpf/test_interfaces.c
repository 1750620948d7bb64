// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several interfaces in one flow table: whose number events and counters bear, and
 * that what one of them has counted counts once. Test runs come by the loopback device,
 * ifindex 1.
 */
#include "tests/bpf/harness.h"

#define SEVERAL                                                                                  \
	{                                                                                        \
		.track_tcp = 1, .track_icmp = 1, .include_local = 1, .counters = 1, .several = 1 \
	}

static void number(struct engine *e, __u32 ifindex, __u32 number)
{
	__u32 index = ifindex & PPING_IFINDEX_MASK;
	__u32 word = ifindex >> PPING_IFINDEX_BITS << PPING_IFINDEX_BITS | number;

	CHECK_INT(bpf_map_update_elem(bpf_map__fd(e->skel->maps.numbers), &index, &word, BPF_ANY),
		  0);
}

static void forget(struct engine *e, __u32 ifindex)
{
	__u32 index = ifindex & PPING_IFINDEX_MASK, none = 0;

	bpf_map_update_elem(bpf_map__fd(e->skel->maps.numbers), &index, &none, BPF_ANY);
}

/* Runs it as if it had come by that interface (0: made here). */
static void pass(struct engine *e, enum hook hook, const struct packet_spec *s, __u32 came_by)
{
	struct frame f;
	__u32 retval = 0;

	frame_build(&f, s);
	f.came_by = came_by;
	CHECK_INT(engine_test_run(e, hook, &f, 1, NULL, &retval), 0);
	CHECK_INT((int)retval, (int)engine_passes(hook));
}

static struct engine *open_several(void)
{
	static const struct pping_config config = SEVERAL;
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;

	for (__u32 n = 0; e && n < 8; n++) {
		struct pping_counters *zero =
			calloc(libbpf_num_possible_cpus(), sizeof(struct pping_counters));

		bpf_map_update_elem(bpf_map__fd(e->skel->maps.counters), &n, zero, BPF_ANY);
		forget(e, n);
		free(zero);
	}
	return e;
}

/* One RTT: data leaves, and is answered on ifindex 1 by that hook. */
static void exchange(struct engine *e, enum hook hook, __u32 came_by)
{
	struct packet_spec first = ack(CLIENT, SERVER, 1000, 5000);
	struct packet_spec d = data(CLIENT, SERVER, 1001, 5000),
			   a = ack(SERVER, CLIENT, 5001, 1001);

	pass(e, TC_EGRESS, &first, came_by);
	pass(e, TC_EGRESS, &d, came_by);
	engine__set_time(e, MS(7));
	pass(e, hook, &a, 0);
	perf_buffer__consume(e->buffer);
}

static const struct pping_event *find_rtt(const struct engine *e)
{
	for (int i = 0; i < e->events; i++)
		if (e->event[i].type == PPING_EVENT_RTT)
			return &e->event[i];
	return NULL;
}

static void numbers_are_borne(void)
{
	static const enum hook hooks[] = { TC_INGRESS, XDP };

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		struct engine *e = open_several();
		const struct pping_event *rtt;

		if (!e)
			return;
		number(e, 1, 3);
		exchange(e, hooks[i], 0);
		rtt = find_rtt(e);
		CHECK(rtt != NULL);
		if (rtt) {
			CHECK_INT(rtt->interface, 3);
			CHECK_INT(rtt->rtt, MS(7));
		}
		CHECK_INT(engine__counters_of(e, 3).n[PPING_COUNT_TRACKED], 3);
		CHECK_INT(engine__counters_of(e, 3).n[PPING_COUNT_RTTS], 1);
		CHECK_INT(engine__counters_of(e, 0).n[PPING_COUNT_TRACKED], 0);
	}
}

/* Without a number, and where only the low bits of the ifindex are the same, it is the run's. */
static void without_a_number(void)
{
	for (int other = 0; other < 2; other++) {
		struct engine *e = open_several();
		const struct pping_event *rtt;

		if (!e)
			return;
		if (other)
			number(e, 1 << PPING_IFINDEX_BITS | 1, 3);
		exchange(e, TC_INGRESS, 0);
		rtt = find_rtt(e);
		CHECK(rtt && !rtt->interface);
		CHECK_INT(engine__counters_of(e, 0).n[PPING_COUNT_TRACKED], 3);
		CHECK_INT(engine__counters_of(e, 3).n[PPING_COUNT_TRACKED], 0);
	}
}

/*
 * Of three packets, each 10 bytes longer than the one before, so many arrive and so
 * many then leave: what the flow has of that direction.
 */
static void counted_once(void)
{
	enum { LIKE_6 = 2 << PPING_IFINDEX_BITS | 6, WATCHED = 3 << PPING_IFINDEX_BITS | 7 };
	static const struct {
		__u32 arrive, leave, came_by, packets;
	} rows[] = {
		{ 0, 3, 0, 3 }, /* made here */
		{ 3, 3, 0, 3 }, /* PPP forgets where they came by */
		{ 3, 3, 6, 3 },	      { 3, 3, WATCHED, 3 },
		{ 3, 2, 6, 3 }, /* one was dropped */
		{ 1, 3, 6, 1 }, /* the others before there was an entry */
		{ 0, 3, 6, 3 }, /* under other addresses */
		{ 0, 3, WATCHED, 3 }, { 0, 3, 5, 3 },
		{ 3, 3, 5, 3 }, /* what lies on a watched one */
		{ 3, 3, LIKE_6, 3 },  { 1, 3, 5, 3 }, /* another way */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct engine *e = open_several();
		struct pping_flow flow;
		__u32 bytes = 0;

		if (!e)
			return;
		number(e, 1, 1);
		number(e, 6, 2);
		number(e, WATCHED, 3);
		for (__u32 n = 0; n < rows[i].arrive + rows[i].leave; n++) {
			bool leaves = n >= rows[i].arrive;
			__u32 which = leaves ? n - rows[i].arrive : n;
			struct packet_spec s = data(CLIENT, SERVER, 1000 + which, 5000);

			s.payload = 10 * (which + 1);
			pass(e, leaves ? TC_EGRESS : TC_INGRESS, &s, leaves ? rows[i].came_by : 0);
		}
		CHECK_INT(engine__flows(e, &flow), 1);
		for (__u32 n = 0; n < rows[i].packets; n++)
			bytes += 52 + 10 * (n % 3 + 1);
		if (flow.count[0].packets + flow.count[1].packets != rows[i].packets)
			printf("# row %zu\n", i);
		CHECK_INT(flow.count[0].packets + flow.count[1].packets, rows[i].packets);
		CHECK_INT(flow.count[0].bytes + flow.count[1].bytes, bytes);
		/* each interface has seen what passed it */
		CHECK_INT(engine__counters_of(e, 1).n[PPING_COUNT_TRACKED],
			  rows[i].arrive + rows[i].leave);
	}
}

/* The other direction, which does not arrive, counts where it leaves. */
static void translated(void)
{
	static const __u32 came_by[] = { 5, 6 };

	for (size_t i = 0; i < ARRAY_SIZE(came_by); i++) {
		struct engine *e = open_several();
		const struct pping_event *rtt;
		struct packet_spec first = ack(CLIENT, SERVER, 1000, 5000);
		struct packet_spec d = data(CLIENT, SERVER, 1001, 5000),
				   a = ack(SERVER, CLIENT, 5001, 1001);

		if (!e)
			return;
		number(e, 1, 1);
		number(e, 6, 2);
		pass(e, TC_INGRESS, &first, 0);
		pass(e, TC_INGRESS, &d, 0);
		engine__set_time(e, MS(7));
		pass(e, TC_EGRESS, &a, came_by[i]);
		perf_buffer__consume(e->buffer);
		rtt = find_rtt(e);
		CHECK(rtt != NULL);
		if (rtt) {
			CHECK_INT(rtt->sent.packets, 2);
			CHECK_INT(rtt->rec.packets, 1);
		}
	}
}

/* What arrives was never counted before, whatever the kernel has noted of it. */
static void arrivals_count(void)
{
	struct engine *e = open_several();
	struct packet_spec first = ack(CLIENT, SERVER, 1000, 5000);
	struct pping_flow flow;

	if (!e)
		return;
	number(e, 6, 2);
	pass(e, TC_INGRESS, &first, 6);
	CHECK_INT(engine__flows(e, &flow), 1);
	CHECK_INT(flow.count[0].packets + flow.count[1].packets, 1);
}

int main(void)
{
	CASE(numbers_are_borne);
	CASE(without_a_number);
	CASE(counted_once);
	CASE(translated);
	CASE(arrivals_count);
	return TEST_EXIT();
}
