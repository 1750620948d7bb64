// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A connection per request, as fast as they go: the load of many short flows.
 *
 *	requests server
 *	requests client ADDRESS WORKERS REPLY_BYTES
 *
 * Each of the client's workers connects, sends a request, reads the reply until
 * the server closes, and begins anew. The server listens on 16 ports and closes
 * first, so that the client's ports are free at once. Runs until it is signalled.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PORT 8000
#define PORTS 16
#define SERVER_WORKERS 4
#define REPLY_MAX (1 << 20)

struct request {
	unsigned int bytes; /* of the reply that is wanted */
	char padding[96];
};

static char reply[REPLY_MAX];

static void die(const char *what)
{
	fprintf(stderr, "requests: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Processes that end with this one; returns in each of them, with its number. */
static int fan_out(int workers)
{
	for (int i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			return i;
		}
	}
	while (wait(NULL) > 0)
		;
	exit(1);
}

static void serve(int fd)
{
	struct request request;

	if (recv(fd, &request, sizeof(request), MSG_WAITALL) == sizeof(request) &&
	    request.bytes <= REPLY_MAX)
		if (send(fd, reply, request.bytes, MSG_NOSIGNAL) < 0)
			errno = 0; /* it went away */
	close(fd);
}

static void server(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int epoll, listener[PORTS], one = 1;

	for (int i = 0; i < PORTS; i++) {
		addr.sin_port = htons(FIRST_PORT + i);
		listener[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(listener[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (listener[i] < 0 || bind(listener[i], (struct sockaddr *)&addr, sizeof(addr)) ||
		    listen(listener[i], 1024))
			die("listen");
	}
	fan_out(SERVER_WORKERS);
	epoll = epoll_create1(0);
	for (int i = 0; i < PORTS; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE,
					     .data.fd = listener[i] };

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener[i], &event))
			die("epoll");
	}
	for (;;) {
		struct epoll_event events[PORTS];
		int n = epoll_wait(epoll, events, PORTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = accept(events[i].data.fd, NULL, NULL);

			if (fd >= 0)
				serve(fd);
		}
	}
}

static void client(const char *address, int workers, unsigned int bytes)
{
	static char sink[1 << 16];
	struct request request = { .bytes = bytes };
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int turn;

	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1 || workers < 1 || bytes > REPLY_MAX) {
		fprintf(stderr, "requests: client ADDRESS WORKERS REPLY_BYTES\n");
		exit(2);
	}
	turn = fan_out(workers);
	for (;; turn++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		addr.sin_port = htons(FIRST_PORT + turn % PORTS);
		if (fd < 0)
			die("socket");
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
		    send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
			usleep(10000);
		else
			while (recv(fd, sink, sizeof(sink), 0) > 0)
				;
		close(fd);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "server"))
		server();
	else if (argc == 5 && !strcmp(argv[1], "client"))
		client(argv[2], atoi(argv[3]), (unsigned int)atoi(argv[4]));
	fprintf(stderr, "usage: requests server | requests client ADDRESS WORKERS REPLY_BYTES\n");
	return 2;
}
