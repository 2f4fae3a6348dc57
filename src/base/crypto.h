/*
 * The few operations of cryptography that Hallpass needs, by OpenSSL all but sha256(), which is libmd's:
 * a request that only proves its API key then needs no OpenSSL, whose loading takes longer than answering
 * it (base/late_library.h). Failing here is a broken machine: it ends the process.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SHA256_BYTES = 32,
	AEAD_KEY_BYTES = 32,
	AEAD_NONCE_BYTES = 12,
	AEAD_TAG_BYTES = 16,
};

void random_bytes(void *bytes, size_t size);

/* `length` random characters of 0-9A-Za-z and a NUL: 5.95 bits each. */
void random_base62(char *text, size_t length);

/* Even over 0 … limit-1; limit > 0. For jitter, not for secrets. */
uint32_t random_below(uint32_t limit);

void sha256(const void *bytes, size_t size, unsigned char digest[static SHA256_BYTES]);

/*
 * The same by OpenSSL, which uses the processor's instructions for it: a quarter of the time for the 700 bytes
 * of an event. For what is long, where libcrypto is loaded anyhow.
 */
void sha256_of_long(const void *bytes, size_t size, unsigned char digest[static SHA256_BYTES]);

/* One run of bytes of a message that is signed in parts, without copying them together. */
struct span {
	const void *bytes;
	size_t size;
};

void hmac_sha256(const void *key, size_t key_size, const struct span *parts, size_t part_count,
		 unsigned char mac[static SHA256_BYTES]);

/* In constant time for a given size. */
bool equal_in_constant_time(const void *a, const void *b, size_t size);

/* AES-256-GCM. `sealed` needs room for nonce + size + tag. */
void aead_seal(const unsigned char key[static AEAD_KEY_BYTES], const struct span *associated,
	       const void *plain, size_t size, unsigned char *sealed);

/* False where it was sealed with another key or other associated data, or was altered. */
bool aead_open(const unsigned char key[static AEAD_KEY_BYTES], const struct span *associated,
	       const unsigned char *sealed, size_t sealed_size, void *plain) MUST_CHECK;

#endif
