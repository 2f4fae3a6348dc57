#include "store/connection.h"

#include "store/log_entry.h"
#include "store/public_id.h"
#include "store/statement.h"

#define COLUMNS                                                                                  \
	"c.id, c.public_id, c.project_id, c.app_id, a.public_id, c.zoom_user_id, c.account_id,"  \
	" c.email, c.pmi, c.personal_name, c.pmi_at, c.deduplication_key, c.metadata, c.scopes," \
	" c.is_local_recording_token_supported, c.is_onbehalf_token_supported,"                  \
	" c.state = 'connected', c.failure_code, c.failure_error, c.failure_at, t.refreshed_at," \
	" c.last_successful_sync_at, c.last_attempted_sync_at, c.sync_attempts, c.created_at,"   \
	" c.updated_at, c.personal_name_at"
#define TABLES                                                                     \
	" FROM zoom_oauth_connections c JOIN zoom_oauth_apps a ON a.id = c.app_id" \
	" LEFT JOIN zoom_oauth_credentials t ON t.connection_id = c.id"
#define BEST_FIRST " ORDER BY c.state = 'connected' DESC, c.id DESC LIMIT 1"

static struct connection read_row(struct statement *row, struct arena *arena)
{
	return (struct connection){
		.id = column_int(row, 0),
		.public_id = column_text(row, 1, arena),
		.project_id = column_int(row, 2),
		.app_id = column_int(row, 3),
		.app_public_id = column_text(row, 4, arena),
		.zoom_user_id = column_text(row, 5, arena),
		.account_id = column_text(row, 6, arena),
		.email = column_text(row, 7, arena),
		.pmi = column_int(row, 8),
		.personal_name = column_text(row, 9, arena),
		.pmi_at = column_int(row, 10),
		.deduplication_key = column_text(row, 11, arena),
		.metadata = column_text(row, 12, arena),
		.scopes = column_text(row, 13, arena),
		.is_local_recording_token_supported = column_int(row, 14) != 0,
		.is_onbehalf_token_supported = column_int(row, 15) != 0,
		.is_connected = column_int(row, 16) != 0,
		.failure_code = column_text(row, 17, arena),
		.failure_error = column_text(row, 18, arena),
		.failure_at = column_int(row, 19),
		.last_token_refresh_at = column_int(row, 20),
		.last_successful_sync_at = column_int(row, 21),
		.last_attempted_sync_at = column_int(row, 22),
		.sync_attempts = (int)column_int(row, 23),
		.created_at = column_int(row, 24),
		.updated_at = column_int(row, 25),
		.personal_name_at = column_int(row, 26),
	};
}

static bool read_one(struct statement *find, struct arena *arena, bool *found,
		     struct connection *connection, struct error *err)
{
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*connection = read_row(find, arena);
	return true;
}

/* A look-up by a number of ours and a text of the outside's. */
static bool find(struct db *db, struct arena *arena, const char *sql, int64_t number,
		 const char *text, bool *found, struct connection *connection, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_int(statement, 1, number);
	bind_text(statement, 2, text);
	return read_one(statement, arena, found, connection, err);
}

static const char find_sql[] =
	"SELECT " COLUMNS TABLES " WHERE c.public_id = $2 AND c.project_id = $1";

bool connection_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
		     bool *found, struct connection *connection, struct error *err)
{
	return find(db, arena, find_sql, project_id, public_id, found, connection, err);
}

static const char find_by_id_sql[] = "SELECT " COLUMNS TABLES " WHERE c.id = $1";

bool connection_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found,
			   struct connection *connection, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, find_by_id_sql);

	bind_int(statement, 1, id);
	return read_one(statement, arena, found, connection, err);
}

static const char find_by_user_sql[] =
	"SELECT " COLUMNS TABLES " WHERE c.app_id = $1 AND c.zoom_user_id = $2";

bool connection_find_by_user(struct db *db, struct arena *arena, int64_t app_id,
			     const char *zoom_user_id, bool *found, struct connection *connection,
			     struct error *err)
{
	return find(db, arena, find_by_user_sql, app_id, zoom_user_id, found, connection, err);
}

