// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --include and --exclude in the kernel: random rules against a judge that asks one
 * after the other, and that nothing of what is left out stands in any table, also
 * when the rules change.
 */
#include "harness.h"
#include "src/mapclean.h"
#include "src/rules.h"
#include "tests/unit/rules_referee.h"

static const struct pping_config with_rules = {
	.track_tcp = 1, .track_icmp = 1, .include_local = 1, .rules = 1
};

static struct pping_config aggregating(void)
{
	struct pping_config config = with_rules;

	config.aggregate = 1;
	config.max_prefixes = 64 + PPING_PREFIX_FIRST;
	config.prefix_mask4 = htonl(0xffffffff);
	config.prefix_mask6[0] = config.prefix_mask6[1] = htonl(0xffffffff);
	config.prefix_hint_mask = 127;
	return config;
}

/* --- rules ---------------------------------------------------------------------------- */

/* The table of that generation says what the rules say. As src/kernel.c does it. */
static void fill(struct engine *e, __u32 generation, const struct rules *rules)
{
	struct bpf_map *map = generation & 1 ? e->skel->maps.rules_1 : e->skel->maps.rules_0;
	size_t count;
	const struct rules_entry *entry = rules__entries(rules, &count);

	engine_clear_map(map);
	for (size_t i = 0; i < count; i++) {
		struct pping_rule_key key = { .prefix_len = PPING_RULE_PORT_BITS + entry[i].bits,
					      .port = htons(entry[i].port),
					      .addr = entry[i].addr };
		__u32 says = entry[i].rules;

		CHECK_INT(bpf_map_update_elem(bpf_map__fd(map), &key, &says, BPF_ANY), 0);
	}
}

/* From now on these hold: words that end with NULL, those to include begin with a +. */
static void set_rules(struct engine *e, __u32 generation, const char *const *words)
{
	static struct option_rules given;
	struct rules *rules;

	given.count = 0;
	for (; *words; words++)
		given.list[given.count++] = (struct option_rule){ .text = *words + (**words == '+'),
								  .exclude = **words != '+' };
	CHECK_INT(rules__load(&rules, &given, false), 0);
	fill(e, generation, rules);
	e->shared->rules_generation = generation;
	rules__free(rules);
}

#define RULES(e, generation, ...) \
	set_rules(e, generation, (const char *const[]){ __VA_ARGS__, NULL })

/* --- is it anywhere? --------------------------------------------------------------------- */

static bool map_has(const struct bpf_map *map, const void *bytes, size_t len)
{
	static __u8 value[1 << 16];
	__u32 key_size = bpf_map__key_size(map);
	__u8 key[64], *last = NULL;
	int fd = bpf_map__fd(map);

	while (!bpf_map_get_next_key(fd, last, key)) {
		last = key;
		memset(value, 0, sizeof(value));
		bpf_map_lookup_elem(fd, key, value);
		if (memmem(key, key_size, bytes, len) || memmem(value, sizeof(value), bytes, len))
			return true;
	}
	return false;
}

/* The name of a table, but for those of the rules, in which the bytes stand; NULL if there is none. */
static const char *found_in(const struct engine *e, const void *bytes, size_t len)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, e->skel->obj)
	{
		const char *name = bpf_map__name(map);
		enum bpf_map_type type = bpf_map__type(map);

		if (!strncmp(name, "rules_", 6) || type == BPF_MAP_TYPE_PERF_EVENT_ARRAY ||
		    type == BPF_MAP_TYPE_QUEUE || map == e->skel->maps.spill ||
		    map == e->skel->maps.door)
			continue;
		if (map_has(map, bytes, len))
			return name;
	}
	if (memmem(e->spill, PPING_SPILL_BUCKETS * sizeof(*e->spill), bytes, len))
		return "spill";
	return NULL;
}

static void is_nowhere(const struct engine *e, enum host_name host, int ip)
{
	union pping_addr a = host_address(host, ip);
	const char *name = found_in(e, ip == 6 ? a.b : a.b + 12, ip == 6 ? 16 : 4);

	CHECK_STR(name ? name : "nowhere", "nowhere");
	for (int i = 0; i < e->events; i++)
		CHECK(memcmp(&e->event[i].flow.saddr, &a, sizeof(a)) &&
		      memcmp(&e->event[i].flow.daddr, &a, sizeof(a)));
}

static void is_somewhere(const struct engine *e, enum host_name host, int ip)
{
	union pping_addr a = host_address(host, ip);

	CHECK(found_in(e, ip == 6 ? a.b : a.b + 12, ip == 6 ? 16 : 4) != NULL);
}

