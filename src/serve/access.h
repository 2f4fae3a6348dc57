/* Who is calling: the API key of the Authorization header and its project. */
#ifndef SERVE_ACCESS_H
#define SERVE_ACCESS_H

#include "http/message.h"
#include "serve/context.h"

#include <stdbool.h>

/*
 * Sets context->project_id. ERROR_UNAUTHENTICATED with code missing_api_key or invalid_api_key.
 * The context's database must be open.
 */
bool access_check_api_key(struct context *context, const struct request *request, struct error *err)
	MUST_CHECK;

#endif
