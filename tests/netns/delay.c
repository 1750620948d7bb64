// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A path of known delay without netem: two TUN devices, each in a network
 * namespace of its own, and every packet that goes into one comes out of the
 * other a fixed time after it was read, never earlier. Both directions are
 * FIFOs in memory, so any number of packets may be in flight; segmentation
 * offload is passed through (IFF_VNET_HDR), so that bulk TCP stays cheap.
 *
 *	delay [options] NETNS:DEVICE NETNS:DEVICE
 *
 * Packets to or from an address of --path take that path's delay, in a FIFO of
 * its own: several paths of different lengths at once.
 *
 * Prints "ready" once both devices exist; they vanish with the process. Runs
 * until SIGTERM or SIGINT, the death of its parent, or --seconds, then reports
 * per direction what it carried and how much later than due packets left.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
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
#define LATE_BINS 24
/* The usual path, and those of some addresses. */
#define PATHS 4

/* A byte ring of {due, length, packet} records; a record never wraps. */
struct ring {
	unsigned char *mem;
	size_t head; /* next to leave */
	size_t tail; /* next free */
	size_t wrap; /* where the records before the wrap end */
	size_t used;
};

struct record {
	uint64_t due;
	uint32_t len; /* of the packet with its virtio header */
	uint32_t pad;
};

struct direction {
	const char *name;
	int in;
	int out;
	uint64_t delay; /* ns */
	struct ring line[PATHS];
	struct ring late; /* packets picked for reordering, held longer */
	uint64_t packets;
	uint64_t bytes;
	uint64_t lost; /* on request */
	uint64_t reordered; /* on request */
	uint64_t overrun; /* the ring was full */
	uint64_t refused; /* the device did not take it */
	uint64_t lateness[LATE_BINS]; /* of leaving after due, log2 of us */
	uint64_t latest; /* ns */
};

struct settings {
	uint64_t delay[2]; /* ns, first to second device and back */
	uint32_t path_addr[PATHS]; /* from 1 on: IPv4, network byte order; 0: none */
	uint64_t path_delay[PATHS]; /* ns each way */
	uint64_t reorder_extra; /* ns */
	uint64_t limit; /* ns of run time */
	uint32_t loss; /* one in so many, 0: none */
	uint32_t reorder; /* likewise */
	uint64_t seed;
	bool segment; /* offer no segmentation offload: packets fit the MTU */
	bool spin; /* never sleep when something is due within SPIN_NS */
};
#define SPIN_NS (200 * NS_PER_US)

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

/* xorshift64*: the same seed loses the same packets. */
static uint32_t random_below(uint64_t *state, uint32_t bound)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(((*state * 0x2545F4914F6CDD1DULL) >> 32) % bound);
}

static size_t record_size(size_t len)
{
	return sizeof(struct record) + ((len + 15) & ~(size_t)15);
}

static int ring_init(struct ring *ring)
{
	ring->mem = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ring->wrap = RING_BYTES;
	return ring->mem == MAP_FAILED ? -errno : 0;
}

/* Where the next record's packet may be put, PACKET_MAX bytes of it; NULL when the ring is full. */
static unsigned char *ring_reserve(struct ring *ring)
{
	size_t need = record_size(PACKET_MAX);

	if (ring->used && ring->tail <= ring->head) {
		if (ring->head - ring->tail < need)
			return NULL;
	} else if (RING_BYTES - ring->tail < need) {
		if (ring->head < need)
			return NULL;
		ring->wrap = ring->tail;
		ring->tail = 0;
	}
	return ring->mem + ring->tail + sizeof(struct record);
}

static void ring_commit(struct ring *ring, uint64_t due, size_t len)
{
	struct record *rec = (struct record *)(ring->mem + ring->tail);

	rec->due = due;
	rec->len = (uint32_t)len;
	ring->tail += record_size(len);
	ring->used++;
}

