#include "api/connection_json.h"

#include "http/json.h"
#include "notify/payload.h"

json_t *connection_json(const struct connection *connection)
{
	json_t *json = json_object();

	json_object_set_new(json, "id", json_string(connection->public_id));
	json_object_set_new(json, "zoom_oauth_connection_id", json_string(connection->public_id));
	json_object_set_new(json, "zoom_oauth_app_id", json_string(connection->app_public_id));
	json_object_set_new(json, "user_id", json_string(connection->zoom_user_id));
	json_object_set_new(json, "account_id", json_string_or_null(connection->account_id));
	json_object_set_new(json, "email", json_string_or_null(connection->email));
	json_object_set_new(json, "deduplication_key",
			    json_string_or_null(connection->deduplication_key));
	json_object_set_new(json, "state",
			    json_string(connection->is_connected ? "connected" : "disconnected"));
	json_object_set_new(json, "connection_failure_data", payload_failure_json(connection));
	json_object_set_new(json, "metadata", json_loads(connection->metadata, 0, NULL));
	json_object_set_new(json, "scopes", json_words(connection->scopes));
	json_object_set_new(json, "is_local_recording_token_supported",
			    json_boolean(connection->is_local_recording_token_supported));
	json_object_set_new(json, "is_onbehalf_token_supported",
			    json_boolean(connection->is_onbehalf_token_supported));
	json_object_set_new(json, "created_at", json_instant_or_null(connection->created_at));
	json_object_set_new(json, "updated_at", json_instant_or_null(connection->updated_at));
	json_object_set_new(json, "last_token_refresh_at",
			    json_instant_or_null(connection->last_token_refresh_at));
	json_object_set_new(json, "last_successful_sync_at",
			    json_instant_or_null(connection->last_successful_sync_at));
	json_object_set_new(json, "last_attempted_sync_at",
			    json_instant_or_null(connection->last_attempted_sync_at));
	return json;
}
