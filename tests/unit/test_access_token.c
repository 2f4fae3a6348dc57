#include "base/clock.h"
#include "broker/access_token.h"
#include "broker/refresh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const instant issued_at = 1000 * DAY;

static bool is_fresh_after(instant age, instant lifetime)
{
	return access_token_is_fresh(issued_at + age, issued_at, issued_at + lifetime);
}

static void a_token_of_an_hour_is_good_until_three_minutes_before_its_end(void **state)
{
	(void)state;
	assert_true(is_fresh_after(0, HOUR));
	assert_true(is_fresh_after(57 * MINUTE - 1, HOUR));
	assert_false(is_fresh_after(57 * MINUTE, HOUR));
	assert_false(is_fresh_after(HOUR, HOUR));
	assert_false(is_fresh_after(HOUR + DAY, HOUR));
}

static void a_token_of_a_day_too(void **state)
{
	(void)state;
	assert_true(is_fresh_after(DAY - 3 * MINUTE - 1, DAY));
	assert_false(is_fresh_after(DAY - 3 * MINUTE, DAY));
}

static void a_short_token_is_good_for_three_quarters_of_its_life(void **state)
{
	(void)state;
	assert_true(is_fresh_after(3 * MINUTE - 1, 4 * MINUTE));
	assert_false(is_fresh_after(3 * MINUTE, 4 * MINUTE));
	/* Where both rules say the same. */
	assert_true(is_fresh_after(9 * MINUTE - 1, 12 * MINUTE));
	assert_false(is_fresh_after(9 * MINUTE, 12 * MINUTE));
	assert_true(is_fresh_after(0, SECOND));
	assert_false(is_fresh_after(SECOND, SECOND));
}

static void a_token_without_a_life_is_never_good(void **state)
{
	(void)state;
	assert_false(is_fresh_after(0, 0));
	assert_false(is_fresh_after(0, -HOUR));
	assert_false(is_fresh_after(-2 * HOUR, -HOUR));
	assert_false(access_token_is_fresh(issued_at, 0, 0));
}

static void a_token_from_the_future_is_good_only_as_far_as_clocks_differ(void **state)
{
	(void)state;
	assert_true(is_fresh_after(-3 * MINUTE, HOUR));
	assert_false(is_fresh_after(-3 * MINUTE - 1, HOUR));
	assert_false(is_fresh_after(-DAY, HOUR));
}

static void upkeep_is_due_in_the_thirtieth_day_and_not_for_all_at_once(void **state)
{
	instant earliest = INT64_MAX, latest = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		const instant at = refresh_next_upkeep(issued_at);

		assert_true(at > issued_at + 29 * DAY && at <= issued_at + 30 * DAY);
		if (at < earliest)
			earliest = at;
		if (at > latest)
			latest = at;
	}
	assert_true(latest - earliest > 20 * HOUR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_an_hour_is_good_until_three_minutes_before_its_end),
		cmocka_unit_test(a_token_of_a_day_too),
		cmocka_unit_test(a_short_token_is_good_for_three_quarters_of_its_life),
		cmocka_unit_test(a_token_without_a_life_is_never_good),
		cmocka_unit_test(a_token_from_the_future_is_good_only_as_far_as_clocks_differ),
		cmocka_unit_test(upkeep_is_due_in_the_thirtieth_day_and_not_for_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
