#include "api/webhook_json.h"

#include "http/json.h"

json_t *webhook_json(const struct webhook *webhook)
{
	json_t *json = json_object();

	json_object_set_new(json, "id", json_string(webhook->public_id));
	json_object_set_new(json, "url", json_string(webhook->url));
	json_object_set_new(json, "triggers", json_words(webhook->triggers));
	json_object_set_new(json, "bot_id", json_string_or_null(webhook->bot_public_id));
	json_object_set_new(json, "state",
			    json_string(webhook->disabled_at == 0 ? "active" : "disabled"));
	json_object_set_new(json, "disabled_at", json_instant_or_null(webhook->disabled_at));
	json_object_set_new(json, "disabled_reason", json_string_or_null(webhook->disabled_reason));
	json_object_set_new(json, "failing_since", json_instant_or_null(webhook->failing_since));
	json_object_set_new(json, "paused_until", json_instant_or_null(webhook->paused_until));
	json_object_set_new(json, "former_secret_signs_until",
			    json_instant_or_null(webhook->former_secret_until));
	json_object_set_new(json, "created_at", json_instant_or_null(webhook->created_at));
	json_object_set_new(json, "updated_at", json_instant_or_null(webhook->updated_at));
	return json;
}

json_t *webhook_json_with_secret(const struct webhook *webhook, const char *secret)
{
	json_t *json = webhook_json(webhook);

	json_object_set_new(json, "secret", json_string(secret));
	return json;
}

static json_t *number_or_null(int64_t number, bool is_known)
{
	return is_known ? json_integer(number) : json_null();
}

json_t *delivery_json(const struct delivery *delivery, const struct webhook *webhook)
{
	const bool was_tried = delivery->last_attempt_at != 0;
	json_t *json = json_object();

	json_object_set_new(json, "id", json_string(delivery->public_id));
	json_object_set_new(json, "webhook_id", json_string(webhook->public_id));
	json_object_set_new(json, "trigger", json_string(delivery->trigger));
	json_object_set_new(json, "subject", json_string(delivery->subject));
	json_object_set_new(json, "state", json_string(delivery->state));
	json_object_set_new(json, "attempts", json_integer(delivery->attempts));
	json_object_set_new(json, "next_attempt_at",
			    json_instant_or_null(delivery->next_attempt_at));
	json_object_set_new(json, "last_attempt_at",
			    json_instant_or_null(delivery->last_attempt_at));
	json_object_set_new(json, "last_duration_ms",
			    number_or_null(delivery->last_duration_ms, was_tried));
	json_object_set_new(json, "last_status",
			    number_or_null(delivery->last_status, delivery->last_status != 0));
	json_object_set_new(json, "last_answer", json_string_or_null(delivery->last_answer));
	json_object_set_new(json, "last_error", json_string_or_null(delivery->last_error));
	json_object_set_new(json, "finished_at", json_instant_or_null(delivery->finished_at));
	json_object_set_new(json, "created_at", json_instant_or_null(delivery->created_at));
	json_object_set_new(json, "payload", json_loads(delivery->body, 0, NULL));
	return json;
}
