#include "store/db_checkpoint.h"
#include "store/db_gate.h"
#include "store/db_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * What the log is cut back to, once a reader is gone that made it longer: by itself SQLite would keep the file,
 * on a disk that may be full of it, until the last process has closed the database. Twice what checkpoints
 * begin at, for in haste it may well be that long.
 */
#define LOG_BYTES_LEFT "81920000"

static_assert(2 * DB_CHECKPOINT_PAGES * 4096 == 81920000, "pages are SQLite's usual ones");

const char db_connection_settings[] = "PRAGMA synchronous = FULL;"
				      "PRAGMA temp_store = MEMORY;"
				      "PRAGMA journal_size_limit = " LOG_BYTES_LEFT ";";

struct db_connection *db_connection_open(const char *path, int flags)
{
	struct db_connection *connection = db_allocate(sizeof(*connection));

	connection->path = strdup(path);
	connection->line = (struct db_line){.file = -1};
	if (connection->path == NULL)
		abort();
	connection->open_result =
		sqlite3_open_v2(path, &connection->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (connection->open_result == SQLITE_OK) {
		sqlite3_extended_result_codes(connection->handle, 1);
		sqlite3_busy_timeout(connection->handle, DB_BUSY_TIMEOUT_MS);
	}
	return connection;
}

/* By the thread that has committed, unless the process has one for it. What fails is done at a later commit. */
static int see_to_checkpoint(void *argument, sqlite3 *handle, const char *name, int pages)
{
	const struct db_connection *connection = argument;
	struct checkpointer *checkpointer = db_gate_checkpointer(connection->gate);
	const bool is_seen_to =
		checkpointer != NULL && checkpointer_tell(checkpointer, connection->path, pages);

	if (!is_seen_to && pages >= DB_CHECKPOINT_PAGES)
		sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

void db_connection_settle(struct db_connection *connection, struct db_gate *gate)
{
	connection->gate = gate;
	sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_wal_hook(connection->handle, see_to_checkpoint, connection);
}

struct db_connection *db_connection_open_again(const char *path, struct db_gate *gate)
{
	struct db_connection *connection = db_connection_open(path, SQLITE_OPEN_READWRITE);

	if (connection->open_result == SQLITE_OK)
		connection->open_result =
			sqlite3_exec(connection->handle, db_connection_settings, NULL, NULL, NULL);
	if (connection->open_result == SQLITE_OK) {
		db_connection_settle(connection, gate);
	} else {
		sqlite3_close(connection->handle);
		connection->handle = NULL;
	}
	return connection;
}

void db_connection_close(struct db_connection *connection)
{
	if (connection == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		statement_free(connection->statements[i]);
	sqlite3_close(connection->handle);
	db_line_close(&connection->line);
	free(connection->path);
	free(connection);
}
