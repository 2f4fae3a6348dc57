#include "store/bot_lease.h"

#include "store/statement.h"

static const char take_sql[] =
	"UPDATE bots SET runner_id = $2, lease_token_sha256 = $3, lease_s = $4,"
	" lease_expires_at = $5 WHERE id = $1";

bool bot_lease_take(struct db *db, const struct bot *bot,
		    const unsigned char token_sha256[static SHA256_BYTES], struct error *err)
{
	SCOPED(statement_release) struct statement *take = db_statement(db, take_sql);

	bind_int(take, 1, bot->id);
	bind_text(take, 2, bot->runner_id);
	bind_blob(take, 3, token_sha256, SHA256_BYTES);
	bind_int(take, 4, bot->lease_s);
	bind_int(take, 5, bot->lease_expires_at);
	return statement_done(take, err);
}

static const char is_held_sql[] = "SELECT 1 FROM bots WHERE id = $1 AND lease_token_sha256 = $2";

bool bot_lease_is_held(struct db *db, int64_t bot_id,
		       const unsigned char token_sha256[static SHA256_BYTES], bool *is_held,
		       struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, is_held_sql);

	bind_int(find, 1, bot_id);
	bind_blob(find, 2, token_sha256, SHA256_BYTES);
	return statement_row(find, is_held, err);
}

static const char extend_sql[] =
	"UPDATE bots SET lease_s = $2, lease_expires_at = $3 WHERE id = $1";

bool bot_lease_extend(struct db *db, const struct bot *bot, struct error *err)
{
	SCOPED(statement_release) struct statement *extend = db_statement(db, extend_sql);

	bind_int(extend, 1, bot->id);
	bind_int(extend, 2, bot->lease_s);
	bind_int(extend, 3, bot->lease_expires_at);
	return statement_done(extend, err);
}

/* As the index bots_by_sign_of_life has it. */
#define IS_AHEAD \
	"lease_expires_at IS NOT NULL AND lease_expires_at - lease_s * 1000000 > $1 + 5000000"

static const char find_ahead_sql[] = "SELECT 1 FROM bots WHERE " IS_AHEAD " LIMIT 1";

bool bot_lease_find_ahead(struct db *db, instant now, bool *found, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_ahead_sql);

	bind_int(find, 1, now);
	return statement_row(find, found, err);
}

static const char shorten_sql[] =
	"UPDATE bots SET lease_expires_at = $1 + lease_s * 1000000 WHERE " IS_AHEAD;

bool bot_lease_shorten(struct db *db, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *shorten = db_statement(db, shorten_sql);

	bind_int(shorten, 1, now);
	return statement_done(shorten, err);
}

/* A statement about one bot. */
static bool change(struct db *db, const char *sql, int64_t bot_id, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_int(statement, 1, bot_id);
	return statement_done(statement, err);
}

static const char end_sql[] = "UPDATE bots SET lease_expires_at = NULL WHERE id = $1";

bool bot_lease_end(struct db *db, int64_t bot_id, struct error *err)
{
	return change(db, end_sql, bot_id, err);
}

static const char lose_sql[] =
	"UPDATE bots SET runner_id = NULL, lease_token_sha256 = NULL, lease_s = NULL,"
	" lease_expires_at = NULL WHERE id = $1";

bool bot_lease_lose(struct db *db, int64_t bot_id, struct error *err)
{
	return change(db, lose_sql, bot_id, err);
}
