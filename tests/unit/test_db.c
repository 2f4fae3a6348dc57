#include "base/clock.h"
#include "store/db.h"
#include "support/test_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char table_sql[] =
	"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE, bytes BLOB) STRICT;"
	"CREATE TABLE remarks (note_id INTEGER NOT NULL REFERENCES notes (id)) STRICT;";
static const char add_sql[] = "INSERT INTO notes (text, bytes) VALUES ($1, $2)";
static const char count_sql[] = "SELECT count(*) FROM notes";
static const char list_sql[] = "SELECT id, text FROM notes ORDER BY id";

static struct test_database open_notes(void)
{
	struct test_database database = test_database_open_empty();
	struct error err = {0};

	if (!db_script(database.db, table_sql, &err))
		fail_msg("%s", err.message);
	return database;
}

static bool add_note(struct db *db, const char *text, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);

	bind_text(add, 1, text);
	return statement_done(add, err);
}

static void must(bool is_done, const struct error *err)
{
	if (!is_done)
		fail_msg("%s: %s", err->code, err->message);
}

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

static void what_was_committed_is_there_for_another_process(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other = test_database_connect(&database, gate);
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	must(add_note(database.db, "kept", &err), &err);
	assert_int_equal(test_database_number(other, count_sql), 0);
	must(transaction_commit(&transaction, &err), &err);
	assert_int_equal(test_database_number(other, count_sql), 1);
}

static void a_db_that_rests_lends_its_connection_and_takes_one_again(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(db_close) struct db *other = NULL;
	struct error err = {0};

	(void)state;
	/* A temporary table is seen on the connection that made it, and nowhere else. */
	must(db_script(database.db, "CREATE TEMP TABLE lent (x)", &err), &err);
	db_rest(database.db);
	other = test_database_connect(&database, database.gate);
	must(db_script(other, "DROP TABLE lent", &err), &err);
	must(add_note(database.db, "on another one", &err), &err);
	assert_int_equal(test_database_number(other, count_sql), 1);
}

static void a_db_does_not_rest_in_the_middle_of_a_transaction(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	must(add_note(database.db, "kept", &err), &err);
	db_rest(database.db);
	must(transaction_commit(&transaction, &err), &err);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
}

static void one_that_finds_all_connections_taken_waits_and_then_opens_another(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct db *others[8];
	int64_t waited_ms = 0;
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		const int64_t started_ms = clock_monotonic_ms();

		others[i] = test_database_connect(&database, database.gate);
		waited_ms = clock_monotonic_ms() - started_ms;
	}
	assert_in_range(waited_ms, 900, 3000);
	must(add_note(others[COUNT_OF(others) - 1], "in spite of it", &err), &err);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		db_close(&others[i]);
}

static bool add_and_leave(struct db *db, bool commits, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin(&transaction, db, err) || !add_note(db, "here?", err))
		return false;
	return !commits || transaction_commit(&transaction, err);
}

