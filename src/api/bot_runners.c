#include "api/bot_runners.h"

#include "api/bot_request.h"
#include "api/limits.h"
#include "base/doorbell.h"
#include "bot/lease.h"
#include "bot/life.h"
#include "bot/transition.h"
#include "broker/health.h"
#include "http/input.h"
#include "http/json.h"
#include "store/connection.h"

#include <string.h>

struct claim {
	struct lease_request request;
	instant now;
	bool found; /* what follows is set */
	struct bot bot;
	const char *token;
};

static bool read_claim(struct context *context, json_t *body, struct claim *claim,
		       struct error *err)
{
	struct input input = input_of_json(context->arena, body);

	claim->now = context_now(context);
	claim->request = (struct lease_request){
		.project_id = context->project_id,
		.runner_id = input_string(&input, "runner_id", INPUT_REQUIRED, RUNNER_ID_BYTES_MAX),
		.lease_s = (int)input_int(&input, "lease_s", LEASE_S_MIN, LEASE_S_MAX,
					  LEASE_S_DEFAULT),
		.heard_since = context_up_since(context),
	};
	return input_end(&input, err);
}

static bool take_bot(struct context *context, void *part, struct error *err)
{
	struct claim *claim = part;

	return lease_claim(context->db, context->arena, &claim->request, claim->now, &claim->found,
			   &claim->bot, &claim->token, err);
}

/* Runners ask all the time, mostly in vain: those need not wait for the right to write. */
static bool claim_bot(struct context *context, struct claim *claim, struct error *err)
{
	return lease_is_worth_claiming(context->db, claim->request.project_id, claim->now,
				       &claim->found, err) &&
	       (!claim->found || context_store(context, take_bot, claim, err));
}

bool post_bot_claim(struct context *context, const struct request *request,
		    struct response *response, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct claim claim = {0};
	json_t *bot_json, *json;

	if (!request_json(request, false, &body, err) || !read_claim(context, body, &claim, err) ||
	    !claim_bot(context, &claim, err))
		return false;
	response->status = 204;
	if (!claim.found)
		return true;
	if (!bot_render(context, &claim.bot, &bot_json, err))
		return false;
	json = json_object();
	json_object_set_new(json, "bot", bot_json);
	json_object_set_new(json, "lease_token", json_string(claim.token));
	json_object_set_new(json, "lease_expires_at",
			    json_instant_or_null(claim.bot.lease_expires_at));
	respond_json(response, context->arena, 200, json);
	return true;
}

/* The bot of the path, if the token is the one of its lease. */
static bool find_leased(struct context *context, const struct request *request, const char *token,
			struct bot *bot, struct error *err)
{
	return bot_of_request(context, request, bot, err) &&
	       lease_check(context->db, bot, token, err);
}

struct heartbeat {
	const struct request *request;
	const char *lease_token;
	int lease_s; /* 0: as before */
	struct bot bot;
};

static bool read_heartbeat(struct context *context, json_t *body, struct heartbeat *heartbeat,
			   struct error *err)
{
	struct input input = input_of_json(context->arena, body);

	heartbeat->lease_token =
		input_string(&input, "lease_token", INPUT_REQUIRED, LEASE_TOKEN_BYTES_MAX);
	heartbeat->lease_s = (int)input_int(&input, "lease_s", LEASE_S_MIN, LEASE_S_MAX, 0);
	return input_end(&input, err);
}

static bool extend_lease(struct context *context, void *part, struct error *err)
{
	struct heartbeat *heartbeat = part;

	return find_leased(context, heartbeat->request, heartbeat->lease_token, &heartbeat->bot,
			   err) &&
	       lease_extend(context->db, &heartbeat->bot, heartbeat->lease_s, context_now(context),
			    err);
}

