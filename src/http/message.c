#include "http/message.h"

#include "http/json.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *request_variable(const struct request *request, const char *name)
{
	const size_t length = strlen(name);

	for (char *const *variable = request->variables; *variable != NULL; variable++)
		if (strncmp(*variable, name, length) == 0 && (*variable)[length] == '=')
			return *variable + length + 1;
	return NULL;
}

/* RFC 3875 4.1.18: upper case, - becomes _, HTTP_ in front. */
static bool is_header(const char *variable, const char *name)
{
	if (strncmp(variable, "HTTP_", 5) != 0)
		return false;
	for (variable += 5; *name != '\0'; name++, variable++) {
		const char c = *name == '-' ? '_' : (char)toupper((unsigned char)*name);

		if (*variable != c)
			return false;
	}
	return *variable == '=';
}

const char *request_header(const struct request *request, const char *name)
{
	if (strcasecmp(name, "content-type") == 0)
		return request_variable(request, "CONTENT_TYPE");
	for (char *const *variable = request->variables; *variable != NULL; variable++)
		if (is_header(*variable, name))
			return strchr(*variable, '=') + 1;
	return NULL;
}

const char *request_path_parameter(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->parameter_count; i++)
		if (strcmp(request->parameters[i].name, name) == 0)
			return request->parameters[i].value;
	assert(false && "the route names the parameter");
	return NULL;
}

/* A path that the server has decoded (RFC 3875 4.1.5), so that nothing in it is taken for more than text. */
static const char *encode_path(struct arena *arena, const char *path)
{
	char *encoded = arena_alloc(arena, strlen(path) * 3 + 1);
	char *out = encoded;

	for (; *path != '\0'; path++) {
		if (*path == '%' || *path == '?')
			out += snprintf(out, 4, "%%%02X", (unsigned)*path);
		else
			*out++ = *path;
	}
	return encoded;
}

/* Where nobody passes REQUEST_URI on (a shell, a bare CGI server), the path is in these two. */
static const char *target_of(const struct request *request, struct arena *arena)
{
	const char *uri = request_variable(request, "REQUEST_URI");
	const char *script, *info, *query;

	if (uri != NULL)
		return uri;
	script = request_variable(request, "SCRIPT_NAME");
	info = request_variable(request, "PATH_INFO");
	query = request_variable(request, "QUERY_STRING");
	/* A program that is called by its own name tells its route by PATH_INFO alone. */
	if (info != NULL && (strncmp(info, "/api/", 5) == 0 || script == NULL))
		script = "";
	return arena_printf(arena, "%s%s?%s", encode_path(arena, script != NULL ? script : ""),
			    encode_path(arena, info != NULL ? info : ""),
			    query != NULL ? query : "");
}

static bool read_size(const struct request *request, size_t *body_size, struct error *err)
{
	const char *text = request_variable(request, "CONTENT_LENGTH");
	unsigned long long size;
	char *end;

	*body_size = 0;
	if (text == NULL || *text == '\0')
		return true;
	errno = 0;
	size = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0')
		return error_set(err, ERROR_INVALID, "Content-Length is not a number");
	if (errno != 0 || size > HTTP_BODY_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the body is larger than %d bytes",
				 HTTP_BODY_BYTES_MAX);
	*body_size = (size_t)size;
	return true;
}

bool request_read(struct request *request, struct arena *arena, char *const *variables,
		  size_t *body_size, struct error *err)
{
	const char *target;
	size_t length;

	*request = (struct request){.arena = arena,
				    .variables = variables,
				    .body = "",
				    .path = "",
				    .query = ""};
	/* Copied, for it is logged when the web server's variables are gone. */
	request->method = arena_strdup(arena, request_variable(request, "REQUEST_METHOD"));
	if (request->method == NULL)
		request->method = "";
	target = target_of(request, arena);
	if (strlen(target) > HTTP_TARGET_BYTES_MAX)
		return error_set_code(err, ERROR_INVALID, "target_too_long",
				      "the path and query are longer than %d bytes",
				      HTTP_TARGET_BYTES_MAX);
	length = strcspn(target, "?");
	request->query = target[length] == '?' ? target + length + 1 : "";
	if (length > 1 && target[length - 1] == '/')
		length--;
	request->path = arena_strndup(arena, target, length);
	return read_size(request, body_size, err);
}

