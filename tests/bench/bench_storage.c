// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an event takes on the disk, by format and compression, and what
 * compressing it costs beside formatting it. The events are those of the
 * seed's sum: 1,000 flows at a time, of a second each, that give ten RTTs, an
 * opening and a closing: 12,000 events a second. Flushed as often as files are,
 * and, with a hundredth of the traffic, after a hundredth of the events: that is
 * what the last second's safety costs in a quiet place.
 *
 * Addresses, ports and RTTs are random, times have all their nanoseconds: what
 * can't be compressed is there as in reality.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/compressor.h"
#include "src/format_util.h"

#define FLOWS 1000
#define EVENTS_PER_FLOW 12
#define EVENTS 360000 /* half a minute */
#define EVENTS_PER_S (FLOWS * EVENTS_PER_FLOW)
#define FLUSHES_PER_S 2
#define QUIET 100 /* times less traffic */
#define ROUNDS 3
#define HOUR_S 3600
#define START_NS 1700000000000000000ULL

struct flow {
	struct pping_tuple tuple;
	uint64_t base_rtt, min_rtt;
	int step; /* of EVENTS_PER_FLOW */
};

static struct pping_event events[EVENTS];
static uint64_t walls[EVENTS];

static double uniform(void)
{
	return (random() + 0.5) / (RAND_MAX + 1.0);
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* Some servers have most of the flows. */
static void draw_flow(struct flow *f)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff };
	uint32_t server = (uint32_t)(2000 * pow(uniform(), 3)), client = (uint32_t)random();

	memset(f, 0, sizeof(*f));
	memcpy(f->tuple.saddr.b, v4, 16);
	memcpy(f->tuple.daddr.b, v4, 16);
	f->tuple.saddr.w[3] = htonl(0x2d000000 + server * 2654435761U % 0xffffff);
	f->tuple.daddr.w[3] = htonl(0x64400000 + client % 4096); /* 100.64/10 */
	f->tuple.sport = htons(443);
	f->tuple.dport = htons((uint16_t)(32768 + random() % 28232));
	f->tuple.protocol = IPPROTO_TCP;
	f->tuple.ip_version = 4;
	f->base_rtt = (uint64_t)(20e6 * exp(normal()));
	f->min_rtt = UINT64_MAX;
}

/* What a closing has with counters, the duration and the RTTs in the place of an RTT. */
static void fill_totals(struct pping_event *e, const struct flow *f)
{
	e->rtt = 500000000 + f->base_rtt * 47 % 1000000000;
	e->min_rtt = EVENTS_PER_FLOW - 2;
	e->sent.packets = EVENTS_PER_FLOW * 7;
	e->sent.bytes = e->sent.packets * 1400 + f->base_rtt % 1400;
	e->rec.packets = EVENTS_PER_FLOW * 5;
	e->rec.bytes = e->rec.packets * 52;
}

static void fill_event(struct pping_event *e, struct flow *f)
{
	e->flow = f->tuple;
	if (!f->step || f->step == EVENTS_PER_FLOW - 1) {
		e->type = PPING_EVENT_FLOW;
		e->flow_event = f->step ? PPING_FLOW_CLOSING : PPING_FLOW_OPENING;
		e->reason = f->step ? PPING_REASON_FIN : PPING_REASON_SYN_ACK;
		e->triggered_by = PPING_TRIGGER_SRC;
		fill_totals(e, f);
	} else {
		e->type = PPING_EVENT_RTT;
		e->rtt = f->base_rtt + (uint64_t)(5e6 * -log(uniform()));
		if (e->rtt < f->min_rtt)
			f->min_rtt = e->rtt;
		e->min_rtt = f->min_rtt;
		e->sent.packets = (uint64_t)f->step * 7;
		e->sent.bytes = e->sent.packets * 1400 + (uint64_t)random() % 1400;
		e->rec.packets = (uint64_t)f->step * 5;
		e->rec.bytes = e->rec.packets * 52;
	}
	f->step = (f->step + 1) % EVENTS_PER_FLOW;
	if (!f->step)
		draw_flow(f);
}

