// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both hosts of the engine agree: each capture, and traffic made at random, goes
 * packet by packet through the loaded programs and through the engine in this
 * process. Verdicts, counters and events must be equal, but for the direction,
 * which a capture does not tell. Timeouts of one second are compared in the
 * order of their flows.
 */
/* timeout: 400 */
#include <dirent.h>

#include "harness.h"
#include "src/capture.h"
#include "src/engine_host.h"
#include "tests/captures/captures.h"

#define SHARED_CAPTURES "../shared/captures"
/* What a test run takes in one piece; no header is longer. */
#define CAPTURED_MAX 2048
#define MAX_EVENTS 4096

/*
 * The engine counts new flows in windows of its clock, which begins at one second
 * in the user host: the kernel's side is given a clock of the same phase.
 */
#define PHASE ((SECONDS(1) - TEST_BEGIN) & ((1ULL << PPING_PRESSURE_WINDOW_SHIFT) - 1))

/* --- two hosts ----------------------------------------------------------------------- */

#define MAX_ROWS 4200
/* How long a prefix may be idle, in ns, and seconds between two reports. */
#define ROW_TIMEOUT SECONDS(20)
#define REPORT_SECONDS 7

struct row {
	struct aggregate_row row; /* without its bins */
	uint64_t bin[PPING_HIST_BINS];
};

struct hosts {
	struct engine *kernel;
	struct engine_host *user;
	struct pping_event event[MAX_EVENTS]; /* of user, since the last comparison */
	int events;
	uint64_t begin; /* time of the first frame; 0: there was none */
	uint64_t seconds; /* gone by since then, as the kernel's side was told */
	uint64_t compared, frames, not_run;
	struct aggregate *aggregate[2]; /* of kernel and user; NULL without config.aggregate */
	struct row row[2][MAX_ROWS]; /* of the last reports */
	int rows[2], side; /* side: whose report is being made */
	uint64_t reported; /* rows */
	bool failed;
};

static int take_user_event(void *ctx, const struct pping_event *event)
{
	struct hosts *h = ctx;

	if (h->events < MAX_EVENTS)
		h->event[h->events++] = *event;
	return 0;
}

static void open_reports(struct aggregate **aggregate, const struct aggregate_tables *tables)
{
	struct aggregate_settings set = {
		.bits4 = 32, .bits6 = 64, .timeout_ns = ROW_TIMEOUT, .tables = *tables
	};

	CHECK_INT(aggregate__new(aggregate, &set), 0);
}

static bool hosts_open(struct hosts *h, const struct pping_config *config, uint32_t max_flows)
{
	struct engine_host_settings set = {
		.config = *config, .max_flows = max_flows, .ctx = h, .event = take_user_event
	};

	memset(h, 0, sizeof(*h));
	h->kernel = engine__open_sized(config, max_flows);
	if (!h->kernel)
		return false;
	CHECK_INT(engine_host__new(&h->user, &set), 0);
	if (!h->user)
		return false;
	if (config->aggregate) {
		struct aggregate_tables tables;

		engine_host__prefixes(h->user, &tables);
		open_reports(&h->aggregate[0], &h->kernel->prefixes);
		open_reports(&h->aggregate[1], &tables);
	}
	return true;
}

/* --- comparing ------------------------------------------------------------------------ */

static int compare_flows(const void *a, const void *b)
{
	const struct pping_event *x = a, *y = b;

	return memcmp(&x->flow, &y->flow, sizeof(x->flow));
}

/*
 * One capture's time for both, and what only one of them can know left out. What
 * the ring gives is padded: without counters, bytes behind the event mean nothing.
 */
static struct pping_event comparable(const struct hosts *h, struct pping_event e, uint64_t begin)
{
	e.timestamp -= begin;
	e.match = 0;
	if (!engine_host__config(h->user)->counters)
		memset((char *)&e + PPING_EVENT_SIZE, 0, sizeof(e) - PPING_EVENT_SIZE);
	return e;
}

static void print_event(const char *who, const struct pping_event *e)
{
	printf("# %s: %llu ns type %u event %u reason %u by %u port %u -> %u rtt %llu min %llu\n",
	       who, (unsigned long long)e->timestamp, e->type, e->flow_event, e->reason,
	       e->triggered_by, ntohs(e->flow.sport), ntohs(e->flow.dport),
	       (unsigned long long)(e->type == PPING_EVENT_RTT ? e->rtt : 0),
	       (unsigned long long)e->min_rtt);
}

