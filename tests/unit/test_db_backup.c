#include "store/db_backup.h"
#include "store/db_integrity.h"
#include "store/transaction.h"
#include "support/must.h"
#include "support/test_notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void a_backup_holds_what_was_committed_while_another_writes(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	SCOPED(db_close) struct db *writer = test_database_connect(&database, database.gate);
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(db_close) struct db *copy = NULL;
	struct transaction transaction = {0};
	const char *finding = "unset";
	char path[TEST_PATH_BYTES];
	struct error err = {0};
	struct stat status;

	(void)state;
	must(test_notes_add(database.db, "in the backup", &err), &err);
	must(transaction_begin(&transaction, writer, &err), &err);
	must(test_notes_add(writer, "not yet", &err), &err);
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
	assert_int_equal(test_notes_count(copy), 1);
	must(db_integrity_check(copy, &arena, &finding, &err), &err);
	assert_null(finding);
}

static void a_backup_overwrites_nothing(void **state)
{
	SCOPED(test_database_release) struct test_database database = test_notes_open();
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
	SCOPED(test_database_release) struct test_database database = test_notes_open();
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
	SCOPED(test_database_release) struct test_database database = test_notes_open();
	const struct rlimit small = {8192, RLIM_INFINITY};
	struct rlimit before;
	char path[TEST_PATH_BYTES];
	struct error err = {0};
	bool is_done;

	(void)state;
	must(test_notes_add(database.db, "so that there is something", &err), &err);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backup_holds_what_was_committed_while_another_writes),
		cmocka_unit_test(a_backup_overwrites_nothing),
		cmocka_unit_test(a_backup_is_a_file_of_just_that_name),
		cmocka_unit_test(a_backup_that_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
