#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <unistd.h>

#include <cmocka.h>

static const struct clock noon = {.frozen_at = INT64_C(1795435200) * SECOND};
static const struct log json_log = {LOG_DEBUG, LOG_JSON, "bots", &noon};
static const struct log text_log = {LOG_DEBUG, LOG_TEXT, "bots", &noon};

static char written[65536];

/* What log_write() puts on standard error, in written[]. */
static void capture(const struct log *log, enum log_level level, const char *message,
		    const struct log_field *fields)
{
	FILE *file = tmpfile();
	const int kept = dup(STDERR_FILENO);
	size_t size;

	assert_non_null(file);
	assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	log_write(log, level, message, fields);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	rewind(file);
	size = fread(written, 1, sizeof(written) - 1, file);
	written[size] = '\0';
	fclose(file);
}

static void release(json_t **json)
{
	json_decref(*json);
}

/* The captured line, which must be one and JSON. */
static json_t *captured_json(void)
{
	json_t *line = json_loads(written, JSON_REJECT_DUPLICATES, NULL);

	if (line == NULL)
		fail_msg("not JSON: %s", written);
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
	return line;
}

static const char *text_of(const json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));

	if (text == NULL)
		fail_msg("%s is missing: %s", name, written);
	return text;
}

static void a_line_is_json_with_time_level_program_and_fields(void **state)
{
	const struct log_field fields[] = {{"path", "/api/v1/bots", 0},
					   {"duration_ms", NULL, -12},
					   {"empty", "", 0},
					   {0}};

	(void)state;
	capture(&json_log, LOG_WARN, "refused", fields);
	assert_string_equal(
		written, "{\"time\":\"2026-11-23T12:00:00.000000Z\",\"level\":\"warn\","
			 "\"program\":\"bots\",\"message\":\"refused\",\"path\":\"/api/v1/bots\","
			 "\"duration_ms\":-12,\"empty\":\"\"}\n");
}

static void a_line_for_people_is_one_line_too(void **state)
{
	const struct log_field fields[] = {{"path", "/a\n/b", 0}, {"status", NULL, 404}, {0}};

	(void)state;
	capture(&text_log, LOG_ERROR, "no\nsuch", fields);
	assert_string_equal(written, "2026-11-23T12:00:00.000000Z error bots: no\\u000asuch "
				     "path=/a\\u000a/b status=404\n");
}

/* U+009B alone begins a command to a terminal, as ESC [ does. */
static void no_control_character_reaches_a_terminal(void **state)
{
	const struct log_field fields[] = {{"text",
					    "\x1b[2J\x7f\xc2\x80\xc2\x9b"
					    "2J\xc2\x9f\xc2\xa0",
					    0},
					   {0}};

	(void)state;
	capture(&text_log, LOG_INFO, "said", fields);
	assert_string_equal(written, "2026-11-23T12:00:00.000000Z info bots: said "
				     "text=\\u001b[2J\\u007f\\u0080\\u009b2J\\u009f\xc2\xa0\n");
	capture(&json_log, LOG_INFO, "said", fields);
	{
		SCOPED(release) json_t *line = captured_json();

		assert_string_equal(text_of(line, "text"), fields[0].text);
		assert_null(strstr(written, "\xc2\x9b"));
	}
}

static void fields_may_be_missing_altogether(void **state)
{
	(void)state;
	capture(&json_log, LOG_INFO, "started", NULL);
	assert_non_null(strstr(written, "\"message\":\"started\"}\n"));
	capture(&text_log, LOG_INFO, "started", NULL);
	assert_string_equal(written, "2026-11-23T12:00:00.000000Z info bots: started\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
	(void)state;
	for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
		const struct log log = {(enum log_level)least, LOG_JSON, "bots", &noon};

		for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
			capture(&log, (enum log_level)level, "x", NULL);
			assert_int_equal(strlen(written) > 0, level >= least);
		}
	}
}

