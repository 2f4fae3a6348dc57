/* The variables that a web server passes, over FastCGI or as CGI: one a line, whatever they are. */
#include "fuzz/input.h"
#include "http/route.h"
#include "serve/exchange.h"

#include <assert.h>
#include <string.h>

enum { VARIABLES_MAX = 64 };

static bool handle(struct context *context, const struct request *request,
		   struct response *response, struct error *err)
{
	(void)err;
	assert(request_path_parameter(request, "id") != NULL);
	request_header(request, "x-forwarded-for");
	request_variable(request, "REMOTE_ADDR");
	respond_json(response, context->arena, 200, json_object());
	return true;
}

static const struct route routes[] = {
	{"GET", "/api/v1/bots/:id", ACCESS_PUBLIC, handle, waits_for_nothing},
	{"POST", "/api/v1/bots/:id/zoom_tokens", ACCESS_PUBLIC, handle, waits_for_nothing},
	{"GET", "/callbacks/:id/recall/:kind", ACCESS_PUBLIC, handle, waits_for_nothing},
};

static bool read_nothing(void *source, char *bytes, size_t size)
{
	(void)source;
	memset(bytes, ' ', size);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	char *text = input_text(&arena, input, size), *line;
	char *variables[VARIABLES_MAX + 1] = {0};
	struct context context = {0};
	struct exchange exchange;
	const char *head;

	for (size_t i = 0; i < VARIABLES_MAX && (line = strsep(&text, "\n")) != NULL; i++)
		variables[i] = line;
	exchange_open(&exchange, routes, COUNT_OF(routes), variables);
	exchange_admit(&exchange, &context, (struct body_source){read_nothing, NULL});
	exchange_run(&exchange, &context);
	head = exchange_head(&exchange);
	assert(exchange.response.status >= 200 && exchange.response.status != 500);
	assert(strstr(head, "\r\n\r\n") == head + strlen(head) - 4);
	arena_release(&exchange.arena);
	return 0;
}
