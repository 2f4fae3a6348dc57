#include "base/clock.h"
#include "broker/health.h"
#include "store/app.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const instant now = 1000 * DAY;

static const char rows_sql[] =
	"UPDATE zoom_oauth_connections SET next_sync_at = 1;"
	"INSERT INTO zoom_oauth_credentials (connection_id, generation, refresh_token, access_token,"
	" authorized_at, refreshed_at, next_refresh_at)"
	" VALUES (1, 1, x'01', x'02', 1, 1, 9), (2, 1, x'01', x'02', 1, 1, 9);";

static struct test_database open_database(void)
{
	struct test_database database = test_database_open();
	struct error err = {0};

	test_rows_add(database.db);
	must(db_script(database.db, rows_sql, &err), &err);
	return database;
}

static void disconnect(struct db *db, const char *code, instant at)
{
	struct error err = {0};

	must(health_disconnect(db, TEST_ADA, code, "Zoom's words", at, &err), &err);
}

static struct connection find(struct db *db, struct arena *arena, int64_t id)
{
	struct connection connection = {0};
	struct error err = {0};
	bool found;

	must(connection_find_by_id(db, arena, id, &found, &connection, &err), &err);
	return connection;
}

static struct credentials find_credentials(struct db *db, struct arena *arena)
{
	struct credentials credentials = {0};
	struct error err = {0};
	bool found;

	must(credentials_find(db, arena, TEST_ADA, &found, &credentials, &err), &err);
	return credentials;
}

static bool is_app_active(struct db *db, int64_t app_id)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct app app = {0};
	struct error err = {0};
	bool found;

	must(app_find_by_id(db, &arena, app_id, &found, &app, &err), &err);
	return app.is_active;
}

static const char next_refresh_sql[] =
	"SELECT next_refresh_at FROM zoom_oauth_credentials WHERE connection_id = 1";
static const char next_sync_sql[] = "SELECT next_sync_at FROM zoom_oauth_connections WHERE id = 1";

static void a_disconnected_one_is_left_alone_but_keeps_its_refresh_token(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct connection ada;

	(void)state;
	disconnect(database.db, FAILURE_INVALID_GRANT, now);
	ada = find(database.db, &arena, TEST_ADA);
	assert_false(ada.is_connected);
	assert_string_equal(ada.failure_code, "invalid_grant");
	assert_string_equal(ada.failure_error, "Zoom's words");
	assert_int_equal(ada.failure_at, now);
	assert_non_null(find_credentials(database.db, &arena).refresh_token.bytes);
	assert_null(find_credentials(database.db, &arena).access_token.bytes);
	assert_int_equal(test_database_number(database.db, next_refresh_sql), -1);
	assert_int_equal(test_database_number(database.db, next_sync_sql), -1);
	assert_true(find(database.db, &arena, TEST_BOB).is_connected);
}

static void of_several_failures_the_first_one_stands(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct connection ada;

	(void)state;
	disconnect(database.db, FAILURE_REFRESH_INTERRUPTED, now);
	disconnect(database.db, FAILURE_INVALID_GRANT, now + HOUR);
	ada = find(database.db, &arena, TEST_ADA);
	assert_string_equal(ada.failure_code, "refresh_interrupted");
	assert_int_equal(ada.failure_at, now);
}

static void who_removed_the_app_has_no_tokens_left_here(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};

	(void)state;
	disconnect(database.db, FAILURE_INVALID_GRANT, now); /* found out before the event came */
	must(health_disconnect_and_erase(database.db, TEST_ADA, FAILURE_APP_DEAUTHORIZED, "removed",
					 now, &err),
	     &err);
	assert_null(find_credentials(database.db, &arena).refresh_token.bytes);
	assert_null(find_credentials(database.db, &arena).access_token.bytes);
	assert_int_equal(find_credentials(database.db, &arena).generation, 2);
}

static void a_reconnected_one_has_no_failure_and_is_synced(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct connection ada;
	struct error err = {0};

	(void)state;
	disconnect(database.db, FAILURE_INVALID_GRANT, now);
	must(health_reconnect(database.db, TEST_ADA, now + 1, &err), &err);
	ada = find(database.db, &arena, TEST_ADA);
	assert_true(ada.is_connected);
	assert_null(ada.failure_code);
	assert_null(ada.failure_error);
	assert_int_equal(ada.failure_at, 0);
	assert_int_equal(test_database_number(database.db, next_sync_sql), now + 1);
}

