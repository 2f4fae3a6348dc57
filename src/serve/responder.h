/*
 * The main of every program in cgi-bin: FastCGI with many threads, or one request as plain CGI,
 * whichever way it was started; the only owner of fcgiapp.h.
 */
#ifndef SERVE_RESPONDER_H
#define SERVE_RESPONDER_H

#include "http/route.h"

#include <stddef.h>

/* Serves until SIGTERM or SIGINT, finishes what it has begun, and returns the exit status. */
int responder_main(const char *program, const struct route *routes, size_t route_count);

#endif
