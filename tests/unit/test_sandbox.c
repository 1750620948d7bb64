// SPDX-License-Identifier: GPL-2.0-or-later
/* What is given up, what is refused and told, and what goes on: in children, nothing comes back from it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/privileges.h"
#include "src/sandbox.h"
#include "tests/unit/test.h"

#define REFUSED "pping: the sandbox refused system call"

static char said[65536];

/* Runs fn in a child, whose standard error is then in said. Its exit status, or minus the signal. */
static int in_child(int (*fn)(void))
{
	int ends[2], status = 0;
	ssize_t n, len = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1000;
	pid = fork();
	if (!pid) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[1]);
		_exit(fn());
	}
	close(ends[1]);
	while ((n = read(ends[0], said + len, sizeof(said) - 1 - (size_t)len)) > 0)
		len += n;
	said[len] = '\0';
	close(ends[0]);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int times_refused(void)
{
	const char *at = said;
	int n = 0;

	while ((at = strstr(at, REFUSED))) {
		n++;
		at++;
	}
	return n;
}

/* --- capabilities ------------------------------------------------------------------- */

static int drop_all(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (sandbox__enter(0))
		return 1;
	if (syscall(SYS_capget, &header, data))
		return 2;
	for (int i = 0; i < 2; i++)
		if (data[i].effective || data[i].permitted || data[i].inheritable)
			return 3;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || errno == EPERM ? 0 : 4;
}

static int keep_one(void)
{
	uint64_t had = privileges__effective();

	if (privileges__drop(PRIVILEGES_BIT(CAP_NET_ADMIN)))
		return 1;
	/* even root gains nothing by executing a program */
	if (had & PRIVILEGES_BIT(CAP_SETPCAP) &&
	    prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	return privileges__effective() == (had & PRIVILEGES_BIT(CAP_NET_ADMIN)) ? 0 : 4;
}

static void capabilities(void)
{
	CHECK_INT(in_child(drop_all), 0);
	CHECK_INT(in_child(keep_one), 0);
}

static int explain_dropped(void)
{
	char list[64];

	privileges__name(PRIVILEGES_BIT(CAP_BPF) | PRIVILEGES_BIT(CAP_PERFMON) | 1ULL << 63, list,
			 sizeof(list));
	if (strcmp(list, "CAP_BPF, CAP_PERFMON, 63"))
		return 1;
	privileges__name(0, list, sizeof(list));
	if (strcmp(list, "none"))
		return 2;
	if (privileges__drop(PRIVILEGES_BIT(CAP_NET_ADMIN)))
		return 3;
	return privileges__explain("it") ? 0 : 4;
}

static void missing_are_named(void)
{
	CHECK_INT(in_child(explain_dropped), 0);
	CHECK(strstr(said, "CAP_BPF"));
	CHECK(strchr(said, '\n') == said + strlen(said) - 1);
}

/* --- system calls ------------------------------------------------------------------- */

#define EXPECT(condition)                                                  \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%d: %s\n", __LINE__, #condition); \
			return 1;                                          \
		}                                                          \
	} while (0)

