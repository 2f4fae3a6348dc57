#include "support/test_database.h"

#include "base/key_file.h"
#include "store/db_gate.h"
#include "store/group_commit.h"
#include "store/migrate.h"
#include "store/statement.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool is_done, const struct error *err)
{
	if (is_done)
		return;
	fprintf(stderr, "test database: %s\n", err->message);
	abort();
}

const char *test_database_path(const struct test_database *database, const char *name,
			       char path[static TEST_PATH_BYTES])
{
	if (snprintf(path, TEST_PATH_BYTES, "%s/%s", database->folder, name) >= TEST_PATH_BYTES)
		abort();
	return path;
}

struct test_database test_database_open_empty(void)
{
	const char *parent = getenv("TMPDIR");
	struct test_database database = {.gate = db_gate_open()};
	struct error err = {0};

	snprintf(database.folder, sizeof(database.folder) - sizeof("/hallpass.db"),
		 "%s/hallpass-test-XXXXXX", parent != NULL ? parent : "/tmp");
	if (mkdtemp(database.folder) == NULL) {
		perror(database.folder);
		abort();
	}
	test_database_path(&database, "hallpass.db", database.path);
	require(db_create(&database.db, database.path, database.gate, &err), &err);
	return database;
}

struct test_database test_database_open(void)
{
	struct test_database database = test_database_open_empty();
	struct error err = {0};
	int from;

	require(migrate_run(database.db, &from, &err), &err);
	return database;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void test_database_release(struct test_database *database)
{
	db_close(&database->db);
	db_gate_close(&database->gate);
	if (nftw(database->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) {
		perror(database->folder);
		abort();
	}
}

struct db *test_database_connect(const struct test_database *database, struct db_gate *gate)
{
	struct error err = {0};
	struct db *db = NULL;

	require(db_open(&db, database->path, gate, &err), &err);
	return db;
}

struct keyring *test_database_keyring(const struct test_database *database, const char *name)
{
	char path[TEST_PATH_BYTES];
	struct keyring *keyring = NULL;
	struct error err = {0};

	test_database_path(database, name, path);
	require(key_file_create(path, &err) && keyring_open(&keyring, path, &err), &err);
	return keyring;
}

int test_database_waiting(const struct db *db)
{
	struct group_queue *queue = db_group(db);
	int count;

	pthread_mutex_lock(&queue->lock);
	count = queue->count;
	pthread_mutex_unlock(&queue->lock);
	return count;
}

int64_t test_database_number(struct db *db, const char *sql)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);
	struct error err = {0};
	bool has_row = false;

	require(statement_row(statement, &has_row, &err), &err);
	return !has_row || column_is_null(statement, 0) ? -1 : column_int(statement, 0);
}
