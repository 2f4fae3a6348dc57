#include "base/attr.h"
#include "base/clock.h"
#include "base/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

enum { PASSENGERS = 6, LONG_MS = 20000 };

struct passenger {
	struct flights *flights;
	int64_t key, deadline_ms;
	enum flight_role role;
	int note; /* of the leader; 0: none came */
	pthread_t thread;
};

static void *join(void *argument)
{
	struct passenger *passenger = argument;

	passenger->role = flight_join(passenger->flights, passenger->key, passenger->deadline_ms,
				      &passenger->note, sizeof(passenger->note));
	return NULL;
}

static void start(struct passenger *passenger, struct flights *flights, int64_t key,
		  int64_t wait_ms)
{
	*passenger = (struct passenger){.flights = flights,
					.key = key,
					.deadline_ms = clock_monotonic_ms() + wait_ms};
	assert_int_equal(pthread_create(&passenger->thread, NULL, join, passenger), 0);
}

static enum flight_role wait_for(struct passenger *passenger)
{
	pthread_join(passenger->thread, NULL);
	return passenger->role;
}

static int64_t soon(void)
{
	return clock_monotonic_ms() + LONG_MS;
}

static enum flight_role join_until(struct flights *flights, int64_t key, int64_t deadline_ms)
{
	int note;

	return flight_join(flights, key, deadline_ms, &note, sizeof(note));
}

static void lead(struct flights *flights, int64_t key)
{
	assert_int_equal(join_until(flights, key, soon()), FLIGHT_LEADER);
}

static void land(struct flights *flights, int64_t key, int note)
{
	flight_land(flights, key, &note, sizeof(note));
}

static void who_comes_first_leads_and_so_does_who_comes_after_the_landing(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();

	(void)state;
	for (int round = 0; round < 3; round++) {
		lead(flights, 7);
		land(flights, 7, 41);
	}
}

static void all_who_wait_get_the_note_at_the_landing(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct passenger passengers[PASSENGERS];
	const int64_t started_ms = clock_monotonic_ms();

	(void)state;
	lead(flights, 7);
	for (size_t i = 0; i < COUNT_OF(passengers); i++)
		start(&passengers[i], flights, 7, LONG_MS);
	usleep(200 * 1000); /* for all of them to wait */
	land(flights, 7, 41);
	for (size_t i = 0; i < COUNT_OF(passengers); i++) {
		assert_int_equal(wait_for(&passengers[i]), FLIGHT_LANDED);
		assert_int_equal(passengers[i].note, 41);
	}
	assert_in_range(clock_monotonic_ms() - started_ms, 200, LONG_MS / 2);
}

static void who_waits_does_so_until_the_deadline(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct passenger patient, hurried;
	int64_t started_ms;

	(void)state;
	lead(flights, 7);
	start(&patient, flights, 7, LONG_MS);
	start(&hurried, flights, 7, 150);
	started_ms = clock_monotonic_ms();
	assert_int_equal(wait_for(&hurried), FLIGHT_TIMED_OUT);
	assert_in_range(clock_monotonic_ms() - started_ms, 100, LONG_MS / 2);
	assert_int_equal(join_until(flights, 7, clock_monotonic_ms() - 1), FLIGHT_TIMED_OUT);
	assert_int_equal(join_until(flights, 7, 0), FLIGHT_TIMED_OUT);
	land(flights, 7, 41);
	assert_int_equal(wait_for(&patient), FLIGHT_LANDED);
	assert_int_equal(patient.note, 41);
	assert_int_equal(hurried.note, 0);
}

static void other_keys_do_not_wait(void **state)
{
	static const int64_t keys[] = {1, 2, 3, INT64_MAX, 0, -1};
	SCOPED(flights_close) struct flights *flights = flights_open();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		lead(flights, keys[i]);
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		land(flights, keys[(i + 2) % COUNT_OF(keys)], 41);
		lead(flights, keys[(i + 2) % COUNT_OF(keys)]);
		land(flights, keys[(i + 2) % COUNT_OF(keys)], 41);
	}
}

/* Whoever wakes up only when the next flight of that key is under way was on the one that landed. */
static void who_waited_is_not_kept_by_the_next_flight(void **state)
{
	SCOPED(flights_close) struct flights *flights = flights_open();
	struct passenger passengers[PASSENGERS];
	const int64_t started_ms = clock_monotonic_ms();

	(void)state;
	lead(flights, 7);
	for (size_t i = 0; i < COUNT_OF(passengers); i++)
		start(&passengers[i], flights, 7, LONG_MS);
	usleep(200 * 1000);
	land(flights, 7, 41);
	lead(flights, 7);
	for (size_t i = 0; i < COUNT_OF(passengers); i++) {
		assert_int_equal(wait_for(&passengers[i]), FLIGHT_LANDED);
		assert_int_equal(passengers[i].note, 41);
	}
	assert_in_range(clock_monotonic_ms() - started_ms, 200, LONG_MS / 2);
	land(flights, 7, 42);
}

enum { CROWD = 8, ROUNDS = 400, KEYS = 3 };

struct crowd {
	struct flights *flights;
	atomic_int at_it[KEYS];
	atomic_int led, landed, wrong;
};

static void *travel(void *argument)
{
	struct crowd *crowd = argument;

	for (int round = 0; round < ROUNDS; round++) {
		const int key = round % KEYS;
		int note = -1;

		switch (flight_join(crowd->flights, key, soon(), &note, sizeof(note))) {
		case FLIGHT_LEADER:
			crowd->wrong += atomic_fetch_add(&crowd->at_it[key], 1) != 0;
			usleep(20);
			atomic_fetch_sub(&crowd->at_it[key], 1);
			crowd->led++;
			land(crowd->flights, key, key);
			break;
		case FLIGHT_LANDED:
			crowd->wrong += note != key;
			crowd->landed++;
			break;
		case FLIGHT_TIMED_OUT:
			crowd->wrong++;
			break;
		}
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
	assert_int_equal(crowd.led + crowd.landed, CROWD * ROUNDS);
	assert_true(crowd.led >= ROUNDS / CROWD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_first_leads_and_so_does_who_comes_after_the_landing),
		cmocka_unit_test(all_who_wait_get_the_note_at_the_landing),
		cmocka_unit_test(who_waits_does_so_until_the_deadline),
		cmocka_unit_test(other_keys_do_not_wait),
		cmocka_unit_test(who_waited_is_not_kept_by_the_next_flight),
		cmocka_unit_test(of_a_crowd_one_is_at_each_key_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