/* --- packets ----------------------------------------------------------------------------- */

static int run_spec(struct engine *e, enum hook hook, const struct packet_spec *s)
{
	struct frame f;

	frame_build(&f, s);
	return engine__run(e, hook, &f);
}

#define RUN_PACKET(e, hook, ...) run_spec(e, hook, &(struct packet_spec)__VA_ARGS__)
#define IS(e, hook, verdict, ...) CHECK_INT(RUN_PACKET(e, hook, __VA_ARGS__), PPING_COUNT_##verdict)

/* --- random rules ---------------------------------------------------------------------------- */

static struct referee judge;

static void random_load(struct engine *e)
{
	static struct option_rules given;
	struct rules *rules;
	char path[2][64];

	given.count = 0;
	for (int exclude = 0; exclude < 2; exclude++) {
		int entries = 0;
		FILE *f;

		snprintf(path[exclude], sizeof(path[0]), "/tmp/test_rules.%d.%d", getpid(),
			 exclude);
		f = fopen(path[exclude], "w");
		for (int i = 0; i < judge.count; i++) {
			if (judge.rule[i].exclude != exclude)
				continue;
			fprintf(f, "%s\n", judge.rule[i].text);
			entries++;
		}
		fclose(f);
		if (entries || exclude)
			given.list[given.count++] =
				(struct option_rule){ path[exclude], exclude, true };
	}
	CHECK_INT(rules__load(&rules, &given, false), 0);
	fill(e, 0, rules);
	rules__free(rules);
	unlink(path[0]);
	unlink(path[1]);
}

static void random_packet(struct engine *e, struct referee_packet *p)
{
	static const enum link_shape links[] = { ETHERNET, VLAN, QINQ, PPPOE };
	struct packet_spec s = data(CLIENT, SERVER, 1000, 0);
	struct frame f, plain;
	int ip = p->end[0].ip, at, len = ip == 4 ? 4 : 16;
	enum hook hook = referee_random(&judge, e->can_split ? HOOKS : XDP_SPLIT);

	s.ip = ip;
	s.sport = p->port[0];
	s.dport = p->port[1];
	if (!p->tcp) {
		s.l4 = ICMP;
		s.echo = REQUEST;
		s.echo_id = p->port[0];
	}
	frame_build(&plain, &s);
	s.link = links[referee_random(&judge, ARRAY_SIZE(links))];
	frame_build(&f, &s);
	at = 14 + (f.len - plain.len) + (ip == 4 ? 12 : 8);
	memcpy(f.b + at, p->end[0].b, len);
	memcpy(f.b + at + len, p->end[1].b, len);
	CHECK_INT(engine__run(e, hook, &f),
		  referee_excludes(&judge, p) ? PPING_COUNT_EXCLUDED : PPING_COUNT_TRACKED);
}

/* No flow in the table is one that the judge leaves out. */
static void check_table(const struct engine *e)
{
	int fd = bpf_map__fd(e->skel->maps.flows);
	struct pping_flow_key key, *last = NULL;
	struct pping_flow flow;

	while (!bpf_map_get_next_key(fd, last, &key)) {
		struct referee_packet p = {};

		last = &key;
		bpf_map_lookup_elem(fd, &key, &flow);
		for (int i = 0; i < 2; i++) {
			p.end[i].ip = flow.ip_version;
			memcpy(p.end[i].b, flow.dir[i].addr.b + (flow.ip_version == 4 ? 12 : 0),
			       flow.ip_version == 4 ? 4 : 16);
			p.port[i] = ntohs(flow.port[i]);
		}
		p.tcp = flow.protocol == IPPROTO_TCP;
		CHECK(!referee_excludes(&judge, &p));
	}
}

static void random_rules(void)
{
	static const struct {
		int rules, include, ports;
	} sets[] = { { 10, 0, 0 }, { 400, 0, 0 },  { 100, 2, 0 },
		     { 30, 0, 2 }, { 1500, 0, 2 }, { 200, 2, 3 } };
	__u64 left_out = 0, all = 0;
	struct engine *e;

	if (!bpf_ready())
		return;
	judge.random = 0x2545f4914f6cdd1dULL;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		e = engine__open(&with_rules);
		if (!e)
			return;
		referee_fill(&judge, sets[i].rules, sets[i].include, sets[i].ports);
		random_load(e);
		for (int k = 0; k < 1000; k++) {
			struct referee_packet p = referee_packet(&judge);

			random_packet(e, &p);
		}
		check_table(e);
		engine__check_verdicts(e);
		left_out += engine__counters(e).n[PPING_COUNT_EXCLUDED];
		all += e->packets;
	}
	printf("# %llu of %llu left out\n", (unsigned long long)left_out, (unsigned long long)all);
	CHECK(left_out > all / 10 && left_out < all / 10 * 9);
}

