#include "store/bot_join_flow.h"

#include "store/statement.h"

#define WAITING "connection_id = $1 AND state IN ('scheduled', 'staged', 'ready')"

/*
 * A bot that joins on behalf of somebody may also be served by that one's connection, or the host's.
 * (Nearly all are connected: the index of the states is of no use.)
 */
#define NOT_SERVED_BY_ANOTHER                                                                  \
	" AND (onbehalf_user_id IS NULL OR NOT EXISTS (SELECT 1 FROM zoom_oauth_connections u" \
	"  WHERE u.zoom_user_id = bots.onbehalf_user_id AND u.project_id = bots.project_id"    \
	"  AND u.id <> $1 AND u.state <> 'disconnected'))"                                     \
	" AND (onbehalf_user_id IS NULL OR NOT EXISTS (SELECT 1 FROM zoom_meetings m"          \
	"  JOIN zoom_oauth_connections h ON h.id = m.connection_id"                            \
	"  WHERE m.meeting_id = bots.meeting_id AND h.project_id = bots.project_id"            \
	"  AND h.id <> $1 AND h.state <> 'disconnected'))"

static bool change(struct db *db, const char *sql, int64_t connection_id, instant now,
		   struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_int(statement, 1, connection_id);
	bind_int(statement, 2, now);
	return statement_done(statement, err);
}

static const char leave_token_flow_sql[] =
	"UPDATE bots SET join_flow = 'standard', join_flow_reason = 'connection_disconnected',"
	" updated_at = $2 WHERE " WAITING " AND join_flow = 'token'" NOT_SERVED_BY_ANOTHER;

bool bot_join_flow_leave_token(struct db *db, int64_t connection_id, instant now, struct error *err)
{
	return change(db, leave_token_flow_sql, connection_id, now, err);
}

static const char lose_connection_sql[] =
	"UPDATE bots SET join_flow = 'standard', join_flow_reason = CASE WHEN onbehalf_user_id IS NULL"
	" THEN 'no_connection_for_meeting' ELSE 'onbehalf_user_not_connected' END,"
	" updated_at = $2 WHERE " WAITING NOT_SERVED_BY_ANOTHER;

bool bot_join_flow_lose_connection(struct db *db, int64_t connection_id, instant now,
				   struct error *err)
{
	return change(db, lose_connection_sql, connection_id, now, err);
}

static const char return_to_token_flow_sql[] =
	"UPDATE bots SET join_flow = 'token', join_flow_reason = NULL, updated_at = $2"
	" WHERE " WAITING " AND join_flow_reason = 'connection_disconnected'"
	" AND EXISTS (SELECT 1 FROM zoom_oauth_connections c WHERE c.id = $1"
	"  AND ((c.is_local_recording_token_supported = 1"
	"    AND (bots.onbehalf_user_id IS NULL OR bots.asked_connection_id = $1)"
	"    AND (bots.meeting_id IS NOT NULL OR c.pmi IS NOT NULL))"
	"   OR (c.is_onbehalf_token_supported = 1 AND c.zoom_user_id = bots.onbehalf_user_id)))";

bool bot_join_flow_return_to_token(struct db *db, int64_t connection_id, instant now,
				   struct error *err)
{
	return change(db, return_to_token_flow_sql, connection_id, now, err);
}
