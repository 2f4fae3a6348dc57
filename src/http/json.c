#include "http/json.h"

#include "http/json_plain.h"

#include <string.h>

/* jansson itself goes 2048 deep, which a small thread's stack does not. */
static bool is_too_deep(const char *text, size_t size)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < size; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
		}
	}
	return false;
}

/* jansson quotes what it found near the place, which may be a secret: that goes, unless it is a name. */
static void drop_quotation(json_error_t *reason)
{
	char *quotation = strstr(reason->text, " near '");

	if (quotation != NULL && json_error_code(reason) != json_error_duplicate_key)
		*quotation = '\0';
}

bool json_read(const char *text, size_t size, json_t **value, struct error *err)
{
	json_error_t reason;

	*value = json_read_plain(text, size, JSON_DEPTH_MAX);
	if (*value != NULL)
		return true;
	if (is_too_deep(text, size))
		return error_set_code(err, ERROR_INVALID, "invalid_json",
				      "the JSON is nested more than %d deep", JSON_DEPTH_MAX);
	*value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
	if (*value == NULL) {
		drop_quotation(&reason);
		return error_set_code(err, ERROR_INVALID, "invalid_json",
				      "not valid JSON: line %d, column %d: %s", reason.line,
				      reason.column, reason.text);
	}
	return true;
}

const char *json_whole_string(const json_t *value)
{
	return json_is_string(value) && !json_holds_nul(value) ? json_string_value(value) : NULL;
}

/* As deep as json_read() lets it be. */
bool json_holds_nul(const json_t *value)
{
	const char *name;
	size_t i;
	json_t *member;

	if (json_is_string(value))
		return strlen(json_string_value(value)) != json_string_length(value);
	json_array_foreach (value, i, member)
		if (json_holds_nul(member))
			return true;
	json_object_foreach ((json_t *)value, name, member)
		if (json_holds_nul(member))
			return true;
	return false;
}

const char *json_text(struct arena *arena, const json_t *value)
{
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
	const size_t size = json_dumpb(value, NULL, 0, flags);
	char *text = arena_alloc(arena, size + 1);

	json_dumpb(value, text, size, flags);
	return text;
}

json_t *json_string_or_null(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

json_t *json_words(const char *text)
{
	json_t *array = json_array();

	while (*text != '\0') {
		const size_t length = strcspn(text, " ");

		if (length > 0)
			json_array_append_new(array, json_stringn(text, length));
		text += length + (text[length] != '\0');
	}
	return array;
}

json_t *json_instant_or_null(instant at)
{
	char text[INSTANT_TEXT_BYTES];

	if (at == 0)
		return json_null();
	instant_format(at, text);
	return json_string(text);
}
