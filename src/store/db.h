/*
 * The database, as one thread has it: a `db` belongs to one thread, and many share a gate (db_gate.h).
 * What is done with it is in statement.h and transaction.h.
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
struct group_queue;

/* How long a writer waits for others before it gives up with ERROR_BUSY; below Zoom's 3 seconds. */
enum { DB_BUSY_TIMEOUT_MS = 2000 };

/*
 * Opens an existing file; ERROR_STORAGE, naming it and what to do, where that fails. Checks nothing
 * of its content (migrate_check() does). The gate must outlive the db.
 */
bool db_open(struct db **db, const char *path, struct db_gate *gate, struct error *err) MUST_CHECK;

/* The same, and makes the file where it is not there. */
bool db_create(struct db **db, const char *path, struct db_gate *gate, struct error *err)
	MUST_CHECK;

/* For reading one that nobody writes until it is closed, and whose WAL is empty, past all locks. */
bool db_open_frozen(struct db **db, const char *path, struct db_gate *gate, struct error *err)
	MUST_CHECK;

/* Readers and the writer do not wait for each other from then on; that is kept in the file. */
bool db_use_wal(struct db *db, struct error *err) MUST_CHECK;

void db_close(struct db **db);

/*
 * Before a long wait, for Zoom above all: lends the connection to whoever works meanwhile. The next
 * statement takes one again; where none can be opened it fails as a statement does. Does nothing while
 * a statement is in use or a transaction open.
 */
void db_rest(struct db *db);

/* Of the gate: where its threads wait to be stored together (group_commit.h). */
struct group_queue *db_group(const struct db *db);

/*
 * Whether there is such a table, as far as the connection knows without looking: what others have done since its last
 * statement is not seen.
 */
bool db_knows_table(struct db *db, const char *name);

/* Runs several statements of constant SQL: the schema and its migrations. */
bool db_script(struct db *db, const char *sql, struct error *err) MUST_CHECK;

/*
 * Its transactions wait so long for their turn: for whoever keeps nobody waiting, and loses more by giving up. On a
 * slow disk under load it comes late, after a commit of each of the other processes.
 */
void db_set_patience(struct db *db, int patience_ms);

#endif
