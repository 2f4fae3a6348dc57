/*
 * The heart: from a connection's credentials to the tokens that a bot joins with. This struct is what
 * every function here works with; the caller fills it per request or job from what it has open.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/flight.h"
#include "base/holder.h"
#include "base/keyring.h"
#include "base/tally.h"
#include "store/db.h"
#include "zoom/failure.h"
#include "zoom/oauth.h"

#include <stdbool.h>
#include <stdint.h>

struct broker {
	struct db *db;
	struct arena *arena;
	const char *database; /* what a thread of its own opens, … */
	struct db_gate *gate; /* … and through which gate */
	struct keyring *keyring;
	const struct clock *clock;
	struct flights *flights;
	struct holder *holder;
	struct tallies *tallies;   /* NULL: nothing is counted */
	struct zoom_endpoint zoom; /* its timeout_ms bounds one call */
	int64_t deadline_ms;     /* of clock_monotonic_ms(): when the caller must have its answer */
	const char *out_of_time; /* why the deadline has come already; NULL: it comes by itself */
};

/* True, with *failure as that of a call that was not sent, from the deadline on. */
bool broker_is_out_of_time(const struct broker *broker, struct zoom_failure *failure);

/* A Zoom call's endpoint with what is left of the caller's time; at least one millisecond. */
struct zoom_endpoint broker_zoom_until_deadline(const struct broker *broker);

#endif
