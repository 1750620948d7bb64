// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compressor.h"
#include "fields.h"
#include "file_name.h"
#include "options.h"
#include "options_print.h"
#include "pping.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define DIGITS "0123456789"

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
static const char *const formats[] = {
	[FORMAT_STANDARD] = "standard",
	[FORMAT_JSON] = "json",
	[FORMAT_JSONL] = "jsonl",
	[FORMAT_PPVIZ] = "ppviz",
	NULL,
};
static const char *const compressions[] = {
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

static const char *const anonymize_methods[] = {
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
	  .help = "the interface to monitor; it or --read is required",
	  .more = "An RTT is found where both directions of a flow pass through this interface. "
		  "Ethernet devices and devices that carry bare IP packets (PPP, tun) are "
		  "supported. "
		  "When the interface goes away, pping waits for it to come back, unless "
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
	  .choices = formats, .def = "standard", .help = "format of the output",
	  .more = "See OUTPUT FORMATS." },
	{ OPTION_GROUP_OUTPUT, 'w', "write", "FILE", OPTION_FILE, FIELD(write_path),
	  .help = "append to FILE instead of printing to standard output; json wants a new file",
	  .more = "A line format is appended, the json format refuses a file that exists. "
		  "A FILE of - is standard output. "
		  "SIGHUP makes pping open FILE anew, see SIGNALS. "
		  "With a time in its name, as in rtts-%Y%m%d.jsonl, a name that ends in .zst or .gz, "
		  "or one of the options that rotate or compress, it is different: see "
		  "FILES FOR LONG RUNS." },
	{ OPTION_GROUP_OUTPUT, 0, "counters", FIELD(counters),
	  .help = "add packets and bytes, sent and received, to each RTT of json and jsonl",
	  .more = "It costs a little on every packet of every flow, as nothing else does. "
		  "It can't be combined with the other formats." },
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
	  .choices = compressions, .def = "by-name",
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
	  .choices = anonymize_methods, .def = "none",
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
	  .help = "end when the interface goes away instead of waiting for its return" },

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

#define ROWS (ARRAY_SIZE(options_table) - 1)

struct parse {
	struct options *opts;
	bool given[ROWS];
	const char *given_as[ROWS]; /* for opts->given */
	bool fields_added; /* --fields +LIST */
	const struct option_row *print; /* the first --help or the like */
	char complaint[512]; /* the first one, without "pping: " */
};

__attribute__((format(printf, 2, 3))) static void complain(struct parse *p, const char *fmt, ...)
{
	va_list args;

	if (p->complaint[0])
		return;
	va_start(args, fmt);
	vsnprintf(p->complaint, sizeof(p->complaint), fmt, args);
	va_end(args);
}

/* A user's word for a message: one line and no terminal escapes, whatever is in it. */
struct quoted {
	char text[4 * 40 + sizeof("\"\"...")];
};

static struct quoted quote(const char *word)
{
	struct quoted q = { "\"" };
	int room = 40;

	for (; *word && room; word++, room--) {
		unsigned char c = *word;
		const char *fmt = c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? "\\x%02x" : "%c";

		options_print__append(q.text, sizeof(q.text), fmt, c);
	}
	options_print__append(q.text, sizeof(q.text), *word ? "...\"" : "\"");
	return q;
}
#define QUOTE(word) (quote(word).text)

