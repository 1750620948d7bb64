// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>
#include <string.h>

#include "compressor.h"
#include "fields.h"
#include "file_name.h"
#include "options_parse.h"

/* Whether the option that sets the field at offset was given. */
static bool was_given(const struct parse *p, size_t offset)
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
		parse__complain(p,
				"no interface given; name one with -i INTERFACE, or a capture with "
				"--read FILE (see pping --help)");
	if (opts->interface && opts->read_path)
		parse__complain(p, "--read conflicts with --interface; leave one out");
	for (const struct option_row *row = options_table; row->name; row++) {
		if (!p->given[row - options_table])
			continue;
		if (row->source == OPTION_LIVE && opts->read_path)
			parse__complain(p,
					"--%s conflicts with --read: it is for interfaces only; "
					"leave it out",
					row->name);
		if (row->source == OPTION_CAPTURE && opts->interface)
			parse__complain(p,
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
		parse__complain(p, "--write: %s %s; %%%% is a percent sign",
				QUOTE(opts->write_path), wrong);
	if (opts->relative_time && file_name__has_time(opts->write_path))
		parse__complain(
			p,
			"--write: %s would tell the time, which --relative-time does not; leave "
			"it out: files are numbered",
			QUOTE(opts->write_path));
	if (file_name__ends_with(opts->write_path, FILE_NAME_PART))
		parse__complain(p,
				"--write: %s ends in " FILE_NAME_PART
				", as files in progress do; give another name",
				QUOTE(opts->write_path));
	if ((opts->compress == COMPRESS_ZSTD && file_name__ends_with(opts->write_path, ".gz")) ||
	    (opts->compress == COMPRESS_GZIP && file_name__ends_with(opts->write_path, ".zst")))
		parse__complain(p, "--compress %s conflicts with --write %s; give another name",
				option_compressions[opts->compress], QUOTE(opts->write_path));
	if (opts->compress == COMPRESS_ZSTD && !compressor__has(COMPRESSOR_ZSTD))
		parse__complain(p,
				"this pping was built without zstd; use --compress gzip, or a name "
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
		parse__complain(p, "--%s is for files; name them with --write", option);
	if (!file)
		return;
	opts->rotating = option || opts->compress > COMPRESS_NONE || strchr(opts->write_path, '%');
	if (opts->rotating)
		check_name(p);
	/* or the file in progress could outgrow the budget, and it can't be dropped */
	if (opts->drop_oldest && opts->rotate_size > opts->max_storage / 4)
		parse__complain(
			p, "--rotate-size is more than a quarter of --max-storage: drop-oldest "
			   "needs several files; give a smaller one");
	if (opts->drop_oldest && !opts->rotate_size)
		opts->rotate_size = opts->max_storage / 4;
}

static void check_format(struct parse *p)
{
	const struct options *opts = p->opts;
	bool json = opts->format == FORMAT_JSON || opts->format == FORMAT_JSONL;

	if (opts->counters && opts->format == FORMAT_PPVIZ)
		parse__complain(p,
				"--counters conflicts with --format ppviz, which has no form for "
				"them; use another format");
	if (opts->counters && opts->format == FORMAT_STANDARD && opts->no_flow_events)
		parse__complain(p, "--counters conflicts with --no-flow-events, since --format "
				   "standard has them with the closings of flows; leave one out");
	if (opts->fields && !json)
		parse__complain(p, "--fields conflicts with --format %s; add -F jsonl or -F json",
				option_formats[opts->format]);
	if (opts->counters && opts->fields && !p->fields_added && !(opts->fields & FIELDS_COUNTERS))
		parse__complain(
			p,
			"--counters conflicts with --fields, which names none of them; leave one "
			"out");
}

static void check_privacy(struct parse *p)
{
	const struct option_anonymity *o = &p->opts->anonymity;
	const char *method = option_methods[o->method];

	if (o->method == ANONYMIZE_NONE && (o->key_path || o->ports != PORTS_KEPT))
		parse__complain(p, "--%s needs --anonymize METHOD; add it",
				o->key_path ? "anonymize-key" : "anonymize-ports");
	if (o->key_path && (o->method == ANONYMIZE_TRUNCATE || o->method == ANONYMIZE_REMOVE))
		parse__complain(
			p,
			"--anonymize-key conflicts with --anonymize %s, which has no key; leave "
			"it out",
			method);
	if (o->method == ANONYMIZE_REMOVE && p->opts->fields & FIELDS_ADDRESSES)
		parse__complain(
			p,
			"--fields src_ip and dest_ip conflict with --anonymize remove; leave them "
			"out");
}

/* A run that would wait for RTTs that are not written never ends. */
static void check_ends(struct parse *p)
{
	const struct options *opts = p->opts;

	if (opts->count && opts->aggregate_ns && !opts->events)
		parse__complain(
			p, "--count conflicts with --aggregate, which counts no RTT by itself; "
			   "use --duration, or add --events");
	if (opts->count && opts->fields && !p->fields_added &&
	    !(fields__kinds(opts->fields) & FIELDS_OF_RTT))
		parse__complain(
			p, "--count conflicts with --fields without a field of RTTs; leave one "
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
		opts->fields |= usual | (opts->several ? FIELD_BIT(INTERFACE) : 0);
}

void option_checks__together(struct parse *p)
{
	const struct options *opts = p->opts;

	check_source(p);
	if (was_given(p, offsetof(struct options, xdp_mode)) && opts->ingress_hook != HOOK_XDP)
		parse__complain(p,
				"--xdp-mode conflicts with --ingress-hook tc; add -I xdp or leave "
				"--xdp-mode out");
	check_format(p);
	check_privacy(p);
	check_files(p);
	check_ends(p);
	if (opts->aggregate_ns && opts->format == FORMAT_PPVIZ)
		parse__complain(
			p, "--aggregate conflicts with --format ppviz, which has no form for it; "
			   "use another format");
	for (const struct option_row *row = options_table; row->name; row++)
		if (!opts->aggregate_ns && row->group == OPTION_GROUP_AGGREGATING &&
		    p->given[row - options_table])
			parse__complain(p, "--%s needs --aggregate; add -a SECONDS or leave it out",
					row->name);
	if (was_given(p, offsetof(struct options, metrics_series)) &&
	    (!opts->metrics.port || !opts->aggregate_ns))
		parse__complain(
			p, "--metrics-series needs --metrics and --aggregate; add them or leave it "
			   "out");
	if (opts->format == FORMAT_PPVIZ && (opts->status_interval_ns || opts->run_records))
		parse__complain(p,
				"--%s conflicts with --format ppviz, which has no form for it; "
				"leave one out",
				opts->run_records ? "run-records" : "status");
	if (opts->debug_cleanup && !opts->cleanup_interval_ns)
		parse__complain(
			p, "--debug-cleanup conflicts with --cleanup-interval 0; leave one out");
}

/* What the run is called after several interfaces. */
static void name_interfaces(struct options *opts)
{
	char *list = opts->interface_list;
	size_t room = sizeof(opts->interface_list) - sizeof(",...");

	for (size_t i = 0; opts->interfaces[i]; i++) {
		if (strlen(list) + strlen(opts->interfaces[i]) > room) {
			options_print__append(list, sizeof(opts->interface_list), "%s...",
					      i ? "," : "");
			break;
		}
		options_print__append(list, sizeof(opts->interface_list), "%s%s", i ? "," : "",
				      opts->interfaces[i]);
	}
	opts->interface = list;
}

void option_checks__derive(struct parse *p)
{
	if (p->opts->several)
		name_interfaces(p->opts);
	if (!p->opts->track_icmp)
		p->opts->track_tcp = true;
	choose_fields(p);
	leave_out(p->opts);
}
