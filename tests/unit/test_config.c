#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

static char directory[64], file[128], file_variable[160];

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/hallpass-test-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/hallpass.conf", directory);
	snprintf(file_variable, sizeof(file_variable), "HALLPASS_CONFIG=%s", file);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static void write_file(const char *text)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* Read from a file of this text, and one variable of the environment or NULL. */
static bool read_text(const char *text, char *variable, struct config *config, struct error *err)
{
	char *const environment[] = {file_variable, variable, NULL};

	write_file(text);
	return config_read(config, environment, err);
}

static void expect_refused(const char *text, char *variable, const char *place, const char *why)
{
	struct config config;
	struct error err = {0};

	if (read_text(text, variable, &config, &err))
		fail_msg("was read: %s", text);
	assert_int_equal(err.kind, ERROR_INVALID);
	if (strstr(err.message, place) == NULL || strstr(err.message, why) == NULL)
		fail_msg("'%s' does not say '%s' and '%s'", err.message, place, why);
	assert_null(strchr(err.message, '\n'));
}

static void without_file_and_variables_the_defaults_count(void **state)
{
	char no_file[] = "HALLPASS_CONFIG=";
	char *const environment[] = {no_file, NULL};
	struct config config;
	struct error err = {0};

	(void)state;
	assert_true(config_read(&config, environment, &err));
	assert_string_equal(config.file, "");
	assert_string_equal(config.database, "/var/lib/hallpass/hallpass.db");
	assert_string_equal(config.encryption_key_file, "/etc/hallpass/encryption.keys");
	assert_string_equal(config.public_url, "");
	assert_string_equal(config.zoom_oauth_url, "https://zoom.us/oauth");
	assert_string_equal(config.zoom_api_url, "https://api.zoom.us/v2");
	assert_int_equal(config.zoom_timeout_ms, 10000);
	assert_int_equal(config.webhook_tolerance_s, 600);
	assert_false(config.allow_private_urls);
	assert_string_equal(config.metrics_from, "");
	assert_int_equal(config.threads, 64);
	assert_int_equal(config.idle_exit_s, 0);
	assert_int_equal(config.log_level, LOG_INFO);
	assert_int_equal(config.log_format, LOG_JSON);
}

static void every_key_is_read_from_the_file(void **state)
{
	struct config config;
	struct error err = {0};

	(void)state;
	assert_true(read_text("# a comment\n"
			      "\n"
			      "database=/data/h.db\n"
			      "  encryption_key_file\t =  /data/keys  \r\n"
			      "public_url = https://bots.example.com/\n"
			      "zoom_oauth_url = http://127.0.0.1:8080/oauth\n"
			      "zoom_api_url = http://127.0.0.1:8080/v2\n"
			      "zoom_timeout_ms = 100\n"
			      "webhook_tolerance_s = 86400\n"
			      "allow_private_urls = true\n"
			      "metrics_from = 10.0.0.0/8 ::1\n"
			      "threads = 1024\n"
			      "idle_exit_s = 86400\n"
			      "log_level = error\n"
			      "log_format = text",
			      NULL, &config, &err));
	assert_string_equal(config.file, file);
	assert_string_equal(config.database, "/data/h.db");
	assert_string_equal(config.encryption_key_file, "/data/keys");
	assert_string_equal(config.public_url, "https://bots.example.com");
	assert_string_equal(config.zoom_oauth_url, "http://127.0.0.1:8080/oauth");
	assert_string_equal(config.zoom_api_url, "http://127.0.0.1:8080/v2");
	assert_int_equal(config.zoom_timeout_ms, 100);
	assert_int_equal(config.webhook_tolerance_s, 86400);
	assert_true(config.allow_private_urls);
	assert_string_equal(config.metrics_from, "10.0.0.0/8 ::1");
	assert_int_equal(config.threads, 1024);
	assert_int_equal(config.idle_exit_s, 86400);
	assert_int_equal(config.log_level, LOG_ERROR);
	assert_int_equal(config.log_format, LOG_TEXT);
}

static void the_environment_wins_over_the_file(void **state)
{
	char variable[] = "HALLPASS_THREADS=3";
	struct config config;
	struct error err = {0};

	(void)state;
	assert_true(read_text("threads = 7\nlog_level = warn\n", variable, &config, &err));
	assert_int_equal(config.threads, 3);
	assert_int_equal(config.log_level, LOG_WARN);
}

static void other_variables_are_none_of_ours(void **state)
{
	char variable[] = "HALLPAS=HALLPASS_THREADS=x";
	struct config config;
	struct error err = {0};

	(void)state;
	assert_true(read_text("", variable, &config, &err));
	assert_int_equal(config.threads, 64);
	assert_int_equal(config.idle_exit_s, 0);
}

