#include "store/bot.h"

#include "store/public_id.h"
#include "store/statement.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                  \
	"b.id, b.public_id, b.project_id, b.meeting_url, b.meeting_id, b.personal_name,"         \
	" b.is_webinar_link, b.bot_name, b.state, b.join_flow = 'token', b.join_flow_reason,"    \
	" b.connection_id, c.public_id, b.asked_connection_id, a.public_id, b.onbehalf_user_id," \
	" b.zoom_settings, b.join_at, b.deduplication_key, b.metadata, b.recording_state,"       \
	" b.transcription_state, b.created_at, b.updated_at, b.joined_state,"                    \
	" b.onbehalf_user_timeout_s, b.held_until, b.runner_id, b.lease_s, b.lease_expires_at"
#define TABLES                                                                      \
	" FROM bots b LEFT JOIN zoom_oauth_connections c ON c.id = b.connection_id" \
	" LEFT JOIN zoom_oauth_connections a ON a.id = b.asked_connection_id"

/* The final ones, as the index bots_by_live_deduplication_key has them. */
#define LIVE "b.state NOT IN ('ended', 'fatal_error', 'data_deleted')"

const char *const bot_states[] = {
	"scheduled",
	"staged",
	"ready",
	"joining",
	"waiting_room",
	"joined_not_recording",
	"joined_recording",
	"joined_recording_paused",
	"joined_recording_permission_denied",
	"joining_breakout_room",
	"leaving_breakout_room",
	"leaving",
	"post_processing",
	"ended",
	"fatal_error",
	"data_deleted",
	NULL,
};

static bool is_one_of(const char *state, const char *const *states, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(state, states[i]) == 0)
			return true;
	return false;
}

bool bot_is_before_joining(const struct bot *bot)
{
	static const char *const states[] = {"scheduled", "staged", "ready"};

	return is_one_of(bot->state, states, COUNT_OF(states));
}

bool bot_is_final(const struct bot *bot)
{
	static const char *const states[] = {"ended", "fatal_error", "data_deleted"};

	return is_one_of(bot->state, states, COUNT_OF(states));
}

static struct bot read_row(struct statement *row, struct arena *arena)
{
	return (struct bot){
		.id = column_int(row, 0),
		.public_id = column_text(row, 1, arena),
		.project_id = column_int(row, 2),
		.meeting_url = column_text(row, 3, arena),
		.meeting_id = column_int(row, 4),
		.personal_name = column_text(row, 5, arena),
		.is_webinar_link = column_int(row, 6) != 0,
		.bot_name = column_text(row, 7, arena),
		.state = column_text(row, 8, arena),
		.is_token_flow = column_int(row, 9) != 0,
		.join_flow_reason = column_text(row, 10, arena),
		.connection_id = column_int(row, 11),
		.connection_public_id = column_text(row, 12, arena),
		.asked_connection_id = column_int(row, 13),
		.asked_connection_public_id = column_text(row, 14, arena),
		.onbehalf_user_id = column_text(row, 15, arena),
		.zoom_settings = column_text(row, 16, arena),
		.join_at = column_int(row, 17),
		.deduplication_key = column_text(row, 18, arena),
		.metadata = column_text(row, 19, arena),
		.recording_state = column_text(row, 20, arena),
		.transcription_state = column_text(row, 21, arena),
		.created_at = column_int(row, 22),
		.updated_at = column_int(row, 23),
		.joined_state = column_text(row, 24, arena),
		.onbehalf_user_timeout_s = (int)column_int(row, 25),
		.held_until = column_int(row, 26),
		.runner_id = column_text(row, 27, arena),
		.lease_s = (int)column_int(row, 28),
		.lease_expires_at = column_int(row, 29),
	};
}

/* A look-up by the project and a text of the outside's. */
static bool find(struct db *db, struct arena *arena, const char *sql, int64_t project_id,
		 const char *text, bool *found, struct bot *bot, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);

	bind_int(statement, 1, project_id);
	bind_text(statement, 2, text);
	if (!statement_row(statement, found, err))
		return false;
	if (*found)
		*bot = read_row(statement, arena);
	return true;
}

static const char find_sql[] =
	"SELECT " COLUMNS TABLES " WHERE b.public_id = $2 AND b.project_id = $1";

bool bot_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
	      bool *found, struct bot *bot, struct error *err)
{
	return find(db, arena, find_sql, project_id, public_id, found, bot, err);
}

static const char find_by_id_sql[] = "SELECT " COLUMNS TABLES " WHERE b.id = $1";

