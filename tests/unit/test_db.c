#include "base/clock.h"
#include "store/db_gate.h"
#include "store/transaction.h"
#include "support/must.h"
#include "support/test_notes.h"
#include "support/test_thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

static void a_file_that_is_not_there_is_named_and_not_made(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	char path[TEST_PATH_BYTES];
	struct error err = {0};
	struct db *db = NULL;

	(void)state;
	test_database_path(&database, "absent.db", path);
	assert_false(db_open(&db, path, database.gate, &err));
	assert_null(db);
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_non_null(strstr(err.message, path));
	assert_non_null(strstr(err.message, "hallpass init"));
	assert_int_equal(access(path, F_OK), -1);
}

static void a_database_in_a_folder_that_is_not_there_does_not_send_to_init_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	char path[TEST_PATH_BYTES];
	struct error err = {0};
	struct db *db = NULL;

	(void)state;
	test_database_path(&database, "absent/hallpass.db", path);
	assert_false(db_create(&db, path, database.gate, &err));
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_non_null(strstr(err.message, path));
	assert_null(strstr(err.message, "hallpass init"));
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();
	static const char text[] = "These are the minutes of a meeting, and no database at all.\n"
				   "They go on for longer than the header of a database would.\n";
	char path[TEST_PATH_BYTES], read_back[sizeof(text)] = "";
	struct error err = {0};
	struct db *db = NULL;
	FILE *file;

	(void)state;
	file = fopen(test_database_path(&database, "minutes.txt", path), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_false(db_create(&db, path, database.gate, &err));
	assert_null(db);
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_non_null(strstr(err.message, path));
	file = fopen(path, "r");
	assert_int_equal(fread(read_back, 1, sizeof(text) - 1, file), sizeof(text) - 1);
	fclose(file);
	assert_string_equal(read_back, text);
}

static void a_db_that_rests_lends_its_connection_and_takes_one_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_close) struct db *other = NULL;
	struct error err = {0};

	(void)state;
	/* A temporary table is seen on the connection that made it, and nowhere else. */
	must(db_script(database.db, "CREATE TEMP TABLE lent (x)", &err), &err);
	db_rest(database.db);
	other = test_database_connect(&database, database.gate);
	must(db_script(other, "DROP TABLE lent", &err), &err);
	must(test_notes_add(database.db, "on another one", &err), &err);
	assert_int_equal(test_notes_count(other), 1);
}

static void a_db_does_not_rest_in_the_middle_of_a_transaction(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	must(test_notes_add(database.db, "kept", &err), &err);
	db_rest(database.db);
	must(transaction_commit(&transaction, &err), &err);
	assert_int_equal(test_notes_count(database.db), 1);
}

static void one_that_finds_all_connections_taken_waits_and_then_opens_another(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct db *others[8];
	int64_t waited_ms = 0;
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		const int64_t started_ms = clock_monotonic_ms();

		others[i] = test_database_connect(&database, database.gate);
		waited_ms = clock_monotonic_ms() - started_ms;
	}
	assert_in_range(waited_ms, 900, 5000);
	must(test_notes_add(others[COUNT_OF(others) - 1], "in spite of it", &err), &err);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		db_close(&others[i]);
}

static void which_tables_there_are_is_known_without_looking(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, gate);
	struct error err = {0};

	(void)state;
	assert_true(db_knows_table(database.db, "notes"));
	assert_false(db_knows_table(database.db, "letters"));
	must(db_script(other, "CREATE TABLE letters (x)", &err), &err);
	assert_false(db_knows_table(database.db, "letters"));
	assert_int_equal(test_notes_count(database.db), 0);
	assert_true(db_knows_table(database.db, "letters"));
}

/* Counting takes a lock that all threads share. */
static void sqlite_does_not_count_its_memory(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_database_open_empty();

	(void)state;
	assert_non_null(database.db);
	assert_int_equal(sqlite3_memory_used(), 0);
}

/* A thread that needs a connection when all are taken, and gives it back as soon as it has one. */
struct waiter {
	const struct test_database *database;
	atomic_int *turns; /* of all who wait */
	pthread_t thread;
	atomic_int id; /* by which the kernel knows it; 0 until it runs */
	int turn;
};

static void *take_a_turn(void *argument)
{
	struct waiter *waiter = argument;
	struct db *db;

	atomic_store(&waiter->id, gettid());
	db = test_database_connect(waiter->database, waiter->database->gate);
	waiter->turn = atomic_fetch_add(waiter->turns, 1);
	db_close(&db);
	return NULL;
}

static void wait_in_line(struct waiter *waiter)
{
	assert_int_equal(pthread_create(&waiter->thread, NULL, take_a_turn, waiter), 0);
	test_thread_await_sleep(&waiter->id);
}

static void a_connection_goes_to_who_has_waited_longest_for_one(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct db *others[7];
	atomic_int turns = 0;
	struct waiter waiters[3];
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		others[i] = test_database_connect(&database, database.gate);
	for (size_t i = 0; i < COUNT_OF(waiters); i++) {
		waiters[i] = (struct waiter){.database = &database, .turns = &turns};
		wait_in_line(&waiters[i]);
	}
	/* Who gives one back and needs one again at once is the last in the line. */
	db_rest(database.db);
	must(db_script(database.db, "SELECT 1", &err), &err);
	assert_int_equal(atomic_fetch_add(&turns, 1), COUNT_OF(waiters));
	for (size_t i = 0; i < COUNT_OF(waiters); i++) {
		pthread_join(waiters[i].thread, NULL);
		assert_int_equal(waiters[i].turn, i);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++)
		db_close(&others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_not_there_is_named_and_not_made),
		cmocka_unit_test(
			a_database_in_a_folder_that_is_not_there_does_not_send_to_init_again),
		cmocka_unit_test(a_file_that_is_no_database_is_refused),
		cmocka_unit_test(a_db_that_rests_lends_its_connection_and_takes_one_again),
		cmocka_unit_test(a_db_does_not_rest_in_the_middle_of_a_transaction),
		cmocka_unit_test(one_that_finds_all_connections_taken_waits_and_then_opens_another),
		cmocka_unit_test(which_tables_there_are_is_known_without_looking),
		cmocka_unit_test(sqlite_does_not_count_its_memory),
		cmocka_unit_test(a_connection_goes_to_who_has_waited_longest_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
