// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>

#include "options.h"
#include "options_parse.h"
#include "options_print.h"
#include "pping.h"

#define FIELD(field) \
	.offset = offsetof(struct options, field), .size = sizeof(((struct options *)NULL)->field)
#define NUMBER(lowest, highest, times) \
	.kind = OPTION_NUMBER, .min = (lowest), .max = (highest), .scale = (times)
#define DECIMAL(highest, times) NUMBER(0, highest, times), .decimals = true

/* A week: nothing that pping counts in time needs longer. */
#define WEEK_S 604800ULL
#define BYTES_PER_KIB 1024

/* In the order of the values they stand for. */
static const char *const rtt_types[] = { "min", "smoothed", NULL };
const char *const option_formats[] = {
	[FORMAT_STANDARD] = "standard",
	[FORMAT_JSON] = "json",
	[FORMAT_JSONL] = "jsonl",
	[FORMAT_PPVIZ] = "ppviz",
	NULL,
};
const char *const option_compressions[] = {
	[COMPRESS_BY_NAME] = "by-name",
	[COMPRESS_NONE] = "none",
	[COMPRESS_ZSTD] = "zstd",
	[COMPRESS_GZIP] = "gzip",
	NULL,
};
static const char *const hooks[] = { [HOOK_TC] = "tc", [HOOK_XDP] = "xdp", NULL };
static const char *const xdp_modes[] = {
	[OPTION_XDP_UNSPECIFIED] = "unspecified",
	[OPTION_XDP_NATIVE] = "native",
	[OPTION_XDP_GENERIC] = "generic",
	NULL,
};

const char *const option_methods[] = {
	[ANONYMIZE_NONE] = "none",
	[ANONYMIZE_CRYPTOPAN] = "cryptopan",
	[ANONYMIZE_IPCRYPT_PFX] = "ipcrypt-pfx",
	[ANONYMIZE_IPCRYPT] = "ipcrypt",
	[ANONYMIZE_TRUNCATE] = "truncate",
	[ANONYMIZE_REMOVE] = "remove",
	NULL,
};
static const char *const port_choices[] = {
	[PORTS_KEPT] = "none",
	[PORTS_EPHEMERAL] = "ephemeral",
	[PORTS_ALL] = "all",
	NULL,
};

