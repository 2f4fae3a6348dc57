#include "base/crypto.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A library that cannot hash or draw random bytes cannot be worked around. */
static void require(bool worked, const char *operation)
{
	if (worked)
		return;
	fprintf(stderr, "openssl: %s failed\n", operation);
	abort();
}

/* From the kernel: OpenSSL keeps a generator for each thread, which costs more memory than it saves time. */
void random_bytes(void *bytes, size_t size)
{
	unsigned char *next = bytes;

	while (size > 0) {
		const ssize_t got = getrandom(next, size, 0);

		if (got < 0 && errno != EINTR) {
			perror("getrandom");
			abort();
		}
		if (got > 0) {
			next += got;
			size -= (size_t)got;
		}
	}
}

void random_base62(char *text, size_t length)
{
	static const char digits[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	unsigned char pool[64];
	size_t left = 0;

	for (size_t i = 0; i < length;) {
		if (left == 0) {
			random_bytes(pool, sizeof(pool));
			left = sizeof(pool);
		}
		/* 248 = 4 × 62: what is above would favour the first digits. */
		if (pool[--left] < 248)
			text[i++] = digits[pool[left] % 62];
	}
	text[length] = '\0';
}

uint32_t random_below(uint32_t limit)
{
	uint64_t wide;

	assert(limit > 0);
	random_bytes(&wide, sizeof(wide));
	return (uint32_t)(wide % limit);
}

void sha256(const void *bytes, size_t size, unsigned char digest[static SHA256_BYTES])
{
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, bytes, size);
	SHA256Final(digest, &context); /* wipes the context */
}

void sha256_of_long(const void *bytes, size_t size, unsigned char digest[static SHA256_BYTES])
{
	require(EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL) == 1, "EVP_Digest");
}

static void mac_context_free(EVP_MAC_CTX **context)
{
	EVP_MAC_CTX_free(*context);
}

/* Fetching the algorithm costs as much as using it: once a thread, and never given back. */
static EVP_MAC *hmac_algorithm(void)
{
	static _Thread_local EVP_MAC *algorithm;

	if (algorithm == NULL)
		algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
	require(algorithm != NULL, "EVP_MAC_fetch");
	return algorithm;
}

void hmac_sha256(const void *key, size_t key_size, const struct span *parts, size_t part_count,
		 unsigned char mac[static SHA256_BYTES])
{
	SCOPED(mac_context_free) EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac_algorithm());
	char digest_name[] = "SHA256";
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest_name, 0),
		OSSL_PARAM_construct_end(),
	};
	const unsigned char none[1] = {0};
	size_t written;

	require(context != NULL &&
			EVP_MAC_init(context, key_size > 0 ? key : none, key_size, parameters) == 1,
		"EVP_MAC_init");
	for (size_t i = 0; i < part_count; i++)
		require(parts[i].size == 0 ||
				EVP_MAC_update(context, parts[i].bytes, parts[i].size) == 1,
			"EVP_MAC_update");
	require(EVP_MAC_final(context, mac, &written, SHA256_BYTES) == 1, "EVP_MAC_final");
}

bool equal_in_constant_time(const void *a, const void *b, size_t size)
{
	const volatile unsigned char *left = a, *right = b;
	unsigned char difference = 0;

	/* No early end, nor one that a compiler could see. */
	for (size_t i = 0; i < size; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}

static void cipher_context_free(EVP_CIPHER_CTX **context)
{
	EVP_CIPHER_CTX_free(*context);
}

void aead_seal(const unsigned char key[static AEAD_KEY_BYTES], const struct span *associated,
	       const void *plain, size_t size, unsigned char *sealed)
{
	SCOPED(cipher_context_free) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *nonce = sealed, *body = sealed + AEAD_NONCE_BYTES, *tag = body + size;
	int length;

	assert(size <= INT_MAX && associated->size <= INT_MAX);
	random_bytes(nonce, AEAD_NONCE_BYTES);
	require(context != NULL &&
			EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
			EVP_EncryptUpdate(context, NULL, &length, associated->bytes,
					  (int)associated->size) == 1 &&
			EVP_EncryptUpdate(context, body, &length, plain, (int)size) == 1 &&
			EVP_EncryptFinal_ex(context, tag, &length) == 1 &&
			EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, AEAD_TAG_BYTES, tag) ==
				1,
		"AES-256-GCM");
}

bool aead_open(const unsigned char key[static AEAD_KEY_BYTES], const struct span *associated,
	       const unsigned char *sealed, size_t sealed_size, void *plain)
{
	SCOPED(cipher_context_free) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char tag[AEAD_TAG_BYTES];
	unsigned char *end = plain;
	size_t size;
	int length;

	if (sealed_size < AEAD_NONCE_BYTES + AEAD_TAG_BYTES || sealed_size > INT_MAX)
		return false;
	size = sealed_size - AEAD_NONCE_BYTES - AEAD_TAG_BYTES;
	memcpy(tag, sealed + sealed_size - AEAD_TAG_BYTES, AEAD_TAG_BYTES);
	require(context != NULL &&
			EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
			EVP_DecryptUpdate(context, NULL, &length, associated->bytes,
					  (int)associated->size) == 1 &&
			EVP_DecryptUpdate(context, plain, &length, sealed + AEAD_NONCE_BYTES,
					  (int)size) == 1 &&
			EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, AEAD_TAG_BYTES, tag) ==
				1,
		"AES-256-GCM");
	return EVP_DecryptFinal_ex(context, end + size, &length) == 1;
}
