// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/netdev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/addresses.h"
#include "src/netlink.h"
#include "tests/unit/test.h"

/* --- what the handlers were told ------------------------------------------ */

struct told {
	char log[256]; /* C: changed, R: removed */
	size_t logged;
	struct netdev_info info;
	char name[16]; /* of the last change */
	int gone; /* ifindex of the last removal */
	union pping_addr *have;
	size_t n;
	int calls; /* of address handlers */
	int wrong; /* present addresses added, absent ones removed */
	int result; /* what the handlers return, once */
};

static int result_of(struct told *told)
{
	int result = told->result;

	told->result = 0;
	return result;
}

static void log_event(struct told *told, char event)
{
	if (told->logged < sizeof(told->log) - 1)
		told->log[told->logged++] = event;
}

static int on_changed(void *ctx, const struct netdev_info *info)
{
	struct told *told = ctx;

	told->info = *info;
	snprintf(told->name, sizeof(told->name), "%s", info->name);
	log_event(told, 'C');
	return result_of(told);
}

static int on_removed(void *ctx, int ifindex)
{
	struct told *told = ctx;

	told->gone = ifindex;
	log_event(ctx, 'R');
	return result_of(ctx);
}

static union pping_addr *find_addr(const struct told *told, const union pping_addr *addr)
{
	for (size_t i = told->n; i--;) {
		if (!memcmp(&told->have[i], addr, sizeof(*addr)))
			return &told->have[i];
	}
	return NULL;
}

static int on_added(void *ctx, const union pping_addr *addr)
{
	struct told *told = ctx;

	told->calls++;
	told->wrong += !!find_addr(told, addr);
	told->have = realloc(told->have, (told->n + 1) * sizeof(*told->have));
	told->have[told->n++] = *addr;
	return result_of(told);
}

static int on_lost(void *ctx, const union pping_addr *addr)
{
	struct told *told = ctx;
	union pping_addr *found = find_addr(told, addr);

	told->calls++;
	if (found)
		*found = told->have[--told->n];
	else
		told->wrong++;
	return result_of(told);
}

static struct netdev_handlers handlers_of(struct told *told)
{
	return (struct netdev_handlers){ told, on_changed, on_removed, on_added, on_lost };
}

static bool has(const struct told *told, const char *text)
{
	union pping_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };

	if (inet_pton(AF_INET, text, &addr.w[3]) != 1 && inet_pton(AF_INET6, text, &addr) != 1)
		return false;
	return find_addr(told, &addr);
}

static struct netdev *new_watch_of(const char *const *names, struct told *told)
{
	struct netdev_handlers handlers = handlers_of(told);
	struct netdev *watch = NULL;
	int err = netdev__watch(&watch, names, &handlers);

	CHECK_INT(err, 0);
	if (err)
		exit(EXIT_FAILURE);
	return watch;
}

static struct netdev *new_watch(const char *name, struct told *told)
{
	const char *const names[] = { name, NULL };

	return new_watch_of(names, told);
}

static void end_watch(struct netdev *watch, struct told *told)
{
	CHECK_INT(told->wrong, 0);
	netdev__free(watch);
	free(told->have);
	*told = (struct told){ 0 };
}

/* Reads until nothing comes for that long. */
static void read_all(struct netdev *watch, int wait_ms)
{
	struct pollfd pollfd = { .fd = netdev__fd(watch), .events = POLLIN };

	while (poll(&pollfd, 1, wait_ms) > 0)
		CHECK_INT(netdev__read(watch), 0);
}

/* The events since the last call. */
static const char *events(struct netdev *watch, struct told *told)
{
	static char log[sizeof(told->log)];

	read_all(watch, 0);
	memcpy(log, told->log, sizeof(log));
	log[told->logged] = 0;
	told->logged = 0;
	return log;
}

static bool same_as_now(const struct told *told, const char *name)
{
	struct netdev_info info;

	return !netdev__find(name, &info) && info.ifindex == told->info.ifindex &&
	       info.mtu == told->info.mtu && info.up == told->info.up &&
	       info.running == told->info.running && info.arp_type == told->info.arp_type;
}

/* --- a network namespace of one's own ------------------------------------- */

static void sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void sh(const char *format, ...)
{
	char command[512];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	status = system(command);
	if (status)
		printf("# %s: status %d\n", command, status);
	CHECK_INT(status, 0);
}

/* Exit statuses. */
#define NO_NAMESPACE 77
#define NO_DEVICE 78

static void in_namespace(void (*fn)(void))
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		if (geteuid() || unshare(CLONE_NEWNET) || system("ip -V >/dev/null 2>&1"))
			_exit(NO_NAMESPACE);
		/* No link-local addresses that come and go by themselves. */
		sh("echo 1 > /proc/sys/net/ipv6/conf/default/addr_gen_mode");
		fn();
		fflush(stdout);
		exit(test_failed_here ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NAMESPACE)
		SKIP("needs root, network namespaces and ip(8)");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == NO_DEVICE)
		SKIP("this kernel has no such kind of device");
	else
		CHECK_INT(status, 0);
}

/* They stay down, where IPv6 addresses stay tentative: told at once, not after a while. */
static void add_veth(const char *a, const char *b)
{
	sh("ip link add %s type veth peer name %s", a, b);
}

static FILE *ip_batch(void)
{
	FILE *batch = popen("ip -batch -", "w");

	if (!batch)
		exit(EXIT_FAILURE);
	return batch;
}

/* veths have carrier once both ends are up, which is told with up to a second's delay. */
static void wait_for_carrier(struct netdev *watch, struct told *told, bool running)
{
	for (int i = 0; i < 300 && told->info.running != running; i++)
		read_all(watch, 10);
	CHECK_INT(told->info.running, running);
}

