#include "api/zoom_tokens.h"

#include "api/bot_plan.h"
#include "api/broker_context.h"
#include "broker/join_tokens.h"
#include "http/json.h"
#include "serve/context.h"
#include "store/bot.h"
#include "store/bot_presence.h"
#include "store/transaction.h"

#include <stdio.h>

enum {
	/* As long as a group may be waited for: the one before, and the own. */
	GROUP_MS_MAX = 2 * DB_BUSY_TIMEOUT_MS,
	/* What a bot may be kept waiting beyond its time: enough for a commit, where nobody holds the database. */
	LATE_MS_MAX = 250,
};

static json_t *presence_json(enum presence presence)
{
	return presence == PRESENCE_UNKNOWN ? json_null()
					    : json_boolean(presence == PRESENCE_PRESENT);
}

static json_t *tokens_json(const struct bot *bot, const struct join_tokens *tokens,
			   enum presence presence)
{
	json_t *json = json_object();

	json_object_set_new(json, "join_flow",
			    json_string(tokens->is_token_flow ? "token" : "standard"));
	json_object_set_new(json, "join_flow_reason", json_string_or_null(tokens->reason));
	json_object_set_new(json, "zoom_oauth_connection_id",
			    json_string_or_null(bot->connection_public_id));
	json_object_set_new(json, "app_privilege_token",
			    json_string_or_null(tokens->app_privilege_token));
	json_object_set_new(json, "app_privilege_token_expires_at",
			    json_instant_or_null(tokens->app_privilege_token_expires_at));
	json_object_set_new(json, "onbehalf_token", json_string_or_null(tokens->onbehalf_token));
	json_object_set_new(json, "zak_token", json_string_or_null(tokens->zak_token));
	json_object_set_new(json, "join_token", json_null());
	json_object_set_new(json, "zoom",
			    tokens->failure.class != ZOOM_FAILURE_NONE
				    ? zoom_failure_json(&tokens->failure)
				    : json_null());
	json_object_set_new(json, "onbehalf_user_present", presence_json(presence));
	return json;
}

static bool store_join_flow(struct context *context, void *part, struct error *err)
{
	const struct bot *bot = part;

	return bot_set_join_flow(context->db, bot, context_now(context), err);
}

static bool store_late(struct context *context, const struct bot *bot, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	return transaction_begin_first_until(&transaction, context->db,
					     clock_monotonic_ms() + LATE_MS_MAX, err) &&
	       bot_set_join_flow(context->db, bot, context_now(context), err) &&
	       transaction_commit(&transaction, err);
}

/* Where Zoom has taken its time there is none left to wait for whoever holds the database. */
static bool remember(struct context *context, struct bot *bot, struct error *err)
{
	const int64_t deadline_ms = context->started_ms + context->process->config.zoom_timeout_ms;

	return deadline_ms - clock_monotonic_ms() >= GROUP_MS_MAX
		       ? context_store(context, store_join_flow, bot, err)
		       : store_late(context, bot, err);
}

/*
 * Plans, mints and remembers how it went. Where the database fails the tokens are those that there
 * are by then, and err says why for the log.
 */
static bool mint(struct context *context, struct bot *bot, struct join_tokens *tokens,
		 struct error *err)
{
	struct broker broker = broker_of(context);
	struct join_plan plan;

	if (!bot_plan_make(&broker, bot, &plan, err))
		return false;
	join_tokens_mint(&broker, &plan, tokens);
	return !bot_plan_note(bot, tokens->is_token_flow, tokens->reason, &plan) ||
	       remember(context, bot, err);
}

/* Where the database fails nothing is known, and err says why for the log. */
static enum presence find_presence(struct context *context, const struct bot *bot,
				   struct error *err)
{
	enum presence presence;

	if (bot->onbehalf_user_id == NULL ||
	    !bot_presence_find(context->db, bot->id, context_now(context), &presence, err))
		return PRESENCE_UNKNOWN;
	return presence;
}

/* For the log line of a request that is answered all the same; it may have worse already. */
static void explain(const struct join_tokens *tokens, struct error *err)
{
	const char *failure = join_tokens_failure(tokens);

	if (err->kind == ERROR_NONE && failure != NULL)
		error_set_code(err, ERROR_NOT_FOUND, tokens->reason, "a token is missing: %s",
			       failure);
}

static void count(const struct context *context, const struct join_tokens *tokens)
{
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "flow=\"%s\",reason=\"%s\"",
		 tokens->is_token_flow ? "token" : "standard",
		 tokens->reason != NULL ? tokens->reason : "");
	tally_add(context->process->tallies, "hallpass_zoom_tokens_total", labels);
}

bool post_bot_zoom_tokens(struct context *context, const struct request *request,
			  struct response *response, struct error *err)
{
	const char *public_id = request_path_parameter(request, "id");
	struct join_tokens tokens = {0};
	struct bot bot = {0};
	bool found = false;
	const bool is_read = bot_find(context->db, context->arena, context->project_id, public_id,
				      &found, &bot, err);

	if (is_read && !found)
		return error_set(err, ERROR_NOT_FOUND, "there is no such bot in this project");
	if (is_read && bot_is_final(&bot))
		tokens.reason = "bot_has_ended";
	else if ((!is_read || !mint(context, &bot, &tokens, err)) && !tokens.is_token_flow &&
		 tokens.reason == NULL)
		tokens.reason = arena_strdup(context->arena, err->code);
	explain(&tokens, err);
	count(context, &tokens);
	respond_json(response, context->arena, 200,
		     tokens_json(&bot, &tokens, find_presence(context, &bot, err)));
	return true;
}
