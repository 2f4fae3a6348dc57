#include "store/app.h"

#include "store/statement.h"

#define COLUMNS                                                                                        \
	"id, public_id, project_id, name, client_id, client_secret, webhook_secret, state = 'active'," \
	" last_verified_webhook_at, last_rejected_webhook_at, last_url_validation_at, created_at,"     \
	" updated_at"

static const char table[] = "zoom_oauth_apps";

struct seal_place app_client_secret_place(const struct app *app)
{
	return (struct seal_place){table, "client_secret", app->public_id, app->project_id};
}

struct seal_place app_webhook_secret_place(const struct app *app)
{
	return (struct seal_place){table, "webhook_secret", app->public_id, app->project_id};
}

static struct app read_row(struct statement *row, struct arena *arena)
{
	return (struct app){
		.id = column_int(row, 0),
		.public_id = column_text(row, 1, arena),
		.project_id = column_int(row, 2),
		.name = column_text(row, 3, arena),
		.client_id = column_text(row, 4, arena),
		.client_secret = column_sealed(row, 5, arena),
		.webhook_secret = column_sealed(row, 6, arena),
		.is_active = column_int(row, 7) != 0,
		.last_verified_webhook_at = column_int(row, 8),
		.last_rejected_webhook_at = column_int(row, 9),
		.last_url_validation_at = column_int(row, 10),
		.created_at = column_int(row, 11),
		.updated_at = column_int(row, 12),
	};
}

static bool read_one(struct statement *find, struct arena *arena, bool *found, struct app *app,
		     struct error *err)
{
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*app = read_row(find, arena);
	return true;
}

static const char find_sql[] =
	"SELECT " COLUMNS " FROM zoom_oauth_apps WHERE public_id = $1 AND project_id = $2";

bool app_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
	      bool *found, struct app *app, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);

	bind_text(find, 1, public_id);
	bind_int(find, 2, project_id);
	return read_one(find, arena, found, app, err);
}

static const char find_by_id_sql[] = "SELECT " COLUMNS " FROM zoom_oauth_apps WHERE id = $1";

bool app_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found, struct app *app,
		    struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_by_id_sql);

	bind_int(find, 1, id);
	return read_one(find, arena, found, app, err);
}

static const char find_by_client_id_sql[] =
	"SELECT " COLUMNS " FROM zoom_oauth_apps WHERE project_id = $1 AND client_id = $2";

bool app_find_by_client_id(struct db *db, struct arena *arena, int64_t project_id,
			   const char *client_id, bool *found, struct app *app, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_by_client_id_sql);

	bind_int(find, 1, project_id);
	bind_text(find, 2, client_id);
	return read_one(find, arena, found, app, err);
}

static const char find_anywhere_sql[] =
	"SELECT " COLUMNS " FROM zoom_oauth_apps WHERE public_id = $1";

bool app_find_anywhere(struct db *db, struct arena *arena, const char *public_id, bool *found,
		       struct app *app, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_anywhere_sql);

	bind_text(find, 1, public_id);
	return read_one(find, arena, found, app, err);
}

static bool read_all(struct statement *list, struct arena *arena, struct app *apps, int *count,
		     struct error *err)
{
	bool has_row;

