/*
 * The one place through which calls to Zoom go: asks the host's circuit, and whether Zoom has set a limit,
 * calls, reads the answer and reports how the host did.
 */
#ifndef ZOOM_CALL_H
#define ZOOM_CALL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/tally.h"
#include "http/client.h"
#include "store/db.h"
#include "zoom/circuits.h"
#include "zoom/failure.h"

#include <jansson.h>
#include <stdbool.h>

/* Where Zoom is, and how to call it. */
struct zoom_endpoint {
	struct http_client *client;
	const struct clock *clock;
	struct circuits *circuits; /* NULL: Zoom is asked whatever happened before */
	struct tallies *tallies;   /* NULL: calls are not counted */
	const char *oauth_url;     /* "https://zoom.us/oauth" */
	const char *api_url;       /* "https://api.zoom.us/v2" */
	long timeout_ms;           /* of one call, all included */
	struct db *db;             /* rests during a call, see db_rest(); NULL: none does */
};

/*
 * zoom_answer_read() of the call's answer. A call that the circuit refuses is ZOOM_FAILURE_UNAVAILABLE
 * with retry_at, at once; it was not sent. So is one of a kind and on behalf of somebody that has met a
 * limit which lasts: ZOOM_FAILURE_RATE_LIMITED. `kind` is what it counts as: "refresh_token".
 */
json_t *zoom_call(const struct zoom_endpoint *zoom, struct arena *arena, const char *kind,
		  const struct http_call *call, bool is_oauth, struct zoom_failure *failure);

/* True, with *failure as above, where a call to the URL's host would be refused now. */
bool zoom_is_resting(const struct zoom_endpoint *zoom, struct arena *arena, const char *url,
		     struct zoom_failure *failure);

/* The failure of an answer that lacks what it must bring: no verdict on anything. Returns false. */
bool zoom_refuse_answer(struct arena *arena, const char *field, struct zoom_failure *failure);

#endif