static void compare_events(struct hosts *h, bool sorted)
{
	struct engine *k = h->kernel;

	perf_buffer__consume(k->buffer);
	if (sorted) {
		qsort(k->event, k->events, sizeof(*k->event), compare_flows);
		qsort(h->event, h->events, sizeof(*h->event), compare_flows);
	}
	for (int i = 0; i < k->events || i < h->events; i++) {
		struct pping_event kernel = comparable(h, k->event[i], TEST_BEGIN + PHASE);
		struct pping_event user = comparable(h, h->event[i], h->begin);

		if (i < k->events && i < h->events && !memcmp(&kernel, &user, sizeof(user)))
			continue;
		printf("# after frame %llu the events differ:\n", (unsigned long long)h->frames);
		if (i < k->events)
			print_event("kernel", &kernel);
		if (i < h->events)
			print_event("user", &user);
		h->failed = true;
		break;
	}
	h->compared += h->events;
	h->events = k->events = 0;
}

static void compare_counters(struct hosts *h)
{
	struct pping_counters kernel = engine__counters(h->kernel);
	const struct pping_counters *user = engine_host__counters(h->user);

	for (int i = 0; i < PPING_COUNTERS; i++) {
		if (kernel.n[i] == user->n[i])
			continue;
		printf("# %s: kernel %llu, user %llu\n", counter_name(i),
		       (unsigned long long)kernel.n[i], (unsigned long long)user->n[i]);
		h->failed = true;
	}
}

static int take_row(void *ctx, const struct aggregate_row *row)
{
	struct hosts *h = ctx;
	struct row *to = &h->row[h->side][h->rows[h->side]++];

	to->row = *row;
	to->row.bin = NULL;
	memcpy(to->bin, row->bin, sizeof(to->bin));
	return h->rows[h->side] == MAX_ROWS ? -ENOSPC : 0;
}

/* Both report at the same time, and say the same. */
static void compare_reports(struct hosts *h)
{
	if (!h->aggregate[0])
		return;
	h->rows[0] = h->rows[1] = 0;
	for (h->side = 0; h->side < 2; h->side++)
		CHECK_INT(aggregate__report(h->aggregate[h->side],
					    SECONDS(1) + h->seconds * PPING_NS_PER_SEC, take_row,
					    h),
			  0);
	if (h->rows[0] != h->rows[1]) {
		printf("# after frame %llu: kernel has %d rows, user %d\n",
		       (unsigned long long)h->frames, h->rows[0], h->rows[1]);
		h->failed = true;
	} else if (memcmp(h->row[0], h->row[1], h->rows[0] * sizeof(struct row))) {
		printf("# after frame %llu the reports differ\n", (unsigned long long)h->frames);
		h->failed = true;
	}
	h->reported += h->rows[0];
}

static void set_kernel_time(struct hosts *h, uint64_t ns)
{
	engine__set_time(h->kernel, ns);
	*(volatile __u64 *)&h->kernel->shared->test_now = TEST_BEGIN + PHASE + ns;
}

/* --- feeding --------------------------------------------------------------------------- */

/* The user host cleans when a frame brings a new second; here is the same for the kernel's. */
static void clean_kernel(struct hosts *h, uint64_t time)
{
	uint64_t second = (time - h->begin) / PPING_NS_PER_SEC;

	if (h->seconds / REPORT_SECONDS < second / REPORT_SECONDS)
		compare_reports(h);
	while (h->seconds < second) {
		/* nothing to expire: a gap of weeks takes no time */
		if (second - h->seconds > 1 && !engine__flows(h->kernel, NULL))
			h->seconds = second - 1;
		set_kernel_time(h, ++h->seconds * PPING_NS_PER_SEC);
		CHECK(engine__clean(h->kernel, 65536) >= 0);
	}
}

/* A frame without contents of interest: lets user clean and nothing else. */
static void clean_user(struct hosts *h, uint64_t time)
{
	struct engine_frame tick = { .time_ns = time, .verdict = PPING_COUNT_NOT_IP };

	CHECK_INT(engine_host__packet(h->user, &tick), 0);
	h->not_run++;
}

