#include "store/transaction.h"

#include "base/clock.h"
#include "store/db_gate.h"
#include "store/db_internal.h"
#include "store/statement.h"

#include <assert.h>

static bool enter_gate(struct db *db, int64_t deadline_ms, struct error *err)
{
	/* Reads go on while the writers stand in line. */
	db_rest(db);
	if (!db_gate_enter(db->gate, deadline_ms))
		return error_set(err, ERROR_BUSY,
				 "the database is held by another writer; try again in a moment");
	db->holds_gate = true;
	return true;
}

static void leave_gate(struct db *db)
{
	if (!db->holds_gate)
		return;
	db->holds_gate = false;
	db_gate_leave(db->gate);
}

static const char begin_write_sql[] = "BEGIN IMMEDIATE";
static const char begin_read_sql[] = "BEGIN";
static const char commit_sql[] = "COMMIT";
static const char rollback_sql[] = "ROLLBACK";

/* Called when a connection may not have been opened for it, which its next statement tells. */
static void set_busy_timeout(struct db *db, int timeout_ms)
{
	sqlite3 *handle = db_connection_of(db)->handle;

	if (handle != NULL)
		sqlite3_busy_timeout(handle, timeout_ms);
}

static bool is_in_transaction(const struct db *db)
{
	sqlite3 *handle = db->connection != NULL ? db->connection->handle : NULL;

	return handle != NULL && !sqlite3_get_autocommit(handle);
}

static bool run(struct db *db, const char *sql, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	return statement_done(statement, err);
}

bool transaction_begin(struct transaction *transaction, struct db *db, struct error *err)
{
	const int64_t deadline_ms = clock_monotonic_ms() + DB_BUSY_TIMEOUT_MS;
	bool began;

	if (!enter_gate(db, deadline_ms, err))
		return false;
	/* Other processes are waited for with the time that this one's threads left. */
	set_busy_timeout(db, (int)(deadline_ms - clock_monotonic_ms()));
	began = run(db, begin_write_sql, err);
	set_busy_timeout(db, DB_BUSY_TIMEOUT_MS);
	if (!began) {
		leave_gate(db);
		return false;
	}
	transaction->db = db;
	return true;
}

bool transaction_begin_read(struct transaction *transaction, struct db *db, struct error *err)
{
	if (!run(db, begin_read_sql, err))
		return false;
	transaction->db = db;
	return true;
}

bool transaction_commit(struct transaction *transaction, struct error *err)
{
	/* Where it fails the transaction may still be open; transaction_end() then rolls it back. */
	if (!run(transaction->db, commit_sql, err))
		return false;
	leave_gate(transaction->db);
	transaction->db = NULL;
	return true;
}

void transaction_end(struct transaction *transaction)
{
	struct error ignored; /* a failed rollback leaves what SQLite rolls back by itself */

	if (transaction->db == NULL)
		return;
	if (is_in_transaction(transaction->db) && !run(transaction->db, rollback_sql, &ignored))
		assert(!is_in_transaction(transaction->db));
	leave_gate(transaction->db);
	transaction->db = NULL;
}
