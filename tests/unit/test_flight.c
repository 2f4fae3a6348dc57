#include "base/attr.h"
#include "base/clock.h"
#include "base/flight.h"
#include "support/test_thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { PASSENGERS = 6, LONG_MS = 20000, NOTE = 41 };

/* A flight that lasts until the test lands it; its cargo is where. */
struct runway {
	atomic_int begun, may_land;
	int note;
};

static void fly(void *cargo, void *note)
{
	struct runway *runway = *(struct runway **)cargo;
	const int number = ++runway->begun;

	while (runway->may_land < number)
		usleep(1000);
	*(int *)note = runway->note + number - 1;
}

struct passenger {
	struct flights *flights;
	struct runway *runway;
	int64_t key, deadline_ms;
	enum flight_end end;
	int note;      /* 0: none came */
	atomic_int id; /* of the thread, to the kernel; 0 until it runs */
	pthread_t thread;
};

static enum flight_end join_until(struct flights *flights, int64_t key, struct runway *runway,
				  int64_t deadline_ms, int *note)
{
	const struct flight_plan plan = {fly, &runway, sizeof(struct runway *), sizeof(*note)};

	return flight_join(flights, key, &plan, deadline_ms, note);
}

static void *join(void *argument)
{
	struct passenger *passenger = argument;

	atomic_store(&passenger->id, gettid());
	passenger->end = join_until(passenger->flights, passenger->key, passenger->runway,
				    passenger->deadline_ms, &passenger->note);
	return NULL;
}

static void start(struct passenger *passenger, struct flights *flights, struct runway *runway,
		  int64_t key, int64_t wait_ms)
{
	*passenger = (struct passenger){.flights = flights,
					.runway = runway,
					.key = key,
					.deadline_ms = clock_monotonic_ms() + wait_ms};
	assert_int_equal(pthread_create(&passenger->thread, NULL, join, passenger), 0);
}

static enum flight_end wait_for(struct passenger *passenger)
{
	pthread_join(passenger->thread, NULL);
	return passenger->end;
}

static void wait_until_begun(const struct runway *runway, int count)
{
	while (runway->begun < count)
		usleep(1000);
}

static void wait_until_all_wait(const struct passenger passengers[static PASSENGERS])
{
	for (size_t i = 0; i < PASSENGERS; i++)
		test_thread_await_sleep(&passengers[i].id);
}

static int64_t soon(void)
{
	return clock_monotonic_ms() + LONG_MS;
}

static struct rlimit forbid_threads(void)
{
	struct rlimit usual, none;

	assert_int_equal(getrlimit(RLIMIT_AS, &usual), 0);
	none = usual;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	return usual;
}

static void note_thread(void *cargo, void *note)
{
	(void)cargo;
	*(pthread_t *)note = pthread_self();
}

static pthread_t thread_of_flight(struct flights *flights)
{
	pthread_t thread;
	const struct flight_plan plan = {note_thread, "", 1, sizeof(thread)};

	assert_int_equal(flight_join(flights, 7, &plan, soon(), &thread), FLIGHT_LANDED);
	return thread;
}

/* The first test: the stack of a thread that has gone would do for another one. */
static void where_no_thread_can_be_started_who_asks_does_it(void **state)
{
	struct flights *flights;
	struct rlimit usual;
	pthread_t thread;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* which has no use for memory that is short */
#endif
	flights = flights_open();
	usual = forbid_threads();
	thread = thread_of_flight(flights);
	assert_int_equal(setrlimit(RLIMIT_AS, &usual), 0);
	assert_true(pthread_equal(thread, pthread_self()));
	assert_false(pthread_equal(thread_of_flight(flights), pthread_self()));
	flights_close(&flights);
}

