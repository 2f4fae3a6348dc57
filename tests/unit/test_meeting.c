#include "base/clock.h"
#include "store/meeting.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MEETING = 123, TEXT_BYTES = 80 };

static const char host_sql[] =
	"SELECT connection_id FROM zoom_meetings WHERE meeting_id = 123 AND app_id = 1";
static const char live_sql[] =
	"SELECT is_live FROM zoom_meetings WHERE meeting_id = 123 AND app_id = 1";
static const char count_sql[] = "SELECT count(*) FROM zoom_meetings";

enum { NOBODY = -1 };

static void learn(struct db *db, int64_t connection_id, instant at)
{
	struct error err = {0};

	must(meeting_learn(db, TEST_APP, MEETING, connection_id, at, &err), &err);
}

static void forget(struct db *db, instant at)
{
	struct error err = {0};

	must(meeting_forget(db, TEST_APP, MEETING, at, &err), &err);
}

static void set_live(struct db *db, bool is_live, instant at)
{
	struct error err = {0};

	must(meeting_set_live(db, TEST_APP, MEETING, is_live, at, &err), &err);
}

static void end(struct db *db, instant at)
{
	struct error err = {0};

	must(meeting_end(db, TEST_APP, MEETING, at, &err), &err);
}

static void the_latest_host_is_known_in_whatever_order_it_is_learned(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	learn(database.db, TEST_ADA, 100);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_ADA);
	learn(database.db, TEST_BOB, 200);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_BOB);
	learn(database.db, TEST_ADA, 150);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_BOB);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
}

static void a_meeting_belongs_to_one_app_and_is_another_matter_in_the_next(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	learn(database.db, TEST_ADA, 100);
	must(meeting_forget(database.db, TEST_OTHER_APP, MEETING, 200, &err), &err);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_ADA);
}

static void what_is_forgotten_is_not_brought_back_by_something_older(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	learn(database.db, TEST_ADA, 100);
	forget(database.db, 200);
	assert_int_equal(test_database_number(database.db, host_sql), NOBODY);
	learn(database.db, TEST_ADA, 150);
	assert_int_equal(test_database_number(database.db, host_sql), NOBODY);
	learn(database.db, TEST_ADA, 250);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_ADA);
}

static void a_meeting_that_was_deleted_before_it_was_known_stays_deleted(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	forget(database.db, 200);
	learn(database.db, TEST_ADA, 100);
	assert_int_equal(test_database_number(database.db, host_sql), NOBODY);
}

static void forgetting_late_does_not_undo_what_was_learned_since(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	learn(database.db, TEST_ADA, 200);
	forget(database.db, 100);
	must(meeting_forget_if_known(database.db, TEST_APP, MEETING, 100, &err), &err);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_ADA);
}

static void learned_and_forgotten_at_the_same_time_is_forgotten_in_either_order(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	learn(database.db, TEST_ADA, 100);
	forget(database.db, 100);
	assert_int_equal(test_database_number(database.db, host_sql), NOBODY);
	learn(database.db, TEST_ADA, 100);
	assert_int_equal(test_database_number(database.db, host_sql), NOBODY);
}

static void a_strangers_meeting_leaves_no_row(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	must(meeting_forget_if_known(database.db, TEST_APP, MEETING, 100, &err), &err);
	set_live(database.db, true, 100);
	assert_int_equal(test_database_number(database.db, count_sql), 0);
	learn(database.db, TEST_ADA, 100);
	must(meeting_forget_if_known(database.db, TEST_APP, MEETING, 200, &err), &err);
	assert_int_equal(test_database_number(database.db, host_sql), NOBODY);
}

static void a_meeting_is_live_from_its_start_to_its_end(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	learn(database.db, TEST_ADA, 100);
	assert_int_equal(test_database_number(database.db, live_sql), 0);
	set_live(database.db, true, 200);
	assert_int_equal(test_database_number(database.db, live_sql), 1);
	set_live(database.db, false, 150);
	end(database.db, 150);
	assert_int_equal(test_database_number(database.db, live_sql), 1);
	end(database.db, 300);
	assert_int_equal(test_database_number(database.db, live_sql), 0);
	set_live(database.db, true, 300);
	assert_int_equal(test_database_number(database.db, live_sql), 0);
	set_live(database.db, true, 301);
	assert_int_equal(test_database_number(database.db, live_sql), 1);
	set_live(database.db, false, 301);
	assert_int_equal(test_database_number(database.db, live_sql), 0);
}

