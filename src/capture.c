// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include "capture.h"

#ifndef HAVE_PCAP

int capture__open(struct capture **capture, const struct capture_settings *settings)
{
	(void)capture;
	(void)settings;
	fprintf(stderr, "pping: --read: this pping was built without libpcap; build it with "
			"libpcap-dev installed\n");
	return -EOPNOTSUPP;
}

bool capture__available(void)
{
	return false;
}

void capture__free(struct capture *c)
{
	(void)c;
}

/* There is no capture that the rest could be asked about. */
int capture__next(struct capture *c, struct engine_frame *f)
{
	(void)c;
	(void)f;
	return -EOPNOTSUPP;
}

void capture__progress(const struct capture *c, struct capture_progress *progress)
{
	(void)c;
	*progress = (struct capture_progress){};
}

const char *capture__name(const struct capture *c)
{
	(void)c;
	return "";
}

#else

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#define READ_SIZE (1 << 20) /* bytes asked for at once */

#define PROTO_IPV4 0x0800
#define PROTO_IPV6 0x86dd
#define PROTO_8021Q 0x8100
#define PROTO_8021AD 0x88a8

typedef void (*decode_fn)(struct engine_frame *frame);

struct capture {
	struct capture_settings set;
	const char *name;
	FILE *file; /* closed with pcap */
	int fd;
	pcap_t *pcap;
	struct bpf_program filter;
	bool filtering;
	decode_fn decode;
	bool ended; /* wait() wanted no more */
	uint64_t packets, filtered, size, position;
	/*
	 * Where the present record of a pcap file must end; 0: not known. libpcap
	 * silently cuts a record that is longer than the snap length.
	 */
	uint64_t record_end;
	uint32_t snaplen;
	uint64_t snapped; /* records of exactly the snap length */
};

/* --- link layers ---------------------------------------------------------------------- */

static const uint8_t *bytes(const struct engine_frame *f)
{
	return f->data;
}

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

/* Are there len bytes? If not, that is the verdict. */
static bool has(struct engine_frame *f, uint32_t len)
{
	if (f->captured >= len)
		return true;
	f->verdict = PPING_COUNT_TRUNCATED;
	return false;
}

static void strip(struct engine_frame *f, uint32_t len)
{
	f->data = bytes(f) + len;
	f->captured -= len;
	f->length -= len;
}

/* What is left begins with the header of proto, an ethertype. */
static void take_network(struct engine_frame *f, uint16_t proto)
{
	f->l3 = true;
	if (proto != PROTO_IPV4 && proto != PROTO_IPV6)
		f->verdict = PPING_COUNT_NOT_IP;
	else if (has(f, 1) && bytes(f)[0] >> 4 != (proto == PROTO_IPV4 ? 4 : 6))
		f->verdict = PPING_COUNT_MALFORMED;
}

static void decode_ethernet(struct engine_frame *f)
{
	(void)f;
}

/* The version is in the packet itself. */
static void decode_raw(struct engine_frame *f)
{
	f->l3 = true;
}

static void decode_ipv4(struct engine_frame *f)
{
	take_network(f, PROTO_IPV4);
}

static void decode_ipv6(struct engine_frame *f)
{
	take_network(f, PROTO_IPV6);
}

/* PACKET_OUTGOING of linux/if_packet.h; what else there is came in. */
static uint8_t cooked_way(uint16_t packet_type)
{
	return packet_type == 4 ? PPING_MATCH_EGRESS : PPING_MATCH_INGRESS;
}

/* LINKTYPE_LINUX_SLL: 16 bytes, of which the last 14 have an Ethernet header's shape. */
static void decode_sll(struct engine_frame *f)
{
	if (!has(f, 16))
		return;
	f->way = cooked_way(get16(bytes(f)));
	strip(f, 2);
}

