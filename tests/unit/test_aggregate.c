// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Histograms, percentiles, and reports made from tables that are written by hand:
 * each RTT and each packet is in exactly one report, and a place changes hands
 * only when nobody can write to it for its old prefix. The places of the engine
 * in a process too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>

#include "engine/histogram.h"
#include "src/aggregate.h"
#include "src/prefix_table.h"
#include "test.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND PPING_NS_PER_SEC

/* --- histograms ---------------------------------------------------------------------- */

static void bins_are_contiguous(void)
{
	CHECK_INT(histogram_lower(0), 0);
	for (uint32_t bin = 0; bin < PPING_HIST_BINS - 1; bin++) {
		CHECK(histogram_lower(bin) < histogram_upper(bin));
		CHECK_INT(histogram_upper(bin), histogram_lower(bin + 1));
		CHECK_INT(histogram_bin(histogram_lower(bin)), bin);
		CHECK_INT(histogram_bin(histogram_upper(bin) - 1), bin);
	}
	CHECK_INT(histogram_bin(histogram_lower(PPING_HIST_BINS - 1)), PPING_HIST_BINS - 1);
	CHECK_INT(histogram_bin(0), 0);
	CHECK_INT(histogram_bin(UINT64_MAX), PPING_HIST_BINS - 1);
	/* 1 us to 64 s are neither under- nor overflow */
	CHECK(histogram_lower(1) <= 1000);
	CHECK(histogram_lower(PPING_HIST_BINS - 1) >= 64 * SECOND);
}

