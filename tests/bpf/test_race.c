// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two CPUs handle packets of one flow in the same moment: an identifier is
 * stamped once and answered once, a flow opens and closes once, and the counters
 * stay exact. Tests named fault_N are faults of PEERS.md.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "scenario.h"
#include "tests/pauses.h"

#define CPUS 2

/* --- two CPUs ----------------------------------------------------------------------- */

static struct {
	struct engine *e;
	enum hook hook[CPUS];
	struct frame frame[CPUS];
	struct frame then; /* the second CPU's second, with repeat_then */
	int repeat, repeat_then;
	__u64 later; /* the time as soon as a packet has passed on either CPU; 0: it stands still */
	int failed[CPUS];
	atomic_uint begun, ended; /* races */
	atomic_bool over;
} race;

/* Either CPU is the slower one by turns, by nothing up to about a microsecond. */
static void race_stagger(int cpu)
{
	unsigned int turn = race.begun;

	if ((int)(turn / 64 % 2) != cpu)
		return;
	for (volatile unsigned int n = turn % 64 * 16; n; n--)
		;
}

static void race_run(int cpu)
{
	__u32 retval = 0;
	int err;

	race_stagger(cpu);
	err = engine_test_run(race.e, race.hook[cpu], &race.frame[cpu], race.repeat, NULL, &retval);
	if (race.later)
		engine__set_time(race.e, race.later);
	race.failed[cpu] += err || retval != engine_passes(race.hook[cpu]);
	if (!cpu || !race.repeat_then)
		return;
	err = engine_test_run(race.e, race.hook[cpu], &race.then, race.repeat_then, NULL, &retval);
	race.failed[cpu] += err || retval != engine_passes(race.hook[cpu]);
}

static void *race_second(void *arg)
{
	unsigned int done = 0;

	(void)arg;
	pin_to_cpu(1);
	while (!race.over) {
		if (race.begun == done) {
			sched_yield();
			continue;
		}
		done++;
		race_run(1);
		race.ended++;
	}
	return NULL;
}

/* To call often enough for the rings: a CPU's holds some 2,000 events. */
static void take_events(void)
{
	perf_buffer__consume(race.e->buffer);
}

/* Runs a packet on each CPU, `repeat` times, at the same time. */
static void both(enum hook hook, struct packet_spec first, struct packet_spec second)
{
	unsigned int ended = race.ended;

	race.hook[0] = race.hook[1] = hook;
	frame_build(&race.frame[0], &first);
	frame_build(&race.frame[1], &second);
	race.e->packets += CPUS * race.repeat + race.repeat_then;
	race.begun++;
	race_run(0);
	while (race.ended == ended)
		sched_yield();
	if (race.ended % 256 == 0)
		take_events();
}

static void on_both(enum hook hook, struct packet_spec s)
{
	both(hook, s, s);
}

/* For a test: the engine, and a thread on the second CPU. False if it is skipped. */
static bool race_begin(const struct pping_config *config, int repeat, pthread_t *thread)
{
	if (!bpf_ready())
		return false;
	if (sysconf(_SC_NPROCESSORS_ONLN) < CPUS) {
		SKIP("a race needs two CPUs");
		return false;
	}
	race.e = engine__open_sized(config, 32768);
	if (!race.e)
		return false;
	pin_to_cpu(0);
	race.repeat = repeat;
	race.repeat_then = 0;
	race.later = 0;
	race.begun = race.ended = 0;
	race.over = false;
	race.failed[0] = race.failed[1] = 0;
	return !pthread_create(thread, NULL, race_second, NULL);
}

static void race_end(pthread_t thread)
{
	race.over = true;
	pthread_join(thread, NULL);
	CHECK_INT(race.failed[0], 0);
	CHECK_INT(race.failed[1], 0);
	engine__check_verdicts(race.e);
}

static int events_of(__u8 type, __u8 flow_event)
{
	int n = 0;

	for (int i = 0; i < race.e->events; i++)
		n += race.e->event[i].type == type && race.e->event[i].flow_event == flow_event;
	return n;
}

static __u64 count(enum pping_counter counter)
{
	return engine__counters(race.e).n[counter];
}

/* --- stamping and matching -------------------------------------------------------------- */

static const struct pping_config unsampled = { EVERYTHING };

