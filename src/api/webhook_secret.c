#include "api/webhook_secret.h"

#include "notify/signature.h"

static const instant former_secret_life = DAY;

const char *webhook_secret_make(struct keyring *keyring, struct arena *arena,
				struct webhook *webhook)
{
	const struct seal_place place = webhook_secret_place(webhook);
	const char *secret = signature_make_secret(arena);

	webhook->secret = keyring_seal(keyring, arena, &place, secret);
	return secret;
}

bool webhook_secret_rotate(struct keyring *keyring, struct arena *arena, instant now,
			   struct webhook *webhook, const char **secret, struct error *err)
{
	const struct seal_place place = webhook_secret_place(webhook);
	const struct seal_place former_place = webhook_former_secret_place(webhook);
	const char *former;

	if (!keyring_open_sealed(keyring, arena, &place, webhook->secret, &former, err))
		return false;
	webhook->former_secret = keyring_seal(keyring, arena, &former_place, former);
	webhook->former_secret_until = now + former_secret_life;
	webhook->updated_at = now;
	*secret = webhook_secret_make(keyring, arena, webhook);
	return true;
}
