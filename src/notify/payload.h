/* What a notification says, apart from its idempotency_key and trigger: one JSON object for each kind. */
#ifndef NOTIFY_PAYLOAD_H
#define NOTIFY_PAYLOAD_H

#include "store/app.h"
#include "store/bot.h"
#include "store/bot_event.h"
#include "store/connection.h"
#include "store/webhook.h"

#include <jansson.h>

/* {data, zoom_oauth_connection_id, zoom_oauth_connection_metadata, user_id, account_id}, as Attendee has it. */
json_t *payload_of_connection(const struct connection *connection);

/* {data: {state}, zoom_oauth_app_id, client_id} */
json_t *payload_of_app(const struct app *app);

/* {data, bot_id, bot_metadata}: the event took the bot from old_state to the one it has. */
json_t *payload_of_bot(const struct bot *bot, const char *old_state, const struct bot_event *event);

/* {data, webhook_id}: what a customer sends to try out a receiver. */
json_t *payload_of_test(const struct webhook *webhook);

/* connection_failure_data: {error, code, timestamp}, or null while it is connected. */
json_t *payload_failure_json(const struct connection *connection);

#endif