/* Of ASCII, in any locale. */
static char capital(char c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* --- values ------------------------------------------------------------------ */

static void complain_value(struct parse *p, const struct option_row *row, const char *text,
			   const char *why)
{
	char wants[128];

	options_print__wants(row, wants, sizeof(wants));
	complain(p, "--%s: %s %s; give %s", row->name, QUOTE(text), why, wants);
}

/* value: a number, a bool, an enum or a pointer, as wide as the field it goes to. */
static void store(struct parse *p, const struct option_row *row, uint64_t value)
{
	void *field = (char *)p->opts + row->offset;
	uint32_t value32 = value;
	uint8_t value8 = value;

	if (row->size == sizeof(value))
		memcpy(field, &value, sizeof(value));
	else if (row->size == sizeof(value32))
		memcpy(field, &value32, sizeof(value32));
	else
		memcpy(field, &value8, sizeof(value8));
}

/* Digits, or digits with one point before the last of them: "5", "0.5", ".5". */
static bool is_plain(const char *text, size_t whole, size_t places)
{
	return whole + places && !text[whole + (places ? places + 1 : 0)];
}

/*
 * Returns NULL or what is wrong with it. Integers only, digit by digit: no locale
 * has a say, nothing overflows (max is checked at each digit), and the result is
 * exactly the number times scale, rounded down.
 */
static const char *parse_number(const struct option_row *row, const char *text, uint64_t *value)
{
	size_t whole = strspn(text, DIGITS);
	size_t places = text[whole] == '.' ? strspn(text + whole + 1, DIGITS) : 0;
	uint64_t number = 0, fraction = 0;
	bool exact = true;

	if (!is_plain(text, whole, places)) {
		text += strspn(text, "+-.");
		return strspn(text, DIGITS) ? "is not a number in plain digits" : "is not a number";
	}
	if (places && !row->decimals)
		return "is not a whole number";

	for (size_t i = 0; i < whole; i++) {
		number = 10 * number + (text[i] - '0');
		if (number > row->max)
			return "is too large";
	}
	for (size_t i = whole + places; i > whole; i--) {
		int digit = text[i] - '0';

		fraction = (digit * row->scale + fraction) / 10;
		exact &= !digit;
	}
	if (number == row->max && !exact)
		return "is too large";
	if (number < row->min)
		return "is too small";

	*value = number * row->scale + fraction;
	/* 0 turns things off: nobody who asked for more shall get that. */
	return *value || exact ? NULL : "is too small to be told from 0";
}

static void take_number(struct parse *p, const struct option_row *row, const char *text)
{
	uint64_t value = 0;
	const char *why = parse_number(row, text, &value);

	if (why)
		complain_value(p, row, text, why);
	else
		store(p, row, value);
}

static void take_choice(struct parse *p, const struct option_row *row, const char *text)
{
	int i = 0;

	while (row->choices[i] && strcmp(row->choices[i], text))
		i++;
	if (row->choices[i])
		store(p, row, i);
	else
		complain_value(p, row, text, "is not known");
}

/* The kernel's own rules (dev_valid_name), so that a typing error is told from a missing device. */
static const char *check_interface(const char *name)
{
	if (!*name)
		return "is empty";
	if (strlen(name) >= IFNAMSIZ)
		return "is longer than the 15 bytes of an interface name";
	if (strpbrk(name, "/: \t\n\v\f\r"))
		return "has a character that no interface name has";
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return "can't be an interface name";
	return NULL;
}

static void take_interface(struct parse *p, const struct option_row *row, const char *name)
{
	const char *why = check_interface(name);

	if (why)
		complain_value(p, row, name, why);
	else if (p->given[row - options_table])
		complain(p, "--interface: only one -i for now; run another pping for %s",
			 QUOTE(name));
	else
		store(p, row, (uintptr_t)name);
}

static void take_text(struct parse *p, const struct option_row *row, const char *text)
{
	if (!*text)
		complain_value(p, row, text, "is empty");
	else
		store(p, row, (uintptr_t)text);
}

/* Are all bits of addr from number first on 0? */
static bool ends_with_zeros(const union pping_addr *addr, unsigned int first)
{
	for (unsigned int bit = first; bit < 128; bit++)
		if (addr->b[bit / 8] >> (7 - bit % 8) & 1)
			return false;
	return true;
}

/* NULL or what is wrong with it. bits counts from the left of the stored 128. */
static const char *parse_prefix(const char *text, struct option_prefix *prefix)
{
	size_t len = strcspn(text, "/"), digits = text[len] ? strspn(text + len + 1, DIGITS) : 0;
	bool ipv4 = !strchr(text, ':');
	unsigned int most = ipv4 ? 32 : 128, bits = most;
	char address[INET6_ADDRSTRLEN];

	memset(prefix, 0, sizeof(*prefix));
	if (ipv4)
		memset(prefix->addr.b + 10, 0xff, 2);
	if (len >= sizeof(address))
		return "is not an address";
	snprintf(address, sizeof(address), "%.*s", (int)len, text);
	if (inet_pton(ipv4 ? AF_INET : AF_INET6, address, prefix->addr.b + (ipv4 ? 12 : 0)) != 1)
		return "is not an address";
	if (text[len]) {
		if (!digits || digits > 3 || text[len + 1 + digits] ||
		    sscanf(text + len + 1, "%3u", &bits) != 1 || bits > most)
			return "has no length that its kind of address can have";
	}
	prefix->bits = bits + 128 - most;
	return ends_with_zeros(&prefix->addr, prefix->bits) ? NULL : "has bits behind its length";
}

static void take_prefix(struct parse *p, const struct option_row *row, const char *text)
{
	struct option_prefix prefix;
	const char *why = parse_prefix(text, &prefix);

	if (why)
		complain_value(p, row, text, why);
	else if (p->opts->locals == OPTIONS_MAX_LOCAL)
		complain(p, "--%s: more than %d; give fewer, shorter prefixes", row->name,
			 OPTIONS_MAX_LOCAL);
	else
		p->opts->local[p->opts->locals++] = prefix;
}

/*
 * "20G": digits and perhaps a unit. What a comma begins is left to the caller.
 * NULL or what is wrong with it.
 */
static const char *parse_size(const struct option_row *row, const char *text, uint64_t *value,
			      const char **end)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, DIGITS);
	uint64_t number = 0, scale = 1;
	const char *unit;

	if (!digits)
		return "is not a size";
	*end = text + digits;
	unit = **end ? strchr(units, capital(**end)) : NULL;
	if (unit) {
		scale <<= 10 * (unit - units + 1);
		++*end;
	}
	if (**end && **end != ',')
		return "is not a size";
	for (size_t i = 0; i < digits; i++) {
		number = 10 * number + (text[i] - '0');
		if (number > row->max / scale)
			return "is too large";
	}
	*value = number * scale;
	return *value < row->min ? "is too small" : NULL;
}

