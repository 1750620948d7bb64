// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pping.h"
#include "src/options.h"
#include "src/fields.h"
#include "src/options_print.h"
#include "tests/unit/test.h"

#define MAX_ARGS (2 * OPTIONS_MAX_INTERFACES + 2)
#define OUTPUT_SIZE 32768

/* --- running options__parse with its output caught ------------------------------- */

struct outcome {
	enum options_verdict verdict;
	struct options opts;
	char out[OUTPUT_SIZE];
	char err[OUTPUT_SIZE];
};

/* fd goes to a nameless file until restore_fd(); the result is the old one. */
static int divert_fd(int fd)
{
	char path[] = "/tmp/test_options.XXXXXX";
	int file = mkstemp(path), old = dup(fd);

	if (file < 0 || old < 0 || unlink(path) || dup2(file, fd) < 0)
		abort();
	close(file);
	return old;
}

static void restore_fd(int fd, int old, char *text)
{
	ssize_t len = pread(fd, text, OUTPUT_SIZE - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	dup2(old, fd);
	close(old);
}

/* args end with NULL; the program's name is put before them. */
static struct outcome *parse(const char *const *args)
{
	static struct outcome o;
	char *argv[MAX_ARGS + 2] = { (char *)"pping" };
	int argc = 1, out, err;

	while (args[argc - 1]) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	fflush(stdout);
	out = divert_fd(STDOUT_FILENO);
	err = divert_fd(STDERR_FILENO);
	memset(&o.opts, 0xa5, sizeof(o.opts)); /* nothing may be left as it was */
	o.verdict = options__parse(&o.opts, argc, argv);
	restore_fd(STDERR_FILENO, err, o.err);
	restore_fd(STDOUT_FILENO, out, o.out);
	return &o;
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

static void print_args(const char *const *args)
{
	printf("# at: pping");
	while (*args)
		printf(" '%s'", *args++);
	printf("\n");
}

static bool is_one_line(const char *text)
{
	const char *newline = strchr(text, '\n');

	return newline && !newline[1];
}

/* --- command lines that are right -------------------------------------------------- */

#define DEFAULT_I "-i", "eth0"

/* Every field that isn't as after "pping -i eth0", as "name=value ..."; read_path leaves the interface out. */
static const char *differences(const struct options *o)
{
	static char text[1024];
	const struct {
		const char *name;
		unsigned long long value, usual;
	} fields[] = {
		{ "rate_limit_ns", o->rate_limit_ns, 100 * PPING_NS_PER_MS },
		{ "rtt_rate", o->rtt_rate, 0 },
		{ "use_srtt", o->use_srtt, false },
		{ "cleanup_interval_ns", o->cleanup_interval_ns, PPING_NS_PER_SEC },
		{ "format", o->format, FORMAT_STANDARD },
		{ "ingress_hook", o->ingress_hook, HOOK_TC },
		{ "xdp_mode", o->xdp_mode, OPTION_XDP_NATIVE },
		{ "track_tcp", o->track_tcp, true },
		{ "track_icmp", o->track_icmp, false },
		{ "include_local", o->include_local, false },
		{ "include_syn", o->include_syn, false },
		{ "counters", o->counters, false },
		{ "max_flows", o->max_flows, 131072 },
		{ "event_buffer_bytes", o->event_buffer_bytes, 8 << 20 },
		{ "metrics_series", o->metrics_series, 100 },
		{ "debug_cleanup", o->debug_cleanup, false },
		{ "quiet", o->quiet, false },
		{ "aggregate_ns", o->aggregate_ns, 0 },
		{ "aggregate_bits4", o->aggregate_bits4, 24 },
		{ "aggregate_bits6", o->aggregate_bits6, 48 },
		{ "events", o->events, false },
		{ "method", o->anonymity.method, ANONYMIZE_NONE },
		{ "ports", o->anonymity.ports, PORTS_KEPT },
		{ "v4_bits", o->anonymity.v4_bits, 24 },
		{ "v6_bits", o->anonymity.v6_bits, 48 },
		{ "relative_time", o->relative_time, false },
		{ "no_rtt_events", o->no_rtt_events, false },
		{ "no_flow_events", o->no_flow_events, false },
		{ "fields", o->fields, 0 },
		{ "exit_on_removal", o->exit_on_removal, false },
		{ "no_sandbox", o->no_sandbox, false },
		{ "rotating", o->rotating, false },
		{ "compress", o->compress, COMPRESS_NONE },
		{ "rotate_size", o->rotate_size, 0 },
		{ "rotate_interval_s", o->rotate_interval_s, 0 },
		{ "max_storage", o->max_storage, 0 },
		{ "drop_oldest", o->drop_oldest, false },
		{ "run_records", o->run_records, false },
		{ "status_interval_ns", o->status_interval_ns, 0 },
		{ "duration_ns", o->duration_ns, 0 },
		{ "count", o->count, 0 },
	};

	text[0] = '\0';
	if (o->several)
		options_print__append(text, sizeof(text), " several=%d", o->several);
	if (!o->interface)
		options_print__append(text, sizeof(text), " read_path=%s", o->read_path);
	else if (strcmp(o->interface, "eth0") || o->read_path)
		options_print__append(text, sizeof(text), " interface=%s", o->interface);
	if (o->filter)
		options_print__append(text, sizeof(text), " filter=%s", o->filter);
	for (uint32_t i = 0; i < o->locals; i++) {
		char address[INET6_ADDRSTRLEN];

		inet_ntop(AF_INET6, o->local[i].addr.b, address, sizeof(address));
		options_print__append(text, sizeof(text), " local=%s/%u", address,
				      o->local[i].bits);
	}
	for (uint32_t i = 0; i < o->rules.count; i++) {
		const struct option_rule *r = &o->rules.list[i];

		options_print__append(text, sizeof(text), " %c%s%s", r->exclude ? '-' : '+',
				      r->file ? "@" : "", r->text);
	}
	if (o->metrics.port) {
		char address[INET6_ADDRSTRLEN];

		inet_ntop(AF_INET6, o->metrics.addr.b, address, sizeof(address));
		options_print__append(text, sizeof(text), " metrics=[%s]:%u", address,
				      o->metrics.port);
	}
	if (o->write_path)
		options_print__append(text, sizeof(text), " write_path=%s", o->write_path);
	if (o->anonymity.key_path)
		options_print__append(text, sizeof(text), " key_path=%s", o->anonymity.key_path);
	if (o->on_rotate)
		options_print__append(text, sizeof(text), " on_rotate=%s", o->on_rotate);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].value != fields[i].usual)
			options_print__append(text, sizeof(text), " %s=%llu", fields[i].name,
					      fields[i].value);
	return *text ? text + 1 : text;
}

