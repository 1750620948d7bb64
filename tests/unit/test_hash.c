// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How the engine's hashes spread flows that are numbered as a flood might number
 * them: over the buckets of the door and of the spill table no worse than random
 * flows, under keys drawn anew in each run. Tuples that are crafted for known
 * keys are in tests/bpf/test_flood.c.
 */
#include <netinet/in.h>
#include <sys/random.h>

/* The functions themselves. */
#define config engine_config
#include "src/engine_host.c"
#undef config

#include "test.h"

#define BUCKETS 65536
_Static_assert(PPING_DOOR_BUCKETS == BUCKETS && PPING_SPILL_BUCKETS == BUCKETS, "one bound");
#define FLOWS (BUCKETS * 4)
/* Chi squared has a mean of BUCKETS and a standard deviation of sqrt(2 * BUCKETS), 362: eight of them. */
#define WORST (BUCKETS + 8 * 362)

struct flow {
	struct packet p;
	__u32 id;
};

static void draw_keys(void)
{
	CHECK(getrandom(engine_config.nh_key, sizeof(engine_config.nh_key), 0) ==
	      sizeof(engine_config.nh_key));
	CHECK(getrandom(engine_config.spill_seed, sizeof(engine_config.spill_seed), 0) ==
	      sizeof(engine_config.spill_seed));
	engine_config.spill_seed[1] |= 1;
	engine_config.spill_seed[2] |= 1;
}

static double chi_squared(const __u32 *count)
{
	double mean = (double)FLOWS / BUCKETS, sum = 0;

	for (int i = 0; i < BUCKETS; i++)
		sum += (count[i] - mean) * (count[i] - mean) / mean;
	return sum;
}

/* --- numberings: flow i of FLOWS ------------------------------------------------------ */

static __u64 scatter(__u64 i)
{
	i = (i ^ i >> 31) * 0xbf58476d1ce4e5b9ULL;
	return i ^ i >> 29;
}

static void at_random(struct flow *f, __u32 i)
{
	f->p.saddr.w[3] = scatter(i + 1);
	f->p.sport = scatter(i) >> 40;
	f->id = scatter(i) >> 20;
}

static void by_address(struct flow *f, __u32 i)
{
	f->p.saddr.w[3] = htonl(0x0a000000 + i);
}

static void by_address_alike_in_low_bits(struct flow *f, __u32 i)
{
	f->p.saddr.w[3] = i << 14;
}

static void by_first_word(struct flow *f, __u32 i)
{
	f->p.saddr.w[0] = htonl(0x20010000 + i);
	f->p.saddr.w[3] = htonl(i); /* IPv4 has no other */
}

static void by_ports(struct flow *f, __u32 i)
{
	f->p.sport = i;
	f->p.dport = i >> 16;
}

static void by_ports_and_address_against_each_other(struct flow *f, __u32 i)
{
	f->p.saddr.w[3] = i;
	f->p.sport = ~i;
	f->p.dport = ~i >> 16;
}

static void by_both_addresses_in_step(struct flow *f, __u32 i)
{
	f->p.saddr.w[3] = 0x01000000 + i;
	f->p.daddr.w[3] = 0x01000000 - i;
}

static void by_swapped_ports(struct flow *f, __u32 i)
{
	__u16 x = i >> 1, y = 40000 + (i >> 17);

	f->p.sport = i & 1 ? x : y;
	f->p.dport = i & 1 ? y : x;
}

static void by_identifier(struct flow *f, __u32 i)
{
	f->id = i;
}

static void by_identifier_alike_in_low_bits(struct flow *f, __u32 i)
{
	f->id = i << 14;
}

/* --- spreading --------------------------------------------------------------------------- */

static const struct numbering {
	const char *name;
	void (*number)(struct flow *f, __u32 i);
	int by_id; /* the flow is the same: the spill table alone tells them apart */
} numberings[] = {
	{ "at random", at_random, 0 },
	{ "by address", by_address, 0 },
	{ "by address, low bits alike", by_address_alike_in_low_bits, 0 },
	{ "by the first word of the address", by_first_word, 0 },
	{ "by ports", by_ports, 0 },
	{ "by ports against the address", by_ports_and_address_against_each_other, 0 },
	{ "by both addresses in step", by_both_addresses_in_step, 0 },
	{ "by ports, swapped by turns", by_swapped_ports, 0 },
	{ "by identifier", by_identifier, 1 },
	{ "by identifier, low bits alike", by_identifier_alike_in_low_bits, 1 },
};

static void spread(const struct numbering *n, int ip)
{
	static __u32 door[BUCKETS], spill[BUCKETS];

	memset(door, 0, sizeof(door));
	memset(spill, 0, sizeof(spill));
	for (__u32 i = 0; i < FLOWS; i++) {
		struct flow f = { .p = { .ip_version = ip,
					 .protocol = IPPROTO_TCP,
					 .flags = PACKET_ID,
					 .sport = 1000,
					 .dport = 80 },
				  .id = 1000 };
		struct pping_flow_key key;
		__u32 dir;

		f.p.saddr.w[3] = htonl(0xc0000201);
		f.p.daddr.w[3] = htonl(0xc0000299);
		n->number(&f, i);
		dir = flow_key(&f.p, &key);
		door[flow_hash(&key, ~0ULL) & (BUCKETS - 1)]++;
		spill[spill_place(&key, dir, f.id).index]++;
	}
	if ((!n->by_id && chi_squared(door) > WORST) || chi_squared(spill) > WORST) {
		printf("# IPv%d %s: chi squared of the door %.0f, of the spill table %.0f\n", ip,
		       n->name, chi_squared(door), chi_squared(spill));
		test_failed_here = 1;
	}
}

