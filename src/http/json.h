/* JSON text: read strictly, and written compactly into an arena. The values are jansson's. */
#ifndef HTTP_JSON_H
#define HTTP_JSON_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_MAX = 32 };

/*
 * Any JSON text, for the caller to decref. ERROR_INVALID with code invalid_json, saying where, for
 * anything but valid UTF-8, nested at most JSON_DEPTH_MAX deep, no key twice. A text in it may hold
 * \u0000, behind which json_string_value() is not read any further: see json_whole_string().
 */
bool json_read(const char *text, size_t size, json_t **value, struct error *err) MUST_CHECK;

/* The text of a string; NULL where it is none, or holds a NUL, which no text of ours does. */
const char *json_whole_string(const json_t *value);

/* Whether a string in it, however deep, holds a NUL. */
bool json_holds_nul(const json_t *value);

/* Compact text in the arena. */
const char *json_text(struct arena *arena, const json_t *value);

/* value, or JSON's null for NULL. */
json_t *json_string_or_null(const char *text);

/* The words of a text, which have spaces between, as an array. */
json_t *json_words(const char *text);

/* ISO 8601 UTC with microseconds and Z; null for 0. */
json_t *json_instant_or_null(instant at);

#endif
