/*
 * One refresh of a connection's tokens.
 *
 * Zoom rotates the refresh token at every refresh and takes the old one never again, so whoever loses
 * the newest one has lost the user. Why no interleaving of ours loses one (tests/model checks it, with
 * the steps under the same names):
 *
 *  1. claim. One process at a time takes the lease, in an UPDATE that only one of them wins, and in
 *     the same commit notes its attempt. A lease falls to the next one when its holder is dead, or has
 *     not come back in time, alive or not. Holder is a number of the attempt's own (base/holder.h): the
 *     kernel tells that it is dead when the process is, and when the process has given it up, for a
 *     database that takes nothing for too long takes no note of that either.
 *  2. send. Only then Zoom is called. The call has its full time, whatever its caller's deadline is.
 *  3. store_answer. What Zoom gives is on the disk before anybody is handed the access token. Whatever
 *     brings a refresh token, or erases it, makes a new generation, and an answer is stored only where
 *     the generation is still the one whose refresh token was sent, lease or no lease:
 *       - A holder whose lease ran out while it was stopped may come back with the answer in hand. If
 *         nobody has changed the tokens, it is the newest there is, and it is stored. Whoever tried
 *         the same refresh token meanwhile had no success, because Zoom takes it once.
 *       - If the generation has moved on, the user has authorized again or removed the app, and Zoom
 *         has voided the grant that the answer belongs to: dropping it loses nothing.
 *  4. record_refusal. invalid_grant is believed only about what is stored: in the transaction that
 *     would disconnect the generation is read again, and where it has moved on, the refusal was about
 *     yesterday's token. And only where no one else can have the new token: while another attempt
 *     is open whose holder lives, that one may be stopped with Zoom's answer in its hands, so
 *     nothing is concluded and it is tried again later. The same while an authorization is under way
 *     that had begun before the refusal, or its tokens wait to be settled: Zoom voids the older grant as
 *     it takes the code, and whose code it was is known only later. Who works on it is waited for, up to
 *     the caller's deadline.
 *  5. record_lost. Where the call ended without an answer, Zoom may have rotated all the same. The
 *     attempt stays on record as lost, until the next success shows that nothing had happened.
 *     Where Zoom has said something else, or was not asked, nothing has changed there: record_passing.
 *
 * What is left is what no client of Zoom can mend: Zoom rotates, and its answer does not reach us,
 * because the connection broke or we were killed. The next refresh finds invalid_grant and an attempt
 * that was lost or belongs to the dead, and says `refresh_interrupted` instead of "revoked".
 */
#ifndef BROKER_REFRESH_H
#define BROKER_REFRESH_H

#include "broker/broker.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "zoom/failure.h"

enum refresh_outcome {
	REFRESH_STORED,     /* new tokens are in the database */
	REFRESH_SUPERSEDED, /* somebody else has changed them meanwhile: read again */
	REFRESH_LEASED,     /* another process is at it */
	REFRESH_FAILED, /* *failure says what Zoom meant; where its class is NONE, err what failed here */
};

/*
 * Tries one with `credentials` as they were read. What a failure means for the connection and the app
 * is committed already.
 */
enum refresh_outcome refresh_try(struct broker *broker, const struct connection *connection,
				 const struct credentials *credentials,
				 struct zoom_failure *failure, struct error *err);

/* Seals a token set that Zoom gave to the connection's row. */
struct sealed_tokens refresh_seal(const struct broker *broker, const struct connection *connection,
				  const struct zoom_token_set *tokens, instant now);

/* Zoom may have rotated without our having its answer: none came, or one by a gateway in front of Zoom. */
bool refresh_may_have_rotated(const struct zoom_failure *failure);

/* When the worker renews credentials that nobody uses: 30 days after `now`, spread over a day. */
instant refresh_next_upkeep(instant now);

#endif