static void regular_flows_spread_like_random_ones(void)
{
	for (size_t i = 0; i < sizeof(numberings) / sizeof(numberings[0]); i++) {
		draw_keys();
		spread(&numberings[i], 4);
		spread(&numberings[i], 6);
	}
}

/* --- differences --------------------------------------------------------------------------- */

#define TRIALS 2048

/*
 * Flips a fixed pair of bits of the tuple and of the identifier (i and j, which
 * may be the same) in random flows under random seeds: how often that leaves the
 * bucket of the spill table as it was. A difference that collides more often than
 * by chance would work without knowing the seeds.
 */
static int collisions(int i, int j)
{
	static __u64 state = 88172645463325252ULL;
	int n = 0;

	for (int trial = 0; trial < TRIALS; trial++) {
		struct pping_flow_key key, other;
		__u64 word[6], salt, flipped;

		for (int k = 0; k < 6; k++)
			word[k] = scatter(state += 0x9e3779b97f4a7c15ULL);
		for (int k = 0; k < 3; k++)
			engine_config.spill_seed[k] = word[k] | (k > 0);
		other = key = (struct pping_flow_key){ word[3], word[4] & 0xffffffffffULL };
		salt = flipped = word[5] & 0x1ffffffffULL;
		for (int bit = i, k = 0; k < 2; bit = j, k++) {
			if (bit < 64)
				other.a ^= 1ULL << bit;
			else if (bit < 104)
				other.b ^= 1ULL << (bit - 64);
			else
				flipped ^= 1ULL << (bit - 104);
			if (i == j)
				break;
		}
		n += !((flow_hash(&key, salt) ^ flow_hash(&other, flipped)) & (BUCKETS - 1));
	}
	return n;
}

/* IPv4's keys are the tuple itself: 64 bits of addresses, 40 of protocol and ports, 33 of identifier and direction. */
static void no_difference_collides_whatever_the_seeds(void)
{
	for (int i = 0; i < 64 + 40 + 33; i++)
		for (int j = i; j < 64 + 40 + 33; j++) {
			int n = collisions(i, j);

			/* a 32nd of one is expected */
			if (n < 6)
				continue;
			printf("# bits %d and %d: %d of %d in one bucket\n", i, j, n, TRIALS);
			test_failed_here = 1;
		}
}

/* --- both directions ----------------------------------------------------------------------- */

static void answer(const struct packet *p, struct packet *reply)
{
	*reply = *p;
	reply->saddr = p->daddr;
	reply->daddr = p->saddr;
	reply->sport = p->dport;
	reply->dport = p->sport;
	reply->flags = p->protocol == IPPROTO_TCP ? PACKET_ID : PACKET_ECHO;
}

/*
 * A packet and its answer have one key and two directions. Endpoints that differ in
 * a bit, in either half of the address or in the port alone; with the same port a
 * host that pings itself. The order of the key is found apart from the direction:
 * an IPv4 key has both ports, endpoint 0's as the source's.
 */
static void a_flow_has_one_key_and_two_directions(void)
{
	draw_keys();
	for (__u32 i = 0; i < 20 * 258; i++) {
		int ip = i & 1 ? 6 : 4, bit = i / 2 % 129, tcp = i / 258 % 2;
		struct packet p = { .ip_version = ip,
				    .protocol = tcp ? IPPROTO_TCP : IPPROTO_ICMP,
				    .flags = PACKET_ID },
			      reply;
		struct pping_flow_key key, back;
		__u32 dir;

		for (int w = 0; w < 4; w++)
			p.saddr.w[w] = p.daddr.w[w] = ip == 6 || w == 3 ? scatter(i + w) : 0;
		if (bit < 128 && (ip == 6 || bit >= 96))
			p.daddr.b[bit / 8] ^= 1 << bit % 8;
		p.sport = p.dport = scatter(i) >> 17;
		if (tcp)
			p.dport = p.sport ^ 1 << i % 16;
		answer(&p, &reply);
		dir = flow_key(&p, &key);
		CHECK(dir <= 1);
		CHECK_INT(flow_key(&reply, &back), !dir);
		CHECK(key.a == back.a && key.b == back.b);
		if (ip == 4)
			CHECK_INT((struct packet){ .ports = (__u32)key.b }.sport,
				  dir ? p.dport : p.sport);
	}
}

int main(void)
{
	RUN(a_flow_has_one_key_and_two_directions);
	RUN(regular_flows_spread_like_random_ones);
	RUN(no_difference_collides_whatever_the_seeds);
	return TEST_EXIT();
}
