#include "store/event.h"

#include "store/statement.h"

#include <string.h>

static const char add_sql[] =
	"INSERT INTO zoom_events (app_id, body_sha256, received_at) VALUES ($1, $2, $3)"
	" ON CONFLICT (app_id, body_sha256) DO NOTHING";

bool event_add(struct db *db, int64_t app_id, const unsigned char body_sha256[static SHA256_BYTES],
	       instant now, bool *is_new, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);

	bind_int(add, 1, app_id);
	bind_blob(add, 2, body_sha256, SHA256_BYTES);
	bind_int(add, 3, now);
	return statement_change(add, is_new, err);
}

static const char *countable_name(const char *name)
{
	const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.");

	return length > 0 && length <= EVENT_NAME_BYTES_MAX && name[length] == '\0'
		       ? name
		       : EVENT_NAME_OTHER;
}

static const char count_sql[] =
	"INSERT INTO zoom_event_counts (app_id, name, count, last_at)"
	" SELECT $1, CASE WHEN EXISTS (SELECT 1 FROM zoom_event_counts WHERE app_id = $1 AND name = $2)"
	"  OR (SELECT count(*) FROM zoom_event_counts WHERE app_id = $1 AND name <> $3) < $4"
	"  THEN $2 ELSE $3 END, 1, $5 WHERE 1 = 1"
	" ON CONFLICT (app_id, name) DO UPDATE"
	" SET count = zoom_event_counts.count + 1, last_at = excluded.last_at";

bool event_count(struct db *db, int64_t app_id, const char *name, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *count = db_statement(db, count_sql);

	bind_int(count, 1, app_id);
	bind_text(count, 2, countable_name(name));
	bind_text(count, 3, EVENT_NAME_OTHER);
	bind_int(count, 4, EVENT_NAMES_MAX);
	bind_int(count, 5, now);
	return statement_done(count, err);
}

/* The digest comes first, for else SQLite looks at all events of the app for each one of the list. */
static const char clean_up_sql[] =
	"DELETE FROM zoom_events WHERE (body_sha256, app_id) IN"
	" (SELECT body_sha256, app_id FROM zoom_events WHERE received_at < $1 LIMIT $2)";

bool event_clean_up(struct db *db, instant before, int limit, int64_t *removed, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, clean_up_sql);

	bind_int(removal, 1, before);
	bind_int(removal, 2, limit);
	if (!statement_done(removal, err))
		return false;
	*removed = db_changes(db);
	return true;
}