static void who_comes_first_has_it_done_and_so_has_who_comes_after_the_landing(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct runway runway = {.may_land = 3, .note = NOTE};

	(void)state;
	for (int round = 0; round < 3; round++) {
		int note = 0;

		assert_int_equal(join_until(flights, 7, &runway, soon(), &note), FLIGHT_LANDED);
		assert_int_equal(note, NOTE + round);
		assert_int_equal(runway.begun, round + 1);
	}
}

static void all_who_wait_get_the_note_at_the_landing(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct runway runway = {.note = NOTE};
	struct passenger first, passengers[PASSENGERS];
	const int64_t started_ms = clock_monotonic_ms();

	(void)state;
	start(&first, flights, &runway, 7, LONG_MS);
	wait_until_begun(&runway, 1);
	for (size_t i = 0; i < COUNT_OF(passengers); i++)
		start(&passengers[i], flights, &runway, 7, LONG_MS);
	wait_until_all_wait(passengers);
	runway.may_land = 1;
	assert_int_equal(wait_for(&first), FLIGHT_LANDED);
	assert_int_equal(first.note, NOTE);
	for (size_t i = 0; i < COUNT_OF(passengers); i++) {
		assert_int_equal(wait_for(&passengers[i]), FLIGHT_OF_OTHER_LANDED);
		assert_int_equal(passengers[i].note, NOTE);
	}
	assert_int_equal(runway.begun, 1);
	assert_true(clock_monotonic_ms() - started_ms < LONG_MS / 2);
}

static void who_waits_does_so_until_the_deadline(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct runway runway = {.note = NOTE};
	struct passenger patient, hurried;
	int64_t started_ms;
	int note = 0;

	(void)state;
	start(&patient, flights, &runway, 7, LONG_MS);
	wait_until_begun(&runway, 1);
	start(&hurried, flights, &runway, 7, 150);
	started_ms = clock_monotonic_ms();
	assert_int_equal(wait_for(&hurried), FLIGHT_TIMED_OUT);
	assert_in_range(clock_monotonic_ms() - started_ms, 100, LONG_MS / 2);
	assert_int_equal(join_until(flights, 7, &runway, clock_monotonic_ms() - 1, &note),
			 FLIGHT_TIMED_OUT);
	assert_int_equal(join_until(flights, 7, &runway, 0, &note), FLIGHT_TIMED_OUT);
	runway.may_land = 1;
	assert_int_equal(wait_for(&patient), FLIGHT_LANDED);
	assert_int_equal(patient.note, NOTE);
	assert_int_equal(hurried.note, 0);
	assert_int_equal(note, 0);
}

static void a_flight_goes_on_for_others_when_who_had_it_begun_is_gone(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct runway runway = {.note = NOTE};
	struct passenger hurried, patient;

	(void)state;
	start(&hurried, flights, &runway, 7, 150);
	wait_until_begun(&runway, 1);
	start(&patient, flights, &runway, 7, LONG_MS);
	assert_int_equal(wait_for(&hurried), FLIGHT_TIMED_OUT);
	runway.may_land = 1;
	/* Unless it came so late that its own is another one. */
	if (wait_for(&patient) == FLIGHT_OF_OTHER_LANDED)
		assert_int_equal(patient.note, NOTE);
	assert_int_equal(runway.begun, 1);
}

static void *land_soon(void *argument)
{
	struct runway *runway = argument;

	usleep(200 * 1000);
	runway->may_land = 1;
	return NULL;
}

static void the_end_waits_for_a_flight_that_nobody_waits_for(void **state)
{
	struct flights *flights = flights_open();
	struct runway runway = {.note = NOTE};
	pthread_t lander;
	int note;

	(void)state;
	flights_await(flights); /* for none */
	assert_int_equal(join_until(flights, 7, &runway, 0, &note), FLIGHT_TIMED_OUT);
	assert_int_equal(pthread_create(&lander, NULL, land_soon, &runway), 0);
	flights_await(flights);
	assert_int_equal(runway.may_land, 1);
	flights_close(&flights);
	assert_null(flights);
	pthread_join(lander, NULL);
}

