/*
 * The database; the only owner of sqlite3.h. A `db` belongs to one thread. A `db_gate` belongs to the
 * process and lets its threads write one after the other, since SQLite has one writer and waiting in
 * line is cheaper than colliding. It also keeps the connections of those that rest, so that a process
 * has as many as work at the same time rather than one for each thread.
 *
 * A statement is prepared once per connection, kept, and reset and cleared when its scope ends:
 *
 *	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);
 *	bind_text(find, 1, public_id);
 *	if (!statement_row(find, &found, err))
 *		return false;
 *
 * A failed bind or prepare is reported by the next statement_row() or statement_done().
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/arena.h"
#include "base/error.h"
#include "base/keyring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_gate;
struct statement;

/* How long a writer waits for others before it gives up with ERROR_BUSY; below Zoom's 3 seconds. */
enum { DB_BUSY_TIMEOUT_MS = 2000 };

struct db_gate *db_gate_open(void);
void db_gate_close(struct db_gate **gate);

/*
 * Opens an existing file; ERROR_STORAGE, naming it and what to do, where that fails. Checks nothing
 * of its content (migrate_check() does). The gate must outlive the db.
 */
bool db_open(struct db **db, const char *path, struct db_gate *gate, struct error *err) MUST_CHECK;

/* The same, and makes the file where it is not there. */
bool db_create(struct db **db, const char *path, struct db_gate *gate, struct error *err)
	MUST_CHECK;

void db_close(struct db **db);

/*
 * Before a long wait, for Zoom above all: lends the connection to whoever works meanwhile. The next
 * statement takes one again; where none can be opened it fails as a statement does. Does nothing while
 * a statement is in use or a transaction open.
 */
void db_rest(struct db *db);

/* Runs several statements of constant SQL: the schema and its migrations. */
bool db_script(struct db *db, const char *sql, struct error *err) MUST_CHECK;

/* sql is a constant: its address is the key under which it stays prepared. Never NULL. */
struct statement *db_statement(struct db *db, const char *sql);
void statement_release(struct statement **statement);

void bind_int(struct statement *statement, int number, int64_t value);
/* NULL binds SQL's NULL. */
void bind_text(struct statement *statement, int number, const char *text);
void bind_blob(struct statement *statement, int number, const void *bytes, size_t size);
void bind_sealed(struct statement *statement, int number, struct sealed sealed);
void bind_null(struct statement *statement, int number);

/* An instant or id where 0 stands for SQL's NULL. */
void bind_int_or_null(struct statement *statement, int number, int64_t value);

/* Steps once. */
bool statement_row(struct statement *statement, bool *has_row, struct error *err) MUST_CHECK;

/* Steps to the end; rows on the way are dropped. */
bool statement_done(struct statement *statement, struct error *err) MUST_CHECK;

/* The same; *changed tells whether a row was inserted, changed or removed. */
bool statement_change(struct statement *statement, bool *changed, struct error *err) MUST_CHECK;

int64_t column_int(struct statement *statement, int column); /* NULL is 0 */
bool column_is_null(struct statement *statement, int column);
char *column_text(struct statement *statement, int column, struct arena *arena); /* NULL is NULL */
struct sealed column_sealed(struct statement *statement, int column, struct arena *arena);

/* Rows that the last statement inserted, changed or removed. */
int64_t db_changes(struct db *db);

/*
 * A write transaction, which rolls back at the end of its scope unless it was committed:
 *
 *	SCOPED(transaction_end) struct transaction transaction = {0};
 *	if (!transaction_begin(&transaction, db, err))
 *		return false;
 *	…
 *	return transaction_commit(&transaction, err);
 *
 * Short, and never open while the network is waited for.
 */
struct transaction {
	struct db *db; /* NULL: not open */
};

bool transaction_begin(struct transaction *transaction, struct db *db, struct error *err)
	MUST_CHECK;

/* After success it is on the disk, whatever fails next. */
bool transaction_commit(struct transaction *transaction, struct error *err) MUST_CHECK;

void transaction_end(struct transaction *transaction);

/* A snapshot for several reads that must agree with each other; ends as a transaction does. */
bool transaction_begin_read(struct transaction *transaction, struct db *db, struct error *err)
	MUST_CHECK;

/* PRAGMA integrity_check and foreign_key_check: *finding is NULL where all is well. */
bool db_check_integrity(struct db *db, struct arena *arena, const char **finding, struct error *err)
	MUST_CHECK;

/*
 * A consistent copy while others read and write, in a new file of mode 0600; ERROR_CONFLICT where the
 * file is there already. A copy that fails is removed.
 */
bool db_backup(struct db *db, const char *path, struct error *err) MUST_CHECK;

#endif
