/*
 * The access token of a connection: cached in the database, shared by every process, and renewed
 * with one refresh however many ask.
 *
 * Zoom rotates the refresh token at every refresh and takes the old one never again, so whoever
 * loses the newest one has lost the user. Why no interleaving of ours loses one:
 *
 *  1. One at a time. Who wants to refresh takes the lease, an UPDATE that only one of any number of
 *     processes wins (credentials_claim_refresh). Within a process the threads line up behind one
 *     that does it (base/flight.h); the others read what it stored.
 *  2. Noted before it begins. Taking the lease writes refresh_started_at in the same commit. Only an
 *     answer clears it, so a refresh that was cut off is still on record when somebody finds out.
 *  3. Committed before use. Zoom's answer is stored, synchronously to the disk, before anybody is
 *     handed the access token that came with it.
 *  4. A generation is answered once. Every change of the tokens makes a new generation, and an answer
 *     is stored only where the generation is still the one whose refresh token was sent. A holder
 *     whose lease ran out while it slept may come back with an answer in hand: if nobody changed the
 *     tokens meanwhile, its answer is the newest there is, and it is stored. Another holder that
 *     tried the same refresh token had no success with it, because Zoom takes it once. And where the
 *     user has authorized again meanwhile, Zoom has voided the grant that the answer belongs to, so
 *     dropping it loses nothing.
 *  5. A refusal is believed only about what is stored. After invalid_grant the row is read again
 *     in the transaction that would disconnect: if the generation has moved on, the refusal was
 *     about yesterday's token, and the new one is used.
 *
 * What is left is what no client of Zoom can mend: Zoom rotates, and its answer does not reach us
 * (the connection breaks, or we are killed while it is under way). The next refresh then finds
 * invalid_grant, and 2 lets us say so: `refresh_interrupted` instead of "revoked by the user".
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
 * A token that lives a while yet. refused_generation is that of a token which Zoom's API refused
 * with 401, so that another is needed; 0 else.
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
			struct access_token *token, struct zoom_failure *failure, struct error *err)
	MUST_CHECK;

/*
 * A call to Zoom's API with the connection's token. Where Zoom refuses the token (401) it is renewed,
 * once, and the call made once more. `call` returns what the zoom_api_… function returned.
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

/* When the worker renews credentials that nobody uses: 30 days after `now`, spread over a day. */
instant access_token_next_upkeep(instant now);

/* Seals a token set that Zoom gave to the connection's row. */
struct sealed_tokens access_token_seal(const struct broker *broker,
				       const struct connection *connection,
				       const struct zoom_token_set *tokens, instant now);

#endif
