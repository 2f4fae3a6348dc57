/*
 * What Zoom answers, status, headers and body, to each call that Hallpass makes. The method of the
 * script (fuzz/script.h) names the call, its answers are given in turn.
 */
#include "fuzz/input.h"
#include "fuzz/script.h"
#include "zoom/api.h"
#include "zoom/oauth.h"

#include <assert.h>
#include <string.h>

bool __wrap_http_client_call(struct http_client *client, struct arena *arena,
			     const struct http_call *call, struct http_answer *answer,
			     bool *was_sent, struct error *err);

static const struct http_answer *answers;
static size_t answer_count;

bool __wrap_http_client_call(struct http_client *client, struct arena *arena,
			     const struct http_call *call, struct http_answer *answer,
			     bool *was_sent, struct error *err)
{
	(void)client;
	(void)arena;
	(void)call;
	*was_sent = true;
	if (answer_count == 0)
		return error_set(err, ERROR_ZOOM_TIMEOUT, "zoom.us:443: no answer in time");
	*answer = *answers++;
	answer_count--;
	return true;
}

static const struct clock clock = {.frozen_at = 1800000000 * SECOND};
static const struct zoom_endpoint zoom = {.clock = &clock,
					  .oauth_url = "https://zoom.us/oauth",
					  .api_url = "https://api.zoom.us/v2",
					  .timeout_ms = 1000};

static bool call_oauth(const char *name, struct arena *arena, struct zoom_failure *failure)
{
	const struct zoom_client_credentials client = {"client", "secret"};
	struct zoom_token_set tokens;

	if (strcmp(name, "check") == 0)
		return zoom_oauth_check_client(&zoom, arena, &client, failure);
	if (strcmp(name, "revoke") == 0)
		return zoom_oauth_revoke(&zoom, arena, &client, "token", failure);
	if (strcmp(name, "exchange") == 0) {
		if (!zoom_oauth_exchange_code(&zoom, arena, &client, "code", "https://x.example",
					      NULL, &tokens, failure))
			return false;
		assert(tokens.refresh_token != NULL);
	} else if (!zoom_oauth_refresh(&zoom, arena, &client, "token", &tokens, failure)) {
		return false;
	}
	assert(*tokens.access_token != '\0');
	assert(tokens.expires_in_s >= 1 && tokens.expires_in_s <= 86400);
	return true;
}

static bool call_api(const char *name, struct arena *arena, struct zoom_failure *failure)
{
	struct zoom_meeting_page page;
	struct zoom_user user;
	const char *token;
	long expire_in_s;

	if (strcmp(name, "user") == 0)
		return zoom_api_get_user(&zoom, arena, "token", &user, failure);
	if (strcmp(name, "meetings") == 0)
		return zoom_api_list_meetings(&zoom, arena, "token", NULL, &page, failure);
	if (strcmp(name, "onbehalf") == 0)
		return zoom_api_get_onbehalf_token(&zoom, arena, "token", 1, &token, failure);
	return zoom_api_get_local_recording_token(&zoom, arena, "token", 1, &token, &expire_in_s,
						  failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	const struct script script = script_read(&arena, input, size);
	struct zoom_failure failure = {0};
	struct error err;
	bool worked;

	answers = script.answers;
	answer_count = script.answer_count;
	worked = strstr("check revoke exchange refresh", script.method) != NULL
			 ? call_oauth(script.method, &arena, &failure)
			 : call_api(script.method, &arena, &failure);
	if (!worked) {
		assert(failure.class != ZOOM_FAILURE_NONE && failure.reason != NULL);
		json_decref(zoom_failure_json(&failure));
		zoom_failure_to_error(&arena, &failure, clock.frozen_at, &err);
		assert(err.kind != ERROR_NONE);
	}
	return 0;
}