bool bot_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found, struct bot *bot,
		    struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, find_by_id_sql);

	bind_int(statement, 1, id);
	if (!statement_row(statement, found, err))
		return false;
	if (*found)
		*bot = read_row(statement, arena);
	return true;
}

/*
 * A list is read along the index of what narrows it most, so that it costs what it shows; all
 * filters are looked at whichever index it is. What is narrowed by time is in the order of time: in
 * that of ids, those in between could be anywhere. (+b.join_at keeps the database from that index
 * where a key or a link leaves few to be sorted.)
 */
#define FILTER                                                                     \
	" AND ($4 IS NULL OR b.state = $4) AND ($5 IS NULL OR b.meeting_url = $5)" \
	" AND ($6 IS NULL OR b.deduplication_key = $6)"
#define IN_PROJECT "SELECT " COLUMNS TABLES " WHERE b.project_id = $1"
#define FROM_OLDER \
	IN_PROJECT \
	" AND b.join_at >= $7 AND +b.join_at <= $8 AND (b.join_at, b.id) < ($9, $2)" FILTER
#define FROM_NEWER \
	IN_PROJECT \
	" AND +b.join_at >= $7 AND b.join_at <= $8 AND (b.join_at, b.id) > ($9, $2)" FILTER
#define SORT_OLDER \
	IN_PROJECT " AND +b.join_at BETWEEN $7 AND $8 AND (+b.join_at, b.id) < ($9, $2)" FILTER
#define SORT_NEWER \
	IN_PROJECT " AND +b.join_at BETWEEN $7 AND $8 AND (+b.join_at, b.id) > ($9, $2)" FILTER
#define SELECT_OLDER IN_PROJECT " AND b.id < $2" FILTER
#define SELECT_NEWER IN_PROJECT " AND b.id > $2" FILTER
#define LATEST_FIRST "b.join_at DESC, b.id DESC LIMIT $3"
#define LATEST_LAST  "b.join_at, b.id LIMIT $3"
#define OLDER        " ORDER BY b.id DESC LIMIT $3"
#define NEWER        " ORDER BY b.id LIMIT $3"
#define BY_KEY       " AND b.deduplication_key = $6"
#define BY_URL       " AND b.meeting_url = $5"
#define BY_STATE     " AND b.state = $4"

static const char older_sql[] = SELECT_OLDER OLDER;
static const char newer_sql[] = SELECT_NEWER NEWER;
static const char older_by_key_sql[] = SELECT_OLDER BY_KEY OLDER;
static const char newer_by_key_sql[] = SELECT_NEWER BY_KEY NEWER;
static const char older_by_url_sql[] = SELECT_OLDER BY_URL OLDER;
static const char newer_by_url_sql[] = SELECT_NEWER BY_URL NEWER;
static const char older_by_state_sql[] = SELECT_OLDER BY_STATE OLDER;
static const char newer_by_state_sql[] = SELECT_NEWER BY_STATE NEWER;
static const char older_by_time_sql[] = FROM_OLDER " ORDER BY " LATEST_FIRST;
static const char newer_by_time_sql[] = FROM_NEWER " ORDER BY " LATEST_LAST;
static const char older_by_key_and_time_sql[] = SORT_OLDER BY_KEY " ORDER BY +" LATEST_FIRST;
static const char newer_by_key_and_time_sql[] = SORT_NEWER BY_KEY " ORDER BY +" LATEST_LAST;
static const char older_by_url_and_time_sql[] = SORT_OLDER BY_URL " ORDER BY +" LATEST_FIRST;
static const char newer_by_url_and_time_sql[] = SORT_NEWER BY_URL " ORDER BY +" LATEST_LAST;

bool bot_filter_is_by_time(const struct bot_filter *filter)
{
	return filter->join_at_after != 0 || filter->join_at_before != 0;
}

static const char *list_by_time_sql(const struct bot_filter *filter, bool is_newer)
{
	if (filter->deduplication_key != NULL)
		return is_newer ? newer_by_key_and_time_sql : older_by_key_and_time_sql;
	if (filter->meeting_url != NULL)
		return is_newer ? newer_by_url_and_time_sql : older_by_url_and_time_sql;
	return is_newer ? newer_by_time_sql : older_by_time_sql;
}

