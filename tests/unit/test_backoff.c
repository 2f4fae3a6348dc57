#include "base/attr.h"
#include "base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FIRST_S = 60, MAX_S = 6 * 3600, NO_SPREAD = 0, ALL_SPREAD = 0xffff };

static int64_t shortest(int failures)
{
	return backoff_s(failures, FIRST_S, MAX_S, NO_SPREAD);
}

static int64_t longest(int failures)
{
	return backoff_s(failures, FIRST_S, MAX_S, ALL_SPREAD);
}

static void each_failure_doubles_the_wait(void **state)
{
	(void)state;
	assert_int_equal(longest(1), 60);
	assert_int_equal(longest(2), 120);
	assert_int_equal(longest(3), 240);
	assert_int_equal(longest(9), 15360);
}

static void the_wait_ends_at_the_longest(void **state)
{
	static const int failures[] = {10, 11, 64, 1000, INT32_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		assert_int_equal(longest(failures[i]), MAX_S);
		assert_int_equal(shortest(failures[i]), MAX_S / 2);
	}
	assert_int_equal(backoff_s(1, 60, 30, ALL_SPREAD), 30);
}

static void the_wait_is_spread_between_half_of_it_and_all_of_it(void **state)
{
	int64_t before = 0;

	(void)state;
	assert_int_equal(shortest(1), 30);
	assert_int_equal(backoff_s(1, FIRST_S, MAX_S, 0x8000), 45);
	for (uint32_t spread = 0; spread <= ALL_SPREAD; spread += 257) {
		const int64_t wait_s = backoff_s(4, FIRST_S, MAX_S, spread);

		assert_in_range(wait_s, 240, 480);
		assert_true(wait_s >= before);
		before = wait_s;
	}
	assert_int_equal(before, 480);
	assert_int_equal(backoff_s(1, 1, 1, NO_SPREAD), 0);
	assert_int_equal(backoff_s(1, 1, 1, ALL_SPREAD), 1);
}

static void more_spread_than_there_can_be_goes_round(void **state)
{
	(void)state;
	assert_int_equal(backoff_s(1, FIRST_S, MAX_S, 0x10000), 30);
	assert_int_equal(backoff_s(1, FIRST_S, MAX_S, UINT32_MAX), 60);
}

/* A caller that counts from zero gets the first wait rather than none. */
static void no_failure_at_all_waits_as_one(void **state)
{
	(void)state;
	assert_int_equal(longest(0), 60);
	assert_int_equal(longest(-1), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_doubles_the_wait),
		cmocka_unit_test(the_wait_ends_at_the_longest),
		cmocka_unit_test(the_wait_is_spread_between_half_of_it_and_all_of_it),
		cmocka_unit_test(more_spread_than_there_can_be_goes_round),
		cmocka_unit_test(no_failure_at_all_waits_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
