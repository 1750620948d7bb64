// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Floods of flows that nobody answers, random ones and such as are crafted
 * against the tables by somebody who knows all of the code and none of the keys.
 */

#include <netinet/in.h>

/* What the attacker computes with: the engine's own functions, under keys of his own. */
#define config engine_config
#include "src/engine_host.c"
#undef config

#include "scenario.h"

/* --- flows ---------------------------------------------------------------------------- */

/* A frame of flow number i between STRANGER and SERVER, any of 2^32. */
static struct frame stranger(const struct packet_spec *s, __u32 i)
{
	struct packet_spec mine = *s;
	struct frame f;

	mine.sport = 0x8000 | (i & 0x7fff);
	mine.dport = 1 + (i >> 15 & 0x7fff);
	frame_build(&f, &mine);
	f.b[f.ip + (spec_ip(s) == 4 ? 13 : 23)] = i >> 30;
	return f;
}

static void inject(struct engine *e, const struct frame *f)
{
	__u32 retval = 0;

	CHECK_INT(engine_test_run(e, TC_INGRESS, f, 1, NULL, &retval), 0);
	CHECK_INT((int)retval, (int)engine_passes(TC_INGRESS));
	e->packets++;
}

/* Some numbers of one run are those of the next, but no two flows of one are the same. */
static __u32 scatter(__u32 i)
{
	return i * 0x9e3779b1;
}

#define REAL 64

static void begin(struct engine *e, int ip)
{
	for (int i = 0; i < REAL; i++) {
		struct packet_spec s = syn(CLIENT, SERVER, 1000, .sport = 2000 + i, .ip = ip);

		engine__inject(e, TC_EGRESS, &s);
	}
}

/* How many of them are known by their first answer. */
static __u64 answered(struct engine *e, int ip)
{
	for (int i = 0; i < REAL; i++) {
		struct packet_spec s =
			synack(SERVER, CLIENT, 5000, 1000, .dport = 2000 + i, .ip = ip);

		engine__inject(e, TC_INGRESS, &s);
	}
	return engine__counters(e).n[PPING_COUNT_FLOWS_OPENED];
}

/* --- the door --------------------------------------------------------------------------- */

static const struct pping_config pressed = { EVERYTHING, .pressure_limit = 10 };

/* More new flows than the limit, in the window that the test's time stands in. */
static void press(struct engine *e)
{
	struct packet_spec s = syn(STRANGER, SERVER, 1, .ip = 4);

	for (int i = 0; i < 100; i++) {
		struct frame f = stranger(&s, i);

		inject(e, &f);
	}
}

/* 300 ms of path at a million new flows a second. */
static void a_flood_between_syn_and_answer(void)
{
	for (int ip = 4; bpf_ready() && ip <= 6; ip += 2) {
		struct packet_spec s = data(STRANGER, SERVER, 1, 1, .ip = ip);
		struct engine *e = engine__open(&pressed);

		if (!e)
			return;
		press(e);
		begin(e, ip);
		for (int i = 0; i < 300000; i++) {
			struct frame f = stranger(&s, scatter(i + 1000));

			inject(e, &f);
		}
		CHECK_INT(engine__counters(e).n[PPING_COUNT_FLOWS_OPENED], 0);
		CHECK_INT(answered(e, ip), REAL);
		CHECK(engine__counters(e).n[PPING_COUNT_FLOWS_PUT_OFF] >= 300000);
		perf_buffer__consume(e->buffer);
		CHECK_INT(e->events, REAL);
		engine__check_verdicts(e);
	}
}

/* A spoofer that sends each packet twice, or a router that is watched on both sides: still nobody answered. */
static void a_flood_of_pairs(void)
{
	for (int ip = 4; bpf_ready() && ip <= 6; ip += 2) {
		struct packet_spec s = data(STRANGER, SERVER, 1, 1, .ip = ip);
		struct engine *e = engine__open(&pressed);
		__u64 before;

		if (!e)
			return;
		press(e);
		before = engine__counters(e).n[PPING_COUNT_FLOWS_CREATED];
		begin(e, ip);
		for (int i = 0; i < 1000; i++) {
			struct frame f = stranger(&s, scatter(i + 1000));

			inject(e, &f);
			inject(e, &f);
		}
		CHECK_INT(engine__counters(e).n[PPING_COUNT_FLOWS_CREATED], before);
		CHECK_INT(answered(e, ip), REAL);
	}
}

