/* One entry of the log of an app or a connection, as the API shows it. */
#ifndef API_LOG_ENTRY_JSON_H
#define API_LOG_ENTRY_JSON_H

#include "base/arena.h"
#include "store/log_entry.h"

#include <jansson.h>

/* For the caller to decref. */
json_t *log_entry_json(struct arena *arena, const struct log_entry *entry);

#endif
