/* The handler that makes a connection: an authorization code comes in, a connection or the first answer goes out. */
#include "api/broker_context.h"
#include "api/connection_json.h"
#include "api/limits.h"
#include "api/zoom_oauth_connections.h"
#include "base/doorbell.h"
#include "broker/authorization.h"
#include "http/input.h"
#include "http/json.h"
#include "http/message.h"
#include "serve/context.h"
#include "store/app.h"
#include "store/transaction.h"

struct post {
	struct authorization_request request;
	const char *app_public_id; /* NULL: the project's only one */
};

static bool read_post(struct context *context, const struct request *request, struct post *post,
		      struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct authorization_request *asked = &post->request;
	struct input input;
	json_t *metadata;

	if (!request_json(request, false, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	*post = (struct post){0};
	post->app_public_id =
		input_string(&input, "zoom_oauth_app_id", INPUT_OPTIONAL, PUBLIC_ID_BYTES_MAX);
	asked->code = input_string(&input, "authorization_code", INPUT_REQUIRED,
				   AUTHORIZATION_CODE_BYTES_MAX);
	asked->redirect_uri =
		input_string(&input, "redirect_uri", INPUT_REQUIRED, REDIRECT_URI_BYTES_MAX);
	asked->code_verifier =
		input_string(&input, "code_verifier", INPUT_OPTIONAL, CODE_VERIFIER_BYTES_MAX);
	asked->deduplication_key = input_string(&input, "deduplication_key", INPUT_OPTIONAL,
						DEDUPLICATION_KEY_BYTES_MAX);
	metadata = input_object(&input, "metadata", METADATA_BYTES_MAX);
	asked->metadata = metadata != NULL ? json_text(context->arena, metadata) : NULL;
	asked->is_local_recording_token_supported =
		input_bool(&input, "is_local_recording_token_supported", true);
	asked->is_onbehalf_token_supported =
		input_bool(&input, "is_onbehalf_token_supported", false);
	return input_end(&input, err);
}

static bool fail_without_app(struct context *context, const char *public_id, struct error *err)
{
	if (public_id != NULL)
		return input_fail(context->arena, "zoom_oauth_app_id",
				  "names no app of this project", err);
	return error_set_code(
		err, ERROR_INVALID, "no_zoom_oauth_app",
		"the project has no Zoom app yet; register one with POST /api/v1/zoom_oauth_apps");
}

/* The app that was named, or the project's only one. */
static bool find_app(struct context *context, const char *public_id, struct app *app,
		     struct error *err)
{
	int64_t count, only_id;
	bool found;

	if (public_id != NULL) {
		if (!app_find(context->db, context->arena, context->project_id, public_id, &found,
			      app, err))
			return false;
		return found || fail_without_app(context, public_id, err);
	}
	if (!app_count(context->db, context->project_id, &count, &only_id, err))
		return false;
	if (count == 0)
		return fail_without_app(context, public_id, err);
	if (count > 1)
		return error_set_code(
			err, ERROR_INVALID, "several_zoom_oauth_apps",
			"the project has %lld Zoom apps; say which with zoom_oauth_app_id",
			(long long)count);
	if (!app_find_by_id(context->db, context->arena, only_id, &found, app, err))
		return false;
	return found || fail_without_app(context, public_id, err);
}

/* Zoom was asked outside any transaction: what failed may have failed for want of the app. */
static bool app_is_gone(struct context *context, const struct app *app)
{
	struct app now;
	struct error ignored;
	bool found;

	return app_find_by_id(context->db, context->arena, app->id, &found, &now, &ignored) &&
	       !found;
}

/*
 * For a client that posts the code again. The connection is committed already, so where this fails
 * the retry gets its answer made anew: nothing to trouble this caller with.
 */
static void remember_answer(struct context *context, const struct authorization *row,
			    const struct response *response)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error forgotten;

	if (transaction_begin(&transaction, context->db, &forgotten) &&
	    authorization_record_answer(context->db, row->app_id, row->code_sha256,
					response->status, response->body, &forgotten) &&
	    transaction_commit(&transaction, &forgotten))
		return;
}

bool post_connection(struct context *context, const struct request *request,
		     struct response *response, struct error *err)
{
	struct broker broker = broker_of(context);
	struct authorization_outcome outcome;
	struct post post;
	struct app app;
	bool is_final;

	if (!read_post(context, request, &post, err) ||
	    !find_app(context, post.app_public_id, &app, err))
		return false;
	post.request.app = &app;
	if (!authorization_run(&broker, &post.request, &outcome, &is_final, err)) {
		if (app_is_gone(context, &app))
			return fail_without_app(context, post.app_public_id, err);
		if (is_final) {
			respond_error(response, context->arena, err);
			remember_answer(context, &outcome.row, response);
		}
		return false;
	}
	if (outcome.is_answered) {
		response->status = outcome.row.answer_status;
		response->content_type = "application/json";
		response->body = outcome.row.answer_body;
		return true;
	}
	doorbell_ring(context->process->config.database);
	respond_json(response, context->arena, 201, connection_json(&outcome.connection));
	remember_answer(context, &outcome.row, response);
	return true;
}