static int run_kernel(struct hosts *h, const struct engine_frame *f)
{
	static struct frame frame;
	static __u8 out[FRAME_MAX];
	__u32 retval;

	memcpy(frame.b, f->data, f->captured);
	frame.len = f->captured;
	return engine_test_run(h->kernel, TC_INGRESS, &frame, 1, out, &retval);
}

/*
 * What the kernel does not run (less than an IP header, or what the link layer
 * has decided) the user host takes as a tick.
 */
static void feed(struct hosts *h, struct engine_frame f)
{
	if (!h->begin)
		h->begin = f.time_ns;
	h->frames++;
	if (f.captured > CAPTURED_MAX)
		f.captured = CAPTURED_MAX;
	f.length = f.captured; /* all that a test run knows */
	if ((f.time_ns - h->begin) / PPING_NS_PER_SEC > h->seconds) {
		clean_kernel(h, f.time_ns);
		clean_user(h, f.time_ns);
		compare_events(h, true);
	}
	set_kernel_time(h, f.time_ns - h->begin);
	if (f.verdict != ENGINE_FRAME_UNKNOWN || run_kernel(h, &f)) {
		clean_user(h, f.time_ns);
	} else {
		CHECK_INT(engine_host__packet(h->user, &f), 0);
	}
	compare_events(h, false);
}

/* Counters of ticks are taken out again by giving the kernel the same number. */
static void hosts_close(struct hosts *h, const char *what)
{
	uint64_t present, replied, rtts = engine_host__counters(h->user)->n[PPING_COUNT_RTTS];
	struct packet_spec arp = packet(CLIENT, SERVER, .l4 = ARP, .payload = 28);

	while (h->not_run--)
		CHECK_INT(engine__inject(h->kernel, TC_INGRESS, &arp), 0);
	compare_counters(h);
	compare_reports(h);
	aggregate__free(h->aggregate[0]);
	aggregate__free(h->aggregate[1]);
	engine_host__flows(h->user, &present, &replied);
	CHECK_INT(present, engine__flows(h->kernel, NULL));
	if (h->failed)
		printf("# that was %s\n", what);
	CHECK(!h->failed);
	printf("# %s: %llu frames, %llu events, %llu RTTs, %llu rows of prefixes\n", what,
	       (unsigned long long)h->frames, (unsigned long long)h->compared,
	       (unsigned long long)rtts, (unsigned long long)h->reported);
	engine_host__free(h->user);
}

/* --- captures --------------------------------------------------------------------------- */

static const struct pping_config configs[] = {
	{ .track_tcp = 1, .track_icmp = 1, .include_local = 1, .counters = 1 },
	{ .track_tcp = 1, .track_icmp = 1, .include_local = 1, .rate_limit_ns = MS(100) },
	{ .track_tcp = 1,
	  .include_local = 1,
	  .rate_limit_ns = MS(20),
	  .rtt_rate = 3 << 15,
	  .use_srtt = 1,
	  .include_syn = 1 },
	{ .track_tcp = 1,
	  .track_icmp = 1,
	  .include_local = 1,
	  .aggregate = 1,
	  .no_rtt_events = 1,
	  .no_flow_events = 1,
	  .max_prefixes = 4096,
	  .prefix_mask4 = ~0U,
	  .prefix_mask6 = { ~0U, ~0U },
	  .prefix_hint_mask = 63 },
	/* few places, and TCP not asked for */
	{ .track_icmp = 1,
	  .include_local = 1,
	  .aggregate = 1,
	  .aggregate_reverse = 1,
	  .max_prefixes = 3,
	  .prefix_mask4 = ~0U,
	  .prefix_mask6 = { ~0U, 0 } },
	{ .track_tcp = 1,
	  .track_icmp = 1,
	  .include_local = 1,
	  .include_syn = 1,
	  .rate_limit_ns = MS(100),
	  .rtt_rate = 3 << 15,
	  .aggregate = 1,
	  .aggregate_reverse = 1,
	  .max_prefixes = 64,
	  .prefix_hint_mask = 3 },
	{ .track_tcp = 1, .track_icmp = 1, .include_local = 1, .pressure_limit = 1 },
};

/* The last one is for random traffic: to empty the kernel's door takes half a second. */
#define UNPRESSED (ARRAY_SIZE(configs) - 1)

