#include "store/event.h"

#include "store/statement.h"

#include <string.h>

const char *event_countable_name(const char *name)
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
	"  THEN $2 ELSE $3 END, $5, $6 WHERE 1 = 1"
	" ON CONFLICT (app_id, name) DO UPDATE"
	" SET count = zoom_event_counts.count + excluded.count, last_at = excluded.last_at";

bool event_count(struct db *db, int64_t app_id, const char *name, int64_t count, instant now,
		 struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, count_sql);

	bind_int(add, 1, app_id);
	bind_text(add, 2, event_countable_name(name));
	bind_text(add, 3, EVENT_NAME_OTHER);
	bind_int(add, 4, EVENT_NAMES_MAX);
	bind_int(add, 5, count);
	bind_int(add, 6, now);
	return statement_done(add, err);
}