/* A flow met on both its sides, with data of a new tick outstanding from now on. */
static void meet(void)
{
	struct packet_spec mine = ack(CLIENT, SERVER, 1000, 5000);
	struct packet_spec its = ack(SERVER, CLIENT, 5000, 1000);

	engine__inject(race.e, TC_EGRESS, &mine);
	engine__inject(race.e, TC_INGRESS, &its);
}

#define ROUNDS 4000

static void fault_5_one_answer_one_rtt_on_two_cpus(void)
{
	pthread_t thread;

	if (!race_begin(&unsampled, 3, &thread))
		return;
	meet();
	for (int i = 1; i <= ROUNDS; i++) {
		engine__set_time(race.e, MS(i));
		on_both(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, 1000 + i, 5000));
		engine__set_time(race.e, MS(i) + US(16));
		on_both(TC_INGRESS, (struct packet_spec)ack(SERVER, CLIENT, 5000, 1000 + i));
		if (count(PPING_COUNT_STAMPED) == (__u64)i && count(PPING_COUNT_RTTS) == (__u64)i)
			continue;
		CHECK_INT(count(PPING_COUNT_STAMPED), i);
		CHECK_INT(count(PPING_COUNT_RTTS), i);
		break;
	}
	take_events();
	CHECK_INT(events_of(PPING_EVENT_RTT, 0), ROUNDS);
	for (int i = 0; i < race.e->events; i++)
		if (race.e->event[i].type == PPING_EVENT_RTT && race.e->event[i].rtt != US(16))
			CHECK_INT(race.e->event[i].rtt, US(16));
	race_end(thread);
}

/* The same with a hundred outstanding: all but four of them are in the spill table. */
static void fault_5_one_answer_one_rtt_spilled(void)
{
	pthread_t thread;
	__u32 id = 1000;

	if (!race_begin(&unsampled, 2, &thread))
		return;
	meet();
	for (int block = 0; block < 40; block++) {
		for (int i = 1; i <= 100; i++)
			on_both(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, id + i, 5000));
		engine__set_time(race.e, MS(block + 1));
		for (int i = 1; i <= 100; i++)
			on_both(TC_INGRESS, (struct packet_spec)ack(SERVER, CLIENT, 5000, id + i));
		id += 100;
	}
	CHECK_INT(count(PPING_COUNT_STAMPED), 4000);
	CHECK_INT(count(PPING_COUNT_RTTS), 4000);
	race_end(thread);
}

/* Each CPU has an identifier of its own: what is stamped is answered, and no more. */
static void two_identifiers_at_once(void)
{
	pthread_t thread;
	__u64 stamped;

	if (!race_begin(&unsampled, 2, &thread))
		return;
	meet();
	for (int i = 1; i <= 3 * ROUNDS; i++) {
		struct packet_spec d[] = { data(CLIENT, SERVER, 1000 + 2 * i, 5000),
					   data(CLIENT, SERVER, 1001 + 2 * i, 5000) };
		struct packet_spec a[] = { ack(SERVER, CLIENT, 5000, 1000 + 2 * i),
					   ack(SERVER, CLIENT, 5000, 1001 + 2 * i) };

		engine__set_time(race.e, MS(i));
		both(TC_EGRESS, d[0], d[1]);
		engine__set_time(race.e, MS(i) + US(16));
		both(TC_INGRESS, a[i % 2], a[!(i % 2)]);
	}
	stamped = count(PPING_COUNT_STAMPED);
	CHECK(stamped >= 3 * ROUNDS && stamped <= 6 * ROUNDS);
	CHECK_INT(count(PPING_COUNT_RTTS), stamped);
	take_events();
	for (int i = 0; i < race.e->events; i++)
		if (race.e->event[i].type == PPING_EVENT_RTT && race.e->event[i].rtt != US(16))
			CHECK_INT(race.e->event[i].rtt, US(16));
	race_end(thread);
}

/*
 * Who loses the race to show an identifier must try again: or the newer one was
 * not shown, its next packet is stamped in its stead, and the RTT is too short.
 */
