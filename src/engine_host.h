/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine in an ordinary process: engine/seam.h on plain memory. Frames go
 * in, events come out. Prints nothing.
 *
 * Invariants:
 *  - the frames' times are the only clock, and it never goes back;
 *  - memory is bounded by max_flows and allocated at the start;
 *  - the same frames and settings give the same events, bit by bit;
 *  - one engine at a time: its configuration is a variable of the process.
 */
#ifndef SRC_ENGINE_HOST_H
#define SRC_ENGINE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregate.h"
#include "options.h"
#include "pping.h"
#include "rules.h"

struct engine_host;

struct engine_host_settings {
	struct pping_config config; /* its keys are left out: the engine has its own */
	uint32_t max_flows;
	const struct option_prefix
		*local; /* stand in for the addresses of the host; outlive the engine */
	size_t locals;
	const struct rules *rules; /* outlive the engine; NULL: none, and config.rules follows */
	void *ctx;
	/* timestamps are of the frames' clock; 0 or a negative errno */
	int (*event)(void *ctx, const struct pping_event *event);
};

#define ENGINE_FRAME_UNKNOWN (-1)

struct engine_frame {
	const void *data;
	uint32_t captured; /* bytes at data */
	uint32_t length; /* of the whole frame, at least captured */
	uint64_t time_ns; /* since any time, the same for all frames */
	int verdict; /* what the link layer says (PPING_COUNT_), or ENGINE_FRAME_UNKNOWN: look into it */
	uint8_t way; /* enum pping_match */
	bool l3; /* begins with the IP header; otherwise with an Ethernet one */
};

/* 0, -ENOMEM, or -EBUSY: there is one already. */
int engine_host__new(struct engine_host **engine, const struct engine_host_settings *settings);
void engine_host__free(struct engine_host *engine); /* NULL is fine */

/*
 * Takes a frame. When a second of the clock has gone by, the flows that have
 * expired are removed and announced before, in the order of their keys. A frame
 * earlier than the one before is taken as of the same time. 0 or the error of
 * the event handler.
 */
int engine_host__packet(struct engine_host *engine, const struct engine_frame *frame);

/* What it keeps per prefix, for aggregate__new(); with config.aggregate only. */
void engine_host__prefixes(struct engine_host *engine, struct aggregate_tables *tables);

/* The frames' clock has reached this, with no frame so far: flows expire. */
void engine_host__advance(struct engine_host *engine, uint64_t time_ns);

const struct pping_counters *engine_host__counters(const struct engine_host *engine);
/* Flow entries present, and how many of them were seen in both directions. */
void engine_host__flows(const struct engine_host *engine, uint64_t *present, uint64_t *replied);
/* What the engine runs with, its keys included. */
const struct pping_config *engine_host__config(const struct engine_host *engine);

#endif /* SRC_ENGINE_HOST_H */
