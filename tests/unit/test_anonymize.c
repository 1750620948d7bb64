// SPDX-License-Identifier: GPL-2.0-or-later
/* Vectors of the ciphers, what each method promises, the cache, ports, keys and their files, secrets in memory. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/address_cipher.h"
#include "src/anonymize.h"
#include "src/anonymize_key.h"
#include "src/scope.h"
#include "src/secret.h"
#include "tests/unit/test.h"

#define NO_NETTLE "built without nettle"
#define PFX_KEY "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301"
#define IPCRYPT_KEY "2b7e151628aed2a6abf7158809cf4f3c"

static char directory[] = "/tmp/test_anonymize.XXXXXX";

/* --- helpers --------------------------------------------------------------------- */

static uint8_t version_of(const char *text)
{
	return strchr(text, ':') ? 6 : 4;
}

static union pping_addr addr_of(const char *text)
{
	union pping_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };

	if (version_of(text) == 6)
		inet_pton(AF_INET6, text, addr.b);
	else
		inet_pton(AF_INET, text, addr.b + 12);
	return addr;
}

static const char *text_of(const union pping_addr *addr, uint8_t ip_version)
{
	static char text[INET6_ADDRSTRLEN];

	inet_ntop(ip_version == 4 ? AF_INET : AF_INET6, addr->b + (ip_version == 4 ? 12 : 0), text,
		  sizeof(text));
	return text;
}

/* A file in our directory; the path is valid until the next call. */
static const char *file_with(const char *name, const void *bytes, size_t len, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || fchmod(fd, mode) || close(fd))
		abort();
	return path;
}

static const char *key_file(const char *text)
{
	return file_with("key", text, strlen(text), 0600);
}

static char complaint[1024]; /* what the last call said */

static int caught(int (*fn)(void *ctx), void *ctx)
{
	char path[] = "/tmp/test_anonymize.XXXXXX";
	int file = mkstemp(path), old = dup(STDERR_FILENO), ret;
	ssize_t len;

	if (file < 0 || old < 0 || unlink(path) || dup2(file, STDERR_FILENO) < 0)
		abort();
	ret = fn(ctx);
	fflush(stderr);
	len = pread(file, complaint, sizeof(complaint) - 1, 0);
	complaint[len > 0 ? len : 0] = '\0';
	dup2(old, STDERR_FILENO);
	close(old);
	close(file);
	return ret;
}

static bool said_one_line(const char *part)
{
	const char *newline = strchr(complaint, '\n');

	if (!strncmp(complaint, "pping: --anonymize", 18) && newline && !newline[1] &&
	    strstr(complaint, part))
		return true;
	printf("# says: %s\n", complaint);
	return false;
}

struct making {
	struct anonymize *a;
	struct anonymize_settings set;
};

static int make(void *ctx)
{
	struct making *m = ctx;

	return anonymize__new(&m->a, &m->set);
}

static struct anonymize *new_with(struct anonymize_settings set)
{
	struct making m = { .set = set };

	if (caught(make, &m)) {
		printf("# %s", complaint);
		abort();
	}
	return m.a;
}

static struct anonymize *new_of(enum option_anonymize method, const char *key)
{
	return new_with((struct anonymize_settings){
		.anonymity = { .method = method,
			       .v4_bits = 24,
			       .v6_bits = 48,
			       .key_path = key ? key_file(key) : NULL },
	});
}

static const char *shown(struct anonymize *a, const char *text)
{
	union pping_addr addr = addr_of(text);
	uint8_t ip_version = version_of(text);

	anonymize__address(a, &addr, ip_version);
	return text_of(&addr,
		       anonymize__addresses(a) == FORMAT_ADDRESSES_128_BITS ? 6 : ip_version);
}

static union pping_addr random_addr(uint8_t ip_version)
{
	union pping_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };

	for (int i = ip_version == 4 ? 12 : 0; i < 16; i++)
		addr.b[i] = (uint8_t)lrand48();
	return addr;
}

static unsigned int bit(const union pping_addr *addr, unsigned int i)
{
	return addr->b[i / 8] >> (7 - i % 8) & 1;
}

static unsigned int common_prefix(const union pping_addr *x, const union pping_addr *y)
{
	unsigned int i = 0;

	while (i < 128 && bit(x, i) == bit(y, i))
		i++;
	return i;
}

static const struct {
	enum option_anonymize method;
	const char *key;
} keyed[] = {
	{ ANONYMIZE_CRYPTOPAN, "1522178d33a4cf80130a5b1649907d10d8988f8379796527"
			       "62574c2d2a842202" },
	{ ANONYMIZE_IPCRYPT_PFX, PFX_KEY },
	{ ANONYMIZE_IPCRYPT, IPCRYPT_KEY },
};
#define KEYED (sizeof(keyed) / sizeof(keyed[0]))
#define PREFIX_PRESERVING 2 /* the first of them */

#define NEEDS_NETTLE()                              \
	do {                                        \
		if (!address_cipher__available()) { \
			SKIP(NO_NETTLE);            \
			return;                     \
		}                                   \
	} while (0)

/* --- vectors ------------------------------------------------------------------------- */

