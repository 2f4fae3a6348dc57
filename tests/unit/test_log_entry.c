#include "base/arena.h"
#include "base/clock.h"
#include "store/app.h"
#include "store/connection.h"
#include "store/log_entry.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char count_sql[] = "SELECT count(*) FROM zoom_log";
static const char of_connections_sql[] = "SELECT count(connection_id) FROM zoom_log";
static const char last_rejected_sql[] =
	"SELECT last_rejected_webhook_at FROM zoom_oauth_apps WHERE id = 1";
static const instant zooms_time = 5 * MINUTE;

static bool add_event(struct db *db, int64_t app_id, const char *user_id, const char *body,
		      instant event_at)
{
	unsigned char digest[SHA256_BYTES];
	struct log_event event = {.app_id = app_id,
				  .name = "meeting.started",
				  .meeting_id = 4711,
				  .event_at = event_at,
				  .body_sha256 = digest,
				  .now = HOUR};
	struct error err = {0};
	bool is_new;

	sha256(body, strlen(body), digest);
	must(connection_find_id(db, app_id, user_id, &event.connection_id, &err), &err);
	must(log_entry_add_event(db, &event, &is_new, &err), &err);
	return is_new;
}

static void add(struct db *db, int64_t connection_id, enum log_type type, instant at)
{
	const struct log_entry entry = {.connection_id = connection_id, .at = at, .type = type};
	struct error err = {0};

	must(log_entry_add(db, &entry, &err), &err);
}

static void reject(struct db *db, int64_t app_id, instant now)
{
	struct error err = {0};

	must(log_entry_add_rejection(db, app_id, "invalid_signature", now, &err), &err);
	must(app_note_rejected_webhook(db, app_id, now, &err), &err);
}

static struct log_entry *list(struct db *db, struct arena *arena, int64_t app_id,
			      int64_t connection_id, int *count)
{
	const struct page page = {.size = 10};
	struct log_entry *entries = NULL;
	bool has_newer = true, has_older = true;
	struct error err = {0};

	if (connection_id != 0)
		must(log_entry_list_of_connection(db, arena, connection_id, &page, &entries, count,
						  &has_newer, &has_older, &err),
		     &err);
	else
		must(log_entry_list_of_app(db, arena, app_id, &page, &entries, count, &has_newer,
					   &has_older, &err),
		     &err);
	assert_false(has_newer || has_older);
	return entries;
}

static void a_body_is_new_to_an_app_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	assert_true(add_event(database.db, TEST_APP, NULL, "{}", zooms_time));
	assert_false(add_event(database.db, TEST_APP, NULL, "{}", zooms_time));
	assert_true(add_event(database.db, TEST_OTHER_APP, NULL, "{}", zooms_time));
	assert_true(add_event(database.db, TEST_APP, NULL, "{ }", zooms_time));
	assert_int_equal(test_database_number(database.db, count_sql), 3);
}

static void a_body_without_a_time_is_new_once_too(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	assert_true(add_event(database.db, TEST_APP, NULL, "{}", 0));
	assert_false(add_event(database.db, TEST_APP, NULL, "{}", 0));
	assert_true(add_event(database.db, TEST_OTHER_APP, NULL, "{}", 0));
}

