#include "store/statement.h"

#include "store/db_internal.h"

#include <assert.h>
#include <stdlib.h>

enum { PARAMETERS_MAX = 40 }; /* of one statement */

struct statement {
	struct db *db;   /* that uses it now */
	const char *sql; /* its address is the key */
	sqlite3_stmt *prepared;
	/* Of $1 … among SQLite's parameters; 0: there is none. */
	unsigned char positions[PARAMETERS_MAX];
	int result; /* of the first call that failed since the last release, else SQLITE_OK */
	bool in_use;
};

void statement_free(struct statement *statement)
{
	if (statement == NULL)
		return;
	sqlite3_finalize(statement->prepared);
	free(statement);
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
	struct statement **slot = statement_slot(db_connection_of(db), sql);
	struct statement *statement = *slot;

	if (statement == NULL) {
		statement = db_allocate(sizeof(*statement));
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
		return db_fail(statement->db, result, err);
	*has_row = result == SQLITE_ROW;
	return true;
}

bool statement_done(struct statement *statement, struct error *err)
{
	bool has_row = false;

	do {
		if (!statement_row(statement, &has_row, err))
			return false;
	} while (has_row);
	return true;
}

bool statement_count(struct statement *statement, int64_t *count, struct error *err)
{
	if (!statement_done(statement, err))
		return false;
	*count = sqlite3_changes64(statement->db->connection->handle);
	return true;
}

bool statement_change(struct statement *statement, bool *changed, struct error *err)
{
	int64_t count;

	if (!statement_count(statement, &count, err))
		return false;
	*changed = count > 0;
	return true;
}

bool statement_number(struct statement *statement, int64_t *number, struct error *err)
{
	bool has_row = false;

	if (!statement_row(statement, &has_row, err))
		return false;
	*number = has_row ? column_int(statement, 0) : 0;
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