static void vectors(void)
{
	static const struct {
		int key; /* of keyed[] */
		const char *raw, *want;
	} rows[] = {
		/* of the authors' own sample trace, and of implementations of it for IPv6 */
		{ 0, "128.11.68.132", "135.242.180.132" },
		{ 0, "129.118.74.4", "134.136.186.123" },
		{ 0, "24.5.0.80", "100.9.15.210" },
		{ 0, "2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e" },
		/* draft-denis-ipcrypt */
		{ 1, "0.0.0.0", "151.82.155.134" },
		{ 1, "192.0.2.1", "100.115.72.131" },
		{ 1, "2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88" },
		{ 2, "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777" },
	};

	NEEDS_NETTLE();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct anonymize *a = new_of(keyed[rows[i].key].method, keyed[rows[i].key].key);

		CHECK_STR(shown(a, rows[i].raw), rows[i].want);
		CHECK_STR(shown(a, rows[i].raw), rows[i].want); /* out of the cache */
		anonymize__free(a);
	}
}

/* --- against the definitions, bit by bit ------------------------------------------------- */

#if HAVE_NETTLE

static void set_bit(uint8_t *bytes, unsigned int i, unsigned int value)
{
	bytes[i / 8] = (uint8_t)((bytes[i / 8] & ~(0x80 >> i % 8)) | (value ? 0x80 >> i % 8 : 0));
}