static void a_wrong_line_is_named_with_file_number_and_key(void **state)
{
	static const struct {
		const char *text, *place, *why;
	} cases[] = {
		{"threads = 0", "line 1: threads", "from 1 to 1024, got '0'"},
		{"\n\nthreads = 1025", "line 3: threads", "from 1 to 1024"},
		{"threads = 5x", "line 1: threads", "whole number"},
		{"threads =", "line 1: threads", "whole number"},
		{"threads = 99999999999999999999", "line 1: threads", "whole number"},
		{"zoom_timeout_ms = 99", "line 1: zoom_timeout_ms", "from 100"},
		{"thread = 5", "line 1", "unknown key 'thread'"},
		{"config = x", "line 1", "unknown key 'config'"},
		{"= 5", "line 1", "unknown key ''"},
		{"threads", "line 1", "expected `key = value`, got 'threads'"},
		{"allow_private_urls = yes", "line 1: allow_private_urls", "true or false"},
		{"allow_private_urls = TRUE", "line 1: allow_private_urls", "true or false"},
		{"log_level = trace", "line 1: log_level", "one of debug, info, warn, error"},
		{"log_format = xml", "line 1: log_format", "one of json, text"},
		{"database =", "line 1: database", "expected a path"},
		{"public_url = bots.example.com", "line 1: public_url", "expected a URL"},
		{"public_url = ftp://bots.example.com", "line 1: public_url", "expected a URL"},
		{"public_url = https://", "line 1: public_url", "expected a URL"},
		{"public_url = https:///", "line 1: public_url", "expected a URL"},
		{"public_url = https://a b", "line 1: public_url", "expected a URL"},
		{"public_url = https://a?b", "line 1: public_url", "expected a URL"},
		{"public_url = https://user@a", "line 1: public_url", "expected a URL"},
		{"zoom_oauth_url =", "line 1: zoom_oauth_url", "expected a URL"},
		{"zoom_api_url =", "line 1: zoom_api_url", "expected a URL"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		expect_refused(cases[i].text, NULL, cases[i].place, cases[i].why);
		expect_refused(cases[i].text, NULL, file, cases[i].why);
	}
}

static void a_wrong_variable_is_named(void **state)
{
	char wrong_value[] = "HALLPASS_LOG_LEVEL=loud", unknown[] = "HALLPASS_LOGLEVEL=info";
	char empty[] = "HALLPASS_DATABASE=";

	(void)state;
	expect_refused("", wrong_value, "HALLPASS_LOG_LEVEL", "got 'loud'");
	expect_refused("", unknown, "HALLPASS_LOGLEVEL", "unknown key 'loglevel'");
	expect_refused("", empty, "HALLPASS_DATABASE", "expected a path");
}

static void an_endless_line_or_value_is_refused(void **state)
{
	char text[4000];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "database = /", 12);
	text[12 + CONFIG_TEXT_BYTES - 1] = '\0';
	expect_refused(text, NULL, "line 1: database", "longer than 1023 bytes");
	text[12 + CONFIG_TEXT_BYTES - 1] = 'a';
	text[sizeof(text) - 1] = '\0';
	expect_refused(text, NULL, "line 1", "longer than");
}

static void the_longest_value_fits(void **state)
{
	struct config config;
	struct error err = {0};
	char text[11 + CONFIG_TEXT_BYTES];

	(void)state;
	memset(text, '/', sizeof(text));
	memcpy(text, "database = ", 11);
	text[sizeof(text) - 1] = '\0';
	assert_true(read_text(text, NULL, &config, &err));
	assert_int_equal(strlen(config.database), CONFIG_TEXT_BYTES - 1);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	char missing[sizeof(file_variable) + 8], folder[sizeof(directory) + 24];
	char *const missing_file[] = {missing, NULL}, *const not_a_file[] = {folder, NULL};
	struct config config;
	struct error err = {0};

	(void)state;
	snprintf(missing, sizeof(missing), "%s.none", file_variable);
	assert_false(config_read(&config, missing_file, &err));
	assert_non_null(strstr(err.message, "hallpass.conf.none"));
	assert_int_equal(err.kind, ERROR_INVALID);
	snprintf(folder, sizeof(folder), "HALLPASS_CONFIG=%s", directory);
	assert_false(config_read(&config, not_a_file, &err));
	assert_non_null(strstr(err.message, directory));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_file_and_variables_the_defaults_count),
		cmocka_unit_test(every_key_is_read_from_the_file),
		cmocka_unit_test(the_environment_wins_over_the_file),
		cmocka_unit_test(other_variables_are_none_of_ours),
		cmocka_unit_test(a_wrong_line_is_named_with_file_number_and_key),
		cmocka_unit_test(a_wrong_variable_is_named),
		cmocka_unit_test(an_endless_line_or_value_is_refused),
		cmocka_unit_test(the_longest_value_fits),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
