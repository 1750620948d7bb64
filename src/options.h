/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line. One table (options.c) has a row an option: letter, long
 * name, argument, parser, destination, bounds, default, help text; parsing,
 * --help, the man page's OPTIONS section and the bash completion come out of it.
 */
#ifndef SRC_OPTIONS_H
#define SRC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pping.h"

enum option_format { FORMAT_STANDARD, FORMAT_JSON, FORMAT_JSONL, FORMAT_PPVIZ };
enum option_hook { HOOK_TC, HOOK_XDP };
enum option_xdp_mode { OPTION_XDP_UNSPECIFIED, OPTION_XDP_NATIVE, OPTION_XDP_GENERIC };

/* As compressor.h has them, but for the first. */
enum option_compress { COMPRESS_BY_NAME, COMPRESS_NONE, COMPRESS_ZSTD, COMPRESS_GZIP };

#define OPTIONS_MAX_LOCAL 64

/* Addresses that begin with the same bits, 128 at most; IPv4 as ::ffff:a.b.c.d, so at least 96. */
struct option_prefix {
	union pping_addr addr; /* further bits are 0 */
	uint8_t bits;
};

struct options {
	/* one of the two is not NULL; strings point into argv */
	const char *interface;
	const char *read_path; /* "-": stdin */
	const char *filter; /* NULL: none */
	struct option_prefix local[OPTIONS_MAX_LOCAL];
	uint32_t locals;
	const char *write_path; /* NULL or "-": stdout */
	bool rotating; /* write_path is a pattern of names: rotation.h; else one file, as it is */
	enum option_compress compress; /* not COMPRESS_BY_NAME once parsed */
	uint64_t rotate_size; /* bytes; 0: no limit */
	uint64_t rotate_interval_s; /* 0: no limit */
	uint64_t max_storage; /* bytes; 0: no limit */
	bool drop_oldest; /* to keep to max_storage */
	const char *on_rotate; /* NULL: none */
	bool run_records;
	uint64_t status_interval_ns; /* 0: none */
	uint64_t duration_ns; /* 0: no limit */
	uint64_t count; /* of RTTs; 0: no limit */
	bool no_flow_events;
	uint64_t rate_limit_ns;
	uint32_t rtt_rate; /* fixed point, PPING_RATE_SHIFT fractional bits */
	bool use_srtt;
	uint64_t cleanup_interval_ns; /* 0: never */
	enum option_format format;
	enum option_hook ingress_hook;
	enum option_xdp_mode xdp_mode;
	bool track_tcp; /* TCP if neither -T nor -C was given */
	bool track_icmp;
	bool include_local;
	bool include_syn;
	bool counters;
	uint32_t max_flows;
	uint64_t event_buffer_bytes; /* all CPUs' rings together */
	bool debug_cleanup;
	bool quiet; /* no summary and no notes on stderr; errors stay */
	bool exit_on_removal;
	/* the options that were given, with what they were given unless that may be anybody's secret */
	char given[1024];
};

enum options_verdict {
	OPTIONS_RUN, /* options are filled, go */
	OPTIONS_DONE, /* --help or --version was printed: exit 0 */
	OPTIONS_WRONG, /* one line was printed to stderr: exit 2 */
};

enum options_verdict options__parse(struct options *opts, int argc, char **argv);

#endif /* SRC_OPTIONS_H */
