#include "zoom/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const instant now = 1800000000 * SECOND;

/* Reads an answer that is expected to be a failure. */
static struct zoom_failure failure_of(struct arena *arena, int status, const char *body,
				      bool is_oauth, const struct http_header *header)
{
	const struct http_answer answer = {
		.status = status,
		.body = body,
		.body_size = strlen(body),
		.headers = header,
		.header_count = header == NULL ? 0 : 1,
	};
	struct zoom_failure failure = {0};

	assert_null(zoom_answer_read(arena, &answer, is_oauth, now, &failure));
	assert_int_equal(failure.status, status);
	assert_non_null(failure.reason);
	assert_true(failure.was_sent);
	return failure;
}

struct verdict {
	int status;
	const char *body;
	enum zoom_failure_class class;
	const char *code, *reason; /* NULL: not looked at */
};

static void assert_verdicts(const struct verdict *verdicts, size_t count, bool is_oauth)
{
	struct arena arena = {0};

	for (size_t i = 0; i < count; i++) {
		const struct verdict *expected = &verdicts[i];
		const struct zoom_failure failure =
			failure_of(&arena, expected->status, expected->body, is_oauth, NULL);

		if (failure.class != expected->class)
			fail_msg("%d %s is %s", expected->status, expected->body,
				 zoom_failure_name(failure.class));
		if (expected->code != NULL)
			assert_string_equal(failure.code, expected->code);
		if (expected->reason != NULL)
			assert_string_equal(failure.reason, expected->reason);
	}
	arena_release(&arena);
}

static void oauth_failures_are_told_apart(void **state)
{
	static const struct verdict verdicts[] = {
		{400, "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_grant\"}",
		 ZOOM_FAILURE_GRANT, "invalid_grant", "Invalid Token!"},
		{401, "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_request\"}",
		 ZOOM_FAILURE_GRANT, "invalid_request", "Invalid Token!"},
		{400, "{\"error\":\"invalid_grant\"}", ZOOM_FAILURE_GRANT, "invalid_grant", NULL},
		{400,
		 "{\"reason\":\"Invalid client_id or client_secret\",\"error\":\"invalid_client\"}",
		 ZOOM_FAILURE_CLIENT, "invalid_client", NULL},
		{401,
		 "{\"reason\":\"Invalid client_id or client_secret\",\"error\":\"invalid_request\"}",
		 ZOOM_FAILURE_CLIENT, NULL, NULL},
		{401, "{\"error\":\"invalid_client\"}", ZOOM_FAILURE_CLIENT, NULL, NULL},
		{400, "{\"reason\":\"Account does not exist\",\"error\":\"invalid_request\"}",
		 ZOOM_FAILURE_REFUSED, "invalid_request", "Account does not exist"},
		{401, "{}", ZOOM_FAILURE_REFUSED, NULL, NULL},
		{403, "{\"error\":4738}", ZOOM_FAILURE_REFUSED, "4738", NULL},
		{400, "{\"error\":[\"invalid_grant\"],\"reason\":{}}", ZOOM_FAILURE_REFUSED, NULL,
		 NULL},
	};

	(void)state;
	assert_verdicts(verdicts, COUNT_OF(verdicts), true);
}

static void api_failures_are_told_apart(void **state)
{
	static const struct verdict verdicts[] = {
		{401, "{\"code\":124,\"message\":\"Invalid access token.\"}",
		 ZOOM_FAILURE_ACCESS_TOKEN, "124", "Invalid access token."},
		{401, "", ZOOM_FAILURE_ACCESS_TOKEN, NULL, NULL},
		{401, "{\"code\":4700,\"message\":\"Token cannot be empty\"}",
		 ZOOM_FAILURE_ACCESS_TOKEN, NULL, NULL},
		{400, "{\"code\":4711,\"message\":\"Invalid access token\"}", ZOOM_FAILURE_SCOPE,
		 "4711", NULL},
		{400, "{\"code\":\"4700\",\"message\":\"no\"}", ZOOM_FAILURE_SCOPE, "4700", NULL},
		{401,
		 "{\"code\":1,\"message\":\"Invalid access token, does not contain scopes:[a]\"}",
		 ZOOM_FAILURE_SCOPE, NULL, NULL},
		{404, "{\"code\":3001,\"message\":\"Meeting does not exist: 1\"}",
		 ZOOM_FAILURE_NOT_FOUND, "3001", NULL},
		{400, "{\"code\":300,\"message\":\"Invalid meeting ID\"}", ZOOM_FAILURE_REFUSED,
		 "300", "Invalid meeting ID"},
		{400, "{\"error\":\"invalid_grant\"}", ZOOM_FAILURE_REFUSED, NULL, NULL},
	};

	(void)state;
	assert_verdicts(verdicts, COUNT_OF(verdicts), false);
}

