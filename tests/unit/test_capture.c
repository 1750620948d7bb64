// SPDX-License-Identifier: GPL-2.0-or-later
/* What a frame of each link layer becomes; files and messages are tests/captures/test_golden.sh's. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/capture.h"
#include "tests/captures/captures.h"
#include "tests/unit/test.h"

static char path[] = "/tmp/test_capture.XXXXXX";

/* --- writing ------------------------------------------------------------------------- */

static void append(int fd, const void *bytes, size_t len)
{
	CHECK_INT(write(fd, bytes, len), len);
}

static int open_new(uint32_t link)
{
	struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, snaplen, link;
	} header = { 0xa1b23c4d, 2, 4, 0, 0, 65535, link };
	int fd = open(path, O_WRONLY | O_TRUNC);

	append(fd, &header, sizeof(header));
	return fd;
}

static void append_record(int fd, uint32_t s, uint32_t ns, const void *bytes, uint32_t captured,
			  uint32_t length)
{
	uint32_t header[4] = { s, ns, captured, length };

	append(fd, header, sizeof(header));
	append(fd, bytes, captured);
}

static struct capture *open_capture(const char *filter)
{
	struct capture_settings set = { .path = path, .filter = filter };
	struct capture *c = NULL;

	CHECK_INT(capture__open(&c, &set), 0);
	return c;
}

/* The frame that these bytes become, its data copied to where `data` says. */
static struct engine_frame read_one(uint32_t link, const void *bytes, uint32_t captured,
				    uint32_t length, uint8_t *data)
{
	struct engine_frame f = {};
	struct capture *c;
	int fd = open_new(link);

	append_record(fd, 1, 5, bytes, captured, length);
	close(fd);
	c = open_capture(NULL);
	CHECK_INT(capture__next(c, &f), 1);
	memcpy(data, f.data, f.captured);
	CHECK_INT(f.time_ns, PPING_NS_PER_SEC + 5);
	capture__free(c);
	return f;
}

/* --- link layers ----------------------------------------------------------------------- */

/* Every row of every capture: what the engine gets is the packet itself. */
static void strips_link_layers(void)
{
	for (size_t i = 0; i < CAPTURES; i++) {
		const struct capture_spec *c = &captures[i];
		bool cooked =
			c->link == LINK_SLL || c->link == LINK_SLL2 || c->link == LINK_WITH_DIR;
		uint8_t data[FRAME_MAX];

		if (c->link == LINK_ETHERNET)
			continue;
		for (const struct capture_row *row = c->rows; !capture_row_ends(c, row); row++) {
			struct packet_spec bare_ip = row->packet;
			struct frame wrapped, whole;
			struct engine_frame f;
			__u32 length;

			capture_frame(&wrapped, c, row, &length);
			f = read_one(c->link, wrapped.b, wrapped.len, length + 7, data);
			bare_ip.link = L3;
			frame_build(&whole, &bare_ip);
			CHECK_INT(f.verdict, ENGINE_FRAME_UNKNOWN);
			CHECK_INT(f.l3, c->link != LINK_SLL);
			CHECK_INT(f.captured, whole.len + (f.l3 ? 0 : 14));
			CHECK_INT(f.length, f.captured + 7);
			CHECK(!memcmp(data + (f.l3 ? 0 : 14), whole.b, whole.len));
			CHECK_INT(f.way, !cooked    ? PPING_MATCH_UNKNOWN
					 : row->out ? PPING_MATCH_EGRESS
						    : PPING_MATCH_INGRESS);
		}
	}
}

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static const struct {
	const char *name;
	uint32_t link;
	const uint8_t *bytes;
	uint32_t len;
	int verdict;
} odd[] = {
	{ "null, AppleTalk", LINK_NULL, BYTES(16, 0, 0, 0, 0x45), PPING_COUNT_NOT_IP },
	{ "null, cut", LINK_NULL, BYTES(2, 0, 0), PPING_COUNT_TRUNCATED },
	{ "null, nothing behind", LINK_NULL, BYTES(2, 0, 0, 0), PPING_COUNT_TRUNCATED },
	{ "null, IPv6 of Linux", LINK_NULL, BYTES(10, 0, 0, 0, 0x60), ENGINE_FRAME_UNKNOWN },
	{ "null, IPv6 of NetBSD", LINK_NULL, BYTES(24, 0, 0, 0, 0x60), ENGINE_FRAME_UNKNOWN },
	{ "null, IPv6 of FreeBSD", LINK_NULL, BYTES(0, 0, 0, 28, 0x60), ENGINE_FRAME_UNKNOWN },
	{ "null, another version", LINK_NULL, BYTES(2, 0, 0, 0, 0x60), PPING_COUNT_MALFORMED },
	{ "ppp, LCP", LINK_PPP, BYTES(0xff, 3, 0xc0, 0x21, 1), PPING_COUNT_NOT_IP },
	{ "ppp, cut", LINK_PPP, BYTES(0xff, 3, 0), PPING_COUNT_TRUNCATED },
	{ "ppp, cut before", LINK_PPP, BYTES(0xff, 3), PPING_COUNT_TRUNCATED },
	{ "ppp, compressed", LINK_PPP, BYTES(0x21, 0x45), ENGINE_FRAME_UNKNOWN },
	{ "serial, CDP", LINK_PPP_SERIAL, BYTES(0x8f, 0, 0x20, 0, 1), PPING_COUNT_NOT_IP },
	{ "serial, cut", LINK_PPP_SERIAL, BYTES(0x0f, 0, 8), PPING_COUNT_TRUNCATED },
	{ "pppoe, PADT", LINK_PPP_ETHER, BYTES(0x11, 0xa7, 0, 0, 0, 0, 0, 0x21, 0x45),
	  PPING_COUNT_NOT_IP },
	{ "pppoe, cut", LINK_PPP_ETHER, BYTES(0x11, 0, 0, 0, 0), PPING_COUNT_TRUNCATED },
	{ "sll, cut", LINK_SLL, BYTES(0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8, 8),
	  PPING_COUNT_TRUNCATED },
	{ "sll2, cut", LINK_SLL2, BYTES(8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4), PPING_COUNT_TRUNCATED },
	{ "sll2, ARP", LINK_SLL2,
	  BYTES(8, 6, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0),
	  PPING_COUNT_NOT_IP },
	{ "sll2, VLAN", LINK_SLL2,
	  BYTES(0x81, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0, 5, 8, 0, 0x45),
	  ENGINE_FRAME_UNKNOWN },
	{ "sll2, VLAN, cut", LINK_SLL2,
	  BYTES(0x81, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0, 5),
	  PPING_COUNT_TRUNCATED },
	{ "ipv4, nothing", LINK_IPV4, BYTES(), PPING_COUNT_TRUNCATED },
	{ "ipv4, IPv6", LINK_IPV4, BYTES(0x60), PPING_COUNT_MALFORMED },
	{ "with direction, nothing", LINK_WITH_DIR, BYTES(), PPING_COUNT_TRUNCATED },
};

