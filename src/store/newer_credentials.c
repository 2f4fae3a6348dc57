#include "store/newer_credentials.h"

#include "store/app.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/refresh_attempt.h"
#include "store/statement.h"

#include <string.h>

enum { BATCH = 256 };

/* One of `from`. */
struct candidate {
	const char *public_id, *app_public_id, *zoom_user_id;
	int64_t project_id, generation;
	struct sealed refresh_token, access_token;
	instant issued_at, expires_at, authorized_at, refreshed_at;
	instant interrupted_at; /* the oldest refresh of them without an answer; 0: there is none */
};

static const char list_sql[] =
	"SELECT c.public_id, c.zoom_user_id, c.project_id, v.generation, v.refresh_token,"
	" v.access_token, v.access_token_issued_at, v.access_token_expires_at, v.authorized_at,"
	" v.refreshed_at, (SELECT min(started_at) FROM zoom_oauth_refresh_attempts"
	"  WHERE connection_id = c.id), a.public_id"
	" FROM zoom_oauth_connections c JOIN zoom_oauth_credentials v ON v.connection_id = c.id"
	" JOIN zoom_oauth_apps a ON a.id = c.app_id"
	" WHERE c.public_id > $1 AND v.refresh_token IS NOT NULL ORDER BY c.public_id LIMIT $2";

static struct candidate read_row(struct statement *row, struct arena *arena)
{
	return (struct candidate){
		.public_id = column_text(row, 0, arena),
		.zoom_user_id = column_text(row, 1, arena),
		.project_id = column_int(row, 2),
		.generation = column_int(row, 3),
		.refresh_token = column_sealed(row, 4, arena),
		.access_token = column_sealed(row, 5, arena),
		.issued_at = column_int(row, 6),
		.expires_at = column_int(row, 7),
		.authorized_at = column_int(row, 8),
		.refreshed_at = column_int(row, 9),
		.interrupted_at = column_int(row, 10),
		.app_public_id = column_text(row, 11, arena),
	};
}

static bool list(struct db *from, struct arena *arena, const char *after,
		 struct candidate candidates[static BATCH], size_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(from, list_sql);
	bool has_row;

	bind_text(statement, 1, after);
	bind_int(statement, 2, BATCH);
	for (*count = 0;; candidates[(*count)++] = read_row(statement, arena)) {
		if (!statement_row(statement, &has_row, err))
			return false;
		if (!has_row)
			return true;
	}
}

static const char replace_sql[] =
	"UPDATE zoom_oauth_credentials SET generation = $2, refresh_token = $3, access_token = $4,"
	" access_token_issued_at = $5, access_token_expires_at = $6, authorized_at = $7,"
	" refreshed_at = $8, refresh_holder = NULL, refresh_lease_until = NULL, next_refresh_at = $8,"
	" refresh_attempts = 0 WHERE connection_id = $1";

static bool replace(struct db *to, int64_t connection_id, const struct candidate *candidate,
		    struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(to, replace_sql);

	bind_int(statement, 1, connection_id);
	bind_int(statement, 2, candidate->generation);
	bind_sealed(statement, 3, candidate->refresh_token);
	bind_sealed(statement, 4, candidate->access_token);
	bind_int_or_null(statement, 5, candidate->issued_at);
	bind_int_or_null(statement, 6, candidate->expires_at);
	bind_int(statement, 7, candidate->authorized_at);
	bind_int(statement, 8, candidate->refreshed_at);
	return statement_done(statement, err) && refresh_attempt_remove_all(to, connection_id, err);
}

/* Of the candidate: below 0 it is older, 0 the same. */
static int64_t compare_age(const struct candidate *candidate, const struct credentials *credentials)
{
	const int64_t between = candidate->authorized_at - credentials->authorized_at;

	return between != 0 ? between : candidate->generation - credentials->generation;
}

static bool find_connection(struct db *to, struct arena *arena, const struct candidate *candidate,
			    bool *found, struct connection *connection, struct error *err)
{
	struct app app;

	return app_find_anywhere(to, arena, candidate->app_public_id, found, &app, err) &&
	       (!*found || connection_find_by_user(to, arena, app.id, candidate->zoom_user_id,
						   found, connection, err));
}

/*
 * Whether a key opens them. Those of a user who was deleted since, and has authorized anew, are another
 * row's there: the refresh token is sealed for the one here, and will bring an access token.
 */
static bool fit(struct candidate *candidate, struct arena *arena, struct keyring *keyring,
		const struct connection *connection)
{
	const struct connection there = {.public_id = candidate->public_id,
					 .project_id = candidate->project_id};
	const struct seal_place from = credentials_refresh_token_place(&there);
	const struct seal_place to = credentials_refresh_token_place(connection);
	struct error unreadable;
	const char *text;

	if (!keyring_open_sealed(keyring, arena, &from, candidate->refresh_token, &text,
				 &unreadable))
		return false;
	if (strcmp(connection->public_id, candidate->public_id) == 0)
		return true;
	candidate->refresh_token = keyring_seal(keyring, arena, &to, text);
	candidate->access_token = (struct sealed){0};
	candidate->issued_at = candidate->expires_at = 0;
	return true;
}

static bool take_one(struct db *to, struct candidate *candidate, struct keyring *keyring,
		     bool *is_taken, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct connection connection;
	struct credentials credentials;
	int64_t age;
	bool found;

	*is_taken = false;
	if (!find_connection(to, &arena, candidate, &found, &connection, err))
		return false;
	if (!found)
		return true;
	if (!credentials_find(to, &arena, connection.id, &found, &credentials, err))
		return false;
	if (!found || !fit(candidate, &arena, keyring, &connection))
		return true;
	age = compare_age(candidate, &credentials);
	if (age < 0)
		return true;
	*is_taken = age > 0;
	if (*is_taken && !replace(to, connection.id, candidate, err))
		return false;
	return candidate->interrupted_at == 0 ||
	       refresh_attempt_add_lost(to, connection.id, candidate->interrupted_at, err);
}

bool newer_credentials_take(struct db *to, struct db *from, struct keyring *keyring, int64_t *count,
			    struct error *err)
{
	SCOPED(arena_release) struct arena names = {0};
	const char *after = "";
	size_t listed = BATCH;

	*count = 0;
	while (listed == BATCH) {
		SCOPED(arena_release) struct arena arena = {0};
		struct candidate *candidates = arena_alloc(&arena, BATCH * sizeof(*candidates));
		bool is_taken;

		if (!list(from, &arena, after, candidates, &listed, err))
			return false;
		for (size_t i = 0; i < listed; i++) {
			if (!take_one(to, &candidates[i], keyring, &is_taken, err))
				return false;
			*count += is_taken;
		}
		if (listed > 0)
			after = arena_strdup(&names, candidates[listed - 1].public_id);
	}
	return true;
}
