// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a packet writes where other CPUs read: of each kind of packet, the cache
 * lines and bytes of shared maps (the flow's entry, spill table, door, shared
 * data) that differ after it. What the map implementation writes for itself
 * can't be seen so; a lookup writes nothing, creating an entry takes a bucket's
 * lock, and one in 128 the table's.
 */
#include <sys/mman.h>

#include "tests/bench/bench.h"

#define PART "lines"
#define LINE 64

/* The maps that all CPUs share, one behind the other. */
struct image {
	__u8 flow[sizeof(struct pping_flow)] __attribute__((aligned(LINE)));
	__u8 shared[LINE];
	__u8 spill[PPING_SPILL_BUCKETS * sizeof(struct pping_spill_bucket)];
	__u8 door[PPING_DOOR_BUCKETS * sizeof(struct pping_door)];
};

static struct image before, after;

static void map_copy(const struct bpf_map *map, void *to, size_t len)
{
	void *from = mmap(NULL, len, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);

	if (from == MAP_FAILED)
		bench_die("can't map a map", errno);
	memcpy(to, from, len);
	munmap(from, len);
}

/* The one flow that there is; zeros if none. */
static void take_image(const struct pping_kern *pping, struct image *to)
{
	int fd = bpf_map__fd(pping->maps.flows);
	struct pping_flow_key key;

	memset(to->flow, 0, sizeof(to->flow));
	if (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_lookup_elem(fd, &key, to->flow);
	memcpy(to->shared, &pping->data_shared->shared, sizeof(pping->data_shared->shared));
	map_copy(pping->maps.spill, to->spill, sizeof(to->spill));
	map_copy(pping->maps.door, to->door, sizeof(to->door));
}

static void report(const char *name)
{
	const __u8 *a = (const __u8 *)&before, *b = (const __u8 *)&after;
	size_t lines = 0, bytes = 0;

	for (size_t i = 0; i < sizeof(before); i += LINE) {
		size_t n = 0;

		for (size_t j = i; j < i + LINE && j < sizeof(before); j++)
			n += a[j] != b[j];
		bytes += n;
		lines += n > 0;
	}
	printf("%-60s %8zu %8zu\n", name, lines, bytes);
	result(PART, name, "lines", lines, LOWER, 0);
}

struct shot {
	const char *name;
	unsigned int kind;
	__u32 payload, tsval, tsecr;
	__u32 introduced; /* TSvals shown and answered before; 0: the flow is not known */
	__u32 outstanding; /* data packets without an answer after that */
	bool later; /* a second later */
	bool sampled, counters, pressed;
};

static void shoot(const struct shot *s)
{
	struct pping_config config = bench_config();
	struct pping_kern *pping;
	struct frame f = make_frame(s->kind, s->payload, s->tsval, s->tsecr);
	int egress;

	config.rate_limit_ns = s->sampled ? 100 * PPING_NS_PER_MS : 0;
	config.counters = s->counters;
	config.pressure_limit = s->pressed ? PPING_PRESSURE_LEAST : 0;
	pping = open_pping(&config);
	egress = bpf_program__fd(pping->progs.pping_egress);
	introduce(pping, 0, s->introduced);
	for (__u32 i = !s->introduced; i <= s->outstanding; i++) {
		struct frame data = make_frame(0, 100, s->introduced + i, s->introduced);

		test_run(egress, &data, 1);
	}
	pping->data_shared->shared.pressed = s->pressed;
	pping->data_shared->shared.epoch += s->later;
	take_image(pping, &before);
	test_run(egress, &f, 1);
	take_image(pping, &after);
	report(s->name);
	pping_kern__destroy(pping);
}

int main(void)
{
	static const struct shot shots[] = {
		{ .name = "UDP", .kind = FRAME_UDP, .payload = 100, .introduced = 3 },
		{ .name = "TCP without timestamps",
		  .kind = FRAME_NO_TS,
		  .payload = 100,
		  .introduced = 3 },
		{ .name = "data, TSval already seen",
		  .payload = 100,
		  .tsval = 3,
		  .tsecr = 3,
		  .introduced = 3 },
		{ .name = "the same, first of a second",
		  .payload = 100,
		  .tsval = 3,
		  .tsecr = 3,
		  .introduced = 3,
		  .later = true },
		{ .name = "pure ACK, nothing new",
		  .kind = FRAME_REVERSE,
		  .tsval = 3,
		  .tsecr = 3,
		  .introduced = 3 },
		{ .name = "pure ACK with a new TSval",
		  .kind = FRAME_REVERSE,
		  .tsval = 4,
		  .tsecr = 3,
		  .introduced = 3 },
		{ .name = "data with a new TSval, not sampled (-r 100)",
		  .payload = 100,
		  .tsval = 5,
		  .tsecr = 3,
		  .introduced = 3,
		  .outstanding = 1,
		  .sampled = true },
		{ .name = "data with a new TSval, stamped in the flow",
		  .payload = 100,
		  .tsval = 4,
		  .tsecr = 3,
		  .introduced = 3 },
		{ .name = "data with a new TSval, spilled",
		  .payload = 100,
		  .tsval = 9,
		  .tsecr = 3,
		  .introduced = 3,
		  .outstanding = 5 },
		{ .name = "ACK that matches, in the flow",
		  .kind = FRAME_REVERSE,
		  .tsval = 3,
		  .tsecr = 4,
		  .introduced = 3,
		  .outstanding = 1 },
		{ .name = "ACK that matches, with a new TSval",
		  .kind = FRAME_REVERSE,
		  .tsval = 4,
		  .tsecr = 4,
		  .introduced = 3,
		  .outstanding = 1 },
		{ .name = "ACK that matches, spilled",
		  .kind = FRAME_REVERSE,
		  .tsval = 3,
		  .tsecr = 8,
		  .introduced = 3,
		  .outstanding = 5 },
		{ .name = "data, TSval already seen (--counters)",
		  .payload = 100,
		  .tsval = 3,
		  .tsecr = 3,
		  .introduced = 3,
		  .counters = true },
		{ .name = "new flow (its entry alone)", .payload = 100, .tsval = 1 },
		{ .name = "new flow put off under pressure",
		  .payload = 100,
		  .tsval = 1,
		  .pressed = true },
	};

	printf("%-60s %8s %8s\n", "shared memory that a packet changes", "lines", "bytes");
	for (size_t i = 0; i < sizeof(shots) / sizeof(shots[0]); i++)
		shoot(&shots[i]);
	return 0;
}
