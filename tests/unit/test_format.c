// SPDX-License-Identifier: GPL-2.0-or-later
/* Golden lines of every format, extreme values, addresses against inet_ntop(), time zones. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "src/fields.h"
#include "src/format_util.h"
#include "src/scope.h"
#include "tests/unit/test.h"

#define WALL 1700000000123456789ULL /* 2023-11-14 22:13:20.123456789 UTC */

static const struct format_settings plain;
static const struct format_settings counters = { .counters = true };
static const struct format_note note = { .flow_id = 0x0123456789abcdef,
					 .src_scope = SCOPE_LINK_LOCAL,
					 .dest_scope = SCOPE_CGNAT };

/* --- making events ----------------------------------------------------------- */

static union pping_addr addr_of(const char *text)
{
	union pping_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };

	if (strchr(text, ':'))
		inet_pton(AF_INET6, text, addr.b);
	else
		inet_pton(AF_INET, text, addr.b + 12);
	return addr;
}

static struct pping_event event_of(uint8_t type, uint8_t protocol, const char *src, uint16_t sport,
				   const char *dest, uint16_t dport)
{
	struct pping_event e;

	memset(&e, 0xa5, sizeof(e)); /* what a formatter should not look at */
	e.type = type;
	e.flow.protocol = protocol;
	e.flow.ip_version = strchr(src, ':') ? 6 : 4;
	e.flow.saddr = addr_of(src);
	e.flow.daddr = addr_of(dest);
	e.flow.sport = htons(sport);
	e.flow.dport = htons(dport);
	e.rtt = 5425439;
	e.min_rtt = 5261430;
	e.match = PPING_MATCH_EGRESS;
	e.flow_event = PPING_FLOW_OPENING;
	e.reason = PPING_REASON_SYN_ACK;
	e.triggered_by = PPING_TRIGGER_SRC;
	return e;
}

static struct pping_event rtt_v4(void)
{
	return event_of(PPING_EVENT_RTT, IPPROTO_TCP, "10.11.1.1", 5201, "10.11.1.2", 59528);
}

static struct pping_event rtt_v6(void)
{
	return event_of(PPING_EVENT_RTT, IPPROTO_TCP, "2001:db8::1", 443, "fe80::a:b", 40000);
}

static struct pping_event lost(uint64_t n)
{
	struct pping_event e;

	memset(&e, 0xa5, sizeof(e));
	e.type = PPING_EVENT_LOST;
	e.lost = n;
	return e;
}

/* The event's record, valid until the next call. */
static const char *line(const struct format *format, const struct format_settings *set,
			const struct pping_event *e, uint64_t wall_ns, bool first)
{
	static struct text out;

	out.len = 0;
	format->event(&out, set, e, wall_ns, first);
	text__append(&out, "", 1);
	return out.data;
}

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* --- golden lines ------------------------------------------------------------ */

static void standard_rtts(void)
{
	struct pping_event e = rtt_v4();

	set_zone("UTC0");
	CHECK_STR(
		line(&format_standard, &plain, &e, WALL, true),
		"22:13:20.123456789 5.425439 ms 5.261430 ms TCP 10.11.1.1:5201+10.11.1.2:59528\n");
	CHECK_STR(
		line(&format_standard, &counters, &e, WALL, false),
		"22:13:20.123456789 5.425439 ms 5.261430 ms TCP 10.11.1.1:5201+10.11.1.2:59528\n");
	e = rtt_v6();
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 5.425439 ms 5.261430 ms TCP "
		  "[2001:db8::1]:443+[fe80::a:b]:40000\n");
	e = event_of(PPING_EVENT_RTT, IPPROTO_ICMP, "192.0.2.1", 7, "192.0.2.255", 7);
	e.rtt = 1;
	e.min_rtt = 0;
	CHECK_STR(line(&format_standard, &plain, &e, WALL / 1000000000 * 1000000000, true),
		  "22:13:20.000000000 0.000001 ms 0.000000 ms ICMP 192.0.2.1:7+192.0.2.255:7\n");
	e = event_of(PPING_EVENT_RTT, IPPROTO_ICMPV6, "::1", 0, "::", 65535);
	e.rtt = 60000000000;
	e.min_rtt = 1000000;
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 60000.000000 ms 1.000000 ms ICMPv6 [::1]:0+[::]:65535\n");
}

static void standard_flows(void)
{
	struct pping_event e = rtt_v4();

	set_zone("UTC0");
	e.type = PPING_EVENT_FLOW;
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 TCP 10.11.1.1:5201+10.11.1.2:59528 opening due to SYN-ACK "
		  "from src\n");
	e.flow_event = PPING_FLOW_CLOSING;
	e.reason = PPING_REASON_TIMEOUT;
	e.triggered_by = PPING_TRIGGER_GC;
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 TCP 10.11.1.1:5201+10.11.1.2:59528 closing due to timeout "
		  "from garbage collection\n");
	e = event_of(PPING_EVENT_FLOW, IPPROTO_ICMPV6, "2001:db8::1", 9, "2001:db8::2", 9);
	e.reason = PPING_REASON_FIRST_PACKET;
	e.triggered_by = PPING_TRIGGER_DEST;
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 ICMPv6 [2001:db8::1]:9+[2001:db8::2]:9 opening due to first "
		  "observed packet from dest\n");
}

/* What dest sent is what was measured, sent_ in JSON. */
static struct pping_event closing_with_totals(void)
{
	struct pping_event e = rtt_v4();

	e.type = PPING_EVENT_FLOW;
	e.flow_event = PPING_FLOW_CLOSING;
	e.reason = PPING_REASON_FIN;
	e.sent = (struct pping_flow_count){ 12, 1044 };
	e.rec = (struct pping_flow_count){ 345, 498765 };
	e.duration = 10221106846;
	e.rtts = 23;
	return e;
}

