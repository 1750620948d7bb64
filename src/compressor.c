// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/compressor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

/*
 * Levels that keep up with a hundred thousand RTTs a second beside everything
 * else; tests/bench/bench_storage.sh measures them.
 */
#define GZIP_LEVEL 1
#define ZSTD_LEVEL 1

#define GZIP_WINDOW (15 + 16) /* 32 KiB, and a gzip header */
#define ROOM 65536
/*
 * A stream (a zstd frame, a gzip member) ends after so much and another begins: what is behind damage in a file can
 * be read from the next one on. It costs a hundredth of the ratio; bench_storage.c measures it.
 */
#define STREAM_MAX (4 << 20)

struct compressor {
	enum compressor_kind kind;
	bool begun; /* something went into this stream */
	size_t in; /* so much of it */
	z_stream gzip;
#ifdef HAVE_ZSTD
	ZSTD_CCtx *zstd;
#endif
};

/* --- gzip ------------------------------------------------------------------------ */

static int gzip_run(struct compressor *c, const char *data, size_t len, int how, struct text *out)
{
	z_stream *z = &c->gzip;
	int ret;

	z->next_in = (Bytef *)(uintptr_t)data;
	z->avail_in = (uInt)len;
	do {
		char *room = text__reserve(out, ROOM);

		if (!room)
			return -ENOMEM;
		z->next_out = (Bytef *)room;
		z->avail_out = ROOM;
		ret = deflate(z, how);
		out->len += ROOM - z->avail_out;
	} while (!z->avail_out && ret == Z_OK);
	/* Z_BUF_ERROR: there was nothing to flush */
	return ret == Z_OK || ret == Z_STREAM_END || ret == Z_BUF_ERROR ? 0 : -ENOMEM;
}

static void put_le32(char *p, uint32_t v)
{
	int i;

	for (i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * i);
}

/* RFC 1951: an empty stored block that is the last; RFC 1952: CRC and length of what went in. */
static void gzip_tail(const struct compressor *c, struct compressor_tail *tail)
{
	memcpy(tail->bytes, "\x01\x00\x00\xff\xff", 5);
	put_le32(tail->bytes + 5, (uint32_t)c->gzip.adler);
	put_le32(tail->bytes + 9, (uint32_t)c->gzip.total_in);
	tail->len = 13;
}

/* --- zstd ------------------------------------------------------------------------ */

#ifdef HAVE_ZSTD
/* The frame has no checksum (the library's default): its tail could not be known otherwise. */
static int zstd_new(struct compressor *c)
{
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	return 0;
}

static int zstd_run(struct compressor *c, const char *data, size_t len, ZSTD_EndDirective how,
		    struct text *out)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer room = { text__reserve(out, ROOM), ROOM, 0 };

		if (!room.dst)
			return -ENOMEM;
		left = ZSTD_compressStream2(c->zstd, &room, &in, how);
		if (ZSTD_isError(left))
			return -ENOMEM;
		out->len += room.pos;
	} while (how == ZSTD_e_continue ? in.pos < in.size : left > 0);
	return 0;
}
#endif

/* RFC 8878: an empty raw block that is the last. */
static void zstd_tail(struct compressor_tail *tail)
{
	memcpy(tail->bytes, "\x01\x00\x00", 3);
	tail->len = 3;
}

/* --- both ------------------------------------------------------------------------ */

bool compressor__has(enum compressor_kind kind)
{
#ifdef HAVE_ZSTD
	(void)kind;
	return true;
#else
	return kind != COMPRESSOR_ZSTD;
#endif
}

int compressor__new(struct compressor **compressor, enum compressor_kind kind)
{
	struct compressor *c;
	int err = 0;

	if (!compressor__has(kind))
		return -EOPNOTSUPP;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->kind = kind;
	if (kind == COMPRESSOR_GZIP &&
	    deflateInit2(&c->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY))
		err = -ENOMEM;
#ifdef HAVE_ZSTD
	if (kind == COMPRESSOR_ZSTD)
		err = zstd_new(c);
#endif
	if (err) {
		free(c);
		return err;
	}
	*compressor = c;
	return 0;
}

void compressor__free(struct compressor *c)
{
	if (!c)
		return;
	if (c->kind == COMPRESSOR_GZIP)
		deflateEnd(&c->gzip);
#ifdef HAVE_ZSTD
	ZSTD_freeCCtx(c->zstd);
#endif
	free(c);
}

int compressor__write(struct compressor *c, const char *data, size_t len, struct text *out)
{
	int err = 0;

	if (!len)
		return 0;
	if (c->kind == COMPRESSOR_NONE) {
		text__append(out, data, len);
		return out->failed ? -ENOMEM : 0;
	}
	c->begun = true;
	c->in += len;
	if (c->kind == COMPRESSOR_GZIP)
		err = gzip_run(c, data, len, Z_NO_FLUSH, out);
#ifdef HAVE_ZSTD
	if (c->kind == COMPRESSOR_ZSTD)
		err = zstd_run(c, data, len, ZSTD_e_continue, out);
#endif
	return err || c->in < STREAM_MAX ? err : compressor__end(c, out);
}

int compressor__flush(struct compressor *c, struct text *out)
{
	if (!c->begun)
		return 0;
	if (c->kind == COMPRESSOR_GZIP)
		return gzip_run(c, NULL, 0, Z_SYNC_FLUSH, out);
#ifdef HAVE_ZSTD
	if (c->kind == COMPRESSOR_ZSTD)
		return zstd_run(c, NULL, 0, ZSTD_e_flush, out);
#endif
	return 0;
}

int compressor__end(struct compressor *c, struct text *out)
{
	int err = 0;

	if (c->kind == COMPRESSOR_GZIP) {
		err = gzip_run(c, NULL, 0, Z_FINISH, out);
		deflateReset(&c->gzip);
	}
#ifdef HAVE_ZSTD
	if (c->kind == COMPRESSOR_ZSTD)
		err = zstd_run(c, NULL, 0, ZSTD_e_end, out);
#endif
	c->begun = false;
	c->in = 0;
	return err;
}

void compressor__tail(const struct compressor *c, struct compressor_tail *tail)
{
	tail->len = 0;
	if (!c->begun)
		return;
	if (c->kind == COMPRESSOR_GZIP)
		gzip_tail(c, tail);
	if (c->kind == COMPRESSOR_ZSTD)
		zstd_tail(tail);
}

uint64_t compressor__bound(enum compressor_kind kind, uint64_t len)
{
	/* more than compressBound() and ZSTD_compressBound(), and a header and a flush */
	return kind == COMPRESSOR_NONE ? len : len + len / 128 + 1024;
}
