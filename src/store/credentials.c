#include "store/credentials.h"

#include "store/statement.h"

static const char table[] = "zoom_oauth_credentials";

struct seal_place credentials_refresh_token_place(const struct connection *connection)
{
	return (struct seal_place){table, "refresh_token", connection->public_id,
				   connection->project_id};
}

struct seal_place credentials_access_token_place(const struct connection *connection)
{
	return (struct seal_place){table, "access_token", connection->public_id,
				   connection->project_id};
}

static const char find_sql[] =
	"SELECT connection_id, generation, refresh_token, access_token, access_token_issued_at,"
	" access_token_expires_at, authorized_at, refreshed_at, refresh_holder,"
	" refresh_lease_until, refresh_attempts FROM zoom_oauth_credentials WHERE connection_id = $1";

bool credentials_find(struct db *db, struct arena *arena, int64_t connection_id, bool *found,
		      struct credentials *credentials, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);

	bind_int(find, 1, connection_id);
	if (!statement_row(find, found, err))
		return false;
	if (!*found)
		return true;
	*credentials = (struct credentials){
		.connection_id = column_int(find, 0),
		.generation = column_int(find, 1),
		.refresh_token = column_sealed(find, 2, arena),
		.access_token = column_sealed(find, 3, arena),
		.access_token_issued_at = column_int(find, 4),
		.access_token_expires_at = column_int(find, 5),
		.authorized_at = column_int(find, 6),
		.refreshed_at = column_int(find, 7),
		.refresh_holder = column_int(find, 8),
		.refresh_lease_until = column_int(find, 9),
		.refresh_attempts = (int)column_int(find, 10),
	};
	return true;
}

static void bind_tokens(struct statement *statement, const struct sealed_tokens *tokens)
{
	bind_sealed(statement, 2, tokens->refresh_token);
	bind_sealed(statement, 3, tokens->access_token);
	bind_int_or_null(statement, 4, tokens->issued_at);
	bind_int_or_null(statement, 5, tokens->expires_at);
}

static const char replace_sql[] =
	"INSERT INTO zoom_oauth_credentials (connection_id, generation, refresh_token, access_token,"
	" access_token_issued_at, access_token_expires_at, authorized_at, refreshed_at, next_refresh_at)"
	" VALUES ($1, 1, $2, $3, $4, $5, $6, $6, $7)"
	" ON CONFLICT (connection_id) DO UPDATE SET generation = zoom_oauth_credentials.generation + 1,"
	" refresh_token = excluded.refresh_token, access_token = excluded.access_token,"
	" access_token_issued_at = excluded.access_token_issued_at,"
	" access_token_expires_at = excluded.access_token_expires_at,"
	" authorized_at = excluded.authorized_at, refreshed_at = excluded.refreshed_at,"
	" refresh_holder = NULL, refresh_lease_until = NULL,"
	" next_refresh_at = excluded.next_refresh_at, refresh_attempts = 0";

bool credentials_replace(struct db *db, int64_t connection_id, const struct sealed_tokens *tokens,
			 instant now, instant next_refresh_at, struct error *err)
{
	SCOPED(statement_release) struct statement *replace = db_statement(db, replace_sql);

	bind_int(replace, 1, connection_id);
	bind_tokens(replace, tokens);
	bind_int(replace, 6, now);
	bind_int(replace, 7, next_refresh_at);
	return statement_done(replace, err);
}

static const char claim_refresh_sql[] =
	"UPDATE zoom_oauth_credentials SET refresh_holder = $3, refresh_lease_until = $6"
	" WHERE connection_id = $1 AND generation = $2 AND refresh_token IS NOT NULL"
	" AND (refresh_holder IS NULL OR refresh_lease_until <= $5 OR refresh_holder = $4)";

bool credentials_claim_refresh(struct db *db, int64_t connection_id, int64_t generation,
			       int64_t holder, int64_t dead_holder, instant now,
			       instant lease_until, bool *claimed, struct error *err)
{
	SCOPED(statement_release) struct statement *claim = db_statement(db, claim_refresh_sql);

	bind_int(claim, 1, connection_id);
	bind_int(claim, 2, generation);
	bind_int(claim, 3, holder);
	bind_int(claim, 4, dead_holder);
	bind_int(claim, 5, now);
	bind_int(claim, 6, lease_until);
	return statement_change(claim, claimed, err);
}

static const char store_refreshed_sql[] =
	"UPDATE zoom_oauth_credentials SET generation = generation + 1,"
	" refresh_token = coalesce($2, refresh_token), access_token = $3, access_token_issued_at = $4,"
	" access_token_expires_at = $5, refreshed_at = $4, refresh_holder = NULL,"
	" refresh_lease_until = NULL, next_refresh_at = $7, refresh_attempts = 0"
	" WHERE connection_id = $1 AND generation = $6";

bool credentials_store_refreshed(struct db *db, int64_t connection_id, int64_t generation,
				 const struct sealed_tokens *tokens, instant next_refresh_at,
				 bool *stored, struct error *err)
{
	SCOPED(statement_release) struct statement *store = db_statement(db, store_refreshed_sql);

	bind_int(store, 1, connection_id);
	bind_tokens(store, tokens);
	bind_int(store, 6, generation);
	bind_int(store, 7, next_refresh_at);
	return statement_change(store, stored, err);
}

static const char release_refresh_sql[] =
	"UPDATE zoom_oauth_credentials SET refresh_holder = NULL, refresh_lease_until = NULL,"
	" refresh_attempts = refresh_attempts + 1 WHERE connection_id = $1 AND refresh_holder = $2";

