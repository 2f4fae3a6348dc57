#include "api/bot_input.h"

#include "api/limits.h"
#include "http/input.h"
#include "http/json.h"
#include "zoom/meeting_url.h"

#include <string.h>

static const char default_bot_name[] = "Notetaker";

struct bot bot_input_new(int64_t project_id)
{
	return (struct bot){.project_id = project_id,
			    .bot_name = default_bot_name,
			    .metadata = "{}"};
}

/* Leaves *value where the field is not there. */
static void read_string(struct input *input, const char *name, size_t bytes_max,
			const char *value_for_null, const char **value)
{
	if (input_has(input, name))
		*value = input_string(input, name, INPUT_OPTIONAL, bytes_max);
	else if (input_is_null(input, name))
		*value = value_for_null;
}

static void read_object(struct input *input, const char *name, const char *value_for_null,
			const char **value)
{
	json_t *object = input_object(input, name, METADATA_BYTES_MAX);

	if (object != NULL)
		*value = json_text(input->arena, object);
	else if (input_is_null(input, name))
		*value = value_for_null;
}

static bool is_given(const json_t *value)
{
	return value != NULL && !json_is_null(value);
}

/* The user whose token of that kind is wanted, the one field of the object: without it that is of no use. */
static const char *read_token_user_id(struct input *input, const json_t *settings, const char *kind)
{
	const char *object_field = arena_printf(input->arena, "zoom_settings.%s", kind);
	const char *field =
		arena_printf(input->arena, "%s.zoom_oauth_connection_user_id", object_field);
	const json_t *object = json_object_get(settings, kind);
	const json_t *user_id = json_object_get(object, "zoom_oauth_connection_user_id");

	if (!is_given(object))
		return NULL;
	if (!json_is_object(object))
		input_refuse(input, object_field, "must be a JSON object");
	else if (!is_given(user_id))
		input_refuse(input, field, "is required");
	else if (!json_is_string(user_id))
		input_refuse(input, field, "must be a string");
	else if (json_string_length(user_id) == 0 ||
		 json_string_length(user_id) > ZOOM_USER_ID_BYTES_MAX)
		input_refuse(input, field, "must have 1 to %d bytes", ZOOM_USER_ID_BYTES_MAX);
	return arena_strdup(input->arena, json_string_value(user_id));
}

/* Three keys mean something to us; the others are the customer's and stay as they are. */
static void read_zoom_settings(struct input *input, struct bot *bot)
{
	const json_t *settings = input_object(input, "zoom_settings", METADATA_BYTES_MAX);
	const json_t *sdk = json_object_get(settings, "sdk");

	read_object(input, "zoom_settings", NULL, &bot->zoom_settings);
	if (settings == NULL) {
		if (bot->zoom_settings == NULL)
			bot->onbehalf_user_id = NULL;
		return;
	}
	if (is_given(sdk) &&
	    (!json_is_string(sdk) || (strcmp(json_string_value(sdk), "web") != 0 &&
				      strcmp(json_string_value(sdk), "native") != 0)))
		input_refuse(input, "zoom_settings.sdk", "must be one of: web, native");
	bot->onbehalf_user_id = read_token_user_id(input, settings, "onbehalf_token");
	if (read_token_user_id(input, settings, "zak_token") != NULL &&
	    bot->onbehalf_user_id != NULL)
		input_refuse(input, "zoom_settings.zak_token",
			     "cannot be used together with onbehalf_token: Zoom takes one of them");
}

static void read_connection(struct input *input, struct bot *bot)
{
	static const char field[] = "zoom_oauth_connection_id";

	if (input_has(input, field) || input_is_null(input, field))
		bot->asked_connection_id = 0;
	read_string(input, field, PUBLIC_ID_BYTES_MAX, NULL, &bot->asked_connection_public_id);
}

