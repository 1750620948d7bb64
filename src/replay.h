/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source of events of --read: a capture's packets through the engine in
 * this process, in slices between which the loop gets its turn.
 */
#ifndef SRC_REPLAY_H
#define SRC_REPLAY_H

#include "loop.h"
#include "options.h"
#include "rules.h"
#include "sink.h"
#include "summary.h"

struct replay;

/*
 * Opens the capture; the loop reads it, and ends after it. options, rules (NULL:
 * none) and sink outlive the replay. 0 or a negative errno (printed).
 */
int replay__new(struct replay **replay, struct loop *loop, const struct options *options,
		const struct rules *rules, struct sink *sink);

/* 0, or a negative errno if packets had to be passed over for their times (printed). */
int replay__finish(struct replay *replay);
void replay__summary(const struct replay *replay, struct summary *summary);
void replay__counters(const struct replay *replay, struct pping_counters *counters);
void replay__free(struct replay *replay); /* NULL is fine */

#endif /* SRC_REPLAY_H */
