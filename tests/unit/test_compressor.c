// SPDX-License-Identifier: GPL-2.0-or-later
/* What is compressed comes out again, by zlib and libzstd and as it was. */
#include <errno.h>
#include <stdbool.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "src/compressor.h"
#include "tests/unit/test.h"

static const struct {
	enum compressor_kind kind;
	const char *name;
} kinds[] = {
	{ COMPRESSOR_NONE, "none" },
	{ COMPRESSOR_GZIP, "gzip" },
	{ COMPRESSOR_ZSTD, "zstd" },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* --- reading ------------------------------------------------------------------------- */

/* All members; *whole: they end where the data do. */
static void gunzip(const char *data, size_t len, struct text *out, bool *whole)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
	int ret;

	CHECK_INT(inflateInit2(&z, 15 + 16), Z_OK);
	do {
		z.next_out = (Bytef *)text__reserve(out, 4096);
		z.avail_out = 4096;
		ret = inflate(&z, Z_NO_FLUSH);
		out->len += 4096 - z.avail_out;
		*whole = ret == Z_STREAM_END && !z.avail_in;
		if (ret == Z_STREAM_END && z.avail_in)
			inflateReset(&z);
	} while ((ret == Z_OK || ret == Z_STREAM_END) && (z.avail_in || !z.avail_out));
	CHECK(ret == Z_OK || ret == Z_STREAM_END || ret == Z_BUF_ERROR);
	inflateEnd(&z);
}

static void unzstd(const char *data, size_t len, struct text *out, bool *whole)
{
#ifdef HAVE_ZSTD
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left = 0;

	*whole = false;
	for (;;) {
		ZSTD_outBuffer room = { text__reserve(out, 4096), 4096, 0 };

		left = ZSTD_decompressStream(d, &room, &in);
		CHECK(!ZSTD_isError(left));
		if (ZSTD_isError(left))
			break;
		out->len += room.pos;
		if (in.pos == in.size && room.pos < room.size)
			break;
	}
	*whole = !left && len;
	ZSTD_freeDCtx(d);
#else
	(void)data, (void)len, (void)out, (void)whole;
#endif
}

static struct text expand(enum compressor_kind kind, const char *data, size_t len, bool *whole)
{
	struct text out = { 0 };

	*whole = true;
	if (kind == COMPRESSOR_NONE)
		text__append(&out, data, len);
	else if (kind == COMPRESSOR_GZIP)
		gunzip(data, len, &out, whole);
	else
		unzstd(data, len, &out, whole);
	return out;
}

static void check(enum compressor_kind kind, const struct text *packed, const struct text *want,
		  bool want_whole)
{
	bool whole;
	struct text got = expand(kind, packed->data, packed->len, &whole);

	CHECK_INT(got.len, want->len);
	CHECK(got.len == want->len && (!got.len || !memcmp(got.data, want->data, got.len)));
	CHECK_INT(whole, want_whole || kind == COMPRESSOR_NONE);
	text__free(&got);
}

/* --- writing ------------------------------------------------------------------------- */

/* Lines that compress about as well as ours, and bytes that don't at all. */
static void write_lines(struct compressor *c, struct text *packed, struct text *raw, int n,
			bool noise)
{
	char line[128];
	int i, j;

	for (i = 0; i < n; i++) {
		int len = snprintf(line, sizeof(line), "{\"timestamp\":%d,\"rtt\":%d}\n",
				   1700000000 + i * 977, rand());

		for (j = 0; noise && j < len; j++)
			line[j] = (char)rand();
		CHECK_INT(compressor__write(c, line, (size_t)len, packed), 0);
		text__append(raw, line, (size_t)len);
	}
}

static void run(void (*with)(enum compressor_kind kind, struct compressor *c))
{
	struct compressor *c;
	size_t i;

	for (i = 0; i < KINDS; i++) {
		if (!compressor__has(kinds[i].kind)) {
			CHECK_INT(compressor__new(&c, kinds[i].kind), -EOPNOTSUPP);
			continue;
		}
		CHECK_INT(compressor__new(&c, kinds[i].kind), 0);
		with(kinds[i].kind, c);
		compressor__free(c);
		if (test_failed_here)
			printf("# with %s\n", kinds[i].name);
	}
}

static void streams(enum compressor_kind kind, struct compressor *c)
{
	struct text packed = { 0 }, raw = { 0 };
	int i;

	/* one after the other, an empty one among them: they read as one */
	for (i = 0; i < 4; i++) {
		write_lines(c, &packed, &raw, i == 2 ? 0 : 20000, i == 1);
		CHECK_INT(compressor__end(c, &packed), 0);
		check(kind, &packed, &raw, true);
	}
	CHECK(kind == COMPRESSOR_NONE || packed.len < raw.len);
	text__free(&packed);
	text__free(&raw);
}