static void standard_totals(void)
{
	struct format_settings set = { .counters = true, .relative_time = true };
	struct pping_event e = closing_with_totals();

	set_zone("UTC0");
	CHECK_STR(line(&format_standard, &counters, &e, WALL, true),
		  "22:13:20.123456789 TCP 10.11.1.1:5201+10.11.1.2:59528 closing due to FIN from "
		  "src after 10.221106846 s: src sent 345 packets 498765 bytes, dest sent 12 "
		  "packets 1044 bytes, 23 RTTs\n");
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 TCP 10.11.1.1:5201+10.11.1.2:59528 closing due to FIN from "
		  "src\n");
	e.duration = 0;
	e.rtts = 0;
	CHECK_STR(line(&format_standard, &set, &e, 0, true),
		  "00:00:00.000000000 TCP 10.11.1.1:5201+10.11.1.2:59528 closing due to FIN from "
		  "src after 0.000000000 s: src sent 345 packets 498765 bytes, dest sent 12 "
		  "packets 1044 bytes, 0 RTTs\n");
	e.flow_event = PPING_FLOW_OPENING;
	CHECK_STR(line(&format_standard, &counters, &e, WALL, true),
		  "22:13:20.123456789 TCP 10.11.1.1:5201+10.11.1.2:59528 opening due to FIN from "
		  "src\n");
	CHECK_STR(line(&format_ppviz, &counters, &e, WALL, true), "");
}

static void standard_lost(void)
{
	struct pping_event e = lost(17);

	set_zone("UTC0");
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 lost 17 events\n");
	e = lost(UINT64_MAX);
	CHECK_STR(line(&format_standard, &plain, &e, WALL, true),
		  "22:13:20.123456789 lost 18446744073709551615 events\n");
}

static void jsonl_rtts(void)
{
	struct pping_event e = rtt_v4();

	CHECK_STR(line(&format_jsonl, &plain, &e, WALL, true),
		  "{\"timestamp\":1700000000123456789,\"src_ip\":\"10.11.1.1\",\"src_port\":5201,"
		  "\"dest_ip\":\"10.11.1.2\",\"dest_port\":59528,\"protocol\":\"TCP\","
		  "\"rtt\":5425439,\"min_rtt\":5261430,\"match_on_egress\":true}\n");
	e = rtt_v6();
	e.match = PPING_MATCH_INGRESS;
	CHECK_STR(line(&format_jsonl, &plain, &e, WALL, false),
		  "{\"timestamp\":1700000000123456789,\"src_ip\":\"2001:db8::1\",\"src_port\":443,"
		  "\"dest_ip\":\"fe80::a:b\",\"dest_port\":40000,\"protocol\":\"TCP\","
		  "\"rtt\":5425439,\"min_rtt\":5261430,\"match_on_egress\":false}\n");
	e = event_of(PPING_EVENT_RTT, IPPROTO_ICMP, "0.0.0.0", 65535, "255.255.255.255", 0);
	e.match = PPING_MATCH_UNKNOWN;
	CHECK_STR(line(&format_jsonl, &plain, &e, 0, true),
		  "{\"timestamp\":0,\"src_ip\":\"0.0.0.0\",\"src_port\":65535,"
		  "\"dest_ip\":\"255.255.255.255\",\"dest_port\":0,\"protocol\":\"ICMP\","
		  "\"rtt\":5425439,\"min_rtt\":5261430}\n");
}

static void jsonl_counters(void)
{
	struct pping_event e = rtt_v4();

	e.sent.packets = 1;
	e.sent.bytes = 22;
	e.rec.packets = 333;
	e.rec.bytes = 0;
	CHECK_STR(line(&format_jsonl, &counters, &e, WALL, true),
		  "{\"timestamp\":1700000000123456789,\"src_ip\":\"10.11.1.1\",\"src_port\":5201,"
		  "\"dest_ip\":\"10.11.1.2\",\"dest_port\":59528,\"protocol\":\"TCP\","
		  "\"rtt\":5425439,\"min_rtt\":5261430,\"sent_packets\":1,\"sent_bytes\":22,"
		  "\"rec_packets\":333,\"rec_bytes\":0,\"match_on_egress\":true}\n");
}

static void jsonl_other_events(void)
{
	struct pping_event e = rtt_v4();

	e.type = PPING_EVENT_FLOW;
	e.flow_event = PPING_FLOW_CLOSING;
	e.reason = PPING_REASON_RST;
	e.triggered_by = PPING_TRIGGER_DEST;
	CHECK_STR(line(&format_jsonl, &plain, &e, WALL, true),
		  "{\"timestamp\":1700000000123456789,\"src_ip\":\"10.11.1.1\",\"src_port\":5201,"
		  "\"dest_ip\":\"10.11.1.2\",\"dest_port\":59528,\"protocol\":\"TCP\","
		  "\"flow_event\":\"closing\",\"reason\":\"RST\",\"triggered_by\":\"dest\"}\n");
	e = closing_with_totals();
	CHECK_STR(line(&format_jsonl, &counters, &e, WALL, true),
		  "{\"timestamp\":1700000000123456789,\"src_ip\":\"10.11.1.1\",\"src_port\":5201,"
		  "\"dest_ip\":\"10.11.1.2\",\"dest_port\":59528,\"protocol\":\"TCP\","
		  "\"sent_packets\":12,\"sent_bytes\":1044,\"rec_packets\":345,"
		  "\"rec_bytes\":498765,\"flow_event\":\"closing\",\"reason\":\"FIN\","
		  "\"triggered_by\":\"src\",\"duration\":10221106846,\"rtts\":23}\n");
	e.flow_event = PPING_FLOW_OPENING;
	CHECK_STR(line(&format_jsonl, &counters, &e, WALL, true),
		  "{\"timestamp\":1700000000123456789,\"src_ip\":\"10.11.1.1\",\"src_port\":5201,"
		  "\"dest_ip\":\"10.11.1.2\",\"dest_port\":59528,\"protocol\":\"TCP\","
		  "\"flow_event\":\"opening\",\"reason\":\"FIN\",\"triggered_by\":\"src\"}\n");
	e = lost(1);
	CHECK_STR(line(&format_jsonl, &plain, &e, WALL, true),
		  "{\"timestamp\":1700000000123456789,\"lost_events\":1}\n");
}

