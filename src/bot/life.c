#include "bot/life.h"

#include "bot/transition.h"
#include "http/json.h"
#include "notify/notification.h"
#include "store/bot_lease.h"

#include <string.h>

static bool explain(struct arena *arena, const struct bot *bot, struct error *err)
{
	json_t *details = json_object();

	json_object_set_new(details, "state", json_string(bot->state));
	err->details = json_text(arena, details);
	json_decref(details);
	return false;
}

static bool tell(struct db *db, const struct bot *bot, const char *old_state,
		 const struct bot_event *event, struct error *err)
{
	return strcmp(bot->state, old_state) == 0 ||
	       notification_of_bot(db, bot, old_state, event, event->created_at, err);
}

/* What is to be done about a change of the state, in the same transaction. */
static bool record(struct db *db, struct bot *bot, const char *old_state,
		   const struct bot_event *event, struct error *err)
{
	if (!bot_set_state(db, bot, err) || !bot_event_add(db, bot->id, event, err) ||
	    !tell(db, bot, old_state, event, err))
		return false;
	if (!bot_is_final(bot))
		return true;
	bot->lease_expires_at = 0;
	return bot_lease_end(db, bot->id, err);
}

bool life_apply(struct db *db, struct arena *arena, struct bot *bot, const struct bot_event *event,
		struct error *err)
{
	const char *old_state = bot->state;
	struct standing standing = {bot->state, bot->recording_state, bot->joined_state};

	if (!transition_make(&standing, event->type, err))
		return explain(arena, bot, err);
	bot->state = standing.state;
	bot->recording_state = standing.recording_state;
	bot->joined_state = standing.joined_state;
	bot->updated_at = event->created_at;
	return record(db, bot, old_state, event, err);
}

bool life_begin_to_join(struct db *db, struct arena *arena, struct bot *bot, const char *metadata,
			instant now, struct error *err)
{
	const struct bot_event staged = {EVENT_STAGED, NULL, NULL, now};
	const struct bot_event join_requested = {EVENT_JOIN_REQUESTED, NULL, metadata, now};

	if (strcmp(bot->state, "scheduled") == 0 && !life_apply(db, arena, bot, &staged, err))
		return false;
	return life_apply(db, arena, bot, &join_requested, err);
}
