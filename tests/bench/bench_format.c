// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines formatted per second and core, each format's own against snprintf()
 * writing the same line; they run in turn, so the ratio holds while the
 * machine's speed drifts. The lines are compared first. Then the same with
 * --anonymize, against what it is without: once with hosts that were seen before,
 * once with a host that is new each time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "src/address_cipher.h"
#include "src/anonymize.h"
#include "src/fields.h"
#include "src/format_util.h"

#define EVENTS 16384 /* too many for a branch predictor to learn */
#define ROUNDS 12
#define LINES_PER_ROUND (EVENTS * 8)

struct bench {
	const char *name;
	const struct format *format;
	bool counters;
	uint8_t ip_version;
	int (*reference)(char *line, size_t size, const struct pping_event *event,
			 unsigned long long wall_ns);
};

static struct pping_event events[EVENTS];
static uint64_t walls[EVENTS];

struct names {
	char src[INET6_ADDRSTRLEN], dest[INET6_ADDRSTRLEN];
	const char *open, *close;
	unsigned int sport, dport;
};

static struct names names_of(const struct pping_tuple *flow)
{
	int family = flow->ip_version == 4 ? AF_INET : AF_INET6;
	size_t skip = flow->ip_version == 4 ? 12 : 0;
	struct names n = { .open = family == AF_INET ? "" : "[",
			   .close = family == AF_INET ? "" : "]" };

	inet_ntop(family, flow->saddr.b + skip, n.src, sizeof(n.src));
	inet_ntop(family, flow->daddr.b + skip, n.dest, sizeof(n.dest));
	n.sport = ntohs(flow->sport);
	n.dport = ntohs(flow->dport);
	return n;
}

static int reference_standard(char *line, size_t size, const struct pping_event *e,
			      unsigned long long wall)
{
	struct names n = names_of(&e->flow);
	time_t second = (time_t)wall / PPING_NS_PER_SEC;
	struct tm tm;

	localtime_r(&second, &tm);
	return snprintf(
		line, size,
		"%02d:%02d:%02d.%09llu %llu.%06llu ms %llu.%06llu ms %s %s%s%s:%u+%s%s%s:%u\n",
		tm.tm_hour, tm.tm_min, tm.tm_sec, wall % PPING_NS_PER_SEC, e->rtt / PPING_NS_PER_MS,
		e->rtt % PPING_NS_PER_MS, e->min_rtt / PPING_NS_PER_MS,
		e->min_rtt % PPING_NS_PER_MS, "TCP", n.open, n.src, n.close, n.sport, n.open,
		n.dest, n.close, n.dport);
}

static int reference_jsonl(char *line, size_t size, const struct pping_event *e,
			   unsigned long long wall)
{
	struct names n = names_of(&e->flow);

	return snprintf(line, size,
			"{\"timestamp\":%llu,\"src_ip\":\"%s\",\"src_port\":%u,"
			"\"dest_ip\":\"%s\",\"dest_port\":%u,\"protocol\":\"%s\","
			"\"rtt\":%llu,\"min_rtt\":%llu,\"match_on_egress\":%s}\n",
			wall, n.src, n.sport, n.dest, n.dport, "TCP", e->rtt, e->min_rtt,
			e->match == PPING_MATCH_EGRESS ? "true" : "false");
}

static int reference_counters(char *line, size_t size, const struct pping_event *e,
			      unsigned long long wall)
{
	struct names n = names_of(&e->flow);

	return snprintf(line, size,
			"{\"timestamp\":%llu,\"src_ip\":\"%s\",\"src_port\":%u,"
			"\"dest_ip\":\"%s\",\"dest_port\":%u,\"protocol\":\"%s\","
			"\"rtt\":%llu,\"min_rtt\":%llu,\"sent_packets\":%llu,"
			"\"sent_bytes\":%llu,\"rec_packets\":%llu,\"rec_bytes\":%llu,"
			"\"match_on_egress\":%s}\n",
			wall, n.src, n.sport, n.dest, n.dport, "TCP", e->rtt, e->min_rtt,
			e->sent.packets, e->sent.bytes, e->rec.packets, e->rec.bytes,
			e->match == PPING_MATCH_EGRESS ? "true" : "false");
}

