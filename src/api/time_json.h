/* Instants as the API writes them. */
#ifndef API_TIME_JSON_H
#define API_TIME_JSON_H

#include "base/clock.h"

#include <jansson.h>

/* ISO 8601 UTC with microseconds and Z; null for 0. */
json_t *instant_json(instant at);

#endif