	for (*count = 0;; apps[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
	}
}

static const char candidates_of_client_sql[] =
	"SELECT " COLUMNS " FROM zoom_oauth_apps WHERE client_id = $1 ORDER BY id DESC LIMIT $2";
static const char candidates_of_user_sql[] =
	"SELECT " COLUMNS " FROM zoom_oauth_apps WHERE id IN"
	" (SELECT app_id FROM zoom_oauth_connections WHERE account_id = $1"
	"  UNION SELECT app_id FROM zoom_oauth_connections WHERE zoom_user_id = $3)"
	" ORDER BY id DESC LIMIT $2";
static const char all_candidates_sql[] =
	"SELECT " COLUMNS
	" FROM zoom_oauth_apps WHERE webhook_secret IS NOT NULL ORDER BY id DESC LIMIT $2";

bool app_list_candidates(struct db *db, struct arena *arena, const char *client_id,
			 const char *account_id, const char *zoom_user_id, struct app **apps,
			 int *count, struct error *err)
{
	const bool names_user = account_id != NULL || zoom_user_id != NULL;
	SCOPED(statement_release)
	struct statement *list = db_statement(db, client_id != NULL ? candidates_of_client_sql
						  : names_user      ? candidates_of_user_sql
								    : all_candidates_sql);

	if (client_id != NULL)
		bind_text(list, 1, client_id);
	else if (names_user)
		bind_text(list, 1, account_id);
	bind_int(list, 2, APP_CANDIDATES_MAX);
	if (client_id == NULL && names_user)
		bind_text(list, 3, zoom_user_id);
	*apps = arena_alloc(arena, APP_CANDIDATES_MAX * sizeof(**apps));
	return read_all(list, arena, *apps, count, err);
}

static const char list_older_sql[] =
	"SELECT " COLUMNS " FROM zoom_oauth_apps WHERE project_id = $1 AND id < $2"
	" ORDER BY id DESC LIMIT $3";
static const char list_newer_sql[] =
	"SELECT " COLUMNS
	" FROM zoom_oauth_apps WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3";

bool app_list(struct db *db, struct arena *arena, int64_t project_id, const struct page *page,
	      struct app **apps, int *count, bool *has_newer, bool *has_older, struct error *err)
{
	SCOPED(statement_release)
	struct statement *list =
		db_statement(db, page->after_id != 0 ? list_newer_sql : list_older_sql);

	*apps = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(**apps));
	bind_int(list, 1, project_id);
	bind_int(list, 2, page_start(page));
	bind_int(list, 3, page_row_limit(page));
	if (!read_all(list, arena, *apps, count, err))
		return false;
	*count = page_arrange(page, *apps, *count, sizeof(**apps), has_newer, has_older);
	return true;
}

static const char count_sql[] =
	"SELECT count(*), max(id) FROM zoom_oauth_apps WHERE project_id = $1";

bool app_count(struct db *db, int64_t project_id, int64_t *count, int64_t *some_id,
	       struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_sql);
	bool has_row;

	bind_int(counting, 1, project_id);
	if (!statement_row(counting, &has_row, err))
		return false;
	*count = column_int(counting, 0);
	*some_id = column_int(counting, 1);
	return true;
}

static bool read_ids(struct statement *list, struct arena *arena,
		     const char *ids[static APPS_LISTED_MAX], size_t *count, struct error *err)
{
	bool has_row;

	bind_int(list, 1, APPS_LISTED_MAX);
	for (*count = 0;; (*count)++) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		ids[*count] = column_text(list, 0, arena);
	}
}

static const char refused_sql[] = "SELECT public_id FROM zoom_oauth_apps"
				  " WHERE state = 'credentials_invalid' ORDER BY id LIMIT $1";

bool app_list_refused(struct db *db, struct arena *arena, const char *ids[static APPS_LISTED_MAX],
		      size_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, refused_sql);

	return read_ids(list, arena, ids, count, err);
}

static const char unvalidated_sql[] =
	"SELECT public_id FROM zoom_oauth_apps WHERE webhook_secret IS NOT NULL"
	" AND (last_url_validation_at IS NULL OR last_url_validation_at < $2) ORDER BY id LIMIT $1";

bool app_list_unvalidated(struct db *db, struct arena *arena, instant since,
			  const char *ids[static APPS_LISTED_MAX], size_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, unvalidated_sql);

	bind_int(list, 2, since);
	return read_ids(list, arena, ids, count, err);
}

static const char add_sql[] =
	"INSERT INTO zoom_oauth_apps (public_id, project_id, name, client_id, client_secret,"
	" webhook_secret, state, created_at, updated_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $7) RETURNING id";

