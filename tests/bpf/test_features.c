// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a kernel is said to lack. With an argument, for tests/kernels: prints what
 * this one lacks, "every run: WHAT" and "xdp: WHAT", and nothing if that is nothing.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "harness.h"
#include "src/features.h"
#include "src/privileges.h"

/* Where the programs load, nothing that they need may be reported as missing. */
static void nothing_is_missing(void)
{
	if (!bpf_ready())
		return;
	CHECK(!features__missing());
	CHECK(!features__missing_for_xdp());
}

/* Where /proc/sys is hidden, as from the unit; exit status of a process that may do nothing else after. */
static int restricted_unseen(bool admin)
{
	const char *why;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/proc/sys", "tmpfs", 0, NULL))
		return 77;
	if (!admin && privileges__drop(PRIVILEGES_ALL & ~PRIVILEGES_BIT(CAP_SYS_ADMIN)))
		return 77;
	why = features__perf_restricted();
	if (admin)
		return why ? 1 : 0;
	return why && strstr(why, "probably kernel.perf_event_paranoid is above 2 ") ? 0 : 1;
}

/* What can't be read may still be the reason, but not for whom it does not hold. */
static void paranoid_level_is_guessed_where_hidden(void)
{
	for (int admin = 0; admin <= 1; admin++) {
		int status = 0;
		pid_t pid = fork();

		if (!pid)
			_exit(restricted_unseen(admin));
		CHECK_INT(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			SKIP("cannot hide /proc/sys");
		else
			CHECK_INT(status, 0);
	}
}

static int print_missing(void)
{
	const char *for_xdp = features__missing_for_xdp(), *what;
	size_t at = 0;

	while ((what = features__missing_from(&at)))
		printf("every run: %s\n", what);
	if (for_xdp)
		printf("xdp: %s\n", for_xdp);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return print_missing();
	CASE(nothing_is_missing);
	CASE(paranoid_level_is_guessed_where_hidden);
	return TEST_EXIT();
}
