/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events on their way from the CPUs' perf rings to the outputs, put in order of
 * time. The kernel wakes us at a watermark only; the caller also drains on a
 * timer, so that a line appears at once. Loss is not read here: the rings' own
 * lost records come late and too few, the kernel side counts exactly.
 */
#ifndef SRC_EVENTS_H
#define SRC_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "pping.h"

struct events;

/* event is valid during the call. Returns 0 or a negative errno, which ends the drain. */
typedef int (*events_fn)(void *ctx, const struct pping_event *event);

/*
 * total_bytes is divided among the CPUs, in powers of two of pages. Open it
 * before programs attach, or the first events vanish. 0 or a negative errno (printed).
 */
int events__open(struct events **events, int map_fd, uint64_t total_bytes);
void events__free(struct events *events); /* NULL is fine */

/* Readable when a ring passed its watermark. */
int events__fd(const struct events *events);

/* Another event, of userspace's own or an iterator's. 0 or -ENOMEM. */
int events__add(struct events *events, const struct pping_event *event);
/* How many were added or read and not handed over. */
size_t events__waiting(const struct events *events);

/*
 * Empties the rings and hands over, in order of time, all events up to horizon
 * (CLOCK_MONOTONIC ns); later ones wait for the next drain, since another CPU
 * may just be writing an earlier one. UINT64_MAX: all. 0 or the handler's error.
 */
int events__drain(struct events *events, uint64_t horizon, events_fn fn, void *ctx);

#endif /* SRC_EVENTS_H */