static void take_size(struct parse *p, const struct option_row *row, const char *text)
{
	const char *end = "", *why;
	uint64_t value = 0;

	why = parse_size(row, text, &value, &end);
	if (!why && *end)
		why = "is not a size";
	if (why)
		complain_value(p, row, text, why);
	else
		store(p, row, value);
}

static void take_storage(struct parse *p, const struct option_row *row, const char *text)
{
	const char *end = "", *why;
	uint64_t value = 0;

	why = parse_size(row, text, &value, &end);
	p->opts->drop_oldest = !strcmp(end, ",drop-oldest");
	if (!why && *end && strcmp(end, ",stop") && !p->opts->drop_oldest)
		why = "has something else than stop or drop-oldest behind its size";
	if (why)
		complain_value(p, row, text, why);
	else
		store(p, row, value);
}

/* Digits, 1 to 65535; 0 if it is anything else. */
static uint16_t parse_port(const char *text)
{
	size_t digits = strspn(text, DIGITS);
	unsigned int port = 0;

	if (!digits || digits > 5 || text[digits] || sscanf(text, "%5u", &port) != 1)
		return 0;
	return port <= UINT16_MAX ? port : 0;
}

/* The part before the port, len bytes: none is 127.0.0.1. */
static bool parse_host(const char *text, size_t len, union pping_addr *addr)
{
	char address[INET6_ADDRSTRLEN];
	bool ipv6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	memset(addr, 0, sizeof(*addr));
	if (ipv6) {
		text++;
		len -= 2;
	} else {
		memset(addr->b + 10, 0xff, 2);
	}
	if (len >= sizeof(address))
		return false;
	if (len || ipv6)
		snprintf(address, sizeof(address), "%.*s", (int)len, text);
	else
		strcpy(address, "127.0.0.1");
	return inet_pton(ipv6 ? AF_INET6 : AF_INET, address, addr->b + (ipv6 ? 0 : 12)) == 1;
}

/* NULL or what is wrong with it: PORT, :PORT, ADDRESS:PORT or [ADDRESS]:PORT. */
static const char *parse_endpoint(const char *text, struct option_endpoint *endpoint)
{
	const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (bracket && (!colon || colon < bracket))
		return "has no port";
	if (*text != '[' && memchr(text, ':', len))
		return "has an IPv6 address without brackets";
	if (!colon && strchr(text, '.'))
		return "has no port";
	endpoint->port = parse_port(colon ? colon + 1 : text);
	if (!endpoint->port)
		return "has a port that is no number from 1 to 65535";
	return parse_host(text, len, &endpoint->addr) ? NULL : "has no address that is one";
}

static void take_endpoint(struct parse *p, const struct option_row *row, const char *text)
{
	struct option_endpoint endpoint;
	const char *why = parse_endpoint(text, &endpoint);

	if (why)
		complain_value(p, row, text, why);
	else
		memcpy((char *)p->opts + row->offset, &endpoint, sizeof(endpoint));
}

