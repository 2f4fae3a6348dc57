#include "api/callback_input.h"

#include "api/limits.h"
#include "broker/join_plan.h"
#include "http/input.h"
#include "http/json.h"
#include "zoom/meeting_url.h"

#include <string.h>

/* Where a field may stand; what comes first counts. NULL where the request has no such thing. */
enum source { SOURCE_QUERY, SOURCE_BODY, SOURCE_CUSTOMERS, SOURCE_COUNT };

struct reading {
	struct arena *arena;
	const json_t *sources[SOURCE_COUNT];
};

/* Ids are text here and numbers there. NULL where there is none. */
static const char *text_in(const struct reading *reading, enum source source, const char *name)
{
	const json_t *value = json_object_get(reading->sources[source], name);
	const char *text = json_whole_string(value);

	if (json_is_integer(value))
		return arena_printf(reading->arena, "%lld", (long long)json_integer_value(value));
	return text != NULL && *text != '\0' ? arena_strdup(reading->arena, text) : NULL;
}

static const char *text_anywhere(const struct reading *reading, const char *const *names)
{
	for (enum source source = 0; source < SOURCE_COUNT; source++)
		for (size_t i = 0; names[i] != NULL; i++) {
			const char *text = text_in(reading, source, names[i]);

			if (text != NULL)
				return text;
		}
	return NULL;
}

/* For a log and a list: printable, and no longer than ids are. */
static const char *keep_bot_id(const char *text)
{
	if (text == NULL || strlen(text) > ENGINE_BOT_ID_BYTES_MAX)
		return NULL;
	for (const char *c = text; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			return NULL;
	return text;
}

static void read_bot_id(const struct request *request, const struct reading *reading,
			struct callback_input *input)
{
	static const char *const names[] = {"bot_id", "bot_uuid", NULL};
	const char *text = text_anywhere(reading, names);

	if (text == NULL)
		text = arena_strdup(reading->arena, request_header(request, "x-bot-id"));
	input->engine_bot_id = keep_bot_id(text);
}

/* All three of one source together, so that nobody is named by half. */
static void read_name(const struct reading *reading, struct callback_input *input)
{
	for (enum source source = 0; source < SOURCE_COUNT; source++) {
		const char *connection = text_in(reading, source, "zoom_oauth_connection_id");
		const char *user = text_in(reading, source, "zoom_user_id");
		const char *key = text_in(reading, source, "deduplication_key");

		input->connection_id = connection;
		input->zoom_user_id = connection == NULL ? user : NULL;
		input->deduplication_key = connection == NULL && user == NULL ? key : NULL;
		if (connection != NULL || user != NULL || key != NULL)
			return;
	}
}

static bool read_meeting(const struct reading *reading, struct callback_input *input,
			 struct error *err)
{
	static const char *const names[] = {"meeting_url", "meeting_id", "meeting_number", NULL};
	const char *text = text_anywhere(reading, names);
	struct meeting_url url;

	if (text == NULL)
		return true;
	if (!meeting_url_parse(reading->arena, text, &url, err))
		return false;
	input->meeting_id = url.meeting_id;
	input->personal_name = url.personal_name;
	return true;
}

/* `tokens=zak_token,…` of the address: which tokens are wanted where the engine takes several. */
static bool read_wants(const struct reading *reading, struct callback_input *input,
		       struct error *err)
{
	static const struct {
		const char *name;
		unsigned want;
	} tokens[] = {
		{"app_privilege_token", JOIN_WANTS_RECORDING},
		{"onbehalf_token", JOIN_WANTS_ONBEHALF},
		{"zak_token", JOIN_WANTS_ZAK},
	};
	const char *list = text_in(reading, SOURCE_QUERY, "tokens");
	const char *type = text_in(reading, SOURCE_BODY, "callback_type");

	if (type != NULL && strcmp(type, "zoom_tokens") != 0)
		return error_set(err, ERROR_INVALID, "callback_type must be zoom_tokens");
	input->wants = JOIN_WANTS_RECORDING | JOIN_WANTS_ONBEHALF_IF_SUPPORTED;
	if (list == NULL)
		return true;
	input->wants = 0;
	while (*list != '\0') {
		const size_t length = strcspn(list, ",");
		size_t i = 0;

		while (i < COUNT_OF(tokens) && (strlen(tokens[i].name) != length ||
						strncmp(tokens[i].name, list, length) != 0))
			i++;
		if (i == COUNT_OF(tokens))
			return error_set(err, ERROR_INVALID,
					 "tokens of the address may name app_privilege_token,"
					 " onbehalf_token and zak_token, with commas between");
		input->wants |= tokens[i].want;
		list += length + (list[length] == ',');
	}
	return true;
}

static unsigned want_of(enum callback_token token)
{
	static const unsigned wants[] = {
		[CALLBACK_RECORDING_TOKEN] = JOIN_WANTS_RECORDING,
		[CALLBACK_ONBEHALF_TOKEN] = JOIN_WANTS_ONBEHALF,
		[CALLBACK_ZAK] = JOIN_WANTS_ZAK,
		[CALLBACK_ACCESS_TOKEN] = 0,
	};

	return wants[token];
}

/* What the customer gave the engine with the bot: an object in the body, or JSON text in the query. */
static json_t *read_customers(const json_t *query, const json_t *body)
{
	const json_t *extra = json_object_get(query, "extra");
	json_t *customers = NULL;
	struct error not_ours;

	if (body != NULL)
		return json_incref(json_object_get(body, "bot_metadata"));
	if (extra == NULL ||
	    !json_read(json_string_value(extra), json_string_length(extra), &customers, &not_ours))
		return NULL;
	return customers;
}

bool callback_input_read(const struct request *request, const struct callback_address *address,
			 const json_t *body, struct callback_input *input, struct error *err)
{
	SCOPED(json_decrefp) json_t *query = NULL;
	SCOPED(json_decrefp) json_t *customers = NULL;
	struct reading reading = {.arena = request->arena};
	bool is_read;

	*input = (struct callback_input){0};
	is_read = query_to_json(request->arena, request->query, &query, err);
	if (!is_read)
		query = NULL;
	customers = read_customers(query, body);
	reading.sources[SOURCE_QUERY] = query;
	reading.sources[SOURCE_BODY] = body;
	reading.sources[SOURCE_CUSTOMERS] = customers;
	read_bot_id(request, &reading, input);
	if (!is_read || !read_meeting(&reading, input, err))
		return false;
	read_name(&reading, input);
	if (address->token == CALLBACK_TOKENS)
		return read_wants(&reading, input, err);
	input->wants = want_of(address->token);
	return true;
}