static const struct {
	const char *args[MAX_ARGS + 1];
	const char *want;
} good_lines[] = {
	{ { DEFAULT_I }, "" },
	{ { "-ieth0" }, "" },
	{ { "--interface", "eth0" }, "" },
	{ { "--interface=eth0" }, "" },
	{ { DEFAULT_I, "--" }, "" },
	{ { "-i", "123456789012345" }, "interface=123456789012345" },
	{ { "-i", "eth0.5@x" }, "interface=eth0.5@x" },
	{ { "-i", "--help" }, "interface=--help" },

	{ { "--read", "x.pcap" }, "read_path=x.pcap" },
	{ { "--read=-" }, "read_path=-" },
	{ { "--rea", "a", "--read", "b", "-r", "0" }, "read_path=b rate_limit_ns=0" },
	{ { "--read", "x", "--filter", "tcp port 80" }, "read_path=x filter=tcp port 80" },
	{ { "--read", "x", "-lsTCqF", "json", "-R1", "-tmin", "-wf", "--counters" },
	  "read_path=x write_path=f rtt_rate=65536 format=1 track_icmp=1 include_local=1 "
	  "include_syn=1 counters=1 quiet=1" },
	{ { "--read", "x", "--max-flows", "2000" }, "read_path=x max_flows=2000" },
	{ { "--read", "x", "--local", "192.0.2.1" }, "read_path=x local=::ffff:192.0.2.1/128" },
	{ { "--read", "x", "--local=10.0.0.0/8", "--local=2001:db8::/33", "--local=0.0.0.0/0" },
	  "read_path=x local=::ffff:10.0.0.0/104 local=2001:db8::/33 local=::ffff:0.0.0.0/96" },
	{ { DEFAULT_I, "--include", "10.0.0.0/8:443", "--exclude-file=a", "--include-file", "b",
	    "--exclude", "::/0", "--include", ":1" },
	  "+10.0.0.0/8:443 -@a +@b -::/0 +:1" },
	{ { "--read", "x", "--exclude", "192.0.2.1" }, "read_path=x -192.0.2.1" },
	{ { "--read", "x", "--local", "::/0", "--local", "fe80::1" },
	  "read_path=x local=::/0 local=fe80::1/128" },

	{ { DEFAULT_I, "-r", "0" }, "rate_limit_ns=0" },
	{ { DEFAULT_I, "-r", "0.000" }, "rate_limit_ns=0" },
	{ { DEFAULT_I, "-r0.5" }, "rate_limit_ns=500000" },
	{ { DEFAULT_I, "-r", ".5" }, "rate_limit_ns=500000" },
	{ { DEFAULT_I, "--rate-limit", "007" }, "rate_limit_ns=7000000" },
	{ { DEFAULT_I, "--rate-limit=1.9999999" }, "rate_limit_ns=1999999" },
	{ { DEFAULT_I, "-r", "0.000001" }, "rate_limit_ns=1" },
	{ { DEFAULT_I, "-r", "604800000" }, "rate_limit_ns=604800000000000" },
	{ { DEFAULT_I, "-r", "604800000.000" }, "rate_limit_ns=604800000000000" },
	{ { DEFAULT_I, "-r", "604799999.9999999999999999999999" },
	  "rate_limit_ns=604799999999999" },
	{ { DEFAULT_I, "-r", "1", "-r", "2" }, "rate_limit_ns=2000000" },
	{ { DEFAULT_I, "-R", "0" }, "" },
	{ { DEFAULT_I, "-R", "0.5" }, "rtt_rate=32768" },
	{ { DEFAULT_I, "-R", "1" }, "rtt_rate=65536" },
	{ { DEFAULT_I, "-R", "0.0000152587890625" }, "rtt_rate=1" }, /* 2^-16 */
	{ { DEFAULT_I, "-R", "0.00003051757812499999999999999999" }, "rtt_rate=1" },
	{ { DEFAULT_I, "--rtt-rate", "10000" }, "rtt_rate=655360000" },
	{ { DEFAULT_I, "-t", "smoothed" }, "use_srtt=1" },
	{ { DEFAULT_I, "--rtt-type", "smoothed", "--rtt-type", "min" }, "" },
	{ { DEFAULT_I, "-R", "2", "-t", "smoothed" }, "rtt_rate=131072 use_srtt=1" },

	{ { DEFAULT_I, "-c", "0" }, "cleanup_interval_ns=0" },
	{ { DEFAULT_I, "-c", "0.25" }, "cleanup_interval_ns=250000000" },
	{ { DEFAULT_I, "--cleanup-interval", "604800" }, "cleanup_interval_ns=604800000000000" },
	{ { DEFAULT_I, "-c", "5", "--debug-cleanup" },
	  "cleanup_interval_ns=5000000000 debug_cleanup=1" },
	{ { DEFAULT_I, "--max-flows", "1024" }, "max_flows=1024" },
	{ { DEFAULT_I, "--max-flows", "16777216" }, "max_flows=16777216" },
	{ { DEFAULT_I, "--event-buffer", "64" }, "event_buffer_bytes=65536" },
	{ { DEFAULT_I, "--event-buffer", "1048576" }, "event_buffer_bytes=1073741824" },

	{ { DEFAULT_I, "-F", "standard" }, "" },
	{ { DEFAULT_I, "-F", "json" }, "format=1" },
	{ { DEFAULT_I, "-Fjsonl" }, "format=2" },
	{ { DEFAULT_I, "--format=ppviz" }, "format=3" },
	{ { DEFAULT_I, "--counters", "-F", "json" }, "format=1 counters=1" },
	{ { DEFAULT_I, "--counters", "-F", "jsonl" }, "format=2 counters=1" },
	{ { DEFAULT_I, "--counters" }, "counters=1" },
	{ { DEFAULT_I, "--counters", "-F", "json", "--no-flow-events" },
	  "format=1 counters=1 no_flow_events=1" },
	{ { DEFAULT_I, "-w", "a file" }, "write_path=a file" },
	{ { DEFAULT_I, "--write=-" }, "write_path=-" },
	{ { DEFAULT_I, "-w", "a", "-w", "b" }, "write_path=b" },
	{ { DEFAULT_I, "-q" }, "quiet=1" },
	{ { DEFAULT_I, "--no-sandbox" }, "no_sandbox=1" },

#ifdef HAVE_ZSTD
	{ { DEFAULT_I, "-w", "x.zst" }, "write_path=x.zst rotating=1 compress=2" },
#endif
	{ { DEFAULT_I, "-w", "x.gz" }, "write_path=x.gz rotating=1 compress=3" },
	{ { DEFAULT_I, "-w", ".gz" }, "write_path=.gz" },
	{ { DEFAULT_I, "-w", "x.gz", "--compress", "none" }, "write_path=x.gz" },
	{ { DEFAULT_I, "-w", "x", "--compress", "gzip" }, "write_path=x rotating=1 compress=3" },
	{ { DEFAULT_I, "-w", "x", "--compress", "by-name" }, "write_path=x" },
	{ { DEFAULT_I, "-w", "x-%Y.jsonl" }, "write_path=x-%Y.jsonl rotating=1" },
	{ { DEFAULT_I, "-w", "5%%" }, "write_path=5%% rotating=1" },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "16K" },
	  "write_path=x rotating=1 rotate_size=16384" },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "16385" },
	  "write_path=x rotating=1 rotate_size=16385" },
	{ { DEFAULT_I, "-w", "x", "--rotate-size=3m", "--rotate-interval=3600" },
	  "write_path=x rotating=1 rotate_size=3145728 rotate_interval_s=3600" },
	{ { DEFAULT_I, "-w", "x", "--rotate-size=1T", "--max-storage=4T,drop-oldest" },
	  "write_path=x rotating=1 rotate_size=1099511627776 max_storage=4398046511104 "
	  "drop_oldest=1" },
	{ { DEFAULT_I, "-w", "x", "--max-storage", "1M" },
	  "write_path=x rotating=1 max_storage=1048576" },
	{ { DEFAULT_I, "-w", "x", "--max-storage", "1M,drop-oldest", "--max-storage", "1G,stop" },
	  "write_path=x rotating=1 max_storage=1073741824" },
	/* or the file in progress could be all there is */
	{ { DEFAULT_I, "-w", "x", "--max-storage", "1M,drop-oldest" },
	  "write_path=x rotating=1 rotate_size=262144 max_storage=1048576 drop_oldest=1" },
	{ { DEFAULT_I, "-w", "x", "--on-rotate", "rm $1" },
	  "write_path=x on_rotate=rm $1 rotating=1" },
	{ { DEFAULT_I, "--run-records", "--status", "0.5", "--no-flow-events" },
	  "no_flow_events=1 run_records=1 status_interval_ns=500000000" },
	{ { DEFAULT_I, "--count", "5", "-a", "1", "--events" },
	  "aggregate_ns=1000000000 events=1 count=5" },
	{ { DEFAULT_I, "-w", "100%%", "--relative-time" },
	  "write_path=100%% relative_time=1 rotating=1" },
	{ { DEFAULT_I, "--duration", "60480000", "--count", "1152921504606846976" },
	  "duration_ns=60480000000000000 count=1152921504606846976" },

	{ { DEFAULT_I, "-T" }, "" },
	{ { DEFAULT_I, "-C" }, "track_tcp=0 track_icmp=1" },
	{ { DEFAULT_I, "-TC" }, "track_icmp=1" },
	{ { DEFAULT_I, "--icmp", "--tcp", "--tcp" }, "track_icmp=1" },
	{ { "-lsqTCi", "eth0" }, "track_icmp=1 include_local=1 include_syn=1 quiet=1" },
	{ { DEFAULT_I, "--include-local", "--include-SYN" }, "include_local=1 include_syn=1" },
	{ { DEFAULT_I, "--include-S" }, "include_syn=1" },

	{ { DEFAULT_I, "-I", "xdp" }, "ingress_hook=1" },
	{ { DEFAULT_I, "-I", "xdp", "-x", "native" }, "ingress_hook=1" },
	{ { DEFAULT_I, "-x", "generic", "-I", "xdp" }, "ingress_hook=1 xdp_mode=2" },
	{ { DEFAULT_I, "--ingress-hook=tc", "--ingress-hook=xdp", "--xdp-mode=unspecified" },
	  "ingress_hook=1 xdp_mode=0" },
	{ { DEFAULT_I, "--exit-on-removal" }, "exit_on_removal=1" },

	{ { DEFAULT_I, "--metrics", "9100" }, "metrics=[::ffff:127.0.0.1]:9100" },
	{ { DEFAULT_I, "--metrics=:65535" }, "metrics=[::ffff:127.0.0.1]:65535" },
	{ { DEFAULT_I, "--metrics", "0.0.0.0:1" }, "metrics=[::ffff:0.0.0.0]:1" },
	{ { DEFAULT_I, "--metrics", "192.0.2.1:09100" }, "metrics=[::ffff:192.0.2.1]:9100" },
	{ { DEFAULT_I, "--metrics", "[::1]:9100" }, "metrics=[::1]:9100" },
	{ { DEFAULT_I, "--metrics", "[::]:9100" }, "metrics=[::]:9100" },
	{ { DEFAULT_I, "--metrics", "[2001:db8::1]:9100", "--metrics", "1" },
	  "metrics=[::ffff:127.0.0.1]:1" },
	{ { DEFAULT_I, "--metrics", "1", "-a", "1", "--metrics-series", "0" },
	  "metrics=[::ffff:127.0.0.1]:1 metrics_series=0 aggregate_ns=1000000000 no_rtt_events=1 "
	  "no_flow_events=1" },
	{ { DEFAULT_I, "--metrics", "1", "-a", "1", "--metrics-series", "1000" },
	  "metrics=[::ffff:127.0.0.1]:1 metrics_series=1000 aggregate_ns=1000000000 "
	  "no_rtt_events=1 no_flow_events=1" },
	{ { DEFAULT_I, "--relative-time" }, "relative_time=1" },
	{ { DEFAULT_I, "--anonymize", "none" }, "" },
	{ { DEFAULT_I, "--anonymize", "cryptopan" }, "method=1" },
	{ { DEFAULT_I, "--anonymize=ipcrypt-pfx", "--anonymize-key=k" }, "key_path=k method=2" },
	{ { DEFAULT_I, "--anonymize", "ipcrypt", "--anonymize-ports", "all" }, "method=3 ports=2" },
	{ { DEFAULT_I, "--anonymize", "truncate", "--anonymize-ports", "ephemeral" },
	  "method=4 ports=1" },
	{ { DEFAULT_I, "--anonymize", "truncate:16,32" },
	  "aggregate_bits4=16 aggregate_bits6=32 method=4 v4_bits=16 v6_bits=32" },
	{ { DEFAULT_I, "--anonymize", "truncate:0,127" },
	  "aggregate_bits4=0 method=4 v4_bits=0 v6_bits=127" },
	{ { DEFAULT_I, "--anonymize", "truncate:31,0" },
	  "aggregate_bits6=0 method=4 v4_bits=31 v6_bits=0" },
	{ { DEFAULT_I, "--anonymize", "truncate:16,32", "--anonymize", "truncate" }, "method=4" },
	{ { DEFAULT_I, "--anonymize", "remove" }, "aggregate_bits4=0 aggregate_bits6=0 method=5" },
	{ { DEFAULT_I, "--anonymize", "none", "--anonymize-ports", "none" }, "" },
	/* what JSON records have is written out where it is not the usual: without addresses, with ip_version */
	{ { DEFAULT_I, "--anonymize", "remove", "-Fjsonl" },
	  "format=2 aggregate_bits4=0 aggregate_bits6=0 method=5 fields=323829" },
	{ { DEFAULT_I, "--anonymize", "ipcrypt", "-Fjson" }, "format=1 method=3 fields=848127" },
	{ { DEFAULT_I, "--anonymize", "cryptopan", "-Fjson" }, "format=1 method=1" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtt" }, "format=2 no_flow_events=1 fields=64" },
	{ { DEFAULT_I, "-Fjson", "--fields=src_ip,timestamp,rtt,rtt" },
	  "format=1 no_flow_events=1 fields=67" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtt", "--fields", "min_rtt" },
	  "format=2 no_flow_events=1 fields=128" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtt,sent_bytes" },
	  "format=2 counters=1 no_flow_events=1 fields=576" },
	{ { DEFAULT_I, "-Fjsonl", "--counters", "--fields", "rtt,sent_bytes" },
	  "format=2 counters=1 no_flow_events=1 fields=576" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "flow_event,sent_bytes" },
	  "format=2 counters=1 no_rtt_events=1 fields=8704" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "duration" },
	  "format=2 counters=1 no_rtt_events=1 fields=65536" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtts,rtt" }, "format=2 counters=1 fields=131136" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "reason" }, "format=2 no_rtt_events=1 fields=16384" },
	{ { DEFAULT_I, "-a5", "--anonymize", "ipcrypt-pfx", "-4", "32", "-6", "64" },
	  "aggregate_ns=5000000000 aggregate_bits4=32 aggregate_bits6=64 method=2 no_rtt_events=1 "
	  "no_flow_events=1" },
	{ { DEFAULT_I, "-a5", "--anonymize", "truncate:16,32", "-4", "30" },
	  "aggregate_ns=5000000000 aggregate_bits4=16 aggregate_bits6=32 method=4 v4_bits=16 "
	  "v6_bits=32 no_rtt_events=1 no_flow_events=1" },
	{ { DEFAULT_I, "-a5", "--anonymize", "remove", "--events" },
	  "aggregate_ns=5000000000 aggregate_bits4=0 aggregate_bits6=0 events=1 method=5" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "+sent_bytes" },
	  "format=2 counters=1 fields=324351" },
	{ { DEFAULT_I, "-Fjsonl", "--counters", "--fields", "+ip_version" },
	  "format=2 counters=1 fields=1048575" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "+flow_id", "--anonymize", "remove" },
	  "format=2 aggregate_bits4=0 aggregate_bits6=0 method=5 fields=1372405" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "+flow_id,src_scope,dest_scope" },
	  "format=2 fields=7663871" },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "src_ip", "--anonymize", "ipcrypt" },
	  "format=2 method=3 fields=2" },
};

