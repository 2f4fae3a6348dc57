/* What runners ask for: /api/v1/bots/claim, and heartbeat and events of a bot that they have on lease. */
#ifndef API_BOT_RUNNERS_H
#define API_BOT_RUNNERS_H

#include "http/route.h"

handler post_bot_claim;
handler post_bot_heartbeat;
handler post_bot_event;

#endif
