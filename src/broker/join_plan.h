/*
 * Whose connection gives the tokens that a meeting is joined with, decided from what is known now.
 * Reads the database, calls nobody; the tokens themselves are minted in broker/join_tokens.h.
 *
 * Every reason here is a join_flow_reason of the API.
 */
#ifndef BROKER_JOIN_PLAN_H
#define BROKER_JOIN_PLAN_H

#include "broker/broker.h"
#include "broker/scopes.h"
#include "store/connection.h"

#include <stdbool.h>

/* What is known of a meeting that somebody wants to join. */
struct join_request {
	int64_t project_id;
	int64_t meeting_id;           /* 0 for a personal link, or where no meeting is named */
	const char *personal_name;    /* of a personal link, else NULL */
	int64_t asked_connection_id;  /* 0: none was named */
	const char *onbehalf_user_id; /* Zoom user id; NULL: no on-behalf token is wanted */
	const char *zak_user_id;      /* the same for a ZAK; a join takes one of the two */
};

/* Which connections serve it. */
struct join_plan {
	bool is_token_flow;           /* at least one of the tokens below can be asked for */
	const char *reason;           /* a join_flow_reason; NULL for the token flow */
	bool has_connection;          /* one is known to serve the meeting, connected or not: */
	struct connection connection; /* what zoom_oauth_connection_id names */
	bool has_recording, has_onbehalf, has_zak;
	struct connection recording; /* mints the local recording token */
	struct connection onbehalf;  /* mints the on-behalf token */
	struct connection zak;       /* mints the ZAK, unless there is an on-behalf token */
	/* Why there is none of these although it is wanted; or NULL. */
	const char *onbehalf_reason, *zak_reason;
	int64_t meeting_id; /* a personal link's is its owner's personal meeting id; 0: not known */
};

bool join_plan_make(struct broker *broker, const struct join_request *request,
		    struct join_plan *plan, struct error *err) MUST_CHECK;

/* The tokens that are wanted, where they are wanted one by one; or'ed together. */
enum join_want {
	JOIN_WANTS_RECORDING = 1,
	JOIN_WANTS_ONBEHALF = 2,
	JOIN_WANTS_ONBEHALF_IF_SUPPORTED = 4, /* lacking it is nothing to tell of */
	JOIN_WANTS_ZAK = 8,
};

struct join_wish {
	unsigned wants;
	const struct connection *named; /* whose tokens; NULL: the host's */
	bool is_named_for_recording; /* `named` records even where somebody else is known to host */
};

/*
 * The same for somebody who names the tokens; of the request only project and meeting are looked at.
 * All come from the connection that is named, else from the host's. Only the local recording token,
 * which takes the host, comes from the host's where that can give it.
 */
bool join_plan_make_for_wish(struct broker *broker, const struct join_request *request,
			     const struct join_wish *wish, struct join_plan *plan,
			     struct error *err) MUST_CHECK;

/* Why a connection cannot give the recording token of that meeting (0: not known); NULL where it can. */
const char *join_recording_obstacle(const struct connection *connection, int64_t meeting_id);

#endif