bool credentials_release_refresh(struct db *db, int64_t connection_id, int64_t holder,
				 struct error *err)
{
	SCOPED(statement_release) struct statement *release = db_statement(db, release_refresh_sql);

	bind_int(release, 1, connection_id);
	bind_int(release, 2, holder);
	return statement_done(release, err);
}

static bool run_for(struct db *db, const char *sql, int64_t connection_id, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_int(statement, 1, connection_id);
	return statement_done(statement, err);
}

static const char erase_sql[] =
	"UPDATE zoom_oauth_credentials SET generation = generation + 1, refresh_token = NULL,"
	" access_token = NULL, access_token_issued_at = NULL, access_token_expires_at = NULL,"
	" refresh_holder = NULL, refresh_lease_until = NULL,"
	" next_refresh_at = NULL WHERE connection_id = $1";

bool credentials_erase(struct db *db, int64_t connection_id, struct error *err)
{
	return run_for(db, erase_sql, connection_id, err);
}

static const char park_sql[] =
	"UPDATE zoom_oauth_credentials SET access_token = NULL, access_token_issued_at = NULL,"
	" access_token_expires_at = NULL, next_refresh_at = NULL WHERE connection_id = $1";

bool credentials_park(struct db *db, int64_t connection_id, struct error *err)
{
	return run_for(db, park_sql, connection_id, err);
}

static const char schedule_refresh_sql[] =
	"UPDATE zoom_oauth_credentials SET next_refresh_at = $2 WHERE connection_id = $1"
	" AND refresh_token IS NOT NULL AND (next_refresh_at IS NULL OR next_refresh_at > $2)";

bool credentials_schedule_refresh(struct db *db, int64_t connection_id, instant at,
				  struct error *err)
{
	SCOPED(statement_release)
	struct statement *schedule = db_statement(db, schedule_refresh_sql);

	bind_int(schedule, 1, connection_id);
	bind_int(schedule, 2, at);
	return statement_done(schedule, err);
}

static const char schedule_all_sql[] =
	"UPDATE zoom_oauth_credentials SET next_refresh_at = $1 + connection_id % $2 * 1000000"
	" WHERE next_refresh_at > $1 + connection_id % $2 * 1000000";

bool credentials_schedule_all(struct db *db, instant at, int64_t spread_s, int64_t *count,
			      struct error *err)
{
	SCOPED(statement_release) struct statement *schedule = db_statement(db, schedule_all_sql);

	bind_int(schedule, 1, at);
	bind_int(schedule, 2, spread_s);
	return statement_count(schedule, count, err);
}

static const char retry_postponed_sql[] =
	"UPDATE zoom_oauth_credentials SET next_refresh_at = $2"
	" WHERE refresh_attempts > 0 AND refresh_token IS NOT NULL AND connection_id IN"
	" (SELECT id FROM zoom_oauth_connections WHERE app_id = $1 AND state <> 'disconnected')";

bool credentials_retry_postponed(struct db *db, int64_t app_id, instant at, struct error *err)
{
	SCOPED(statement_release) struct statement *retry = db_statement(db, retry_postponed_sql);

	bind_int(retry, 1, app_id);
	bind_int(retry, 2, at);
	return statement_done(retry, err);
}

static const char claim_due_refreshes_sql[] =
	"UPDATE zoom_oauth_credentials SET next_refresh_at = $2 WHERE connection_id IN"
	" (SELECT connection_id FROM zoom_oauth_credentials WHERE next_refresh_at <= $1"
	"  ORDER BY next_refresh_at LIMIT $3)"
	" RETURNING connection_id, generation, refresh_attempts";

bool credentials_claim_due_refreshes(struct db *db, instant now, instant lease_until, int limit,
				     struct due_refresh *refreshes, int *count, struct error *err)
{
	SCOPED(statement_release)
	struct statement *claim = db_statement(db, claim_due_refreshes_sql);
	bool found;

	bind_int(claim, 1, now);
	bind_int(claim, 2, lease_until);
	bind_int(claim, 3, limit);
	for (*count = 0;; (*count)++) {
		if (!statement_row(claim, &found, err))
			return false;
		if (!found)
			return true;
		refreshes[*count] = (struct due_refresh){column_int(claim, 0), column_int(claim, 1),
							 (int)column_int(claim, 2)};
	}
}

/* Only what is still to be renewed: a disconnect in between stands. */
static const char postpone_refresh_sql[] =
	"UPDATE zoom_oauth_credentials SET next_refresh_at = $2, refresh_attempts = $3"
	" WHERE connection_id = $1 AND next_refresh_at IS NOT NULL";

bool credentials_postpone_refresh(struct db *db, int64_t connection_id, instant next_at,
				  int attempts, struct error *err)
{
	SCOPED(statement_release)
	struct statement *postpone = db_statement(db, postpone_refresh_sql);

	bind_int(postpone, 1, connection_id);
	bind_int(postpone, 2, next_at);
	bind_int(postpone, 3, attempts);
	return statement_done(postpone, err);
}

static const char next_refresh_sql[] =
	"SELECT min(next_refresh_at) FROM zoom_oauth_credentials WHERE next_refresh_at IS NOT NULL";

bool credentials_next_refresh(struct db *db, instant *at, struct error *err)
{
	SCOPED(statement_release) struct statement *next = db_statement(db, next_refresh_sql);

	return statement_number(next, at, err);
}
