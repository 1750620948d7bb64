// SPDX-License-Identifier: GPL-2.0-or-later
#include "prf.h"

#include <string.h>

#if HAVE_NETTLE

#include <nettle/hmac.h>
#include <nettle/memxor.h>

void prf__init(struct prf *prf)
{
	aes128_set_encrypt_key(&prf->aes, prf->key);
	explicit_bzero(prf->key, sizeof(prf->key));
}

void prf__mac(const struct prf *prf, const uint8_t (*blocks)[PRF_BLOCK], size_t count,
	      uint8_t out[PRF_BLOCK])
{
	uint8_t block[PRF_BLOCK] = { 0 };

	for (size_t i = 0; i < count; i++) {
		memxor(block, blocks[i], PRF_BLOCK);
		aes128_encrypt(&prf->aes, PRF_BLOCK, block, block);
	}
	memcpy(out, block, PRF_BLOCK);
}

void prf__derive(const uint8_t *master, size_t size, const char *label, uint8_t key[PRF_KEY_SIZE])
{
	struct hmac_sha256_ctx hmac;

	hmac_sha256_set_key(&hmac, size, master);
	hmac_sha256_update(&hmac, strlen(label), (const uint8_t *)label);
	hmac_sha256_digest(&hmac, PRF_KEY_SIZE, key);
	explicit_bzero(&hmac, sizeof(hmac));
}

#else /* !HAVE_NETTLE: nobody gets so far */

void prf__init(struct prf *prf)
{
}

void prf__mac(const struct prf *prf, const uint8_t (*blocks)[PRF_BLOCK], size_t count,
	      uint8_t out[PRF_BLOCK])
{
	memset(out, 0, PRF_BLOCK);
}

void prf__derive(const uint8_t *master, size_t size, const char *label, uint8_t key[PRF_KEY_SIZE])
{
	memset(key, 0, PRF_KEY_SIZE);
}

#endif
