#include "api/bot_plan.h"

#include <jansson.h>
#include <string.h>

/* Of zoom_settings.zak_token, which was checked before it was stored; NULL: no ZAK is wanted. */
static const char *zak_user_id(struct arena *arena, const struct bot *bot)
{
	SCOPED(json_decrefp)
	json_t *settings =
		bot->zoom_settings != NULL ? json_loads(bot->zoom_settings, 0, NULL) : NULL;
	const json_t *zak = json_object_get(settings, "zak_token");

	return arena_strdup(arena, json_string_value(
					   json_object_get(zak, "zoom_oauth_connection_user_id")));
}

bool bot_plan_make(struct broker *broker, const struct bot *bot, struct join_plan *plan,
		   struct error *err)
{
	const struct join_request request = {
		.project_id = bot->project_id,
		.meeting_id = bot->meeting_id,
		.personal_name = bot->personal_name,
		.asked_connection_id = bot->asked_connection_id,
		.onbehalf_user_id = bot->onbehalf_user_id,
		.zak_user_id = zak_user_id(broker->arena, bot),
	};

	return join_plan_make(broker, &request, plan, err);
}

static bool is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool bot_plan_note(struct bot *bot, bool is_token_flow, const char *reason,
		   const struct join_plan *plan)
{
	const struct bot former = *bot;

	bot->is_token_flow = is_token_flow;
	bot->join_flow_reason = reason;
	bot->connection_id = plan->has_connection ? plan->connection.id : 0;
	bot->connection_public_id = plan->has_connection ? plan->connection.public_id : NULL;
	return former.is_token_flow != bot->is_token_flow ||
	       former.connection_id != bot->connection_id ||
	       !is_same_text(former.join_flow_reason, bot->join_flow_reason);
}
