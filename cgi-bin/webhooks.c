/* Webhooks that we send: where a project hears what happens, what was told there, and once more. */
#include "api/webhooks.h"
#include "serve/responder.h"

#define WEBHOOKS   "/api/v1/webhooks"
#define DELIVERIES "/api/v1/webhooks/:id/deliveries"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   WEBHOOKS,                              ACCESS_API_KEY, post_webhook,               waits_for_nothing },
	{ "GET",    WEBHOOKS,                              ACCESS_API_KEY, get_webhooks,               waits_for_nothing },
	{ "GET",    WEBHOOKS "/:id",                       ACCESS_API_KEY, get_webhook,                waits_for_nothing },
	{ "PATCH",  WEBHOOKS "/:id",                       ACCESS_API_KEY, patch_webhook,              waits_for_nothing },
	{ "DELETE", WEBHOOKS "/:id",                       ACCESS_API_KEY, delete_webhook,             waits_for_nothing },
	{ "POST",   WEBHOOKS "/:id/rotate_secret",         ACCESS_API_KEY, post_webhook_rotate_secret, waits_for_nothing },
	{ "POST",   WEBHOOKS "/:id/test",                  ACCESS_API_KEY, post_webhook_test,          waits_for_nothing },
	{ "GET",    DELIVERIES,                            ACCESS_API_KEY, get_deliveries,             waits_for_nothing },
	{ "GET",    DELIVERIES "/:delivery_id",            ACCESS_API_KEY, get_delivery,               waits_for_nothing },
	{ "POST",   DELIVERIES "/:delivery_id/redeliver",  ACCESS_API_KEY, post_redeliver,             waits_for_nothing },
};
/* clang-format on */

int main(void)
{
	return responder_main("webhooks", routes, COUNT_OF(routes));
}
