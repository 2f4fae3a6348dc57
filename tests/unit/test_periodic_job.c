#include "base/clock.h"
#include "store/periodic_job.h"
#include "support/must.h"
#include "support/test_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool claim(struct db *db, const char *name, instant now, instant next_at)
{
	struct error err = {0};
	bool claimed = false;

	must(periodic_job_claim(db, name, now, next_at, &claimed, &err), &err);
	return claimed;
}

static instant next(struct db *db, const char *name)
{
	struct error err = {0};
	instant at = -1;

	must(periodic_job_next(db, name, &at, &err), &err);
	return at;
}

static void a_job_that_never_ran_is_due(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();
	const instant at = next(database.db, "sweep");

	(void)state;
	assert_true(at > 0 && at < SECOND); /* 0 would say that none is due */
	assert_true(claim(database.db, "sweep", 1000, 2000));
	assert_int_equal(next(database.db, "sweep"), 2000);
}

static void a_job_is_claimed_once_and_then_not_before_its_time(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();

	(void)state;
	assert_true(claim(database.db, "sweep", 1000, 2000));
	assert_false(claim(database.db, "sweep", 1000, 9000));
	assert_false(claim(database.db, "sweep", 1999, 9000));
	assert_int_equal(next(database.db, "sweep"), 2000);
	assert_true(claim(database.db, "sweep", 2000, 3000));
	assert_int_equal(next(database.db, "sweep"), 3000);
}

static void jobs_do_not_stand_in_each_others_way(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open();

	(void)state;
	assert_true(claim(database.db, "sweep", 1000, 2000));
	assert_true(claim(database.db, "dust", 1000, 5000));
	assert_int_equal(next(database.db, "sweep"), 2000);
	assert_int_equal(next(database.db, "dust"), 5000);
	assert_true(claim(database.db, "sweep", 2000, 6000));
	assert_int_equal(next(database.db, "dust"), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_that_never_ran_is_due),
		cmocka_unit_test(a_job_is_claimed_once_and_then_not_before_its_time),
		cmocka_unit_test(jobs_do_not_stand_in_each_others_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