static void eight_bins_a_power_of_two(void)
{
	for (int power = 10; power < 36; power++) {
		uint64_t low = 1ULL << power;

		CHECK(histogram_bin(2 * low) - histogram_bin(low) >= 8);
		for (uint32_t bin = histogram_bin(low); bin < histogram_bin(2 * low); bin++)
			CHECK((histogram_upper(bin) - histogram_lower(bin)) * 8 <=
			      histogram_lower(bin));
	}
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void values_are_within_their_bins(void)
{
	for (int i = 0; i < 1000000; i++) {
		uint64_t ns = random_number() >> random_number() % 64;
		uint32_t bin = histogram_bin(ns);

		if (bin >= PPING_HIST_BINS || ns < histogram_lower(bin) ||
		    (bin < PPING_HIST_BINS - 1 && ns >= histogram_upper(bin)) ||
		    histogram_bin(ns + 1) - bin > 1) {
			printf("# %llu ns are in bin %u\n", (unsigned long long)ns, bin);
			CHECK(!"the value is within its bin");
			return;
		}
	}
}

/* --- tables by hand ---------------------------------------------------------------------- */

#define PLACES 12
#define SHARDS 2

static struct pping_prefix packets[SHARDS * PLACES];
static struct pping_rtts rtts[2 * PLACES];
static struct {
	uint32_t half;
	int turns, turn_err;
	int forgotten[PLACES], released[PLACES]; /* in which turn; 0: not */
	bool refuse; /* forget nothing */
	void (*while_turning)(void); /* what programs do that run to their end */
} engine;

static int turn(void *ctx, uint32_t half)
{
	(void)ctx;
	engine.turns++;
	if (engine.turn_err)
		return engine.turn_err;
	if (engine.while_turning)
		engine.while_turning();
	engine.half = half;
	return 0;
}

static bool forget(void *ctx, const struct pping_prefix_key *key, uint32_t place)
{
	(void)ctx;
	CHECK(!memcmp(&packets[place].key, key, sizeof(*key)));
	if (engine.refuse)
		return false;
	engine.forgotten[place] = engine.turns;
	return true;
}

static void release(void *ctx, uint32_t place)
{
	static const struct pping_prefix none;

	(void)ctx;
	/* not in the turn that forgot it, and empty */
	CHECK(engine.forgotten[place] && engine.forgotten[place] < engine.turns);
	for (int shard = 0; shard < SHARDS; shard++)
		CHECK(!memcmp(&packets[shard * PLACES + place], &none, sizeof(none)));
	CHECK(!rtts[place].min_inverted && !rtts[PLACES + place].min_inverted);
	engine.released[place] = engine.turns;
	engine.forgotten[place] = 0;
}

static struct aggregate *begin_named(uint64_t timeout_ns,
				     void (*name)(void *, const union pping_addr *, uint8_t,
						  uint8_t, char *))
{
	struct aggregate_settings set = {
		.bits4 = 24,
		.bits6 = 48,
		.timeout_ns = timeout_ns,
		.name = name,
		.tables = { packets, rtts, PLACES, SHARDS, NULL, turn, forget, release },
	};
	struct aggregate *a = NULL;

	memset(packets, 0, sizeof(packets));
	memset(rtts, 0, sizeof(rtts));
	memset(&engine, 0, sizeof(engine));
	CHECK_INT(aggregate__new(&a, &set), 0);
	return a;
}

static struct aggregate *begin(uint64_t timeout_ns)
{
	return begin_named(timeout_ns, NULL);
}

static void own4(uint32_t place, const char *address)
{
	for (int shard = 0; shard < SHARDS; shard++) {
		struct pping_prefix *p = &packets[shard * PLACES + place];

		inet_pton(AF_INET, address, &p->key.w[1]);
		p->key.ip_version = 4;
	}
}

static void own6(uint32_t place, const char *address)
{
	uint32_t w[4];

	inet_pton(AF_INET6, address, w);
	for (int shard = 0; shard < SHARDS; shard++) {
		struct pping_prefix *p = &packets[shard * PLACES + place];

		memcpy(p->key.w, w, sizeof(p->key.w));
		p->key.ip_version = 6;
	}
}

static void count_rtt_in(uint32_t half, uint32_t place, uint64_t ns)
{
	struct pping_rtts *r = &rtts[half * PLACES + place];

	r->sum += ns;
	r->max = r->max < ns ? ns : r->max;
	r->min_inverted = r->min_inverted < ~ns ? ~ns : r->min_inverted;
	r->bin[histogram_bin(ns)]++;
}

static void count_rtt(uint32_t place, uint64_t ns)
{
	count_rtt_in(engine.half, place, ns);
}

static void count_packet(uint32_t place, int shard, enum pping_kind kind, uint64_t bytes)
{
	packets[shard * PLACES + place].tx[kind].packets++;
	packets[shard * PLACES + place].tx[kind].bytes += bytes;
}

/* --- reports ------------------------------------------------------------------------------- */

static struct {
	struct aggregate_row row[PLACES];
	char name[PLACES][64];
	int rows;
	int err, err_at;
} got;

static int on_row(void *ctx, const struct aggregate_row *row)
{
	char address[64];

	(void)ctx;
	if (got.err && got.rows == got.err_at)
		return got.err;
	if (row->subject == AGGREGATE_PREFIX) {
		inet_ntop(row->ip_version == 4 ? AF_INET : AF_INET6,
			  row->addr.b + (row->ip_version == 4 ? 12 : 0), address, sizeof(address));
		snprintf(got.name[got.rows], sizeof(got.name[0]), "%.48s/%u", address, row->bits);
	} else {
		strcpy(got.name[got.rows], row->subject == AGGREGATE_ICMP ? "icmp" : "other");
	}
	got.row[got.rows++] = *row;
	return 0;
}

/* The rows' names, with a blank between two. */
static const char *report(struct aggregate *a, uint64_t now_ns)
{
	static char names[PLACES * 64];

	got.rows = 0;
	names[0] = '\0';
	CHECK_INT(aggregate__report(a, now_ns, on_row, NULL), 0);
	for (int i = 0; i < got.rows; i++) {
		strcat(names, i ? " " : "");
		strcat(names, got.name[i]);
	}
	return names;
}

static void rows_come_in_order(void)
{
	struct aggregate *a = begin(SECOND);

	own6(2, "2001:db8:1::");
	own4(3, "200.0.0.0");
	own4(4, "9.0.1.0");
	own6(5, "::");
	own4(6, "0.0.0.0");
	own4(7, "10.0.0.0"); /* has nothing */
	for (uint32_t place = 0; place < 7; place++)
		count_packet(place, 0, PPING_KIND_OTHER, 100);
	CHECK_STR(report(a, SECOND), "0.0.0.0/24 9.0.1.0/24 200.0.0.0/24 ::/48 2001:db8:1::/48 "
				     "other icmp");
	CHECK_INT(aggregate__prefixes(a), 6);
	CHECK_STR(report(a, SECOND), "");
	aggregate__free(a);
}

static void packets_are_their_growth(void)
{
	struct aggregate *a = begin(SECOND);

	own4(2, "10.0.0.0");
	count_packet(2, 0, PPING_KIND_TCP_TS, 100);
	count_packet(2, 1, PPING_KIND_TCP_TS, 50);
	packets[2].rx[PPING_KIND_OTHER] = (struct pping_flow_count){ 7, 700 };
	report(a, 0);
	CHECK_INT(got.row[0].tx[PPING_KIND_TCP_TS].packets, 2);
	CHECK_INT(got.row[0].tx[PPING_KIND_TCP_TS].bytes, 150);
	CHECK_INT(got.row[0].rx[PPING_KIND_OTHER].packets, 7);
	CHECK_INT(got.row[0].count, 0);
	count_packet(2, 1, PPING_KIND_TCP_NO_TS, 40);
	report(a, 0);
	CHECK_INT(got.rows, 1);
	CHECK_INT(got.row[0].tx[PPING_KIND_TCP_TS].packets, 0);
	CHECK_INT(got.row[0].tx[PPING_KIND_TCP_NO_TS].bytes, 40);
	CHECK_INT(got.row[0].rx[PPING_KIND_OTHER].packets, 0);
	aggregate__free(a);
}

/* A program that began before the turn writes to the half it found. */
static void late_rtt(void)
{
	count_rtt(2, 5000);
}

static void each_rtt_is_in_one_report(void)
{
	struct aggregate *a = begin(SECOND);
	uint64_t counts[] = { 0, 1, 2, 3, 0 }, n = 1000;

	own4(2, "10.0.0.0");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		for (uint64_t j = 0; j < counts[i]; j++)
			count_rtt(2, n++);
		engine.while_turning = i == 2 ? late_rtt : NULL;
		report(a, i);
		CHECK_INT(got.rows, counts[i] > 0);
		CHECK_INT(got.rows ? got.row[0].count : 0, counts[i] + (i == 2));
	}
	aggregate__free(a);
}

