#include "api/bots.h"

#include "api/bot_input.h"
#include "api/bot_json.h"
#include "api/bot_plan.h"
#include "api/bot_request.h"
#include "api/bot_webhooks.h"
#include "api/broker_context.h"
#include "api/limits.h"
#include "api/list.h"
#include "bot/hold.h"
#include "bot/life.h"
#include "bot/transition.h"
#include "http/input.h"
#include "serve/context.h"
#include "store/bot.h"
#include "store/connection.h"
#include "zoom/meeting_url.h"

#include <string.h>

/* The connection that the customer named; it must be one of the project's. */
static bool find_asked_connection(struct context *context, struct bot *bot, struct error *err)
{
	struct connection connection;
	bool found;

	if (bot->asked_connection_public_id == NULL)
		return true;
	if (!connection_find(context->db, context->arena, context->project_id,
			     bot->asked_connection_public_id, &found, &connection, err))
		return false;
	if (!found)
		return input_fail(context->arena, "zoom_oauth_connection_id",
				  "is no connection of this project", err);
	bot->asked_connection_id = connection.id;
	return true;
}

/* How it joins and from when on, as far as that is decided beforehand. */
static bool plan(struct context *context, struct bot *bot, struct error *err)
{
	struct broker broker = broker_of(context);
	struct join_plan join_plan;

	if (!find_asked_connection(context, bot, err) ||
	    !bot_plan_make(&broker, bot, &join_plan, err))
		return false;
	bot_plan_note(bot, join_plan.is_token_flow, join_plan.reason, &join_plan);
	hold_begin(bot, bot->updated_at);
	return true;
}

struct new_bot {
	struct bot asked; /* as the body has it */
	struct bot bot;
	struct bot_webhooks webhooks;
};

/* Only who sent webhooks is shown them, with the secrets, which nobody is shown again. */
static void respond_new_bot(struct context *context, struct response *response,
			    const struct new_bot *new)
{
	json_t *json = bot_json(&new->bot, NULL, 0); /* nothing has happened to it yet */

	if (new->webhooks.count > 0)
		json_object_set_new(json, "webhooks", bot_webhooks_json(&new->webhooks));
	respond_json(response, context->arena, 201, json);
}

static bool add_bot(struct context *context, void *part, struct error *err)
{
	struct new_bot *new = part;

	new->bot = new->asked;
	return plan(context, &new->bot, err) &&
	       bot_add(context->db, context->arena, &new->bot, err) &&
	       bot_webhooks_add(context, &new->bot, &new->webhooks, err);
}

bool post_bot(struct context *context, const struct request *request, struct response *response,
	      struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	const bool allow_private_urls = context->process->config.allow_private_urls;
	struct new_bot new = {.asked = bot_input_new(context->project_id)};

	new.asked.updated_at = context_now(context);
	if (!request_json(request, false, &body, err) ||
	    !bot_input_read_new(context->arena, body, new.asked.updated_at, allow_private_urls,
				&new.asked, &new.webhooks, err) ||
	    !context_store(context, add_bot, &new, err))
		return false;
	respond_new_bot(context, response, &new);
	return true;
}

/* Any form of a meeting's link finds it. */
static bool read_meeting_url(struct context *context, struct input *input, const char **canonical,
			     struct error *err)
{
	const char *text =
		input_string(input, "meeting_url", INPUT_OPTIONAL, MEETING_FILTER_BYTES_MAX);
	struct meeting_url url;

	*canonical = NULL;
	if (text == NULL)
		return true;
	if (!meeting_url_parse(context->arena, text, &url, err))
		return false;
	*canonical = url.canonical;
	return true;
}

static bool read_filter(struct context *context, struct list *list, struct bot_filter *filter,
			struct error *err)
{
	*filter = (struct bot_filter){
		.state = input_choice(&list->input, "state", INPUT_OPTIONAL, bot_states),
		.deduplication_key = input_string(&list->input, "deduplication_key", INPUT_OPTIONAL,
						  FILTER_BYTES_MAX),
		.join_at_after = input_instant(&list->input, "join_at_after"),
		.join_at_before = input_instant(&list->input, "join_at_before"),
	};
	list_order_by_time(list, bot_filter_is_by_time(filter));
	return read_meeting_url(context, &list->input, &filter->meeting_url, err) &&
	       input_end(&list->input, err);
}

