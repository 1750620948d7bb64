// SPDX-License-Identifier: GPL-2.0-or-later
#include "secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void *secret__new(size_t size, bool *locked)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* as it is touched: a large cache takes no more memory than it uses */
	*locked = !mlock2(memory, size, MLOCK_ONFAULT) || !mlock(memory, size);
	madvise(memory, size, MADV_DONTDUMP);
	madvise(memory, size, MADV_DONTFORK);
	return memory;
}

void secret__free(void *memory, size_t size)
{
	if (!memory)
		return;
	explicit_bzero(memory, size);
	munmap(memory, size);
}

/* Without the privilege everything that is allocated later would count against a small limit. */
static bool is_limited(void)
{
	struct rlimit limit;
	void *probe;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return false;
	probe = mmap(NULL, limit.rlim_cur + 1, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (probe == MAP_FAILED)
		return true;
	munmap(probe, limit.rlim_cur + 1);
	return false;
}

void secret__protect_process(void)
{
	static const struct rlimit none;

	setrlimit(RLIMIT_CORE, &none);
	/* a core_pattern that is a pipe heeds no limit, but this */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) && is_limited())
		munlockall();
}