static void json_array(void)
{
	struct text out = { 0 };
	struct pping_event e = lost(1);

	format_json.begin(&out);
	format_json.event(&out, &plain, &e, 1, true);
	format_json.event(&out, &plain, &e, 2, false);
	format_json.end(&out);
	text__append(&out, "", 1);
	CHECK_STR(out.data, "[\n{\"timestamp\":1,\"lost_events\":1},\n"
			    "{\"timestamp\":2,\"lost_events\":1}\n]\n");
	text__free(&out);

	format_json.begin(&out);
	format_json.end(&out);
	text__append(&out, "", 1);
	CHECK_STR(out.data, "[\n\n]\n");
	text__free(&out);
}

/* The object of json is jsonl's line, whatever the event. */
static void json_is_jsonl(void)
{
	struct pping_event events[] = { rtt_v4(), rtt_v6(), lost(5), rtt_v4(),
					closing_with_totals() };
	char want[FORMAT_RECORD_MAX + 3], got[FORMAT_RECORD_MAX + 3];
	size_t i;

	events[3].type = PPING_EVENT_FLOW;
	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(got, sizeof(got), "%s\n",
			 line(&format_json, &counters, &events[i], WALL, true));
		CHECK_STR(got, line(&format_jsonl, &counters, &events[i], WALL, true));
		snprintf(want, sizeof(want), ",\n%s",
			 line(&format_jsonl, &counters, &events[i], WALL, false));
		snprintf(got, sizeof(got), "%s\n",
			 line(&format_json, &counters, &events[i], WALL, false));
		CHECK_STR(got, want);
	}
}

static void ppviz_lines(void)
{
	struct pping_event e = rtt_v4();

	CHECK_STR(line(&format_ppviz, &plain, &e, WALL, true),
		  "1700000000.123456789 0.005425439 0.005261430 10.11.1.1:5201+10.11.1.2:59528\n");
	e = rtt_v6();
	e.rtt = 12000000001;
	CHECK_STR(line(&format_ppviz, &counters, &e, WALL + 1, false),
		  "1700000000.123456790 12.000000001 0.005261430 "
		  "2001:db8::1:443+fe80::a:b:40000\n");
	e.type = PPING_EVENT_FLOW;
	CHECK_STR(line(&format_ppviz, &plain, &e, WALL, true), "");
	e = lost(1);
	CHECK_STR(line(&format_ppviz, &plain, &e, WALL, true), "");
}

static void names_of_every_value(void)
{
	static const char *const reasons[] = {
		"unknown", "SYN", "SYN-ACK", "first observed packet",
		"FIN",	   "RST", "timeout", "unknown",
	};
	static const char *const triggers[] = { "unknown", "src", "dest", "garbage collection",
						"unknown" };
	static const char *const flow_events[] = { "unknown", "opening", "closing", "unknown" };
	uint8_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		CHECK_STR(format_util__reason_name(i), reasons[i]);
	for (i = 0; i < sizeof(triggers) / sizeof(*triggers); i++)
		CHECK_STR(format_util__trigger_name(i), triggers[i]);
	for (i = 0; i < sizeof(flow_events) / sizeof(*flow_events); i++)
		CHECK_STR(format_util__flow_event_name(i), flow_events[i]);
	CHECK_STR(format_util__reason_name(255), "unknown");
}

static void unprinted_events(void)
{
	struct pping_event e = rtt_v4();
	uint8_t types[] = { 0, PPING_EVENT_MARK, 255 };
	size_t i;
	int f;

	for (i = 0; i < sizeof(types); i++) {
		e.type = types[i];
		for (f = FORMAT_STANDARD; f <= FORMAT_PPVIZ; f++)
			CHECK_STR(line(format__find(f), &plain, &e, WALL, false), "");
	}
}

static void finds_formats(void)
{
	CHECK(format__find(FORMAT_STANDARD) == &format_standard);
	CHECK(format__find(FORMAT_JSON) == &format_json);
	CHECK(format__find(FORMAT_JSONL) == &format_jsonl);
	CHECK(format__find(FORMAT_PPVIZ) == &format_ppviz);
	CHECK(!format__find(FORMAT_PPVIZ + 1));
	CHECK(!format__find((enum option_format) - 1));
	CHECK_STR(format_standard.name, "standard");
	CHECK_STR(format_json.name, "json");
	CHECK_STR(format_jsonl.name, "jsonl");
	CHECK_STR(format_ppviz.name, "ppviz");
	CHECK(format_standard.appendable && format_jsonl.appendable && format_ppviz.appendable);
	CHECK(!format_json.appendable);
}

/* --- bounds ------------------------------------------------------------------ */