/* --- finding --------------------------------------------------------------- */

static void test_kinds(void)
{
	static const unsigned short l3[] = { 0xfffe, 512, 519, 768, 769, 776, 778, 823 };
	int count = 0;

	for (size_t i = 0; i < sizeof(l3) / sizeof(l3[0]); i++)
		CHECK(netdev__is_l3(l3[i]));
	for (unsigned int type = 0; type <= 0xffff; type++) {
		count += netdev__is_l3(type);
		CHECK(!(netdev__is_l3(type) && netdev__is_ethernet(type)));
		CHECK_INT(netdev__is_ethernet(type), type == 1 || type == 772);
	}
	CHECK_INT(count, sizeof(l3) / sizeof(l3[0]));
}

static void find_names(void)
{
	static const char *const none[] = {
		"",	    "nosuch", "v", "v00", "0123456789abcdef", "an-alternative-name-1",
		"../../lo", "%s%n"
	};
	char huge[300] = { 0 };
	struct netdev_info info;

	add_veth("v0", "v1");
	sh("ip link set v0 mtu 1300 && ip link set v0 up");
	sh("ip link property add dev v0 altname an-alternative-name-0");
	CHECK_INT(netdev__find("lo", &info), 0);
	CHECK_INT(info.ifindex, 1);
	CHECK_INT(info.arp_type, ARPHRD_LOOPBACK);
	CHECK_INT(info.mtu, 65536);
	CHECK(!info.up && !info.running);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(netdev__find(i ? "an-alternative-name-0" : "v0", &info), 0);
		CHECK_INT(info.arp_type, ARPHRD_ETHER);
		CHECK_INT(info.mtu, 1300);
		CHECK(info.ifindex > 1 && info.up && !info.running);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CHECK_INT(netdev__find(none[i], &info), -ENODEV);
	for (size_t i = 0; i < sizeof(huge) - 1; i++) {
		huge[i] = 'x';
		CHECK_INT(netdev__find(huge, &info), -ENODEV);
	}
}

static void test_find(void)
{
	in_namespace(find_names);
}

static void find_tun(void)
{
	struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct told told = { 0 };
	struct netdev *watch;

	if (fd < 0)
		_exit(NO_DEVICE);
	watch = new_watch("tun0", &told);
	CHECK_INT(ioctl(fd, TUNSETIFF, &request), 0);
	CHECK_STR(events(watch, &told), "C");
	CHECK_INT(told.info.arp_type, ARPHRD_NONE);
	CHECK(netdev__is_l3(told.info.arp_type));
	CHECK(same_as_now(&told, "tun0"));
	close(fd); /* and it is gone */
	CHECK_STR(strrchr(events(watch, &told), 'R'), "R");
	end_watch(watch, &told);
}

static void test_tun(void)
{
	in_namespace(find_tun);
}

/* --- the interface --------------------------------------------------------- */

static void link_changes(void)
{
	struct told told = { 0 };
	struct netdev *watch = new_watch("v0", &told);

	CHECK_STR(events(watch, &told), "");
	add_veth("v0", "v1");
	CHECK_STR(events(watch, &told), "C");
	CHECK(same_as_now(&told, "v0"));
	sh("ip link set v0 mtu 1400");
	CHECK_STR(events(watch, &told), "C");
	CHECK_INT(told.info.mtu, 1400);
	sh("ip link set v0 up");
	CHECK_STR(events(watch, &told), "C");
	CHECK(told.info.up);
	/* What doesn't matter isn't told: other settings, other interfaces, addresses. */
	sh("ip link set v0 alias x && ip link set v0 txqueuelen 5 && ip link set v1 mtu 1200");
	sh("ip link set v0 address 02:00:00:00:00:01 && ip addr add 10.0.0.1/24 dev v0");
	sh("ip link add w0 type veth peer name w1 && ip link del w0");
	CHECK_STR(events(watch, &told), "");
	sh("ip link set v1 up");
	wait_for_carrier(watch, &told, true);
	CHECK(same_as_now(&told, "v0"));
	sh("ip link set v1 down");
	wait_for_carrier(watch, &told, false);
	events(watch, &told);
	sh("ip link set v0 down");
	CHECK_STR(events(watch, &told), "C");
	CHECK(!told.info.up && same_as_now(&told, "v0"));
	end_watch(watch, &told);
}

static void test_link_changes(void)
{
	in_namespace(link_changes);
}

static void rename_and_delete(void)
{
	struct told told = { 0 };
	struct netdev *watch;
	int first;

	add_veth("v0", "v1");
	watch = new_watch("v0", &told);
	CHECK_STR(events(watch, &told), "");
	sh("ip link set v0 name other");
	CHECK_STR(events(watch, &told), "R");
	sh("ip link set other mtu 1000");
	CHECK_STR(events(watch, &told), "");
	sh("ip link set other name v0");
	CHECK_STR(events(watch, &told), "C");
	CHECK(same_as_now(&told, "v0"));
	first = told.info.ifindex;
	/* Another one takes the name, all in one read. */
	sh("ip link set v0 name other && ip link set v1 name v0");
	CHECK_STR(events(watch, &told), "RC");
	CHECK(told.info.ifindex != first && same_as_now(&told, "v0"));
	sh("ip link del other");
	CHECK_STR(strrchr(events(watch, &told), 'R'), "R");
	/* Deleted and made again, with a new index and with the same. */
	add_veth("v0", "v1");
	CHECK_STR(events(watch, &told), "C");
	sh("ip link del v0 && ip link add v0 type veth peer name v1");
	CHECK_STR(events(watch, &told), "RC");
	CHECK(same_as_now(&told, "v0"));
	first = told.info.ifindex;
	sh("ip link del v0 && ip link add v0 index %d type veth peer name v1", first);
	CHECK_STR(events(watch, &told), "RC");
	CHECK_INT(told.info.ifindex, first);
	end_watch(watch, &told);
}

