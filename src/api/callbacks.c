#include "api/callbacks.h"

#include "api/broker_context.h"
#include "api/callback_address.h"
#include "api/callback_input.h"
#include "broker/access_token.h"
#include "broker/join_tokens.h"
#include "http/json.h"
#include "notify/signature.h"
#include "serve/context.h"
#include "store/connection.h"
#include "store/token_callback.h"
#include "store/token_callback_use.h"
#include "store/transaction.h"

#include <stdio.h>
#include <string.h>

/* An access token is taken only with 120 s to live, and it is under way for a while. */
static const instant access_token_life_min = 150 * SECOND;

/* One call of an address, from the secret to what is remembered of it. */
struct callback_call {
	struct context *context;
	const struct request *request;
	const struct callback_address *address;
	struct token_callback callback;
	struct broker broker;
	struct callback_input input;
	struct join_plan plan;
	struct join_tokens tokens;
	const char *access_token; /* NULL: none */
};

static struct broker broker_within(const struct context *context, int patience_ms)
{
	struct broker broker = broker_of(context);

	if (broker.deadline_ms > context->started_ms + patience_ms)
		broker.deadline_ms = context->started_ms + patience_ms;
	return broker;
}

/* Another engine's address is as unknown as another secret. */
static bool call_open(struct callback_call *call, struct context *context,
		      const struct request *request, struct error *err)
{
	const char *secret = request_path_parameter(request, "secret");
	bool found;

	*call = (struct callback_call){.context = context,
				       .request = request,
				       .address = callback_address_of(request->path)};
	if (!context_open_db(context, err) ||
	    !token_callback_find_by_secret(context->db, context->arena, secret, &found,
					   &call->callback, err))
		return false;
	if (!found || strcmp(call->callback.engine, call->address->engine) != 0)
		return error_set(err, ERROR_NOT_FOUND, "there is nothing at this address");
	call->broker = broker_within(context, call->address->patience_ms);
	return true;
}

/* Whose token was asked for by name; *is_named is false for the host's. */
static bool find_named(struct callback_call *call, bool *is_named, bool *found,
		       struct connection *connection, struct error *err)
{
	struct db *db = call->broker.db;
	struct arena *arena = call->broker.arena;
	const struct callback_input *input = &call->input;
	const int64_t project_id = call->callback.project_id;

	*is_named = *found = true;
	if (input->connection_id != NULL)
		return connection_find(db, arena, project_id, input->connection_id, found,
				       connection, err);
	if (input->zoom_user_id != NULL)
		return connection_find_user_in_project(db, arena, project_id, input->zoom_user_id,
						       found, connection, err);
	if (input->deduplication_key != NULL)
		return connection_find_key_in_project(db, arena, project_id,
						      input->deduplication_key, found, connection,
						      err);
	*is_named = false;
	return true;
}

/* Nobody else serves in the place of one who is named and not there: the tokens would be another user's. */
static bool make_plan(struct callback_call *call, struct error *err)
{
	const struct join_request request = {
		.project_id = call->callback.project_id,
		.meeting_id = call->input.meeting_id,
		.personal_name = call->input.personal_name,
	};
	struct join_wish wish = {.wants = call->input.wants,
				 .is_named_for_recording = call->input.connection_id != NULL};
	struct connection named;
	bool is_named, found;

	if (!find_named(call, &is_named, &found, &named, err))
		return false;
	if (!found)
		return error_set_code(err, ERROR_NOT_FOUND, "connection_not_found",
				      "the connection that is named is none of this project");
	if (is_named)
		wish.named = &named;
	return join_plan_make_for_wish(&call->broker, &request, &wish, &call->plan, err);
}

/* The cached one may have too little left of a short life; then it is renewed. */
static bool get_long_lived(struct callback_call *call, struct access_token *token,
			   struct error *err)
{
	struct broker *broker = &call->broker;
	const struct connection *connection = &call->plan.connection;
	const instant needed_until = clock_now(broker->clock) + access_token_life_min;
	struct zoom_failure *failure = &call->tokens.failure;