static const char *list_sql(const struct bot_filter *filter, bool is_newer)
{
	if (bot_filter_is_by_time(filter))
		return list_by_time_sql(filter, is_newer);
	if (filter->deduplication_key != NULL)
		return is_newer ? newer_by_key_sql : older_by_key_sql;
	if (filter->meeting_url != NULL)
		return is_newer ? newer_by_url_sql : older_by_url_sql;
	if (filter->state != NULL)
		return is_newer ? newer_by_state_sql : older_by_state_sql;
	return is_newer ? newer_sql : older_sql;
}

static void bind_list(struct statement *list, int64_t project_id, const struct bot_filter *filter,
		      const struct page *page)
{
	const bool is_first_page = page->before_id == 0 && page->after_id == 0;
	const instant before = filter->join_at_before != 0 ? filter->join_at_before : INT64_MAX;

	bind_int(list, 1, project_id);
	bind_int(list, 2, page_start(page));
	bind_int(list, 3, page_row_limit(page));
	bind_text(list, 4, filter->state);
	bind_text(list, 5, filter->meeting_url);
	bind_text(list, 6, filter->deduplication_key);
	if (!bot_filter_is_by_time(filter))
		return;
	bind_int(list, 7, filter->join_at_after);
	bind_int(list, 8, before);
	bind_int(list, 9, is_first_page ? before : page->at);
}

bool bot_list(struct db *db, struct arena *arena, int64_t project_id,
	      const struct bot_filter *filter, const struct page *page, struct bot **bots,
	      int *count, bool *has_newer, bool *has_older, struct error *err)
{
	SCOPED(statement_release)
	struct statement *list = db_statement(db, list_sql(filter, page->after_id != 0));
	bool has_row;

	*bots = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(**bots));
	bind_list(list, project_id, filter, page);
	for (*count = 0;; (*bots)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			break;
	}
	*count = page_arrange(page, *bots, *count, sizeof(**bots), has_newer, has_older);
	return true;
}

static const char find_live_sql[] =
	"SELECT " COLUMNS TABLES " WHERE b.project_id = $1 AND b.deduplication_key = $2"
	" AND " LIVE;

/* Turns the clash that the index found into one that names who is there. */
static bool explain_conflict(struct db *db, struct arena *arena, const struct bot *bot,
			     struct error *err)
{
	struct bot holder;
	json_t *details;
	char *text;
	bool found;

	if (err->kind != ERROR_CONFLICT || bot->deduplication_key == NULL)
		return false;
	if (!find(db, arena, find_live_sql, bot->project_id, bot->deduplication_key, &found,
		  &holder, err) ||
	    !found)
		return false;
	error_set_code(err, ERROR_CONFLICT, "deduplication_key_in_use",
		       "bot %s has this deduplication_key and is not done yet: its state is '%s'",
		       holder.public_id, holder.state);
	details = json_pack("{s:s}", "bot_id", holder.public_id);
	text = json_dumps(details, JSON_COMPACT);
	assert(text != NULL);
	err->details = arena_strdup(arena, text);
	free(text);
	json_decref(details);
	return false;
}

/* What bot_add() and bot_change() both write, each column under the same number. */
static void bind_settings(struct statement *statement, const struct bot *bot)
{
	bind_text(statement, 2, bot->meeting_url);
	bind_int_or_null(statement, 3, bot->meeting_id);
	bind_text(statement, 4, bot->personal_name);
	bind_int(statement, 5, bot->is_webinar_link);
	bind_text(statement, 6, bot->bot_name);
	bind_text(statement, 7, bot->state);
	bind_text(statement, 8, bot->is_token_flow ? "token" : "standard");
	bind_text(statement, 9, bot->join_flow_reason);
	bind_int_or_null(statement, 10, bot->connection_id);
	bind_int_or_null(statement, 11, bot->asked_connection_id);
	bind_text(statement, 12, bot->onbehalf_user_id);
	bind_text(statement, 13, bot->zoom_settings);
	bind_int_or_null(statement, 14, bot->join_at);
	bind_text(statement, 15, bot->deduplication_key);
	bind_text(statement, 16, bot->metadata);
	bind_int(statement, 17, bot->updated_at);
	bind_int_or_null(statement, 18, bot->onbehalf_user_timeout_s);
	bind_int_or_null(statement, 19, bot->held_until);
}

static const char add_sql[] =
	"INSERT INTO bots (public_id, meeting_url, meeting_id, personal_name, is_webinar_link,"
	" bot_name, state, join_flow, join_flow_reason, connection_id, asked_connection_id,"
	" onbehalf_user_id, zoom_settings, join_at, deduplication_key, metadata, recording_state,"
	" transcription_state, created_at, updated_at, onbehalf_user_timeout_s, held_until, project_id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
	" 'not_started', 'not_started', $17, $17, $18, $19, $20)"
	" RETURNING id, created_at, recording_state, transcription_state";

