/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line. One table (options_table.c) has a row an option: letter, long
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
enum option_anonymize {
	ANONYMIZE_NONE,
	ANONYMIZE_CRYPTOPAN,
	ANONYMIZE_IPCRYPT_PFX,
	ANONYMIZE_IPCRYPT,
	ANONYMIZE_TRUNCATE,
	ANONYMIZE_REMOVE,
};
enum option_ports { PORTS_KEPT, PORTS_EPHEMERAL, PORTS_ALL };
enum option_xdp_mode { OPTION_XDP_UNSPECIFIED, OPTION_XDP_NATIVE, OPTION_XDP_GENERIC };

/* As compressor.h has them, but for the first. */
enum option_compress { COMPRESS_BY_NAME, COMPRESS_NONE, COMPRESS_ZSTD, COMPRESS_GZIP };

#define OPTIONS_MAX_LOCAL 64
#define OPTIONS_MAX_RULES 256
#define OPTIONS_MAX_INTERFACES 64
#define OPTIONS_MAX_PATTERN 63 /* bytes: longer than a name, as [0-9] is */
/* Of all options as they were given: the interfaces, and each other one once. */
#define OPTIONS_GIVEN_MAX \
	(OPTIONS_MAX_INTERFACES * (sizeof(" --interface ") + OPTIONS_MAX_PATTERN) + 4096)

/* How addresses and ports are made unrecognisable, see anonymize.h. */
struct option_anonymity {
	enum option_anonymize method;
	enum option_ports ports; /* which are changed */
	uint8_t v4_bits, v6_bits; /* ANONYMIZE_TRUNCATE: what is kept */
	const char *key_path; /* NULL: a random key */
};

/* Addresses that begin with the same bits, 128 at most; IPv4 as ::ffff:a.b.c.d, so at least 96. */
struct option_prefix {
	union pping_addr addr; /* further bits are 0 */
	uint8_t bits;
};

/* --include and --exclude as they were given, see rules.h. */
struct option_rules {
	struct option_rule {
		const char *text; /* a rule, or the name of a file of them */
		bool exclude; /* not include */
		bool file;
	} list[OPTIONS_MAX_RULES];
	uint32_t count;
};

/* Where a server listens. Port 0: nowhere. */
struct option_endpoint {
	union pping_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port; /* of the host's byte order */
};

struct options {
	/* one of the two is not NULL; strings point into argv */
	const char *interface; /* all of -i, with commas between them, cut where that is long */
	const char *read_path; /* "-": stdin */
	const char *interfaces[OPTIONS_MAX_INTERFACES +
			       1]; /* names and patterns, each once; NULL at the end */
	bool several; /* interfaces there may be: several names, or a pattern */
	char interface_list[64]; /* what interface points to then */
	const char *filter; /* NULL: none */
	struct option_prefix local[OPTIONS_MAX_LOCAL];
	uint32_t locals;
	struct option_rules rules;
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
	uint64_t aggregate_ns; /* time between two reports per prefix; 0: events instead */
	uint32_t aggregate_bits4; /* lengths of the prefixes */
	uint32_t aggregate_bits6;
	bool aggregate_reverse; /* RTTs by who was answered */
	uint64_t aggregate_timeout_ns; /* of idle prefixes */
	bool events; /* with aggregate_ns: events too */
	uint32_t max_prefixes;
	uint32_t max_flows;
	uint64_t event_buffer_bytes; /* all CPUs' rings together */
	struct option_endpoint metrics;
	uint32_t metrics_series; /* prefixes that have a histogram of their own there */
	bool debug_cleanup;
	struct option_anonymity anonymity;
	bool no_rtt_events, no_flow_events; /* nothing that is written comes of them */
	bool relative_time; /* every time counts from the start of the run */
	uint32_t fields; /* fields.h: a JSON record's; 0: the usual ones */
	bool quiet; /* no summary and no notes on stderr; errors stay */
	bool exit_on_removal;
	bool no_sandbox; /* give up no privileges */
	/* the options that were given, with what they were given unless that may be anybody's secret */
	char given[OPTIONS_GIVEN_MAX];
};

enum options_verdict {
	OPTIONS_RUN, /* options are filled, go */
	OPTIONS_DONE, /* --help or --version was printed: exit 0 */
	OPTIONS_WRONG, /* one line was printed to stderr: exit 2 */
};

/* Word 0 or 1 of the mask of a prefix of bits, in network byte order. */
__be32 options__prefix_mask(uint32_t bits, int word);

/* The name of the method, as --anonymize takes it. */
const char *options__anonymity(const struct options *opts);

enum options_verdict options__parse(struct options *opts, int argc, char **argv);

#endif /* SRC_OPTIONS_H */