bool post_bot_heartbeat(struct context *context, const struct request *request,
			struct response *response, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct heartbeat heartbeat = {.request = request};
	json_t *json;

	if (!request_json(request, false, &body, err) ||
	    !read_heartbeat(context, body, &heartbeat, err) ||
	    !context_store(context, extend_lease, &heartbeat, err) ||
	    !bot_render(context, &heartbeat.bot, &json, err))
		return false;
	json_object_set_new(json, "lease_expires_at",
			    json_instant_or_null(heartbeat.bot.lease_expires_at));
	respond_json(response, context->arena, 200, json);
	return true;
}

struct report {
	const struct request *request;
	const char *lease_token;
	struct bot_event event;
	struct bot bot;
	bool wakes_worker;
};

static const char *read_sub_type(struct input *input, const char *type)
{
	const char *const *sub_types = type != NULL ? transition_sub_types(type) : NULL;

	if (sub_types != NULL)
		return input_choice(input, "sub_type", INPUT_REQUIRED, sub_types);
	if (input_has(input, "sub_type") && type != NULL)
		input_refuse(input, "sub_type", "must be left out: %s has none", type);
	return NULL;
}

static bool read_report(struct context *context, json_t *body, struct report *report,
			struct error *err)
{
	struct input input = input_of_json(context->arena, body);
	json_t *metadata = input_object(&input, "metadata", METADATA_BYTES_MAX);
	struct bot_event *event = &report->event;

	report->lease_token =
		input_string(&input, "lease_token", INPUT_REQUIRED, LEASE_TOKEN_BYTES_MAX);
	event->type = input_choice(&input, "type", INPUT_REQUIRED, transition_runner_types);
	event->sub_type = read_sub_type(&input, event->type);
	event->metadata = metadata != NULL ? json_text(context->arena, metadata) : NULL;
	event->created_at = context_now(context);
	return input_end(&input, err);
}

static bool is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The runner tells once more what it told last: the answer did not reach it. */
static bool is_repetition(struct context *context, const struct bot *bot,
			  const struct bot_event *event, bool *is_repeated, struct error *err)
{
	struct bot_event newest;

	if (!bot_event_find_newest(context->db, context->arena, bot->id, is_repeated, &newest, err))
		return false;
	*is_repeated = *is_repeated && is_same_text(newest.type, event->type) &&
		       is_same_text(newest.sub_type, event->sub_type) &&
		       is_same_text(newest.metadata, event->metadata);
	return true;
}

/* The tokens of the bot's connection did not do what they are for: the worker asks Zoom about it. */
static bool probe_connection(struct context *context, const struct bot *bot,
			     const struct bot_event *event, bool *wakes_worker, struct error *err)
{
	struct connection connection;
	bool found;

	if (bot->connection_id == 0 || !transition_doubts_connection(event->type, event->sub_type))
		return true;
	if (!connection_find_by_id(context->db, context->arena, bot->connection_id, &found,
				   &connection, err))
		return false;
	return !found || health_probe(context->db, context->arena, &connection, event->created_at,
				      wakes_worker, err);
}

static bool apply(struct context *context, struct report *report, struct error *err)
{
	return life_apply(context->db, context->arena, &report->bot, &report->event, err) &&
	       probe_connection(context, &report->bot, &report->event, &report->wakes_worker, err);
}

/* An event is a sign of life as well. */
static bool record_event(struct context *context, void *part, struct error *err)
{
	struct report *report = part;
	bool is_repeated;

	report->wakes_worker = false;
	return find_leased(context, report->request, report->lease_token, &report->bot, err) &&
	       is_repetition(context, &report->bot, &report->event, &is_repeated, err) &&
	       (is_repeated || apply(context, report, err)) &&
	       lease_extend(context->db, &report->bot, 0, report->event.created_at, err);
}

bool post_bot_event(struct context *context, const struct request *request,
		    struct response *response, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct report report = {.request = request};

	if (!request_json(request, false, &body, err) ||
	    !read_report(context, body, &report, err) ||
	    !context_store(context, record_event, &report, err))
		return false;
	if (report.wakes_worker)
		doorbell_ring(context->process->config.database);
	return respond_bot(context, response, 200, &report.bot, err);
}