static void replay_file(const char *path, const char *name, const struct pping_config *usual)
{
	struct capture_settings set = { .path = path };
	struct pping_config config = *usual;
	struct engine_frame f;
	struct capture *capture;
	static struct hosts h;
	uint64_t last = 0;
	int more;

	memset(&h, 0, sizeof(h));

	if (capture__open(&capture, &set)) {
		CHECK(!"the capture opens");
		return;
	}
	while ((more = capture__next(capture, &f)) > 0) {
		if (!h.kernel) {
			config.l3_device = f.l3;
			if (!hosts_open(&h, &config, 32768))
				break;
		}
		/* clamped, as the user host does */
		last = f.time_ns = f.time_ns > last ? f.time_ns : last;
		feed(&h, f);
		if (h.failed)
			break;
	}
	CHECK_INT(more, 0);
	if (h.user)
		hosts_close(&h, name);
	capture__free(capture);
}

static void replays_shared_captures(void)
{
	DIR *dir = opendir(SHARED_CAPTURES);
	struct dirent *entry;
	char path[512];

	if (!bpf_ready())
		return;
	if (!dir) {
		SKIP("there is no " SHARED_CAPTURES);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), SHARED_CAPTURES "/%s", entry->d_name);
		for (size_t i = 0; i < UNPRESSED; i++)
			replay_file(path, entry->d_name, &configs[i]);
	}
	closedir(dir);
}

/* Of the link layers only Ethernet and bare IP reach the engine: the others are test_capture's. */
static void replay_rows(const struct capture_spec *c, const struct pping_config *usual)
{
	struct pping_config config = *usual;
	static struct hosts h;

	config.l3_device = c->link == LINK_RAW;
	if (!hosts_open(&h, &config, ENGINE_FLOWS))
		return;
	for (const struct capture_row *row = c->rows; !capture_row_ends(c, row); row++) {
		struct engine_frame f = { .verdict = ENGINE_FRAME_UNKNOWN,
					  .way = PPING_MATCH_UNKNOWN,
					  .l3 = config.l3_device };
		struct frame frame;

		capture_frame(&frame, c, row, &f.length);
		f.data = frame.b;
		f.captured = frame.len;
		f.time_ns = SECONDS(1700000000ULL) + row->at * 1000;
		feed(&h, f);
	}
	hosts_close(&h, c->name);
}

static void replays_made_captures(void)
{
	if (!bpf_ready())
		return;
	for (size_t i = 0; i < CAPTURES; i++)
		if (captures[i].link == LINK_ETHERNET || captures[i].link == LINK_RAW)
			for (size_t j = 0; j < UNPRESSED; j++)
				replay_rows(&captures[i], &configs[j]);
}

/* --- at random ----------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 20) % n;
}

/* Mostly a plausible packet of a few flows, whose clocks tick once a millisecond; at times nonsense. */
static struct packet_spec random_packet(uint64_t at)
{
	static const __u16 flags[] = { ACK,	  ACK,	     ACK, ACK,	     ACK, ACK,	     SYN,
				       SYN | ACK, FIN | ACK, RST, RST | ACK, 0,	  SYN | FIN, FIN };
	static const char *const options[] = { NULL,  NULL,   NULL, NULL, "MSTNW",
					       "TNN", "NNTK", "Z",  "M" };
	bool up = random_below(2);
	__u32 now = at / MS(1);
	struct packet_spec s = packet(up ? CLIENT : SERVER, up ? SERVER : CLIENT);
	__u16 port = 1000 + random_below(12);

	s.ip = random_below(3) ? 4 : 6;
	if (!random_below(8)) {
		s.l4 = ICMP;
		s.echo = up ? REQUEST : REPLY;
		s.echo_id = 1 + random_below(3);
		s.echo_seq = now / 10 - (up ? 0 : random_below(3));
		return s;
	}
	s.sport = up ? port : 80;
	s.dport = up ? 80 : port;
	s.flags = flags[random_below(random_below(10) ? 6 : ARRAY_SIZE(flags))];
	s.seq = random_below(2) * 100;
	s.tsval = (up ? 0xffffff00 : 5000) + now - (random_below(9) ? 0 : random_below(20));
	s.tsecr = (up ? 5000 : 0xffffff00) + now - random_below(random_below(4) ? 40 : 4);
	s.payload = random_below(2) * 100;
	s.options = options[random_below(ARRAY_SIZE(options))];
	s.bare = !random_below(30);
	s.snap = random_below(60) ? 0 : 34 + random_below(60);
	return s;
}

