#include "bot/hold.h"

#include "bot/life.h"
#include "bot/transition.h"
#include "store/bot_presence.h"
#include "store/bot_queue.h"

void hold_begin(struct bot *bot, instant now)
{
	const instant from = bot->join_at > now ? bot->join_at : now;
	const int timeout_s = bot->onbehalf_user_timeout_s;

	bot->held_until = timeout_s != 0 ? from + timeout_s * SECOND : 0;
}

static bool fail_to_join(struct db *db, struct arena *arena, struct bot *bot, instant now,
			 struct error *err)
{
	const struct bot_event failure = {EVENT_COULD_NOT_JOIN_MEETING, SUB_TYPE_USER_NOT_THERE,
					  NULL, now};

	return life_begin_to_join(db, arena, bot, NULL, now, err) &&
	       life_apply(db, arena, bot, &failure, err);
}

bool hold_settle_one(struct db *db, struct arena *arena, int64_t project_id, instant now, bool *did,
		     const char **public_id, struct error *err)
{
	enum presence presence;
	struct bot bot;
	int64_t id;

	if (!bot_queue_find_kept_waiting(db, project_id, now, did, &id, err))
		return false;
	if (!*did)
		return true;
	if (!bot_find_by_id(db, arena, id, did, &bot, err) ||
	    !bot_presence_find(db, id, now, &presence, err))
		return false;
	*public_id = bot.public_id;
	return presence == PRESENCE_ABSENT ? fail_to_join(db, arena, &bot, now, err)
					   : bot_end_hold(db, id, now, err);
}
