/*
 * An HTTP server on loopback, in the test's own process, that gives scripted answers and records
 * what it was asked. It serves several connections at once, each in a thread of its own.
 */
#ifndef SUPPORT_HTTP_PEER_H
#define SUPPORT_HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

enum peer_drop {
	PEER_DROP_NEVER,
	PEER_DROP_BEFORE_READING, /* the connection is reset when a request begins to arrive */
	PEER_DROP_AFTER_READING,  /* the request is read and recorded, and gets no answer */
};

/* One answer, as it goes over the wire. All zero: an empty 200. */
struct peer_answer {
	const char *status;  /* "404 Not Found"; NULL: "200 OK" */
	const char *headers; /* whole lines, each with \r\n; NULL: none */
	const char *body;    /* Content-Length is added; NULL: empty */
	size_t filler_bytes; /* so many x follow the body, counted in Content-Length */
	const char *raw;     /* goes instead of all of the above, byte for byte */
	long delay_ms;       /* between reading the request and answering */
	bool is_dribbled;    /* byte by byte, with a millisecond between */
	bool closes;         /* closes the connection afterwards, without having said so */
	enum peer_drop drop;
};

struct http_peer;

/*
 * The answers are given in this order over all connections, each to one request; the last one is
 * repeated. They must outlive the peer.
 */
struct http_peer *http_peer_open(const struct peer_answer *answers, size_t count);
void http_peer_close(struct http_peer **peer);

/* "http://127.0.0.1:PORT", without a slash at its end. */
const char *http_peer_url(const struct http_peer *peer);

/* How often it was connected to, and how many requests it read. */
size_t http_peer_connection_count(struct http_peer *peer);
size_t http_peer_request_count(struct http_peer *peer);

/* The request as it came, head and body; ends the process where there is no such request. */
const char *http_peer_request(struct http_peer *peer, size_t index);

/* Waits until the peer has closed so many connections. */
void http_peer_await_closed(struct http_peer *peer, size_t count);

#endif
