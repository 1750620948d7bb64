/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the BPF programs need and not every kernel has. The kernel is asked for the
 * thing itself, never for its version: distributions add features to old kernels
 * and leave some out of new ones.
 */
#ifndef SRC_FEATURES_H
#define SRC_FEATURES_H

#include <stddef.h>

/*
 * What this kernel lacks that every run needs, with the Linux version that it came
 * with; NULL if it is none of what we know. Needs the privileges for loading.
 */
const char *features__missing(void);
/* One after the other: *at is 0 for the first, and moves on. */
const char *features__missing_from(size_t *at);

/* The same for the XDP program: NULL if nothing is missing. */
const char *features__missing_for_xdp(void);
/*
 * Why perf_event_open() fails with EACCES for a process that has CAP_PERFMON: some
 * distributions have a setting that asks for more. NULL if it is not that; where it
 * can't be read it probably is.
 */
const char *features__perf_restricted(void);

#endif /* SRC_FEATURES_H */