static unsigned int get_bit(const uint8_t *bytes, unsigned int i)
{
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

/* The address is the first bits of its 16 bytes, IPv4 too. */
static void slow_cryptopan(const uint8_t key[32], uint8_t *address, unsigned int bits)
{
	struct aes128_ctx aes;
	uint8_t pad[16], in[16], out[16], result[16] = { 0 };

	aes128_set_encrypt_key(&aes, key);
	aes128_encrypt(&aes, 16, pad, key + 16);
	for (unsigned int n = 0; n < bits; n++) {
		for (unsigned int i = 0; i < 128; i++)
			set_bit(in, i, get_bit(i < n ? address : pad, i));
		aes128_encrypt(&aes, 16, out, in);
		set_bit(result, n, get_bit(address, n) ^ get_bit(out, 0));
	}
	memcpy(address, result, bits / 8);
}

/* As the draft writes it: a prefix that grows by a bit each round, behind a 1. */
static void slow_pfx(const uint8_t key[32], uint8_t address[16], unsigned int first)
{
	struct aes128_ctx aes[2];
	uint8_t prefix[16] = { 0 }, out[2][16], was[16];

	memcpy(was, address, 16);
	aes128_set_encrypt_key(&aes[0], key);
	aes128_set_encrypt_key(&aes[1], key + 16);
	prefix[15] = 1;
	for (unsigned int n = 0; n < 128; n++) {
		if (n >= first) {
			aes128_encrypt(&aes[0], 16, out[0], prefix);
			aes128_encrypt(&aes[1], 16, out[1], prefix);
			set_bit(address, n,
				get_bit(was, n) ^ get_bit(out[0], 127) ^ get_bit(out[1], 127));
		}
		for (unsigned int i = 0; i < 127; i++)
			set_bit(prefix, i, get_bit(prefix, i + 1));
		set_bit(prefix, 127, get_bit(was, n));
	}
}

static void as_defined(void)
{
	static struct address_cipher cipher;
	uint8_t key[32];

	for (int round = 0; round < 400; round++) {
		uint8_t ip_version = round & 1 ? 4 : 6;
		union pping_addr addr = random_addr(ip_version), slow, fast;

		if (round % 8 == 0) /* as addresses are: half of it 0 */
			addr.q[1] = 0;
		fast = slow = addr;
		for (size_t i = 0; i < sizeof(key); i++)
			key[i] = (uint8_t)lrand48();
		CHECK_INT(address_cipher__init(&cipher, ADDRESS_CIPHER_CRYPTOPAN, key), 0);
		address_cipher__encrypt(&cipher, &fast, ip_version);
		slow_cryptopan(key, slow.b + (ip_version == 4 ? 12 : 0),
			       ip_version == 4 ? 32 : 128);
		CHECK(!memcmp(&fast, &slow, sizeof(fast)));

		fast = slow = addr;
		CHECK_INT(address_cipher__init(&cipher, ADDRESS_CIPHER_IPCRYPT_PFX, key), 0);
		address_cipher__encrypt(&cipher, &fast, ip_version);
		slow_pfx(key, slow.b, ip_version == 4 ? 96 : 0);
		CHECK(!memcmp(&fast, &slow, sizeof(fast)));
	}
}

#endif /* HAVE_NETTLE */

/* --- what a method promises ------------------------------------------------------------ */

static void flip_from(union pping_addr *addr, unsigned int at)
{
	addr->b[at / 8] ^= (uint8_t)(0x80 >> at % 8);
	for (unsigned int i = at + 1; i < 128; i++)
		if (lrand48() & 1)
			addr->b[i / 8] ^= (uint8_t)(0x80 >> i % 8);
}

/* Two that differ first at bit n come out as two that differ first at bit n, for each n. */
static void prefixes_are_preserved(void)
{
	NEEDS_NETTLE();
	for (size_t k = 0; k < PREFIX_PRESERVING; k++) {
		struct anonymize *a = new_of(keyed[k].method, NULL);

		for (int round = 0; round < 128 * 40; round++) {
			unsigned int at = (unsigned int)round % 128;
			uint8_t ip_version = at >= 96 && round & 128 ? 4 : 6;
			union pping_addr x = random_addr(ip_version), y = x;

			flip_from(&y, at);
			anonymize__address(a, &x, ip_version);
			anonymize__address(a, &y, ip_version);
			CHECK_INT(common_prefix(&x, &y), at);
		}
		anonymize__free(a);
	}
}

static void ipcrypt_keeps_no_prefix(void)
{
	struct anonymize *a;
	unsigned int longest = 0;

	NEEDS_NETTLE();
	a = new_of(ANONYMIZE_IPCRYPT, NULL);
	for (uint8_t ip_version = 4; ip_version <= 6; ip_version += 2) {
		for (int i = 0; i < 1000; i++) {
			union pping_addr x = random_addr(ip_version), y = x;

			y.b[15] ^= 1;
			anonymize__address(a, &x, ip_version);
			anonymize__address(a, &y, ip_version);
			longest = common_prefix(&x, &y) > longest ? common_prefix(&x, &y) : longest;
		}
	}
	CHECK(longest < 40);
	CHECK_INT(anonymize__addresses(a), FORMAT_ADDRESSES_128_BITS);
	anonymize__free(a);
}

/* The same key: the same result; another one, or none given twice: another. */
static void keys_decide(void)
{
	char first[INET6_ADDRSTRLEN];

	NEEDS_NETTLE();
	for (size_t k = 0; k < KEYED; k++) {
		struct anonymize *a = new_of(keyed[k].method, keyed[k].key);
		struct anonymize *b = new_of(keyed[k].method, keyed[k].key);

		strcpy(first, shown(a, "2001:db8:7::1"));
		CHECK_STR(shown(b, "2001:db8:7::1"), first);
		anonymize__free(a);
		anonymize__free(b);
		a = new_of(keyed[k].method, NULL);
		b = new_of(keyed[k].method, NULL);
		CHECK(strcmp(shown(a, "2001:db8:7::1"), first));
		strcpy(first, shown(a, "2001:db8:7::1"));
		CHECK(strcmp(shown(b, "2001:db8:7::1"), first));
		anonymize__free(a);
		anonymize__free(b);
	}
}

static void truncation(void)
{
	struct anonymize *a = new_of(ANONYMIZE_TRUNCATE, NULL);
	struct anonymize *odd = new_with((struct anonymize_settings){
		.anonymity = { .method = ANONYMIZE_TRUNCATE, .v4_bits = 13, .v6_bits = 33 } });
	struct anonymize *nothing = new_with(
		(struct anonymize_settings){ .anonymity = { .method = ANONYMIZE_TRUNCATE } });

	CHECK_STR(shown(a, "192.0.2.255"), "192.0.2.0");
	CHECK_STR(shown(a, "2001:db8:1:ffff:ffff:ffff:ffff:ffff"), "2001:db8:1::");
	CHECK_STR(shown(odd, "255.255.255.255"), "255.248.0.0");
	CHECK_STR(shown(odd, "ffff:ffff:ffff::"), "ffff:ffff:8000::");
	CHECK_STR(shown(nothing, "255.255.255.255"), "0.0.0.0");
	CHECK_STR(shown(nothing, "ffff::1"), "::");
	/* 6to4: 192.0.2.4's own network */
	CHECK_STR(shown(a, "2002:c000:204:1::1"), "2002:c000:200::");
	CHECK_STR(shown(odd, "2002:ffff:ffff::"), "2002:fff8::");
	anonymize__free(a);
	anonymize__free(odd);
	anonymize__free(nothing);
}

static void removal(void)
{
	struct anonymize *a = new_of(ANONYMIZE_REMOVE, NULL);

	CHECK_STR(shown(a, "2001:db8::1"), "::");
	CHECK_STR(shown(a, "192.0.2.1"), "0.0.0.0");
	CHECK_INT(anonymize__addresses(a), FORMAT_ADDRESSES_NONE);
	anonymize__free(a);
}

static void nothing_is_changed_without(void)
{
	union pping_addr addr = addr_of("192.0.2.1");
	char text[ANONYMIZE_PREFIX_SIZE];

	anonymize__address(NULL, &addr, 4);
	CHECK_STR(text_of(&addr, 4), "192.0.2.1");
	CHECK_INT(anonymize__addresses(NULL), FORMAT_ADDRESSES_PLAIN);
	CHECK_INT(anonymize__prefix_limit(NULL, 4), 32);
	CHECK_INT(anonymize__prefix_limit(NULL, 6), 128);
	anonymize__prefix(NULL, &addr, 4, 24, text);
	CHECK_STR(text, "192.0.2.0/24");
	anonymize__free(NULL);
}

/* --- the cache --------------------------------------------------------------------------- */

/* With room for two, and the same addresses again and again, in any order, of both families. */
static void cache_of_two(void)
{
	NEEDS_NETTLE();
	for (size_t k = 0; k < KEYED; k++) {
		struct anonymize_settings set = { .anonymity = { .method = keyed[k].method,
								 .ports = PORTS_ALL },
						  .cache_sets = 1 };
		struct anonymize *small, *large;

		set.anonymity.key_path = key_file(keyed[k].key);
		small = new_with(set);
		set.cache_sets = 0;
		large = new_with(set);
		for (int i = 0; i < 20000; i++) {
			uint8_t ip_version = lrand48() & 1 ? 4 : 6;
			struct pping_event e = { .type = PPING_EVENT_RTT,
						 .flow = { .ip_version = ip_version,
							   .protocol = IPPROTO_TCP,
							   .sport = htons(443),
							   .dport = htons(50000) } };
			struct pping_event f;

			/* of one family the bytes of the other too */
			e.flow.saddr = addr_of("192.0.2.0");
			e.flow.daddr = e.flow.saddr;
			e.flow.saddr.b[15] = (uint8_t)(lrand48() % 4);
			e.flow.daddr.b[15] = (uint8_t)(lrand48() % 4);
			if (ip_version == 6)
				e.flow.saddr.b[0] = (uint8_t)(lrand48() % 4);
			f = e;
			anonymize__event(small, &e);
			anonymize__event(large, &f);
			CHECK(!memcmp(&e, &f, sizeof(e)));
		}
		anonymize__free(small);
		anonymize__free(large);
	}
}

/* --- events -------------------------------------------------------------------------------- */

static struct pping_event event_of(uint8_t protocol, const char *src, uint16_t sport,
				   const char *dest, uint16_t dport)
{
	return (struct pping_event){
		.type = PPING_EVENT_RTT,
		.timestamp = 7,
		.rtt = 8,
		.min_rtt = 9,
		.flow = { .saddr = addr_of(src),
			  .daddr = addr_of(dest),
			  .sport = htons(sport),
			  .dport = htons(dport),
			  .protocol = protocol,
			  .ip_version = version_of(src) },
	};
}

static void events(void)
{
	struct anonymize *a;
	struct pping_event e = event_of(IPPROTO_TCP, "192.0.2.1", 443, "192.0.2.2", 50000), was = e;

	NEEDS_NETTLE();
	a = new_of(ANONYMIZE_IPCRYPT_PFX, PFX_KEY);
	anonymize__event(a, &e);
	CHECK_STR(text_of(&e.flow.saddr, 4), "100.115.72.131");
	CHECK_STR(text_of(&e.flow.daddr, 4), shown(a, "192.0.2.2"));
	/* and nothing else */
	e.flow.saddr = was.flow.saddr;
	e.flow.daddr = was.flow.daddr;
	CHECK(!memcmp(&e, &was, sizeof(e)));
	e.type = PPING_EVENT_LOST;
	was = e;
	anonymize__event(a, &e);
	CHECK(!memcmp(&e, &was, sizeof(e)));
	anonymize__free(a);
}

static uint64_t id_of(struct anonymize *a, struct pping_event e)
{
	anonymize__event(a, &e);
	return anonymize__note(a)->flow_id;
}

static void flow_ids(void)
{
	static const enum option_anonymize methods[] = { ANONYMIZE_NONE, ANONYMIZE_TRUNCATE,
							 ANONYMIZE_REMOVE };
	struct pping_event there = event_of(IPPROTO_TCP, "192.0.2.1", 443, "192.0.2.2", 50000);
	struct pping_event back = event_of(IPPROTO_TCP, "192.0.2.2", 50000, "192.0.2.1", 443);
	struct pping_event others[] = {
		event_of(IPPROTO_TCP, "192.0.2.1", 443, "192.0.2.2", 50001),
		event_of(IPPROTO_TCP, "192.0.2.1", 50000, "192.0.2.2", 443),
		event_of(IPPROTO_TCP, "192.0.2.3", 443, "192.0.2.2", 50000),
		event_of(IPPROTO_ICMP, "192.0.2.1", 443, "192.0.2.2", 50000),
		event_of(IPPROTO_TCP, "2001:db8::1", 443, "2001:db8::2", 50000),
	};
	struct pping_event self = event_of(IPPROTO_TCP, "127.0.0.1", 1, "127.0.0.1", 2);
	struct pping_event self_back = event_of(IPPROTO_TCP, "127.0.0.1", 2, "127.0.0.1", 1);

	NEEDS_NETTLE();
	for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++) {
		struct anonymize_settings set = { .anonymity = { .method = methods[m] },
						  .flow_id = true };
		struct anonymize *a = new_with(set), *b = new_with(set);
		uint64_t id = id_of(a, there);

		CHECK(id_of(a, there) == id);
		CHECK(id_of(a, back) == id);
		CHECK(id_of(b, there) != id);
		CHECK(id_of(a, self) == id_of(a, self_back));
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			CHECK(id_of(a, others[i]) != id);
		anonymize__free(a);
		anonymize__free(b);
	}
}

