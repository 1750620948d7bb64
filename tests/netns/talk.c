// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many real TCP flows that say little, and new ones all the time:
 *
 *	talk [options] CLIENT-NETNS SERVER-NETNS ADDRESS...
 *
 * Both ends are in this process. A flow's client sends a block each interval,
 * its server answers each with a smaller one; a new flow does so a few times,
 * as fast as its path allows, and is closed. Flows go to the addresses by turns.
 *
 * Prints "ready" once the lasting flows are connected. Runs until SIGTERM or
 * --seconds, then reports how many flows there were.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 8081
#define MS 1000000ULL
#define NS_PER_SEC 1000000000ULL
/* Longer than two segments: acknowledged at once. */
#define BLOCK 3000
#define ANSWER 200
#define ENDS 65536
#define MAX_ADDRESSES 8
#define MAX_FLOWS 1000

/* One end of a flow, found by its socket. */
struct end {
	bool used, client;
	uint16_t blocks; /* that a new flow has left to send; 0: a lasting flow */
	uint32_t got; /* of the block or answer that is on its way */
};

struct settings {
	const char *client_ns, *server_ns;
	struct sockaddr_in to[MAX_ADDRESSES];
	int addresses;
	int flows;
	uint64_t interval; /* ns between a flow's blocks */
	uint64_t new_interval; /* ns between new flows; 0: none */
	int blocks; /* of a new flow */
	uint64_t limit; /* ns of run time */
};

static struct end ends[ENDS];
static int lasting[MAX_FLOWS]; /* sockets */
static int epoll_fd;
static int turn; /* of the addresses */
static unsigned long connected, opened, finished, failed;
static volatile sig_atomic_t stopping;

static void stop(int signo)
{
	stopping = 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "talk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void enter(const char *ns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(path);
	close(fd);
}

static void watch(int fd, bool client, int blocks, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int on = 1;

	if (fd >= ENDS || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		die("too many sockets");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ends[fd] = (struct end){ .used = true, .client = client, .blocks = (uint16_t)blocks };
}

static void drop(int fd)
{
	ends[fd].used = false;
	close(fd);
}

/* A path that holds a flow up for so long is no load any more: whole blocks or none. */
static void send_block(int fd, size_t size)
{
	static const char block[BLOCK];

	if (send(fd, block, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
		failed++;
}

static int open_flow(const struct settings *set, int blocks)
{
	const struct sockaddr_in *to = &set->to[turn++ % set->addresses];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) && errno != EINPROGRESS)
		die("connect");
	watch(fd, true, blocks, EPOLLIN | EPOLLOUT);
	return fd;
}

static void on_connected(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	socklen_t size = sizeof(int);
	int err = 0;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
	if (err) {
		failed++;
		drop(fd);
		return;
	}
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
	connected++;
	if (ends[fd].blocks)
		send_block(fd, BLOCK);
}

static void on_data(int fd)
{
	static char scrap[65536];
	struct end *end = &ends[fd];
	uint32_t whole = end->client ? ANSWER : BLOCK;
	ssize_t len = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		drop(fd);
		return;
	}
	for (end->got += (uint32_t)len; end->got >= whole; end->got -= whole) {
		if (!end->client)
			send_block(fd, ANSWER);
		else if (end->blocks == 1) {
			finished++;
			drop(fd);
			return;
		} else if (end->blocks) {
			end->blocks--;
			send_block(fd, BLOCK);
		}
	}
}

static void on_listener(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		watch(fd, false, 0, EPOLLIN);
}

static void handle(int listener, int timeout_ms)
{
	struct epoll_event events[64];
	int n = epoll_wait(epoll_fd, events, 64, timeout_ms);

	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;

		if (fd == listener)
			on_listener(fd);
		else if (ends[fd].used && events[i].events & EPOLLOUT)
			on_connected(fd);
		else if (ends[fd].used)
			on_data(fd);
	}
}

static int listen_there(const char *ns)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct epoll_event event = { .events = EPOLLIN };
	int fd, on = 1;

	enter(ns);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	event.data.fd = fd;
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 1024) ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		die("listening");
	return fd;
}

static void run(const struct settings *set, int listener, uint64_t end)
{
	uint64_t next_new = now_ns(), next_block = next_new, now;
	unsigned long sent = 0;

	while (!stopping && (now = now_ns()) < end) {
		/* evenly over the interval; what was missed by more than that is left out */
		if (set->flows && now >= next_block) {
			send_block(lasting[sent++ % (unsigned long)set->flows], BLOCK);
			next_block += set->interval / (uint64_t)set->flows;
			if (now > next_block + set->interval)
				next_block = now;
			continue;
		}
		if (set->new_interval && now >= next_new) {
			open_flow(set, set->blocks);
			opened++;
			next_new = now + set->new_interval;
		}
		handle(listener, 1);
	}
}

static uint64_t number(const char *arg)
{
	char *end;
	unsigned long long value = strtoull(arg, &end, 10);

	if (end == arg || *end) {
		fprintf(stderr, "talk: '%s' is no number\n", arg);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv, struct settings *set)
{
	int opt;

	while ((opt = getopt(argc, argv, "f:i:n:b:t:")) != -1) {
		switch (opt) {
		case 'f':
			set->flows = (int)number(optarg);
			break;
		case 'i':
			set->interval = number(optarg) * MS;
			break;
		case 'n':
			set->new_interval = number(optarg) ? NS_PER_SEC / number(optarg) : 0;
			break;
		case 'b':
			set->blocks = (int)number(optarg);
			break;
		case 't':
			set->limit = number(optarg) * NS_PER_SEC;
			break;
		default:
			optind = argc;
		}
	}
	set->addresses = argc - optind - 2;
	if (set->addresses < 1 || set->addresses > MAX_ADDRESSES || set->flows > MAX_FLOWS) {
		fprintf(stderr, "usage: talk [-f FLOWS] [-i MS-BETWEEN-BLOCKS] [-n NEW-PER-SECOND] "
				"[-b BLOCKS-OF-A-NEW-ONE] [-t SECONDS] CLIENT-NETNS SERVER-NETNS "
				"ADDRESS...\n");
		exit(2);
	}
	set->client_ns = argv[optind];
	set->server_ns = argv[optind + 1];
	for (int i = 0; i < set->addresses; i++) {
		set->to[i] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT) };
		if (inet_pton(AF_INET, argv[optind + 2 + i], &set->to[i].sin_addr) != 1) {
			fprintf(stderr, "talk: '%s' is no IPv4 address\n", argv[optind + 2 + i]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct settings set = { .flows = 100,
				.interval = 50 * MS,
				.new_interval = 20 * MS,
				.blocks = 3,
				.limit = 60 * NS_PER_SEC };
	struct rlimit many = { ENDS, ENDS };
	struct sigaction action = { .sa_handler = stop };
	uint64_t end;
	int listener;

	parse(argc, argv, &set);
	end = now_ns() + set.limit;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setrlimit(RLIMIT_NOFILE, &many);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener = listen_there(set.server_ns);
	enter(set.client_ns);
	for (int i = 0; i < set.flows; i++)
		lasting[i] = open_flow(&set, 0);
	while (!stopping && connected + failed < (unsigned long)set.flows && now_ns() < end)
		handle(listener, 10);
	if (failed || connected < (unsigned long)set.flows) {
		fprintf(stderr, "talk: %lu of %d flows connected\n", connected, set.flows);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	run(&set, listener, end);
	printf("%d lasting flows, %lu new ones opened, %lu of them finished, %lu failures\n",
	       set.flows, opened, finished, failed);
	return 0;
}
