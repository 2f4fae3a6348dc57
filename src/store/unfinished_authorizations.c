#include "store/unfinished_authorizations.h"

#include "store/app.h"
#include "store/authorization.h"
#include "store/statement.h"

static const char list_sql[] =
	"SELECT z.code_sha256, z.public_id, z.request, z.access_token, z.refresh_token, z.scopes,"
	" z.access_token_expires_at, z.asked_at, z.exchanged_at, z.renewal_began_at,"
	" z.next_attempt_at, z.created_at, a.public_id"
	" FROM zoom_authorizations z JOIN zoom_oauth_apps a ON a.id = z.app_id"
	" WHERE z.next_attempt_at > 0 AND z.refresh_token IS NOT NULL";

/* Of two of one code the tokens that came later are those that Zoom takes. */
static const char add_sql[] =
	"INSERT INTO zoom_authorizations (app_id, code_sha256, public_id, request, access_token,"
	" refresh_token, scopes, access_token_expires_at, asked_at, exchanged_at, renewal_began_at,"
	" next_attempt_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
	" ON CONFLICT (app_id, code_sha256) DO UPDATE SET public_id = excluded.public_id,"
	" access_token = excluded.access_token, refresh_token = excluded.refresh_token,"
	" scopes = excluded.scopes, access_token_expires_at = excluded.access_token_expires_at,"
	" asked_at = excluded.asked_at, exchanged_at = excluded.exchanged_at,"
	" renewal_began_at = excluded.renewal_began_at, next_attempt_at = excluded.next_attempt_at,"
	" exchange_began_at = NULL"
	" WHERE zoom_authorizations.connection_id IS NULL AND zoom_authorizations.answer_status IS NULL"
	" AND coalesce(zoom_authorizations.exchanged_at, 0) <= excluded.exchanged_at";

static bool add(struct db *to, struct arena *arena, struct statement *row, const struct app *app,
		bool *is_added, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(to, add_sql);

	bind_int(add, 1, app->id);
	bind_sealed(add, 2, column_sealed(row, 0, arena));
	bind_text(add, 3, column_text(row, 1, arena));
	bind_text(add, 4, column_text(row, 2, arena));
	bind_sealed(add, 5, column_sealed(row, 3, arena));
	bind_sealed(add, 6, column_sealed(row, 4, arena));
	bind_text(add, 7, column_text(row, 5, arena));
	for (int i = 8; i <= 13; i++)
		bind_int_or_null(add, i, column_int(row, i - 2));
	return statement_change(add, is_added, err);
}

static bool is_readable(struct arena *arena, struct statement *row, const struct app *app,
			struct keyring *keyring)
{
	const struct authorization there = {.public_id = column_text(row, 1, arena)};
	const struct seal_place place = authorization_refresh_token_place(&there, app->project_id);
	struct error unreadable;
	const char *text;

	return keyring_open_sealed(keyring, arena, &place, column_sealed(row, 4, arena), &text,
				   &unreadable);
}

static bool take_one(struct db *to, struct statement *row, struct keyring *keyring, bool *is_taken,
		     struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct app app;
	bool found;

	*is_taken = false;
	if (!app_find_anywhere(to, &arena, column_text(row, 12, &arena), &found, &app, err))
		return false;
	return !found || !is_readable(&arena, row, &app, keyring) ||
	       add(to, &arena, row, &app, is_taken, err);
}

bool unfinished_authorizations_take(struct db *to, struct db *from, struct keyring *keyring,
				    int64_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(from, list_sql);
	bool has_row, is_taken;

	for (*count = 0;; *count += is_taken) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		if (!take_one(to, list, keyring, &is_taken, err))
			return false;
	}
}
