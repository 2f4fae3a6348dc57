/* A process that took a number is known to live until it ends, whichever way it ends. */
#include "base/holder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/hallpass-holder-XXXXXX";
static char database[sizeof(folder) + 16];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(database, sizeof(database), "%s/hallpass.db", folder);
	return 0;
}

static int remove_folder(void **state)
{
	char path[sizeof(database) + 16];

	(void)state;
	snprintf(path, sizeof(path), "%s-holders", database);
	unlink(path);
	return rmdir(folder);
}

static void close_holder(struct holder **holder)
{
	holder_close(holder);
}

static int64_t number_of(struct holder *holder)
{
	struct error err;
	int64_t number;

	assert_true(holder_number(holder, &number, &err));
	return number;
}

static bool is_alive(struct holder *holder, int64_t number)
{
	struct error err;
	bool alive;

	assert_true(holder_is_alive(holder, number, &alive, &err));
	return alive;
}

/* A child that takes a number, tells it, and waits to be ended. */
static pid_t start_child(int64_t *number)
{
	int tell[2];
	pid_t child;

	assert_int_equal(pipe(tell), 0);
	child = fork();
	if (child == 0) {
		struct holder *holder = holder_open(database);
		struct error err;
		int64_t own;

		if (!holder_number(holder, &own, &err) ||
		    write(tell[1], &own, sizeof(own)) != sizeof(own))
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(child > 0);
	assert_int_equal(read(tell[0], number, sizeof(*number)), sizeof(*number));
	close(tell[0]);
	close(tell[1]);
	return child;
}

static void the_number_stays_the_same(void **state)
{
	SCOPED(close_holder) struct holder *holder = holder_open(database);

	(void)state;
	assert_true(number_of(holder) > 0);
	assert_int_equal(number_of(holder), number_of(holder));
	assert_true(is_alive(holder, number_of(holder)));
}

static void two_holders_see_each_other(void **state)
{
	SCOPED(close_holder) struct holder *one = holder_open(database);
	SCOPED(close_holder) struct holder *other = holder_open(database);

	(void)state;
	assert_true(is_alive(one, number_of(other)));
	assert_true(is_alive(other, number_of(one)));
	assert_int_not_equal(number_of(one), number_of(other));
}

static void a_number_that_nobody_has_is_dead(void **state)
{
	SCOPED(close_holder) struct holder *holder = holder_open(database);

	(void)state;
	assert_false(is_alive(holder, number_of(holder) + 1));
}

static void a_stopped_process_lives_and_a_killed_one_does_not(void **state)
{
	SCOPED(close_holder) struct holder *holder = holder_open(database);
	int64_t number;
	pid_t child;

	(void)state;
	child = start_child(&number);
	assert_true(is_alive(holder, number));
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_true(is_alive(holder, number));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(is_alive(holder, number));
}

static void a_closed_holder_is_dead(void **state)
{
	SCOPED(close_holder) struct holder *holder = holder_open(database);
	struct holder *other = holder_open(database);
	const int64_t number = number_of(other);

	(void)state;
	assert_true(is_alive(holder, number));
	holder_close(&other);
	assert_false(is_alive(holder, number));
}

static void a_number_of_one_thing_lives_for_others_until_it_is_ended(void **state)
{
	SCOPED(close_holder) struct holder *holder = holder_open(database);
	SCOPED(close_holder) struct holder *other = holder_open(database);
	struct error err;
	int64_t one, two;

	(void)state;
	assert_true(holder_begin(other, &one, &err));
	assert_true(holder_begin(other, &two, &err));
	assert_true(is_alive(holder, one) && is_alive(holder, two));
	assert_false(is_alive(other, one));
	holder_end(other, one);
	assert_false(is_alive(holder, one));
	assert_true(is_alive(holder, two) && is_alive(holder, number_of(other)));
	holder_close(&other);
	assert_false(is_alive(holder, two));
}

static bool exclude(struct holder *holder)
{
	struct error err;
	bool is_alone;

	assert_true(holder_exclude_others(holder, &is_alone, &err));
	return is_alone;
}

static void who_excludes_others_must_be_alone_and_then_nobody_gets_a_number(void **state)
{
	struct holder *excluding = holder_open(database), *other = holder_open(database);
	struct error err;
	int64_t number;

	(void)state;
	number_of(other);
	assert_false(exclude(excluding));
	holder_close(&other);
	assert_true(exclude(excluding));
	other = holder_open(database);
	assert_false(holder_number(other, &number, &err));
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_false(exclude(other));
	holder_close(&excluding);
	number_of(other);
	holder_close(&other);
}

static void where_there_is_no_file_nobody_lives_and_none_is_made(void **state)
{
	char elsewhere[sizeof(folder) + 16], path[sizeof(elsewhere) + 16];
	struct holder *holder;

	(void)state;
	snprintf(elsewhere, sizeof(elsewhere), "%s/other.db", folder);
	snprintf(path, sizeof(path), "%s-holders", elsewhere);
	holder = holder_open(elsewhere);
	assert_true(exclude(holder));
	assert_int_equal(access(path, F_OK), -1);
	holder_close(&holder);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	SCOPED(close_holder) struct holder *holder = holder_open("/nonexistent/hallpass.db");
	struct error err;
	int64_t number;

	(void)state;
	assert_false(holder_number(holder, &number, &err));
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_non_null(strstr(err.message, "/nonexistent/hallpass.db-holders"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_number_stays_the_same),
		cmocka_unit_test(two_holders_see_each_other),
		cmocka_unit_test(a_number_that_nobody_has_is_dead),
		cmocka_unit_test(a_stopped_process_lives_and_a_killed_one_does_not),
		cmocka_unit_test(a_closed_holder_is_dead),
		cmocka_unit_test(a_number_of_one_thing_lives_for_others_until_it_is_ended),
		cmocka_unit_test(who_excludes_others_must_be_alone_and_then_nobody_gets_a_number),
		cmocka_unit_test(where_there_is_no_file_nobody_lives_and_none_is_made),
		cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests_name("holder", tests, make_folder, remove_folder);
}