bool app_add(struct db *db, struct app *app, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	bool has_row;

	bind_text(add, 1, app->public_id);
	bind_int(add, 2, app->project_id);
	bind_text(add, 3, app->name);
	bind_text(add, 4, app->client_id);
	bind_sealed(add, 5, app->client_secret);
	bind_sealed(add, 6, app->webhook_secret);
	bind_int(add, 7, app->created_at);
	if (!statement_row(add, &has_row, err))
		return false;
	app->id = column_int(add, 0);
	return statement_done(add, err);
}

static const char change_sql[] =
	"UPDATE zoom_oauth_apps SET name = $2, client_secret = $3, webhook_secret = $4,"
	" state = CASE $5 WHEN 1 THEN 'active' ELSE 'credentials_invalid' END, updated_at = $6"
	" WHERE id = $1";

bool app_change(struct db *db, const struct app *app, struct error *err)
{
	SCOPED(statement_release) struct statement *change = db_statement(db, change_sql);

	bind_int(change, 1, app->id);
	bind_text(change, 2, app->name);
	bind_sealed(change, 3, app->client_secret);
	bind_sealed(change, 4, app->webhook_secret);
	bind_int(change, 5, app->is_active);
	bind_int(change, 6, app->updated_at);
	return statement_done(change, err);
}

static const char set_active_sql[] =
	"UPDATE zoom_oauth_apps SET state = CASE $2 WHEN 1 THEN 'active' ELSE 'credentials_invalid' END,"
	" updated_at = $3 WHERE id = $1"
	" AND state <> CASE $2 WHEN 1 THEN 'active' ELSE 'credentials_invalid' END";

bool app_set_active(struct db *db, int64_t id, bool is_active, instant now, bool *changed,
		    struct error *err)
{
	SCOPED(statement_release) struct statement *set = db_statement(db, set_active_sql);

	bind_int(set, 1, id);
	bind_int(set, 2, is_active);
	bind_int(set, 3, now);
	return statement_change(set, changed, err);
}

static const char remove_sql[] = "DELETE FROM zoom_oauth_apps WHERE id = $1";

bool app_remove(struct db *db, int64_t id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_sql);

	bind_int(removal, 1, id);
	if (statement_done(removal, err))
		return true;
	if (err->kind != ERROR_CONFLICT)
		return false;
	return error_set_code(err, ERROR_CONFLICT, "app_has_connections",
			      "the app still has connections; delete them first");
}

static const char has_webhook_secret_sql[] =
	"SELECT 1 FROM zoom_oauth_apps WHERE id = $1 AND webhook_secret = $2";

bool app_has_webhook_secret(struct db *db, int64_t id, struct sealed webhook_secret, bool *has,
			    struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, has_webhook_secret_sql);

	bind_int(find, 1, id);
	bind_sealed(find, 2, webhook_secret);
	return statement_row(find, has, err);
}

static bool note(struct db *db, const char *sql, int64_t id, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_int(statement, 1, id);
	bind_int(statement, 2, now);
	return statement_done(statement, err);
}

static const char note_verified_sql[] =
	"UPDATE zoom_oauth_apps SET last_verified_webhook_at = $2 WHERE id = $1"
	" AND (last_verified_webhook_at IS NULL OR last_verified_webhook_at NOT BETWEEN $2 - 1000000 AND $2)";

bool app_note_verified_webhook(struct db *db, int64_t id, instant now, struct error *err)
{
	return note(db, note_verified_sql, id, now, err);
}

/* The latest, in whatever order they are stored, unless the clock was set back. */
static const char note_rejected_sql[] =
	"UPDATE zoom_oauth_apps SET last_rejected_webhook_at = $2 WHERE id = $1"
	" AND (last_rejected_webhook_at IS NULL"
	"  OR last_rejected_webhook_at NOT BETWEEN $2 AND $2 + 60000000)";

bool app_note_rejected_webhook(struct db *db, int64_t id, instant now, struct error *err)
{
	return note(db, note_rejected_sql, id, now, err);
}

static const char note_url_validation_sql[] =
	"UPDATE zoom_oauth_apps SET last_url_validation_at = $2 WHERE id = $1";

bool app_note_url_validation(struct db *db, int64_t id, instant now, struct error *err)
{
	return note(db, note_url_validation_sql, id, now, err);
}