static void test_rename_and_delete(void)
{
	in_namespace(rename_and_delete);
}

static void alternative_name(void)
{
	struct told told = { 0 };
	struct netdev *watch = new_watch("the-other-name-of-v0", &told);

	add_veth("v0", "v1");
	sh("ip link set v0 up"); /* of names of one that is down the kernel tells nothing */
	CHECK_STR(events(watch, &told), "");
	sh("ip link property add dev v0 altname first altname the-other-name-of-v0");
	CHECK_STR(events(watch, &told), "C");
	CHECK(same_as_now(&told, "v0"));
	sh("ip link set v0 mtu 1400");
	CHECK_STR(events(watch, &told), "C");
	sh("ip link property del dev v0 altname first");
	CHECK_STR(events(watch, &told), "");
	sh("ip link property del dev v0 altname the-other-name-of-v0");
	CHECK_STR(events(watch, &told), "R");
	end_watch(watch, &told);
}

static void test_alternative_name(void)
{
	in_namespace(alternative_name);
}

static void bridge_port(void)
{
	struct told told = { 0 };
	struct netdev *watch;

	if (system("ip link add br0 type bridge 2>/dev/null"))
		_exit(NO_DEVICE);
	add_veth("v0", "v1");
	watch = new_watch("v0", &told);
	sh("ip link set v0 master br0");
	sh("ip link set v0 nomaster"); /* RTM_DELLINK, of the bridge's port only */
	CHECK_STR(events(watch, &told), "");
	sh("ip link set v0 master br0 && ip link del br0");
	CHECK_STR(events(watch, &told), "");
	end_watch(watch, &told);
}

static void test_bridge_port(void)
{
	in_namespace(bridge_port);
}

