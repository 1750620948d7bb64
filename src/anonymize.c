// SPDX-License-Identifier: GPL-2.0-or-later
#include "anonymize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "address_cipher.h"
#include "anonymize_key.h"
#include "format_util.h"
#include "prf.h"
#include "scope.h"
#include "secret.h"

#define CACHE_SETS 32768
#define WAYS 2
#define MASTER_SIZE ADDRESS_CIPHER_KEY_MAX
/* The first that Linux gives to a connection; the range that IANA says is among them. */
#define EPHEMERAL_FIRST 32768
#define PORT_ROUNDS 8
#define V4_OFFSET 12 /* of an IPv4 address in a union pping_addr */

/* An address, what is shown in its place, and what its ports are permuted by. */
struct host {
	union pping_addr raw;
	union pping_addr shown;
	uint8_t ports[PRF_BLOCK];
	uint8_t ip_version; /* 0: a free place */
	uint8_t reserved[15];
};
_Static_assert(sizeof(struct host) == 64, "a cache line");

/* All of it in secret memory. */
struct anonymize {
	struct anonymize_settings set;
	bool permutes; /* an address_cipher does it */
	struct address_cipher cipher;
	uint8_t master[MASTER_SIZE]; /* while keys are made */
	struct prf ports, prefixes, flows;
	struct format_note note;
	struct host (*cache)[WAYS]; /* the one used last comes first */
	uint32_t cache_mask;
};

/* --- begin and end --------------------------------------------------------------- */

static bool cipher_of(enum option_anonymize method, enum address_cipher_kind *kind)
{
	switch (method) {
	case ANONYMIZE_CRYPTOPAN:
		*kind = ADDRESS_CIPHER_CRYPTOPAN;
		return true;
	case ANONYMIZE_IPCRYPT_PFX:
		*kind = ADDRESS_CIPHER_IPCRYPT_PFX;
		return true;
	case ANONYMIZE_IPCRYPT:
		*kind = ADDRESS_CIPHER_IPCRYPT;
		return true;
	default:
		return false;
	}
}

static int complain(const char *why, int err)
{
	fprintf(stderr, "pping: --anonymize: %s\n", why);
	return err;
}

/* What needs AES says so before anything is made. */
static int check_library(const struct anonymize *a)
{
	if (address_cipher__available())
		return 0;
	if (a->permutes)
		return complain(
			"this pping was built without nettle, so that it knows truncate and "
			"remove only",
			-EOPNOTSUPP);
	if (a->set.anonymity.ports != PORTS_KEPT)
		return complain(
			"this pping was built without nettle, which --anonymize-ports needs",
			-EOPNOTSUPP);
	if (a->set.flow_id)
		return complain("this pping was built without nettle, which flow_id needs",
				-EOPNOTSUPP);
	return 0;
}

/* The method's own key; ports and prefixes have others that come from it, so one file makes all the same again. */
static int make_keys(struct anonymize *a, enum address_cipher_kind kind)
{
	size_t size = a->permutes ? address_cipher__key_size(kind) : MASTER_SIZE;
	const char *path = a->set.anonymity.key_path;
	int err = path ? anonymize_key__read(path, a->master, size)
		       : anonymize_key__random(a->master, size);

	if (err)
		return err;
	if (a->permutes)
		err = address_cipher__init(&a->cipher, kind, a->master);
	if (err)
		return complain("the key's two halves are the same, which encrypts nothing; give "
				"another key",
				err);
	prf__derive(a->master, size, "pping ports", a->ports.key);
	prf__init(&a->ports);
	prf__derive(a->master, size, "pping prefixes", a->prefixes.key);
	prf__init(&a->prefixes);
	explicit_bzero(a->master, sizeof(a->master));
	err = anonymize_key__random(a->flows.key, sizeof(a->flows.key));
	if (!err)
		prf__init(&a->flows);
	return err;
}

/* Without a lock on it (an unprivileged user's limit) it is a cache all the same. */
static int make_cache(struct anonymize *a)
{
	uint32_t sets = a->set.cache_sets ? a->set.cache_sets : CACHE_SETS;
	bool locked;

	a->cache = secret__new(sets * sizeof(*a->cache), &locked);
	a->cache_mask = sets - 1;
	return a->cache ? 0 : complain(strerror(ENOMEM), -ENOMEM);
}

