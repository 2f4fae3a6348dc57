#include "api/log_entry_json.h"

#include "http/json.h"

/* Null where Zoom answered nothing. */
static json_t *zoom_json(const struct log_entry *entry)
{
	json_t *zoom;

	if (entry->zoom_status == 0)
		return json_null();
	zoom = json_object();
	json_object_set_new(zoom, "status", json_integer(entry->zoom_status));
	json_object_set_new(zoom, "code", json_string_or_null(entry->zoom_code));
	json_object_set_new(zoom, "reason", json_string_or_null(entry->error));
	json_object_set_new(zoom, "tracking_id", json_string_or_null(entry->zoom_tracking_id));
	return zoom;
}

json_t *log_entry_json(struct arena *arena, const struct log_entry *entry)
{
	const bool is_event = entry->type == LOG_EVENT_ACCEPTED;
	const char *meeting_id =
		entry->meeting_id == 0 ? NULL
				       : arena_printf(arena, "%lld", (long long)entry->meeting_id);
	json_t *json = json_object();

	json_object_set_new(json, "type", json_string(log_type_name(entry->type)));
	json_object_set_new(json, "zoom_oauth_connection_id",
			    json_string_or_null(entry->connection_public_id));
	json_object_set_new(json, "event", json_string_or_null(is_event ? entry->name : NULL));
	json_object_set_new(json, "meeting_id", json_string_or_null(meeting_id));
	json_object_set_new(json, "code", json_string_or_null(is_event ? NULL : entry->name));
	json_object_set_new(json, "error", json_string_or_null(entry->error));
	json_object_set_new(json, "zoom", zoom_json(entry));
	json_object_set_new(json, "created_at", json_instant_or_null(entry->at));
	return json;
}
