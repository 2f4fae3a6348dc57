#include "serve/exchange.h"

#include "base/crypto.h"
#include "serve/access.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	OWN_REQUEST_ID_CHARACTERS = 16,
	NO_ROOM_RETRY_AFTER_S = 5,
};

static void fail(struct exchange *exchange)
{
	respond_error(&exchange->response, &exchange->arena, &exchange->err);
}

/* It goes into a header and the log as it is. */
static bool is_request_id(const char *id)
{
	static const char characters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_@";
	const size_t length = id != NULL ? strspn(id, characters) : 0;

	return length > 0 && length < REQUEST_ID_BYTES && id[length] == '\0';
}

/*
 * The web server's id, where it gives one, is in its own log too: nginx's, or that of Apache's
 * mod_unique_id. A client cannot set these variables.
 */
static void name_request(struct exchange *exchange)
{
	static const char *const variables[] = {"REQUEST_ID", "UNIQUE_ID"};

	for (size_t i = 0; i < COUNT_OF(variables); i++) {
		const char *id = request_variable(&exchange->request, variables[i]);

		if (is_request_id(id)) {
			memcpy(exchange->request_id, id, strlen(id) + 1);
			return;
		}
	}
	random_base62(exchange->request_id, OWN_REQUEST_ID_CHARACTERS);
}

void exchange_open(struct exchange *exchange, const struct route *routes, size_t route_count,
		   char *const *variables)
{
	bool is_read;

	*exchange = (struct exchange){.started_us = clock_monotonic_us()};
	is_read = request_read(&exchange->request, &exchange->arena, variables,
			       &exchange->body_size, &exchange->err);
	name_request(exchange);
	if (!is_read) {
		fail(exchange);
		return;
	}
	if (!route_find(routes, route_count, &exchange->request, &exchange->route,
			&exchange->response.allow, &exchange->err)) {
		exchange->route = NULL;
		fail(exchange);
	}
}

static bool read_body(struct exchange *exchange, struct body_source body, struct error *err)
{
	char *bytes = arena_alloc(&exchange->arena, exchange->body_size + 1);

	if (exchange->body_size > 0 && !body.read(body.source, bytes, exchange->body_size))
		return error_set(err, ERROR_INVALID, "the body is shorter than its Content-Length");
	exchange->request.body = bytes;
	exchange->request.body_size = exchange->body_size;
	return true;
}

static bool check_access(struct exchange *exchange, struct context *context, struct error *err)
{
	switch (exchange->route->access) {
	case ACCESS_API_KEY:
		return context_open_db(context, err) &&
		       access_check_api_key(context, &exchange->request, err);
	case ACCESS_PUBLIC:
		return true;
	}
	assert(false && "every route has an access level");
	return false;
}

static bool has_failed(const struct exchange *exchange)
{
	return exchange->err.kind != ERROR_NONE;
}

void exchange_admit(struct exchange *exchange, struct context *context, struct body_source body)
{
	if (has_failed(exchange))
		return;
	context->project_id = 0;
	if (!check_access(exchange, context, &exchange->err) ||
	    !read_body(exchange, body, &exchange->err))
		fail(exchange);
	exchange->project_id = context->project_id;
}

bool exchange_waits(const struct exchange *exchange)
{
	return !has_failed(exchange) && exchange->route->waits(&exchange->request);
}

void exchange_end_waiting(struct exchange *exchange, const char *why)
{
	exchange->out_of_time = why;
	if (exchange->route->waits == waits_for_zoom_if_room)
		return;
	error_set_code(&exchange->err, ERROR_BUSY, "service_unavailable", "%s; try again shortly",
		       why);
	exchange->err.retry_after_s = NO_ROOM_RETRY_AFTER_S;
	fail(exchange);
}

/* The thread's database is open wherever the route asks for an API key. */
static bool handle(struct exchange *exchange, struct context *context, struct error *err)
{
	if (exchange->route->access == ACCESS_API_KEY && !context_open_db(context, err))
		return false;
	return exchange->route->handle(context, &exchange->request, &exchange->response, err);
}

static void enter(struct exchange *exchange, struct context *context)
{
	context->arena = &exchange->arena;
	context->project_id = exchange->project_id;
	context->started_ms = exchange->started_us / 1000;
	context->out_of_time = exchange->out_of_time;
	context->later = (struct later){0};
}

