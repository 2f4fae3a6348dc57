#include "base/clock.h"
#include "serve/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { IDLE_MS = 40, ROUNDS = 2000, EDGE_US = 2000, ANSWER_MS_MAX = 10000 };

static int listening = -1;
static struct flights *flights;
static struct sockaddr_un address;
static socklen_t address_size;

/* A name that the kernel gives, in no folder. */
static int listen_somewhere(void **state)
{
	(void)state;
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	address_size = sizeof(address);
	flights = flights_open();
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(listening, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
	       listen(listening, 128) != 0 ||
	       getsockname(listening, (struct sockaddr *)&address, &address_size) != 0;
}

static int stop_listening(void **state)
{
	(void)state;
	flights_close(&flights);
	return close(listening);
}

static int connect_to_it(void)
{
	const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(client, (struct sockaddr *)&address, address_size), 0);
	return client;
}

static struct intake *opened(int64_t idle_ms)
{
	struct intake *intake = malloc(sizeof(*intake));

	assert_non_null(intake);
	intake_open(intake, listening, idle_ms, flights);
	return intake;
}

static void release(struct intake *intake)
{
	intake_close(intake);
	free(intake);
}

static void it_is_over_once_nobody_has_come_for_that_long(void **state)
{
	const int64_t before = clock_monotonic_ms();
	struct intake *intake = opened(IDLE_MS);
	bool is_kept;

	(void)state;
	assert_false(intake_is_idle(intake));
	assert_int_equal(intake_next(intake, &is_kept), -1);
	assert_true(clock_monotonic_ms() - before >= IDLE_MS);
	assert_true(intake_is_idle(intake));
	release(intake);
}

static void who_comes_when_it_is_over_waits_for_the_next(void **state)
{
	struct intake *intake = opened(1);
	bool is_kept;
	int client;

	(void)state;
	assert_int_equal(intake_next(intake, &is_kept), -1);
	client = connect_to_it();
	/* As any other thread would ask for more. */
	assert_int_equal(intake_next(intake, &is_kept), -1);
	release(intake);

	intake = opened(IDLE_MS);
	assert_true(intake_next(intake, &is_kept) >= 0);
	close(client);
	release(intake);
}

struct ending {
	struct intake *intake;
	int connection, client;
	bool keeps;
	int64_t at_ms;
};

static void *end_connection_later(void *argument)
{
	struct ending *ending = argument;

	clock_pause_ms(3 * IDLE_MS);
	ending->at_ms = clock_monotonic_ms();
	if (ending->keeps) {
		close(ending->client);
	} else {
		close(ending->connection);
		intake_forget(ending->intake);
	}
	return NULL;
}

/* One that is open for longer than idle_ms, under way or kept, and closed by another thread. */
static void expect_open_connection_holds_it(bool keeps)
{
	struct intake *intake = opened(IDLE_MS);
	struct ending ending = {.intake = intake, .client = connect_to_it(), .keeps = keeps};
	pthread_t thread;
	bool is_kept;

	ending.connection = intake_next(intake, &is_kept);
	assert_true(ending.connection >= 0);
	if (keeps)
		intake_keep(intake, ending.connection);
	assert_int_equal(pthread_create(&thread, NULL, end_connection_later, &ending), 0);
	assert_int_equal(intake_next(intake, &is_kept), -1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(clock_monotonic_ms() - ending.at_ms >= IDLE_MS);
	if (!keeps)
		close(ending.client);
	release(intake);
}

static void a_connection_under_way_holds_it(void **state)
{
	(void)state;
	expect_open_connection_holds_it(false);
}

static void a_connection_that_is_kept_holds_it(void **state)
{
	(void)state;
	expect_open_connection_holds_it(true);
}

static void *stop_later(void *argument)
{
	clock_pause_ms(5 * IDLE_MS);
	intake_stop(argument);
	return NULL;
}

static void without_a_limit_it_goes_on_until_it_is_stopped(void **state)
{
	struct intake *intake = opened(0);
	pthread_t thread;
	bool is_kept;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, stop_later, intake), 0);
	assert_int_equal(intake_next(intake, &is_kept), -1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(intake_is_idle(intake));
	release(intake);
}

static void answer_one(struct intake *intake, int connection, unsigned number)
{
	char byte;

	assert(read(connection, &byte, 1) == 1);
	assert(write(connection, &byte, 1) == 1);
	if (number % 2 == 0) {
		intake_keep(intake, connection);
	} else {
		close(connection);
		intake_forget(intake);
	}
}

static atomic_bool is_over;
static atomic_uint endings;

/* One life after the other, as under a supervisor. */
static void *live_again_and_again(void *argument)
{
	unsigned number = 0;

	(void)argument;
	while (!is_over) {
		struct intake *intake = opened(1);
		bool is_kept;
		int connection;

		while ((connection = intake_next(intake, &is_kept)) >= 0)
			answer_one(intake, connection, number++);
		assert(intake_is_idle(intake));
		endings++;
		release(intake);
	}
	return NULL;
}

static void pause_us(int64_t duration_us)
{
	const int64_t until = clock_monotonic_us() + duration_us;

	while (clock_monotonic_us() < until)
		poll(NULL, 0, 0);
}

/* The answer to each has to come, whichever life gives it. */
static void nobody_is_lost_who_comes_just_when_it_ends(void **state)
{
	pthread_t lives;

	(void)state;
	assert_int_equal(pthread_create(&lives, NULL, live_again_and_again, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		const int client = connect_to_it();
		struct pollfd answer = {.fd = client, .events = POLLIN};
		char byte = 'x';

		assert_int_equal(write(client, &byte, 1), 1);
		assert_int_equal(poll(&answer, 1, ANSWER_MS_MAX), 1);
		assert_int_equal(read(client, &byte, 1), 1);
		close(client);
		pause_us(rand() % EDGE_US);
	}
	is_over = true;
	assert_int_equal(pthread_join(lives, NULL), 0);
	/* Else there were no ends to come at. */
	assert_true(endings > ROUNDS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_over_once_nobody_has_come_for_that_long,
						listen_somewhere, stop_listening),
		cmocka_unit_test_setup_teardown(who_comes_when_it_is_over_waits_for_the_next,
						listen_somewhere, stop_listening),
		cmocka_unit_test_setup_teardown(a_connection_under_way_holds_it, listen_somewhere,
						stop_listening),
		cmocka_unit_test_setup_teardown(a_connection_that_is_kept_holds_it,
						listen_somewhere, stop_listening),
		cmocka_unit_test_setup_teardown(without_a_limit_it_goes_on_until_it_is_stopped,
						listen_somewhere, stop_listening),
		cmocka_unit_test_setup_teardown(nobody_is_lost_who_comes_just_when_it_ends,
						listen_somewhere, stop_listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