/* What the rest of a run does: files, memory, time, sockets that are there, the end. */
static int ordinary_work(void)
{
	char name[] = "/tmp/test_sandbox.XXXXXX", other[64], text[4];
	struct itimerspec spec = { .it_value.tv_nsec = 1 };
	int sockets[2], fd, timer;
	struct statvfs fs;
	struct stat st;
	time_t now;
	void *m;

	EXPECT(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets));
	fd = mkstemp(name);
	snprintf(other, sizeof(other), "%s.b", name);
	EXPECT(!sandbox__enter(0));
	EXPECT(write(fd, "abc", 3) == 3 && !fsync(fd) && !ftruncate(fd, 2));
	EXPECT(!renameat2(AT_FDCWD, name, AT_FDCWD, other, 1));
	EXPECT(!stat(other, &st) && st.st_size == 2 && !fstat(fd, &st) && !lstat(other, &st));
	EXPECT(!statvfs(other, &fs) && !access(other, R_OK));
	close(fd);
	fd = open(other, O_RDWR | O_APPEND | O_CREAT, 0600);
	EXPECT(fd >= 0 && read(fd, text, 4) == 2 && !link(other, name) && !unlink(name));
	EXPECT(!unlink(other) && !close(fd));
	m = malloc(64 << 20);
	EXPECT(m);
	memset(m, 1, 64 << 20);
	m = realloc(m, 128 << 20);
	EXPECT(m);
	free(m);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	EXPECT(timer >= 0 && !timerfd_settime(timer, 0, &spec, NULL));
	EXPECT(poll(&(struct pollfd){ .fd = timer, .events = POLLIN }, 1, 1000) == 1);
	now = time(NULL);
	EXPECT(localtime(&now) && !usleep(1));
	EXPECT(send(sockets[0], "x", 1, 0) == 1 && recv(sockets[1], text, 4, 0) == 1);
	EXPECT(socket(AF_NETLINK, SOCK_RAW, 0) >= 0 && sysconf(_SC_NPROCESSORS_ONLN) > 0);
	return 0;
}

static void needed_ones_pass(void)
{
	CHECK_INT(in_child(ordinary_work), 0);
	CHECK_STR(said, "");
}

static bool eperm(long result)
{
	return result == -1 && errno == EPERM;
}

static int mischief(void)
{
	char *argv[] = { (char *)"true", NULL }, *env[] = { NULL };
	union bpf_attr attr = {};
	pid_t pid;

	EXPECT(!sandbox__enter(0));
	EXPECT(eperm(execve("/bin/true", argv, env)));
	EXPECT(eperm(fork()));
	EXPECT(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, env) == EPERM);
	EXPECT(eperm(socket(AF_INET, SOCK_STREAM, 0)));
	EXPECT(eperm(socket(AF_INET6, SOCK_DGRAM, 0)));
	EXPECT(eperm(socket(AF_PACKET, SOCK_RAW, 0)));
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED);
	EXPECT(eperm(ptrace(PTRACE_TRACEME, 0, 0, 0)));
	EXPECT(eperm(kill(getppid(), SIGTERM)));
	EXPECT(eperm(chmod("/tmp", 0777)));
	EXPECT(eperm(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr))));
	/* our own attempts: our own words */
	EXPECT(eperm(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr))));
	EXPECT(eperm(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr))));
	/* and it goes on */
	return write(STDERR_FILENO, "on\n", 3) == 3 ? 0 : 1;
}

/* No result of a refused call may look like a success: the number of a call, for example. */
static void others_fail_and_are_told(void)
{
	CHECK_INT(in_child(mischief), 0);
	CHECK(strstr(said, "on\n"));
#if defined(__x86_64__) || defined(__aarch64__) || defined(__riscv)
	/* exec, socket, mmap, ptrace, kill, chmod, bpf: each kind of call once */
	CHECK_INT(times_refused(), 7);
	CHECK(strstr(said, "--no-sandbox"));
#endif
}

static int crash(void)
{
	signal(SIGABRT, SIG_DFL);
	if (!sandbox__enter(0))
		abort();
	return 1;
}

static void abort_is_abort(void)
{
	CHECK_INT(in_child(crash), -SIGABRT);
	CHECK_INT(times_refused(), 0);
}

static int stays(void)
{
	EXPECT(!sandbox__state());
	EXPECT(!sandbox__enter(PRIVILEGES_ALL));
	EXPECT(strstr(sandbox__state(), "none"));
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 1;
}

static void all_may_stay(void)
{
	CHECK_INT(in_child(stays), 0);
	CHECK_STR(said, "");
}

int main(void)
{
	RUN(capabilities);
	RUN(missing_are_named);
	RUN(all_may_stay);
	if (sandbox__filters()) {
		RUN(needed_ones_pass);
		RUN(others_fail_and_are_told);
		RUN(abort_is_abort);
	}
	return TEST_EXIT();
}
