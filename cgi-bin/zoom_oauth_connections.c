/* Zoom users who authorized an app: made from an authorization code, checked, listed, revoked. */
#include "api/zoom_oauth_connections.h"
#include "serve/responder.h"

#define CONNECTIONS "/api/v1/zoom_oauth_connections"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   CONNECTIONS,                 ACCESS_API_KEY, post_connection,         WAITS_FOR_ZOOM },
	{ "GET",    CONNECTIONS,                 ACCESS_API_KEY, get_connections,         WAITS_FOR_NOTHING },
	{ "GET",    CONNECTIONS "/:id",          ACCESS_API_KEY, get_connection,          WAITS_FOR_NOTHING },
	{ "PATCH",  CONNECTIONS "/:id",          ACCESS_API_KEY, patch_connection,        WAITS_FOR_NOTHING },
	{ "DELETE", CONNECTIONS "/:id",          ACCESS_API_KEY, delete_connection,       WAITS_FOR_ZOOM },
	{ "POST",   CONNECTIONS "/:id/refresh",  ACCESS_API_KEY, post_connection_refresh, WAITS_FOR_ZOOM },
	{ "GET",    CONNECTIONS "/:id/meetings", ACCESS_API_KEY, get_connection_meetings, WAITS_FOR_NOTHING },
	{ "GET",    CONNECTIONS "/:id/log",      ACCESS_API_KEY, get_connection_log,      WAITS_FOR_NOTHING },
};
/* clang-format on */

int main(void)
{
	return responder_main("zoom_oauth_connections", routes, COUNT_OF(routes));
}