	if (!access_token_get(broker, connection, 0, token, failure, err))
		return false;
	return token->expires_at >= needed_until ||
	       access_token_get(broker, connection, token->generation, token, failure, err);
}

static void get_access_token(struct callback_call *call)
{
	struct join_tokens *tokens = &call->tokens;
	struct access_token token;

	if (!call->plan.has_connection)
		tokens->reason = call->plan.reason;
	else if (!call->plan.connection.is_connected)
		tokens->reason = "connection_disconnected";
	else if (!get_long_lived(call, &token, &tokens->error))
		tokens->reason =
			join_failure_reason(&call->broker, &tokens->failure, &tokens->error);
	else if (token.expires_at < clock_now(call->broker.clock) + access_token_life_min)
		tokens->reason = "access_token_too_short_lived";
	else
		call->access_token = token.text;
}

/* Fills in the tokens, or the reason why there are none. */
static void mint(struct callback_call *call, const json_t *body)
{
	struct error *err = &call->tokens.error;

	if (!callback_input_read(call->request, call->address, body, &call->input, err) ||
	    !make_plan(call, err))
		call->tokens.reason = arena_strdup(call->broker.arena, err->code);
	else if (call->address->token == CALLBACK_ACCESS_TOKEN)
		get_access_token(call);
	else
		join_tokens_mint(&call->broker, &call->plan, &call->tokens);
}

static const char *token_of(const struct callback_call *call)
{
	switch (call->address->token) {
	case CALLBACK_RECORDING_TOKEN:
		return call->tokens.app_privilege_token;
	case CALLBACK_ONBEHALF_TOKEN:
		return call->tokens.onbehalf_token;
	case CALLBACK_ZAK:
		return call->tokens.zak_token;
	case CALLBACK_ACCESS_TOKEN:
		return call->access_token;
	case CALLBACK_TOKENS:
		break;
	}
	return NULL;
}

static const char *names_of(const struct callback_call *call)
{
	const struct join_tokens *tokens = &call->tokens;

	if (call->address->token != CALLBACK_TOKENS)
		return token_of(call) != NULL ? call->address->token_name : "";
	return arena_printf(call->broker.arena, "%s%s%s",
			    tokens->app_privilege_token != NULL ? "app_privilege_token " : "",
			    tokens->onbehalf_token != NULL ? "onbehalf_token " : "",
			    tokens->zak_token != NULL ? "zak_token" : "");
}

/* Why a token is missing, for the log line of a request that is answered all the same. */
static void explain(const struct callback_call *call, struct error *err)
{
	const char *reason = call->tokens.reason;
	const char *failure = join_tokens_failure(&call->tokens);

	if (reason != NULL)
		error_set_code(err, ERROR_NOT_FOUND, reason, "a token is missing: %s",
			       failure != NULL ? failure : reason);
}

static void count_use(const struct callback_call *call, const char *outcome)
{
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "engine=\"%s\",address=\"%s\",outcome=\"%s\"",
		 call->address->engine, call->address->name, outcome);
	tally_add(call->context->process->tallies, "hallpass_token_callbacks_total", labels);
}

/* A use that cannot be noted keeps nobody from the token; the log has why, unless it has worse. */
static void note_use(const struct callback_call *call, const char *outcome, int status,
		     struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const struct token_callback_use use = {
		.used_at = clock_now(call->broker.clock),
		.address = call->address->name,
		.engine_bot_id = call->input.engine_bot_id,
		.meeting_id =
			call->plan.meeting_id != 0 ? call->plan.meeting_id : call->input.meeting_id,
		.connection_id = call->plan.has_connection ? call->plan.connection.id : 0,
		.tokens = names_of(call),
		.outcome = outcome,
		.status = status,
	};
	struct error failed;

	count_use(call, outcome);
	if ((!transaction_begin(&transaction, call->broker.db, &failed) ||
	     !token_callback_use_add(call->broker.db, call->callback.id, &use, &failed) ||
	     !transaction_commit(&transaction, &failed)) &&
	    err->kind == ERROR_NONE)
		*err = failed;
}