static int start(struct anonymize *a)
{
	enum address_cipher_kind kind = 0;
	int err;

	a->permutes = cipher_of(a->set.anonymity.method, &kind);
	err = check_library(a);
	if (err)
		return err;
	if (address_cipher__available())
		err = make_keys(a, kind);
	return err ? err : make_cache(a);
}

int anonymize__new(struct anonymize **anonymize, const struct anonymize_settings *settings)
{
	struct anonymize *a;
	bool locked;
	int err;

	/* before anything is locked by itself: it may unlock all again */
	if (settings->anonymity.method != ANONYMIZE_NONE)
		secret__protect_process();
	a = secret__new(sizeof(*a), &locked);
	if (!a)
		return complain(strerror(ENOMEM), -ENOMEM);
	a->set = *settings;
	err = locked ? start(a)
		     : complain("the key can't be locked in memory; raise the limit (ulimit -l)",
				-ENOMEM);
	if (err) {
		anonymize__free(a);
		return err;
	}
	*anonymize = a;
	return 0;
}

void anonymize__free(struct anonymize *a)
{
	if (!a)
		return;
	secret__free(a->cache, ((size_t)a->cache_mask + 1) * sizeof(*a->cache));
	secret__free(a, sizeof(*a));
}

enum format_addresses anonymize__addresses(const struct anonymize *a)
{
	if (!a)
		return FORMAT_ADDRESSES_PLAIN;
	switch (a->set.anonymity.method) {
	case ANONYMIZE_IPCRYPT:
		return FORMAT_ADDRESSES_128_BITS;
	case ANONYMIZE_REMOVE:
		return FORMAT_ADDRESSES_NONE;
	default:
		return FORMAT_ADDRESSES_PLAIN;
	}
}

/* --- addresses -------------------------------------------------------------------- */

static void keep_bits(union pping_addr *addr, uint8_t ip_version, unsigned int bits)
{
	unsigned int first = ip_version == 4 ? V4_OFFSET : 0;

	for (unsigned int i = first; i < sizeof(addr->b); i++) {
		unsigned int kept = bits > 8 ? 8 : bits;

		addr->b[i] &= (uint8_t)(0xff00 >> kept);
		bits -= kept;
	}
}

/* 2002:a.b.c.d::/48 is the site of an IPv4 address (RFC 3056): of that no more is kept than elsewhere. */
static unsigned int truncated_bits(const struct anonymize *a, const union pping_addr *addr,
				   uint8_t ip_version)
{
	const struct option_anonymity *o = &a->set.anonymity;
	unsigned int with_ipv4 = 16u + o->v4_bits;

	if (ip_version == 4)
		return o->v4_bits;
	if (addr->b[0] == 0x20 && addr->b[1] == 0x02 && with_ipv4 < o->v6_bits)
		return with_ipv4;
	return o->v6_bits;
}

static void change(struct anonymize *a, union pping_addr *addr, uint8_t ip_version)
{
	switch (a->set.anonymity.method) {
	case ANONYMIZE_NONE:
		break;
	case ANONYMIZE_CRYPTOPAN:
	case ANONYMIZE_IPCRYPT_PFX:
	case ANONYMIZE_IPCRYPT:
		address_cipher__encrypt(&a->cipher, addr, ip_version);
		break;
	case ANONYMIZE_TRUNCATE:
		keep_bits(addr, ip_version, truncated_bits(a, addr, ip_version));
		break;
	case ANONYMIZE_REMOVE:
		memset(addr, 0, sizeof(*addr));
		break;
	}
}

/* Of the address as it was. */
static void ports_of(const struct anonymize *a, struct host *host)
{
	uint8_t blocks[2][PRF_BLOCK] = { { host->ip_version } };

	memcpy(blocks[1], host->raw.b, sizeof(blocks[1]));
	prf__mac(&a->ports, blocks, 2, host->ports);
}

static uint32_t hash(const union pping_addr *addr)
{
	uint64_t h = (addr->q[0] ^ addr->q[1] >> 32 ^ addr->q[1] << 32) * 0x9e3779b97f4a7c15ULL;

	return (uint32_t)(h >> 32);
}

static bool is_host(const struct host *host, const union pping_addr *addr, uint8_t ip_version)
{
	return host->ip_version == ip_version && host->raw.q[0] == addr->q[0] &&
	       host->raw.q[1] == addr->q[1];
}

