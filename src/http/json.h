/* JSON text: read strictly, and written compactly into an arena. The values are jansson's. */
#ifndef HTTP_JSON_H
#define HTTP_JSON_H

#include "base/arena.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_MAX = 32 };

/*
 * Any JSON text, for the caller to decref. ERROR_INVALID with code invalid_json, saying where, for
 * anything but valid UTF-8, nested at most JSON_DEPTH_MAX deep, no key twice.
 */
bool json_read(const char *text, size_t size, json_t **value, struct error *err) MUST_CHECK;

/* Compact text in the arena. */
const char *json_text(struct arena *arena, const json_t *value);

/* value, or JSON's null for NULL. */
json_t *json_string_or_null(const char *text);

#endif
