#include "support/http_peer.h"
#include "zoom/oauth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct clock clock;
	struct http_peer *peer;
	struct zoom_endpoint zoom;
	struct zoom_token_set tokens;
	struct zoom_failure failure;
};

/* base64 of "id:se:cret" is aWQ6c2U6Y3JldA==. */
static const struct zoom_client_credentials credentials = {"id", "se:cret"};

static void open_fixture(struct fixture *fixture, const struct peer_answer *answers, size_t count)
{
	*fixture = (struct fixture){.clock.frozen_at = 1800000000 * SECOND};
	fixture->peer = http_peer_open(answers, count);
	fixture->zoom = (struct zoom_endpoint){
		.client = http_client_open(),
		.clock = &fixture->clock,
		.oauth_url =
			arena_printf(&fixture->arena, "%s/oauth", http_peer_url(fixture->peer)),
		.api_url = "http://127.0.0.1:1",
		.timeout_ms = 5000,
	};
}

static void close_fixture(struct fixture *fixture)
{
	http_client_close(&fixture->zoom.client);
	http_peer_close(&fixture->peer);
	arena_release(&fixture->arena);
}

static bool refresh(struct fixture *fixture)
{
	return zoom_oauth_refresh(&fixture->zoom, &fixture->arena, &credentials, "r+0",
				  &fixture->tokens, &fixture->failure);
}

static bool exchange(struct fixture *fixture, const char *code_verifier)
{
	return zoom_oauth_exchange_code(&fixture->zoom, &fixture->arena, &credentials, "c&d",
					"https://me.example/cb?x=1", code_verifier,
					&fixture->tokens, &fixture->failure);
}