/* "24,48": both lengths; less than the whole address, which would be kept. NULL or what is wrong. */
static const char *parse_lengths(const char *text, struct option_anonymity *anonymity)
{
	static const struct option_row v4 = { .max = 31, .scale = 1 },
				       v6 = { .max = 127, .scale = 1 };
	static const char *const wrong =
		"has no lengths from 0,0 to 31,127 behind it, as truncate:24,48 has";
	size_t comma = strcspn(text, ",");
	uint64_t v4_bits, v6_bits;
	char first[8] = "";

	if (!text[comma] || comma >= sizeof(first))
		return wrong;
	memcpy(first, text, comma);
	if (parse_number(&v4, first, &v4_bits) || parse_number(&v6, text + comma + 1, &v6_bits))
		return wrong;
	anonymity->v4_bits = (uint8_t)v4_bits;
	anonymity->v6_bits = (uint8_t)v6_bits;
	return NULL;
}

static void take_method(struct parse *p, const struct option_row *row, const char *text)
{
	static const char truncate[] = "truncate:";
	const char *why;

	p->opts->anonymity.v4_bits = 24;
	p->opts->anonymity.v6_bits = 48;
	if (strncmp(text, truncate, sizeof(truncate) - 1)) {
		take_choice(p, row, text);
		return;
	}
	why = parse_lengths(text + sizeof(truncate) - 1, &p->opts->anonymity);
	if (why)
		complain(p, "--%s: %s %s", row->name, QUOTE(text), why);
	else
		store(p, row, ANONYMIZE_TRUNCATE);
}

/* All names, for a message. */
static void complain_field(struct parse *p, const struct option_row *row, const char *name,
			   size_t len)
{
	char word[48], all[400] = "";

	snprintf(word, sizeof(word), "%.*s", (int)(len < 47 ? len : 47), name);
	for (int i = 0; i < FIELD_COUNT; i++)
		options_print__append(all, sizeof(all), "%s%s", i ? ", " : "", fields__key(i));
	complain(p, "--%s: %s is no field; give some of %s", row->name, QUOTE(word), all);
}

static void take_fields(struct parse *p, const struct option_row *row, const char *text)
{
	const char *name = text;
	uint32_t fields = 0;
	size_t len;
	int field;

	if (!strcmp(text, "help")) {
		if (!p->print)
			p->print = row;
		return;
	}
	p->fields_added = *name == '+';
	name += p->fields_added;
	for (;; name += len + 1) {
		len = strcspn(name, ",");
		field = fields__find(name, len);
		if (field < 0) {
			complain_field(p, row, name, len);
			return;
		}
		fields |= 1u << field;
		if (!name[len])
			break;
	}
	store(p, row, fields);
}

static void take_value(struct parse *p, const struct option_row *row, const char *text)
{
	switch (row->kind) {
	case OPTION_FLAG:
		store(p, row, true);
		break;
	case OPTION_NUMBER:
		take_number(p, row, text);
		break;
	case OPTION_CHOICE:
		take_choice(p, row, text);
		break;
	case OPTION_INTERFACE:
		take_interface(p, row, text);
		break;
	case OPTION_FILE:
	case OPTION_TEXT:
		take_text(p, row, text);
		break;
	case OPTION_PREFIX:
		take_prefix(p, row, text);
		break;
	case OPTION_SIZE:
		take_size(p, row, text);
		break;
	case OPTION_STORAGE:
		take_storage(p, row, text);
		break;
	case OPTION_ENDPOINT:
		take_endpoint(p, row, text);
		break;
	case OPTION_METHOD:
		take_method(p, row, text);
		break;
	case OPTION_FIELDS:
		take_fields(p, row, text);
		break;
	case OPTION_PRINT:
		if (!p->print)
			p->print = row;
		break;
	}
}

/* What a run record may tell: the rows as they were given, words of the user's only by their kind. */
static void note_given(struct parse *p, const struct option_row *row, const char *text)
{
	bool secret = row->kind == OPTION_TEXT || row->kind == OPTION_FILE ||
		      row->kind == OPTION_PREFIX || row->kind == OPTION_ENDPOINT;

	p->given[row - options_table] = true;
	p->given_as[row - options_table] = secret ? row->arg : text ? text : "";
}

