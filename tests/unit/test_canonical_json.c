#include "http/json.h"
#include "notify/canonical_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *canonical)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(json_decrefp) json_t *value = NULL;
	struct error err = {0};

	if (!json_read(text, strlen(text), &value, &err) &&
	    (value = json_loads(text, JSON_DECODE_ANY, NULL)) == NULL)
		fail_msg("%s: %s", text, err.message);
	assert_string_equal(canonical_json(&arena, value), canonical);
}

static void keys_are_sorted_at_every_depth_and_spaces_dropped(void **state)
{
	(void)state;
	expect("{ \"b\": [ {\"z\": 1, \"a\": 2}, null ], \"a\" : {\"d\": true, \"c\": false} }",
	       "{\"a\":{\"c\":false,\"d\":true},\"b\":[{\"a\":2,\"z\":1},null]}");
	expect("{}", "{}");
	expect("[]", "[]");
	expect("{\"a\":[[],{},\"\"]}", "{\"a\":[[],{},\"\"]}");
}

/* By their characters, as Python compares: capitals before small letters, "a" before "aa". */
static void keys_stand_in_the_order_of_their_characters(void **state)
{
	(void)state;
	expect("{\"\\ud83d\\ude00\":1,\"\\uffee\":2,\"é\":3,\"aa\":4,\"a\":5,\"B\":6,\"\":7,\"1\":8}",
	       "{\"\":7,\"1\":8,\"B\":6,\"a\":5,\"aa\":4,\"é\":3,\"\xef\xbf\xae\":2,\"😀\":1}");
}

static void only_what_must_be_is_escaped(void **state)
{
	(void)state;
	expect("[\"Zo\\u00eb \\/ \\u2028 \\ud83d\\ude00 \\u007f\"]",
	       "[\"Zoë / \xe2\x80\xa8 😀 \x7f\"]");
	expect("[\"\\u0008\\u0009\\u000a\\u000c\\u000d\\u0022\\u005c\"]",
	       "[\"\\b\\t\\n\\f\\r\\\"\\\\\"]");
	expect("[\"\\u001F\\u000B\\u001b\"]", "[\"\\u001f\\u000b\\u001b\"]");
	expect("{\"\\n\":1}", "{\"\\n\":1}");
}

/* What Python's repr() gives for each of them. */
static void numbers_have_the_digits_that_they_need(void **state)
{
	static const char *const pairs[][2] = {
		{"0", "0"},
		{"-7", "-7"},
		{"9223372036854775807", "9223372036854775807"},
		{"1.0", "1.0"},
		{"1.50", "1.5"},
		{"0.1", "0.1"},
		{"-0.0", "-0.0"},
		{"3.14", "3.14"},
		{"100.0", "100.0"},
		{"0.30000000000000004", "0.30000000000000004"},
		{"1E2", "100.0"},
		{"1e15", "1000000000000000.0"},
		{"1e16", "1e+16"},
		{"123456789012345680.0", "1.2345678901234568e+17"},
		{"0.0001", "0.0001"},
		{"0.00001", "1e-05"},
		{"1e100", "1e+100"},
		{"5e-324", "5e-324"},
		{"1.7976931348623157e308", "1.7976931348623157e+308"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++)
		expect(pairs[i][0], pairs[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_sorted_at_every_depth_and_spaces_dropped),
		cmocka_unit_test(keys_stand_in_the_order_of_their_characters),
		cmocka_unit_test(only_what_must_be_is_escaped),
		cmocka_unit_test(numbers_have_the_digits_that_they_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
