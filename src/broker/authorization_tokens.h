/*
 * The tokens that an authorization code brought, while they wait in the code's row for their
 * connection. Until then they are the only ones there are.
 */
#ifndef BROKER_AUTHORIZATION_TOKENS_H
#define BROKER_AUTHORIZATION_TOKENS_H

#include "broker/broker.h"
#include "store/app.h"
#include "store/authorization.h"
#include "zoom/failure.h"
#include "zoom/oauth.h"

#include <stdbool.h>

/* How long the caller is given to post the code again before the worker finishes it. */
#define AUTHORIZATION_WORKER_DELAY (60 * SECOND)

/*
 * Commits what Zoom gave to a question that was asked at asked_at, and fills it into the row. A busy
 * or full disk is given time to come back.
 */
bool authorization_tokens_store(struct broker *broker, struct authorization *row,
				int64_t project_id, const struct zoom_token_set *tokens,
				instant asked_at, struct error *err) MUST_CHECK;

/* Opens what the row holds; the scopes are the row's, and expires_in_s is not filled. */
bool authorization_tokens_open(struct broker *broker, const struct authorization *row,
			       int64_t project_id, struct zoom_token_set *tokens, struct error *err)
	MUST_CHECK;

/*
 * Has Zoom renew them, and commits the new ones: shows that their grant lives. On failure
 * failure->class says what Zoom meant; where it is ZOOM_FAILURE_NONE the failure is ours and in err.
 */
bool authorization_tokens_renew(struct broker *broker, const struct app *app,
				struct authorization *row, struct zoom_failure *failure,
				struct error *err) MUST_CHECK;

#endif