static void list_given(struct parse *p)
{
	char *given = p->opts->given;

	for (const struct option_row *row = options_table; row->name; row++) {
		const char *text = p->given_as[row - options_table];

		if (p->given[row - options_table])
			options_print__append(given, sizeof(p->opts->given), "%s--%s%s%s",
					      *given ? " " : "", row->name, *text ? " " : "", text);
	}
}

/* --- unknown options ----------------------------------------------------------- */

/* Edits between two names: insert, delete, replace, swap neighbours; capitals don't count. */
static int distance(const char *a, const char *b, int limit)
{
	int la = strlen(a), lb = strlen(b);
	int row[3][32]; /* distances of a's last three prefixes to all of b's */

	if (lb >= (int)ARRAY_SIZE(row[0]) || la > lb + limit)
		return limit + 1;
	for (int j = 0; j <= lb; j++)
		row[0][j] = j;
	for (int i = 1; i <= la; i++) {
		int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (int j = 1; j <= lb; j++) {
			now[j] = last[j - 1] + (capital(a[i - 1]) != capital(b[j - 1]));
			if (last[j] + 1 < now[j])
				now[j] = last[j] + 1;
			if (now[j - 1] + 1 < now[j])
				now[j] = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[la % 3][lb];
}

/* The option whose name is nearest, within a third of its letters; NULL if there is none. */
static const struct option_row *nearest(const char *name)
{
	const struct option_row *found = NULL;
	int least = (int)(strnlen(name, 32) + 1) / 3;

	for (const struct option_row *row = options_table; row->name; row++) {
		int d = distance(name, row->name, least);

		if (row->group == OPTION_GROUP_HIDDEN || d > least || (found && d == least))
			continue;
		least = d;
		found = row;
	}
	return found;
}

/* arg: what was typed, "--name" or "--name=value": no option, or several begin with it. */
static void complain_long(struct parse *p, const char *arg)
{
	char name[64] = "", several[256] = "";
	const struct option_row *near;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
	for (const struct option_row *row = options_table; row->name && *name; row++)
		if (row->group != OPTION_GROUP_HIDDEN && !strncmp(row->name, name, strlen(name)))
			options_print__append(several, sizeof(several), "%s--%s",
					      *several ? " or " : "", row->name);
	near = nearest(name);

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg, "="), arg);
	if (*several)
		complain(p, "%s is ambiguous; give %s", QUOTE(name), several);
	else if (near)
		complain(p, "unknown option %s; did you mean --%s? (see pping --help)", QUOTE(name),
			 near->name);
	else
		complain(p, "unknown option %s; see pping --help", QUOTE(name));
}

static const struct option_row *find_letter(int letter)
{
	for (const struct option_row *row = options_table; row->name; row++)
		if (row->letter && row->letter == letter)
			return row;
	return NULL;
}

static void complain_letter(struct parse *p, int letter)
{
	const char name[] = { '-', (char)letter, '\0' };
	/* ASCII letters differ from their capitals in one bit. */
	const struct option_row *other = find_letter(letter ^ 0x20);

	if (other)
		complain(p, "unknown option %s; did you mean -%c? (see pping --help)", QUOTE(name),
			 other->letter);
	else
		complain(p, "unknown option %s; see pping --help", QUOTE(name));
}

/* --- the command line ---------------------------------------------------------- */

/* getopt_long's number for a row: the letter, or one that no character has. */
static int row_id(const struct option_row *row)
{
	return row->letter ? row->letter : 0x100 + (int)(row - options_table);
}

static const struct option_row *find_id(int id)
{
	for (const struct option_row *row = options_table; row->name; row++)
		if (row_id(row) == id)
			return row;
	return NULL;
}

struct getopt_tables {
	char letters[2 * ROWS + sizeof("-:")];
	struct option names[ROWS + 1];
};

static void fill_tables(struct getopt_tables *tables)
{
	memset(tables, 0, sizeof(*tables));
	/* "-": report words that are no options, in their place; ":": tell a missing argument. */
	strcpy(tables->letters, "-:");
	for (const struct option_row *row = options_table; row->name; row++) {
		tables->names[row - options_table] = (struct option){
			.name = row->name,
			.has_arg = row->arg ? required_argument : no_argument,
			.val = row_id(row),
		};
		if (row->letter)
			options_print__append(tables->letters, sizeof(tables->letters), "%c%s",
					      row->letter, row->arg ? ":" : "");
	}
}