static void scopes(void)
{
	static const struct {
		const char *addr, *want;
	} rows[] = {
		{ "10.0.0.0", "private" },
		{ "10.255.255.255", "private" },
		{ "9.255.255.255", "public" },
		{ "11.0.0.0", "public" },
		{ "172.15.255.255", "public" },
		{ "172.16.0.0", "private" },
		{ "172.31.255.255", "private" },
		{ "172.32.0.0", "public" },
		{ "192.168.0.1", "private" },
		{ "192.167.255.255", "public" },
		{ "100.63.255.255", "public" },
		{ "100.64.0.0", "CGNAT" },
		{ "100.127.255.255", "CGNAT" },
		{ "100.128.0.0", "public" },
		{ "169.254.1.1", "link-local" },
		{ "169.253.1.1", "public" },
		{ "224.0.0.1", "multicast" },
		{ "239.255.255.255", "multicast" },
		{ "223.255.255.255", "public" },
		{ "240.0.0.1", "reserved" },
		{ "255.255.255.255", "reserved" },
		{ "127.0.0.1", "loopback" },
		{ "0.0.0.0", "reserved" },
		{ "1.1.1.1", "public" },
		{ "2001:db8::1", "public" },
		{ "fc00::1", "private" },
		{ "fdff::1", "private" },
		{ "fbff::1", "public" },
		{ "fe80::1", "link-local" },
		{ "febf::1", "link-local" },
		{ "fec0::1", "public" },
		{ "ff02::1", "multicast" },
		{ "::1", "loopback" },
		{ "::", "reserved" },
		{ "::ffff:10.0.0.1", "reserved" },
		{ "::2", "public" },
		{ "64:ff9b::a00:1", "public" },
	};
	struct anonymize *a = new_with((struct anonymize_settings){
		.anonymity = { .method = ANONYMIZE_REMOVE }, .scopes = true });
	struct pping_event e = event_of(IPPROTO_TCP, "10.0.0.1", 443, "100.64.0.1", 50000);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union pping_addr addr = addr_of(rows[i].addr);
		uint8_t version = version_of(rows[i].addr);

		if (strcmp(scope__name(scope__of(&addr, version)), rows[i].want))
			printf("# %s\n", rows[i].addr);
		CHECK_STR(scope__name(scope__of(&addr, version)), rows[i].want);
	}
	anonymize__event(a, &e);
	CHECK_INT(anonymize__note(a)->src_scope, SCOPE_PRIVATE);
	CHECK_INT(anonymize__note(a)->dest_scope, SCOPE_CGNAT);
	anonymize__free(a);
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint16_t port_of(struct anonymize *a, const char *host, uint16_t port)
{
	struct pping_event e = event_of(IPPROTO_TCP, host, port,
					version_of(host) == 4 ? "192.0.2.99" : "2001:db8::99", 443);

	anonymize__event(a, &e);
	return ntohs(e.flow.sport);
}

