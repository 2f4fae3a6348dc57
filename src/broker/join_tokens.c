#include "broker/join_tokens.h"

#include "broker/access_token.h"
#include "zoom/api.h"

struct mint {
	struct arena *arena;
	int64_t meeting_id;
	enum zoom_zak_call zak_call;
	const char *token;
	long expire_in_s;
};

static bool mint_recording(void *argument, const struct zoom_endpoint *zoom,
			   const char *access_token, struct zoom_failure *failure)
{
	struct mint *mint = argument;

	return zoom_api_get_local_recording_token(zoom, mint->arena, access_token, mint->meeting_id,
						  &mint->token, &mint->expire_in_s, failure);
}

static bool mint_onbehalf(void *argument, const struct zoom_endpoint *zoom,
			  const char *access_token, struct zoom_failure *failure)
{
	struct mint *mint = argument;

	return zoom_api_get_onbehalf_token(zoom, mint->arena, access_token, mint->meeting_id,
					   &mint->token, failure);
}

static bool mint_zak(void *argument, const struct zoom_endpoint *zoom, const char *access_token,
		     struct zoom_failure *failure)
{
	struct mint *mint = argument;

	return zoom_api_get_zak(zoom, mint->arena, access_token, mint->zak_call, &mint->token,
				failure);
}

const char *join_failure_reason(struct broker *broker, const struct zoom_failure *failure,
				const struct error *err)
{
	switch (failure->class) {
	case ZOOM_FAILURE_NONE:
		return arena_strdup(broker->arena, err->code);
	case ZOOM_FAILURE_GRANT:
		return "connection_disconnected";
	case ZOOM_FAILURE_CLIENT:
		return "app_credentials_invalid";
	default:
		return zoom_failure_name(failure->class);
	}
}

const char *join_tokens_failure(const struct join_tokens *tokens)
{
	if (tokens->failure.class != ZOOM_FAILURE_NONE)
		return tokens->failure.reason;
	return tokens->error.kind != ERROR_NONE ? tokens->error.message : NULL;
}

/* NULL where it failed; the first failure is the one that is told. */
static const char *mint_token(struct broker *broker, const struct connection *connection,
			      access_token_call *call, struct mint *mint,
			      struct join_tokens *tokens)
{
	struct zoom_failure failure = {0};
	struct error err = {0};

	if (access_token_use(broker, connection, call, mint, &failure, &err))
		return mint->token;
	if (tokens->reason == NULL) {
		tokens->reason = join_failure_reason(broker, &failure, &err);
		tokens->failure = failure;
		tokens->error = err;
	}
	return NULL;
}

static void mint_recording_token(struct broker *broker, const struct join_plan *plan,
				 struct mint *mint, struct join_tokens *tokens)
{
	const instant asked_at = clock_now(broker->clock);

	tokens->app_privilege_token =
		mint_token(broker, &plan->recording, mint_recording, mint, tokens);
	if (tokens->app_privilege_token != NULL)
		tokens->app_privilege_token_expires_at = asked_at + mint->expire_in_s * SECOND;
}

/* Zoom lets a join have an on-behalf token or a ZAK, not both. */
static void mint_user_token(struct broker *broker, const struct join_plan *plan, struct mint *mint,
			    struct join_tokens *tokens)
{
	if (plan->has_onbehalf)
		tokens->onbehalf_token =
			mint_token(broker, &plan->onbehalf, mint_onbehalf, mint, tokens);
	else if (tokens->reason == NULL)
		tokens->reason = plan->onbehalf_reason;
	if (tokens->onbehalf_token != NULL)
		return;
	if (!plan->has_zak) {
		if (tokens->reason == NULL)
			tokens->reason = plan->zak_reason;
		return;
	}
	mint->zak_call = scopes_zak(plan->zak.scopes) == ZAK_SCOPE_TOKEN ? ZOOM_ZAK_CALL_TOKEN
									 : ZOOM_ZAK_CALL_ZAK;
	tokens->zak_token = mint_token(broker, &plan->zak, mint_zak, mint, tokens);
}

void join_tokens_mint(struct broker *broker, const struct join_plan *plan,
		      struct join_tokens *tokens)
{
	struct mint mint = {.arena = broker->arena, .meeting_id = plan->meeting_id};

	*tokens = (struct join_tokens){.reason = plan->reason};
	if (plan->has_recording)
		mint_recording_token(broker, plan, &mint, tokens);
	mint_user_token(broker, plan, &mint, tokens);
	tokens->is_token_flow = tokens->app_privilege_token != NULL ||
				tokens->onbehalf_token != NULL || tokens->zak_token != NULL;
}
