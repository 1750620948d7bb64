// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the guest of tests/kernels needs beyond a shell:
 *
 *   traffic serve PORT               echoes what TCP connections send, for ever
 *   traffic ask ADDRESS PORT COUNT MS  COUNT requests, MS apart, on one connection
 *   traffic tun NETNS NETNS          a device tun0 in each, joined; for ever
 *   traffic pppoe DEV MAC NETNS      a PPPoE session on DEV of NETNS to MAC, with
 *                                    no negotiation: device ppp0; for ever
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_pppox.h>
#include <linux/if_tun.h>
#include <linux/ppp-ioctl.h>
#include <linux/ppp_defs.h>

#define REQUEST 100
#define PPPOE_SESSION 7

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int check(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static _Noreturn void echo(int fd)
{
	char data[4096];
	ssize_t len;

	while ((len = read(fd, data, sizeof(data))) > 0)
		if (write(fd, data, len) != len)
			break;
	exit(0);
}

static _Noreturn void serve(const char *port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
	int fd = check(socket(AF_INET6, SOCK_STREAM, 0), "socket"), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	check(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), "bind");
	check(listen(fd, 64), "listen");
	for (;;) {
		int peer = check(accept(fd, NULL, NULL), "accept");

		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			echo(peer);
		}
		close(peer);
	}
}

static int ask(const char *host, const char *port, int count, int ms)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM }, *ai;
	char data[REQUEST] = "";
	int fd;

	if (getaddrinfo(host, port, &hints, &ai))
		die("address");
	fd = check(socket(ai->ai_family, SOCK_STREAM, 0), "socket");
	check(connect(fd, ai->ai_addr, ai->ai_addrlen), "connect");
	for (int i = 0; i < count; i++) {
		check(write(fd, data, sizeof(data)), "write");
		if (recv(fd, data, sizeof(data), MSG_WAITALL) != sizeof(data))
			die("recv");
		usleep(ms * 1000);
	}
	freeaddrinfo(ai);
	return 0;
}

static void enter(const char *netns)
{
	int fd = check(open(netns, O_RDONLY), netns);

	check(setns(fd, CLONE_NEWNET), "setns");
	close(fd);
}

static int tun_open(const char *netns)
{
	struct ifreq ifr = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd;

	enter(netns);
	fd = check(open("/dev/net/tun", O_RDWR), "/dev/net/tun");
	check(ioctl(fd, TUNSETIFF, &ifr), "TUNSETIFF");
	return fd;
}

static _Noreturn void tun(const char *a, const char *b)
{
	struct pollfd end[2] = { { .fd = tun_open(a), .events = POLLIN },
				 { .fd = tun_open(b), .events = POLLIN } };
	char data[65536];

	for (;;) {
		check(poll(end, 2, -1), "poll");
		for (int i = 0; i < 2; i++) {
			ssize_t len =
				end[i].revents & POLLIN ? read(end[i].fd, data, sizeof(data)) : 0;

			/* the other end may still be down */
			if (len > 0 && write(end[!i].fd, data, len) != len && errno != EIO)
				die("write");
		}
	}
}

static int ppp_channel(const char *dev, const char *mac)
{
	struct sockaddr_pppox addr = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_OE };
	unsigned char *to = addr.sa_addr.pppoe.remote;
	int fd = check(socket(AF_PPPOX, SOCK_STREAM, PX_PROTO_OE), "socket(AF_PPPOX)");
	int channel;

	addr.sa_addr.pppoe.sid = htons(PPPOE_SESSION);
	snprintf(addr.sa_addr.pppoe.dev, sizeof(addr.sa_addr.pppoe.dev), "%s", dev);
	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2, to + 3, to + 4,
		   to + 5) != 6)
		die("MAC");
	check(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), "connect(AF_PPPOX)");
	check(ioctl(fd, PPPIOCGCHAN, &channel), "PPPIOCGCHAN");
	return channel;
}

/* linux/Documentation/networking/ppp_generic.rst */
static _Noreturn void pppoe(const char *dev, const char *mac, const char *netns)
{
	struct npioctl modes[] = { { PPP_IP, NPMODE_PASS }, { PPP_IPV6, NPMODE_PASS } };
	int channel, link, unit, number = 0;

	enter(netns);
	channel = ppp_channel(dev, mac);
	link = check(open("/dev/ppp", O_RDWR), "/dev/ppp");
	check(ioctl(link, PPPIOCATTCHAN, &channel), "PPPIOCATTCHAN");
	unit = check(open("/dev/ppp", O_RDWR), "/dev/ppp");
	check(ioctl(unit, PPPIOCNEWUNIT, &number), "PPPIOCNEWUNIT");
	check(ioctl(link, PPPIOCCONNECT, &number), "PPPIOCCONNECT");
	for (int i = 0; i < 2; i++)
		check(ioctl(unit, PPPIOCSNPMODE, &modes[i]), "PPPIOCSNPMODE");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "serve") && argc == 3)
		serve(argv[2]);
	if (!strcmp(what, "ask") && argc == 6)
		return ask(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	if (!strcmp(what, "tun") && argc == 4)
		tun(argv[2], argv[3]);
	if (!strcmp(what, "pppoe") && argc == 5)
		pppoe(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: traffic serve|ask|tun|pppoe ...\n");
	return 2;
}
