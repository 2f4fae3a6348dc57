/* Webhooks and their deliveries as the API shows them. */
#ifndef API_WEBHOOK_JSON_H
#define API_WEBHOOK_JSON_H

#include "store/delivery.h"
#include "store/webhook.h"

#include <jansson.h>

json_t *webhook_json(const struct webhook *webhook);

/* The same with its secret, which is shown when it is made and never again. */
json_t *webhook_json_with_secret(const struct webhook *webhook, const char *secret);

json_t *delivery_json(const struct delivery *delivery, const struct webhook *webhook);

#endif
