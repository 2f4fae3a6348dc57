#include "api/zoom_oauth_apps.h"

#include "api/broker_context.h"
#include "api/limits.h"
#include "api/list.h"
#include "api/log_entry_json.h"
#include "base/doorbell.h"
#include "broker/health.h"
#include "http/input.h"
#include "http/json.h"
#include "http/message.h"
#include "serve/context.h"
#include "store/app.h"
#include "store/log_entry.h"
#include "store/public_id.h"
#include "store/transaction.h"
#include "zoom/oauth.h"

#include <string.h>

static json_t *app_json(const struct context *context, const struct app *app)
{
	const char *webhook_url = arena_printf(context->arena, "%s/api/v1/zoom_oauth/webhooks/%s",
					       context->process->config.public_url, app->public_id);
	json_t *json = json_object();

	json_object_set_new(json, "id", json_string(app->public_id));
	json_object_set_new(json, "zoom_oauth_app_id", json_string(app->public_id));
	json_object_set_new(json, "name", json_string_or_null(app->name));
	json_object_set_new(json, "client_id", json_string(app->client_id));
	json_object_set_new(json, "webhook_url", json_string(webhook_url));
	json_object_set_new(json, "has_webhook_secret",
			    json_boolean(app->webhook_secret.bytes != NULL));
	json_object_set_new(json, "state",
			    json_string(app->is_active ? "active" : "credentials_invalid"));
	json_object_set_new(json, "last_verified_webhook_at",
			    json_instant_or_null(app->last_verified_webhook_at));
	json_object_set_new(json, "last_rejected_webhook_at",
			    json_instant_or_null(app->last_rejected_webhook_at));
	json_object_set_new(json, "last_url_validation_at",
			    json_instant_or_null(app->last_url_validation_at));
	json_object_set_new(json, "created_at", json_instant_or_null(app->created_at));
	json_object_set_new(json, "updated_at", json_instant_or_null(app->updated_at));
	return json;
}

/* What a caller may send of an app; NULL is not sent. */
struct app_input {
	const char *client_id, *client_secret, *webhook_secret, *name;
	bool is_name_emptied;
};

static bool read_input(const struct request *request, enum input_need need, struct app_input *sent,
		       struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct input input;

	if (!request_json(request, false, &body, err))
		return false;
	input = input_of_json(request->arena, body);
	*sent = (struct app_input){0};
	if (need == INPUT_REQUIRED)
		sent->client_id = input_string(&input, "client_id", need, CLIENT_ID_BYTES_MAX);
	sent->client_secret = input_string(&input, "client_secret", need, SECRET_BYTES_MAX);
	sent->webhook_secret =
		input_string(&input, "webhook_secret", INPUT_OPTIONAL, SECRET_BYTES_MAX);
	sent->name = input_string(&input, "name", INPUT_OPTIONAL, APP_NAME_BYTES_MAX);
	sent->is_name_emptied = input_is_null(&input, "name");
	if (need == INPUT_OPTIONAL && input_is_null(&input, "client_secret"))
		input_refuse(&input, "client_secret", "must not be null");
	if (input_is_null(&input, "webhook_secret"))
		input_refuse(&input, "webhook_secret", "must not be null");
	if (sent->client_id != NULL && strpbrk(sent->client_id, ": \t\r\n") != NULL)
		input_refuse(&input, "client_id", "must not hold spaces or colons");
	return input_end(&input, err);
}

/* Zoom is asked whether it takes the pair, before anything is kept. */
static bool check_with_zoom(const struct broker *broker, const char *client_id,
			    const char *client_secret, struct error *err)
{
	const struct zoom_client_credentials pair = {client_id, client_secret};
	const struct zoom_endpoint zoom = broker_zoom_until_deadline(broker);
	struct zoom_failure failure;
	struct error at_zoom;

	if (!broker_is_out_of_time(broker, &failure) &&
	    zoom_oauth_check_client(&zoom, broker->arena, &pair, &failure))
		return true;
	zoom_failure_to_error(broker->arena, &failure, clock_now(broker->clock), &at_zoom);
	if (zoom_failure_is_passing(&failure)) {
		*err = at_zoom;
		return false;
	}
	error_set_code(err, ERROR_INVALID, "invalid_client_credentials",
		       "Zoom does not take this client_id and client_secret: %s", failure.reason);
	err->details = at_zoom.details;
	return false;
}

static void seal_secrets(const struct broker *broker, struct app *app, const struct app_input *sent)
{
	const struct seal_place client = app_client_secret_place(app);
	const struct seal_place webhook = app_webhook_secret_place(app);

	if (sent->client_secret != NULL)
		app->client_secret =
			keyring_seal(broker->keyring, broker->arena, &client, sent->client_secret);
	if (sent->webhook_secret != NULL)
		app->webhook_secret = keyring_seal(broker->keyring, broker->arena, &webhook,
						   sent->webhook_secret);
}

static void apply(const struct broker *broker, struct app *app, const struct app_input *sent)
{
	seal_secrets(broker, app, sent);
	if (sent->name != NULL || sent->is_name_emptied)
		app->name = sent->name;
	app->updated_at = clock_now(broker->clock);
}