static void other_and_icmp_have_rtts(void)
{
	struct aggregate *a = begin(SECOND);

	count_rtt(PPING_PREFIX_OTHER, 1000);
	count_rtt(PPING_PREFIX_ICMP, 2000);
	CHECK_STR(report(a, 0), "other icmp");
	CHECK_INT(got.row[0].max, 1000);
	CHECK_INT(got.row[1].max, 2000);
	CHECK_INT(got.row[0].ip_version, 0);
	/* they never leave */
	for (int i = 1; i < 5; i++)
		CHECK_STR(report(a, i * 10 * SECOND), "");
	CHECK_INT(engine.released[0] + engine.released[1], 0);
	aggregate__free(a);
}

static void an_error_ends_a_report(void)
{
	struct aggregate *a = begin(SECOND);

	engine.turn_err = -EIO;
	CHECK_INT(aggregate__report(a, 0, on_row, NULL), -EIO);
	engine.turn_err = 0;
	own4(2, "10.0.0.0");
	own4(3, "11.0.0.0");
	count_rtt(2, 1000);
	count_rtt(3, 1000);
	got.rows = 0;
	got.err = -ENOSPC;
	got.err_at = 1;
	CHECK_INT(aggregate__report(a, 0, on_row, NULL), -ENOSPC);
	got.err = 0;
	CHECK_INT(got.rows, 1);
	aggregate__free(a);
}

/* --- folding --------------------------------------------------------------------------------- */

static void full_bins_are_folded(void)
{
	struct aggregate *a = begin(SECOND);
	uint64_t want = 0;

	own4(2, "10.0.0.0");
	count_rtt(2, 1000);
	for (int i = 0; i < 6; i++) {
		struct pping_rtts *r = &rtts[engine.half * PLACES + 2];

		r->bin[histogram_bin(1000)] += 0xf0000000;
		r->sum += 0xf0000000ULL * 1000;
		want += 0xf0000000;
		count_rtt(2, 70000 + i);
		CHECK_INT(aggregate__fold(a), 0);
	}
	/* programs went on in the same half */
	CHECK_INT(engine.turns, 0);
	count_rtt(2, 900);
	report(a, 0);
	CHECK_INT(got.row[0].count, want + 8);
	CHECK_INT(got.row[0].sum, want * 1000 + 1000 + 6 * 70000 + 15 + 900);
	CHECK_INT(got.row[0].min, 900);
	CHECK_INT(got.row[0].max, 70005);
	report(a, 0);
	CHECK_INT(got.rows, 0);
	CHECK_INT(aggregate__fold(a), 0);
	aggregate__free(a);
}

