#include "api/bot_json.h"

#include "api/meeting_id_json.h"
#include "http/json.h"

/* What was read as JSON before it was stored. */
static json_t *stored_json(const char *text)
{
	return text != NULL ? json_loads(text, 0, NULL) : json_null();
}

static json_t *event_json(const struct bot_event *event)
{
	json_t *json = json_object();

	json_object_set_new(json, "type", json_string(event->type));
	json_object_set_new(json, "sub_type", json_string_or_null(event->sub_type));
	json_object_set_new(json, "metadata", stored_json(event->metadata));
	json_object_set_new(json, "created_at", json_instant_or_null(event->created_at));
	return json;
}

json_t *bot_json(const struct bot *bot, const struct bot_event *events, int event_count)
{
	json_t *json = json_object(), *event_list = json_array();

	for (int i = 0; i < event_count; i++)
		json_array_append_new(event_list, event_json(&events[i]));
	json_object_set_new(json, "id", json_string(bot->public_id));
	json_object_set_new(json, "meeting_url", json_string(bot->meeting_url));
	json_object_set_new(json, "meeting_id", meeting_id_json(bot->meeting_id));
	json_object_set_new(json, "bot_name", json_string(bot->bot_name));
	json_object_set_new(json, "state", json_string(bot->state));
	json_object_set_new(json, "join_flow",
			    json_string(bot->is_token_flow ? "token" : "standard"));
	json_object_set_new(json, "join_flow_reason", json_string_or_null(bot->join_flow_reason));
	json_object_set_new(json, "zoom_oauth_connection_id",
			    json_string_or_null(bot->connection_public_id));
	json_object_set_new(json, "zoom_settings", stored_json(bot->zoom_settings));
	json_object_set_new(json, "wait_for_onbehalf_user",
			    json_boolean(bot->onbehalf_user_timeout_s != 0));
	json_object_set_new(json, "onbehalf_user_timeout_s",
			    bot->onbehalf_user_timeout_s != 0
				    ? json_integer(bot->onbehalf_user_timeout_s)
				    : json_null());
	json_object_set_new(json, "join_at", json_instant_or_null(bot->join_at));
	json_object_set_new(json, "deduplication_key", json_string_or_null(bot->deduplication_key));
	json_object_set_new(json, "metadata", stored_json(bot->metadata));
	json_object_set_new(json, "events", event_list);
	json_object_set_new(json, "recording_state", json_string(bot->recording_state));
	json_object_set_new(json, "transcription_state", json_string(bot->transcription_state));
	json_object_set_new(json, "created_at", json_instant_or_null(bot->created_at));
	json_object_set_new(json, "updated_at", json_instant_or_null(bot->updated_at));
	return json;
}
