/*
 * What a call to Zoom came to when it brought no success: Zoom's own words, and the class that says
 * what may be concluded from it (zoom-facts 1.5, 2.3 to 2.5). Telling these apart keeps users.
 */
#ifndef ZOOM_FAILURE_H
#define ZOOM_FAILURE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/client.h"

#include <jansson.h>
#include <stdbool.h>

enum zoom_failure_class {
	ZOOM_FAILURE_NONE,
	ZOOM_FAILURE_GRANT,  /* "invalid_grant", "Invalid Token!": this authorization is dead */
	ZOOM_FAILURE_CLIENT, /* "invalid_client": the app's id or secret is wrong */
	ZOOM_FAILURE_ACCESS_TOKEN, /* 401 of the API: refresh once, try once more */
	ZOOM_FAILURE_SCOPE,        /* the token lacks a scope */
	ZOOM_FAILURE_NOT_FOUND,    /* 404: no such meeting or user */
	ZOOM_FAILURE_REFUSED,      /* any other 4xx: Zoom understood and said no */
	ZOOM_FAILURE_RATE_LIMITED, /* 429, passing */
	ZOOM_FAILURE_UNAVAILABLE,  /* 5xx, broken JSON, no connection: passing */
	ZOOM_FAILURE_TIMEOUT,      /* passing */
};

/* The most that is kept of what an answer says. */
enum { ZOOM_CODE_BYTES_MAX = 64, ZOOM_TRACKING_ID_BYTES_MAX = 128 };

struct zoom_failure {
	enum zoom_failure_class class;
	int status;              /* HTTP; 0 where no answer came */
	const char *code;        /* "invalid_grant", "4711"; NULL where Zoom gave none */
	const char *reason;      /* Zoom's own sentence, or ours where no answer came; never NULL */
	const char *tracking_id; /* x-zm-trackingid, which Zoom's support asks for; or NULL */
	instant retry_at;        /* as Zoom said, but at most a day ahead; 0: it did not say */
	bool was_sent;           /* the request may have had its effect */
};

/*
 * Reads an answer of /oauth/token and its like (`is_oauth`) or of the REST API. Returns the parsed
 * JSON object of a 2xx answer for the caller to decref, else NULL with *failure filled; its strings
 * live in the arena. A 2xx that holds no JSON object is ZOOM_FAILURE_UNAVAILABLE.
 */
json_t *zoom_answer_read(struct arena *arena, const struct http_answer *answer, bool is_oauth,
			 instant now, struct zoom_failure *failure);

/* The failure of a call that brought no answer, from http_client_call()'s error. */
void zoom_failure_of_call(struct arena *arena, const struct error *call_error, bool was_sent,
			  struct zoom_failure *failure);

/* True for what may work later with nobody changing anything. */
bool zoom_failure_is_passing(const struct zoom_failure *failure);

/* "invalid_grant", "rate_limited", "timeout", …: for join_flow_reason, failure data and logs. */
const char *zoom_failure_name(enum zoom_failure_class class);

/*
 * {status, code, reason, tracking_id}, null where not there, for the caller to decref: `details.zoom`
 * of errors and `zoom` of tokens.
 */
json_t *zoom_failure_json(const struct zoom_failure *failure);

/*
 * Fills err for an answer of our API: 502 zoom_error, 504 zoom_timeout or 503 zoom_unavailable with
 * Retry-After, and where Zoom answered details {"zoom": …} in the arena. Always returns false.
 */
bool zoom_failure_to_error(struct arena *arena, const struct zoom_failure *failure, instant now,
			   struct error *err);

#endif