static void replay_random(const struct pping_config *usual, uint64_t seed, int packets)
{
	uint64_t at = SECONDS(1700000000ULL);
	static struct hosts h;
	char name[64];

	random_state = seed * 0x9e3779b97f4a7c15ULL;
	snprintf(name, sizeof(name), "seed %llu", (unsigned long long)seed);
	if (!hosts_open(&h, usual, ENGINE_FLOWS))
		return;
	for (int i = 0; i < packets && !h.failed; i++) {
		struct engine_frame f = { .verdict = ENGINE_FRAME_UNKNOWN,
					  .way = PPING_MATCH_UNKNOWN };
		struct packet_spec s;
		struct frame frame;

		/* mostly microseconds, at times a pause that stragglers, or flows, don't survive */
		at += random_below(random_below(500) ? 400000 : 2000000000);
		at += random_below(3000) ? 0 : SECONDS(random_below(400));
		s = random_packet(at - SECONDS(1700000000ULL));
		frame_build(&frame, &s);
		f.data = frame.b;
		f.captured = frame.len;
		f.time_ns = at;
		feed(&h, f);
	}
	hosts_close(&h, name);
}

static void replays_random_traffic(void)
{
	if (!bpf_ready())
		return;
	for (int seed = 1; seed <= 14; seed++)
		replay_random(&configs[seed % ARRAY_SIZE(configs)], seed, 6000);
}

/*
 * Beyond the tables' capacity both give up entries, not the same ones: equal in
 * the mean. A flood of pings between 300 flows in use, in a table of 4,096.
 */
static void flood_both(struct engine_host *user, struct engine *kernel, struct packet_spec s,
		       uint64_t at)
{
	struct engine_frame f = { .verdict = ENGINE_FRAME_UNKNOWN, .way = PPING_MATCH_UNKNOWN };
	struct frame frame;
	__u32 retval;

	frame_build(&frame, &s);
	f.data = frame.b;
	f.captured = f.length = frame.len;
	f.time_ns = SECONDS(1700000000ULL) + at;
	engine__set_time(kernel, at);
	CHECK_INT(engine_host__packet(user, &f), 0);
	CHECK_INT(engine_test_run(kernel, TC_INGRESS, &frame, 1, NULL, &retval), 0);
}

static void survives_a_flood_alike(void)
{
	struct packet_spec s;
	static struct hosts h;
	uint64_t rtts[2];

	if (!bpf_ready() || !hosts_open(&h, &configs[0], ENGINE_FLOWS))
		return;
	for (int i = 0; i < 300; i++) {
		s = (struct packet_spec)syn(CLIENT, SERVER, 1000, .sport = 2000 + i);
		flood_both(h.user, h.kernel, s, 0);
		s = (struct packet_spec)synack(SERVER, CLIENT, 5000, 1000, .dport = 2000 + i);
		flood_both(h.user, h.kernel, s, MS(1));
	}
	for (int i = 0; i < 40000; i++) {
		s = (struct packet_spec)request(STRANGER, SERVER, 7, .echo_id = 1 + i);
		flood_both(h.user, h.kernel, s, MS(2) + i * 1000);
		s = (struct packet_spec)ack(CLIENT, SERVER, 1001, 5000, .sport = 2000 + i % 300);
		flood_both(h.user, h.kernel, s, MS(2) + i * 1000);
	}
	for (int i = 0; i < 300; i++) {
		s = (struct packet_spec)data(CLIENT, SERVER, 1050, 5000, .sport = 2000 + i);
		flood_both(h.user, h.kernel, s, MS(50));
	}
	for (int i = 0; i < 300; i++) {
		s = (struct packet_spec)ack(SERVER, CLIENT, 5050, 1050, .dport = 2000 + i);
		flood_both(h.user, h.kernel, s, MS(70));
	}
	rtts[0] = engine_host__counters(h.user)->n[PPING_COUNT_RTTS];
	rtts[1] = engine__counters(h.kernel).n[PPING_COUNT_RTTS];
	printf("# RTTs of 300 after a flood of 40000: user %llu, kernel %llu\n",
	       (unsigned long long)rtts[0], (unsigned long long)rtts[1]);
	CHECK(rtts[0] >= 290 && rtts[1] >= 290);
	engine_host__free(h.user);
}

int main(void)
{
	RUN(replays_made_captures);
	RUN(replays_shared_captures);
	RUN(replays_random_traffic);
	RUN(survives_a_flood_alike);
	return TEST_EXIT();
}
