/*
 * Strict reading of what a caller sent, a JSON object or a query: each field is asked for with its
 * type and limit, wrong ones are collected, and input_end() refuses them all at once, together with
 * every field that nobody asked for:
 *
 *	struct input input = input_of_json(arena, body);
 *	const char *url = input_string(&input, "url", INPUT_REQUIRED, 2048);
 *	bool flag = input_bool(&input, "flag", true);
 *	if (!input_end(&input, err))
 *		return false;
 *
 * Values are good only after input_end() returned true.
 */
#ifndef HTTP_INPUT_H
#define HTTP_INPUT_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum input_need { INPUT_OPTIONAL, INPUT_REQUIRED };

enum {
	INPUT_FIELDS_MAX = 24,
	/* Unknown fields that an error names; a flood of them is only counted. */
	INPUT_UNKNOWN_MAX = 24,
	INPUT_SENTENCE_BYTES = 768, /* room for a long list of choices */
};

struct input {
	struct arena *arena;
	json_t *object; /* borrowed */
	bool is_query;  /* all its values are text */
	json_t *wrong;  /* field → sentence; NULL while all is well */
	size_t unnamed; /* unknown fields that are only counted */
	const char *known[INPUT_FIELDS_MAX];
	size_t known_count;
};

struct input input_of_json(struct arena *arena, json_t *object);

/* Over what query_to_json() gave: true, false and numbers are written out. */
struct input input_of_query(struct arena *arena, json_t *object);

/*
 * A query string as an object of strings, for the caller to decref.
 * ERROR_INVALID where it is not percent-encoded UTF-8 or a name stands twice.
 */
bool query_to_json(struct arena *arena, const char *query, json_t **object, struct error *err)
	MUST_CHECK;

/* True where the field is there and is not null: PATCH tells "leave it" from "empty it" with these. */
bool input_has(struct input *input, const char *name);
bool input_is_null(struct input *input, const char *name);

/* Not empty, at most bytes_max of UTF-8. null counts as missing. NULL where it is missing or wrong. */
const char *input_string(struct input *input, const char *name, enum input_need need,
			 size_t bytes_max);

bool input_bool(struct input *input, const char *name, bool value_default);

/* A whole number. */
int64_t input_int(struct input *input, const char *name, int64_t min, int64_t max,
		  int64_t value_default);

/* An object of at most bytes_max when written compactly; borrowed. NULL where it is missing or wrong. */
json_t *input_object(struct input *input, const char *name, size_t bytes_max);

/* ISO 8601; 0 where it is missing or wrong. */
instant input_instant(struct input *input, const char *name);

/* One of `choices` (NULL last); NULL where it is missing or wrong. */
const char *input_choice(struct input *input, const char *name, enum input_need need,
			 const char *const *choices);

/* For what only the caller can tell. The first sentence about a field stands. */
void input_refuse(struct input *input, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

/* ERROR_INVALID with details {"fields": {name: sentence}}. */
bool input_end(struct input *input, struct error *err) MUST_CHECK;

/* The end of an object that stands in another: what is wrong with it is wrong there, as "place.field". */
void input_end_part(struct input *part, const char *place, struct input *whole);

/* The same error for one field that turned out to be wrong only later. Always returns false. */
bool input_fail(struct arena *arena, const char *name, const char *sentence, struct error *err);

#endif