static const char find_id_sql[] =
	"SELECT id FROM zoom_oauth_connections WHERE app_id = $1 AND zoom_user_id = $2";

bool connection_find_id(struct db *db, int64_t app_id, const char *zoom_user_id, int64_t *id,
			struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, find_id_sql);
	bool found;

	*id = 0;
	if (zoom_user_id == NULL)
		return true;
	bind_int(statement, 1, app_id);
	bind_text(statement, 2, zoom_user_id);
	if (!statement_row(statement, &found, err))
		return false;
	if (found)
		*id = column_int(statement, 0);
	return true;
}

static const char find_by_key_sql[] =
	"SELECT " COLUMNS TABLES " WHERE c.app_id = $1 AND c.deduplication_key = $2";

bool connection_find_by_key(struct db *db, struct arena *arena, int64_t app_id,
			    const char *deduplication_key, bool *found,
			    struct connection *connection, struct error *err)
{
	return find(db, arena, find_by_key_sql, app_id, deduplication_key, found, connection, err);
}

static const char find_user_in_project_sql[] =
	"SELECT " COLUMNS TABLES " WHERE c.project_id = $1 AND c.zoom_user_id = $2" BEST_FIRST;

bool connection_find_user_in_project(struct db *db, struct arena *arena, int64_t project_id,
				     const char *zoom_user_id, bool *found,
				     struct connection *connection, struct error *err)
{
	return find(db, arena, find_user_in_project_sql, project_id, zoom_user_id, found,
		    connection, err);
}

/* Over the apps, for a key is indexed by app. */
static const char find_key_in_project_sql[] =
	"SELECT " COLUMNS TABLES " WHERE c.app_id IN"
	" (SELECT id FROM zoom_oauth_apps WHERE project_id = $1) AND c.deduplication_key = $2" BEST_FIRST;

bool connection_find_key_in_project(struct db *db, struct arena *arena, int64_t project_id,
				    const char *deduplication_key, bool *found,
				    struct connection *connection, struct error *err)
{
	return find(db, arena, find_key_in_project_sql, project_id, deduplication_key, found,
		    connection, err);
}

static const char find_host_sql[] =
	"SELECT " COLUMNS TABLES " WHERE c.project_id = $1 AND c.id IN"
	" (SELECT connection_id FROM zoom_meetings WHERE meeting_id = $2 AND connection_id IS NOT NULL"
	"  UNION SELECT id FROM zoom_oauth_connections WHERE pmi = $2)" BEST_FIRST;

bool connection_find_host(struct db *db, struct arena *arena, int64_t project_id,
			  int64_t meeting_id, bool *found, struct connection *connection,
			  struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, find_host_sql);

	bind_int(statement, 1, project_id);
	bind_int(statement, 2, meeting_id);
	return read_one(statement, arena, found, connection, err);
}

static const char find_by_personal_name_sql[] =
	"SELECT " COLUMNS TABLES " WHERE c.project_id = $1 AND c.personal_name = $2" BEST_FIRST;

bool connection_find_by_personal_name(struct db *db, struct arena *arena, int64_t project_id,
				      const char *personal_name, bool *found,
				      struct connection *connection, struct error *err)
{
	return find(db, arena, find_by_personal_name_sql, project_id, personal_name, found,
		    connection, err);
}

/*
 * A list is read along the index of what narrows it most, so that it costs what it shows; all
 * filters are looked at whichever index it is. (By key, +c.id keeps the database from going through
 * all connections by id after all, to be spared the sorting.)
 */
#define FILTER                                                                \
	" AND ($3 IS NULL OR c.state = $3) AND ($4 IS NULL OR c.app_id = $4)" \
	" AND ($5 IS NULL OR c.zoom_user_id = $5) AND ($6 IS NULL OR c.deduplication_key = $6)"