static void nothing_happens_to_a_connected_one_that_is_reconnected(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};

	(void)state;
	must(health_reconnect(database.db, TEST_ADA, now, &err), &err);
	assert_int_equal(find(database.db, &arena, TEST_ADA).updated_at, 1);
	assert_int_equal(test_database_number(database.db, next_sync_sql), 1);
}

/* Whether a success that Zoom was asked for at asked_at, and gave at `at`, connects Ada again. */
static bool reconnects(const char *code, instant failed_at, instant asked_at, instant at)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};
	bool is_connected;

	disconnect(database.db, code, failed_at);
	must(credentials_schedule_refresh(database.db, TEST_ADA, at + DAY, &err), &err);
	must(health_refreshed(database.db, TEST_ADA, asked_at, at, &err), &err);
	is_connected = find(database.db, &arena, TEST_ADA).is_connected;
	/* Where it does not, Zoom is asked once more. */
	assert_int_equal(test_database_number(database.db, next_refresh_sql),
			 is_connected ? at + DAY : at);
	return is_connected;
}

static void a_success_that_was_asked_for_before_the_users_end_does_not_undo_it(void **state)
{
	(void)state;
	assert_false(reconnects(FAILURE_USER_GONE, now, now - SECOND, now + SECOND));
	assert_false(reconnects(FAILURE_USER_GONE, now, now, now));
	assert_true(reconnects(FAILURE_USER_GONE, now, now + 1, now + SECOND));
	assert_true(reconnects(FAILURE_INVALID_GRANT, now, now - SECOND, now + SECOND));
	/* A clock that was set back since: else it would be asked again and again until then. */
	assert_true(reconnects(FAILURE_USER_GONE, now + HOUR, now - SECOND, now));
}

static void a_refused_app_costs_no_user(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct error err = {0};

	(void)state;
	must(health_app_refused(database.db, TEST_APP, now, &err), &err);
	assert_false(is_app_active(database.db, TEST_APP));
	assert_true(is_app_active(database.db, TEST_OTHER_APP));
	assert_true(find(database.db, &arena, TEST_ADA).is_connected);
	assert_int_equal(test_database_number(database.db, next_refresh_sql), 9);
}

static const char postponed_sql[] =
	"UPDATE zoom_oauth_credentials SET refresh_attempts = 3, next_refresh_at = 999999;"
	"UPDATE zoom_oauth_connections SET sync_attempts = 3, next_sync_at = 999999;";

static void a_mended_app_lets_what_had_failed_be_tried_at_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	must(db_script(database.db, postponed_sql, &err), &err);
	must(health_app_refused(database.db, TEST_APP, now, &err), &err);
	must(health_app_accepted(database.db, TEST_APP, 5, &err), &err);
	assert_true(is_app_active(database.db, TEST_APP));
	assert_int_equal(test_database_number(database.db, next_refresh_sql), 5);
	assert_int_equal(test_database_number(database.db, next_sync_sql), 5);
}

static void an_answer_to_an_app_that_was_well_all_along_changes_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	must(db_script(database.db, postponed_sql, &err), &err);
	must(health_app_answered(database.db, TEST_APP, 5, &err), &err);
	assert_int_equal(test_database_number(database.db, next_refresh_sql), 999999);
	must(health_app_refused(database.db, TEST_APP, now, &err), &err);
	must(health_app_answered(database.db, TEST_APP, 5, &err), &err);
	assert_true(is_app_active(database.db, TEST_APP));
	assert_int_equal(test_database_number(database.db, next_refresh_sql), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disconnected_one_is_left_alone_but_keeps_its_refresh_token),
		cmocka_unit_test(of_several_failures_the_first_one_stands),
		cmocka_unit_test(who_removed_the_app_has_no_tokens_left_here),
		cmocka_unit_test(a_reconnected_one_has_no_failure_and_is_synced),
		cmocka_unit_test(nothing_happens_to_a_connected_one_that_is_reconnected),
		cmocka_unit_test(
			a_success_that_was_asked_for_before_the_users_end_does_not_undo_it),
		cmocka_unit_test(a_refused_app_costs_no_user),
		cmocka_unit_test(a_mended_app_lets_what_had_failed_be_tried_at_once),
		cmocka_unit_test(an_answer_to_an_app_that_was_well_all_along_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
