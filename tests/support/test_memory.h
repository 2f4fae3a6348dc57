/* What memory holds after it was given back. */
#ifndef SUPPORT_TEST_MEMORY_H
#define SUPPORT_TEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the text stands in the `size` bytes at `place`, which the caller has just given back, as whoever
 * gets them next would find them. False, too, where malloc() does not hand that place out again, as under
 * a sanitizer.
 */
bool test_memory_still_holds(uintptr_t place, size_t size, const char *text);

/* Whether that is never so of what OpenSSL gives back, which has to be loaded. */
bool test_memory_is_wiped_by_openssl(void);

/* What OpenSSL keeps of the memory that it takes to make random bytes for a thread. */
size_t test_memory_kept_by_openssl_for_random_bytes(void);

#endif
