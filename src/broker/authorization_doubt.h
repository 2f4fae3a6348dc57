/*
 * Authorizations whose end nobody knows: Zoom was sent the code, and its answer has not reached our
 * disk, or not yet. Zoom may have voided the older grant of the user whose code it was; whose that was
 * it would have told with the answer. So where Zoom refuses a connection's credentials, this may be why.
 */
#ifndef BROKER_AUTHORIZATION_DOUBT_H
#define BROKER_AUTHORIZATION_DOUBT_H

#include "broker/broker.h"
#include "store/connection.h"

#include <stdbool.h>

struct authorization_doubt {
	instant began_at; /* 0: there is none */
	bool is_of_key;   /* it was posted with the connection's own deduplication_key */
};

/*
 * What may have voided the credentials that Zoom gave the connection at given_at: one with its
 * deduplication_key rather than another, then the oldest. Inside the caller's transaction.
 */
bool authorization_doubt_find(const struct broker *broker, const struct connection *connection,
			      instant given_at, struct authorization_doubt *doubt,
			      struct error *err) MUST_CHECK;

/* An authorization that had begun when Zoom refused credentials, and may have voided them. */
enum authorization_open {
	AUTHORIZATION_NONE_OPEN,
	AUTHORIZATION_LEFT,      /* its tokens are on our disk, and nobody works on it now */
	AUTHORIZATION_UNDER_WAY, /* who works on it lives */
};

/*
 * The furthest down that list of those that the app has. Tokens that are left count for an hour: who
 * still cannot tell by then whose they are keeps no longer from all other users what Zoom says of them.
 */
bool authorization_find_open(const struct broker *broker, struct arena *arena, int64_t app_id,
			     instant refused_at, enum authorization_open *open, struct error *err)
	MUST_CHECK;

#endif