static bool add_row(struct db *db, struct arena *arena, struct bot *bot, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	bool has_row;

	bot->public_id = public_id_make(arena, "bot_");
	bind_text(add, 1, bot->public_id);
	bind_settings(add, bot);
	bind_int(add, 20, bot->project_id);
	if (!statement_row(add, &has_row, err))
		return false;
	bot->id = column_int(add, 0);
	bot->created_at = column_int(add, 1);
	bot->recording_state = column_text(add, 2, arena);
	bot->transcription_state = column_text(add, 3, arena);
	return statement_done(add, err);
}

bool bot_add(struct db *db, struct arena *arena, struct bot *bot, struct error *err)
{
	return add_row(db, arena, bot, err) || explain_conflict(db, arena, bot, err);
}

static const char change_sql[] =
	"UPDATE bots SET meeting_url = $2, meeting_id = $3, personal_name = $4,"
	" is_webinar_link = $5, bot_name = $6, state = $7, join_flow = $8, join_flow_reason = $9,"
	" connection_id = $10, asked_connection_id = $11, onbehalf_user_id = $12,"
	" zoom_settings = $13, join_at = $14, deduplication_key = $15, metadata = $16,"
	" updated_at = $17, onbehalf_user_timeout_s = $18, held_until = $19 WHERE id = $1";

static bool change_row(struct db *db, const struct bot *bot, struct error *err)
{
	SCOPED(statement_release) struct statement *change = db_statement(db, change_sql);

	bind_int(change, 1, bot->id);
	bind_settings(change, bot);
	return statement_done(change, err);
}

bool bot_change(struct db *db, struct arena *arena, const struct bot *bot, struct error *err)
{
	return change_row(db, bot, err) || explain_conflict(db, arena, bot, err);
}

static const char set_join_flow_sql[] = "UPDATE bots SET join_flow = $2, join_flow_reason = $3,"
					" connection_id = $4, updated_at = $5 WHERE id = $1";

bool bot_set_join_flow(struct db *db, const struct bot *bot, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *set = db_statement(db, set_join_flow_sql);

	bind_int(set, 1, bot->id);
	bind_text(set, 2, bot->is_token_flow ? "token" : "standard");
	bind_text(set, 3, bot->join_flow_reason);
	bind_int_or_null(set, 4, bot->connection_id);
	bind_int(set, 5, now);
	return statement_done(set, err);
}

static const char set_state_sql[] = "UPDATE bots SET state = $2, recording_state = $3,"
				    " joined_state = $4, updated_at = $5 WHERE id = $1";

bool bot_set_state(struct db *db, const struct bot *bot, struct error *err)
{
	SCOPED(statement_release) struct statement *set = db_statement(db, set_state_sql);

	bind_int(set, 1, bot->id);
	bind_text(set, 2, bot->state);
	bind_text(set, 3, bot->recording_state);
	bind_text(set, 4, bot->joined_state);
	bind_int(set, 5, bot->updated_at);
	return statement_done(set, err);
}

static const char end_hold_sql[] =
	"UPDATE bots SET held_until = NULL, updated_at = $2 WHERE id = $1";

bool bot_end_hold(struct db *db, int64_t id, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *end = db_statement(db, end_hold_sql);

	bind_int(end, 1, id);
	bind_int(end, 2, now);
	return statement_done(end, err);
}

static const char remove_sql[] = "DELETE FROM bots WHERE id = $1";

bool bot_remove(struct db *db, int64_t id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_sql);

	bind_int(removal, 1, id);
	return statement_done(removal, err);
}

/* One that nobody ever claimed, or whose runner told nothing, is in no final state. */
static const char clean_up_sql[] =
	"DELETE FROM bots WHERE id IN (SELECT id FROM bots WHERE updated_at < $1"
	" AND coalesce(join_at, created_at) < $1 AND lease_expires_at IS NULL"
	" ORDER BY updated_at LIMIT $2)";

bool bot_clean_up(struct db *db, instant before, int limit, int64_t *removed, struct error *err)
{
	SCOPED(statement_release) struct statement *clean_up = db_statement(db, clean_up_sql);

	bind_int(clean_up, 1, before);
	bind_int(clean_up, 2, limit);
	return statement_count(clean_up, removed, err);
}