static void the_newer_of_two_is_shown(void)
{
	pthread_t thread;

	if (!race_begin(&unsampled, 1, &thread))
		return;
	meet();
	for (int i = 1; i <= 3 * ROUNDS; i++) {
		struct packet_spec d[] = { data(CLIENT, SERVER, 1000 + 2 * i, 5000),
					   data(CLIENT, SERVER, 1001 + 2 * i, 5000) };
		struct packet_spec a = ack(SERVER, CLIENT, 5000, 1001 + 2 * i);

		engine__set_time(race.e, MS(i));
		both(TC_EGRESS, d[i % 2], d[!(i % 2)]);
		engine__set_time(race.e, MS(i) + US(500));
		engine__inject(race.e, TC_EGRESS, &d[1]);
		engine__set_time(race.e, MS(i) + US(516));
		engine__inject(race.e, TC_INGRESS, &a);
	}
	take_events();
	CHECK(count(PPING_COUNT_RTTS) >= 3 * ROUNDS / 2);
	CHECK(count(PPING_COUNT_RTTS) <= 3 * ROUNDS);
	for (int i = 0; i < race.e->events; i++)
		if (race.e->event[i].type == PPING_EVENT_RTT && race.e->event[i].rtt != US(516))
			CHECK_INT(race.e->event[i].rtt, US(516));
	race_end(thread);
}

/*
 * CPUs that stop in the middle of a packet. Time goes on once a packet has passed on
 * either CPU: an RTT is that of the first of an identifier and of its first answer,
 * also if the CPU that has taken one up stops while the other passes its double.
 */
#define PAUSED_ROUNDS 4000

static bool paused_begin(pthread_t *thread)
{
	static bool stopping;
	int err;

	if (!race_begin(&unsampled, 1, thread))
		return false;
	err = stopping ? 0 : pauses__begin(CPUS, US(50), US(20), 1);
	if (err)
		printf("# the CPUs are not stopped: %s\n", strerror(-err));
	stopping = true;
	return true;
}

static void check_rtts(__u64 rtt)
{
	take_events();
	for (int i = 0; i < race.e->events; i++)
		if (race.e->event[i].type == PPING_EVENT_RTT && race.e->event[i].rtt != rtt)
			CHECK_INT(race.e->event[i].rtt, rtt);
	race.e->events = 0;
}

static void inject(enum hook hook, struct packet_spec s)
{
	engine__inject(race.e, hook, &s);
}

static void the_first_counts_while_a_cpu_stops(void)
{
	pthread_t thread;

	if (!paused_begin(&thread))
		return;
	meet();
	for (int i = 1; i <= PAUSED_ROUNDS && !test_failed_here; i++) {
		engine__set_time(race.e, MS(i));
		race.later = MS(i) + US(500);
		on_both(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, 1000 + i, 5000));
		engine__set_time(race.e, MS(i) + US(512));
		race.later = MS(i) + US(900);
		on_both(TC_INGRESS, (struct packet_spec)ack(SERVER, CLIENT, 5000, 1000 + i));
		if (i % 256 == 0)
			check_rtts(US(512));
	}
	check_rtts(US(512));
	CHECK_INT(count(PPING_COUNT_STAMPED), PAUSED_ROUNDS);
	CHECK_INT(count(PPING_COUNT_RTTS), PAUSED_ROUNDS);
	race_end(thread);
}

/* Two hundred outstanding: the spill table. */
static void the_first_counts_while_a_cpu_stops_spilled(void)
{
	pthread_t thread;
	__u32 id = 1000;

	if (!paused_begin(&thread))
		return;
	meet();
	for (int block = 1; block <= PAUSED_ROUNDS / 200 && !test_failed_here; block++) {
		race.later = 0;
		engine__set_time(race.e, MS(block));
		for (int i = 1; i <= 200; i++)
			inject(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, id + i, 5000));
		race.later = MS(block) + US(900);
		for (int i = 1; i <= 200; i++) {
			engine__set_time(race.e, MS(block) + US(512));
			on_both(TC_INGRESS, (struct packet_spec)ack(SERVER, CLIENT, 5000, id + i));
		}
		id += 200;
		check_rtts(US(512));
	}
	CHECK_INT(count(PPING_COUNT_RTTS), count(PPING_COUNT_STAMPED));
	race_end(thread);
}

/*
 * A CPU stops with an identifier shown and not yet stamped, its double is answered
 * meanwhile: an overtaken second answer is no sample.
 */
static void answered_and_stamped(int outstanding)
{
	pthread_t thread;

	if (!paused_begin(&thread))
		return;
	meet();
	for (int i = 1; i <= PAUSED_ROUNDS && !test_failed_here; i++) {
		__u32 id = 1000 + 8 * i;
		struct packet_spec a = ack(SERVER, CLIENT, 5000, id);

		engine__set_time(race.e, MS(i));
		for (int k = outstanding; k > 0; k--)
			inject(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, id - k, 5000));
		race.later = MS(i) + US(16);
		frame_build(&race.then, &a);
		race.repeat_then = 1;
		on_both(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, id, 5000));
		engine__set_time(race.e, MS(i) + US(100));
		inject(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, id + 1, 5000));
		engine__set_time(race.e, MS(i) + US(116));
		inject(TC_INGRESS, (struct packet_spec)ack(SERVER, CLIENT, 5000, id + 1));
		engine__set_time(race.e, MS(i) + US(500));
		inject(TC_INGRESS, a);
		if (i % 256 == 0)
			check_rtts(US(16));
	}
	check_rtts(US(16));
	CHECK(count(PPING_COUNT_RTTS) > PAUSED_ROUNDS);
	race_end(thread);
}

