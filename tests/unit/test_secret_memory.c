#include "base/secret_memory.h"

#include "base/error.h"
#include "base/key_file.h"
#include "serve/process.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

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
		cmocka_unit_test(what_moves_keeps_its_text_and_leaves_none_behind),
		cmocka_unit_test(every_process_wipes_its_json_and_forbids_core_dumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
