#include "http/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static struct request request;
static struct error err;
static size_t body_size;

static int reset(void **state)
{
	(void)state;
	arena_release(&arena);
	err = (struct error){0};
	return 0;
}

static char *writable(const char *text)
{
	return arena_strdup(&arena, text);
}

/* Up to four variables; NULL ends them. */
static bool read_variables(const char *first, const char *second, const char *third,
			   const char *fourth)
{
	const char *const texts[] = {first, second, third, fourth};
	char **variables = arena_alloc(&arena, (COUNT_OF(texts) + 1) * sizeof(*variables));

	for (size_t i = 0; i < COUNT_OF(texts) && texts[i] != NULL; i++)
		variables[i] = writable(texts[i]);
	return request_read(&request, &arena, variables, &body_size, &err);
}

static void the_target_is_split_at_its_first_question_mark(void **state)
{
	(void)state;
	assert_true(read_variables("REQUEST_METHOD=GET", "REQUEST_URI=/a/%20b?c=d?e", NULL, NULL));
	assert_string_equal(request.method, "GET");
	assert_string_equal(request.path, "/a/%20b");
	assert_string_equal(request.query, "c=d?e");
	assert_int_equal(body_size, 0);
	assert_string_equal(request.body, "");
}

static void one_slash_at_the_end_of_a_path_is_dropped(void **state)
{
	static const char *const cases[][2] = {{"REQUEST_URI=/a/", "/a"},
					       {"REQUEST_URI=/a//", "/a/"},
					       {"REQUEST_URI=/", "/"},
					       {"REQUEST_URI=/a/?b=/", "/a"},
					       {"REQUEST_URI=", ""}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_true(read_variables(cases[i][0], NULL, NULL, NULL));
		assert_string_equal(request.path, cases[i][1]);
	}
}

static void without_a_request_uri_the_path_is_in_the_cgi_variables(void **state)
{
	(void)state;
	assert_true(read_variables("SCRIPT_NAME=/cgi-bin/bots", "PATH_INFO=/api/v1/bots/x",
				   "QUERY_STRING=a=b", NULL));
	assert_string_equal(request.path, "/api/v1/bots/x");
	assert_string_equal(request.query, "a=b");
	assert_true(read_variables("SCRIPT_NAME=/api/v1", "PATH_INFO=/bots", NULL, NULL));
	assert_string_equal(request.path, "/api/v1/bots");
	assert_true(read_variables("SCRIPT_NAME=/ready", NULL, NULL, NULL));
	assert_string_equal(request.path, "/ready");
	assert_true(read_variables(NULL, NULL, NULL, NULL));
	assert_string_equal(request.path, "");
	assert_string_equal(request.method, "");
}

static void what_the_server_has_decoded_stays_text(void **state)
{
	(void)state;
	assert_true(read_variables("PATH_INFO=/api/v1/a?revoke=false%2F", "QUERY_STRING=b=c", NULL,
				   NULL));
	assert_string_equal(request.path, "/api/v1/a%3Frevoke=false%252F");
	assert_string_equal(request.query, "b=c");
}

static void headers_are_found_by_their_http_names_in_any_case(void **state)
{
	(void)state;
	assert_true(read_variables("HTTP_X_ZM_SIGNATURE=v0=1", "CONTENT_TYPE=text/plain",
				   "HTTP_X=", "HTTP_CONTENT_TYPE=evil"));
	assert_string_equal(request_header(&request, "x-zm-signature"), "v0=1");
	assert_string_equal(request_header(&request, "X-Zm-Signature"), "v0=1");
	assert_string_equal(request_header(&request, "Content-Type"), "text/plain");
	assert_string_equal(request_header(&request, "x"), "");
	assert_null(request_header(&request, "x-zm"));
	assert_null(request_header(&request, "x-zm-signature-2"));
	assert_null(request_variable(&request, "HTTP_X_ZM"));
}

static void a_target_may_have_8_kib_and_no_more(void **state)
{
	char *uri = arena_alloc(&arena, HTTP_TARGET_BYTES_MAX + 32);
	const size_t prefix = strlen("REQUEST_URI=");

	(void)state;
	snprintf(uri, prefix + 2, "REQUEST_URI=/");
	memset(uri + prefix + 1, 'x', HTTP_TARGET_BYTES_MAX - 1);
	assert_true(read_variables(uri, NULL, NULL, NULL));
	assert_int_equal(strlen(request.path), HTTP_TARGET_BYTES_MAX);
	uri[prefix + HTTP_TARGET_BYTES_MAX] = 'x';
	assert_false(read_variables(uri, NULL, NULL, NULL));
	assert_string_equal(err.code, "target_too_long");
}

