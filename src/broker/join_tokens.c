#include "broker/join_tokens.h"

#include "broker/access_token.h"
#include "zoom/api.h"

/* Why a connection cannot mint the local recording token; NULL where it can. */
static const char *recording_obstacle(const struct connection *connection, int64_t meeting_id)
{
	if (!connection->is_connected)
		return "connection_disconnected";
	if (!connection->is_local_recording_token_supported)
		return "local_recording_not_supported";
	return meeting_id == 0 ? "personal_meeting_id_unknown" : NULL;
}

static const char *onbehalf_obstacle(const struct connection *connection)
{
	if (!connection->is_connected)
		return "connection_disconnected";
	return connection->is_onbehalf_token_supported ? NULL : "onbehalf_not_supported";
}

/* The connection of whoever hosts the meeting; a personal link also tells the meeting's id. */
static bool find_host(struct broker *broker, const struct join_request *request, bool *found,
		      struct connection *host, int64_t *meeting_id, struct error *err)
{
	*meeting_id = request->meeting_id;
	if (request->meeting_id != 0)
		return connection_find_host(broker->db, broker->arena, request->project_id,
					    request->meeting_id, found, host, err);
	if (!connection_find_by_personal_name(broker->db, broker->arena, request->project_id,
					      request->personal_name, found, host, err))
		return false;
	if (*found)
		*meeting_id = host->pmi;
	return true;
}

static void plan_recording(struct join_plan *plan, bool has_candidate,
			   const struct connection *candidate)
{
	plan->reason = has_candidate ? recording_obstacle(candidate, plan->meeting_id)
				     : "no_connection_for_meeting";
	plan->has_recording = plan->reason == NULL;
	if (has_candidate)
		plan->recording = *candidate;
}

static void plan_onbehalf(struct join_plan *plan, bool has_candidate,
			  const struct connection *candidate)
{
	plan->onbehalf_reason =
		has_candidate ? onbehalf_obstacle(candidate) : "onbehalf_user_not_connected";
	plan->has_onbehalf = plan->onbehalf_reason == NULL;
	if (has_candidate)
		plan->onbehalf = *candidate;
}

bool join_plan_make(struct broker *broker, const struct join_request *request,
		    struct join_plan *plan, struct error *err)
{
	const bool wants_onbehalf = request->onbehalf_user_id != NULL;
	struct connection asked = {0}, host = {0}, user = {0};
	bool has_asked = false, has_host, has_user = false;

	*plan = (struct join_plan){0};
	if (!find_host(broker, request, &has_host, &host, &plan->meeting_id, err))
		return false;
	if (request->asked_connection_id != 0 &&
	    !connection_find_by_id(broker->db, broker->arena, request->asked_connection_id,
				   &has_asked, &asked, err))
		return false;
	if (wants_onbehalf &&
	    !connection_find_user_in_project(broker->db, broker->arena, request->project_id,
					     request->onbehalf_user_id, &has_user, &user, err))
		return false;
	plan_recording(plan, has_asked || has_host, has_asked ? &asked : &host);
	if (wants_onbehalf)
		plan_onbehalf(plan, has_user, &user);
	else if (has_asked && !asked.is_local_recording_token_supported)
		plan_onbehalf(plan, true, &asked);
	plan->has_connection = has_asked || has_user || has_host;
	plan->connection = has_asked ? asked : has_user ? user : host;
	plan->is_token_flow = plan->has_recording || plan->has_onbehalf;
	if (plan->is_token_flow)
		plan->reason = NULL;
	else if (wants_onbehalf && !has_asked && !has_host)
		plan->reason = plan->onbehalf_reason;
	return true;
}

struct mint {
	struct arena *arena;
	int64_t meeting_id;
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

/* What a failure means to the one who joins. */
static const char *reason_of(struct broker *broker, const struct zoom_failure *failure,
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
		tokens->reason = reason_of(broker, &failure, &err);
		tokens->failure = failure;
	}
	return NULL;
}

void join_tokens_mint(struct broker *broker, const struct join_plan *plan,
		      struct join_tokens *tokens)
{
	struct mint mint = {.arena = broker->arena, .meeting_id = plan->meeting_id};

	*tokens = (struct join_tokens){.reason = plan->reason};
	if (plan->has_recording) {
		const instant asked_at = clock_now(broker->clock);

		tokens->app_privilege_token =
			mint_token(broker, &plan->recording, mint_recording, &mint, tokens);
		if (tokens->app_privilege_token != NULL)
			tokens->app_privilege_token_expires_at =
				asked_at + mint.expire_in_s * SECOND;
	}
	if (plan->has_onbehalf)
		tokens->onbehalf_token =
			mint_token(broker, &plan->onbehalf, mint_onbehalf, &mint, tokens);
	else if (tokens->reason == NULL)
		tokens->reason = plan->onbehalf_reason;
	tokens->is_token_flow =
		tokens->app_privilege_token != NULL || tokens->onbehalf_token != NULL;
}
