#include "store/db.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	STATEMENTS_MAX = 256, /* of one db: the program's constants, so it cannot grow with input */
	WAL_CHECKPOINT_PAGES = 4000,
	PARAMETERS_MAX = 40, /* of one statement */
};

struct db_gate {
	pthread_mutex_t writer;
};

struct statement {
	struct db *db;
	const char *sql; /* its address is the key */
	sqlite3_stmt *prepared;
	unsigned char
		positions[PARAMETERS_MAX]; /* of $1 … among SQLite's parameters; 0: there is none */
	int result; /* of the first call that failed since the last release, else SQLITE_OK */
	bool in_use;
};

struct db {
	sqlite3 *handle;
	struct db_gate *gate;
	bool holds_gate;
	struct statement
		*statements[STATEMENTS_MAX]; /* open addressing by the address of the SQL */
};

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		abort();
	return memory;
}

struct db_gate *db_gate_open(void)
{
	struct db_gate *gate = allocate(sizeof(*gate));

	pthread_mutex_init(&gate->writer, NULL);
	return gate;
}

void db_gate_close(struct db_gate **gate)
{
	if (*gate == NULL)
		return;
	pthread_mutex_destroy(&(*gate)->writer);
	free(*gate);
	*gate = NULL;
}

static bool fail(struct db *db, int result, struct error *err)
{
	const char *words =
		db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(result);

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
	if (access(path, F_OK) == 0)
		return "check that it is a database, and who may read and write it";
	return (flags & SQLITE_OPEN_CREATE) != 0 ? "check its folder" : "`hallpass init` makes one";
}

/* As db_script(), for a file that nobody knows yet: the message names it. */
static bool first_script(struct db *db, const char *sql, const char *path, struct error *err)
{
	struct error why = {0};

	return db_script(db, sql, &why) ||
	       error_set(err, why.kind, "database %s: %s", path, why.message);
}

static bool open_file(struct db **db, const char *path, struct db_gate *gate, int flags,
		      struct error *err)
{
	struct db *opened = allocate(sizeof(*opened));
	int result;