/* However many packets a second it has: once the flood is over a new flow has its entry at once. */
static void a_fast_one_way_flow_is_no_flood(void)
{
	struct packet_spec one_way = data(STRANGER, SERVER, 1, 1), s = syn(CLIENT, SERVER, 1);
	struct engine *e = bpf_ready() ? engine__open(&pressed) : NULL;
	__u32 before;

	if (!e)
		return;
	press(e);
	for (int i = 0; i < 300; i++) {
		engine__set_time(e, MS(i));
		engine__inject(e, TC_INGRESS, &one_way);
	}
	CHECK(engine__counters(e).n[PPING_COUNT_FLOWS_PUT_OFF] < 150);
	before = engine__flows(e, NULL);
	engine__inject(e, TC_EGRESS, &s);
	CHECK_INT(engine__flows(e, NULL), before + 1);
	engine__set_time(e, MS(301));
	s = (struct packet_spec)synack(SERVER, CLIENT, 1, 1);
	engine__inject(e, TC_INGRESS, &s);
	perf_buffer__consume(e->buffer);
	CHECK_INT(e->events, 1);
	CHECK_INT(e->event[0].reason, PPING_REASON_SYN_ACK);
}

/* --- crafted -------------------------------------------------------------------------------- */

/* What an attacker may know: the keys of another run. */
static const struct pping_config known = {
	EVERYTHING,
	.pressure_limit = 10,
	.nh_key = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, { 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 } },
	.spill_seed = { 0x2545f4914f6cdd1dULL, 0x9fb21c651e98df25ULL, 0xd6e8feb86659fd93ULL },
};

static struct pping_config keys_of_a_new_run(void)
{
	struct pping_config c = known;

	CHECK(getrandom(c.nh_key, sizeof(c.nh_key), 0) == sizeof(c.nh_key));
	CHECK(getrandom(c.spill_seed, sizeof(c.spill_seed), 0) == sizeof(c.spill_seed));
	c.spill_seed[1] |= 1;
	c.spill_seed[2] |= 1;
	return c;
}

static __u32 key_of(const struct frame *f, struct pping_flow_key *key)
{
	struct packet p = {};

	packet_parse_fast(f->b, f->b + f->len, &p);
	return flow_key(&p, key);
}

static __u32 door_of(const struct frame *f)
{
	struct pping_flow_key key;

	key_of(f, &key);
	return flow_hash(&key, ~0ULL) & (PPING_DOOR_BUCKETS - 1);
}

/* As many flows as the door's buckets of the real ones have room for, twice, and all for these buckets. */
#define CRAFTED (REAL * PPING_DOOR_WAYS * 2)

static void craft_for_the_door(int ip, __u32 flows[CRAFTED])
{
	struct packet_spec s = data(STRANGER, SERVER, 1, 1, .ip = ip);
	static __u8 room[PPING_DOOR_BUCKETS];
	int n = 0;

	engine_config = known;
	memset(room, 0, sizeof(room));
	for (int i = 0; i < REAL; i++) {
		struct packet_spec real = syn(CLIENT, SERVER, 1, .sport = 2000 + i, .ip = ip);
		struct frame f;

		frame_build(&f, &real);
		room[door_of(&f)] += PPING_DOOR_WAYS * 2;
	}
	for (__u32 i = 1000; n < CRAFTED && i < 200u << 20; i++) {
		struct frame f = stranger(&s, i);
		__u32 bucket = door_of(&f);

		if (!room[bucket])
			continue;
		room[bucket]--;
		flows[n++] = i;
	}
	CHECK_INT(n, CRAFTED);
}

/* How many of the real flows are known by their first answer, with these flows before it. */
static __u64 survivors(const struct pping_config *keys, int ip, const __u32 flows[CRAFTED])
{
	struct packet_spec s = data(STRANGER, SERVER, 1, 1, .ip = ip);
	struct engine *e = engine__open(keys);

	if (!e)
		return 0;
	press(e);
	begin(e, ip);
	for (int i = 0; i < CRAFTED; i++) {
		struct frame f = stranger(&s, flows[i]);

		inject(e, &f);
	}
	return answered(e, ip);
}

static void crafted_for_the_door(void)
{
	static __u32 crafted[CRAFTED], random[CRAFTED];
	struct pping_config unknown;

	if (!bpf_ready())
		return;
	unknown = keys_of_a_new_run();
	for (int i = 0; i < CRAFTED; i++)
		random[i] = scatter(i + 1000);
	for (int ip = 4; ip <= 6; ip += 2) {
		craft_for_the_door(ip, crafted);
		/* crafted well: where the keys are known nobody is left */
		CHECK(survivors(&known, ip, crafted) <= REAL / 16);
		CHECK_INT(survivors(&known, ip, random), REAL);
		CHECK_INT(survivors(&unknown, ip, crafted), REAL);
	}
}

#define SPILLED 32

/* Identifiers of a stranger's flow, in the buckets of the real flow's: more than their ways. */
#define AIMED (SPILLED * PPING_SPILL_WAYS * 2)

