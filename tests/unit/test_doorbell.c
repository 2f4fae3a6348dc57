#include "base/doorbell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64], database[128], bell_path[160];

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/hallpass-test-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(database, sizeof(database), "%s/hallpass.db", directory);
	snprintf(bell_path, sizeof(bell_path), "%s-doorbell", database);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(bell_path);
	return rmdir(directory);
}

static int open_bell(void)
{
	struct error err = {0};
	int bell;

	if (!doorbell_open(database, &bell, &err))
		fail_msg("%s", err.message);
	return bell;
}

static bool is_ringing(int bell)
{
	struct pollfd poller = {.fd = bell, .events = POLLIN};

	assert_true(poll(&poller, 1, 0) >= 0);
	return (poller.revents & POLLIN) != 0;
}

static void a_ring_wakes_the_worker_until_it_is_cleared(void **state)
{
	const int bell = open_bell();

	(void)state;
	assert_false(is_ringing(bell));
	doorbell_ring(database);
	assert_true(is_ringing(bell));
	doorbell_clear(bell);
	assert_false(is_ringing(bell));
	doorbell_ring(database);
	assert_true(is_ringing(bell));
	doorbell_clear(bell);
	close(bell);
}

static void a_bell_that_is_not_rung_stays_silent_after_the_ringer_has_gone(void **state)
{
	const int bell = open_bell();

	(void)state;
	doorbell_ring(database);
	doorbell_clear(bell);
	/* A reader whose last writer has gone would be readable, as at the end of a file. */
	assert_false(is_ringing(bell));
	close(bell);
}

static void ringing_never_blocks_however_often_it_is_done(void **state)
{
	const int bell = open_bell();

	(void)state;
	/* A FIFO holds 65536 bytes. */
	for (int i = 0; i < 70000; i++)
		doorbell_ring(database);
	assert_true(is_ringing(bell));
	doorbell_clear(bell);
	assert_false(is_ringing(bell));
	close(bell);
}

static void ringing_with_nobody_there_is_no_failure(void **state)
{
	(void)state;
	unlink(bell_path);
	doorbell_ring(database);
	assert_int_equal(access(bell_path, F_OK), -1);
	close(open_bell());
	doorbell_ring(database);
}

static void the_bell_is_made_once_and_found_again(void **state)
{
	const int first = open_bell(), second = open_bell();
	struct stat status;

	(void)state;
	assert_int_equal(stat(bell_path, &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
	assert_int_equal(status.st_mode & S_IRWXO, 0);
	close(first);
	close(second);
}

static void a_bell_that_cannot_be_made_is_named(void **state)
{
	struct error err = {0};
	int bell;

	(void)state;
	assert_false(doorbell_open("/nowhere/at/all", &bell, &err));
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_non_null(strstr(err.message, "/nowhere/at/all-doorbell"));
}

static void a_file_in_the_place_of_the_bell_is_refused(void **state)
{
	struct error err = {0};
	FILE *file;
	int bell;

	(void)state;
	unlink(bell_path);
	file = fopen(bell_path, "w");
	assert_non_null(file);
	fclose(file);
	/* It would always be readable, and the worker would never sleep. */
	assert_false(doorbell_open(database, &bell, &err));
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_non_null(strstr(err.message, bell_path));
	unlink(bell_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_wakes_the_worker_until_it_is_cleared),
		cmocka_unit_test(a_bell_that_is_not_rung_stays_silent_after_the_ringer_has_gone),
		cmocka_unit_test(ringing_never_blocks_however_often_it_is_done),
		cmocka_unit_test(ringing_with_nobody_there_is_no_failure),
		cmocka_unit_test(the_bell_is_made_once_and_found_again),
		cmocka_unit_test(a_bell_that_cannot_be_made_is_named),
		cmocka_unit_test(a_file_in_the_place_of_the_bell_is_refused),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
