// SPDX-License-Identifier: GPL-2.0-or-later
#include "address_cipher.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define BLOCK 16
#define V4_BITS 32
#define V6_BITS 128

size_t address_cipher__key_size(enum address_cipher_kind kind)
{
	return kind == ADDRESS_CIPHER_IPCRYPT ? BLOCK : 2 * BLOCK;
}

#if HAVE_NETTLE

/* 128 bits, the first bit of an address is the highest. */
struct bits {
	uint64_t high, low;
};

static struct bits load(const uint8_t bytes[BLOCK])
{
	uint64_t word[2];

	memcpy(word, bytes, sizeof(word));
	return (struct bits){ be64toh(word[0]), be64toh(word[1]) };
}

static void store(uint8_t bytes[BLOCK], struct bits v)
{
	uint64_t word[2] = { htobe64(v.high), htobe64(v.low) };

	memcpy(bytes, word, sizeof(word));
}

/* The first n of 0 to 127 bits are 1. */
static struct bits mask(unsigned int n)
{
	return (struct bits){
		.high = n >= 64 ? ~0ULL : ~(~0ULL >> n),
		.low = n > 64 ? ~(~0ULL >> (n - 64)) : 0,
	};
}

/* The first n of 0 to 127 bits moved to the end, and a 1 before them. */
static struct bits marked_prefix(struct bits v, unsigned int n)
{
	struct bits r = { 0, 0 };

	if (n > 64) {
		r.high = v.high >> (128 - n);
		r.low = v.high << (n - 64) | v.low >> (128 - n);
	} else if (n) {
		r.low = v.high >> (64 - n);
	}
	if (n >= 64)
		r.high |= 1ULL << (n - 64);
	else
		r.low |= 1ULL << n;
	return r;
}

static void flip(struct bits *v, unsigned int bit, uint64_t by)
{
	if (bit < 64)
		v->high ^= by << (63 - bit);
	else
		v->low ^= by << (127 - bit);
}

/*
 * A bit is flipped by what the cipher makes of the bits before it, padded with secret ones.
 * IPv4: the 32 bits are the first of the block.
 */
static void cryptopan(struct address_cipher *c, uint8_t *bytes, unsigned int bits)
{
	uint8_t block[BLOCK] = { 0 };
	struct bits v, pad = load(c->pad);

	memcpy(block, bytes, bits / 8);
	v = load(block);
	for (unsigned int i = 0; i < bits; i++) {
		struct bits m = mask(i);

		store(c->in[i], (struct bits){ (v.high & m.high) | (pad.high & ~m.high),
					       (v.low & m.low) | (pad.low & ~m.low) });
	}
	aes128_encrypt(&c->aes[0], bits * BLOCK, c->out[0][0], c->in[0]);
	for (unsigned int i = 0; i < bits; i++)
		flip(&v, i, c->out[0][i][0] >> 7);
	store(block, v);
	memcpy(bytes, block, bits / 8);
}

static bool is_mapped(const union pping_addr *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr->b, mapped, sizeof(mapped));
}

static void ipcrypt_pfx(struct address_cipher *c, union pping_addr *addr)
{
	unsigned int first = is_mapped(addr) ? V6_BITS - V4_BITS : 0, blocks = V6_BITS - first;
	struct bits v = load(addr->b);

	for (unsigned int i = 0; i < blocks; i++)
		store(c->in[i], marked_prefix(v, first + i));
	aes128_encrypt(&c->aes[0], blocks * BLOCK, c->out[0][0], c->in[0]);
	aes128_encrypt(&c->aes[1], blocks * BLOCK, c->out[1][0], c->in[0]);
	for (unsigned int i = 0; i < blocks; i++)
		flip(&v, first + i, (c->out[0][i][BLOCK - 1] ^ c->out[1][i][BLOCK - 1]) & 1);
	store(addr->b, v);
}

bool address_cipher__available(void)
{
	return true;
}

int address_cipher__init(struct address_cipher *c, enum address_cipher_kind kind,
			 const uint8_t *key)
{
	c->kind = kind;
	aes128_set_encrypt_key(&c->aes[0], key);
	switch (kind) {
	case ADDRESS_CIPHER_CRYPTOPAN:
		aes128_encrypt(&c->aes[0], BLOCK, c->pad, key + BLOCK);
		break;
	case ADDRESS_CIPHER_IPCRYPT_PFX:
		/* the two would cancel each other out, and nothing be encrypted */
		if (!memcmp(key, key + BLOCK, BLOCK))
			return -EINVAL;
		aes128_set_encrypt_key(&c->aes[1], key + BLOCK);
		break;
	case ADDRESS_CIPHER_IPCRYPT:
		break;
	}
	return 0;
}

void address_cipher__encrypt(struct address_cipher *c, union pping_addr *addr, uint8_t ip_version)
{
	switch (c->kind) {
	case ADDRESS_CIPHER_CRYPTOPAN:
		if (ip_version == 4)
			cryptopan(c, addr->b + 12, V4_BITS);
		else
			cryptopan(c, addr->b, V6_BITS);
		break;
	case ADDRESS_CIPHER_IPCRYPT_PFX:
		ipcrypt_pfx(c, addr);
		break;
	case ADDRESS_CIPHER_IPCRYPT:
		aes128_encrypt(&c->aes[0], BLOCK, addr->b, addr->b);
		break;
	}
}

#else /* !HAVE_NETTLE */

bool address_cipher__available(void)
{
	return false;
}

int address_cipher__init(struct address_cipher *c, enum address_cipher_kind kind,
			 const uint8_t *key)
{
	return -EOPNOTSUPP;
}

void address_cipher__encrypt(struct address_cipher *c, union pping_addr *addr, uint8_t ip_version)
{
	memset(addr, 0, sizeof(*addr)); /* never as it is, whoever calls this */
}

#endif
