// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The capture reader, and what it reads through the engine: whatever the file,
 * every packet read has one verdict, and reading ends.
 */
#include <netinet/in.h>
#include <sys/mman.h>

#include "src/capture.c"

#include "src/engine_host.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static int on_event(void *ctx, const struct pping_event *e)
{
	check(e->type == PPING_EVENT_FLOW || (e->rtt && e->rtt <= PPING_MAX_RTT_NS));
	return 0;
}

static void read_all(struct capture *c)
{
	struct engine_host_settings set = { .config = { .track_tcp = 1, .track_icmp = 1 },
					    .max_flows = 64,
					    .event = on_event };
	struct capture_progress progress;
	uint64_t verdicts = 0;
	struct engine_frame f;
	struct engine_host *e;
	volatile uint8_t sink;

	check(!engine_host__new(&e, &set));
	while (capture__next(c, &f) > 0) {
		check(f.captured <= f.length);
		check(f.verdict >= ENGINE_FRAME_UNKNOWN && f.verdict < PPING_VERDICT_COUNT);
		/* all of it can be read */
		for (uint32_t i = 0; i < f.captured; i++)
			sink = ((const uint8_t *)f.data)[i];
		(void)sink;
		check(!engine_host__packet(e, &f));
	}
	capture__progress(c, &progress);
	for (int i = 0; i < PPING_VERDICT_COUNT; i++)
		verdicts += engine_host__counters(e)->n[i];
	check(verdicts + progress.filtered == progress.packets);
	engine_host__free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_settings set = {};
	struct capture *c;
	char path[64];
	int fd;

	if (!size)
		return 0;
	fd = memfd_create("capture", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	set.path = path;
	set.filter = data[size - 1] & 1 ? "tcp" : NULL;
	if (!capture__open(&c, &set)) {
		read_all(c);
		capture__free(c);
	}
	close(fd);
	return 0;
}
