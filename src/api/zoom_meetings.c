#include "api/zoom_meetings.h"

#include "api/broker_context.h"
#include "api/limits.h"
#include "api/meeting_id_json.h"
#include "broker/join_plan.h"
#include "http/input.h"
#include "http/json.h"
#include "http/message.h"
#include "serve/context.h"
#include "store/meeting_host.h"
#include "zoom/meeting_url.h"

/* By its number, or by whatever else names it to a bot. */
static bool read_query(struct context *context, const struct request *request,
		       struct join_request *meeting, struct error *err)
{
	SCOPED(json_decrefp) json_t *query = NULL;
	const char *id, *text;
	struct meeting_url url;
	struct input input;

	if (!query_to_json(context->arena, request->query, &query, err))
		return false;
	input = input_of_query(context->arena, query);
	id = input_string(&input, "meeting_id", INPUT_OPTIONAL, MEETING_TEXT_BYTES_MAX);
	text = input_string(&input, "meeting_url", INPUT_OPTIONAL, MEETING_TEXT_BYTES_MAX);
	if (!input_has(&input, "meeting_id") && !input_has(&input, "meeting_url"))
		input_refuse(&input, "meeting_id", "is required, or meeting_url in its place");
	else if (id != NULL && text != NULL)
		input_refuse(&input, "meeting_url", "is for requests without meeting_id");
	if (!input_end(&input, err) ||
	    !meeting_url_parse(context->arena, id != NULL ? id : text, &url, err))
		return false;
	*meeting = (struct join_request){.project_id = context->project_id,
					 .meeting_id = url.meeting_id,
					 .personal_name = url.personal_name};
	return true;
}

static const char *obstacle_of(const struct meeting_host *host, int64_t meeting_id)
{
	const struct connection connection = {
		.is_connected = host->is_connected,
		.is_local_recording_token_supported = host->is_local_recording_token_supported,
	};

	return host->connection_public_id != NULL ? join_recording_obstacle(&connection, meeting_id)
						  : "meeting_forgotten";
}

static json_t *host_json(const struct meeting_host *host, int64_t meeting_id)
{
	json_t *json = json_object();

	json_object_set_new(json, "zoom_oauth_connection_id",
			    json_string_or_null(host->connection_public_id));
	json_object_set_new(json, "zoom_oauth_app_id", json_string(host->app_public_id));
	json_object_set_new(json, "user_id", json_string_or_null(host->zoom_user_id));
	json_object_set_new(json, "known_by",
			    json_string(host->is_by_personal_id ? "personal_meeting_id"
								: "meeting"));
	json_object_set_new(json, "known_at", json_instant_or_null(host->known_at));
	json_object_set_new(json, "is_live",
			    host->is_by_personal_id ? json_null() : json_boolean(host->is_live));
	json_object_set_new(json, "obstacle", json_string_or_null(obstacle_of(host, meeting_id)));
	return json;
}

static json_t *meeting_json(const struct join_plan *plan, const struct meeting_host *hosts,
			    int host_count)
{
	json_t *json = json_object(), *host_list = json_array();

	for (int i = 0; i < host_count; i++)
		json_array_append_new(host_list, host_json(&hosts[i], plan->meeting_id));
	json_object_set_new(json, "meeting_id", meeting_id_json(plan->meeting_id));
	json_object_set_new(json, "join_flow",
			    json_string(plan->is_token_flow ? "token" : "standard"));
	json_object_set_new(json, "join_flow_reason", json_string_or_null(plan->reason));
	json_object_set_new(json, "zoom_oauth_connection_id",
			    json_string_or_null(plan->has_connection ? plan->connection.public_id
								     : NULL));
	json_object_set_new(json, "hosts", host_list);
	return json;
}

bool get_zoom_meeting(struct context *context, const struct request *request,
		      struct response *response, struct error *err)
{
	struct broker broker = broker_of(context);
	struct join_request meeting;
	struct meeting_host *hosts;
	struct join_plan plan;
	int count;

	if (!read_query(context, request, &meeting, err) ||
	    !join_plan_make(&broker, &meeting, &plan, err) ||
	    !meeting_host_list(context->db, context->arena, context->project_id, plan.meeting_id,
			       &hosts, &count, err))
		return false;
	respond_json(response, context->arena, 200, meeting_json(&plan, hosts, count));
	return true;
}
