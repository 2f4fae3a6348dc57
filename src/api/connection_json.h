/* A connection as the API shows it. */
#ifndef API_CONNECTION_JSON_H
#define API_CONNECTION_JSON_H

#include "store/connection.h"

#include <jansson.h>

json_t *connection_json(const struct connection *connection);

#endif
