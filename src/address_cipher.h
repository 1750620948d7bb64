/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyed permutations of addresses, AES-128 by nettle:
 *  - Crypto-PAn (Xu, Fan, Ammar, Moon 2002): prefix-preserving, IPv4 and IPv6
 *    each a space of its own, identical to the authors' implementation; IPv6 is
 *    the same over 128 bits;
 *  - ipcrypt-pfx (draft-denis-ipcrypt): prefix-preserving by two keys, with
 *    IPv4 as ::ffff:a.b.c.d, of which only the last 32 bits change;
 *  - ipcrypt (ipcrypt-deterministic of that draft): AES of the 16 bytes. An
 *    IPv4 address becomes a value of 128 bits.
 * A prefix-preserving one maps two addresses that share exactly their first n
 * bits to two that share exactly their first n bits.
 */
#ifndef SRC_ADDRESS_CIPHER_H
#define SRC_ADDRESS_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if HAVE_NETTLE
#include <nettle/aes.h>
#endif

#include "pping.h"

#define ADDRESS_CIPHER_KEY_MAX 32

enum address_cipher_kind {
	ADDRESS_CIPHER_CRYPTOPAN,
	ADDRESS_CIPHER_IPCRYPT_PFX,
	ADDRESS_CIPHER_IPCRYPT,
};

/* All of it is secret: keep it in memory of secret.h. */
struct address_cipher {
	enum address_cipher_kind kind;
#if HAVE_NETTLE
	struct aes128_ctx aes[2];
#endif
	uint8_t pad[16]; /* Crypto-PAn's */
	/* one block for each bit of an address: no bit waits for the one before it */
	uint8_t in[128][16], out[2][128][16];
};

/* Was pping built with nettle? All functions but key_size want it. */
bool address_cipher__available(void);
/* Bytes: 32, 32, 16. */
size_t address_cipher__key_size(enum address_cipher_kind kind);
/* -EINVAL: the halves of ipcrypt-pfx's key are the same. -EOPNOTSUPP: built without nettle. */
int address_cipher__init(struct address_cipher *cipher, enum address_cipher_kind kind,
			 const uint8_t *key);
void address_cipher__encrypt(struct address_cipher *cipher, union pping_addr *addr,
			     uint8_t ip_version);

#endif /* SRC_ADDRESS_CIPHER_H */