static int reference_ppviz(char *line, size_t size, const struct pping_event *e,
			   unsigned long long wall)
{
	struct names n = names_of(&e->flow);

	return snprintf(line, size, "%llu.%09llu %llu.%09llu %llu.%09llu %s:%u+%s:%u\n",
			wall / PPING_NS_PER_SEC, wall % PPING_NS_PER_SEC, e->rtt / PPING_NS_PER_SEC,
			e->rtt % PPING_NS_PER_SEC, e->min_rtt / PPING_NS_PER_SEC,
			e->min_rtt % PPING_NS_PER_SEC, n.src, n.sport, n.dest, n.dport);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * PPING_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void fill_events(uint8_t ip_version)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	int i, b;

	for (i = 0; i < EVENTS; i++) {
		struct pping_event *e = &events[i];

		memset(e, 0, sizeof(*e));
		e->type = PPING_EVENT_RTT;
		e->flow.protocol = IPPROTO_TCP;
		e->flow.ip_version = ip_version;
		memcpy(e->flow.saddr.b, ip_version == 4 ? v4 : v6, 16);
		e->flow.daddr = e->flow.saddr;
		for (b = ip_version == 4 ? 12 : 8; b < 16; b++) {
			e->flow.saddr.b[b] = (uint8_t)rand();
			e->flow.daddr.b[b] = (uint8_t)rand();
		}
		e->flow.sport = htons(443);
		e->flow.dport = (uint16_t)rand();
		e->match = i & 1;
		e->min_rtt = 200000 + (uint64_t)rand() % 50000000;
		e->rtt = e->min_rtt + (uint64_t)rand() % 50000000;
		e->sent.packets = (uint64_t)rand() % 100000;
		e->sent.bytes = 1460 * e->sent.packets;
		e->rec.packets = e->sent.packets / 2;
		e->rec.bytes = 52 * e->rec.packets;
		walls[i] = 1700000000 * PPING_NS_PER_SEC + (uint64_t)i * 10007;
	}
}

static uint64_t time_own(const struct bench *b, struct text *out)
{
	struct format_settings set = { .counters = b->counters };
	uint64_t start = now();
	int i;

	for (i = 0; i < LINES_PER_ROUND; i++) {
		if (i % EVENTS == 0)
			out->len = 0;
		b->format->event(out, &set, &events[i % EVENTS], walls[i % EVENTS], false);
	}
	return now() - start;
}

static uint64_t time_reference(const struct bench *b, struct text *out)
{
	uint64_t start = now();
	int i;

	for (i = 0; i < LINES_PER_ROUND; i++) {
		if (i % EVENTS == 0)
			out->len = 0;
		out->len += (size_t)b->reference(text__reserve(out, FORMAT_RECORD_MAX),
						 FORMAT_RECORD_MAX, &events[i % EVENTS],
						 walls[i % EVENTS]);
	}
	return now() - start;
}

/* Appends to the file of results, see bench.h. */
static void report(const char *name, double millions)
{
	const char *path = getenv("BENCH_RESULTS");
	FILE *to = path ? fopen(path, "a") : NULL;

	if (!to)
		return;
	fprintf(to,
		"{\"part\":\"format\",\"row\":\"%s\",\"unit\":\"M lines/s\",\"value\":%.4g,"
		"\"better\":\"higher\"%s}\n",
		name, millions, strncmp(name, "jsonl", 5) ? "" : ",\"budget\":1.5");
	fclose(to);
}

static void run(const struct bench *b)
{
	struct text own = { 0 }, reference = { 0 };
	uint64_t best_own = UINT64_MAX, best_reference = UINT64_MAX, t;
	int i;

	fill_events(b->ip_version);
	for (i = 0; i < ROUNDS; i++) {
		t = time_own(b, &own);
		best_own = t < best_own ? t : best_own;
		t = time_reference(b, &reference);
		best_reference = t < best_reference ? t : best_reference;
	}
	if (own.len != reference.len || memcmp(own.data, reference.data, own.len)) {
		fprintf(stderr, "bench_format: %s: the lines differ\n", b->name);
		exit(EXIT_FAILURE);
	}
	printf("%-22s %6.2f M lines/s %5.1f ns/line, snprintf %6.1f ns/line, ratio %4.1f\n",
	       b->name, LINES_PER_ROUND * 1e3 / (double)best_own,
	       (double)best_own / LINES_PER_ROUND, (double)best_reference / LINES_PER_ROUND,
	       (double)best_reference / (double)best_own);
	report(b->name, LINES_PER_ROUND * 1e3 / (double)best_own);
	text__free(&own);
	text__free(&reference);
}

/* --- anonymised ------------------------------------------------------------------- */

#define HOSTS 4096 /* sources, and as many destinations */

struct anonymous {
	const char *name;
	enum option_anonymize method;
	uint8_t ip_version;
	enum option_ports ports;
	uint32_t fields;
};

/* Each as the sink does it. */
static uint64_t time_anonymized(struct anonymize *a, const struct format_settings *set,
				struct text *out)
{
	uint64_t start = now();
	int i;

	for (i = 0; i < LINES_PER_ROUND; i++) {
		struct pping_event e = events[i % EVENTS];

		if (i % EVENTS == 0)
			out->len = 0;
		if (a)
			anonymize__event(a, &e);
		format_jsonl.event(out, set, &e, walls[i % EVENTS], false);
	}
	return now() - start;
}

