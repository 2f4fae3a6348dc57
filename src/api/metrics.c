/* The text exposition format of Prometheus, version 0.0.4: each family once, HELP and TYPE before it. */
#include "api/metrics.h"

#include "serve/context.h"
#include "store/connection.h"
#include "store/zoom_circuit.h"
#include "zoom/circuits.h"

#include <inttypes.h>
#include <string.h>

static const char content_type[] = "text/plain; version=0.0.4; charset=utf-8";

/* What came through another server's proxy was not asked from here. A shell's CGI has no address. */
static bool is_from_this_machine(const struct request *request)
{
	const char *address = request_variable(request, "REMOTE_ADDR");

	return request_header(request, "x-forwarded-for") == NULL &&
	       request_header(request, "forwarded") == NULL &&
	       (address == NULL || *address == '\0' || strcmp(address, "127.0.0.1") == 0 ||
		strcmp(address, "::1") == 0);
}

static const char *family(struct arena *arena, const char *text, const char *name, const char *help)
{
	return arena_printf(arena, "%s# HELP %s %s\n# TYPE %s gauge\n", text, name, help, name);
}

/* The value stands between quotes: \, " and the end of a line are written with a backslash. */
static const char *label_value(struct arena *arena, const char *value)
{
	char *escaped = arena_alloc(arena, 2 * strlen(value) + 1);
	char *end = escaped;

	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			*end++ = '\\';
		*end++ = *value == '\n' ? 'n' : *value;
	}
	return escaped;
}

static const char *sample(struct arena *arena, const char *text, const char *name,
			  const char *label, const char *value, int64_t number)
{
	return arena_printf(arena, "%s%s{%s=\"%s\"} %" PRId64 "\n", text, name, label,
			    label_value(arena, value), number);
}

static bool is_open(const struct zoom_circuit *open, size_t count, const char *host)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(open[i].host, host) == 0)
			return true;
	return false;
}

/* The configured hosts; of one that was configured before, nobody wants to know. */
static bool add_circuits(const struct context *context, const char **text, struct error *err)
{
	static const char name[] = "hallpass_zoom_circuit_open";
	const struct config *config = &context->process->config;
	struct arena *arena = context->arena;
	const char *hosts[] = {circuit_host(arena, config->zoom_oauth_url),
			       circuit_host(arena, config->zoom_api_url)};
	const size_t host_count = strcmp(hosts[0], hosts[1]) == 0 ? 1 : 2;
	struct zoom_circuit open[ZOOM_CIRCUITS_MAX];
	size_t count;

	if (!zoom_circuit_list(context->db, arena, context_now(context), open, &count, err))
		return false;
	*text = family(arena, *text, name,
		       "Whether calls to this host are held back because it does not answer.");
	for (size_t i = 0; i < host_count; i++)
		*text = sample(arena, *text, name, "host", hosts[i],
			       is_open(open, count, hosts[i]));
	return true;
}

static bool add_connections(const struct context *context, const char **text, struct error *err)
{
	static const char name[] = "hallpass_connections";
	struct arena *arena = context->arena;
	int64_t connected, disconnected;

	if (!connection_count(context->db, &connected, &disconnected, err))
		return false;
	*text = family(arena, *text, name, "Zoom users' authorizations.");
	*text = sample(arena, *text, name, "state", "connected", connected);
	*text = sample(arena, *text, name, "state", "disconnected", disconnected);
	return true;
}

bool get_metrics(struct context *context, const struct request *request, struct response *response,
		 struct error *err)
{
	const char *text = "";

	if (!is_from_this_machine(request))
		return error_set(err, ERROR_NOT_FOUND, "there is nothing at this path");
	if (!context_open_db(context, err) || !add_circuits(context, &text, err) ||
	    !add_connections(context, &text, err))
		return false;
	response->status = 200;
	response->content_type = content_type;
	response->body = text;
	return true;
}
