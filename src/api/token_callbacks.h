/* Token callbacks: addresses that a bot engine fetches tokens from, made, listed and revoked. */
#ifndef API_TOKEN_CALLBACKS_H
#define API_TOKEN_CALLBACKS_H

#include "http/route.h"

handler post_callback; /* the only answer that shows the addresses */
handler get_callbacks;
handler get_callback;
handler delete_callback;
handler get_callback_uses; /* newest first */

#endif
