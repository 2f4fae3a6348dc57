/* Who may wait for Zoom, who waits for that, and who has no place. */
#include "serve/parking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROOM = 2048, MIB = 1 << 20, SMALL = 16 << 10, ROOM_MIB = 64 };

static void take_all_threads(struct parking *parking, int threads)
{
	for (int i = 0; i < threads; i++) {
		struct parked taken = {0};

		assert_int_equal(parking_enter(parking, &taken), PLACE_TAKEN);
	}
}

static void a_quarter_of_the_threads_at_most_32_is_kept_from_waiting(void **state)
{
	static const struct {
		long threads;
		int may_wait;
	} cases[] = {{1, 1}, {2, 1}, {3, 2}, {4, 3}, {8, 6}, {64, 48}, {128, 96}, {544, 512}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct parking parking;
		struct parked parked = {0};

		parking_open(&parking, cases[i].threads);
		take_all_threads(&parking, cases[i].may_wait);
		assert_int_equal(parking_enter(&parking, &parked), PLACE_PARKED);
		parking_close(&parking);
	}
}

static void who_has_been_parked_longest_is_next(void **state)
{
	struct parking parking;
	int owners[3];
	struct parked parked[3];

	(void)state;
	parking_open(&parking, 1);
	take_all_threads(&parking, 1);
	for (int i = 0; i < 3; i++) {
		parked[i] = (struct parked){.owner = &owners[i]};
		assert_int_equal(parking_enter(&parking, &parked[i]), PLACE_PARKED);
	}
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(parking_next(&parking)->owner, &owners[i]);
	assert_null(parking_next(&parking));
	parking_close(&parking);
}

static void threads_are_a_crowd_from_64_on(void **state)
{
	struct parking parking;

	(void)state;
	parking_open(&parking, 544);
	take_all_threads(&parking, 63);
	assert_false(parking_is_crowded(&parking));
	take_all_threads(&parking, 1);
	assert_true(parking_is_crowded(&parking));
	assert_null(parking_next(&parking));
	assert_false(parking_is_crowded(&parking));
	parking_close(&parking);
}

static void a_thread_that_finds_nobody_parked_is_free_for_who_comes(void **state)
{
	struct parking parking;
	struct parked first = {0}, second = {0}, third = {0};

	(void)state;
	parking_open(&parking, 1);
	take_all_threads(&parking, 1);
	assert_int_equal(parking_enter(&parking, &first), PLACE_PARKED);
	assert_ptr_equal(parking_next(&parking), &first);
	assert_int_equal(parking_enter(&parking, &second), PLACE_PARKED);
	assert_ptr_equal(parking_next(&parking), &second);
	assert_null(parking_next(&parking));
	assert_int_equal(parking_enter(&parking, &third), PLACE_TAKEN);
	parking_close(&parking);
}

static void there_is_room_for_so_many_and_again_when_one_has_left(void **state)
{
	static struct parked parked[ROOM];
	struct parking parking;
	struct parked one_more = {0};

	(void)state;
	parking_open(&parking, 1);
	take_all_threads(&parking, 1);
	for (int i = 0; i < ROOM; i++) {
		parked[i] = (struct parked){.body_bytes = SMALL};
		assert_int_equal(parking_enter(&parking, &parked[i]), PLACE_PARKED);
	}
	assert_int_equal(parking_enter(&parking, &one_more), PLACE_NONE);
	assert_ptr_equal(parking_next(&parking), &parked[0]);
	assert_int_equal(parking_enter(&parking, &one_more), PLACE_PARKED);
	parking_close(&parking);
}

static void large_bodies_have_so_much_room_and_small_ones_need_none(void **state)
{
	struct parked large[ROOM_MIB];
	struct parking parking;
	struct parked small = {.body_bytes = SMALL}, larger = {.body_bytes = SMALL + 1};

	(void)state;
	parking_open(&parking, 1);
	take_all_threads(&parking, 1);
	for (int i = 0; i < ROOM_MIB; i++) {
		large[i] = (struct parked){.body_bytes = MIB};
		assert_int_equal(parking_enter(&parking, &large[i]), PLACE_PARKED);
	}
	assert_int_equal(parking_enter(&parking, &larger), PLACE_NONE);
	assert_int_equal(parking_enter(&parking, &small), PLACE_PARKED);
	assert_ptr_equal(parking_next(&parking), &large[0]);
	assert_int_equal(parking_enter(&parking, &larger), PLACE_PARKED);
	parking_close(&parking);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quarter_of_the_threads_at_most_32_is_kept_from_waiting),
		cmocka_unit_test(threads_are_a_crowd_from_64_on),
		cmocka_unit_test(who_has_been_parked_longest_is_next),
		cmocka_unit_test(a_thread_that_finds_nobody_parked_is_free_for_who_comes),
		cmocka_unit_test(there_is_room_for_so_many_and_again_when_one_has_left),
		cmocka_unit_test(large_bodies_have_so_much_room_and_small_ones_need_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
