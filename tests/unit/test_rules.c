// SPDX-License-Identifier: GPL-2.0-or-later
/* --include and --exclude: entries, files of them, and what they say of an address. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/rule.h"
#include "src/rules.h"
#include "tests/unit/rules_referee.h"
#include "tests/unit/test.h"

static char directory[64];

/* The name of a file in a directory of our own. */
static const char *file_named(const char *name)
{
	static char path[4][128];
	static int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", directory, name);
	return path[next];
}

static const char *write_bytes(const char *name, const char *bytes, size_t len)
{
	const char *path = file_named(name);
	FILE *f = fopen(path, "w");

	fwrite(bytes, 1, len, f);
	fclose(f);
	return path;
}

static const char *write_file(const char *name, const char *text)
{
	return write_bytes(name, text, strlen(text));
}

/* --- entries ------------------------------------------------------------------------ */

static void entries_that_are_read(void)
{
	static const struct {
		const char *text, *addr;
		int bits, port;
	} rows[] = {
		{ "10.0.0.0/8", "::ffff:10.0.0.0", 104, 0 },
		{ "10.0.0.0/8:443", "::ffff:10.0.0.0", 104, 443 },
		{ "10.1.2.3", "::ffff:10.1.2.3", 128, 0 },
		{ "10.1.2.3:1", "::ffff:10.1.2.3", 128, 1 },
		{ "10.1.2.3/32:65535", "::ffff:10.1.2.3", 128, 65535 },
		{ "0.0.0.0/0", "::ffff:0.0.0.0", 96, 0 },
		{ "2001:db8::/32", "2001:db8::", 32, 0 },
		{ "2001:db8::1", "2001:db8::1", 128, 0 },
		{ "2001:db8::1:443", "2001:db8::1:443", 128, 0 }, /* no port: an address */
		{ "[2001:db8::/32]:443", "2001:db8::", 32, 443 },
		{ "[2001:db8::1]", "2001:db8::1", 128, 0 },
		{ "[10.0.0.0/8]:443", "::ffff:10.0.0.0", 104, 443 },
		{ "::/0", "::", 0, 0 },
		{ "::1", "::1", 128, 0 },
		{ "::ffff:10.0.0.0/104", "::ffff:10.0.0.0", 104, 0 },
	};
	union pping_addr want;
	struct rule rule;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *wrong = rule__parse(rows[i].text, &rule);

		CHECK_STR(wrong ? wrong : "right", "right");
		inet_pton(AF_INET6, rows[i].addr, &want);
		CHECK(!memcmp(&want, &rule.prefix.addr, sizeof(want)));
		CHECK_INT(rule.prefix.bits, rows[i].bits);
		CHECK_INT(rule.port, rows[i].port);
		CHECK(!rule.everywhere);
	}
	CHECK(!rule__parse(":443", &rule));
	CHECK(rule.everywhere);
	CHECK_INT(rule.port, 443);
}

