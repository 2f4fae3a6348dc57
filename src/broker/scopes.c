#include "broker/scopes.h"

#include "base/attr.h"

#include <assert.h>
#include <string.h>

struct need {
	const char *granular;
	const char *classic[2];
	bool for_all, for_local_recording, for_onbehalf;
};

static const struct need needs[] = {
	{"user:read:user", {"user:read", NULL}, .for_all = true},
	{"meeting:read:list_meetings", {"meeting:read", NULL}, .for_local_recording = true},
	{"meeting:read:local_recording_token",
	 {"meeting_token:read:local_recording", "meeting_token:read:admin:local_recording"},
	 .for_local_recording = true},
	{"user:read:token", {"user:read", NULL}, .for_onbehalf = true},
};

static_assert(COUNT_OF(needs) == SCOPES_NEEDED_MAX, "every need may be missing");

/* An administrator's scope includes the user's own. */
static bool is_scope(const char *word, size_t length, const char *name)
{
	const size_t name_length = strlen(name);
	const char *rest = word + name_length;

	if (length < name_length || strncmp(word, name, name_length) != 0)
		return false;
	length -= name_length;
	return length == 0 || (length == 6 && strncmp(rest, ":admin", 6) == 0) ||
	       (length == 7 && strncmp(rest, ":master", 7) == 0);
}

static bool has_scope(const char *granted, const char *name)
{
	while (name != NULL && *granted != '\0') {
		const size_t length = strcspn(granted, " ,");

		if (is_scope(granted, length, name))
			return true;
		granted += length + (granted[length] != '\0');
	}
	return false;
}

size_t scopes_missing(const char *granted, bool needs_local_recording, bool needs_onbehalf,
		      const char *missing[static SCOPES_NEEDED_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		const struct need *need = &needs[i];

		if (!need->for_all && !(need->for_local_recording && needs_local_recording) &&
		    !(need->for_onbehalf && needs_onbehalf))
			continue;
		if (!has_scope(granted, need->granular) && !has_scope(granted, need->classic[0]) &&
		    !has_scope(granted, need->classic[1]))
			missing[count++] = need->granular;
	}
	return count;
}

enum zak_scope scopes_zak(const char *granted)
{
	if (has_scope(granted, "user:read:zak") || has_scope(granted, "user_zak:read"))
		return ZAK_SCOPE_ZAK;
	if (has_scope(granted, "user:read:token") || has_scope(granted, "user:read"))
		return ZAK_SCOPE_TOKEN;
	return ZAK_SCOPE_NONE;
}
