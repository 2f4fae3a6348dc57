#include "store/bot_event.h"

#include "store/statement.h"

#include <string.h>

static struct bot_event read_row(struct statement *row, struct arena *arena)
{
	return (struct bot_event){column_text(row, 0, arena), column_text(row, 1, arena),
				  column_text(row, 2, arena), column_int(row, 3)};
}

static const char list_sql[] =
	"SELECT type, sub_type, metadata, created_at FROM"
	" (SELECT * FROM bot_events WHERE bot_id = $1 ORDER BY id DESC LIMIT $2) AS newest"
	" ORDER BY id";

/* Room for more: what is there is copied. */
static struct bot_event *grow(struct arena *arena, const struct bot_event *events, int count,
			      int room)
{
	struct bot_event *grown = arena_alloc(arena, (size_t)room * sizeof(*grown));

	if (count > 0)
		memcpy(grown, events, (size_t)count * sizeof(*grown));
	return grown;
}

bool bot_event_list(struct db *db, struct arena *arena, int64_t bot_id, struct bot_event **events,
		    int *count, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, list_sql);
	int room = 8;
	bool has_row;

	*events = grow(arena, NULL, 0, room);
	bind_int(list, 1, bot_id);
	bind_int(list, 2, BOT_EVENTS_MAX);
	for (*count = 0;; (*count)++) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		if (*count == room) {
			room *= 2;
			*events = grow(arena, *events, *count, room);
		}
		(*events)[*count] = read_row(list, arena);
	}
}

static const char find_newest_sql[] = "SELECT type, sub_type, metadata, created_at FROM bot_events"
				      " WHERE bot_id = $1 ORDER BY id DESC LIMIT 1";

bool bot_event_find_newest(struct db *db, struct arena *arena, int64_t bot_id, bool *found,
			   struct bot_event *event, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_newest_sql);

	bind_int(find, 1, bot_id);
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*event = read_row(find, arena);
	return true;
}

static const char count_sql[] = "SELECT count(*) FROM bot_events WHERE bot_id = $1 AND type = $2";

bool bot_event_count(struct db *db, int64_t bot_id, const char *type, int64_t *count,
		     struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_sql);

	bind_int(counting, 1, bot_id);
	bind_text(counting, 2, type);
	return statement_number(counting, count, err);
}

static const char add_sql[] =
	"INSERT INTO bot_events (bot_id, type, sub_type, metadata, created_at)"
	" VALUES ($1, $2, $3, $4, $5)";

bool bot_event_add(struct db *db, int64_t bot_id, const struct bot_event *event, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);

	bind_int(add, 1, bot_id);
	bind_text(add, 2, event->type);
	bind_text(add, 3, event->sub_type);
	bind_text(add, 4, event->metadata);
	bind_int(add, 5, event->created_at);
	return statement_done(add, err);
}