static __u32 spill_bucket_of(const struct packet_spec *s, __u32 id)
{
	struct pping_flow_key key;
	struct frame f;
	__u32 dir;

	frame_build(&f, s);
	dir = key_of(&f, &key);
	return spill_place(&key, dir, id).index;
}

static void craft_for_the_spill_table(const struct packet_spec *mine, const struct packet_spec *his,
				      __u32 ids[AIMED])
{
	static __u8 room[PPING_SPILL_BUCKETS];
	struct pping_flow_key key;
	struct frame f;
	int n = 0;
	__u32 dir;

	engine_config = known;
	memset(room, 0, sizeof(room));
	for (int i = PPING_SLOTS; i < PPING_SLOTS + SPILLED; i++)
		room[spill_bucket_of(mine, 1001 + i)] += PPING_SPILL_WAYS * 2;
	frame_build(&f, his);
	dir = key_of(&f, &key);
	for (__u32 id = 2000; n < AIMED && id < 200u << 20; id++) {
		__u32 bucket = spill_place(&key, dir, id).index;

		if (!room[bucket])
			continue;
		room[bucket]--;
		ids[n++] = id;
	}
	CHECK_INT(n, AIMED);
}

/* The RTTs of the real flow, with a stranger's identifiers between its own and their answers. */
static __u64 spilled_rtts(const struct pping_config *keys, const struct packet_spec *mine,
			  const struct packet_spec *his, const __u32 ids[AIMED])
{
	struct packet_spec first = ack(CLIENT, SERVER, 1000, 5000), s;
	struct engine *e = engine__open(keys);

	if (!e)
		return 0;
	engine__inject(e, TC_EGRESS, &first);
	for (int i = 0; i < PPING_SLOTS + SPILLED; i++) {
		engine__set_time(e, MS(i + 1));
		s = *mine;
		s.tsval = 1001 + i;
		engine__inject(e, TC_EGRESS, &s);
	}
	s = *his;
	for (__u32 i = 1990; i < 1990 + PPING_SLOTS + 1; i++) { /* its own slots are full */
		s.tsval = i;
		engine__inject(e, TC_INGRESS, &s);
	}
	for (int i = 0; i < AIMED; i++) {
		engine__set_time(e, MS(100) + i * 1000);
		s.tsval = ids[i];
		engine__inject(e, TC_INGRESS, &s);
	}
	engine__set_time(e, MS(300));
	for (int i = 0; i < PPING_SLOTS + SPILLED; i++) {
		s = (struct packet_spec)ack(SERVER, CLIENT, 5000, 1001 + i);
		engine__inject(e, TC_INGRESS, &s);
	}
	return engine__counters(e).n[PPING_COUNT_RTTS];
}

static void crafted_for_the_spill_table(void)
{
	static const struct packet_spec mine = data(CLIENT, SERVER, 0, 5000);
	static const struct packet_spec his = data(STRANGER, SERVER, 0, 1);
	static __u32 crafted[AIMED], ordinary[AIMED];
	struct pping_config unknown;

	if (!bpf_ready())
		return;
	unknown = keys_of_a_new_run();
	for (int i = 0; i < AIMED; i++)
		ordinary[i] = 2000 + i;
	craft_for_the_spill_table(&mine, &his, crafted);
	CHECK(spilled_rtts(&known, &mine, &his, crafted) <= PPING_SLOTS + SPILLED / 16);
	CHECK_INT(spilled_rtts(&known, &mine, &his, ordinary), PPING_SLOTS + SPILLED);
	CHECK_INT(spilled_rtts(&unknown, &mine, &his, crafted), PPING_SLOTS + SPILLED);
}

/* Flows whose source addresses differ in two bytes only, all others of them 0. */
static void flows_of_addresses(int at)
{
	struct packet_spec s = syn(STRANGER, SERVER, 1, .ip = 6);
	struct pping_config unknown = keys_of_a_new_run();
	struct engine *e = engine__open(&unknown);
	struct frame f;

	if (!e)
		return;
	frame_build(&f, &s);
	memset(f.b + f.ip + 8, 0, 16);
	for (int i = 1; i <= 1000; i++) {
		engine__set_time(e, SECONDS(i)); /* below the limit of new flows */
		f.b[f.ip + 8 + at] = i >> 8;
		f.b[f.ip + 8 + at + 1] = i;
		inject(e, &f);
	}
	CHECK_INT(engine__flows(e, NULL), 1000);
}

/* A factor of NH that is 0 takes the other one out of the sum: without a key these were one flow. */
static void crafted_for_the_ipv6_key(void)
{
	for (int at = 0; bpf_ready() && at < 16; at += 2)
		flows_of_addresses(at);
}

/*
 * Flows as a flood without imagination numbers them, against random ones: the flow
 * table gives up no more of the real ones, which carry a packet now and then.
 */
