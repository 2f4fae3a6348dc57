#include "bot/transition.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum state {
	SCHEDULED,
	STAGED,
	READY,
	JOINING,
	WAITING_ROOM,
	JOINED_NOT_RECORDING,
	JOINED_RECORDING,
	JOINED_RECORDING_PAUSED,
	JOINED_RECORDING_PERMISSION_DENIED,
	JOINING_BREAKOUT_ROOM,
	LEAVING_BREAKOUT_ROOM,
	LEAVING,
	POST_PROCESSING,
	ENDED,
	FATAL_ERROR,
	DATA_DELETED,
	STATE_COUNT,
	PREVIOUS = STATE_COUNT, /* the joined_… state in which it went to a breakout room */
};

static const char *const state_names[STATE_COUNT] = {
	[SCHEDULED] = "scheduled",
	[STAGED] = "staged",
	[READY] = "ready",
	[JOINING] = "joining",
	[WAITING_ROOM] = "waiting_room",
	[JOINED_NOT_RECORDING] = "joined_not_recording",
	[JOINED_RECORDING] = "joined_recording",
	[JOINED_RECORDING_PAUSED] = "joined_recording_paused",
	[JOINED_RECORDING_PERMISSION_DENIED] = "joined_recording_permission_denied",
	[JOINING_BREAKOUT_ROOM] = "joining_breakout_room",
	[LEAVING_BREAKOUT_ROOM] = "leaving_breakout_room",
	[LEAVING] = "leaving",
	[POST_PROCESSING] = "post_processing",
	[ENDED] = "ended",
	[FATAL_ERROR] = "fatal_error",
	[DATA_DELETED] = "data_deleted",
};

/* Sets of states, a bit for each. */
#define IN(state) (1U << (state))
enum {
	IN_JOINED = IN(JOINED_NOT_RECORDING) | IN(JOINED_RECORDING) | IN(JOINED_RECORDING_PAUSED) |
		    IN(JOINED_RECORDING_PERMISSION_DENIED),
	IN_BREAKOUT = IN(JOINING_BREAKOUT_ROOM) | IN(LEAVING_BREAKOUT_ROOM),
	ON_THE_WAY_IN = IN(JOINING) | IN(WAITING_ROOM),
	IN_MEETING = IN_JOINED | IN_BREAKOUT,
	IN_LIFE = ON_THE_WAY_IN | IN_MEETING | IN(LEAVING),
};

static const char *const could_not_join_sub_types[] = {
	"meeting_not_started_waiting_for_host",
	"zoom_authorization_failed",
	"zoom_meeting_status_failed",
	"unpublished_zoom_app",
	"zoom_sdk_internal_error",
	"request_to_join_denied",
	"meeting_not_found",
	"waiting_room_timeout_exceeded",
	"login_required",
	"bot_login_attempt_failed",
	"unable_to_connect_to_meeting",
	SUB_TYPE_USER_NOT_THERE,
	"blocked_by_captcha",
	"zoom_app_cannot_join_anonymously",
	NULL,
};

static const char *const fatal_error_sub_types[] = {
	"process_terminated",       "rtmp_connection_failed", "ui_element_not_found",
	SUB_TYPE_HEARTBEAT_TIMEOUT, "bot_not_launched",       "out_of_credits",
	"attendee_internal_error",  "global_runtime_timeout", NULL,
};

static const char *const leave_requested_sub_types[] = {
	SUB_TYPE_USER_REQUESTED,
	"auto_leave_silence",
	"auto_leave_only_participant_in_meeting",
	"auto_leave_max_uptime_exceeded",
	"auto_leave_could_not_enable_closed_captions",
	NULL,
};

static const char *const permission_denied_sub_types[] = {
	"host_denied_permission",
	"request_timed_out",
	"host_client_cannot_grant_permission",
	"webinar_attendee_needs_panelist_promotion",
	NULL,
};

/* What becomes of a recording; one that has not begun is neither complete nor failed by it. */
enum recording_effect { RECORDING_STAYS, RECORDING_BEGINS, RECORDING_COMPLETES, RECORDING_FAILS };

struct event_type {
	const char *name;
	unsigned from; /* a set of states */
	enum state to;
	enum recording_effect recording;
	const char *const *sub_types;
};

