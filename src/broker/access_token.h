/*
 * The access token of a connection: cached in the database, shared by every process, and renewed with
 * one refresh however many ask. Within a process that is made on a thread of its own, for which all who
 * ask wait, each until its deadline; the refresh goes on to its end (base/flight.h). Between processes the
 * lease of broker/refresh.h decides, where it is also said why no refresh loses a token.
 */
#ifndef BROKER_ACCESS_TOKEN_H
#define BROKER_ACCESS_TOKEN_H

#include "broker/broker.h"
#include "store/connection.h"
#include "zoom/failure.h"

#include <stdbool.h>

struct access_token {
	const char *text; /* in the broker's arena */
	int64_t generation;
	instant expires_at;
};

/*
 * A token that lives a while yet. refused_generation is that of a token in whose place another one is
 * needed: Zoom's API refused it with 401, or it is due to be renewed; 0 else.
 *
 * On failure failure->class says what Zoom meant, and the consequences for the connection and the
 * app are committed already; where it is ZOOM_FAILURE_NONE the failure is ours and in err.
 * Never later than the broker's deadline: who cannot wait so long gets ZOOM_FAILURE_TIMEOUT.
 */
bool access_token_get(struct broker *broker, const struct connection *connection,
		      int64_t refused_generation, struct access_token *token,
		      struct zoom_failure *failure, struct error *err) MUST_CHECK;

/* Renews it whether it needs that or not: asks Zoom whether the credentials are good. */
bool access_token_renew(struct broker *broker, const struct connection *connection,
			struct zoom_failure *failure, struct error *err) MUST_CHECK;

/*
 * A call to Zoom's API with the connection's token. Where Zoom refuses the token (401) it is renewed,
 * once, and the call made once more; neither from the broker's deadline on, which is ZOOM_FAILURE_TIMEOUT. `call`
 * returns what the zoom_api_… function returned.
 */
typedef bool access_token_call(void *argument, const struct zoom_endpoint *zoom,
			       const char *access_token, struct zoom_failure *failure);
bool access_token_use(struct broker *broker, const struct connection *connection,
		      access_token_call *call, void *argument, struct zoom_failure *failure,
		      struct error *err) MUST_CHECK;

/*
 * Whether a token is good for what is about to be done: not within the last quarter of its life, nor,
 * however long it lives, within its last three minutes.
 */
bool access_token_is_fresh(instant now, instant issued_at, instant expires_at);

#endif