/* --- nothing of them ------------------------------------------------------------------------- */

static const char *rule_of(enum host_name host, int ip)
{
	return packets_hosts[host].address[ip == 6];
}

static __u64 now; /* ns */

/* A whole connection and a ping, both ways, between two hosts: a packet each millisecond. */
static void talk(struct engine *e, enum hook in, int ip, enum host_name from, enum host_name to,
		 enum pping_counter verdict)
{
	const struct packet_spec steps[] = {
		syn(from, to, 1000, .ip = ip),	      synack(to, from, 5000, 1000, .ip = ip),
		ack(from, to, 1001, 5000, .ip = ip),  data(from, to, 1002, 5000, .ip = ip),
		data(to, from, 5001, 1002, .ip = ip), data(from, to, 1003, 5001, .ip = ip),
		request(from, to, 1, .ip = ip),	      reply(to, from, 1, .ip = ip),
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		engine__set_time(e, now += MS(1));
		CHECK_INT(run_spec(e, steps[i].from == from ? TC_EGRESS : in, &steps[i]), verdict);
	}
}

static void nothing_is_kept(void)
{
	struct pping_config counted = aggregating();
	const struct pping_config *configs[] = { &with_rules, &counted };

	if (!bpf_ready())
		return;
	for (int i = 0; i < 8; i++) {
		struct engine *e = engine__open(configs[i & 1]);
		enum hook in = i & 2 ? XDP : TC_INGRESS;
		int ip = i & 4 ? 6 : 4;

		if (!e)
			return;
		RULES(e, 0, rule_of(STRANGER, ip));
		talk(e, in, ip, CLIENT, STRANGER, PPING_COUNT_EXCLUDED);
		talk(e, in, ip, STRANGER, SERVER, PPING_COUNT_EXCLUDED);
		is_nowhere(e, STRANGER, ip);
		is_nowhere(e, CLIENT, ip); /* nor of whom it spoke to */
		CHECK_INT(e->events, 0);
		talk(e, in, ip, CLIENT, SERVER, PPING_COUNT_TRACKED);
		is_nowhere(e, STRANGER, ip);
		is_somewhere(e, CLIENT, ip);
		CHECK(e->events > 2);
		e->events = 0;
	}
}

/* An end, a refusal, and what has no timestamps makes no entry; but it could do something to one. */
static void ends_without_timestamps(void)
{
	struct engine *e = bpf_ready() ? engine__open(&with_rules) : NULL;

	if (!e)
		return;
	RULES(e, 0, rule_of(STRANGER, 4));
	IS(e, TC_EGRESS, EXCLUDED, bare(CLIENT, STRANGER, SYN));
	IS(e, TC_EGRESS, EXCLUDED, bare(STRANGER, CLIENT, FIN | ACK));
	IS(e, TC_EGRESS, EXCLUDED, bare(STRANGER, CLIENT, RST));
	IS(e, TC_EGRESS, NO_TIMESTAMP, bare(STRANGER, CLIENT, ACK));
	IS(e, TC_EGRESS, OTHER_PROTOCOL, packet(STRANGER, CLIENT, .l4 = UDP, .payload = 10));
	CHECK_INT(engine__flows(e, NULL), 0);
}

/* While aggregating everything counts, and so is asked about; a port is known of whole TCP packets. */
static void aggregates(void)
{
	struct pping_config config = aggregating();
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct pping_counters c;

	if (!e)
		return;
	RULES(e, 0, rule_of(STRANGER, 4), rule_of(STRANGER, 6), "10.11.1.7:80");
	IS(e, TC_EGRESS, EXCLUDED, packet(STRANGER, CLIENT, .l4 = UDP, .payload = 10));
	IS(e, TC_EGRESS, EXCLUDED, packet(CLIENT, STRANGER, .l4 = UDP, .payload = 10, .ip = 6));
	IS(e, TC_EGRESS, EXCLUDED, bare(STRANGER, CLIENT, ACK));
	IS(e, TC_EGRESS, EXCLUDED, data(STRANGER, CLIENT, 1, 1, .fragment = 100));
	IS(e, TC_EGRESS, EXCLUDED, other(CLIENT, STRANGER, 47));
	IS(e, TC_EGRESS, EXCLUDED, packet(CLIENT, STRANGER, .l4 = ICMP, .icmp_type = 3));
	is_nowhere(e, CLIENT, 4);
	is_nowhere(e, CLIENT, 6);
	c = engine__counters(e);
	for (int i = PPING_TRAFFIC_FIRST; i < PPING_COUNTERS; i++)
		CHECK_INT(c.n[i], 0);
	IS(e, TC_EGRESS, EXCLUDED, bare(CLIENT, SERVER, ACK));
	IS(e, TC_EGRESS, EXCLUDED, bare(SERVER, CLIENT, ACK));
	IS(e, TC_EGRESS, NO_TIMESTAMP, bare(CLIENT, SERVER, ACK, .dport = 81));
	IS(e, TC_EGRESS, OTHER_PROTOCOL,
	   packet(CLIENT, SERVER, .l4 = UDP, .dport = 80, .payload = 10));
	IS(e, TC_EGRESS, FRAGMENT, data(CLIENT, SERVER, 1, 1, .fragment = 100));
	is_somewhere(e, CLIENT, 4);
}

