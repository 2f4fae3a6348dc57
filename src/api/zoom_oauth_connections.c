#include "api/zoom_oauth_connections.h"

#include "api/broker_context.h"
#include "api/connection_json.h"
#include "api/limits.h"
#include "api/list.h"
#include "api/log_entry_json.h"
#include "base/doorbell.h"
#include "base/failpoint.h"
#include "broker/access_token.h"
#include "broker/app_client.h"
#include "http/input.h"
#include "http/json.h"
#include "http/message.h"
#include "serve/context.h"
#include "store/app.h"
#include "store/bot_join_flow.h"
#include "store/connection.h"
#include "store/log_entry.h"
#include "store/meeting.h"
#include "store/transaction.h"
#include "zoom/oauth.h"

static bool find_connection(struct context *context, const struct request *request,
			    struct connection *connection, struct error *err)
{
	bool found;

	if (!connection_find(context->db, context->arena, context->project_id,
			     request_path_parameter(request, "id"), &found, connection, err))
		return false;
	return found ||
	       error_set(err, ERROR_NOT_FOUND, "there is no such connection in this project");
}

bool get_connection(struct context *context, const struct request *request,
		    struct response *response, struct error *err)
{
	struct connection connection;

	if (!find_connection(context, request, &connection, err))
		return false;
	respond_json(response, context->arena, 200, connection_json(&connection));
	return true;
}

/* An app that is not this project's has no connections here: the list is empty, not wrong. */
static bool read_filter(struct context *context, struct list *list,
			struct connection_filter *filter, struct error *err)
{
	static const char *const states[] = {"connected", "disconnected", NULL};
	struct input *input = &list->input;
	const char *app_public_id;
	struct app app;
	bool found;

	filter->state = input_choice(input, "state", INPUT_OPTIONAL, states);
	filter->zoom_user_id = input_string(input, "user_id", INPUT_OPTIONAL, FILTER_BYTES_MAX);
	filter->deduplication_key =
		input_string(input, "deduplication_key", INPUT_OPTIONAL, FILTER_BYTES_MAX);
	app_public_id = input_string(input, "zoom_oauth_app_id", INPUT_OPTIONAL, FILTER_BYTES_MAX);
	if (!input_end(input, err))
		return false;
	if (app_public_id == NULL)
		return true;
	if (!app_find(context->db, context->arena, context->project_id, app_public_id, &found, &app,
		      err))
		return false;
	filter->app_id = found ? app.id : -1;
	return true;
}

