/* A customer's Zoom apps: client id and secrets, checked with Zoom. */
#include "api/zoom_oauth_apps.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   "/api/v1/zoom_oauth_apps",         ACCESS_API_KEY, post_app,    waits_for_zoom },
	{ "GET",    "/api/v1/zoom_oauth_apps",         ACCESS_API_KEY, get_apps,    waits_for_nothing },
	{ "GET",    "/api/v1/zoom_oauth_apps/:id",     ACCESS_API_KEY, get_app,     waits_for_nothing },
	{ "PATCH",  "/api/v1/zoom_oauth_apps/:id",     ACCESS_API_KEY, patch_app,   patch_app_waits },
	{ "DELETE", "/api/v1/zoom_oauth_apps/:id",     ACCESS_API_KEY, delete_app,  waits_for_nothing },
	{ "GET",    "/api/v1/zoom_oauth_apps/:id/log", ACCESS_API_KEY, get_app_log, waits_for_nothing },
};
/* clang-format on */

int main(void)
{
	return responder_main("zoom_oauth_apps", routes, COUNT_OF(routes));
}
