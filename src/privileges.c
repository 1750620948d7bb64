// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/privileges.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel has 64 bits for them. */
#define CAPABILITIES 64
/* Of a namespace that is not nested in another one: all of 32 bits are mapped to themselves. */
#define ALL_IDS 4294967295U

static const struct {
	int bit;
	const char *name;
} names[] = {
	{ CAP_BPF, "CAP_BPF" },		  { CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	{ CAP_PERFMON, "CAP_PERFMON" },	  { CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE" },
	{ CAP_IPC_LOCK, "CAP_IPC_LOCK" }, { CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH" },
};

static const uint64_t for_bpf =
	PRIVILEGES_BIT(CAP_BPF) | PRIVILEGES_BIT(CAP_NET_ADMIN) | PRIVILEGES_BIT(CAP_PERFMON);

static uint64_t given_up;

struct sets {
	uint64_t effective, permitted, inheritable;
};

static int get(struct sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		return -errno;
	sets->effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	sets->permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	sets->inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
	return 0;
}

static int set(const struct sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct data[2] = {
		{ (uint32_t)sets->effective, (uint32_t)sets->permitted,
		  (uint32_t)sets->inheritable },
		{ (uint32_t)(sets->effective >> 32), (uint32_t)(sets->permitted >> 32),
		  (uint32_t)(sets->inheritable >> 32) },
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

uint64_t privileges__effective(void)
{
	struct sets sets = { 0 };

	return get(&sets) ? PRIVILEGES_ALL : sets.effective;
}

/* Only who has CAP_SETPCAP may: for all others no_new_privs must do, which is as good. */
static void narrow_bounding_set(uint64_t keep)
{
	for (int i = 0; i < CAPABILITIES && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(keep & PRIVILEGES_BIT(i)))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
}

int privileges__drop(uint64_t keep)
{
	struct sets sets;
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	err = get(&sets);
	if (err)
		return err;
	given_up = sets.effective & ~keep;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	narrow_bounding_set(keep);
	sets.permitted &= keep;
	sets.effective &= keep;
	sets.inheritable = 0;
	return set(&sets);
}

/* CAP_SYS_ADMIN stands for the younger two, kernel/bpf/syscall.c. */
static uint64_t lacking(void)
{
	uint64_t have = privileges__effective();

	if (have & PRIVILEGES_BIT(CAP_SYS_ADMIN))
		have |= PRIVILEGES_BIT(CAP_BPF) | PRIVILEGES_BIT(CAP_PERFMON);
	return for_bpf & ~have;
}

/* Capabilities of another user namespace than the first one count for nothing here. */
static bool is_nested(void)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned int from, to, count;
	bool whole;

	if (!map)
		return false;
	whole = fscanf(map, "%u %u %u", &from, &to, &count) == 3 && !from && !to &&
		count == ALL_IDS;
	fclose(map);
	return !whole;
}

bool privileges__explain(const char *what)
{
	uint64_t lack = lacking();
	bool nested = is_nested();
	char list[128];

	privileges__name(lack, list, sizeof(list));
	if (lack & given_up)
		fprintf(stderr,
			"pping: %s: needs %s, given up after the start; start pping anew, or with "
			"--no-sandbox\n",
			what, list);
	else if (lack)
		fprintf(stderr,
			"pping: %s: missing privilege: %s; run it as root or with sudo, or see "
			"PRIVILEGES in pping(8)\n",
			what, list);
	else if (nested)
		fprintf(stderr,
			"pping: %s: not permitted: capabilities of a user namespace (a "
			"container's) "
			"are not enough; run it outside\n",
			what);
	return lack || nested;
}

void privileges__name(uint64_t set, char *list, size_t size)
{
	size_t len = 0;

	snprintf(list, size, "none");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t bit = PRIVILEGES_BIT(names[i].bit);

		if (!(set & bit) || len >= size)
			continue;
		set &= ~bit;
		len += snprintf(list + len, size - len, "%s%s", len ? ", " : "", names[i].name);
	}
	for (int i = 0; i < CAPABILITIES && set && len < size; i++)
		if (set & PRIVILEGES_BIT(i))
			len += snprintf(list + len, size - len, "%s%d", len ? ", " : "", i);
}