/* LINKTYPE_LINUX_SLL2: 20 bytes that begin with the ethertype; VLAN tags may follow. */
static void decode_sll2(struct engine_frame *f)
{
	uint16_t proto;

	if (!has(f, 20))
		return;
	f->way = cooked_way(bytes(f)[10]);
	proto = get16(bytes(f));
	strip(f, 20);
	for (int tags = 0; tags < 2 && (proto == PROTO_8021Q || proto == PROTO_8021AD); tags++) {
		if (!has(f, 4))
			return;
		proto = get16(bytes(f) + 2);
		strip(f, 4);
	}
	take_network(f, proto);
}

/* RFC 1661 section 2 and 6.5: the protocol field is two bytes, or one odd one. */
static void decode_ppp_protocol(struct engine_frame *f)
{
	uint16_t proto;
	uint32_t len;

	if (!has(f, 1))
		return;
	len = bytes(f)[0] & 1 ? 1 : 2;
	if (!has(f, len))
		return;
	proto = len == 1 ? bytes(f)[0] : get16(bytes(f));
	strip(f, len);
	take_network(f, proto == 0x0021 ? PROTO_IPV4 : proto == 0x0057 ? PROTO_IPV6 : 0);
}

/* RFC 1662 section 3.1, address and control field, which may be left out. */
static void decode_ppp(struct engine_frame *f)
{
	if (f->captured >= 2 && get16(bytes(f)) == 0xff03)
		strip(f, 2);
	decode_ppp_protocol(f);
}

/* PPP, or Cisco's HDLC framing: address, 0, an ethertype. */
static void decode_ppp_serial(struct engine_frame *f)
{
	uint16_t proto;

	if (!has(f, 4))
		return;
	if (bytes(f)[0] != 0x0f && bytes(f)[0] != 0x8f) {
		decode_ppp(f);
		return;
	}
	proto = get16(bytes(f) + 2);
	strip(f, 4);
	take_network(f, proto);
}

/* RFC 2516 section 4 without the Ethernet header: session data only. */
static void decode_ppp_ether(struct engine_frame *f)
{
	if (!has(f, 6))
		return;
	if (get16(bytes(f)) != 0x1100) {
		f->verdict = PPING_COUNT_NOT_IP;
		return;
	}
	strip(f, 6);
	decode_ppp_protocol(f);
}

static void decode_ppp_with_direction(struct engine_frame *f)
{
	if (!has(f, 1))
		return;
	f->way = bytes(f)[0] ? PPING_MATCH_EGRESS : PPING_MATCH_INGRESS;
	strip(f, 1);
	decode_ppp(f);
}

/* An address family in some host's byte order; IPv6 has another number on each BSD and on Linux. */
static void decode_null(struct engine_frame *f)
{
	uint8_t family;

	if (!has(f, 4))
		return;
	family = bytes(f)[0] ? bytes(f)[0] : bytes(f)[3];
	strip(f, 4);
	switch (family) {
	case 2:
		take_network(f, PROTO_IPV4);
		break;
	case 10:
	case 24:
	case 28:
	case 30:
		take_network(f, PROTO_IPV6);
		break;
	default:
		f->verdict = PPING_COUNT_NOT_IP;
	}
}

static const struct {
	int type;
	decode_fn decode;
} links[] = {
	{ DLT_EN10MB, decode_ethernet },
	{ DLT_LINUX_SLL, decode_sll },
	{ DLT_LINUX_SLL2, decode_sll2 },
	{ DLT_RAW, decode_raw },
	{ 14, decode_raw }, /* DLT_RAW of OpenBSD */
	{ 101, decode_raw }, /* LINKTYPE_RAW, which libpcap translates */
	{ DLT_IPV4, decode_ipv4 },
	{ DLT_IPV6, decode_ipv6 },
	{ DLT_PPP, decode_ppp },
	{ DLT_PPP_SERIAL, decode_ppp_serial },
	{ DLT_PPP_ETHER, decode_ppp_ether },
	{ DLT_PPP_WITH_DIR, decode_ppp_with_direction },
	{ DLT_NULL, decode_null },
	{ DLT_LOOP, decode_null },
};

