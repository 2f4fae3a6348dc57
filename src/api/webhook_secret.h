/* Making a webhook's secret, and replacing it while those before it sign for a day more. */
#ifndef API_WEBHOOK_SECRET_H
#define API_WEBHOOK_SECRET_H

#include "base/clock.h"
#include "base/error.h"
#include "base/keyring.h"
#include "store/webhook.h"

/* Seals a new one into the webhook, whose public_id and project_id are set; the text, to be shown once. */
const char *webhook_secret_make(struct keyring *keyring, struct arena *arena,
				struct webhook *webhook);

/* The same, and what was the secret becomes a former one: the newest of those that still sign. */
bool webhook_secret_rotate(struct keyring *keyring, struct arena *arena, instant now,
			   struct webhook *webhook, const char **secret, struct error *err)
	MUST_CHECK;

#endif