static struct pping_event widest(uint8_t type)
{
	static const char addr[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	struct pping_event e = event_of(type, IPPROTO_ICMPV6, addr, 65535, addr, 65535);

	e.rtt = UINT64_MAX;
	e.min_rtt = UINT64_MAX;
	e.sent = (struct pping_flow_count){ UINT64_MAX, UINT64_MAX };
	e.rec = e.sent;
	e.match = PPING_MATCH_INGRESS;
	e.flow_event = 255;
	e.reason = PPING_REASON_FIRST_PACKET;
	e.triggered_by = PPING_TRIGGER_GC;
	return e;
}

static void extreme_values(void)
{
	struct pping_event e = widest(PPING_EVENT_RTT);
	static const char max[] = "18446744073709551615";
	static const char addr[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	char want[2 * FORMAT_RECORD_MAX];

	set_zone("UTC0");
	snprintf(want, sizeof(want),
		 "23:34:33.709551615 18446744073709.551615 ms 18446744073709.551615 ms "
		 "ICMPv6 [%s]:65535+[%s]:65535\n",
		 addr, addr);
	CHECK_STR(line(&format_standard, &plain, &e, UINT64_MAX, true), want);
	snprintf(want, sizeof(want),
		 "{\"timestamp\":%s,\"src_ip\":\"%s\",\"src_port\":65535,\"dest_ip\":\"%s\","
		 "\"dest_port\":65535,\"protocol\":\"ICMPv6\",\"rtt\":%s,\"min_rtt\":%s,"
		 "\"sent_packets\":%s,\"sent_bytes\":%s,\"rec_packets\":%s,\"rec_bytes\":%s,"
		 "\"match_on_egress\":false}\n",
		 max, addr, addr, max, max, max, max, max, max);
	CHECK_STR(line(&format_jsonl, &counters, &e, UINT64_MAX, true), want);
	snprintf(want, sizeof(want),
		 "18446744073.709551615 18446744073.709551615 18446744073.709551615 "
		 "%s:65535+%s:65535\n",
		 addr, addr);
	CHECK_STR(line(&format_ppviz, &plain, &e, UINT64_MAX, true), want);
}

/* --- what --anonymize, --fields and --relative-time make of it ------------------------ */

/* Chosen one by one they are the usual ones, byte by byte. */
static void all_usual_fields(void)
{
	struct pping_event events[] = { rtt_v4(), rtt_v6(), rtt_v4(),
					lost(5),  rtt_v4(), closing_with_totals() };
	struct format_settings set = { .fields = FIELDS_USUAL };
	char want[FORMAT_RECORD_MAX];

	events[1].match = PPING_MATCH_INGRESS;
	events[2].type = PPING_EVENT_FLOW;
	events[4].match = PPING_MATCH_UNKNOWN;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		strcpy(want, line(&format_jsonl, &plain, &events[i], WALL, true));
		CHECK_STR(line(&format_jsonl, &set, &events[i], WALL, true), want);
		strcpy(want, line(&format_json, &counters, &events[i], WALL, false));
		set.fields |= FIELDS_COUNTERS;
		CHECK_STR(line(&format_json, &set, &events[i], WALL, false), want);
		set.fields &= ~FIELDS_COUNTERS;
	}
}

static void chosen_fields(void)
{
	struct pping_event e = rtt_v6();
	struct format_settings set = { .note = &note };

	set.fields = FIELD_BIT(RTT);
	CHECK_STR(line(&format_jsonl, &set, &e, WALL, true), "{\"rtt\":5425439}\n");
	set.fields = FIELD_BIT(DEST_SCOPE) | FIELD_BIT(TIMESTAMP) | FIELD_BIT(SRC_SCOPE) |
		     FIELD_BIT(FLOW_ID) | FIELD_BIT(IP_VERSION);
	CHECK_STR(line(&format_jsonl, &set, &e, 7, true),
		  "{\"timestamp\":7,\"ip_version\":6,\"flow_id\":\"0123456789abcdef\","
		  "\"src_scope\":\"link-local\",\"dest_scope\":\"CGNAT\"}\n");
	e = rtt_v4();
	set.fields = FIELD_BIT(MATCH_ON_EGRESS) | FIELD_BIT(DEST_PORT) | FIELD_BIT(IP_VERSION);
	CHECK_STR(line(&format_json, &set, &e, 7, false),
		  ",\n{\"dest_port\":59528,\"match_on_egress\":true,\"ip_version\":4}");
	e.match = PPING_MATCH_UNKNOWN;
	CHECK_STR(line(&format_jsonl, &set, &e, 7, false),
		  "{\"dest_port\":59528,\"ip_version\":4}\n");
	set.fields = FIELD_BIT(MATCH_ON_EGRESS);
	CHECK_STR(line(&format_jsonl, &set, &e, 7, false), "{}\n");
}

/* Where several interfaces are, each record has its own at the end; of what has none nothing is said. */
static void interfaces(void)
{
	struct format_settings set = { .interface = "pp\"p\x07" };
	struct format_settings chosen = { .fields = FIELDS_USUAL | FIELD_BIT(INTERFACE) };
	struct pping_event rtt = rtt_v4(), flow = rtt_v4(), loss = lost(5);
	char want[FORMAT_RECORD_MAX];

	flow.type = PPING_EVENT_FLOW;
	strcpy(want, line(&format_jsonl, &plain, &rtt, WALL, true));
	strcpy(strrchr(want, '}'), ",\"interface\":\"pp\\u0022p\\u0007\"}\n");
	CHECK_STR(line(&format_jsonl, &set, &rtt, WALL, true), want);
	chosen.interface = set.interface;
	CHECK_STR(line(&format_jsonl, &chosen, &rtt, WALL, true), want);
	strcpy(want, line(&format_json, &plain, &flow, WALL, false));
	strcpy(strrchr(want, '}'), ",\"interface\":\"pp\\u0022p\\u0007\"}");
	CHECK_STR(line(&format_json, &set, &flow, WALL, false), want);
	CHECK_STR(line(&format_json, &chosen, &flow, WALL, false), want);
	strcpy(want, line(&format_standard, &plain, &rtt, WALL, true));
	strcpy(strrchr(want, '\n'), " on pp\"p_\n");
	CHECK_STR(line(&format_standard, &set, &rtt, WALL, true), want);
	strcpy(want, line(&format_jsonl, &plain, &loss, WALL, true));
	CHECK_STR(line(&format_jsonl, &set, &loss, WALL, true), want);
	CHECK_STR(line(&format_jsonl, &chosen, &loss, WALL, true), want);
	chosen.interface = NULL;
	strcpy(want, line(&format_jsonl, &plain, &flow, WALL, true));
	CHECK_STR(line(&format_jsonl, &chosen, &flow, WALL, true), want);
	strcpy(want, line(&format_ppviz, &plain, &rtt, WALL, true));
	CHECK_STR(line(&format_ppviz, &set, &rtt, WALL, true), want);
}

/* A kind of which nothing of its own was asked for is not written, and json has no comma for it. */
static void chosen_kinds(void)
{
	static const struct {
		uint32_t fields;
		const char *rtt, *flow, *loss, *closing;
	} rows[] = {
		{ FIELD_BIT(TIMESTAMP) | FIELD_BIT(RTT), "{\"timestamp\":7,\"rtt\":5425439}\n", "",
		  "", "" },
		{ FIELD_BIT(SRC_PORT) | FIELD_BIT(FLOW_EVENT), "",
		  "{\"src_port\":5201,\"flow_event\":\"opening\"}\n", "",
		  "{\"src_port\":5201,\"flow_event\":\"closing\"}\n" },
		{ FIELD_BIT(LOST_EVENTS) | FIELD_BIT(MIN_RTT), "{\"min_rtt\":5261430}\n", "",
		  "{\"lost_events\":5}\n", "" },
		{ FIELD_BIT(SRC_PORT) | FIELD_BIT(TIMESTAMP),
		  "{\"timestamp\":7,\"src_port\":5201}\n", "{\"timestamp\":7,\"src_port\":5201}\n",
		  "", "{\"timestamp\":7,\"src_port\":5201}\n" },
		/* an opening has no totals, and is none of the events that are about them */
		{ FIELD_BIT(SRC_PORT) | FIELD_BIT(DURATION) | FIELD_BIT(RTTS), "", "", "",
		  "{\"src_port\":5201,\"duration\":10221106846,\"rtts\":23}\n" },
		{ FIELD_BIT(FLOW_EVENT) | FIELD_BIT(DURATION) | FIELD_BIT(SENT_BYTES), "",
		  "{\"flow_event\":\"opening\"}\n", "",
		  "{\"sent_bytes\":1044,\"flow_event\":\"closing\",\"duration\":10221106846}\n" },
		{ FIELD_BIT(RTT) | FIELD_BIT(REC_BYTES), "{\"rtt\":5425439,\"rec_bytes\":8}\n", "",
		  "", "" },
		{ FIELD_BIT(TIMESTAMP) | FIELD_BIT(REC_BYTES),
		  "{\"timestamp\":7,\"rec_bytes\":8}\n", "{\"timestamp\":7}\n", "",
		  "{\"timestamp\":7,\"rec_bytes\":498765}\n" },
		{ FIELD_BIT(REC_BYTES), "{\"rec_bytes\":8}\n", "", "", "{\"rec_bytes\":498765}\n" },
	};
	struct pping_event rtt = rtt_v4(), flow = rtt_v4(), loss = lost(5);
	struct pping_event closing = closing_with_totals();

	flow.type = PPING_EVENT_FLOW;
	rtt.rec.bytes = 8;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct format_settings set = { .fields = rows[i].fields };

		CHECK_STR(line(&format_jsonl, &set, &rtt, 7, true), rows[i].rtt);
		CHECK_STR(line(&format_jsonl, &set, &flow, 7, true), rows[i].flow);
		CHECK_STR(line(&format_jsonl, &set, &loss, 7, true), rows[i].loss);
		CHECK_STR(line(&format_jsonl, &set, &closing, 7, true), rows[i].closing);
		if (!*rows[i].flow)
			CHECK_STR(line(&format_json, &set, &flow, 7, false), "");
	}
}