static void every_character_that_users_send_comes_back_out_of_the_json(void **state)
{
	char all[128];
	const struct log_field fields[] = {{"text", all, 0}, {0}};

	(void)state;
	for (int i = 1; i < 128; i++)
		all[i - 1] = (char)i;
	all[127] = '\0';
	capture(&json_log, LOG_INFO, "caf\xc3\xa9 \xf0\x9f\x98\x80", fields);
	{
		SCOPED(release) json_t *line = captured_json();

		assert_string_equal(text_of(line, "text"), all);
		assert_string_equal(text_of(line, "message"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
	}
}

static void what_is_no_utf_8_is_still_written_as_json(void **state)
{
	static const char *const broken[] = {
		"\xff",
		"\xc3",
		"a\xc3(",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\x80\x80",
		"\xed\xa0\x80",
		"\xc0\xaf",
		"\xe0\x80\xaf",
		"\xf5\x80\x80\x80",
		"\xf0\x80\x80\x80",
		"\xf4\x90\x80\x80",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(broken); i++) {
		const struct log_field fields[] = {{"text", broken[i], 0}, {"last", NULL, 1}, {0}};

		capture(&json_log, LOG_INFO, "x", fields);
		{
			SCOPED(release) json_t *line = captured_json();

			assert_non_null(strstr(text_of(line, "text"), "\xef\xbf\xbd"));
			assert_int_equal(json_integer_value(json_object_get(line, "last")), 1);
		}
	}
}

static void a_line_that_is_too_long_is_cut_and_still_json(void **state)
{
	char text[6000];

	(void)state;
	for (size_t size = 3500; size < 5000; size++) {
		const struct log_field fields[] = {{"text", text, 0},
						   {"status", NULL, 200},
						   {"request_id", "r", 0},
						   {0}};

		for (size_t i = 0; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, size % 2 == 0 ? "\xc3\xa4" : "\"\n", 2);
		text[size] = '\0';
		capture(&json_log, LOG_INFO, "x", fields);
		assert_true(strlen(written) <= 4096);
		{
			SCOPED(release) json_t *line = captured_json();

			assert_true(strlen(text_of(line, "text")) > 500);
			assert_int_equal(json_integer_value(json_object_get(line, "status")), 200);
			assert_string_equal(text_of(line, "request_id"), "r");
		}
	}
}

static void a_long_message_leaves_the_line_whole(void **state)
{
	char message[10000];
	const struct log_field fields[] = {{"status", NULL, 200}, {0}};

	(void)state;
	memset(message, 'm', sizeof(message));
	message[sizeof(message) - 1] = '\0';
	capture(&json_log, LOG_INFO, message, fields);
	{
		SCOPED(release) json_t *line = captured_json();

		assert_true(strlen(text_of(line, "message")) > 2000);
		assert_int_equal(json_integer_value(json_object_get(line, "status")), 200);
	}
	capture(&text_log, LOG_INFO, message, fields);
	assert_true(strlen(written) <= 4096);
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
}

static void fields_without_room_are_left_out_whole(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t size = 1900; size < sizeof(text); size++) {
		const struct log_field fields[] = {{"one", text, 0},
						   {"two", text, 0},
						   {"three", text, 0},
						   {"n", NULL, 7},
						   {0}};

		text[size] = '\0';
		capture(&json_log, LOG_INFO, "x", fields);
		text[size] = 'x';
		assert_true(strlen(written) <= 4096);
		{
			SCOPED(release) json_t *line = captured_json();

			assert_int_equal(strlen(text_of(line, "one")), size);
			assert_null(json_object_get(line, "three"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_json_with_time_level_program_and_fields),
		cmocka_unit_test(a_line_for_people_is_one_line_too),
		cmocka_unit_test(no_control_character_reaches_a_terminal),
		cmocka_unit_test(fields_may_be_missing_altogether),
		cmocka_unit_test(what_is_below_the_level_is_not_written),
		cmocka_unit_test(every_character_that_users_send_comes_back_out_of_the_json),
		cmocka_unit_test(what_is_no_utf_8_is_still_written_as_json),
		cmocka_unit_test(a_line_that_is_too_long_is_cut_and_still_json),
		cmocka_unit_test(a_long_message_leaves_the_line_whole),
		cmocka_unit_test(fields_without_room_are_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