/* Each port of a host becomes another one, one to one. */
static void ports_are_permuted(void)
{
	static const enum option_ports which[] = { PORTS_EPHEMERAL, PORTS_ALL };
	static uint8_t seen[65536];

	NEEDS_NETTLE();
	for (size_t w = 0; w < 2; w++) {
		struct anonymize *a = new_with((struct anonymize_settings){
			.anonymity = { .method = ANONYMIZE_REMOVE, .ports = which[w] } });
		int same = 0, first = which[w] == PORTS_ALL ? 0 : 32768;

		memset(seen, 0, sizeof(seen));
		for (int port = 0; port < 65536; port++) {
			uint16_t got = port_of(a, "192.0.2.1", (uint16_t)port);

			CHECK(!seen[got]);
			seen[got] = 1;
			if (port < first)
				CHECK_INT(got, port);
			else
				same += got == port;
		}
		/* of a random permutation one on average */
		CHECK(same < 10);
		anonymize__free(a);
	}
}

static void ports_of_hosts(void)
{
	struct anonymize *a;
	struct pping_event e, f;
	int same = 0;

	NEEDS_NETTLE();
	a = new_with((struct anonymize_settings){ .anonymity = { .method = ANONYMIZE_TRUNCATE,
								 .ports = PORTS_ALL,
								 .v4_bits = 24,
								 .v6_bits = 48 } });
	/* as source and as destination, with whomever */
	e = event_of(IPPROTO_TCP, "192.0.2.1", 443, "192.0.2.2", 50000);
	f = event_of(IPPROTO_TCP, "192.0.2.7", 50000, "192.0.2.1", 443);
	anonymize__event(a, &e);
	anonymize__event(a, &f);
	CHECK_INT(e.flow.sport, f.flow.dport);
	CHECK_INT(ntohs(e.flow.sport), port_of(a, "192.0.2.1", 443));
	for (int i = 1; i < 200; i++) {
		char host[32];

		snprintf(host, sizeof(host), "192.0.2.%d", i);
		same += port_of(a, host, 443) == ntohs(e.flow.sport);
	}
	CHECK(same < 4);
	/* an echo identifier is one number, and remains one, of each direction */
	e = event_of(IPPROTO_ICMP, "192.0.2.1", 77, "192.0.2.2", 77);
	f = event_of(IPPROTO_ICMP, "192.0.2.2", 77, "192.0.2.1", 77);
	anonymize__event(a, &e);
	anonymize__event(a, &f);
	CHECK_INT(e.flow.sport, e.flow.dport);
	CHECK_INT(e.flow.sport, f.flow.sport);
	anonymize__free(a);
}

