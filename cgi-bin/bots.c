/* Bots: requests to attend meetings, and the tokens that they join with. */
#include "api/bots.h"
#include "api/zoom_tokens.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   "/api/v1/bots",                 ACCESS_API_KEY, post_bot,             WAITS_FOR_NOTHING },
	{ "GET",    "/api/v1/bots",                 ACCESS_API_KEY, get_bots,             WAITS_FOR_NOTHING },
	{ "GET",    "/api/v1/bots/:id",             ACCESS_API_KEY, get_bot,              WAITS_FOR_NOTHING },
	{ "PATCH",  "/api/v1/bots/:id",             ACCESS_API_KEY, patch_bot,            WAITS_FOR_NOTHING },
	{ "DELETE", "/api/v1/bots/:id",             ACCESS_API_KEY, delete_bot,           WAITS_FOR_NOTHING },
	{ "POST",   "/api/v1/bots/:id/zoom_tokens", ACCESS_API_KEY, post_bot_zoom_tokens, WAITS_FOR_ZOOM },
};
/* clang-format on */

int main(void)
{
	return responder_main("bots", routes, COUNT_OF(routes));
}