/* A process in another namespace, until its input ends. */
static pid_t neighbour(int *hold)
{
	int in[2], ready[2];
	pid_t pid;
	char c;

	CHECK_INT(pipe(in) | pipe(ready), 0);
	pid = fork();
	if (!pid) {
		close(in[1]);
		if (unshare(CLONE_NEWNET) || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(in[0], &c, 1) ? 1 : 0);
	}
	close(in[0]);
	close(ready[1]);
	CHECK_INT(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*hold = in[1];
	return pid;
}

static void move_away(void)
{
	struct told told = { 0 };
	struct netdev *watch;
	int hold, self = getpid();
	pid_t pid = neighbour(&hold);

	add_veth("v0", "v1");
	sh("ip addr add 10.0.0.1/24 dev v0 && ip addr add fd00::1/64 dev v0");
	watch = new_watch("v0", &told);
	CHECK(has(&told, "10.0.0.1") && has(&told, "fd00::1"));
	sh("ip link set v0 netns %d", (int)pid);
	CHECK_STR(events(watch, &told), "R");
	CHECK_INT(told.n, 0);
	sh("nsenter --net=/proc/%d/ns/net ip link set v0 netns %d", (int)pid, self);
	CHECK_STR(events(watch, &told), "C");
	CHECK(same_as_now(&told, "v0"));
	sh("ip link set v0 netns %d", (int)pid);
	/* There and back at once: all that was attached to it is gone, so it counts. */
	sh("nsenter --net=/proc/%d/ns/net ip link set v0 netns %d", (int)pid, self);
	CHECK_STR(events(watch, &told), "RC");
	end_watch(watch, &told);
	close(hold);
	waitpid(pid, NULL, 0);
}

static void test_move_away(void)
{
	in_namespace(move_away);
}

/* --- addresses ------------------------------------------------------------- */

static void some_addresses(void)
{
	struct told told = { 0 };
	struct netdev *watch;

	add_veth("v0", "v1");
	sh("ip addr add 10.0.0.1/24 dev v0 && ip addr add fd00::1/64 dev v0");
	watch = new_watch("v0", &told);
	CHECK_INT(told.n, 2);
	CHECK(has(&told, "10.0.0.1") && has(&told, "fd00::1"));
	sh("ip addr add 10.0.0.2/24 dev v1 && ip addr add fd00::2/64 dev v1");
	sh("ip addr add 192.0.2.1 peer 192.0.2.2/32 dev v0");
	sh("ip addr add fd01::1 peer fd01::2/128 dev v0");
	sh("ip addr add 10.9.9.9/24 broadcast 10.9.9.255 dev v0");
	/* An interface can join a group by having its address, which isn't a host's. */
	sh("ip addr add 239.1.1.1/32 dev v0 autojoin");
	CHECK_STR(events(watch, &told), "");
	CHECK_INT(told.n, 7);
	CHECK(has(&told, "10.0.0.2") && has(&told, "fd00::2") && has(&told, "10.9.9.9"));
	CHECK(has(&told, "192.0.2.1") && !has(&told, "192.0.2.2"));
	CHECK(has(&told, "fd01::1") && !has(&told, "fd01::2"));
	sh("ip addr del 10.0.0.1/24 dev v0 && ip addr del fd00::1/64 dev v0");
	read_all(watch, 0);
	CHECK(!has(&told, "10.0.0.1") && !has(&told, "fd00::1"));
	CHECK_INT(told.n, 5);
	sh("ip link set lo up"); /* brings its own */
	read_all(watch, 0);
	CHECK(has(&told, "127.0.0.1") && has(&told, "::1"));
	sh("ip link del v0");
	read_all(watch, 0);
	CHECK_INT(told.n, 2);
	end_watch(watch, &told);
}

static void test_addresses(void)
{
	in_namespace(some_addresses);
}

static void shared_addresses(void)
{
	struct told told = { 0 };
	struct netdev *watch;

	add_veth("v0", "v1");
	watch = new_watch("v0", &told);
	for (int i = 0; i < 2; i++) {
		sh("ip addr add 10.0.0.1/24 dev v%d && ip addr add fd00::1/64 dev v%d", i, i);
		read_all(watch, 0);
		CHECK_INT(told.calls, 2);
	}
	sh("ip addr del 10.0.0.1/24 dev v0 && ip addr del fd00::1/64 dev v0");
	read_all(watch, 0);
	CHECK_INT(told.calls, 2);
	CHECK(has(&told, "10.0.0.1") && has(&told, "fd00::1"));
	sh("ip addr del 10.0.0.1/24 dev v1 && ip addr del fd00::1/64 dev v1");
	read_all(watch, 0);
	CHECK_INT(told.n, 0);
	/* One interface, several times: other prefixes, other peers. */
	for (int i = 0; i < 2; i++) {
		static const char *const same[2][2] = { { "10.0.0.1/24", "10.0.0.1/16" },
							{ "10.0.0.1 peer 10.0.0.8",
							  "10.0.0.1 peer 10.0.0.9" } };

		sh("ip addr add %s dev v0 && ip addr add %s dev v0", same[i][0], same[i][1]);
		sh("ip addr del %s dev v0", same[i][0]);
		read_all(watch, 0);
		CHECK(has(&told, "10.0.0.1"));
		sh("ip addr del %s dev v0", same[i][1]);
		read_all(watch, 0);
		CHECK_INT(told.n, 0);
	}
	/* The kernel can give an IPv6 address another peer. */
	sh("ip addr add fd00::1 peer fd00::2 dev v0");
	sh("ip addr change fd00::1 peer fd00::3 dev v0");
	read_all(watch, 0);
	CHECK(has(&told, "fd00::1"));
	sh("ip addr flush dev v0");
	read_all(watch, 0);
	CHECK_INT(told.n, 0);
	end_watch(watch, &told);
}

static void test_shared_addresses(void)
{
	in_namespace(shared_addresses);
}

/* n addresses, half of them IPv6, added or removed. */
static void many(const char *verb, const char *dev, int n)
{
	FILE *batch = ip_batch();

	for (int i = 0; i < n / 2; i++) {
		fprintf(batch, "addr %s 10.1.%d.%d/32 dev %s\n", verb, i / 256, i % 256, dev);
		fprintf(batch, "addr %s fd00::%x/128 dev %s\n", verb, i + 1, dev);
	}
	CHECK_INT(pclose(batch), 0);
}

static void many_addresses(void)
{
	struct told early = { 0 }, late = { 0 };
	struct netdev *watch, *after;

	add_veth("v0", "v1");
	watch = new_watch("v0", &early);
	many("add", "v0", 5000);
	after = new_watch("v0", &late);
	CHECK_INT(late.n, 5000);
	read_all(watch, 0);
	CHECK_INT(early.n, 5000);
	CHECK(has(&early, "10.1.0.0") && has(&early, "10.1.9.195") && has(&early, "fd00::9c4"));
	many("add", "v1", 5000);
	many("del", "v0", 5000);
	read_all(watch, 0);
	read_all(after, 0);
	CHECK_INT(early.calls, 5000);
	CHECK_INT(late.calls, 5000);
	sh("ip link del v0");
	read_all(watch, 0);
	read_all(after, 0);
	CHECK_INT(early.n, 0);
	CHECK_INT(late.n, 0);
	end_watch(watch, &early);
	end_watch(after, &late);
}

static void test_many_addresses(void)
{
	in_namespace(many_addresses);
}

/* --- lost notifications ---------------------------------------------------- */

static void set_buffer(struct netdev *watch, int size)
{
	CHECK_INT(setsockopt(netdev__fd(watch), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)),
		  0);
}