/* --- prefixes ------------------------------------------------------------------------------------ */

static const char *prefix_of(struct anonymize *a, const char *text, unsigned int bits)
{
	static char prefix[ANONYMIZE_PREFIX_SIZE];
	union pping_addr addr = addr_of(text);

	anonymize__prefix(a, &addr, version_of(text), bits, prefix);
	return prefix;
}

/* What a host becomes lies in what its prefix becomes. */
static void prefixes_contain_hosts(void)
{
	char want[INET6_ADDRSTRLEN + 8];

	NEEDS_NETTLE();
	for (size_t k = 0; k < PREFIX_PRESERVING; k++) {
		struct anonymize *a = new_of(keyed[k].method, NULL);

		for (unsigned int i = 0; i < 2000; i++) {
			uint8_t version = i & 1 ? 4 : 6;
			unsigned int most = version == 4 ? 32 : 128, bits = i / 2 % (most + 1);
			unsigned int offset = 128 - most;
			union pping_addr host = random_addr(version), changed = host;
			char got[ANONYMIZE_PREFIX_SIZE];

			anonymize__prefix(a, &host, version, bits, got);
			anonymize__address(a, &changed, version);
			for (unsigned int j = offset + bits; j < 128; j++)
				changed.b[j / 8] &= (uint8_t) ~(0x80 >> j % 8);
			snprintf(want, sizeof(want), "%s/%u", text_of(&changed, version), bits);
			CHECK_STR(got, want);
		}
		CHECK_INT(anonymize__prefix_limit(a, 4), 32);
		CHECK_INT(anonymize__prefix_limit(a, 6), 128);
		anonymize__free(a);
	}
}

static void prefix_tokens(void)
{
	struct anonymize *a, *b;
	char token[ANONYMIZE_PREFIX_SIZE];

	NEEDS_NETTLE();
	a = new_of(ANONYMIZE_IPCRYPT, IPCRYPT_KEY);
	b = new_of(ANONYMIZE_IPCRYPT, IPCRYPT_KEY);
	strcpy(token, prefix_of(a, "192.0.2.1", 24));
	CHECK(!strncmp(token, "ipv4#", 5) && strspn(token + 5, "0123456789abcdef") == 16 &&
	      !token[21]);
	CHECK_STR(prefix_of(a, "192.0.2.77", 24), token);
	CHECK_STR(prefix_of(b, "192.0.2.0", 24), token);
	CHECK(strcmp(prefix_of(a, "192.0.2.0", 25), token));
	CHECK(strcmp(prefix_of(a, "192.0.3.0", 24), token));
	CHECK(strcmp(prefix_of(a, "::ffff:192.0.2.0", 24) + 5, token + 5));
	CHECK(!strncmp(prefix_of(a, "2001:db8::", 48), "ipv6#", 5));
	/* a prefix of one host is not the host */
	strcpy(token, prefix_of(a, "192.0.2.1", 32));
	CHECK(!strstr(shown(a, "192.0.2.1"), token + 5));
	anonymize__free(a);
	anonymize__free(b);
}

static void prefixes_cut_or_removed(void)
{
	struct anonymize *a = new_of(ANONYMIZE_TRUNCATE, NULL);

	CHECK_INT(anonymize__prefix_limit(a, 4), 24);
	CHECK_INT(anonymize__prefix_limit(a, 6), 48);
	CHECK_STR(prefix_of(a, "192.0.2.1", 16), "192.0.0.0/16");
	CHECK_STR(prefix_of(a, "192.0.2.1", 32), "192.0.2.0/24");
	CHECK_STR(prefix_of(a, "192.0.2.1", 0), "0.0.0.0/0");
	CHECK_STR(prefix_of(a, "2001:db8:1:2::1", 64), "2001:db8:1::/48");
	CHECK_STR(prefix_of(a, "2002:c000:204::", 48), "2002:c000:200::/40");
	anonymize__free(a);
	a = new_of(ANONYMIZE_REMOVE, NULL);
	CHECK_INT(anonymize__prefix_limit(a, 4), 0);
	CHECK_INT(anonymize__prefix_limit(a, 6), 0);
	CHECK_STR(prefix_of(a, "192.0.2.1", 24), "0.0.0.0/0");
	CHECK_STR(prefix_of(a, "2001:db8::", 48), "::/0");
	anonymize__free(a);
}

/* --- key files ---------------------------------------------------------------------------------------- */

struct reading {
	const char *path;
	uint8_t key[32];
	size_t size;
};

static int read_key(void *ctx)
{
	struct reading *r = ctx;

	return anonymize_key__read(r->path, r->key, r->size);
}

static int read_from(struct reading *r, const char *path, size_t size)
{
	*r = (struct reading){ .path = path, .size = size };
	return caught(read_key, r);
}

