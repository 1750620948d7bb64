/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HTTP server (libmicrohttpd) that hands the metrics out, in the one event
 * loop and without a thread.
 *
 * Whoever connects may be slow or hostile, and the measurement comes first:
 *  - there are at most 32 connections; one more closes the oldest, so that idle
 *    ones can't keep a scrape out;
 *  - each has 10 s and one request, and 8 KiB for its headers;
 *  - the text is made once a second at most, and its copies are shared;
 *  - all of it gets a tenth of the time at most: beyond that it waits.
 */
#ifndef SRC_METRICS_SERVER_H
#define SRC_METRICS_SERVER_H

#include "loop.h"
#include "metrics.h"
#include "options.h"
#include "text.h"

/* Appends the metrics; 0 or a negative errno, then the client is told that there are none. */
typedef int (*metrics_server_fn)(void *ctx, enum metrics_format format, struct text *to);

struct metrics_server;

/* Listens from now on. 0 or a negative errno (printed). */
int metrics_server__new(struct metrics_server **server, struct loop *loop,
			const struct option_endpoint *endpoint, metrics_server_fn fn, void *ctx);
bool metrics_server__available(void); /* or this build can't serve */
void metrics_server__free(struct metrics_server *server); /* NULL is fine */

#endif /* SRC_METRICS_SERVER_H */
