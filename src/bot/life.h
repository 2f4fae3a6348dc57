/*
 * The one place where something happens to a bot. Each function runs inside the caller's transaction,
 * so that the bot's state, the record of the event and whatever hangs on them change together.
 */
#ifndef BOT_LIFE_H
#define BOT_LIFE_H

#include "base/arena.h"
#include "base/clock.h"
#include "store/bot.h"
#include "store/bot_event.h"
#include "store/db.h"

/*
 * The event, whose type and sub-type are of bot/transition.h, happens at event->created_at: changes
 * *bot and what is stored of it. ERROR_CONFLICT with code invalid_transition and details {"state"}
 * where it cannot happen in the bot's state. A lease ends with the bot.
 */
bool life_apply(struct db *db, struct arena *arena, struct bot *bot, const struct bot_event *event,
		struct error *err) MUST_CHECK;

/* A bot that waits begins to join. The metadata is a JSON object, or NULL. */
bool life_begin_to_join(struct db *db, struct arena *arena, struct bot *bot, const char *metadata,
			instant now, struct error *err) MUST_CHECK;

#endif