static void key_files_read(void)
{
	static const uint8_t raw[16] = { 0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
					 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c };
	static const char *const hex[] = {
		"2b7e151628aed2a6abf7158809cf4f3c",
		"2B7E151628AED2A6ABF7158809CF4F3C\n",
		"2b7e151628aed2A6abf7158809cf4f3c\r\n",
	};
	/* raw bytes may end as a line does */
	static const uint8_t ends[16] = { [14] = '\r', [15] = '\n' };
	struct reading r;

	CHECK_INT(read_from(&r, file_with("key", raw, sizeof(raw), 0600), 16), 0);
	CHECK(!memcmp(r.key, raw, sizeof(raw)));
	for (size_t i = 0; i < sizeof(hex) / sizeof(hex[0]); i++) {
		CHECK_INT(read_from(&r, key_file(hex[i]), 16), 0);
		CHECK(!memcmp(r.key, raw, sizeof(raw)));
	}
	CHECK_INT(read_from(&r, file_with("key", ends, sizeof(ends), 0400), 16), 0);
	CHECK(!memcmp(r.key, ends, sizeof(ends)));
	CHECK_STR(complaint, "");
}

static void key_files_refused(void)
{
	static const struct {
		const char *content;
		mode_t mode;
		const char *want;
	} rows[] = {
		{ "", 0600, "another length: give 16 bytes, or 32 hexadecimal digits" },
		{ "fifteen bytes..", 0600, "another length" },
		{ "seventeen bytes..", 0600, "another length" },
		{ "2b7e151628aed2a6abf7158809cf4f3", 0600, "another length" },
		{ "2b7e151628aed2a6abf7158809cf4f3cc", 0600, "another length" },
		{ "2b7e151628aed2a6abf7158809cf4f3g", 0600, "another length" },
		{ "2b7e151628aed2a6abf7158809cf4f3c\n\n", 0600, "another length" },
		/* of 16 digits nobody makes a raw key, it is one of 8 bytes */
		{ "2b7e151628aed2a6", 0600, "another length" },
		{ PFX_KEY, 0600, "another length" },
		{ IPCRYPT_KEY IPCRYPT_KEY IPCRYPT_KEY IPCRYPT_KEY IPCRYPT_KEY, 0600,
		  "another length" },
		{ IPCRYPT_KEY, 0640, "others may read" },
		{ IPCRYPT_KEY, 0604, "others may read" },
		{ IPCRYPT_KEY, 0620, "others may read or write" },
		{ IPCRYPT_KEY, 0644, "chmod 600" },
	};
	struct reading r;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *path =
			file_with("key", rows[i].content, strlen(rows[i].content), rows[i].mode);

		CHECK(read_from(&r, path, 16) < 0);
		CHECK(said_one_line(rows[i].want) && said_one_line(path));
		/* nothing of a key in a message */
		CHECK(!strstr(complaint, "2b7e") && !strstr(complaint, "0123456"));
	}
	CHECK_INT(read_from(&r, "/nonexistent/key", 16), -ENOENT);
	CHECK(said_one_line("/nonexistent/key: No such file"));
	CHECK(read_from(&r, directory, 16) < 0);
	CHECK(said_one_line("not a regular file"));
	CHECK(read_from(&r, "/dev/zero", 16) < 0);
	CHECK(said_one_line("not a regular file"));
}

static void key_of_equal_halves(void)
{
	struct making m = { .set.anonymity = { .method = ANONYMIZE_IPCRYPT_PFX } };

	NEEDS_NETTLE();
	m.set.anonymity.key_path = key_file(IPCRYPT_KEY IPCRYPT_KEY);
	CHECK_INT(caught(make, &m), -EINVAL);
	CHECK(said_one_line("halves are the same"));
	/* Crypto-PAn has no such rule */
	m.set.anonymity.method = ANONYMIZE_CRYPTOPAN;
	CHECK_INT(caught(make, &m), 0);
	anonymize__free(m.a);
	/* and wants 32 bytes */
	m.set.anonymity.key_path = key_file(IPCRYPT_KEY);
	CHECK(caught(make, &m) < 0);
	CHECK(said_one_line("32 bytes, or 64 hexadecimal digits"));
}

static void without_nettle(void)
{
	struct making m = { .set.anonymity = { .method = ANONYMIZE_CRYPTOPAN } };

	CHECK_INT(caught(make, &m), -EOPNOTSUPP);
	CHECK(said_one_line("built without nettle"));
	m.set.anonymity =
		(struct option_anonymity){ .method = ANONYMIZE_REMOVE, .ports = PORTS_ALL };
	CHECK_INT(caught(make, &m), -EOPNOTSUPP);
	CHECK(said_one_line("--anonymize-ports"));
	m.set = (struct anonymize_settings){ .flow_id = true };
	CHECK_INT(caught(make, &m), -EOPNOTSUPP);
	CHECK(said_one_line("flow_id"));
}

/* --- secrets ---------------------------------------------------------------------------------------------- */

/* Are these len bytes the inverted ones, in words of four that are turned round if turn is 3? */
static bool is_inverse(const uint8_t *bytes, const uint8_t *inverted, size_t len, size_t turn)
{
	size_t j = 0;

	while (j < len && (bytes[j ^ turn] ^ inverted[j]) == 0xff)
		j++;
	return j == len;
}

/*
 * Places in this process's memory with these bytes, which are given inverted. A big-endian machine's nettle
 * has them in little-endian words.
 */
