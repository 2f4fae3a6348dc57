#include "api/bot_request.h"

#include "api/bot_json.h"
#include "store/bot_event.h"

bool bot_of_request(struct context *context, const struct request *request, struct bot *bot,
		    struct error *err)
{
	const char *public_id = request_path_parameter(request, "id");
	bool found;

	if (!bot_find(context->db, context->arena, context->project_id, public_id, &found, bot,
		      err))
		return false;
	return found || error_set(err, ERROR_NOT_FOUND, "there is no such bot in this project");
}

bool bot_render(struct context *context, const struct bot *bot, json_t **json, struct error *err)
{
	struct bot_event *events;
	int count;

	if (!bot_event_list(context->db, context->arena, bot->id, &events, &count, err))
		return false;
	*json = bot_json(bot, events, count);
	return true;
}

bool respond_bot(struct context *context, struct response *response, int status,
		 const struct bot *bot, struct error *err)
{
	json_t *json;

	if (!bot_render(context, bot, &json, err))
		return false;
	respond_json(response, context->arena, status, json);
	return true;
}
