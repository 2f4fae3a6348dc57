/* What a customer sends to make or change a bot. Values in, value out: nothing is looked up. */
#ifndef API_BOT_INPUT_H
#define API_BOT_INPUT_H

#include "api/bot_webhooks.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/bot.h"

#include <jansson.h>
#include <stdbool.h>

/* A bot of which nothing is known yet. */
struct bot bot_input_new(int64_t project_id);

/*
 * Lays the fields of the body over `bot`: a new one, which needs a meeting_url, or a stored one, where
 * null empties what can be empty. A join_at that was sent, or a new bot's, decides over `scheduled` or
 * `ready`. ERROR_INVALID names every wrong field, or with code invalid_meeting_url says what the link
 * is. Where the body names a connection, bot->asked_connection_id is 0 and still to be found by
 * bot->asked_connection_public_id.
 */
bool bot_input_read_new(struct arena *arena, json_t *body, instant now, bool allow_private_urls,
			struct bot *bot, struct bot_webhooks *webhooks, struct error *err)
	MUST_CHECK;
bool bot_input_read_change(struct arena *arena, json_t *body, instant now, struct bot *bot,
			   struct error *err) MUST_CHECK;

/* Nothing but metadata, which can be changed at any time. */
bool bot_input_is_metadata_only(const json_t *body);

#endif
