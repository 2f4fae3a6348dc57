#include "api/webhook_input.h"

#include "api/limits.h"
#include "http/sender.h"

#include <jansson.h>
#include <string.h>

const char *webhook_input_url(struct input *input, enum input_need need, bool allow_private)
{
	const char *url = input_string(input, "url", need, WEBHOOK_URL_BYTES_MAX);
	struct error err;

	if (url == NULL || http_sender_check_url(url, allow_private, &err))
		return url;
	input_refuse(input, "url", "%s", err.message);
	return NULL;
}

/* Of its whole length: a NUL in it ends nothing. */
static bool is_text(const json_t *item, const char *text)
{
	return json_is_string(item) && json_string_length(item) == strlen(text) &&
	       memcmp(json_string_value(item), text, strlen(text)) == 0;
}

static bool has_text(const json_t *list, const char *text)
{
	size_t index;
	json_t *item;

	json_array_foreach ((json_t *)list, index, item)
		if (is_text(item, text))
			return true;
	return false;
}

static bool is_choice(const json_t *item, const char *const *choices)
{
	for (; *choices != NULL; choices++)
		if (is_text(item, *choices))
			return true;
	return false;
}

static const char *join(struct arena *arena, const char *const *choices, const json_t *only_in,
			const char *separator)
{
	const char *text = NULL;

	for (; *choices != NULL; choices++)
		if (only_in == NULL || has_text(only_in, *choices))
			text = text == NULL
				       ? *choices
				       : arena_printf(arena, "%s%s%s", text, separator, *choices);
	return text;
}

const char *webhook_input_triggers(struct input *input, enum input_need need,
				   const char *const *choices)
{
	static const char name[] = "triggers";
	const bool is_sent = input_has(input, name);
	const json_t *list = json_object_get(input->object, name);
	size_t index;
	json_t *item;

	if (!is_sent) {
		if (need == INPUT_REQUIRED)
			input_refuse(input, name, "is required");
		return NULL;
	}
	if (!json_is_array(list) || json_array_size(list) == 0) {
		input_refuse(input, name, "must be a list of at least one");
		return NULL;
	}
	json_array_foreach ((json_t *)list, index, item) {
		if (is_choice(item, choices))
			continue;
		input_refuse(input, name, "must hold none but: %s",
			     join(input->arena, choices, NULL, ", "));
		return NULL;
	}
	return join(input->arena, choices, list, " ");
}
