#include "api/webhook_secret.h"

#include "notify/signature.h"

#include <string.h>

static const instant former_secret_life = DAY;

const char *webhook_secret_make(struct keyring *keyring, struct arena *arena,
				struct webhook *webhook)
{
	const struct seal_place place = webhook_secret_place(webhook);
	const char *secret = signature_make_secret(arena);

	webhook->secret = keyring_seal(keyring, arena, &place, secret);
	return secret;
}

/* Newest first; the oldest goes where there are too many. */
static const char *add_former(struct arena *arena, const char *former, const char *older)
{
	char *secrets = older != NULL ? arena_printf(arena, "%s %s", former, older)
				      : arena_strdup(arena, former);
	char *end = strchr(secrets, ' ');

	for (int i = 1; i < WEBHOOK_FORMER_SECRETS_MAX && end != NULL; i++)
		end = strchr(end + 1, ' ');
	if (end != NULL)
		*end = '\0';
	return secrets;
}

bool webhook_secret_rotate(struct keyring *keyring, struct arena *arena, instant now,
			   struct webhook *webhook, const char **secret, struct error *err)
{
	const struct seal_place place = webhook_secret_place(webhook);
	const struct seal_place former_place = webhook_former_secret_place(webhook);
	const char *former, *older = NULL;

	if (!keyring_open_sealed(keyring, arena, &place, webhook->secret, &former, err) ||
	    (webhook->former_secret_until > now &&
	     !keyring_open_sealed(keyring, arena, &former_place, webhook->former_secret, &older,
				  err)))
		return false;
	former = add_former(arena, former, older);
	webhook->former_secret = keyring_seal(keyring, arena, &former_place, former);
	webhook->former_secret_until = now + former_secret_life;
	webhook->updated_at = now;
	*secret = webhook_secret_make(keyring, arena, webhook);
	return true;
}