/* --- rules that change --------------------------------------------------------------------------- */

/* A flow that was let in asks no more: the rules change only with their generation. */
static void known_flows_ask_nothing(void)
{
	struct engine *e = bpf_ready() ? engine__open(&with_rules) : NULL;

	if (!e)
		return;
	RULES(e, 0, "192.0.2.1");
	IS(e, TC_EGRESS, TRACKED, data(CLIENT, SERVER, 1000, 0));
	RULES(e, 0, rule_of(SERVER, 4));
	IS(e, TC_EGRESS, TRACKED, data(CLIENT, SERVER, 1001, 0));
	IS(e, TC_EGRESS, EXCLUDED, data(CLIENT, SERVER, 1001, 0, .sport = 7777));
	RULES(e, 256, rule_of(SERVER, 4)); /* all that a flow knows of it is a byte */
	IS(e, TC_EGRESS, TRACKED, data(CLIENT, SERVER, 1002, 0));
	RULES(e, 257, rule_of(SERVER, 4));
	IS(e, TC_EGRESS, EXCLUDED, data(CLIENT, SERVER, 1002, 0));
	CHECK_INT(engine__flows(e, NULL), 0);
}

/* One that is left out now goes without a word, in mid-flight; another's RTT comes all the same. */
static void flows_go_with_a_packet(void)
{
	struct engine *e;

	for (int ip = 4; ip <= 6; ip += 2) {
		e = bpf_ready() ? engine__open(&with_rules) : NULL;
		if (!e)
			return;
		RULES(e, 0, "192.0.2.1");
		talk(e, TC_INGRESS, ip, CLIENT, SERVER, PPING_COUNT_TRACKED);
		talk(e, TC_INGRESS, ip, CLIENT, STRANGER, PPING_COUNT_TRACKED);
		CHECK_INT(engine__flows(e, NULL), 4);
		e->events = 0;
		RULES(e, 1, rule_of(STRANGER, ip));
		engine__set_time(e, now += MS(1));
		IS(e, TC_INGRESS, EXCLUDED, data(STRANGER, CLIENT, 5009, 1003, .ip = ip));
		CHECK_INT(e->events, 0);
		IS(e, TC_INGRESS, TRACKED, data(SERVER, CLIENT, 5009, 1003, .ip = ip));
		CHECK_INT(e->events, 1);
		CHECK_INT(e->event[0].rtt, MS(11)); /* of the first talk's sixth packet */
		CHECK_INT(engine__flows(e, NULL), 3);
		IS(e, TC_EGRESS, EXCLUDED, fin(CLIENT, STRANGER, 1009, 5009, .ip = ip));
		IS(e, TC_EGRESS, EXCLUDED, request(CLIENT, STRANGER, 2, .ip = ip));
		is_nowhere(e, STRANGER, ip);
		CHECK_INT(e->events, 1);
		CHECK_INT(engine__flows(e, NULL), 2);
		/* and back: as a new flow */
		RULES(e, 2, "192.0.2.1");
		IS(e, TC_EGRESS, TRACKED, data(CLIENT, STRANGER, 1010, 5009, .ip = ip));
		is_somewhere(e, STRANGER, ip);
	}
}

