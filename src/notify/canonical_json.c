#include "notify/canonical_json.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REAL_BYTES_MAX = 32, REAL_DIGITS_MAX = 17 };

/* Written twice: once to know the size (text is NULL), once for good. */
struct output {
	char *text;
	size_t size;
};

static void write_bytes(struct output *output, const char *bytes, size_t size)
{
	if (output->text != NULL)
		memcpy(output->text + output->size, bytes, size);
	output->size += size;
}

static void write_text(struct output *output, const char *text)
{
	write_bytes(output, text, strlen(text));
}

/* How a character is escaped; NULL where it stands for itself. */
static const char *escape(unsigned char c, char code[static 8])
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *name = named; *name != '\0'; name += 2) {
		if (*name == (char)c) {
			snprintf(code, 8, "\\%c", name[1]);
			return code;
		}
	}
	if (c >= 0x20)
		return NULL;
	snprintf(code, 8, "\\u%04x", c);
	return code;
}

static void write_string(struct output *output, const char *text, size_t length)
{
	char code[8];

	write_text(output, "\"");
	for (size_t i = 0; i < length; i++) {
		const char *escaped = escape((unsigned char)text[i], code);

		if (escaped != NULL)
			write_text(output, escaped);
		else
			write_bytes(output, text + i, 1);
	}
	write_text(output, "\"");
}

/*
 * The fewest digits that read back as the same number; plain while its first digit stands from the
 * 4th place behind the point to the 16th before it, with an exponent else.
 */
static void write_real(struct output *output, double value)
{
	char text[REAL_BYTES_MAX];
	int digits = 1, exponent, decimals;

	do
		snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	while (strtod(text, NULL) != value && digits++ < REAL_DIGITS_MAX);
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	if (exponent >= -4 && exponent < 16) {
		decimals = digits - 1 - exponent;
		snprintf(text, sizeof(text), "%.*f", decimals > 1 ? decimals : 1, value);
	}
	write_text(output, text);
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_value(struct output *output, const json_t *value);

/* The order of UTF-8's bytes is that of the characters. */
static void write_object(struct output *output, const json_t *object)
{
	const size_t size = json_object_size(object);
	const char **keys = calloc(size + 1, sizeof(*keys));
	size_t count = 0;
	const char *key;
	json_t *member;

	if (keys == NULL)
		abort();
	json_object_foreach ((json_t *)object, key, member)
		keys[count++] = key;
	qsort(keys, count, sizeof(*keys), compare_keys);
	write_text(output, "{");
	for (size_t i = 0; i < count; i++) {
		write_text(output, i > 0 ? "," : "");
		write_string(output, keys[i], strlen(keys[i]));
		write_text(output, ":");
		write_value(output, json_object_get(object, keys[i]));
	}
	write_text(output, "}");
	free(keys);
}

static void write_array(struct output *output, const json_t *array)
{
	write_text(output, "[");
	for (size_t i = 0; i < json_array_size(array); i++) {
		write_text(output, i > 0 ? "," : "");
		write_value(output, json_array_get(array, i));
	}
	write_text(output, "]");
}

static void write_integer(struct output *output, json_int_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, value);
	write_text(output, text);
}

static void write_value(struct output *output, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(output, value);
		return;
	case JSON_ARRAY:
		write_array(output, value);
		return;
	case JSON_STRING:
		write_string(output, json_string_value(value), json_string_length(value));
		return;
	case JSON_INTEGER:
		write_integer(output, json_integer_value(value));
		return;
	case JSON_REAL:
		write_real(output, json_real_value(value));
		return;
	case JSON_TRUE:
		write_text(output, "true");
		return;
	case JSON_FALSE:
		write_text(output, "false");
		return;
	case JSON_NULL:
		write_text(output, "null");
		return;
	}
	assert(false && "a JSON value of no type");
}

const char *canonical_json(struct arena *arena, const json_t *value)
{
	struct output output = {NULL, 0};

	write_value(&output, value);
	output.text = arena_alloc(arena, output.size + 1);
	output.size = 0;
	write_value(&output, value);
	return output.text;
}
