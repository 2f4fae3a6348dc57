/*
 * Zoom users who authorized an app: made from an authorization code, checked, listed, revoked. And whose
 * connection a meeting would be served by.
 */
#include "api/zoom_oauth_connections.h"
#include "api/zoom_meetings.h"
#include "serve/responder.h"

#define CONNECTIONS "/api/v1/zoom_oauth_connections"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   CONNECTIONS,                 ACCESS_API_KEY, post_connection,         waits_for_zoom },
	{ "GET",    CONNECTIONS,                 ACCESS_API_KEY, get_connections,         waits_for_nothing },
	{ "GET",    CONNECTIONS "/:id",          ACCESS_API_KEY, get_connection,          waits_for_nothing },
	{ "PATCH",  CONNECTIONS "/:id",          ACCESS_API_KEY, patch_connection,        waits_for_nothing },
	{ "DELETE", CONNECTIONS "/:id",          ACCESS_API_KEY, delete_connection,       delete_connection_waits },
	{ "POST",   CONNECTIONS "/:id/refresh",  ACCESS_API_KEY, post_connection_refresh, waits_for_zoom },
	{ "GET",    CONNECTIONS "/:id/meetings", ACCESS_API_KEY, get_connection_meetings, waits_for_nothing },
	{ "GET",    CONNECTIONS "/:id/log",      ACCESS_API_KEY, get_connection_log,      waits_for_nothing },
	{ "GET",    "/api/v1/zoom_meetings",     ACCESS_API_KEY, get_zoom_meeting,        waits_for_nothing },
};
/* clang-format on */

int main(void)
{
	return responder_main("zoom_oauth_connections", routes, COUNT_OF(routes));
}