/* Valid until the next call but one: two of one set are both of its ways. */
static const struct host *find_host(struct anonymize *a, const union pping_addr *addr,
				    uint8_t ip_version)
{
	struct host *way = a->cache[hash(addr) & a->cache_mask], found;

	if (is_host(&way[0], addr, ip_version))
		return &way[0];
	if (is_host(&way[1], addr, ip_version)) {
		found = way[1];
	} else {
		found = (struct host){ .raw = *addr, .shown = *addr, .ip_version = ip_version };
		change(a, &found.shown, ip_version);
		if (a->set.anonymity.ports != PORTS_KEPT)
			ports_of(a, &found);
	}
	way[1] = way[0];
	way[0] = found;
	return &way[0];
}

void anonymize__address(struct anonymize *a, union pping_addr *addr, uint8_t ip_version)
{
	if (a)
		*addr = find_host(a, addr, ip_version)->shown;
}

/* --- ports --------------------------------------------------------------------------- */

/*
 * A permutation of the numbers below 2^bits (15 or 16), another one for each key: a Feistel
 * network of alternating halves, as FF1's (NIST SP 800-38G) over bits. Different ports of a
 * host stay different.
 */
static uint16_t permute(const struct anonymize *a, const uint8_t key[PRF_BLOCK], uint16_t port,
			unsigned int bits)
{
	unsigned int low_bits = bits / 2, low_mask = (1u << low_bits) - 1;
	unsigned int high_mask = (1u << (bits - low_bits)) - 1;
	unsigned int low = port & low_mask, high = port >> low_bits & high_mask;
	uint8_t block[PRF_BLOCK], out[PRF_BLOCK];

	memcpy(block, key, sizeof(block));
	for (unsigned int round = 0; round < PORT_ROUNDS; round++) {
		bool odd = round & 1;

		block[0] = key[0] ^ (uint8_t)(round + 1);
		block[1] = key[1] ^ (uint8_t)(odd ? high : low);
		prf__mac(&a->ports, (const uint8_t(*)[PRF_BLOCK]) & block, 1, out);
		if (odd)
			low ^= out[0] & low_mask;
		else
			high ^= out[0] & high_mask;
	}
	return (uint16_t)(high << low_bits | low);
}

static __be16 change_port(const struct anonymize *a, const uint8_t key[PRF_BLOCK], __be16 port)
{
	uint16_t p = ntohs(port);

	if (a->set.anonymity.ports == PORTS_ALL)
		return htons(permute(a, key, p, 16));
	if (p >= EPHEMERAL_FIRST)
		return htons(permute(a, key, p - EPHEMERAL_FIRST, 15) + EPHEMERAL_FIRST);
	return port;
}

/* An echo identifier belongs to both hosts, and we don't know who chose it: any is ephemeral. */
static __be16 change_identifier(const struct anonymize *a, const uint8_t x[PRF_BLOCK],
				const uint8_t y[PRF_BLOCK], __be16 identifier)
{
	uint8_t key[PRF_BLOCK];

	for (unsigned int i = 0; i < sizeof(key); i++)
		key[i] = x[i] ^ y[i];
	return htons(permute(a, key, ntohs(identifier), 16));
}

static void change_ports(const struct anonymize *a, struct pping_tuple *flow,
			 const uint8_t src[PRF_BLOCK], const uint8_t dest[PRF_BLOCK])
{
	if (flow->protocol == IPPROTO_TCP) {
		flow->sport = change_port(a, src, flow->sport);
		flow->dport = change_port(a, dest, flow->dport);
	} else {
		flow->sport = flow->dport = change_identifier(a, src, dest, flow->sport);
	}
}

/* --- flows --------------------------------------------------------------------------- */