static bool overflowed(struct netdev *watch)
{
	struct pollfd pollfd = { .fd = netdev__fd(watch), .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1 && pollfd.revents & POLLERR;
}

/* What a watch knows is what a new one finds. */
static void check_complete(const struct told *told)
{
	struct told fresh = { 0 };
	struct netdev *watch = new_watch("v0", &fresh);

	CHECK_INT(told->n, fresh.n);
	for (size_t i = 0; i < fresh.n; i++)
		CHECK(find_addr(told, &fresh.have[i]));
	end_watch(watch, &fresh);
}

static void overflow(void)
{
	struct told told = { 0 };
	struct netdev *watch;

	add_veth("v0", "v1");
	many("add", "v0", 1000);
	watch = new_watch("v0", &told);
	set_buffer(watch, 1);
	sh("ip addr add 10.7.7.7/32 dev v1"); /* the first ones do arrive */
	many("del", "v0", 500);
	many("add", "v1", 100);
	sh("ip link set v0 mtu 1434");
	CHECK(overflowed(watch));
	CHECK_STR(events(watch, &told), "C");
	CHECK_INT(told.info.mtu, 1434);
	CHECK_INT(told.n, 1000 - 500 + 100 + 1);
	check_complete(&told);
	/* One call reads to the end, or the kernel would go on losing what comes after it. */
	many("add", "v0", 400);
	CHECK(overflowed(watch));
	CHECK_INT(netdev__read(watch), 0);
	sh("ip addr add 10.8.8.8/32 dev v1");
	read_all(watch, 0);
	CHECK(has(&told, "10.8.8.8"));
	check_complete(&told);
	many("del", "v0", 400);
	read_all(watch, 0);
	/* Nothing had changed in the end. */
	told.calls = 0;
	for (int i = 0; i < 2; i++) {
		many("add", "v0", 400);
		many("del", "v0", 400);
	}
	CHECK(overflowed(watch));
	CHECK_STR(events(watch, &told), "");
	check_complete(&told);
	/* The interface goes, comes, is replaced. */
	many("del", "v1", 100);
	many("add", "v1", 400);
	sh("ip link del v0");
	CHECK(overflowed(watch));
	CHECK_STR(events(watch, &told), "R");
	CHECK_INT(told.n, 0);
	sh("ip link add w0 type veth peer name w1");
	many("add", "w0", 400);
	add_veth("v0", "v1");
	CHECK(overflowed(watch));
	CHECK_STR(events(watch, &told), "C");
	many("del", "w0", 400);
	sh("ip link del v0 && ip link add v0 type veth peer name v1");
	CHECK(overflowed(watch));
	CHECK_STR(events(watch, &told), "RC");
	CHECK(same_as_now(&told, "v0"));
	check_complete(&told);
	end_watch(watch, &told);
}

/* Names and patterns: each device once, by the first name, else the first pattern that fits. */
static void several_names(void)
{
	static const char *const names[] = { "v*", "w0", "lo", "*", NULL };
	struct told told = { 0 };
	struct netdev *watch;
	struct netdev_info info;
	int v0;

	add_veth("v0", "x0");
	watch = new_watch_of(names, &told);
	CHECK_STR(events(watch, &told), "");
	/* v0, x0 and lo */
	CHECK_INT(netdev__sync(watch), 0);
	CHECK_STR(events(watch, &told), "CCC");
	CHECK_INT(netdev__sync(watch), 0);
	CHECK_STR(events(watch, &told), "");
	netdev__find("v0", &info);
	v0 = info.ifindex;
	sh("ip link set v0 mtu 1400");
	CHECK_STR(events(watch, &told), "C");
	CHECK_INT(told.info.wanted, 0);
	CHECK(told.info.lower > 0); /* its peer, here in one namespace */
	sh("ip link set v0 name w0");
	CHECK_STR(events(watch, &told), "C");
	CHECK_INT(told.info.wanted, 1);
	CHECK_STR(told.name, "w0");
	CHECK_INT(told.info.ifindex, v0);
	sh("ip link set w0 name y0");
	CHECK_STR(events(watch, &told), "C");
	CHECK_INT(told.info.wanted, 3);
	sh("ip link set lo mtu 65000");
	CHECK_STR(events(watch, &told), "C");
	CHECK_INT(told.info.wanted, 2);
	sh("ip link del y0");
	CHECK_STR(strpbrk(events(watch, &told), "R"), "RR");
	end_watch(watch, &told);
}

/* A pattern alone does not mean lo; what was missed is found. */
static void pattern_after_loss(void)
{
	static const char *const names[] = { "[a-z]*", NULL };
	struct told told = { 0 };
	struct netdev *watch = new_watch_of(names, &told);

	CHECK_INT(netdev__sync(watch), 0);
	CHECK_STR(events(watch, &told), "");
	add_veth("v0", "v1");
	CHECK_INT(strlen(events(watch, &told)), 2);
	set_buffer(watch, 1);
	many("add", "v0", 100);
	sh("ip link set v0 name w0 && ip link set v1 name v0 && ip link set w0 name v1");
	add_veth("a0", "a1");
	CHECK(overflowed(watch));
	/* each of the two has the other's name: one goes and comes again */
	CHECK_STR(events(watch, &told), "RCCCC");
	CHECK_INT(told.n, 100);
	set_buffer(watch, 1 << 20);
	sh("ip link del a0");
	CHECK_STR(strpbrk(events(watch, &told), "R"), "RR");
	end_watch(watch, &told);
}

static void test_several_names(void)
{
	in_namespace(several_names);
	in_namespace(pattern_after_loss);
}

static void test_overflow(void)
{
	in_namespace(overflow);
}

/* A longer queue than one call reads when nothing is lost. */
static void long_overflow(void)
{
	struct told told = { 0 };
	struct pollfd pollfd = { .events = POLLIN };
	struct netdev *watch;

	add_veth("v0", "v1");
	watch = new_watch("v0", &told);
	set_buffer(watch, 500000);
	many("add", "v0", 5000);
	CHECK(overflowed(watch));
	CHECK_INT(netdev__read(watch), 0);
	pollfd.fd = netdev__fd(watch);
	CHECK_INT(poll(&pollfd, 1, 0), 0);
	CHECK_INT(told.n, 5000);
	end_watch(watch, &told);
}

static void test_long_overflow(void)
{
	in_namespace(long_overflow);
}

static void start_churn(int seed)
{
	FILE *batch;

	if (fork())
		return;
	batch = popen("ip -force -batch - 2>/dev/null", "w");
	srand(seed);
	for (int i = 0; i < 4000; i++) {
		fprintf(batch, "addr %s 10.1.%d.%d/32 dev v%d\n", rand() % 2 ? "add" : "del", seed,
			rand() % 256, rand() % 2);
		fprintf(batch, "addr %s fd00::%x/128 dev v%d\n", rand() % 2 ? "add" : "del",
			rand() % 256 + 1, rand() % 2);
		if (i % 50 == 0)
			fprintf(batch, "link set v0 mtu %d\n", 1300 + rand() % 100);
		if (i % 501 == 0)
			fprintf(batch, "link set v0 name away\n");
		if (i % 501 == 100)
			fprintf(batch, "link set away name v0\n");
	}
	pclose(batch);
	_exit(0);
}

/*
 * Changes go on while we read and dump: some dumps are interrupted, some
 * notifications lost, and in the end we know it all.
 */
static void storm(bool tiny)
{
	struct told told = { 0 };
	struct netdev *watch;
	int overflows = 0, running = 2;

	add_veth("v0", "v1");
	many("add", "v0", 1000);
	start_churn(1);
	start_churn(2);
	watch = new_watch("v0", &told);
	if (tiny)
		set_buffer(watch, 1);
	while (running) {
		usleep(rand() % 5000);
		overflows += overflowed(watch);
		read_all(watch, 0);
		while (running && waitpid(-1, NULL, WNOHANG) > 0)
			running--;
	}
	if (tiny)
		CHECK(overflows > 0);
	sh("ip link set away name v0 2>/dev/null; ip link set v0 mtu 1450");
	read_all(watch, 10);
	CHECK(same_as_now(&told, "v0"));
	check_complete(&told);
	end_watch(watch, &told);
}

static void small_storm(void)
{
	storm(true);
}

static void big_storm(void)
{
	storm(false);
}

static void test_storms(void)
{
	in_namespace(small_storm);
	in_namespace(big_storm);
}

static int ignore(void *ctx, const struct nlmsghdr *message)
{
	(void)ctx;
	(void)message;
	return 0;
}

static int dump_once(void)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg addr;
	} request = { .header = { .nlmsg_len = sizeof(request),
				  .nlmsg_type = RTM_GETADDR,
				  .nlmsg_flags = NLM_F_DUMP } };

	return netlink__request(&request.header, ignore, NULL);
}