static int places_of(const uint8_t *inverted, size_t len)
{
	static uint8_t window[1 << 20];
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY), found = 0;
	unsigned long from, to;
	char line[512], how[8];

	if (!maps || mem < 0)
		return -1;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, how) != 3 || how[0] != 'r')
			continue;
		for (; from < to; from += sizeof(window) - 64) {
			ssize_t n = pread(mem, window, sizeof(window), (off_t)from);

			if ((uintptr_t)window >= from && (uintptr_t)window < from + sizeof(window))
				continue;
			for (ssize_t i = 0; i + (ssize_t)len <= n; i++)
				found += is_inverse(window + i, inverted, len, 0) ||
					 is_inverse(window + i, inverted, len, 3);
		}
	}
	fclose(maps);
	close(mem);
	return found;
}

/* The first of ipcrypt's key is the first round key as well, so it is in memory while in use, and not after. */
static void keys_are_wiped(void)
{
	uint8_t inverted[16];
	struct anonymize *a;
	int before;

	NEEDS_NETTLE();
	for (int i = 0; i < 16; i++)
		inverted[i] = (uint8_t)lrand48();
	{
		uint8_t key[16];
		const char *path;

		for (int i = 0; i < 16; i++)
			key[i] = (uint8_t)~inverted[i];
		path = file_with("key", key, sizeof(key), 0600);
		explicit_bzero(key, sizeof(key));
		before = places_of(inverted, sizeof(inverted));
		if (before) {
			SKIP("can't read its own memory");
			return;
		}
		a = new_with((struct anonymize_settings){
			.anonymity = { .method = ANONYMIZE_IPCRYPT, .key_path = path } });
	}
	shown(a, "192.0.2.1");
	CHECK(places_of(inverted, sizeof(inverted)) > 0);
	anonymize__free(a);
	CHECK_INT(places_of(inverted, sizeof(inverted)), 0);
}

static long locked_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long locked = 0;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %ld", &locked);
	if (status)
		fclose(status);
	return locked;
}

static void process_is_protected(void)
{
	struct rlimit core = { 1, 1 };
	struct anonymize *a = new_of(ANONYMIZE_REMOVE, NULL);

	CHECK_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	getrlimit(RLIMIT_CORE, &core);
	CHECK_INT(core.rlim_cur, 0);
	CHECK(locked_kib() > 0);
	anonymize__free(a);
}

/* As a user who may lock nothing: status 0 if all is as it should be. */
static void lock_nothing(void)
{
	static const struct rlimit none;
	struct making m = { .set.anonymity = { .method = ANONYMIZE_REMOVE } };
	bool locked = true;
	void *memory;

	if (setrlimit(RLIMIT_MEMLOCK, &none) || (!geteuid() && setuid(65534)))
		_exit(2);
	munlockall(); /* earlier cases' */
	memory = secret__new(1, &locked);
	if (!memory || locked || caught(make, &m) >= 0 || !said_one_line("ulimit -l"))
		_exit(1);
	_exit(0);
}

/* With a limit that all of the process fits into, but not what it will want later: key and cache are locked. */
static void lock_some(void)
{
	struct making m = { .set.anonymity = { .method = ANONYMIZE_REMOVE } };
	struct rlimit some;
	size_t much;

	getrlimit(RLIMIT_MEMLOCK, &some);
	if (some.rlim_max > 1 << 30)
		some.rlim_max = 1 << 30;
	some.rlim_cur = some.rlim_max;
	much = (size_t)some.rlim_cur + 4096;
	if (setrlimit(RLIMIT_MEMLOCK, &some) || (!geteuid() && setuid(65534)))
		_exit(2);
	munlockall();
	if (caught(make, &m))
		_exit(3);
	if (mmap(NULL, much, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
	    MAP_FAILED)
		_exit(4);
	_exit(locked_kib() > 8 ? 0 : 5);
}

static int status_of(void (*fn)(void))
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child)
		fn();
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void memory_that_can_t_be_locked(void)
{
	CHECK_INT(status_of(lock_nothing), 0);
}

static void memory_that_can_be_locked_in_part(void)
{
	CHECK_INT(status_of(lock_some), 0);
}

int main(void)
{
	char command[64];

	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	RUN(vectors);
#if HAVE_NETTLE
	RUN(as_defined);
#endif
	RUN(prefixes_are_preserved);
	RUN(ipcrypt_keeps_no_prefix);
	RUN(keys_decide);
	RUN(truncation);
	RUN(removal);
	RUN(nothing_is_changed_without);
	RUN(cache_of_two);
	RUN(events);
	RUN(flow_ids);
	RUN(scopes);
	RUN(ports_are_permuted);
	RUN(ports_of_hosts);
	RUN(prefixes_contain_hosts);
	RUN(prefix_tokens);
	RUN(prefixes_cut_or_removed);
	RUN(key_files_read);
	RUN(key_files_refused);
	RUN(key_of_equal_halves);
	if (!address_cipher__available())
		RUN(without_nettle);
	RUN(keys_are_wiped);
	RUN(process_is_protected);
	RUN(memory_that_can_t_be_locked);
	RUN(memory_that_can_be_locked_in_part);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command) ? EXIT_FAILURE : TEST_EXIT();
}
