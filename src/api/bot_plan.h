/* How a bot is to join, as decided from what is known now. */
#ifndef API_BOT_PLAN_H
#define API_BOT_PLAN_H

#include "broker/broker.h"
#include "broker/join_plan.h"
#include "store/bot.h"

#include <stdbool.h>

/* As join_plan_make(), for a bot. */
bool bot_plan_make(struct broker *broker, const struct bot *bot, struct join_plan *plan,
		   struct error *err) MUST_CHECK;

/* Notes in `bot` which flow it takes, why, and whose connection it is. True where that is news. */
bool bot_plan_note(struct bot *bot, bool is_token_flow, const char *reason,
		   const struct join_plan *plan);

#endif