static void entries_that_are_wrong(void)
{
	static const struct {
		const char *text, *wrong;
	} rows[] = {
		{ "", "is not an address" },
		{ "host.example", "is not an address" },
		{ "10.0.0", "is not an address" },
		{ "10.0.0.256", "is not an address" },
		{ "10.0.0.0/8 ", "has no length that its kind of address can have" },
		{ "10.0.0.0/33", "has no length that its kind of address can have" },
		{ "10.0.0.0/", "has no length that its kind of address can have" },
		{ "10.0.0.0/-1", "has no length that its kind of address can have" },
		{ "10.0.0.0/255.0.0.0", "has no length that its kind of address can have" },
		{ "2001:db8::/129", "has no length that its kind of address can have" },
		{ "10.0.0.1/8", "has bits behind its length" },
		{ "10.0.0.1/8:443", "has bits behind its length" },
		{ "2001:db8::1/32", "has bits behind its length" },
		{ "[2001:db8::1/32]:443", "has bits behind its length" },
		{ "10.0.0.0/8:0", "has a port that is no number from 1 to 65535" },
		{ "10.0.0.0/8:65536", "has a port that is no number from 1 to 65535" },
		{ "10.0.0.0/8:", "has a port that is no number from 1 to 65535" },
		{ "10.0.0.0/8:http", "has a port that is no number from 1 to 65535" },
		{ "10.0.0.0/8:80-90", "has a port that is no number from 1 to 65535" },
		{ "10.0.0.0/8:+80", "has a port that is no number from 1 to 65535" },
		{ ":", "has a port that is no number from 1 to 65535" },
		{ "[2001:db8::/32]:", "has a port that is no number from 1 to 65535" },
		{ "[2001:db8::/32", "has no ] before its end or its port" },
		{ "[2001:db8::]/32", "has no ] before its end or its port" },
		{ "[]", "is not an address" },
		{ "[]:443", "is not an address" },
		{ "[[::1]]", "has no ] before its end or its port" },
		{ "fe80::1%eth0", "is not an address" },
		{ "10.0.0.0/8\n", "has no length that its kind of address can have" },
		{ "1111111111111111111111111111111111111111111111111111111111111111111111",
		  "is not an address" },
	};
	struct rule rule;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *wrong = rule__parse(rows[i].text, &rule);

		CHECK_STR(wrong ? wrong : rows[i].text, rows[i].wrong);
	}
}

/* Whatever the bytes: no crash, and what is read is within its bounds. */
static void entries_of_any_bytes(void)
{
	static const char some[] = "0123456789abcdef.:/[]%: ffff::10.0.0.0";
	struct referee r = { .random = 88172645463325252ULL };
	int read = 0;

	for (int i = 0; i < 300000; i++) {
		int len = referee_random(&r, 24);
		struct rule rule;
		char text[32];

		for (int k = 0; k < len; k++)
			text[k] = referee_random(&r, 50)
					  ? some[referee_random(&r, sizeof(some) - 1)]
					  : (char)(1 + referee_random(&r, 255));
		text[len] = '\0';
		if (rule__parse(text, &rule))
			continue;
		read++;
		CHECK(rule.everywhere || rule.prefix.bits <= 128);
		CHECK(rule.port || !rule.everywhere);
	}
	CHECK(read > 100);
}

/* --- files -------------------------------------------------------------------------- */

static struct option_rules given;

static void give(const char *text, bool exclude, bool file)
{
	given.list[given.count++] = (struct option_rule){ text, exclude, file };
}

