/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture file, pcap or pcapng, read through libpcap: its records as frames
 * for the engine. Link layers other than Ethernet are stripped here.
 */
#ifndef SRC_CAPTURE_H
#define SRC_CAPTURE_H

#include <stdint.h>

#include "engine_host.h"

struct capture;

struct capture_settings {
	const char *path; /* "-": stdin */
	const char *filter; /* pcap-filter(7), or NULL */
	/*
	 * Called before a read of a pipe that would block; returns when fd is
	 * readable (0), or when there shall be no more input (not 0).
	 */
	int (*wait)(void *ctx, int fd);
	void *ctx;
};

struct capture_progress {
	uint64_t packets; /* read */
	uint64_t filtered; /* of which the filter has kept back */
	uint64_t position, size; /* bytes; size 0: not known */
};

/* 0 or a negative errno (printed, in one line that names the file). */
int capture__open(struct capture **capture, const struct capture_settings *settings);
void capture__free(struct capture *capture); /* NULL is fine */
bool capture__available(void); /* or this build can't read any */

/*
 * The next frame that the filter lets pass, readable until the next call, its
 * time in ns since 1970. 1; 0 at the end, which a record cut short is too (said
 * in a line); or a negative errno for what can't be read (printed).
 */
int capture__next(struct capture *capture, struct engine_frame *frame);

void capture__progress(const struct capture *capture, struct capture_progress *progress);
const char *capture__name(const struct capture *capture); /* for messages */

#endif /* SRC_CAPTURE_H */
