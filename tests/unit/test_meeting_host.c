#include "store/meeting.h"
#include "store/meeting_host.h"
#include "support/must.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { MEETING = 123 };

static int list(struct db *db, struct arena *arena, int64_t project_id, struct meeting_host **hosts)
{
	struct error err = {0};
	int count;

	must(meeting_host_list(db, arena, project_id, MEETING, hosts, &count, &err), &err);
	return count;
}

static void who_serves_first_comes_first(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct meeting_host *hosts;
	struct error err = {0};

	(void)state;
	must(meeting_learn(database.db, TEST_APP, MEETING, TEST_ADA, 10, &err) &&
		     db_script(database.db,
			       "UPDATE zoom_oauth_connections SET pmi = 123 WHERE id = 2", &err),
	     &err);
	assert_int_equal(list(database.db, &arena, TEST_PROJECT, &hosts), 2);
	assert_string_equal(hosts[0].zoom_user_id, "bob");
	assert_true(hosts[0].is_by_personal_id);
	assert_int_equal(hosts[0].known_at, 1);
	assert_string_equal(hosts[1].zoom_user_id, "ada");
	assert_false(hosts[1].is_by_personal_id);
	assert_int_equal(hosts[1].known_at, 10);
	must(db_script(database.db,
		       "UPDATE zoom_oauth_connections SET state = 'disconnected' WHERE id = 2",
		       &err),
	     &err);
	assert_int_equal(list(database.db, &arena, TEST_PROJECT, &hosts), 2);
	assert_string_equal(hosts[0].zoom_user_id, "ada");
	assert_true(hosts[0].is_connected);
	assert_false(hosts[1].is_connected);
}

static void what_was_forgotten_comes_last_and_names_nobody(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct meeting_host *hosts;
	struct error err = {0};

	(void)state;
	must(meeting_forget(database.db, TEST_OTHER_APP, MEETING, 20, &err) &&
		     meeting_learn(database.db, TEST_APP, MEETING, TEST_ADA, 10, &err),
	     &err);
	assert_int_equal(list(database.db, &arena, TEST_PROJECT, &hosts), 2);
	assert_string_equal(hosts[0].connection_public_id, "zoauth_1");
	assert_null(hosts[1].connection_public_id);
	assert_null(hosts[1].zoom_user_id);
	assert_string_equal(hosts[1].app_public_id, "zoapp_2");
	assert_int_equal(hosts[1].known_at, 20);
}

static void an_end_tells_nothing_of_the_host(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct meeting_host *hosts;
	struct error err = {0};

	(void)state;
	must(meeting_end(database.db, TEST_APP, MEETING, 20, &err), &err);
	assert_int_equal(list(database.db, &arena, TEST_PROJECT, &hosts), 0);
}

static void another_projects_hosts_are_none(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct meeting_host *hosts;
	struct error err = {0};

	(void)state;
	must(meeting_learn(database.db, TEST_APP, MEETING, TEST_ADA, 10, &err), &err);
	assert_int_equal(list(database.db, &arena, TEST_PROJECT + 1, &hosts), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_serves_first_comes_first),
		cmocka_unit_test(what_was_forgotten_comes_last_and_names_nobody),
		cmocka_unit_test(an_end_tells_nothing_of_the_host),
		cmocka_unit_test(another_projects_hosts_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
