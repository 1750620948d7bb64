// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A bounded flood of spoofed one-way TCP packets, each of another flow, sent into
 * a test's own namespace: flood IF DST-MAC DST-IP COUNT [syn].
 * Prints how many were sent a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define FRAME (14 + 20 + 32 + 10)

static uint64_t state;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void put16(uint8_t *at, uint16_t value)
{
	value = htons(value);
	memcpy(at, &value, 2);
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, 4);
}

static uint16_t checksum(const uint8_t *at, int len)
{
	uint32_t sum = 0;

	for (int i = 0; i < len; i += 2)
		sum += at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void make(uint8_t *f, const uint8_t *mac, uint32_t dst, int syn)
{
	uint64_t random = draw();
	uint8_t *ip = f + 14, *tcp = f + 34;

	memset(f, 0, FRAME);
	memcpy(f, mac, 6);
	f[6] = 2;
	put16(f + 12, ETHERTYPE_IP);
	ip[0] = 0x45;
	put16(ip + 2, FRAME - 14);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, 0x0a800000 | (random & 0x7fffff));
	memcpy(ip + 16, &dst, 4);
	put16(ip + 10, checksum(ip, 20));
	put16(tcp, 1024 + (random >> 24) % 60000);
	put16(tcp + 2, 80);
	put32(tcp + 4, random >> 32);
	tcp[12] = 0x80;
	tcp[13] = syn ? 0x02 : 0x18;
	put32(tcp + 20, 0x0101080a);
	put32(tcp + 24, random >> 40);
	put32(tcp + 28, random >> 20);
}

static int send_all(int fd, struct sockaddr_ll *to, const uint8_t *mac, uint32_t dst, long count,
		    int syn)
{
	static uint8_t frames[BATCH][FRAME];
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ frames[i], FRAME };
		messages[i].msg_hdr.msg_name = to;
		messages[i].msg_hdr.msg_namelen = sizeof(*to);
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (count > 0) {
		int sent;

		for (int i = 0; i < BATCH; i++)
			make(frames[i], mac, dst, syn);
		sent = sendmmsg(fd, messages, count < BATCH ? count : BATCH, 0);
		if (sent < 0 && errno != ENOBUFS)
			return -1;
		count -= sent > 0 ? sent : 0;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6 };
	struct timespec start, end;
	long count = argc > 4 ? atol(argv[4]) : 0;
	uint32_t dst;
	double seconds;
	int fd;

	if (argc < 5 || count < 1 || count > 4000000 || inet_pton(AF_INET, argv[3], &dst) != 1 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to.sll_addr[0], &to.sll_addr[1],
		   &to.sll_addr[2], &to.sll_addr[3], &to.sll_addr[4], &to.sll_addr[5]) != 6) {
		fprintf(stderr, "usage: flood IF DST-MAC DST-IP COUNT [syn]\n");
		return 2;
	}
	to.sll_ifindex = if_nametoindex(argv[1]);
	clock_gettime(CLOCK_MONOTONIC, &start);
	state = start.tv_nsec | 1ULL << 40;
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || send_all(fd, &to, to.sll_addr, dst, count, argc > 5)) {
		perror("flood");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9;
	printf("%ld packets in %.2f s, %.0f a second\n", count, seconds, count / seconds);
	return 0;
}