	opened->gate = gate;
	result = sqlite3_open_v2(path, &opened->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (result != SQLITE_OK) {
		error_set(err, ERROR_STORAGE, "database %s: %s; %s", path,
			  sqlite3_errmsg(opened->handle), open_advice(path, flags));
		db_close(&opened);
		return false;
	}
	sqlite3_extended_result_codes(opened->handle, 1);
	sqlite3_busy_timeout(opened->handle, DB_BUSY_TIMEOUT_MS);
	if (!first_script(opened,
			  "PRAGMA synchronous = FULL;"
			  "PRAGMA foreign_keys = ON;"
			  "PRAGMA trusted_schema = OFF;"
			  "PRAGMA temp_store = MEMORY;",
			  path, err)) {
		db_close(&opened);
		return false;
	}
	sqlite3_db_config(opened->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_wal_autocheckpoint(opened->handle, WAL_CHECKPOINT_PAGES);
	*db = opened;
	return true;
}

bool db_open(struct db **db, const char *path, struct db_gate *gate, struct error *err)
{
	return open_file(db, path, gate, SQLITE_OPEN_READWRITE, err);
}

bool db_create(struct db **db, const char *path, struct db_gate *gate, struct error *err)
{
	if (!open_file(db, path, gate, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err))
		return false;
	/* The journal mode is kept in the file: readers and the writer do not wait for each other. */
	if (!first_script(*db, "PRAGMA journal_mode = WAL;", path, err)) {
		db_close(db);
		return false;
	}
	return true;
}

void db_close(struct db **db)
{
	if (*db == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		if ((*db)->statements[i] == NULL)
			continue;
		sqlite3_finalize((*db)->statements[i]->prepared);
		free((*db)->statements[i]);
	}
	sqlite3_close((*db)->handle);
	free(*db);
	*db = NULL;
}

bool db_script(struct db *db, const char *sql, struct error *err)
{
	const int result = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return result == SQLITE_OK || fail(db, result, err);
}

static struct statement **statement_slot(struct db *db, const char *sql)
{
	size_t slot = ((uintptr_t)sql * 0x9e3779b97f4a7c15u >> 32) % STATEMENTS_MAX;

	for (size_t tried = 0; tried < STATEMENTS_MAX; tried++) {
		if (db->statements[slot] == NULL || db->statements[slot]->sql == sql)
			return &db->statements[slot];
		slot = (slot + 1) % STATEMENTS_MAX;
	}
	assert(false && "more SQL constants than STATEMENTS_MAX");
	return NULL;
}

/* To SQLite "$2" is a name, and it numbers names as they come; here it is parameter 2, as elsewhere. */
static void number_parameters(struct statement *statement)
{
	const int count = sqlite3_bind_parameter_count(statement->prepared);

	for (int position = 1; position <= count; position++) {
		const char *name = sqlite3_bind_parameter_name(statement->prepared, position);
		const long number = name != NULL ? strtol(name + 1, NULL, 10) : 0;

		assert(number > 0 && number < PARAMETERS_MAX);
		statement->positions[number] = (unsigned char)position;
	}
}

static void prepare(struct statement *statement)
{
	statement->result =
		sqlite3_prepare_v3(statement->db->handle, statement->sql, -1,
				   SQLITE_PREPARE_PERSISTENT, &statement->prepared, NULL);
	if (statement->result == SQLITE_OK)
		number_parameters(statement);
}

struct statement *db_statement(struct db *db, const char *sql)
{
	struct statement **slot = statement_slot(db, sql);
	struct statement *statement = *slot;

	if (statement == NULL) {
		statement = allocate(sizeof(*statement));
		statement->db = db;
		statement->sql = sql;
		*slot = statement;
	}
	assert(!statement->in_use);
	statement->in_use = true;
	statement->result = SQLITE_OK;
	if (statement->prepared == NULL)
		prepare(statement);
	return statement;
}

void statement_release(struct statement **statement)
{
	if (*statement == NULL)
		return;
	if ((*statement)->prepared != NULL) {
		sqlite3_reset((*statement)->prepared);
		sqlite3_clear_bindings((*statement)->prepared);
	}
	(*statement)->in_use = false;
}

static int position_of(const struct statement *statement, int number)
{
	assert(number > 0 && number < PARAMETERS_MAX);
	assert(statement->positions[number] != 0 || statement->prepared == NULL);
	return statement->positions[number];
}

static void remember(struct statement *statement, int result)
{
	if (statement->result == SQLITE_OK)
		statement->result = result;
}

void bind_int(struct statement *statement, int number, int64_t value)
{
	remember(statement,
		 sqlite3_bind_int64(statement->prepared, position_of(statement, number), value));
}

void bind_int_or_null(struct statement *statement, int number, int64_t value)
{
	if (value == 0)
		bind_null(statement, number);
	else
		bind_int(statement, number, value);
}

void bind_text(struct statement *statement, int number, const char *text)
{
	remember(statement, sqlite3_bind_text(statement->prepared, position_of(statement, number),
					      text, -1, SQLITE_TRANSIENT));
}

void bind_blob(struct statement *statement, int number, const void *bytes, size_t size)
{
	remember(statement, sqlite3_bind_blob64(statement->prepared, position_of(statement, number),
						bytes, size, SQLITE_TRANSIENT));
}

void bind_sealed(struct statement *statement, int number, struct sealed sealed)
{
	if (sealed.bytes == NULL)
		bind_null(statement, number);
	else
		bind_blob(statement, number, sealed.bytes, sealed.size);
}

void bind_null(struct statement *statement, int number)
{
	remember(statement, sqlite3_bind_null(statement->prepared, position_of(statement, number)));
}

bool statement_row(struct statement *statement, bool *has_row, struct error *err)
{
	int result = statement->result;

	if (result == SQLITE_OK)
		result = sqlite3_step(statement->prepared);
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		return fail(statement->db, result, err);
	*has_row = result == SQLITE_ROW;
	return true;
}

bool statement_done(struct statement *statement, struct error *err)
{
	bool has_row;

	do {
		if (!statement_row(statement, &has_row, err))
			return false;
	} while (has_row);
	return true;
}

int64_t column_int(struct statement *statement, int column)
{
	return sqlite3_column_int64(statement->prepared, column);
}

bool column_is_null(struct statement *statement, int column)
{
	return sqlite3_column_type(statement->prepared, column) == SQLITE_NULL;
}

char *column_text(struct statement *statement, int column, struct arena *arena)
{
	return arena_strdup(arena, (const char *)sqlite3_column_text(statement->prepared, column));
}

struct sealed column_sealed(struct statement *statement, int column, struct arena *arena)
{
	const void *bytes = sqlite3_column_blob(statement->prepared, column);
	const size_t size = (size_t)sqlite3_column_bytes(statement->prepared, column);

	return (struct sealed){arena_memdup(arena, bytes, size), bytes == NULL ? 0 : size};
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes64(db->handle);
}

static bool gate_enter(struct db *db, int64_t deadline_ms, struct error *err)
{
	const struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};

	if (pthread_mutex_clocklock(&db->gate->writer, CLOCK_MONOTONIC, &until) != 0)
		return error_set(err, ERROR_BUSY,
				 "the database is held by another writer; try again in a moment");
	db->holds_gate = true;
	return true;
}

static void gate_leave(struct db *db)
{
	if (!db->holds_gate)
		return;
	db->holds_gate = false;
	pthread_mutex_unlock(&db->gate->writer);
}

static const char begin_write_sql[] = "BEGIN IMMEDIATE";
static const char begin_read_sql[] = "BEGIN";
static const char commit_sql[] = "COMMIT";
static const char rollback_sql[] = "ROLLBACK";

static bool run(struct db *db, const char *sql, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	return statement_done(statement, err);
}

bool transaction_begin(struct transaction *transaction, struct db *db, struct error *err)
{
	const int64_t deadline_ms = clock_monotonic_ms() + DB_BUSY_TIMEOUT_MS;
	bool began;

	if (!gate_enter(db, deadline_ms, err))
		return false;
	/* Other processes are waited for with the time that this one's threads left. */
	sqlite3_busy_timeout(db->handle, (int)(deadline_ms - clock_monotonic_ms()));
	began = run(db, begin_write_sql, err);
	sqlite3_busy_timeout(db->handle, DB_BUSY_TIMEOUT_MS);
	if (!began) {
		gate_leave(db);
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
	gate_leave(transaction->db);
	transaction->db = NULL;
	return true;
}

void transaction_end(struct transaction *transaction)
{
	struct error ignored; /* a failed rollback leaves what SQLite rolls back by itself */

	if (transaction->db == NULL)
		return;
	if (!sqlite3_get_autocommit(transaction->db->handle) &&
	    !run(transaction->db, rollback_sql, &ignored))
		assert(sqlite3_get_autocommit(transaction->db->handle));
	gate_leave(transaction->db);
	transaction->db = NULL;
}

static const char integrity_sql[] = "PRAGMA integrity_check(1)";
static const char foreign_keys_sql[] = "PRAGMA foreign_key_check";

bool db_check_integrity(struct db *db, struct arena *arena, const char **finding, struct error *err)
{
	SCOPED(statement_release) struct statement *integrity = db_statement(db, integrity_sql);
	SCOPED(statement_release)
	struct statement *foreign_keys = db_statement(db, foreign_keys_sql);
	const char *answer;
	bool has_row = false;

	*finding = NULL;
	if (!statement_row(integrity, &has_row, err))
		return false;
	answer = has_row ? column_text(integrity, 0, arena) : "no answer";
	if (strcmp(answer, "ok") != 0) {
		*finding = answer;
		return true;
	}
	if (!statement_row(foreign_keys, &has_row, err))
		return false;
	if (has_row)
		*finding = arena_printf(arena, "a row of %s refers to a row that is not there",
					column_text(foreign_keys, 0, arena));
	return true;
}

static void close_handle(sqlite3 **handle)
{
	sqlite3_close(*handle);
}

/* Whoever may read a backup has the database; and SQLite would write over a file that is there. */
static bool make_private_file(const char *path, struct error *err)
{
	const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (file >= 0) {
		close(file);
		return true;
	}
	if (errno == EEXIST)
		return error_set(err, ERROR_CONFLICT, "%s: exists; name a file that does not",
				 path);
	return error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
}

static void free_text(char **text)
{
	free(*text);
}

/* By its absolute path: a name like ":memory:" means something else to SQLite. */
static bool copy_pages(struct db *db, const char *path, struct error *err)
{
	SCOPED(free_text) char *absolute = realpath(path, NULL);
	SCOPED(close_handle) sqlite3 *copy = NULL;
	sqlite3_backup *backup;
	int result;

	if (absolute == NULL)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
	if (sqlite3_open_v2(absolute, &copy, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, sqlite3_errmsg(copy));
	backup = sqlite3_backup_init(copy, "main", db->handle, "main");
	if (backup == NULL)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, sqlite3_errmsg(copy));
	/* All in one step, of one snapshot, which in WAL mode waits for no writer. */
	result = sqlite3_backup_step(backup, -1);
	sqlite3_backup_finish(backup);
	if (result != SQLITE_DONE)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, sqlite3_errstr(result));
	return true;
}

bool db_backup(struct db *db, const char *path, struct error *err)
{
	if (!make_private_file(path, err))
		return false;
	if (copy_pages(db, path, err))
		return true;
	unlink(path);
	return false;
}