static void complain_stray(struct parse *p, const char *word)
{
	complain(p, "unexpected argument %s; an interface is named with -i (see pping --help)",
		 QUOTE(word));
}

/* getopt_long did not like argv[optind - 1], or a letter in it. */
static void complain_option(struct parse *p, int verdict, char **argv)
{
	const struct option_row *row = find_id(optopt);
	char wants[128];

	if (verdict == ':' && row) {
		options_print__wants(row, wants, sizeof(wants));
		complain(p, "--%s needs an argument; give %s", row->name, wants);
	} else if (row) {
		complain(p, "--%s takes no argument; leave out what follows the =", row->name);
	} else if (optopt) {
		complain_letter(p, optopt);
	} else {
		complain_long(p, argv[optind - 1]);
	}
}

/* Reads on after an error: a --help behind it wins. */
static void read_arguments(struct parse *p, int argc, char **argv)
{
	struct getopt_tables tables;
	const struct option_row *row;
	int id;

	fill_tables(&tables);
	opterr = 0;
	optind = 0; /* not 1: this also makes glibc and musl forget an earlier run */
	while ((id = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
		if (id == 1) {
			complain_stray(p, optarg);
		} else if (id == '?' || id == ':') {
			complain_option(p, id, argv);
		} else if ((row = find_id(id))) {
			take_value(p, row, optarg);
			note_given(p, row, optarg);
		}
	}
	if (optind < argc) /* behind a "--" */
		complain_stray(p, argv[optind]);
}

static bool was_given(const struct parse *p, int letter)
{
	return p->given[find_letter(letter) - options_table];
}

/* For options without a letter. */
static bool was_given_field(const struct parse *p, size_t offset)
{
	for (const struct option_row *row = options_table; row->name; row++)
		if (row->size && row->offset == offset)
			return p->given[row - options_table];
	return false;
}

/* Packets come from one interface or one capture, and some options are for one of the two only. */
static void check_source(struct parse *p)
{
	const struct options *opts = p->opts;

	if (!opts->interface && !opts->read_path)
		complain(p, "no interface given; name one with -i INTERFACE, or a capture with "
			    "--read FILE (see pping --help)");
	if (opts->interface && opts->read_path)
		complain(p, "--read conflicts with --interface; leave one out");
	for (const struct option_row *row = options_table; row->name; row++) {
		if (!p->given[row - options_table])
			continue;
		if (row->source == OPTION_LIVE && opts->read_path)
			complain(p,
				 "--%s conflicts with --read: it is for interfaces only; "
				 "leave it out",
				 row->name);
		if (row->source == OPTION_CAPTURE && opts->interface)
			complain(p,
				 "--%s conflicts with --interface: it is for captures only; "
				 "leave it out",
				 row->name);
	}
}

/* As the name's end says, where nothing else is said. */
static enum option_compress compression_of(const struct options *opts)
{
	if (opts->compress != COMPRESS_BY_NAME)
		return opts->compress;
	if (opts->write_path && file_name__ends_with(opts->write_path, ".zst"))
		return COMPRESS_ZSTD;
	if (opts->write_path && file_name__ends_with(opts->write_path, ".gz"))
		return COMPRESS_GZIP;
	return COMPRESS_NONE;
}

/* The first option given that is about the files of --write, or NULL. */
static const char *option_for_files(const struct options *opts)
{
	return opts->rotate_size	 ? "rotate-size"
	       : opts->rotate_interval_s ? "rotate-interval"
	       : opts->max_storage	 ? "max-storage"
	       : opts->on_rotate	 ? "on-rotate"
	       : opts->compress == COMPRESS_ZSTD || opts->compress == COMPRESS_GZIP ? "compress"
										    : NULL;
}

static void check_name(struct parse *p)
{
	const struct options *opts = p->opts;
	const char *wrong = file_name__check(opts->write_path);

	if (wrong)
		complain(p, "--write: %s %s; %%%% is a percent sign", QUOTE(opts->write_path),
			 wrong);
	if (opts->relative_time && file_name__has_time(opts->write_path))
		complain(p,
			 "--write: %s would tell the time, which --relative-time does not; leave "
			 "it out: files are numbered",
			 QUOTE(opts->write_path));
	if (file_name__ends_with(opts->write_path, FILE_NAME_PART))
		complain(p,
			 "--write: %s ends in " FILE_NAME_PART
			 ", as files in progress do; give another name",
			 QUOTE(opts->write_path));
	if ((opts->compress == COMPRESS_ZSTD && file_name__ends_with(opts->write_path, ".gz")) ||
	    (opts->compress == COMPRESS_GZIP && file_name__ends_with(opts->write_path, ".zst")))
		complain(p, "--compress %s conflicts with --write %s; give another name",
			 compressions[opts->compress], QUOTE(opts->write_path));
	if (opts->compress == COMPRESS_ZSTD && !compressor__has(COMPRESSOR_ZSTD))
		complain(p, "this pping was built without zstd; use --compress gzip, or a name "
			    "that ends in .gz");
}

/* Whether the output is a series of files, and what that needs. */
static void check_files(struct parse *p)
{
	struct options *opts = p->opts;
	bool file = opts->write_path && strcmp(opts->write_path, "-");
	const char *option = option_for_files(opts);

	opts->compress = compression_of(opts);
	if (option && !file)
		complain(p, "--%s is for files; name them with --write", option);
	if (!file)
		return;
	opts->rotating = option || opts->compress > COMPRESS_NONE || strchr(opts->write_path, '%');
	if (opts->rotating)
		check_name(p);
	/* or the file in progress could outgrow the budget, and it can't be dropped */
	if (opts->drop_oldest && opts->rotate_size > opts->max_storage / 4)
		complain(p, "--rotate-size is more than a quarter of --max-storage: drop-oldest "
			    "needs several files; give a smaller one");
	if (opts->drop_oldest && !opts->rotate_size)
		opts->rotate_size = opts->max_storage / 4;
}

static void check_format(struct parse *p)
{
	const struct options *opts = p->opts;
	bool json = opts->format == FORMAT_JSON || opts->format == FORMAT_JSONL;

	if (opts->counters && !json)
		complain(p, "--counters conflicts with --format %s; add -F jsonl or -F json",
			 formats[opts->format]);
	if (opts->fields && !json)
		complain(p, "--fields conflicts with --format %s; add -F jsonl or -F json",
			 formats[opts->format]);
	if (opts->counters && opts->fields && !p->fields_added && !(opts->fields & FIELDS_COUNTERS))
		complain(p,
			 "--counters conflicts with --fields, which names none of them; leave one "
			 "out");
}

static void check_privacy(struct parse *p)
{
	const struct option_anonymity *o = &p->opts->anonymity;
	const char *method = anonymize_methods[o->method];

	if (o->method == ANONYMIZE_NONE && (o->key_path || o->ports != PORTS_KEPT))
		complain(p, "--%s needs --anonymize METHOD; add it",
			 o->key_path ? "anonymize-key" : "anonymize-ports");
	if (o->key_path && (o->method == ANONYMIZE_TRUNCATE || o->method == ANONYMIZE_REMOVE))
		complain(p,
			 "--anonymize-key conflicts with --anonymize %s, which has no key; leave "
			 "it out",
			 method);
	if (o->method == ANONYMIZE_REMOVE && p->opts->fields & FIELDS_ADDRESSES)
		complain(p,
			 "--fields src_ip and dest_ip conflict with --anonymize remove; leave them "
			 "out");
}

/* A run that would wait for RTTs that are not written never ends. */
static void check_ends(struct parse *p)
{
	const struct options *opts = p->opts;

	if (opts->count && opts->aggregate_ns && !opts->events)
		complain(p, "--count conflicts with --aggregate, which counts no RTT by itself; "
			    "use --duration, or add --events");
	if (opts->count && opts->fields && !p->fields_added &&
	    !(fields__kinds(opts->fields) & FIELDS_OF_RTT))
		complain(p, "--count conflicts with --fields without a field of RTTs; leave one "
			    "out");
}

/* Aggregates are no finer than what is shown of an address; and what nobody asked for is not collected. */
static void leave_out(struct options *opts)
{
	const struct option_anonymity *o = &opts->anonymity;
	unsigned int kinds = opts->fields ? fields__kinds(opts->fields) : FIELDS_OF_BOTH;
	uint8_t most4 = o->method == ANONYMIZE_TRUNCATE ? o->v4_bits : 32;
	uint8_t most6 = o->method == ANONYMIZE_TRUNCATE ? o->v6_bits : 128;

	if (o->method == ANONYMIZE_REMOVE)
		most4 = most6 = 0;
	if (opts->aggregate_bits4 > most4)
		opts->aggregate_bits4 = most4;
	if (opts->aggregate_bits6 > most6)
		opts->aggregate_bits6 = most6;
	if (opts->aggregate_ns && !opts->events)
		kinds = 0;
	if (opts->metrics.port && !opts->aggregate_ns)
		kinds |= FIELDS_OF_RTT; /* the metrics count them */
	opts->no_rtt_events |= !(kinds & FIELDS_OF_RTT);
	opts->no_flow_events |= !(kinds & FIELDS_OF_FLOW);
}

/* What is written if --fields doesn't say exactly that; 0: the usual, by the fast way. */
static void choose_fields(struct parse *p)
{
	struct options *opts = p->opts;
	uint32_t fast = FIELDS_USUAL | (opts->counters ? FIELDS_COUNTERS : 0), usual = fast;

	if (opts->format != FORMAT_JSON && opts->format != FORMAT_JSONL)
		return;
	if (opts->fields & FIELDS_COUNTERS)
		opts->counters = true;
	if (opts->fields && !p->fields_added)
		return;
	if (opts->anonymity.method == ANONYMIZE_IPCRYPT)
		usual |= FIELD_BIT(IP_VERSION);
	if (opts->anonymity.method == ANONYMIZE_REMOVE)
		usual &= ~FIELDS_ADDRESSES;
	if (opts->fields || usual != fast)
		opts->fields |= usual;
}

/* What only shows when the whole line is known. */
static void check_together(struct parse *p)
{
	const struct options *opts = p->opts;

	check_source(p);
	if (was_given(p, 'x') && opts->ingress_hook != HOOK_XDP)
		complain(p, "--xdp-mode conflicts with --ingress-hook tc; add -I xdp or leave "
			    "--xdp-mode out");
	check_format(p);
	check_privacy(p);
	check_files(p);
	check_ends(p);
	if (opts->aggregate_ns && opts->format == FORMAT_PPVIZ)
		complain(p, "--aggregate conflicts with --format ppviz, which has no form for it; "
			    "use another format");
	for (const struct option_row *row = options_table; row->name; row++)
		if (!opts->aggregate_ns && row->group == OPTION_GROUP_AGGREGATING &&
		    p->given[row - options_table])
			complain(p, "--%s needs --aggregate; add -a SECONDS or leave it out",
				 row->name);
	if (was_given_field(p, offsetof(struct options, metrics_series)) &&
	    (!opts->metrics.port || !opts->aggregate_ns))
		complain(p,
			 "--metrics-series needs --metrics and --aggregate; add them or leave it "
			 "out");
	if (opts->format == FORMAT_PPVIZ && (opts->status_interval_ns || opts->run_records))
		complain(p,
			 "--%s conflicts with --format ppviz, which has no form for it; "
			 "leave one out",
			 opts->run_records ? "run-records" : "status");
	if (opts->debug_cleanup && !opts->cleanup_interval_ns)
		complain(p, "--debug-cleanup conflicts with --cleanup-interval 0; leave one out");
}

static enum options_verdict print_instead(const struct option_row *row)
{
	errno = 0;
	row->print(stdout, options_table);
	if (!fflush(stdout) && !ferror(stdout))
		return OPTIONS_DONE;
	fprintf(stderr, "pping: can't write to standard output: %s; send it elsewhere\n",
		strerror(errno ? errno : EIO));
	return OPTIONS_WRONG;
}

__be32 options__prefix_mask(uint32_t bits, int word)
{
	bits = bits < 32U * word ? 0 : bits - 32U * word;
	return htonl(!bits ? 0 : bits >= 32 ? ~0U : ~0U << (32 - bits));
}

const char *options__anonymity(const struct options *opts)
{
	return anonymize_methods[opts->anonymity.method];
}

enum options_verdict options__parse(struct options *opts, int argc, char **argv)
{
	struct parse p = { .opts = opts };

	memset(opts, 0, sizeof(*opts));
	for (const struct option_row *row = options_table; row->name; row++)
		if (row->def)
			take_value(&p, row, row->def);

	read_arguments(&p, argc, argv);
	if (p.print)
		return print_instead(p.print);
	check_together(&p);
	if (p.complaint[0]) {
		fprintf(stderr, "pping: %s\n", p.complaint);
		return OPTIONS_WRONG;
	}
	if (!opts->track_icmp)
		opts->track_tcp = true;
	choose_fields(&p);
	leave_out(opts);
	list_given(&p);
	return OPTIONS_RUN;
}