/* The same of flows that say nothing more: a cleaning pass takes them, and their end is not announced. */
static void flows_go_with_a_pass(void)
{
	struct engine *e;
	struct pping_counters c;

	for (int ip = 4; ip <= 6; ip += 2) {
		e = bpf_ready() ? engine__open(&with_rules) : NULL;
		if (!e)
			return;
		RULES(e, 0, "192.0.2.1");
		talk(e, TC_INGRESS, ip, CLIENT, SERVER, PPING_COUNT_TRACKED);
		talk(e, TC_INGRESS, ip, CLIENT, STRANGER, PPING_COUNT_TRACKED);
		e->events = 0;
		RULES(e, 1, rule_of(STRANGER, ip));
		CHECK(engine__clean(e, 4096) >= 0);
		is_nowhere(e, STRANGER, ip);
		CHECK_INT(engine__flows(e, NULL), 2);
		/* of those that stay it says that they were asked: they are not asked again */
		RULES(e, 1, rule_of(SERVER, ip));
		CHECK(engine__clean(e, 4096) >= 0);
		IS(e, TC_EGRESS, TRACKED, data(CLIENT, SERVER, 1010, 5001, .ip = ip));
		CHECK_INT(engine__flows(e, NULL), 2);
		CHECK_INT(e->events, 0);
		/* late for its time out: left out all the same */
		RULES(e, 2, rule_of(SERVER, ip));
		engine__set_time(e, SECONDS(PPING_IDLE_TIMEOUT + 10));
		CHECK(engine__clean(e, 4096) >= 0);
		CHECK_INT(e->events, 0);
		CHECK_INT(engine__flows(e, NULL), 0);
		c = engine__counters(e);
		CHECK_INT(c.n[PPING_COUNT_FLOWS_REMOVED], 4);
		CHECK_INT(c.n[PPING_COUNT_FLOWS_TIMED_OUT], 0);
	}
}

/* --- a full table --------------------------------------------------------------------------- */

#define SERVICES 10 /* ports from 100 on */
#define FLOWS_EACH 10000

static int ignore_event(void *ctx, const struct pping_event *event)
{
	(void)ctx;
	(void)event;
	return 0;
}

static void sum_removed(void *ctx, const struct mapclean_report *pass)
{
	*(__u64 *)ctx += pass->did.n[PPING_CLEANUP_REMOVED];
}

static void fill_flows(struct engine *e)
{
	for (int i = 0; i < SERVICES * FLOWS_EACH; i++) {
		__u16 sport = 1000 + i / SERVICES, dport = 100 + i % SERVICES;

		RUN_PACKET(e, TC_EGRESS, ack(CLIENT, SERVER, 1, 1, .sport = sport, .dport = dport));
		RUN_PACKET(e, TC_INGRESS,
			   ack(SERVER, CLIENT, 1, 1, .sport = dport, .dport = sport));
		if (i % 1024 == 0)
			perf_buffer__consume(e->buffer);
		e->events = 0;
	}
}

/*
 * Where a read of the iterator stops behind an entry that it has removed, the next one of
 * that bucket is passed over: all must be gone nevertheless, and the last pass must have
 * looked at all that stay.
 */
static void all_of_a_full_table_that_should_go_go(void)
{
	struct engine *e = bpf_ready() ? engine__open_sized(&with_rules, 131072) : NULL;
	__u64 removed = 0;
	struct mapclean_settings set = { .ctx = &removed,
					 .announce = ignore_event,
					 .passed = sum_removed };
	struct mapclean *clean;
	__u64 there;

	if (!e)
		return;
	RULES(e, 0, "192.0.2.1");
	fill_flows(e);
	there = engine__flows(e, NULL);
	CHECK(there > SERVICES * FLOWS_EACH / 10 * 9);
	set.program = e->skel->progs.pping_clean;
	set.flows_fd = bpf_map__fd(e->skel->maps.flows);
	set.cleanup_fd = bpf_map__fd(e->skel->maps.cleanup);
	set.max_flows = 131072;
	CHECK_INT(mapclean__new(&clean, NULL, &set), 0);
	RULES(e, 1, ":101", ":102", ":103", ":104", ":105", ":106", ":107", ":108", ":109");
	CHECK_INT(mapclean__run_pass(clean), 0);
	printf("# %llu passes\n", (unsigned long long)mapclean__total(clean)->passes);
	CHECK_INT(engine__flows(e, NULL), FLOWS_EACH);
	CHECK_INT(removed, there - FLOWS_EACH);
	CHECK_INT(mapclean__last(clean)->did.n[PPING_CLEANUP_SEEN], FLOWS_EACH);
	CHECK_INT(mapclean__last(clean)->did.n[PPING_CLEANUP_REMOVED], 0);
	mapclean__free(clean);
}

int main(void)
{
	CASE(random_rules);
	CASE(nothing_is_kept);
	CASE(ends_without_timestamps);
	CASE(aggregates);
	CASE(known_flows_ask_nothing);
	CASE(flows_go_with_a_packet);
	CASE(flows_go_with_a_pass);
	CASE(all_of_a_full_table_that_should_go_go);
	return TEST_EXIT();
}
