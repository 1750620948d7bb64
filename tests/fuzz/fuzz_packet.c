// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet parser. The first byte says what is tracked and whether the frame
 * has an Ethernet header, the rest is the frame. The two parsers must agree
 * wherever the fast one has an opinion, and neither may read behind the frame.
 */
#include <netinet/in.h>

#include "src/engine_host.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_packet(const struct packet *p, int verdict)
{
	check(verdict >= 0 && verdict < PPING_VERDICT_COUNT);
	if (verdict != PPING_COUNT_TRACKED)
		return;
	check(p->ip_version == 4 || p->ip_version == 6);
	check(p->length >= p->headers);
	check(p->flags & (PACKET_ID | PACKET_ECHO));
}

static void check_equal(const struct packet *fast, const struct packet *slow)
{
	check(!memcmp(&fast->saddr, &slow->saddr, 16) && !memcmp(&fast->daddr, &slow->daddr, 16));
	check(fast->sport == slow->sport && fast->dport == slow->dport);
	check(fast->protocol == slow->protocol && fast->ip_version == slow->ip_version);
	check(fast->flags == slow->flags && fast->seq == slow->seq);
	check(fast->length == slow->length && fast->headers == slow->headers);
	check(!(fast->flags & PACKET_ID) || fast->id == slow->id);
	check(!(fast->flags & PACKET_ECHO) || fast->echo == slow->echo);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_frame frame = {};
	struct host h = { .frame = &frame };
	struct packet fast = {}, slow = {};
	int said, verdict;

	if (!size)
		return 0;
	config.track_tcp = data[0] & 1;
	config.track_icmp = data[0] >> 1 & 1;
	config.l3_device = data[0] >> 2 & 1;
	frame.data = data + 1;
	frame.captured = size - 1;
	frame.length = size - 1 + (data[0] >> 3) * 64;
	said = packet_parse_fast(frame.data, data + size, &fast);
	verdict = packet_parse_slow(&h, &slow);
	check_packet(&slow, verdict);
	if (said == PACKET_SLOW)
		return 0;
	check_packet(&fast, said);
	/* the fast one needs no more of a header than its timestamps */
	if (said == PPING_COUNT_TRACKED && verdict == PPING_COUNT_TRUNCATED)
		return 0;
	check(said == verdict);
	if (match_wants(verdict, &slow))
		check_equal(&fast, &slow);
	return 0;
}