bool get_bots(struct context *context, const struct request *request, struct response *response,
	      struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct bot_filter filter;
	struct bot *bots;
	json_t *json;

	if (!list_open(&list, context, request, err) ||
	    !read_filter(context, &list, &filter, err) ||
	    !bot_list(context->db, context->arena, context->project_id, &filter, &list.page, &bots,
		      &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++) {
		if (!bot_render(context, &bots[i], &json, err))
			return false;
		list_add_at(&list, json, bots[i].join_at, bots[i].id);
	}
	list_respond(&list, response);
	return true;
}

bool get_bot(struct context *context, const struct request *request, struct response *response,
	     struct error *err)
{
	struct bot bot;

	return bot_of_request(context, request, &bot, err) &&
	       respond_bot(context, response, 200, &bot, err);
}

static bool refuse_after_joining(const struct bot *bot, const char *what, struct error *err)
{
	if (bot_is_before_joining(bot))
		return true;
	return error_set_code(err, ERROR_CONFLICT, "bot_already_joining",
			      "%s only before the bot joins, and its state is '%s'", what,
			      bot->state);
}

/* What is stored of a bot that is there: what is asked for, and what becomes of the bot. */
struct bot_change {
	const struct request *request;
	json_t *body;
	struct bot bot;
};

/* In one transaction, so that nobody begins to join with what is being changed. */
static bool change_bot(struct context *context, void *part, struct error *err)
{
	struct bot_change *change = part;
	struct bot *bot = &change->bot;
	const bool is_metadata_only = bot_input_is_metadata_only(change->body);

	if (!bot_of_request(context, change->request, bot, err))
		return false;
	bot->updated_at = context_now(context);
	return (is_metadata_only ||
		refuse_after_joining(bot, "all but metadata can be changed", err)) &&
	       bot_input_read_change(context->arena, change->body, bot->updated_at, bot, err) &&
	       (is_metadata_only || plan(context, bot, err)) &&
	       bot_change(context->db, context->arena, bot, err);
}

bool patch_bot(struct context *context, const struct request *request, struct response *response,
	       struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct bot_change change = {.request = request};

	if (!request_json(request, false, &body, err))
		return false;
	change.body = body;
	return context_store(context, change_bot, &change, err) &&
	       respond_bot(context, response, 200, &change.bot, err);
}

static bool remove_bot(struct context *context, void *part, struct error *err)
{
	struct bot_change *change = part;

	return bot_of_request(context, change->request, &change->bot, err) &&
	       refuse_after_joining(&change->bot, "it can be deleted", err) &&
	       bot_remove(context->db, change->bot.id, err);
}

bool delete_bot(struct context *context, const struct request *request, struct response *response,
		struct error *err)
{
	struct bot_change change = {.request = request};

	if (!context_store(context, remove_bot, &change, err))
		return false;
	respond_json(response, context->arena, 200, json_object());
	return true;
}

/* The runner hears of it with its next sign of life. Asked again, it is still leaving. */
static bool call_bot_back(struct context *context, void *part, struct error *err)
{
	const struct bot_event event = {EVENT_LEAVE_REQUESTED, SUB_TYPE_USER_REQUESTED, NULL,
					context_now(context)};
	struct bot_change *change = part;

	return bot_of_request(context, change->request, &change->bot, err) &&
	       (strcmp(change->bot.state, "leaving") == 0 ||
		life_apply(context->db, context->arena, &change->bot, &event, err));
}

bool post_bot_leave(struct context *context, const struct request *request,
		    struct response *response, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct bot_change change = {.request = request};
	struct input input;

	if (!request_json(request, true, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	return input_end(&input, err) && context_store(context, call_bot_back, &change, err) &&
	       respond_bot(context, response, 200, &change.bot, err);
}
