#include "worker/receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PLACES = 4 };

static struct receiver *hold(struct receiver *places, const char *url)
{
	return receiver_hold(places, PLACES, 1, url);
}

static void start(struct receiver *receiver, int count)
{
	for (int i = 0; i < count; i++)
		receiver_note_start(receiver, 0);
}

static void webhooks_of_a_project_with_one_host_and_port_share_a_receiver(void **state)
{
	struct receiver places[PLACES] = {0};
	struct receiver *first = hold(places, "https://a.example/one?x=/");

	(void)state;
	assert_ptr_equal(hold(places, "https://a.example/two"), first);
	assert_ptr_equal(hold(places, "https://a.example"), first);
	assert_ptr_equal(hold(places, "https://a.example?y"), first);
	assert_ptr_not_equal(hold(places, "https://a.example:8443/one"), first);
	assert_ptr_not_equal(hold(places, "http://a.example/one"), first);
	assert_ptr_not_equal(receiver_hold(places, PLACES, 2, "https://a.example/one"), first);
}

static void a_receiver_is_forgotten_by_its_last_user(void **state)
{
	struct receiver places[PLACES] = {0};
	struct receiver *first = hold(places, "https://a.example/"), *second, *nobody = NULL;

	(void)state;
	second = hold(places, "https://a.example/");
	receiver_release(&second);
	assert_null(second);
	assert_int_equal(first->user_count, 1);
	receiver_release(&first);
	receiver_release(&nobody);
	for (int i = 0; i < PLACES; i++)
		assert_int_equal(places[i].user_count, 0);
}

static void it_has_room_for_a_few_until_one_has_worked(void **state)
{
	struct receiver places[PLACES] = {0};
	struct receiver *receiver = hold(places, "https://a.example/");

	(void)state;
	assert_true(receiver_has_room(receiver, RECEIVER_WINDOW_MIN - 1));
	assert_false(receiver_has_room(receiver, RECEIVER_WINDOW_MIN));
	start(receiver, RECEIVER_WINDOW_MIN);
	assert_false(receiver_has_room(receiver, 0));
	receiver_note_result(receiver, false, 0);
	assert_true(receiver_has_room(receiver, RECEIVER_WINDOW_MIN));
	assert_false(receiver_has_room(receiver, RECEIVER_WINDOW_MIN + 1));
	receiver_release(&receiver);
}

static void failures_make_the_room_smaller_and_neither_goes_beyond_its_end(void **state)
{
	struct receiver places[PLACES] = {0};
	struct receiver *receiver = hold(places, "https://a.example/");

	(void)state;
	start(receiver, 20);
	for (int i = 0; i < 10; i++)
		receiver_note_result(receiver, false, 0);
	assert_int_equal(receiver->window, RECEIVER_WINDOW_MAX);
	receiver_note_result(receiver, true, 0);
	assert_int_equal(receiver->window, RECEIVER_WINDOW_MAX / 2);
	for (int i = 0; i < 9; i++)
		receiver_note_result(receiver, true, 0);
	assert_int_equal(receiver->window, RECEIVER_WINDOW_MIN);
	assert_int_equal(receiver->under_way, 0);
	receiver_release(&receiver);
}

static void it_is_slow_while_it_is_full_and_no_result_comes(void **state)
{
	struct receiver places[PLACES] = {0};
	struct receiver *receiver = hold(places, "https://a.example/");

	(void)state;
	receiver_note_start(receiver, 100);
	assert_false(receiver_is_slow(receiver, 100 + 2 * RECEIVER_SLOW_MS));
	start(receiver, RECEIVER_WINDOW_MIN - 1);
	assert_false(receiver_is_slow(receiver, 100 + RECEIVER_SLOW_MS));
	assert_true(receiver_is_slow(receiver, 101 + RECEIVER_SLOW_MS));
	receiver_note_result(receiver, true, 5000);
	assert_false(receiver_is_slow(receiver, 9000));
	receiver_note_start(receiver, 5001);
	assert_false(receiver_is_slow(receiver, 5000 + RECEIVER_SLOW_MS));
	assert_true(receiver_is_slow(receiver, 5001 + RECEIVER_SLOW_MS));
	receiver_release(&receiver);
}

static void doubtful_are_those_of_which_no_post_has_worked_lately(void **state)
{
	struct receiver places[PLACES] = {0};
	struct receiver *hung = hold(places, "https://a.example/");
	struct receiver *well = hold(places, "https://b.example/");
	struct receiver *other = receiver_hold(places, PLACES, 2, "https://a.example/");

	(void)state;
	assert_int_equal(receiver_count_doubtful(places, PLACES, 1), 0);
	start(hung, 3);
	start(well, 3);
	start(other, 1);
	receiver_note_result(well, true, 100);
	assert_true(receiver_is_doubtful(well));
	assert_int_equal(receiver_count_doubtful(places, PLACES, 1), 5);
	receiver_note_result(well, false, 200);
	assert_false(receiver_is_doubtful(well));
	assert_int_equal(receiver_count_doubtful(places, PLACES, 1), 3);
	receiver_note_result(well, true, 300);
	assert_true(receiver_is_doubtful(well));
	assert_int_equal(receiver_count_doubtful(places, PLACES, 1), 3);
	assert_int_equal(receiver_count_doubtful(places, PLACES, 2), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(webhooks_of_a_project_with_one_host_and_port_share_a_receiver),
		cmocka_unit_test(a_receiver_is_forgotten_by_its_last_user),
		cmocka_unit_test(it_has_room_for_a_few_until_one_has_worked),
		cmocka_unit_test(failures_make_the_room_smaller_and_neither_goes_beyond_its_end),
		cmocka_unit_test(doubtful_are_those_of_which_no_post_has_worked_lately),
		cmocka_unit_test(it_is_slow_while_it_is_full_and_no_result_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
