/* Since when a process could hear whoever called, whatever the clock did. */
#include "serve/uptime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const instant start = 1000 * DAY;
enum { STARTED_MS = 12345, MINUTE_MS = 60000 };

/* So long after the start by the monotonic clock, with a clock that is so far ahead of it since. */
static instant since(struct uptime *uptime, int64_t after_ms, instant ahead)
{
	return uptime_since(uptime, start + after_ms * MILLISECOND + ahead, STARTED_MS + after_ms) -
	       start;
}

static void it_is_the_start_as_long_as_the_clock_goes_on(void **state)
{
	struct uptime *uptime = uptime_open(start, STARTED_MS);

	(void)state;
	assert_int_equal(since(uptime, 0, 0), 0);
	assert_int_equal(since(uptime, 100 * MINUTE_MS, 0), 0);
	/* A clock that is corrected little by little. */
	assert_int_equal(since(uptime, 101 * MINUTE_MS, UPTIME_GAP_S * SECOND), 5 * SECOND);
	assert_int_equal(since(uptime, 102 * MINUTE_MS, 2 * UPTIME_GAP_S * SECOND), 10 * SECOND);
	uptime_close(&uptime);
	assert_null(uptime);
}

static void after_a_gap_it_is_the_end_of_that(void **state)
{
	struct uptime *uptime = uptime_open(start, STARTED_MS);

	(void)state;
	assert_int_equal(since(uptime, MINUTE_MS, HOUR), HOUR + MINUTE);
	assert_int_equal(since(uptime, 2 * MINUTE_MS, HOUR), HOUR + MINUTE);
	assert_int_equal(since(uptime, 3 * MINUTE_MS, 2 * HOUR), 2 * HOUR + 3 * MINUTE);
	uptime_close(&uptime);
}

static void a_clock_that_is_set_back_makes_no_gap_and_the_start_earlier(void **state)
{
	struct uptime *uptime = uptime_open(start, STARTED_MS);

	(void)state;
	assert_int_equal(since(uptime, MINUTE_MS, -HOUR), -HOUR);
	assert_int_equal(since(uptime, 2 * MINUTE_MS, 0), 2 * MINUTE);
	uptime_close(&uptime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_start_as_long_as_the_clock_goes_on),
		cmocka_unit_test(after_a_gap_it_is_the_end_of_that),
		cmocka_unit_test(a_clock_that_is_set_back_makes_no_gap_and_the_start_earlier),
	};

	return cmocka_run_group_tests_name("uptime", tests, NULL, NULL);
}
