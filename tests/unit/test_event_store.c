#include "base/clock.h"
#include "store/event.h"
#include "support/must.h"
#include "support/test_database.h"
#include "support/test_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char count_of_names_sql[] = "SELECT count(*) FROM zoom_event_counts WHERE app_id = 1";
static const char count_of_started_sql[] =
	"SELECT count FROM zoom_event_counts WHERE app_id = 1 AND name = 'meeting.started'";
static const char last_started_sql[] =
	"SELECT last_at FROM zoom_event_counts WHERE app_id = 1 AND name = 'meeting.started'";
static const char count_of_other_sql[] =
	"SELECT count FROM zoom_event_counts WHERE app_id = 1 AND name = 'other'";

static void count(struct db *db, const char *name, instant now)
{
	struct error err = {0};

	must(event_count(db, TEST_APP, name, 1, now, &err), &err);
}

static void events_are_counted_by_name(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	struct error err = {0};

	(void)state;
	count(database.db, "meeting.started", 100);
	count(database.db, "meeting.started", 200);
	count(database.db, "app_deauthorized", 300);
	must(event_count(database.db, TEST_OTHER_APP, "meeting.started", 5, 400, &err), &err);
	assert_int_equal(test_database_number(database.db, count_of_started_sql), 2);
	assert_int_equal(test_database_number(database.db, last_started_sql), 200);
	assert_int_equal(test_database_number(database.db, count_of_names_sql), 2);
	must(event_count(database.db, TEST_APP, "meeting.started", 40, 500, &err), &err);
	assert_int_equal(test_database_number(database.db, count_of_started_sql), 42);
	assert_int_equal(test_database_number(database.db, last_started_sql), 500);
}

static void a_name_that_is_none_of_zooms_is_counted_as_other(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	char name[EVENT_NAME_BYTES_MAX + 2];

	(void)state;
	count(database.db, "", 100);
	count(database.db, "Meeting.Started", 100);
	count(database.db, "meeting started", 100);
	count(database.db,
	      "m\xc3\xa9"
	      "eting",
	      100);
	memset(name, 'a', sizeof(name));
	name[EVENT_NAME_BYTES_MAX + 1] = '\0';
	count(database.db, name, 100);
	assert_int_equal(test_database_number(database.db, count_of_names_sql), 1);
	assert_int_equal(test_database_number(database.db, count_of_other_sql), 5);
	name[EVENT_NAME_BYTES_MAX] = '\0';
	count(database.db, name, 100);
	assert_int_equal(test_database_number(database.db, count_of_names_sql), 2);
	assert_int_equal(test_database_number(database.db, count_of_other_sql), 5);
}

static void of_too_many_names_the_surplus_is_counted_as_other(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_rows_open();
	char name[EVENT_NAME_BYTES_MAX];

	(void)state;
	count(database.db, "no event of zoom's", 100);
	count(database.db, "meeting.started", 100);
	for (int i = 1; i < EVENT_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "made.up_%d", i);
		count(database.db, name, 100);
	}
	assert_int_equal(test_database_number(database.db, count_of_names_sql),
			 EVENT_NAMES_MAX + 1);
	assert_int_equal(test_database_number(database.db, count_of_other_sql), 1);
	count(database.db, "one.too_many", 100);
	assert_int_equal(test_database_number(database.db, count_of_names_sql),
			 EVENT_NAMES_MAX + 1);
	assert_int_equal(test_database_number(database.db, count_of_other_sql), 2);
	count(database.db, "meeting.started", 100);
	assert_int_equal(test_database_number(database.db, count_of_started_sql), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_counted_by_name),
		cmocka_unit_test(a_name_that_is_none_of_zooms_is_counted_as_other),
		cmocka_unit_test(of_too_many_names_the_surplus_is_counted_as_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
