#include "base/secret_memory.h"

#include "base/error.h"
#include "base/key_file.h"
#include "base/late_openssl.h"
#include "serve/process.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

/* Longer than what malloc() itself writes into what it gets back, and than what libraries keep beside it. */
#define FILLER "................................................................................"
static const char filler[] = FILLER;
static const char secret[] = FILLER "a secret";

static void expect_wiped(uintptr_t place, size_t size)
{
	assert_false(test_memory_still_holds(place, size, "a secret"));
}

/* What this test and those of buffers and of the key file stand on. */
static void what_is_freed_plainly_would_be_found(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	char *volatile text = strdup(secret);
	const uintptr_t place = (uintptr_t)text;

	(void)state;
	free(text);
	assert_true(test_memory_still_holds(place, sizeof(secret), "a secret"));
}

static void what_is_freed_is_wiped(void **state)
{
	char *text = strdup(secret);
	const uintptr_t place = (uintptr_t)text;

	(void)state;
	secret_memory_free(text);
	expect_wiped(place, sizeof(secret));
	secret_memory_free(NULL);
}

static size_t pages_in_memory(uintptr_t place, size_t size)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = place / page * page;
	unsigned char in_memory[64];
	const size_t pages = (place + size - first + page - 1) / page;
	size_t count = 0;

	assert_true(pages <= sizeof(in_memory));
	assert_return_code(mincore((void *)first, pages * page, in_memory), errno);
	for (size_t i = 0; i < pages; i++)
		count += in_memory[i] & 1;
	return count;
}

static void what_is_large_is_wiped_and_its_pages_are_given_back(void **state)
{
	enum { BYTES = 100000, STEP = 1000 };
	char *large = malloc(BYTES), *behind = malloc(1);
	const uintptr_t place = (uintptr_t)large;

	(void)state;
	for (size_t i = 0; i + STEP <= BYTES; i += STEP)
		memcpy(large + i, secret, sizeof(secret));
	memcpy(large + BYTES - sizeof(secret), secret, sizeof(secret));
	assert_true(pages_in_memory(place, BYTES) > 20);
	secret_memory_free(large);
#ifndef __SANITIZE_ADDRESS__
	/* Those at its ends belong to others as well. */
	assert_in_range(pages_in_memory(place, BYTES), 1, 3);
#endif
	expect_wiped(place, BYTES);
	free(behind);
}

static void what_moves_keeps_its_text_and_leaves_none_behind(void **state)
{
	char *text = strdup(secret);
	const uintptr_t place = (uintptr_t)text;

	(void)state;
	text = secret_memory_realloc(text, 5000);
	assert_string_equal(text, secret);
	text = secret_memory_realloc(text, sizeof(filler));
	assert_memory_equal(text, filler, sizeof(filler) - 1);
	secret_memory_free(text);
	text = secret_memory_realloc(NULL, 10000);
	assert_non_null(text);
	secret_memory_free(text);
	expect_wiped(place, sizeof(secret));
}

/* Keys, for one, and what a call over TLS receives. */
static void what_openssl_gives_back_is_wiped(void **state)
{
	(void)state;
	late_openssl_begin();
	late_openssl_begin();
	assert_true(test_memory_is_wiped_by_openssl());
}

/* A generator of its own, two for each thread, would stay with everyone who waits for Zoom. */
static void openssl_keeps_no_memory_for_random_bytes(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	(void)state;
	late_openssl_begin();
	assert_int_equal(test_memory_kept_by_openssl_for_random_bytes(), 0);
}

static uintptr_t give_back_json(size_t *size)
{
	json_t *value = json_string(secret);
	const uintptr_t place = (uintptr_t)json_string_value(value);

	*size = json_string_length(value) + 1;
	json_decref(value);
	return place;
}

static void every_process_wipes_its_json_and_forbids_core_dumps(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	char keys[TEST_PATH_BYTES], database_variable[2 * TEST_PATH_BYTES],
		keys_variable[2 * TEST_PATH_BYTES];
	char *environment[] = {database_variable, keys_variable, NULL};
	struct process process;
	struct rlimit limit;
	struct error err = {0};
	uintptr_t place;
	size_t size;

	(void)state;
	test_database_path(&database, "keys", keys);
	must(key_file_create(keys, &err), &err);
	snprintf(database_variable, sizeof(database_variable), "HALLPASS_DATABASE=%s",
		 database.path);
	snprintf(keys_variable, sizeof(keys_variable), "HALLPASS_ENCRYPTION_KEY_FILE=%s", keys);
	must(process_open(&process, "test", environment, &err), &err);
	process_close(&process);
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_int_equal(limit.rlim_cur, 0);
	assert_int_equal(limit.rlim_max, 0);
	place = give_back_json(&size);
	expect_wiped(place, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_freed_plainly_would_be_found),
		cmocka_unit_test(what_is_freed_is_wiped),
		cmocka_unit_test(what_is_large_is_wiped_and_its_pages_are_given_back),
		cmocka_unit_test(what_moves_keeps_its_text_and_leaves_none_behind),
		cmocka_unit_test(what_openssl_gives_back_is_wiped),
		cmocka_unit_test(openssl_keeps_no_memory_for_random_bytes),
		cmocka_unit_test(every_process_wipes_its_json_and_forbids_core_dumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
