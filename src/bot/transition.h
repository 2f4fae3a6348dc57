/*
 * What can happen to a bot, in which of its states, and what it leads to: the table of zoom-facts
 * section 7 as data. Values in, value out.
 */
#ifndef BOT_TRANSITION_H
#define BOT_TRANSITION_H

#include "base/error.h"

#include <stdbool.h>

/* The events that Hallpass brings about itself; all others are told by the bot's runner. */
#define EVENT_STAGED                 "staged"
#define EVENT_JOIN_REQUESTED         "join_requested"
#define EVENT_LEASE_EXPIRED          "lease_expired"
#define EVENT_COULD_NOT_JOIN_MEETING "could_not_join_meeting"
#define EVENT_FATAL_ERROR            "fatal_error"
#define EVENT_LEAVE_REQUESTED        "leave_requested"

/* The sub-types among them. */
#define SUB_TYPE_USER_REQUESTED    "user_requested"
#define SUB_TYPE_HEARTBEAT_TIMEOUT "heartbeat_timeout"
#define SUB_TYPE_USER_NOT_THERE    "authorized_user_not_in_meeting_timeout_exceeded"

/* The types that a runner may tell of, NULL last. */
extern const char *const transition_runner_types[];

/* What can be told more closely of a type: one of these must be. NULL where there is nothing. */
const char *const *transition_sub_types(const char *type);

/* Zoom would not let the bot in as the connection's tokens should have had it: does it still work? */
bool transition_doubts_connection(const char *type, const char *sub_type);

/* What an event changes; the texts are constants or those that were given. */
struct standing {
	const char *state;           /* one of bot_states */
	const char *recording_state; /* not_started, in_progress, complete or failed */
	const char *joined_state;    /* where a breakout room returns to; NULL: in none */
};

/*
 * The type must be one of the table. ERROR_CONFLICT with code invalid_transition, naming the state,
 * where it cannot happen; then *standing is as it was.
 */
bool transition_make(struct standing *standing, const char *type, struct error *err) MUST_CHECK;

#endif