static void addresses_of_128_bits(void)
{
	struct format_settings set = { .addresses = FORMAT_ADDRESSES_128_BITS,
				       .fields = FIELD_BIT(SRC_IP) | FIELD_BIT(RTT) |
						 FIELD_BIT(IP_VERSION) };
	struct pping_event e = rtt_v4();

	set_zone("UTC0");
	e.flow.saddr = addr_of("1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777");
	e.flow.daddr = addr_of("::ffff:1.2.3.4");
	CHECK_STR(line(&format_standard, &set, &e, WALL, true),
		  "22:13:20.123456789 5.425439 ms 5.261430 ms TCP "
		  "[1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777]:5201+[::ffff:1.2.3.4]:59528\n");
	CHECK_STR(line(&format_ppviz, &set, &e, WALL, true),
		  "1700000000.123456789 0.005425439 0.005261430 "
		  "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777:5201+::ffff:1.2.3.4:59528\n");
	CHECK_STR(line(&format_jsonl, &set, &e, WALL, true),
		  "{\"src_ip\":\"1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777\",\"rtt\":5425439,"
		  "\"ip_version\":4}\n");
}

/* Not even what a caller has forgotten in the event. */
static void no_addresses(void)
{
	struct format_settings set = { .addresses = FORMAT_ADDRESSES_NONE,
				       .fields = FIELDS_USUAL & ~FIELDS_ADDRESSES };
	struct pping_event e = rtt_v4(), f = rtt_v6();

	set_zone("UTC0");
	f.type = PPING_EVENT_FLOW;
	CHECK_STR(line(&format_standard, &set, &e, WALL, true),
		  "22:13:20.123456789 5.425439 ms 5.261430 ms TCP -:5201+-:59528\n");
	CHECK_STR(line(&format_standard, &set, &f, WALL, true),
		  "22:13:20.123456789 TCP -:443+-:40000 opening due to SYN-ACK from src\n");
	CHECK_STR(line(&format_ppviz, &set, &e, WALL, true),
		  "1700000000.123456789 0.005425439 0.005261430 -:5201+-:59528\n");
	CHECK_STR(line(&format_jsonl, &set, &f, 7, true),
		  "{\"timestamp\":7,\"src_port\":443,\"dest_port\":40000,\"protocol\":\"TCP\","
		  "\"flow_event\":\"opening\",\"reason\":\"SYN-ACK\",\"triggered_by\":\"src\"}\n");
	set.fields |= FIELDS_ADDRESSES;
	CHECK_STR(line(&format_jsonl, &set, &f, 7, true),
		  "{\"timestamp\":7,\"src_ip\":\"-\",\"src_port\":443,\"dest_ip\":\"-\","
		  "\"dest_port\":40000,\"protocol\":\"TCP\","
		  "\"flow_event\":\"opening\",\"reason\":\"SYN-ACK\",\"triggered_by\":\"src\"}\n");
}

