#include "notify/payload.h"

#include "http/json.h"

json_t *payload_failure_json(const struct connection *connection)
{
	json_t *failure;

	if (connection->is_connected)
		return json_null();
	failure = json_object();
	json_object_set_new(failure, "error", json_string_or_null(connection->failure_error));
	json_object_set_new(failure, "code", json_string_or_null(connection->failure_code));
	json_object_set_new(failure, "timestamp", json_instant_or_null(connection->failure_at));
	return failure;
}

/* What was read as JSON before it was stored. */
static json_t *stored_json(const char *text)
{
	return text != NULL ? json_loads(text, 0, NULL) : json_null();
}

json_t *payload_of_connection(const struct connection *connection)
{
	json_t *data = json_object(), *body = json_object();

	json_object_set_new(data, "state",
			    json_string(connection->is_connected ? "connected" : "disconnected"));
	json_object_set_new(data, "connection_failure_data", payload_failure_json(connection));
	json_object_set_new(data, "last_successful_sync_at",
			    json_instant_or_null(connection->last_successful_sync_at));
	json_object_set_new(data, "last_attempted_sync_at",
			    json_instant_or_null(connection->last_attempted_sync_at));
	json_object_set_new(body, "data", data);
	json_object_set_new(body, "zoom_oauth_connection_id", json_string(connection->public_id));
	json_object_set_new(body, "zoom_oauth_connection_metadata",
			    stored_json(connection->metadata));
	json_object_set_new(body, "user_id", json_string(connection->zoom_user_id));
	json_object_set_new(body, "account_id", json_string_or_null(connection->account_id));
	return body;
}

json_t *payload_of_app(const struct app *app)
{
	json_t *data = json_object(), *body = json_object();

	json_object_set_new(data, "state",
			    json_string(app->is_active ? "active" : "credentials_invalid"));
	json_object_set_new(body, "data", data);
	json_object_set_new(body, "zoom_oauth_app_id", json_string(app->public_id));
	json_object_set_new(body, "client_id", json_string(app->client_id));
	return body;
}

json_t *payload_of_bot(const struct bot *bot, const char *old_state, const struct bot_event *event)
{
	json_t *data = json_object(), *body = json_object();

	json_object_set_new(data, "new_state", json_string(bot->state));
	json_object_set_new(data, "old_state", json_string(old_state));
	json_object_set_new(data, "created_at", json_instant_or_null(event->created_at));
	json_object_set_new(data, "event_type", json_string(event->type));
	json_object_set_new(data, "event_sub_type", json_string_or_null(event->sub_type));
	json_object_set_new(data, "event_metadata", stored_json(event->metadata));
	json_object_set_new(body, "data", data);
	json_object_set_new(body, "bot_id", json_string(bot->public_id));
	json_object_set_new(body, "bot_metadata", stored_json(bot->metadata));
	return body;
}

json_t *payload_of_test(const struct webhook *webhook)
{
	json_t *data = json_object(), *body = json_object();

	json_object_set_new(data, "message",
			    json_string("This is a test: the notifications of this webhook come "
					"here."));
	json_object_set_new(body, "data", data);
	json_object_set_new(body, "webhook_id", json_string(webhook->public_id));
	return body;
}
