#include "store/refresh_attempt.h"

#include "store/statement.h"

static const char add_sql[] =
	"INSERT INTO zoom_oauth_refresh_attempts (connection_id, holder, started_at)"
	" VALUES ($1, $2, $3)";

bool refresh_attempt_add(struct db *db, int64_t connection_id, int64_t holder, instant now,
			 struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);

	bind_int(add, 1, connection_id);
	bind_int(add, 2, holder);
	bind_int(add, 3, now);
	return statement_done(add, err);
}

static const char remove_sql[] =
	"DELETE FROM zoom_oauth_refresh_attempts WHERE connection_id = $1 AND holder = $2";

bool refresh_attempt_remove(struct db *db, int64_t connection_id, int64_t holder, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_sql);

	bind_int(removal, 1, connection_id);
	bind_int(removal, 2, holder);
	return statement_done(removal, err);
}

static const char remove_all_sql[] =
	"DELETE FROM zoom_oauth_refresh_attempts WHERE connection_id = $1";

bool refresh_attempt_remove_all(struct db *db, int64_t connection_id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_all_sql);

	bind_int(removal, 1, connection_id);
	return statement_done(removal, err);
}

/* Of several lost ones the oldest is kept: it is what is told. */
static const char lose_sql[] =
	"INSERT INTO zoom_oauth_refresh_attempts (connection_id, holder, started_at)"
	" SELECT connection_id, 0, started_at FROM zoom_oauth_refresh_attempts"
	" WHERE connection_id = $1 AND holder = $2"
	" ON CONFLICT (connection_id, holder) DO NOTHING";

bool refresh_attempt_lose(struct db *db, int64_t connection_id, int64_t holder, struct error *err)
{
	SCOPED(statement_release) struct statement *lose = db_statement(db, lose_sql);

	bind_int(lose, 1, connection_id);
	bind_int(lose, 2, holder);
	return statement_done(lose, err) && refresh_attempt_remove(db, connection_id, holder, err);
}

static const char add_lost_sql[] =
	"INSERT INTO zoom_oauth_refresh_attempts (connection_id, holder, started_at)"
	" VALUES ($1, 0, $2) ON CONFLICT (connection_id, holder) DO NOTHING";

bool refresh_attempt_add_lost(struct db *db, int64_t connection_id, instant started_at,
			      struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_lost_sql);

	bind_int(add, 1, connection_id);
	bind_int(add, 2, started_at);
	return statement_done(add, err);
}

static const char count_others_sql[] =
	"SELECT count(*) FROM zoom_oauth_refresh_attempts WHERE connection_id = $1 AND holder <> $2";
static const char list_others_sql[] =
	"SELECT holder, started_at FROM zoom_oauth_refresh_attempts"
	" WHERE connection_id = $1 AND holder <> $2 ORDER BY started_at";

bool refresh_attempt_list_others(struct db *db, struct arena *arena, int64_t connection_id,
				 int64_t holder, struct refresh_attempt **attempts, int *count,
				 struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_others_sql);
	SCOPED(statement_release) struct statement *list = db_statement(db, list_others_sql);
	bool has_row;

	bind_int(counting, 1, connection_id);
	bind_int(counting, 2, holder);
	bind_int(list, 1, connection_id);
	bind_int(list, 2, holder);
	if (!statement_row(counting, &has_row, err))
		return false;
	*attempts = arena_alloc(arena, (size_t)column_int(counting, 0) * sizeof(**attempts));
	for (*count = 0;; (*count)++) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		(*attempts)[*count] =
			(struct refresh_attempt){column_int(list, 0), column_int(list, 1)};
	}
}
