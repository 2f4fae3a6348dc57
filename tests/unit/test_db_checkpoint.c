#include "base/clock.h"
#include "store/db_gate.h"
#include "store/statement.h"
#include "store/transaction.h"
#include "support/must.h"
#include "support/test_notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	CHECKPOINT_PAGES = 200,
	PAGES_AT_ONCE = 40,
	TRIES_MAX = 3000,
	PAGE_BYTES = 4096,
	NOTE_BYTES = 3500, /* which leave no room in a page for another note */
	SYNC_MS = 2,
};

/*
 * Numbered onwards from what is there, each with a page of its own. Their commit takes as long as a disk's would,
 * lest memory be too fast for whoever has to keep up with it on a machine that has other things to do.
 */
static void add_notes(struct db *db, int count)
{
	static const unsigned char bytes[NOTE_BYTES];
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error err = {0};

	must(transaction_begin(&transaction, db, &err), &err);
	for (int i = 0; i < count; i++) {
		SCOPED(statement_release)
		struct statement *add = db_statement(db, test_notes_add_sql);

		bind_blob(add, 2, bytes, sizeof(bytes));
		must(statement_done(add, &err), &err);
	}
	clock_pause_ms(SYNC_MS);
	must(transaction_commit(&transaction, &err), &err);
}

static void add_pages(struct db *db, int count)
{
	for (int i = 0; i < count; i += PAGES_AT_ONCE)
		add_notes(db, PAGES_AT_ONCE);
}

static int log_pages(const struct test_database *database)
{
	char path[TEST_PATH_BYTES];
	struct stat status;

	test_database_path(database, "hallpass.db-wal", path);
	assert_int_equal(stat(path, &status), 0);
	return (int)(status.st_size / PAGE_BYTES);
}

static void must_be_whole(struct db *db)
{
	assert_int_equal(test_database_number(db, "SELECT count(*) FROM pragma_integrity_check"
						  " WHERE integrity_check = 'ok'"),
			 1);
}

struct reader {
	struct db *db;
	atomic_bool is_over;
	int64_t read_count;
};

static void *read_on(void *argument)
{
	struct reader *reader = argument;

	for (; !reader->is_over; reader->read_count++) {
		test_database_number(reader->db, "SELECT max(id) FROM notes");
		db_rest(reader->db);
	}
	return NULL;
}

static void the_log_stays_short_under_constant_writing_beside_a_reader(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, database.gate);
	struct reader reader = {.db = other};
	pthread_t thread;

	(void)state;
	db_gate_checkpoint_aside(database.gate, CHECKPOINT_PAGES);
	assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
	add_pages(database.db, 12000);
	reader.is_over = true;
	pthread_join(thread, NULL);
	assert_true(reader.read_count > 0);
	/* By a commit it would be checkpointed at DB_CHECKPOINT_PAGES. */
	assert_in_range(log_pages(&database), CHECKPOINT_PAGES, DB_CHECKPOINT_PAGES / 2);
	assert_int_equal(test_notes_count(database.db), 12000);
	must_be_whole(database.db);
}

static void what_a_reader_still_needs_stays_in_the_log_until_the_reader_is_gone(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, database.gate);
	struct transaction reading = {0};
	struct error err = {0};
	int added = 2000, longer = 1;

	(void)state;
	db_gate_checkpoint_aside(database.gate, CHECKPOINT_PAGES);
	must(transaction_begin_read(&reading, other, &err), &err);
	assert_int_equal(test_notes_count(other), 0);
	add_pages(database.db, added);
	assert_int_equal(test_notes_count(other), 0);
	assert_in_range(log_pages(&database), added, DB_CHECKPOINT_PAGES);
	transaction_end(&reading);
	/* Once it is begun anew, it grows no longer. */
	for (; longer > 0 && added < TRIES_MAX * PAGES_AT_ONCE; added += PAGES_AT_ONCE) {
		const int pages = log_pages(&database);

		add_pages(database.db, PAGES_AT_ONCE);
		longer = log_pages(&database) - pages;
	}
	assert_int_equal(longer, 0);
	assert_in_range(log_pages(&database), 2000, DB_CHECKPOINT_PAGES);
	assert_int_equal(test_notes_count(other), added);
}