/* The same for both directions, whichever the event names the flow from. */
static uint64_t flow_id(const struct anonymize *a, const struct pping_tuple *flow)
{
	int order = memcmp(&flow->saddr, &flow->daddr, sizeof(flow->saddr));
	uint8_t blocks[3][PRF_BLOCK] = { 0 }, out[PRF_BLOCK];
	const bool swap = order > 0 || (!order && ntohs(flow->sport) > ntohs(flow->dport));
	uint64_t id;

	memcpy(blocks[0], swap ? &flow->daddr : &flow->saddr, sizeof(flow->saddr));
	memcpy(blocks[1], swap ? &flow->saddr : &flow->daddr, sizeof(flow->saddr));
	memcpy(blocks[2], swap ? &flow->dport : &flow->sport, sizeof(flow->sport));
	memcpy(blocks[2] + 2, swap ? &flow->sport : &flow->dport, sizeof(flow->sport));
	blocks[2][4] = flow->protocol;
	blocks[2][5] = flow->ip_version;
	prf__mac(&a->flows, (const uint8_t(*)[PRF_BLOCK])blocks, 3, out);
	memcpy(&id, out, sizeof(id));
	return id;
}

static void take_note(struct anonymize *a, const struct pping_tuple *flow)
{
	if (a->set.flow_id)
		a->note.flow_id = flow_id(a, flow);
	if (a->set.scopes) {
		a->note.src_scope = scope__of(&flow->saddr, flow->ip_version);
		a->note.dest_scope = scope__of(&flow->daddr, flow->ip_version);
	}
}

const struct format_note *anonymize__note(const struct anonymize *a)
{
	return &a->note;
}

void anonymize__event(struct anonymize *a, struct pping_event *event)
{
	struct pping_tuple *flow = &event->flow;
	uint8_t src_ports[PRF_BLOCK];
	const struct host *host;

	if (event->type != PPING_EVENT_RTT && event->type != PPING_EVENT_FLOW)
		return;
	take_note(a, flow);
	if (a->set.anonymity.method == ANONYMIZE_NONE)
		return;
	host = find_host(a, &flow->saddr, flow->ip_version);
	flow->saddr = host->shown;
	memcpy(src_ports, host->ports, sizeof(src_ports));
	host = find_host(a, &flow->daddr, flow->ip_version);
	flow->daddr = host->shown;
	if (a->set.anonymity.ports != PORTS_KEPT)
		change_ports(a, flow, src_ports, host->ports);
}

/* --- prefixes of aggregates ------------------------------------------------------------ */

unsigned int anonymize__prefix_limit(const struct anonymize *a, uint8_t ip_version)
{
	switch (a ? a->set.anonymity.method : ANONYMIZE_NONE) {
	case ANONYMIZE_TRUNCATE:
		return ip_version == 4 ? a->set.anonymity.v4_bits : a->set.anonymity.v6_bits;
	case ANONYMIZE_REMOVE:
		return 0;
	default:
		return ip_version == 4 ? 32 : 128;
	}
}

static void put_token(const struct anonymize *a, const union pping_addr *addr, uint8_t ip_version,
		      unsigned int bits, char *text)
{
	uint8_t blocks[2][PRF_BLOCK] = { { ip_version, (uint8_t)bits } }, out[PRF_BLOCK];

	memcpy(blocks[1], addr->b, sizeof(blocks[1]));
	prf__mac(&a->prefixes, (const uint8_t(*)[PRF_BLOCK])blocks, 2, out);
	text += sprintf(text, "ipv%u#", ip_version);
	for (int i = 0; i < 8; i++)
		text += sprintf(text, "%02x", out[i]);
}

void anonymize__prefix(struct anonymize *a, const union pping_addr *addr, uint8_t ip_version,
		       unsigned int bits, char text[ANONYMIZE_PREFIX_SIZE])
{
	enum option_anonymize method = a ? a->set.anonymity.method : ANONYMIZE_NONE;
	char record[FORMAT_ADDR_MAX + 4]; /* put_octet() writes behind its end */
	union pping_addr net = *addr;

	if (method == ANONYMIZE_REMOVE)
		bits = 0;
	if (method == ANONYMIZE_TRUNCATE && bits > truncated_bits(a, addr, ip_version))
		bits = truncated_bits(a, addr, ip_version);
	keep_bits(&net, ip_version, bits);
	if (method == ANONYMIZE_IPCRYPT) {
		put_token(a, &net, ip_version, bits, text);
		return;
	}
	if (method == ANONYMIZE_CRYPTOPAN || method == ANONYMIZE_IPCRYPT_PFX) {
		address_cipher__encrypt(&a->cipher, &net, ip_version);
		keep_bits(&net, ip_version, bits);
	}
	snprintf(text, ANONYMIZE_PREFIX_SIZE, "%.*s/%u",
		 (int)(put_addr(record, &net, ip_version) - record), record, bits);
}
