// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include "metrics_server.h"

#ifndef HAVE_MICROHTTPD

int metrics_server__new(struct metrics_server **server, struct loop *loop,
			const struct option_endpoint *endpoint, metrics_server_fn fn, void *ctx)
{
	fprintf(stderr, "pping: --metrics: this pping was built without libmicrohttpd; build it "
			"with libmicrohttpd-dev installed\n");
	return -EOPNOTSUPP;
}

bool metrics_server__available(void)
{
	return false;
}

void metrics_server__free(struct metrics_server *server)
{
}

#else

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "clock.h"

#define CONNECTIONS_MAX 32
/* Accepted while those closed for them are on their way out. */
#define CONNECTIONS_SPARE 32
#define CONNECTION_BYTES 8192 /* of a request, and of our headers */
#define CONNECTION_NS (10 * PPING_NS_PER_SEC)
#define BACKLOG 32
/* A text is served until it is this old. */
#define FRESH_NS PPING_NS_PER_SEC
/* Serving may take a tenth of the time, and at once what half a second of it gives. */
#define SHARE 10
#define BURST_NS (50 * PPING_NS_PER_MS)
/* The timer's shortest wait, and the longest while there are connections. */
#define SOON_NS 100000
#define LOOK_NS (PPING_NS_PER_SEC / 2)

struct connection {
	TAILQ_ENTRY(connection) entry;
	uint64_t start_ns;
	int fd;
	bool ended; /* by us: MHD has not noticed yet */
};

TAILQ_HEAD(connections, connection); /* the oldest first */

struct metrics_server {
	metrics_server_fn fn;
	void *ctx;
	struct MHD_Daemon *daemon;
	struct loop_source *source, *timer;
	struct connections connections;
	uint32_t open; /* of these, without those ended */
	/* the last text in each format; NULL: there was none */
	struct MHD_Response *text[2];
	uint64_t made_ns[2];
	/* what never changes */
	struct MHD_Response *index, *not_found, *bad_method, *broken;
	int64_t allowance_ns; /* time it may take at once */
	uint64_t allowed_ns; /* when that was counted last */
	bool paused;
};

static const char index_page[] = "<!DOCTYPE html>\n<html lang=\"en\"><title>pping</title>\n"
				 "<h1>pping</h1>\n<p>Round-trip times for Prometheus: <a "
				 "href=\"/metrics\">metrics</a>.</p>\n"
				 "</html>\n";

/* --- requests ------------------------------------------------------------------------------ */

/* One request a connection: who stays costs a place. */
static struct MHD_Response *finish_response(struct MHD_Response *response, const char *type)
{
	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	return response;
}

static struct MHD_Response *constant_response(const char *text, const char *type)
{
	/* MHD does not write to it */
	return finish_response(
		MHD_create_response_from_buffer(strlen(text), (char *)text, MHD_RESPMEM_PERSISTENT),
		type);
}

/* "0.5", "1" */
static int thousandths(const char *text)
{
	double value = strtod(text, NULL);

	return value >= 1 ? 1000 : value > 0 ? (int)(value * 1000) : 0;
}

/* The q of type in an Accept header (RFC 9110 section 12.5.1) in thousandths, 0: not acceptable. */
static int quality(const char *accept, const char *type)
{
	size_t len = strlen(type);
	int best = 0;

	while (*accept) {
		size_t item = strcspn(accept, ",");
		const char *name = accept + strspn(accept, " \t"), *q;
		int value = 1000;

		if (!strncasecmp(name, type, len) && strchr(" \t;,", name[len])) {
			for (q = name + len; (q = memchr(q, ';', accept + item - q));) {
				q += 1 + strspn(q + 1, " \t");
				if (!strncasecmp(q, "q=", 2))
					value = thousandths(q + 2);
			}
			if (best < value)
				best = value;
		}
		accept += item + (accept[item] == ',');
	}
	return best;
}

static enum metrics_format choose_format(struct MHD_Connection *connection)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	int open = accept ? quality(accept, "application/openmetrics-text") : 0;

	return open && open >= quality(accept, "text/plain") ? METRICS_OPENMETRICS
							     : METRICS_PROMETHEUS;
}

static struct MHD_Response *make_text(struct metrics_server *s, enum metrics_format format)
{
	static const char *const types[] = {
		[METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
		[METRICS_OPENMETRICS] =
			"application/openmetrics-text; version=1.0.0; charset=utf-8",
	};
	struct MHD_Response *response = NULL;
	struct text text = {};

	if (!s->fn(s->ctx, format, &text) && !text.failed)
		response = finish_response(
			MHD_create_response_from_buffer(text.len, text.data, MHD_RESPMEM_MUST_FREE),
			types[format]);
	if (!response)
		text__free(&text);
	return response;
}

static struct MHD_Response *find_text(struct metrics_server *s, enum metrics_format format)
{
	uint64_t now = clock__now();