#define SELECT_OLDER "SELECT " COLUMNS TABLES " WHERE c.project_id = $1 AND c.id < $2" FILTER
#define SELECT_NEWER "SELECT " COLUMNS TABLES " WHERE c.project_id = $1 AND c.id > $2" FILTER
#define OLDER        " ORDER BY c.id DESC LIMIT $7"
#define NEWER        " ORDER BY c.id LIMIT $7"
#define BY_USER      " AND c.zoom_user_id = $5"
#define BY_APP       " AND c.app_id = $4"
#define BY_STATE     " AND c.state = $3"
#define BY_KEY                                               \
	" WHERE c.app_id IN (SELECT id FROM zoom_oauth_apps" \
	"  WHERE project_id = $1) AND c.deduplication_key = $6" FILTER

static const char older_sql[] = SELECT_OLDER OLDER;
static const char newer_sql[] = SELECT_NEWER NEWER;
static const char older_by_user_sql[] = SELECT_OLDER BY_USER OLDER;
static const char newer_by_user_sql[] = SELECT_NEWER BY_USER NEWER;
static const char older_by_key_sql[] = "SELECT " COLUMNS TABLES BY_KEY " AND +c.id < $2" OLDER;
static const char newer_by_key_sql[] = "SELECT " COLUMNS TABLES BY_KEY " AND +c.id > $2" NEWER;
static const char older_by_app_sql[] = SELECT_OLDER BY_APP OLDER;
static const char newer_by_app_sql[] = SELECT_NEWER BY_APP NEWER;
static const char older_by_state_sql[] = SELECT_OLDER BY_STATE OLDER;
static const char newer_by_state_sql[] = SELECT_NEWER BY_STATE NEWER;
static const char older_by_app_state_sql[] = SELECT_OLDER BY_APP BY_STATE OLDER;
static const char newer_by_app_state_sql[] = SELECT_NEWER BY_APP BY_STATE NEWER;

static const char *list_sql(const struct connection_filter *filter, bool is_newer)
{
	if (filter->zoom_user_id != NULL)
		return is_newer ? newer_by_user_sql : older_by_user_sql;
	if (filter->deduplication_key != NULL)
		return is_newer ? newer_by_key_sql : older_by_key_sql;
	if (filter->app_id != 0 && filter->state != NULL)
		return is_newer ? newer_by_app_state_sql : older_by_app_state_sql;
	if (filter->app_id != 0)
		return is_newer ? newer_by_app_sql : older_by_app_sql;
	if (filter->state != NULL)
		return is_newer ? newer_by_state_sql : older_by_state_sql;
	return is_newer ? newer_sql : older_sql;
}

bool connection_list(struct db *db, struct arena *arena, int64_t project_id,
		     const struct connection_filter *filter, const struct page *page,
		     struct connection **connections, int *count, bool *has_newer, bool *has_older,
		     struct error *err)
{
	SCOPED(statement_release)
	struct statement *list = db_statement(db, list_sql(filter, page->after_id != 0));
	bool has_row;

	*connections = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(**connections));
	bind_int(list, 1, project_id);
	bind_int(list, 2, page_start(page));
	bind_text(list, 3, filter->state);
	bind_int_or_null(list, 4, filter->app_id);
	bind_text(list, 5, filter->zoom_user_id);
	bind_text(list, 6, filter->deduplication_key);
	bind_int(list, 7, page_row_limit(page));
	for (*count = 0;; (*connections)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			break;
	}
	*count = page_arrange(page, *connections, *count, sizeof(**connections), has_newer,
			      has_older);
	return true;
}

static const char add_sql[] =
	"INSERT INTO zoom_oauth_connections (public_id, project_id, app_id, zoom_user_id, account_id,"
	" email, pmi, personal_name, pmi_at, deduplication_key, metadata, scopes,"
	" is_local_recording_token_supported, is_onbehalf_token_supported, personal_name_at, state,"
	" next_sync_at, created_at, updated_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'connected', $16,"
	" $16, $16)"
	" RETURNING id";

