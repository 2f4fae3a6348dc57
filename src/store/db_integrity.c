#include "store/db_integrity.h"

#include "store/statement.h"

#include <string.h>

static const char integrity_sql[] = "PRAGMA integrity_check(1)";
static const char foreign_keys_sql[] = "PRAGMA foreign_key_check";

/*
 * Each row is looked up in each index, which is all over the file. Room for the upper pages of all indexes of
 * a large one, in KiB: it is taken as it is needed. Not by mmap, for a disk that cannot be read is then no
 * finding, but the end of the process.
 */
static const char with_room_sql[] = "PRAGMA cache_size = -262144";
static const char as_before_sql[] = "PRAGMA cache_size = -2000; PRAGMA shrink_memory";

static bool check(struct db *db, struct arena *arena, const char **finding, struct error *err)
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

bool db_integrity_check(struct db *db, struct arena *arena, const char **finding, struct error *err)
{
	struct error ignored;
	bool is_done;

	if (!db_script(db, with_room_sql, err))
		return false;
	is_done = check(db, arena, finding, err);
	return db_script(db, as_before_sql, is_done ? err : &ignored) && is_done;
}
