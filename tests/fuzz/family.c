/*
 * Fuzzes one family of routes, whichever it is linked with: cgi-bin/X.c is compiled with its main
 * called family_main, and hands its table to the responder_main() below instead of the real one. A
 * request goes the whole way that a responder takes it, and Zoom answers what the input says.
 */
#include "base/crypto.h"
#include "base/encode.h"
#include "fuzz/script.h"
#include "fuzz/world.h"
#include "http/client.h"
#include "serve/exchange.h"
#include "serve/responder.h"
#include "serve/zoom_circuits.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES_MAX = 32 };

int family_main(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
bool __wrap_http_client_call(struct http_client *client, struct arena *arena,
			     const struct http_call *call, struct http_answer *answer,
			     bool *was_sent, struct error *err);

static struct {
	const struct route *routes;
	size_t route_count;
	struct world world;
	/* What Zoom is going to say in this run. */
	const struct http_answer *answers;
	size_t answer_count;
} fuzzer;

int responder_main(const char *program, const struct route *routes, size_t route_count)
{
	(void)program;
	fuzzer.routes = routes;
	fuzzer.route_count = route_count;
	return EXIT_SUCCESS;
}

/* Once the input has no more answers, nobody is there to connect to. */
bool __wrap_http_client_call(struct http_client *client, struct arena *arena,
			     const struct http_call *call, struct http_answer *answer,
			     bool *was_sent, struct error *err)
{
	(void)client;
	(void)arena;
	(void)call;
	*was_sent = fuzzer.answer_count > 0;
	if (!*was_sent)
		return error_set(err, ERROR_ZOOM_UNAVAILABLE, "zoom.us:443: connecting failed");
	*answer = *fuzzer.answers++;
	fuzzer.answer_count--;
	return true;
}

static void end_world(void)
{
	world_close(&fuzzer.world);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	family_main();
	world_open(&fuzzer.world);
	atexit(end_world);
	return 0;
}

static const char *signature_of(struct arena *arena, const struct script *script,
				const char *timestamp)
{
	const struct span parts[] = {{"v0:", 3},
				     {timestamp, strlen(timestamp)},
				     {":", 1},
				     {script->body, script->body_size}};
	unsigned char mac[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	hmac_sha256(WORLD_WEBHOOK_SECRET, strlen(WORLD_WEBHOOK_SECRET), parts, COUNT_OF(parts),
		    mac);
	hex_encode(mac, sizeof(mac), hex);
	return arena_printf(arena, "v0=%s", hex);
}

/* RFC 3875: CONTENT_TYPE alone stands without HTTP_. */
static char *variable_of(struct arena *arena, const char *name, const char *value)
{
	const char *prefix = strcasecmp(name, "content-type") == 0 ? "" : "HTTP_";
	char *variable = arena_printf(arena, "%s%s=%s", prefix, name, value);

	for (char *c = variable; *c != '='; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	return variable;
}

/* An input that does not say otherwise is let in: what lies behind the door is what counts. */
static char **variables_of(struct arena *arena, const struct script *script)
{
	const char *now = arena_printf(arena, "%lld",
				       (long long)(context_now(&fuzzer.world.context) / SECOND));
	const struct http_header defaults[] = {
		{"content-type", "application/json"},
		{"authorization", "Token " WORLD_API_KEY},
		{"x-zm-request-timestamp", now},
		{"x-zm-signature", signature_of(arena, script, now)},
	};
	char **variables = arena_alloc(arena, (VARIABLES_MAX + 1) * sizeof(*variables));
	size_t count = 0;

	variables[count++] = arena_printf(arena, "REQUEST_METHOD=%s", script->method);
	variables[count++] = arena_printf(arena, "REQUEST_URI=%s", script->target);
	variables[count++] = arena_printf(arena, "CONTENT_LENGTH=%zu", script->body_size);
	for (size_t i = 0; i < script->header_count; i++)
		variables[count++] =
			variable_of(arena, script->headers[i].name, script->headers[i].value);
	for (size_t i = 0; i < COUNT_OF(defaults); i++)
		if (script_header(script, defaults[i].name) == NULL)
			variables[count++] =
				variable_of(arena, defaults[i].name, defaults[i].value);
	return variables;
}

static bool read_body(void *source, char *bytes, size_t size)
{
	const struct script *script = source;

	memcpy(bytes, script->body, size);
	return true;
}

static void wrong(const char *what, const struct exchange *exchange)
{
	fprintf(stderr, "%s: HTTP %d %s\n", what, exchange->response.status,
		exchange->response.body != NULL ? exchange->response.body : "");
	abort();
}

/*
 * Errors have one shape where they are no plain text for a bot engine, nothing is our fault, and the
 * head cannot be split by what was sent.
 */
static void check_answer(struct exchange *exchange)
{
	const struct response *response = &exchange->response;
	const char *head = exchange_head(exchange);
	json_t *body = NULL;

	if (response->status < 200 || response->status == 500)
		wrong("the status is no answer to any input", exchange);
	if (strstr(head, "\r\n\r\n") != head + strlen(head) - 4)
		wrong("the head does not end where it should", exchange);
	if (response->body == NULL)
		return;
	if (strncmp(exchange->request.path, "/callbacks/", 11) == 0 &&
	    strcmp(response->content_type, "application/json") != 0) {
		if (*response->body == '\0')
			wrong("the text is empty", exchange);
		return;
	}
	if (strcmp(response->content_type, "application/json") == 0) {
		body = json_loads(response->body, 0, NULL);
		if (body == NULL)
			wrong("the answer is not JSON", exchange);
	}
	if (response->status >= 400 &&
	    (json_object_get(body, "error") == NULL || json_object_get(body, "code") == NULL))
		wrong("the error has another shape", exchange);
	json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct script script = script_read(&arena, input, size);
	struct context *context = &fuzzer.world.context;
	struct exchange exchange;

	world_reset(&fuzzer.world);
	fuzzer.answers = script.answers;
	fuzzer.answer_count = script.answer_count;
	exchange_open(&exchange, fuzzer.routes, fuzzer.route_count, variables_of(&arena, &script));
	exchange_admit(&exchange, context, (struct body_source){read_body, &script});
	exchange_waits(&exchange);
	exchange_run(&exchange, context);
	if (exchange_is_pending(&exchange))
		exchange_store(&exchange, context);
	check_answer(&exchange);
	exchange_close(&exchange, &fuzzer.world.process);
	zoom_circuits_tell(context);
	return 0;
}