/* Wherever in the world, and for longer than a day. */
static void relative_times(void)
{
	static const struct {
		uint64_t ns;
		const char *standard, *ppviz;
	} rows[] = {
		{ 0, "00:00:00.000000000 lost 1 events\n", "0.000000000 " },
		{ 59999999999, "00:00:59.999999999 lost 1 events\n", "59.999999999 " },
		{ 3600000000000, "01:00:00.000000000 lost 1 events\n", "3600.000000000 " },
		{ 86399000000001, "23:59:59.000000001 lost 1 events\n", "86399.000000001 " },
		{ 90061000000000, "25:01:01.000000000 lost 1 events\n", "90061.000000000 " },
		{ 604800000000000, "168:00:00.000000000 lost 1 events\n", "604800.000000000 " },
	};
	struct format_settings set = { .relative_time = true };
	struct pping_event e = lost(1), rtt = rtt_v4();

	set_zone("XXX-5:30");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_STR(line(&format_standard, &set, &e, rows[i].ns, true), rows[i].standard);
		CHECK(!strncmp(line(&format_ppviz, &set, &rtt, rows[i].ns, true), rows[i].ppviz,
			       strlen(rows[i].ppviz)));
	}
	CHECK_STR(line(&format_jsonl, &set, &e, 5, true), "{\"timestamp\":5,\"lost_events\":1}\n");
	set_zone("UTC0");
}

/* In a buffer that ends where the reservation does, for ASan; with room to spare otherwise. */
static void stays_within_reservation(void)
{
	const struct format_settings most = { .counters = true,
					      .addresses = FORMAT_ADDRESSES_128_BITS,
					      .fields = ~0u,
					      .note = &note,
					      .interface = "\x80\x81\x82\x83\x84\x85\x86\x87"
							   "\x88\x89\x8a\x8b\x8c\x8d\x8e" };
	uint8_t types[] = { PPING_EVENT_RTT, PPING_EVENT_FLOW, PPING_EVENT_FLOW, PPING_EVENT_LOST };
	struct text out;
	size_t i;
	int f;

	for (i = 0; i < sizeof(types); i++) {
		struct pping_event e = widest(types[i]);

		if (i == 1)
			e.flow_event = PPING_FLOW_CLOSING;
		for (f = FORMAT_STANDARD; f <= FORMAT_PPVIZ; f++) {
			out = (struct text){ .data = malloc(FORMAT_RECORD_MAX),
					     .cap = FORMAT_RECORD_MAX };
			format__find(f)->event(&out, &counters, &e, UINT64_MAX, false);
			CHECK(out.len <= FORMAT_RECORD_MAX - 3);
			out.len = 0;
			format__find(f)->event(&out, &most, &e, UINT64_MAX, false);
			CHECK_INT(out.cap, FORMAT_RECORD_MAX);
			/* put_octet() may touch three bytes more */
			CHECK(out.len <= FORMAT_RECORD_MAX - 3);
			text__free(&out);
		}
	}
}

/* Without counters the kernel's event ends before them. */
static void short_events(void)
{
	void *just_enough = malloc(PPING_EVENT_SIZE);
	struct pping_event *e = just_enough;
	struct pping_event whole = rtt_v4();
	int f;

	memcpy(e, &whole, PPING_EVENT_SIZE);
	for (f = FORMAT_STANDARD; f <= FORMAT_PPVIZ; f++)
		CHECK(strlen(line(format__find(f), &plain, e, WALL, true)) > 60);
	free(e);
}

static void numbers(void)
{
	char got[32], want[32];
	uint64_t powers = 1, v;
	int digits, i;

	for (digits = 1; digits <= 20; digits++) {
		uint64_t tries[] = { powers - 1, powers, powers + 1, powers * 9 / 2, 7 * powers };

		for (i = 0; i < 5; i++) {
			*put_u64(got, tries[i]) = 0;
			snprintf(want, sizeof(want), "%" PRIu64, tries[i]);
			CHECK_STR(got, want);
		}
		powers *= 10;
	}
	for (i = 0; i < 200000; i++) {
		v = ((uint64_t)mrand48() << 32 | (uint32_t)mrand48()) >> (lrand48() % 64);
		*put_u64(got, v) = 0;
		snprintf(want, sizeof(want), "%" PRIu64, v);
		CHECK_STR(got, want);
		*put_seconds(got, v) = 0;
		snprintf(want, sizeof(want), "%" PRIu64 ".%09" PRIu64, v / 1000000000,
			 v % 1000000000);
		CHECK_STR(got, want);
		*put_milliseconds(got, v) = 0;
		snprintf(want, sizeof(want), "%" PRIu64 ".%06" PRIu64, v / 1000000, v % 1000000);
		CHECK_STR(got, want);
	}
	for (i = 0; i <= 65535; i++) {
		*put_port(got, htons((uint16_t)i)) = 0;
		snprintf(want, sizeof(want), "%d", i);
		CHECK_STR(got, want);
	}
}

/* --- addresses --------------------------------------------------------------- */

static void check_v6(const uint8_t *b)
{
	union pping_addr addr;
	char got[64], want[INET6_ADDRSTRLEN];

	memcpy(addr.b, b, 16);
	*put_addr(got, &addr, 6) = 0;
	inet_ntop(AF_INET6, b, want, sizeof(want));
	CHECK_STR(got, want);
}

static void check_v4(uint32_t v)
{
	union pping_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };
	char got[32], want[INET_ADDRSTRLEN];

	addr.w[3] = v;
	*put_addr(got, &addr, 4) = 0;
	inet_ntop(AF_INET, &v, want, sizeof(want));
	CHECK_STR(got, want);
}

/* Every pattern of zero and non-zero groups, several values in each. */
static void ipv6_zero_runs(void)
{
	static const uint16_t values[] = { 1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff };
	uint8_t b[16];
	int pattern, i, v;

	for (pattern = 0; pattern < 256; pattern++) {
		for (v = 0; v < 8; v++) {
			memset(b, 0, sizeof(b));
			for (i = 0; i < 8; i++) {
				uint16_t value = values[(v + (v & 1 ? i : 0)) % 8];

				if (!(pattern & 1 << i))
					continue;
				b[2 * i] = (uint8_t)(value >> 8);
				b[2 * i + 1] = (uint8_t)value;
			}
			check_v6(b);
		}
	}
}

