/*
 * A fresh database in a temporary folder of its own, for tests of the store and of what stands on
 * it. What fails here ends the process, saying why.
 */
#ifndef SUPPORT_TEST_DATABASE_H
#define SUPPORT_TEST_DATABASE_H

#include "base/keyring.h"
#include "store/db.h"

enum { TEST_PATH_BYTES = 256 };

struct test_database {
	char folder[TEST_PATH_BYTES]; /* goes with everything that is in it */
	char path[TEST_PATH_BYTES];   /* of the database */
	struct db_gate *gate;
	struct db *db;
};

/* With the schema; for none, test_database_open_empty(). */
struct test_database test_database_open(void);
struct test_database test_database_open_empty(void);

/* cleanup for SCOPED() */
void test_database_release(struct test_database *database);

/* Another connection to the same file: with the same gate as a second thread, else as a second process. */
struct db *test_database_connect(const struct test_database *database, struct db_gate *gate);

/* How many threads of the db's process wait to be stored together. */
int test_database_waiting(const struct db *db);

/* The path of a file of that name in the folder; the text is the caller's buffer. */
const char *test_database_path(const struct test_database *database, const char *name,
			       char path[static TEST_PATH_BYTES]);

/* A key file of that name in the folder, made now, with one key. */
struct keyring *test_database_keyring(const struct test_database *database, const char *name);

/* A number that SQL of the test's own, a constant, finds; -1 for NULL and where there is no row. */
int64_t test_database_number(struct db *db, const char *sql);

#endif
