#include "http/input.h"
#include "http/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static json_t *object;
static struct error err;

static int reset(void **state)
{
	(void)state;
	json_decref(object);
	object = NULL;
	arena_release(&arena);
	err = (struct error){0};
	return 0;
}

static struct input read_json(const char *text)
{
	reset(NULL);
	if (!json_read(text, strlen(text), &object, &err))
		fail_msg("%s", err.message);
	return input_of_json(&arena, object);
}

/* {"<name>": <value>} */
static struct input read_field(const char *name, const char *value)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"%s\": %s}", name, value);
	return read_json(text);
}

static struct input read_query(const char *query)
{
	reset(NULL);
	if (!query_to_json(&arena, query, &object, &err))
		fail_msg("%s", err.message);
	return input_of_query(&arena, object);
}

/* The end refuses just this field, with these words. */
static void expect_refused(struct input *input, const char *field, const char *words)
{
	SCOPED(json_decrefp) json_t *details = NULL;
	const char *sentence;

	assert_false(input_end(input, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	details = json_loads(err.details, 0, NULL);
	assert_int_equal(json_object_size(json_object_get(details, "fields")), 1);
	sentence = json_string_value(json_object_get(json_object_get(details, "fields"), field));
	if (sentence == NULL || strstr(sentence, words) == NULL)
		fail_msg("%s does not say that '%s' %s", err.details, field, words);
	assert_non_null(strstr(err.message, sentence));
}

static void a_good_object_is_read_as_it_is(void **state)
{
	struct input input = read_json(
		"{\"text\": \"ab\", \"flag\": true, \"number\": -3, \"object\": {\"a\": 1},"
		" \"at\": \"2026-01-31T12:00:00Z\", \"choice\": \"b\", \"nothing\": null}");
	static const char *const choices[] = {"a", "b", NULL};

	(void)state;
	assert_string_equal(input_string(&input, "text", INPUT_REQUIRED, 2), "ab");
	assert_true(input_bool(&input, "flag", false));
	assert_int_equal(input_int(&input, "number", -3, 3, 0), -3);
	assert_int_equal(json_object_size(input_object(&input, "object", 7)), 1);
	assert_int_equal(input_instant(&input, "at"), 1769860800 * SECOND);
	assert_ptr_equal(input_choice(&input, "choice", INPUT_OPTIONAL, choices), choices[1]);
	assert_true(input_is_null(&input, "nothing"));
	assert_true(input_end(&input, &err));
}

static void what_is_missing_or_null_has_its_default(void **state)
{
	struct input input = read_json("{\"a\": null}");
	static const char *const choices[] = {"a", NULL};

	(void)state;
	assert_null(input_string(&input, "a", INPUT_OPTIONAL, 2));
	assert_null(input_string(&input, "b", INPUT_OPTIONAL, 2));
	assert_true(input_bool(&input, "a", true));
	assert_int_equal(input_int(&input, "c", 1, 2, 7), 7);
	assert_null(input_object(&input, "d", 9));
	assert_int_equal(input_instant(&input, "e"), 0);
	assert_null(input_choice(&input, "f", INPUT_OPTIONAL, choices));
	assert_true(input_is_null(&input, "a"));
	assert_false(input_is_null(&input, "g"));
	assert_false(input_has(&input, "a"));
	assert_true(input_end(&input, &err));
}

static void what_is_required_is_named_where_it_is_missing_or_null(void **state)
{
	static const char *const texts[] = {"{}", "{\"name\": null}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct input input = read_json(texts[i]);

		assert_null(input_string(&input, "name", INPUT_REQUIRED, 2));
		expect_refused(&input, "name", "is required");
	}
}

static void a_string_is_a_string_of_the_right_length(void **state)
{
	static const char *const wrong[][2] = {
		{"1", "must be a string"},
		{"true", "must be a string"},
		{"[]", "must be a string"},
		{"{}", "must be a string"},
		{"\"\"", "must not be empty"},
		{"\"abc\"", "at most 2 bytes"},
		{"\"\u00e9e\"", "at most 2 bytes"},
		{"\"\\u0000\"", "must not contain \\u0000: leave it out"},
		{"\"a\\u0000\"", "must not contain \\u0000: leave it out"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct input input = read_field("name", wrong[i][0]);

		assert_null(input_string(&input, "name", INPUT_OPTIONAL, 2));
		expect_refused(&input, "name", wrong[i][1]);
	}
}

static void json_has_flags_and_numbers_of_its_own(void **state)
{
	static const char *const wrong[] = {"\"true\"", "\"1\"", "1.0", "[]", "{}", "\"\""};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct input input = read_field("a", wrong[i]);

		input_bool(&input, "a", true);
		expect_refused(&input, "a", "must be true or false");
		input = read_field("a", wrong[i]);
		input_int(&input, "a", 0, 9, 5);
		expect_refused(&input, "a", "must be a whole number from 0 to 9");
	}
}

static void a_query_writes_flags_and_numbers_out(void **state)
{
	struct input input = read_query("yes=true&no=false&number=9");

	(void)state;
	assert_true(input_bool(&input, "yes", false));
	assert_false(input_bool(&input, "no", true));
	assert_int_equal(input_int(&input, "number", 0, 9, 5), 9);
	assert_true(input_end(&input, &err));
}

static void a_query_holds_no_other_flags_and_numbers(void **state)
{
	static const char *const flags[] = {"a=", "a=1", "a=yes", "a=TRUE", "a=true+", "a=%20true"};
	static const char *const numbers[] = {"a=",
					      "a=-1",
					      "a=10",
					      "a=x",
					      "a=5x",
					      "a=+5",
					      "a=%205",
					      "a=5+",
					      "a=1.0",
					      "a=0x1",
					      "a=99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(flags); i++) {
		struct input input = read_query(flags[i]);

		input_bool(&input, "a", true);
		expect_refused(&input, "a", "must be true or false");
	}
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		struct input input = read_query(numbers[i]);

		input_int(&input, "a", 0, 9, 5);
		expect_refused(&input, "a", "must be a whole number from 0 to 9");
	}
}

static void a_number_is_good_to_its_very_limits(void **state)
{
	struct input input = read_json("{\"a\": 1, \"b\": 3}");

	(void)state;
	assert_int_equal(input_int(&input, "a", 1, 3, 0), 1);
	assert_int_equal(input_int(&input, "b", 1, 3, 0), 3);
	assert_true(input_end(&input, &err));
	input = read_json("{\"a\": 0}");
	input_int(&input, "a", 1, 3, 0);
	expect_refused(&input, "a", "from 1 to 3");
	input = read_json("{\"a\": 4}");
	input_int(&input, "a", 1, 3, 0);
	expect_refused(&input, "a", "from 1 to 3");
}

static void an_object_is_measured_as_it_is_written_compactly(void **state)
{
	struct input input = read_json("{\"a\": {  \"b\" : 1  }}");

	(void)state;
	assert_non_null(input_object(&input, "a", 7));
	assert_true(input_end(&input, &err));
	input = read_json("{\"a\": {\"b\": 1}}");
	assert_null(input_object(&input, "a", 6));
	expect_refused(&input, "a", "at most 6 bytes");
	input = read_json("{\"a\": [1]}");
	assert_null(input_object(&input, "a", 6));
	expect_refused(&input, "a", "must be a JSON object");
}

static void an_object_holds_no_nul_however_deep(void **state)
{
	static const char *const wrong[] = {"{\"b\": \"\\u0000\"}",
					    "{\"b\": [1, {\"c\": \"d\\u0000\"}]}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct input input = read_field("a", wrong[i]);

		assert_null(input_object(&input, "a", 99));
		expect_refused(&input, "a",
			       "must not contain \\u0000 in any of its texts: leave it out");
	}
}

static void a_wrong_choice_is_told_the_right_ones(void **state)
{
	static const char *const choices[] = {"one", "two", NULL};
	struct input input = read_json("{\"a\": \"One\"}");

	(void)state;
	assert_null(input_choice(&input, "a", INPUT_OPTIONAL, choices));
	expect_refused(&input, "a", "one, two");
}

static void a_wrong_time_is_shown_a_right_one(void **state)
{
	struct input input = read_json("{\"a\": \"2026-02-30T00:00:00Z\"}");

	(void)state;
	assert_int_equal(input_instant(&input, "a"), 0);
	expect_refused(&input, "a", "ISO 8601");
}

static void what_nobody_asked_for_is_refused(void **state)
{
	struct input input = read_json("{\"known\": \"x\", \"Known\": \"x\"}");

	(void)state;
	assert_non_null(input_string(&input, "known", INPUT_OPTIONAL, 9));
	expect_refused(&input, "Known", "is not a known field");
}

static void everything_that_is_wrong_is_named_at_once(void **state)
{
	struct input input = read_json("{\"a\": 1, \"b\": \"x\", \"c\": null}");

	(void)state;
	input_string(&input, "a", INPUT_OPTIONAL, 9);
	input_string(&input, "d", INPUT_REQUIRED, 9);
	input_refuse(&input, "d", "a second sentence about it");
	assert_false(input_end(&input, &err));
	assert_string_equal(err.details,
			    "{\"fields\":{\"a\":\"must be a string\",\"d\":\"is required\","
			    "\"b\":\"is not a known field\",\"c\":\"is not a known field\"}}");
	assert_string_equal(err.message, "a must be a string (and 3 more)");
}

static void of_a_flood_of_unknown_fields_only_the_first_are_named(void **state)
{
	const char *text = "{\"f0\": 0";
	SCOPED(json_decrefp) json_t *details = NULL;
	struct arena own = {0};
	struct input input;

	(void)state;
	for (int i = 1; i < 100; i++)
		text = arena_printf(&own, "%s, \"f%d\": 0", text, i);
	input = read_json(arena_printf(&own, "%s}", text));
	assert_false(input_end(&input, &err));
	assert_string_equal(err.message, "f0 is not a known field (and 99 more)");
	details = json_loads(err.details, 0, NULL);
	assert_int_equal(json_object_size(json_object_get(details, "fields")), INPUT_UNKNOWN_MAX);
	arena_release(&own);
}

static void a_query_is_decoded(void **state)
{
	struct input input = read_query("&a=1+2%2B&&b%20c=%C3%BC&d&e==&");

	(void)state;
	assert_string_equal(input_string(&input, "a", INPUT_REQUIRED, 9), "1 2+");
	assert_string_equal(input_string(&input, "b c", INPUT_REQUIRED, 9), "\u00fc");
	assert_string_equal(input_string(&input, "e", INPUT_REQUIRED, 9), "=");
	input_string(&input, "d", INPUT_OPTIONAL, 9);
	expect_refused(&input, "d", "must not be empty");
}

static void a_query_that_cannot_be_decoded_is_refused(void **state)
{
	static const char *const queries[] = {"a=%",         "a=%4",    "a=%zz",     "%=1",
					      "a=%00",       "a=%ff",   "%ff=1",     "a=%c0%af",
					      "a=%ed%a0%80", "a=1&a=2", "a=1&%61=2", "a&a"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(queries); i++) {
		json_t *none = NULL;

		reset(NULL);
		if (query_to_json(&arena, queries[i], &none, &err))
			fail_msg("%s was read", queries[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_null(none);
	}
}

static void what_is_wrong_with_a_part_is_wrong_with_the_whole_by_its_place(void **state)
{
	struct input input = read_json("{\"part\": {\"text\": 1, \"more\": 2}}");
	struct input part = input_of_json(&arena, input_object(&input, "part", 100));
	SCOPED(json_decrefp) json_t *details = NULL;
	json_t *fields;

	(void)state;
	assert_null(input_string(&part, "text", INPUT_REQUIRED, 9));
	assert_null(input_string(&part, "name", INPUT_REQUIRED, 9));
	input_end_part(&part, "part", &input);
	assert_null(part.wrong);
	assert_false(input_end(&input, &err));
	details = json_loads(err.details, 0, NULL);
	fields = json_object_get(details, "fields");
	assert_int_equal(json_object_size(fields), 3);
	assert_string_equal(json_string_value(json_object_get(fields, "part.text")),
			    "must be a string");
	assert_string_equal(json_string_value(json_object_get(fields, "part.name")), "is required");
	assert_string_equal(json_string_value(json_object_get(fields, "part.more")),
			    "is not a known field");
}

static void a_part_that_is_right_leaves_the_whole_right(void **state)
{
	struct input input = read_json("{\"part\": {\"text\": \"x\"}}");
	struct input part = input_of_json(&arena, input_object(&input, "part", 100));

	(void)state;
	assert_string_equal(input_string(&part, "text", INPUT_REQUIRED, 9), "x");
	input_end_part(&part, "part", &input);
	assert_true(input_end(&input, &err));
}

/* {"unknown_0": 0, …} of so many fields. */
static json_t *flood(int count)
{
	json_t *fields = json_object();

	for (int i = 0; i < count; i++)
		json_object_set_new(fields, arena_printf(&arena, "unknown_%d", i), json_null());
	return fields;
}

static void a_flood_of_unknown_fields_of_a_part_is_only_counted(void **state)
{
	struct input input = read_json("{}");
	SCOPED(json_decrefp) json_t *fields = flood(INPUT_UNKNOWN_MAX + 5);
	struct input part = input_of_json(&arena, fields);

	(void)state;
	input_end_part(&part, "part", &input);
	assert_int_equal(json_object_size(input.wrong), INPUT_UNKNOWN_MAX);
	assert_false(input_end(&input, &err));
	assert_non_null(strstr(err.message, "(and 28 more)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_object_is_read_as_it_is),
		cmocka_unit_test(what_is_missing_or_null_has_its_default),
		cmocka_unit_test(what_is_required_is_named_where_it_is_missing_or_null),
		cmocka_unit_test(a_string_is_a_string_of_the_right_length),
		cmocka_unit_test(json_has_flags_and_numbers_of_its_own),
		cmocka_unit_test(a_query_writes_flags_and_numbers_out),
		cmocka_unit_test(a_query_holds_no_other_flags_and_numbers),
		cmocka_unit_test(a_number_is_good_to_its_very_limits),
		cmocka_unit_test(an_object_is_measured_as_it_is_written_compactly),
		cmocka_unit_test(an_object_holds_no_nul_however_deep),
		cmocka_unit_test(a_wrong_choice_is_told_the_right_ones),
		cmocka_unit_test(a_wrong_time_is_shown_a_right_one),
		cmocka_unit_test(what_nobody_asked_for_is_refused),
		cmocka_unit_test(everything_that_is_wrong_is_named_at_once),
		cmocka_unit_test(of_a_flood_of_unknown_fields_only_the_first_are_named),
		cmocka_unit_test(what_is_wrong_with_a_part_is_wrong_with_the_whole_by_its_place),
		cmocka_unit_test(a_part_that_is_right_leaves_the_whole_right),
		cmocka_unit_test(a_flood_of_unknown_fields_of_a_part_is_only_counted),
		cmocka_unit_test(a_query_is_decoded),
		cmocka_unit_test(a_query_that_cannot_be_decoded_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, reset);
}