static __u64 rtts_after(const struct pping_config *keys, __u32 (*number)(__u32 i))
{
	struct packet_spec flood = data(STRANGER, SERVER, 1, 1), s;
	struct engine *e = engine__open(keys);

	if (!e)
		return 0;
	begin(e, 4);
	answered(e, 4);
	for (__u32 i = 0; i < 30000; i++) {
		struct frame f = stranger(&flood, number(i));

		inject(e, &f);
		s = (struct packet_spec)ack(CLIENT, SERVER, 1001, 5000,
					    .sport = 2000 + i / 8 % REAL);
		if (i % 8 == 0)
			engine__inject(e, TC_EGRESS, &s);
	}
	for (int i = 0; i < REAL; i++) {
		s = (struct packet_spec)data(CLIENT, SERVER, 1050, 5000, .sport = 2000 + i);
		engine__inject(e, TC_EGRESS, &s);
		engine__set_time(e, MS(1 + i));
		s = (struct packet_spec)ack(SERVER, CLIENT, 5050, 1050, .dport = 2000 + i);
		engine__inject(e, TC_INGRESS, &s);
	}
	return engine__counters(e).n[PPING_COUNT_RTTS];
}

static __u32 one_after_the_other(__u32 i)
{
	return i;
}

static __u32 alike_in_their_low_bits(__u32 i)
{
	return i << 17 | i >> 15;
}

static __u32 alike_in_their_high_bits(__u32 i)
{
	return i << 1;
}

static void structured_like_random(void)
{
	struct pping_config keys;

	if (!bpf_ready())
		return;
	keys = keys_of_a_new_run();
	keys.pressure_limit = 0; /* all of them enter the flow table */
	CHECK(rtts_after(&keys, scatter) >= REAL - 1);
	CHECK(rtts_after(&keys, one_after_the_other) >= REAL - 1);
	CHECK(rtts_after(&keys, alike_in_their_low_bits) >= REAL - 1);
	CHECK(rtts_after(&keys, alike_in_their_high_bits) >= REAL - 1);
}

/* --- eviction --------------------------------------------------------------------------------- */

/*
 * An evicted flow says nothing: its closing is not announced. If it goes on it is
 * opened anew, and then closed once.
 */
static void an_evicted_flow_comes_back(void)
{
	static const struct pping_config unpressed = { EVERYTHING };
	static const struct packet_spec step[] = {
		syn(CLIENT, SERVER, 1000),
		synack(SERVER, CLIENT, 5000, 1000),
		ack(CLIENT, SERVER, 1020, 5000),
	};
	static const struct packet_spec later[] = {
		data(CLIENT, SERVER, 1030, 5000), ack(SERVER, CLIENT, 5050, 1030),
		data(CLIENT, SERVER, 1040, 5050), ack(SERVER, CLIENT, 5060, 1040),
		rst(CLIENT, SERVER, 1050, 5060),
	};
	struct packet_spec flood = syn(STRANGER, SERVER, 1);
	struct engine *e = bpf_ready() ? engine__open(&unpressed) : NULL;
	struct pping_counters c;
	__u32 present;

	if (!e)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(step); i++)
		engine__inject(e, TC_EGRESS, &step[i]);
	for (int i = 0; i < 5 * ENGINE_FLOWS; i++) {
		struct frame f = stranger(&flood, i);

		inject(e, &f);
	}
	perf_buffer__consume(e->buffer);
	CHECK_INT(e->events, 1); /* its opening */
	present = engine__flows(e, NULL);
	c = engine__counters(e);
	CHECK(present <= ENGINE_FLOWS);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_CREATED], 5 * ENGINE_FLOWS + 1);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_REMOVED], 0);
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		engine__set_time(e, MS(10 + i));
		engine__inject(e, TC_EGRESS, &later[i]);
	}
	perf_buffer__consume(e->buffer);
	CHECK_INT(e->events, 4);
	CHECK(e->event[1].flow_event == PPING_FLOW_OPENING &&
	      e->event[1].reason == PPING_REASON_FIRST_PACKET);
	CHECK_INT(e->event[2].type, PPING_EVENT_RTT);
	CHECK(e->event[3].flow_event == PPING_FLOW_CLOSING &&
	      e->event[3].reason == PPING_REASON_RST);
	/* what it had outstanding went with its entry */
	CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS], 1);
}

int main(void)
{
	CASE(a_flood_between_syn_and_answer);
	CASE(a_flood_of_pairs);
	CASE(a_fast_one_way_flow_is_no_flood);
	CASE(crafted_for_the_door);
	CASE(crafted_for_the_spill_table);
	CASE(crafted_for_the_ipv6_key);
	CASE(structured_like_random);
	CASE(an_evicted_flow_comes_back);
	return TEST_EXIT();
}
