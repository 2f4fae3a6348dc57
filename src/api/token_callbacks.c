#include "api/token_callbacks.h"

#include "api/callback_address.h"
#include "api/limits.h"
#include "api/list.h"
#include "api/meeting_id_json.h"
#include "http/input.h"
#include "http/json.h"
#include "http/message.h"
#include "notify/signature.h"
#include "serve/context.h"
#include "store/public_id.h"
#include "store/token_callback.h"
#include "store/token_callback_use.h"
#include "store/transaction.h"

#include <string.h>

static json_t *callback_json(const struct token_callback *callback)
{
	json_t *json = json_object();

	json_object_set_new(json, "id", json_string(callback->public_id));
	json_object_set_new(json, "engine", json_string(callback->engine));
	json_object_set_new(json, "name", json_string_or_null(callback->name));
	json_object_set_new(json, "has_signing_secret",
			    json_boolean(callback->signing_secret.bytes != NULL));
	json_object_set_new(json, "created_at", json_instant_or_null(callback->created_at));
	json_object_set_new(json, "last_used_at", json_instant_or_null(callback->last_used_at));
	return json;
}

static json_t *urls_json(const struct context *context, const char *engine, const char *secret)
{
	const char *root = context->process->config.public_url;
	json_t *urls = json_object();

	for (const struct callback_address *each = callback_addresses; each->engine != NULL; each++)
		if (strcmp(each->engine, engine) == 0)
			json_object_set_new(urls, each->name,
					    json_sprintf("%s/callbacks/%s/%s", root, secret,
							 each->path));
	return urls;
}

static json_t *new_callback_json(const struct context *context,
				 const struct token_callback *callback, const char *secret)
{
	json_t *json = json_object();

	json_object_set_new(json, "id", json_string(callback->public_id));
	json_object_set_new(json, "engine", json_string(callback->engine));
	json_object_set_new(json, "name", json_string_or_null(callback->name));
	json_object_set_new(json, "urls", urls_json(context, callback->engine, secret));
	json_object_set_new(json, "created_at", json_instant_or_null(callback->created_at));
	return json;
}

static const char *read_signing_secret(struct context *context, struct input *input,
				       const char *engine)
{
	static const char field[] = "signing_secret";
	const char *secret = input_string(input, field, INPUT_OPTIONAL, SECRET_BYTES_MAX);
	struct span key;

	if (secret == NULL || engine == NULL)
		return NULL;
	if (strcmp(engine, "attendee") != 0)
		input_refuse(input, field, "is for attendee only: the others do not sign");
	else if (!signature_read_secret(context->arena, secret, &key))
		input_refuse(input, field, "must be base64, as Attendee shows it");
	return secret;
}

static bool read_input(struct context *context, const struct request *request,
		       struct token_callback *callback, const char **signing_secret,
		       struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct input input;

	if (!request_json(request, false, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	callback->engine = input_choice(&input, "engine", INPUT_REQUIRED, callback_engines);
	callback->name =
		input_string(&input, "name", INPUT_OPTIONAL, TOKEN_CALLBACK_NAME_BYTES_MAX);
	*signing_secret = read_signing_secret(context, &input, callback->engine);
	return input_end(&input, err);
}

bool post_callback(struct context *context, const struct request *request,
		   struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct token_callback callback = {.public_id = public_id_make(context->arena, "tcb_"),
					  .project_id = context->project_id,
					  .created_at = context_now(context)};
	const struct seal_place place = token_callback_signing_secret_place(&callback);
	const char *secret = token_callback_make_secret(context->arena);
	const char *signing_secret;

	if (!read_input(context, request, &callback, &signing_secret, err) ||
	    !transaction_begin(&transaction, context->db, err))
		return false;
	callback.signing_secret =
		keyring_seal(context->process->keyring, context->arena, &place, signing_secret);
	if (!token_callback_add(context->db, &callback, secret, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 201, new_callback_json(context, &callback, secret));
	return true;
}

static bool find_callback(struct context *context, const struct request *request,
			  struct token_callback *callback, struct error *err)
{
	bool found;

	if (!token_callback_find(context->db, context->arena, context->project_id,
				 request_path_parameter(request, "id"), &found, callback, err))
		return false;
	return found ||
	       error_set(err, ERROR_NOT_FOUND, "there is no such token callback in this project");
}

bool get_callback(struct context *context, const struct request *request, struct response *response,
		  struct error *err)
{
	struct token_callback callback;

	if (!find_callback(context, request, &callback, err))
		return false;
	respond_json(response, context->arena, 200, callback_json(&callback));
	return true;
}

bool get_callbacks(struct context *context, const struct request *request,
		   struct response *response, struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct token_callback *callbacks;

	if (!list_open(&list, context, request, err) || !input_end(&list.input, err) ||
	    !token_callback_list(context->db, context->arena, context->project_id, &list.page,
				 &callbacks, &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, callback_json(&callbacks[i]), callbacks[i].id);
	list_respond(&list, response);
	return true;
}

bool delete_callback(struct context *context, const struct request *request,
		     struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct token_callback callback;

	if (!transaction_begin(&transaction, context->db, err) ||
	    !find_callback(context, request, &callback, err) ||
	    !token_callback_remove(context->db, callback.id, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, json_object());
	return true;
}

static json_t *use_json(const struct token_callback_use *use)
{
	json_t *json = json_object();

	json_object_set_new(json, "used_at", json_instant_or_null(use->used_at));
	json_object_set_new(json, "address", json_string(use->address));
	json_object_set_new(json, "engine_bot_id", json_string_or_null(use->engine_bot_id));
	json_object_set_new(json, "meeting_id", meeting_id_json(use->meeting_id));
	json_object_set_new(json, "zoom_oauth_connection_id",
			    json_string_or_null(use->connection_public_id));
	json_object_set_new(json, "tokens", json_words(use->tokens));
	json_object_set_new(json, "outcome", json_string(use->outcome));
	json_object_set_new(json, "status", json_integer(use->status));
	return json;
}

bool get_callback_uses(struct context *context, const struct request *request,
		       struct response *response, struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct token_callback callback;
	struct token_callback_use *uses;

	if (!find_callback(context, request, &callback, err) ||
	    !list_open(&list, context, request, err) || !input_end(&list.input, err) ||
	    !token_callback_use_list(context->db, context->arena, callback.id, &list.page, &uses,
				     &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, use_json(&uses[i]), uses[i].number);
	list_respond(&list, response);
	return true;
}
