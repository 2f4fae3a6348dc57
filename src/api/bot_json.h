/* A bot as the API shows it. */
#ifndef API_BOT_JSON_H
#define API_BOT_JSON_H

#include "store/bot.h"
#include "store/bot_event.h"

#include <jansson.h>

json_t *bot_json(const struct bot *bot, const struct bot_event *events, int event_count);

#endif