static struct record *ring_first(struct ring *ring)
{
	if (!ring->used)
		return NULL;
	if (ring->head == ring->wrap) {
		ring->head = 0;
		ring->wrap = RING_BYTES;
	}
	return (struct record *)(ring->mem + ring->head);
}

static void ring_pop(struct ring *ring, const struct record *rec)
{
	ring->head += record_size(rec->len);
	if (!--ring->used) {
		ring->head = ring->tail = 0;
		ring->wrap = RING_BYTES;
	}
}

static uint64_t ring_due(struct ring *ring)
{
	struct record *rec = ring_first(ring);

	return rec ? rec->due : NEVER;
}

static void note_lateness(struct direction *dir, uint64_t late)
{
	unsigned int bin = 0;

	while (bin < LATE_BINS - 1 && late >= NS_PER_US << bin)
		bin++;
	dir->lateness[bin]++;
	if (late > dir->latest)
		dir->latest = late;
}

/* The ring whose first packet is due first. */
static struct ring *direction_next(struct direction *dir)
{
	struct ring *next = &dir->late;

	for (int i = 0; i < PATHS; i++)
		if (ring_due(&dir->line[i]) <= ring_due(next))
			next = &dir->line[i];
	return next;
}

/* Send what is due; returns when the next one is, or NEVER. */
static uint64_t direction_send(struct direction *dir)
{
	for (;;) {
		struct ring *ring = direction_next(dir);
		uint64_t due = ring_due(ring), now;
		struct record *rec;

		if (due == NEVER)
			return NEVER;
		now = now_ns();
		if (now < due)
			return due;
		rec = ring_first(ring);
		if (write(dir->out, rec + 1, rec->len) == (ssize_t)rec->len) {
			dir->packets++;
			dir->bytes += rec->len - sizeof(struct virtio_net_hdr);
		} else {
			dir->refused++;
		}
		note_lateness(dir, now - due);
		ring_pop(ring, rec);
	}
}

/* The path of an IPv4 packet behind its virtio header; 0 is the usual one. */
static int path_of(const unsigned char *packet, ssize_t len, const struct settings *set)
{
	const unsigned char *ip = packet + sizeof(struct virtio_net_hdr);
	uint32_t addr[2];

	if (len < (ssize_t)(sizeof(struct virtio_net_hdr) + 20) || ip[0] >> 4 != 4)
		return 0;
	memcpy(addr, ip + 12, sizeof(addr));
	for (int i = 1; i < PATHS; i++)
		if (set->path_addr[i] &&
		    (addr[0] == set->path_addr[i] || addr[1] == set->path_addr[i]))
			return i;
	return 0;
}

/* Take in what arrived, a batch at most. */
static int direction_receive(struct direction *dir, struct settings *set)
{
	static unsigned char packet[PACKET_MAX];

	for (int i = 0; i < BATCH; i++) {
		bool lose = set->loss && !random_below(&set->seed, set->loss);
		bool hold = set->reorder && !random_below(&set->seed, set->reorder);
		ssize_t len = read(dir->in, packet, sizeof(packet));
		uint64_t delay = hold ? set->reorder_extra : 0;
		unsigned char *room;
		struct ring *ring;
		int path;

		if (len < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		path = path_of(packet, len, set);
		delay += path ? set->path_delay[path] : dir->delay;
		ring = hold ? &dir->late : &dir->line[path];
		room = lose ? NULL : ring_reserve(ring);
		if (room) {
			memcpy(room, packet, (size_t)len);
			ring_commit(ring, now_ns() + delay, (size_t)len);
		}
		dir->lost += lose;
		dir->overrun += !lose && !room;
		dir->reordered += hold && !lose;
	}
	return 0;
}

/* Create the TUN device of "NETNS:DEVICE" in that namespace, a path or a name of ip-netns(8). */
static int open_device(char *spec, bool segment)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	char *name = strrchr(spec, ':');
	char path[256];
	int ns, fd;

	if (!name || name == spec || strlen(name + 1) >= IFNAMSIZ) {
		fprintf(stderr, "delay: '%s' is not NETNS:DEVICE\n", spec);
		return -EINVAL;
	}
	*name++ = '\0';
	strcpy(ifr.ifr_name, name);
	snprintf(path, sizeof(path), "%s%s", strchr(spec, '/') ? "" : "/run/netns/", spec);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET)) {
		fprintf(stderr, "delay: cannot enter %s: %s\n", path, strerror(errno));
		return -errno;
	}
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) ||
	    (!segment && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))) {
		fprintf(stderr, "delay: cannot create the TUN device %s: %s\n", name,
			strerror(errno));
		return -errno;
	}
	return fd;
}