static void a_transaction_rolls_back_at_the_end_of_its_scope(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct error err = {0};

	(void)state;
	must(add_and_leave(database.db, false, &err), &err);
	assert_int_equal(test_database_number(database.db, count_sql), 0);
	must(add_and_leave(database.db, true, &err), &err);
	assert_int_equal(test_database_number(database.db, count_sql), 1);
	assert_false(add_and_leave(database.db, true, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	/* Neither way out keeps the gate. */
	must(add_note(database.db, "and on it goes", &err), &err);
	assert_false(add_and_leave(database.db, true, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
}

static void a_snapshot_does_not_see_what_is_committed_after_it_began(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(db_close) struct db *other = test_database_connect(&database, database.gate);
	struct transaction snapshot = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin_read(&snapshot, other, &err), &err);
	assert_int_equal(test_database_number(other, count_sql), 0);
	must(add_and_leave(database.db, true, &err), &err);
	assert_int_equal(test_database_number(other, count_sql), 0);
	transaction_end(&snapshot);
	assert_int_equal(test_database_number(other, count_sql), 1);
}

static int64_t begin_refused_after_ms(struct db *db)
{
	const int64_t started_ms = clock_monotonic_ms();
	struct transaction transaction = {0};
	struct error err = {0};

	assert_false(transaction_begin(&transaction, db, &err));
	assert_null(transaction.db);
	assert_int_equal(err.kind, ERROR_BUSY);
	assert_true(error_is_passing(&err));
	return clock_monotonic_ms() - started_ms;
}

static void assert_waited(int64_t waited_ms)
{
	assert_in_range(waited_ms, DB_BUSY_TIMEOUT_MS - 300, DB_BUSY_TIMEOUT_MS + 700);
}

static void a_second_writer_is_busy_after_its_time_and_can_write_afterwards(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *process = test_database_connect(&database, gate);
	SCOPED(db_close) struct db *thread = test_database_connect(&database, database.gate);
	struct transaction transaction = {0};
	struct error err = {0};

	(void)state;
	must(transaction_begin(&transaction, database.db, &err), &err);
	assert_waited(begin_refused_after_ms(process));
	assert_waited(begin_refused_after_ms(thread));
	assert_int_equal(test_database_number(process, count_sql), 0);
	transaction_end(&transaction);
	must(add_and_leave(process, true, &err), &err);
}

struct held_gate {
	struct test_database *database;
	pthread_barrier_t held;
};

/* Takes the gate, and is kept waiting by another process meanwhile. */
static void *wait_behind_the_other_process(void *argument)
{
	struct held_gate *held = argument;
	SCOPED(db_close)
	struct db *db = test_database_connect(held->database, held->database->gate);
	struct transaction transaction = {0};
	struct error err = {0};
	bool began;

	pthread_barrier_wait(&held->held);
	began = transaction_begin(&transaction, db, &err);
	transaction_end(&transaction);
	return began ? "began" : NULL;
}

static void waiting_for_threads_and_for_processes_together_takes_no_longer(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(db_gate_close) struct db_gate *gate = db_gate_open();
	SCOPED(db_close) struct db *other_process = test_database_connect(&database, gate);
	struct held_gate held = {.database = &database};
	struct transaction transaction = {0};
	struct error err = {0};
	pthread_t thread;
	void *result;

	(void)state;
	pthread_barrier_init(&held.held, NULL, 2);
	must(transaction_begin(&transaction, other_process, &err), &err);
	assert_int_equal(pthread_create(&thread, NULL, wait_behind_the_other_process, &held), 0);
	pthread_barrier_wait(&held.held);
	usleep(500 * 1000);
	assert_waited(begin_refused_after_ms(database.db));
	pthread_join(thread, &result);
	assert_null(result);
	pthread_barrier_destroy(&held.held);
	transaction_end(&transaction);
}

enum { WRITERS = 8, NOTES_EACH = 25 };

struct writer {
	const struct test_database *database;
	int number;
};

static void *write_notes(void *argument)
{
	const struct writer *writer = argument;
	SCOPED(db_close)
	struct db *db = test_database_connect(writer->database, writer->database->gate);
	struct error err = {0};
	char text[32];

	for (int i = 0; i < NOTES_EACH; i++) {
		SCOPED(transaction_end) struct transaction transaction = {0};

		snprintf(text, sizeof(text), "%d/%d", writer->number, i);
		if (!transaction_begin(&transaction, db, &err) || !add_note(db, text, &err) ||
		    !transaction_commit(&transaction, &err))
			return "failed";
	}
	return NULL;
}

/* On two files SQLite itself would keep nobody waiting. */
static void the_gate_is_held_by_one_writer_of_the_process_at_a_time(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(db_close) struct db *elsewhere = NULL;
	struct transaction transaction = {0};
	char path[TEST_PATH_BYTES];
	struct error err = {0};

	(void)state;
	test_database_path(&database, "elsewhere.db", path);
	must(db_create(&elsewhere, path, database.gate, &err), &err);
	must(transaction_begin(&transaction, database.db, &err), &err);
	assert_waited(begin_refused_after_ms(elsewhere));
	transaction_end(&transaction);
	must(transaction_begin(&transaction, elsewhere, &err), &err);
	transaction_end(&transaction);
}

static void the_gate_lets_many_threads_write_one_after_the_other(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	void *result;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){&database, i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_notes, &writers[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
	assert_int_equal(test_database_number(database.db, count_sql), WRITERS * NOTES_EACH);
}

static void a_statement_is_the_same_one_each_time_and_forgets_its_values(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct statement *first, *second;
	struct error err = {0};

	(void)state;
	first = db_statement(database.db, add_sql);
	bind_text(first, 1, "text");
	bind_blob(first, 2, "bytes", 5);
	must(statement_done(first, &err), &err);
	statement_release(&first);
	second = db_statement(database.db, add_sql);
	assert_ptr_equal(first, second);
	must(statement_done(second, &err), &err);
	statement_release(&second);
	assert_int_equal(test_database_number(
				 database.db,
				 "SELECT count(*) FROM notes WHERE text IS NULL AND bytes IS NULL"),
			 1);
}

static void a_statement_left_in_the_middle_begins_anew(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct error err = {0};

	(void)state;
	must(add_note(database.db, "one", &err), &err);
	must(add_note(database.db, "two", &err), &err);
	for (int round = 0; round < 3; round++) {
		SCOPED(statement_release)
		struct statement *list = db_statement(database.db, list_sql);
		SCOPED(arena_release) struct arena arena = {0};
		bool has_row = false;

		must(statement_row(list, &has_row, &err), &err);
		assert_true(has_row);
		assert_string_equal(column_text(list, 1, &arena), "one");
	}
	/* A read that was not let go of would keep the other from writing its schema. */
	must(db_script(database.db, "DROP TABLE remarks", &err), &err);
}

static void wrong_sql_is_reported_and_does_no_lasting_harm(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	static const char wrong_sql[] = "SELECT missing FROM nowhere WHERE id = $1";
	struct error err = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		SCOPED(statement_release)
		struct statement *wrong = db_statement(database.db, wrong_sql);
		bool has_row;

		bind_int(wrong, 1, 1);
		assert_false(statement_row(wrong, &has_row, &err));
		assert_int_equal(err.kind, ERROR_INTERNAL);
		assert_non_null(strstr(err.message, "nowhere"));
	}
	must(add_note(database.db, "after all", &err), &err);
}

static void a_parameter_goes_by_its_number_wherever_it_stands(void **state)
{
	static const char swapped_sql[] =
		"SELECT $2 = 'two' AND $12 = 12 AND $1 = 'one' AND $2 <> $1";
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(statement_release) struct statement *swapped = NULL;
	struct error err = {0};
	bool has_row = false;

	(void)state;
	swapped = db_statement(database.db, swapped_sql);
	bind_text(swapped, 1, "one");
	bind_text(swapped, 2, "two");
	bind_int(swapped, 12, 12);
	must(statement_row(swapped, &has_row, &err), &err);
	assert_true(has_row);
	assert_int_equal(column_int(swapped, 0), 1);
}

static void null_text_and_sealed_values_come_back_as_they_went_in(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(arena_release) struct arena arena = {0};
	static const char back_sql[] = "SELECT text, bytes FROM notes ORDER BY id";
	SCOPED(statement_release) struct statement *back = NULL;
	const struct sealed values[] = {{(const unsigned char *)"a\0b", 3}, {NULL, 0}};
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		SCOPED(statement_release)
		struct statement *add = db_statement(database.db, add_sql);

		bind_text(add, 1, i == 0 ? "größer" : NULL);
		bind_sealed(add, 2, values[i]);
		must(statement_done(add, &err), &err);
		assert_int_equal(db_changes(database.db), 1);
	}
	back = db_statement(database.db, back_sql);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		bool has_row = false;
		struct sealed sealed;

		must(statement_row(back, &has_row, &err), &err);
		assert_true(has_row);
		sealed = column_sealed(back, 1, &arena);
		assert_int_equal(sealed.size, values[i].size);
		if (i == 0) {
			assert_string_equal(column_text(back, 0, &arena), "größer");
			assert_memory_equal(sealed.bytes, values[i].bytes, values[i].size);
		} else {
			assert_null(column_text(back, 0, &arena));
			assert_true(column_is_null(back, 1));
			assert_null(sealed.bytes);
		}
	}
}

static void a_reference_to_nothing_is_refused(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct error err = {0};

	(void)state;
	assert_false(db_script(database.db, "INSERT INTO remarks (note_id) VALUES (7)", &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
}

/* In a process of its own, which is killed between the write and its commit, or after it. */
static void write_and_be_killed(const struct test_database *database, bool commits)
{
	struct db_gate *gate = db_gate_open();
	struct db *db = test_database_connect(database, gate);
	struct transaction transaction = {0};
	struct error err = {0};

	if (transaction_begin(&transaction, db, &err) &&
	    add_note(db, commits ? "committed" : "not committed", &err) &&
	    (!commits || transaction_commit(&transaction, &err)))
		kill(getpid(), SIGKILL);
	_exit(1);
}

static void a_killed_process_loses_what_it_had_not_committed_and_nothing_else(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	struct error err = {0};
	int status;

	(void)state;
	for (int commits = 0; commits <= 1; commits++) {
		const pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			write_and_be_killed(&database, commits);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(test_database_number(database.db, count_sql), commits);
	}
	must(add_note(database.db, "not held by the dead", &err), &err);
}

static void a_backup_holds_what_was_committed_while_another_writes(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(db_close) struct db *writer = test_database_connect(&database, database.gate);
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(db_close) struct db *copy = NULL;
	struct transaction transaction = {0};
	const char *finding = "unset";
	char path[TEST_PATH_BYTES];
	struct error err = {0};
	struct stat status;

	(void)state;
	must(add_note(database.db, "in the backup", &err), &err);
	must(transaction_begin(&transaction, writer, &err), &err);
	must(add_note(writer, "not yet", &err), &err);
	umask(0);
	must(db_backup(database.db, test_database_path(&database, "copy.db", path), &err), &err);
	umask(022);
	transaction_end(&transaction);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(access(test_database_path(&database, "copy.db-wal", path), F_OK), -1);
	assert_int_equal(access(test_database_path(&database, "copy.db-journal", path), F_OK), -1);
	must(db_open(&copy, test_database_path(&database, "copy.db", path), database.gate, &err),
	     &err);
	assert_int_equal(test_database_number(copy, count_sql), 1);
	must(db_check_integrity(copy, &arena, &finding, &err), &err);
	assert_null(finding);
}

static void a_backup_overwrites_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	char path[TEST_PATH_BYTES];
	struct error err = {0};
	struct stat status;

	(void)state;
	close(open(test_database_path(&database, "there", path), O_CREAT | O_WRONLY, 0600));
	assert_false(db_backup(database.db, path, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, path));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 0);
	assert_int_equal(symlink("nowhere", test_database_path(&database, "link", path)), 0);
	assert_false(db_backup(database.db, path, &err));
	assert_int_equal(access(test_database_path(&database, "nowhere", path), F_OK), -1);
}

/* Names that mean something else to SQLite than to everybody. */
static void a_backup_is_a_file_of_just_that_name(void **state)
{
	static const char *const names[] = {":memory:", "file:copy?mode=memory"};
	SCOPED(test_database_release) struct test_database database = open_notes();
	char before[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
	struct error err = {0};
	struct stat status;

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(database.folder), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		must(db_backup(database.db, names[i], &err), &err);
		assert_int_equal(stat(test_database_path(&database, names[i], path), &status), 0);
		assert_true(status.st_size > 0);
	}
	assert_false(db_backup(database.db, "", &err));
	assert_int_equal(chdir(before), 0);
}

static void a_backup_that_fails_leaves_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	const struct rlimit small = {8192, RLIM_INFINITY};
	struct rlimit before;
	char path[TEST_PATH_BYTES];
	struct error err = {0};
	bool is_done;

	(void)state;
	must(add_note(database.db, "so that there is something", &err), &err);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	is_done = db_backup(database.db, test_database_path(&database, "copy.db", path), &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(is_done);
	assert_int_equal(err.kind, ERROR_STORAGE);
	assert_non_null(strstr(err.message, path));
	assert_int_equal(access(path, F_OK), -1);
	must(db_backup(database.db, path, &err), &err);
}

static void integrity_is_well_until_a_page_is_overwritten(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(arena_release) struct arena arena = {0};
	const char *finding = "unset";
	struct error err = {0};
	char text[32];
	int file;

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "note %d", i);
		must(add_note(database.db, text, &err), &err);
	}
	must(db_check_integrity(database.db, &arena, &finding, &err), &err);
	assert_null(finding);
	db_close(&database.db); /* the last one to close puts everything into the file */
	file = open(database.path, O_WRONLY);
	assert_int_equal(pwrite(file, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 4096), 8);
	close(file);
	database.db = test_database_connect(&database, database.gate);
	if (db_check_integrity(database.db, &arena, &finding, &err))
		assert_non_null(finding);
	else
		assert_int_equal(err.kind, ERROR_STORAGE);
}

