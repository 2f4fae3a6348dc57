#include "http/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

/* From a heap block of just its size, so that an overrun is seen. */
static bool read_json(const char *text, size_t size, json_t **value)
{
	char *exact = malloc(size > 0 ? size : 1);
	bool good;

	assert_non_null(exact);
	memcpy(exact, text, size);
	*value = NULL;
	err = (struct error){0};
	good = json_read(exact, size, value, &err);
	free(exact);
	return good;
}

static void expect_no_json(const char *text, size_t size, const char *words)
{
	json_t *value;

	if (read_json(text, size, &value))
		fail_msg("was read: %s", text);
	assert_null(value);
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_string_equal(err.code, "invalid_json");
	if (strstr(err.message, words) == NULL)
		fail_msg("'%s' does not say '%s'", err.message, words);
}

static void json_is_one_value_of_valid_utf8(void **state)
{
	static const char *const wrong[] = {
		"",
		"{",
		"{\"a\":}",
		"{} {}",
		"{\"a\": \"\xff\"}",
		"{\"\xc3\"}",
		"[1,]",
		"nul",
		"{'a': 1}",
		"{\"\\u0000\": \"a\"}",
		"\"\\ud800\"",
		"\"\xed\xa0\x80\"",
		"\"\xc0\xaf\"",
		"{\"a\": 1e999}",
		"\"",
		"\\",
		"\"\\",
		"[\"\\\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		expect_no_json(wrong[i], strlen(wrong[i]), "not valid JSON");
	expect_no_json("{\"a\": \"b\0c\"}", 12, "not valid JSON");
	expect_no_json("{}\0", 3, "not valid JSON");
}

static void a_text_may_hold_an_escaped_nul(void **state)
{
	static const char text[] = "{\"a\": \"b\\u0000c\"}";
	json_t *value;

	(void)state;
	assert_true(read_json(text, strlen(text), &value));
	assert_int_equal(json_string_length(json_object_get(value, "a")), 3);
	json_decref(value);
}

static void json_is_at_most_32_levels_deep(void **state)
{
	static const char brackets_in_text[] = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"]";
	char text[3 * JSON_DEPTH_MAX + 8] = "";
	json_t *value;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_true(read_json(text, strlen(text), &value));
	json_decref(value);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	expect_no_json(text, strlen(text), "more than 32 deep");
	assert_true(read_json(brackets_in_text, strlen(brackets_in_text), &value));
	json_decref(value);
}

static void a_name_that_stands_twice_is_named_and_nothing_else_is_quoted(void **state)
{
	static const char twice[] = "{\"secret\": \"s3cret\", \"secret\": \"s3cret\"}";
	static const char unquoted[] = "{\"secret\": s3cret}";

	(void)state;
	expect_no_json(twice, strlen(twice), "secret\"");
	assert_null(strstr(err.message, "s3cret"));
	expect_no_json(unquoted, strlen(unquoted), "line 1");
	assert_null(strstr(err.message, "s3cret"));
}

static void text_is_compact_and_any_value_has_one(void **state)
{
	struct arena arena = {0};
	json_t *value = json_pack("{s:[i,n], s:s}", "a", 1, "b", "\"é");
	json_t *nothing = json_string_or_null(NULL);

	(void)state;
	assert_string_equal(json_text(&arena, value), "{\"a\":[1,null],\"b\":\"\\\"é\"}");
	assert_string_equal(json_text(&arena, nothing), "null");
	json_decref(value);
	json_decref(nothing);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_one_value_of_valid_utf8),
		cmocka_unit_test(a_text_may_hold_an_escaped_nul),
		cmocka_unit_test(json_is_at_most_32_levels_deep),
		cmocka_unit_test(a_name_that_stands_twice_is_named_and_nothing_else_is_quoted),
		cmocka_unit_test(text_is_compact_and_any_value_has_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