static int run(struct direction dir[2], struct settings *set)
{
	uint64_t end = now_ns() + set->limit;

	while (!stopping) {
		struct pollfd fds[2] = { { .fd = dir[0].in, .events = POLLIN },
					 { .fd = dir[1].in, .events = POLLIN } };
		uint64_t a = direction_send(&dir[0]), b = direction_send(&dir[1]);
		uint64_t wake = a < b ? a : b, now = now_ns();
		struct timespec timeout;

		if (now >= end)
			break;
		wake = wake < end ? wake : end;
		wake = wake > now ? wake - now : 0;
		if (set->spin && wake < SPIN_NS)
			wake = 0;
		timeout.tv_sec = (time_t)(wake / NS_PER_SEC);
		timeout.tv_nsec = (long)(wake % NS_PER_SEC);
		if (ppoll(fds, 2, &timeout, NULL) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			int err = fds[i].revents ? direction_receive(&dir[i], set) : 0;

			if (err) {
				fprintf(stderr, "delay: %s: %s\n", dir[i].name, strerror(-err));
				return err;
			}
		}
	}
	return 0;
}

/* The smallest power-of-two bound in us that pct percent of the packets kept. */
static unsigned long long late_bound(const struct direction *dir, unsigned int pct)
{
	uint64_t sum = 0, seen = 0;
	unsigned int bin;

	for (bin = 0; bin < LATE_BINS; bin++)
		sum += dir->lateness[bin];
	for (bin = 0; bin < LATE_BINS - 1; bin++) {
		seen += dir->lateness[bin];
		if (seen * 100 >= sum * pct)
			break;
	}
	return 1ULL << bin;
}

static void report(const struct direction *dir)
{
	printf("%s: %llu packets, %llu bytes, %llu lost, %llu reordered, %llu overrun, "
	       "%llu refused; late < %llu us for 50 %%, < %llu us for 99 %%, %.1f us at most\n",
	       dir->name, (unsigned long long)dir->packets, (unsigned long long)dir->bytes,
	       (unsigned long long)dir->lost, (unsigned long long)dir->reordered,
	       (unsigned long long)dir->overrun, (unsigned long long)dir->refused,
	       late_bound(dir, 50), late_bound(dir, 99), (double)dir->latest / 1e3);
}

static uint64_t number(const char *arg, const char *option)
{
	char *end;
	unsigned long long value = strtoull(arg, &end, 10);

	if (end == arg || *end) {
		fprintf(stderr, "delay: --%s takes a number, not '%s'\n", option, arg);
		exit(2);
	}
	return value;
}

static void usage(void);

/* ADDRESS=US */
static void add_path(char *arg, struct settings *set)
{
	char *delay = strchr(arg, '=');
	int i = 1;

	while (i < PATHS && set->path_addr[i])
		i++;
	if (!delay || i == PATHS)
		usage();
	*delay++ = '\0';
	if (inet_pton(AF_INET, arg, &set->path_addr[i]) != 1)
		usage();
	set->path_delay[i] = number(delay, "path") * NS_PER_US;
}

