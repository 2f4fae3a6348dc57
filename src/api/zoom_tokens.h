/* What a bot joins with: POST /api/v1/bots/:id/zoom_tokens. */
#ifndef API_ZOOM_TOKENS_H
#define API_ZOOM_TOKENS_H

#include "http/route.h"

/* Whatever fails, the answer is one that the bot can join with; only an unknown bot is an error. */
handler post_bot_zoom_tokens;

#endif
