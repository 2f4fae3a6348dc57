/* Bots: requests to attend meetings, and the tokens that they join with. */
#include "api/bots.h"
#include "api/bot_runners.h"
#include "api/zoom_tokens.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   "/api/v1/bots",                 ACCESS_API_KEY, post_bot,             waits_for_nothing },
	{ "GET",    "/api/v1/bots",                 ACCESS_API_KEY, get_bots,             waits_for_nothing },
	{ "POST",   "/api/v1/bots/claim",           ACCESS_API_KEY, post_bot_claim,       waits_for_nothing },
	{ "GET",    "/api/v1/bots/:id",             ACCESS_API_KEY, get_bot,              waits_for_nothing },
	{ "PATCH",  "/api/v1/bots/:id",             ACCESS_API_KEY, patch_bot,            waits_for_nothing },
	{ "DELETE", "/api/v1/bots/:id",             ACCESS_API_KEY, delete_bot,           waits_for_nothing },
	{ "POST",   "/api/v1/bots/:id/leave",       ACCESS_API_KEY, post_bot_leave,       waits_for_nothing },
	{ "POST",   "/api/v1/bots/:id/heartbeat",   ACCESS_API_KEY, post_bot_heartbeat,   waits_for_nothing },
	{ "POST",   "/api/v1/bots/:id/events",      ACCESS_API_KEY, post_bot_event,       waits_for_nothing },
	{ "POST",   "/api/v1/bots/:id/zoom_tokens", ACCESS_API_KEY, post_bot_zoom_tokens, waits_for_zoom_if_room },
};
/* clang-format on */

int main(void)
{
	return responder_main("bots", routes, COUNT_OF(routes));
}
