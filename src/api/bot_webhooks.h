/* A bot's own webhooks: they come with it, hear of nothing but its states, and go with it. */
#ifndef API_BOT_WEBHOOKS_H
#define API_BOT_WEBHOOKS_H

#include "http/input.h"
#include "serve/context.h"
#include "store/bot.h"
#include "store/webhook.h"

#include <jansson.h>
#include <stdbool.h>

/* No more of each webhook than url and triggers until they are added. */
struct bot_webhooks {
	struct webhook webhooks[WEBHOOKS_OF_BOT_MAX];
	const char *secrets[WEBHOOKS_OF_BOT_MAX]; /* to be shown once */
	int count;
};

/* The field `webhooks` of a new bot. What is wrong is refused by its place: "webhooks[0].url". */
void bot_webhooks_read(struct input *input, bool allow_private, struct bot_webhooks *webhooks);

/* Writes them for the bot, which has been added in the same transaction, with a new secret for each. */
bool bot_webhooks_add(struct context *context, const struct bot *bot, struct bot_webhooks *webhooks,
		      struct error *err) MUST_CHECK;

/* Each with its secret, in the order in which they were sent. */
json_t *bot_webhooks_json(const struct bot_webhooks *webhooks);

#endif