static void whole_streams(void)
{
	run(streams);
}

/* After a flush all of it can be read; with the tail it is whole; and within the bound. */
static void flushes(enum compressor_kind kind, struct compressor *c)
{
	struct text packed = { 0 }, raw = { 0 }, ended = { 0 };
	struct compressor_tail tail;
	int i;

	for (i = 0; i < 50; i++) {
		size_t before = packed.len, raw_before = raw.len;

		write_lines(c, &packed, &raw, i * 20, i % 2);
		CHECK_INT(compressor__flush(c, &packed), 0);
		CHECK(packed.len - before <= compressor__bound(kind, raw.len - raw_before));
		compressor__tail(c, &tail);
		ended.len = 0;
		text__append(&ended, packed.data, packed.len);
		text__append(&ended, tail.bytes, tail.len);
		if (!i) {
			CHECK_INT(ended.len, 0); /* nothing went in */
			continue;
		}
		check(kind, &packed, &raw, false);
		check(kind, &ended, &raw, true);
	}
	/* and another stream behind the tail */
	CHECK_INT(compressor__end(c, &packed), 0);
	packed.len = 0;
	write_lines(c, &packed, &raw, 10, false);
	CHECK_INT(compressor__end(c, &packed), 0);
	text__append(&ended, packed.data, packed.len);
	check(kind, &ended, &raw, true);
	text__free(&packed);
	text__free(&raw);
	text__free(&ended);
}

static void flushed_streams(void)
{
	run(flushes);
}

/* Flushed with nothing new in between: nothing, or next to it, and no harm. */
static void idle(enum compressor_kind kind, struct compressor *c)
{
	struct text packed = { 0 }, raw = { 0 };
	size_t before;
	int i;

	write_lines(c, &packed, &raw, 10, false);
	CHECK_INT(compressor__flush(c, &packed), 0);
	before = packed.len;
	for (i = 0; i < 10; i++)
		CHECK_INT(compressor__flush(c, &packed), 0);
	CHECK_INT(packed.len, before);
	CHECK_INT(compressor__end(c, &packed), 0);
	check(kind, &packed, &raw, true);
	text__free(&packed);
	text__free(&raw);
}

static void idle_flushes(void)
{
	run(idle);
}

/* Where the stream ends with which the data begin. */
static size_t first_stream(enum compressor_kind kind, const char *data, size_t len)
{
	static char room[65536];
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
	int ret;

#ifdef HAVE_ZSTD
	if (kind == COMPRESSOR_ZSTD)
		return ZSTD_findFrameCompressedSize(data, len);
#endif
	if (kind == COMPRESSOR_NONE)
		return len;
	CHECK_INT(inflateInit2(&z, 15 + 16), Z_OK);
	do {
		z.next_out = (Bytef *)room;
		z.avail_out = sizeof(room);
		ret = inflate(&z, Z_NO_FLUSH);
	} while (ret == Z_OK);
	CHECK_INT(ret, Z_STREAM_END);
	inflateEnd(&z);
	return z.total_in;
}

/* A long one is many: what is behind the first can be read without it, from the beginning of a line on. */
static void parts(enum compressor_kind kind, struct compressor *c)
{
	struct text packed = { 0 }, raw = { 0 }, first;
	size_t at, n = 0;
	bool whole;

	while (raw.len < 20 << 20)
		write_lines(c, &packed, &raw, 1000, false);
	CHECK_INT(compressor__end(c, &packed), 0);
	check(kind, &packed, &raw, true);
	for (at = 0; at < packed.len; n++)
		at += first_stream(kind, packed.data + at, packed.len - at);
	CHECK_INT(at, packed.len);
	CHECK(kind == COMPRESSOR_NONE || (n >= 5 && n <= 7));

	at = first_stream(kind, packed.data, packed.len);
	first = expand(kind, packed.data, at, &whole);
	CHECK(whole && first.len && first.data[first.len - 1] == '\n');
	if (at < packed.len) {
		struct text rest = expand(kind, packed.data + at, packed.len - at, &whole);

		CHECK(whole);
		CHECK_INT(first.len + rest.len, raw.len);
		CHECK(first.len + rest.len == raw.len &&
		      !memcmp(rest.data, raw.data + first.len, rest.len));
		text__free(&rest);
	}
	text__free(&first);
	text__free(&packed);
	text__free(&raw);
}

static void long_streams(void)
{
	run(parts);
}

int main(void)
{
	RUN(whole_streams);
	RUN(long_streams);
	RUN(flushed_streams);
	RUN(idle_flushes);
	if (!compressor__has(COMPRESSOR_ZSTD))
		printf("# built without zstd\n");
	return TEST_EXIT();
}
