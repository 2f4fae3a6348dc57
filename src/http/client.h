/*
 * Outgoing HTTP; the only owner of libcurl. One client per process, shared by its threads: each
 * call takes the most recently used of a set of kept-alive connections, so that a call costs no
 * TLS handshake, and no call waits for another. Nothing is initialized before the first call. TLS
 * is verified, redirects are not followed, proxies are honoured as curl does (environment).
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct http_client;

enum {
	HTTP_ANSWER_BYTES_MAX = 4 << 20, /* of one answer's body */
	HTTP_ANSWER_HEADER_BYTES_MAX = 64 << 10,
	HTTP_CLIENT_CROWD =
		64, /* calls under way from where on each saves the memory of its stack */
};

struct http_header {
	const char *name, *value;
};

struct http_call {
	const char *method; /* "GET", "POST", … */
	const char *url;    /* http or https, without credentials */
	const struct http_header *headers;
	size_t header_count;
	const char *body; /* NULL: none */
	size_t body_size;
	long timeout_ms;         /* all included, from the name look-up to the answer's last byte */
	size_t answer_bytes_max; /* 0: HTTP_ANSWER_BYTES_MAX */
};

struct http_answer {
	int status;
	const char *body; /* NUL-terminated, never NULL */
	size_t body_size;
	const struct http_header *headers; /* names in lower case */
	size_t header_count;
	long duration_ms;
};

struct http_client *http_client_open(void);
void http_client_close(struct http_client **client);

/* Keeps at most so many connections for later calls, those that were used last. From any thread. */
void http_client_close_idle(struct http_client *client, size_t kept);

/*
 * Any answer with a status, 500 as well, is success. Else ERROR_ZOOM_TIMEOUT (time ran out, or
 * timeout_ms is not above 0), ERROR_ZOOM_UNAVAILABLE (name, connection, TLS, a broken or over-long
 * answer) or ERROR_INVALID (a URL or header that cannot be sent), saying which in the message
 * without the URL's path and query. *was_sent tells, also on failure, whether the request may have
 * reached the other side, so that its effect cannot be ruled out.
 * A kept-alive connection that the other side closed is noticed before it is used. If it breaks off
 * only after that, without an answer, a GET or HEAD is sent again on a fresh one; anything else
 * fails, with *was_sent true, for it may have had its effect.
 */
bool http_client_call(struct http_client *client, struct arena *arena, const struct http_call *call,
		      struct http_answer *answer, bool *was_sent, struct error *err) MUST_CHECK;

/* The value of the first such header (any case), or NULL. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

#endif