	if (s->text[format] && now - s->made_ns[format] < FRESH_NS)
		return s->text[format];
	if (s->text[format])
		MHD_destroy_response(s->text[format]); /* lives on while it is being sent */
	s->text[format] = make_text(s, format);
	s->made_ns[format] = now;
	return s->text[format];
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request)
{
	struct metrics_server *s = ctx;
	struct MHD_Response *response;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)request;
	/* a body is not waited for: nothing here takes one */
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, s->bad_method);
	if (!strcmp(url, "/"))
		return MHD_queue_response(connection, MHD_HTTP_OK, s->index);
	if (strcmp(url, "/metrics"))
		return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, s->not_found);
	response = find_text(s, choose_format(connection));
	if (!response)
		return MHD_queue_response(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, s->broken);
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

/* --- connections ----------------------------------------------------------------------------- */

static void end_connection(struct metrics_server *s, struct connection *c)
{
	if (c->ended)
		return;
	c->ended = true;
	s->open--;
	shutdown(c->fd, SHUT_RDWR);
}

static void end_oldest(struct metrics_server *s)
{
	struct connection *c;

	TAILQ_FOREACH(c, &s->connections, entry)
	if (!c->ended) {
		end_connection(s, c);
		return;
	}
}

static void end_overdue(struct metrics_server *s)
{
	uint64_t now = clock__now();
	struct connection *c;

	TAILQ_FOREACH(c, &s->connections, entry)
	{
		if (now - c->start_ns < CONNECTION_NS)
			return;
		end_connection(s, c);
	}
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **own,
			  enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	struct metrics_server *s = ctx;
	struct connection *c = *own;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED && c) {
		s->open -= !c->ended;
		TAILQ_REMOVE(&s->connections, c, entry);
		free(c);
		*own = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (what != MHD_CONNECTION_NOTIFY_STARTED || !info)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) { /* MHD's own limits remain */
		shutdown(info->connect_fd, SHUT_RDWR);
		return;
	}
	c->fd = info->connect_fd;
	c->start_ns = clock__now();
	TAILQ_INSERT_TAIL(&s->connections, c, entry);
	*own = c;
	if (++s->open > CONNECTIONS_MAX)
		end_oldest(s);
}

/* --- its share of the time ------------------------------------------------------------------- */

static void allow(struct metrics_server *s)
{
	uint64_t now = clock__now();

	s->allowance_ns += (now - s->allowed_ns) / SHARE;
	if (s->allowance_ns > (int64_t)BURST_NS)
		s->allowance_ns = BURST_NS;
	s->allowed_ns = now;
}

/* When to look again, though nothing happens; 0: never. */
static uint64_t next_look(struct metrics_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (s->allowance_ns < 0)
		return -s->allowance_ns * SHARE;
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES && !ms)
		return SOON_NS; /* there is more to do */
	return TAILQ_EMPTY(&s->connections) ? 0 : LOOK_NS;
}

static int pause_if_due(struct metrics_server *s)
{
	bool paused = s->allowance_ns < 0;
	int err = 0;

	if (paused != s->paused)
		err = loop__watch(s->source, paused ? 0 : EPOLLIN);
	s->paused = paused;
	return err ? err : loop__timer_set(s->timer, next_look(s));
}

static int serve(struct metrics_server *s)
{
	uint64_t start;

	allow(s);
	if (s->allowance_ns >= 0) {
		start = clock__now();
		end_overdue(s);
		MHD_run(s->daemon);
		s->allowance_ns -= clock__now() - start;
	}
	return pause_if_due(s);
}

static int on_readable(void *ctx, uint32_t epoll_events)
{
	(void)epoll_events;
	return serve(ctx);
}

static int on_timer(void *ctx, uint64_t expirations)
{
	(void)expirations;
	return serve(ctx);
}

/* --- begin and end ------------------------------------------------------------------------------ */