static void an_answered_identifier_is_not_stamped(void)
{
	answered_and_stamped(0);
}

/* With four that nobody answers in the slots it spills. */
static void an_answered_identifier_is_not_stamped_spilled(void)
{
	answered_and_stamped(PPING_SLOTS);
}

/* Two identifiers of a round answered at once are one sample. */
static void one_sample_a_round_on_two_cpus(void)
{
	static const struct pping_config limited = { EVERYTHING, .rate_limit_ns = MS(100) };
	pthread_t thread;

	if (!race_begin(&limited, 1, &thread))
		return;
	meet();
	for (int i = 1; i <= 3 * ROUNDS; i++) {
		struct packet_spec d[] = { data(CLIENT, SERVER, 1000 + 2 * i, 5000),
					   data(CLIENT, SERVER, 1001 + 2 * i, 5000) };

		engine__set_time(race.e, MS(100) * i);
		engine__inject(race.e, TC_EGRESS, &d[0]);
		engine__inject(race.e, TC_EGRESS, &d[1]);
		engine__set_time(race.e, MS(100) * i + US(16));
		both(TC_INGRESS, (struct packet_spec)ack(SERVER, CLIENT, 5000, 1000 + 2 * i),
		     (struct packet_spec)ack(SERVER, CLIENT, 5000, 1001 + 2 * i));
	}
	CHECK_INT(count(PPING_COUNT_STAMPED), 6 * ROUNDS);
	CHECK_INT(count(PPING_COUNT_RTTS), 3 * ROUNDS);
	race_end(thread);
}

/* A round begins once. */
static void one_round_an_interval_on_two_cpus(void)
{
	static const struct pping_config limited = { EVERYTHING, .rate_limit_ns = MS(100) };
	pthread_t thread;

	if (!race_begin(&limited, 1, &thread))
		return;
	meet();
	for (int i = 1; i <= ROUNDS; i++) {
		engine__set_time(race.e, MS(100) * i);
		on_both(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, 1000 + i, 5000));
		engine__set_time(race.e, MS(100) * i + US(16));
		on_both(TC_INGRESS, (struct packet_spec)ack(SERVER, CLIENT, 5000, 1000 + i));
	}
	CHECK_INT(count(PPING_COUNT_STAMPED), ROUNDS);
	CHECK_INT(count(PPING_COUNT_RTTS), ROUNDS);
	race_end(thread);
}

/* --- flows --------------------------------------------------------------------------------- */

#define FLOWS 3000

/* An entry that the other CPU has just made is as good as our own: no "map full". */
static void fault_6_an_existing_flow_is_no_failure(void)
{
	pthread_t thread;

	if (!race_begin(&unsampled, 2, &thread))
		return;
	for (int i = 1; i <= FLOWS; i++)
		on_both(TC_EGRESS, (struct packet_spec)syn(CLIENT, SERVER, 1, .sport = i));
	CHECK_INT(count(PPING_COUNT_FLOWS_FAILED), 0);
	CHECK_INT(count(PPING_COUNT_FLOWS_CREATED), FLOWS);
	CHECK_INT(engine__flows(race.e, NULL), FLOWS);
	race_end(thread);
}

