/*
 * One request and its response, from the first header to the log line, whatever carries them.
 * Opened (head read, route found), run (caller checked, body read, handled) and closed (logged).
 */
#ifndef SERVE_EXCHANGE_H
#define SERVE_EXCHANGE_H

#include "base/arena.h"
#include "http/message.h"
#include "http/route.h"
#include "serve/context.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_ID_BYTES = 17 };

struct exchange {
	struct arena arena;
	struct request request;
	const struct route *route; /* NULL: none was found, and the response says so */
	size_t body_size;
	struct response response;
	struct error err; /* why it failed, for the log; kind NONE where it did not */
	char request_id[REQUEST_ID_BYTES];
	int64_t started_ms;
};

/* Where the body comes from; false where less than `size` came. */
struct body_source {
	bool (*read)(void *source, char *bytes, size_t size);
	void *source;
};

void exchange_open(struct exchange *exchange, const struct route *routes, size_t route_count,
		   char *const *variables);

/* Does nothing where opening it failed already. */
void exchange_run(struct exchange *exchange, struct context *context, struct body_source body);

/* Status line and headers as a CGI program prints them, in the exchange's arena. */
const char *exchange_head(struct exchange *exchange);

/* Writes the log line and gives the memory back. */
void exchange_close(struct exchange *exchange, const struct log *log);

#endif
