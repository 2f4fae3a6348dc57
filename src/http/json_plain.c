#include "http/json_plain.h"

#include <stdbool.h>
#include <string.h>

enum { DIGITS_MAX = 18 }; /* which an int64_t holds, whatever they are */

/* What is left of the text, and how deep it may still go. */
struct rest {
	const char *at, *end;
	int depth_left;
};

struct characters {
	const char *first;
	size_t length;
	bool is_ascii;
};

static json_t *read_value(struct rest *rest);

static void skip_spaces(struct rest *rest)
{
	while (rest->at < rest->end &&
	       (*rest->at == ' ' || *rest->at == '\t' || *rest->at == '\n' || *rest->at == '\r'))
		rest->at++;
}

static bool take(struct rest *rest, char wanted)
{
	skip_spaces(rest);
	if (rest->at == rest->end || *rest->at != wanted)
		return false;
	rest->at++;
	return true;
}

/* After the first quote, and to the second one. */
static bool read_characters(struct rest *rest, struct characters *characters)
{
	const char *at = rest->at;
	unsigned char all = 0;

	while (at < rest->end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
		all |= (unsigned char)*at++;
	if (at == rest->end || *at != '"')
		return false;
	*characters = (struct characters){rest->at, (size_t)(at - rest->at), all < 0x80};
	rest->at = at + 1;
	return true;
}

/* jansson checks what is not ASCII, and makes nothing of what is no UTF-8. */
static json_t *read_string(struct rest *rest)
{
	struct characters characters;

	if (!read_characters(rest, &characters))
		return NULL;
	return characters.is_ascii ? json_stringn_nocheck(characters.first, characters.length)
				   : json_stringn(characters.first, characters.length);
}

static json_t *read_number(struct rest *rest)
{
	const char *first = rest->at;
	json_int_t number = 0;

	while (rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9' &&
	       rest->at - first < DIGITS_MAX)
		number = 10 * number + (*rest->at++ - '0');
	if (*first == '0' && rest->at - first > 1)
		return NULL;
	/* What goes on as a number, or as anything else, is wanted by nobody. */
	return json_integer(number);
}

static json_t *read_word(struct rest *rest, const char *word, json_t *value)
{
	const size_t length = strlen(word);

	if ((size_t)(rest->end - rest->at) < length || memcmp(rest->at, word, length) != 0)
		return NULL;
	rest->at += length;
	return value;
}

/* Neither function of jansson's takes NULL for a value. */
static bool read_member(struct rest *rest, json_t *object)
{
	const size_t count = json_object_size(object);
	struct characters name;
	json_t *value;

	if (!take(rest, '"') || !read_characters(rest, &name) || !take(rest, ':'))
		return false;
	value = read_value(rest);
	if (name.is_ascii)
		json_object_setn_new_nocheck(object, name.first, name.length, value);
	else
		json_object_setn_new(object, name.first, name.length, value);
	/* One that is there already does not make it larger. */
	return json_object_size(object) > count;
}

static bool read_element(struct rest *rest, json_t *array)
{
	return json_array_append_new(array, read_value(rest)) == 0;
}

static json_t *read_all(struct rest *rest, json_t *container, char last,
			bool (*read)(struct rest *rest, json_t *container))
{
	bool is_read = rest->depth_left-- > 0;

	if (is_read && !take(rest, last)) {
		do
			is_read = read(rest, container);
		while (is_read && take(rest, ','));
		is_read = is_read && take(rest, last);
	}
	rest->depth_left++;
	if (is_read)
		return container;
	json_decref(container);
	return NULL;
}

static json_t *read_value(struct rest *rest)
{
	skip_spaces(rest);
	if (rest->at == rest->end)
		return NULL;
	switch (*rest->at) {
	case '"':
		rest->at++;
		return read_string(rest);
	case '{':
		rest->at++;
		return read_all(rest, json_object(), '}', read_member);
	case '[':
		rest->at++;
		return read_all(rest, json_array(), ']', read_element);
	case 't':
		return read_word(rest, "true", json_true());
	case 'f':
		return read_word(rest, "false", json_false());
	case 'n':
		return read_word(rest, "null", json_null());
	default:
		return *rest->at >= '0' && *rest->at <= '9' ? read_number(rest) : NULL;
	}
}

json_t *json_read_plain(const char *text, size_t size, int depth_max)
{
	struct rest rest = {text, text + size, depth_max};
	json_t *value = read_value(&rest);

	skip_spaces(&rest);
	if (rest.at == rest.end && (json_is_object(value) || json_is_array(value)))
		return value;
	json_decref(value);
	return NULL;
}
