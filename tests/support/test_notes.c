#include "support/test_notes.h"

#include "store/statement.h"
#include "support/must.h"

static const char table_sql[] =
	"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE, bytes BLOB) STRICT;"
	"CREATE TABLE remarks (note_id INTEGER NOT NULL REFERENCES notes (id)) STRICT;";

struct test_database test_notes_open(void)
{
	struct test_database database = test_database_open_empty();
	struct error err = {0};

	must(db_script(database.db, table_sql, &err), &err);
	return database;
}

const char test_notes_add_sql[] = "INSERT INTO notes (text, bytes) VALUES ($1, $2)";

bool test_notes_add(struct db *db, const char *text, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, test_notes_add_sql);

	bind_text(add, 1, text);
	return statement_done(add, err);
}

int64_t test_notes_count(struct db *db)
{
	return test_database_number(db, "SELECT count(*) FROM notes");
}
