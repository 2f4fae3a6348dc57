/* The web server, as the world sees it: every program has to answer behind it. */
#include "cli/doctor.h"

/* What each program answers to somebody without a key, if it is there. */
static const struct {
	const char *path;
	int status;
} doors[] = {
	{"/ready", 200},
	{"/api/v1/zoom_oauth_apps", 401},
	{"/api/v1/zoom_oauth_connections", 401},
	{"/api/v1/zoom_oauth/webhooks", 405},
	{"/api/v1/bots", 401},
	{"/api/v1/token_callbacks", 401},
	{"/api/v1/webhooks", 401},
};

static bool is_door_open(struct examination *examination, const char *url, int status)
{
	struct http_answer answer;
	struct error err = {0};

	if (!examination_get(examination, url, &answer, &err)) {
		examination_note(
			examination, LEVEL_WARN, "public_url",
			"see name server, certificate and web server, unless it is only from this "
			"machine that it cannot be reached",
			"%s cannot be reached: %s", url, err.message);
		return false;
	}
	if (answer.status == status)
		return true;
	examination_note(examination, LEVEL_FAIL, "public_url",
			 answer.status >= 500
				 ? "see that this program runs, and what its log says"
				 : "see that the web server passes this path to Hallpass",
			 "%s answers HTTP %d instead of %d", url, answer.status, status);
	return false;
}

/* The first door that is closed is told: most often they all are. */
void doctor_check_public_url(struct examination *examination)
{
	const struct call *call = examination->call;
	const char *public_url = call->process.config.public_url;

	if (!examination->has_config || *public_url == '\0')
		return;
	for (size_t i = 0; i < COUNT_OF(doors); i++)
		if (!is_door_open(examination,
				  arena_printf(call->arena, "%s%s", public_url, doors[i].path),
				  doors[i].status))
			return;
	examination_note(examination, LEVEL_OK, "public_url", NULL, "all programs answer at %s",
			 public_url);
}
