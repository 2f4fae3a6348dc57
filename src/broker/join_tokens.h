/*
 * What a bot joins with: decides the flow from what is known now, mints the tokens with Zoom, and
 * whatever fails still gives an answer that the bot can join with.
 */
#ifndef BROKER_JOIN_TOKENS_H
#define BROKER_JOIN_TOKENS_H

#include "broker/broker.h"
#include "store/connection.h"
#include "zoom/failure.h"

#include <stdbool.h>

/* What is known of a meeting that somebody wants to join. */
struct join_request {
	int64_t project_id;
	int64_t meeting_id;           /* 0 for a personal link */
	const char *personal_name;    /* of a personal link, else NULL */
	int64_t asked_connection_id;  /* 0: none was named */
	const char *onbehalf_user_id; /* Zoom user id; NULL: no on-behalf token is wanted */
};

/* Which connections serve it. */
struct join_plan {
	bool is_token_flow;           /* at least one of the two tokens below can be asked for */
	const char *reason;           /* a join_flow_reason; NULL for the token flow */
	bool has_connection;          /* one is known to serve the meeting, connected or not: */
	struct connection connection; /* what zoom_oauth_connection_id names */
	bool has_recording, has_onbehalf;
	struct connection recording; /* mints the local recording token */
	struct connection onbehalf;  /* mints the on-behalf token */
	/* Why there is no on-behalf token although it is wanted; or NULL. */
	const char *onbehalf_reason;
	int64_t meeting_id; /* a personal link's is its owner's personal meeting id; 0: not known */
};

/* Reads the database, calls nobody. */
bool join_plan_make(struct broker *broker, const struct join_request *request,
		    struct join_plan *plan, struct error *err) MUST_CHECK;

struct join_tokens {
	bool is_token_flow;
	const char *reason;              /* NULL where every token that was wanted is there */
	const char *app_privilege_token; /* the local recording token; NULL: none */
	instant app_privilege_token_expires_at;
	const char *onbehalf_token;  /* NULL: none */
	struct zoom_failure failure; /* what Zoom said; class NONE where nothing failed at Zoom */
};

/* Always succeeds, before the broker's deadline: what fails is in `tokens`. */
void join_tokens_mint(struct broker *broker, const struct join_plan *plan,
		      struct join_tokens *tokens);

#endif