/* Few RTTs stay where they are, whatever place they have. */
static void folding_moves_no_small_number(void)
{
	struct aggregate *a = begin(SECOND);

	for (uint32_t place = 0; place < PLACES; place++)
		count_rtt(place, 1000);
	CHECK_INT(aggregate__fold(a), 0);
	for (uint32_t place = 0; place < PLACES; place++)
		CHECK_INT(rtts[engine.half * PLACES + place].bin[histogram_bin(1000)], 1);
	aggregate__free(a);
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void idle_prefixes_leave(void)
{
	struct aggregate *a = begin(30 * SECOND);

	own4(2, "10.0.0.0");
	own4(3, "11.0.0.0");
	count_packet(2, 0, PPING_KIND_OTHER, 1);
	CHECK_STR(report(a, 10 * SECOND), "10.0.0.0/24");
	count_rtt(3, 1000);
	CHECK_STR(report(a, 20 * SECOND), "11.0.0.0/24");
	CHECK_STR(report(a, 39 * SECOND), "");
	CHECK_INT(engine.forgotten[2], 0);
	CHECK_STR(report(a, 40 * SECOND), "");
	CHECK_INT(engine.forgotten[2], 4);
	CHECK_INT(engine.forgotten[3], 0);
	CHECK_INT(engine.released[2], 0);
	CHECK_INT(packets[2].key.ip_version + packets[PLACES + 2].key.ip_version, 0);
	CHECK_INT(aggregate__prefixes(a), 2);
	CHECK_STR(report(a, 41 * SECOND), "");
	CHECK_INT(engine.released[2], 5);
	CHECK_STR(report(a, 42 * SECOND), "");
	CHECK_INT(aggregate__prefixes(a), 1);
	/* whoever has the place next begins at zero */
	own4(2, "12.0.0.0");
	count_packet(2, 1, PPING_KIND_OTHER, 5);
	CHECK_STR(report(a, 43 * SECOND), "12.0.0.0/24");
	CHECK_INT(got.row[0].tx[PPING_KIND_OTHER].bytes, 5);
	CHECK_STR(report(a, 60 * SECOND), "");
	CHECK_INT(engine.forgotten[2], 0);
	aggregate__free(a);
}

/* What the engine does not find is not taken away: it is tried again. */
static void who_can_t_be_forgotten_stays(void)
{
	struct aggregate *a = begin(SECOND);

	own4(2, "10.0.0.0");
	report(a, SECOND);
	engine.refuse = true;
	report(a, 3 * SECOND);
	CHECK_INT(packets[2].key.ip_version, 4);
	count_packet(2, 0, PPING_KIND_OTHER, 1);
	CHECK_STR(report(a, 4 * SECOND), "10.0.0.0/24");
	engine.refuse = false;
	report(a, 6 * SECOND);
	report(a, 7 * SECOND);
	CHECK_INT(engine.released[2], 5);
	aggregate__free(a);
}

/* Packets that found the place before it was forgotten. */
static void what_comes_late_is_reported(void)
{
	struct aggregate *a = begin(SECOND);

	own4(2, "10.0.0.0");
	count_packet(2, 0, PPING_KIND_OTHER, 1);
	report(a, SECOND);
	report(a, 2 * SECOND);
	CHECK_INT(engine.forgotten[2], 2);
	count_packet(2, 1, PPING_KIND_TCP_TS, 60);
	count_rtt(2, 4000);
	CHECK_STR(report(a, 3 * SECOND), "10.0.0.0/24");
	CHECK_INT(got.row[0].tx[PPING_KIND_TCP_TS].bytes, 60);
	CHECK_INT(got.row[0].tx[PPING_KIND_OTHER].bytes, 0);
	CHECK_INT(got.row[0].count, 1);
	CHECK_INT(engine.released[2], 3);
	CHECK_STR(report(a, 4 * SECOND), "");
	aggregate__free(a);
}

static void who_left_and_came_back_has_one_row(void)
{
	struct aggregate *a = begin(SECOND);

	own6(2, "2001:db8::");
	count_packet(2, 0, PPING_KIND_OTHER, 1);
	report(a, SECOND);
	report(a, 2 * SECOND);
	count_packet(2, 0, PPING_KIND_OTHER, 10);
	count_rtt(2, 4000);
	own6(5, "2001:db8::");
	count_packet(5, 0, PPING_KIND_OTHER, 100);
	count_rtt(5, 9000);
	CHECK_STR(report(a, 3 * SECOND), "2001:db8::/48");
	CHECK_INT(got.row[0].tx[PPING_KIND_OTHER].bytes, 110);
	CHECK_INT(got.row[0].count, 2);
	CHECK_INT(got.row[0].min, 4000);
	CHECK_INT(got.row[0].max, 9000);
	CHECK_INT(engine.released[2], 3);
	CHECK_INT(engine.forgotten[5], 0);
	count_packet(5, 0, PPING_KIND_OTHER, 1);
	CHECK_STR(report(a, 4 * SECOND), "2001:db8::/48");
	CHECK_INT(got.row[0].tx[PPING_KIND_OTHER].bytes, 1);
	aggregate__free(a);
}

/* As --anonymize may cut different prefixes to one. */
static void name_by_version(void *ctx, const union pping_addr *addr, uint8_t ip_version,
			    uint8_t bits, char name[AGGREGATE_NAME_SIZE])
{
	(void)ctx, (void)addr, (void)bits;
	snprintf(name, AGGREGATE_NAME_SIZE, "v%u", ip_version);
}

static void one_name_has_one_row(void)
{
	struct aggregate *a = begin_named(SECOND, name_by_version);

	own6(2, "2002:c633:6401::");
	own6(3, "2002:c633:6402::");
	own4(4, "10.0.0.0");
	own6(5, "2002:c633:6403::");
	for (uint32_t place = 2; place < 6; place++) {
		count_packet(place, 0, PPING_KIND_OTHER, 10);
		count_rtt(place, 1000 * place);
	}
	report(a, SECOND);
	CHECK_INT(got.rows, 2);
	CHECK_INT(got.row[1].ip_version, 6);
	CHECK_INT(got.row[1].count, 3);
	CHECK_INT(got.row[1].max, 5000);
	CHECK_INT(got.row[1].tx[PPING_KIND_OTHER].bytes, 30);
	/* each leaves by its own key, which forget() checks */
	report(a, 2 * SECOND);
	for (uint32_t place = 2; place < 6; place++)
		CHECK(engine.forgotten[place]);
	aggregate__free(a);
}

/* --- percentiles ---------------------------------------------------------------------------------- */

#define SAMPLES 20000

static int compare_u64(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

/* Nearest rank. */
static uint64_t exact(const uint64_t *sorted, uint64_t n, uint64_t percent)
{
	return sorted[(n * percent + 99) / 100 - 1];
}

static void check_percentile(const uint64_t *sorted, uint64_t n, uint64_t percent, uint64_t value)
{
	uint64_t want = exact(sorted, n, percent);
	uint32_t bin = histogram_bin(want);
	uint64_t width = bin < PPING_HIST_BINS - 1 ? histogram_upper(bin) - histogram_lower(bin)
						   : UINT64_MAX;
	uint64_t off = value < want ? want - value : value - want;

	if (off < width && value >= sorted[0] && value <= sorted[n - 1])
		return;
	printf("# %llu %% of %llu: %llu, not %llu\n", (unsigned long long)percent,
	       (unsigned long long)n, (unsigned long long)value, (unsigned long long)want);
	CHECK(!"the percentile is within a bin's width");
}

static void check_distribution(uint64_t *rtt, uint64_t n)
{
	struct aggregate *a = begin(SECOND);
	uint64_t sum = 0;

	own4(2, "10.0.0.0");
	for (uint64_t i = 0; i < n; i++) {
		count_rtt(2, rtt[i]);
		sum += rtt[i];
	}
	qsort(rtt, n, sizeof(*rtt), compare_u64);
	report(a, 0);
	CHECK_INT(got.rows, 1);
	CHECK_INT(got.row[0].count, n);
	CHECK_INT(got.row[0].min, rtt[0]);
	CHECK_INT(got.row[0].max, rtt[n - 1]);
	CHECK_INT(got.row[0].sum, sum);
	CHECK_INT(got.row[0].mean, (2 * sum + n) / (2 * n));
	check_percentile(rtt, n, 50, got.row[0].median);
	check_percentile(rtt, n, 95, got.row[0].p95);
	check_percentile(rtt, n, 99, got.row[0].p99);
	CHECK(got.row[0].median <= got.row[0].p95 && got.row[0].p95 <= got.row[0].p99);
	aggregate__free(a);
}

static uint64_t uniform(uint64_t i)
{
	(void)i;
	return 1 + random_number() % (100 * PPING_NS_PER_MS);
}

static uint64_t log_uniform(uint64_t i)
{
	(void)i;
	return 1 + (random_number() >> (28 + random_number() % 34));
}

static uint64_t bimodal(uint64_t i)
{
	return (i % 20 < 19 ? 10 : 400) * PPING_NS_PER_MS + random_number() % 1000;
}

static uint64_t all_equal(uint64_t i)
{
	(void)i;
	return 20123456;
}

static uint64_t tiny(uint64_t i)
{
	return 1 + i % 600;
}

static uint64_t huge(uint64_t i)
{
	return 60 * SECOND + i * SECOND;
}

static void percentiles_are_within_a_bin(void)
{
	static uint64_t (*const distributions[])(uint64_t) = { uniform,	  log_uniform, bimodal,
							       all_equal, tiny,	       huge };
	static const uint64_t sizes[] = { 1, 2, 3, 19, 20, 21, 99, 100, 101, 1000, SAMPLES };
	static uint64_t rtt[SAMPLES];

	for (size_t d = 0; d < ARRAY_SIZE(distributions); d++) {
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			for (uint64_t i = 0; i < sizes[s]; i++)
				rtt[i] = distributions[d](i);
			check_distribution(rtt, sizes[s]);
		}
	}
}

/* --- places in a process ------------------------------------------------------------------------------ */

#define TABLE 5000

static struct pping_prefix_key numbered(uint32_t n)
{
	return (struct pping_prefix_key){ { n % 3 ? 0 : htonl(n), htonl(n << 8) }, n % 3 ? 4 : 6 };
}

static void table_gives_each_its_place(void)
{
	static bool taken[TABLE];
	struct prefix_table *t;
	struct pping_prefix_key key;

	CHECK_INT(prefix_table__new(&t, TABLE), 0);
	for (uint32_t i = PPING_PREFIX_FIRST; i < TABLE; i++) {
		uint32_t place;

		key = numbered(i);
		CHECK_INT(prefix_table__find(t, &key), PPING_PREFIX_OTHER);
		place = prefix_table__add(t, &key);
		CHECK(place >= PPING_PREFIX_FIRST && place < TABLE && !taken[place]);
		taken[place % TABLE] = true;
		CHECK_INT(prefix_table__find(t, &key), place);
	}
	key = numbered(TABLE);
	CHECK_INT(prefix_table__add(t, &key), PPING_PREFIX_OTHER);
	CHECK_INT(prefix_table__find(t, &key), PPING_PREFIX_OTHER);
	prefix_table__free(t);
	prefix_table__free(NULL);
}

static void table_holds_a_place_until_it_is_released(void)
{
	struct prefix_table *t;
	uint32_t place[TABLE];

	CHECK_INT(prefix_table__new(&t, TABLE), 0);
	for (uint32_t i = PPING_PREFIX_FIRST; i < TABLE; i++) {
		struct pping_prefix_key key = numbered(i);

		place[i] = prefix_table__add(t, &key);
	}
	for (uint32_t i = PPING_PREFIX_FIRST; i < TABLE; i += 2) {
		struct pping_prefix_key key = numbered(i), next = numbered(TABLE + i);

		prefix_table__remove(t, &key);
		CHECK_INT(prefix_table__find(t, &key), PPING_PREFIX_OTHER);
		CHECK_INT(prefix_table__add(t, &next), PPING_PREFIX_OTHER);
		prefix_table__release(t, place[i]);
		CHECK_INT(prefix_table__add(t, &next), place[i]);
		CHECK_INT(prefix_table__find(t, &next), place[i]);
		CHECK_INT(prefix_table__find(t, &key), PPING_PREFIX_OTHER);
	}
	for (uint32_t i = PPING_PREFIX_FIRST + 1; i < TABLE; i += 2) {
		struct pping_prefix_key key = numbered(i);

		CHECK_INT(prefix_table__find(t, &key), place[i]);
	}
	prefix_table__free(t);
}

int main(void)
{
	RUN(bins_are_contiguous);
	RUN(eight_bins_a_power_of_two);
	RUN(values_are_within_their_bins);
	RUN(rows_come_in_order);
	RUN(packets_are_their_growth);
	RUN(each_rtt_is_in_one_report);
	RUN(other_and_icmp_have_rtts);
	RUN(an_error_ends_a_report);
	RUN(full_bins_are_folded);
	RUN(folding_moves_no_small_number);
	RUN(idle_prefixes_leave);
	RUN(who_can_t_be_forgotten_stays);
	RUN(what_comes_late_is_reported);
	RUN(who_left_and_came_back_has_one_row);
	RUN(one_name_has_one_row);
	RUN(percentiles_are_within_a_bin);
	RUN(table_gives_each_its_place);
	RUN(table_holds_a_place_until_it_is_released);
	return TEST_EXIT();
}
