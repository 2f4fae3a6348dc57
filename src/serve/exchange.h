/*
 * One request and its response, from the first header to the log line, whatever carries them.
 * Opened (head read, route found), admitted (caller checked, body read), run (handled) and closed
 * (logged). It may go on to another thread, and so to another context, before it is run.
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

enum { REQUEST_ID_BYTES = 65 };

struct exchange {
	struct arena arena;
	struct request request;
	const struct route *route; /* NULL: none was found, and the response says so */
	size_t body_size;
	int64_t project_id;      /* of the API key; 0 where the route needs none */
	const char *out_of_time; /* why Zoom is not to be asked for it; NULL: it may be */
	struct response response;
	struct group_member pending; /* work NULL: nothing waits to be stored */
	struct later later;          /* how that is answered */
	struct error err;            /* why it failed, for the log; kind NONE where it did not */
	char request_id[REQUEST_ID_BYTES]; /* the web server's, or one of our own */
	int64_t started_us;                /* of clock_monotonic_us() */
};

/* Where the body comes from; false where less than `size` came. */
struct body_source {
	bool (*read)(void *source, char *bytes, size_t size);
	void *source;
};

void exchange_open(struct exchange *exchange, const struct route *routes, size_t route_count,
		   char *const *variables);

/* This and what follows do nothing where it failed already: the response then says so. */
void exchange_admit(struct exchange *exchange, struct context *context, struct body_source body);

/* False where it failed already. */
bool exchange_waits(const struct exchange *exchange);

/* Why one that waits for Zoom may not: it has failed then, unless its route has an answer without Zoom. */
void exchange_end_waiting(struct exchange *exchange, const char *why);

void exchange_run(struct exchange *exchange, struct context *context);

/* It was run, and is to be answered when its `pending` has been through a group's commit. */
bool exchange_is_pending(const struct exchange *exchange);

/* After that commit. */
void exchange_finish(struct exchange *exchange, struct context *context);

/* The same for who stands alone. */
void exchange_store(struct exchange *exchange, struct context *context);

/* Status line and headers as a CGI program prints them, in the exchange's arena. */
const char *exchange_head(struct exchange *exchange);

/* Counts it, writes the log line and gives the memory back. */
void exchange_close(struct exchange *exchange, const struct process *process);

#endif