static void usage(void)
{
	fputs("usage: delay [options] NETNS:DEVICE NETNS:DEVICE\n"
	      "  --delay-us N         each way (default 20000)\n"
	      "  --back-us N          from the second device to the first, if different\n"
	      "  --path ADDRESS=N     each way, to and from this IPv4 address (3 times at most)\n"
	      "  --loss N             lose one packet in N\n"
	      "  --reorder N          hold one packet in N back ...\n"
	      "  --reorder-us N       ... by so much (default 1000)\n"
	      "  --seed N             of loss and reordering (default 1)\n"
	      "  --segment            no super-packets: the devices take no TSO\n"
	      "  --spin               busy-wait the last 200 us: more exact, a whole CPU\n"
	      "  --seconds N          end by itself (default 600)\n",
	      stderr);
	exit(2);
}

static void parse(int argc, char **argv, struct settings *set)
{
	static const struct option options[] = {
		{ "delay-us", required_argument, NULL, 'd' },
		{ "back-us", required_argument, NULL, 'b' },
		{ "path", required_argument, NULL, 'a' },
		{ "loss", required_argument, NULL, 'l' },
		{ "reorder", required_argument, NULL, 'r' },
		{ "reorder-us", required_argument, NULL, 'e' },
		{ "seed", required_argument, NULL, 's' },
		{ "segment", no_argument, NULL, 'm' },
		{ "spin", no_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 't' },
		{ 0 },
	};
	bool back = false;
	int opt, index;

	while ((opt = getopt_long(argc, argv, "", options, &index)) != -1) {
		switch (opt) {
		case 'd':
			set->delay[0] = number(optarg, options[index].name) * NS_PER_US;
			break;
		case 'b':
			set->delay[1] = number(optarg, options[index].name) * NS_PER_US;
			back = true;
			break;
		case 'a':
			add_path(optarg, set);
			break;
		case 'l':
			set->loss = (uint32_t)number(optarg, options[index].name);
			break;
		case 'r':
			set->reorder = (uint32_t)number(optarg, options[index].name);
			break;
		case 'e':
			set->reorder_extra = number(optarg, options[index].name) * NS_PER_US;
			break;
		case 's':
			set->seed = number(optarg, options[index].name) | 1ULL << 63;
			break;
		case 'm':
			set->segment = true;
			break;
		case 'p':
			set->spin = true;
			break;
		case 't':
			set->limit = number(optarg, options[index].name) * NS_PER_SEC;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2)
		usage();
	if (!back)
		set->delay[1] = set->delay[0];
}

int main(int argc, char **argv)
{
	struct settings set = { .delay = { 20000 * NS_PER_US, 0 },
				.reorder_extra = 1000 * NS_PER_US,
				.limit = 600 * NS_PER_SEC,
				.seed = 1 | 1ULL << 63 };
	struct direction dir[2] = { { .name = "there" }, { .name = "back" } };
	struct sigaction action = { .sa_handler = stop };
	struct sched_param urgent = { .sched_priority = 1 };
	int fd[2], err = 0;

	parse(argc, argv, &set);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 1);
	/* exact on a busy machine too; where that isn't allowed, less so */
	sched_setscheduler(0, SCHED_FIFO, &urgent);

	for (int i = 0; i < 2; i++) {
		fd[i] = open_device(argv[optind + i], set.segment);
		if (fd[i] < 0)
			return 1;
		for (int path = 0; path < PATHS; path++)
			err |= ring_init(&dir[i].line[path]);
		if (err | ring_init(&dir[i].late)) {
			fprintf(stderr, "delay: no memory\n");
			return 1;
		}
		dir[i].delay = set.delay[i];
	}
	dir[0].in = dir[1].out = fd[0];
	dir[1].in = dir[0].out = fd[1];
	puts("ready");
	fflush(stdout);

	err = run(dir, &set);
	report(&dir[0]);
	report(&dir[1]);
	return err ? 1 : 0;
}
