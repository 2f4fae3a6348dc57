/* What happened to bots (table bot_events). */
#ifndef STORE_BOT_EVENT_H
#define STORE_BOT_EVENT_H

#include "base/clock.h"
#include "store/db.h"

struct bot_event {
	const char *type;
	const char *sub_type; /* NULL: none */
	const char *metadata; /* JSON object; NULL: none */
	instant created_at;
};

/* Oldest first; of very many the newest BOT_EVENTS_MAX. */
enum { BOT_EVENTS_MAX = 500 };
bool bot_event_list(struct db *db, struct arena *arena, int64_t bot_id, struct bot_event **events,
		    int *count, struct error *err) MUST_CHECK;

/* *found is false where nothing has happened yet. */
bool bot_event_find_newest(struct db *db, struct arena *arena, int64_t bot_id, bool *found,
			   struct bot_event *event, struct error *err) MUST_CHECK;

/* How often that has happened. */
bool bot_event_count(struct db *db, int64_t bot_id, const char *type, int64_t *count,
		     struct error *err) MUST_CHECK;

bool bot_event_add(struct db *db, int64_t bot_id, const struct bot_event *event, struct error *err)
	MUST_CHECK;

#endif