static void an_end_that_comes_before_its_start_stands_and_the_host_is_learned_all_the_same(
	void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	end(database.db, 200);
	assert_int_equal(test_database_number(database.db, host_sql), NOBODY);
	learn(database.db, TEST_ADA, 100);
	set_live(database.db, true, 100);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_ADA);
	assert_int_equal(test_database_number(database.db, live_sql), 0);
}

enum { OTHER_MEETING = 124 };

static const char same_sql[] =
	"SELECT count(*) FROM zoom_meetings a JOIN zoom_meetings b ON b.meeting_id = 124"
	" AND b.connection_id IS a.connection_id AND b.known_at = a.known_at AND b.is_live = a.is_live"
	" AND b.live_at = a.live_at WHERE a.meeting_id = 123";

/* What may be known of a meeting when the news comes that it has started. */
static const char *const before_start[] = {
	"SELECT 1",
	"INSERT INTO zoom_meetings VALUES (%d, 1, 1, 100, 0, 0)",
	"INSERT INTO zoom_meetings VALUES (%d, 1, 1, 100, 1, 100)",
	"INSERT INTO zoom_meetings VALUES (%d, 1, 1, 100, 0, 100)",
	"INSERT INTO zoom_meetings VALUES (%d, 1, 1, 90, 0, 100)",
	"INSERT INTO zoom_meetings VALUES (%d, 1, 1, 100, 1, 90)",
	"INSERT INTO zoom_meetings VALUES (%d, 1, 2, 100, 0, 0)",
	"INSERT INTO zoom_meetings VALUES (%d, 1, NULL, 100, 0, 0)",
	"INSERT INTO zoom_meetings VALUES (%d, 1, NULL, 0, 0, 100)",
};

static void compare_start(const char *before, instant at)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct db *db = database.db;
	struct error err = {0};
	char sql[TEXT_BYTES];

	for (int meeting = MEETING; meeting <= OTHER_MEETING; meeting++) {
		snprintf(sql, sizeof(sql), before, meeting);
		must(db_script(db, sql, &err), &err);
	}
	must(meeting_start(db, TEST_APP, MEETING, TEST_ADA, at, &err), &err);
	must(meeting_learn(db, TEST_APP, OTHER_MEETING, TEST_ADA, at, &err), &err);
	must(meeting_set_live(db, TEST_APP, OTHER_MEETING, true, at, &err), &err);
	assert_int_equal(test_database_number(db, same_sql), 1);
}

static void a_start_tells_who_the_host_is_and_that_the_meeting_is_live(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(before_start); i++)
		for (instant at = 80; at <= 110; at += 10)
			compare_start(before_start[i], at);
}

static void all_that_a_connection_hosts_is_removed_and_no_more(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	for (int64_t meeting = 1; meeting <= 3; meeting++)
		must(meeting_learn(database.db, TEST_APP, meeting, TEST_BOB, 100, &err), &err);
	learn(database.db, TEST_ADA, 100);
	must(meeting_remove_all(database.db, TEST_BOB, &err), &err);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_ADA);
}

static void meetings_are_listed_by_pages_without_the_forgotten(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	SCOPED(arena_release) struct arena arena = {0};
	struct page page = {.size = 2};
	struct error err = {0};
	struct meeting *meetings;
	bool has_newer, has_older;
	int count;

	(void)state;
	for (int64_t meeting = 1; meeting <= 4; meeting++)
		must(meeting_learn(database.db, TEST_APP, meeting, TEST_ADA, 100 + meeting, &err),
		     &err);
	must(meeting_set_live(database.db, TEST_APP, 4, true, 200, &err), &err);
	must(meeting_forget(database.db, TEST_APP, 3, 200, &err), &err);
	must(meeting_list(database.db, &arena, TEST_ADA, &page, &meetings, &count, &has_newer,
			  &has_older, &err),
	     &err);
	assert_int_equal(count, 2);
	assert_int_equal(meetings[0].meeting_id, 4);
	assert_true(meetings[0].is_live);
	assert_int_equal(meetings[0].known_at, 104);
	assert_int_equal(meetings[1].meeting_id, 2);
	assert_false(meetings[1].is_live);
	assert_false(has_newer);
	assert_true(has_older);

	page.before_id = 2;
	must(meeting_list(database.db, &arena, TEST_ADA, &page, &meetings, &count, &has_newer,
			  &has_older, &err),
	     &err);
	assert_int_equal(count, 1);
	assert_int_equal(meetings[0].meeting_id, 1);
	assert_true(has_newer);
	assert_false(has_older);

	page = (struct page){.after_id = 1, .size = 2};
	must(meeting_list(database.db, &arena, TEST_ADA, &page, &meetings, &count, &has_newer,
			  &has_older, &err),
	     &err);
	assert_int_equal(count, 2);
	assert_int_equal(meetings[0].meeting_id, 4);
	assert_int_equal(meetings[1].meeting_id, 2);
	assert_false(has_newer);
	assert_true(has_older);
}