/* What rules__load() prints; *err what it returns. */
static const char *load(struct rules **rules, bool again, int *err)
{
	static char said[512];
	int saved = dup(STDERR_FILENO),
	    fd = open(file_named("said"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t len;

	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	*err = rules__load(rules, &given, again);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	len = pread(fd, said, sizeof(said) - 1, 0);
	close(fd);
	said[len > 0 ? len : 0] = '\0';
	given.count = 0;
	return said;
}

static struct rules *load_well(void)
{
	struct rules *rules;
	int err;

	CHECK_STR(load(&rules, false, &err), "");
	CHECK_INT(err, 0);
	return rules;
}

static void load_badly(const char *want)
{
	struct rules *rules;
	const char *said;
	int err;

	said = load(&rules, false, &err);
	CHECK_INT(err, -EINVAL);
	CHECK(!rules);
	CHECK(!strncmp(said, "pping: ", 7) && strchr(said, '\n') == said + strlen(said) - 1);
	if (!strstr(said, want))
		CHECK_STR(said, want);
}

static void counts(const struct rules *rules, uint64_t include, uint64_t exclude)
{
	uint64_t included = 0, excluded = 0;

	rules__count(rules, &included, &excluded);
	CHECK_INT(included, include);
	CHECK_INT(excluded, exclude);
}

static void files(void)
{
	struct rules *rules;

	CHECK(!load_well()); /* none given: none there */
	give(write_file("a", "# who asked not to be measured\n"
			     "10.0.0.0/8\r\n"
			     "\t 192.0.2.7 # since May \r\n"
			     "\n   \n"
			     "[2001:db8::/32]:443\n"
			     "192.0.2.7\n"
			     ":25"), /* no newline at the end */
	     true, true);
	give("203.0.113.0/24", false, false);
	give(write_file("b", "198.51.100.0/24\n"), false, true);
	rules = load_well();
	counts(rules, 2, 5);
	rules__free(rules);
	/* nobody has asked so far */
	give(write_file("none", "# nobody yet\n"), true, true);
	rules = load_well();
	CHECK(rules);
	counts(rules, 0, 0);
	rules__free(rules);
	/* a long comment is one */
	{
		char text[3000];

		memset(text, 'x', sizeof(text));
		memcpy(text, "10.0.0.1 # ", 11);
		memcpy(text + sizeof(text) - 10, "\n10.0.0.2\n", 10);
		give(write_bytes("long", text, sizeof(text)), true, true);
		rules = load_well();
		counts(rules, 0, 2);
		rules__free(rules);
	}
}

static void files_that_are_wrong(void)
{
	static const char zeros[] = "10.0.0.1\n10.0.0.2\0\n10.0.0.3\n";
	char *many;
	FILE *f;
	size_t len;

	give(file_named("missing"), true, true);
	load_badly("--exclude-file: can't read");
	give(directory, false, true);
	load_badly("Is a directory");
	give(write_file("bits", "\n# x\n10.0.0.0/8\n10.0.0.1/8\n"), true, true);
	load_badly("/bits:4: what is there has bits behind its length\n");
	give(write_file("port", "10.0.0.0/8:0\n"), true, true);
	load_badly("/port:1: what is there has a port");
	give(write_file("two", "10.0.0.1 10.0.0.2\n"), true, true);
	load_badly("/two:1: what is there is not an address");
	give(write_bytes("zeros", zeros, sizeof(zeros) - 1), true, true);
	load_badly("/zeros:2: what is there is not an address");
	give("/dev/zero", true, true);
	load_badly("/dev/zero:1: what is there is too long for a line");
	/* --include of nothing is a mistake */
	give(write_file("empty", ""), false, true);
	load_badly("/empty: has no entry, so nothing would be included");
	/* ... but not beside others */
	give("10.0.0.1", false, false);
	give(file_named("empty"), false, true);
	rules__free(load_well());

	f = open_memstream(&many, &len);
	for (int i = 0; i < PPING_MAX_RULES; i++)
		fprintf(f, "10.%d.%d.%d\n", i >> 16, i >> 8 & 255, i & 255);
	fclose(f);
	give(write_bytes("many", many, len), true, true);
	rules__free(load_well());
	give(file_named("many"), true, true);
	give(write_file("more", "10.0.0.1\n"), true, true);
	load_badly("/more:1: what is there is one more than the 262144 entries");
	give(file_named("many"), true, true);
	give("10.0.0.1", true, false);
	load_badly("--exclude: the last one is one more than the 262144 entries");
	free(many);
}

/* A list of people is not to be told in a message. */
static void messages_have_no_entry(void)
{
	struct rules *rules;
	int err;

	give(write_file("secret", "192.0.2.77/24\n"), true, true);
	CHECK(!strstr(load(&rules, false, &err), "192.0.2"));
}

/* While measuring nothing may be waited for. */
static void files_read_again(void)
{
	const char *fifo = file_named("fifo");
	struct rules *rules;
	const char *said;
	int err;

	CHECK_INT(mkfifo(fifo, 0600), 0);
	give(fifo, true, true);
	said = load(&rules, true, &err);
	CHECK_INT(err, -EINVAL);
	CHECK(strstr(said, "not a regular file"));
	give(write_file("again", "10.0.0.1\n"), true, true);
	load(&rules, true, &err);
	CHECK_INT(err, 0);
	rules__free(rules);
}

/* --- what they say -------------------------------------------------------------------- */

static union pping_addr address(const char *text)
{
	union pping_addr a = { 0 };

	if (strchr(text, ':')) {
		inet_pton(AF_INET6, text, &a);
	} else {
		a.b[10] = a.b[11] = 0xff;
		inet_pton(AF_INET, text, &a.w[3]);
	}
	return a;
}

static uint32_t say(const struct rules *rules, const char *text, int port)
{
	union pping_addr a = address(text);

	return rules__find(rules, &a, htons(port));
}

static bool excluded(const struct rules *rules, const char *src, int sport, const char *dst,
		     int dport, int protocol)
{
	struct pping_tuple t = { .saddr = address(src),
				 .daddr = address(dst),
				 .sport = htons(sport),
				 .dport = htons(dport),
				 .protocol = protocol };

	return rules__exclude(rules, &t);
}

#define INCLUDED PPING_RULE_INCLUDED
#define EXCLUDED PPING_RULE_EXCLUDED
#define PORTS PPING_RULE_PORTS

/* The longest prefix is found, and what the shorter ones say must not be forgotten. */
static void inheritance(void)
{
	struct rules *rules;
	size_t entries;

	give("10.0.0.0/8:443", true, false);
	give("10.1.0.0/16:80", true, false);
	give("10.1.2.0/24", true, false);
	give("10.1.2.0/24:443", true, false); /* of the first already */
	rules = load_well();
	CHECK_INT(say(rules, "10.1.9.1", 443), EXCLUDED);
	CHECK_INT(say(rules, "10.1.9.1", 80), EXCLUDED);
	CHECK_INT(say(rules, "10.2.9.1", 80), 0);
	CHECK_INT(say(rules, "10.1.9.1", 0), INCLUDED | PORTS);
	CHECK_INT(say(rules, "10.1.2.1", 0), INCLUDED | EXCLUDED | PORTS);
	CHECK_INT(say(rules, "2001:db8::1", 0), INCLUDED | PORTS);
	/* :: for both families, the /24, and one for each port */
	rules__entries(rules, &entries);
	CHECK_INT(entries, 4);
	rules__free(rules);
}

static void families_are_apart(void)
{
	struct rules *rules;

	give("::/0", true, false);
	give("::ffc0:0:0/90", true, false); /* IPv6, as it is written */
	give("[::/0]:80", false, false);
	rules = load_well();
	CHECK(excluded(rules, "2001:db8::1", 1, "2001:db8::2", 2, IPPROTO_TCP));
	CHECK(excluded(rules, "::1", 1, "::2", 80, IPPROTO_TCP));
	CHECK(excluded(rules, "10.0.0.1", 1, "10.0.0.2", 80, IPPROTO_TCP)); /* not included */
	CHECK_INT(say(rules, "10.0.0.1", 0), PORTS);
	CHECK_INT(say(rules, "10.0.0.1", 80), 0);
	rules__free(rules);
	give("0.0.0.0/0", true, false);
	rules = load_well();
	CHECK(excluded(rules, "10.0.0.1", 1, "10.0.0.2", 2, IPPROTO_TCP));
	CHECK(!excluded(rules, "2001:db8::1", 1, "2001:db8::2", 2, IPPROTO_TCP));
	rules__free(rules);
}

static void packets(void)
{
	struct rules *rules;

	give("10.0.0.0/8", false, false);
	give(":25", false, false);
	give("10.9.0.0/16", true, false);
	give("192.0.2.0/24:443", true, false);
	rules = load_well();
	/* one end is enough, of either kind */
	CHECK(!excluded(rules, "10.0.0.1", 1, "198.51.100.1", 2, IPPROTO_TCP));
	CHECK(!excluded(rules, "198.51.100.1", 1, "10.0.0.1", 2, IPPROTO_TCP));
	CHECK(excluded(rules, "198.51.100.1", 1, "198.51.100.2", 2, IPPROTO_TCP));
	CHECK(!excluded(rules, "198.51.100.1", 25, "198.51.100.2", 2, IPPROTO_TCP));
	CHECK(!excluded(rules, "2001:db8::1", 1, "2001:db8::2", 25, IPPROTO_TCP));
	/* what is left out is, whatever is included */
	CHECK(excluded(rules, "10.0.0.1", 1, "10.9.0.1", 25, IPPROTO_TCP));
	CHECK(excluded(rules, "10.9.0.1", 25, "10.0.0.1", 1, IPPROTO_TCP));
	/* the port is that of the address */
	CHECK(excluded(rules, "10.0.0.1", 1, "192.0.2.1", 443, IPPROTO_TCP));
	CHECK(!excluded(rules, "10.0.0.1", 443, "192.0.2.1", 1, IPPROTO_TCP));
	/* the echo identifier is none */
	CHECK(!excluded(rules, "10.0.0.1", 443, "192.0.2.1", 443, IPPROTO_ICMP));
	CHECK(excluded(rules, "198.51.100.1", 25, "198.51.100.2", 25, IPPROTO_ICMP));
	rules__free(rules);
}

/* --- against the judge ------------------------------------------------------------------ */

static struct pping_tuple tuple_of(const struct referee_packet *p)
{
	struct pping_tuple t = { .sport = htons(p->port[0]),
				 .dport = htons(p->port[1]),
				 .protocol = p->tcp ? IPPROTO_TCP : IPPROTO_ICMP };

	for (int i = 0; i < 2; i++) {
		union pping_addr *a = i ? &t.daddr : &t.saddr;

		if (p->end[i].ip == 6) {
			memcpy(a->b, p->end[i].b, 16);
		} else {
			a->b[10] = a->b[11] = 0xff;
			memcpy(a->b + 12, p->end[i].b, 4);
		}
	}
	return t;
}

/* A file of them says what each of them says, in any order. */
static void random_rules(void)
{
	static struct referee r = { .random = 0x9e3779b97f4a7c15ULL };
	int left_out = 0, all = 0;

	for (int round = 0; round < 60; round++) {
		FILE *f[2] = { fopen(file_named("in"), "w"), fopen(file_named("ex"), "w") };
		bool includes = false;
		struct rules *rules;

		referee_fill(&r, 1 + referee_random(&r, 300), round % 3 * 4, round % 4);
		for (int i = 0; i < r.count; i++) {
			fprintf(f[r.rule[i].exclude], "%s\n", r.rule[i].text);
			includes |= !r.rule[i].exclude;
		}
		fclose(f[0]);
		fclose(f[1]);
		if (includes)
			give(file_named("in"), false, true);
		give(file_named("ex"), true, true);
		rules = load_well();
		for (int i = 0; i < 1000 && rules; i++) {
			struct referee_packet p = referee_packet(&r);
			struct pping_tuple t = tuple_of(&p);
			bool want = referee_excludes(&r, &p);

			CHECK_INT(rules__exclude(rules, &t), want);
			left_out += want;
			all++;
		}
		rules__free(rules);
	}
	/* or it would say little */
	printf("# %d of %d left out\n", left_out, all);
	CHECK(left_out > all / 10 && left_out < all / 10 * 9);
}

int main(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test_rules.XXXXXX");
	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	RUN(entries_that_are_read);
	RUN(entries_that_are_wrong);
	RUN(entries_of_any_bytes);
	RUN(files);
	RUN(files_that_are_wrong);
	RUN(messages_have_no_entry);
	RUN(files_read_again);
	RUN(inheritance);
	RUN(families_are_apart);
	RUN(packets);
	RUN(random_rules);
	for (const char *const *name =
		     (const char *const[]){ "a", "b", "none", "long", "bits", "port", "two",
					    "zeros", "empty", "many", "more", "secret", "fifo",
					    "again", "said", "in", "ex", NULL };
	     *name; name++)
		unlink(file_named(*name));
	rmdir(directory);
	return TEST_EXIT();
}
