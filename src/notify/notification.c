#include "notify/notification.h"

#include "http/json.h"
#include "notify/canonical_json.h"
#include "notify/payload.h"
#include "store/app.h"
#include "store/connection.h"
#include "store/public_id.h"

/* What is told, to whichever webhooks. */
struct notification {
	struct db *db;
	struct arena *arena;
	int64_t project_id;
	int64_t bot_id; /* 0: it is not about a bot */
	const char *trigger, *subject;
	json_t *body; /* the idempotency_key is each delivery's own */
	instant now;
};

/* Canonical, so that whoever checks the raw bytes and whoever sorts them first sign the same. */
static bool tell(const struct notification *notification, const struct webhook *webhook,
		 const char **delivery_id, struct error *err)
{
	const char *id = public_id_make(notification->arena, "msg_");
	struct delivery delivery = {.public_id = id,
				    .webhook_id = webhook->id,
				    .trigger = notification->trigger,
				    .subject = notification->subject};

	json_object_set_new(notification->body, "idempotency_key", json_string(id));
	json_object_set_new(notification->body, "trigger", json_string(notification->trigger));
	delivery.body = canonical_json(notification->arena, notification->body);
	*delivery_id = id;
	return delivery_add(notification->db, &delivery, notification->now, err);
}

static bool tell_those(const struct notification *notification, const struct webhook *webhooks,
		       int count, struct error *err)
{
	const char *delivery_id;

	for (int i = 0; i < count; i++)
		if (webhooks[i].disabled_at == 0 &&
		    webhook_has_trigger(&webhooks[i], notification->trigger) &&
		    !tell(notification, &webhooks[i], &delivery_id, err))
			return false;
	return true;
}

/* Those of the project, and for a bot its own. */
static bool tell_all(const struct notification *notification, struct error *err)
{
	const struct page all = {.size = WEBHOOKS_OF_PROJECT_MAX + WEBHOOKS_OF_BOT_MAX};
	struct webhook *webhooks;
	bool has_newer, has_older;
	int count;

	if (!webhook_list(notification->db, notification->arena, notification->project_id, 0, &all,
			  &webhooks, &count, &has_newer, &has_older, err) ||
	    !tell_those(notification, webhooks, count, err))
		return false;
	if (notification->bot_id == 0)
		return true;
	return webhook_list(notification->db, notification->arena, notification->project_id,
			    notification->bot_id, &all, &webhooks, &count, &has_newer, &has_older,
			    err) &&
	       tell_those(notification, webhooks, count, err);
}

bool notification_of_connection(struct db *db, int64_t connection_id, instant now,
				struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(json_decrefp) json_t *body = NULL;
	struct connection connection;
	bool found;

	if (!connection_find_by_id(db, &arena, connection_id, &found, &connection, err))
		return false;
	if (!found)
		return true;
	body = payload_of_connection(&connection);
	return tell_all(
		&(struct notification){
			.db = db,
			.arena = &arena,
			.project_id = connection.project_id,
			.trigger = TRIGGER_CONNECTION_STATE_CHANGE,
			.subject = connection.public_id,
			.body = body,
			.now = now,
		},
		err);
}

bool notification_of_app(struct db *db, int64_t app_id, instant now, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(json_decrefp) json_t *body = NULL;
	struct app app;
	bool found;

	if (!app_find_by_id(db, &arena, app_id, &found, &app, err))
		return false;
	if (!found)
		return true;
	body = payload_of_app(&app);
	return tell_all(
		&(struct notification){
			.db = db,
			.arena = &arena,
			.project_id = app.project_id,
			.trigger = TRIGGER_APP_STATE_CHANGE,
			.subject = app.public_id,
			.body = body,
			.now = now,
		},
		err);
}

bool notification_of_bot(struct db *db, const struct bot *bot, const char *old_state,
			 const struct bot_event *event, instant now, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(json_decrefp) json_t *body = payload_of_bot(bot, old_state, event);

	return tell_all(
		&(struct notification){
			.db = db,
			.arena = &arena,
			.project_id = bot->project_id,
			.bot_id = bot->id,
			.trigger = TRIGGER_BOT_STATE_CHANGE,
			.subject = bot->public_id,
			.body = body,
			.now = now,
		},
		err);
}

bool notification_of_test(struct db *db, struct arena *arena, const struct webhook *webhook,
			  instant now, const char **delivery_id, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = payload_of_test(webhook);

	return tell(
		&(struct notification){
			.db = db,
			.arena = arena,
			.project_id = webhook->project_id,
			.trigger = TRIGGER_TEST,
			.subject = webhook->public_id,
			.body = body,
			.now = now,
		},
		webhook, delivery_id, err);
}
