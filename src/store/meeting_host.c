#include "store/meeting_host.h"

#include "store/statement.h"

#define CONNECTION                                                              \
	"CASE WHEN c.state = 'connected' THEN 1 ELSE 0 END, coalesce(c.id, 0)," \
	" c.public_id, c.zoom_user_id, c.is_local_recording_token_supported"

/* A meeting that ended before anything was known of its host is known since 0. */
static const char list_sql[] =
	"SELECT " CONNECTION ", a.public_id, 0, m.is_live, m.known_at FROM zoom_meetings m"
	" JOIN zoom_oauth_apps a ON a.id = m.app_id"
	" LEFT JOIN zoom_oauth_connections c ON c.id = m.connection_id"
	" WHERE m.meeting_id = $2 AND a.project_id = $1 AND m.known_at > 0"
	" UNION ALL SELECT " CONNECTION ", a.public_id, 1, 0, c.pmi_at"
	" FROM zoom_oauth_connections c JOIN zoom_oauth_apps a ON a.id = c.app_id"
	" WHERE c.pmi = $2 AND c.project_id = $1 ORDER BY 1 DESC, 2 DESC LIMIT $3";

static struct meeting_host read_row(struct statement *row, struct arena *arena)
{
	return (struct meeting_host){
		.is_connected = column_int(row, 0) != 0,
		.connection_public_id = column_text(row, 2, arena),
		.zoom_user_id = column_text(row, 3, arena),
		.is_local_recording_token_supported = column_int(row, 4) != 0,
		.app_public_id = column_text(row, 5, arena),
		.is_by_personal_id = column_int(row, 6) != 0,
		.is_live = column_int(row, 7) != 0,
		.known_at = column_int(row, 8),
	};
}

bool meeting_host_list(struct db *db, struct arena *arena, int64_t project_id, int64_t meeting_id,
		       struct meeting_host **hosts, int *count, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, list_sql);
	bool has_row;

	*hosts = arena_alloc(arena, MEETING_HOSTS_MAX * sizeof(**hosts));
	bind_int(list, 1, project_id);
	bind_int(list, 2, meeting_id);
	bind_int(list, 3, MEETING_HOSTS_MAX);
	for (*count = 0;; (*hosts)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
	}
}
