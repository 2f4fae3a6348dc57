#include "store/log_entry.h"

#include "store/event.h"
#include "store/statement.h"

#include <assert.h>

enum { BODY_HASH_BYTES = 16 };

const char *log_type_name(enum log_type type)
{
	static const char *const names[LOG_TYPES_END] = {
		[LOG_EVENT_ACCEPTED] = "event_accepted",
		[LOG_EVENT_REJECTED] = "event_rejected",
		[LOG_URL_VALIDATED] = "url_validated",
		[LOG_AUTHORIZED] = "authorized",
		[LOG_REFRESHED] = "refreshed",
		[LOG_REFRESH_REFUSED] = "refresh_refused",
		[LOG_REFRESH_FAILED] = "refresh_failed",
		[LOG_DISCONNECTED] = "disconnected",
		[LOG_RECONNECTED] = "reconnected",
		[LOG_SYNC_FAILED] = "sync_failed",
		[LOG_SYNC_RECOVERED] = "sync_recovered",
		[LOG_CREDENTIALS_INVALID] = "credentials_invalid",
		[LOG_CREDENTIALS_ACCEPTED] = "credentials_accepted",
	};

	assert(type > 0 && type < LOG_TYPES_END);
	return names[type];
}

static const char add_of_app_sql[] =
	"INSERT INTO zoom_log (app_id, connection_id, at, type, name, meeting_id, error, zoom_status,"
	" zoom_code, zoom_tracking_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
static const char add_of_connection_sql[] =
	"INSERT INTO zoom_log (app_id, connection_id, at, type, name, meeting_id, error, zoom_status,"
	" zoom_code, zoom_tracking_id) SELECT app_id, id, $3, $4, $5, $6, $7, $8, $9, $10"
	" FROM zoom_oauth_connections WHERE id = $2";

bool log_entry_add(struct db *db, const struct log_entry *entry, struct error *err)
{
	const bool names_app = entry->app_id != 0;
	SCOPED(statement_release)
	struct statement *add =
		db_statement(db, names_app ? add_of_app_sql : add_of_connection_sql);

	if (names_app)
		bind_int(add, 1, entry->app_id);
	bind_int_or_null(add, 2, entry->connection_id);
	bind_int(add, 3, entry->at);
	bind_int(add, 4, entry->type);
	bind_text(add, 5, entry->name);
	bind_int_or_null(add, 6, entry->meeting_id);
	bind_text(add, 7, entry->error);
	bind_int_or_null(add, 8, entry->zoom_status);
	bind_text(add, 9, entry->zoom_code);
	bind_text(add, 10, entry->zoom_tracking_id);
	return statement_done(add, err);
}

static const char leave_to_app_sql[] =
	"UPDATE zoom_log SET connection_id = NULL WHERE connection_id = $1";

bool log_entry_leave_to_app(struct db *db, int64_t connection_id, struct error *err)
{
	SCOPED(statement_release) struct statement *leave = db_statement(db, leave_to_app_sql);

	bind_int(leave, 1, connection_id);
	return statement_done(leave, err);
}

static const char has_timeless_event_sql[] =
	"SELECT 1 FROM zoom_log WHERE event_at = 0 AND app_id = $1 AND body_hash = $2";

/* What was handled before an upgrade from version 1 has no time. */
static bool has_timeless_event(struct db *db, const struct log_event *event, bool *has,
			       struct error *err)
{
	SCOPED(statement_release)
	struct statement *find = db_statement(db, has_timeless_event_sql);

	bind_int(find, 1, event->app_id);
	bind_blob(find, 2, event->body_sha256, BODY_HASH_BYTES);
	return statement_row(find, has, err);
}

/* An INSERT that reads its own table, too, has SQLite make a temporary one: three times the work. */
static const char add_event_sql[] =
	"INSERT INTO zoom_log (app_id, connection_id, at, type, name, meeting_id, event_at, body_hash)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	" ON CONFLICT (event_at, app_id, body_hash) WHERE body_hash IS NOT NULL DO NOTHING";

bool log_entry_add_event(struct db *db, const struct log_event *event, bool *is_new,
			 struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_event_sql);
	bool is_timeless;

	if (!has_timeless_event(db, event, &is_timeless, err))
		return false;
	*is_new = false;
	if (is_timeless)
		return true;
	bind_int(add, 1, event->app_id);
	bind_int_or_null(add, 2, event->connection_id);
	bind_int(add, 3, event->now);
	bind_int(add, 4, LOG_EVENT_ACCEPTED);
	bind_text(add, 5, event_countable_name(event->name));
	bind_int_or_null(add, 6, event->meeting_id);
	bind_int(add, 7, event->event_at);
	bind_blob(add, 8, event->body_sha256, BODY_HASH_BYTES);
	return statement_change(add, is_new, err);
}

