#include "store/meeting.h"

#include "store/statement.h"

/*
 * Nearly all that is learned of a meeting is that its host is still the same. Where that is not
 * written anew the index by connection stays as it is, a page of three less for each event.
 */
static const char confirm_sql[] =
	"UPDATE zoom_meetings SET known_at = $4"
	" WHERE meeting_id = $1 AND app_id = $2 AND connection_id = $3 AND known_at <= $4";
/* Of a meeting that is forgotten and learned at the same time, the forgetting stands, in either order. */
static const char learn_sql[] =
	"INSERT INTO zoom_meetings (meeting_id, app_id, connection_id, known_at)"
	" VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (meeting_id, app_id) DO UPDATE"
	" SET connection_id = excluded.connection_id, known_at = excluded.known_at"
	" WHERE zoom_meetings.known_at < excluded.known_at OR"
	" (zoom_meetings.known_at = excluded.known_at AND zoom_meetings.connection_id IS NOT NULL)";

static void bind_host(struct statement *statement, int64_t app_id, int64_t meeting_id,
		      int64_t connection_id, instant at)
{
	bind_int(statement, 1, meeting_id);
	bind_int(statement, 2, app_id);
	bind_int(statement, 3, connection_id);
	bind_int(statement, 4, at);
}

static bool confirm(struct db *db, const char *sql, int64_t app_id, int64_t meeting_id,
		    int64_t connection_id, instant at, bool *is_confirmed, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_host(statement, app_id, meeting_id, connection_id, at);
	return statement_change(statement, is_confirmed, err);
}

bool meeting_learn(struct db *db, int64_t app_id, int64_t meeting_id, int64_t connection_id,
		   instant at, struct error *err)
{
	SCOPED(statement_release) struct statement *learn = db_statement(db, learn_sql);
	bool is_confirmed;

	if (!confirm(db, confirm_sql, app_id, meeting_id, connection_id, at, &is_confirmed, err))
		return false;
	if (is_confirmed)
		return true;
	bind_host(learn, app_id, meeting_id, connection_id, at);
	return statement_done(learn, err);
}

/* Where all of it is news at once, one statement does. */
static const char confirm_start_sql[] =
	"UPDATE zoom_meetings SET known_at = $4, is_live = 1, live_at = $4 WHERE meeting_id = $1"
	" AND app_id = $2 AND connection_id = $3 AND known_at <= $4 AND live_at < $4";

bool meeting_start(struct db *db, int64_t app_id, int64_t meeting_id, int64_t connection_id,
		   instant at, struct error *err)
{
	bool is_confirmed;

	if (!confirm(db, confirm_start_sql, app_id, meeting_id, connection_id, at, &is_confirmed,
		     err))
		return false;
	return is_confirmed || (meeting_learn(db, app_id, meeting_id, connection_id, at, err) &&
				meeting_set_live(db, app_id, meeting_id, true, at, err));
}

/* A statement about one meeting at a time. */
static bool change(struct db *db, const char *sql, int64_t app_id, int64_t meeting_id, instant at,
		   struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_int(statement, 1, meeting_id);
	bind_int(statement, 2, app_id);
	bind_int(statement, 3, at);
	return statement_done(statement, err);
}

static const char forget_sql[] =
	"INSERT INTO zoom_meetings (meeting_id, app_id, connection_id, known_at)"
	" VALUES ($1, $2, NULL, $3)"
	" ON CONFLICT (meeting_id, app_id) DO UPDATE"
	" SET connection_id = NULL, known_at = excluded.known_at"
	" WHERE zoom_meetings.known_at <= excluded.known_at";

bool meeting_forget(struct db *db, int64_t app_id, int64_t meeting_id, instant at,
		    struct error *err)
{
	return change(db, forget_sql, app_id, meeting_id, at, err);
}

static const char forget_if_known_sql[] =
	"UPDATE zoom_meetings SET connection_id = NULL, known_at = $3"
	" WHERE meeting_id = $1 AND app_id = $2 AND known_at <= $3";

bool meeting_forget_if_known(struct db *db, int64_t app_id, int64_t meeting_id, instant at,
			     struct error *err)
{
	return change(db, forget_if_known_sql, app_id, meeting_id, at, err);
}

