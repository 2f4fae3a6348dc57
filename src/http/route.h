/*
 * Routes as data: a program's URL map is a table of these. Access is in the row, and zero is no
 * access level, so that a forgotten one is refused at start.
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/message.h"

#include <stdbool.h>
#include <stddef.h>

struct context; /* what a handler works with; serve/context.h */

typedef bool handler(struct context *context, const struct request *request,
		     struct response *response, struct error *err);

enum access {
	ACCESS_API_KEY = 1, /* Authorization: Token KEY; the context then names the project */
	ACCESS_PUBLIC,      /* anybody; or the handler itself checks a signature or secret */
};

/*
 * Whether a request, its caller known and its body read, may have to wait for Zoom; those never take
 * the last threads of a process. Where only some do, the handler's header has a function that tells.
 *
 * waits_for_zoom_if_room: where there is no room for one more to wait, the handler is called all the same,
 * with a context that is out of time, and has an answer. Others are refused.
 */
typedef bool waits(const struct request *request);

waits waits_for_nothing, waits_for_zoom, waits_for_zoom_if_room;

struct route {
	const char *method;
	/* ":name" stands for one segment, but not for one that an earlier row writes out. */
	const char *path;
	enum access access;
	handler *handle;
	waits *waits;
};

/*
 * Finds the row for request->method and ->path and fills request->parameters. ERROR_NOT_FOUND, or
 * ERROR_METHOD with *allow naming the methods that the path has (in the arena); else *allow is NULL.
 */
bool route_find(const struct route *routes, size_t count, struct request *request,
		const struct route **route, const char **allow, struct error *err) MUST_CHECK;

#endif
