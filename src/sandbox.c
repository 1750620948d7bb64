// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/privileges.h"

static char state[160];

/* The sanitizers' own threads and tracing would be refused. */
#if defined(HAVE_SECCOMP) && !defined(__SANITIZE_ADDRESS__)

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include <asm/termbits.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>

#include <seccomp.h>

/* asm-generic/siginfo.h, which no C library of this age has and which can't stand beside signal.h */
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

/* Numbers of system calls below this are told once each, others every time. */
#define TOLD_MAX 1024
/* Of an int, whatever is in the rest of the register. */
#define IS(argument, value)                                                 \
	{                                                                   \
		argument, SCMP_CMP_MASKED_EQ, 0xffffffff, (uint32_t)(value) \
	}
#define NOT_SET(argument, bits)                       \
	{                                             \
		argument, SCMP_CMP_MASKED_EQ, bits, 0 \
	}

/*
 * Names that an architecture or a libseccomp does not know are passed over. What one
 * C library calls another one calls by a younger name: both are here.
 */
static const char *const allowed[] = {
	/* files: read, written, rotated, found */
	"read",
	"readv",
	"pread64",
	"write",
	"writev",
	"pwrite64",
	"open",
	"openat",
	"close",
	"close_range",
	"lseek",
	"_llseek",
	"fstat",
	"fstat64",
	"stat",
	"stat64",
	"lstat",
	"lstat64",
	"newfstatat",
	"fstatat64",
	"statx",
	"statfs",
	"statfs64",
	"fstatfs",
	"fstatfs64",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getcwd",
	"getdents",
	"getdents64",
	"ftruncate",
	"ftruncate64",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"sync_file_range2",
	"flock",
	"rename",
	"renameat",
	"renameat2",
	"link",
	"linkat",
	"unlink",
	"unlinkat",
	"fcntl",
	"fcntl64",
	"dup",
	"dup2",
	"dup3",
	"pipe",
	"pipe2",
	"umask",
	"fadvise64",
	"fadvise64_64",
	/* memory; what can be executed: below */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"mlock",
	"mlock2",
	"munlock",
	"mlockall",
	"munlockall",
	/* waiting */
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"poll",
	"ppoll",
	"ppoll_time64",
	"select",
	"_newselect",
	"pselect6",
	"pselect6_time64",
	"eventfd2",
	"signalfd4",
	"timerfd_create",
	"timerfd_settime",
	"timerfd_settime64",
	"timerfd_gettime",
	"timerfd_gettime64",
	"nanosleep",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"restart_syscall",
	"sched_yield",
	"futex",
	"futex_time64",
	"futex_wait",
	"futex_wake",
	"futex_waitv",
	/* the time */
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"clock_getres_time64",
	"gettimeofday",
	"time",
	/* signals */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigreturn",
	"rt_sigpending",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"sigaltstack",
	/* sockets that are there: metrics, netlink, the one to the commands */
	"accept",
	"accept4",
	"recv",
	"recvfrom",
	"recvmsg",
	"recvmmsg",
	"recvmmsg_time64",
	"send",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"sendfile",
	"sendfile64",
	"bind",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"shutdown",
	/* about this process and the machine */
	"getpid",
	"gettid",
	"getppid",
	"getuid",
	"getuid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getegid",
	"getegid32",
	"getrandom",
	"getrlimit",
	"ugetrlimit",
	"getrusage",
	"sched_getaffinity",
	"getcpu",
	"sysinfo",
	"uname",
	"capget",
	"times",
	"rseq",
	"set_robust_list",
	"get_robust_list",
	"set_tid_address",
	"membarrier",
	"exit",
	"exit_group",
};

static const struct rule {
	const char *name;
	struct scmp_arg_cmp test;
} allowed_if[] = {
	{ "mmap", NOT_SET(2, PROT_EXEC) },
	{ "mmap2", NOT_SET(2, PROT_EXEC) },
	{ "mprotect", NOT_SET(2, PROT_EXEC) },
	/* of an interface that comes back; and its lock is a name */
	{ "socket", IS(0, AF_NETLINK) },
	{ "socket", IS(0, AF_UNIX) },
	{ "ioctl", IS(1, TCGETS) },
	{ "ioctl", IS(1, TIOCGWINSZ) },
	{ "ioctl", IS(1, FIONBIO) },
	{ "ioctl", IS(1, FIONREAD) },
	{ "ioctl", IS(1, PERF_EVENT_IOC_ENABLE) },
	{ "ioctl", IS(1, PERF_EVENT_IOC_DISABLE) },
	{ "ioctl", IS(1, TCGETS2) },
	{ "bpf", IS(0, BPF_MAP_LOOKUP_ELEM) },
	{ "bpf", IS(0, BPF_MAP_UPDATE_ELEM) },
	{ "bpf", IS(0, BPF_MAP_DELETE_ELEM) },
	{ "bpf", IS(0, BPF_MAP_GET_NEXT_KEY) }, /* a table of rules that a failed reload left */
	{ "bpf", IS(0, BPF_OBJ_GET_INFO_BY_FD) },
	{ "bpf", IS(0, BPF_PROG_GET_FD_BY_ID) },
	{ "bpf", IS(0, BPF_LINK_CREATE) },
	{ "bpf", IS(0, BPF_ITER_CREATE) },
	{ "prlimit64", { 2, SCMP_CMP_EQ, 0, 0 } }, /* only to look */
};

/* The attempts that the code makes and that its own words are about. */
static const struct rule refused_quietly[] = {
	{ "bpf", IS(0, BPF_PROG_LOAD) },
	{ "bpf", IS(0, BPF_MAP_CREATE) },
	{ "bpf", IS(0, BPF_BTF_LOAD) },
};

