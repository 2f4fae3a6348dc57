#include "store/db.h"

#include "base/encode.h"
#include "store/db_gate.h"
#include "store/db_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *db_allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		abort();
	return memory;
}

bool db_fail(struct db *db, int result, struct error *err)
{
	sqlite3 *handle = db->connection != NULL ? db->connection->handle : NULL;
	const char *words = handle != NULL ? sqlite3_errmsg(handle) : sqlite3_errstr(result);

	/* Files beside the database that cannot be made are an I/O error to SQLite. */
	if ((result & 0xff) == SQLITE_IOERR && handle != NULL &&
	    sqlite3_system_errno(handle) == ENOSPC)
		result = SQLITE_FULL;
	switch (result & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(err, ERROR_BUSY,
				 "the database is held by another writer; try again in a moment");
	case SQLITE_CONSTRAINT:
		return error_set(err, ERROR_CONFLICT, "the database refused it: %s", words);
	case SQLITE_FULL:
		return error_set(err, ERROR_STORAGE, "the database cannot grow: the disk is full");
	case SQLITE_READONLY:
		return error_set(
			err, ERROR_STORAGE,
			"the database cannot be written: %s; see that the disk takes writes, and that file and "
			"folder belong to the user of the services",
			words);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(err, ERROR_STORAGE, "the database cannot be used: %s", words);
	default:
		return error_set(err, ERROR_INTERNAL, "database: %s", words);
	}
}

/* What there is to do about a file that does not open. */
static const char *open_advice(const char *path, int flags)
{
	if (access(path, R_OK | W_OK) == 0)
		return "check that it is a database, and who may read and write it";
	if (errno != ENOENT)
		return "run this as the user of the services, or give it and its folder to that "
		       "user";
	return (flags & SQLITE_OPEN_CREATE) != 0
		       ? "check its folder"
		       : "`hallpass init` makes one, if you have no copy to restore";
}

/* As db_script(), for a file that nobody knows yet: the message names it. */
static bool first_script(struct db *db, const char *sql, const char *path, struct error *err)
{
	struct error why = {0};

	return db_script(db, sql, &why) ||
	       error_set(err, why.kind, "database %s: %s", path, why.message);
}

/*
 * A db without a connection; the caller gives it one, which counts as used already. *idle is one that
 * is open and serves, or NULL.
 */
static struct db *new_db(const char *path, struct db_gate *gate, struct db_connection **idle)
{
	struct db *db = db_allocate(sizeof(*db));

	db->gate = gate;
	db->patience_ms = DB_BUSY_TIMEOUT_MS;
	db->path = strdup(path);
	if (db->path == NULL)
		abort();
	*idle = db_gate_take(gate, path, true);
	return db;
}

static bool open_file(struct db **db, const char *path, struct db_gate *gate, int flags,
		      struct error *err)
{
	struct db_connection *idle;
	struct db *opened = new_db(path, gate, &idle);

	opened->connection = idle != NULL ? idle : db_connection_open(path, flags);
	if (opened->connection->open_result != SQLITE_OK) {
		error_set(err, ERROR_STORAGE, "database %s: %s; %s", path,
			  sqlite3_errmsg(opened->connection->handle), open_advice(path, flags));
		db_close(&opened);
		return false;
	}
	if (idle == NULL) {
		if (!first_script(opened, db_connection_settings, path, err)) {
			db_close(&opened);
			return false;
		}
		db_connection_settle(opened->connection, gate);
	}
	*db = opened;
	return true;
}

bool db_open(struct db **db, const char *path, struct db_gate *gate, struct error *err)
{
	return open_file(db, path, gate, SQLITE_OPEN_READWRITE, err);
}

bool db_open_frozen(struct db **db, const char *path, struct db_gate *gate, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	const char *uri = arena_printf(&arena, "file:%s?immutable=1", percent_encode(&arena, path));

	return open_file(db, uri, gate, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

static const char wal_sql[] = "PRAGMA journal_mode = WAL;";

bool db_use_wal(struct db *db, struct error *err)
{
	return db_script(db, wal_sql, err);
}

bool db_create(struct db **db, const char *path, struct db_gate *gate, struct error *err)
{
	if (!open_file(db, path, gate, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err))
		return false;
	if (!first_script(*db, wal_sql, path, err)) {
		db_close(db);
		return false;
	}
	return true;
}

void db_close(struct db **db)
{
	if (*db == NULL)
		return;
	if ((*db)->connection != NULL)
		db_gate_give_back((*db)->gate, (*db)->connection, false);
	free((*db)->path);
	free(*db);
	*db = NULL;
}

struct db_connection *db_connection_of(struct db *db)
{
	struct db_connection *connection = db->connection;

	if (connection != NULL && connection->handle == NULL && db->statements_in_use == 0) {
		db_gate_give_back(db->gate, connection, false);
		connection = NULL;
	}
	/* Whoever has the gate waits for nobody, so that those who wait for the gate come through. */
	if (connection == NULL)
		connection = db_gate_take(db->gate, db->path, !db->holds_gate);
	if (connection == NULL)
		connection = db_connection_open_again(db->path, db->gate);
	db->connection = connection;
	return connection;
}

void db_rest(struct db *db)
{
	struct db_connection *connection = db->connection;

	if (connection == NULL || db->statements_in_use > 0 || connection->handle == NULL ||
	    !sqlite3_get_autocommit(connection->handle))
		return;
	db->connection = NULL;
	db_gate_give_back(db->gate, connection, true);
}

void db_set_patience(struct db *db, int patience_ms)
{
	db->patience_ms = patience_ms;
}

struct group_queue *db_group(const struct db *db)
{
	return db_gate_group(db->gate);
}

bool db_knows_table(struct db *db, const char *name)
{
	sqlite3 *handle = db_connection_of(db)->handle;

	return handle != NULL && sqlite3_table_column_metadata(handle, "main", name, NULL, NULL,
							       NULL, NULL, NULL, NULL) == SQLITE_OK;
}

bool db_script(struct db *db, const char *sql, struct error *err)
{
	const struct db_connection *connection = db_connection_of(db);
	const int result = connection->handle == NULL
				   ? connection->open_result
				   : sqlite3_exec(connection->handle, sql, NULL, NULL, NULL);

	return result == SQLITE_OK || db_fail(db, result, err);
}
