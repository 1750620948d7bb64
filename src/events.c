// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include <bpf/libbpf.h>

#include "bpf_error.h"
#include "events.h"
#include "features.h"
#include "kernel.h"
#include "privileges.h"

/* Wake the reader for this much, or for half a ring if that is less. */
#define WATERMARK_BYTES (64 * 1024)

struct events {
	struct perf_buffer *rings;
	/* waiting[0..len) in order of arrival; order[] sorts them */
	struct pping_event *waiting;
	const struct pping_event **order;
	size_t len, cap;
	bool failed; /* out of memory while a ring was read */
};

static int grow(struct events *e)
{
	size_t cap = e->cap ? e->cap * 2 : 1024;
	struct pping_event *waiting = realloc(e->waiting, cap * sizeof(*waiting));
	const struct pping_event **order;

	if (!waiting)
		return -ENOMEM;
	e->waiting = waiting;
	order = realloc(e->order, cap * sizeof(*order));
	if (!order)
		return -ENOMEM;
	e->order = order;
	e->cap = cap;
	return 0;
}

static int append(struct events *e, const void *data, size_t size)
{
	struct pping_event *to;

	if (e->len == e->cap && grow(e))
		return -ENOMEM;
	to = &e->waiting[e->len++];
	memcpy(to, data, size);
	memset((char *)to + size, 0, sizeof(*to) - size);
	return 0;
}

int events__add(struct events *e, const struct pping_event *event)
{
	return append(e, event, sizeof(*event));
}

size_t events__waiting(const struct events *e)
{
	return e->len;
}

/* perf_event_open(2), PERF_SAMPLE_RAW. */
struct raw_sample {
	struct perf_event_header header;
	__u32 size;
	char data[];
};

static enum bpf_perf_event_ret take(void *ctx, int cpu, struct perf_event_header *header)
{
	const struct raw_sample *raw = (const void *)header;
	struct events *e = ctx;
	size_t size;

	(void)cpu;
	if (header->type != PERF_RECORD_SAMPLE || raw->size < PPING_EVENT_SIZE)
		return LIBBPF_PERF_EVENT_CONT;
	/* the kernel pads the raw data */
	size = pping_event_size(raw->size >= sizeof(struct pping_event));
	if (append(e, raw->data, size)) {
		e->failed = true;
		return LIBBPF_PERF_EVENT_ERROR;
	}
	return LIBBPF_PERF_EVENT_CONT;
}

/* Pages a ring, a power of two. */
static size_t ring_pages(uint64_t total_bytes, int cpus)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t share = total_bytes / (cpus > 0 ? cpus : 1) / page, pages = 1;

	while (pages * 2 <= share)
		pages *= 2;
	return pages;
}

static void explain(int err, size_t pages)
{
	static const char what[] = "can't open the event buffer";
	/* a level of Debian's own kernels, which upstream does not have */
	const char *restricted = err == -EACCES ? features__perf_restricted() : NULL;
	struct rlimit limit;

	if ((err == -EPERM || err == -EACCES) && privileges__explain(what))
		return;
	/* perf_mmap() in kernel/events/core.c */
	if (restricted)
		fprintf(stderr, "pping: %s: %s\n", what, restricted);
	else if (err == -EPERM && !getrlimit(RLIMIT_MEMLOCK, &limit))
		fprintf(stderr,
			"pping: %s: a CPU's %zu KiB are more than may be locked (RLIMIT_MEMLOCK is "
			"%llu KiB for all of them); raise that (ulimit -l) or give a smaller "
			"--event-buffer\n",
			what, pages * sysconf(_SC_PAGESIZE) / 1024,
			(unsigned long long)limit.rlim_cur / 1024);
	else
		bpf_error__explain(err, what);
}

int events__open(struct events **events, int map_fd, uint64_t total_bytes)
{
	size_t pages = ring_pages(total_bytes, sysconf(_SC_NPROCESSORS_ONLN));
	size_t half = pages * sysconf(_SC_PAGESIZE) / 2;
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.watermark = 1,
		.wakeup_watermark = half < WATERMARK_BYTES ? half : WATERMARK_BYTES,
	};
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->rings = perf_buffer__new_raw(map_fd, pages, &attr, take, e, NULL);
	if (!e->rings) {
		int err = -errno;

		explain(err, pages);
		free(e);
		return err;
	}
	*events = e;
	return 0;
}

void events__free(struct events *e)
{
	if (!e)
		return;
	perf_buffer__free(e->rings);
	free(e->waiting);
	free(e->order);
	free(e);
}

int events__fd(const struct events *e)
{
	return perf_buffer__epoll_fd(e->rings);
}

/* By time; of the same time as they arrived, which is the order within a CPU. */
static int compare(const void *a, const void *b)
{
	const struct pping_event *x = *(const struct pping_event *const *)a;
	const struct pping_event *y = *(const struct pping_event *const *)b;

	if (x->timestamp != y->timestamp)
		return x->timestamp < y->timestamp ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void sort(struct events *e)
{
	bool sorted = true;

	for (size_t i = 0; i < e->len; i++) {
		e->order[i] = &e->waiting[i];
		sorted &= !i || e->waiting[i - 1].timestamp <= e->waiting[i].timestamp;
	}
	if (!sorted)
		qsort(e->order, e->len, sizeof(*e->order), compare);
}

/* The events that were not handed over stay, still in order of arrival. */
static void keep_later(struct events *e, uint64_t horizon)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->len; i++)
		if (e->waiting[i].timestamp > horizon)
			e->waiting[kept++] = e->waiting[i];
	e->len = kept;
}

int events__drain(struct events *e, uint64_t horizon, events_fn fn, void *ctx)
{
	int err = perf_buffer__consume(e->rings);

	if (e->failed) {
		fprintf(stderr, "pping: out of memory for events\n");
		return -ENOMEM;
	}
	if (err < 0) {
		fprintf(stderr, "pping: can't read the event buffer: %s\n", strerror(-err));
		return err;
	}
	sort(e);
	for (size_t i = 0; i < e->len && e->order[i]->timestamp <= horizon; i++) {
		err = fn(ctx, e->order[i]);
		if (err < 0) {
			e->len = 0; /* nobody takes the rest, and nothing is to go out twice */
			return err;
		}
	}
	keep_later(e, horizon);
	return 0;
}
