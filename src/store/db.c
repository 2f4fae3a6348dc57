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
	/*
	 * Of a process, in use at a time. More would only be memory: they take turns on the processors.
	 * Whoever has waited CONNECTION_WAIT_MS goes beyond, for the others may wait for a writer.
	 */
	CONNECTIONS_AT_ONCE = 8,
	CONNECTION_WAIT_MS = 1000,
};

struct db_gate {
	pthread_mutex_t writer;
	pthread_mutex_t lock;       /* over what follows */
	struct db_connection *idle; /* the one that was used last is on top */
	int used_count;
	pthread_cond_t one_is_free;
};

struct statement {
	struct db *db;   /* that uses it now */
	const char *sql; /* its address is the key */
	sqlite3_stmt *prepared;
	/* Of $1 … among SQLite's parameters; 0: there is none. */
	unsigned char positions[PARAMETERS_MAX];
	int result; /* of the first call that failed since the last release, else SQLITE_OK */
	bool in_use;
};

/* SQLite's connection, and what was prepared on it. */
struct db_connection {
	sqlite3 *handle; /* NULL: it could not be opened again, for open_result */
	int open_result;
	char *path;
	/* Open addressing by the address of the SQL. */
	struct statement *statements[STATEMENTS_MAX];
	struct db_connection *next; /* in the gate's list of idle ones */
};

struct db {
	char *path;
	struct db_gate *gate;
	bool holds_gate;
	struct db_connection *connection; /* NULL: it rests */
	int statements_in_use;
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
	pthread_condattr_t attributes;

	pthread_mutex_init(&gate->writer, NULL);
	pthread_mutex_init(&gate->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&gate->one_is_free, &attributes);
	pthread_condattr_destroy(&attributes);
	return gate;
}

static void close_connection(struct db_connection *connection)
{
	if (connection == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		if (connection->statements[i] == NULL)
			continue;
		sqlite3_finalize(connection->statements[i]->prepared);
		free(connection->statements[i]);
	}
	sqlite3_close(connection->handle);
	free(connection->path);
	free(connection);
}

void db_gate_close(struct db_gate **gate)
{
	struct db_connection *idle, *next;

	if (*gate == NULL)
		return;
	for (idle = (*gate)->idle; idle != NULL; idle = next) {
		next = idle->next;
		close_connection(idle);
	}
	pthread_cond_destroy(&(*gate)->one_is_free);
	pthread_mutex_destroy(&(*gate)->lock);
	pthread_mutex_destroy(&(*gate)->writer);
	free(*gate);
	*gate = NULL;
}