static int refuse(const struct option_endpoint *endpoint, const char *address, int err)
{
	bool ipv6 = strchr(address, ':');
	const char *hint = "";

	if (err == -EADDRINUSE)
		hint = ", by another program; choose another port";
	else if (err == -EADDRNOTAVAIL || err == -EINVAL)
		hint = ": it is no address of this host; \"ip addr\" lists them";
	else if (err == -EACCES)
		hint = "; a port below 1024 needs CAP_NET_BIND_SERVICE: choose a higher one";
	else if (err == -EAFNOSUPPORT)
		hint = "; IPv6 is turned off here: give an IPv4 address";
	fprintf(stderr, "pping: --metrics: can't listen on %s%s%s:%u: %s%s\n", ipv6 ? "[" : "",
		address, ipv6 ? "]" : "", endpoint->port, strerror(-err), hint);
	return err;
}

static bool is_ipv4(const union pping_addr *addr)
{
	return !addr->q[0] && addr->w[2] == htonl(0xffff);
}

static int try_listen(const struct option_endpoint *endpoint, int *result)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(endpoint->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(endpoint->port) };
	bool ipv4 = is_ipv4(&endpoint->addr);
	int on = 1, off = 0, err = 0, fd;

	v4.sin_addr.s_addr = endpoint->addr.w[3];
	memcpy(&v6.sin6_addr, &endpoint->addr, sizeof(v6.sin6_addr));
	fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* [::] is both kinds, whatever net.ipv6.bindv6only says */
	if (!ipv4)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (ipv4 ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
		 : bind(fd, (struct sockaddr *)&v6, sizeof(v6)))
		err = -errno;
	if (!err && listen(fd, BACKLOG))
		err = -errno;
	if (err)
		close(fd);
	else
		*result = fd;
	return err;
}

static int listen_on(const struct option_endpoint *endpoint, int *fd)
{
	bool ipv4 = is_ipv4(&endpoint->addr);
	char address[INET6_ADDRSTRLEN];
	int err = try_listen(endpoint, fd);

	inet_ntop(ipv4 ? AF_INET : AF_INET6, endpoint->addr.b + (ipv4 ? 12 : 0), address,
		  sizeof(address));
	return err ? refuse(endpoint, address, err) : 0;
}

static bool make_constants(struct metrics_server *s)
{
	static const char plain[] = "text/plain; charset=utf-8";

	s->index = constant_response(index_page, "text/html; charset=utf-8");
	s->not_found = constant_response("There is only /metrics.\n", plain);
	s->bad_method = constant_response("Only GET and HEAD.\n", plain);
	s->broken = constant_response("The metrics can't be read.\n", plain);
	return s->index && s->not_found && s->broken && s->bad_method &&
	       MHD_add_response_header(s->bad_method, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") ==
		       MHD_YES;
}

static int start_daemon(struct metrics_server *s, int fd)
{
	/* without MHD_USE_ERROR_LOG: what clients do wrong is not our user's to read */
	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)(CONNECTIONS_MAX + CONNECTIONS_SPARE),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)1024, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)(CONNECTION_NS / PPING_NS_PER_SEC), MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	return s->daemon ? 0 : -ENOMEM;
}

static int watch(struct metrics_server *s, struct loop *loop)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int err;

	if (!info)
		return -EOPNOTSUPP;
	err = loop__timer(loop, 0, on_timer, s, &s->timer);
	return err ? err : loop__add(loop, info->epoll_fd, EPOLLIN, on_readable, s, &s->source);
}

int metrics_server__new(struct metrics_server **server, struct loop *loop,
			const struct option_endpoint *endpoint, metrics_server_fn fn, void *ctx)
{
	struct metrics_server *s;
	int fd = -1, err = listen_on(endpoint, &fd);

	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	TAILQ_INIT(&s->connections);
	s->fn = fn;
	s->ctx = ctx;
	s->allowed_ns = clock__now();
	s->allowance_ns = BURST_NS;
	err = make_constants(s) ? start_daemon(s, fd) : -ENOMEM;
	if (err)
		close(fd); /* otherwise it is the daemon's */
	if (!err)
		err = watch(s, loop);
	if (err) {
		fprintf(stderr, "pping: --metrics: can't serve: %s\n", strerror(-err));
		metrics_server__free(s);
		return err;
	}
	*server = s;
	return 0;
}

void metrics_server__free(struct metrics_server *s)
{
	struct MHD_Response *responses[] = {
		s ? s->index : NULL,  s ? s->not_found : NULL, s ? s->bad_method : NULL,
		s ? s->broken : NULL, s ? s->text[0] : NULL,   s ? s->text[1] : NULL,
	};

	if (!s)
		return;
	loop__remove(s->source);
	loop__remove(s->timer);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
		if (responses[i])
			MHD_destroy_response(responses[i]);
	free(s);
}

bool metrics_server__available(void)
{
	return true;
}

#endif /* HAVE_MICROHTTPD */