static void a_content_length_is_a_number_of_at_most_1_mib(void **state)
{
	static const struct {
		const char *variable;
		enum error_kind kind;
		size_t size;
	} cases[] = {
		{"CONTENT_LENGTH=", ERROR_NONE, 0},
		{"CONTENT_LENGTH=0", ERROR_NONE, 0},
		{"CONTENT_LENGTH=1048576", ERROR_NONE, 1048576},
		{"CONTENT_LENGTH=1048577", ERROR_TOO_LARGE, 0},
		{"CONTENT_LENGTH=18446744073709551617", ERROR_TOO_LARGE, 0},
		{"CONTENT_LENGTH=-1", ERROR_INVALID, 0},
		{"CONTENT_LENGTH=+1", ERROR_INVALID, 0},
		{"CONTENT_LENGTH= 1", ERROR_INVALID, 0},
		{"CONTENT_LENGTH=1 ", ERROR_INVALID, 0},
		{"CONTENT_LENGTH=x", ERROR_INVALID, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		err = (struct error){0};
		assert_int_equal(read_variables(cases[i].variable, "REQUEST_URI=/", NULL, NULL),
				 cases[i].kind == ERROR_NONE);
		assert_int_equal(err.kind, cases[i].kind);
		assert_int_equal(body_size, cases[i].size);
	}
}

static bool read_body(const char *content_type, const char *body, bool is_empty_allowed,
		      json_t **value)
{
	assert_true(read_variables("REQUEST_URI=/", content_type, NULL, NULL));
	request.body = body;
	request.body_size = strlen(body);
	*value = NULL;
	err = (struct error){0};
	return request_json(&request, is_empty_allowed, value, &err);
}

static void a_body_is_an_object_sent_as_json(void **state)
{
	static const char *const kinds[] = {"CONTENT_TYPE=application/json",
					    "CONTENT_TYPE=Application/JSON; charset=utf-8",
					    "CONTENT_TYPE=", NULL};
	static const char *const others[] = {"CONTENT_TYPE=text/json", "CONTENT_TYPE=text/plain",
					     "CONTENT_TYPE=application/jsonx"};
	static const char *const bodies[] = {"[]", "1", "\"a\"", "null", " ", ""};
	json_t *value;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		assert_true(read_body(kinds[i], "{\"a\": 1}", false, &value));
		assert_int_equal(json_object_size(value), 1);
		json_decref(value);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		assert_false(read_body(others[i], "{}", true, &value));
		assert_int_equal(err.kind, ERROR_MEDIA_TYPE);
	}
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		assert_false(read_body(kinds[0], bodies[i], false, &value));
		assert_string_equal(err.code, "invalid_json");
	}
}

static void an_empty_body_is_an_empty_object_where_that_is_allowed(void **state)
{
	json_t *value;

	(void)state;
	assert_true(read_body(NULL, "", true, &value));
	assert_int_equal(json_object_size(value), 0);
	json_decref(value);
}

static void an_error_has_the_one_shape(void **state)
{
	struct response response = {0};

	(void)state;
	error_set_code(&err, ERROR_CONFLICT, "some_code", "a \"sentence\"");
	respond_error(&response, &arena, &err);
	assert_int_equal(response.status, 409);
	assert_string_equal(response.body,
			    "{\"error\":\"a \\\"sentence\\\"\",\"code\":\"some_code\"}");
	assert_string_equal(response.content_type, "application/json");
	err.details = "{\"a\":1}";
	err.retry_after_s = 7;
	respond_error(&response, &arena, &err);
	assert_non_null(strstr(response.body, "\"details\":{\"a\":1}"));
	assert_int_equal(response.retry_after_s, 7);
	error_set(&err, ERROR_INVALID, "no UTF-8: \xff");
	respond_error(&response, &arena, &err);
	assert_non_null(strstr(response.body, "\"error\":\""));
}

static void each_kind_of_error_has_its_status(void **state)
{
	static const struct {
		enum error_kind kind;
		int status;
	} cases[] = {
		{ERROR_INVALID, 400},
		{ERROR_UNAUTHENTICATED, 401},
		{ERROR_NOT_FOUND, 404},
		{ERROR_METHOD, 405},
		{ERROR_CONFLICT, 409},
		{ERROR_TOO_LARGE, 413},
		{ERROR_MEDIA_TYPE, 415},
		{ERROR_RATE_LIMITED, 429},
		{ERROR_INTERNAL, 500},
		{ERROR_ZOOM_REFUSED, 502},
		{ERROR_BUSY, 503},
		{ERROR_STORAGE, 503},
		{ERROR_ZOOM_UNAVAILABLE, 503},
		{ERROR_ZOOM_TIMEOUT, 504},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(error_http_status(cases[i].kind), cases[i].status);
		assert_string_not_equal(http_reason_phrase(cases[i].status), "Unknown");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_target_is_split_at_its_first_question_mark),
		cmocka_unit_test(one_slash_at_the_end_of_a_path_is_dropped),
		cmocka_unit_test(without_a_request_uri_the_path_is_in_the_cgi_variables),
		cmocka_unit_test(what_the_server_has_decoded_stays_text),
		cmocka_unit_test(headers_are_found_by_their_http_names_in_any_case),
		cmocka_unit_test(a_target_may_have_8_kib_and_no_more),
		cmocka_unit_test(a_content_length_is_a_number_of_at_most_1_mib),
		cmocka_unit_test(a_body_is_an_object_sent_as_json),
		cmocka_unit_test(an_empty_body_is_an_empty_object_where_that_is_allowed),
		cmocka_unit_test(an_error_has_the_one_shape),
		cmocka_unit_test(each_kind_of_error_has_its_status),
	};

	return cmocka_run_group_tests(tests, NULL, reset);
}
