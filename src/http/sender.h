/*
 * Posts to addresses that strangers named, many at a time, in one thread: each goes its own pace, and a
 * slow one holds up nobody. Unless private ones are allowed, only https to public addresses is sent,
 * which is checked of the address that is really connected to, whatever its name resolved to before.
 * Redirects are not followed, proxies not used, TLS is verified. Beside http/client.h the only file
 * that knows libcurl.
 */
#ifndef HTTP_SENDER_H
#define HTTP_SENDER_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/client.h"

#include <stdbool.h>
#include <stddef.h>

struct http_sender;

enum {
	SENDER_ANSWER_BYTES_KEPT = 500,      /* of an answer's body */
	SENDER_ANSWER_BYTES_MAX = 256 << 10, /* read of it; what is longer is cut off, and counts */
	SENDER_HEADER_BYTES_MAX = 64 << 10,  /* a longer head is no answer */
	SENDER_RETRY_AFTER_BYTES = 64,       /* of that header's value and its NUL */
	SENDER_ERROR_BYTES = 256,
};

struct http_sender *http_sender_open(bool allow_private);

/* What is under way is cut off. */
void http_sender_close(struct http_sender **sender);

struct http_post {
	const char *url;
	const struct http_header *headers;
	size_t header_count;
	const char *body;
	size_t body_size;
	long timeout_ms; /* all included */
	void *tag;       /* names it in its outcome */
};

struct http_outcome {
	void *tag;
	int status;                                 /* 0: no answer came */
	char answer[SENDER_ANSWER_BYTES_KEPT + 1];  /* its beginning, made printable UTF-8 */
	char retry_after[SENDER_RETRY_AFTER_BYTES]; /* "": there was none */
	char error[SENDER_ERROR_BYTES]; /* why no answer came, without the URL's path and query */
};

/* Copies what it needs. A post that cannot even begin has its outcome all the same. */
void http_sender_start(struct http_sender *sender, const struct http_post *post);

/*
 * Goes on with all of them until something happens, wake_descriptor (-1: none) can be read, or the time is over.
 */
void http_sender_wait(struct http_sender *sender, int wake_descriptor, int timeout_ms);

/* The next one that is over, in the order of their ends; false where none is at the moment. */
bool http_sender_next(struct http_sender *sender, struct http_outcome *outcome);

/* ERROR_INVALID says what is wrong with the address of a receiver, as far as the address itself tells. */
bool http_sender_check_url(const char *url, bool allow_private, struct error *err) MUST_CHECK;

#endif