static void an_event_of_an_app_that_is_gone_is_not_stored(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	const unsigned char digest[SHA256_BYTES] = {0};
	const struct log_event event = {.app_id = 99,
					.name = "meeting.started",
					.body_sha256 = digest,
					.now = HOUR};
	struct error err = {0};
	bool is_new;

	(void)state;
	assert_false(log_entry_add_event(database.db, &event, &is_new, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
}

static void an_event_is_in_the_log_of_its_app_and_of_its_user(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct log_entry *entries;
	int count;

	(void)state;
	add_event(database.db, TEST_APP, "bob", "1", zooms_time);
	add_event(database.db, TEST_APP, "stranger", "2", zooms_time);
	add_event(database.db, TEST_OTHER_APP, "bob", "3", zooms_time);
	entries = list(database.db, &arena, 0, TEST_BOB, &count);
	assert_int_equal(count, 1);
	assert_int_equal(entries[0].type, LOG_EVENT_ACCEPTED);
	assert_string_equal(entries[0].name, "meeting.started");
	assert_string_equal(entries[0].connection_public_id, "zoauth_2");
	assert_int_equal(entries[0].meeting_id, 4711);
	assert_int_equal(entries[0].at, HOUR);
	entries = list(database.db, &arena, TEST_APP, 0, &count);
	assert_int_equal(count, 2);
	assert_null(entries[0].connection_public_id);
	assert_string_equal(entries[1].connection_public_id, "zoauth_2");
}

static void the_newest_is_first_and_all_of_it_is_there(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	const struct log_entry refusal = {.connection_id = TEST_ADA,
					  .at = 2,
					  .type = LOG_REFRESH_REFUSED,
					  .name = "invalid_grant",
					  .error = "Invalid Token!",
					  .zoom_status = 400,
					  .zoom_code = "invalid_request",
					  .zoom_tracking_id = "WEB_1"};
	struct error err = {0};
	struct log_entry *entries;
	int count;

	(void)state;
	add(database.db, TEST_ADA, LOG_AUTHORIZED, 1);
	must(log_entry_add(database.db, &refusal, &err), &err);
	add(database.db, TEST_BOB, LOG_AUTHORIZED, 3);
	entries = list(database.db, &arena, 0, TEST_ADA, &count);
	assert_int_equal(count, 2);
	assert_int_equal(entries[0].type, LOG_REFRESH_REFUSED);
	assert_int_equal(entries[0].app_id, TEST_APP);
	assert_int_equal(entries[0].at, 2);
	assert_string_equal(entries[0].name, "invalid_grant");
	assert_string_equal(entries[0].error, "Invalid Token!");
	assert_int_equal(entries[0].zoom_status, 400);
	assert_string_equal(entries[0].zoom_code, "invalid_request");
	assert_string_equal(entries[0].zoom_tracking_id, "WEB_1");
	assert_int_equal(entries[1].type, LOG_AUTHORIZED);
	assert_null(entries[1].error);
	list(database.db, &arena, TEST_APP, 0, &count);
	assert_int_equal(count, 3);
}

static void every_type_can_be_stored_and_has_a_name_of_its_own(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	for (enum log_type type = 1; type < LOG_TYPES_END; type++) {
		add(database.db, TEST_ADA, type, 1);
		for (enum log_type other = 1; other < type; other++)
			assert_string_not_equal(log_type_name(type), log_type_name(other));
	}
}

static void of_a_connection_that_is_gone_nothing_is_added(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	add(database.db, 99, LOG_AUTHORIZED, 1);
	assert_int_equal(test_database_number(database.db, count_sql), 0);
}

static void what_happened_to_a_connection_outlives_it_in_the_log_of_its_app(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct log_entry *entries;
	struct error err = {0};
	int count;

	(void)state;
	add_event(database.db, TEST_APP, "ada", "1", zooms_time);
	must(connection_remove(database.db, TEST_ADA, &err), &err);
	entries = list(database.db, &arena, TEST_APP, 0, &count);
	assert_int_equal(count, 1);
	assert_null(entries[0].connection_public_id);
	assert_int_equal(test_database_number(database.db, of_connections_sql), 0);
	assert_false(add_event(database.db, TEST_APP, "ada", "1", zooms_time));
}

static void of_rejected_events_an_app_has_one_entry_a_minute(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	for (instant at = MINUTE; at < 2 * MINUTE; at += SECOND)
		reject(database.db, TEST_APP, at);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
	reject(database.db, TEST_APP, 2 * MINUTE);
	reject(database.db, TEST_OTHER_APP, 2 * MINUTE);
	assert_int_equal(test_database_number(database.db, count_sql), 3);
	reject(database.db, 99, 2 * MINUTE);
	assert_int_equal(test_database_number(database.db, count_sql), 3);
}

static void rejected_events_that_are_stored_in_another_order_than_they_came_are_one_entry_too(
	void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	static const instant came_at[] = {5, 3, 6, 4};

	(void)state;
	/* In the midst of a minute, and at the edge of one. */
	for (size_t i = 0; i < COUNT_OF(came_at); i++)
		reject(database.db, TEST_APP, MINUTE + 30 * SECOND + came_at[i] * MILLISECOND);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
	for (size_t i = 0; i < COUNT_OF(came_at); i++)
		reject(database.db, TEST_APP, 3 * MINUTE + (came_at[i] - 4) * MILLISECOND);
	assert_int_equal(test_database_number(database.db, count_sql), 2);
	assert_int_equal(test_database_number(database.db, last_rejected_sql),
			 3 * MINUTE + 2 * MILLISECOND);
}

static void a_clock_that_was_set_back_keeps_no_rejected_event_out_of_the_log(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	reject(database.db, TEST_APP, HOUR);
	reject(database.db, TEST_APP, MINUTE);
	reject(database.db, TEST_APP, MINUTE + 1);
	assert_int_equal(test_database_number(database.db, count_sql), 2);
	assert_int_equal(test_database_number(database.db, last_rejected_sql), MINUTE + 1);
}

static void old_entries_are_dropped_a_few_at_a_time(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};
	int64_t removed;

	(void)state;
	for (instant at = 1; at <= 5; at++)
		add(database.db, TEST_ADA, LOG_REFRESHED, at);
	must(log_entry_clean_up(database.db, 4, 2, &removed, &err), &err);
	assert_int_equal(removed, 2);
	must(log_entry_clean_up(database.db, 4, 2, &removed, &err), &err);
	assert_int_equal(removed, 1);
	must(log_entry_clean_up(database.db, 4, 2, &removed, &err), &err);
	assert_int_equal(removed, 0);
	assert_int_equal(test_database_number(database.db, count_sql), 2);
}

static void an_empty_log_is_clean(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};
	int64_t removed = -1;

	(void)state;
	must(log_entry_clean_up(database.db, 4, 2, &removed, &err), &err);
	assert_int_equal(removed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_new_to_an_app_once),
		cmocka_unit_test(a_body_without_a_time_is_new_once_too),
		cmocka_unit_test(an_event_of_an_app_that_is_gone_is_not_stored),
		cmocka_unit_test(an_event_is_in_the_log_of_its_app_and_of_its_user),
		cmocka_unit_test(the_newest_is_first_and_all_of_it_is_there),
		cmocka_unit_test(every_type_can_be_stored_and_has_a_name_of_its_own),
		cmocka_unit_test(of_a_connection_that_is_gone_nothing_is_added),
		cmocka_unit_test(what_happened_to_a_connection_outlives_it_in_the_log_of_its_app),
		cmocka_unit_test(of_rejected_events_an_app_has_one_entry_a_minute),
		cmocka_unit_test(
			rejected_events_that_are_stored_in_another_order_than_they_came_are_one_entry_too),
		cmocka_unit_test(a_clock_that_was_set_back_keeps_no_rejected_event_out_of_the_log),
		cmocka_unit_test(old_entries_are_dropped_a_few_at_a_time),
		cmocka_unit_test(an_empty_log_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
