// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A path of known delay where the kernel has no netem: two TUN devices, each in a
 * network namespace of its own. What goes into one comes out of the other a fixed
 * time after it was read, never earlier. Super-packets are passed through whole.
 *
 *	delay MICROSECONDS /run/netns/A:DEVICE /run/netns/B:DEVICE
 *
 * Prints "ready" once both devices exist; they vanish with the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_US 1000ULL
#define NS_PER_SEC 1000000000ULL
#define NEVER UINT64_MAX

/* Largest thing a TUN device hands over: virtio header, then an IP packet. */
#define PACKET_MAX (sizeof(struct virtio_net_hdr) + 65536)
#define RING_BYTES (256UL << 20)
/* Reads of one device in a row, before what is due gets its turn. */
#define BATCH 64

struct record {
	uint64_t due;
	size_t len; /* of the packet with its virtio header, which follows */
};

/* A byte ring of records; a record never wraps. */
struct line {
	int in, out;
	unsigned char *mem;
	size_t head, tail; /* next to leave, next free */
	size_t wrap; /* where the records before the wrap end */
	size_t used;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static size_t record_size(size_t len)
{
	return sizeof(struct record) + ((len + 15) & ~(size_t)15);
}

/* Room for the largest record, or NULL when the ring is full. */
static struct record *line_reserve(struct line *line)
{
	size_t need = record_size(PACKET_MAX);

	if (line->used && line->tail <= line->head) {
		if (line->head - line->tail < need)
			return NULL;
	} else if (RING_BYTES - line->tail < need) {
		if (line->head < need)
			return NULL;
		line->wrap = line->tail;
		line->tail = 0;
	}
	return (struct record *)(line->mem + line->tail);
}

static struct record *line_first(struct line *line)
{
	if (!line->used)
		return NULL;
	if (line->head == line->wrap) {
		line->head = 0;
		line->wrap = RING_BYTES;
	}
	return (struct record *)(line->mem + line->head);
}

static void line_pop(struct line *line, const struct record *rec)
{
	line->head += record_size(rec->len);
	if (!--line->used) {
		line->head = line->tail = 0;
		line->wrap = RING_BYTES;
	}
}

/* Send what is due; returns when the next one is. */
static uint64_t line_send(struct line *line)
{
	struct record *rec;

	while ((rec = line_first(line))) {
		if (now_ns() < rec->due)
			return rec->due;
		/* what the device refuses is lost, as on any link */
		if (write(line->out, rec + 1, rec->len) < 0 && errno == EBADFD)
			exit(1);
		line_pop(line, rec);
	}
	return NEVER;
}

static void line_receive(struct line *line, uint64_t delay)
{
	static unsigned char scrap[PACKET_MAX];

	for (int i = 0; i < BATCH; i++) {
		struct record *rec = line_reserve(line);
		ssize_t len = read(line->in, rec ? (unsigned char *)(rec + 1) : scrap, PACKET_MAX);

		if (len < 0)
			return;
		if (!rec)
			continue;
		rec->due = now_ns() + delay;
		rec->len = (size_t)len;
		line->tail += record_size(rec->len);
		line->used++;
	}
}

/* Create the TUN device of "NETNS:DEVICE" in that namespace. */
static int open_device(char *spec)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	char *name = strrchr(spec, ':');
	int ns, fd;

	if (!name || strlen(name + 1) >= IFNAMSIZ) {
		fprintf(stderr, "delay: '%s' is not NETNS:DEVICE\n", spec);
		exit(2);
	}
	*name++ = '\0';
	strcpy(ifr.ifr_name, name);
	ns = open(spec, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET)) {
		fprintf(stderr, "delay: cannot enter %s: %s\n", spec, strerror(errno));
		exit(1);
	}
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) {
		fprintf(stderr, "delay: cannot create the TUN device %s: %s\n", name,
			strerror(errno));
		exit(1);
	}
	return fd;
}

static void run(struct line line[2], uint64_t delay)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = line[0].in, .events = POLLIN },
					 { .fd = line[1].in, .events = POLLIN } };
		uint64_t a = line_send(&line[0]), b = line_send(&line[1]);
		uint64_t due = a < b ? a : b, now = now_ns();
		uint64_t wait = due == NEVER ? NS_PER_SEC : due > now ? due - now : 0;
		struct timespec timeout = { .tv_sec = (time_t)(wait / NS_PER_SEC),
					    .tv_nsec = (long)(wait % NS_PER_SEC) };

		if (ppoll(fds, 2, &timeout, NULL) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				line_receive(&line[i], delay);
	}
}

int main(int argc, char **argv)
{
	struct sched_param urgent = { .sched_priority = 1 };
	struct line line[2] = {};
	int fd[2];

	if (argc != 4) {
		fprintf(stderr, "usage: delay MICROSECONDS NETNS:DEVICE NETNS:DEVICE\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1);
	/* exact on a busy machine too; where that isn't allowed, less so */
	sched_setscheduler(0, SCHED_FIFO, &urgent);
	for (int i = 0; i < 2; i++) {
		fd[i] = open_device(argv[2 + i]);
		line[i].mem = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		line[i].wrap = RING_BYTES;
		if (line[i].mem == MAP_FAILED) {
			fprintf(stderr, "delay: no memory\n");
			return 1;
		}
	}
	line[0].in = line[1].out = fd[0];
	line[1].in = line[0].out = fd[1];
	puts("ready");
	fflush(stdout);
	run(line, strtoull(argv[1], NULL, 10) * NS_PER_US);
	return 1;
}
