#include "http/input.h"

#include "base/encode.h"
#include "http/json.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input input_of_json(struct arena *arena, json_t *object)
{
	return (struct input){.arena = arena, .object = object};
}

struct input input_of_query(struct arena *arena, json_t *object)
{
	return (struct input){.arena = arena, .object = object, .is_query = true};
}

static bool add_pair(struct arena *arena, json_t *object, const char *pair, size_t length,
		     struct error *err)
{
	const char *equals = memchr(pair, '=', length);
	const size_t name_length = equals != NULL ? (size_t)(equals - pair) : length;
	const char *name = percent_decode(arena, pair, name_length, true);
	const char *value =
		equals == NULL ? ""
			       : percent_decode(arena, equals + 1, length - name_length - 1, true);
	json_t *text;

	if (name == NULL || value == NULL)
		return error_set(err, ERROR_INVALID, "the query is not percent-encoded correctly");
	if (json_object_get(object, name) != NULL)
		return error_set(err, ERROR_INVALID, "the query has '%s' more than once", name);
	text = json_string(value);
	if (text == NULL || json_object_set_new(object, name, text) != 0)
		return error_set(err, ERROR_INVALID, "the query is not valid UTF-8");
	return true;
}

bool query_to_json(struct arena *arena, const char *query, json_t **object, struct error *err)
{
	json_t *pairs = json_object();

	while (*query != '\0') {
		const size_t length = strcspn(query, "&");

		if (length > 0 && !add_pair(arena, pairs, query, length, err)) {
			json_decref(pairs);
			return false;
		}
		query += length + (query[length] == '&');
	}
	*object = pairs;
	return true;
}

static json_t *get(struct input *input, const char *name)
{
	for (size_t i = 0; i < input->known_count; i++)
		if (strcmp(input->known[i], name) == 0)
			return json_object_get(input->object, name);
	assert(input->known_count < INPUT_FIELDS_MAX);
	input->known[input->known_count++] = name;
	return json_object_get(input->object, name);
}

bool input_has(struct input *input, const char *name)
{
	json_t *value = get(input, name);

	return value != NULL && !json_is_null(value);
}

bool input_is_null(struct input *input, const char *name)
{
	return json_is_null(get(input, name));
}

static void refuse(struct input *input, const char *name, const char *sentence)
{
	json_t *text = json_string(sentence);

	if (input->wrong == NULL)
		input->wrong = json_object();
	if (text == NULL)
		text = json_string("is wrong");
	if (json_object_get(input->wrong, name) == NULL)
		json_object_set(input->wrong, name, text);
	json_decref(text);
}