static void integrity_tells_of_a_reference_to_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = open_notes();
	SCOPED(arena_release) struct arena arena = {0};
	const char *finding = NULL;
	struct error err = {0};

	(void)state;
	must(db_script(database.db,
		       "PRAGMA foreign_keys = OFF; INSERT INTO remarks (note_id) VALUES (7);",
		       &err),
	     &err);
	must(db_check_integrity(database.db, &arena, &finding, &err), &err);
	assert_non_null(finding);
	assert_non_null(strstr(finding, "remarks"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_not_there_is_named_and_not_made),
		cmocka_unit_test(
			a_database_in_a_folder_that_is_not_there_does_not_send_to_init_again),
		cmocka_unit_test(a_file_that_is_no_database_is_refused),
		cmocka_unit_test(what_was_committed_is_there_for_another_process),
		cmocka_unit_test(a_db_that_rests_lends_its_connection_and_takes_one_again),
		cmocka_unit_test(a_db_does_not_rest_in_the_middle_of_a_transaction),
		cmocka_unit_test(one_that_finds_all_connections_taken_waits_and_then_opens_another),
		cmocka_unit_test(a_transaction_rolls_back_at_the_end_of_its_scope),
		cmocka_unit_test(a_snapshot_does_not_see_what_is_committed_after_it_began),
		cmocka_unit_test(a_second_writer_is_busy_after_its_time_and_can_write_afterwards),
		cmocka_unit_test(waiting_for_threads_and_for_processes_together_takes_no_longer),
		cmocka_unit_test(the_gate_is_held_by_one_writer_of_the_process_at_a_time),
		cmocka_unit_test(the_gate_lets_many_threads_write_one_after_the_other),
		cmocka_unit_test(a_statement_is_the_same_one_each_time_and_forgets_its_values),
		cmocka_unit_test(a_statement_left_in_the_middle_begins_anew),
		cmocka_unit_test(wrong_sql_is_reported_and_does_no_lasting_harm),
		cmocka_unit_test(a_parameter_goes_by_its_number_wherever_it_stands),
		cmocka_unit_test(null_text_and_sealed_values_come_back_as_they_went_in),
		cmocka_unit_test(a_reference_to_nothing_is_refused),
		cmocka_unit_test(a_killed_process_loses_what_it_had_not_committed_and_nothing_else),
		cmocka_unit_test(a_backup_holds_what_was_committed_while_another_writes),
		cmocka_unit_test(a_backup_overwrites_nothing),
		cmocka_unit_test(a_backup_is_a_file_of_just_that_name),
		cmocka_unit_test(a_backup_that_fails_leaves_nothing),
		cmocka_unit_test(integrity_is_well_until_a_page_is_overwritten),
		cmocka_unit_test(integrity_tells_of_a_reference_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
