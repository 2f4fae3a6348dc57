#include "http/json_plain.h"

#include "http/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char event[] =
	"{\"event\": \"meeting.started\",\n\t\"event_ts\":1764064800123,\r\"payload\":{\"account_id\":"
	"\"abc\",\"object\":{\"id\":\"81234567890\",\"topic\":\"Fr\xc3\xbcher \xf0\x9f\x8e\x89\","
	"\"type\":8,\"is_live\":true,\"settings\":{},\"occurrences\":[],\"tracking\":[{\"a\":0},[1,2],"
	"null,false,\"\",123456789012345678],\"\xc3\xbc\":{\"\":\" \"}}}}";

static json_t *read_by_jansson(const char *text, size_t size)
{
	json_error_t ignored;

	return json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &ignored);
}

/* From a heap block of just its size, so that an overrun is seen. */
static json_t *read_plain(const char *text, size_t size)
{
	char *exact = malloc(size > 0 ? size : 1);
	json_t *value;

	assert_non_null(exact);
	memcpy(exact, text, size);
	value = json_read_plain(exact, size, JSON_DEPTH_MAX);
	free(exact);
	return value;
}

/* True where it was read at all. The texts hold the order of names, too, and tell 1 from 1.0. */
static bool is_read_as_by_jansson(const char *text, size_t size)
{
	struct arena arena = {0};
	json_t *plain = read_plain(text, size), *jansson = read_by_jansson(text, size);
	const bool is_read = plain != NULL;

	if (is_read && jansson == NULL)
		fail_msg("jansson does not read '%.*s'", (int)size, text);
	if (is_read)
		assert_string_equal(json_text(&arena, plain), json_text(&arena, jansson));
	json_decref(plain);
	json_decref(jansson);
	arena_release(&arena);
	return is_read;
}

static void an_event_is_read_as_by_jansson(void **state)
{
	(void)state;
	assert_true(is_read_as_by_jansson(event, strlen(event)));
}

static void its_beginnings_are_left_to_jansson(void **state)
{
	(void)state;
	for (size_t size = 0; size < strlen(event); size++)
		assert_false(is_read_as_by_jansson(event, size));
}

static void whatever_byte_is_another_it_is_read_as_by_jansson_or_not_at_all(void **state)
{
	char other[sizeof(event)];
	int read_count = 0;

	(void)state;
	for (size_t i = 0; i < strlen(event); i++)
		for (int byte = 0; byte <= UINT8_MAX; byte++) {
			memcpy(other, event, sizeof(event));
			other[i] = (char)byte;
			read_count += is_read_as_by_jansson(other, strlen(event));
		}
	/* Most of what is another character in a text. */
	assert_in_range(read_count, 10000, UINT8_MAX * strlen(event));
}

static void what_is_not_plain_is_left_to_jansson(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"{\"a\":}",
		"{\"a\" 1}",
		"{\"a\":1,}",
		"{,\"a\":1}",
		"{\"a\":1 \"b\":2}",
		"{a:1}",
		"{} {}",
		"[1,]",
		"[1 2]",
		"[nul]",
		"[nulll]",
		"[-1]",
		"[01]",
		"[1.0]",
		"[1e2]",
		"[1234567890123456789]",
		"[\"\\n\"]",
		"[\"\x1f\"]",
		"[\"\xff\"]",
		"[\"\xed\xa0\x80\"]",
		"[\"\xc0\xaf\"]",
		"{\"\xc3\":1}",
		"{\"\\u0000\":1}",
		"{\"a\":1,\"a\":1}",
		"\"text\"",
		"1",
		"null",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (is_read_as_by_jansson(texts[i], strlen(texts[i])))
			fail_msg("was read: %s", texts[i]);
	assert_false(is_read_as_by_jansson("[\"a\0b\"]", 7));
	assert_false(is_read_as_by_jansson("[]\0", 3));
}

static void what_goes_too_deep_is_left_to_jansson(void **state)
{
	static const char text[] = "[[],{\"a\":[]}]";
	json_t *value = json_read_plain(text, strlen(text), 3);

	(void)state;
	assert_true(json_is_array(value));
	assert_null(json_read_plain(text, strlen(text), 2));
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_read_as_by_jansson),
		cmocka_unit_test(its_beginnings_are_left_to_jansson),
		cmocka_unit_test(whatever_byte_is_another_it_is_read_as_by_jansson_or_not_at_all),
		cmocka_unit_test(what_is_not_plain_is_left_to_jansson),
		cmocka_unit_test(what_goes_too_deep_is_left_to_jansson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
