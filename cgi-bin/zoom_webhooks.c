/* Events that Zoom sends. Their signature proves them; no API key is asked for. */
#include "api/zoom_webhooks.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "POST", "/api/v1/zoom_oauth/webhooks",     ACCESS_PUBLIC, post_zoom_event,     waits_for_nothing },
	{ "POST", "/api/v1/zoom_oauth/webhooks/:id", ACCESS_PUBLIC, post_zoom_app_event, waits_for_nothing },
};
/* clang-format on */

int main(void)
{
	return responder_main("zoom_webhooks", routes, COUNT_OF(routes));
}
