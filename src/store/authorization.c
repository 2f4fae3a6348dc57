#include "store/authorization.h"

#include "store/statement.h"

#include <string.h>

#define COLUMNS                                                                                        \
	"app_id, code_sha256, public_id, request, access_token, refresh_token, scopes,"                \
	" access_token_expires_at, exchanged_at, attempts, connection_id, answer_status, answer_body," \
	" created_at, asked_at, renewal_began_at, holder_process, exchange_began_at"

static const char table[] = "zoom_authorizations";

struct seal_place authorization_access_token_place(const struct authorization *authorization,
						   int64_t project_id)
{
	return (struct seal_place){table, "access_token", authorization->public_id, project_id};
}

struct seal_place authorization_refresh_token_place(const struct authorization *authorization,
						    int64_t project_id)
{
	return (struct seal_place){table, "refresh_token", authorization->public_id, project_id};
}

static struct authorization read_row(struct statement *row, struct arena *arena)
{
	const struct sealed digest = column_sealed(row, 1, arena);
	struct authorization authorization = {
		.app_id = column_int(row, 0),
		.public_id = column_text(row, 2, arena),
		.request = column_text(row, 3, arena),
		.access_token = column_sealed(row, 4, arena),
		.refresh_token = column_sealed(row, 5, arena),
		.scopes = column_text(row, 6, arena),
		.access_token_expires_at = column_int(row, 7),
		.exchanged_at = column_int(row, 8),
		.attempts = (int)column_int(row, 9),
		.connection_id = column_int(row, 10),
		.answer_status = (int)column_int(row, 11),
		.answer_body = column_text(row, 12, arena),
		.created_at = column_int(row, 13),
		.asked_at = column_int(row, 14),
		.renewal_began_at = column_int(row, 15),
		.holder_process = column_int(row, 16),
		.exchange_began_at = column_int(row, 17),
	};

	if (digest.size == SHA256_BYTES)
		memcpy(authorization.code_sha256, digest.bytes, SHA256_BYTES);
	return authorization;
}

static void bind_row(struct statement *statement, int64_t app_id,
		     const unsigned char code_sha256[static SHA256_BYTES])
{
	bind_int(statement, 1, app_id);
	bind_blob(statement, 2, code_sha256, SHA256_BYTES);
}

static const char find_sql[] =
	"SELECT " COLUMNS " FROM zoom_authorizations WHERE app_id = $1 AND code_sha256 = $2";

bool authorization_find(struct db *db, struct arena *arena, int64_t app_id,
			const unsigned char code_sha256[static SHA256_BYTES], bool *found,
			struct authorization *authorization, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);

	bind_row(find, app_id, code_sha256);
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*authorization = read_row(find, arena);
	return true;
}

static const char claim_sql[] =
	"INSERT INTO zoom_authorizations (app_id, code_sha256, public_id, request, holder, lease_until,"
	" created_at, holder_process, exchange_began_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)"
	" ON CONFLICT (app_id, code_sha256) DO UPDATE SET holder = excluded.holder,"
	" lease_until = excluded.lease_until, holder_process = excluded.holder_process,"
	" exchange_began_at = CASE WHEN zoom_authorizations.exchanged_at IS NULL"
	"  THEN coalesce(zoom_authorizations.exchange_began_at, excluded.exchange_began_at) END"
	" WHERE (zoom_authorizations.holder IS NULL OR zoom_authorizations.lease_until <= $7"
	"  OR zoom_authorizations.holder_process = $9)"
	" AND zoom_authorizations.connection_id IS NULL AND zoom_authorizations.answer_status IS NULL";

bool authorization_claim(struct db *db, const struct authorization *authorization,
			 const struct authorization_lease *lease, instant now, bool *claimed,
			 struct error *err)
{
	SCOPED(statement_release) struct statement *claim = db_statement(db, claim_sql);

	bind_row(claim, authorization->app_id, authorization->code_sha256);
	bind_text(claim, 3, authorization->public_id);
	bind_text(claim, 4, authorization->request);
	bind_text(claim, 5, lease->holder);
	bind_int(claim, 6, lease->until);
	bind_int(claim, 7, now);
	bind_int(claim, 8, lease->process);
	bind_int(claim, 9, lease->dead_process);
	return statement_change(claim, claimed, err);
}

static const char drop_empty_sql[] =
	"DELETE FROM zoom_authorizations WHERE app_id = $1 AND code_sha256 = $2"
	" AND holder IS NULL AND exchanged_at IS NULL AND exchange_began_at IS NULL";