static void bind_user(struct statement *statement, const struct connection *connection)
{
	bind_text(statement, 4, connection->zoom_user_id);
	bind_text(statement, 5, connection->account_id);
	bind_text(statement, 6, connection->email);
	bind_int_or_null(statement, 7, connection->pmi);
	bind_text(statement, 8, connection->personal_name);
	bind_int(statement, 9, connection->pmi_at);
	bind_text(statement, 10, connection->deduplication_key);
	bind_text(statement, 11, connection->metadata);
	bind_text(statement, 12, connection->scopes);
	bind_int(statement, 13, connection->is_local_recording_token_supported);
	bind_int(statement, 14, connection->is_onbehalf_token_supported);
	bind_int(statement, 15, connection->personal_name_at);
}

bool connection_add(struct db *db, struct arena *arena, struct connection *connection, instant now,
		    struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	bool has_row;

	if (connection->public_id == NULL)
		connection->public_id = public_id_make(arena, "zoauth_");
	bind_text(add, 1, connection->public_id);
	bind_int(add, 2, connection->project_id);
	bind_int(add, 3, connection->app_id);
	bind_user(add, connection);
	bind_int(add, 16, now);
	if (!statement_row(add, &has_row, err))
		return false;
	connection->id = column_int(add, 0);
	return statement_done(add, err);
}

/* $2 and $3 stand where add_sql has them, so that bind_user() serves both. */
static const char reauthorize_sql[] =
	"UPDATE zoom_oauth_connections SET zoom_user_id = $4, account_id = $5, email = $6, pmi = $7,"
	" personal_name = $8, pmi_at = $9, deduplication_key = $10, metadata = $11, scopes = $12,"
	" is_local_recording_token_supported = $13, is_onbehalf_token_supported = $14,"
	" personal_name_at = $15, next_sync_at = $16, sync_attempts = 0, updated_at = $16"
	" WHERE id = $1 AND project_id = $2 AND app_id = $3";

bool connection_reauthorize(struct db *db, const struct connection *connection, instant now,
			    struct error *err)
{
	SCOPED(statement_release) struct statement *change = db_statement(db, reauthorize_sql);

	bind_int(change, 1, connection->id);
	bind_int(change, 2, connection->project_id);
	bind_int(change, 3, connection->app_id);
	bind_user(change, connection);
	bind_int(change, 16, now);
	return statement_done(change, err);
}

static const char change_settings_sql[] =
	"UPDATE zoom_oauth_connections SET metadata = $2, deduplication_key = $3,"
	" is_local_recording_token_supported = $4, is_onbehalf_token_supported = $5, updated_at = $6"
	" WHERE id = $1";

bool connection_change_settings(struct db *db, const struct connection *connection, instant now,
				struct error *err)
{
	SCOPED(statement_release) struct statement *change = db_statement(db, change_settings_sql);

	bind_int(change, 1, connection->id);
	bind_text(change, 2, connection->metadata);
	bind_text(change, 3, connection->deduplication_key);
	bind_int(change, 4, connection->is_local_recording_token_supported);
	bind_int(change, 5, connection->is_onbehalf_token_supported);
	bind_int(change, 6, now);
	return statement_done(change, err);
}

/* Each counts in the index alone. */
static const char count_sql[] =
	"SELECT (SELECT count(*) FROM zoom_oauth_connections WHERE state = 'connected'),"
	" (SELECT count(*) FROM zoom_oauth_connections WHERE state = 'disconnected')";

bool connection_count(struct db *db, int64_t *connected, int64_t *disconnected, struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_sql);
	bool has_row;

	if (!statement_row(counting, &has_row, err))
		return false;
	*connected = column_int(counting, 0);
	*disconnected = column_int(counting, 1);
	return true;
}

static const char failures_sql[] =
	"SELECT failure_code, count(*) FROM zoom_oauth_connections WHERE state = 'disconnected'"
	" GROUP BY failure_code ORDER BY count(*) DESC, failure_code LIMIT $1";