static int find_link(struct capture *c)
{
	int type = pcap_datalink(c->pcap);
	const char *name = pcap_datalink_val_to_description(type);

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].type == type)
			c->decode = links[i].decode;
	if (c->decode)
		return 0;
	fprintf(stderr,
		"pping: %s: its link type, %s (%d), can't be read; Ethernet, Linux cooked, raw IP, "
		"PPP and loopback can\n",
		c->name, name ? name : "unnamed", type);
	return -EPROTONOSUPPORT;
}

/* --- opening ----------------------------------------------------------------------------- */

/* A pipe's: whoever reads it wants to do something else rather than block. */
static ssize_t read_pipe(void *cookie, char *to, size_t size)
{
	struct capture *c = cookie;
	struct pollfd fd = { .fd = c->fd, .events = POLLIN };
	ssize_t len;

	if (c->set.wait && !poll(&fd, 1, 0) && c->set.wait(c->set.ctx, c->fd)) {
		c->ended = true;
		return 0;
	}
	len = read(c->fd, to, size);
	if (len > 0)
		c->position += len;
	return len;
}

static int close_pipe(void *cookie)
{
	struct capture *c = cookie;

	return c->fd == STDIN_FILENO ? 0 : close(c->fd);
}

static int open_file(struct capture *c)
{
	static const cookie_io_functions_t pipe_io = { .read = read_pipe, .close = close_pipe };
	struct stat st;

	c->fd = strcmp(c->set.path, "-") ? open(c->set.path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (c->fd < 0 || fstat(c->fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode)) {
		if (!st.st_size)
			return -ENODATA;
		c->size = st.st_size;
		c->file = fdopen(c->fd, "r");
	} else {
		c->file = fopencookie(c, "r", pipe_io);
	}
	if (!c->file)
		return -errno;
	setvbuf(c->file, NULL, _IOFBF, READ_SIZE);
	/* libpcap asks for a few bytes at a time: a lock for each is a quarter of reading */
	__fsetlocking(c->file, FSETLOCKING_BYCALLER);
	return 0;
}

#define PCAP_HEADER 24
#define PCAP_RECORD 16

/* Is it a file of plain pcap format, in either byte order and precision? */
static bool is_plain_pcap(const struct capture *c)
{
	uint32_t magic;

	if (!c->size || pread(c->fd, &magic, sizeof(magic), 0) != sizeof(magic))
		return false;
	return magic == 0xa1b2c3d4 || magic == 0xd4c3b2a1 || magic == 0xa1b23c4d ||
	       magic == 0x4d3cb2a1;
}

static int open_pcap(struct capture *c)
{
	char why[PCAP_ERRBUF_SIZE] = "";

	c->pcap =
		pcap_fopen_offline_with_tstamp_precision(c->file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (c->pcap) {
		c->snaplen = pcap_snapshot(c->pcap);
		c->record_end = is_plain_pcap(c) ? PCAP_HEADER : 0;
		return find_link(c);
	}
	if (!c->size && !c->position)
		fprintf(stderr, "pping: %s: is empty; give a pcap or pcapng file\n", c->name);
	else
		fprintf(stderr, "pping: %s: not a capture that can be read: %s\n", c->name, why);
	return -EINVAL;
}

static int set_filter(struct capture *c)
{
	if (!c->set.filter)
		return 0;
	if (pcap_compile(c->pcap, &c->filter, c->set.filter, 1, PCAP_NETMASK_UNKNOWN)) {
		fprintf(stderr, "pping: --filter: %s; see pcap-filter(7)\n", pcap_geterr(c->pcap));
		return -EINVAL;
	}
	c->filtering = true;
	return 0;
}

int capture__open(struct capture **capture, const struct capture_settings *settings)
{
	struct capture *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->set = *settings;
	c->name = strcmp(settings->path, "-") ? settings->path : "standard input";
	err = open_file(c);
	if (err == -ENODATA)
		fprintf(stderr, "pping: %s: is empty; give a pcap or pcapng file\n", c->name);
	else if (err)
		fprintf(stderr, "pping: %s: can't be read: %s\n", c->name, strerror(-err));
	if (!err)
		err = open_pcap(c);
	if (!err)
		err = set_filter(c);
	if (err) {
		capture__free(c);
		return err;
	}
	*capture = c;
	return 0;
}

void capture__free(struct capture *c)
{
	if (!c)
		return;
	if (c->filtering)
		pcap_freecode(&c->filter);
	if (c->pcap)
		pcap_close(c->pcap); /* and the file */
	else if (c->file)
		fclose(c->file);
	else if (c->fd > STDIN_FILENO)
		close(c->fd);
	free(c);
}

/* --- reading ------------------------------------------------------------------------------- */

/* pcap's seconds have 32 bits, which libpcap takes for signed: they last until 2106. */
static uint64_t record_time(const struct pcap_pkthdr *header)
{
	int64_t seconds = header->ts.tv_sec;

	if (seconds < 0 && seconds >= INT32_MIN)
		seconds = (uint32_t)seconds;
	return (uint64_t)seconds * PPING_NS_PER_SEC + (uint64_t)header->ts.tv_usec;
}

/* Only a record of exactly the snap length can have been cut. */
static bool was_too_long(const struct capture *c)
{
	if (!c->record_end || (uint64_t)ftello(c->file) == c->record_end)
		return false;
	fprintf(stderr,
		"pping: %s: can't be read on after %" PRIu64
		" packets: a record is longer than the snap length, %" PRIu32 "\n",
		c->name, c->packets, c->snaplen);
	return true;
}

/* To be asked of each record. Asking for the position is dear: not often in a file with many cut ones. */
static bool is_too_long(struct capture *c, uint32_t captured)
{
	const uint64_t each = 64, step = 4096;

	c->record_end += c->record_end ? PCAP_RECORD + captured : 0;
	if (captured != c->snaplen)
		return false;
	c->snapped++;
	return (c->snapped <= each || c->snapped % step == 0) && was_too_long(c);
}

static int end(const struct capture *c, int verdict)
{
	if (verdict == PCAP_ERROR_BREAK || c->ended)
		return c->snapped && was_too_long(c) ? -EIO : 0;
	if (feof(c->file)) {
		fprintf(stderr,
			"pping: %s: ends in the middle of a record, after %" PRIu64 " packets\n",
			c->name, c->packets);
		return 0;
	}
	fprintf(stderr, "pping: %s: can't be read on after %" PRIu64 " packets: %s\n", c->name,
		c->packets, pcap_geterr(c->pcap));
	return -EIO;
}

int capture__next(struct capture *c, struct engine_frame *f)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int verdict;

	for (;;) {
		verdict = pcap_next_ex(c->pcap, &header, &data);
		if (verdict != 1)
			return end(c, verdict);
		if (is_too_long(c, header->caplen))
			return -EIO;
		c->packets++;
		if (!c->filtering || pcap_offline_filter(&c->filter, header, data))
			break;
		c->filtered++;
	}
	*f = (struct engine_frame){
		.data = data,
		.captured = header->caplen,
		.length = header->len > header->caplen ? header->len : header->caplen,
		.time_ns = record_time(header),
		.verdict = ENGINE_FRAME_UNKNOWN,
		.way = PPING_MATCH_UNKNOWN,
	};
	c->decode(f);
	return 1;
}

void capture__progress(const struct capture *c, struct capture_progress *progress)
{
	off_t at = c->size ? ftello(c->file) : (off_t)c->position;

	progress->packets = c->packets;
	progress->filtered = c->filtered;
	progress->position = at > 0 ? at : 0;
	progress->size = c->size;
}

const char *capture__name(const struct capture *c)
{
	return c->name;
}

bool capture__available(void)
{
	return true;
}

#endif /* HAVE_PCAP */
