/*
 * One HTTP request and its response, whatever carried them: FastCGI, CGI or a test. A request is
 * read from CGI variables (RFC 3875), so the same code serves them all.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include "base/arena.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_BODY_BYTES_MAX = 1 << 20,
	HTTP_TARGET_BYTES_MAX = 8 << 10, /* path and query */
	HTTP_PATH_PARAMETERS_MAX = 4,
};

struct http_parameter {
	const char *name, *value;
};

struct request {
	struct arena *arena;
	char *const *variables; /* "NAME=value", as environ(7) */
	const char *method;     /* "" where there was none */
	const char *path;       /* as sent, still percent-encoded, without a slash at its end */
	const char *query;      /* as sent, without its ?; "" where there was none */
	const char *body;       /* NUL-terminated; never NULL */
	size_t body_size;
	/* What each :name in the route stood for. */
	struct http_parameter parameters[HTTP_PATH_PARAMETERS_MAX];
	size_t parameter_count;
};

/*
 * Reads everything but the body, which stays empty. *body_size is the CONTENT_LENGTH. ERROR_INVALID
 * or ERROR_TOO_LARGE says what is wrong. The request points into `variables` and the arena.
 */
bool request_read(struct request *request, struct arena *arena, char *const *variables,
		  size_t *body_size, struct error *err) MUST_CHECK;

/* NULL where there is none. */
const char *request_variable(const struct request *request, const char *name);

/* By its HTTP name, any case: "x-zm-signature". NULL where there is none. */
const char *request_header(const struct request *request, const char *name);

/* What `:name` of the route stands for, decoded; the route must have it. */
const char *request_path_parameter(const struct request *request, const char *name);

/*
 * The body as a JSON object for the caller to decref, under the rules of json_read(). ERROR_MEDIA_TYPE
 * where it is said to be something else, or compressed. An empty body is an empty object where that is allowed.
 */
bool request_json(const struct request *request, bool is_empty_allowed, json_t **body,
		  struct error *err) MUST_CHECK;

struct response {
	int status;       /* 0: the handler has not decided */
	const char *body; /* text in the request's arena; NULL: none */
	const char *content_type;
	const char *allow; /* for 405 */
	int retry_after_s; /* 0: not said */
};

/* Renders and takes over `body`; the text lives in the arena. */
void respond_json(struct response *response, struct arena *arena, int status, json_t *body);

/* JSON that is a constant of the program. */
void respond_constant(struct response *response, int status, const char *json);

/* text/plain, without a line's end; `text` is as the body of a response. */
void respond_text(struct response *response, int status, const char *text);

/* The status that a kind of error is answered with. */
int error_http_status(enum error_kind kind);

/* What a caller is told of it; the log has err->message. */
const char *error_sentence(const struct error *err);

/* {"error", "code", "details"?}, the one shape of all errors. */
void respond_error(struct response *response, struct arena *arena, const struct error *err);

/* "Created" for 201. */
const char *http_reason_phrase(int status);

#endif
