// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole engine: three bytes of configuration, then six for each packet, its
 * time included. A list of what was shown when is the judge of every RTT:
 *  - its identifier was shown by a packet that may be stamped, that long ago;
 *  - it is not 0, not negative, not over a minute, and the minimum is not above it;
 *  - no packet that was stamped is answered twice, no packet answers two;
 *  - a closing's totals are no more than was fed, and its time no longer;
 *  - flows stay below their bound and every packet has one verdict.
 */
#include "tests/bpf/packets.h"

#include "src/engine_host.c"

#define RECORD 6
#define MAX_SHOWN 4096
#define BEGIN 1700000000000000000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct shown {
	uint32_t flow; /* of spec_flow() */
	uint32_t id;
	uint64_t time;
	bool up, answered;
};

static struct {
	struct shown shown[MAX_SHOWN];
	int count;
	/* the packet at hand */
	struct packet_spec spec;
	bool up;
	uint64_t now;
	int rtts;
	uint64_t last_event;
	uint64_t fed; /* packets */
} t;

static void check(bool good)
{
	if (!good)
		abort();
}

static uint32_t spec_flow(const struct packet_spec *s)
{
	return spec_ip(s) << 24 | s->l4 << 16 | (s->l4 == ICMP ? s->echo_id : s->sport + s->dport);
}

static uint32_t spec_answer(const struct packet_spec *s)
{
	return s->l4 == ICMP ? s->echo_seq : s->tsecr;
}

static void judge(const struct pping_event *e)
{
	check(e->rtt > 0 && e->rtt <= PPING_MAX_RTT_NS && e->min_rtt <= e->rtt);
	check(e->timestamp == t.now);
	check(++t.rtts == 1);
	for (int i = 0; i < t.count; i++) {
		struct shown *s = &t.shown[i];

		if (s->flow != spec_flow(&t.spec) || s->up == t.up ||
		    s->id != spec_answer(&t.spec) || s->answered)
			continue;
		/* stamps are kept in units of 16 ns */
		if (e->rtt - (t.now - s->time) < 16) {
			s->answered = true;
			return;
		}
	}
	abort();
}

/* Who was put off has no packet of who came first. */
static void judge_totals(const struct pping_event *e)
{
	if (!config.counters || e->flow_event != PPING_FLOW_CLOSING)
		return;
	check(e->rec.packets && (e->sent.packets || config.pressure_limit));
	check(e->sent.packets + e->rec.packets <= t.fed);
	check(e->sent.bytes >= e->sent.packets * 28 && e->rec.bytes >= e->rec.packets * 28);
	check(e->duration <= e->timestamp - BEGIN && e->rtts <= t.fed);
}

static int on_event(void *ctx, const struct pping_event *e)
{
	check(e->timestamp >= t.last_event && e->timestamp <= t.now);
	t.last_event = e->timestamp;
	if (e->type == PPING_EVENT_RTT)
		judge(e);
	else
		check(e->type == PPING_EVENT_FLOW && e->reason >= PPING_REASON_SYN &&
		      e->reason <= PPING_REASON_TIMEOUT);
	judge_totals(e);
	return 0;
}

/* What this packet shows, if it may be stamped. */
static void show(const struct packet_spec *s)
{
	bool stampable = s->l4 == ICMP ? s->echo == REQUEST
				       : s->payload || (config.include_syn && s->flags & SYN);

	if (!stampable || s->bare || t.count == MAX_SHOWN)
		return;
	t.shown[t.count++] = (struct shown){ .flow = spec_flow(s),
					     .id = s->l4 == ICMP ? s->echo_seq : s->tsval,
					     .time = t.now,
					     .up = t.up };
}

static struct packet_spec decode(const uint8_t *b)
{
	static const uint16_t flags[] = { ACK, ACK, SYN, SYN | ACK, FIN | ACK, RST, PSH | ACK, 0 };
	bool up = b[0] & 1;
	struct packet_spec s = packet(up ? CLIENT : SERVER, up ? SERVER : CLIENT);

	s.ip = b[0] & 2 ? 6 : 4;
	s.payload = b[3] & 1 ? 10 : 0;
	if (b[0] & 4) {
		s.l4 = ICMP;
		s.echo = b[3] & 2 ? REPLY : REQUEST;
		s.echo_id = 1 + (b[0] >> 6);
		s.echo_seq = b[1] - 128; /* wraps */
		return s;
	}
	s.flags = flags[b[0] >> 3 & 7];
	s.sport = up ? 1000 + (b[0] >> 6) + (b[3] >> 4) : 80;
	s.dport = up ? 80 : 1000 + (b[0] >> 6) + (b[3] >> 4);
	s.tsval = (up ? 0xffffff80 : 5000) + b[1];
	s.tsecr = (up ? 5000 : 0xffffff80) + b[2];
	s.seq = b[2];
	s.bare = (b[3] & 14) == 14;
	s.options = b[3] & 8 ? "MSTNW" : NULL;
	return s;
}

