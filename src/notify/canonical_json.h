/*
 * The one text of a JSON value that two sides agree on without having seen each other's bytes, as
 * Attendee signs it (zoom-facts 5.1): what Python's json.dumps gives with sort_keys=True,
 * ensure_ascii=False and separators=(",", ":"). Keys in the order of their characters, no spaces,
 * UTF-8 as it is, and numbers with as many digits as tell them from their neighbours.
 */
#ifndef NOTIFY_CANONICAL_JSON_H
#define NOTIFY_CANONICAL_JSON_H

#include "base/arena.h"

#include <jansson.h>

/* NUL-terminated, in the arena. The value is as json_read() gives it: nested JSON_DEPTH_MAX deep at most. */
const char *canonical_json(struct arena *arena, const json_t *value);

#endif