/* A row made here tells nothing of who hosts the meeting: whatever is learned of that is newer. */
static const char end_sql[] =
	"INSERT INTO zoom_meetings (meeting_id, app_id, connection_id, known_at, is_live, live_at)"
	" VALUES ($1, $2, NULL, 0, 0, $3)"
	" ON CONFLICT (meeting_id, app_id) DO UPDATE SET is_live = 0, live_at = excluded.live_at"
	" WHERE zoom_meetings.live_at <= excluded.live_at";

bool meeting_end(struct db *db, int64_t app_id, int64_t meeting_id, instant at, struct error *err)
{
	return change(db, end_sql, app_id, meeting_id, at, err);
}

/* At the same time, the end stands. */
static const char set_live_sql[] =
	"UPDATE zoom_meetings SET is_live = $4, live_at = $3 WHERE meeting_id = $1 AND app_id = $2"
	" AND (live_at < $3 OR (live_at = $3 AND $4 = 0))";

bool meeting_set_live(struct db *db, int64_t app_id, int64_t meeting_id, bool is_live, instant at,
		      struct error *err)
{
	SCOPED(statement_release) struct statement *set = db_statement(db, set_live_sql);

	bind_int(set, 1, meeting_id);
	bind_int(set, 2, app_id);
	bind_int(set, 3, at);
	bind_int(set, 4, is_live);
	return statement_done(set, err);
}

static const char remove_all_sql[] = "DELETE FROM zoom_meetings WHERE connection_id = $1";

bool meeting_remove_all(struct db *db, int64_t connection_id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_all_sql);

	bind_int(removal, 1, connection_id);
	return statement_done(removal, err);
}

#define COLUMNS "meeting_id, is_live, known_at"

static const char list_older_sql[] =
	"SELECT " COLUMNS " FROM zoom_meetings WHERE connection_id = $1 AND meeting_id < $2"
	" ORDER BY meeting_id DESC LIMIT $3";
static const char list_newer_sql[] =
	"SELECT " COLUMNS " FROM zoom_meetings WHERE connection_id = $1 AND meeting_id > $2"
	" ORDER BY meeting_id LIMIT $3";

bool meeting_list(struct db *db, struct arena *arena, int64_t connection_id,
		  const struct page *page, struct meeting **meetings, int *count, bool *has_newer,
		  bool *has_older, struct error *err)
{
	SCOPED(statement_release)
	struct statement *list =
		db_statement(db, page->after_id != 0 ? list_newer_sql : list_older_sql);
	bool has_row;

	*meetings = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(**meetings));
	bind_int(list, 1, connection_id);
	bind_int(list, 2, page_start(page));
	bind_int(list, 3, page_row_limit(page));
	for (*count = 0;; (*count)++) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			break;
		(*meetings)[*count] = (struct meeting){
			.meeting_id = column_int(list, 0),
			.is_live = column_int(list, 1) != 0,
			.known_at = column_int(list, 2),
		};
	}
	*count = page_arrange(page, *meetings, *count, sizeof(**meetings), has_newer, has_older);
	return true;
}

static const char last_of_next_sql[] = "SELECT meeting_id FROM zoom_meetings WHERE meeting_id > $1"
				       " ORDER BY meeting_id LIMIT 1 OFFSET $2 - 1";
/* A meeting's start or end confirms what is known of it. */
static const char clean_up_sql[] =
	"DELETE FROM zoom_meetings WHERE meeting_id > $1 AND meeting_id <= $2"
	" AND ((known_at < $3 AND live_at < $3)"
	"  OR (connection_id IS NULL AND known_at < $4 AND live_at < $4))";

bool meeting_clean_up(struct db *db, instant before, instant forgotten_before, int limit,
		      int64_t *after, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, last_of_next_sql);
	SCOPED(statement_release) struct statement *removal = db_statement(db, clean_up_sql);
	int64_t last;

	bind_int(find, 1, *after);
	bind_int(find, 2, limit);
	if (!statement_number(find, &last, err))
		return false;
	bind_int(removal, 1, *after);
	bind_int(removal, 2, last != 0 ? last : INT64_MAX);
	bind_int(removal, 3, before);
	bind_int(removal, 4, forgotten_before);
	*after = last;
	return statement_done(removal, err);
}
