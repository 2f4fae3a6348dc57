#include "api/bot_webhooks.h"

#include "api/webhook_input.h"
#include "api/webhook_json.h"
#include "api/webhook_secret.h"
#include "store/public_id.h"

static void read_one(struct input *input, const char *place, json_t *item, bool allow_private,
		     struct webhook *webhook)
{
	struct input fields;

	if (!json_is_object(item)) {
		input_refuse(input, place, "must be a JSON object");
		return;
	}
	fields = input_of_json(input->arena, item);
	webhook->url = webhook_input_url(&fields, INPUT_REQUIRED, allow_private);
	webhook->triggers =
		webhook_input_triggers(&fields, INPUT_REQUIRED, webhook_triggers_of_bot);
	input_end_part(&fields, place, input);
}

void bot_webhooks_read(struct input *input, bool allow_private, struct bot_webhooks *webhooks)
{
	static const char name[] = "webhooks";
	const bool is_sent = input_has(input, name);
	const json_t *list = json_object_get(input->object, name);
	size_t index;
	json_t *item;

	*webhooks = (struct bot_webhooks){0};
	if (!is_sent)
		return;
	if (!json_is_array(list) || json_array_size(list) > WEBHOOKS_OF_BOT_MAX) {
		input_refuse(input, name, "must be a list of at most %d", WEBHOOKS_OF_BOT_MAX);
		return;
	}
	json_array_foreach ((json_t *)list, index, item) {
		read_one(input, arena_printf(input->arena, "%s[%zu]", name, index), item,
			 allow_private, &webhooks->webhooks[webhooks->count++]);
	}
}

bool bot_webhooks_add(struct context *context, const struct bot *bot, struct bot_webhooks *webhooks,
		      struct error *err)
{
	for (int i = 0; i < webhooks->count; i++) {
		struct webhook *webhook = &webhooks->webhooks[i];

		webhook->public_id = public_id_make(context->arena, "wh_");
		webhook->project_id = bot->project_id;
		webhook->bot_id = bot->id;
		webhook->bot_public_id = bot->public_id;
		webhook->created_at = webhook->updated_at = bot->updated_at;
		webhooks->secrets[i] =
			webhook_secret_make(context->process->keyring, context->arena, webhook);
		if (!webhook_add(context->db, webhook, err))
			return false;
	}
	return true;
}

json_t *bot_webhooks_json(const struct bot_webhooks *webhooks)
{
	json_t *list = json_array();

	for (int i = 0; i < webhooks->count; i++)
		json_array_append_new(list, webhook_json_with_secret(&webhooks->webhooks[i],
								     webhooks->secrets[i]));
	return list;
}