static void a_log_that_a_reader_made_long_is_cut_back_once_the_reader_is_gone(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, database.gate);
	struct transaction reading = {0};
	struct error err = {0};

	(void)state;
	db_gate_checkpoint_aside(database.gate, CHECKPOINT_PAGES);
	must(transaction_begin_read(&reading, other, &err), &err);
	assert_int_equal(test_notes_count(other), 0);
	add_pages(database.db, 2 * DB_CHECKPOINT_PAGES + 1000);
	assert_true(log_pages(&database) > 2 * DB_CHECKPOINT_PAGES);
	transaction_end(&reading);
	/* By a commit after the checkpoint, which is not waited for. */
	for (int i = 0; i < TRIES_MAX && log_pages(&database) > 2 * DB_CHECKPOINT_PAGES; i++) {
		add_pages(database.db, PAGES_AT_ONCE);
		clock_pause_ms(10);
	}
	assert_in_range(log_pages(&database), CHECKPOINT_PAGES, 2 * DB_CHECKPOINT_PAGES);
	must_be_whole(database.db);
}

/* Else each of the two would have filled its memory with pages. */
static void checkpoints_take_no_connection_from_who_writes(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	struct error err = {0};

	(void)state;
	db_gate_checkpoint_aside(database.gate, CHECKPOINT_PAGES);
	/* A temporary table is seen on the connection that made it, and nowhere else. */
	must(db_script(database.db, "CREATE TEMP TABLE own (x)", &err), &err);
	for (int i = 0; i < 12000; i += PAGES_AT_ONCE) {
		must(db_script(database.db, "INSERT INTO own VALUES (1)", &err), &err);
		add_notes(database.db, PAGES_AT_ONCE);
		db_rest(database.db);
	}
	/* There were some. */
	assert_in_range(log_pages(&database), CHECKPOINT_PAGES, DB_CHECKPOINT_PAGES / 2);
}

static void without_a_thread_for_it_the_log_is_short_as_well(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();

	(void)state;
	add_pages(database.db, DB_CHECKPOINT_PAGES * 3 / 2);
	assert_in_range(log_pages(&database), DB_CHECKPOINT_PAGES, DB_CHECKPOINT_PAGES * 5 / 4);
	must_be_whole(database.db);
}

/* Tells how many notes there are after each commit, and never ends by itself. */
static void write_until_killed(const struct test_database *database, int tell)
{
	SCOPED(db_close) struct db *db = NULL;
	struct db_gate *gate = db_gate_open();

	db_gate_checkpoint_aside(gate, 1);
	db = test_database_connect(database, gate);
	for (;;) {
		int64_t count;

		add_notes(db, 7);
		count = test_notes_count(db);
		if (write(tell, &count, sizeof(count)) != sizeof(count))
			_exit(1);
	}
}

/* The number that it has told last. */
static int64_t kill_a_writer(const struct test_database *database, int told_before)
{
	int64_t count = 0, last;
	int tell[2], status;
	pid_t child;

	assert_int_equal(pipe(tell), 0);
	child = fork();
	if (child == 0)
		write_until_killed(database, tell[1]);
	assert_true(child > 0);
	close(tell[1]);
	for (int i = 0; i < told_before; i++)
		assert_int_equal(read(tell[0], &count, sizeof(count)), sizeof(count));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (read(tell[0], &last, sizeof(last)) == sizeof(last))
		count = last;
	close(tell[0]);
	return count;
}

/* It makes checkpoints all the time, so that it is mostly killed in one. */
static void a_process_that_is_killed_loses_nothing_that_was_committed(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();

	(void)state;
	for (int i = 0; i < 6; i++) {
		int64_t told;

		/* A child must not share SQLite's locks with us. */
		db_close(&database.db);
		db_gate_close(&database.gate);
		told = kill_a_writer(&database, 10 + 3 * i);
		database.gate = db_gate_open();
		database.db = test_database_connect(&database, database.gate);
		/* At most the transaction that it could not tell of any more. */
		assert_in_range(test_notes_count(database.db), told, told + 7);
		must_be_whole(database.db);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_stays_short_under_constant_writing_beside_a_reader),
		cmocka_unit_test(
			what_a_reader_still_needs_stays_in_the_log_until_the_reader_is_gone),
		cmocka_unit_test(a_log_that_a_reader_made_long_is_cut_back_once_the_reader_is_gone),
		cmocka_unit_test(checkpoints_take_no_connection_from_who_writes),
		cmocka_unit_test(without_a_thread_for_it_the_log_is_short_as_well),
		cmocka_unit_test(a_process_that_is_killed_loses_nothing_that_was_committed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
