/*
 * From an authorization code to a connection. Zoom takes a code once and voids the user's older grant
 * as it does, so from that moment on the new tokens are the only ones there are:
 *
 *  1. claim     one process works on a code, whoever else posts it waits for the answer
 *  2. exchange  Zoom gives the tokens, and they are committed before anything else happens
 *  3. identify  Zoom says whose they are
 *  4. settle    one transaction makes, updates or moves the connection and hands it the tokens
 *
 * What is interrupted after 2 is finished by the next post of the code, or by the worker. A user who
 * has a connection always ends up with the new credentials in it, even where the request is refused.
 */
#ifndef BROKER_AUTHORIZATION_H
#define BROKER_AUTHORIZATION_H

#include "broker/broker.h"
#include "store/app.h"
#include "store/authorization.h"
#include "store/connection.h"

#include <stdbool.h>

struct authorization_request {
	const struct app *app;
	const char *code, *redirect_uri;
	const char *code_verifier;     /* NULL: PKCE was not used */
	const char *deduplication_key; /* NULL: none */
	const char *metadata;          /* JSON object; NULL: keep what is there */
	bool is_local_recording_token_supported, is_onbehalf_token_supported;
};

struct authorization_outcome {
	struct authorization row;     /* names the row, for authorization_record_answer() */
	bool is_answered;             /* row.answer_status and answer_body are the first answer */
	struct connection connection; /* else: what came of it */
};

/*
 * All four steps. On failure err is for the caller of the API: authorization_failed with Zoom's
 * reason, missing_scopes, user_not_active, deduplication_key_conflict, invalid_client_credentials, or
 * that Zoom is not there; *is_final tells whether the failure is the answer to this code for good.
 */
bool authorization_run(struct broker *broker, const struct authorization_request *request,
		       struct authorization_outcome *outcome, bool *is_final, struct error *err)
	MUST_CHECK;

/*
 * Step 1 for the worker: the row that is due longest of those that nobody is at. `holder` is what ends the
 * lease by authorization_release() where it could not be finished.
 */
bool authorization_claim_due(struct broker *broker, char holder[static AUTHORIZATION_HOLDER_BYTES],
			     bool *found, struct authorization *row, struct error *err) MUST_CHECK;

/* Steps 3 and 4 for such a row; `row` names it afterwards too. */
bool authorization_finish(struct broker *broker, const struct authorization *row, bool *is_final,
			  struct error *err) MUST_CHECK;

#endif