bool connection_count_failures(struct db *db, struct arena *arena,
			       struct connection_failure failures[static CONNECTION_FAILURES_MAX],
			       size_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, failures_sql);
	bool has_row;

	bind_int(counting, 1, CONNECTION_FAILURES_MAX);
	for (*count = 0;; (*count)++) {
		if (!statement_row(counting, &has_row, err))
			return false;
		if (!has_row)
			return true;
		failures[*count] = (struct connection_failure){
			.code = column_text(counting, 0, arena),
			.count = column_int(counting, 1),
		};
	}
}

static const char remove_sql[] = "DELETE FROM zoom_oauth_connections WHERE id = $1";

bool connection_remove(struct db *db, int64_t id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_sql);

	bind_int(removal, 1, id);
	return log_entry_leave_to_app(db, id, err) && statement_done(removal, err);
}

static const char disconnect_sql[] =
	"UPDATE zoom_oauth_connections SET state = 'disconnected', failure_code = $2,"
	" failure_error = $3, failure_at = $4, next_sync_at = NULL, updated_at = $4"
	" WHERE id = $1 AND state = 'connected'";

bool connection_disconnect(struct db *db, int64_t id, const char *failure_code,
			   const char *failure_error, instant now, bool *changed, struct error *err)
{
	SCOPED(statement_release) struct statement *change = db_statement(db, disconnect_sql);

	bind_int(change, 1, id);
	bind_text(change, 2, failure_code);
	bind_text(change, 3, failure_error);
	bind_int(change, 4, now);
	return statement_change(change, changed, err);
}

static const char has_failed_since_sql[] =
	"SELECT 1 FROM zoom_oauth_connections WHERE id = $1 AND state = 'disconnected'"
	" AND failure_code = $2 AND failure_at >= $3 AND failure_at <= $4";

bool connection_has_failed_since(struct db *db, int64_t id, const char *failure_code, instant since,
				 instant now, bool *has, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, has_failed_since_sql);

	bind_int(find, 1, id);
	bind_text(find, 2, failure_code);
	bind_int(find, 3, since);
	bind_int(find, 4, now);
	return statement_row(find, has, err);
}

static const char reconnect_sql[] =
	"UPDATE zoom_oauth_connections SET state = 'connected', failure_code = NULL,"
	" failure_error = NULL, failure_at = NULL, next_sync_at = $2, sync_attempts = 0, updated_at = $2"
	" WHERE id = $1 AND state = 'disconnected'";

bool connection_reconnect(struct db *db, int64_t id, instant now, bool *changed, struct error *err)
{
	SCOPED(statement_release) struct statement *change = db_statement(db, reconnect_sql);

	bind_int(change, 1, id);
	bind_int(change, 2, now);
	return statement_change(change, changed, err);
}

static const char learn_pmi_sql[] =
	"UPDATE zoom_oauth_connections SET pmi = $2, pmi_at = $3 WHERE id = $1 AND pmi_at <= $3";

bool connection_learn_pmi(struct db *db, int64_t id, int64_t pmi, instant at, struct error *err)
{
	SCOPED(statement_release) struct statement *learn = db_statement(db, learn_pmi_sql);

	bind_int(learn, 1, id);
	bind_int_or_null(learn, 2, pmi);
	bind_int(learn, 3, at);
	return statement_done(learn, err);
}

static const char learn_personal_name_sql[] =
	"UPDATE zoom_oauth_connections SET personal_name = $2, personal_name_at = $3"
	" WHERE id = $1 AND personal_name_at <= $3";

bool connection_learn_personal_name(struct db *db, int64_t id, const char *personal_name,
				    instant at, struct error *err)
{
	SCOPED(statement_release)
	struct statement *learn = db_statement(db, learn_personal_name_sql);

	bind_int(learn, 1, id);
	bind_text(learn, 2, personal_name);
	bind_int(learn, 3, at);
	return statement_done(learn, err);
}