/*
 * Notifications are lost, and every dump that is to make up for them is
 * interrupted, until things calm down.
 */
static void interrupted_dumps(void)
{
	struct told told = { 0 };
	struct netdev *watch;
	int interrupted = 0;
	char buf[8192];

	add_veth("v0", "v1");
	many("add", "v0", 4000);
	CHECK_INT(dump_once(), 0);
	watch = new_watch("v0", &told);
	many("del", "v0", 1000);
	while (recv(netdev__fd(watch), buf, sizeof(buf), 0) > 0)
		;
	start_churn(20);
	while (!interrupted && !waitpid(-1, NULL, WNOHANG))
		interrupted = dump_once() == -EINTR;
	CHECK(interrupted);
	told.result = 1; /* makes it ask for everything */
	CHECK_INT(netdev__read(watch), 1);
	CHECK_INT(netdev__read(watch), 0);
	while (waitpid(-1, NULL, WNOHANG) >= 0)
		read_all(watch, 1);
	sh("ip addr add 10.8.8.8/32 dev v1");
	read_all(watch, 0);
	check_complete(&told);
	end_watch(watch, &told);
}

static void test_interrupted_dumps(void)
{
	in_namespace(interrupted_dumps);
}

/* --- results of handlers --------------------------------------------------- */

static void handler_results(void)
{
	struct told told = { .result = -EIO };
	struct netdev_handlers handlers = handlers_of(&told);
	const char *const names[] = { "v0", NULL };
	struct netdev *watch = NULL;
	_Alignas(4) char buf[16384];
	int len;

	add_veth("v0", "v1");
	many("add", "v0", 100);
	CHECK_INT(netdev__watch(&watch, names, &handlers), -EIO);
	CHECK(!watch);
	free(told.have);
	told = (struct told){ 0 };
	watch = new_watch("v0", &told);
	/* What was cut short by a handler's error is made up for by the next read. */
	many("del", "v0", 50);
	told.result = 1;
	CHECK_INT(netdev__read(watch), 1);
	CHECK_INT(told.n, 99);
	CHECK_INT(netdev__read(watch), 0);
	CHECK_INT(told.n, 50);
	/* Also the rest of a datagram. */
	sh("ip addr add 10.2.0.0 dev v0 && ip addr add 10.2.0.1 dev v0");
	len = recv(netdev__fd(watch), buf, sizeof(buf) / 2, 0);
	len += recv(netdev__fd(watch), buf + len, sizeof(buf) / 2, 0);
	told.result = 1;
	CHECK_INT(netdev__receive(watch, buf, len), 1);
	CHECK_INT(told.n, 51);
	CHECK_INT(netdev__read(watch), 0);
	CHECK_INT(told.n, 52);
	sh("ip link set v0 mtu 1200");
	told.result = -ENOSPC;
	CHECK_INT(netdev__read(watch), -ENOSPC);
	CHECK_INT(netdev__read(watch), 0);
	CHECK_STR(events(watch, &told), "C");
	end_watch(watch, &told);
}

static void test_handler_results(void)
{
	in_namespace(handler_results);
}

/* --- messages as no kernel sends them -------------------------------------- */

/* A message being written; its length and those of its attributes can be made wrong. */
struct message {
	union {
		struct nlmsghdr header;
		char bytes[1024];
	};
};

static struct message new_message(int type, const void *body, size_t size)
{
	struct message message = { .header = { .nlmsg_len = NLMSG_LENGTH(size),
					       .nlmsg_type = type } };

	memcpy(NLMSG_DATA(&message.header), body, size);
	return message;
}

