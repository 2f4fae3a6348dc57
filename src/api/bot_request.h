/* The bot that a request is about, and the answer that shows it. */
#ifndef API_BOT_REQUEST_H
#define API_BOT_REQUEST_H

#include "http/message.h"
#include "serve/context.h"
#include "store/bot.h"

#include <jansson.h>

/* The project's bot of the path's `:id`; ERROR_NOT_FOUND where there is none. */
bool bot_of_request(struct context *context, const struct request *request, struct bot *bot,
		    struct error *err) MUST_CHECK;

/* With its events, for the caller to decref. */
bool bot_render(struct context *context, const struct bot *bot, json_t **json, struct error *err)
	MUST_CHECK;

bool respond_bot(struct context *context, struct response *response, int status,
		 const struct bot *bot, struct error *err) MUST_CHECK;

#endif
