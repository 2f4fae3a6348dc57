/*
 * Bot engines that come to fetch tokens: /callbacks/:secret/… The secret of the path opens them, and a
 * failure is never an answer that an engine could take for a token.
 */
#ifndef API_CALLBACKS_H
#define API_CALLBACKS_H

#include "http/route.h"

handler post_attendee_callback; /* JSON in and out */
handler get_token_callback;     /* the token as plain text, or 404 */
handler post_token_callback;    /* the same for a JSON body */

#endif