/* clang-format off */
const struct option_row options_table[] = {
	{ OPTION_GROUP_WHAT, 'i', "interface", "NAME", OPTION_INTERFACE, FIELD(interface),
	  .help = "the interface to monitor, or a pattern of names like 'ppp*'; may be given several "
		  "times; it or --read is required",
	  .more = "An RTT is found where both directions of a flow pass through this interface, or "
		  "through any of several. "
		  "In a pattern * stands for anything, ? for a character and [a-z] for one of these; "
		  "it means all interfaces whose names fit, but lo, as they come and go. "
		  "See SEVERAL INTERFACES. "
		  "Ethernet devices and devices that carry bare IP packets (PPP, tun) are "
		  "supported. "
		  "When an interface goes away, pping waits for it to come back, unless "
		  "--exit-on-removal is given." },
	{ OPTION_GROUP_WHAT, 0, "read", "FILE", OPTION_FILE, FIELD(read_path),
	  .help = "read a capture, pcap or pcapng, instead of an interface",
	  .more = "No privileges are needed. "
		  "A FILE of - is standard input. "
		  "The times of the packets are the clock. "
		  "See READING A CAPTURE." },
	{ OPTION_GROUP_WHAT, 0, "filter", "EXPR", OPTION_TEXT, OPTION_CAPTURE, FIELD(filter),
	  .help = "of the capture, read only the packets that the pcap filter lets pass",
	  .more = "See pcap-filter(7). "
		  "Both directions of a flow must pass." },
	{ OPTION_GROUP_WHAT, 0, "local", "PREFIX", OPTION_PREFIX, OPTION_CAPTURE, FIELD(local),
	  .help = "addresses of the host that made the capture, which it does not tell; "
		  "may be given several times",
	  .more = "What is sent to them is left out unless -l is given, "
		  "as it is when an interface is monitored. "
		  "Without --local nothing is left out." },
	{ OPTION_GROUP_WHAT, 0, "include", "PREFIX[:PORT]", OPTION_RULE,
	  .help = "look at no other traffic than that from or to PREFIX; may be given several times",
	  .more = "It is enough that one end of a flow is in one of the prefixes. "
		  "See CHOOSING TRAFFIC, for this and the options that follow." },
	{ OPTION_GROUP_WHAT, 0, "include-file", "FILE", OPTION_RULE_FILE,
	  .help = "the same for each line of FILE; what follows a # is a comment" },
	{ OPTION_GROUP_WHAT, 0, "exclude", "PREFIX[:PORT]", OPTION_RULE,
	  .help = "keep nothing of traffic from or to PREFIX, whatever else is said; may be given "
		  "several times" },
	{ OPTION_GROUP_WHAT, 0, "exclude-file", "FILE", OPTION_RULE_FILE,
	  .help = "the same for each line of FILE; SIGHUP reads all such files again" },
	{ OPTION_GROUP_WHAT, 'T', "tcp", FIELD(track_tcp),
	  .help = "track TCP by its timestamps; the default if neither -T nor -C is given",
	  .more = "Connections that don't use the timestamp option can't be measured." },
	{ OPTION_GROUP_WHAT, 'C', "icmp", FIELD(track_icmp),
	  .help = "track ICMP and ICMPv6 echo (ping); alone it leaves TCP out, -TC tracks both" },
	{ OPTION_GROUP_WHAT, 'l', "include-local", FIELD(include_local),
	  .help = "also report RTTs of packets that this host itself answers",
	  .more = "Such an RTT is the time this host takes to answer, and no network is in it. "
		  "What is sent to others is reported in any case." },
	{ OPTION_GROUP_WHAT, 's', "include-SYN", FIELD(include_syn),
	  .help = "also measure the RTTs of TCP handshakes (SYN and SYN-ACK)",
	  .more = "They contain the time that the answering host takes to set up a connection." },

	{ OPTION_GROUP_SAMPLING, 'r', "rate-limit", "MS", DECIMAL(1000 * WEEK_S, PPING_NS_PER_MS),
	  FIELD(rate_limit_ns), .unit = "milliseconds", .def = "100",
	  .help = "least time between two samples of a flow's direction; "
		  "0 means every identifier",
	  .more = "The time runs from the first packet that was stamped for a sample. "
		  "Decimals are allowed, as in 0.5." },
	{ OPTION_GROUP_SAMPLING, 'R', "rtt-rate", "X",
	  DECIMAL(PPING_MAX_RTT_RATE, 1 << PPING_RATE_SHIFT), FIELD(rtt_rate), .unit = "a factor",
	  .def = "0",
	  .help = "least time between samples as a multiple of the flow's RTT, in place of -r "
		  "once there is an RTT; 0 means off",
	  .more = "Decimals are allowed: 0.5 gives about two samples for every RTT." },
	{ OPTION_GROUP_SAMPLING, 't', "rtt-type", "TYPE", OPTION_CHOICE, FIELD(use_srtt),
	  .choices = rtt_types, .def = "min",
	  .help = "the RTT that --rtt-rate multiplies: the least seen, or a smoothed one",
	  .more = "Without --rtt-rate it changes nothing." },

	{ OPTION_GROUP_AGGREGATING, 'a', "aggregate", "S", NUMBER(1, WEEK_S, PPING_NS_PER_SEC),
	  FIELD(aggregate_ns), .unit = "seconds",
	  .help = "report packets and a histogram of all RTTs for each prefix, every S seconds, "
		  "instead of events",
	  .more = "Every RTT is counted, whatever -r says. "
		  "See AGGREGATION." },
	{ OPTION_GROUP_AGGREGATING, '4', "aggregate-subnets-v4", "N", NUMBER(0, 32, 1),
	  FIELD(aggregate_bits4), .unit = "a number of bits", .def = "24",
	  .help = "length of the IPv4 prefixes" },
	{ OPTION_GROUP_AGGREGATING, '6', "aggregate-subnets-v6", "N", NUMBER(0, 64, 1),
	  FIELD(aggregate_bits6), .unit = "a number of bits", .def = "48",
	  .help = "length of the IPv6 prefixes" },
	{ OPTION_GROUP_AGGREGATING, 0, "aggregate-reverse", FIELD(aggregate_reverse),
	  .help = "count an RTT for the prefix of who was answered, not of who answered" },
	{ OPTION_GROUP_AGGREGATING, 0, "aggregate-timeout", "S", NUMBER(1, WEEK_S, PPING_NS_PER_SEC),
	  FIELD(aggregate_timeout_ns), .unit = "seconds", .def = "30",
	  .help = "a prefix without packets for this long gives up its place, at a report" },
	{ OPTION_GROUP_AGGREGATING, 0, "max-prefixes", "N", NUMBER(1, 1 << 20, 1),
	  FIELD(max_prefixes), .unit = "a number of prefixes", .def = "16384",
	  .help = "prefixes counted at once; beyond that, new ones count as everything else" },
	{ OPTION_GROUP_AGGREGATING, 0, "events", FIELD(events),
	  .help = "report RTTs and flow events too, sampled as -r says" },

	{ OPTION_GROUP_OUTPUT, 'F', "format", "FORMAT", OPTION_CHOICE, FIELD(format),
	  .choices = option_formats, .def = "standard", .help = "format of the output",
	  .more = "See OUTPUT FORMATS." },
	{ OPTION_GROUP_OUTPUT, 'w', "write", "FILE", OPTION_FILE, FIELD(write_path),
	  .help = "append to FILE instead of printing to standard output; json wants a new file",
	  .more = "A line format is appended, the json format refuses a file that exists. "
		  "A FILE of - is standard output. "
		  "SIGHUP makes pping open FILE anew, see SIGNALS. "
		  "A FIFO may lose its reader and get another one, see OUTPUT FORMATS. "
		  "With a time in its name, as in rtts-%Y%m%d.jsonl, a name that ends in .zst or .gz, "
		  "or one of the options that rotate or compress, it is different: see "
		  "FILES FOR LONG RUNS." },
	{ OPTION_GROUP_OUTPUT, 0, "counters", FIELD(counters),
	  .help = "add a flow's packets and bytes to each RTT of json and jsonl, and its totals "
		  "and duration to its closing",
	  .more = "It costs a little on every packet of every flow, as nothing else does. "
		  "It can't be combined with ppviz. "
		  "See Totals of a flow." },
	{ OPTION_GROUP_OUTPUT, 0, "no-flow-events", FIELD(no_flow_events),
	  .help = "leave out the openings and closings of flows" },
	{ OPTION_GROUP_OUTPUT, 0, "fields", "LIST", OPTION_FIELDS, FIELD(fields),
	  .print = options_print__fields,
	  .help = "of json and jsonl, write exactly the fields that LIST names; +LIST adds them to "
		  "the usual ones; help lists them",
	  .more = "Names have commas between them, the order is that of --fields help. "
		  "A kind of records of which LIST has no field of its own is left out: without "
		  "flow_event, reason and triggered_by no flow events are written. "
		  "Packets and bytes are counted only if LIST has such a field, or with --counters. "
		  "The records of --aggregate, of --status and about the run have their own fields, "
		  "with times in them: see --relative-time." },
	{ OPTION_GROUP_OUTPUT, 'q', "quiet", FIELD(quiet),
	  .help = "print no summary and no notes on standard error; errors stay" },

	{ OPTION_GROUP_OUTPUT, 0, "metrics", "[ADDR:]PORT", OPTION_ENDPOINT, OPTION_LIVE,
	  FIELD(metrics),
	  .help = "serve metrics to Prometheus; without an address on 127.0.0.1, "
		  "so to this host only",
	  .more = "An IPv6 address stands in brackets, as in [::1]:9100. "
		  "0.0.0.0 is all IPv4 addresses, [::] all addresses of both kinds. "
		  "There is no password and no encryption. "
		  "See METRICS." },
	{ OPTION_GROUP_OUTPUT, 0, "metrics-series", "N", NUMBER(0, 1000, 1), OPTION_LIVE,
	  FIELD(metrics_series), .unit = "a number of prefixes", .def = "100",
	  .help = "with --aggregate, prefixes that have a histogram of their own in the metrics; "
		  "the others are counted together" },

	{ OPTION_GROUP_FILES, 0, "duration", "S", DECIMAL(100 * WEEK_S, PPING_NS_PER_SEC),
	  FIELD(duration_ns), .unit = "seconds", .def = "0",
	  .help = "end after that long; of a capture, that long behind its first packet; "
		  "0 means never" },
	{ OPTION_GROUP_FILES, 0, "count", "N", NUMBER(0, 1ULL << 60, 1), FIELD(count),
	  .unit = "a number", .def = "0", .help = "end after so many RTTs; 0 means never",
	  .more = "Flow events between them are printed and not counted." },
	{ OPTION_GROUP_FILES, 0, "rotate-size", "SIZE", OPTION_SIZE, .min = 16 * 1024,
	  .max = 1ULL << 60, FIELD(rotate_size),
	  .help = "begin another file of --write when this one has SIZE bytes on the disk; K, M, "
		  "G and T are powers of 1024",
	  .more = "See FILES FOR LONG RUNS, for this and the options that follow." },
	{ OPTION_GROUP_FILES, 0, "rotate-interval", "S", NUMBER(1, 100 * WEEK_S, 1),
	  .source = OPTION_LIVE, FIELD(rotate_interval_s), .unit = "seconds",
	  .help = "begin another file at every multiple of S seconds of the local time of day",
	  .more = "With 3600 that is at every full hour, with 86400 at midnight. "
		  "With --relative-time it is S seconds after the start and so on." },
	{ OPTION_GROUP_FILES, 0, "compress", "METHOD", OPTION_CHOICE, FIELD(compress),
	  .choices = option_compressions, .def = "by-name",
	  .help = "compress the files of --write; by-name: as a .zst or .gz at the end of the "
		  "name says" },
	{ OPTION_GROUP_FILES, 0, "max-storage", "SIZE", OPTION_STORAGE, .min = 256 * 1024,
	  .max = 1ULL << 60, FIELD(max_storage),
	  .help = "keep all files of this run together within SIZE: \"SIZE,stop\" (or SIZE alone) "
		  "ends the run there, \"SIZE,drop-oldest\" removes its oldest finished file" },
	{ OPTION_GROUP_FILES, 0, "on-rotate", "COMMAND", OPTION_TEXT, FIELD(on_rotate),
	  .help = "run a shell command for each file that is finished; its name is $1 and "
		  "$PPING_FILE" },
	{ OPTION_GROUP_FILES, 0, "run-records", FIELD(run_records),
	  .help = "begin and end the output with a record that says what run it is of; files that "
		  "are rotated or compressed have them anyway" },
	{ OPTION_GROUP_FILES, 0, "status", "S", DECIMAL(WEEK_S, PPING_NS_PER_SEC),
	  .source = OPTION_LIVE, FIELD(status_interval_ns), .unit = "seconds", .def = "0",
	  .help = "every S seconds print a record with the flows there are, rates and the load of "
		  "the interface; 0 means never" },

	{ OPTION_GROUP_PRIVACY, 0, "anonymize", "METHOD", OPTION_METHOD, FIELD(anonymity.method),
	  .choices = option_methods, .def = "none",
	  .help = "what becomes of each address before anything is written",
	  .more = "cryptopan and ipcrypt-pfx preserve prefixes: addresses of one network stay in "
		  "one. "
		  "ipcrypt encrypts an address as a whole, also one of IPv4 to 128 bits. "
		  "truncate keeps the first 24 bits of IPv4 and 48 of IPv6 addresses, or as many as "
		  "truncate:V4,V6 says. "
		  "remove leaves addresses out. "
		  "The prefixes of --aggregate are treated likewise; truncate and remove shorten them. "
		  "See PRIVACY." },
	{ OPTION_GROUP_PRIVACY, 0, "anonymize-key", "FILE", OPTION_FILE, FIELD(anonymity.key_path),
	  .help = "the key, raw or in hexadecimal digits, in a file that only its owner can read; "
		  "without it a random key is used and never written",
	  .more = "cryptopan and ipcrypt-pfx want 32 bytes, ipcrypt 16; truncate and remove have no "
		  "key. "
		  "Runs with one key anonymise alike, and who has the key can undo it." },
	{ OPTION_GROUP_PRIVACY, 0, "anonymize-ports", "WHICH", OPTION_CHOICE, FIELD(anonymity.ports),
	  .choices = port_choices, .def = "none",
	  .help = "the ports that are anonymised too, with --anonymize",
	  .more = "ephemeral means those from 32768 on and the echo identifiers of ICMP; lower ports, "
		  "which tell the service, stay. "
		  "A port of a host becomes the same one each time, and its different ports stay "
		  "different; the same port of another host becomes another." },
	{ OPTION_GROUP_PRIVACY, 0, "relative-time", FIELD(relative_time),
	  .help = "count all times from the start of the run; when that was is written nowhere",
	  .more = "Of a capture the start is its first packet." },

	{ OPTION_GROUP_ATTACHING, 'I', "ingress-hook", "HOOK", OPTION_CHOICE, OPTION_LIVE,
	  FIELD(ingress_hook),
	  .choices = hooks, .def = "tc", .help = "where arriving packets are looked at",
	  .more = "With tc the kernel goes on to merge packets (GRO). "
		  "With xdp they are seen earlier, but many drivers turn merging off then, which "
		  "can halve the throughput of a router. "
		  "Leaving packets are always seen by tc." },
	{ OPTION_GROUP_ATTACHING, 'x', "xdp-mode", "MODE", OPTION_CHOICE, OPTION_LIVE, FIELD(xdp_mode),
	  .choices = xdp_modes, .def = "native", .help = "how to attach to xdp; only with -I xdp",
	  .more = "The mode native runs in the driver, which must support it; generic runs on any "
		  "device, and slower; unspecified leaves the choice to the kernel." },
	{ OPTION_GROUP_ATTACHING, 0, "exit-on-removal", .source = OPTION_LIVE, FIELD(exit_on_removal),
	  .help = "end when the interface, or the last one of several, goes away instead of waiting "
		  "for its return" },
	{ OPTION_GROUP_ATTACHING, 0, "no-sandbox", FIELD(no_sandbox),
	  .help = "keep all privileges and system calls to the end",
	  .more = "Otherwise pping gives up, once it is attached, what it needs no longer: see "
		  "PRIVILEGES." },

	{ OPTION_GROUP_MEMORY, 0, "max-flows", "N", NUMBER(1024, 1 << 24, 1), FIELD(max_flows),
	  .unit = "a number of flows", .def = "131072",
	  .help = "flows remembered at once; beyond that, idle and unanswered ones give way" },
	{ OPTION_GROUP_MEMORY, 0, "event-buffer", "KIB", NUMBER(64, 1 << 20, BYTES_PER_KIB),
	  .source = OPTION_LIVE, FIELD(event_buffer_bytes), .unit = "KiB", .def = "8192",
	  .help = "buffer between kernel and pping, all CPUs together",
	  .more = "What does not fit is lost, counted and reported: see lost events in "
		  "OUTPUT FORMATS." },
	{ OPTION_GROUP_MEMORY, 'c', "cleanup-interval", "S", DECIMAL(WEEK_S, PPING_NS_PER_SEC),
	  .source = OPTION_LIVE, FIELD(cleanup_interval_ns), .unit = "seconds", .def = "1",
	  .help = "time between two passes that remove idle flows; 0 means never",
	  .more = "A TCP flow is idle after 300 seconds without a packet, an ICMP flow and a flow "
		  "that nobody answered after 30. "
		  "Decimals are allowed. "
		  "With 0 the end of a flow that goes silent is never announced, and its entry is "
		  "used again only when the table is full." },
	{ OPTION_GROUP_MEMORY, 0, "debug-cleanup", .source = OPTION_LIVE, FIELD(debug_cleanup),
	  .help = "report what each of these passes did and how long it took; not with -c 0" },

	{ OPTION_GROUP_HELP, 'h', "help", .kind = OPTION_PRINT, .print = options_print__help,
	  .help = "print this help and exit" },
	{ OPTION_GROUP_HELP, 'V', "version", .kind = OPTION_PRINT, .print = options_print__version,
	  .help = "print the version and what it needs, and exit" },

	{ OPTION_GROUP_HIDDEN, 0, "print-man", .kind = OPTION_PRINT, .print = options_print__man },
	{ OPTION_GROUP_HIDDEN, 0, "print-completion", .kind = OPTION_PRINT,
	  .print = options_print__completion },
	{ 0 },
};
/* clang-format on */

_Static_assert(sizeof(options_table) / sizeof(options_table[0]) <= OPTIONS_MAX_ROWS + 1,
	       "OPTIONS_MAX_ROWS is too small for the table");