bool connection_learn_profile(struct db *db, int64_t id, int64_t pmi, const char *personal_name,
			      instant at, struct error *err)
{
	return connection_learn_pmi(db, id, pmi, at, err) &&
	       connection_learn_personal_name(db, id, personal_name, at, err);
}

static const char learn_scopes_sql[] =
	"UPDATE zoom_oauth_connections SET scopes = $2 WHERE id = $1 AND scopes = ''";

bool connection_learn_scopes(struct db *db, int64_t id, const char *scopes, struct error *err)
{
	SCOPED(statement_release) struct statement *learn = db_statement(db, learn_scopes_sql);

	bind_int(learn, 1, id);
	bind_text(learn, 2, scopes);
	return statement_done(learn, err);
}

/* The lease is the due time itself, put off: a worker that dies leaves it due again. */
static const char claim_sync_sql[] =
	"UPDATE zoom_oauth_connections SET next_sync_at = $2, last_attempted_sync_at = $1"
	" WHERE id = (SELECT id FROM zoom_oauth_connections WHERE next_sync_at <= $1"
	"  ORDER BY next_sync_at LIMIT 1)"
	" RETURNING id";

bool connection_claim_sync(struct db *db, instant now, instant lease_until, bool *found,
			   int64_t *id, struct error *err)
{
	SCOPED(statement_release) struct statement *claim = db_statement(db, claim_sync_sql);

	bind_int(claim, 1, now);
	bind_int(claim, 2, lease_until);
	if (!statement_row(claim, found, err))
		return false;
	if (!*found)
		return true;
	*id = column_int(claim, 0);
	return statement_done(claim, err);
}

static const char finish_sync_sql[] =
	"UPDATE zoom_oauth_connections SET next_sync_at = $4,"
	" last_successful_sync_at = CASE $2 WHEN 1 THEN $3 ELSE last_successful_sync_at END,"
	" sync_attempts = CASE $2 WHEN 1 THEN 0 ELSE sync_attempts + 1 END"
	" WHERE id = $1 AND next_sync_at = $5";

bool connection_finish_sync(struct db *db, int64_t id, instant lease_until, bool worked,
			    instant now, instant next_at, struct error *err)
{
	SCOPED(statement_release) struct statement *finish = db_statement(db, finish_sync_sql);

	bind_int(finish, 1, id);
	bind_int(finish, 2, worked);
	bind_int(finish, 3, now);
	bind_int(finish, 4, next_at);
	bind_int(finish, 5, lease_until);
	return statement_done(finish, err);
}

static const char give_back_sync_sql[] =
	"UPDATE zoom_oauth_connections SET next_sync_at = $3 WHERE id = $1 AND next_sync_at = $2";

bool connection_give_back_sync(struct db *db, int64_t id, instant lease_until, instant now,
			       struct error *err)
{
	SCOPED(statement_release) struct statement *give = db_statement(db, give_back_sync_sql);

	bind_int(give, 1, id);
	bind_int(give, 2, lease_until);
	bind_int(give, 3, now);
	return statement_done(give, err);
}

/* By the app: nearly all connections are connected, so the index of the states is of no use. */
static const char retry_failed_syncs_sql[] =
	"UPDATE zoom_oauth_connections SET next_sync_at = $2"
	" WHERE app_id = $1 AND state <> 'disconnected' AND sync_attempts > 0";

bool connection_retry_failed_syncs(struct db *db, int64_t app_id, instant at, struct error *err)
{
	SCOPED(statement_release)
	struct statement *retry = db_statement(db, retry_failed_syncs_sql);

	bind_int(retry, 1, app_id);
	bind_int(retry, 2, at);
	return statement_done(retry, err);
}

static const char next_sync_sql[] =
	"SELECT min(next_sync_at) FROM zoom_oauth_connections WHERE next_sync_at IS NOT NULL";

bool connection_next_sync(struct db *db, instant *at, struct error *err)
{
	SCOPED(statement_release) struct statement *next = db_statement(db, next_sync_sql);

	return statement_number(next, at, err);
}