/* With a client secret that Zoom has just taken the app is active, and what had failed is tried again. */
static bool change(const struct broker *broker, struct app *app, const struct app_input *sent,
		   struct error *err)
{
	apply(broker, app, sent);
	if (!app_change(broker->db, app, err))
		return false;
	if (sent->client_secret == NULL)
		return true;
	app->is_active = true;
	return health_app_accepted(broker->db, app->id, app->updated_at, err);
}

/* Registers the app, or updates the one of the same client id. */
static bool register_app(const struct context *context, const struct broker *broker,
			 const struct app_input *sent, struct app *app, bool *is_new,
			 struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = clock_now(broker->clock);
	bool found;

	if (!transaction_begin(&transaction, broker->db, err) ||
	    !app_find_by_client_id(broker->db, broker->arena, context->project_id, sent->client_id,
				   &found, app, err))
		return false;
	*is_new = !found;
	if (found)
		return change(broker, app, sent, err) && transaction_commit(&transaction, err);
	*app = (struct app){.public_id = public_id_make(broker->arena, "zoapp_"),
			    .project_id = context->project_id,
			    .client_id = sent->client_id,
			    .is_active = true,
			    .created_at = now};
	apply(broker, app, sent);
	app->updated_at = now;
	return app_add(broker->db, app, err) && transaction_commit(&transaction, err);
}

bool post_app(struct context *context, const struct request *request, struct response *response,
	      struct error *err)
{
	const struct broker broker = broker_of(context);
	struct app_input sent;
	struct app app;
	bool is_new;

	if (!read_input(request, INPUT_REQUIRED, &sent, err) ||
	    !check_with_zoom(&broker, sent.client_id, sent.client_secret, err) ||
	    !register_app(context, &broker, &sent, &app, &is_new, err))
		return false;
	if (!is_new)
		doorbell_ring(context->process->config.database);
	respond_json(response, context->arena, is_new ? 201 : 200, app_json(context, &app));
	return true;
}

static bool find_app(struct context *context, const struct request *request, struct app *app,
		     struct error *err)
{
	bool found;

	if (!app_find(context->db, context->arena, context->project_id,
		      request_path_parameter(request, "id"), &found, app, err))
		return false;
	return found || error_set(err, ERROR_NOT_FOUND, "there is no such app in this project");
}

bool get_app(struct context *context, const struct request *request, struct response *response,
	     struct error *err)
{
	struct app app;

	if (!find_app(context, request, &app, err))
		return false;
	respond_json(response, context->arena, 200, app_json(context, &app));
	return true;
}

bool get_apps(struct context *context, const struct request *request, struct response *response,
	      struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct app *apps;

	if (!list_open(&list, context, request, err) || !input_end(&list.input, err) ||
	    !app_list(context->db, context->arena, context->project_id, &list.page, &apps,
		      &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, app_json(context, &apps[i]), apps[i].id);
	list_respond(&list, response);
	return true;
}

/* Read anew: another request may have changed it while Zoom was asked. */
static bool change_app(struct context *context, const struct request *request,
		       const struct broker *broker, const struct app_input *sent, struct app *app,
		       struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	return transaction_begin(&transaction, broker->db, err) &&
	       find_app(context, request, app, err) && change(broker, app, sent, err) &&
	       transaction_commit(&transaction, err);
}

bool patch_app_waits(const struct request *request)
{
	struct app_input sent;
	struct error err;

	return read_input(request, INPUT_OPTIONAL, &sent, &err) && sent.client_secret != NULL;
}

bool patch_app(struct context *context, const struct request *request, struct response *response,
	       struct error *err)
{
	const struct broker broker = broker_of(context);
	struct app_input sent;
	struct app app;

	if (!find_app(context, request, &app, err) ||
	    !read_input(request, INPUT_OPTIONAL, &sent, err))
		return false;
	if (sent.client_secret != NULL &&
	    !check_with_zoom(&broker, app.client_id, sent.client_secret, err))
		return false;
	if (!change_app(context, request, &broker, &sent, &app, err))
		return false;
	if (sent.client_secret != NULL)
		doorbell_ring(context->process->config.database);
	respond_json(response, context->arena, 200, app_json(context, &app));
	return true;
}

bool delete_app(struct context *context, const struct request *request, struct response *response,
		struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct app app;

	if (!transaction_begin(&transaction, context->db, err) ||
	    !find_app(context, request, &app, err) || !app_remove(context->db, app.id, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, json_object());
	return true;
}

bool get_app_log(struct context *context, const struct request *request, struct response *response,
		 struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct log_entry *entries;
	struct app app;

	if (!find_app(context, request, &app, err) || !list_open(&list, context, request, err) ||
	    !input_end(&list.input, err) ||
	    !log_entry_list_of_app(context->db, context->arena, app.id, &list.page, &entries,
				   &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, log_entry_json(context->arena, &entries[i]), entries[i].id);
	list_respond(&list, response);
	return true;
}
