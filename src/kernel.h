/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel side as loaded: the BPF object, its configuration and its maps.
 * Nothing else in userspace sees the skeleton; others take fds and struct
 * bpf_object from here.
 */
#ifndef SRC_KERNEL_H
#define SRC_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include "aggregate.h"
#include "options.h"
#include "pping.h"
#include "pping_debug_cleanup.h"

struct kernel;

struct kernel_settings {
	const struct options *options;
	bool l3_device; /* frames of the interface begin with the IP header */
	bool loopback; /* what leaves through it arrives on it */
};

/* Opens and configures the object, loads nothing. 0 or a negative errno (printed). */
int kernel__open(struct kernel **kernel, const struct kernel_settings *settings);
/* Loads programs and maps. On failure says what is missing: a privilege, BTF, a newer kernel. */
int kernel__load(struct kernel *kernel);
void kernel__free(struct kernel *kernel); /* NULL is fine */

/*
 * The XDP program as an object of its own, opened but not loaded, so that libxdp
 * or we can load it in its place; it shares the loaded kernel's maps and
 * configuration. frags: with multi-buffer support (kernel 5.18). The caller
 * closes the object. 0 or a negative errno (not printed).
 */
int kernel__open_xdp(struct kernel *kernel, bool frags, struct bpf_object **object);

int kernel__egress_fd(const struct kernel *kernel);
int kernel__ingress_fd(const struct kernel *kernel); /* of the tc hook */
const struct bpf_program *kernel__clean_program(const struct kernel *kernel);
int kernel__events_fd(const struct kernel *kernel);
int kernel__flows_fd(const struct kernel *kernel);
int kernel__cleanup_fd(const struct kernel *kernel);

/* A second of the event loop went by: flows age by these. */
void kernel__tick(struct kernel *kernel);
/* Do all CPUs together see more new flows than the table should take? */
void kernel__set_pressed(struct kernel *kernel, bool pressed);

int kernel__add_local(struct kernel *kernel, const union pping_addr *addr);
int kernel__remove_local(struct kernel *kernel, const union pping_addr *addr);

/* An event of the kernel side, not counted there, that is given up here. */
void kernel__count_untaken(struct kernel *kernel);
/* Sums the counters of all CPUs, and those counted here. 0 or a negative errno (not printed). */
int kernel__counters(const struct kernel *kernel, struct pping_counters *sum);

/* What it keeps per prefix, for aggregate__new(); only with options.aggregate_ns. */
void kernel__prefixes(struct kernel *kernel, struct aggregate_tables *tables);

bool kernel__is_older(int major, int minor);

/* Prints why a BPF call failed with err (negative errno), privileges and kernel looked at. */
void kernel__explain(int err, const char *what);

#endif /* SRC_KERNEL_H */
