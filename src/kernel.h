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
#include "rules.h"

struct kernel;

/* Kinds of interfaces: each has programs of its own, which share all maps. */
enum kernel_link {
	KERNEL_ETHERNET,
	KERNEL_L3, /* frames begin with the IP header */
	KERNEL_LOOPBACK, /* what leaves through it arrives on it */
	KERNEL_LINKS
};

struct kernel_settings {
	const struct options *options;
	const struct rules *rules; /* NULL: none, then and for ever */
	enum kernel_link link; /* of the first interface */
	uint32_t
		numbers; /* that interfaces may have, PPING_INTERFACE_NUMBERS at most; 0: there is one only */
};

/* Opens and configures the object, loads nothing. 0 or a negative errno (printed). */
int kernel__open(struct kernel **kernel, const struct kernel_settings *settings);
/* Loads programs and maps. On failure says what is missing: a privilege, BTF, a newer kernel. */
int kernel__load(struct kernel *kernel);
void kernel__free(struct kernel *kernel); /* NULL is fine */

/*
 * The XDP program as an object of its own, opened but not loaded, so that libxdp
 * can load it in its place; it shares the loaded kernel's maps and configuration.
 * frags: with multi-buffer support (kernel 5.18). The caller closes the object.
 * 0 or a negative errno (not printed).
 */
int kernel__open_xdp(struct kernel *kernel, bool frags, struct bpf_object **object);
/*
 * The XDP program, loaded: once and for good, so that an interface which comes back
 * needs no privilege. The fd stays the kernel's. 0 or a negative errno (not printed):
 * of what could not be loaded before kernel__seal() it is the same for ever.
 */
int kernel__load_xdp(struct kernel *kernel, bool frags, int *prog_fd);
/*
 * Privileges are given up, and system calls refused, in a moment: from now on nothing is
 * loaded or even opened, which libbpf makes system calls for that depend on its version.
 * What is not loaded is -EPERM.
 */
void kernel__seal(struct kernel *kernel);

/* Of the tc hook, for interfaces of that kind; loaded when first asked for. */
struct kernel_programs {
	int egress_fd;
	int ingress_fd; /* -1 with -I xdp */
};
/* Are they loaded, or can they be? */
bool kernel__can_have_programs(const struct kernel *kernel, enum kernel_link link);
/* 0 or a negative errno (not printed). */
int kernel__programs(struct kernel *kernel, enum kernel_link link,
		     struct kernel_programs *programs);
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

/*
 * Rules in the place of those it has (old): from its return on no packet is judged
 * by these, and at no time by neither. Flows that were let in before are still
 * there: a cleaning pass removes those that the rules leave out now. 0 or a
 * negative errno (not printed), and the old ones stay.
 */
int kernel__set_rules(struct kernel *kernel, const struct rules *rules, const struct rules *old);

/* An event of the kernel side, not counted there, that is given up here. */
void kernel__count_untaken(struct kernel *kernel);
/* Sums the counters of all CPUs and interfaces, and those counted here. 0 or a negative errno (not printed). */
int kernel__counters(const struct kernel *kernel, struct pping_counters *sum);

/*
 * Flows that wanted an entry, of all CPUs: cheap however many interfaces there are.
 * 0 or a negative errno (not printed).
 */
int kernel__new_flows(const struct kernel *kernel, uint64_t *sum);

/*
 * Can the interface have a number? 0 or a negative errno (not printed), -EEXIST: it
 * can't be told from another one that has one, whose ifindex has the same low bits.
 */
int kernel__can_number(const struct kernel *kernel, int ifindex);
/*
 * What is seen on the interface counts for that number from now on, if it can have
 * one; with number 0 for none. 0 or a negative errno (not printed).
 */
int kernel__set_number(struct kernel *kernel, int ifindex, uint32_t number);
/* What was counted for a number. 0 or a negative errno (not printed). */
int kernel__counters_of(const struct kernel *kernel, uint32_t number, struct pping_counters *sum);
/* It goes to another interface: its counters begin anew; only sums know of what was counted. */
int kernel__retire_number(struct kernel *kernel, uint32_t number);

/* What it keeps per prefix, for aggregate__new(); only with options.aggregate_ns. */
void kernel__prefixes(struct kernel *kernel, struct aggregate_tables *tables);

/* By its version number, where nothing else tells. */
bool kernel__is_older(int major, int minor);

#endif /* SRC_KERNEL_H */
