/* What Zoom wants to be left alone with is left alone until then, and nothing else is. */
#include "zoom/rate_limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const instant now = 1000 * DAY;

static bool is_limited(const struct rate_limits *limits, uint64_t subject, instant at)
{
	instant until;

	return rate_limits_find(limits, subject, at, &until);
}

static void a_limit_is_its_subjects_until_it_is_over(void **state)
{
	struct rate_limits limits = {0};
	instant until = 0;

	(void)state;
	assert_false(is_limited(&limits, 1, now));
	rate_limits_note(&limits, 1, now, now + HOUR);
	assert_true(rate_limits_find(&limits, 1, now, &until));
	assert_int_equal(until, now + HOUR);
	assert_false(is_limited(&limits, 2, now));
	assert_true(is_limited(&limits, 1, now + HOUR - 1));
	assert_false(is_limited(&limits, 1, now + HOUR));
}

static void a_newer_word_of_zooms_counts_for_an_older_one(void **state)
{
	struct rate_limits limits = {0};

	(void)state;
	rate_limits_note(&limits, 1, now, now + HOUR);
	rate_limits_note(&limits, 2, now, now + HOUR);
	rate_limits_note(&limits, 2, now, now + 2 * HOUR);
	assert_true(is_limited(&limits, 2, now + HOUR));
	assert_false(is_limited(&limits, 1, now + HOUR));
	rate_limits_note(&limits, 2, now, now + MINUTE);
	assert_false(is_limited(&limits, 2, now + MINUTE));
}

static void a_limit_of_a_second_and_one_that_zoom_does_not_name_are_none(void **state)
{
	struct rate_limits limits = {0};

	(void)state;
	rate_limits_note(&limits, 1, now, 0);
	rate_limits_note(&limits, 1, now, now + RATE_LIMIT_S_MIN * SECOND - 1);
	assert_false(is_limited(&limits, 1, now));
	rate_limits_note(&limits, 1, now, now + RATE_LIMIT_S_MIN * SECOND);
	assert_true(is_limited(&limits, 1, now));
}

static void a_clock_that_is_set_back_makes_no_limit_longer(void **state)
{
	struct rate_limits limits = {0};

	(void)state;
	rate_limits_note(&limits, 1, now, now + HOUR);
	assert_true(is_limited(&limits, 1, now));
	assert_false(is_limited(&limits, 1, now - 1));
	assert_false(is_limited(&limits, 1, now - 5 * HOUR));
	rate_limits_note(&limits, 1, now - 5 * HOUR, now - 4 * HOUR);
	assert_true(is_limited(&limits, 1, now - 5 * HOUR));
	assert_false(is_limited(&limits, 1, now - 4 * HOUR));
}

static void what_a_clock_noted_that_was_set_back_takes_no_room(void **state)
{
	struct rate_limits limits = {0};

	(void)state;
	for (int i = 1; i <= RATE_LIMITS_MAX; i++)
		rate_limits_note(&limits, (uint64_t)i, now + 365 * DAY, now + 366 * DAY);
	for (int i = 1; i <= RATE_LIMITS_MAX; i++)
		rate_limits_note(&limits, (uint64_t)i + 1000, now, now + HOUR);
	for (int i = 1; i <= RATE_LIMITS_MAX; i++)
		assert_true(is_limited(&limits, (uint64_t)i + 1000, now));
}

static void where_there_is_no_room_the_one_that_ends_soonest_goes(void **state)
{
	struct rate_limits limits = {0};

	(void)state;
	for (int i = 1; i <= RATE_LIMITS_MAX; i++)
		rate_limits_note(&limits, (uint64_t)i, now,
				 now + (i == 77 ? MINUTE : HOUR + i * SECOND));
	rate_limits_note(&limits, 1000, now, now + HOUR);
	assert_true(is_limited(&limits, 1000, now));
	assert_false(is_limited(&limits, 77, now));
	for (int i = 1; i <= RATE_LIMITS_MAX; i++)
		assert_true(i == 77 || is_limited(&limits, (uint64_t)i, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_is_its_subjects_until_it_is_over),
		cmocka_unit_test(a_newer_word_of_zooms_counts_for_an_older_one),
		cmocka_unit_test(a_limit_of_a_second_and_one_that_zoom_does_not_name_are_none),
		cmocka_unit_test(a_clock_that_is_set_back_makes_no_limit_longer),
		cmocka_unit_test(what_a_clock_noted_that_was_set_back_takes_no_room),
		cmocka_unit_test(where_there_is_no_room_the_one_that_ends_soonest_goes),
	};

	return cmocka_run_group_tests_name("rate_limits", tests, NULL, NULL);
}
