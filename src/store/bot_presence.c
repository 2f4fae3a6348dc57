#include "store/bot_presence.h"

#include "store/statement.h"

static const char find_sql[] = "SELECT " BOT_PRESENCE_SQL " FROM bots b WHERE b.id = $1";

bool bot_presence_find(struct db *db, int64_t bot_id, instant now, enum presence *presence,
		       struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);
	bool found;

	bind_int(find, 1, bot_id);
	bind_int(find, 3, now - BOT_PRESENCE_AGE);
	if (!statement_row(find, &found, err))
		return false;
	*presence = found ? (enum presence)column_int(find, 0) : PRESENCE_UNKNOWN;
	return true;
}
