// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_captures DIR: writes the captures of captures.h, and broken ones, there.
 * Times count from 2023-11-14 22:13:20 UTC.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "captures.h"

#define BEGIN_S 1700000000U
#define SNAPLEN 65535
#define MAGIC_US 0xa1b2c3d4
#define MAGIC_NS 0xa1b23c4d

static const char *directory;

struct file {
	FILE *file;
	bool swapped; /* written in the other byte order than this machine's */
	bool ns, ng;
};

static void put_u16(struct file *f, uint16_t v)
{
	v = f->swapped ? __builtin_bswap16(v) : v;
	fwrite(&v, sizeof(v), 1, f->file);
}

static void put_u32(struct file *f, uint32_t v)
{
	v = f->swapped ? __builtin_bswap32(v) : v;
	fwrite(&v, sizeof(v), 1, f->file);
}

static void put_bytes(struct file *f, const void *bytes, size_t len)
{
	fwrite(bytes, len, 1, f->file);
}

static void open_bare(struct file *f, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f->file = fopen(path, "w");
	if (!f->file) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

static void close_file(struct file *f)
{
	if (fclose(f->file)) {
		perror(directory);
		exit(EXIT_FAILURE);
	}
}

/* --- pcap and pcapng ------------------------------------------------------------------ */

static void put_pcap_header(struct file *f, uint32_t link)
{
	put_u32(f, f->ns ? MAGIC_NS : MAGIC_US);
	put_u16(f, 2);
	put_u16(f, 4);
	put_u32(f, 0);
	put_u32(f, 0);
	put_u32(f, SNAPLEN);
	put_u32(f, link);
}

/* Section header, interface description with its time resolution. */
static void put_pcapng_header(struct file *f, uint16_t link)
{
	static const uint8_t nanoseconds[4] = { 9 };

	put_u32(f, 0x0a0d0d0a);
	put_u32(f, 28);
	put_u32(f, 0x1a2b3c4d);
	put_u16(f, 1);
	put_u16(f, 0);
	put_u32(f, 0xffffffff);
	put_u32(f, 0xffffffff);
	put_u32(f, 28);
	put_u32(f, 1);
	put_u32(f, 32);
	put_u16(f, link);
	put_u16(f, 0);
	put_u32(f, SNAPLEN);
	put_u16(f, 9); /* if_tsresol */
	put_u16(f, 1);
	put_bytes(f, nanoseconds, 4);
	put_u32(f, 0); /* end of options */
	put_u32(f, 32);
}

static void open_capture(struct file *f, const char *name, uint32_t link)
{
	open_bare(f, name);
	if (f->ng)
		put_pcapng_header(f, link);
	else
		put_pcap_header(f, link);
}

static void put_pcapng_packet(struct file *f, uint64_t ns, const void *bytes, uint32_t captured,
			      uint32_t length)
{
	uint32_t padded = (captured + 3) & ~3U, size = 32 + padded;
	uint64_t time = BEGIN_S * 1000000000ULL + ns;

	put_u32(f, 6);
	put_u32(f, size);
	put_u32(f, 0);
	put_u32(f, time >> 32);
	put_u32(f, time);
	put_u32(f, captured);
	put_u32(f, length);
	put_bytes(f, bytes, captured);
	put_bytes(f, "\0\0\0", padded - captured);
	put_u32(f, size);
}

static void put_packet(struct file *f, uint64_t ns, const void *bytes, uint32_t captured,
		       uint32_t length)
{
	if (f->ng) {
		put_pcapng_packet(f, ns, bytes, captured, length);
		return;
	}
	put_u32(f, BEGIN_S + ns / 1000000000);
	put_u32(f, ns % 1000000000 / (f->ns ? 1 : 1000));
	put_u32(f, captured);
	put_u32(f, length);
	put_bytes(f, bytes, captured);
}

/* --- whole ones -------------------------------------------------------------------------- */

static void put_rows(struct file *f, const struct capture_spec *c)
{
	for (const struct capture_row *row = c->rows; !capture_row_ends(c, row); row++) {
		struct frame frame;
		__u32 length;

		capture_frame(&frame, c, row, &length);
		put_packet(f, row->at * 1000, frame.b, frame.len, length);
	}
}

static void write_capture(struct file f, const char *name, const struct capture_spec *c)
{
	open_capture(&f, name, c->link);
	put_rows(&f, c);
	close_file(&f);
}

static void write_captures(void)
{
	char name[64];

	for (size_t i = 0; i < CAPTURES; i++) {
		snprintf(name, sizeof(name), "%s.pcap", captures[i].name);
		write_capture((struct file){}, name, &captures[i]);
	}
	write_capture((struct file){ .swapped = true }, "swapped.pcap", &captures[0]);
	write_capture((struct file){ .ns = true }, "nanoseconds.pcap", &captures[0]);
	write_capture((struct file){ .ns = true, .swapped = true }, "nanoseconds_swapped.pcap",
		      &captures[0]);
	write_capture((struct file){ .ng = true }, "connection.pcapng", &captures[0]);
	write_capture((struct file){ .ng = true, .swapped = true }, "swapped.pcapng", &captures[0]);
}

/* --- broken ones ---------------------------------------------------------------------------- */

static void write_cut(const char *name, bool ng, long less)
{
	struct file f = { .ng = ng };

	open_capture(&f, name, captures[0].link);
	put_rows(&f, &captures[0]);
	fflush(f.file);
	if (ftruncate(fileno(f.file), ftell(f.file) - less))
		perror(name);
	close_file(&f);
}

/* The connection, in whose middle the clock goes back by so much for one packet. */
static void write_going_back(const char *name, uint64_t us)
{
	struct file f = {};
	const struct capture_spec *c = &captures[0];

	open_capture(&f, name, c->link);
	for (const struct capture_row *row = c->rows; !capture_row_ends(c, row); row++) {
		bool third = row - c->rows == 3;
		struct frame frame;
		__u32 length;

		capture_frame(&frame, c, row, &length);
		put_packet(&f, 10000000000 + (row->at - (third ? us : 0)) * 1000, frame.b,
			   frame.len, length);
	}
	close_file(&f);
}

/* A record of so many bytes behind whole ones, and another packet. */
static void write_long_record(const char *name, uint32_t len)
{
	struct file f = {};
	struct packet_spec spec = data(CLIENT, SERVER, 1090, 5060);
	uint8_t *bytes = calloc(1, len);
	struct frame frame;

	open_capture(&f, name, captures[0].link);
	put_rows(&f, &captures[0]);
	frame_build(&frame, &spec);
	memcpy(bytes, frame.b, frame.len);
	put_packet(&f, 100000000, bytes, len, len);
	put_packet(&f, 110000000, frame.b, frame.len, frame.len);
	close_file(&f);
	free(bytes);
}

static void write_broken(void)
{
	struct file f = {};

	open_bare(&f, "empty.pcap");
	close_file(&f);
	open_bare(&f, "text.pcap");
	fprintf(f.file, "What is this? Not a capture, for sure.\n");
	close_file(&f);
	open_bare(&f, "header_cut.pcap");
	put_u32(&f, MAGIC_US);
	close_file(&f);
	open_capture(&f, "no_packets.pcap", LINK_ETHERNET);
	close_file(&f);
	open_capture(&f, "link_wifi.pcap", 105);
	close_file(&f);
	write_cut("cut_in_data.pcap", false, 7);
	write_cut("cut_in_header.pcap", false, 66 + 3);
	write_cut("cut.pcapng", true, 5);
	write_going_back("back_a_little.pcap", 20500);
	write_going_back("back_a_moment.pcap", 10300);
	write_going_back("back_far.pcap", 5000000);
	write_long_record("longer_than_snaplen.pcap", 70000);
	write_long_record("far_too_long.pcap", 20 << 20);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = argv[1];
	write_captures();
	write_broken();
	return EXIT_SUCCESS;
}
