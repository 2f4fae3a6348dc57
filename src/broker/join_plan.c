#include "broker/join_plan.h"

#include <string.h>

const char *join_recording_obstacle(const struct connection *connection, int64_t meeting_id)
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

static const char *zak_obstacle(const struct connection *connection)
{
	if (!connection->is_connected)
		return "connection_disconnected";
	return scopes_zak(connection->scopes) != ZAK_SCOPE_NONE ? NULL : "missing_scopes";
}

/* The connection of whoever hosts the meeting; a personal link also tells the meeting's id. */
static bool find_host(struct broker *broker, const struct join_request *request, bool *found,
		      struct connection *host, int64_t *meeting_id, struct error *err)
{
	*meeting_id = request->meeting_id;
	if (request->meeting_id != 0)
		return connection_find_host(broker->db, broker->arena, request->project_id,
					    request->meeting_id, found, host, err);
	*found = false;
	if (request->personal_name == NULL)
		return true;
	if (!connection_find_by_personal_name(broker->db, broker->arena, request->project_id,
					      request->personal_name, found, host, err))
		return false;
	if (*found)
		*meeting_id = host->pmi;
	return true;
}

/* In each of these: NULL for `candidate` where there is none, and why there is not. */

static void plan_recording(struct join_plan *plan, const struct connection *candidate,
			   const char *reason_for_none)
{
	plan->reason = candidate != NULL ? join_recording_obstacle(candidate, plan->meeting_id)
					 : reason_for_none;
	plan->has_recording = plan->reason == NULL;
	if (candidate != NULL)
		plan->recording = *candidate;
}

static void plan_onbehalf(struct join_plan *plan, const struct connection *candidate,
			  const char *reason_for_none)
{
	plan->onbehalf_reason = candidate != NULL ? onbehalf_obstacle(candidate) : reason_for_none;
	plan->has_onbehalf = plan->onbehalf_reason == NULL;
	if (candidate != NULL)
		plan->onbehalf = *candidate;
}

static void plan_zak(struct join_plan *plan, const struct connection *candidate,
		     const char *reason_for_none)
{
	plan->zak_reason = candidate != NULL ? zak_obstacle(candidate) : reason_for_none;
	plan->has_zak = plan->zak_reason == NULL;
	if (candidate != NULL)
		plan->zak = *candidate;
}

static void conclude(struct join_plan *plan, const struct connection *connection)
{
	plan->has_connection = connection != NULL;
	if (connection != NULL)
		plan->connection = *connection;
	plan->is_token_flow = plan->has_recording || plan->has_onbehalf || plan->has_zak;
	if (plan->is_token_flow)
		plan->reason = NULL;
}

/* The user whose on-behalf token or ZAK is wanted. */
static bool find_user(struct broker *broker, const struct join_request *request, bool *found,
		      struct connection *user, struct error *err)
{
	const char *user_id = request->onbehalf_user_id != NULL ? request->onbehalf_user_id
								: request->zak_user_id;

	*found = false;
	return user_id == NULL ||
	       connection_find_user_in_project(broker->db, broker->arena, request->project_id,
					       user_id, found, user, err);
}

bool join_plan_make(struct broker *broker, const struct join_request *request,
		    struct join_plan *plan, struct error *err)
{
	const bool wants_user = request->onbehalf_user_id != NULL || request->zak_user_id != NULL;
	struct connection asked = {0}, host = {0}, user = {0};
	bool has_asked = false, has_host, has_user;

	*plan = (struct join_plan){0};
	if (!find_host(broker, request, &has_host, &host, &plan->meeting_id, err) ||
	    !find_user(broker, request, &has_user, &user, err))
		return false;
	if (request->asked_connection_id != 0 &&
	    !connection_find_by_id(broker->db, broker->arena, request->asked_connection_id,
				   &has_asked, &asked, err))
		return false;
	plan_recording(plan,
		       has_asked  ? &asked
		       : has_host ? &host
				  : NULL,
		       "no_connection_for_meeting");
	if (request->onbehalf_user_id != NULL)
		plan_onbehalf(plan, has_user ? &user : NULL, "onbehalf_user_not_connected");
	else if (request->zak_user_id != NULL)
		plan_zak(plan, has_user ? &user : NULL, "zak_user_not_connected");
	else if (has_asked && !asked.is_local_recording_token_supported)
		plan_onbehalf(plan, &asked, NULL);
	if (wants_user && !has_asked && !has_host)
		plan->reason =
			plan->onbehalf_reason != NULL ? plan->onbehalf_reason : plan->zak_reason;
	conclude(plan, has_asked ? &asked : has_user ? &user : has_host ? &host : NULL);
	return true;
}

/*
 * Only the host can mint the local recording token, or an administrator of the host's account. So the
 * one that is named gives way to a host who is known to be somebody else and can give it.
 */
static bool is_recorded_by_host(const struct join_wish *wish, const struct connection *host,
				int64_t meeting_id)
{
	if (host == NULL || wish->named == NULL)
		return host != NULL;
	return !wish->is_named_for_recording &&
	       strcmp(host->zoom_user_id, wish->named->zoom_user_id) != 0 &&
	       join_recording_obstacle(host, meeting_id) == NULL;
}

bool join_plan_make_for_wish(struct broker *broker, const struct join_request *request,
			     const struct join_wish *wish, struct join_plan *plan,
			     struct error *err)
{
	const bool has_meeting = request->meeting_id != 0 || request->personal_name != NULL;
	const char *nobody = has_meeting ? "no_connection_for_meeting" : "meeting_not_named";
	const struct connection *serving, *recording;
	struct connection host;
	bool has_host;

	*plan = (struct join_plan){0};
	if (!find_host(broker, request, &has_host, &host, &plan->meeting_id, err))
		return false;
	serving = wish->named != NULL ? wish->named : has_host ? &host : NULL;
	recording = is_recorded_by_host(wish, has_host ? &host : NULL, plan->meeting_id) ? &host
											 : serving;
	if (wish->wants & JOIN_WANTS_ONBEHALF ||
	    (wish->wants & JOIN_WANTS_ONBEHALF_IF_SUPPORTED && serving != NULL &&
	     serving->is_onbehalf_token_supported))
		plan_onbehalf(plan, serving, nobody);
	if (wish->wants & JOIN_WANTS_ZAK)
		plan_zak(plan, serving, nobody);
	if (wish->wants & JOIN_WANTS_RECORDING)
		plan_recording(plan, has_meeting ? recording : NULL, nobody);
	else if (serving == NULL)
		plan->reason = nobody;
	else
		plan->reason =
			plan->onbehalf_reason != NULL ? plan->onbehalf_reason : plan->zak_reason;
	conclude(plan, wish->wants == JOIN_WANTS_RECORDING ? recording : serving);
	return true;
}
