#include "support/http_peer.h"
#include "zoom/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct clock clock;
	struct http_peer *peer;
	struct zoom_endpoint zoom;
	struct zoom_user user;
	struct zoom_meeting_page page;
	const char *token;
	long expire_in_s;
	struct zoom_failure failure;
};

static void open_fixture(struct fixture *fixture, const struct peer_answer *answers, size_t count)
{
	*fixture = (struct fixture){.clock.frozen_at = 1800000000 * SECOND};
	fixture->peer = http_peer_open(answers, count);
	fixture->zoom = (struct zoom_endpoint){
		.client = http_client_open(),
		.clock = &fixture->clock,
		.oauth_url = "http://127.0.0.1:1",
		.api_url = arena_printf(&fixture->arena, "%s/v2", http_peer_url(fixture->peer)),
		.timeout_ms = 5000,
	};
}

static void close_fixture(struct fixture *fixture)
{
	http_client_close(&fixture->zoom.client);
	http_peer_close(&fixture->peer);
	arena_release(&fixture->arena);
}

static bool get_user(struct fixture *fixture)
{
	return zoom_api_get_user(&fixture->zoom, &fixture->arena, "at", &fixture->user,
				 &fixture->failure);
}

static bool list_meetings(struct fixture *fixture, const char *page_token)
{
	return zoom_api_list_meetings(&fixture->zoom, &fixture->arena, "at", page_token,
				      &fixture->page, &fixture->failure);
}

static bool get_recording_token(struct fixture *fixture)
{
	return zoom_api_get_local_recording_token(&fixture->zoom, &fixture->arena, "at",
						  85746065432, &fixture->token,
						  &fixture->expire_in_s, &fixture->failure);
}

static bool get_onbehalf_token(struct fixture *fixture, int64_t meeting_id)
{
	return zoom_api_get_onbehalf_token(&fixture->zoom, &fixture->arena, "at", meeting_id,
					   &fixture->token, &fixture->failure);
}

static bool get_zak(struct fixture *fixture, enum zoom_zak_call first)
{
	return zoom_api_get_zak(&fixture->zoom, &fixture->arena, "at", first, &fixture->token,
				&fixture->failure);
}