/* From nothing over nanoseconds to three days; all together do not reach 2^64 ns. */
static uint64_t decode_delta(const uint8_t *b)
{
	int shift = (b[0] >> 4) * 3;

	return (uint64_t)(b[1] + (b[0] & 15) * 256) << (shift < 36 ? shift : 36);
}

static void feed(struct engine_host *e, const uint8_t *b)
{
	struct engine_frame f = { .verdict = ENGINE_FRAME_UNKNOWN, .way = PPING_MATCH_UNKNOWN };
	struct frame frame;

	t.now += decode_delta(b + 4);
	t.spec = decode(b);
	t.up = b[0] & 1;
	t.rtts = 0;
	t.fed++;
	frame_build(&frame, &t.spec);
	f.data = frame.b;
	f.captured = f.length = frame.len;
	f.time_ns = t.now;
	check(!engine_host__packet(e, &f));
	show(&t.spec);
}

static void check_table(const struct table *table)
{
	uint32_t chained = 0, spare = 0;

	for (uint32_t c = 0; c <= table->mask; c++)
		for (uint32_t i = table->chains[c]; i != NONE; i = entry_at(table, i)->next) {
			check(entry_at(table, i)->used && ++chained <= table->max);
			check(table_chain(table, &entry_at(table, i)->key) == c);
		}
	for (uint32_t i = table->free; i != NONE; i = entry_at(table, i)->next)
		check(!entry_at(table, i)->used && ++spare <= table->max);
	check(chained == table->present && chained + spare == table->touched);
	check(table->touched <= table->max);
}

static void check_end(struct engine_host *e, uint64_t packets)
{
	const struct pping_counters *c = engine_host__counters(e);
	uint64_t verdicts = 0;

	for (int i = 0; i < PPING_VERDICT_COUNT; i++)
		verdicts += c->n[i];
	check(verdicts == packets);
	check(c->n[PPING_COUNT_RTTS] <= c->n[PPING_COUNT_STAMPED]);
	check(c->n[PPING_COUNT_FLOWS_CREATED] >=
	      c->n[PPING_COUNT_FLOWS_REMOVED] + e->flows.present);
	check_table(&e->flows);
}

static int on_row(void *ctx, const struct aggregate_row *row)
{
	uint64_t *rtts = ctx;

	check(!row->count || (row->min <= row->median && row->median <= row->p95 &&
			      row->p95 <= row->p99 && row->p99 <= row->max));
	check(!row->count || (row->min <= row->mean && row->mean <= row->max));
	if (row->subject != AGGREGATE_ICMP)
		*rtts += row->count;
	return 0;
}

/* Each RTT is in one row of the report. */
static void check_aggregates(struct engine_host *e)
{
	struct aggregate_settings set = { .bits4 = 32, .bits6 = 64 };
	struct aggregate *aggregate;
	uint64_t rtts = 0;

	engine_host__prefixes(e, &set.tables);
	check(!aggregate__new(&aggregate, &set));
	check(!aggregate__report(aggregate, 1, on_row, &rtts));
	check(rtts == engine_host__counters(e)->n[PPING_COUNT_RTTS_AGGREGATED]);
	aggregate__free(aggregate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_host_settings set = { .event = on_event };
	struct engine_host *e;
	uint64_t packets = 0;

	if (size < 3 + RECORD || size > 3 + RECORD * MAX_SHOWN)
		return 0;
	set.config.track_tcp = set.config.track_icmp = 1;
	set.config.include_syn = data[0] & 1;
	set.config.counters = data[0] >> 1 & 1;
	set.config.use_srtt = data[0] >> 2 & 1;
	set.config.rate_limit_ns = data[1] * 1000000ULL;
	set.config.rtt_rate = data[0] & 8 ? data[1] << 12 : 0;
	set.config.pressure_limit = data[0] >> 4 & 3;
	set.config.aggregate = data[0] >> 6 & 1;
	set.config.aggregate_reverse = data[0] >> 7;
	set.config.max_prefixes = PPING_PREFIX_FIRST + 1 + data[2] / 32;
	set.config.prefix_mask4 = set.config.prefix_mask6[0] = set.config.prefix_mask6[1] = ~0U;
	set.max_flows = 1 + data[2] % 32;
	memset(&t, 0, sizeof(t));
	t.now = BEGIN;
	check(!engine_host__new(&e, &set));
	for (data += 3, size -= 3; size >= RECORD; data += RECORD, size -= RECORD, packets++)
		feed(e, data);
	check_end(e, packets);
	if (set.config.aggregate)
		check_aggregates(e);
	engine_host__free(e);
	return 0;
}