static void good(void)
{
	for (size_t i = 0; i < sizeof(good_lines) / sizeof(good_lines[0]); i++) {
		struct outcome *o = parse(good_lines[i].args);

		if (o->verdict == OPTIONS_RUN && !*o->err && !*o->out &&
		    !strcmp(differences(&o->opts), good_lines[i].want))
			continue;
		print_args(good_lines[i].args);
		CHECK_INT(o->verdict, OPTIONS_RUN);
		CHECK_STR(o->out, "");
		CHECK_STR(o->err, "");
		if (o->verdict == OPTIONS_RUN)
			CHECK_STR(differences(&o->opts), good_lines[i].want);
	}
}

/* The file's name and the interface are the user's own words, not copies. */
static void words_of_argv(void)
{
	const char *args[] = { "-i", "eth0", "-w", "file", NULL };
	struct outcome *o = parse(args);

	CHECK(o->opts.interface == args[1]);
	CHECK(o->opts.interfaces[0] == args[1] && !o->opts.interfaces[1]);
	CHECK(o->opts.write_path == args[3]);
}

/* Each once, in the order they were given. */
static void several_interfaces(void)
{
	struct outcome *o = PARSE("-i", "eth0", "-i", "ppp*", "-C", "-i", "eth0", "-i", "a");
	const char *args[MAX_ARGS + 1] = { 0 };
	char names[OPTIONS_MAX_INTERFACES + 1][16];

	CHECK(o->opts.several);
	CHECK_STR(o->opts.interface, "eth0,ppp*,a");
	CHECK_STR(o->opts.interfaces[0], "eth0");
	CHECK_STR(o->opts.interfaces[1], "ppp*");
	CHECK_STR(o->opts.interfaces[2], "a");
	CHECK(!o->opts.interfaces[3]);
	CHECK_STR(o->opts.given, "--interface eth0 --interface ppp* --interface a --icmp");
	CHECK(PARSE("-i", "ppp?")->opts.several);
	CHECK(PARSE("-i", "[ab]")->opts.several);
	CHECK(!PARSE("-i", "a", "-i", "a")->opts.several);
	/* with the usual fields there is nothing to choose, with others it is among them */
	CHECK_INT(PARSE("-i", "*", "-Fjsonl")->opts.fields, 0);
	CHECK(PARSE("-i", "*", "-Fjsonl", "--fields", "+flow_id")->opts.fields &
	      FIELD_BIT(INTERFACE));
	CHECK(!(PARSE("-i", "*", "-Fjsonl", "--fields", "rtt")->opts.fields &
		FIELD_BIT(INTERFACE)));
	CHECK(!(PARSE("-i", "a", "-Fjsonl", "--fields", "+flow_id")->opts.fields &
		FIELD_BIT(INTERFACE)));
	for (int i = 0; i <= OPTIONS_MAX_INTERFACES; i++) {
		snprintf(names[i], sizeof(names[i]), "interface-%d", i);
		args[2 * i] = "-i";
		args[2 * i + 1] = names[i];
	}
	o = parse(args);
	CHECK_INT(o->verdict, OPTIONS_WRONG);
	CHECK(strstr(o->err, "--interface: more than 64; give patterns") != NULL);
	args[2 * OPTIONS_MAX_INTERFACES] = NULL;
	o = parse(args);
	CHECK_INT(o->verdict, OPTIONS_RUN);
	CHECK_STR(o->opts.interface,
		  "interface-0,interface-1,interface-2,interface-3,interface-4,...");
}