void input_refuse(struct input *input, const char *name, const char *format, ...)
{
	char sentence[INPUT_SENTENCE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	refuse(input, name, sentence);
}

static json_t *get_needed(struct input *input, const char *name, enum input_need need)
{
	json_t *value = get(input, name);

	if (value != NULL && !json_is_null(value))
		return value;
	if (need == INPUT_REQUIRED)
		refuse(input, name, "is required");
	return NULL;
}

const char *input_string(struct input *input, const char *name, enum input_need need,
			 size_t bytes_max)
{
	json_t *value = get_needed(input, name, need);

	if (value == NULL)
		return NULL;
	if (!json_is_string(value)) {
		refuse(input, name, "must be a string");
		return NULL;
	}
	if (json_string_length(value) == 0) {
		refuse(input, name, "must not be empty");
		return NULL;
	}
	if (json_string_length(value) > bytes_max) {
		input_refuse(input, name, "must have at most %zu bytes", bytes_max);
		return NULL;
	}
	if (json_holds_nul(value)) {
		refuse(input, name, "must not contain \\u0000: leave it out");
		return NULL;
	}
	return arena_strdup(input->arena, json_string_value(value));
}

bool input_bool(struct input *input, const char *name, bool value_default)
{
	json_t *value = get_needed(input, name, INPUT_OPTIONAL);

	if (value == NULL)
		return value_default;
	if (json_is_boolean(value))
		return json_is_true(value);
	if (input->is_query && strcmp(json_string_value(value), "true") == 0)
		return true;
	if (!input->is_query || strcmp(json_string_value(value), "false") != 0)
		refuse(input, name, "must be true or false");
	return false;
}

int64_t input_int(struct input *input, const char *name, int64_t min, int64_t max,
		  int64_t value_default)
{
	json_t *value = get_needed(input, name, INPUT_OPTIONAL);
	bool is_number = json_is_integer(value);
	int64_t number = is_number ? json_integer_value(value) : 0;
	char *end;

	if (value == NULL)
		return value_default;
	if (input->is_query) {
		const char *digits = json_string_value(value);

		errno = 0;
		number = strtoll(digits, &end, 10);
		is_number = (isdigit((unsigned char)*digits) || *digits == '-') && *end == '\0' &&
			    errno == 0;
	}
	if (!is_number || number < min || number > max)
		input_refuse(input, name, "must be a whole number from %lld to %lld",
			     (long long)min, (long long)max);
	return number;
}

json_t *input_object(struct input *input, const char *name, size_t bytes_max)
{
	json_t *value = get_needed(input, name, INPUT_OPTIONAL);

	if (value == NULL)
		return NULL;
	if (!json_is_object(value)) {
		refuse(input, name, "must be a JSON object");
		return NULL;
	}
	if (json_dumpb(value, NULL, 0, JSON_COMPACT) > bytes_max) {
		input_refuse(input, name, "must have at most %zu bytes as JSON", bytes_max);
		return NULL;
	}
	if (json_holds_nul(value)) {
		refuse(input, name, "must not contain \\u0000 in any of its texts: leave it out");
		return NULL;
	}
	return value;
}

instant input_instant(struct input *input, const char *name)
{
	const char *text = input_string(input, name, INPUT_OPTIONAL, 64);
	instant at;

	if (text == NULL)
		return 0;
	if (!instant_parse(text, &at)) {
		refuse(input, name, "must be an ISO 8601 time like 2026-01-31T12:00:00Z");
		return 0;
	}
	return at;
}

const char *input_choice(struct input *input, const char *name, enum input_need need,
			 const char *const *choices)
{
	const char *value = input_string(input, name, need, 64);
	char known[INPUT_SENTENCE_BYTES - 32] = "";

	if (value == NULL)
		return NULL;
	for (size_t i = 0; choices[i] != NULL; i++) {
		const size_t used = strlen(known);

		if (strcmp(choices[i], value) == 0)
			return choices[i];
		snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "", choices[i]);
	}
	input_refuse(input, name, "must be one of: %s", known);
	return NULL;
}

static bool is_known(const struct input *input, const char *name)
{
	for (size_t i = 0; i < input->known_count; i++)
		if (strcmp(input->known[i], name) == 0)
			return true;
	return false;
}

/* The first of them are refused by name. */
static void refuse_unknown(struct input *input)
{
	size_t count = 0;
	const char *name;
	json_t *value;

	json_object_foreach (input->object, name, value)
		if (!is_known(input, name) && ++count <= INPUT_UNKNOWN_MAX)
			refuse(input, name, "is not a known field");
	if (count > INPUT_UNKNOWN_MAX)
		input->unnamed += count - INPUT_UNKNOWN_MAX;
}

void input_end_part(struct input *part, const char *place, struct input *whole)
{
	const char *name;
	json_t *value;

	refuse_unknown(part);
	json_object_foreach (part->wrong, name, value) {
		refuse(whole, arena_printf(whole->arena, "%s.%s", place, name),
		       json_string_value(value));
	}
	whole->unnamed += part->unnamed;
	json_decref(part->wrong);
	part->wrong = NULL;
}

bool input_end(struct input *input, struct error *err)
{
	const char *name;
	json_t *value, *details;
	size_t more;

	refuse_unknown(input);
	if (input->wrong == NULL)
		return true;
	json_object_foreach (input->wrong, name, value) {
		/* The first of them stands in the sentence; all of them in the details. */
		error_set(err, ERROR_INVALID, "%.100s %s", name, json_string_value(value));
		break;
	}
	more = json_object_size(input->wrong) - 1 + input->unnamed;
	if (more > 0) {
		const size_t used = strlen(err->message);

		snprintf(err->message + used, sizeof(err->message) - used, " (and %zu more)", more);
	}
	details = json_pack("{s:o}", "fields", input->wrong);
	err->details = json_text(input->arena, details);
	json_decref(details);
	input->wrong = NULL;
	return false;
}

bool input_fail(struct arena *arena, const char *name, const char *sentence, struct error *err)
{
	SCOPED(json_decrefp) json_t *nothing = json_object();
	struct input input = input_of_json(arena, nothing);

	refuse(&input, name, sentence);
	return input_end(&input, err);
}
