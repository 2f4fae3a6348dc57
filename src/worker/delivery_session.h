/* Sends what webhooks are to be told, over many connections at once, for as long as anything is due or under way. */
#ifndef WORKER_DELIVERY_SESSION_H
#define WORKER_DELIVERY_SESSION_H

#include "serve/context.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Ends when nothing is any more, or the worker is to end. What it holds it holds for `holder`, which is this process,
 * and still does after false: the database could not be used.
 */
bool delivery_session_run(struct context *context, int64_t holder, struct error *err) MUST_CHECK;

#endif
