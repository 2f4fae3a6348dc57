#include "notify/canonical_json.h"
#include "notify/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Takes the payload over. */
static void expect(json_t *payload, const char *canonical)
{
	SCOPED(arena_release) struct arena arena = {0};

	assert_string_equal(canonical_json(&arena, payload), canonical);
	json_decref(payload);
}

static void a_disconnected_connection_says_why_and_since_when(void **state)
{
	const struct connection connection = {
		.public_id = "zoauth_1",
		.zoom_user_id = "user-1",
		.account_id = "account-1",
		.metadata = "{\"tenant\":\"Zoë\",\"n\":[1,2.5]}",
		.failure_code = "invalid_grant",
		.failure_error = "the user has removed the app",
		.failure_at = 1 * SECOND,
		.last_successful_sync_at = 2 * SECOND,
		.last_attempted_sync_at = 3 * SECOND + 1,
	};

	(void)state;
	expect(payload_of_connection(&connection),
	       "{\"account_id\":\"account-1\",\"data\":{\"connection_failure_data\":"
	       "{\"code\":\"invalid_grant\",\"error\":\"the user has removed the app\","
	       "\"timestamp\":\"1970-01-01T00:00:01.000000Z\"},"
	       "\"last_attempted_sync_at\":\"1970-01-01T00:00:03.000001Z\","
	       "\"last_successful_sync_at\":\"1970-01-01T00:00:02.000000Z\","
	       "\"state\":\"disconnected\"},\"user_id\":\"user-1\","
	       "\"zoom_oauth_connection_id\":\"zoauth_1\","
	       "\"zoom_oauth_connection_metadata\":{\"n\":[1,2.5],\"tenant\":\"Zoë\"}}");
}

/* Whatever failed before it came back is history. */
static void a_connected_connection_has_no_failure(void **state)
{
	const struct connection connection = {
		.public_id = "zoauth_1",
		.zoom_user_id = "user-1",
		.metadata = "{}",
		.is_connected = true,
	};

	(void)state;
	expect(payload_of_connection(&connection),
	       "{\"account_id\":null,\"data\":{\"connection_failure_data\":null,"
	       "\"last_attempted_sync_at\":null,\"last_successful_sync_at\":null,"
	       "\"state\":\"connected\"},\"user_id\":\"user-1\","
	       "\"zoom_oauth_connection_id\":\"zoauth_1\","
	       "\"zoom_oauth_connection_metadata\":{}}");
}

static void an_app_tells_its_state_and_no_secret(void **state)
{
	static const unsigned char sealed[] = "sealed";
	struct app app = {
		.public_id = "zoapp_1",
		.client_id = "client-1",
		.client_secret = {sealed, sizeof(sealed)},
		.webhook_secret = {sealed, sizeof(sealed)},
	};

	(void)state;
	expect(payload_of_app(&app), "{\"client_id\":\"client-1\",\"data\":{\"state\":"
				     "\"credentials_invalid\"},\"zoom_oauth_app_id\":\"zoapp_1\"}");
	app.is_active = true;
	expect(payload_of_app(&app), "{\"client_id\":\"client-1\",\"data\":{\"state\":\"active\"},"
				     "\"zoom_oauth_app_id\":\"zoapp_1\"}");
}

static void a_bot_tells_both_states_and_the_event_between(void **state)
{
	const struct bot bot = {.public_id = "bot_1", .state = "ended", .metadata = "{\"a\":1}"};
	const struct bot_event bare = {"post_processing_completed", NULL, NULL, 5 * SECOND};
	const struct bot_event full = {"fatal_error", "process_terminated", "{\"exit\":9}",
				       5 * SECOND};

	(void)state;
	expect(payload_of_bot(&bot, "post_processing", &bare),
	       "{\"bot_id\":\"bot_1\",\"bot_metadata\":{\"a\":1},\"data\":{"
	       "\"created_at\":\"1970-01-01T00:00:05.000000Z\",\"event_metadata\":null,"
	       "\"event_sub_type\":null,\"event_type\":\"post_processing_completed\","
	       "\"new_state\":\"ended\",\"old_state\":\"post_processing\"}}");
	expect(payload_of_bot(&bot, "joining", &full),
	       "{\"bot_id\":\"bot_1\",\"bot_metadata\":{\"a\":1},\"data\":{"
	       "\"created_at\":\"1970-01-01T00:00:05.000000Z\",\"event_metadata\":{\"exit\":9},"
	       "\"event_sub_type\":\"process_terminated\",\"event_type\":\"fatal_error\","
	       "\"new_state\":\"ended\",\"old_state\":\"joining\"}}");
}

static void a_test_names_its_webhook_and_no_secret(void **state)
{
	static const unsigned char sealed[] = "sealed";
	const struct webhook webhook = {.public_id = "wh_1", .secret = {sealed, sizeof(sealed)}};

	(void)state;
	expect(payload_of_test(&webhook),
	       "{\"data\":{\"message\":\"This is a test: the notifications of this webhook come "
	       "here.\"},\"webhook_id\":\"wh_1\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disconnected_connection_says_why_and_since_when),
		cmocka_unit_test(a_connected_connection_has_no_failure),
		cmocka_unit_test(an_app_tells_its_state_and_no_secret),
		cmocka_unit_test(a_bot_tells_both_states_and_the_event_between),
		cmocka_unit_test(a_test_names_its_webhook_and_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
