#include "api/callback_address.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char root[] = "/callbacks/";

enum {
	ATTENDEE_PATIENCE_MS = 27000,     /* it waits 30 s */
	MEETING_BAAS_PATIENCE_MS = 12000, /* it waits 15 s */
	OTHER_PATIENCE_MS = 12000,        /* nobody has said: no longer than the shortest known */
};

const char *const callback_engines[] = {"attendee", "recall", "meeting_baas", "meetstream", NULL};

/* clang-format off */
const struct callback_address callback_addresses[] = {
	{ "attendee", "zoom_tokens_url", "attendee", CALLBACK_TOKENS, NULL, ATTENDEE_PATIENCE_MS },
	{ "recall", "join_token_url", "recall/join_token",
	  CALLBACK_RECORDING_TOKEN, "app_privilege_token", OTHER_PATIENCE_MS },
	{ "recall", "zak_url", "recall/zak", CALLBACK_ZAK, "zak_token", OTHER_PATIENCE_MS },
	{ "recall", "obf_token_url", "recall/obf",
	  CALLBACK_ONBEHALF_TOKEN, "onbehalf_token", OTHER_PATIENCE_MS },
	{ "recall", "access_token_callback_url", "recall/access_token",
	  CALLBACK_ACCESS_TOKEN, "access_token", OTHER_PATIENCE_MS },
	{ "meeting_baas", "obf_token_url", "meeting_baas/obf",
	  CALLBACK_ONBEHALF_TOKEN, "onbehalf_token", MEETING_BAAS_PATIENCE_MS },
	{ "meeting_baas", "zak_token_url", "meeting_baas/zak",
	  CALLBACK_ZAK, "zak_token", MEETING_BAAS_PATIENCE_MS },
	{ "meetstream", "obf_url", "meetstream/obf",
	  CALLBACK_ONBEHALF_TOKEN, "onbehalf_token", OTHER_PATIENCE_MS },
	{ "meetstream", "zak_url", "meetstream/zak", CALLBACK_ZAK, "zak_token", OTHER_PATIENCE_MS },
	{ NULL, NULL, NULL, CALLBACK_TOKENS, NULL, 0 },
};
/* clang-format on */

const struct callback_address *callback_address_of(const char *request_path)
{
	const struct callback_address *address = callback_addresses;
	const char *path;

	assert(strncmp(request_path, root, strlen(root)) == 0);
	path = strchr(request_path + strlen(root), '/') + 1;
	while (address->engine != NULL && strcmp(address->path, path) != 0)
		address++;
	assert(address->engine != NULL && "every route of callbacks has its address");
	return address;
}