static const char release_sql[] =
	"UPDATE zoom_authorizations SET holder = NULL, lease_until = NULL, holder_process = NULL,"
	" attempts = attempts + 1, next_attempt_at = $4, exchange_began_at = $5"
	" WHERE app_id = $1 AND code_sha256 = $2 AND holder = $3";

bool authorization_release(struct db *db, const struct authorization *authorization,
			   const char *holder, instant next_attempt_at, struct error *err)
{
	SCOPED(statement_release) struct statement *release = db_statement(db, release_sql);
	SCOPED(statement_release) struct statement *drop = db_statement(db, drop_empty_sql);

	bind_row(release, authorization->app_id, authorization->code_sha256);
	bind_text(release, 3, holder);
	bind_int_or_null(release, 4, next_attempt_at);
	bind_int_or_null(release, 5, authorization->exchange_began_at);
	bind_row(drop, authorization->app_id, authorization->code_sha256);
	return statement_done(release, err) && statement_done(drop, err);
}

static const char note_renewal_sql[] =
	"UPDATE zoom_authorizations SET renewal_began_at = $3 WHERE app_id = $1 AND code_sha256 = $2";

bool authorization_note_renewal(struct db *db, const struct authorization *authorization,
				instant began_at, struct error *err)
{
	SCOPED(statement_release) struct statement *note = db_statement(db, note_renewal_sql);

	bind_row(note, authorization->app_id, authorization->code_sha256);
	bind_int_or_null(note, 3, began_at);
	return statement_done(note, err);
}

static const char store_tokens_sql[] =
	"UPDATE zoom_authorizations SET access_token = $3, refresh_token = $4, scopes = $5,"
	" access_token_expires_at = $6, exchanged_at = $7, next_attempt_at = $8,"
	" asked_at = $9, renewal_began_at = NULL, exchange_began_at = NULL"
	" WHERE app_id = $1 AND code_sha256 = $2";

bool authorization_store_tokens(struct db *db, const struct authorization *authorization,
				instant next_attempt_at, struct error *err)
{
	SCOPED(statement_release) struct statement *store = db_statement(db, store_tokens_sql);

	bind_row(store, authorization->app_id, authorization->code_sha256);
	bind_sealed(store, 3, authorization->access_token);
	bind_sealed(store, 4, authorization->refresh_token);
	bind_text(store, 5, authorization->scopes);
	bind_int(store, 6, authorization->access_token_expires_at);
	bind_int(store, 7, authorization->exchanged_at);
	bind_int_or_null(store, 8, next_attempt_at);
	bind_int(store, 9, authorization->asked_at);
	return statement_done(store, err);
}

static const char settle_sql[] =
	"UPDATE zoom_authorizations SET access_token = NULL, refresh_token = NULL, holder = NULL,"
	" lease_until = NULL, holder_process = NULL, next_attempt_at = NULL, connection_id = $3"
	" WHERE app_id = $1 AND code_sha256 = $2 AND refresh_token IS NOT NULL AND exchanged_at = $4";

bool authorization_settle(struct db *db, const struct authorization *authorization,
			  int64_t connection_id, bool *settled, struct error *err)
{
	SCOPED(statement_release) struct statement *settle = db_statement(db, settle_sql);

	bind_row(settle, authorization->app_id, authorization->code_sha256);
	bind_int_or_null(settle, 3, connection_id);
	bind_int(settle, 4, authorization->exchanged_at);
	return statement_change(settle, settled, err);
}

static const char record_answer_sql[] =
	"UPDATE zoom_authorizations SET answer_status = $3, answer_body = $4"
	" WHERE app_id = $1 AND code_sha256 = $2";

bool authorization_record_answer(struct db *db, int64_t app_id,
				 const unsigned char code_sha256[static SHA256_BYTES], int status,
				 const char *body, struct error *err)
{
	SCOPED(statement_release) struct statement *record = db_statement(db, record_answer_sql);

	bind_row(record, app_id, code_sha256);
	bind_int(record, 3, status);
	bind_text(record, 4, body);
	return statement_done(record, err);
}

static const char find_due_sql[] =
	"SELECT " COLUMNS " FROM zoom_authorizations WHERE next_attempt_at <= $1"
	" ORDER BY next_attempt_at LIMIT 1";

bool authorization_find_due(struct db *db, struct arena *arena, instant now, bool *found,
			    struct authorization *authorization, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_due_sql);

	bind_int(find, 1, now);
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*authorization = read_row(find, arena);
	return true;
}

static const char take_sql[] =
	"UPDATE zoom_authorizations SET holder = $3, lease_until = $4, holder_process = $5,"
	" next_attempt_at = $4 WHERE app_id = $1 AND code_sha256 = $2"
	" AND (holder IS NULL OR lease_until <= $6 OR holder_process = $7)";