/* What is anybody's secret is not told, whichever option it is of. */
static void given(void)
{
	struct outcome *o = PARSE("--read", "secret.pcap", "--filter", "host 192.0.2.1", "-r",
				  "0.50", "--local", "192.0.2.1", "-w", "secret.gz", "--on-rotate",
				  "secret", "-CFjsonl", "--max-storage", "1G,stop");

	CHECK_STR(
		o->opts.given,
		"--read FILE --filter EXPR --local PREFIX --icmp --rate-limit 0.50 --format jsonl "
		"--write FILE --max-storage 1G,stop --on-rotate COMMAND");
	CHECK_STR(PARSE("-i", "eth0")->opts.given, "--interface eth0");
	o = PARSE("-i", "eth0", "--exclude", "192.0.2.1", "--exclude-file", "secret", "--include",
		  "192.0.2.0/24");
	CHECK_STR(o->opts.given, "--interface eth0 --include PREFIX[:PORT] --exclude PREFIX[:PORT] "
				 "--exclude-file FILE");
	o = PARSE("-i", "eth0", "--metrics", "192.0.2.1:9100", "--anonymize", "truncate:16,32",
		  "--fields", "timestamp,rtt,min_rtt,protocol,sent_packets", "-Fjsonl");
	CHECK_STR(o->opts.given, "--interface eth0 --format jsonl "
				 "--fields timestamp,rtt,min_rtt,protocol,sent_packets "
				 "--metrics [ADDR:]PORT --anonymize truncate:16,32");
	o = PARSE("-i", "eth0", "--anonymize", "ipcrypt", "--anonymize-key", "secret.key");
	CHECK_STR(o->opts.given, "--interface eth0 --anonymize ipcrypt --anonymize-key FILE");
}

/* --- command lines that are wrong ---------------------------------------------------- */

#define RATE "give milliseconds from 0 to 604800000\n"

