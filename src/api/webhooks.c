#include "api/webhooks.h"

#include "api/limits.h"
#include "api/list.h"
#include "api/webhook_input.h"
#include "api/webhook_json.h"
#include "api/webhook_secret.h"
#include "http/input.h"
#include "notify/notification.h"
#include "serve/context.h"
#include "store/bot.h"
#include "store/delivery.h"
#include "store/public_id.h"
#include "store/transaction.h"
#include "store/webhook.h"

#include <string.h>

static const char *const states[] = {"active", "disabled", NULL};

static bool find_webhook(struct context *context, const struct request *request,
			 struct webhook *webhook, struct error *err)
{
	bool found;

	if (!webhook_find(context->db, context->arena, context->project_id,
			  request_path_parameter(request, "id"), &found, webhook, err))
		return false;
	return found || error_set(err, ERROR_NOT_FOUND, "there is no such webhook in this project");
}

static bool read_new(struct context *context, const struct request *request,
		     struct webhook *webhook, struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct input input;

	if (!request_json(request, false, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	*webhook = (struct webhook){
		.public_id = public_id_make(context->arena, "wh_"),
		.project_id = context->project_id,
		.url = webhook_input_url(&input, INPUT_REQUIRED,
					 context->process->config.allow_private_urls),
		.triggers = webhook_input_triggers(&input, INPUT_REQUIRED, webhook_triggers),
	};
	return input_end(&input, err);
}

/* Each change is written once for each of them: so there is a limit to how many a project has. */
static bool check_count(struct context *context, struct error *err)
{
	int64_t count;

	if (!webhook_count(context->db, context->project_id, &count, err))
		return false;
	return count < WEBHOOKS_OF_PROJECT_MAX ||
	       error_set_code(err, ERROR_CONFLICT, "too_many_webhooks",
			      "a project may have %d webhooks: delete one that is not needed",
			      WEBHOOKS_OF_PROJECT_MAX);
}

bool post_webhook(struct context *context, const struct request *request, struct response *response,
		  struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct webhook webhook;
	const char *secret;

	if (!read_new(context, request, &webhook, err))
		return false;
	webhook.created_at = webhook.updated_at = context_now(context);
	if (!transaction_begin(&transaction, context->db, err) || !check_count(context, err))
		return false;
	secret = webhook_secret_make(context->process->keyring, context->arena, &webhook);
	if (!webhook_add(context->db, &webhook, err) || !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 201, webhook_json_with_secret(&webhook, secret));
	return true;
}

bool get_webhook(struct context *context, const struct request *request, struct response *response,
		 struct error *err)
{
	struct webhook webhook;

	if (!find_webhook(context, request, &webhook, err))
		return false;
	respond_json(response, context->arena, 200, webhook_json(&webhook));
	return true;
}

/* Those of one bot where it is named, else those of the project as a whole. */
static bool read_filter(struct context *context, struct list *list, int64_t *bot_id,
			struct error *err)
{
	const char *public_id =
		input_string(&list->input, "bot_id", INPUT_OPTIONAL, FILTER_BYTES_MAX);
	struct bot bot;
	bool found;

	*bot_id = 0;
	if (!input_end(&list->input, err))
		return false;
	if (public_id == NULL)
		return true;
	if (!bot_find(context->db, context->arena, context->project_id, public_id, &found, &bot,
		      err))
		return false;
	*bot_id = found ? bot.id : -1;
	return true;
}

bool get_webhooks(struct context *context, const struct request *request, struct response *response,
		  struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct webhook *webhooks;
	int64_t bot_id;

	if (!list_open(&list, context, request, err) ||
	    !read_filter(context, &list, &bot_id, err) ||
	    !webhook_list(context->db, context->arena, context->project_id, bot_id, &list.page,
			  &webhooks, &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, webhook_json(&webhooks[i]), webhooks[i].id);
	list_respond(&list, response);
	return true;
}

/* What a caller may change; NULL is not sent. */
struct webhook_changes {
	const char *url, *triggers, *state;
};

static bool read_changes(struct context *context, const struct request *request,
			 const struct webhook *webhook, struct webhook_changes *changes,
			 struct error *err)
{
	static const char *const never_null[] = {"url", "triggers", "state"};
	SCOPED(json_decrefp) json_t *body = NULL;
	struct input input;

	if (!request_json(request, false, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	*changes = (struct webhook_changes){
		.url = webhook_input_url(&input, INPUT_OPTIONAL,
					 context->process->config.allow_private_urls),
		.triggers = webhook_input_triggers(&input, INPUT_OPTIONAL,
						   webhook->bot_id != 0 ? webhook_triggers_of_bot
									: webhook_triggers),
		.state = input_choice(&input, "state", INPUT_OPTIONAL, states),
	};
	for (size_t i = 0; i < COUNT_OF(never_null); i++)
		if (input_is_null(&input, never_null[i]))
			input_refuse(&input, never_null[i], "must not be null");
	return input_end(&input, err);
}

/* Whatever had failed before is no reason to wait any more. */
static void forget_failures(struct webhook *webhook)
{
	webhook->failing_since = webhook->paused_until = 0;
	webhook->failures = webhook->pauses = 0;
}

static void set_state(struct webhook *webhook, const char *state, instant now)
{
	const bool is_active = strcmp(state, "active") == 0;

	if (is_active == (webhook->disabled_at == 0))
		return;
	webhook->disabled_at = is_active ? 0 : now;
	webhook->disabled_reason = is_active ? NULL : WEBHOOK_BY_REQUEST;
}

/* With another URL, or active again, what is pending is sent at once. */
static bool change(struct context *context, const struct webhook_changes *changes,
		   struct webhook *webhook, struct error *err)
{
	const bool is_tried_anew = changes->url != NULL || changes->state != NULL;

	webhook->updated_at = context_now(context);
	if (changes->url != NULL)
		webhook->url = changes->url;
	if (changes->triggers != NULL)
		webhook->triggers = changes->triggers;
	if (changes->state != NULL)
		set_state(webhook, changes->state, webhook->updated_at);
	if (is_tried_anew && webhook->disabled_at == 0)
		forget_failures(webhook);
	return webhook_change(context->db, webhook, err) &&
	       (!is_tried_anew || webhook->disabled_at != 0 ||
		delivery_resume(context->db, webhook->id, webhook->updated_at, err));
}

bool patch_webhook(struct context *context, const struct request *request,
		   struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct webhook_changes changes;
	struct webhook webhook;

	if (!transaction_begin(&transaction, context->db, err) ||
	    !find_webhook(context, request, &webhook, err) ||
	    !read_changes(context, request, &webhook, &changes, err) ||
	    !change(context, &changes, &webhook, err) || !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, webhook_json(&webhook));
	return true;
}

bool delete_webhook(struct context *context, const struct request *request,
		    struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct webhook webhook;

	if (!transaction_begin(&transaction, context->db, err) ||
	    !find_webhook(context, request, &webhook, err) ||
	    !webhook_remove(context->db, webhook.id, err) || !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, json_object());
	return true;
}

/* What takes an empty body takes no field either. */
static bool check_no_fields(struct context *context, const struct request *request,
			    struct error *err)
{
	SCOPED(json_decrefp) json_t *body = NULL;
	struct input input;

	if (!request_json(request, true, &body, err))
		return false;
	input = input_of_json(context->arena, body);
	return input_end(&input, err);
}

bool post_webhook_rotate_secret(struct context *context, const struct request *request,
				struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct webhook webhook;
	const char *secret;

	if (!check_no_fields(context, request, err) ||
	    !transaction_begin(&transaction, context->db, err) ||
	    !find_webhook(context, request, &webhook, err) ||
	    !webhook_secret_rotate(context->process->keyring, context->arena, context_now(context),
				   &webhook, &secret, err) ||
	    !webhook_change(context->db, &webhook, err) || !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 200, webhook_json_with_secret(&webhook, secret));
	return true;
}

static bool check_active(const struct webhook *webhook, struct error *err)
{
	return webhook->disabled_at == 0 ||
	       error_set_code(err, ERROR_CONFLICT, "webhook_disabled",
			      "the webhook is disabled (%s): set its state to active first",
			      webhook->disabled_reason);
}

static bool find_delivery(struct context *context, const struct webhook *webhook,
			  const char *public_id, struct delivery *delivery, struct error *err)
{
	bool found;

	if (!delivery_find(context->db, context->arena, webhook->id, public_id, &found, delivery,
			   err))
		return false;
	return found ||
	       error_set(err, ERROR_NOT_FOUND, "there is no such delivery of this webhook");
}

bool post_webhook_test(struct context *context, const struct request *request,
		       struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct delivery delivery;
	struct webhook webhook;
	const char *id;

	if (!check_no_fields(context, request, err) ||
	    !transaction_begin(&transaction, context->db, err) ||
	    !find_webhook(context, request, &webhook, err) || !check_active(&webhook, err) ||
	    !notification_of_test(context->db, context->arena, &webhook, context_now(context), &id,
				  err) ||
	    !find_delivery(context, &webhook, id, &delivery, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 202, delivery_json(&delivery, &webhook));
	return true;
}

bool get_deliveries(struct context *context, const struct request *request,
		    struct response *response, struct error *err)
{
	SCOPED(list_release) struct list list = {0};
	struct delivery *deliveries;
	struct webhook webhook;
	const char *state;

	if (!find_webhook(context, request, &webhook, err) ||
	    !list_open(&list, context, request, err))
		return false;
	state = input_choice(&list.input, "state", INPUT_OPTIONAL, delivery_states);
	if (!input_end(&list.input, err) ||
	    !delivery_list(context->db, context->arena, webhook.id, state, &list.page, &deliveries,
			   &list.count, &list.has_newer, &list.has_older, err))
		return false;
	for (int i = 0; i < list.count; i++)
		list_add(&list, delivery_json(&deliveries[i], &webhook), deliveries[i].id);
	list_respond(&list, response);
	return true;
}

bool get_delivery(struct context *context, const struct request *request, struct response *response,
		  struct error *err)
{
	struct delivery delivery;
	struct webhook webhook;

	if (!find_webhook(context, request, &webhook, err) ||
	    !find_delivery(context, &webhook, request_path_parameter(request, "delivery_id"),
			   &delivery, err))
		return false;
	respond_json(response, context->arena, 200, delivery_json(&delivery, &webhook));
	return true;
}

/* Whoever asks for it expects the receiver to be there: its pause is over too. */
static bool repeat(struct context *context, const struct request *request, struct webhook *webhook,
		   struct delivery *delivery, struct error *err)
{
	const char *id = request_path_parameter(request, "delivery_id");
	const instant now = context_now(context);

	if (!find_webhook(context, request, webhook, err) ||
	    !find_delivery(context, webhook, id, delivery, err) || !check_active(webhook, err))
		return false;
	if (webhook->paused_until > now)
		webhook->paused_until = 0;
	return webhook_change(context->db, webhook, err) &&
	       delivery_repeat(context->db, delivery, now, err) &&
	       find_delivery(context, webhook, id, delivery, err);
}

bool post_redeliver(struct context *context, const struct request *request,
		    struct response *response, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct delivery delivery;
	struct webhook webhook;

	if (!check_no_fields(context, request, err) ||
	    !transaction_begin(&transaction, context->db, err) ||
	    !repeat(context, request, &webhook, &delivery, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	respond_json(response, context->arena, 202, delivery_json(&delivery, &webhook));
	return true;
}
