/* The broker as a request's handler uses it. */
#ifndef API_BROKER_CONTEXT_H
#define API_BROKER_CONTEXT_H

#include "broker/broker.h"
#include "serve/context.h"

/*
 * What the context has open, with zoom_timeout_ms for everything together, which began as the request came;
 * or with no time at all, where the context says so.
 */
struct broker broker_of(const struct context *context);

#endif