static void what_is_not_zooms_word_is_no_verdict(void **state)
{
	static const struct verdict verdicts[] = {
		{200, "", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{200, "<html>", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{200, "[]", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{200, "{\"a\":1", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{302, "{}", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{400, "<html>invalid_grant</html>", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{400, "\"invalid_grant\"", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{401, "<html>log in to this proxy</html>", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{404, "not here", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{408, "{\"error\":\"invalid_grant\"}", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{429, "", ZOOM_FAILURE_RATE_LIMITED, NULL, NULL},
		{429, "{\"code\":429,\"message\":\"slow down\"}", ZOOM_FAILURE_RATE_LIMITED, "429",
		 "slow down"},
		{429, "{\"error\":\"invalid_grant\"}", ZOOM_FAILURE_RATE_LIMITED, NULL, NULL},
		{500, "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_grant\"}",
		 ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{503, "", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
		{600, "{}", ZOOM_FAILURE_UNAVAILABLE, NULL, NULL},
	};

	(void)state;
	assert_verdicts(verdicts, COUNT_OF(verdicts), true);
	assert_verdicts(verdicts, COUNT_OF(verdicts), false);
}

static void a_success_is_given_to_the_caller(void **state)
{
	struct http_answer answer = {.status = 201, .body = "{\"a\":7}", .body_size = 7};
	struct arena arena = {0};
	struct zoom_failure failure;
	json_t *body;

	(void)state;
	body = zoom_answer_read(&arena, &answer, false, now, &failure);
	assert_int_equal(json_integer_value(json_object_get(body, "a")), 7);
	json_decref(body);
	arena_release(&arena);
}

static void zooms_words_are_cut_between_characters(void **state)
{
	struct arena arena = {0};
	char body[1000] = "{\"error\":\"";
	struct zoom_failure failure;

	(void)state;
	memset(body + strlen(body), 'e', 200);
	strcat(body, "\",\"reason\":\"x");
	for (int i = 0; i < 200; i++)
		strcat(body, "\xc3\xa9");
	strcat(body, "\"}");
	failure = failure_of(&arena, 400, body, true, NULL);
	assert_int_equal(strlen(failure.code), 64);
	assert_int_equal(strlen(failure.reason), 299);
	assert_int_equal((unsigned char)failure.reason[298], 0xa9);
	json_decref(zoom_failure_json(&failure));
	arena_release(&arena);
}

static void a_foreign_body_is_not_passed_on(void **state)
{
	struct arena arena = {0};
	const struct zoom_failure failure =
		failure_of(&arena, 502, "<html>secret of a proxy</html>", false, NULL);

	(void)state;
	assert_null(strstr(failure.reason, "secret"));
	assert_non_null(strstr(failure.reason, "502"));
	assert_null(failure.code);
	arena_release(&arena);
}

static void the_tracking_id_is_kept_as_printable_text(void **state)
{
	const struct http_header header = {"x-zm-trackingid", "v=2.0;clid=us02;\xff"};
	struct arena arena = {0};
	struct zoom_failure failure = failure_of(&arena, 400, "{\"code\":1}", false, &header);
	json_t *json = zoom_failure_json(&failure);

	(void)state;
	assert_string_equal(failure.tracking_id, "v=2.0;clid=us02;?");
	assert_string_equal(json_string_value(json_object_get(json, "tracking_id")),
			    "v=2.0;clid=us02;?");
	json_decref(json);
	arena_release(&arena);
}

static void the_time_to_retry_is_read_in_every_form(void **state)
{
	static const struct {
		struct http_header header;
		instant at; /* seconds from now; 0: none */
	} cases[] = {
		{{"retry-after", "17"}, 17},
		{{"retry-after", "Fri, 15 Jan 2027 08:01:40 GMT"}, 100},
		{{"retry-after", "2027-01-15T08:01:40Z"}, 100},
		{{"retry-after", "soon"}, 0},
		{{"retry-after", "9000000"}, 86400},
		{{"retry-after", "2029-01-01T00:00:00Z"}, 86400},
		{{"x-ratelimit-reset", "1800000003"}, 3},
		{{"x-ratelimit-reset", "3"}, 0},
		{{"x-ratelimit-reset", "later"}, 0},
		{{"x-ratelimit-reset", "99999999999999999999999"}, 0},
	};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const instant expected = cases[i].at == 0 ? 0 : now + cases[i].at * SECOND;

		assert_int_equal(failure_of(&arena, 429, "", false, &cases[i].header).retry_at,
				 expected);
		assert_int_equal(failure_of(&arena, 503, "", true, &cases[i].header).retry_at,
				 expected);
		assert_int_equal(failure_of(&arena, 400, "{}", true, &cases[i].header).retry_at, 0);
	}
	arena_release(&arena);
}

static void only_passing_failures_are_passing(void **state)
{
	(void)state;
	for (enum zoom_failure_class class = ZOOM_FAILURE_NONE; class <= ZOOM_FAILURE_TIMEOUT;
	     class ++) {
		const struct zoom_failure failure = {.class = class};

		assert_int_equal(zoom_failure_is_passing(&failure),
				 class >= ZOOM_FAILURE_RATE_LIMITED);
		assert_non_null(zoom_failure_name(class));
	}
}

static void a_call_without_an_answer_is_a_failure_too(void **state)
{
	struct arena arena = {0};
	struct zoom_failure failure;
	struct error err;

	(void)state;
	error_set(&err, ERROR_ZOOM_TIMEOUT, "zoom.us:443: no answer in time");
	zoom_failure_of_call(&arena, &err, true, &failure);
	assert_int_equal(failure.class, ZOOM_FAILURE_TIMEOUT);
	assert_int_equal(failure.status, 0);
	assert_true(failure.was_sent);
	assert_string_equal(failure.reason, "zoom.us:443: no answer in time");
	error_set(&err, ERROR_ZOOM_UNAVAILABLE, "gone");
	zoom_failure_of_call(&arena, &err, false, &failure);
	assert_int_equal(failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_false(failure.was_sent);
	arena_release(&arena);
}

static void each_class_becomes_an_error_of_our_api(void **state)
{
	static const enum error_kind kinds[] = {
		[ZOOM_FAILURE_GRANT] = ERROR_ZOOM_REFUSED,
		[ZOOM_FAILURE_CLIENT] = ERROR_ZOOM_REFUSED,
		[ZOOM_FAILURE_ACCESS_TOKEN] = ERROR_ZOOM_REFUSED,
		[ZOOM_FAILURE_SCOPE] = ERROR_ZOOM_REFUSED,
		[ZOOM_FAILURE_NOT_FOUND] = ERROR_ZOOM_REFUSED,
		[ZOOM_FAILURE_REFUSED] = ERROR_ZOOM_REFUSED,
		[ZOOM_FAILURE_RATE_LIMITED] = ERROR_ZOOM_UNAVAILABLE,
		[ZOOM_FAILURE_UNAVAILABLE] = ERROR_ZOOM_UNAVAILABLE,
		[ZOOM_FAILURE_TIMEOUT] = ERROR_ZOOM_TIMEOUT,
	};
	struct arena arena = {0};
	struct error err;

	(void)state;
	for (enum zoom_failure_class class = ZOOM_FAILURE_GRANT; class <= ZOOM_FAILURE_TIMEOUT;
	     class ++) {
		const struct zoom_failure failure = {.class = class, .reason = "because"};

		assert_false(zoom_failure_to_error(&arena, &failure, now, &err));
		assert_int_equal(err.kind, kinds[class]);
		assert_non_null(strstr(err.message, "because"));
		assert_null(err.details);
		assert_int_equal(err.retry_after_s, kinds[class] == ERROR_ZOOM_UNAVAILABLE ? 5 : 0);
	}
	arena_release(&arena);
}

static void details_carry_zooms_own_words(void **state)
{
	const struct zoom_failure failure = {
		.class = ZOOM_FAILURE_SCOPE,
		.status = 400,
		.code = "4711",
		.reason = "say \"no\"",
	};
	struct arena arena = {0};
	struct error err;

	(void)state;
	assert_false(zoom_failure_to_error(&arena, &failure, now, &err));
	assert_string_equal(err.code, "zoom_error");
	assert_string_equal(err.details, "{\"zoom\":{\"status\":400,\"code\":\"4711\","
					 "\"reason\":\"say \\\"no\\\"\",\"tracking_id\":null}}");
	arena_release(&arena);
}

static void the_wait_is_at_least_one_second(void **state)
{
	static const struct {
		instant at;
		int wait_s;
	} cases[] = {{-5 * SECOND, 1}, {1, 1}, {SECOND + 1, 2}, {90 * DAY, 86400}};
	struct arena arena = {0};
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct zoom_failure failure = {
			.class = ZOOM_FAILURE_RATE_LIMITED,
			.reason = "slow down",
			.retry_at = now + cases[i].at,
		};

		assert_false(zoom_failure_to_error(&arena, &failure, now, &err));
		assert_int_equal(err.retry_after_s, cases[i].wait_s);
	}
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(oauth_failures_are_told_apart),
		cmocka_unit_test(api_failures_are_told_apart),
		cmocka_unit_test(what_is_not_zooms_word_is_no_verdict),
		cmocka_unit_test(a_success_is_given_to_the_caller),
		cmocka_unit_test(zooms_words_are_cut_between_characters),
		cmocka_unit_test(a_foreign_body_is_not_passed_on),
		cmocka_unit_test(the_tracking_id_is_kept_as_printable_text),
		cmocka_unit_test(the_time_to_retry_is_read_in_every_form),
		cmocka_unit_test(only_passing_failures_are_passing),
		cmocka_unit_test(a_call_without_an_answer_is_a_failure_too),
		cmocka_unit_test(each_class_becomes_an_error_of_our_api),
		cmocka_unit_test(details_carry_zooms_own_words),
		cmocka_unit_test(the_wait_is_at_least_one_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
