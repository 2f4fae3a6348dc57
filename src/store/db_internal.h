/*
 * What the files of the store that speak to SQLite share; nobody else includes it. A `db` is what the
 * callers hold; a connection is SQLite's, with what was prepared on it, and goes from one db to another.
 */
#ifndef STORE_DB_INTERNAL_H
#define STORE_DB_INTERNAL_H

#include "store/db.h"
#include "store/db_line.h"

#include <sqlite3.h>

struct statement;

enum { STATEMENTS_MAX = 256 }; /* of one: the program's constants, so it cannot grow with input */

struct db_connection {
	sqlite3 *handle; /* NULL: it could not be opened again, for open_result */
	int open_result;
	char *path;
	struct db_line line;
	struct db_gate *gate;
	/* Open addressing by the address of the SQL. */
	struct statement *statements[STATEMENTS_MAX];
	struct db_connection *next; /* in the gate's list of idle ones */
};

struct db {
	char *path;
	struct db_gate *gate;
	int patience_ms; /* of who wants to write; see db_set_patience() */
	bool holds_gate;
	struct db_connection *connection; /* NULL: it rests */
	int statements_in_use;
	bool rings_on_commit; /* see transaction_ring() */
};

/* Zeroed. */
void *db_allocate(size_t size);

/* Never NULL: open_result tells whether it may be used. flags are those of sqlite3_open_v2(). */
struct db_connection *db_connection_open(const char *path, int flags);

/* What each runs first, and what SQLite is to be told about it then. */
extern const char db_connection_settings[];
void db_connection_settle(struct db_connection *connection, struct db_gate *gate);

/* Of a db that was open before: what fails now is told by the statements, handle then being NULL. */
struct db_connection *db_connection_open_again(const char *path, struct db_gate *gate);

/* NULL is none. */
void db_connection_close(struct db_connection *connection);

/* The connection that db has, or one that it takes; its handle is NULL where none could be opened. */
struct db_connection *db_connection_of(struct db *db);

/* SQLite's result as an error; returns false. */
bool db_fail(struct db *db, int result, struct error *err);

/* Of a connection that closes. */
void statement_free(struct statement *statement);

#endif
