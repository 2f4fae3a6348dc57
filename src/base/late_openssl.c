/* What crypto.c and authorities.c call of OpenSSL, which is loaded with the first call: base/late_library.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* set_random_source() */
#include "base/late_openssl.h"

#include "base/crypto.h"
#include "base/late_library.h"
#include "base/secret_memory.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT(value)    #value
#define TEXT_OF(value) TEXT(value)
#define LIBCRYPTO      "libcrypto.so." TEXT_OF(OPENSSL_SHLIB_VERSION)
#define LIBSSL         "libssl.so." TEXT_OF(OPENSSL_SHLIB_VERSION)
#define LATE(function) LATE_OF(LIBCRYPTO, function)
#define LATE_OF(library, function)                                                      \
	({                                                                              \
		static void *_Atomic loaded;                                            \
		late_openssl_begin();                                                   \
		(typeof(function) *)late_library_function(&loaded, library, #function); \
	})

/* As malloc() of OpenSSL's own, which gives nothing for nothing. */
static void *allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size > 0 ? malloc(size) : NULL;
}

static void release(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	secret_memory_free(memory);
}

static void *reallocate(void *memory, size_t size, const char *file, int line)
{
	if (size > 0)
		return secret_memory_realloc(memory, size);
	release(memory, file, line);
	return NULL;
}

static int give_random_bytes(unsigned char *bytes, int size)
{
	random_bytes(bytes, (size_t)size);
	return 1;
}

static int be_ready(void)
{
	return 1;
}

/*
 * The kernel's, as everywhere in Hallpass: OpenSSL's own generators are two for each thread that makes a
 * connection, 5 KiB, and stay with it.
 */
static void set_random_source(void)
{
	static const RAND_METHOD kernel = {.bytes = give_random_bytes,
					   .pseudorand = give_random_bytes,
					   .status = be_ready};
	typeof(RAND_set_rand_method) *set;
	static void *_Atomic loaded;

	set = (typeof(set))late_library_function(&loaded, LIBCRYPTO, "RAND_set_rand_method");
	if (set(&kernel) != 1)
		fprintf(stderr, "hallpass: OpenSSL keeps generators of random bytes of its own\n");
}

static void set_memory_functions(void)
{
	typeof(CRYPTO_set_mem_functions) *set;
	static void *_Atomic loaded;

	set = (typeof(set))late_library_function(&loaded, LIBCRYPTO, "CRYPTO_set_mem_functions");
	if (set(allocate, reallocate, release) != 1)
		fprintf(stderr, "hallpass: OpenSSL began before us: its memory is not wiped\n");
}

static void begin(void)
{
	set_memory_functions();
	set_random_source();
}

void late_openssl_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, begin);
}

EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void)
{
	return LATE(EVP_CIPHER_CTX_new)();
}

void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context)
{
	LATE(EVP_CIPHER_CTX_free)(context);
}

int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int type, int number, void *bytes)
{
	return LATE(EVP_CIPHER_CTX_ctrl)(context, type, number, bytes);
}

const EVP_CIPHER *EVP_aes_256_gcm(void)
{
	return LATE(EVP_aes_256_gcm)();
}

int EVP_EncryptInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine,
		       const unsigned char *key, const unsigned char *nonce)
{
	return LATE(EVP_EncryptInit_ex)(context, cipher, engine, key, nonce);
}

int EVP_EncryptUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size,
		      const unsigned char *in, int in_size)
{
	return LATE(EVP_EncryptUpdate)(context, out, out_size, in, in_size);
}

int EVP_EncryptFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size)
{
	return LATE(EVP_EncryptFinal_ex)(context, out, out_size);
}

int EVP_DecryptInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine,
		       const unsigned char *key, const unsigned char *nonce)
{
	return LATE(EVP_DecryptInit_ex)(context, cipher, engine, key, nonce);
}

int EVP_DecryptUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size,
		      const unsigned char *in, int in_size)
{
	return LATE(EVP_DecryptUpdate)(context, out, out_size, in, in_size);
}

int EVP_DecryptFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size)
{
	return LATE(EVP_DecryptFinal_ex)(context, out, out_size);
}

const EVP_MD *EVP_sha256(void)
{
	return LATE(EVP_sha256)();
}

int EVP_Digest(const void *bytes, size_t size, unsigned char *digest, unsigned int *digest_size,
	       const EVP_MD *algorithm, ENGINE *engine)
{
	return LATE(EVP_Digest)(bytes, size, digest, digest_size, algorithm, engine);
}

EVP_MAC *EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *algorithm, const char *properties)
{
	return LATE(EVP_MAC_fetch)(library, algorithm, properties);
}

EVP_MAC_CTX *EVP_MAC_CTX_new(EVP_MAC *algorithm)
{
	return LATE(EVP_MAC_CTX_new)(algorithm);
}

void EVP_MAC_CTX_free(EVP_MAC_CTX *context)
{
	LATE(EVP_MAC_CTX_free)(context);
}

int EVP_MAC_init(EVP_MAC_CTX *context, const unsigned char *key, size_t key_size,
		 const OSSL_PARAM parameters[])
{
	return LATE(EVP_MAC_init)(context, key, key_size, parameters);
}

int EVP_MAC_update(EVP_MAC_CTX *context, const unsigned char *bytes, size_t size)
{
	return LATE(EVP_MAC_update)(context, bytes, size);
}

int EVP_MAC_final(EVP_MAC_CTX *context, unsigned char *out, size_t *out_size, size_t out_room)
{
	return LATE(EVP_MAC_final)(context, out, out_size, out_room);
}

OSSL_PARAM OSSL_PARAM_construct_utf8_string(const char *key, char *text, size_t size)
{
	return LATE(OSSL_PARAM_construct_utf8_string)(key, text, size);
}

OSSL_PARAM OSSL_PARAM_construct_end(void)
{
	return LATE(OSSL_PARAM_construct_end)();
}

X509_STORE *X509_STORE_new(void)
{
	return LATE(X509_STORE_new)();
}

void X509_STORE_free(X509_STORE *store)
{
	LATE(X509_STORE_free)(store);
}

int X509_STORE_load_file(X509_STORE *store, const char *file)
{
	return LATE(X509_STORE_load_file)(store, file);
}

int X509_STORE_load_path(X509_STORE *store, const char *folder)
{
	return LATE(X509_STORE_load_path)(store, folder);
}

int X509_STORE_set_flags(X509_STORE *store, unsigned long flags)
{
	return LATE(X509_STORE_set_flags)(store, flags);
}

void SSL_CTX_set1_cert_store(SSL_CTX *context, X509_STORE *store)
{
	LATE_OF(LIBSSL, SSL_CTX_set1_cert_store)(context, store);
}
