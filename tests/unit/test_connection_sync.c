#include "base/clock.h"
#include "store/connection.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOBODY = 0 };

static const instant now = 1000 * DAY, lease_until = 1000 * DAY + 15 * MINUTE, next_at = 1007 * DAY;

static const char next_of_ada_sql[] =
	"SELECT next_sync_at FROM zoom_oauth_connections WHERE id = 1";
static const char attempts_of_ada_sql[] =
	"SELECT sync_attempts FROM zoom_oauth_connections WHERE id = 1";
static const char succeeded_of_ada_sql[] =
	"SELECT last_successful_sync_at FROM zoom_oauth_connections WHERE id = 1";

/* Ada's sync has been due for longer than Bob's. */
static struct test_database open_database(void)
{
	struct test_database database = test_database_open();
	struct error err = {0};

	test_rows_add(database.db);
	must(db_script(database.db, "UPDATE zoom_oauth_connections SET next_sync_at = id + 100",
		       &err),
	     &err);
	return database;
}

static int64_t claim_at(struct db *db, instant at)
{
	struct error err = {0};
	int64_t id = NOBODY;
	bool found;

	must(connection_claim_sync(db, at, lease_until, &found, &id, &err), &err);
	return found ? id : NOBODY;
}

static void finish(struct db *db, bool worked)
{
	struct error err = {0};

	must(connection_finish_sync(db, TEST_ADA, lease_until, worked, now, next_at, &err), &err);
}

static struct connection find_ada(struct db *db, struct arena *arena)
{
	struct connection connection = {0};
	struct error err = {0};
	bool found;

	must(connection_find_by_id(db, arena, TEST_ADA, &found, &connection, &err), &err);
	return connection;
}

static void each_due_sync_is_claimed_once_the_longest_due_first(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_int_equal(claim_at(database.db, 100), NOBODY);
	assert_int_equal(claim_at(database.db, now), TEST_ADA);
	assert_int_equal(claim_at(database.db, now), TEST_BOB);
	assert_int_equal(claim_at(database.db, now), NOBODY);
	/* Whoever had them was killed. */
	assert_int_equal(claim_at(database.db, lease_until), TEST_ADA);
}

static void a_sync_that_worked_is_due_again_next_time(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();

	(void)state;
	assert_int_equal(claim_at(database.db, now), TEST_ADA);
	finish(database.db, true);
	assert_int_equal(test_database_number(database.db, next_of_ada_sql), next_at);
	assert_int_equal(test_database_number(database.db, succeeded_of_ada_sql), now);
	assert_int_equal(test_database_number(database.db, attempts_of_ada_sql), 0);
}

static void failures_are_counted_until_a_sync_works(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	must(connection_remove(database.db, TEST_BOB, &err), &err);
	for (int attempts = 1; attempts <= 2; attempts++) {
		assert_int_equal(claim_at(database.db, next_at), TEST_ADA);
		finish(database.db, false);
		assert_int_equal(test_database_number(database.db, attempts_of_ada_sql), attempts);
		assert_int_equal(test_database_number(database.db, succeeded_of_ada_sql), -1);
	}
	assert_int_equal(claim_at(database.db, next_at), TEST_ADA);
	finish(database.db, true);
	assert_int_equal(test_database_number(database.db, attempts_of_ada_sql), 0);
}

/* Else the new authorization's sync would be put off by a week, or a disconnected user's be due. */
static void a_sync_that_ends_after_its_claim_is_gone_changes_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	SCOPED(arena_release) struct arena arena = {0};
	struct connection connection = find_ada(database.db, &arena);
	struct error err = {0};
	bool changed;

	(void)state;
	assert_int_equal(claim_at(database.db, now), TEST_ADA);
	must(connection_reauthorize(database.db, &connection, now + 1, &err), &err);
	finish(database.db, true);
	must(connection_give_back_sync(database.db, TEST_ADA, lease_until, now, &err), &err);
	assert_int_equal(test_database_number(database.db, next_of_ada_sql), now + 1);
	assert_int_equal(test_database_number(database.db, succeeded_of_ada_sql), -1);

	assert_int_equal(claim_at(database.db, now), TEST_BOB);
	assert_int_equal(claim_at(database.db, now + 1), TEST_ADA);
	must(connection_disconnect(database.db, TEST_ADA, "code", "error", now, &changed, &err),
	     &err);
	finish(database.db, false);
	must(connection_give_back_sync(database.db, TEST_ADA, lease_until, now, &err), &err);
	assert_int_equal(test_database_number(database.db, next_of_ada_sql), -1);
}

static void a_sync_that_was_given_back_is_due_again_and_counts_as_no_failure(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	assert_int_equal(claim_at(database.db, now), TEST_ADA);
	must(connection_give_back_sync(database.db, TEST_ADA, lease_until, 50, &err), &err);
	assert_int_equal(test_database_number(database.db, attempts_of_ada_sql), 0);
	assert_int_equal(claim_at(database.db, now), TEST_ADA);
}

static void only_what_failed_for_connected_users_of_the_app_is_tried_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_database();
	struct error err = {0};

	(void)state;
	assert_int_equal(claim_at(database.db, now), TEST_ADA);
	finish(database.db, false);
	must(connection_retry_failed_syncs(database.db, TEST_OTHER_APP, now, &err), &err);
	assert_int_equal(test_database_number(database.db, next_of_ada_sql), next_at);
	must(connection_retry_failed_syncs(database.db, TEST_APP, now, &err), &err);
	assert_int_equal(test_database_number(database.db, next_of_ada_sql), now);
	/* Bob's has not failed and stays as it was. */
	assert_int_equal(claim_at(database.db, 102), TEST_BOB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_due_sync_is_claimed_once_the_longest_due_first),
		cmocka_unit_test(a_sync_that_worked_is_due_again_next_time),
		cmocka_unit_test(failures_are_counted_until_a_sync_works),
		cmocka_unit_test(a_sync_that_ends_after_its_claim_is_gone_changes_nothing),
		cmocka_unit_test(a_sync_that_was_given_back_is_due_again_and_counts_as_no_failure),
		cmocka_unit_test(only_what_failed_for_connected_users_of_the_app_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