/* The next two rows. */
static int64_t clean_up(struct db *db, instant before, instant forgotten_before, int64_t after)
{
	struct error err = {0};

	must(meeting_clean_up(db, before, forgotten_before, 2, &after, &err), &err);
	return after;
}

static void what_nothing_has_confirmed_for_long_is_dropped_wherever_it_is(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	for (int64_t meeting = 1; meeting <= 5; meeting++)
		must(meeting_learn(database.db, TEST_APP, meeting, TEST_ADA,
				   meeting % 2 != 0 ? 100 : 1000, &err),
		     &err);
	assert_int_equal(clean_up(database.db, 1000, 1000, 0), 2);
	assert_int_equal(test_database_number(database.db, count_sql), 4);
	assert_int_equal(clean_up(database.db, 1000, 1000, 2), 4);
	assert_int_equal(test_database_number(database.db, count_sql), 3);
	assert_int_equal(clean_up(database.db, 1000, 1000, 4), 0);
	assert_int_equal(test_database_number(database.db, count_sql), 2);
	assert_int_equal(clean_up(database.db, 1000, 1000, 0), 4);
	assert_int_equal(clean_up(database.db, 1000, 1000, 4), 0);
	assert_int_equal(test_database_number(database.db, count_sql), 2);
}

static void a_meeting_of_several_apps_is_cleaned_up_at_once(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	must(meeting_forget(database.db, TEST_APP, 1, 100, &err), &err);
	must(meeting_forget(database.db, TEST_APP, 2, 100, &err), &err);
	must(meeting_forget(database.db, TEST_OTHER_APP, 2, 100, &err), &err);
	assert_int_equal(clean_up(database.db, 50, 101, 0), 2);
	assert_int_equal(test_database_number(database.db, count_sql), 0);
}

static void forgotten_meetings_have_an_age_of_their_own(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	must(meeting_forget(database.db, TEST_APP, 1, 100, &err), &err);
	learn(database.db, TEST_ADA, 100);
	clean_up(database.db, 50, 100, 0);
	assert_int_equal(test_database_number(database.db, count_sql), 2);
	clean_up(database.db, 50, 101, 0);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
	assert_int_equal(test_database_number(database.db, host_sql), TEST_ADA);
}

static void a_meeting_that_only_ended_is_kept_as_long_as_one_that_was_forgotten(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();

	(void)state;
	end(database.db, 100);
	clean_up(database.db, 50, 100, 0);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
	clean_up(database.db, 50, 101, 0);
	assert_int_equal(test_database_number(database.db, count_sql), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latest_host_is_known_in_whatever_order_it_is_learned),
		cmocka_unit_test(a_meeting_belongs_to_one_app_and_is_another_matter_in_the_next),
		cmocka_unit_test(what_is_forgotten_is_not_brought_back_by_something_older),
		cmocka_unit_test(a_meeting_that_was_deleted_before_it_was_known_stays_deleted),
		cmocka_unit_test(forgetting_late_does_not_undo_what_was_learned_since),
		cmocka_unit_test(
			learned_and_forgotten_at_the_same_time_is_forgotten_in_either_order),
		cmocka_unit_test(a_strangers_meeting_leaves_no_row),
		cmocka_unit_test(a_meeting_is_live_from_its_start_to_its_end),
		cmocka_unit_test(
			an_end_that_comes_before_its_start_stands_and_the_host_is_learned_all_the_same),
		cmocka_unit_test(a_start_tells_who_the_host_is_and_that_the_meeting_is_live),
		cmocka_unit_test(all_that_a_connection_hosts_is_removed_and_no_more),
		cmocka_unit_test(meetings_are_listed_by_pages_without_the_forgotten),
		cmocka_unit_test(what_nothing_has_confirmed_for_long_is_dropped_wherever_it_is),
		cmocka_unit_test(a_meeting_of_several_apps_is_cleaned_up_at_once),
		cmocka_unit_test(forgotten_meetings_have_an_age_of_their_own),
		cmocka_unit_test(
			a_meeting_that_only_ended_is_kept_as_long_as_one_that_was_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