/* Nothing else is served: a body of which nothing is said (RFC 9110 8.3) is read as JSON. */
static bool is_json_type(const char *content_type)
{
	static const char wanted[] = "application/json";
	const size_t length = sizeof(wanted) - 1;

	return content_type == NULL || *content_type == '\0' ||
	       (strncasecmp(content_type, wanted, length) == 0 &&
		strchr("; \t", content_type[length]) != NULL);
}

static bool is_encoded(const char *content_encoding)
{
	return content_encoding != NULL && *content_encoding != '\0' &&
	       strcasecmp(content_encoding, "identity") != 0;
}

bool request_json(const struct request *request, bool is_empty_allowed, json_t **body,
		  struct error *err)
{
	json_t *value;

	if (request->body_size == 0 && is_empty_allowed) {
		*body = json_object();
		return true;
	}
	if (!is_json_type(request_header(request, "content-type")))
		return error_set(
			err, ERROR_MEDIA_TYPE,
			"send the body as JSON with the header Content-Type: application/json");
	if (is_encoded(request_header(request, "content-encoding")))
		return error_set(err, ERROR_MEDIA_TYPE,
				 "send the body as it is, without a Content-Encoding");
	if (request->body_size == 0)
		return error_set_code(err, ERROR_INVALID, "invalid_json",
				      "the body is empty; expected a JSON object");
	if (!json_read(request->body, request->body_size, &value, err))
		return false;
	if (!json_is_object(value)) {
		json_decref(value);
		return error_set_code(err, ERROR_INVALID, "invalid_json",
				      "the body is valid JSON, but not an object");
	}
	*body = value;
	return true;
}

void respond_json(struct response *response, struct arena *arena, int status, json_t *body)
{
	assert(body != NULL);
	response->status = status;
	response->content_type = "application/json";
	response->body = json_text(arena, body);
	json_decref(body);
}

void respond_constant(struct response *response, int status, const char *json)
{
	response->status = status;
	response->content_type = "application/json";
	response->body = json;
}

void respond_text(struct response *response, int status, const char *text)
{
	response->status = status;
	response->content_type = "text/plain; charset=utf-8";
	response->body = text;
}

int error_http_status(enum error_kind kind)
{
	static const int statuses[] = {
		[ERROR_NONE] = 500,
		[ERROR_INVALID] = 400,
		[ERROR_UNAUTHENTICATED] = 401,
		[ERROR_NOT_FOUND] = 404,
		[ERROR_METHOD] = 405,
		[ERROR_CONFLICT] = 409,
		[ERROR_TOO_LARGE] = 413,
		[ERROR_MEDIA_TYPE] = 415,
		[ERROR_RATE_LIMITED] = 429,
		[ERROR_BUSY] = 503,
		[ERROR_STORAGE] = 503,
		[ERROR_ZOOM_REFUSED] = 502,
		[ERROR_ZOOM_TIMEOUT] = 504,
		[ERROR_ZOOM_UNAVAILABLE] = 503,
		[ERROR_INTERNAL] = 500,
	};

	assert((size_t)kind < COUNT_OF(statuses));
	return statuses[kind];
}

static const char database_unavailable[] =
	"the database cannot be used at the moment; the log says why, under this answer's X-Request-Id";

/* What is wrong with the database, and where it is, is its operator's to know, from the log. */
const char *error_sentence(const struct error *err)
{
	return err->kind == ERROR_STORAGE ? database_unavailable : err->message;
}

void respond_error(struct response *response, struct arena *arena, const struct error *err)
{
	const char *sentence = error_sentence(err);
	json_t *body = json_object(), *message = json_string(sentence);

	/* A sentence that quotes bytes which are no UTF-8 is no JSON string. */
	json_object_set_new(body, "error",
			    message != NULL ? message
					    : json_string("the request cannot be served"));
	json_object_set_new(body, "code", json_string(err->code));
	if (err->details != NULL)
		json_object_set_new(body, "details", json_loads(err->details, 0, NULL));
	respond_json(response, arena, error_http_status(err->kind), body);
	response->retry_after_s = err->retry_after_s;
}

const char *http_reason_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{200, "OK"},
		{201, "Created"},
		{204, "No Content"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{429, "Too Many Requests"},
		{500, "Internal Server Error"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < COUNT_OF(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}