/* Of those that come at once a later one may be stored first; one of later still was a wrong clock's. */
static const char add_rejection_sql[] =
	"INSERT INTO zoom_log (app_id, at, type, name) SELECT id, $2, $3, $4 FROM zoom_oauth_apps"
	" WHERE id = $1 AND (last_rejected_webhook_at IS NULL"
	"  OR last_rejected_webhook_at NOT BETWEEN $5 AND $6)";

bool log_entry_add_rejection(struct db *db, int64_t app_id, const char *code, instant now,
			     struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_rejection_sql);

	bind_int(add, 1, app_id);
	bind_int(add, 2, now);
	bind_int(add, 3, LOG_EVENT_REJECTED);
	bind_text(add, 4, code);
	bind_int(add, 5, now - now % MINUTE);
	bind_int(add, 6, now + MINUTE);
	return statement_done(add, err);
}

static struct log_entry read_row(struct statement *row, struct arena *arena)
{
	return (struct log_entry){
		.id = column_int(row, 0),
		.app_id = column_int(row, 1),
		.connection_id = column_int(row, 2),
		.connection_public_id = column_text(row, 3, arena),
		.at = column_int(row, 4),
		.type = (enum log_type)column_int(row, 5),
		.name = column_text(row, 6, arena),
		.meeting_id = column_int(row, 7),
		.error = column_text(row, 8, arena),
		.zoom_status = (int)column_int(row, 9),
		.zoom_code = column_text(row, 10, arena),
		.zoom_tracking_id = column_text(row, 11, arena),
	};
}

static bool read_page(struct db *db, const char *sql, int64_t owner_id, struct arena *arena,
		      const struct page *page, struct log_entry **entries, int *count,
		      bool *has_newer, bool *has_older, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, sql);
	struct log_entry *rows = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(*rows));
	bool has_row;

	bind_int(list, 1, owner_id);
	bind_int(list, 2, page_start(page));
	bind_int(list, 3, page_row_limit(page));
	for (*count = 0;; rows[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			break;
	}
	*entries = rows;
	*count = page_arrange(page, rows, *count, sizeof(*rows), has_newer, has_older);
	return true;
}

#define SELECT_ENTRIES                                                                             \
	"SELECT l.id, l.app_id, l.connection_id, c.public_id, l.at, l.type, l.name, l.meeting_id," \
	" l.error, l.zoom_status, l.zoom_code, l.zoom_tracking_id"                                 \
	" FROM zoom_log l LEFT JOIN zoom_oauth_connections c ON c.id = l.connection_id"

static const char list_of_app_older_sql[] =
	SELECT_ENTRIES " WHERE l.app_id = $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3";
static const char list_of_app_newer_sql[] =
	SELECT_ENTRIES " WHERE l.app_id = $1 AND l.id > $2 ORDER BY l.id LIMIT $3";

bool log_entry_list_of_app(struct db *db, struct arena *arena, int64_t app_id,
			   const struct page *page, struct log_entry **entries, int *count,
			   bool *has_newer, bool *has_older, struct error *err)
{
	return read_page(db, page->after_id != 0 ? list_of_app_newer_sql : list_of_app_older_sql,
			 app_id, arena, page, entries, count, has_newer, has_older, err);
}

static const char list_of_connection_older_sql[] =
	SELECT_ENTRIES " WHERE l.connection_id = $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3";
static const char list_of_connection_newer_sql[] =
	SELECT_ENTRIES " WHERE l.connection_id = $1 AND l.id > $2 ORDER BY l.id LIMIT $3";

bool log_entry_list_of_connection(struct db *db, struct arena *arena, int64_t connection_id,
				  const struct page *page, struct log_entry **entries, int *count,
				  bool *has_newer, bool *has_older, struct error *err)
{
	return read_page(db,
			 page->after_id != 0 ? list_of_connection_newer_sql
					     : list_of_connection_older_sql,
			 connection_id, arena, page, entries, count, has_newer, has_older, err);
}

static const char newest_at_sql[] = "SELECT at FROM zoom_log ORDER BY id DESC LIMIT 1";

bool log_entry_newest_at(struct db *db, instant *at, struct error *err)
{
	SCOPED(statement_release) struct statement *newest = db_statement(db, newest_at_sql);

	return statement_number(newest, at, err);
}

/* The oldest have the lowest ids: no index by age is needed, which every entry would pay for. */
static const char clean_up_sql[] =
	"DELETE FROM zoom_log WHERE id < (SELECT min(id) FROM zoom_log) + $2 AND at < $1";

bool log_entry_clean_up(struct db *db, instant before, int limit, int64_t *removed,
			struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, clean_up_sql);

	bind_int(removal, 1, before);
	bind_int(removal, 2, limit);
	return statement_count(removal, removed, err);
}
