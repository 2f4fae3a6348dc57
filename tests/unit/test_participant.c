#include "base/clock.h"
#include "store/meeting.h"
#include "store/participant.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MEETING = 123 };

static void note(struct db *db, int64_t connection_id, bool is_present, instant at)
{
	struct error err = {0};

	must(participant_note(db,
			      &(struct participation){TEST_APP, MEETING, connection_id, "16778240"},
			      is_present, at, &err),
	     &err);
}

static void note_session(struct db *db, const char *session, bool is_present, instant at)
{
	struct error err = {0};

	must(participant_note(db, &(struct participation){TEST_APP, MEETING, TEST_ADA, session},
			      is_present, at, &err),
	     &err);
}

static void note_end(struct db *db, instant at)
{
	struct error err = {0};

	must(participant_note_end(db, TEST_APP, MEETING, at, &err), &err);
}

static bool is_inside(struct db *db, int64_t app_id, int64_t meeting_id, int64_t connection_id)
{
	struct error err = {0};
	bool is_present;

	must(participant_is_present(db, app_id, meeting_id, connection_id, &is_present, &err),
	     &err);
	return is_present;
}

static bool ada_is_inside(struct db *db)
{
	return is_inside(db, TEST_APP, MEETING, TEST_ADA);
}

static void a_user_is_inside_from_joining_to_leaving(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	assert_false(ada_is_inside(database.db));
	note(database.db, TEST_ADA, true, 100);
	assert_true(ada_is_inside(database.db));
	note(database.db, TEST_ADA, false, 200);
	assert_false(ada_is_inside(database.db));
	note(database.db, TEST_ADA, true, 300);
	assert_true(ada_is_inside(database.db));
}

static void being_inside_holds_for_one_user_one_meeting_and_one_app(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	note(database.db, TEST_ADA, true, 100);
	assert_false(is_inside(database.db, TEST_APP, MEETING, TEST_BOB));
	assert_false(is_inside(database.db, TEST_APP, MEETING + 1, TEST_ADA));
	assert_false(is_inside(database.db, TEST_OTHER_APP, MEETING, TEST_ADA));
}

static void a_leaving_that_comes_before_its_joining_stands(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	note(database.db, TEST_ADA, false, 200);
	note(database.db, TEST_ADA, true, 100);
	assert_false(ada_is_inside(database.db));
}

static void a_leaving_at_the_time_of_the_joining_stands_in_either_order(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	note(database.db, TEST_ADA, false, 100);
	note(database.db, TEST_ADA, true, 100);
	assert_false(ada_is_inside(database.db));
	note(database.db, TEST_BOB, true, 100);
	note(database.db, TEST_BOB, false, 100);
	assert_false(is_inside(database.db, TEST_APP, MEETING, TEST_BOB));
}

static void a_leaving_that_comes_late_does_not_undo_the_next_joining(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	note(database.db, TEST_ADA, true, 300);
	note(database.db, TEST_ADA, false, 200);
	assert_true(ada_is_inside(database.db));
}

static void who_is_inside_twice_is_so_until_both_are_gone(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	note_session(database.db, "1", true, 100);
	note_session(database.db, "2", true, 200);
	note_session(database.db, "1", false, 300);
	assert_true(ada_is_inside(database.db));
	note_session(database.db, "2", false, 400);
	assert_false(ada_is_inside(database.db));
}

static void where_a_session_is_not_told_the_leaving_is_of_all_before_it(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	note_session(database.db, NULL, true, 100);
	note_session(database.db, "1", false, 200);
	assert_false(ada_is_inside(database.db));
	note_session(database.db, "2", true, 300);
	note_session(database.db, "3", true, 500);
	note_session(database.db, NULL, false, 400);
	assert_true(ada_is_inside(database.db));
	note_session(database.db, "3", false, 600);
	assert_false(ada_is_inside(database.db));
}

static void the_end_of_a_meeting_empties_it_of_all_who_came_before(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	note(database.db, TEST_ADA, true, 100);
	note(database.db, TEST_BOB, true, 301);
	note_end(database.db, 300);
	assert_false(ada_is_inside(database.db));
	assert_true(is_inside(database.db, TEST_APP, MEETING, TEST_BOB));
	note(database.db, TEST_ADA, true, 200);
	assert_false(ada_is_inside(database.db));
}

static void who_joined_what_has_ended_since_is_not_inside(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	must(meeting_end(database.db, TEST_APP, MEETING, 300, &err), &err);
	note(database.db, TEST_ADA, true, 200);
	assert_false(ada_is_inside(database.db));
	note(database.db, TEST_ADA, true, 301);
	assert_true(ada_is_inside(database.db));
}

static void a_live_meeting_keeps_nobody_out(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	must(meeting_learn(database.db, TEST_APP, MEETING, TEST_BOB, 200, &err), &err);
	must(meeting_set_live(database.db, TEST_APP, MEETING, true, 200, &err), &err);
	note(database.db, TEST_ADA, true, 199);
	assert_true(ada_is_inside(database.db));
}

static void a_connection_that_is_another_users_now_is_inside_nowhere(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	note(database.db, TEST_ADA, true, 100);
	note(database.db, TEST_BOB, true, 100);
	must(participant_remove_all(database.db, TEST_ADA, &err), &err);
	assert_false(ada_is_inside(database.db));
	assert_true(is_inside(database.db, TEST_APP, MEETING, TEST_BOB));
}

static void old_rows_are_dropped_a_few_at_a_time(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};
	int64_t removed;

	(void)state;
	note_session(database.db, "1", true, 100);
	note_session(database.db, "2", true, 100);
	note_session(database.db, "3", true, 100);
	note_session(database.db, "4", true, 1000);
	must(participant_clean_up(database.db, 1000, 2, &removed, &err), &err);
	assert_int_equal(removed, 2);
	must(participant_clean_up(database.db, 1000, 2, &removed, &err), &err);
	assert_int_equal(removed, 1);
	must(participant_clean_up(database.db, 1000, 2, &removed, &err), &err);
	assert_int_equal(removed, 0);
	assert_true(ada_is_inside(database.db));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_is_inside_from_joining_to_leaving),
		cmocka_unit_test(being_inside_holds_for_one_user_one_meeting_and_one_app),
		cmocka_unit_test(a_leaving_that_comes_before_its_joining_stands),
		cmocka_unit_test(a_leaving_at_the_time_of_the_joining_stands_in_either_order),
		cmocka_unit_test(a_leaving_that_comes_late_does_not_undo_the_next_joining),
		cmocka_unit_test(who_is_inside_twice_is_so_until_both_are_gone),
		cmocka_unit_test(where_a_session_is_not_told_the_leaving_is_of_all_before_it),
		cmocka_unit_test(the_end_of_a_meeting_empties_it_of_all_who_came_before),
		cmocka_unit_test(who_joined_what_has_ended_since_is_not_inside),
		cmocka_unit_test(a_live_meeting_keeps_nobody_out),
		cmocka_unit_test(a_connection_that_is_another_users_now_is_inside_nowhere),
		cmocka_unit_test(old_rows_are_dropped_a_few_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