bool authorization_take(struct db *db, const struct authorization *authorization,
			const struct authorization_lease *lease, instant now, bool *taken,
			struct error *err)
{
	SCOPED(statement_release) struct statement *take = db_statement(db, take_sql);

	bind_row(take, authorization->app_id, authorization->code_sha256);
	bind_text(take, 3, lease->holder);
	bind_int(take, 4, lease->until);
	bind_int(take, 5, lease->process);
	bind_int(take, 6, now);
	bind_int(take, 7, lease->dead_process);
	return statement_change(take, taken, err);
}

static const char put_off_sql[] =
	"UPDATE zoom_authorizations SET next_attempt_at = $3 WHERE app_id = $1 AND code_sha256 = $2";

bool authorization_put_off(struct db *db, const struct authorization *authorization, instant at,
			   struct error *err)
{
	SCOPED(statement_release) struct statement *put_off = db_statement(db, put_off_sql);

	bind_row(put_off, authorization->app_id, authorization->code_sha256);
	bind_int(put_off, 3, at);
	return statement_done(put_off, err);
}

static const char next_due_sql[] =
	"SELECT min(next_attempt_at) FROM zoom_authorizations WHERE next_attempt_at IS NOT NULL";

bool authorization_next_due(struct db *db, instant *at, struct error *err)
{
	SCOPED(statement_release) struct statement *next = db_statement(db, next_due_sql);

	return statement_number(next, at, err);
}

/* All rows that the statement gives; there is room for so many. */
static bool read_all(struct statement *list, struct arena *arena, int room,
		     struct authorization **authorizations, int *count, struct error *err)
{
	bool has_row;

	*authorizations = arena_alloc(arena, (size_t)room * sizeof(**authorizations));
	for (*count = 0;; (*authorizations)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
	}
}

static const char list_in_doubt_sql[] =
	"SELECT " COLUMNS " FROM zoom_authorizations WHERE app_id = $1 AND exchange_began_at >= $2"
	" ORDER BY exchange_began_at LIMIT $3";

bool authorization_list_in_doubt(struct db *db, struct arena *arena, int64_t app_id, instant since,
				 int limit, struct authorization **authorizations, int *count,
				 struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, list_in_doubt_sql);

	bind_int(list, 1, app_id);
	bind_int(list, 2, since);
	bind_int(list, 3, limit);
	return read_all(list, arena, limit, authorizations, count, err);
}

static const char list_leased_sql[] =
	"SELECT " COLUMNS " FROM zoom_authorizations WHERE app_id = $1 AND lease_until > $3"
	" AND created_at <= $2 ORDER BY lease_until LIMIT $4";

bool authorization_list_leased(struct db *db, struct arena *arena, int64_t app_id, instant made_by,
			       instant leased_at, int limit, struct authorization **authorizations,
			       int *count, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, list_leased_sql);

	bind_int(list, 1, app_id);
	bind_int(list, 2, made_by);
	bind_int(list, 3, leased_at);
	bind_int(list, 4, limit);
	return read_all(list, arena, limit, authorizations, count, err);
}

static const char has_waiting_sql[] =
	"SELECT 1 FROM zoom_authorizations WHERE app_id = $1 AND exchanged_at > $2"
	" AND next_attempt_at IS NOT NULL AND created_at <= $3 LIMIT 1";

bool authorization_has_waiting(struct db *db, int64_t app_id, instant made_by, instant since,
			       bool *has, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, has_waiting_sql);

	bind_int(find, 1, app_id);
	bind_int(find, 2, since);
	bind_int(find, 3, made_by);
	return statement_row(find, has, err);
}

/* The digest comes first, for else SQLite looks at all codes of the app for each one of the list. */
static const char clean_up_sql[] =
	"DELETE FROM zoom_authorizations WHERE (code_sha256, app_id) IN"
	" (SELECT code_sha256, app_id FROM zoom_authorizations WHERE created_at < $1"
	"  AND next_attempt_at IS NULL AND (exchange_began_at IS NULL OR created_at < $3)"
	"  ORDER BY created_at LIMIT $2)";

bool authorization_clean_up(struct db *db, instant before, instant doubt_before, int limit,
			    int64_t *removed, struct error *err)
{
	SCOPED(statement_release) struct statement *clean_up = db_statement(db, clean_up_sql);

	bind_int(clean_up, 1, before);
	bind_int(clean_up, 2, limit);
	bind_int(clean_up, 3, doubt_before);
	return statement_count(clean_up, removed, err);
}