static void assert_contains(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static const char full_answer[] =
	"{\"access_token\":\"a1\",\"token_type\":\"bearer\",\"refresh_token\":\"r1\","
	"\"expires_in\":3599,\"scope\":\"user:read:user user:read:token\",\"api_url\":\"https://api.zoom.us\"}";

static void a_code_is_exchanged_for_tokens(void **state)
{
	const struct peer_answer answers[] = {{.body = full_answer}};
	struct fixture fixture;
	const char *request;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(exchange(&fixture, "ver~ifier"));
	assert_string_equal(fixture.tokens.access_token, "a1");
	assert_string_equal(fixture.tokens.refresh_token, "r1");
	assert_string_equal(fixture.tokens.scope, "user:read:user user:read:token");
	assert_int_equal(fixture.tokens.expires_in_s, 3599);
	request = http_peer_request(fixture.peer, 0);
	assert_contains(request, "POST /oauth/token HTTP/1.1\r\n");
	assert_contains(request, "\r\nAuthorization: Basic aWQ6c2U6Y3JldA==\r\n");
	assert_contains(request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n");
	assert_contains(request, "\r\n\r\ngrant_type=authorization_code&code=c%26d"
				 "&redirect_uri=https%3A%2F%2Fme.example%2Fcb%3Fx%3D1"
				 "&code_verifier=ver~ifier");
	close_fixture(&fixture);
}

static void a_code_verifier_that_is_not_there_is_not_sent(void **state)
{
	const struct peer_answer answers[] = {{.body = full_answer}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(exchange(&fixture, NULL));
	assert_null(strstr(http_peer_request(fixture.peer, 0), "code_verifier"));
	close_fixture(&fixture);
}

static void an_exchange_must_bring_a_refresh_token(void **state)
{
	const struct peer_answer answers[] = {{.body = "{\"access_token\":\"a1\"}"}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_false(exchange(&fixture, NULL));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_string_equal(fixture.failure.reason, "the answer lacks refresh_token");
	close_fixture(&fixture);
}

static void a_refused_code_comes_with_zooms_reason(void **state)
{
	const struct peer_answer answers[] = {{
		.status = "400 Bad Request",
		.body = "{\"reason\":\"Invalid authorization code\",\"error\":\"invalid_request\"}",
	}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_false(exchange(&fixture, NULL));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_REFUSED);
	assert_string_equal(fixture.failure.reason, "Invalid authorization code");
	close_fixture(&fixture);
}

static void a_refresh_brings_the_next_tokens(void **state)
{
	const struct peer_answer answers[] = {{.body = full_answer}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(refresh(&fixture));
	assert_string_equal(fixture.tokens.refresh_token, "r1");
	assert_contains(http_peer_request(fixture.peer, 0),
			"\r\n\r\ngrant_type=refresh_token&refresh_token=r%2B0");
	close_fixture(&fixture);
}

static void a_refresh_without_rotation_keeps_the_old_token(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"access_token\":\"a1\"}"},
		{.body = "{\"access_token\":\"a1\",\"refresh_token\":null,\"scope\":null}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	for (int i = 0; i < 2; i++) {
		assert_true(refresh(&fixture));
		assert_null(fixture.tokens.refresh_token);
		assert_null(fixture.tokens.scope);
		assert_int_equal(fixture.tokens.expires_in_s, 3600);
	}
	close_fixture(&fixture);
}

static void no_scope_is_told_from_scopes_that_are_not_named(void **state)
{
	const struct peer_answer answer = {.body = "{\"access_token\":\"a1\",\"scope\":\"\"}"};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &answer, 1);
	assert_true(refresh(&fixture));
	assert_string_equal(fixture.tokens.scope, "");
	close_fixture(&fixture);
}

static void an_answer_without_usable_tokens_is_no_success(void **state)
{
	static const char *const bodies[] = {
		"{}",
		"{\"refresh_token\":\"r1\"}",
		"{\"access_token\":\"\",\"refresh_token\":\"r1\"}",
		"{\"access_token\":7,\"refresh_token\":\"r1\"}",
		"{\"access_token\":\"a\\r\\nb\",\"refresh_token\":\"r1\"}",
		"{\"access_token\":\"a1\\u0000\",\"refresh_token\":\"r1\"}",
		"{\"access_token\":\"a b\",\"refresh_token\":\"r1\"}",
		"{\"access_token\":\"a1\",\"refresh_token\":\"\"}",
		"{\"access_token\":\"a1\",\"refresh_token\":{}}",
		"{\"access_token\":\"a1\",\"refresh_token\":\"\xc3\xa9\"}",
		"[\"access_token\"]",
		"{\"access_token\":\"a1\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		const struct peer_answer answer = {.body = bodies[i]};
		struct fixture fixture;

		open_fixture(&fixture, &answer, 1);
		assert_false(refresh(&fixture));
		assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
		assert_int_equal(fixture.failure.status, 200);
		assert_true(fixture.failure.was_sent);
		close_fixture(&fixture);
	}
}

static void a_strange_lifetime_costs_no_tokens(void **state)
{
	static const struct {
		const char *body;
		long expires_in_s;
	} cases[] = {
		{"{\"access_token\":\"a\",\"expires_in\":1}", 1},
		{"{\"access_token\":\"a\",\"expires_in\":0}", 3600},
		{"{\"access_token\":\"a\",\"expires_in\":-5}", 3600},
		{"{\"access_token\":\"a\",\"expires_in\":\"3599\"}", 3599},
		{"{\"access_token\":\"a\",\"expires_in\":\"soon\"}", 3600},
		{"{\"access_token\":\"a\",\"expires_in\":[]}", 3600},
		{"{\"access_token\":\"a\",\"expires_in\":9000000000}", 86400},
		{"{\"access_token\":\"a\",\"scope\":[\"x\"]}", 3600},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct peer_answer answer = {.body = cases[i].body};
		struct fixture fixture;

		open_fixture(&fixture, &answer, 1);
		assert_true(refresh(&fixture));
		assert_int_equal(fixture.tokens.expires_in_s, cases[i].expires_in_s);
		assert_null(fixture.tokens.scope);
		close_fixture(&fixture);
	}
}

static void a_dead_grant_is_told_from_a_bad_moment(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "400 Bad Request",
		 .body = "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_grant\"}"},
		{.status = "503 Busy", .headers = "Retry-After: 7\r\n"},
		{.drop = PEER_DROP_AFTER_READING},
		{.delay_ms = 3000},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 4);
	assert_false(refresh(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_GRANT);
	assert_false(refresh(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_int_equal(fixture.failure.retry_at, fixture.clock.frozen_at + 7 * SECOND);
	assert_false(refresh(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_true(fixture.failure.was_sent);
	assert_int_equal(http_peer_request_count(fixture.peer), 3);
	fixture.zoom.timeout_ms = 1000;
	assert_false(refresh(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_TIMEOUT);
	assert_true(fixture.failure.was_sent);
	close_fixture(&fixture);
}

static void an_unreachable_zoom_was_not_sent_anything(void **state)
{
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, &(struct peer_answer){0}, 1);
	fixture.zoom.oauth_url = "http://127.0.0.1:1";
	assert_false(refresh(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_int_equal(fixture.failure.status, 0);
	assert_false(fixture.failure.was_sent);
	close_fixture(&fixture);
}

static void a_client_is_checked_with_its_own_grant(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"access_token\":\"a1\",\"expires_in\":3599}"},
		{.status = "401 Unauthorized",
		 .body = "{\"reason\":\"Invalid client_id or client_secret\","
			 "\"error\":\"invalid_client\"}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_true(zoom_oauth_check_client(&fixture.zoom, &fixture.arena, &credentials,
					    &fixture.failure));
	assert_contains(http_peer_request(fixture.peer, 0),
			"\r\n\r\ngrant_type=client_credentials");
	assert_false(zoom_oauth_check_client(&fixture.zoom, &fixture.arena, &credentials,
					     &fixture.failure));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_CLIENT);
	close_fixture(&fixture);
}

static void a_token_is_revoked(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"status\":\"success\"}"},
		{.body = ""},
		{.status = "400 Bad Request", .body = "{\"error\":\"invalid_request\"}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 3);
	for (int i = 0; i < 2; i++)
		assert_true(zoom_oauth_revoke(&fixture.zoom, &fixture.arena, &credentials, "a=1",
					      &fixture.failure));
	assert_contains(http_peer_request(fixture.peer, 0), "POST /oauth/revoke HTTP/1.1\r\n");
	assert_contains(http_peer_request(fixture.peer, 0), "\r\n\r\ntoken=a%3D1");
	assert_false(zoom_oauth_revoke(&fixture.zoom, &fixture.arena, &credentials, "a=1",
				       &fixture.failure));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_REFUSED);
	close_fixture(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_is_exchanged_for_tokens),
		cmocka_unit_test(a_code_verifier_that_is_not_there_is_not_sent),
		cmocka_unit_test(an_exchange_must_bring_a_refresh_token),
		cmocka_unit_test(a_refused_code_comes_with_zooms_reason),
		cmocka_unit_test(a_refresh_brings_the_next_tokens),
		cmocka_unit_test(a_refresh_without_rotation_keeps_the_old_token),
		cmocka_unit_test(no_scope_is_told_from_scopes_that_are_not_named),
		cmocka_unit_test(an_answer_without_usable_tokens_is_no_success),
		cmocka_unit_test(a_strange_lifetime_costs_no_tokens),
		cmocka_unit_test(a_dead_grant_is_told_from_a_bad_moment),
		cmocka_unit_test(an_unreachable_zoom_was_not_sent_anything),
		cmocka_unit_test(a_client_is_checked_with_its_own_grant),
		cmocka_unit_test(a_token_is_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