static void judges_strange_frames(void)
{
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		uint8_t data[64];
		struct engine_frame f =
			read_one(odd[i].link, odd[i].bytes, odd[i].len, odd[i].len, data);

		if (f.verdict != odd[i].verdict)
			printf("# %s:\n", odd[i].name);
		CHECK_INT(f.verdict, odd[i].verdict);
	}
}

/* --- files ------------------------------------------------------------------------------- */

/* 32 bits of seconds are not negative: they reach 2106. */
static void reads_times_after_2038(void)
{
	struct engine_frame f;
	struct capture *c;
	int fd = open_new(LINK_ETHERNET);

	append_record(fd, 0xfffffff0, 999999999, "0123456789abcdef", 16, 16);
	close(fd);
	c = open_capture(NULL);
	CHECK_INT(capture__next(c, &f), 1);
	CHECK_INT(f.time_ns, 0xfffffff0 * PPING_NS_PER_SEC + 999999999);
	capture__free(c);
}

/* What is said to be longer than the frame was is believed. */
static void never_captured_more_than_there_was(void)
{
	uint8_t data[64];
	struct engine_frame f = read_one(LINK_ETHERNET, "0123456789abcdef", 16, 3, data);

	CHECK_INT(f.captured, 16);
	CHECK_INT(f.length, 16);
}

static void counts_what_it_filters(void)
{
	struct capture_progress p;
	struct engine_frame f;
	struct capture *c;
	int fd = open_new(LINK_ETHERNET), passed = 0;

	for (int i = 0; i < 10; i++) {
		struct packet_spec tcp = data(CLIENT, SERVER, 1, 1),
				   icmp = request(CLIENT, SERVER, 1);
		struct frame frame;

		frame_build(&frame, i % 3 ? &tcp : &icmp);
		append_record(fd, i, 0, frame.b, frame.len, frame.len);
	}
	close(fd);
	c = open_capture("icmp");
	while (capture__next(c, &f) > 0)
		passed++;
	capture__progress(c, &p);
	CHECK_INT(passed, 4);
	CHECK_INT(p.packets, 10);
	CHECK_INT(p.filtered, 6);
	CHECK(p.size && p.position == p.size);
	capture__free(c);
}

static int waits;

static int wait_once(void *ctx, int fd)
{
	CHECK(ctx == &waits && fd >= 0);
	waits++;
	return 1;
}

/* A pipe that has no more yet: who asked is told, and may end it. */
static void asks_before_it_blocks(void)
{
	struct capture_settings set = { .path = path, .wait = wait_once, .ctx = &waits };
	char fifo[64], file[4096];
	struct engine_frame f;
	struct capture *c;
	ssize_t len;
	int fd = open_new(LINK_ETHERNET), writer;

	append_record(fd, 1, 1, "0123456789abcdef", 16, 16);
	close(fd);
	fd = open(path, O_RDONLY);
	len = read(fd, file, sizeof(file));
	close(fd);
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	CHECK_INT(mkfifo(fifo, 0600), 0);
	writer = open(fifo, O_RDWR);
	append(writer, file, len);
	set.path = fifo;
	CHECK_INT(capture__open(&c, &set), 0);
	CHECK_INT(capture__next(c, &f), 1);
	CHECK_INT(waits, 0);
	CHECK_INT(capture__next(c, &f), 0);
	CHECK_INT(waits, 1);
	capture__free(c);
	close(writer);
	unlink(fifo);
}

static void says_what_it_lacks(void)
{
	struct capture_settings set = { .path = path };
	struct capture *c;

	CHECK_INT(capture__open(&c, &set), -EOPNOTSUPP);
	printf("skip the others: built without libpcap\n");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return EXIT_FAILURE;
	close(fd);
	if (!capture__available()) {
		RUN(says_what_it_lacks);
		unlink(path);
		return TEST_EXIT();
	}
	RUN(strips_link_layers);
	RUN(judges_strange_frames);
	RUN(reads_times_after_2038);
	RUN(never_captured_more_than_there_was);
	RUN(counts_what_it_filters);
	RUN(asks_before_it_blocks);
	unlink(path);
	return TEST_EXIT();
}