static void ipv6_random(void)
{
	uint8_t b[16];
	long n;
	int i;

	srand48(1);
	for (n = 0; n < 300000; n++) {
		for (i = 0; i < 16; i++)
			b[i] = lrand48() % 3 ? (uint8_t)lrand48() : 0;
		for (i = 0; i < 16; i += 2)
			if (!(lrand48() % 3))
				b[i] = b[i + 1] = 0;
		check_v6(b);
	}
}

static void ipv6_special(void)
{
	static const char *const special[] = {
		"::",
		"::1",
		"::2:3",
		"::ffff:0.0.0.0",
		"::ffff:192.0.2.1",
		"::ffff:255.255.255.255",
		"::192.0.2.1",
		"::ffff:0:192.0.2.1",
		"64:ff9b::192.0.2.33",
		"2001:db8::",
		"2001:db8:0:1::1",
		"2001:db8:0:0:1:0:0:1",
		"fe80::1",
		"ff02::1",
		"1:0:0:2:0:0:0:3",
		"1::",
		"0:1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:0",
	};
	uint8_t b[16];
	size_t i;

	for (i = 0; i < sizeof(special) / sizeof(*special); i++) {
		CHECK_INT(inet_pton(AF_INET6, special[i], b), 1);
		check_v6(b);
	}
}

static void ipv4_addresses(void)
{
	long i;

	for (i = 0; i < 256; i++) {
		check_v4(htonl((uint32_t)i * 0x01010101));
		check_v4(htonl((uint32_t)i));
		check_v4(htonl((uint32_t)i << 24));
	}
	for (i = 0; i < 200000; i++)
		check_v4((uint32_t)mrand48());
}

/* The version tells IPv4 from an IPv6 packet that carries a mapped address. */
static void mapped_addresses(void)
{
	struct pping_event e = rtt_v4();

	CHECK(strstr(line(&format_jsonl, &plain, &e, WALL, true), "\"src_ip\":\"10.11.1.1\""));
	e.flow.ip_version = 6;
	CHECK(strstr(line(&format_jsonl, &plain, &e, WALL, true),
		     "\"src_ip\":\"::ffff:10.11.1.1\""));
	CHECK(strstr(line(&format_standard, &plain, &e, WALL, true),
		     " [::ffff:10.11.1.1]:5201+[::ffff:10.11.1.2]:59528\n"));
}

/* --- time zones -------------------------------------------------------------- */

static void check_clock(uint64_t second, const char *want)
{
	struct pping_event e = lost(1);
	char all[64];

	snprintf(all, sizeof(all), "%s.000000042 lost 1 events\n", want);
	CHECK_STR(line(&format_standard, &plain, &e, second * 1000000000 + 42, true), all);
}

static void time_zones(void)
{
	/* 2023-11-14 22:13:20 UTC and the seconds after */
	set_zone("UTC0");
	check_clock(1700000000, "22:13:20");
	set_zone("IST-5:30");
	check_clock(1700000001, "03:43:21");
	set_zone("NPT-5:45");
	check_clock(1700000002, "03:58:22");
	set_zone("NST3:30");
	check_clock(1700000003, "18:43:23");
	set_zone("LMT-0:19:32"); /* Amsterdam until 1937 */
	check_clock(1700000004, "22:32:56");
	set_zone("LINT-14");
	check_clock(1700000005, "12:13:25");
}

static void summer_time(void)
{
	/* 2024-03-31 01:00 UTC forward, 2024-10-27 01:00 UTC back */
	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	check_clock(1711846799, "01:59:59");
	check_clock(1711846800, "03:00:00");
	check_clock(1711846799, "01:59:59"); /* a late event of the second before */
	check_clock(1729990799, "02:59:59");
	check_clock(1729990800, "02:00:00");
	/* Lord Howe: by half an hour, 2024-10-05 15:30 UTC */
	set_zone("LHST-10:30LHDT-11,M10.1.0,M4.1.0");
	check_clock(1728142199, "01:59:59");
	check_clock(1728142200, "02:30:00");
}

/* Every second of a day, so that nothing kept goes stale. */
static void whole_day(void)
{
	uint64_t midnight = 1700006400, i;
	char want[16];

	set_zone("UTC0");
	for (i = 0; i < 86400; i++) {
		snprintf(want, sizeof(want), "%02u:%02u:%02u", (unsigned int)(i / 3600),
			 (unsigned int)(i / 60 % 60), (unsigned int)(i % 60));
		check_clock(midnight + i, want);
	}
}

/* --- readers of their own ------------------------------------------------------ */

/* One line as the ppviz page takes it apart: at spaces, then at the plus sign. */
static bool read_ppviz(char *record, long double value[3], char flow[2][64])
{
	char *save = NULL, *field, *plus;
	int i;

	for (i = 0; i < 3; i++) {
		field = strtok_r(i ? NULL : record, " ", &save);
		if (!field)
			return false;
		value[i] = strtold(field, &field);
		if (*field)
			return false;
	}
	field = strtok_r(NULL, " ", &save);
	if (!field || strtok_r(NULL, " ", &save))
		return false;
	plus = strchr(field, '+');
	if (!plus)
		return false;
	*plus = 0;
	snprintf(flow[0], sizeof(flow[0]), "%s", field);
	snprintf(flow[1], sizeof(flow[1]), "%s", plus + 1);
	return true;
}

static void fault_1_ppviz_times_are_exact(void)
{
	struct pping_event e = rtt_v6();
	char record[FORMAT_RECORD_MAX], flow[2][64];
	long double value[3], last = 0;
	int i;

	/* fault of a peer: timestamps in steps of ten seconds */
	for (i = 0; i < 1000; i++) {
		e.rtt = 1000000 + (uint64_t)i;
		snprintf(record, sizeof(record), "%s",
			 line(&format_ppviz, &plain, &e, WALL + (uint64_t)i * 1000003, true));
		record[strcspn(record, "\n")] = 0;
		CHECK(read_ppviz(record, value, flow));
		CHECK(value[0] > last);
		last = value[0];
		CHECK_INT(value[0] * 1e9L - (long double)WALL + 0.5L, i * 1000003LL);
		CHECK_INT(value[1] * 1e9L + 0.5L, e.rtt);
		CHECK_INT(value[2] * 1e9L + 0.5L, e.min_rtt);
		CHECK_STR(flow[0], "2001:db8::1:443");
		CHECK_STR(flow[1], "fe80::a:b:40000");
	}
}