/* C libraries make these with all signals blocked: telling would be the end. */
static const char *const refused_untold[] = { "clone", "clone3", "fork", "vfork" };

/* --- what is refused ------------------------------------------------------------ */

/* Where we know how to give a system call its result: elsewhere the refused are not told. */
#if defined(__x86_64__)
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#elif defined(__riscv)
#define RESULT(context) ((context)->uc_mcontext.__gregs[REG_A0])
#endif

#ifdef RESULT
#define REFUSE SCMP_ACT_TRAP

/* From within any code: nothing but write() may be called here. */
static void tell(int number)
{
	static const char before[] = "pping: the sandbox refused system call ";
	static const char after[] =
		", which should not be needed: please report it; until then use "
		"--no-sandbox\n";
	char line[sizeof(before) + sizeof(after) + 12], digits[12];
	size_t len = sizeof(before) - 1, n = 0;

	memcpy(line, before, len);
	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0 && n < sizeof(digits));
	while (n)
		line[len++] = digits[--n];
	memcpy(line + len, after, sizeof(after) - 1);
	len += sizeof(after) - 1;
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

static void on_refused(int signo, siginfo_t *info, void *context)
{
	static bool told[TOLD_MAX];
	int number = info->si_syscall, saved = errno;

	(void)signo;
	if (info->si_code != SYS_SECCOMP)
		return; /* somebody sent it */
	if (number < 0 || number >= TOLD_MAX || !told[number])
		tell(number);
	if (number >= 0 && number < TOLD_MAX)
		told[number] = true;
	RESULT((ucontext_t *)context) = -EPERM;
	errno = saved;
}

static int catch_refused(void)
{
	struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	if (sigaction(SIGSYS, &action, NULL) || sigprocmask(SIG_UNBLOCK, &set, NULL))
		return -errno;
	return 0;
}

#else
#define REFUSE SCMP_ACT_ERRNO(EPERM)

static int catch_refused(void)
{
	return 0;
}
#endif

/* --- the filter ----------------------------------------------------------------- */

static int add(scmp_filter_ctx filter, uint32_t action, const char *name,
	       const struct scmp_arg_cmp *test)
{
	int number = seccomp_syscall_resolve_name(name);
	int err;

	if (number == __NR_SCMP_ERROR)
		return 0;
	err = seccomp_rule_add_array(filter, action, number, test != NULL, test);
	/* that of another architecture */
	return err == -EDOM ? 0 : err;
}

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = add(filter, action, names[i], NULL);
	return err;
}

static int add_rules(scmp_filter_ctx filter, uint32_t action, const struct rule *rules, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = add(filter, action, rules[i].name, &rules[i].test);
	return err;
}

static int fill(scmp_filter_ctx filter)
{
	/* abort() */
	const struct rule own_threads = { "tgkill", IS(0, getpid()) };
	int err = add_names(filter, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(*allowed));

	if (!err)
		err = add_names(filter, SCMP_ACT_ERRNO(EPERM), refused_untold,
				sizeof(refused_untold) / sizeof(*refused_untold));
	if (!err)
		err = add_rules(filter, SCMP_ACT_ALLOW, &own_threads, 1);
	if (!err)
		err = add_rules(filter, SCMP_ACT_ALLOW, allowed_if,
				sizeof(allowed_if) / sizeof(*allowed_if));
	if (!err)
		err = add_rules(filter, SCMP_ACT_ERRNO(EPERM), refused_quietly,
				sizeof(refused_quietly) / sizeof(*refused_quietly));
	return err;
}

/* Not so in an emulator of a processor, for example. */
static bool kernel_filters(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 || errno != EINVAL;
}

/* 0, or a negative errno; -EOPNOTSUPP: the kernel has none. */
static int filter_calls(void)
{
	scmp_filter_ctx filter;
	int err;

	if (!kernel_filters())
		return -EOPNOTSUPP;
	filter = seccomp_init(REFUSE);
	if (!filter)
		return -ENOMEM;
	/* a search tree; and what was formatted fast stays so on kernels before 5.16 */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	err = fill(filter);
	if (!err)
		err = catch_refused();
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

bool sandbox__filters(void)
{
	return true;
}

#else

static int filter_calls(void)
{
	return -EOPNOTSUPP;
}

bool sandbox__filters(void)
{
	return false;
}

#endif /* HAVE_SECCOMP */

/* --- all of it ------------------------------------------------------------------ */

static void describe(uint64_t kept, bool filtered)
{
	char list[96];

	privileges__name(kept, list, sizeof(list));
	snprintf(state, sizeof(state), "capabilities: %s; system calls: %s", list,
		 filtered	      ? "filtered"
		 : sandbox__filters() ? "all, this kernel can't filter them"
				      : "all, built without libseccomp");
}

int sandbox__enter(uint64_t keep)
{
	int err;

	if (keep == PRIVILEGES_ALL) {
		snprintf(state, sizeof(state),
			 "none: leaving libxdp's dispatcher takes what attaching took");
		return 0;
	}
	err = privileges__drop(keep);
	if (err) {
		fprintf(stderr,
			"pping: can't give up capabilities: %s; --no-sandbox goes without\n",
			strerror(-err));
		return err;
	}
	err = filter_calls();
	if (err && err != -EOPNOTSUPP) {
		fprintf(stderr, "pping: can't filter system calls: %s; --no-sandbox goes without\n",
			strerror(-err));
		return err;
	}
	describe(privileges__effective() & keep, !err);
	return 0;
}

const char *sandbox__state(void)
{
	return *state ? state : NULL;
}
