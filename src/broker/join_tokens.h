/*
 * What a bot joins with: mints with Zoom the tokens of a plan (broker/join_plan.h), and whatever fails
 * still gives an answer that the bot can join with.
 */
#ifndef BROKER_JOIN_TOKENS_H
#define BROKER_JOIN_TOKENS_H

#include "broker/join_plan.h"
#include "zoom/failure.h"

#include <stdbool.h>

struct join_tokens {
	bool is_token_flow;
	const char *reason;              /* NULL where every token that was wanted is there */
	const char *app_privilege_token; /* the local recording token; NULL: none */
	instant app_privilege_token_expires_at;
	const char *onbehalf_token;  /* NULL: none */
	const char *zak_token;       /* NULL: none, as where there is an on-behalf token */
	struct zoom_failure failure; /* what Zoom said; class NONE where nothing failed at Zoom */
	struct error error;          /* what failed here; kind NONE: nothing */
};

/* Always succeeds, before the broker's deadline: what fails is in `tokens`. */
void join_tokens_mint(struct broker *broker, const struct join_plan *plan,
		      struct join_tokens *tokens);

/* What failed, for the log; NULL: nothing did, though `reason` may say why there is no token. */
const char *join_tokens_failure(const struct join_tokens *tokens);

/* What the failure of a call with a connection's token means to the one who joins, as access_token_use() tells it. */
const char *join_failure_reason(struct broker *broker, const struct zoom_failure *failure,
				const struct error *err);

#endif
