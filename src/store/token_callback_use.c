#include "store/token_callback_use.h"

#include "store/statement.h"

static const char count_sql[] =
	"UPDATE token_callbacks SET use_count = use_count + 1, last_used_at = $2 WHERE id = $1"
	" RETURNING use_count";

/* *number is 0 where there is no such callback any more. */
static bool count_use(struct db *db, int64_t callback_id, instant used_at, int64_t *number,
		      struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_sql);
	bool has_row;

	bind_int(counting, 1, callback_id);
	bind_int(counting, 2, used_at);
	if (!statement_row(counting, &has_row, err))
		return false;
	*number = has_row ? column_int(counting, 0) : 0;
	return statement_done(counting, err);
}

static const char add_sql[] =
	"INSERT INTO token_callback_uses (callback_id, number, used_at, address, engine_bot_id,"
	" meeting_id, connection_id, tokens, outcome, status)"
	" VALUES ($1, $2, $3, $4, $5, $6, (SELECT id FROM zoom_oauth_connections WHERE id = $7), $8,"
	" $9, $10)";
static const char drop_surplus_sql[] =
	"DELETE FROM token_callback_uses WHERE callback_id = $1 AND number <= $2";

static bool drop_surplus(struct db *db, int64_t callback_id, int64_t newest, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, drop_surplus_sql);

	bind_int(removal, 1, callback_id);
	bind_int(removal, 2, newest - TOKEN_CALLBACK_USES_MAX);
	return statement_done(removal, err);
}

bool token_callback_use_add(struct db *db, int64_t callback_id,
			    const struct token_callback_use *use, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	int64_t number;

	if (!count_use(db, callback_id, use->used_at, &number, err))
		return false;
	if (number == 0)
		return true;
	bind_int(add, 1, callback_id);
	bind_int(add, 2, number);
	bind_int(add, 3, use->used_at);
	bind_text(add, 4, use->address);
	bind_text(add, 5, use->engine_bot_id);
	bind_int_or_null(add, 6, use->meeting_id);
	bind_int_or_null(add, 7, use->connection_id);
	bind_text(add, 8, use->tokens);
	bind_text(add, 9, use->outcome);
	bind_int(add, 10, use->status);
	return statement_done(add, err) && drop_surplus(db, callback_id, number, err);
}

#define COLUMNS                                                                           \
	"u.number, u.used_at, u.address, u.engine_bot_id, u.meeting_id, u.connection_id," \
	" c.public_id, u.tokens, u.outcome, u.status"
#define TABLES                        \
	" FROM token_callback_uses u" \
	" LEFT JOIN zoom_oauth_connections c ON c.id = u.connection_id"

static const char list_older_sql[] =
	"SELECT " COLUMNS TABLES " WHERE u.callback_id = $1 AND u.number < $2"
	" ORDER BY u.number DESC LIMIT $3";
static const char list_newer_sql[] =
	"SELECT " COLUMNS TABLES " WHERE u.callback_id = $1 AND u.number > $2"
	" ORDER BY u.number LIMIT $3";

static struct token_callback_use read_row(struct statement *row, struct arena *arena)
{
	return (struct token_callback_use){
		.number = column_int(row, 0),
		.used_at = column_int(row, 1),
		.address = column_text(row, 2, arena),
		.engine_bot_id = column_text(row, 3, arena),
		.meeting_id = column_int(row, 4),
		.connection_id = column_int(row, 5),
		.connection_public_id = column_text(row, 6, arena),
		.tokens = column_text(row, 7, arena),
		.outcome = column_text(row, 8, arena),
		.status = (int)column_int(row, 9),
	};
}

bool token_callback_use_list(struct db *db, struct arena *arena, int64_t callback_id,
			     const struct page *page, struct token_callback_use **uses, int *count,
			     bool *has_newer, bool *has_older, struct error *err)
{
	SCOPED(statement_release)
	struct statement *list =
		db_statement(db, page->after_id != 0 ? list_newer_sql : list_older_sql);
	bool has_row;

	*uses = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(**uses));
	bind_int(list, 1, callback_id);
	bind_int(list, 2, page_start(page));
	bind_int(list, 3, page_row_limit(page));
	for (*count = 0;; (*uses)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			break;
	}
	*count = page_arrange(page, *uses, *count, sizeof(**uses), has_newer, has_older);
	return true;
}

static const char clean_up_sql[] =
	"DELETE FROM token_callback_uses WHERE (callback_id, number) IN"
	" (SELECT callback_id, number FROM token_callback_uses WHERE used_at < $1 LIMIT $2)";

bool token_callback_use_clean_up(struct db *db, instant before, int limit, int64_t *removed,
				 struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, clean_up_sql);

	bind_int(removal, 1, before);
	bind_int(removal, 2, limit);
	return statement_count(removal, removed, err);
}