/* Whether runners are kept waiting for the on-behalf user, and how long. */
static void read_wait(struct input *input, struct bot *bot)
{
	static const char field[] = "wait_for_onbehalf_user", limit[] = "onbehalf_user_timeout_s";
	const int former_s = bot->onbehalf_user_timeout_s;
	const bool waits = input_bool(input, field, former_s != 0 && !input_is_null(input, field));
	const bool keeps = former_s != 0 && !input_is_null(input, limit);
	const int64_t timeout_s =
		input_int(input, limit, ONBEHALF_USER_TIMEOUT_S_MIN, ONBEHALF_USER_TIMEOUT_S_MAX,
			  keeps ? former_s : ONBEHALF_USER_TIMEOUT_S_DEFAULT);

	if (!waits && input_has(input, limit))
		input_refuse(input, limit, "is of use only with %s", field);
	if (waits && bot->onbehalf_user_id == NULL)
		input_refuse(input, field,
			     "needs zoom_settings.onbehalf_token: there is no user to wait for");
	bot->onbehalf_user_timeout_s = waits ? (int)timeout_s : 0;
}

static void read_join_at(struct input *input, instant now, struct bot *bot)
{
	const bool is_sent = input_has(input, "join_at") || input_is_null(input, "join_at");

	if (is_sent)
		bot->join_at = input_instant(input, "join_at");
	if (is_sent || bot->state == NULL)
		bot->state = bot->join_at > now ? "scheduled" : "ready";
}

/* The link, or the whole invitation, as it was sent; NULL where a stored bot keeps its own. */
static const char *read_meeting_text(struct input *input, const struct bot *bot)
{
	static const char field[] = "meeting_url";

	if (bot->meeting_url != NULL && input_is_null(input, field))
		input_refuse(input, field, "must not be null");
	return input_string(input, field,
			    bot->meeting_url == NULL ? INPUT_REQUIRED : INPUT_OPTIONAL,
			    MEETING_TEXT_BYTES_MAX);
}

static bool apply_meeting_text(struct arena *arena, const char *text, struct bot *bot,
			       struct error *err)
{
	struct meeting_url url;

	if (!meeting_url_parse(arena, text, &url, err))
		return false;
	bot->meeting_url = url.canonical;
	bot->meeting_id = url.meeting_id;
	bot->personal_name = url.personal_name;
	bot->is_webinar_link = url.is_webinar_link;
	return true;
}

/* All but the webhooks; gives the text of the meeting, which is to be read once all fields are right. */
static const char *read_fields(struct input *input, instant now, struct bot *bot)
{
	const char *meeting_text = read_meeting_text(input, bot);

	read_string(input, "bot_name", BOT_NAME_BYTES_MAX, default_bot_name, &bot->bot_name);
	read_connection(input, bot);
	read_zoom_settings(input, bot);
	read_wait(input, bot);
	read_join_at(input, now, bot);
	read_string(input, "deduplication_key", DEDUPLICATION_KEY_BYTES_MAX, NULL,
		    &bot->deduplication_key);
	read_object(input, "metadata", "{}", &bot->metadata);
	return meeting_text;
}

bool bot_input_read_new(struct arena *arena, json_t *body, instant now, bool allow_private_urls,
			struct bot *bot, struct bot_webhooks *webhooks, struct error *err)
{
	struct input input = input_of_json(arena, body);
	const char *meeting_text = read_fields(&input, now, bot);

	bot_webhooks_read(&input, allow_private_urls, webhooks);
	return input_end(&input, err) && apply_meeting_text(arena, meeting_text, bot, err);
}

bool bot_input_read_change(struct arena *arena, json_t *body, instant now, struct bot *bot,
			   struct error *err)
{
	struct input input = input_of_json(arena, body);
	const char *meeting_text = read_fields(&input, now, bot);

	if (input_has(&input, "webhooks"))
		input_refuse(&input, "webhooks",
			     "come with a new bot alone: change them at /api/v1/webhooks");
	if (!input_end(&input, err))
		return false;
	return meeting_text == NULL || apply_meeting_text(arena, meeting_text, bot, err);
}

bool bot_input_is_metadata_only(const json_t *body)
{
	return json_object_size(body) == 1 && json_object_get(body, "metadata") != NULL;
}