static void assert_request(struct fixture *fixture, size_t index, const char *line)
{
	const char *request = http_peer_request(fixture->peer, index);

	if (strncmp(request, line, strlen(line)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", request, line);
	assert_non_null(strstr(request, "\r\nAuthorization: Bearer at\r\n"));
}

static void assert_lacks(const struct fixture *fixture, const char *reason)
{
	assert_int_equal(fixture->failure.class, ZOOM_FAILURE_UNAVAILABLE);
	assert_string_equal(fixture->failure.reason, reason);
}

static void the_user_is_read_whole(void **state)
{
	const struct peer_answer answers[] = {{
		.body = "{\"id\":\"u1\",\"account_id\":\"acc\",\"email\":\"j@x.example\","
			"\"status\":\"active\",\"pmi\":5551234567,\"vanity_url\":\"https://us02web.zoom.us/my/jane\","
			"\"personal_meeting_url\":\"https://us02web.zoom.us/j/5551234567\"}",
	}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_true(get_user(&fixture));
	assert_request(&fixture, 0, "GET /v2/users/me HTTP/1.1\r\n");
	assert_string_equal(fixture.user.id, "u1");
	assert_string_equal(fixture.user.account_id, "acc");
	assert_string_equal(fixture.user.email, "j@x.example");
	assert_string_equal(fixture.user.status, "active");
	assert_int_equal(fixture.user.pmi, 5551234567);
	assert_string_equal(fixture.user.vanity_url, "https://us02web.zoom.us/my/jane");
	assert_string_equal(fixture.user.personal_meeting_url,
			    "https://us02web.zoom.us/j/5551234567");
	close_fixture(&fixture);
}

static void a_user_needs_only_its_id(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"id\":\"u1\",\"account_id\":5,\"pmi\":\"none\",\"email\":\"\"}"},
		{.body = "{\"account_id\":\"acc\"}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_true(get_user(&fixture));
	assert_null(fixture.user.account_id);
	assert_null(fixture.user.email);
	assert_string_equal(fixture.user.status, "");
	assert_int_equal(fixture.user.pmi, 0);
	assert_null(fixture.user.vanity_url);
	assert_false(get_user(&fixture));
	assert_lacks(&fixture, "the answer lacks id");
	close_fixture(&fixture);
}

static void a_nul_spoils_the_member_that_holds_it_and_no_other(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"id\":\"u1\",\"account_id\":\"acc\",\"email\":\"j\\u0000@x.example\","
			 "\"pmi\":\"5551234567\\u0000\",\"display_name\":\"\\u0000\"}"},
		{.body = "{\"id\":\"u1\\u0000\"}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_true(get_user(&fixture));
	assert_string_equal(fixture.user.id, "u1");
	assert_string_equal(fixture.user.account_id, "acc");
	assert_null(fixture.user.email);
	assert_int_equal(fixture.user.pmi, 0);
	assert_false(get_user(&fixture));
	assert_lacks(&fixture, "the answer lacks id");
	close_fixture(&fixture);
}

static void an_expired_access_token_is_told(void **state)
{
	const struct peer_answer answers[] = {{
		.status = "401 Unauthorized",
		.headers = "x-zm-trackingid: WEB_1\r\n",
		.body = "{\"code\":124,\"message\":\"Access token is expired.\"}",
	}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_false(get_user(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_ACCESS_TOKEN);
	assert_string_equal(fixture.failure.tracking_id, "WEB_1");
	close_fixture(&fixture);
}

static void meetings_come_page_by_page(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"next_page_token\":\"p/2\",\"meetings\":[{\"id\":85746065432},"
			 "{\"id\":\"123456789012\"},{\"topic\":\"no id\"},{\"id\":\"x\"},"
			 "{\"id\":-1},{\"id\":\"99999999999999999999\"},{\"id\":null},7,{\"id\":123456789}]}"},
		{.body = "{\"next_page_token\":\"\",\"meetings\":[]}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_true(list_meetings(&fixture, NULL));
	assert_request(&fixture, 0, "GET /v2/users/me/meetings?page_size=300 HTTP/1.1\r\n");
	assert_int_equal(fixture.page.count, 3);
	assert_int_equal(fixture.page.meeting_ids[0], 85746065432);
	assert_int_equal(fixture.page.meeting_ids[1], 123456789012);
	assert_int_equal(fixture.page.meeting_ids[2], 123456789);
	assert_string_equal(fixture.page.next_page_token, "p/2");
	assert_true(list_meetings(&fixture, fixture.page.next_page_token));
	assert_request(
		&fixture, 1,
		"GET /v2/users/me/meetings?page_size=300&next_page_token=p%2F2 HTTP/1.1\r\n");
	assert_int_equal(fixture.page.count, 0);
	assert_null(fixture.page.next_page_token);
	close_fixture(&fixture);
}

static void a_page_holds_no_more_than_it_can(void **state)
{
	struct peer_answer answer = {0};
	struct fixture fixture;
	char body[16000] = "{\"meetings\":[{\"id\":1}";

	(void)state;
	for (int i = 0; i < 400; i++)
		strcat(body, ",{\"id\":2}");
	strcat(body, "]}");
	answer.body = body;
	open_fixture(&fixture, &answer, 1);
	assert_true(list_meetings(&fixture, NULL));
	assert_int_equal(fixture.page.count, ZOOM_MEETINGS_PAGE_MAX);
	close_fixture(&fixture);
}

static void a_list_without_meetings_is_no_empty_list(void **state)
{
	const struct peer_answer answers[] = {{.body = "{}"}, {.body = "{\"meetings\":{}}"}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	for (int i = 0; i < 2; i++) {
		assert_false(list_meetings(&fixture, NULL));
		assert_lacks(&fixture, "the answer lacks meetings");
	}
	close_fixture(&fixture);
}

static void a_recording_token_is_minted(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"expire_in\":90,\"token\":\"2njt50mj\"}"},
		{.body = "{\"token\":\"t2\",\"expire_in\":\"long\"}"},
		{.body = "{\"expire_in\":120}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 3);
	assert_true(get_recording_token(&fixture));
	assert_request(
		&fixture, 0,
		"GET /v2/meetings/85746065432/jointoken/local_recording?bypass_waiting_room=true ");
	assert_string_equal(fixture.token, "2njt50mj");
	assert_int_equal(fixture.expire_in_s, 90);
	assert_true(get_recording_token(&fixture));
	assert_int_equal(fixture.expire_in_s, 120);
	assert_false(get_recording_token(&fixture));
	assert_lacks(&fixture, "the answer lacks token");
	close_fixture(&fixture);
}

static void a_webinar_is_asked_at_its_own_address(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "400 Bad Request",
		 .body = "{\"code\":3000,\"message\":\"Cannot access Webinar information.\"}"},
		{.body = "{\"expire_in\":120,\"token\":\"w1\"}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_true(get_recording_token(&fixture));
	assert_request(&fixture, 1,
		       "GET /v2/webinars/85746065432/jointoken/local_recording HTTP/1.1\r\n");
	assert_string_equal(fixture.token, "w1");
	close_fixture(&fixture);
}

static void a_meeting_that_may_not_be_recorded_is_no_webinar(void **state)
{
	const struct peer_answer answers[] = {{
		.status = "400 Bad Request",
		.body = "{\"code\":3000,\"message\":\"Not allowed to start local recording.\"}",
	}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 1);
	assert_false(get_recording_token(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_REFUSED);
	assert_int_equal(http_peer_request_count(fixture.peer), 1);
	close_fixture(&fixture);
}

static void both_calls_for_a_webinar_keep_one_timeout(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "400 Bad Request",
		 .body = "{\"code\":3000,\"message\":\"Cannot access Webinar information.\"}",
		 .delay_ms = 250},
		{.body = "{\"token\":\"w1\"}", .delay_ms = 250},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	fixture.zoom.timeout_ms = 400;
	assert_false(get_recording_token(&fixture));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_TIMEOUT);
	close_fixture(&fixture);
}

static void an_onbehalf_token_is_minted_for_a_meeting_or_for_any(void **state)
{
	const struct peer_answer answers[] = {
		{.body = "{\"token\":\"o1\"}"},
		{.body = "{\"token\":\"o2\"}"},
		{.status = "400 Bad Request",
		 .body = "{\"code\":4711,\"message\":\"Invalid access token, does not contain "
			 "scopes:[user:read:token]\"}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 3);
	assert_true(get_onbehalf_token(&fixture, 85746065432));
	assert_request(&fixture, 0,
		       "GET /v2/users/me/token?type=onbehalf&meeting_id=85746065432 HTTP/1.1\r\n");
	assert_string_equal(fixture.token, "o1");
	assert_true(get_onbehalf_token(&fixture, 0));
	assert_request(&fixture, 1, "GET /v2/users/me/token?type=onbehalf HTTP/1.1\r\n");
	assert_false(get_onbehalf_token(&fixture, 0));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_SCOPE);
	close_fixture(&fixture);
}

static const char zak_line[] = "GET /v2/users/me/zak HTTP/1.1\r\n";
static const char zak_as_token_line[] = "GET /v2/users/me/token?type=zak HTTP/1.1\r\n";

static void a_zak_is_minted_by_either_of_zooms_calls(void **state)
{
	const struct peer_answer answers[] = {{.body = "{\"token\":\"z1\"}"},
					      {.body = "{\"token\":\"z2\"}"}};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_true(get_zak(&fixture, ZOOM_ZAK_CALL_ZAK));
	assert_request(&fixture, 0, zak_line);
	assert_string_equal(fixture.token, "z1");
	assert_true(get_zak(&fixture, ZOOM_ZAK_CALL_TOKEN));
	assert_request(&fixture, 1, zak_as_token_line);
	assert_string_equal(fixture.token, "z2");
	close_fixture(&fixture);
}

/* Zoom writes it in three ways. */
static void a_zak_whose_scope_is_missing_is_asked_for_by_the_other_call(void **state)
{
	static const char *const refusals[] = {
		"{\"code\":4711,\"message\":\"Invalid access token.\"}",
		"{\"code\":4700,\"message\":\"Invalid access token.\"}",
		"{\"code\":1,\"message\":\"Invalid access token, does not contain scopes:[x]\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		const struct peer_answer answers[] = {
			{.status = "400 Bad Request", .body = refusals[i]},
			{.body = "{\"token\":\"z1\"}"},
		};
		const bool is_zak_first = i % 2 == 0;
		struct fixture fixture;

		open_fixture(&fixture, answers, 2);
		assert_true(
			get_zak(&fixture, is_zak_first ? ZOOM_ZAK_CALL_ZAK : ZOOM_ZAK_CALL_TOKEN));
		assert_request(&fixture, 0, is_zak_first ? zak_line : zak_as_token_line);
		assert_request(&fixture, 1, is_zak_first ? zak_as_token_line : zak_line);
		assert_string_equal(fixture.token, "z1");
		close_fixture(&fixture);
	}
}

static void any_other_refusal_of_a_zak_is_final(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "404 Not Found",
		 .body = "{\"code\":1001,\"message\":\"User does not exist: me.\"}"},
		{.status = "401 Unauthorized",
		 .body = "{\"code\":124,\"message\":\"Invalid access token.\"}"},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	assert_false(get_zak(&fixture, ZOOM_ZAK_CALL_ZAK));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_NOT_FOUND);
	assert_int_equal(http_peer_request_count(fixture.peer), 1);
	assert_false(get_zak(&fixture, ZOOM_ZAK_CALL_ZAK));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_ACCESS_TOKEN);
	assert_int_equal(http_peer_request_count(fixture.peer), 2);
	close_fixture(&fixture);
}

static void both_calls_for_a_zak_keep_one_timeout(void **state)
{
	const struct peer_answer answers[] = {
		{.status = "400 Bad Request",
		 .body = "{\"code\":4711,\"message\":\"no\"}",
		 .delay_ms = 250},
		{.body = "{\"token\":\"z1\"}", .delay_ms = 250},
	};
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, answers, 2);
	fixture.zoom.timeout_ms = 400;
	assert_false(get_zak(&fixture, ZOOM_ZAK_CALL_ZAK));
	assert_int_equal(fixture.failure.class, ZOOM_FAILURE_TIMEOUT);
	close_fixture(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_user_is_read_whole),
		cmocka_unit_test(a_user_needs_only_its_id),
		cmocka_unit_test(a_nul_spoils_the_member_that_holds_it_and_no_other),
		cmocka_unit_test(an_expired_access_token_is_told),
		cmocka_unit_test(meetings_come_page_by_page),
		cmocka_unit_test(a_page_holds_no_more_than_it_can),
		cmocka_unit_test(a_list_without_meetings_is_no_empty_list),
		cmocka_unit_test(a_recording_token_is_minted),
		cmocka_unit_test(a_webinar_is_asked_at_its_own_address),
		cmocka_unit_test(a_meeting_that_may_not_be_recorded_is_no_webinar),
		cmocka_unit_test(both_calls_for_a_webinar_keep_one_timeout),
		cmocka_unit_test(an_onbehalf_token_is_minted_for_a_meeting_or_for_any),
		cmocka_unit_test(a_zak_is_minted_by_either_of_zooms_calls),
		cmocka_unit_test(a_zak_whose_scope_is_missing_is_asked_for_by_the_other_call),
		cmocka_unit_test(any_other_refusal_of_a_zak_is_final),
		cmocka_unit_test(both_calls_for_a_zak_keep_one_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
