#include "store/db_integrity.h"

#include "store/statement.h"

#include <string.h>

static const char integrity_sql[] = "PRAGMA integrity_check(1)";
static const char foreign_keys_sql[] = "PRAGMA foreign_key_check";

bool db_integrity_check(struct db *db, struct arena *arena, const char **finding, struct error *err)
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
