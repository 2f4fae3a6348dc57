#include "store/bot_queue.h"

#include "store/bot_presence.h"
#include "store/statement.h"

/* As the indexes bots_due and bots_held have it. */
#define BEFORE_JOINING "b.state IN ('scheduled', 'staged', 'ready')"
#define DUE_AT         "coalesce(b.join_at, b.created_at)"
#define IN_PROJECT     "($1 IS NULL OR b.project_id = $1)"

static bool read_id(struct statement *find, bool *found, int64_t *bot_id, struct error *err)
{
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*bot_id = column_int(find, 0);
	return true;
}

static const char find_due_sql[] =
	"SELECT b.id FROM bots b WHERE b.project_id = $1 AND " BEFORE_JOINING " AND " DUE_AT
	" <= $2"
	" AND (b.held_until IS NULL OR " BOT_PRESENCE_SQL " = 2)"
	" ORDER BY " DUE_AT ", b.id LIMIT 1";

bool bot_queue_find_due(struct db *db, int64_t project_id, instant now, bool *found,
			int64_t *bot_id, struct error *err)
{
	SCOPED(statement_release) struct statement *due = db_statement(db, find_due_sql);

	bind_int(due, 1, project_id);
	bind_int(due, 2, now);
	bind_int(due, 3, now - BOT_PRESENCE_AGE);
	return read_id(due, found, bot_id, err);
}

static const char count_due_sql[] =
	"SELECT count(*) FROM bots b WHERE " BEFORE_JOINING " AND " DUE_AT " <= $1";

bool bot_queue_count_due(struct db *db, instant now, int64_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_due_sql);

	bind_int(counting, 1, now);
	return statement_number(counting, count, err);
}

/* When a lease runs out that did so while nobody could be heard. */
#define RUNS_OUT_ANEW "$3 + b.lease_s * 1000000"

static const char find_lost_sql[] =
	"SELECT b.id FROM bots b WHERE b.lease_expires_at <= $2 AND " IN_PROJECT
	" AND (b.lease_expires_at >= $3 OR " RUNS_OUT_ANEW " <= $2)"
	" ORDER BY b.lease_expires_at LIMIT 1";

bool bot_queue_find_lost(struct db *db, int64_t project_id, instant now, instant heard_since,
			 bool *found, int64_t *bot_id, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_lost_sql);

	bind_int_or_null(find, 1, project_id);
	bind_int(find, 2, now);
	bind_int(find, 3, heard_since);
	return read_id(find, found, bot_id, err);
}

static const char find_kept_waiting_sql[] =
	"SELECT b.id FROM bots b WHERE b.held_until <= $2 AND " BEFORE_JOINING " AND " IN_PROJECT
	" ORDER BY b.held_until LIMIT 1";

bool bot_queue_find_kept_waiting(struct db *db, int64_t project_id, instant now, bool *found,
				 int64_t *bot_id, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_kept_waiting_sql);

	bind_int_or_null(find, 1, project_id);
	bind_int(find, 2, now);
	return read_id(find, found, bot_id, err);
}

static const char next_lost_sql[] =
	"SELECT min(b.lease_expires_at) FROM bots b WHERE b.lease_expires_at >= $3";
static const char next_lost_anew_sql[] =
	"SELECT min(" RUNS_OUT_ANEW ") FROM bots b WHERE b.lease_expires_at < $3";
static const char next_kept_waiting_sql[] =
	"SELECT min(b.held_until) FROM bots b WHERE b.held_until IS NOT NULL AND " BEFORE_JOINING;

/* Brings *at forward to what the statement finds; 0 is never. */
static bool find_earlier(struct statement *next, instant *at, struct error *err)
{
	instant found_at;

	if (!statement_number(next, &found_at, err))
		return false;
	if (found_at != 0 && (*at == 0 || found_at < *at))
		*at = found_at;
	return true;
}

static bool find_earlier_lost(struct db *db, const char *sql, instant heard_since, instant *at,
			      struct error *err)
{
	SCOPED(statement_release) struct statement *next = db_statement(db, sql);

	bind_int(next, 3, heard_since);
	return find_earlier(next, at, err);
}

bool bot_queue_next_at(struct db *db, instant heard_since, instant *at, struct error *err)
{
	SCOPED(statement_release)
	struct statement *next_kept_waiting = db_statement(db, next_kept_waiting_sql);

	*at = 0;
	return find_earlier(next_kept_waiting, at, err) &&
	       find_earlier_lost(db, next_lost_sql, heard_since, at, err) &&
	       find_earlier_lost(db, next_lost_anew_sql, heard_since, at, err);
}