static void other_keys_do_not_wait(void **state)
{
	static const int64_t keys[] = {1, 2, 3, INT64_MAX, 0, -1};
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct runway held = {.note = NOTE}, free_one = {.may_land = INT_MAX, .note = NOTE};
	int note;

	(void)state;
	assert_int_equal(join_until(flights, 7, &held, 0, &note), FLIGHT_TIMED_OUT);
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		assert_int_equal(join_until(flights, keys[i], &free_one, soon(), &note),
				 FLIGHT_LANDED);
	held.may_land = 1;
}

/* Whoever wakes up only when the next flight of that key is under way was on the one that landed. */
static void who_waited_is_not_kept_by_the_next_flight(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct runway runway = {.note = NOTE};
	struct passenger passengers[PASSENGERS];
	int note;

	(void)state;
	assert_int_equal(join_until(flights, 7, &runway, 0, &note), FLIGHT_TIMED_OUT);
	for (size_t i = 0; i < COUNT_OF(passengers); i++)
		start(&passengers[i], flights, &runway, 7, LONG_MS);
	wait_until_all_wait(passengers);
	runway.may_land = 1;
	while (runway.begun < 2)
		join_until(flights, 7, &runway, 0, &note);
	for (size_t i = 0; i < COUNT_OF(passengers); i++) {
		assert_int_equal(wait_for(&passengers[i]), FLIGHT_OF_OTHER_LANDED);
		assert_int_equal(passengers[i].note, NOTE);
	}
	runway.may_land = 2;
}

enum { CROWD = 8, ROUNDS = 400, KEYS = 3 };

struct crowd {
	struct flights *flights;
	atomic_int at_it[KEYS];
	atomic_int own, others, wrong;
};

struct errand {
	struct crowd *crowd;
	int key;
};

static void run_errand(void *cargo, void *note)
{
	const struct errand *errand = cargo;
	atomic_int *at_it = &errand->crowd->at_it[errand->key];

	errand->crowd->wrong += atomic_fetch_add(at_it, 1) != 0;
	usleep(20);
	atomic_fetch_sub(at_it, 1);
	*(int *)note = errand->key;
}

static void *travel(void *argument)
{
	struct crowd *crowd = argument;

	for (int round = 0; round < ROUNDS; round++) {
		const struct errand errand = {crowd, round % KEYS};
		int note = -1;
		const struct flight_plan plan = {run_errand, &errand, sizeof(errand), sizeof(note)};

		switch (flight_join(crowd->flights, errand.key, &plan, soon(), &note)) {
		case FLIGHT_LANDED:
			crowd->own++;
			break;
		case FLIGHT_OF_OTHER_LANDED:
			crowd->others++;
			break;
		case FLIGHT_TIMED_OUT:
			crowd->wrong++;
			break;
		}
		crowd->wrong += note != errand.key;
	}
	return NULL;
}

static void of_a_crowd_one_is_at_each_key_at_a_time(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct crowd crowd = {.flights = flights};
	pthread_t threads[CROWD];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, travel, &crowd), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.wrong, 0);
	assert_int_equal(crowd.own + crowd.others, CROWD * ROUNDS);
	assert_true(crowd.own >= ROUNDS / CROWD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_no_thread_can_be_started_who_asks_does_it),
		cmocka_unit_test(
			who_comes_first_has_it_done_and_so_has_who_comes_after_the_landing),
		cmocka_unit_test(all_who_wait_get_the_note_at_the_landing),
		cmocka_unit_test(who_waits_does_so_until_the_deadline),
		cmocka_unit_test(a_flight_goes_on_for_others_when_who_had_it_begun_is_gone),
		cmocka_unit_test(the_end_waits_for_a_flight_that_nobody_waits_for),
		cmocka_unit_test(other_keys_do_not_wait),
		cmocka_unit_test(who_waited_is_not_kept_by_the_next_flight),
		cmocka_unit_test(of_a_crowd_one_is_at_each_key_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