/* clang-format off */
static const struct event_type event_types[] = {
	{EVENT_STAGED,         IN(SCHEDULED),              STAGED,  RECORDING_STAYS, NULL},
	{EVENT_JOIN_REQUESTED, IN(READY) | IN(STAGED),     JOINING, RECORDING_STAYS, NULL},
	{EVENT_LEASE_EXPIRED,  ON_THE_WAY_IN,              READY,   RECORDING_STAYS, NULL},
	{EVENT_COULD_NOT_JOIN_MEETING, ON_THE_WAY_IN,      FATAL_ERROR, RECORDING_STAYS, could_not_join_sub_types},
	{EVENT_FATAL_ERROR,    IN_LIFE | IN(SCHEDULED) | IN(STAGED) | IN(POST_PROCESSING),
	                                                   FATAL_ERROR, RECORDING_FAILS, fatal_error_sub_types},
	{"put_in_waiting_room", IN(JOINING),               WAITING_ROOM, RECORDING_STAYS, NULL},
	{"joined_meeting",     ON_THE_WAY_IN,              JOINED_NOT_RECORDING, RECORDING_STAYS, NULL},
	{"recording_permission_granted", IN(JOINED_NOT_RECORDING) | IN(JOINED_RECORDING_PERMISSION_DENIED),
	                                                   JOINED_RECORDING, RECORDING_BEGINS, NULL},
	{"recording_permission_denied", IN_JOINED,         JOINED_RECORDING_PERMISSION_DENIED, RECORDING_STAYS,
	                                                   permission_denied_sub_types},
	{"recording_paused",   IN(JOINED_RECORDING),       JOINED_RECORDING_PAUSED, RECORDING_STAYS, NULL},
	{"recording_resumed",  IN(JOINED_RECORDING_PAUSED), JOINED_RECORDING, RECORDING_STAYS, NULL},
	{"began_joining_breakout_room", IN_JOINED,         JOINING_BREAKOUT_ROOM, RECORDING_STAYS, NULL},
	{"began_leaving_breakout_room", IN_JOINED,         LEAVING_BREAKOUT_ROOM, RECORDING_STAYS, NULL},
	{"joined_breakout_room", IN(JOINING_BREAKOUT_ROOM), PREVIOUS, RECORDING_STAYS, NULL},
	{"left_breakout_room", IN(LEAVING_BREAKOUT_ROOM),  PREVIOUS, RECORDING_STAYS, NULL},
	{EVENT_LEAVE_REQUESTED, ON_THE_WAY_IN | IN_MEETING, LEAVING, RECORDING_STAYS, leave_requested_sub_types},
	{"left_meeting",       IN(LEAVING),                POST_PROCESSING, RECORDING_STAYS, NULL},
	{"meeting_ended",      IN_LIFE,                    POST_PROCESSING, RECORDING_STAYS, NULL},
	{"post_processing_completed", IN(POST_PROCESSING), ENDED, RECORDING_COMPLETES, NULL},
	{"data_deleted",       IN(FATAL_ERROR) | IN(ENDED), DATA_DELETED, RECORDING_STAYS, NULL},
};
/* clang-format on */

const char *const transition_runner_types[] = {
	EVENT_COULD_NOT_JOIN_MEETING,
	EVENT_FATAL_ERROR,
	"put_in_waiting_room",
	"joined_meeting",
	"recording_permission_granted",
	"recording_permission_denied",
	"recording_paused",
	"recording_resumed",
	"began_joining_breakout_room",
	"began_leaving_breakout_room",
	"joined_breakout_room",
	"left_breakout_room",
	EVENT_LEAVE_REQUESTED,
	"left_meeting",
	"meeting_ended",
	"post_processing_completed",
	NULL,
};

static const struct event_type *find_type(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(event_types); i++)
		if (strcmp(event_types[i].name, name) == 0)
			return &event_types[i];
	return NULL;
}

const char *const *transition_sub_types(const char *type)
{
	const struct event_type *event_type = find_type(type);

	return event_type != NULL ? event_type->sub_types : NULL;
}

bool transition_doubts_connection(const char *type, const char *sub_type)
{
	static const char *const sub_types[] = {"zoom_authorization_failed", "login_required",
						"zoom_app_cannot_join_anonymously",
						SUB_TYPE_USER_NOT_THERE};

	if (strcmp(type, EVENT_COULD_NOT_JOIN_MEETING) != 0 || sub_type == NULL)
		return false;
	for (size_t i = 0; i < COUNT_OF(sub_types); i++)
		if (strcmp(sub_type, sub_types[i]) == 0)
			return true;
	return false;
}

/* STATE_COUNT for what is none, and for NULL. */
static enum state state_of(const char *name)
{
	enum state state = 0;

	while (state < STATE_COUNT && (name == NULL || strcmp(state_names[state], name) != 0))
		state++;
	return state;
}

static const char *recording_after(enum recording_effect effect, const char *recording_state)
{
	const bool is_running = strcmp(recording_state, "in_progress") == 0;

	if (effect == RECORDING_BEGINS)
		return "in_progress";
	if (effect == RECORDING_COMPLETES && is_running)
		return "complete";
	return effect == RECORDING_FAILS && is_running ? "failed" : recording_state;
}

bool transition_make(struct standing *standing, const char *type, struct error *err)
{
	const struct event_type *event_type = find_type(type);
	const enum state from = state_of(standing->state);
	enum state to;

	assert(event_type != NULL && from != STATE_COUNT);
	to = event_type->to == PREVIOUS ? state_of(standing->joined_state) : event_type->to;
	if ((event_type->from & IN(from)) == 0 || to == STATE_COUNT)
		return error_set_code(err, ERROR_CONFLICT, "invalid_transition",
				      "%s cannot happen to the bot now: its state is '%s'", type,
				      standing->state);
	standing->joined_state = (IN(to) & IN_BREAKOUT) != 0 ? state_names[from] : NULL;
	standing->state = state_names[to];
	standing->recording_state =
		recording_after(event_type->recording, standing->recording_state);
	return true;
}
