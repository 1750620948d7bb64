/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyed functions that tell nothing of their input to who has not the key: AES-128 and HMAC by nettle. */
#ifndef SRC_PRF_H
#define SRC_PRF_H

#include <stddef.h>
#include <stdint.h>

#if HAVE_NETTLE
#include <nettle/aes.h>
#endif

#define PRF_KEY_SIZE 16
#define PRF_BLOCK 16

/* Secret: keep it in memory of secret.h. */
struct prf {
#if HAVE_NETTLE
	struct aes128_ctx aes;
#endif
	uint8_t key[PRF_KEY_SIZE]; /* free for the caller until prf__init() */
};

/* Takes prf->key and wipes it. Like all others it needs a pping with nettle, see address_cipher__available(). */
void prf__init(struct prf *prf);

/* CBC-MAC: a random function of the blocks, as long as one key is used with one number of them. */
void prf__mac(const struct prf *prf, const uint8_t (*blocks)[PRF_BLOCK], size_t count,
	      uint8_t out[PRF_BLOCK]);

/* A key of its own for each label. */
void prf__derive(const uint8_t *master, size_t size, const char *label, uint8_t key[PRF_KEY_SIZE]);

#endif /* SRC_PRF_H */
