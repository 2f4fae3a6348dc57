#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void failing_sets_kind_code_and_message_and_is_false(void **state)
{
	struct error err = {.details = "old", .retry_after_s = 9};

	(void)state;
	assert_false(error_set(&err, ERROR_NOT_FOUND, "no %s '%d'", "bot", 7));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_string_equal(err.code, "not_found");
	assert_string_equal(err.message, "no bot '7'");
	assert_null(err.details);
	assert_int_equal(err.retry_after_s, 0);
	assert_false(error_set_code(&err, ERROR_INVALID, "missing_scopes", "%s", "x"));
	assert_string_equal(err.code, "missing_scopes");
}

static void every_kind_has_a_code_of_its_own(void **state)
{
	(void)state;
	for (int kind = ERROR_NONE; kind <= ERROR_INTERNAL; kind++) {
		const char *code = error_kind_code((enum error_kind)kind);

		assert_non_null(code);
		assert_true(strlen(code) < ERROR_CODE_BYTES);
		assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
		for (int other = ERROR_NONE; other < kind; other++)
			assert_string_not_equal(code, error_kind_code((enum error_kind)other));
	}
}

static void a_long_message_is_cut_between_characters(void **state)
{
	struct error err;
	char text[600];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[599] = '\0';
	error_set(&err, ERROR_INVALID, "%s", text);
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 1);
	/* Characters of two, three and four bytes over the end: JSON takes no half of one. */
	for (size_t at = ERROR_MESSAGE_BYTES - 5; at < ERROR_MESSAGE_BYTES; at++) {
		static const char *const wide[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

		for (size_t i = 0; i < COUNT_OF(wide); i++) {
			const size_t size = strlen(wide[i]);

			memset(text, 'a', sizeof(text) - 1);
			memcpy(text + at, wide[i], size);
			error_set(&err, ERROR_INVALID, "%s", text);
			assert_memory_equal(err.message, text, strlen(err.message));
			assert_int_equal(strlen(err.message), at + size <= ERROR_MESSAGE_BYTES - 1
								      ? ERROR_MESSAGE_BYTES - 1
								      : at);
		}
	}
}

static void a_message_that_fits_stays_as_it_is(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_INVALID, "no caf\xc3\xa9");
	assert_string_equal(err.message, "no caf\xc3\xa9");
}

static void a_message_may_be_wrapped_in_another_in_place(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_INVALID, "inner");
	error_set_code(&err, ERROR_INVALID, err.code, "outer: %s", err.message);
	assert_string_equal(err.message, "outer: inner");
	assert_string_equal(err.code, "invalid_request");
}

static void only_what_heals_by_itself_is_passing(void **state)
{
	static const struct {
		enum error_kind kind;
		bool is_passing;
	} cases[] = {
		{ERROR_INVALID, false},     {ERROR_UNAUTHENTICATED, false},
		{ERROR_NOT_FOUND, false},   {ERROR_CONFLICT, false},
		{ERROR_BUSY, true},         {ERROR_STORAGE, true},
		{ERROR_RATE_LIMITED, true}, {ERROR_ZOOM_REFUSED, false},
		{ERROR_ZOOM_TIMEOUT, true}, {ERROR_ZOOM_UNAVAILABLE, true},
		{ERROR_INTERNAL, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err;

		error_set(&err, cases[i].kind, "x");
		assert_int_equal(error_is_passing(&err), cases[i].is_passing);
	}
}

static void a_busy_database_says_when_to_come_back(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_BUSY, "x");
	assert_true(err.retry_after_s > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_sets_kind_code_and_message_and_is_false),
		cmocka_unit_test(every_kind_has_a_code_of_its_own),
		cmocka_unit_test(a_long_message_is_cut_between_characters),
		cmocka_unit_test(a_message_that_fits_stays_as_it_is),
		cmocka_unit_test(a_message_may_be_wrapped_in_another_in_place),
		cmocka_unit_test(only_what_heals_by_itself_is_passing),
		cmocka_unit_test(a_busy_database_says_when_to_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