static void flows_open_and_close_once(void)
{
	pthread_t thread;

	if (!race_begin(&unsampled, 2, &thread))
		return;
	for (int i = 1; i <= FLOWS; i++) {
		__u16 port = i;

		on_both(TC_EGRESS, (struct packet_spec)syn(CLIENT, SERVER, 1, .sport = port));
		on_both(TC_INGRESS,
			(struct packet_spec)synack(SERVER, CLIENT, 1, 1, .dport = port));
		if (i % 2)
			on_both(TC_EGRESS,
				(struct packet_spec)rst(CLIENT, SERVER, 2, 1, .sport = port));
		else
			both(TC_EGRESS,
			     (struct packet_spec)fin(CLIENT, SERVER, 2, 1, .sport = port),
			     (struct packet_spec)fin(SERVER, CLIENT, 2, 1, .dport = port));
	}
	take_events();
	CHECK_INT(events_of(PPING_EVENT_FLOW, PPING_FLOW_OPENING), FLOWS);
	CHECK_INT(events_of(PPING_EVENT_FLOW, PPING_FLOW_CLOSING), FLOWS);
	CHECK_INT(count(PPING_COUNT_FLOWS_OPENED), FLOWS);
	CHECK_INT(count(PPING_COUNT_FLOWS_CLOSED), FLOWS);
	CHECK_INT(count(PPING_COUNT_FLOWS_CREATED), FLOWS);
	race_end(thread);
}

/* A SYN for a tuple in use, seen on both CPUs: the old flow is closed once. */
static void a_reused_tuple_closes_once(void)
{
	pthread_t thread;

	if (!race_begin(&unsampled, 1, &thread))
		return;
	meet();
	for (int i = 1; i <= FLOWS; i++) {
		on_both(TC_EGRESS, (struct packet_spec)syn(CLIENT, SERVER, 2000 * i, .seq = i));
		on_both(TC_INGRESS, (struct packet_spec)synack(SERVER, CLIENT, 1, 2000 * i));
	}
	take_events();
	CHECK_INT(events_of(PPING_EVENT_FLOW, PPING_FLOW_OPENING), FLOWS + 1);
	CHECK_INT(events_of(PPING_EVENT_FLOW, PPING_FLOW_CLOSING), FLOWS);
	CHECK_INT(count(PPING_COUNT_FLOWS_CREATED) - count(PPING_COUNT_FLOWS_REMOVED), 1);
	CHECK_INT(engine__flows(race.e, NULL), 1);
	race_end(thread);
}

/* Packets and bytes of a direction, added up on both CPUs. */
static void flow_counters_stay_exact(void)
{
	static const struct pping_config counted = { EVERYTHING, .counters = 1 };
	struct pping_flow flow;
	pthread_t thread;

	if (!race_begin(&counted, 50, &thread))
		return;
	for (int i = 1; i <= 200; i++)
		on_both(TC_EGRESS, (struct packet_spec)data(CLIENT, SERVER, 1000, 5000));
	CHECK_INT(engine__flows(race.e, &flow), 1);
	CHECK_INT(flow.count[0].packets + flow.count[1].packets, 200 * 2 * 50);
	CHECK_INT(flow.count[0].bytes + flow.count[1].bytes, 200 * 2 * 50 * (100 + 20 + 32));
	race_end(thread);
}

/* --- several threads, each as fast as it can ---------------------------------------------------- */

#define THREADS 4
#define ANSWERS 5000

static atomic_uint next_id;

/* Data with an identifier of its own, and twice the answer to it: the other threads' come in between. */
static void *converse(void *arg)
{
	int failed = 0;

	pin_to_cpu((int)(long)arg % CPUS);
	for (int i = 0; i < ANSWERS; i++) {
		__u32 id = 1001 + next_id++, retval;
		struct packet_spec d = data(CLIENT, SERVER, id, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5000, id);
		struct frame f;

		frame_build(&f, &d);
		failed += !!engine_test_run(race.e, TC_EGRESS, &f, 1, NULL, &retval);
		__atomic_add_fetch(&race.e->shared->test_now, 1000, __ATOMIC_SEQ_CST);
		frame_build(&f, &a);
		failed += !!engine_test_run(race.e, TC_INGRESS, &f, 2, NULL, &retval);
	}
	return (void *)(long)failed;
}

static __u64 bytes_of(struct packet_spec s)
{
	struct frame f;

	frame_build(&f, &s);
	return f.ip_len;
}