static bool fail(struct db *db, int result, struct error *err)
{
	sqlite3 *handle = db->connection != NULL ? db->connection->handle : NULL;
	const char *words = handle != NULL ? sqlite3_errmsg(handle) : sqlite3_errstr(result);

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

static const char connection_settings[] = "PRAGMA synchronous = FULL;"
					  "PRAGMA foreign_keys = ON;"
					  "PRAGMA trusted_schema = OFF;"
					  "PRAGMA temp_store = MEMORY;";

static struct db_connection *new_connection(const char *path, int flags)
{
	struct db_connection *connection = allocate(sizeof(*connection));

	connection->path = strdup(path);
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

static void settle(struct db_connection *connection)
{
	sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_wal_autocheckpoint(connection->handle, WAL_CHECKPOINT_PAGES);
}

static struct timespec instant_of(int64_t monotonic_ms)
{
	return (struct timespec){monotonic_ms / 1000, monotonic_ms % 1000 * 1000000};
}

static void wait_for_connection(struct db_gate *gate)
{
	const struct timespec until = instant_of(clock_monotonic_ms() + CONNECTION_WAIT_MS);
	int result = 0;

	while (gate->used_count >= CONNECTIONS_AT_ONCE && result == 0)
		result = pthread_cond_timedwait(&gate->one_is_free, &gate->lock, &until);
}

/* An idle one of that file, or NULL: open one. Either way it counts as used. */
static struct db_connection *take_connection(struct db_gate *gate, const char *path, bool may_wait)
{
	struct db_connection **place, *taken;

	pthread_mutex_lock(&gate->lock);
	if (may_wait)
		wait_for_connection(gate);
	place = &gate->idle;
	while (*place != NULL && strcmp((*place)->path, path) != 0)
		place = &(*place)->next;
	taken = *place;
	if (taken != NULL)
		*place = taken->next;
	gate->used_count++;
	pthread_mutex_unlock(&gate->lock);
	return taken;
}

/* Back among the idle ones, unless there are enough or it is to be closed. */
static void give_back_connection(struct db_gate *gate, struct db_connection *connection,
				 bool is_reusable)
{
	pthread_mutex_lock(&gate->lock);
	if (is_reusable && gate->used_count <= CONNECTIONS_AT_ONCE) {
		connection->next = gate->idle;
		gate->idle = connection;
		connection = NULL;
	}
	gate->used_count--;
	pthread_cond_signal(&gate->one_is_free);
	pthread_mutex_unlock(&gate->lock);
	close_connection(connection);
}

/*
 * A db without a connection; the caller gives it one, which counts as used already. *idle is one that
 * is open and serves, or NULL.
 */
static struct db *new_db(const char *path, struct db_gate *gate, struct db_connection **idle)
{
	struct db *db = allocate(sizeof(*db));

	db->gate = gate;
	db->path = strdup(path);
	if (db->path == NULL)
		abort();
	*idle = take_connection(gate, path, true);
	return db;
}

static bool open_file(struct db **db, const char *path, struct db_gate *gate, int flags,
		      struct error *err)
{
	struct db_connection *idle;
	struct db *opened = new_db(path, gate, &idle);

	opened->connection = idle != NULL ? idle : new_connection(path, flags);
	if (opened->connection->open_result != SQLITE_OK) {
		error_set(err, ERROR_STORAGE, "database %s: %s; %s", path,
			  sqlite3_errmsg(opened->connection->handle), open_advice(path, flags));
		db_close(&opened);
		return false;
	}
	if (idle == NULL) {
		if (!first_script(opened, connection_settings, path, err)) {
			db_close(&opened);
			return false;
		}
		settle(opened->connection);
	}
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

/* Of a db that was open before: what fails now is told by the statements. */
static struct db_connection *open_again(const char *path)
{
	struct db_connection *connection = new_connection(path, SQLITE_OPEN_READWRITE);

	if (connection->open_result == SQLITE_OK)
		connection->open_result =
			sqlite3_exec(connection->handle, connection_settings, NULL, NULL, NULL);
	if (connection->open_result == SQLITE_OK) {
		settle(connection);
	} else {
		sqlite3_close(connection->handle);
		connection->handle = NULL;
	}
	return connection;
}

void db_close(struct db **db)
{
	if (*db == NULL)
		return;
	if ((*db)->connection != NULL)
		give_back_connection((*db)->gate, (*db)->connection, false);
	free((*db)->path);
	free(*db);
	*db = NULL;
}

static struct db_connection *connection_of(struct db *db)
{
	struct db_connection *connection = db->connection;

	if (connection != NULL && connection->handle == NULL && db->statements_in_use == 0) {
		give_back_connection(db->gate, connection, false);
		connection = NULL;
	}
	/* Whoever has the gate waits for nobody, so that those who wait for the gate come through. */
	if (connection == NULL)
		connection = take_connection(db->gate, db->path, !db->holds_gate);
	if (connection == NULL)
		connection = open_again(db->path);
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
	give_back_connection(db->gate, connection, true);
}

bool db_script(struct db *db, const char *sql, struct error *err)
{
	const struct db_connection *connection = connection_of(db);
	const int result = connection->handle == NULL
				   ? connection->open_result
				   : sqlite3_exec(connection->handle, sql, NULL, NULL, NULL);

	return result == SQLITE_OK || fail(db, result, err);
}

static struct statement **statement_slot(struct db_connection *connection, const char *sql)
{
	size_t slot = ((uintptr_t)sql * 0x9e3779b97f4a7c15u >> 32) % STATEMENTS_MAX;

	for (size_t tried = 0; tried < STATEMENTS_MAX; tried++) {
		if (connection->statements[slot] == NULL ||
		    connection->statements[slot]->sql == sql)
			return &connection->statements[slot];
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
	const struct db_connection *connection = statement->db->connection;

	statement->result =
		connection->handle == NULL
			? connection->open_result
			: sqlite3_prepare_v3(connection->handle, statement->sql, -1,
					     SQLITE_PREPARE_PERSISTENT, &statement->prepared, NULL);
	if (statement->result == SQLITE_OK)
		number_parameters(statement);
}

struct statement *db_statement(struct db *db, const char *sql)
{
	struct statement **slot = statement_slot(connection_of(db), sql);
	struct statement *statement = *slot;

	if (statement == NULL) {
		statement = allocate(sizeof(*statement));
		statement->sql = sql;
		*slot = statement;
	}
	assert(!statement->in_use);
	statement->db = db;
	statement->in_use = true;
	db->statements_in_use++;
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
	(*statement)->db->statements_in_use--;
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

bool statement_change(struct statement *statement, bool *changed, struct error *err)
{
	if (!statement_done(statement, err))
		return false;
	*changed = db_changes(statement->db) > 0;
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
	return db->connection == NULL ? 0 : sqlite3_changes64(db->connection->handle);
}

static bool gate_enter(struct db *db, int64_t deadline_ms, struct error *err)
{
	const struct timespec until = instant_of(deadline_ms);

	/* Reads go on while the writers stand in line. */
	db_rest(db);
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

/* Called when a connection may not have been opened for it, which its next statement tells. */
static void set_busy_timeout(struct db *db, int timeout_ms)
{
	sqlite3 *handle = connection_of(db)->handle;

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

	if (!gate_enter(db, deadline_ms, err))
		return false;
	/* Other processes are waited for with the time that this one's threads left. */
	set_busy_timeout(db, (int)(deadline_ms - clock_monotonic_ms()));
	began = run(db, begin_write_sql, err);
	set_busy_timeout(db, DB_BUSY_TIMEOUT_MS);
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
	if (is_in_transaction(transaction->db) && !run(transaction->db, rollback_sql, &ignored))
		assert(!is_in_transaction(transaction->db));
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
	if (connection_of(db)->handle == NULL)
		return fail(db, db->connection->open_result, err);
	if (sqlite3_open_v2(absolute, &copy, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, sqlite3_errmsg(copy));
	backup = sqlite3_backup_init(copy, "main", db->connection->handle, "main");
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
