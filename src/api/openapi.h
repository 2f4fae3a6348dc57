/* The description of this API, docs/openapi.yaml, as JSON. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "http/route.h"

handler get_openapi;

#endif