static struct message new_link(int type, int family, int ifindex)
{
	struct ifinfomsg link = { .ifi_family = family,
				  .ifi_index = ifindex,
				  .ifi_type = ARPHRD_ETHER,
				  .ifi_flags = IFF_UP };

	return new_message(type, &link, sizeof(link));
}

static struct message new_address(int type, int family, int ifindex, int flags)
{
	struct ifaddrmsg ifa = { .ifa_family = family, .ifa_index = ifindex, .ifa_flags = flags };

	return new_message(type, &ifa, sizeof(ifa));
}

static struct rtattr *put(struct message *message, int type, const void *value, size_t size)
{
	char *end = message->bytes + NLMSG_ALIGN(message->header.nlmsg_len);
	struct rtattr *attr = (struct rtattr *)end;

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), value, size);
	message->header.nlmsg_len = NLMSG_ALIGN(message->header.nlmsg_len) + RTA_SPACE(size);
	return attr;
}

static void put_mtu(struct message *message, unsigned int mtu)
{
	put(message, IFLA_MTU, &mtu, sizeof(mtu));
}

/* From memory of just that size, so that a sanitizer or valgrind sees reads beyond. */
static int receive(struct netdev *watch, const void *bytes, size_t len)
{
	void *copy = malloc(len ? len : 1);
	int ret;

	memcpy(copy, bytes, len);
	ret = netdev__receive(watch, copy, len);
	free(copy);
	return ret;
}

static void send_to(struct netdev *watch, const struct message *message)
{
	CHECK_INT(receive(watch, message->bytes, message->header.nlmsg_len), 0);
}

#define NAME "nosuch-if0"

static void test_link_messages(void)
{
	struct told told = { 0 };
	struct netdev *watch = new_watch(NAME, &told);
	struct message message = new_link(RTM_NEWLINK, AF_UNSPEC, 4711), partial = message;
	struct rtattr *attr;
	struct {
		struct rtattr attr;
		char name[sizeof(NAME)];
	} __attribute__((packed)) name = { { .rta_len = 32, .rta_type = IFLA_ALT_IFNAME }, NAME };

	put(&message, IFLA_IFNAME, NAME, sizeof(NAME));
	put_mtu(&message, 1500);
	send_to(watch, &message);
	CHECK_STR(events(watch, &told), "C");
	CHECK(told.info.ifindex == 4711 && told.info.mtu == 1500 && told.info.up);
	send_to(watch, &message);
	/* A wireless event is no state, a bridge's message no interface's. */
	put(&partial, IFLA_IFNAME, NAME, sizeof(NAME));
	put(&partial, IFLA_WIRELESS, "abcd", 4);
	send_to(watch, &partial);
	message = new_link(RTM_DELLINK, AF_BRIDGE, 4711);
	put(&message, IFLA_IFNAME, NAME, sizeof(NAME));
	put_mtu(&message, 1500);
	send_to(watch, &message);
	message = new_link(RTM_DELLINK, AF_UNSPEC, 4712);
	send_to(watch, &message);
	CHECK_STR(events(watch, &told), "");
	message = new_link(RTM_DELLINK, AF_UNSPEC, 4711);
	send_to(watch, &message);
	send_to(watch, &message);
	CHECK_STR(events(watch, &told), "R");
	/* Names that merely begin alike, or don't end. */
	message = new_link(RTM_NEWLINK, AF_UNSPEC, 4711);
	put_mtu(&message, 1500);
	put(&message, IFLA_IFNAME, NAME, strlen(NAME));
	send_to(watch, &message);
	put(&message, IFLA_IFNAME, NAME "0", sizeof(NAME) + 1);
	put(&message, IFLA_IFNAME, "", 0);
	send_to(watch, &message);
	/* Attributes inside an attribute, one of them longer than that. */
	attr = put(&message, NLA_F_NESTED | IFLA_PROP_LIST, &name, sizeof(name));
	send_to(watch, &message);
	CHECK_STR(events(watch, &told), "");
	((struct rtattr *)RTA_DATA(attr))->rta_len = sizeof(name);
	send_to(watch, &message);
	CHECK_STR(events(watch, &told), "C");
	end_watch(watch, &told);
}

static void test_address_messages(void)
{
	static const struct in6_addr v6 = { .s6_addr = { 0x20, 1, [15] = 1 } };
	struct told told = { 0 };
	struct netdev *watch = new_watch(NAME, &told);
	size_t before = told.n;
	struct message message = new_address(RTM_NEWADDR, AF_INET, 4711, 0);

	/* None of these is an address: none at all, too short, of a group, of anybody. */
	send_to(watch, &message);
	put(&message, IFA_LOCAL, "\xc0\0\x02", 3);
	send_to(watch, &message);
	put(&message, IFA_LOCAL, "\xe0\0\0\x01", 4);
	send_to(watch, &message);
	message = new_address(RTM_NEWADDR, AF_INET, 4711, 0);
	put(&message, IFA_ADDRESS, "\0\0\0\0", 4);
	send_to(watch, &message);
	message = new_address(RTM_NEWADDR, AF_INET6, 4711, 0);
	put(&message, IFA_ADDRESS, &v6, 15);
	send_to(watch, &message);
	message = new_address(RTM_NEWADDR, AF_DECnet, 4711, 0);
	put(&message, IFA_ADDRESS, &v6, 16);
	send_to(watch, &message);
	CHECK_INT(told.n, before);
	/* IFA_ADDRESS is a fallback, in any order. */
	message = new_address(RTM_NEWADDR, AF_INET, 4711, 0);
	put(&message, IFA_ADDRESS, "\xcb\0\x71\xd1", 4);
	send_to(watch, &message);
	CHECK(has(&told, "203.0.113.209"));
	put(&message, IFA_LOCAL, "\xcb\0\x71\xd2", 4);
	send_to(watch, &message);
	CHECK(has(&told, "203.0.113.210"));
	/* An address that turns out to be another host's. */
	message = new_address(RTM_NEWADDR, AF_INET6, 4711, IFA_F_TENTATIVE);
	put(&message, IFA_ADDRESS, &v6, 16);
	send_to(watch, &message);
	CHECK(has(&told, "2001::1"));
	message = new_address(RTM_NEWADDR, AF_INET6, 4711, IFA_F_TENTATIVE | IFA_F_DADFAILED);
	put(&message, IFA_ADDRESS, &v6, 16);
	send_to(watch, &message);
	send_to(watch, &message);
	CHECK(!has(&told, "2001::1"));
	CHECK_INT(told.n, before + 2);
	end_watch(watch, &told);
}