static struct anonymize *new_anonymize(const struct anonymous *b, uint32_t cache_sets)
{
	struct anonymize_settings set = {
		.anonymity = { .method = b->method,
			       .ports = b->ports,
			       .v4_bits = 24,
			       .v6_bits = 48 },
		.flow_id = b->fields & FIELD_BIT(FLOW_ID),
		.cache_sets = cache_sets,
	};
	struct anonymize *a = NULL;

	if (anonymize__new(&a, &set))
		exit(EXIT_FAILURE);
	return a;
}

static void run_anonymized(const struct anonymous *b)
{
	struct anonymize *known = new_anonymize(b, 0), *fresh = new_anonymize(b, 1);
	const struct format_settings plain = { 0 };
	struct format_settings set = { .addresses = anonymize__addresses(known),
				       .fields = b->fields,
				       .note = anonymize__note(known) };
	uint64_t best[3] = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct text out = { 0 };
	int i, j;

	fill_events(b->ip_version);
	for (i = HOSTS; i < EVENTS; i++) {
		events[i].flow.saddr = events[i % HOSTS].flow.saddr;
		events[i].flow.daddr = events[i % HOSTS].flow.daddr;
	}
	for (i = 0; i < ROUNDS; i++) {
		uint64_t t[] = { time_anonymized(NULL, &plain, &out),
				 time_anonymized(known, &set, &out),
				 time_anonymized(fresh, &set, &out) };

		for (j = 0; j < 3; j++)
			best[j] = t[j] < best[j] ? t[j] : best[j];
	}
	printf("%-28s %6.2f M lines/s %6.1f ns/line, %5.1f of the plain; new hosts %6.2f M "
	       "lines/s\n",
	       b->name, LINES_PER_ROUND * 1e3 / (double)best[1], (double)best[1] / LINES_PER_ROUND,
	       (double)best[1] / (double)best[0], LINES_PER_ROUND * 1e3 / (double)best[2]);
	text__free(&out);
	anonymize__free(known);
	anonymize__free(fresh);
}

static void run_all_anonymized(void)
{
	static const uint32_t removed = FIELDS_USUAL & ~FIELDS_ADDRESSES;
	static const uint32_t opaque = FIELDS_USUAL | FIELD_BIT(IP_VERSION);
	static const struct anonymous rows[] = {
		{ "cryptopan IPv4", ANONYMIZE_CRYPTOPAN, 4, PORTS_KEPT, 0 },
		{ "cryptopan IPv6", ANONYMIZE_CRYPTOPAN, 6, PORTS_KEPT, 0 },
		{ "ipcrypt-pfx IPv4", ANONYMIZE_IPCRYPT_PFX, 4, PORTS_KEPT, 0 },
		{ "ipcrypt-pfx IPv6", ANONYMIZE_IPCRYPT_PFX, 6, PORTS_KEPT, 0 },
		{ "ipcrypt IPv4", ANONYMIZE_IPCRYPT, 4, PORTS_KEPT, opaque },
		{ "ipcrypt IPv6", ANONYMIZE_IPCRYPT, 6, PORTS_KEPT, opaque },
		{ "truncate IPv4", ANONYMIZE_TRUNCATE, 4, PORTS_KEPT, 0 },
		{ "remove, flow_id IPv4", ANONYMIZE_REMOVE, 4, PORTS_KEPT,
		  removed | FIELD_BIT(FLOW_ID) },
		{ "ipcrypt-pfx IPv6, all ports", ANONYMIZE_IPCRYPT_PFX, 6, PORTS_ALL, 0 },
	};

	if (!address_cipher__available()) {
		printf("built without nettle: nothing to anonymise with\n");
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		run_anonymized(&rows[i]);
}

int main(void)
{
	static const struct bench benches[] = {
		{ "standard IPv4", &format_standard, false, 4, reference_standard },
		{ "standard IPv6", &format_standard, false, 6, reference_standard },
		{ "jsonl IPv4", &format_jsonl, false, 4, reference_jsonl },
		{ "jsonl IPv6", &format_jsonl, false, 6, reference_jsonl },
		{ "jsonl IPv4, counters", &format_jsonl, true, 4, reference_counters },
		{ "jsonl IPv6, counters", &format_jsonl, true, 6, reference_counters },
		{ "ppviz IPv4", &format_ppviz, false, 4, reference_ppviz },
		{ "ppviz IPv6", &format_ppviz, false, 6, reference_ppviz },
	};
	size_t i;

	for (i = 0; i < sizeof(benches) / sizeof(*benches); i++)
		run(&benches[i]);
	printf("\njsonl with --anonymize\n");
	run_all_anonymized();
	return EXIT_SUCCESS;
}
