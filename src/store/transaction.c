#include "store/transaction.h"

#include "base/clock.h"
#include "base/doorbell.h"
#include "store/db_gate.h"
#include "store/db_internal.h"
#include "store/statement.h"

#include <assert.h>

enum {
	/*
	 * Between looks whether another process is done. SQLite's own pauses grow to 100 ms. Nobody writes until
	 * the first in line has looked, and a commit takes a fast disk as long as this; a look costs some
	 * microseconds.
	 */
	LOOK_AGAIN_US = 200,
	/* So long those who go first pass the others in the line of the processes: a few commits on a slow disk. */
	FIRST_PASS_MS = 50,
	/*
	 * Whoever stands there begins within a few commits; one who does not is stopped, and keeps each once and
	 * no longer.
	 */
	LET_PASS_MS_MAX = 250,
};

static bool enter_gate(struct db *db, bool goes_first, int64_t deadline_ms, struct error *err)
{
	/* Reads go on while the writers stand in line. */
	db_rest(db);
	if (!db_gate_enter(db->gate, goes_first, deadline_ms))
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
static const char mark_sql[] = "SAVEPOINT mark";
static const char keep_sql[] = "RELEASE SAVEPOINT mark";
static const char undo_sql[] = "ROLLBACK TO SAVEPOINT mark";

static bool run(struct db *db, const char *sql, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	return statement_done(statement, err);
}

/* How another process's writer is waited for. */
struct turn {
	struct db_connection *connection;
	int64_t place; /* in the line of the processes, whether it is taken or not */
	int64_t deadline_ms;
	bool has_met_writer;
};

/* False where it was in vain. Who turned out to be stopped is not waited for again until the place was free. */
static bool let_others_pass(const struct turn *turn)
{
	struct db_connection *connection = turn->connection;
	struct db_line *line = &connection->line;
	const int64_t limit_ms = clock_monotonic_ms() + LET_PASS_MS_MAX;
	const int64_t until_ms = limit_ms < turn->deadline_ms ? limit_ms : turn->deadline_ms;

	while (db_line_has_before(line, connection->path, turn->place)) {
		if (line->is_stuck)
			return true;
		if (clock_monotonic_ms() >= until_ms)
			return false;
		db_line_stand(line, connection->path, turn->place);
		clock_pause_us(LOOK_AGAIN_US);
	}
	line->is_stuck = false;
	return true;
}

static int wait_for_turn(void *argument, int count)
{
	struct turn *turn = argument;
	struct db_connection *connection = turn->connection;

	(void)count;
	turn->has_met_writer = true;
	if (clock_monotonic_ms() >= turn->deadline_ms)
		return 0;
	db_line_stand(&connection->line, connection->path, turn->place);
	clock_pause_us(LOOK_AGAIN_US);
	let_others_pass(turn);
	return 1;
}

/* Where no connection could be opened for it, its statement tells. */
static bool begin_write(struct db *db, struct turn *turn, struct error *err)
{
	sqlite3 *handle;
	bool has_passed, began;

	turn->connection = db_connection_of(db);
	handle = turn->connection->handle;
	if (handle == NULL)
		return run(db, begin_write_sql, err);
	has_passed = let_others_pass(turn);
	sqlite3_busy_handler(handle, wait_for_turn, turn);
	began = run(db, begin_write_sql, err);
	sqlite3_busy_timeout(handle, DB_BUSY_TIMEOUT_MS);
	if (!has_passed && began && !turn->has_met_writer)
		turn->connection->line.is_stuck = true;
	db_line_leave(&turn->connection->line);
	return began;
}

static bool is_in_transaction(const struct db *db)
{
	sqlite3 *handle = db->connection != NULL ? db->connection->handle : NULL;

	return handle != NULL && !sqlite3_get_autocommit(handle);
}

/*
 * For who has come through the gate: no earlier than now, lest a crowd that waited there has all of its turns one
 * after the other.
 */
static int64_t place_in_line(bool goes_first, int64_t came_us)
{
	const int64_t now_us = clock_monotonic_us();
	const int64_t behind_us = came_us + FIRST_PASS_MS * MILLISECOND;

	return goes_first || behind_us < now_us ? now_us : behind_us;
}

/* Not beyond deadline_ms, nor for longer than the db's patience. */
static bool begin(struct transaction *transaction, struct db *db, bool goes_first,
		  int64_t deadline_ms, struct error *err)
{
	/* Other processes are waited for with the time that this one's threads left. */
	const int64_t came_us = clock_monotonic_us();
	const int64_t usual_ms = came_us / MILLISECOND + db->patience_ms;
	struct turn turn = {.deadline_ms = deadline_ms < usual_ms ? deadline_ms : usual_ms};

	if (!enter_gate(db, goes_first, turn.deadline_ms, err))
		return false;
	turn.place = place_in_line(goes_first, came_us);
	if (!begin_write(db, &turn, err)) {
		leave_gate(db);
		return false;
	}
	transaction->db = db;
	return true;
}

bool transaction_begin(struct transaction *transaction, struct db *db, struct error *err)
{
	return begin(transaction, db, false, INT64_MAX, err);
}

bool transaction_begin_first(struct transaction *transaction, struct db *db, struct error *err)
{
	return begin(transaction, db, true, INT64_MAX, err);
}

bool transaction_begin_first_until(struct transaction *transaction, struct db *db,
				   int64_t deadline_ms, struct error *err)
{
	return begin(transaction, db, true, deadline_ms, err);
}

bool transaction_mark(struct transaction *transaction, struct error *err)
{
	transaction->was_rung_at_mark = transaction->db->rings_on_commit;
	return run(transaction->db, mark_sql, err);
}

bool transaction_keep(struct transaction *transaction, struct error *err)
{
	return run(transaction->db, keep_sql, err);
}

bool transaction_undo(struct transaction *transaction, struct error *err)
{
	transaction->db->rings_on_commit = transaction->was_rung_at_mark;
	return run(transaction->db, undo_sql, err) && run(transaction->db, keep_sql, err);
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
	if (transaction->db->rings_on_commit)
		doorbell_ring(transaction->db->path);
	transaction->db->rings_on_commit = false;
	transaction->db = NULL;
	return true;
}

void transaction_ring(struct db *db)
{
	db->rings_on_commit = true;
}

void transaction_end(struct transaction *transaction)
{
	struct error ignored; /* a failed rollback leaves what SQLite rolls back by itself */

	if (transaction->db == NULL)
		return;
	if (is_in_transaction(transaction->db) && !run(transaction->db, rollback_sql, &ignored))
		assert(!is_in_transaction(transaction->db));
	leave_gate(transaction->db);
	transaction->db->rings_on_commit = false;
	transaction->db = NULL;
}