static const char *outcome_of(const struct callback_call *call)
{
	return call->tokens.reason != NULL ? call->tokens.reason : "minted";
}

/* Always 404: only that lets Recall.ai go on without the token, and nobody takes it for one. */
static void respond_token(struct callback_call *call, struct response *response, struct error *err)
{
	const char *token = token_of(call);

	explain(call, err);
	if (token != NULL)
		respond_text(response, 200, token);
	else
		respond_text(response, 404,
			     arena_printf(call->broker.arena, "there is no token: %s",
					  call->tokens.reason));
	note_use(call, outcome_of(call), response->status, err);
}

/* Without Retry-After, which no engine looks at and some take for more than it says. */
static bool respond_refusal(struct response *response, const struct request *request,
			    const struct error *err)
{
	respond_text(response, error_http_status(err->kind),
		     arena_strdup(request->arena, error_sentence(err)));
	return true;
}

bool get_token_callback(struct context *context, const struct request *request,
			struct response *response, struct error *err)
{
	struct callback_call call;

	if (!call_open(&call, context, request, err))
		return respond_refusal(response, request, err);
	mint(&call, NULL);
	respond_token(&call, response, err);
	return true;
}

bool post_token_callback(struct context *context, const struct request *request,
			 struct response *response, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct callback_call call;

	if (!call_open(&call, context, request, err))
		return respond_refusal(response, request, err);
	if (!request_json(request, false, &body, err)) {
		respond_refusal(response, request, err);
		note_use(&call, err->code, response->status, err);
		return true;
	}
	mint(&call, body);
	respond_token(&call, response, err);
	return true;
}

/* Only where the customer has told us what the engine signs with. */
static bool check_signature(const struct callback_call *call, const json_t *body, struct error *err)
{
	const struct seal_place place = token_callback_signing_secret_place(&call->callback);
	const char *signature = request_header(call->request, "x-webhook-signature");
	struct arena *arena = call->broker.arena;
	const char *secret;
	struct span key;

	if (!keyring_open_sealed(call->broker.keyring, arena, &place, call->callback.signing_secret,
				 &secret, err))
		return false;
	if (secret == NULL)
		return true;
	if (!signature_read_secret(arena, secret, &key))
		return error_set(err, ERROR_INTERNAL, "the stored signing secret is not base64");
	if (signature_attendee_is_valid(arena, &key, body, signature))
		return true;
	return error_set_code(err, ERROR_UNAUTHENTICATED, "invalid_signature",
			      "X-Webhook-Signature is %s",
			      signature == NULL ? "missing" : "not that of the signing secret");
}

static json_t *tokens_json(const struct join_tokens *tokens)
{
	json_t *json = json_object();

	if (tokens->zak_token != NULL)
		json_object_set_new(json, "zak_token", json_string(tokens->zak_token));
	if (tokens->app_privilege_token != NULL)
		json_object_set_new(json, "app_privilege_token",
				    json_string(tokens->app_privilege_token));
	if (tokens->onbehalf_token != NULL)
		json_object_set_new(json, "onbehalf_token", json_string(tokens->onbehalf_token));
	return json;
}

bool post_attendee_callback(struct context *context, const struct request *request,
			    struct response *response, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct callback_call call;

	if (!call_open(&call, context, request, err))
		return false;
	if (!request_json(request, false, &body, err) || !check_signature(&call, body, err)) {
		note_use(&call, err->code, error_http_status(err->kind), err);
		return false;
	}
	mint(&call, body);
	explain(&call, err);
	respond_json(response, context->arena, 200, tokens_json(&call.tokens));
	note_use(&call, outcome_of(&call), response->status, err);
	return true;
}