/* Not more than one RTT an answer, and each of the counts exact: packets, bytes, events. */
static void several_threads_on_one_flow(void)
{
	static const struct pping_config counted = { EVERYTHING, .counters = 1 };
	const __u64 all = THREADS * ANSWERS;
	pthread_t thread[THREADS], second;
	struct pping_flow flow;
	struct pping_counters c;
	__u64 lost = 0;
	void *failed;

	if (!race_begin(&counted, 1, &second))
		return;
	meet();
	next_id = 0;
	engine__set_time(race.e, MS(1));
	for (long i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&thread[i], NULL, converse, (void *)i), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failed);
		CHECK_INT((long)failed, 0);
	}
	race.e->packets += 3 * all;
	race_end(second);
	c = engine__counters(race.e);
	for (int i = PPING_LOST_FIRST; i <= PPING_LOST_LAST; i++)
		lost += c.n[i];
	printf("# %llu identifiers, %llu stamped, %llu RTTs, %llu events, %llu lost\n",
	       (unsigned long long)all, (unsigned long long)c.n[PPING_COUNT_STAMPED],
	       (unsigned long long)c.n[PPING_COUNT_RTTS],
	       (unsigned long long)c.n[PPING_COUNT_EVENTS_EMITTED], (unsigned long long)lost);
	CHECK(c.n[PPING_COUNT_STAMPED] <= all && c.n[PPING_COUNT_RTTS] > all / 2);
	CHECK(c.n[PPING_COUNT_RTTS] <= c.n[PPING_COUNT_STAMPED]);
	take_events();
	CHECK_INT(race.e->events, c.n[PPING_COUNT_EVENTS_EMITTED]);
	CHECK_INT(c.n[PPING_COUNT_EVENTS_EMITTED] + lost,
		  c.n[PPING_COUNT_RTTS] + c.n[PPING_COUNT_FLOWS_OPENED]);
	CHECK_INT(engine__flows(race.e, &flow), 1);
	/* with the two packets of meet() */
	CHECK_INT(flow.count[0].packets + flow.count[1].packets, 3 * all + 2);
	CHECK_INT(flow.rtts, c.n[PPING_COUNT_RTTS]);
	CHECK(flow.first >= TEST_BEGIN && flow.last >= flow.first + MS(1));
	CHECK(flow.last <= race.e->shared->test_now);
	CHECK_INT(flow.count[0].bytes + flow.count[1].bytes,
		  all * bytes_of((struct packet_spec)data(CLIENT, SERVER, 1, 1)) +
			  (2 * all + 2) * bytes_of((struct packet_spec)ack(CLIENT, SERVER, 1, 1)));
}

/* --- cleaning at the same time ----------------------------------------------------------------- */

static void *clean_second(void *arg)
{
	char bytes[4096];

	(void)arg;
	pin_to_cpu(1);
	while (!race.over) {
		int fd = bpf_iter_create(bpf_link__fd(race.e->iterator));

		while (read(fd, bytes, sizeof(bytes)) > 0)
			;
		close(fd);
		race.ended++;
	}
	return NULL;
}

/* Entries go while others come: none is counted twice, none gets lost. */
static void cleaning_while_packets_pass(void)
{
	struct pping_counters c;
	pthread_t thread;

	if (!race_begin(&unsampled, 1, &thread))
		return;
	race_end(thread);
	race.over = false;
	if (pthread_create(&thread, NULL, clean_second, NULL))
		return;
	for (int i = 0; i < 60000 || (race.ended <= 2 && i < 2000000); i++) {
		struct packet_spec s = syn(CLIENT, SERVER, 1 + i, .sport = 1 + i % 7000, .seq = i);

		engine__set_time(race.e, SECONDS(i / 100));
		engine__inject(race.e, TC_EGRESS, &s);
	}
	race.over = true;
	pthread_join(thread, NULL);
	c = engine__counters(race.e);
	CHECK(race.ended > 2);
	CHECK(c.n[PPING_COUNT_FLOWS_UNANSWERED] > 0);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_FAILED], 0);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_CREATED] - c.n[PPING_COUNT_FLOWS_REMOVED],
		  engine__flows(race.e, NULL));
	engine__check_verdicts(race.e);
}

int main(void)
{
	CASE(fault_5_one_answer_one_rtt_on_two_cpus);
	CASE(fault_5_one_answer_one_rtt_spilled);
	CASE(two_identifiers_at_once);
	CASE(the_newer_of_two_is_shown);
	CASE(one_sample_a_round_on_two_cpus);
	CASE(one_round_an_interval_on_two_cpus);
	CASE(fault_6_an_existing_flow_is_no_failure);
	CASE(flows_open_and_close_once);
	CASE(a_reused_tuple_closes_once);
	CASE(flow_counters_stay_exact);
	CASE(several_threads_on_one_flow);
	CASE(cleaning_while_packets_pass);
	CASE(the_first_counts_while_a_cpu_stops);
	CASE(the_first_counts_while_a_cpu_stops_spilled);
	CASE(an_answered_identifier_is_not_stamped);
	CASE(an_answered_identifier_is_not_stamped_spilled);
	return TEST_EXIT();
}