/* Every cut of, and random damage to, a datagram of all kinds of messages. */
static void test_damaged_messages(void)
{
	static const int types[] = { RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR };
	struct told told = { 0 };
	struct netdev *watch = new_watch(NAME, &told);
	char datagram[4096], damaged[sizeof(datagram)];
	size_t len = 0;

	for (size_t i = 0; i < 8; i++) {
		int type = types[i % 4], family = i < 4 ? AF_INET : AF_INET6;
		struct message message = type <= RTM_DELLINK
						 ? new_link(type, AF_UNSPEC, 4711 + i / 4)
						 : new_address(type, family, 4711, 0);

		put(&message, IFLA_IFNAME, NAME, sizeof(NAME)); /* also IFA_LABEL's number */
		put_mtu(&message, 1500);
		put(&message, IFA_LOCAL, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		put(&message, NLA_F_NESTED | IFLA_PROP_LIST, "\x0f\0\x35\0nosuch-if0", 15);
		memcpy(datagram + len, message.bytes, message.header.nlmsg_len);
		len += message.header.nlmsg_len;
	}
	for (size_t cut = 0; cut <= len; cut++)
		CHECK_INT(receive(watch, datagram, cut), 0);
	srand(4);
	for (int i = 0; i < 50000; i++) {
		memcpy(damaged, datagram, len);
		for (int n = rand() % 8; n >= 0; n--)
			damaged[rand() % len] = rand() % 4 ? rand() % 256 : rand() % 20;
		CHECK_INT(receive(watch, damaged, len), 0);
	}
	CHECK(told.calls > 100 && told.logged > 100);
	end_watch(watch, &told);
}

/* A PPP server: one address on 20,000 interfaces. */
static void test_many_carriers(void)
{
	struct address address = { .addr = { .b = { [10] = 0xff, 0xff, 192, 0, 2, 1 } } };
	struct addresses *set = addresses__new();
	const int n = 20000;
	int news = 0, losses = 0;
	struct told told = { 0 };

	for (address.ifindex = 1; address.ifindex <= n; address.ifindex++)
		news += addresses__add(set, &address);
	CHECK_INT(news, 1);
	for (address.ifindex = 1; address.ifindex < n; address.ifindex++)
		losses += addresses__remove(set, &address);
	CHECK_INT(losses, 0);
	addresses__begin(set);
	address.ifindex = 1;
	CHECK_INT(addresses__add(set, &address), 0);
	told.have = malloc(sizeof(*told.have));
	told.have[told.n++] = address.addr;
	CHECK_INT(addresses__sweep(set, on_lost, &told), 0);
	CHECK_INT(told.n, 1);
	addresses__begin(set);
	CHECK_INT(addresses__sweep(set, on_lost, &told), 0);
	CHECK_INT(told.n, 0);
	CHECK_INT(told.wrong, 0);
	free(told.have);
	addresses__free(set);
	addresses__free(NULL);
}

/* Any root process can write to our socket; only the kernel is heard. */
static void forgery(void)
{
	struct told told = { 0 };
	struct netdev *watch = new_watch(NAME, &told);
	struct message message = new_link(RTM_NEWLINK, AF_UNSPEC, 4711);
	struct sockaddr_nl addr;
	socklen_t size = sizeof(addr);
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	put(&message, IFLA_IFNAME, NAME, sizeof(NAME));
	put_mtu(&message, 1500);
	CHECK_INT(getsockname(netdev__fd(watch), (struct sockaddr *)&addr, &size), 0);
	addr.nl_groups = 0;
	CHECK_INT(sendto(fd, message.bytes, message.header.nlmsg_len, 0, (struct sockaddr *)&addr,
			 sizeof(addr)),
		  message.header.nlmsg_len);
	CHECK_STR(events(watch, &told), "");
	close(fd);
	end_watch(watch, &told);
}

static void test_forgery(void)
{
	in_namespace(forgery);
}

int main(void)
{
	RUN(test_kinds);
	RUN(test_find);
	RUN(test_tun);
	RUN(test_link_changes);
	RUN(test_rename_and_delete);
	RUN(test_alternative_name);
	RUN(test_bridge_port);
	RUN(test_move_away);
	RUN(test_addresses);
	RUN(test_shared_addresses);
	RUN(test_many_addresses);
	RUN(test_several_names);
	RUN(test_overflow);
	RUN(test_long_overflow);
	RUN(test_storms);
	RUN(test_interrupted_dumps);
	RUN(test_handler_results);
	RUN(test_link_messages);
	RUN(test_address_messages);
	RUN(test_damaged_messages);
	RUN(test_many_carriers);
	RUN(test_forgery);
	return TEST_EXIT();
}
