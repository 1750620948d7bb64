// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A bounded flood of spoofed TCP packets, each of another flow, sent into a test's
 * own namespace: flood IF DST-MAC DST-IP COUNT [KIND [PER-SECOND]]. Kinds: data,
 * syn, and pair, where both directions are forged: a SYN and its SYN-ACK by turns.
 * Prints how many were sent a second, and when (ns of the time of day).
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
#include <unistd.h>

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

enum kind { DATA, SYN, PAIR };

static void make(uint8_t *f, const uint8_t *mac, uint32_t dst, enum kind kind)
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
	tcp[13] = kind == DATA ? 0x18 : 0x02;
	put32(tcp + 20, 0x0101080a);
	put32(tcp + 24, random >> 40);
	put32(tcp + 28, random >> 20);
}

/* What would answer the SYN in f. */
static void make_answer(uint8_t *f, const uint8_t *syn)
{
	memcpy(f, syn, FRAME);
	memcpy(f + 26, syn + 30, 4);
	memcpy(f + 30, syn + 26, 4);
	memcpy(f + 34, syn + 36, 2);
	memcpy(f + 36, syn + 34, 2);
	f[47] = 0x12;
	memcpy(f + 62, syn + 58, 4); /* TSecr */
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int send_all(int fd, struct sockaddr_ll *to, uint32_t dst, long count, enum kind kind,
		    long rate)
{
	int64_t start = clock_ns(CLOCK_MONOTONIC);
	const uint8_t *mac = to->sll_addr;
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
	for (long done = 0; count > 0;) {
		int64_t wait =
			rate ? start + done * (1000000000LL / rate) - clock_ns(CLOCK_MONOTONIC) : 0;
		int sent;

		if (wait > 0)
			usleep(wait / 1000);
		else if (rate)
			start -= wait; /* behind: no burst to make up for it */
		for (int i = 0; i < BATCH; i++) {
			if (kind == PAIR && i % 2)
				make_answer(frames[i], frames[i - 1]);
			else
				make(frames[i], mac, dst, kind);
		}
		sent = sendmmsg(fd, messages, count < BATCH ? count : BATCH, 0);
		if (sent < 0 && errno != ENOBUFS)
			return -1;
		count -= sent > 0 ? sent : 0;
		done += sent > 0 ? sent : 0;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = { "data", "syn", "pair" };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6 };
	long count = argc > 4 ? atol(argv[4]) : 0, rate = argc > 6 ? atol(argv[6]) : 0;
	enum kind kind = DATA;
	int64_t start, end;
	uint32_t dst;
	int fd;

	while (argc > 5 && kind <= PAIR && strcmp(argv[5], kinds[kind]))
		kind++;
	if (argc < 5 || count < 1 || count > 4000000 || rate < 0 || kind > PAIR ||
	    inet_pton(AF_INET, argv[3], &dst) != 1 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to.sll_addr[0], &to.sll_addr[1],
		   &to.sll_addr[2], &to.sll_addr[3], &to.sll_addr[4], &to.sll_addr[5]) != 6) {
		fprintf(stderr,
			"usage: flood IF DST-MAC DST-IP COUNT [data|syn|pair [PER-SECOND]]\n");
		return 2;
	}
	to.sll_ifindex = if_nametoindex(argv[1]);
	start = clock_ns(CLOCK_REALTIME);
	state = start | 1ULL << 40;
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || send_all(fd, &to, dst, count, kind, rate)) {
		perror("flood");
		return 1;
	}
	end = clock_ns(CLOCK_REALTIME);
	printf("%ld packets in %.2f s, %.0f a second\n", count, (end - start) / 1e9,
	       count / ((end - start) / 1e9));
	printf("during %lld:%lld\n", (long long)start, (long long)end);
	return 0;
}
