#include "support/test_memory.h"

#include <assert.h>
#include <dlfcn.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(value)    #value
#define TEXT_OF(value) TEXT(value)

static void *function_of_openssl(const char *name)
{
	void *library =
		dlopen("libcrypto.so." TEXT_OF(OPENSSL_SHLIB_VERSION), RTLD_NOW | RTLD_NOLOAD);
	void *function = library != NULL ? dlsym(library, name) : NULL;

	assert(function != NULL);
	return function;
}

#define OPENSSL(function) ((typeof(function) *)function_of_openssl(#function))

bool test_memory_still_holds(uintptr_t place, size_t size, const char *text)
{
	/* Out of the compiler's sight, for which bytes that malloc() gives hold nothing. */
	char *volatile again = malloc(size);
	const bool holds =
		(uintptr_t)again == place && memmem(again, size, text, strlen(text)) != NULL;

	free(again);
	return holds;
}

/* Longer than what malloc() itself writes into what it gets back; once moved, once freed, once resized to nothing. */
bool test_memory_is_wiped_by_openssl(void)
{
	enum { MOVED_BYTES = 5000 };
	static const char secret[] = "................................................a secret";
	char *text = OPENSSL(CRYPTO_strdup)(secret, __FILE__, __LINE__);
	const uintptr_t first = (uintptr_t)text;
	uintptr_t second;
	bool is_wiped;

	text = OPENSSL(CRYPTO_realloc)(text, MOVED_BYTES, __FILE__, __LINE__);
	second = (uintptr_t)text;
	is_wiped = strcmp(text, secret) == 0 &&
		   !test_memory_still_holds(first, sizeof(secret), "a secret");
	OPENSSL(CRYPTO_free)(text, __FILE__, __LINE__);
	is_wiped = is_wiped && !test_memory_still_holds(second, MOVED_BYTES, "a secret");
	text = OPENSSL(CRYPTO_strdup)(secret, __FILE__, __LINE__);
	is_wiped = is_wiped && OPENSSL(CRYPTO_realloc)(text, 0, __FILE__, __LINE__) == NULL;
	OPENSSL(CRYPTO_free)(NULL, __FILE__, __LINE__);
	return is_wiped;
}

size_t test_memory_kept_by_openssl_for_random_bytes(void)
{
	typeof(RAND_bytes) *make_public = OPENSSL(RAND_bytes),
			   *make_private = OPENSSL(RAND_priv_bytes);
	unsigned char bytes[32] = {0}, more[sizeof(bytes)] = {0};
	const size_t before = mallinfo2().uordblks;
	const bool is_made =
		make_public(bytes, sizeof(bytes)) == 1 && make_private(more, sizeof(more)) == 1;
	const size_t after = mallinfo2().uordblks;

	assert(is_made && memcmp(bytes, more, sizeof(bytes)) != 0);
	return after - before;
}
