/*
 * The end of an authorization: whose tokens are these, and which connection gets them?
 *
 * Two authorizations of one user may be under way at once. Zoom voids the tokens of the earlier one,
 * but its answers may reach us in either order. So where the connection's tokens may be younger than
 * ours, Zoom is asked to renew ours: if it does, ours is the living grant and replaces what is there;
 * if it refuses, ours is the voided one, and what is there stays.
 *
 * While Zoom is asked another authorization may be settled, and then the same is asked again about that
 * one's tokens. That has an end, because each code is settled once: of n codes of one user nobody asks
 * more than n - 1 times, also where Zoom keeps the older grants and says yes to each.
 */
#ifndef BROKER_SETTLEMENT_H
#define BROKER_SETTLEMENT_H

#include "broker/authorization.h"

#include <stdbool.h>

/*
 * Steps 3 and 4 of authorization.h for a row that holds tokens. *connection is what came of it;
 * *is_final tells of a failure whether it is the answer to this code for good.
 */
bool settlement_run(struct broker *broker, const struct authorization_request *request,
		    struct authorization *row, struct connection *connection, bool *is_final,
		    struct error *err) MUST_CHECK;

/* ERROR_CONFLICT: somebody else is at the same code. Always returns false. */
bool settlement_fail_in_progress(struct error *err);

#endif