bool get_connections(struct context *context, const struct request *request,
		     struct response *response, struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct connection_filter filter = {0};
	struct connection *connections;

	if (!list_open(&list, context, request, err) ||
	    !read_filter(context, &list, &filter, err) ||
	    !connection_list(context->db, context->arena, context->project_id, &filter, &list.page,
			     &connections, &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, connection_json(&connections[i]), connections[i].id);
	list_respond(&list, response);
	return true;
}

static bool read_patch(struct context *context, const struct request *request,
		       struct connection *connection, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct input input;
	json_t *metadata;
	const char *key;

	if (!request_json(request, false, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	metadata = input_object(&input, "metadata", METADATA_BYTES_MAX);
	if (metadata != NULL)
		connection->metadata = json_text(context->arena, metadata);
	else if (input_is_null(&input, "metadata"))
		connection->metadata = "{}";
	key = input_string(&input, "deduplication_key", INPUT_OPTIONAL,
			   DEDUPLICATION_KEY_BYTES_MAX);
	if (key != NULL || input_is_null(&input, "deduplication_key"))
		connection->deduplication_key = key;
	connection->is_local_recording_token_supported =
		input_bool(&input, "is_local_recording_token_supported",
			   connection->is_local_recording_token_supported);
	connection->is_onbehalf_token_supported =
		input_bool(&input, "is_onbehalf_token_supported",
			   connection->is_onbehalf_token_supported);
	return input_end(&input, err);
}

/* A key belongs to one connection of the app: says which one has it. */
static bool check_key(struct context *context, const struct connection *connection,
		      struct error *err)
{
	SCOPED(json_decrefp) json_t *details = NULL;
	struct connection owner;
	bool found = false;

	if (connection->deduplication_key != NULL &&
	    !connection_find_by_key(context->db, context->arena, connection->app_id,
				    connection->deduplication_key, &found, &owner, err))
		return false;
	if (!found || owner.id == connection->id)
		return true;
	error_set_code(err, ERROR_CONFLICT, "deduplication_key_conflict",
		       "the deduplication_key belongs to connection %s", owner.public_id);
	details = json_pack("{s:s}", "deduplication_key_connection_id", owner.public_id);
	err->details = json_text(context->arena, details);
	return false;
}

bool patch_connection(struct context *context, const struct request *request,
		      struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct connection connection;

	if (!transaction_begin(&transaction, context->db, err) ||
	    !find_connection(context, request, &connection, err) ||
	    !read_patch(context, request, &connection, err) ||
	    !check_key(context, &connection, err) ||
	    !connection_change_settings(context->db, &connection, context_now(context), err) ||
	    !find_connection(context, request, &connection, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, connection_json(&connection));
	return true;
}

/* Best effort: whatever Zoom says, the connection goes. */
static void revoke_at_zoom(struct broker *broker, const struct connection *connection)
{
	struct zoom_client_credentials client;
	struct zoom_failure failure;
	struct access_token token;
	struct zoom_endpoint zoom;
	struct error err;
	struct app app;
	bool found;

	if (!connection->is_connected ||
	    !access_token_get(broker, connection, 0, &token, &failure, &err) ||
	    !app_find_by_id(broker->db, broker->arena, connection->app_id, &found, &app, &err) ||
	    !found || !app_client_open(broker, &app, &client, &err))
		return;
	zoom = broker_zoom_until_deadline(broker);
	if (zoom_oauth_revoke(&zoom, broker->arena, &client, token.text, &failure))
		return;
}

static bool read_revoke(const struct request *request, bool *revoke, struct error *err)
{
	SCOPED(json_decrefp) json_t *query = NULL;
	struct input input;

	if (!query_to_json(request->arena, request->query, &query, err))
		return false;
	input = input_of_query(request->arena, query);
	*revoke = input_bool(&input, "revoke", true);
	return input_end(&input, err);
}

bool delete_connection_waits(const struct request *request)
{
	struct error err;
	bool revoke;

	return read_revoke(request, &revoke, &err) && revoke;
}

bool delete_connection(struct context *context, const struct request *request,
		       struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct broker broker = broker_of(context);
	struct connection connection;
	bool revoke;

	if (!find_connection(context, request, &connection, err) ||
	    !read_revoke(request, &revoke, err))
		return false;
	if (revoke)
		revoke_at_zoom(&broker, &connection);
	failpoint("deletion.revoked");
	if (!transaction_begin(&transaction, context->db, err) ||
	    !bot_join_flow_lose_connection(context->db, connection.id, context_now(context), err) ||
	    !connection_remove(context->db, connection.id, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, json_object());
	return true;
}

/* Tells how the credentials stand, which for a dead one is no failure of this request. */
bool post_connection_refresh(struct context *context, const struct request *request,
			     struct response *response, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct broker broker = broker_of(context);
	struct connection connection;
	struct zoom_failure failure;
	struct input input;

	if (!find_connection(context, request, &connection, err) ||
	    !request_json(request, true, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	if (!input_end(&input, err))
		return false;
	if (!access_token_renew(&broker, &connection, &failure, err) &&
	    failure.class != ZOOM_FAILURE_GRANT) {
		if (failure.class != ZOOM_FAILURE_NONE)
			zoom_failure_to_error(context->arena, &failure, context_now(context), err);
		return false;
	}
	doorbell_ring(context->process->config.database);
	if (!find_connection(context, request, &connection, err))
		return false;
	respond_json(response, context->arena, 200, connection_json(&connection));
	return true;
}

static json_t *meeting_json(struct arena *arena, const struct meeting *meeting)
{
	json_t *json = json_object();

	json_object_set_new(json, "meeting_id",
			    json_string(
				    arena_printf(arena, "%lld", (long long)meeting->meeting_id)));
	json_object_set_new(json, "is_live", json_boolean(meeting->is_live));
	json_object_set_new(json, "known_at", json_instant_or_null(meeting->known_at));
	return json;
}

bool get_connection_meetings(struct context *context, const struct request *request,
			     struct response *response, struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct connection connection;
	struct meeting *meetings;

	if (!find_connection(context, request, &connection, err) ||
	    !list_open(&list, context, request, err) || !input_end(&list.input, err) ||
	    !meeting_list(context->db, context->arena, connection.id, &list.page, &meetings,
			  &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, meeting_json(context->arena, &meetings[i]), meetings[i].meeting_id);
	list_respond(&list, response);
	return true;
}

bool get_connection_log(struct context *context, const struct request *request,
			struct response *response, struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct connection connection;
	struct log_entry *entries;

	if (!find_connection(context, request, &connection, err) ||
	    !list_open(&list, context, request, err) || !input_end(&list.input, err) ||
	    !log_entry_list_of_connection(context->db, context->arena, connection.id, &list.page,
					  &entries, &list.count, &list.has_newer, &list.has_older,
					  err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, log_entry_json(context->arena, &entries[i]), entries[i].id);
	list_respond(&list, response);
	return true;
}
