/*
 * SQL that is prepared once per connection, kept, and reset and cleared when its scope ends:
 *
 *	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);
 *	bind_text(find, 1, public_id);
 *	if (!statement_row(find, &found, err))
 *		return false;
 *
 * A failed bind or prepare is reported by the next statement_row() or statement_done().
 */
#ifndef STORE_STATEMENT_H
#define STORE_STATEMENT_H

#include "store/db.h"

struct statement;

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

/* The same; *count tells how many rows were inserted, changed or removed. */
bool statement_count(struct statement *statement, int64_t *count, struct error *err) MUST_CHECK;

/* The same; *changed tells whether any was. */
bool statement_change(struct statement *statement, bool *changed, struct error *err) MUST_CHECK;

/* The number that a query of a single row and column gives, an aggregate say; NULL is 0. */
bool statement_number(struct statement *statement, int64_t *number, struct error *err) MUST_CHECK;

int64_t column_int(struct statement *statement, int column); /* NULL is 0 */
bool column_is_null(struct statement *statement, int column);
char *column_text(struct statement *statement, int column, struct arena *arena); /* NULL is NULL */
struct sealed column_sealed(struct statement *statement, int column, struct arena *arena);

#endif