static const struct {
	const char *args[MAX_ARGS + 1];
	const char *want[3]; /* in the message */
} bad_lines[] = {
	{ { NULL }, { "no interface given", "-i INTERFACE", "pping --help" } },
	{ { "-r", "5" }, { "no interface given" } },
	{ { "-i", "" }, { "--interface: \"\" is empty", "give the name of an interface" } },
	{ { "-i", "1234567890123456" }, { "--interface: ", "longer than the 15 bytes" } },
	{ { "-i", "a/b" }, { "--interface: \"a/b\" has a character that no" } },
	{ { "-i", "a b" }, { "--interface: \"a b\" has a character that no" } },
	{ { "-i", "a\nb" }, { "--interface: \"a\\x0ab\" has a character that no" } },
	{ { "-i", ".." }, { "--interface: \"..\" can't be" } },
	{ { "-i", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde*" },
	  { "--interface: ", "longer than the 63 bytes of a pattern" } },
	{ { "-i", "a", "-i", "v/*" }, { "--interface: \"v/*\" has a character that no" } },
	{ { "--read", "x", "-i", "*" }, { "--read conflicts with --interface; leave one out" } },
	{ { "-i" }, { "--interface needs an argument; give the name of an interface" } },

	{ { "--read", "" }, { "--read: \"\" is empty; give the name of a file" } },
	{ { "--read" }, { "--read needs an argument; give the name of a file" } },
	{ { "--read", "x", "-i", "a" }, { "--read conflicts with --interface; leave one out" } },
	{ { "--read", "x", "-I", "tc" },
	  { "--ingress-hook conflicts with --read: it is for int" } },
	{ { "--read", "x", "-x", "native" }, { "--xdp-mode conflicts with --read" } },
	{ { "--read", "x", "-c", "1" }, { "--cleanup-interval conflicts with --read" } },
	{ { "--read", "x", "--debug-cleanup" }, { "--debug-cleanup conflicts with --read" } },
	{ { "--read", "x", "--event-buffer", "64" }, { "--event-buffer conflicts with --read" } },
	{ { "--read", "x", "--exit-on-removal" }, { "--exit-on-removal conflicts with --read" } },
	{ { DEFAULT_I, "--filter", "tcp" }, { "--filter conflicts with --interface", "captures" } },
	{ { DEFAULT_I, "--local", "::1" },
	  { "--local conflicts with --interface: it is for cap" } },
	{ { "--read", "x", "--filter", "" }, { "--filter: \"\" is empty; give an expression" } },
	{ { "--read", "x", "--local", "" },
	  { "--local: \"\" is not an address; give an address" } },
	{ { "--read", "x", "--local", "host" }, { "\"host\" is not an address" } },
	{ { "--read", "x", "--local", "1.2.3" }, { "\"1.2.3\" is not an address" } },
	{ { "--read", "x", "--local", "1.2.3.4/" }, { "has no length that its kind of address" } },
	{ { "--read", "x", "--local", "1.2.3.4/33" }, { "has no length that its kind" } },
	{ { "--read", "x", "--local", "1.2.3.4/+8" }, { "has no length that its kind" } },
	{ { "--read", "x", "--local", "1.2.3.4/8x" }, { "has no length that its kind" } },
	{ { "--read", "x", "--local", "::/129" }, { "has no length that its kind" } },
	{ { "--read", "x", "--local", "10.1.0.0/8" }, { "\"10.1.0.0/8\" has bits behind its l" } },
	{ { "--read", "x", "--local", "2001:db8::1/64" }, { "has bits behind its length" } },

	{ { DEFAULT_I, "-r", "nan" }, { "pping: --rate-limit: \"nan\" is not a number; " RATE } },
	{ { DEFAULT_I, "-r", "" }, { "--rate-limit: \"\" is not a number; " RATE } },
	{ { DEFAULT_I, "-r", "inf" }, { "\"inf\" is not a number; " RATE } },
	{ { DEFAULT_I, "-r", "." }, { "\".\" is not a number; " RATE } },
	{ { DEFAULT_I, "-r", " 5" }, { "\" 5\" is not a number; " RATE } },
	{ { DEFAULT_I, "-r", "5 " }, { "\"5 \" is not a number in plain digits; " RATE } },
	{ { DEFAULT_I, "-r", "5ms" }, { "is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "-5" }, { "\"-5\" is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "+5" }, { "is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "1e3" }, { "\"1e3\" is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "0x10" }, { "is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "5." }, { "is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "1.2.3" }, { "is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "1,5" }, { "is not a number in plain digits" } },
	{ { DEFAULT_I, "-r", "604800001" }, { "is too large; " RATE } },
	{ { DEFAULT_I, "-r", "604800000.000000001" }, { "is too large; " RATE } },
	{ { DEFAULT_I, "-r", "18446744073709551616" }, { "is too large; " RATE } },
	{ { DEFAULT_I, "-r", "99999999999999999999999999999999999999999999999999" },
	  { "\"9999999999999999999999999999999999999999...\" is too large" } },
	{ { DEFAULT_I, "-r", "0.0000001" }, { "too small to be told from 0" } },
	{ { DEFAULT_I, "-R", "0.000015" }, { "too small to be told from 0; give a factor" } },
	{ { DEFAULT_I, "-R", "10000.1" }, { "--rtt-rate: ", "a factor from 0 to 10000" } },
	{ { DEFAULT_I, "-c", "604801" }, { "--cleanup-interval: ", "seconds from 0 to 604800" } },
	{ { DEFAULT_I, "--max-flows", "1023" }, { "too small; give a number of flows from 1024" } },
	{ { DEFAULT_I, "--max-flows", "16777217" }, { "too large; give", "to 16777216" } },
	{ { DEFAULT_I, "--max-flows", "2000.5" }, { "--max-flows: ", "not a whole number" } },
	{ { DEFAULT_I, "--event-buffer", "63" }, { "too small; give KiB from 64 to 1048576" } },
	{ { DEFAULT_I, "--event-buffer", "1048577" }, { "too large" } },
	{ { DEFAULT_I, "-r", "x", "-r", "5" }, { "--rate-limit: \"x\"" } },
	{ { DEFAULT_I, "-r" }, { "--rate-limit needs an argument; " RATE } },
	{ { DEFAULT_I, "--rtt-rate" }, { "--rtt-rate needs an argument; give a factor" } },

	{ { DEFAULT_I, "--metrics", "" },
	  { "pping: --metrics: \"\" has a port that is no number from 1 to 65535; give "
	    "ADDRESS:PORT like 0.0.0.0:9100 or [::1]:9100, or a port\n" } },
	{ { DEFAULT_I, "--metrics", ":" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "0" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "65536" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "4294968396" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "-1" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "+1" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", " 1" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "9100x" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "127.0.0.1:http" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--metrics", "127.0.0.1" }, { "\"127.0.0.1\" has no port; give" } },
	{ { DEFAULT_I, "--metrics", "[::1]" }, { "\"[::1]\" has no port; give" } },
	{ { DEFAULT_I, "--metrics", "::1:9100" }, { "IPv6 address without brackets" } },
	{ { DEFAULT_I, "--metrics", "::1" }, { "IPv6 address without brackets" } },
	{ { DEFAULT_I, "--metrics", "localhost:9100" }, { "has no address that is one" } },
	{ { DEFAULT_I, "--metrics", "1.2.3:9100" }, { "has no address that is one" } },
	{ { DEFAULT_I, "--metrics", "[]:9100" }, { "has no address that is one" } },
	{ { DEFAULT_I, "--metrics", "[127.0.0.1]:9100" }, { "has no address that is one" } },
	{ { DEFAULT_I, "--metrics", "[::1:9100" }, { "has no address that is one" } },
	{ { DEFAULT_I, "--metrics", "[fe80::1%lo]:9100" }, { "has no address that is one" } },
	{ { DEFAULT_I, "--metrics",
	    "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:9100" },
	  { "has no address that is one" } },
	{ { DEFAULT_I, "--metrics" }, { "--metrics needs an argument; give ADDRESS:PORT" } },
	{ { "--read", "x", "--metrics", "1" }, { "--metrics conflicts with --read" } },
	{ { DEFAULT_I, "--metrics", "1", "--metrics-series", "5" },
	  { "--metrics-series needs --metrics and --aggregate" } },
	{ { DEFAULT_I, "-a", "1", "--metrics-series", "5" },
	  { "--metrics-series needs --metrics and --aggregate" } },
	{ { DEFAULT_I, "--metrics", "1", "-a", "1", "--metrics-series", "1001" },
	  { "too large; give a number of prefixes from 0 to 1000" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "16383" },
	  { "--rotate-size: \"16383\" is too small; give bytes, or KiB", "from 16K on" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "K" }, { "\"K\" is not a size" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "1M," }, { "\"1M,\" is not a size" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "-1M" }, { "\"-1M\" is not a size" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "1MB" }, { "\"1MB\" is not a size" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "1.5M" }, { "is not a size" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "99999999999T" }, { "is too large" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-size", "99999999999999999999" }, { "too large" } },
	{ { DEFAULT_I, "-w", "x", "--max-storage", "1G,drop" },
	  { "\"1G,drop\" has something else than stop or drop-oldest", "a size like 20G" } },
	{ { DEFAULT_I, "-w", "x", "--max-storage", "255K" }, { "is too small" } },
	{ { DEFAULT_I, "-w", "x", "--max-storage", "1M,drop-oldest", "--rotate-size", "257K" },
	  { "--rotate-size is more than a quarter of --max-storage" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-interval", "0" }, { "is too small; give seconds" } },
	{ { DEFAULT_I, "-w", "x", "--rotate-interval", "0.5" }, { "is not a whole number" } },
	{ { DEFAULT_I, "--rotate-size", "1M" }, { "--rotate-size is for files; name them" } },
	{ { DEFAULT_I, "--rotate-interval", "60" }, { "--rotate-interval is for files" } },
	{ { DEFAULT_I, "-w", "-", "--max-storage", "1M" }, { "--max-storage is for files" } },
	{ { DEFAULT_I, "--on-rotate", "true" }, { "--on-rotate is for files" } },
	{ { DEFAULT_I, "--compress", "gzip" }, { "--compress is for files" } },
	{ { DEFAULT_I, "-w", "x", "--on-rotate", "" }, { "--on-rotate: \"\" is empty" } },
	{ { DEFAULT_I, "-w", "x", "--compress", "lz4" }, { "by-name, none, zstd or gzip" } },
	{ { DEFAULT_I, "-w", "x.gz", "--compress", "zstd" }, { "--compress zstd conflicts with" } },
	{ { DEFAULT_I, "-w", "x.zst", "--compress", "gzip" },
	  { "--compress gzip conflicts with" } },
#ifndef HAVE_ZSTD
	{ { DEFAULT_I, "-w", "x.zst" }, { "this pping was built without zstd; use --compress g" } },
	{ { DEFAULT_I, "-w", "x", "--compress", "zstd" }, { "built without zstd" } },
#endif
	{ { DEFAULT_I, "-w", "x%" }, { "--write: \"x%\" has a %", "%% is a percent sign" } },
	{ { DEFAULT_I, "-w", "%Y/x" }, { "has a time in the name of a directory" } },
	{ { DEFAULT_I, "-w", "%H.jsonl", "--relative-time" },
	  { "\"%H.jsonl\" would tell the time, which --relative-time does not; leave it out" } },
	{ { DEFAULT_I, "--count", "5", "-a", "1" },
	  { "--count conflicts with --aggregate", "add --events" } },
	{ { DEFAULT_I, "--count", "5", "-Fjsonl", "--fields", "flow_event" },
	  { "--count conflicts with --fields without a field of RTTs" } },
	{ { DEFAULT_I, "-w", "d/", "--rotate-size", "1M" }, { "is a directory's name" } },
	{ { DEFAULT_I, "-w", "x.part", "--rotate-size", "1M" }, { "ends in .part, as files in" } },
	{ { DEFAULT_I, "-F", "ppviz", "--status", "1" },
	  { "--status conflicts with --format pp" } },
	{ { DEFAULT_I, "-F", "ppviz", "--run-records" },
	  { "--run-records conflicts with --form" } },
	{ { "--read", "x", "--status", "1" }, { "--status conflicts with --read" } },
	{ { "--read", "x", "-w", "y", "--rotate-interval", "1" },
	  { "--rotate-interval conflicts with --read" } },
	{ { DEFAULT_I, "--count", "-1" }, { "\"-1\" is not a number in plain digits" } },
	{ { DEFAULT_I, "--duration", "1h" }, { "is not a number in plain digits" } },

	{ { DEFAULT_I, "-F", "xml" },
	  { "--format: \"xml\" is not known; give standard, json, jsonl or ppviz\n" } },
	{ { DEFAULT_I, "-F", "JSON" }, { "\"JSON\" is not known" } },
	{ { DEFAULT_I, "-F", "js" }, { "\"js\" is not known" } },
	{ { DEFAULT_I, "-F" }, { "--format needs an argument; give standard, json" } },
	{ { DEFAULT_I, "-t", "mean" }, { "--rtt-type: ", "give min or smoothed\n" } },
	{ { DEFAULT_I, "-I", "tcx" }, { "--ingress-hook: ", "give tc or xdp\n" } },
	{ { DEFAULT_I, "-x", "fast" }, { "--xdp-mode: ", "unspecified, native or generic\n" } },
	{ { DEFAULT_I, "-w", "" }, { "--write: \"\" is empty; give the name of a file" } },

	{ { DEFAULT_I, "--anonymize", "md5" },
	  { "--anonymize: \"md5\" is not known; give none, cryptopan, ipcrypt-pfx, ipcrypt, "
	    "trun" } },
	{ { DEFAULT_I, "--anonymize" }, { "--anonymize needs an argument" } },
	{ { DEFAULT_I, "--anonymize", "truncate:" }, { "\"truncate:\" has no lengths from 0,0" } },
	{ { DEFAULT_I, "--anonymize", "truncate:24" }, { "has no lengths", "truncate:24,48" } },
	{ { DEFAULT_I, "--anonymize", "truncate:32,48" }, { "from 0,0 to 31,127" } },
	{ { DEFAULT_I, "--anonymize", "truncate:24,128" }, { "from 0,0 to 31,127" } },
	{ { DEFAULT_I, "--anonymize", "truncate:24,48,1" }, { "has no lengths" } },
	{ { DEFAULT_I, "--anonymize", "truncate:a,48" }, { "has no lengths" } },
	{ { DEFAULT_I, "--anonymize", "truncate:,48" }, { "has no lengths" } },
	{ { DEFAULT_I, "--anonymize", "truncate:-1,48" }, { "has no lengths" } },
	{ { DEFAULT_I, "--anonymize", "truncate:0000000000000024,48" }, { "has no lengths" } },
	{ { DEFAULT_I, "--anonymize", "remove:24,48" }, { "is not known" } },
	{ { DEFAULT_I, "--anonymize", "remove", "--anonymize-ports", "some" },
	  { "--anonymize-ports: \"some\" is not known; give none, ephemeral or all\n" } },
	{ { DEFAULT_I, "--anonymize-ports", "all" },
	  { "--anonymize-ports needs --anonymize MET" } },
	{ { DEFAULT_I, "--anonymize-key", "k" }, { "--anonymize-key needs --anonymize METHOD" } },
	{ { DEFAULT_I, "--anonymize-key", "" }, { "--anonymize-key: \"\" is empty" } },
	{ { DEFAULT_I, "--anonymize", "truncate", "--anonymize-key", "k" },
	  { "--anonymize-key conflicts with --anonymize truncate, which has no key" } },
	{ { DEFAULT_I, "--anonymize", "remove", "--anonymize-key", "k" },
	  { "--anonymize-key conflicts with --anonymize remove" } },
	{ { DEFAULT_I, "-Fjsonl", "--anonymize", "remove", "--fields", "rtt,src_ip" },
	  { "--fields src_ip and dest_ip conflict with --anonymize remove" } },
	{ { DEFAULT_I, "--fields", "rtt" },
	  { "--fields conflicts with --format standard; add -F jsonl or -F json" } },
	{ { DEFAULT_I, "-Fppviz", "--fields", "+flow_id" },
	  { "--fields conflicts with --format ppviz" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtt,src_ipx" },
	  { "--fields: \"src_ipx\" is no field; give some of timestamp, src_ip, ",
	    ", dest_scope, interface\n" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "src_i" }, { "\"src_i\" is no field" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "RTT" }, { "\"RTT\" is no field" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "" }, { "\"\" is no field" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "+" }, { "\"\" is no field" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtt," }, { "\"\" is no field" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtt, min_rtt" }, { "\" min_rtt\" is no field" } },
	{ { DEFAULT_I, "-Fjsonl", "--fields", "rtt,+flow_id" }, { "\"+flow_id\" is no field" } },
	{ { DEFAULT_I, "-Fjsonl", "--counters", "--fields", "rtt" },
	  { "--counters conflicts with --fields, which names none" } },

	{ { DEFAULT_I, "-x", "native" }, { "--xdp-mode conflicts", "add -I xdp" } },
	{ { DEFAULT_I, "-I", "tc", "-x", "generic" }, { "--xdp-mode conflicts", "add -I xdp" } },
	{ { DEFAULT_I, "--counters", "-F", "ppviz" }, { "--counters conflicts", "ppviz" } },
	{ { DEFAULT_I, "--counters", "--no-flow-events" },
	  { "--counters conflicts with --no-flow-events" } },
	{ { DEFAULT_I, "--debug-cleanup", "-c", "0" }, { "--debug-cleanup conflicts" } },

	{ { DEFAULT_I, "-z" }, { "unknown option \"-z\"; see pping --help\n" } },
	{ { DEFAULT_I, "-f", "json" }, { "unknown option \"-f\"; did you mean -F?" } },
	{ { DEFAULT_I, "-Tzq" }, { "unknown option \"-z\"" } },
	{ { DEFAULT_I, "-\xe2" }, { "unknown option \"-\\xe2\"" } },
	{ { DEFAULT_I, "-:" }, { "unknown option \"-:\"" } },
	{ { DEFAULT_I, "--formt", "json" }, { "\"--formt\"; did you mean --format?" } },
	{ { DEFAULT_I, "--rate-limt=5" }, { "\"--rate-limt\"; did you mean --rate-limit?" } },
	{ { DEFAULT_I, "--tpc" }, { "did you mean --tcp?", "pping --help" } },
	{ { DEFAULT_I, "--include-syn" }, { "did you mean --include-SYN?" } },
	{ { DEFAULT_I, "--maxflows=5" }, { "did you mean --max-flows?" } },
	{ { DEFAULT_I, "--bogus" }, { "unknown option \"--bogus\"; see pping --help\n" } },
	{ { DEFAULT_I, "-a", "0" }, { "--aggregate", "seconds from 1 to 604800" } },
	{ { DEFAULT_I, "-a", "604801" }, { "--aggregate", "too large" } },
	{ { DEFAULT_I, "-a", "1.5" }, { "--aggregate", "not a whole number" } },
	{ { DEFAULT_I, "-a", "5", "-4", "33" }, { "--aggregate-subnets-v4", "from 0 to 32" } },
	{ { DEFAULT_I, "-a", "5", "-6", "65" }, { "--aggregate-subnets-v6", "from 0 to 64" } },
	{ { DEFAULT_I, "-a", "5", "-4", "-1" }, { "--aggregate-subnets-v4", "not a number" } },
	{ { DEFAULT_I, "-a", "5", "-F", "ppviz" }, { "--aggregate", "--format ppviz" } },
	{ { DEFAULT_I, "-4", "16" }, { "--aggregate-subnets-v4 needs --aggregate" } },
	{ { DEFAULT_I, "--events" }, { "--events needs --aggregate" } },
	{ { DEFAULT_I, "--print" }, { "unknown option \"--print\"; see pping --help\n" } },
	{ { DEFAULT_I, "--=5" }, { "unknown option \"--\"; see pping --help\n" } },
	{ { DEFAULT_I, "--a\nb\033[m" }, { "unknown option \"--a\\x0ab\\x1b[m\"" } },
	{ { DEFAULT_I, "--an-option-that-is-much-longer-than-any-option-that-there-is" },
	  { "unknown option \"--an-option-that-is-much-longer-than-any...\"; see" } },
	{ { DEFAULT_I, "--include-" },
	  { "ambiguous; give --include-file or --include-local or --include-SYN\n" } },
	{ { DEFAULT_I, "--include" }, { "--include needs an argument; give a prefix or an add" } },
	{ { DEFAULT_I, "--include", "" }, { "--include: \"\" is not an address; give a prefix" } },
	{ { DEFAULT_I, "--include-file", "" }, { "--include-file: \"\" is empty; give the name" } },
	{ { DEFAULT_I, "--exclude", "10.0.0.1/8" },
	  { "\"10.0.0.1/8\" has bits behind its length" } },
	{ { DEFAULT_I, "--exclude", "[::1" }, { "\"[::1\" has no ] before its end or its port" } },
	{ { "--read", "x", "--exclude", "10.0.0.0/8:0" }, { "has a port that is no number" } },
	{ { DEFAULT_I, "--tcp=yes" }, { "--tcp takes no argument" } },
	{ { DEFAULT_I, "--help=yes" }, { "--help takes no argument" } },

	{ { "eth0" }, { "unexpected argument \"eth0\"", "named with -i" } },
	{ { DEFAULT_I, "-" }, { "unexpected argument \"-\"" } },
	{ { DEFAULT_I, "" }, { "unexpected argument \"\"" } },
	{ { DEFAULT_I, "--", "-q" }, { "unexpected argument \"-q\"" } },
	{ { DEFAULT_I, "a\\\"b" }, { "unexpected argument \"a\\x5c\\x22b\"" } },
	/* the first of several is told */
	{ { "-r", "x", "-F", "y", "z", "--bogus" }, { "--rate-limit: \"x\"" } },
	{ { "z", "-r", "x" }, { "unexpected argument \"z\"" } },
};

static void bad(void)
{
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
		struct outcome *o = parse(bad_lines[i].args);
		bool right = o->verdict == OPTIONS_WRONG && !*o->out && is_one_line(o->err) &&
			     !strncmp(o->err, "pping: ", 7);

		for (int w = 0; w < 3 && bad_lines[i].want[w]; w++)
			right &= !!strstr(o->err, bad_lines[i].want[w]);
		if (right)
			continue;
		print_args(bad_lines[i].args);
		printf("# says: %s\n", o->err);
		CHECK(right);
	}
}

/* No limit on how much a user types by mistake. */
static void long_words(void)
{
	static char word[100000];
	const char *const templates[] = { "-i", "-r", "-F", "-c", "--max-flows", "--" };

	memset(word, '7', sizeof(word) - 1);
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		struct outcome *o = PARSE(templates[i], word);

		CHECK_INT(o->verdict, OPTIONS_WRONG);
		CHECK(is_one_line(o->err) && strlen(o->err) < 250);
	}
	word[0] = word[1] = '-';
	CHECK_INT(PARSE(word)->verdict, OPTIONS_WRONG);
	/* 99,998 decimals: as exact as any */
	word[0] = '0', word[1] = '.';
	CHECK_INT(PARSE(DEFAULT_I, "-r", word)->opts.rate_limit_ns, 777777);
}

/* Nothing of one command line, not even a half-read word, is left for the next. */
static void called_again(void)
{
	CHECK_INT(PARSE("-zTCls")->verdict, OPTIONS_WRONG);
	CHECK_STR(differences(&PARSE(DEFAULT_I)->opts), "");
	CHECK_INT(PARSE("--", "a", "b")->verdict, OPTIONS_WRONG);
	CHECK_STR(differences(&PARSE(DEFAULT_I, "-q")->opts), "quiet=1");
	CHECK_INT(PARSE("-h")->verdict, OPTIONS_DONE);
	CHECK_STR(differences(&PARSE(DEFAULT_I)->opts), "");
}

/* getopt(3) treats words behind others differently then; we don't. */
static void posixly_correct(void)
{
	setenv("POSIXLY_CORRECT", "1", 1);
	CHECK_INT(PARSE("eth0", "--help")->verdict, OPTIONS_DONE);
	unsetenv("POSIXLY_CORRECT");
	CHECK_INT(PARSE("eth0", "--help")->verdict, OPTIONS_DONE);
}

/* --- what is printed ------------------------------------------------------------------ */

static void prints_whatever_else(void)
{
	static const char *const options[] = { "-h",	    "--help",	   "-V",
					       "--version", "--print-man", "--print-completion" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char alone[OUTPUT_SIZE];
		struct outcome *o = PARSE(options[i]);

		CHECK_INT(o->verdict, OPTIONS_DONE);
		CHECK_STR(o->err, "");
		CHECK(strlen(o->out) > 20);
		strcpy(alone, o->out);

		o = PARSE("-i", "eth0", "-r", "nan", "word", "--bogus", "-z", options[i], "-F");
		CHECK_INT(o->verdict, OPTIONS_DONE);
		CHECK_STR(o->err, "");
		CHECK_STR(o->out, alone);
	}
}

/* Whatever else is on the line, as --help. */
static void fields_help(void)
{
	struct outcome *o = PARSE("-r", "nan", "--fields", "help", "--format", "ppviz");

	CHECK_INT(o->verdict, OPTIONS_DONE);
	CHECK_STR(o->err, "");
	CHECK(strstr(o->out, "\n  timestamp        RTT flow loss  ns since 1970"));
	CHECK(strstr(o->out, "\n+ flow_id          RTT flow       "));
	for (const char *line = o->out; *line; line += strcspn(line, "\n") + 1)
		CHECK(strcspn(line, "\n") <= 90);
}

static void first_print_wins(void)
{
	CHECK(!strncmp(PARSE("--version", "--help")->out, "pping " PPING_VERSION "\n", 12));
	CHECK(strstr(PARSE("-qhV")->out, "Usage: "));
}

static void version(void)
{
	struct outcome *o = PARSE("--version");

	CHECK(strstr(o->out, "pping " PPING_VERSION "\n") == o->out);
	CHECK(strstr(o->out, "\nlibbpf v"));
	CHECK(strstr(o->out, "\nlibxdp 1."));
#ifdef HAVE_PCAP
	CHECK(!strstr(o->out, "without libpcap"));
#else
	CHECK(strstr(o->out, "\nwithout libpcap: --read\n"));
#endif
	CHECK(strstr(o->out,
		     "\nneeds Linux 5.15 with BTF (XDP, arm64: 5.18); proven on 6.1 and newer\n"));
}

/* A row's own lines in --help: letter, name and argument, default. */
static void check_help_row(const char *help, const struct option_row *row)
{
	char want[128] = "\n      ";
	const char *at, *end;

	if (row->letter)
		snprintf(want, sizeof(want), "\n  -%c, ", row->letter);
	options_print__append(want, sizeof(want), "--%s%s%s", row->name, row->arg ? " " : "",
			      row->arg ? row->arg : "");
	at = strstr(help, want);
	end = at ? at + strlen(want) : "";
	if (!row->help || (strncmp(end, "  ", 2) && *end != '\n')) {
		printf("# help lacks --%s\n", row->name);
		CHECK(false);
	} else if (row->def) {
		snprintf(want, sizeof(want), "%s)", row->def);
		CHECK(strstr(at, want));
	}
}

static void help(void)
{
	const char *text = PARSE("--help")->out;

	CHECK(strstr(text, "\nUsage: pping -i INTERFACE [OPTIONS]\n") == strchr(text, '\n'));
	CHECK(strstr(text, "\nExit status:\n"));
	CHECK(strstr(text, "\nExamples:\n"));
	for (const struct option_row *row = options_table; row->name; row++) {
		if (row->group == OPTION_GROUP_HIDDEN)
			CHECK(!strstr(text, row->name));
		else
			check_help_row(text, row);
	}
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");

		CHECK(len <= 80 && (!len || line[len - 1] != ' '));
	}
}

/* The examples of --help are command lines that work. */
static void help_examples(void)
{
	static char text[OUTPUT_SIZE];
	const char *line = strcpy(text, PARSE("--help")->out);
	int examples = 0;

	while ((line = strstr(line, "\n  pping "))) {
		const char *args[MAX_ARGS + 1] = { 0 };
		char words[128] = "", *save, *word;
		int n = 0;

		line += strlen("\n  pping ");
		/* two spaces stand before what it does */
		snprintf(words, sizeof(words), "%.*s", (int)(strstr(line, "  ") - line), line);
		for (word = strtok_r(words, " ", &save); word && n < MAX_ARGS;
		     word = strtok_r(NULL, " ", &save))
			args[n++] = word;
		CHECK_INT(parse(args)->verdict, OPTIONS_RUN);
		examples++;
	}
	CHECK(examples >= 2);
}

static void man(void)
{
	static char text[OUTPUT_SIZE];

	strcpy(text, PARSE("--print-man")->out);
	CHECK(!strncmp(text, ".SH OPTIONS\n", 12));
	for (const struct option_row *row = options_table; row->name; row++) {
		char want[128] = "\\fB\\-\\-";

		for (const char *c = row->name; *c; c++)
			options_print__append(want, sizeof(want), *c == '-' ? "\\-" : "%c", *c);
		options_print__append(want, sizeof(want), "\\fR");
		if (row->arg)
			options_print__append(want, sizeof(want), " \\fI%s\\fR", row->arg);
		options_print__append(want, sizeof(want), "\n");
		CHECK(!!strstr(text, want) == (row->group != OPTION_GROUP_HIDDEN));
	}
	/* no text became a request by accident */
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		CHECK(*line != '\'' &&
		      (*line != '.' || !strncmp(line, ".S", 2) || !strncmp(line, ".TP\n", 4)));
}

/* In a child: a stdio that has failed stays so. */
static void print_to(const char *path, const char *want)
{
	char err[OUTPUT_SIZE];
	int status, old, full;
	pid_t child;

	fflush(stdout);
	old = divert_fd(STDERR_FILENO);
	child = fork();
	if (!child) {
		char *argv[] = { (char *)"pping", (char *)"--help", NULL };
		struct options opts;

		close(STDOUT_FILENO);
		full = path ? open(path, O_WRONLY) : -1;
		_exit(path && full != STDOUT_FILENO ? 77 : (int)options__parse(&opts, 2, argv));
	}
	waitpid(child, &status, 0);
	restore_fd(STDERR_FILENO, old, err);
	if (WEXITSTATUS(status) == 77) {
		SKIP("no /dev/full");
		return;
	}
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), OPTIONS_WRONG);
	CHECK(is_one_line(err));
	CHECK(strstr(err, "pping: can't write to standard output: ") == err);
	CHECK(strstr(err, want));
}

static void print_to_full(void)
{
	print_to("/dev/full", strerror(ENOSPC));
}

static void print_to_closed(void)
{
	print_to(NULL, strerror(EBADF));
}

/* --- with the programs that read it ----------------------------------------------------- */

/* Output of a shell command, errors too; -1 if it is not to be had. */
__attribute__((format(printf, 2, 3))) static int run_shell(char *out, const char *fmt, ...)
{
	char command[2048];
	size_t len;
	va_list args;
	FILE *pipe;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	fflush(stdout);
	pipe = popen(command, "r");
	if (!pipe)
		return -1;
	len = fread(out, 1, OUTPUT_SIZE - 1, pipe);
	out[len] = '\0';
	return pclose(pipe);
}

static void write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

static void man_renders(void)
{
	char path[] = "/tmp/test_options.XXXXXX", out[OUTPUT_SIZE];

	if (run_shell(out, "command -v man && command -v groff")) {
		SKIP("no man or no groff");
		return;
	}
	write_file(path, PARSE("--print-man")->out);
	CHECK_INT(run_shell(out,
			    "{ echo .TH PPING 8; cat %s; } | "
			    "man --warnings -E UTF-8 -l -Tutf8 -Z - 2>&1 >/dev/null",
			    path),
		  0);
	CHECK_STR(out, "");
	unlink(path);
}

static const struct {
	const char *words; /* the last one is being completed */
	const char *want; /* candidates, a space behind each */
} completions[] = {
	{ "pping --for", "--format " },
	{ "pping --include-", "--include-file --include-local --include-SYN " },
	{ "pping --exclude", "--exclude --exclude-file " },
	{ "pping -q --print", "" },
	{ "pping -F ''", "standard json jsonl ppviz " },
	{ "pping -F js", "json jsonl " },
	{ "pping --format js", "json jsonl " },
	{ "pping --format =", "standard json jsonl ppviz " },
	{ "pping --format = js", "json jsonl " },
	{ "pping -I ''", "tc xdp " },
	{ "pping --ingress-hook x", "xdp " },
	{ "pping -x n", "native " },
	{ "pping --xdp-mode ''", "unspecified native generic " },
	{ "pping -t s", "smoothed " },
	{ "pping --rtt-type ''", "min smoothed " },
	{ "pping -r ''", "" },
	{ "pping --anonymize ip", "ipcrypt-pfx ipcrypt " },
	{ "pping --fields mi", "min_rtt " },
	{ "pping --fields rtt,src_p", "rtt,src_port " },
	{ "pping --fields rtt,nothing,fl", "rtt,nothing,flow_event rtt,nothing,flow_id " },
	{ "pping --max-flows -", "" },
	{ "pping -F json --rate", "--rate-limit " },
	{ "pping -w /dev/nul", "/dev/null " },
	{ "pping --write = /dev/nul", "/dev/null " },
	{ "pping -w /no/such/file", "" },
};

static void complete(char *out, const char *script, const char *words)
{
	/* stderr is read too: it must be silent, whatever the user has set */
	run_shell(out,
		  "bash --norc -c 'IFS=m; set -u; . %s; COMP_WORDS=('\"%s\"');"
		  " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pping;"
		  " [[ ${#COMPREPLY[@]} == 0 ]] || printf \"%%s \" \"${COMPREPLY[@]}\"' 2>&1",
		  script, words);
}

static bool begin_completion(char *script)
{
	char out[OUTPUT_SIZE];

	if (run_shell(out, "command -v bash")) {
		SKIP("no bash");
		return false;
	}
	write_file(script, PARSE("--print-completion")->out);
	return true;
}

static void completion(void)
{
	char script[] = "/tmp/test_options.XXXXXX", out[OUTPUT_SIZE];

	if (!begin_completion(script))
		return;
	CHECK_INT(run_shell(out, "bash -n %s 2>&1", script), 0);
	CHECK_STR(out, "");
	for (size_t i = 0; i < sizeof(completions) / sizeof(completions[0]); i++) {
		complete(out, script, completions[i].words);
		if (strcmp(out, completions[i].want))
			printf("# at: %s\n", completions[i].words);
		CHECK_STR(out, completions[i].want);
	}
	run_shell(out, "bash --norc -c '. %s; complete -p pping' 2>&1", script);
	CHECK_STR(out, "complete -F _pping pping\n");
	unlink(script);
}

static void completes_every_option(void)
{
	char script[] = "/tmp/test_options.XXXXXX", out[OUTPUT_SIZE], want[OUTPUT_SIZE] = "";

	if (!begin_completion(script))
		return;
	for (const struct option_row *row = options_table; row->name; row++)
		if (row->group != OPTION_GROUP_HIDDEN)
			options_print__append(want, sizeof(want), "--%s ", row->name);
	complete(out, script, "pping --");
	CHECK_STR(out, want);
	complete(out, script, "pping ''");
	CHECK_STR(out, want);
	unlink(script);
}

static void completes_interfaces(void)
{
	char script[] = "/tmp/test_options.XXXXXX", out[OUTPUT_SIZE];

	if (access("/sys/class/net/lo", F_OK)) {
		SKIP("no /sys/class/net/lo");
		return;
	}
	if (!begin_completion(script))
		return;
	complete(out, script, "pping -i lo");
	CHECK(strstr(out, "lo ") == out);
	complete(out, script, "pping --interface = l");
	CHECK(strstr(out, "lo "));
	complete(out, script, "pping -i no-such-device");
	CHECK_STR(out, "");
	unlink(script);
}

int main(void)
{
	RUN(good);
	RUN(words_of_argv);
	RUN(several_interfaces);
	RUN(given);
	RUN(bad);
	RUN(long_words);
	RUN(called_again);
	RUN(posixly_correct);
	RUN(prints_whatever_else);
	RUN(fields_help);
	RUN(first_print_wins);
	RUN(version);
	RUN(help);
	RUN(help_examples);
	RUN(man);
	RUN(print_to_full);
	RUN(print_to_closed);
	RUN(man_renders);
	RUN(completion);
	RUN(completes_every_option);
	RUN(completes_interfaces);
	return TEST_EXIT();
}
