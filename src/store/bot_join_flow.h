/*
 * How bots are to join that wait (before joining) for a connection which comes and goes. One that another
 * connection may serve, or that this one cannot, is left to the decision at its joining.
 */
#ifndef STORE_BOT_JOIN_FLOW_H
#define STORE_BOT_JOIN_FLOW_H

#include "base/clock.h"
#include "store/db.h"

/* The connection was disconnected: they take the standard flow. */
bool bot_join_flow_leave_token(struct db *db, int64_t connection_id, instant now, struct error *err)
	MUST_CHECK;

/* The connection is about to be deleted: there is none for them. */
bool bot_join_flow_lose_connection(struct db *db, int64_t connection_id, instant now,
				   struct error *err) MUST_CHECK;

/* It is connected again: they take the token flow once more. */
bool bot_join_flow_return_to_token(struct db *db, int64_t connection_id, instant now,
				   struct error *err) MUST_CHECK;

#endif
