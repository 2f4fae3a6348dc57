/* Handlers of /api/v1/webhooks: where a project hears what happens, and how that went. */
#ifndef API_WEBHOOKS_H
#define API_WEBHOOKS_H

#include "http/route.h"

handler post_webhook, get_webhooks, get_webhook, patch_webhook, delete_webhook;
handler post_webhook_rotate_secret, post_webhook_test;
handler get_deliveries, get_delivery, post_redeliver;

#endif
