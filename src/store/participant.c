#include "store/participant.h"

#include "store/statement.h"

/* Of a session that begins and ends at the same time, the end stands, in either order. */
static const char note_sql[] =
	"INSERT INTO zoom_meeting_participants (meeting_id, app_id, connection_id, session, is_present,"
	" changed_at) SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT 1 FROM zoom_meetings"
	"  WHERE meeting_id = $1 AND app_id = $2 AND is_live = 0 AND live_at >= $6)"
	" ON CONFLICT (meeting_id, app_id, connection_id, session) DO UPDATE"
	" SET is_present = excluded.is_present, changed_at = excluded.changed_at"
	" WHERE zoom_meeting_participants.changed_at < excluded.changed_at OR"
	" (zoom_meeting_participants.changed_at = excluded.changed_at AND excluded.is_present = 0)";
/* What has no session may be the one that ends, and what ends without one may be any. */
static const char note_others_sql[] =
	"UPDATE zoom_meeting_participants SET is_present = $5, changed_at = $6 WHERE meeting_id = $1"
	" AND app_id = $2 AND connection_id = $3 AND is_present = 1 AND changed_at <= $6"
	" AND (session = '' OR $4 = '')";

static bool note(struct db *db, const char *sql, const struct participation *participation,
		 bool is_present, instant at, struct error *err)
{
	SCOPED(statement_release) struct statement *note = db_statement(db, sql);

	bind_int(note, 1, participation->meeting_id);
	bind_int(note, 2, participation->app_id);
	bind_int(note, 3, participation->connection_id);
	bind_text(note, 4, participation->session != NULL ? participation->session : "");
	bind_int(note, 5, is_present);
	bind_int(note, 6, at);
	return statement_done(note, err);
}

bool participant_note(struct db *db, const struct participation *participation, bool is_present,
		      instant at, struct error *err)
{
	return note(db, note_sql, participation, is_present, at, err) &&
	       (is_present || note(db, note_others_sql, participation, false, at, err));
}

static const char note_end_sql[] =
	"UPDATE zoom_meeting_participants SET is_present = 0, changed_at = $3"
	" WHERE meeting_id = $1 AND app_id = $2 AND changed_at <= $3";

bool participant_note_end(struct db *db, int64_t app_id, int64_t meeting_id, instant at,
			  struct error *err)
{
	SCOPED(statement_release) struct statement *note = db_statement(db, note_end_sql);

	bind_int(note, 1, meeting_id);
	bind_int(note, 2, app_id);
	bind_int(note, 3, at);
	return statement_done(note, err);
}

static const char is_present_sql[] =
	"SELECT 1 FROM zoom_meeting_participants"
	" WHERE meeting_id = $1 AND app_id = $2 AND connection_id = $3 AND is_present = 1";

bool participant_is_present(struct db *db, int64_t app_id, int64_t meeting_id,
			    int64_t connection_id, bool *is_present, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, is_present_sql);

	bind_int(find, 1, meeting_id);
	bind_int(find, 2, app_id);
	bind_int(find, 3, connection_id);
	return statement_row(find, is_present, err);
}

static const char remove_all_sql[] =
	"DELETE FROM zoom_meeting_participants WHERE connection_id = $1";

bool participant_remove_all(struct db *db, int64_t connection_id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_all_sql);

	bind_int(removal, 1, connection_id);
	return statement_done(removal, err);
}

static const char clean_up_sql[] =
	"DELETE FROM zoom_meeting_participants WHERE (meeting_id, app_id, connection_id, session) IN"
	" (SELECT meeting_id, app_id, connection_id, session FROM zoom_meeting_participants"
	"  WHERE changed_at < $1 LIMIT $2)";

bool participant_clean_up(struct db *db, instant before, int limit, int64_t *removed,
			  struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, clean_up_sql);

	bind_int(removal, 1, before);
	bind_int(removal, 2, limit);
	return statement_count(removal, removed, err);
}
