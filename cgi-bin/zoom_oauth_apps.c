/* A customer's Zoom apps: client id and secrets, checked with Zoom. */
#include "api/zoom_oauth_apps.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   "/api/v1/zoom_oauth_apps",         ACCESS_API_KEY, post_app,    WAITS_FOR_ZOOM },
	{ "GET",    "/api/v1/zoom_oauth_apps",         ACCESS_API_KEY, get_apps,    WAITS_FOR_NOTHING },
	{ "GET",    "/api/v1/zoom_oauth_apps/:id",     ACCESS_API_KEY, get_app,     WAITS_FOR_NOTHING },
	{ "PATCH",  "/api/v1/zoom_oauth_apps/:id",     ACCESS_API_KEY, patch_app,   WAITS_FOR_ZOOM },
	{ "DELETE", "/api/v1/zoom_oauth_apps/:id",     ACCESS_API_KEY, delete_app,  WAITS_FOR_NOTHING },
	{ "GET",    "/api/v1/zoom_oauth_apps/:id/log", ACCESS_API_KEY, get_app_log, WAITS_FOR_NOTHING },
};
/* clang-format on */

int main(void)
{
	return responder_main("zoom_oauth_apps", routes, COUNT_OF(routes));
}