static void fill_events(void)
{
	static struct flow flows[FLOWS];
	uint64_t wall = START_NS;
	int i;

	srandom(1);
	for (i = 0; i < FLOWS; i++) {
		draw_flow(&flows[i]);
		flows[i].step = i % EVENTS_PER_FLOW;
	}
	for (i = 0; i < EVENTS; i++) {
		wall += (uint64_t)(1e9 / EVENTS_PER_S * -log(uniform()));
		walls[i] = wall;
		fill_event(&events[i], &flows[random() % FLOWS]);
	}
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bytes an event; *seconds: of CPU, formatting included. */
static double measure(const struct format *format, bool counters, enum compressor_kind kind,
		      int flush_every, double *seconds)
{
	const struct format_settings set = { .counters = counters };
	struct text text = { 0 }, packed = { 0 };
	struct compressor *c;
	double begin = cpu_seconds();
	uint64_t bytes = 0;
	int i;

	if (compressor__new(&c, kind))
		return 0;
	for (i = 0; i < EVENTS; i++) {
		format->event(&text, &set, &events[i], walls[i], !i);
		if (text.len >= 16384 || (i + 1) % flush_every == 0) {
			compressor__write(c, text.data, text.len, &packed);
			text.len = 0;
		}
		if ((i + 1) % flush_every == 0)
			compressor__flush(c, &packed);
		bytes += packed.len;
		packed.len = 0;
	}
	compressor__write(c, text.data, text.len, &packed);
	compressor__end(c, &packed);
	bytes += packed.len;
	*seconds = cpu_seconds() - begin;
	compressor__free(c);
	text__free(&text);
	text__free(&packed);
	return (double)bytes / EVENTS;
}

/* The least of some runs: what else the machine does only adds. */
static double least_seconds(const struct format *format, bool counters, enum compressor_kind kind)
{
	double best = 1e9, seconds;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		measure(format, counters, kind, EVENTS_PER_S / FLUSHES_PER_S, &seconds);
		best = seconds < best ? seconds : best;
	}
	return best;
}

static double gb_an_hour(double bytes)
{
	return bytes * EVENTS_PER_S * HOUR_S / 1e9;
}

static void print_cell(const struct format *format, bool counters, enum compressor_kind kind,
		       double plain)
{
	double unused, bytes, quiet;

	if (!compressor__has(kind)) {
		printf(" not built | |");
		return;
	}
	bytes = measure(format, counters, kind, EVENTS_PER_S / FLUSHES_PER_S, &unused);
	quiet = measure(format, counters, kind, EVENTS_PER_S / FLUSHES_PER_S / QUIET, &unused);
	printf(" %.1f (1/%.1f), %.2f GB | %.1f |", bytes, plain / bytes, gb_an_hour(bytes), quiet);
}

static void print_row(const char *name, const struct format *format, bool counters)
{
	double unused, plain = measure(format, counters, COMPRESSOR_NONE, EVENTS, &unused);

	printf("| %s | %.0f, %.1f GB |", name, plain, gb_an_hour(plain));
	print_cell(format, counters, COMPRESSOR_GZIP, plain);
	print_cell(format, counters, COMPRESSOR_ZSTD, plain);
	printf("\n");
}

int main(void)
{
	double plain;

	fill_events();
	printf("Bytes an event on the disk, and an hour of %d events/s; quiet: an event with 1/%d "
	       "of "
	       "that traffic:\n\n",
	       EVENTS_PER_S, QUIET);
	printf("| `-F` | plain | gzip | quiet | zstd | quiet |\n|---|---|---|---|---|---|\n");
	print_row("standard", &format_standard, false);
	print_row("jsonl", &format_jsonl, false);
	print_row("jsonl `--counters`", &format_jsonl, true);
	print_row("json", &format_json, false);
	print_row("ppviz", &format_ppviz, false);
	plain = least_seconds(&format_jsonl, false, COMPRESSOR_NONE);
	printf("\nCPU time of formatting and compressing jsonl, formatting alone is 1: gzip %.1f",
	       least_seconds(&format_jsonl, false, COMPRESSOR_GZIP) / plain);
	if (compressor__has(COMPRESSOR_ZSTD))
		printf(", zstd %.1f", least_seconds(&format_jsonl, false, COMPRESSOR_ZSTD) / plain);
	printf("; events/s of a core: plain %.1f million", EVENTS / plain / 1e6);
	printf(", gzip %.2f million",
	       EVENTS / least_seconds(&format_jsonl, false, COMPRESSOR_GZIP) / 1e6);
	if (compressor__has(COMPRESSOR_ZSTD))
		printf(", zstd %.2f million",
		       EVENTS / least_seconds(&format_jsonl, false, COMPRESSOR_ZSTD) / 1e6);
	printf("\n");
	return EXIT_SUCCESS;
}