/* `handled`: the handler has succeeded. */
static void leave(struct exchange *exchange, struct context *context, bool handled)
{
	exchange->later = context->later;
	exchange->pending = (struct group_member){.work = context->later.work,
						  .part = context->later.part,
						  .err = &exchange->err};
	context->arena = NULL;
	context->later = (struct later){0};
	if (!handled) {
		exchange->pending.work = NULL;
		fail(exchange);
	}
	assert((exchange->response.status != 0) != exchange_is_pending(exchange));
}

void exchange_run(struct exchange *exchange, struct context *context)
{
	if (has_failed(exchange))
		return;
	enter(exchange, context);
	leave(exchange, context, handle(exchange, context, &exchange->err));
}

bool exchange_is_pending(const struct exchange *exchange)
{
	return exchange->pending.work != NULL;
}

static bool answer(struct exchange *exchange, struct context *context)
{
	if (!exchange->pending.is_stored)
		return false;
	exchange->err = (struct error){0}; /* of an attempt before the one that succeeded */
	return exchange->later.answer(context, exchange->later.answered, &exchange->response,
				      &exchange->err);
}

void exchange_finish(struct exchange *exchange, struct context *context)
{
	enter(exchange, context);
	leave(exchange, context, answer(exchange, context));
	/* Another try, after what the first one met with: that need not wait for a group. */
	if (exchange_is_pending(exchange))
		exchange_store(exchange, context);
}

void exchange_store(struct exchange *exchange, struct context *context)
{
	if (context_open_db(context, &exchange->err))
		group_commit_alone(context->db, &exchange->pending);
	exchange_finish(exchange, context);
}

/* The headers that most answers do not have. */
static const char *rare_headers(const struct response *response, struct arena *arena)
{
	const char *headers = "";

	if (response->allow != NULL)
		headers = arena_printf(arena, "Allow: %s\r\n", response->allow);
	if (response->status == 401)
		headers = arena_printf(arena, "%sWWW-Authenticate: Token\r\n", headers);
	if (response->retry_after_s > 0)
		headers = arena_printf(arena, "%sRetry-After: %d\r\n", headers,
				       response->retry_after_s);
	return headers;
}

const char *exchange_head(struct exchange *exchange)
{
	const struct response *response = &exchange->response;
	const char *content = "";

	if (response->body != NULL)
		content = arena_printf(&exchange->arena,
				       "Content-Type: %s\r\nContent-Length: %zu\r\n",
				       response->content_type, strlen(response->body));
	return arena_printf(
		&exchange->arena,
		"Status: %d %s\r\nX-Request-Id: %s\r\nCache-Control: no-store\r\n%s%s\r\n",
		response->status, http_reason_phrase(response->status), exchange->request_id,
		rare_headers(response, &exchange->arena), content);
}

/* On the stack: each request is counted twice, and none allocates for it. */
static void count(const struct exchange *exchange, struct tallies *tallies, int64_t duration_us)
{
	const struct route *route = exchange->route;
	/* What no route was found for has no name of ours, and names of callers' would have no end. */
	const char *method = route != NULL ? route->method : "";
	const char *path = route != NULL ? route->path : "";
	char labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\",status=\"%d\"", method, path,
		 exchange->response.status);
	tally_add(tallies, "hallpass_http_requests_total", labels);
	snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\"", method, path);
	tally_time(tallies, "hallpass_http_request_duration_seconds", labels, duration_us);
}

/* The route's pattern rather than the path, which may hold a secret of its own. */
static void log_request(const struct exchange *exchange, const struct log *log, int64_t duration_us)
{
	const bool failed = exchange->err.kind != ERROR_NONE;
	const struct log_field fields[] = {
		{"request_id", exchange->request_id, 0},
		{"method", exchange->request.method != NULL ? exchange->request.method : "", 0},
		{"route", exchange->route != NULL ? exchange->route->path : "", 0},
		{"status", NULL, exchange->response.status},
		{"duration_ms", NULL, duration_us / 1000},
		{failed ? "code" : NULL, exchange->err.code, 0},
		{failed ? "error" : NULL, exchange->err.message, 0},
		{NULL, NULL, 0},
	};

	log_write(log, exchange->response.status >= 500 ? LOG_ERROR : LOG_INFO, "request", fields);
}

void exchange_close(struct exchange *exchange, const struct process *process)
{
	const int64_t duration_us = clock_monotonic_us() - exchange->started_us;

	count(exchange, process->tallies, duration_us);
	log_request(exchange, &process->log, duration_us);
	arena_release(&exchange->arena);
}
