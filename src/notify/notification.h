/*
 * Tells a project's webhooks that something has changed. Each function here writes one delivery for
 * each webhook that wants to hear of it, inside the transaction of the caller's that makes the change:
 * so nothing is told that did not happen, and nothing that happened goes untold, whoever dies when.
 * The worker sends them (src/worker/webhook_delivery.c), and the commit wakes it.
 */
#ifndef NOTIFY_NOTIFICATION_H
#define NOTIFY_NOTIFICATION_H

#include "base/clock.h"
#include "store/bot.h"
#include "store/bot_event.h"
#include "store/db.h"
#include "store/delivery.h"
#include "store/webhook.h"

/* Once its new state is written. */
bool notification_of_connection(struct db *db, int64_t connection_id, instant now,
				struct error *err) MUST_CHECK;
bool notification_of_app(struct db *db, int64_t app_id, instant now, struct error *err) MUST_CHECK;

/* `bot` has its new state, to which the event took it from old_state. */
bool notification_of_bot(struct db *db, const struct bot *bot, const char *old_state,
			 const struct bot_event *event, instant now, struct error *err) MUST_CHECK;

/* To one webhook, whatever it wants to hear of. Of the delivery the public_id is told. */
#define TRIGGER_TEST "webhook.test"
bool notification_of_test(struct db *db, struct arena *arena, const struct webhook *webhook,
			  instant now, const char **delivery_id, struct error *err) MUST_CHECK;

#endif
