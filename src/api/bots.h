/* Bots: /api/v1/bots, /api/v1/bots/:id and /api/v1/bots/:id/leave. */
#ifndef API_BOTS_H
#define API_BOTS_H

#include "http/route.h"

handler post_bot;
handler get_bots;
handler get_bot;
handler patch_bot;  /* before joining; metadata at any time */
handler delete_bot; /* before joining */
handler post_bot_leave;

#endif