/* json.load() of everything that a JSON format can say; keys in order. */
static const char python_check[] =
	"import json, sys\n"
	"def reject(pairs):\n"
	"    assert len(dict(pairs)) == len(pairs), pairs\n"
	"    return dict(pairs)\n"
	"array = json.load(open(sys.argv[1]), object_pairs_hook=reject)\n"
	"lines = [json.loads(l, object_pairs_hook=reject) for l in open(sys.argv[2])]\n"
	"assert array == lines and len(lines) == int(sys.argv[3])\n"
	"assert ' ' not in open(sys.argv[2]).read().replace('first observed packet', '')"
	".replace('garbage collection', '')\n"
	"for o in lines:\n"
	"    for k, v in o.items():\n"
	"        assert type(v) is int and 0 <= v < 2**64 or type(v) is str or type(v) is bool\n";

static struct pping_event random_event(void)
{
	struct pping_event e = widest((uint8_t)(PPING_EVENT_RTT + lrand48() % 3));
	int i;

	e.flow.ip_version = lrand48() & 1 ? 4 : 6;
	for (i = 0; i < 16; i++)
		e.flow.saddr.b[i] = (uint8_t)(lrand48() & lrand48());
	e.flow.protocol = lrand48() & 1 ? IPPROTO_TCP : (uint8_t)lrand48();
	e.rtt >>= lrand48() % 64;
	e.sent.bytes >>= lrand48() % 64;
	e.match = (uint8_t)(lrand48() % 4);
	e.flow_event = (uint8_t)(lrand48() % 4);
	e.reason = (uint8_t)(lrand48() % 8);
	e.triggered_by = (uint8_t)(lrand48() % 5);
	return e;
}

static void save(const char *path, struct text *text)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(text->data, 1, text->len, f) == text->len);
	if (f)
		fclose(f);
	text__free(text);
}

static void json_by_python(void)
{
	char dir[] = "/tmp/test_format.XXXXXX", array_path[64], lines_path[64], command[2048];
	struct text array = { 0 }, lines = { 0 };
	int i, n = 2000;

	if (system("python3 -c 'import json' >/dev/null 2>&1")) {
		SKIP("no python3 with json");
		return;
	}
	CHECK(mkdtemp(dir));
	snprintf(array_path, sizeof(array_path), "%s/array", dir);
	snprintf(lines_path, sizeof(lines_path), "%s/lines", dir);
	format_json.begin(&array);
	for (i = 0; i < n; i++) {
		const struct format_settings *set = lrand48() & 1 ? &plain : &counters;
		struct pping_event e = random_event();
		uint64_t wall = (uint64_t)mrand48() << 32 | (uint32_t)mrand48();

		format_json.event(&array, set, &e, wall, !i);
		format_jsonl.event(&lines, set, &e, wall, !i);
	}
	format_json.end(&array);
	save(array_path, &array);
	save(lines_path, &lines);
	snprintf(command, sizeof(command), "python3 -c \"%s\" %s %s %d", python_check, array_path,
		 lines_path, n);
	CHECK_INT(system(command), 0);
	unlink(array_path);
	unlink(lines_path);
	rmdir(dir);
}

/* --- text ---------------------------------------------------------------------- */

static void text_grows(void)
{
	struct text t = { 0 };
	size_t i;

	for (i = 0; i < 100000; i++)
		text__append(&t, "0123456789", i % 11);
	CHECK(!t.failed && t.len <= t.cap);
	CHECK_INT(t.len, 100000 / 11 * 55 + 45);
	CHECK(!memcmp(t.data, "0010120123", 10));
	CHECK(text__reserve(&t, t.cap - t.len) == t.data + t.len);
	text__free(&t);
	CHECK(!t.data && !t.len && !t.cap);
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* What can't be had is missing as a whole, and what was there stays. */
static void text_out_of_memory(void)
{
	struct text t = { 0 };
	struct pping_event e = lost(1);

	text__append(&t, "abc", 3);
	CHECK(!text__reserve(&t, SIZE_MAX - 2));
	CHECK(t.failed && t.len == 3 && !memcmp(t.data, "abc", 3));
	t.failed = false;
	CHECK(!text__reserve(&t, SIZE_MAX / 2 - 100));
	CHECK(t.failed && t.len == 3);
	text__free(&t);

	t = (struct text){ .len = SIZE_MAX - 5, .cap = SIZE_MAX - 5 };
	format_jsonl.event(&t, &plain, &e, 1, true);
	CHECK(t.failed && t.len == SIZE_MAX - 5);
}

int main(void)
{
	RUN(standard_rtts);
	RUN(standard_flows);
	RUN(standard_totals);
	RUN(standard_lost);
	RUN(jsonl_rtts);
	RUN(jsonl_counters);
	RUN(jsonl_other_events);
	RUN(json_array);
	RUN(json_is_jsonl);
	RUN(ppviz_lines);
	RUN(names_of_every_value);
	RUN(unprinted_events);
	RUN(finds_formats);
	RUN(extreme_values);
	RUN(all_usual_fields);
	RUN(chosen_fields);
	RUN(interfaces);
	RUN(chosen_kinds);
	RUN(addresses_of_128_bits);
	RUN(no_addresses);
	RUN(relative_times);
	RUN(stays_within_reservation);
	RUN(short_events);
	RUN(numbers);
	RUN(ipv6_zero_runs);
	RUN(ipv6_random);
	RUN(ipv6_special);
	RUN(ipv4_addresses);
	RUN(mapped_addresses);
	RUN(time_zones);
	RUN(summer_time);
	RUN(whole_day);
	RUN(fault_1_ppviz_times_are_exact);
	RUN(json_by_python);
	RUN(text_grows);
	RUN(text_out_of_memory);
	return TEST_EXIT();
}
